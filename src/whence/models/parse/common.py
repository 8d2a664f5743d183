"""What every parser needs: exact thresholds, one way to lay out nodes, names and category codes.

Libraries that compare in float32 first round the number, half to even. All numbers that round to
``t`` or below form a ray, so ``float32(x) <= t`` is ``x <= T`` in float64, where ``T`` lies at the
midpoint of ``t`` and the next float32, or one float64 below it if the tie rounds up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whence.core.errors import InputError
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints, Level, Words
from whence.models.trees import Nodes

Scalar = TypeVar("Scalar", bound=np.generic)

LARGEST_CATEGORY = 2**24
"""Codes from here on are not whole numbers in float32; a model that has one is damaged."""

_BEYOND_FLOAT32 = 2.0**128


def float32_le_threshold(t: ArrayLike) -> Floats:
    """Return T such that ``float32(x) <= t`` iff ``x <= T``, for every float64 ``x``.

    Parameters
    ----------
    t : array of float32
        Any shape; infinities are allowed.

    Returns
    -------
    T : float64 array of the same shape

    Examples
    --------
    >>> T = float32_le_threshold(np.float32(0.1))
    >>> np.float32(T) <= np.float32(0.1), np.float32(np.nextafter(T, 1)) <= np.float32(0.1)
    (np.True_, np.False_)
    """
    low = np.asarray(t, dtype=np.float32)
    with np.errstate(over="ignore", under="ignore"):  # stepping to infinity is meant
        high = np.nextafter(low, np.float32(np.inf))
    ends = [np.clip(np.float64(v), -_BEYOND_FLOAT32, _BEYOND_FLOAT32) for v in (low, high)]
    middle = np.asarray((ends[0] + ends[1]) / 2)
    tie_rounds_down = (low.view(np.uint32) & np.uint32(1)) == 0
    edge = np.where(tie_rounds_down, middle, np.nextafter(middle, -np.inf))
    return np.where(low == np.inf, np.inf, edge)


def float32_lt_threshold(t: ArrayLike) -> Floats:
    """Return T such that ``float32(x) < t`` iff ``x <= T``, for every float64 ``x``.

    Parameters
    ----------
    t : array of float32
        Any shape. Nothing is below ``-inf``: there ``T`` is NaN.

    Returns
    -------
    T : float64 array of the same shape

    Examples
    --------
    >>> T = float32_lt_threshold(np.float32(0.1))
    >>> np.float32(T) < np.float32(0.1), np.float32(np.nextafter(T, 1)) < np.float32(0.1)
    (np.True_, np.False_)
    """
    bound = np.asarray(t, dtype=np.float32)
    with np.errstate(over="ignore", under="ignore"):
        below = np.nextafter(bound, np.float32(-np.inf))
    edge = float32_le_threshold(below)
    return np.where(bound == -np.inf, np.nan, edge)


def float64_lt_threshold(t: ArrayLike) -> Floats:
    """Return T such that ``x < t`` iff ``x <= T``, for every float64 ``x``; NaN for ``-inf``."""
    bound = np.asarray(t, dtype=np.float64)
    with np.errstate(over="ignore", under="ignore"):
        below = np.nextafter(bound, -np.inf)
    return np.where(bound == -np.inf, np.nan, below)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tree:
    """One tree as its library lists it: nodes in any order, children by position in the tree.

    Attributes
    ----------
    feature : int array of shape (nodes,)
        Column split on; negative at a leaf.
    threshold : array of shape (nodes,)
        A number goes left iff ``x <= threshold`` in float64.
    left, right : int arrays of shape (nodes,)
        Children; not read at leaves.
    missing_left : bool array of shape (nodes,)
        Whether NaN goes left.
    value : array of shape (nodes,) or (nodes, width)
        What a leaf adds.
    cover : array of shape (nodes,)
        Training weight that reached the node.
    target : int
        The output the tree adds to; -1 when its leaves hold all outputs.
    root : int
        Position of the root.
    zero_missing : bool array of shape (nodes,) or None
        Whether zero counts as missing; None: nowhere.
    categories : mapping from node to int array
        The codes that go left, for each categorical split.
    """

    feature: ArrayLike
    threshold: ArrayLike
    left: ArrayLike
    right: ArrayLike
    missing_left: ArrayLike
    value: ArrayLike
    cover: ArrayLike
    target: int = 0
    root: int = 0
    zero_missing: ArrayLike | None = None
    categories: Mapping[int, ArrayLike] = field(default_factory=dict)


def assemble(
    trees: Sequence[Tree], *, base: ArrayLike, player: ArrayLike | None = None, columns: int
) -> Nodes:
    """Lay trees out as `Nodes`: every tree in preorder, unreachable nodes dropped.

    Parameters
    ----------
    trees : sequence of Tree
        May be empty: the model then says ``base``.
    base : array of shape (outputs,)
        Intercept.
    player : int array of shape (columns,) or None
        Player of each column; None: each column is a player of its own.
    columns : int
        Number of columns the trees read.

    Raises
    ------
    InputError
        If the arrays are not trees: a child out of range or reached twice, a column that does not
        exist, a number that is not finite, a negative cover.
    """
    offset = np.cumsum([0, *(np.size(tree.feature) for tree in trees)], dtype=np.int64)
    base = np.atleast_1d(np.asarray(base, dtype=np.float64))
    feature = np.maximum(_join(trees, "feature", np.int64), -1)
    left, right = (_children(trees, side, offset, feature >= 0) for side in ("left", "right"))
    roots = np.array([tree.root for tree in trees], dtype=np.int64) + offset[:-1]
    order, start = _preorder(left, right, roots)
    place = np.full(len(feature) + 1, -1)  # its last entry serves the -1 of the leaves
    place[order] = np.arange(len(order))
    category_start, category_words = _category_bits(trees, offset, order)
    owner = np.arange(columns) if player is None else np.asarray(player)
    nodes = Nodes(
        start=start,
        feature=feature[order].astype(np.int32),
        threshold=_join(trees, "threshold", np.float64)[order],
        left=place[left[order]].astype(np.int32),
        right=place[right[order]].astype(np.int32),
        missing_left=_join(trees, "missing_left", np.bool_)[order],
        zero_missing=_zero_missing(trees)[order],
        category_start=category_start,
        category_words=category_words,
        value=_values(trees, len(base))[order],
        cover=_join(trees, "cover", np.float64)[order],
        target=np.array([tree.target for tree in trees], dtype=np.int32),
        base=base,
        player=owner.astype(np.int32),
        players=int(owner.max(initial=-1)) + 1,
    )
    validate(nodes)
    return nodes


def _join(trees: Sequence[Tree], name: str, dtype: type[Scalar]) -> NDArray[Scalar]:
    parts = [np.asarray(getattr(tree, name), dtype=dtype) for tree in trees]
    for tree, part in zip(trees, parts, strict=True):
        if part.shape != np.shape(tree.feature):
            raise _damaged(f"{part.size} entries of {name} for {np.size(tree.feature)} nodes")
    return np.concatenate([np.empty(0, dtype=dtype), *parts])


def _zero_missing(trees: Sequence[Tree]) -> Bools:
    parts: list[Bools] = [
        np.zeros(np.size(tree.feature), dtype=np.bool_)
        if tree.zero_missing is None
        else np.asarray(tree.zero_missing, dtype=np.bool_)
        for tree in trees
    ]
    return np.concatenate([np.empty(0, dtype=np.bool_), *parts])


def _values(trees: Sequence[Tree], outputs: int) -> Floats:
    parts = [np.asarray(tree.value, dtype=np.float64) for tree in trees]
    parts = [part[:, None] if part.ndim == 1 else part for part in parts]
    width = parts[0].shape[1] if parts else 1
    for tree, part in zip(trees, parts, strict=True):
        if part.shape != (np.size(tree.feature), width):
            raise _damaged(f"values of shape {part.shape} for {np.size(tree.feature)} nodes")
        if width != (1 if tree.target >= 0 else outputs) or tree.target >= outputs:
            raise _damaged(f"{width} values per leaf, target {tree.target}, {outputs} outputs")
    return np.concatenate([np.empty((0, width)), *parts])


def _children(trees: Sequence[Tree], side: str, offset: Ints, split: Bools) -> Ints:
    """Return the positions of the children in the joined arrays, -1 at leaves."""
    child = _join(trees, side, np.int64)
    size = np.diff(offset)
    tree = np.repeat(np.arange(len(trees)), size)
    wrong = split & ((child < 0) | (child >= size[tree]))
    if wrong.any():
        v = int(np.argmax(wrong))
        raise _damaged(f"{side} child {child[v]} in a tree of {size[tree[v]]} nodes")
    return np.where(split, child + offset[tree], -1)


def _preorder(left: Ints, right: Ints, roots: Ints) -> tuple[Ints, Ints]:
    """Return the reachable nodes in preorder, tree after tree, and where each tree starts."""
    levels, reached = [roots], len(roots)
    while len(levels[-1]):
        split = levels[-1][left[levels[-1]] >= 0]
        levels.append(np.concatenate([left[split], right[split]]))
        reached += len(levels[-1])
        if reached > len(left):
            raise _damaged("a node that is reached on two ways")
    nodes = np.concatenate(levels)
    if np.bincount(nodes, minlength=1).max() > 1:
        raise _damaged("a node that is reached on two ways")
    size = np.ones(len(left), dtype=np.int64)
    for level in reversed(levels):
        split = level[left[level] >= 0]
        size[split] += size[left[split]] + size[right[split]]
    start = np.concatenate([[0], np.cumsum(size[roots])]).astype(np.int64)
    place = np.empty(len(left), dtype=np.int64)
    place[roots] = start[:-1]
    for level in levels:
        split = level[left[level] >= 0]
        place[left[split]] = place[split] + 1
        place[right[split]] = place[split] + 1 + size[left[split]]
    order = np.empty(len(nodes), dtype=np.int64)
    order[place[nodes]] = nodes
    return order, start


def _category_bits(trees: Sequence[Tree], offset: Ints, order: Ints) -> tuple[Ints, Words]:
    """Return the bit sets of the nodes in ``order`` as (category_start, category_words)."""
    sets = {
        int(first) + v: bits(codes)
        for first, tree in zip(offset, trees, strict=False)
        for v, codes in tree.categories.items()
    }
    size = np.zeros(offset[-1], dtype=np.int64)
    size[list(sets)] = [len(words) for words in sets.values()]
    start = np.concatenate([[0], np.cumsum(size[order])]).astype(np.int64)
    found = [sets[v] for v in order[size[order] > 0].tolist()]
    return start, np.concatenate([np.empty(0, dtype=np.uint64), *found])


def bits(codes: ArrayLike) -> Words:
    """Return the bit set of category codes, at least one word long.

    Examples
    --------
    >>> bits([0, 2, 64])
    array([5, 1], dtype=uint64)
    """
    member = np.unique(np.asarray(codes, dtype=np.int64))
    if len(member) and (member[0] < 0 or member[-1] >= LARGEST_CATEGORY):
        raise _damaged(f"category {member[0] if member[0] < 0 else member[-1]}")
    words = np.zeros(int(member.max(initial=0)) // 64 + 1, dtype=np.uint64)
    np.bitwise_or.at(words, member // 64, np.uint64(1) << (member % 64).astype(np.uint64))
    return words


def validate(nodes: Nodes) -> None:
    """Check what the layout alone does not guarantee.

    Raises
    ------
    InputError
        If a node reads a column that does not exist, or a number cannot be used.
    """
    leaf = nodes.feature < 0
    numeric = ~leaf & (np.diff(nodes.category_start) == 0)
    if np.any(nodes.feature >= nodes.columns):
        raise _damaged(f"a split on column {nodes.feature.max()} of {nodes.columns}")
    if np.any(np.isnan(nodes.threshold[numeric])):
        raise _damaged("a threshold that is not a number")
    if not np.all(np.isfinite(nodes.value[leaf])) or not np.all(np.isfinite(nodes.base)):
        raise _damaged("a leaf or an intercept that is not finite")
    if not np.all(np.isfinite(nodes.cover)) or np.any(nodes.cover < 0):
        raise _damaged("a cover that is negative or not finite")


def _damaged(what: str) -> InputError:
    return InputError(
        f"The model holds {what}, so it is not a tree ensemble that can be read. "
        "Its file or bytes may be damaged: train it again, or load it anew."
    )


def feature_names(names: Iterable[object] | None, columns: int) -> tuple[str, ...]:
    """Return the names the model learned as text, or "x0", "x1", ...

    Examples
    --------
    >>> feature_names(None, 2)
    ('x0', 'x1')
    """
    found = tuple(f"x{j}" for j in range(columns)) if names is None else tuple(map(str, names))
    if len(found) != columns:
        raise _damaged(f"{len(found)} feature names for {columns} columns")
    return found


def output_names(classes: Iterable[object] | None, outputs: int) -> tuple[str, ...]:
    """Name the outputs: by class where classes are known, else "y", or "y0", "y1", ...

    A binary classifier with one output speaks for its second class.

    Examples
    --------
    >>> output_names(["bad", "good"], 1), output_names(None, 2), output_names(None, 1)
    (('good',), ('y0', 'y1'), ('y',))
    """
    labels = None if classes is None else tuple(str(label) for label in classes)
    if labels is not None and len(labels) == outputs:
        return labels
    if labels is not None and outputs == 1 and len(labels) == 2:  # noqa: PLR2004  binary
        return labels[1:]
    return ("y",) if outputs == 1 else tuple(f"y{k}" for k in range(outputs))


def pair_names(classes: Iterable[object]) -> tuple[str, ...]:
    """Name each pair of classes, in the order of a support vector classifier.

    Examples
    --------
    >>> pair_names(["a", "b", "c"])
    ('a vs b', 'a vs c', 'b vs c')
    """
    return tuple(f"{a} vs {b}" for a, b in combinations(classes, 2))


def class_levels(classes: Iterable[object] | None) -> tuple[Level, ...]:
    """Return the classes of a classifier as plain values; none for other models.

    Examples
    --------
    >>> class_levels(np.array([0, 1])), class_levels(None)
    ((0, 1), ())
    """
    if classes is None:
        return ()
    plain = (c.item() if isinstance(c, np.generic) else c for c in classes)
    return tuple(c if isinstance(c, (str, int, float)) else str(c) for c in plain)


def check_columns(table: Table, features: tuple[str, ...], *, named: bool) -> None:
    """Refuse a table that does not have the columns of the model, in the model's order.

    Raises
    ------
    InputError
        If the number of columns differs, or, where both bear names, the names.
    """
    if len(table.names) != len(features):
        raise InputError(
            f"The table has {len(table.names)} columns; the model was trained on "
            f"{len(features)}: {', '.join(features[:20])}. Hand in those columns, in that order."
        )
    if named and table.named and table.names != features:
        wrong = next((a, b) for a, b in zip(table.names, features, strict=True) if a != b)
        raise InputError(
            f"The table has column {wrong[0]!r} where the model expects {wrong[1]!r}. "
            f"Order the columns as in training: {', '.join(features[:20])}."
        )


def recode(
    codes: Floats, levels: Sequence[Level], known: Sequence[Level], unseen: float = np.nan
) -> Floats:
    """Turn codes into ``levels`` (the table's) into codes into ``known`` (the model's).

    Parameters
    ----------
    codes : array of shape (rows,)
        NaN is missing and stays so.
    levels, known : sequences
        Categories by code. ``1``, ``1.0`` and ``True`` are the same category, ``"1"`` is not. Of
        equal categories in ``known`` the first counts.
    unseen : float
        What becomes of a category that the model does not know.

    Examples
    --------
    >>> recode(np.array([0.0, 1.0, np.nan]), ["b", "z"], ["a", "b"], unseen=-1)
    array([ 1., -1., nan])
    """
    place: dict[Level, float] = {}
    for code, level in enumerate(known):
        place.setdefault(level, float(code))
    lookup = np.array([*(place.get(level, unseen) for level in levels), np.nan])
    return lookup[np.where(np.isnan(codes), len(levels), codes).astype(np.int64)]
