"""Accumulated local effects: means of differences within bins, summed up and centered.

The curve ``A = L m`` is a linear map of the mean differences ``m_k`` in bins: sums up to each edge,
less the mean over the rows, each counted with the middle of its bin (Apley and Zhu 2020,
doi:10.1111/rssb.12377). Each mean is over its own rows alone, so the covariance of the sums is ``L
diag(s^2 / n) L'``. But ``L`` depends on how many rows are in each bin, and other rows would be in
others: with ``J_k``, the derivative of ``A`` by that number, ``sum_k n_k J_k J_k'`` comes to it.
Along a surface, bins are cells, differences are second differences, and ``L`` takes both first-
order effects off as well.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from whence.core.types import Floats, Ints

_STEP = 1e-6
"""Share of the rows by which a cell is enlarged to see what comes of it."""
_NEAR = 12
"""Decimals at which distances of cells are the same."""


def bins_of(numbers: Floats, edges: Floats) -> Ints:
    """Return the bin of each number, counted from 0; -1 outside of the edges and where missing.

    Examples
    --------
    >>> bins_of(np.array([0.0, 0.5, 1.0, 1.5, 3.0]), np.array([0.0, 1.0, 2.0]))
    array([ 0,  0,  0,  1, -1])
    """
    found = np.searchsorted(edges, numbers, side="left") - 1
    found[numbers == edges[0]] = 0
    found[(found >= len(edges) - 1) | np.isnan(numbers)] = -1
    return found.astype(np.int64)


def means_of(gaps: Floats, cell: Ints, cells: int) -> tuple[Ints, Floats, Floats]:
    """Return rows, mean and variance of the mean of each cell.

    Parameters
    ----------
    gaps : array of shape (rows, outputs)
    cell : int array of shape (rows,)
    cells : int

    Returns
    -------
    count : int array of shape (cells,)
    mean : array of shape (cells, outputs)
        Zero where there are no rows.
    variance : array of shape (cells, outputs)
        Of a single row, whose variance nobody knows, by the variance within all cells.
    """
    count = np.bincount(cell, minlength=cells)
    some = np.maximum(count, 1)[:, None]
    mean = np.stack([np.bincount(cell, g, cells) for g in gaps.T], -1) / some
    apart = gaps - mean[cell]
    scatter = np.stack([np.bincount(cell, a, cells) for a in (apart**2).T], -1)
    within = scatter.sum(axis=0) / max(int((count - 1).clip(0).sum()), 1)
    one = (count <= 1)[:, None]
    spread = np.where(one, within, scatter / np.maximum(some - 1, 1))
    return count, mean, np.where((count > 0)[:, None], spread / some, 0.0)


def line_map(count: Ints) -> Floats:
    """Return what makes the curve at the edges of means in bins, (bins + 1, bins)."""
    sums = np.tri(len(count) + 1, len(count), -1)
    return np.asarray(sums - count @ middles(sums) / count.sum())


def steps_map(count: Ints) -> Floats:
    """Return what makes the curve over categories of the steps between them.

    Parameters
    ----------
    count : int array of shape (categories,)
        Rows of each, in order.
    """
    sums = np.tri(len(count), len(count) - 1, -1)
    return np.asarray(sums - count @ sums / count.sum())


def surface_map(count: Ints) -> Floats:
    """Return what makes the surface at the corners of means in cells.

    Parameters
    ----------
    count : int array of shape (bins of the first, bins of the second)

    Returns
    -------
    array of shape (corners, cells)
        Corners and cells in C order. Cells without rows take the mean of those next to them.
    """
    cells = _filled(count).reshape(*count.shape, -1)
    return _surface(cells, count.astype(np.float64)).reshape(-1, count.size)


def line_tilt(values: Floats, count: Ints) -> Floats:
    """Return the derivative of a curve by the number of rows in each bin.

    Parameters
    ----------
    values : array of shape (bins + 1,)
        The centered curve at the edges.
    count : int array of shape (bins,)

    Returns
    -------
    array of shape (bins + 1, bins)
    """
    return np.tile(-middles(values[:, None])[:, 0] / count.sum(), (len(values), 1))


def surface_tilt(mean: Floats, count: Ints) -> Floats:
    """Return the derivative of a surface by the number of rows in each cell, (corners, cells).

    Parameters
    ----------
    mean : array of shape (cells,)
    count : int array of shape (bins of the first, bins of the second)
    """
    cells = (_filled(count) @ mean).reshape(*count.shape, 1)
    plain, rows = _surface(cells, count.astype(np.float64)), float(count.sum())
    out = np.zeros((plain.size, count.size))
    for cell in np.flatnonzero(count):
        more = count.astype(np.float64)
        more.flat[cell] += rows * _STEP
        out[:, cell] = ((_surface(cells, more) - plain) / (rows * _STEP)).ravel()
    return out


def _surface(cells: Floats, count: Floats) -> Floats:
    """Return what comes at the corners of means in cells, for each entry of the last axis."""
    corner = np.zeros((count.shape[0] + 1, count.shape[1] + 1, cells.shape[2]))
    corner[1:, 1:] = cells.cumsum(axis=0).cumsum(axis=1)
    first = _first_order(corner, count)
    second = _first_order(corner.swapaxes(0, 1), count.T)
    left = corner - first[:, None] - second[None, :]
    mean = np.einsum("ab,abc->c", count, middles(left)) / count.sum()
    return np.asarray(left - mean)


def _first_order(corner: Floats, count: Floats) -> Floats:
    """Return what of a surface is an effect of its first axis alone, at the edges."""
    step = corner[1:] - corner[:-1]
    total = count.sum(axis=1)
    weight = np.where(total > 0, total, 1.0)[:, None]
    mean = np.einsum("ab,abc->ac", count, (step[:, 1:] + step[:, :-1]) / 2) / weight
    return np.concatenate([np.zeros((1, corner.shape[2])), mean.cumsum(axis=0)])


def _filled(count: Ints) -> Floats:
    """Return the map from cells to cells that gives an empty one the mean of the nearest."""
    K, M = count.shape
    full = np.argwhere(count > 0)
    flat = full[:, 0] * M + full[:, 1]
    out = np.zeros((K * M, K * M))
    out[flat, flat] = 1.0
    for a, b in np.argwhere(count == 0):
        apart = (((full - (a, b)) / (K, M)) ** 2).sum(axis=1).round(_NEAR)
        near = flat[apart == apart.min()]
        out[a * M + b, near] = 1 / len(near)
    return out


def middles(corner: Floats) -> Floats:
    """Return the means of the corners of each cell, along all axes but the last."""
    for axis in range(corner.ndim - 1):
        last = corner.shape[axis]
        corner = (
            np.take(corner, range(1, last), axis=axis) + np.take(corner, range(last - 1), axis=axis)
        ) / 2
    return corner


def freedom_of(parts: Floats, count: Ints, tilt: Floats) -> Floats:
    """Return Satterthwaite's degrees of freedom at each position, at least one.

    Parameters
    ----------
    parts : array of shape (positions, cells)
        What the mean in each cell adds to the variance.
    count : int array of shape (cells,)
    tilt : array of shape (positions,)
        What the numbers of rows add to it.
    """
    pooled = max(int((count - 1).clip(0).sum()), 1)
    each = np.append(np.where(count > 1, count - 1, pooled), max(int(count.sum()) - 1, 1))
    every = np.column_stack([parts, tilt])
    below = (every**2 / each).sum(axis=1)
    total = every.sum(axis=1) ** 2
    return np.asarray(np.where(below > 0, total / np.maximum(below, 1e-300), pooled).clip(1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A curve and how sure it is.

    Attributes
    ----------
    values : array of shape (positions, outputs)
    covariance : list of arrays of shape (positions, positions)
        One per output.
    freedom : array of shape (positions, outputs)
    """

    values: Floats
    covariance: list[Floats]
    freedom: Floats


def fit_of(L: Floats, mean: Floats, variance: Floats, count: Ints, tilts: list[Floats]) -> Fit:
    """Return the curve of means that are independent of each other and of the numbers of rows.

    Parameters
    ----------
    L : array of shape (positions, cells)
        Makes the curve of the means of the cells.
    mean, variance : arrays of shape (cells, outputs)
        Of the differences in each cell; the variance is that of the mean.
    count : int array of shape (cells,)
    tilts : list of arrays of shape (positions, cells)
        One per output: the derivative of the curve by the number of rows in each cell.
    """
    covariance, freedom, n = [], [], int(count.sum())
    for v, J in zip(variance.T, tilts, strict=True):
        tilt = (J * count) @ J.T * (n / max(n - 1, 1))
        covariance.append((L * v) @ L.T + tilt)
        freedom.append(freedom_of(L**2 * v, count, np.diagonal(tilt)))
    return Fit(values=L @ mean, covariance=covariance, freedom=np.stack(freedom, -1))


def order_by_likeness(codes: Ints, others: Floats, is_category: list[bool]) -> Ints:
    """Return an order of categories in which those with like rows are near each other.

    Two categories differ by the sum, over the other columns, of the Kolmogorov-Smirnov distance of
    numbers or the total variation distance of categories among their rows. The order is that of
    the first axis of classical multidimensional scaling.

    Parameters
    ----------
    codes : int array of shape (rows,)
        The category of each row, 0 to as many as there are, each at least once.
    others : array of shape (rows, columns)
    is_category : list of bool
        Which columns hold codes of categories.
    """
    count = int(codes.max()) + 1
    apart = np.zeros((count, count))
    for column, category in zip(others.T, is_category, strict=True):
        apart += _distances(column, codes, count, _masses if category else _cumulated)
    square = apart**2
    around = square - square.mean(axis=0) - square.mean(axis=1)[:, None] + square.mean()
    _, vectors = np.linalg.eigh(-around / 2)
    axis = vectors[:, -1]
    if axis[0] > axis[-1]:
        axis = -axis
    return np.argsort(axis.round(_NEAR), kind="stable")


def _distances(
    column: Floats, codes: Ints, count: int, shape: Callable[[Floats], Floats]
) -> Floats:
    """Return the largest gap between distributions as ``shape`` has them, (count, count)."""
    values, at = np.unique(column, return_inverse=True)
    table = np.zeros((count, len(values)))
    np.add.at(table, (codes, at), 1.0)
    shares = shape(table / table.sum(axis=1, keepdims=True))
    gap = np.empty((count, count))
    for a in range(count):
        apart = np.abs(shares - shares[a])
        gap[a] = apart.max(axis=1) if shape is _cumulated else apart.sum(axis=1) / 2
    return gap


def _cumulated(shares: Floats) -> Floats:
    return np.asarray(shares.cumsum(axis=1))


def _masses(shares: Floats) -> Floats:
    return shares
