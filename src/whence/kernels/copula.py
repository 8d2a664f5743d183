"""A Gaussian copula: columns of any shape that depend on each other as Gaussian ones do.

Every cell is replaced by its normal score, the standard normal quantile of its rank among the
values of its column; equal values share the rank in the middle of theirs. The scores of a
background are brought to mean 0 and variance 1, which those of a column of few values do not have
by themselves, and are taken to be jointly Gaussian with the correlation ``R`` that they have. What
is drawn is turned back into the value of that rank, so only values occur that were observed. A
missing value is the lowest of its column.

Given the scores ``w_S`` of the known columns, a draw of all columns is made a draw of the others by
``w + R_S' R_SS^-1 (w_S - w)_S``, which has their conditional mean and covariance (Matheron's rule:
Journel & Huijbregts 1978). The same unconditional draws then serve every coalition.

``R`` is shrunk towards independence by the intensity that minimizes the expected squared error
(Schäfer & Strimmer 2005, doi:10.2202/1544-6115.1175).
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from whence.core.blocks import cut
from whence.core.types import Bools, Floats, Ints

_SHRUNK = 1e-4
"""Least intensity of shrinkage, so that columns that are equal do no harm."""
_FEW = 2
_FINE, _FINEST = 4, 16_384
"""Steps per standard deviation in which scores are told apart: per row, and at most."""
_CELLS = 4_000_000
"""Numbers that a batch of regressions may hold."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Copula:
    """Margins and correlation of a background.

    Attributes
    ----------
    ascending : array of shape (background, columns)
        The values of each column in order, missing ones first as minus infinity.
    order : int array of shape (background, columns)
        The row of the background in which each of them stands.
    quantiles : array of shape (2 * background - 1,)
        Standard normal quantiles of 1, 2, ... halves of a row.
    center, spread : arrays of shape (columns,)
        Mean and standard deviation of these quantiles at the middle ranks of the background.
    correlation : array of shape (columns, columns)
        Of the scores.
    """

    ascending: Floats
    order: Ints
    quantiles: Floats
    center: Floats
    spread: Floats
    correlation: Floats

    def scores(self, X: Floats) -> Floats:
        """Return the normal scores of rows, of shape (rows, columns).

        A value that was not observed lies between its neighbors. Infinity, and a missing value in
        a column that misses none, say nothing: they have the score 0.
        """
        middle = _at_middle_ranks(X, self.ascending, self.quantiles)
        scores = (middle - self.center) / np.where(self.spread > 0, self.spread, np.inf)
        lacks_none = ~np.isneginf(self.ascending[0])
        return np.where(np.isposinf(X) | (np.isnan(X) & lacks_none), 0.0, scores)

    def rows(self, scores: Floats, known: Bools) -> Ints:
        """Return the rows of the background whose values have such scores, cell by cell.

        Parameters
        ----------
        scores : array of shape (coalitions, copies, columns)
        known : bool array of shape (coalitions, columns)
            Cells that need none; they get 0.
        """
        rows = np.zeros(scores.shape, dtype=np.int64)
        fine, ranks = _ranks(self.quantiles[1::2], min(_FINE * len(self.order), _FINEST))
        for j, order in enumerate(self.order.T):
            wanted = np.flatnonzero(~known[:, j])
            place = scores[wanted, :, j] * fine + len(ranks) / 2
            rows[wanted, :, j] = order[ranks[np.clip(place, 0, len(ranks) - 1).astype(np.int64)]]
        return rows

    def given(self, known: Bools, scores: Floats, draws: Floats) -> Floats:
        """Return draws of all columns given those that are known.

        Parameters
        ----------
        known : bool array of shape (coalitions, columns)
        scores : array of shape (coalitions, columns)
            Of the rows that the coalitions are of.
        draws : array of shape (coalitions or 1, copies, columns)
            Standard normal numbers, independent of each other.

        Returns
        -------
        array of shape (coalitions, copies, columns)
        """
        free = draws @ np.linalg.cholesky(self.correlation).T
        p = known.shape[1]
        drawn = np.empty((len(known), *free.shape[1:]))
        for s in cut(len(known), max(1, _CELLS // (p * max(p, free.shape[1])))):
            own = free if len(free) == 1 else free[s]
            patterns, pattern = np.unique(known[s], axis=0, return_inverse=True)
            weights = self._weights(patterns)[pattern]
            drawn[s] = own + (scores[s, None] - own) * known[s, None] @ weights
        return drawn

    def _weights(self, known: Bools) -> Floats:
        """Return the regression on the known columns, (coalitions, columns, columns)."""
        rows = known[:, :, None] * self.correlation
        square = rows * known[:, None, :] + np.eye(known.shape[1]) * ~known[:, :, None]
        return np.asarray(np.linalg.solve(square, rows))


def _ranks(thresholds: Floats, fine: int) -> tuple[int, Ints]:
    """Return the rank of every score, in steps of ``1 / fine``: a search per cell takes longer."""
    steps = int(np.ceil((thresholds[-1:].sum() + 1) * fine))
    return fine, np.searchsorted(thresholds, (np.arange(-steps, steps) + 0.5) / fine, "right")


def copula_of(Z: Floats) -> Copula:
    """Return the copula of a background.

    Parameters
    ----------
    Z : array of shape (background, columns)
        NaN is missing.

    Examples
    --------
    >>> copula = copula_of(np.array([[1.0, 9.0], [2.0, 8.0], [3.0, 7.0]]))
    >>> copula.scores(np.array([[2.0, 99.0]])).round(2)
    array([[0.  , 1.22]])
    >>> copula.rows(np.array([[[-2.0, -2.0]]]), np.array([[False, False]]))
    array([[[0, 2]]])
    """
    low = np.where(np.isnan(Z), -np.inf, Z)
    order = np.argsort(low, axis=0, kind="stable")
    normal, halves = NormalDist(), 2 * len(Z)
    quantiles = np.array([normal.inv_cdf(i / halves) for i in range(1, halves)])
    ascending = np.take_along_axis(low, order, axis=0)
    middle = _at_middle_ranks(Z, ascending, quantiles)
    return Copula(
        ascending=ascending,
        order=order,
        quantiles=quantiles,
        center=middle.mean(axis=0),
        spread=middle.std(axis=0),
        correlation=shrunk_correlation(middle),
    )


def _at_middle_ranks(X: Floats, ascending: Floats, quantiles: Floats) -> Floats:
    """Return the quantiles of the middle ranks that values have among those of a background."""
    found = np.empty_like(X)
    for j, (x, known) in enumerate(zip(X.T, ascending.T, strict=True)):
        low = np.where(np.isnan(x), -np.inf, x)
        halves = np.searchsorted(known, low, "left") + np.searchsorted(known, low, "right")
        found[:, j] = quantiles[np.clip(halves, 1, len(quantiles)) - 1]
    return found


def shrunk_correlation(scores: Floats) -> Floats:
    """Return the correlation of columns, shrunk towards independence; 0 for a constant one.

    Parameters
    ----------
    scores : array of shape (rows, columns)

    Examples
    --------
    >>> shrunk_correlation(np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.1]])).round(2)
    array([[1.  , 0.44],
           [0.44, 1.  ]])
    """
    m, p = scores.shape
    spread = scores.std(axis=0)
    z = (scores - scores.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    r = z.T @ z / m
    np.fill_diagonal(r, 0.0)
    intensity, total = 1.0, (r**2).sum()
    if m > _FEW and total > 0:
        variance = ((z**2).T @ z**2 - m * r**2) * (m / (m - 1) ** 3)
        np.fill_diagonal(variance, 0.0)
        intensity = float(np.clip(variance.sum() / total, _SHRUNK, 1.0))
    return np.asarray((1 - intensity) * r + np.eye(p))


def spread_normals(samples: int, columns: int, rng: Generator) -> Floats:
    """Return standard normal numbers in pairs of opposite signs, spread evenly in each column.

    Returns
    -------
    array of shape (samples, columns)
        Each column has one number in each of ``samples`` parts of equal probability.

    Examples
    --------
    >>> spread_normals(4, 2, np.random.default_rng(0)).sum(axis=0)
    array([0., 0.])
    """
    half = -(-samples // 2)
    place = rng.permuted(np.tile(np.arange(half)[:, None], (1, columns)), axis=0)
    upper = 0.5 + (place + rng.random((half, columns))) / (2 * half)
    inverse = NormalDist().inv_cdf
    normals = np.array([inverse(u) for u in upper.reshape(-1)]).reshape(upper.shape)
    signed = normals * np.where(rng.random(upper.shape) < 0.5, -1.0, 1.0)  # noqa: PLR2004  a coin
    return np.stack([signed, -signed], axis=1).reshape(-1, columns)[:samples]
