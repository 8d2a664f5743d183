"""Means over shuffles of a column, and how far they may be off on other rows of the same kind.

The importance of a column is ``theta = E h(i, k)``, where ``h(i, k)`` is how much worse the model
predicts row ``i`` once its column holds the value of another row ``k``. Shuffles are cyclic shifts
of one random order: each row lends its value once per shuffle, never to itself, and all ``n - 1``
shifts together are all pairs, the exact mean over them.

A row matters twice, by its prediction and by the value that it lends. With ``a_i`` the mean of the
pairs in which it borrows, ``c_i`` of those in which it lends, and ``psi_i = a_i + c_i - 2 theta``
(Hajek's projection of the two-sample mean), the variance is ``(var psi - f var h / R) / n`` after
``R`` shuffles: ``a`` and ``c`` both count every pair, so it is taken off once, as for other data on
pairs (Aronow, Samii & Assenova 2015). The share ``f = 1 - (R - 1) / (n - 1)`` of pairs not seen
leaves nothing to take off where all are. The variance covers the choice of the rows and of the
shuffles, and costs no prediction.

What is not a mean over rows, such as an area under a curve, counts by its influence function
instead, and where that is unknown by a jackknife over groups of rows.

References
----------
Breiman 2001, doi:10.1023/A:1010933404324. Fisher, Rudin & Dominici 2019, arXiv:1801.01489.
Aronow, Samii & Assenova 2015, doi:10.1093/pan/mpv018. Hajek 1968, doi:10.1214/aoms/1177698394.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from whence.core.types import Bools, Floats, Ints

_LEAST = 0.25
"""Share of ``var psi`` that is left at least: of few rows the difference may be next to nothing."""
GROUPS = 25
"""Groups of rows that the jackknife leaves out, one at a time."""


def shifted_donors(rows: int, repeats: int, rng: Generator) -> Ints:
    """Return which row each row borrows from, in every shuffle.

    Parameters
    ----------
    rows : int
        At least two.
    repeats : int
        Shuffles, from 1 to ``rows - 1``, which is all of them.
    rng : Generator

    Returns
    -------
    int array of shape (repeats, rows)
        Each line holds every row once, none at its own place, and no pair occurs twice.

    Examples
    --------
    >>> donors = shifted_donors(3, 2, np.random.default_rng(0))
    >>> np.sort(donors, axis=0)
    array([[1, 0, 0],
           [2, 2, 1]])
    """
    order = rng.permutation(rows)
    shifts = 1 + rng.permutation(rows - 1)[:repeats]
    donors = np.empty((repeats, rows), dtype=np.int64)
    donors[:, order] = order[(np.arange(rows) + shifts[:, None]) % rows]
    return donors


@dataclass(slots=True, kw_only=True, eq=False)
class Shuffles:
    """Running sums over the shuffles of one column, so that none has to be kept.

    Attributes
    ----------
    rows : int
    done : int
        Shuffles that were added.

    Examples
    --------
    >>> shuffles = Shuffles(rows=3)
    >>> for donors, loss in (([1, 2, 0], [3.0, 1.0, 2.0]), ([2, 0, 1], [1.0, 3.0, 2.0])):
    ...     loss = np.array(loss)
    ...     shuffles.add(loss.mean(), loss - loss.mean(), np.array(donors))
    >>> shuffles.mean()
    2.0
    """

    rows: int
    done: int = 0
    _total: float = 0.0
    _squares: float = 0.0
    _borrowed: Floats = field(init=False)
    _lent: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Start at nothing."""
        self._borrowed, self._lent = np.zeros(self.rows), np.zeros(self.rows)

    def add(self, value: float, influence: Floats, donors: Ints) -> None:
        """Add a shuffle.

        Parameters
        ----------
        value : float
            Loss or score after it.
        influence : array of shape (rows,)
            How far what each row adds to it is from what the row adds without a shuffle, of mean
            zero.
        donors : int array of shape (rows,)
            The row that each has borrowed from.
        """
        self.done += 1
        self._total += value
        self._squares += float(influence @ influence)
        self._borrowed += influence
        self._lent[donors] += influence

    def mean(self) -> float:
        """Return the mean loss or score after a shuffle."""
        return float(self._total / self.done)

    def stderr(self) -> float:
        """Return the standard error of the difference to the loss or score without a shuffle."""
        n = self.rows
        psi = (self._borrowed + self._lent) / self.done
        unseen = 1 - (self.done - 1) / (n - 1)
        variance = _less(float(psi @ psi), unseen * self._squares / self.done**2)
        return float(np.sqrt(variance / (n * (n - 1))))


def _less(both: float, twice: float) -> float:
    """Return a variance without what it counts twice."""
    return max(both - twice, _LEAST * both)


def paired_stderr(own: Floats, other: Floats) -> float:
    """Return the standard error of the difference of two losses or scores on the same rows.

    Parameters
    ----------
    own, other : arrays of shape (rows,)
        What each row adds to the one and to the other, of mean zero.

    Examples
    --------
    >>> paired_stderr(np.array([1.0, -1.0]), np.array([-1.0, 1.0]))
    2.0
    """
    n = len(own)
    return float(np.linalg.norm(own - other) / np.sqrt(n * (n - 1)))


def random_groups(rows: int, rng: Generator) -> Ints:
    """Return a group for each row, all of nearly equal size, for `jackknifed`."""
    return np.asarray(rng.permutation(rows) % min(GROUPS, rows), dtype=np.int64)


def jackknifed(groups: Ints, of: Callable[[Bools], float]) -> float:
    """Return the variance of a statistic by leaving out one group of rows after the other.

    Parameters
    ----------
    groups : int array of shape (rows,)
    of : callable
        bool array of shape (rows,), the rows that are left -> the statistic.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 4.0])
    >>> round(jackknifed(np.arange(4), lambda kept: x[kept].mean()), 6)
    0.416667
    >>> round(float(x.var(ddof=1)) / 4, 6)
    0.416667
    """
    count = int(groups.max()) + 1
    found = np.array([of(groups != g) for g in range(count)])
    return float((count - 1) * found.var())


def left_out(groups: Ints, donors: Ints) -> tuple[list[Bools], list[Bools]]:
    """Return the pairs that are left without one group of rows after the other.

    Parameters
    ----------
    groups : int array of shape (rows,)
    donors : int array of shape (repeats, rows)

    Returns
    -------
    both : list of bool arrays of shape (repeats, rows)
        Pairs of which neither row is of the group.
    one : list of bool arrays of shape (repeats, rows)
        Pairs of the first shuffle whose borrower is not.
    """
    kept = [groups != g for g in range(int(groups.max()) + 1)]
    first = np.zeros((len(donors), 1), dtype=bool)
    first[0] = True
    return [rows & rows[donors] for rows in kept], [rows & first for rows in kept]


def jackknifed_shuffles(both: Floats, one: Floats, donors: Ints) -> float:
    """Return the standard error that `Shuffles.stderr` gives, without influences.

    Parameters
    ----------
    both, one : arrays of shape (groups,)
        The difference made by shuffles, over the pairs that `left_out` lists.
    donors : int array of shape (repeats, rows)
    """
    count, (repeats, rows) = len(both), donors.shape
    unseen = 1 - (repeats - 1) / (rows - 1)
    twice = unseen * float(one.var()) / repeats
    return float(np.sqrt((count - 1) * _less(float(both.var()), twice)))
