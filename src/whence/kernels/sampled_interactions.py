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
    coalition_weights,
    index_values,
    parity_columns,
    parity_index,
    sets_of,
)

_CHUNK = 2_048
"""Coalitions that are asked for at a time, where all of a size are."""
_MOST = 2**16
"""Coalitions of an exact answer at most."""
_FIRST = 32
"""Pairs of the first round at least."""
_PAIRS = 20
"""Pairs without which there is no estimate."""
_FOLDS = 5
_AMPLE = 2.5
"""Coalitions for each term of a polynomial that are ample to tell it."""
_SCANT = 0.3
"""Coalitions for each term that a polynomial needs whose terms are held back."""
_RIDGE = (1e-6, 1e-4, 1e-3)
"""How far terms of one, two and three players are held back then."""
_TINY = 1e-10
_TERMS = 5_000
_RISKED = 1_000
"""Terms at most, so that fitting stays fast."""
_ROWS_AT_MOST = 3
"""Pairs for each term: more hardly make the polynomial better, only slower."""


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
        if len(self._known) < _PAIRS:
            return None
        values, square = self._crossed(*(degrees := self._degrees())[0])
        for degree, ridge in degrees[1:]:
            if square.max() > _TINY**2 * np.abs(values).max() ** 2:  # else the first is exact
                others = self._crossed(degree, ridge)
                values, square = min(
                    (values, square), others, key=lambda pair: float(pair[1].sum())
                )
        return self._wanted(values, np.sqrt(square))

    def _wanted(self, values: Floats, stderr: Floats) -> Estimate:
        smaller = self._sets[: self._order - 1] if self._index == "SII" else ()
        first = sum(len(members) for members in smaller)
        return Estimate(values=values[first:], stderr=stderr[first:])

    @property
    def _players(self) -> int:
        return int(self._border[0].shape[1])

    def _round(self) -> int:
        terms: int = sum(len(members) for members in self._sets)
        return max(_FIRST, min(terms, _RISKED), len(self._known) // 2)

    def _crossed(self, degree: int, ridge: tuple[float, ...]) -> tuple[Floats, Floats]:
        """Return the index of all sets and its squared standard errors, over all folds."""
        basis, fits = self._fitted(degree, ridge)
        fold = np.arange(len(self._known)) % _FOLDS
        found = [self._fold(fold == f, basis, fit) for f, fit in enumerate(fits)]
        share = [np.mean(fold == f) for f in range(_FOLDS)]
        values = sum(w * value for w, (value, _) in zip(share, found, strict=True))
        square = sum(w**2 * error for w, (_, error) in zip(share, found, strict=True))
        return np.asarray(values), np.asarray(square)

    def _fold(
        self, fold: Bools, basis: tuple[Ints, ...], coefficients: Floats
    ) -> tuple[Floats, Floats]:
        """Return the index by one fold of the pairs, and its squared standard error."""
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
        mean, square = np.zeros((2, sum(map(len, self._sets)), left.shape[2]))
        both = tuple(t * t[::-1, ::-1] for t in self._tables)  # a coalition and its complement
        alone = tuple(t**2 for t in self._tables)
        for j in (0, 1):
            mean += index_values(drawn[:, j], left[:, j], self._sets, self._tables)
            square += index_values(drawn[:, j], left[:, j] ** 2, self._sets, alone)
        square += 2 * index_values(drawn[:, 0], left[:, 0] * left[:, 1], self._sets, both)
        return mean / len(drawn), square / len(drawn)

    def _fitted(
        self, degree: int, ridge: tuple[float, ...]
    ) -> tuple[tuple[Ints, ...], list[Floats]]:
        """Fit for each fold a polynomial to the other folds and the outer coalitions."""
        n, (known, told) = self._players, self._border
        basis = sets_of(n, degree)
        terms = 1 + sum(len(members) for members in basis)
        pairs = min(len(self._known), _ROWS_AT_MOST * terms)
        outer = 1.0 / np.array([comb(n, s) for s in known.sum(axis=1)])
        ends = _normal(known, told, outer / len(self._inner), basis)
        parts = []
        for fold in range(_FOLDS):
            part = slice(fold, pairs, _FOLDS)
            drawn, worth = self._known[part].reshape(-1, n), self._worth[part]
            parts.append(_normal(drawn, worth.reshape(len(drawn), -1), np.ones(len(drawn)), basis))
        held = [np.full(len(sets), r) for sets, r in zip(basis, ridge, strict=False)]
        penalty = np.concatenate([[_TINY], *held])
        fits = []
        for fold in range(_FOLDS):
            others = [part for f, part in enumerate(parts) if f != fold]
            rows = sum(part[2] for part in others)
            gram = rows * ends[0] + sum(part[0] for part in others)
            gram[np.diag_indices(terms)] += penalty * 2 * rows
            right = rows * ends[1] + sum(part[1] for part in others)
            fits.append(np.asarray(np.linalg.solve(gram, right), dtype=np.float64))
        return basis, fits

    def _degrees(self) -> list[tuple[int, tuple[float, ...]]]:
        """Return the degrees of polynomials that are tried, and their ridges.

        The highest that the coalitions tell amply, and a higher one that has to be held back.
        """
        n, rows = self._players, len(self._border[0]) + 2 * len(self._known)
        rows -= rows // _FOLDS
        terms = {d: sum(comb(n, size) for size in range(d + 1)) for d in range(1, min(n, 3) + 1)}
        ample = max((d for d, t in terms.items() if _AMPLE * t <= min(rows, _TERMS)), default=1)
        risky = [d for d, t in terms.items() if d > ample and t <= min(rows / _SCANT, _RISKED)]
        return [(ample, (_TINY,) * 3), *((d, _RIDGE) for d in risky)]


def _normal(
    known: Bools, worth: Floats, weight: Floats, basis: tuple[Ints, ...]
) -> tuple[Floats, Floats, int]:
    """Return the two sides of the normal equations, and the number of coalitions."""
    columns = parity_columns(known, basis)
    weighted = (columns * weight[:, None]).T
    return weighted @ columns, weighted @ worth, len(known)


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
