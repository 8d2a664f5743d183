"""Regression trees for several outputs at once, with categories and missing values, in numpy.

A node is split where the sum of squared errors of its outputs falls most. With ``S`` the sum of the
outputs of the rows on a side and ``n`` their number, that is where ``|S_left|^2 / n_left +
|S_right|^2 / n_right`` is largest. A missing value takes the side that is better for it. Categories
are ordered by their mean output and then split like numbers, which is optimal for one output
(Breiman et al., section 9.4); for several they are ordered along the first principal component of
their means.

Leaves are split best first, so the splits are in the order of what they are worth: the first ``m -
1`` of them make the tree of ``m`` leaves, and one tree holds all smaller ones.

Columns become ranks once; a node counts its rows by rank, which costs no sorting as long as it has
more rows than the column has values.

References
----------
L. Breiman, J. H. Friedman, R. A. Olshen, C. J. Stone, Classification and regression trees, 1984.
doi:10.1201/9781315139470
"""

import heapq
from dataclasses import dataclass
from typing import Self

import numpy as np

from whence.core.types import Floats, Ints
from whence.kernels.cart_tree import Cart, Side

_NOTHING = 1e-12
"""Share of the error of the root below which a gain is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """The columns of a table as ranks of their values.

    Attributes
    ----------
    X : array of shape (rows, columns)
        Numbers, and codes of categories; NaN is missing.
    levels : int array of shape (columns,)
        Number of categories; 0 of a column of numbers.
    values : tuple of arrays
        Distinct numbers of each column, ascending.
    ranks : int32 array of shape (columns, rows)
        Place of each cell among the distinct numbers; their number where it is missing.
    """

    X: Floats
    levels: Ints
    values: tuple[Floats, ...]
    ranks: Ints

    @classmethod
    def of(cls, X: Floats, levels: Ints) -> Self:
        """Rank the columns.

        Examples
        --------
        >>> Design.of(np.array([[3.0], [1.0], [np.nan]]), np.array([0])).ranks
        array([[1, 0, 2]])
        """
        values, ranks = [], np.empty(X.shape[::-1], dtype=np.int64)
        for j, column in enumerate(X.T):
            absent = np.isnan(column)
            distinct, ranks[j, ~absent] = np.unique(column[~absent], return_inverse=True)
            ranks[j, absent] = len(distinct)
            values.append(distinct)
        return cls(X=X, levels=levels, values=tuple(values), ranks=ranks)


def grow(
    design: Design,
    Y: Floats,
    rows: Ints | None = None,
    *,
    leaves: int,
    depth: int | None = None,
    least: int = 1,
) -> Cart:
    """Grow a tree, best splits first.

    Parameters
    ----------
    design : Design
        Of all rows.
    Y : array of shape (rows, outputs)
    rows : int array or None
        The rows to grow on, repeated where they count more than once; None for all.
    leaves : int
        Most leaves.
    depth : int or None
        Most splits on the way to a leaf.
    least : int
        Fewest rows of a leaf.

    Examples
    --------
    >>> X = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> tree = grow(Design.of(X, np.array([0])), np.array([[0.0], [0.0], [1.0], [1.0]]), leaves=9)
    >>> tree.leaves, tree.sides[0].threshold
    (2, 2.5)
    """
    rows = np.arange(len(Y)) if rows is None else rows
    center = Y[rows].mean(axis=0)
    centered = Y - center
    floor = _NOTHING * float((centered[rows] ** 2).sum())
    parent: list[int] = []
    sides: list[Side] = []
    gains: list[float] = []
    means, counts = [centered[rows].mean(axis=0)], [len(rows)]
    queue: list[tuple[float, int, int, Ints, Side]] = []

    def offer(node: int, members: Ints, level: int) -> None:
        if level == depth or len(members) < 2 * least:
            return
        gain, side = _best(design, centered, members, least)
        if side is not None and gain > floor:
            heapq.heappush(queue, (-gain, node, level, members, side))

    offer(0, rows, 0)
    while queue and len(parent) < leaves - 1:
        negative, node, level, members, side = heapq.heappop(queue)
        left = side.left(design.X[members])
        parent.append(node)
        sides.append(side)
        gains.append(-negative)
        for part in (members[left], members[~left]):
            means.append(centered[part].mean(axis=0))
            counts.append(len(part))
            offer(len(means) - 1, part, level + 1)
    return Cart(
        parent=np.array(parent, dtype=np.int64),
        sides=tuple(sides),
        gain=np.array(gains),
        value=np.array(means) + center,
        count=np.array(counts),
    )


def _best(design: Design, Y: Floats, rows: Ints, least: int) -> tuple[float, Side | None]:
    """Return the largest gain of a split of some rows, and the split."""
    own = Y[rows]
    whole = own.sum(axis=0)
    best, found = 0.0, None
    for j in range(len(design.levels)):
        cut = _Cut.of(design, own, rows, j)
        gain, place, missing_left = cut.best(whole, least)
        if gain > best * (1 + _NOTHING):
            best, found = gain, cut.side(design, j, place, missing_left)
    return best, found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cut:
    """The values of a column in one node, in the order in which they are divided.

    Attributes
    ----------
    rank : int array of shape (values,)
    count : array of shape (values,)
        Rows up to and with each value.
    total : array of shape (values, outputs)
        Sum of their outputs.
    missing : int
        Rows without a value.
    lost : array of shape (outputs,)
        Sum of their outputs.
    """

    rank: Ints
    count: Floats
    total: Floats
    missing: int
    lost: Floats

    @classmethod
    def of(cls, design: Design, own: Floats, rows: Ints, column: int) -> "_Cut":
        ranks, size = design.ranks[column, rows], len(design.values[column])
        present = None
        if size > 2 * len(rows):
            present, ranks = np.unique(ranks, return_inverse=True)
            if present[-1] == size:
                ranks[ranks == len(present) - 1] = size = len(present) - 1
                present = present[:-1]
            else:
                size = len(present)
        count = np.bincount(ranks, minlength=size + 1)
        total = np.stack([np.bincount(ranks, y, minlength=size + 1) for y in own.T], axis=1)
        there = np.flatnonzero(count[:size])
        if design.levels[column]:
            there = there[_order(total[there] / count[there, None], count[there])]
        return cls(
            rank=there if present is None else present[there],
            count=count[there].cumsum().astype(np.float64),
            total=total[there].cumsum(axis=0),
            missing=int(count[size]),
            lost=total[size],
        )

    def best(self, whole: Floats, least: int) -> tuple[float, int, bool]:
        """Return the largest gain, after which value to divide, and where the missing go."""
        if len(self.rank) == 0:
            return 0.0, 0, False
        n = self.count[-1] + self.missing
        now = float(whole @ whole) / n
        best, found = 0.0, (0, False)
        for missing_left in (False, True)[: 1 + (self.missing > 0)]:
            some = missing_left and self.missing
            left = self.count + some
            right = n - left
            total = self.total + (self.lost if some else 0.0)
            fits = (left >= least) & (right >= least)
            fits &= (left > 0) & (right > 0)
            if not fits.any():
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                worth = (total**2).sum(axis=1) / left + ((whole - total) ** 2).sum(axis=1) / right
            worth = np.where(fits, worth, -np.inf)
            place = int(np.argmax(worth))
            gain = float(worth[place]) - now
            if gain > best * (1 + _NOTHING):
                best, found = gain, (place, missing_left)
        return best, *found

    def side(self, design: Design, column: int, place: int, missing_left: bool) -> Side:
        """Return the split after a value."""
        if not self.missing:  # where there are no missing values, they follow the most rows
            missing_left = bool(2 * self.count[place] > self.count[-1])
        values, levels = design.values[column], int(design.levels[column])
        if levels:
            more = bool(2 * self.count[place] > self.count[-1])
            members = np.full(levels, more)  # so do categories that are not here
            members[values[self.rank].astype(np.int64)] = np.arange(len(self.rank)) <= place
            return Side(column=column, threshold=np.nan, members=members, missing_left=missing_left)
        last = place == len(self.rank) - 1
        threshold = np.inf if last else _between(*values[self.rank[place : place + 2]])
        return Side(column=column, threshold=threshold, members=None, missing_left=missing_left)


def _between(a: float, b: float) -> float:
    middle = a / 2 + b / 2
    return float(middle if a <= middle < b else a)


def _order(means: Floats, count: Ints) -> Ints:
    """Return categories in the order of their mean outputs."""
    if means.shape[1] == 1:
        return np.argsort(means[:, 0], kind="stable")
    away = means - np.average(means, axis=0, weights=count)
    _, vectors = np.linalg.eigh((away * count[:, None]).T @ away)
    return np.argsort(away @ vectors[:, -1], kind="stable")
