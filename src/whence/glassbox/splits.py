"""The splits of a single tree, in the columns of the user's table.

A tree behind the steps of a pipeline splits on encoded columns: "job_clerk <= 0.5". What that means
for the user's column is found by encoding rows in which that column alone takes each of its
categories, and looking which of them go left: no encoder needs to be known. A threshold on a column
that is scaled is searched for among the numbers that the user's column may hold, by bisection.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from whence.core.errors import UnsupportedModelError, WhenceError
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints, Level
from whence.kernels.cart_tree import Side
from whence.models.trees import Nodes, Trees

Levels = tuple[tuple[Level, ...] | None, ...]

_PROBES = (0.0, 1.0, -3.7, 1234.5)
"""Numbers that are encoded to see whether a column reaches the tree as it is."""
_FAR = 1e15
_NEAR = 1e-7
"""How far a threshold may be from where a straight line says, relative to it."""
_BITS = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Splits:
    """A tree whose splits are about the user's columns.

    Attributes
    ----------
    nodes : Nodes
        Of one tree.
    sides : dict
        Node -> what goes left at it.
    levels : tuple
        Per column the values that ``Side.members`` are about, or None.
    coded : bool array of shape (columns,)
        Whether the numbers of a column are codes into its levels.
    """

    nodes: Nodes
    sides: dict[int, Side]
    levels: Levels
    coded: Bools

    def paths(self) -> list[tuple[int, list[tuple[Side, bool]]]]:
        """Return each leaf, left to right, with the splits on the way and whether it is left."""
        found, stack = [], [(0, list[tuple[Side, bool]]())]
        while stack:
            node, path = stack.pop()
            side = self.sides.get(node)
            if side is None:
                found.append((node, path))
                continue
            left, right = int(self.nodes.left[node]), int(self.nodes.right[node])
            stack += [(right, [*path, (side, False)]), (left, [*path, (side, True)])]
        return found


def leaves_of(nodes: Nodes, X: Floats) -> Ints:
    """Return the leaf of the first tree that each encoded row reaches."""
    at = np.zeros(len(X), dtype=np.int64)
    for v in range(int(nodes.start[1])):
        if nodes.feature[v] >= 0:
            here = np.flatnonzero(at == v)
            left = _goes_left(nodes, v, X[here, nodes.feature[v]])
            at[here] = np.where(left, nodes.left[v], nodes.right[v])
    return at


def read_splits(view: Trees, levels: Levels, coded: tuple[bool, ...]) -> Splits:
    """Read the splits of a single tree in the user's columns.

    Parameters
    ----------
    view : Trees
        Of one tree.
    levels, coded : tuples
        What `known_levels` returns.

    Raises
    ------
    UnsupportedModelError
        If a split cannot be told in the user's columns.
    """
    nodes = view.nodes
    if bool(nodes.zero_missing.any()):
        raise UnsupportedModelError(
            "The tree treats zeros as missing values (zero_as_missing), which no condition on the "
            "user's columns tells. Train without it, or use TreeShap()."
        )
    probe = _Probe.of(view, levels, np.array(coded))
    split = np.flatnonzero(nodes.feature >= 0)
    column = nodes.player[nodes.feature[split]].astype(np.int64)
    plain = np.array([levels[c] is None for c in column], dtype=bool)
    thresholds = iter(_thresholds(nodes, probe, column[plain], split[plain]))
    missing = {int(c): _missing_left(nodes, probe, int(c), split) for c in np.unique(column)}
    parts = {int(c): probe.of_levels(int(c)) for c in np.unique(column[~plain])}
    sides = {}
    for i, (v, c) in enumerate(zip(split.tolist(), column.tolist(), strict=True)):
        members = None if plain[i] else _goes_left(nodes, v, parts[c][:, nodes.feature[v]])
        threshold = next(thresholds) if plain[i] else np.nan
        sides[v] = Side(
            column=c, threshold=threshold, members=members, missing_left=bool(missing[c][i])
        )
    return Splits(nodes=nodes, sides=sides, levels=levels, coded=probe.coded)


def known_levels(view: Trees, table: Table) -> tuple[Levels, tuple[bool, ...]]:
    """Return the categories of each column, and whether they must be given as categories.

    Those that an encoder has learned come first, then those beyond that occur in the table.
    """
    learned = view.levels or (None,) * len(view.features)
    levels: list[tuple[Level, ...] | None] = []
    coded = []
    for j, (known, own) in enumerate(zip(learned, table.levels, strict=True)):
        coded.append(own is not None or is_coded(known))
        if known is None:
            levels.append(own)
            continue
        there = np.unique(table.numbers[:, j])
        there = there[~np.isnan(there)]
        found = there.tolist() if own is None else [own[int(c)] for c in there]
        levels.append((*known, *(v for v in found if v not in known)))
    return tuple(levels), tuple(coded)


def is_coded(levels: tuple[Level, ...] | None) -> bool:
    """Tell whether categories are text, and so have codes in a table."""
    return any(isinstance(level, str) for level in levels or ())


def _missing_left(nodes: Nodes, probe: "_Probe", column: int, split: Ints) -> Bools:
    """Return at which splits a missing value of a column goes left."""
    try:
        z = probe.encoded(np.array([column]), np.array([np.nan]))[0]
    except (WhenceError, TypeError, ValueError):  # such rows are refused: no rule is about them
        return nodes.missing_left[split]
    return np.array([_goes_left(nodes, v, z[None, nodes.feature[v]])[0] for v in split.tolist()])


def _thresholds(nodes: Nodes, probe: "_Probe", column: Ints, split: Ints) -> list[float]:
    """Return where the user's numbers go from left to right at each split."""
    if len(split) == 0:
        return []
    part = nodes.feature[split]

    def encoded(at: Floats) -> Floats:
        return probe.encoded(column, at)[np.arange(len(split)), part]

    own = nodes.threshold[split]
    found = np.array([encoded(np.full(len(split), x)) for x in _PROBES])
    same = (found == np.array(_PROBES)[:, None]).all(axis=0)
    same |= np.isinf(own) & ~np.isnan(found).any(axis=0)  # all numbers go to one side
    same &= np.diff(nodes.category_start)[split] == 0
    if same.all():
        return [float(t) for t in own]

    def left(at: Floats) -> Bools:
        z = encoded(at)
        return np.array([_goes_left(nodes, int(v), z[i, None])[0] for i, v in enumerate(split)])

    low, high = _bracket(own, found, left)
    wrong = ~same & ~(left(low) & ~left(high))
    if wrong.any():
        name = probe.table.names[column[np.argmax(wrong)]]
        raise UnsupportedModelError(
            f"A split on column {name!r}, which the pipeline encodes, is no threshold on the "
            "column itself. Explain the last step on the transformed table, pipeline[-1] on "
            "pipeline[:-1].transform(X)."
        )
    while (~same & (np.nextafter(low, np.inf) < high)).any():
        middle = low / 2 + high / 2
        goes = left(middle)
        done = np.nextafter(low, np.inf) >= high
        low, high = np.where(goes & ~done, middle, low), np.where(goes | done, high, middle)
    return [float(x) for x in np.where(same, own, low)]


def _bracket(own: Floats, found: Floats, left: Callable[[Floats], Bools]) -> tuple[Floats, Floats]:
    """Return numbers left and right of each threshold: near ones where a column is scaled."""
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (found[1] - found[0]) / (_PROBES[1] - _PROBES[0])
        near = _PROBES[0] + (own - found[0]) / slope
    near = np.where(np.isfinite(near), near, 0.0)
    away = _NEAR * np.maximum(np.abs(near), 1.0)
    low, high = near - away, near + away
    fits = left(low) & ~left(high)
    return np.where(fits, low, -_FAR), np.where(fits, high, _FAR)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Probe:
    """Encodes rows that differ in one column.

    Attributes
    ----------
    table : Table
        One row, of zeros and first categories.
    levels, coded
        As in `Splits`.
    """

    encode: Callable[[Table], Floats]
    table: Table
    levels: Levels
    coded: Bools

    @classmethod
    def of(cls, view: Trees, levels: Levels, coded: Bools) -> "_Probe":
        """Return the probe of a view."""
        own = tuple(v if c else None for v, c in zip(levels, coded, strict=True))
        first = [0.0 if c or not v else float(v[0]) for v, c in zip(levels, coded, strict=True)]
        table = Table(names=view.features, numbers=np.array([first]), levels=own, named=view.named)
        return cls(encode=view.encode, table=table, levels=levels, coded=coded)

    def encoded(self, column: Ints, values: Floats) -> Floats:
        """Return what the tree reads of rows that hold one value each in one column each."""
        numbers = np.repeat(self.table.numbers, len(values), axis=0)
        numbers[np.arange(len(values)), column] = values
        with np.errstate(all="ignore"):  # a logarithm of what no row holds
            return np.asarray(self.encode(replace(self.table, numbers=numbers)))

    def of_levels(self, column: int) -> Floats:
        """Return what the tree reads of a row with each category of a column."""
        levels = self.levels[column] or ()
        values = range(len(levels)) if self.coded[column] else levels
        numbers = np.array([float(v) for v in values])
        return self.encoded(np.full(len(numbers), column), numbers)


def _goes_left(nodes: Nodes, node: int, z: Floats) -> Bools:
    """Return which encoded numbers go left at a node."""
    words = nodes.category_words[nodes.category_start[node] : nodes.category_start[node + 1]]
    absent = np.isnan(z)
    if len(words) == 0:
        inside = z <= nodes.threshold[node]
    else:
        code = np.where(absent | (z < 0) | (z >= _BITS * len(words)), -1, z).astype(np.int64)
        word, bit = words[code // _BITS], (code % _BITS).astype(np.uint64)
        inside = (code >= 0) & ((word >> bit) & np.uint64(1)).astype(bool)
    return np.asarray(np.where(absent, nodes.missing_left[node], inside))
