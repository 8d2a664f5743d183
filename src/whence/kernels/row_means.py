"""The mean over rows of what is only known of each row by random draws, with its standard error."""

import numpy as np

from whence.core.types import Floats, Ints


class RowMeans:
    """Draws about rows, of which not all may have been visited.

    The rows visited first are a random part of all rows. The standard error is that of sampling in
    two stages: of the rows that were not visited, and of the draws about those that were. After
    the last row is visited only the draws are uncertain.

    Parameters
    ----------
    rows : int
        All rows.
    parts : int
        Numbers of each draw.

    References
    ----------
    Cochran 1977, Sampling Techniques, section 10.3.

    Examples
    --------
    >>> means = RowMeans(2, 1)
    >>> means.add(np.array([0, 1]), np.array([[[1.0], [3.0]], [[6.0], [6.0]]]))
    >>> means.mean(), means.stderr()
    (array([4.]), array([0.5]))
    """

    __slots__ = ("_count", "_mean", "_square")

    def __init__(self, rows: int, parts: int) -> None:
        self._count = np.zeros(rows)
        self._mean, self._square = np.zeros((rows, parts)), np.zeros((rows, parts))

    @property
    def visited(self) -> int:
        """Return how many rows have been visited."""
        return int(np.count_nonzero(self._count))

    def add(self, rows: Ints, draws: Floats) -> None:
        """Take two or more draws about each of some different rows, (rows, draws, parts)."""
        n, old = draws.shape[1], self._count[rows][:, None]
        mean, shift = draws.mean(axis=1), draws.mean(axis=1) - self._mean[rows]
        self._square[rows] += ((draws - mean[:, None]) ** 2).sum(axis=1)
        self._square[rows] += shift**2 * (old * n / (old + n))
        self._mean[rows] += shift * (n / (old + n))
        self._count[rows] += n

    def mean(self) -> Floats:
        """Return the mean over the rows visited, (parts,)."""
        return np.asarray(self._mean[self._count > 0].mean(axis=0))

    def stderr(self) -> Floats:
        """Return its standard error; infinite after a single row of several."""
        seen = self._count > 0
        m, count = int(seen.sum()), self._count[seen][:, None]
        share = m / len(self._count)
        within = (self._square[seen] / ((count - 1) * count)).mean(axis=0) / m
        if share == 1:
            return np.asarray(np.sqrt(within))
        if m == 1:
            return np.full(self._mean.shape[1], np.inf)
        among = self._mean[seen].var(axis=0, ddof=1) / m
        return np.asarray(np.sqrt((1 - share) * among + share * within))
