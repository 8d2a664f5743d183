"""Interaction indices from some of the coalitions, without bias and with standard errors.

Coalitions of few players, and of all but few, weigh most: they are all asked for, size by size,
within half of the budget. Of the others pairs of a coalition and its complement are drawn, all
sizes alike. A polynomial of low degree is fitted to the answers; its index is known, and only what
it leaves unexplained is estimated by the sample, each fold with the polynomial of the other folds,
so that there is no bias. Where the budget covers all coalitions, the values are exact.
"""

from itertools import combinations
from math import comb

import numpy as np
from numpy.random import Generator

from whence.core.game import Estimate
from whence.core.types import Bools, Floats, Ints
from whence.kernels.coalition_values import members
from whence.kernels.interaction_indices import (
    Index,
    chunks,
    coalition_weights,
    index_values,
    parity_columns,
    parity_index,
    sets_of,
    weights_at,
)

_CHUNK = 2_048
"""Coalitions that are asked for at a time, where all of a size are."""
_MOST = 2**16
"""Coalitions of an exact answer at most."""
_FIRST = 32
"""Pairs of the first round at least."""
_PAIRS = 8
"""Pairs without which there is no estimate."""
_LAM=[1e-10]*3
_FOLDS = 5
_DEGREES = (3, 2, 1)
_ROWS_PER_TERM = 1.5
_ROWS_AT_MOST = 6
"""Coalitions for each term of the polynomial: more hardly make it better, only slower."""
_TERMS = 2_000
"""Terms of the polynomial at most, so that fitting it stays fast."""
_RIDGE = 1e-10


class InteractionSampler:
    """Asks for coalitions and estimates the index of every set of players up to a size.

    Parameters
    ----------
    players, order : int
    index : {"k-SII", "SII", "FSII"}
    nobody, everybody : arrays of shape (outputs,)
    rng : Generator
    """

    __slots__ = (
        "_border", "_index", "_inner", "_known", "_order", "_pending", "_rng", "_sets", "_tables",
        "_todo", "_worth", "fewest",
    )  # fmt: skip

    def __init__(
        self,
        *,
        players: int,
        order: int,
        index: Index,
        nobody: Floats,
        everybody: Floats,
        rng: Generator,
    ) -> None:
        self._order, self._index, self._rng = order, index, rng
        size = min(order, players)
        self._sets = sets_of(players, size)
        self._tables = coalition_weights(players, order, index)[:size]
        ends = np.repeat([[False], [True]], players, axis=1)
        self._border = (ends, np.stack([nobody, everybody]))
        self._inner = range(0)
        self._todo: Bools | None = None
        self._pending = ends[:0]
        self._known = np.empty((0, 2, players), dtype=bool)
        self._worth = np.empty((0, 2, len(nobody)))
        self.fewest = min(2**players - 2, 2 * _PAIRS)

    def ask(self, most: int) -> Bools:
        """Return the rest of the small and large coalitions first, then pairs."""
        if self._todo is None:
            self._todo, self._inner = _outer(self._players, most)
        if len(self._todo):
            take = min(most, _CHUNK)
            self._pending, self._todo = self._todo[:take], self._todo[take:]
        else:
            count = min(self._round(), most // 2) if self._inner else 0
            self._pending = _pairs(count, self._players, self._inner, self._rng)
        return self._pending.reshape(-1, self._players)

    def tell(self, worth: Floats) -> None:
        """Take the worth of the coalitions last asked for."""
        asked = self._pending
        if asked.ndim == 2:  # noqa: PLR2004  all of a size, not pairs
            known, told = self._border
            self._border = np.concatenate([known, asked]), np.concatenate([told, worth])
        else:
            pairs = worth.reshape(len(asked), 2, -1)
            self._known = np.concatenate([self._known, asked])
            self._worth = np.concatenate([self._worth, pairs])

    def estimate(self) -> Estimate | None:
        """Return the index of all sets, by size and then in lexicographic order.

        Of SII only the sets of the full size.
        """
        if self._todo is None or len(self._todo):
            return None
        if not self._inner:
            values = index_values(*self._border, self._sets, self._tables)
            return self._wanted(values, np.zeros_like(values))
        m = len(self._known)
        if m < _PAIRS:
            return None
        folds = [np.arange(m) % _FOLDS == fold for fold in range(_FOLDS)]
        found = [self._fold(fold) for fold in folds]
        shares = [fold.sum() / m for fold in folds]
        values = sum(w * value for w, (value, _) in zip(shares, found, strict=True))
        square = sum(w**2 * error for w, (_, error) in zip(shares, found, strict=True))
        return self._wanted(np.asarray(values), np.sqrt(square))

    def _wanted(self, values: Floats, stderr: Floats) -> Estimate:
        smaller = self._sets[: self._order - 1] if self._index == "SII" else ()
        first = sum(len(members) for members in smaller)
        return Estimate(values=values[first:], stderr=stderr[first:])

    @property
    def _players(self) -> int:
        return int(self._border[0].shape[1])

    def _round(self) -> int:
        terms: int = sum(len(members) for members in self._sets)
        return max(_FIRST, min(terms, _TERMS), len(self._known) // 2)

    def _fold(self, fold: Bools) -> tuple[Floats, Floats]:
        """Return the index by one fold of the pairs, and its squared standard error."""
        basis, coefficients = self._fitted(~fold)
        known, told = self._border
        rest = told - parity_columns(known, basis) @ coefficients
        values = parity_index(coefficients, basis, self._sets, self._order, self._index)
        values += index_values(known, rest, self._sets, self._tables)
        drawn = self._known[fold]
        flat = drawn.reshape(-1, self._players)
        left = self._worth[fold].reshape(len(flat), -1) - parity_columns(flat, basis) @ coefficients
        twice = 2 * _chances(self._players, self._inner)[drawn.sum(axis=2)][..., None]
        mean, square = self._moments(drawn, left.reshape(*drawn.shape[:2], -1) / twice)
        m = len(drawn)
        return values + mean, np.maximum(square - mean**2, 0.0) / (m - 1)

    def _moments(self, drawn: Bools, left: Floats) -> tuple[Floats, Floats]:
        """Return the mean over pairs of what they add to each set, and the mean square."""
        count = sum(map(len, self._sets))
        total, square = np.zeros((2, count, left.shape[2]))
        for part in chunks(len(drawn), 2 * count):
            a, b = (weights_at(drawn[part, j], self._sets, self._tables).T for j in (0, 1))
            x, y = left[part, 0], left[part, 1]
            total += a @ x + b @ y
            square += a**2 @ x**2 + b**2 @ y**2 + 2 * ((a * b) @ (x * y))
        return total / len(drawn), square / len(drawn)

    def _fitted(self, others: Bools) -> tuple[tuple[Ints, ...], Floats]:
        """Fit a polynomial to the other folds and to the small and large coalitions."""
        n, (known, told) = self._players, self._border
        drawn = self._known[others].reshape(-1, n)
        worth = self._worth[others].reshape(len(drawn), -1)
        degree = _degree(n, len(known) + len(drawn))
        basis = sets_of(n, degree)
        enough = _ROWS_AT_MOST * sum(comb(n, size) for size in range(degree + 1))
        drawn, worth = drawn[:enough], worth[:enough]
        each = len(drawn) / len(self._inner)  # what all coalitions of one size weigh together
        weight = np.concatenate(
            [np.array([each / comb(n, s) for s in known.sum(axis=1)]), np.ones(len(drawn))]
        )
        columns = parity_columns(np.concatenate([known, drawn]), basis)
        weighted = columns * weight[:, None]
        gram = weighted.T @ columns
        terms = [len(b) for b in basis]
        lam = np.concatenate([[_RIDGE], *[np.full(t, _LAM[i]) for i, t in enumerate(terms)]])
        gram[np.diag_indices_from(gram)] += lam * weight.sum()
        return basis, np.linalg.solve(gram, weighted.T @ np.concatenate([told, worth]))


def _outer(players: int, most: int) -> tuple[Bools, range]:
    """Return all coalitions of the outer sizes, and the sizes that are left to sample."""
    n = players
    if 2**n - 2 <= min(most, _MOST):
        return members(np.arange(1, 2**n - 1), n), range(0)
    parts, left, size = [np.empty((0, n), dtype=bool)], most // 2, 1
    while 2 * comb(n, size) <= left and 2 * size < n - 1:
        left -= 2 * comb(n, size)
        few = np.zeros((comb(n, size), n), dtype=bool)
        np.put_along_axis(few, np.array(list(combinations(range(n), size))), values=True, axis=1)
        parts += [few, ~few]
        size += 1
    return np.concatenate(parts), range(size, n - size + 1)


def _pairs(count: int, players: int, inner: range, rng: Generator) -> Bools:
    """Draw coalitions of all inner sizes alike, with their complements, (count, 2, players)."""
    size = rng.integers(inner.start, inner.stop, count) if inner else np.empty(0, dtype=np.int64)
    place = rng.permuted(np.tile(np.arange(players), (count, 1)), axis=1)
    known = place < size[:, None]
    return np.stack([known, ~known], axis=1)


def _chances(players: int, inner: range) -> Floats:
    """Return how likely each coalition of each size is drawn."""
    return np.array([1 / (len(inner) * comb(players, s)) for s in range(players + 1)])


def _degree(players: int, rows: int) -> int:
    """Return the highest degree of a polynomial that so many rows can tell."""
    for degree in _DEGREES:
        terms = sum(comb(players, size) for size in range(degree + 1))
        if degree <= players and terms <= min(rows / _ROWS_PER_TERM, _TERMS):
            return degree
    return 1
