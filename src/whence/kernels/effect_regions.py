"""Regions of rows in which curves are alike: a small tree of splits on other columns.

A split is worth what it takes off the squared distances of centered curves from their mean, as in a
regression tree whose target is a whole curve. All candidate splits of a column are looked at
together: rows are counted into the cells between its cuts, and running sums over cells give both
sides.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from whence.core.types import Bools, Floats, Ints

_CUTS = 40
"""Candidate cuts of a column at most."""
_ROUNDING = 1e-18
"""Share of the squares of all curves below which there is nothing left to tell apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A division of rows by one column.

    Attributes
    ----------
    column : int
    cut : float
        Rows with numbers up to it are in the first part; a category is there alone.
    by_category : bool
    by_missing : bool
        Whether rows with a value make the first part; else those without are in the second.
    """

    column: int
    cut: float
    by_category: bool = False
    by_missing: bool = False

    def first(self, numbers: Floats) -> Bools:
        """Return which rows, by their numbers in the column, are in the first part."""
        if self.by_missing:
            return np.asarray(~np.isnan(numbers))
        with np.errstate(invalid="ignore"):
            inside = numbers == self.cut if self.by_category else numbers <= self.cut
        return np.asarray(inside)


Path = tuple[tuple[Split, bool], ...]
"""Splits from the root on, and whether the first part of each is meant."""


def grow(
    curves: Floats, X: Floats, columns: dict[int, bool], *, depth: int, least: int, gain: float
) -> list[Path]:
    """Return the regions of a greedy tree.

    Parameters
    ----------
    curves : array of shape (rows, numbers)
        The centered curve of each row.
    X : array of shape (rows, columns)
    columns : dict
        Columns that may be split on -> whether they hold codes of categories.
    depth : int
        Splits on a path at most.
    least : int
        Rows of a region at least.
    gain : float
        Share of the squared distances in a region that a split must take off.

    Returns
    -------
    list of paths
        A single empty one if no split is worth it.
    """

    def below(rows: Ints, path: Path) -> list[Path]:
        split = None if len(path) == depth else _best(curves, X, columns, rows, least, gain)
        if split is None:
            return [path]
        first = split.first(X[rows, split.column])
        return [
            *below(rows[first], (*path, (split, True))),
            *below(rows[~first], (*path, (split, False))),
        ]

    return below(np.arange(len(X)), ())


def inside(path: Path, X: Floats) -> Bools:
    """Return which rows are in the region that a path leads to."""
    out = np.ones(len(X), dtype=bool)
    for split, first in path:
        out &= split.first(X[:, split.column]) == first
    return out


def _best(
    curves: Floats, X: Floats, columns: dict[int, bool], rows: Ints, least: int, gain: float
) -> Split | None:
    part = curves[rows] - curves[rows].mean(axis=0)
    total = float((part**2).sum())
    best, lowest = None, (1 - gain) * total
    if total <= _ROUNDING * float((curves**2).sum()):
        return None
    for column, category in columns.items():
        for split, left in _candidates(part, X[rows, column], column, category, least):
            if left < lowest:
                best, lowest = split, left
    return best


def _candidates(
    part: Floats, x: Floats, column: int, category: bool, least: int
) -> list[tuple[Split, float]]:
    """Return possible splits by a column and the squared distances that each leaves."""
    known = ~np.isnan(x)
    values = np.unique(x[known])
    if category:
        cell, cuts = np.searchsorted(values, x), values
    else:
        cuts = values[:-1]
        if len(cuts) > _CUTS:
            at = np.linspace(0, 1, _CUTS + 2)[1:-1]
            cuts = np.unique(np.quantile(x[known], at, method="closest_observation"))
            cuts = cuts[cuts < values[-1]]
        cell = np.searchsorted(cuts, x)
    size = len(cuts) + 2
    cell = np.where(known, cell, size - 1)
    of_cell = (cell[None, :] == np.arange(size)[:, None]).astype(np.float64)
    count, sums = of_cell.sum(axis=1), of_cell @ part
    squares = float((part**2).sum())
    left = _left_over(count, sums, squares, least)
    make: Callable[..., Split] = Split
    if category:
        found = [
            (make(column=column, cut=float(c), by_category=True), left(count[i], sums[i]))
            for i, c in enumerate(cuts)
        ]
    else:
        counts, totals = count.cumsum(), sums.cumsum(axis=0)
        found = [
            (make(column=column, cut=float(c)), left(counts[i], totals[i]))
            for i, c in enumerate(cuts)
        ]
    if not known.all():
        rest = left(count[:-1].sum(), sums[:-1].sum(axis=0))
        found.append((make(column=column, cut=0.0, by_missing=True), rest))
    return found


def _left_over(
    count: Floats, sums: Floats, squares: float, least: int
) -> Callable[[float, Floats], float]:
    rows, total = count.sum(), sums.sum(axis=0)

    def left(first: float, sum_of_first: Floats) -> float:
        second = rows - first
        if min(first, second) < least:
            return np.inf
        between = (sum_of_first**2).sum() / first + ((total - sum_of_first) ** 2).sum() / second
        return float(squares - between)

    return left
