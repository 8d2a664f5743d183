"""Means of draws about rows, as they come, with standard errors and what is known of their sum.

Each draw is of one row: values of its players, for each target. Where it is known what the mean of
their sum must be, the deviation of the sum is taken back from the values, each by its slope on the
sum. What is left then adds up, and has a smaller error: 1 - r**2 of the variance, where r is the
correlation of a value with the sum.
"""

import numpy as np

from whence.core.types import Bools, Floats, Ints

_LEAST = 4
"""Draws from which on the slopes on the sum are known."""
_TINY = 1e-12
"""Share of the squares of the values below which those of their sum are rounding alone."""


class Moments:
    """Means of draws about some rows, by Welford's recurrence for several draws at a time.

    Parameters
    ----------
    known : array of shape (rows, targets) or None
        The mean of the sum of the values, where that is known.

    References
    ----------
    Chan, Golub and LeVeque, doi:10.1080/00031305.1983.10483115, for the recurrence; Owen 2013,
    Monte Carlo theory, methods and examples, section 8.9, for what is known of a mean.

    Examples
    --------
    >>> draws = np.array([[1.0, 4.0], [3.0, 4.0], [2.0, 1.0], [2.0, 3.0]])[:, :, None]
    >>> moments = Moments(1)
    >>> moments.add(np.zeros(4, dtype=np.int64), draws)
    >>> moments.values()[0, :, 0], moments.stderr()[0, :, 0].round(3)
    (array([2., 3.]), array([0.408, 0.707]))
    >>> moments = Moments(1, np.array([[5.5]]))
    >>> moments.add(np.zeros(4, dtype=np.int64), draws)
    >>> moments.values().sum()
    np.float64(5.5)
    """

    __slots__ = ("_known", "_mean", "_slope", "_square", "_sum", "_sum_square", "count")

    def __init__(self, rows: int, known: Floats | None = None) -> None:
        self._known = known
        self.count = np.zeros(rows, dtype=np.int64)
        self._mean: Floats | None = None

    def add(self, rows: Ints, draws: Floats) -> None:
        """Take draws (m, *players, targets) of some rows (m,); those of a row stand together."""
        if self._mean is None:
            shape = (len(self.count), *draws.shape[1:])
            self._mean, self._square, self._slope = (np.zeros(shape) for _ in range(3))
            self._sum, self._sum_square = (
                np.zeros((len(self.count), draws.shape[-1])) for _ in range(2)
            )
        begins = np.flatnonzero(np.diff(rows, prepend=-1))
        for row, part in zip(rows[begins], np.split(draws, begins[1:]), strict=True):
            self._add(int(row), part)

    def values(self) -> Floats:
        """Return the means, (rows, *players, targets), adding up to what is known."""
        if self._mean is None:
            raise RuntimeError("Nothing was drawn.")
        if self._known is None:
            return self._mean.copy()
        off = np.where(self._judged(), self._sum - self._known, 0.0)
        return np.asarray(self._mean - self._slopes() * _wide(off, self._mean))

    def stderr(self) -> Floats:
        """Return the standard errors of `values`; infinite of rows that were drawn once."""
        count = _wide(self.count[:, None].astype(np.float64), self._square)
        if self._known is None:
            left, free = self._square, count - 1
        else:
            left = np.maximum(self._square - self._slopes() * self._slope, 0.0)
            free = count - 1 - _wide(self._judged(), self._square)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(free > 0, np.sqrt(left / free / count), np.inf))

    def near(self, tolerance: float) -> Bools:
        """Tell of each row whether its errors are a share of its values, by root mean square."""
        axes = tuple(range(1, self._square.ndim - 1))
        error, size = (np.sqrt((part**2).sum(axis=axes)) for part in (self.stderr(), self.values()))
        return np.asarray((error <= tolerance * size).all(axis=-1))

    def _add(self, row: int, draws: Floats) -> None:
        if self._mean is None:
            raise RuntimeError("The means have no shape yet.")
        old, new = int(self.count[row]), len(draws)
        weight = old * new / (old + new)
        sums = draws.reshape(new, -1, draws.shape[-1]).sum(axis=1)
        mean, sum_ = draws.mean(axis=0), sums.mean(axis=0)
        off, off_sum = draws - mean, sums - sum_
        shift, shift_sum = mean - self._mean[row], sum_ - self._sum[row]
        self._square[row] += (off**2).sum(axis=0) + weight * shift**2
        self._slope[row] += (off * _wide(off_sum, off)).sum(axis=0) + weight * shift * shift_sum
        self._sum_square[row] += (off_sum**2).sum(axis=0) + weight * shift_sum**2
        self._mean[row] += shift * (new / (old + new))
        self._sum[row] += shift_sum * (new / (old + new))
        self.count[row] = old + new

    def _judged(self) -> Bools:
        """Tell where the slopes on the sum are known, (rows, targets)."""
        axes = tuple(range(1, self._square.ndim - 1))
        least = _TINY * self._square.sum(axis=axes)
        return np.asarray((self.count[:, None] >= _LEAST) & (self._sum_square > least))

    def _slopes(self) -> Floats:
        judged = self._judged()
        below = np.where(judged, self._sum_square, 1.0)
        return np.asarray(_wide(judged / below, self._slope) * self._slope)


def _wide(part: Floats | Bools, like: Floats) -> Floats:
    """Return numbers of shape (rows, targets), to go with (rows, *players, targets)."""
    shape = (len(part), *[1] * (like.ndim - 2), part.shape[-1])
    return np.asarray(part.reshape(shape))
