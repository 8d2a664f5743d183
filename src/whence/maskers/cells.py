"""What an ensemble of trees can tell apart in each column of the user's table.

Between two thresholds of the trees all numbers of a column are alike to them, so that of each such
cell only the number nearest to a row's own need be looked at. Cells are found on the grid of the
user's own numbers, whatever scaling the model does first, by bisection for all thresholds at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from whence.core.edit import edited
from whence.core.table import Table
from whence.core.types import Floats, Ints
from whence.kernels.trees import Forest
from whence.maskers.changes import Ground, Room
from whence.models.behind import TreesBehind
from whence.models.trees import Trees

_PROBES = 65
"""Numbers by which it is checked that a column is read in ascending order."""
_CELLS = 4_000_000
_HALVINGS = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """The cells of all columns.

    Attributes
    ----------
    edges : dict
        Column of numbers -> the last number of the grid in each cell but the last, ascending.
    codes : dict
        Column -> what the trees read of it, (cells or categories, their columns).
    reads : dict
        Column -> the columns of the trees that are made of it.
    least, most : arrays of shape (columns,)
        Between these the cells are known.
    """

    edges: dict[int, Floats]
    codes: dict[int, Floats]
    reads: dict[int, Ints]
    least: Floats
    most: Floats

    def at(self, j: int, values: Floats) -> Floats:
        """Return what the trees read of numbers or codes of a column, (values, their columns)."""
        if j in self.edges:
            return self.codes[j][np.searchsorted(self.edges[j], values)]
        return self.codes[j][values.astype(np.int64)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """The trees of a model, asked about changed rows without the model.

    Attributes
    ----------
    behind : TreesBehind
    cells : Cells
    forest : Forest
    """

    behind: TreesBehind
    cells: Cells
    forest: Forest

    def of(self, room: Room) -> Callable[[Floats, Ints], Floats]:
        """Return the function that says what the model answers about changed rows of a room.

        It takes candidates, (candidates, columns), and the row of each. Where a row lies beyond the
        background, or a column that follows from others does, it may be mistaken.
        """
        own = self.behind.trees.encode(room.table[: len(room.X)])

        def answer(C: Floats, row: Ints) -> Floats:
            x, read = room.X[row], own[row]
            changed = (x != C) & ~(np.isnan(C) & np.isnan(x)) & ~np.isnan(C)
            for j in np.flatnonzero(changed.any(axis=0)):
                at = np.flatnonzero(changed[:, j])
                values = room.in_background(int(j), C[at, j])
                read[np.ix_(at, self.cells.reads[int(j)])] = self.cells.at(int(j), values)
            return self.behind.answer(self.forest.predict(read))

        return answer


def reading_of(ground: Ground, behind: TreesBehind) -> Reading | None:
    """Return the trees of a model with their cells; None where these cannot be found."""
    cells = cells_of(behind.trees, ground)
    if cells is None:
        return None
    return Reading(behind=behind, cells=cells, forest=Forest.of(behind.trees.nodes))


def cells_of(trees: Trees, ground: Ground) -> Cells | None:
    """Return the cells of all columns; None where one is not read in ascending order.

    Parameters
    ----------
    trees : Trees
    ground : Ground
    """
    Z, nodes = ground.background, trees.nodes
    p = len(Z.names)
    reads = {j: np.flatnonzero(nodes.player == j) for j in range(p)}
    limits = ground.limits
    least = np.where(np.isfinite(limits.low), np.fmin(limits.low, ground.least), ground.least)
    most = np.where(np.isfinite(limits.high), np.fmax(limits.high, ground.most), ground.most)
    edges: dict[int, Floats] = {}
    codes: dict[int, Floats] = {}
    jobs: list[tuple[int, int, Floats]] = []
    absent: list[int] = []  # columns whose zeros a sparse matrix leaves out, and trees take for NaN
    for j in range(p):
        levels = Z.levels[j]
        if levels is not None:
            codes[j] = _encoded(trees, Z, j, np.arange(len(levels), dtype=np.float64))[:, reads[j]]
            continue
        cuts = [np.unique(nodes.threshold[nodes.feature == c]) for c in reads[j]]
        known = np.isfinite(least[j]) and np.isfinite(most[j])
        split = [(int(c), t) for c, t in zip(reads[j], cuts, strict=True) if len(t)]
        if not known or not split:
            edges[j] = np.empty(0)
            continue
        even = np.linspace(least[j], most[j], _PROBES)
        probes: Floats = np.asarray(np.round(even, int(ground.decimals[j])), dtype=np.float64)
        if least[j] <= 0 <= most[j]:
            probes = np.unique(np.append(probes, 0.0))
        read = _encoded(trees, Z, j, probes)[:, [c for c, _ in split]]
        gone = np.isnan(read).any(axis=1)
        if (np.diff(read[~gone], axis=0) < 0).any() or (probes[gone] != 0).any():
            return None
        if gone.any():
            absent.append(j)
        jobs += [(j, c, t) for c, t in split]
    edges |= _edges(trees, ground, jobs, least, most)
    for j in absent:
        edges[j] = np.union1d(edges[j], np.round([-(10.0 ** -float(ground.decimals[j])), 0.0], 12))
    for j, ends in edges.items():
        size = 10.0 ** -int(ground.decimals[j])
        beyond = np.round(ends[-1:] + size, int(ground.decimals[j])).astype(np.float64)
        inside: Floats = np.concatenate([ends, beyond]) if len(ends) else Z.numbers[:1, j]
        codes[j] = _encoded(trees, Z, j, inside)[:, reads[j]]
    return Cells(edges=edges, codes=codes, reads=reads, least=least, most=most)


def _edges(
    trees: Trees, ground: Ground, jobs: list[tuple[int, int, Floats]], least: Floats, most: Floats
) -> dict[int, Floats]:
    """Return the last numbers of the grid that are not above each threshold, by bisection."""
    if not jobs:
        return {}
    column = np.concatenate([np.full(len(t), j) for j, _, t in jobs])
    read = np.concatenate([np.full(len(t), c) for _, c, t in jobs])
    cut = np.concatenate([t for *_, t in jobs])
    size = 10.0 ** -ground.decimals[column].astype(float)
    low = np.floor(least[column] / size) - 1  # not above the threshold, as far as is known
    high = np.ceil(most[column] / size) + 1  # above it
    for _ in range(_HALVINGS):
        if (high - low <= 1).all():
            break
        middle = np.floor((low + high) / 2)
        said = _read_at(trees, ground, column, middle * size, read)
        gone = np.isnan(said)  # a zero that is left out: it goes with its neighbor, until it is cut
        if gone.any():
            beside = (middle[gone] + 1) * size[gone]
            said[gone] = _read_at(trees, ground, column[gone], beside, read[gone])
        left = said <= cut
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    found: dict[int, Floats] = {}
    for j, _, _ in jobs:
        ends = np.round(low[column == j] * size[column == j], int(ground.decimals[j]))
        inside = (ends >= np.floor(least[j])) & (ends >= least[j] - size[column == j])
        found[j] = np.unique(ends[inside & (ends <= most[j])])
    return found


def _read_at(trees: Trees, ground: Ground, column: Ints, values: Floats, read: Ints) -> Floats:
    """Return what one column of the trees reads where one of the user's holds a value."""
    out = np.empty(len(column))
    Z = ground.background
    size = max(1, _CELLS // max(len(Z.names), trees.nodes.columns))
    for first in range(0, len(column), size):
        part = slice(first, first + size)
        numbers = np.repeat(Z.numbers[:1], len(column[part]), axis=0)
        at = np.arange(len(numbers))
        decimals = ground.decimals[column[part]]
        numbers[at, column[part]] = [
            round(v, int(d)) for v, d in zip(values[part].tolist(), decimals, strict=True)
        ]
        table = edited(Z, np.zeros(len(numbers), dtype=np.int64), numbers)
        out[part] = trees.encode(table)[at, read[part]]
    return out


def _encoded(trees: Trees, Z: Table, j: int, values: Floats) -> Floats:
    """Return what the trees read where a column of one row holds each of some values."""
    numbers = np.repeat(Z.numbers[:1], len(values), axis=0)
    numbers[:, j] = values
    return trees.encode(edited(Z, np.zeros(len(values), dtype=np.int64), numbers))
