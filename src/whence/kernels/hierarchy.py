"""Players in groups of groups: Owen values, exactly or by the orders that keep groups together.

With a hierarchy of players only those orders count in which the players of each group come one
right after another, all such orders alike. A coalition that comes up then splits at most one of the
parts of each group, and those that do are few: of a balanced tree of ``n`` players some ``n ** 2``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from whence.core.game import Estimate, Sampler
from whence.core.types import Bools, Floats, Ints
from whence.kernels.coalition_values import Exactly, members, numbers_of

Block: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """Groups of players.

    Attributes
    ----------
    players : int
    groups : tuple of tuples of tuples of int
        The parts that each group is divided into, each part the players in it; larger groups come
        before the groups that are parts of them, and the first holds all players.
    """

    players: int
    groups: tuple[tuple[Block, ...], ...]

    @property
    def coalitions(self) -> int:
        """Return how many coalitions can come up, beside nobody and everybody."""
        times, total = {tuple(range(self.players)): 1}, 0
        for parts in self.groups:
            here = times[_all(parts)]
            total += here * (2 ** len(parts) - 2)
            times |= {part: here * 2 ** (len(parts) - 1) for part in parts}
        return total

    def orders(self, count: int, rng: Generator) -> Ints:
        """Draw orders that keep all groups together, (count, players)."""
        place = np.zeros((count, self.players), dtype=np.int64)
        for parts in self.groups:
            turns = rng.permuted(np.tile(np.arange(len(parts)), (count, 1)), axis=1)
            sizes = np.array([len(part) for part in parts])[turns]
            first = np.empty_like(turns)
            np.put_along_axis(first, turns, np.cumsum(sizes, axis=1) - sizes, axis=1)
            for j, part in enumerate(parts):
                place[:, list(part)] += first[:, j : j + 1]
        return np.argsort(place, axis=1)


def nested(tree: object, player: Callable[[object], int]) -> list[tuple[Block, ...]]:
    """Return the groups of nested tuples, the whole first.

    Parameters
    ----------
    tree : nested tuples or lists
    player : callable
        What stands at a leaf -> number of the player.

    Examples
    --------
    >>> nested(((0, 1), 2), int)
    [((0, 1), (2,)), ((0,), (1,))]
    """
    if not isinstance(tree, (tuple, list)):
        return []
    if len(tree) == 1:
        return nested(tree[0], player)
    below = [nested(part, player) for part in tree]
    blocks = [
        _all(groups[0]) if groups else (player(_only(part)),)
        for part, groups in zip(tree, below, strict=True)
    ]
    return [tuple(blocks), *(group for groups in below for group in groups)]


def merged(pairs: Sequence[tuple[int, int]]) -> Hierarchy:
    """Return the hierarchy of successive merges of two clusters, numbered as in scipy's linkage."""
    n = len(pairs) + 1
    clusters: list[Block] = [(i,) for i in range(n)]
    for a, b in pairs:
        clusters.append(_all((clusters[a], clusters[b])))
    groups = tuple((clusters[a], clusters[b]) for a, b in reversed(pairs))
    return Hierarchy(players=n, groups=groups)


def halved(points: Floats) -> Hierarchy:
    """Return the hierarchy of points that are cut in two again and again, across the longer side.

    Parameters
    ----------
    points : array of shape (players, axes)
    """
    groups: list[tuple[Block, ...]] = []
    todo = [np.arange(len(points))]
    while todo:
        block = todo.pop()
        if len(block) > 1:
            inside = points[block]
            axis = int(np.argmax(np.ptp(inside, axis=0)))
            ordered = block[np.argsort(inside[:, axis], kind="stable")]
            halves = np.split(ordered, [(len(block) + 1) // 2])
            groups.append(tuple(tuple(sorted(half.tolist())) for half in halves))
            todo.extend(reversed(halves))
    return Hierarchy(players=len(points), groups=tuple(groups))


def clustered(columns: Floats) -> Hierarchy:
    """Return the hierarchy of columns that move together.

    Average linkage by one minus the size of Spearman's rank correlation; a missing cell ranks
    lowest, and a constant column correlates with none.

    Parameters
    ----------
    columns : array of shape (rows, columns)
    """
    ranks = np.column_stack([_ranks(column) for column in columns.T])
    ranks -= ranks.mean(axis=0)
    length = np.sqrt((ranks**2).sum(axis=0))
    ranks /= np.where(length > 0, length, 1.0)
    return merged(average_linkage(1 - np.abs(ranks.T @ ranks)))


def average_linkage(distance: Floats) -> list[tuple[int, int]]:
    """Return which clusters are merged, nearest first, numbered as in scipy's linkage."""
    n = len(distance)
    apart = distance.astype(np.float64, copy=True)
    np.fill_diagonal(apart, np.inf)
    number, size, pairs = np.arange(n), np.ones(n), []
    for step in range(n - 1):
        i, j = sorted(divmod(int(np.argmin(apart)), n))
        pairs.append((int(min(number[i], number[j])), int(max(number[i], number[j]))))
        mean = (size[i] * apart[i] + size[j] * apart[j]) / (size[i] + size[j])
        apart[i] = apart[:, i] = mean
        apart[i, i] = apart[j] = apart[:, j] = np.inf
        number[i], size[i] = n + step, size[i] + size[j]
    return pairs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwenPlan:
    """All coalitions that can come up, and how the values are made of their worth.

    Attributes
    ----------
    known : bool array of shape (coalitions, players)
        Without nobody and everybody.
    before, after : tuples of int arrays, one per player
        Coalitions before and after the player is added; -2 is nobody and -1 everybody.
    weights : tuple of arrays, one per player
        Probability of each.
    """

    known: Bools
    before: tuple[Ints, ...]
    after: tuple[Ints, ...]
    weights: tuple[Floats, ...]

    def values(self, worth: Floats) -> Floats:
        """Return the values (players, outputs) of worth (coalitions + 2, outputs)."""
        steps = zip(self.weights, self.after, self.before, strict=True)
        return np.array([w @ (worth[a] - worth[b]) for w, a, b in steps])


@lru_cache(maxsize=16)
def owen_plan(hierarchy: Hierarchy) -> OwenPlan:
    """Return the plan of exact values."""
    n = hierarchy.players
    contexts = _contexts(hierarchy)
    before = [known for known, _ in contexts]
    after = [known | (np.arange(n) == i) for i, known in enumerate(before)]
    packed = np.packbits(np.concatenate([*before, *after]), axis=1)
    distinct, place = np.unique(packed, axis=0, return_inverse=True)
    known = np.unpackbits(distinct, axis=1, count=n).astype(bool)
    inner = known.any(axis=1) & ~known.all(axis=1)
    number = np.where(inner, np.cumsum(inner) - 1, np.where(known.all(axis=1), -1, -2))
    parts = np.split(number[place.ravel()], np.cumsum([len(b) for b in (*before, *after)])[:-1])
    return OwenPlan(
        known=known[inner],
        before=tuple(parts[:n]),
        after=tuple(parts[n:]),
        weights=tuple(weight for _, weight in contexts),
    )


@lru_cache(maxsize=16)
def owen_steps(hierarchy: Hierarchy) -> Floats:
    """Return the probability that a walk comes by a coalition and adds a player next.

    Returns
    -------
    array of shape (2**players, players)
    """
    steps = np.zeros((2**hierarchy.players, hierarchy.players))
    for i, (known, weight) in enumerate(_contexts(hierarchy)):
        steps[numbers_of(known), i] = weight
    steps.flags.writeable = False
    return steps


def owen_exactly(hierarchy: Hierarchy, nobody: Floats, everybody: Floats) -> Exactly:
    """Return the sampler that asks for all coalitions that can come up."""
    plan = owen_plan(hierarchy)
    return Exactly(
        total=len(plan.known),
        take=lambda first, last: plan.known[first:last],
        values=lambda worth: plan.values(np.concatenate([worth, nobody[None], everybody[None]])),
        outputs=len(nobody),
    )


class ExactIfCheap:
    """Takes the exact way where the budget allows, and the sampled one elsewhere.

    Parameters
    ----------
    cost : int
        Coalitions of the exact way.
    limit : int
        Coalitions above which it is not taken, whatever the budget.
    exact : callable
        Makes the exact sampler.
    sampled : Sampler
    """

    __slots__ = ("_cost", "_exact", "_limit", "_sampled", "_used", "fewest")

    def __init__(
        self, *, cost: int, limit: int, exact: Callable[[], Sampler], sampled: Sampler
    ) -> None:
        self._cost, self._limit, self._exact, self._sampled = cost, limit, exact, sampled
        self._used: Sampler | None = None
        self.fewest = min(cost, sampled.fewest) if cost <= limit else sampled.fewest

    def ask(self, most: int) -> Bools:
        """Return the next coalitions of the way taken."""
        if self._used is None:
            cheap = self._cost <= min(most, self._limit)
            self._used = self._exact() if cheap else self._sampled
        return self._used.ask(most)

    def tell(self, worth: Floats) -> None:
        """Take their worth."""
        self._way.tell(worth)

    def estimate(self) -> Estimate | None:
        """Return what the way taken says."""
        return self._way.estimate()

    @property
    def _way(self) -> Sampler:
        if self._used is None:
            raise RuntimeError("Nothing was asked yet.")
        return self._used


def _contexts(hierarchy: Hierarchy) -> list[tuple[Bools, Floats]]:
    """Return for each player what may be known before it, and the probability of each."""
    n = hierarchy.players
    found = {tuple(range(n)): (np.zeros((1, n), dtype=bool), np.ones(1))}
    for parts in hierarchy.groups:
        known, weight = found.pop(_all(parts))
        m = len(parts)
        others = members(np.arange(2 ** (m - 1)), m - 1)
        chance = np.array([1 / (m * comb(m - 1, size)) for size in range(m)])[others.sum(axis=1)]
        inside = np.array([np.isin(np.arange(n), part) for part in parts])
        for j, part in enumerate(parts):
            beside = others @ np.delete(inside, j, axis=0)
            both = known[:, None, :] | beside[None]
            found[part] = (both.reshape(-1, n), (weight[:, None] * chance).ravel())
    return [found[i,] for i in range(n)]


def _only(tree: object) -> object:
    """Return what stands in tuples around a single player."""
    return _only(tree[0]) if isinstance(tree, (tuple, list)) else tree


def _all(parts: Sequence[Block]) -> Block:
    return tuple(sorted(player for part in parts for player in part))


def _ranks(column: Floats) -> Floats:
    """Return ranks, the mean rank where cells are equal."""
    lowest = np.where(np.isnan(column), -np.inf, column)
    _, place, count = np.unique(lowest, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place], dtype=np.float64)
