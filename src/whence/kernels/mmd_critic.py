"""Prototypes, which stand for a set of rows, and criticisms, which they do not stand for.

Prototypes are picked one by one, each so that the distribution of all picked comes nearest to that
of the rows, in the squared maximum mean discrepancy of a kernel ``k``:

``MMD^2(S) = mean_ij k(i, j) - 2 mean_i mean_s k(i, s) + mean_st k(s, t)``

Criticisms are the rows at which the two distributions differ most, by the witness function
``mean_i k(i, x) - sum_s w_s k(s, x)``, and which differ from each other, by the logarithm of the
determinant of their kernel matrix. The weights ``w`` of the prototypes are those of ProtoDash,
the best that are not negative: the witness is then zero at the prototypes. (With equal weights it
is most negative there, so that the rows next to the prototypes would be the first criticisms.)

A pick costs one column of the matrix and O(n); the mean of each column is taken once, in blocks.

The kernel is ``exp(-distance / width)`` with the median distance for the width. It is positive
definite for Gower's distance and for Euclidean ones, and unlike the Gaussian one it keeps telling
near rows apart from nearer ones, so that the nearest prototype says more about a row.

References
----------
Kim, Khanna & Koyejo 2016, "Examples are not enough, learn to criticize!", NeurIPS 29. Gurumoorthy
et al. 2019, doi:10.1109/ICDM.2019.00036 (ProtoDash, the weights). Chen, Zhang & Zhou 2018,
arXiv:1709.05135 (greedy determinants). Gretton et al. 2012, JMLR 13:723 (MMD).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from whence.core.blocks import cut
from whence.core.types import Bools, Floats, Ints

_HELD = 3_000
"""Rows up to which the whole kernel matrix is held."""
_CELLS = 4_000_000
"""Numbers of one block of the kernel matrix."""
_MEDIAN = 1_000
"""Rows that the median distance is taken of."""
_SAME = 1e-12
_RIDGE = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gram:
    """The kernel matrix of some rows, of which no more is computed than is asked for.

    Attributes
    ----------
    size : int
        Number of rows.
    apart : callable
        Rows, other rows -> distances of shape (rows, others).
    width : float
        Distance at which the kernel has fallen to 1 / e.
    progress : callable
        Takes the share of the column means that is done.
    """

    size: int
    apart: Callable[[Ints, Ints], Floats]
    width: float
    progress: Callable[[float], None] = field(default=lambda _: None)
    _held: list[Floats] = field(default_factory=list, init=False)
    _means: list[Floats] = field(default_factory=list, init=False)

    def matrix(self) -> Floats:
        """Return the whole matrix."""
        everything = np.arange(self.size)
        return self._kernel(everything, everything)

    def columns(self, index: Ints) -> Floats:
        """Return some columns, (rows, len(index))."""
        if self._held:
            return self._held[0][:, index]
        return self._kernel(np.arange(self.size), index)

    def means(self) -> Floats:
        """Return the mean of each column, (rows,)."""
        if not self._means:
            self._means.append(self._mean())
        return self._means[0]

    def _mean(self) -> Floats:
        if self.size <= _HELD:
            self._held.append(self.matrix())
            return np.asarray(self._held[0].mean(axis=0))
        everything, out = np.arange(self.size), np.empty(self.size)
        for s in cut(self.size, max(1, _CELLS // self.size)):
            out[s] = self._kernel(everything[s], everything).mean(axis=1)
            self.progress(s.stop / self.size)
        return out

    def _kernel(self, rows: Ints, others: Ints) -> Floats:
        out = self.apart(rows, others)
        out /= -self.width
        return np.asarray(np.exp(out, out=out))


def width_of(size: int, apart: Callable[[Ints, Ints], Floats], rng: Generator) -> float:
    """Return the median distance of two rows, of up to 1,000 of them.

    Where most rows are the same it is the mean distance, and 1 where all are.
    """
    some = np.arange(size) if size <= _MEDIAN else rng.choice(size, _MEDIAN, replace=False)
    between = apart(some, some)[np.triu_indices(len(some), 1)]
    if not between.size:
        return 1.0
    return float(np.median(between)) or float(between.mean()) or 1.0


def prototypes(gram: Gram, count: int) -> tuple[Ints, Floats]:
    """Pick prototypes greedily.

    Parameters
    ----------
    gram : Gram
    count : int
        How many at most; rows that equal a prototype are not picked, so there may be fewer.

    Returns
    -------
    index : int array of shape (picked,)
        In the order in which they were picked.
    gain : array of shape (picked,)
        What each took off the squared discrepancy when it was picked; the first: what it leaves
        of the squared norm of the rows' mean.

    Examples
    --------
    >>> x = np.array([0.0, 0.1, 0.2, 5.0, 5.1])
    >>> def apart(rows, others):
    ...     return np.abs(x[rows, None] - x[others])
    >>> prototypes(Gram(size=5, apart=apart, width=1.0), 2)[0]
    array([1, 3])
    """
    mean, own = gram.means(), np.zeros(gram.size)
    free = np.ones(gram.size, dtype=bool)
    index, gain = [], []
    toward = within = reached = 0.0
    for m in range(count):
        if not free.any():
            break
        size = m + 1
        worth = 2 * (toward + mean) / size - (within + 2 * own + 1) / size**2
        pick = int(np.argmax(np.where(free, worth, -np.inf)))
        index.append(pick)
        gain.append(float(worth[pick]) - reached)
        toward, within, reached = toward + mean[pick], within + 2 * own[pick] + 1, worth[pick]
        column = gram.columns(np.array([pick]))[:, 0]
        own += column
        free &= column < 1 - _SAME
    return np.array(index, dtype=np.int64), np.array(gain)


def criticisms(gram: Gram, chosen: Ints, count: int) -> tuple[Ints, Floats]:
    """Pick rows that prototypes do not stand for.

    Parameters
    ----------
    gram : Gram
    chosen : int array
        The prototypes.
    count : int
        How many at most; rows that equal a prototype or another criticism are not picked.

    Returns
    -------
    index : int array of shape (picked,)
    witness : array of shape (picked,)
        How much denser the rows are there than the prototypes; negative: how much less dense.
    """
    near = gram.columns(chosen)
    witness = gram.means() - near @ weights(gram, chosen)
    free: Bools = near.max(axis=1) < 1 - _SAME
    left, factors = np.ones(gram.size), np.zeros((count, gram.size))
    index: list[int] = []
    for m in range(count):
        free &= left > _SAME
        if not free.any():
            break
        worth = np.abs(witness) + np.log(np.where(free, left, 1.0))
        pick = int(np.argmax(np.where(free, worth, -np.inf)))
        index.append(pick)
        # One more row of the Cholesky factor: what is left is each row's variance given the picks.
        column = gram.columns(np.array([pick]))[:, 0]
        factors[m] = (column - factors[:m, pick] @ factors[:m]) / np.sqrt(left[pick])
        left = left - factors[m] ** 2
        free[pick] = False
    picked = np.array(index, dtype=np.int64)
    return picked, witness[picked]


def weights(gram: Gram, chosen: Ints) -> Floats:
    """Return the weights with which prototypes come nearest to the rows, none negative.

    ``mean_ij k(i, j) - 2 sum_s w_s mean_i k(i, s) + sum_st w_s w_t k(s, t)`` is least. Their sum
    need not be 1: rows that no prototype is near to have none to stand for them.

    Examples
    --------
    >>> x = np.array([0.0, 0.0, 0.0, 5.0])
    >>> def apart(rows, others):
    ...     return np.abs(x[rows, None] - x[others])
    >>> weights(Gram(size=4, apart=apart, width=0.1), np.array([0, 3])).round(6)
    array([0.75, 0.25])
    """
    K = gram.columns(chosen)[chosen]
    from scipy.optimize import nnls

    L = np.linalg.cholesky(K + _RIDGE * np.eye(len(K)))
    found, _ = nnls(L.T, np.linalg.solve(L, gram.means()[chosen]))
    return np.asarray(found)


def discrepancy(
    gram: Gram, chosen: Ints, weight: Floats, rng: Generator, *, draws: int = 200
) -> tuple[float, float, float]:
    """Return the squared discrepancy of weighted prototypes, with its 95 % bootstrap interval.

    The rows are drawn anew, the prototypes stay. Of the discrepancy of each draw what drawing adds
    to it is taken off. The whole kernel matrix is needed, so the rows should be a sample.
    """
    K, n = gram.matrix(), gram.size
    near = K[:, chosen] @ weight
    within = float(weight @ K[np.ix_(chosen, chosen)] @ weight)
    found = float(K.mean() - 2 * near.mean() + within)
    share = rng.multinomial(n, np.full(n, 1 / n), size=draws) / n
    drawn = ((share @ K) * share).sum(axis=1) - 2 * share @ near + within
    drawn -= (np.trace(K) / n - K.mean()) / n  # mean of the variance of an embedded mean
    low, high = np.quantile(drawn, [0.025, 0.975])
    return found, max(float(low), 0.0), float(high)
