"""A tree found again from its leaves.

A leaf is a box: an interval or a set of categories for each feature. The root of any tree splits
its leaves into groups that are apart along one feature, and so does each node below it. So the
leaves are split by a feature along which they fall apart, the first of the conditions that they
begin with where there are several; what comes out decides as the tree does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from whence.core.errors import InputError
from whence.core.rules import Predicate
from whence.core.types import Floats, Level
from whence.core.words import CATEGORIES, condition

FEW = 3
"""Categories up to which they are told instead of the more numerous others."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Branch:
    """A node of a tree.

    Attributes
    ----------
    said : str
        The condition that leads from the node above to this one; "" at the root.
    leaves : tuple of int
        Positions of the rules at or below it.
    parts : tuple of Branch
        The nodes right below; none at a leaf.
    """

    said: str
    leaves: tuple[int, ...]
    parts: tuple["Branch", ...] = ()

    @property
    def depth(self) -> int:
        """How many conditions follow one another below, at most."""
        return 1 + max(part.depth for part in self.parts) if self.parts else 0

    def ends(self) -> "list[Branch]":
        """Return the nodes without any below, from the top down."""
        return [end for part in self.parts for end in part.ends()] if self.parts else [self]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """What a leaf says of one feature; everything where it says nothing."""

    low: float = -math.inf
    high: float = math.inf
    levels: frozenset[Level] | None = None
    missing: bool = True

    def met(self, p: Predicate) -> "_Box":
        """Return what is left of the box where a condition holds too."""
        levels = self.levels
        if p.levels is not None:
            own = frozenset(p.levels)
            levels = own if levels is None else levels & own
        return _Box(
            low=max(self.low, p.low), high=min(self.high, p.high), levels=levels,
            missing=self.missing and p.missing,
        )  # fmt: skip

    @property
    def empty(self) -> bool:
        """Whether only missing values are in it."""
        return self.low >= self.high or (self.levels is not None and not self.levels)

    def apart(self, other: "_Box") -> bool:
        """Whether no value is in both."""
        if self.missing and other.missing:
            return False
        if self.empty or other.empty:
            return True
        if self.levels is not None or other.levels is not None:
            both = self.levels is not None and other.levels is not None
            return both and not (self.levels or frozenset()) & (other.levels or frozenset())
        return self.high <= other.low or other.high <= self.low


def tree_of(rules: Sequence[Sequence[Predicate]]) -> Branch:
    """Return the tree that rules are the leaves of.

    Parameters
    ----------
    rules : sequence of sequences of Predicate
        Conditions in the order of the nodes, several about one feature as they are or as one.

    Raises
    ------
    InputError
        If no tree has such leaves, because some of them overlap.

    Examples
    --------
    >>> old, young = Predicate(feature="age", low=37.0), Predicate(feature="age", high=37.0)
    >>> [part.said for part in tree_of([(young,), (old,)]).parts]
    ['age ≤ 37', 'age > 37']
    """
    boxes: list[dict[str, _Box]] = []
    for rule in rules:
        box: dict[str, _Box] = {}
        for p in rule:
            box[p.feature] = box.get(p.feature, _Box()).met(p)
        boxes.append(box)
    order = [tuple(dict.fromkeys(p.feature for p in rule)) for rule in rules]
    return _grown(boxes, order, tuple(range(len(rules))), "")


def _grown(
    boxes: list[dict[str, _Box]], order: list[tuple[str, ...]], at: tuple[int, ...], said: str
) -> Branch:
    if len(at) == 1:
        return Branch(said=said, leaves=at)
    for feature in _candidates(order, at):
        groups = _groups([boxes[i].get(feature, _Box()) for i in at], at)
        if len(groups) > 1:
            groups = _two_sides(boxes, feature, groups)
            words = [_words(boxes, feature, group, groups) for group in groups]
            parts = [_grown(boxes, order, g, w) for g, w in zip(groups, words, strict=True)]
            return Branch(said=said, leaves=at, parts=tuple(parts))
    raise InputError(
        f"{len(at)} of these rules overlap, such as {at[0]} and {at[1]}, so they are no leaves of "
        "a tree. Draw them with `rules`."
    )


def _candidates(order: list[tuple[str, ...]], at: tuple[int, ...]) -> list[str]:
    """Return the features of some leaves, those that most leaves begin with first."""
    rank: dict[str, float] = {}
    for i in at:
        for place, feature in enumerate(order[i]):
            rank[feature] = rank.get(feature, 0.0) - 2.0**-place
    return sorted(rank, key=lambda feature: rank[feature])


def _groups(boxes: Sequence[_Box], at: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the leaves in groups, so that leaves of different ones are apart."""
    groups: list[list[int]] = []
    for k, box in enumerate(boxes):
        near = [g for g in groups if not all(box.apart(boxes[j]) for j in g)]
        groups = [g for g in groups if g not in near]
        groups.append(sorted([k, *(j for g in near for j in g)]))
    return [tuple(at[j] for j in group) for group in groups]


def _two_sides(
    boxes: list[dict[str, _Box]], feature: str, groups: list[tuple[int, ...]]
) -> list[tuple[int, ...]]:
    """Join groups along a feature of numbers to two, as even as can be, in ascending order."""
    known = [g for g in groups if not all(boxes[i].get(feature, _Box()).empty for i in g)]
    gone = [g for g in groups if g not in known]
    lowest = [min(boxes[i].get(feature, _Box()).low for i in g) for g in known]
    known = [known[i] for i in np.argsort(lowest, kind="stable")]
    if any(boxes[i].get(feature, _Box()).levels is not None for g in known for i in g):
        return known + gone
    if len(known) > 1:
        sizes = np.cumsum([len(g) for g in known])
        cut = int(np.abs(sizes[:-1] - sizes[-1] / 2).argmin()) + 1
        sides = known[:cut], known[cut:]
        known = [tuple(sorted(i for g in side for i in g)) for side in sides]
    return known + gone


def _words(
    boxes: list[dict[str, _Box]],
    feature: str,
    group: tuple[int, ...],
    groups: list[tuple[int, ...]],
) -> str:
    """Say what sets a group apart from the others along a feature."""
    own = [boxes[i].get(feature, _Box()) for i in group]
    filled = [box for box in own if not box.empty]
    missing = any(box.missing for box in own)
    if not filled:
        return str(Predicate(feature=feature, low=1.0, high=0.0, missing=True))
    if filled[0].levels is not None:
        found = {level for box in filled for level in box.levels or ()}
        levels = tuple(sorted(found, key=str))
        others = {i: boxes[i].get(feature, _Box()) for g in groups if g != group for i in g}
        left = {level for box in others.values() for level in box.levels or ()}
        if len(found) > CATEGORIES and len(left) <= FEW and not missing:
            listed = ", ".join(sorted(map(str, left)))
            return f"{feature} ≠ {listed}" if len(left) == 1 else f"{feature} not in {{{listed}}}"
        return condition(Predicate(feature=feature, levels=levels, missing=missing))
    rest = [boxes[i].get(feature, _Box()) for g in groups if g != group for i in g]
    rest = [box for box in rest if not box.empty]
    low = min(box.low for box in filled)
    high = max(box.high for box in filled)
    if not any(box.high <= low for box in rest):
        low = -math.inf
    if not any(box.low >= high for box in rest):
        high = math.inf
    return str(Predicate(feature=feature, low=low, high=high, missing=missing and bool(rest)))


def pruned(tree: Branch, most: int, weight: Floats) -> Branch:
    """Return a tree of at most so many ends: the lightest ones are joined where they part."""
    while len(tree.ends()) > most:
        lightest = min(_last_splits(tree), key=lambda node: float(weight[list(node.leaves)].sum()))
        tree = _joined(tree, lightest)
    return tree


def _last_splits(tree: Branch) -> list[Branch]:
    """Return the nodes that have nothing but ends below."""
    if not tree.parts:
        return []
    below = [node for part in tree.parts for node in _last_splits(part)]
    return below or [tree]


def _joined(tree: Branch, node: Branch) -> Branch:
    if tree is node:
        return replace(tree, parts=())
    return replace(tree, parts=tuple(_joined(part, node) for part in tree.parts))
