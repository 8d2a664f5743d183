"""Several changed rows for one, which lie apart."""

import numpy as np

from whence.core.types import Floats, Ints
from whence.kernels.gower import distances
from whence.kernels.spread_out import spread_out
from whence.maskers.polish import polish
from whence.maskers.proposals import Menu
from whence.maskers.quest import Quest

_POOL = 256
"""Candidates of a row, the cheapest, among which those are picked that lie apart."""


def several(quest: Quest, menu: Menu, count: int) -> None:
    """Make a pool of up to ``count`` rows for each row of a quest, which lie apart.

    Twice as many are picked among all that were seen to do what is wanted; each is brought as near
    as its own changes allow, and among those the nearest and what lies apart from it is kept.
    """
    found = np.flatnonzero(quest.found)
    if not len(found):
        return
    best, cost = quest.best.copy(), quest.cost.copy()
    C, row = _apart(quest, *_pooled(quest), found, 2 * count)
    made, whose = [best[found]], [found]
    turn = np.arange(len(row)) - np.searchsorted(row, row)
    for k in range(1, int(turn.max(initial=0)) + 1):
        at = np.flatnonzero(turn == k)
        quest.best[row[at]], quest.cost[row[at]] = C[at], quest.room.cost(C[at], row[at])
        polish(quest, menu, row[at])
        made.append(quest.best[row[at]])
        whose.append(row[at])
    quest.best, quest.cost = best, cost
    row = np.concatenate(whose)
    order = np.argsort(row, kind="stable")
    C, row = _apart(quest, np.concatenate(made)[order], row[order], found, count)
    quest.pool = [(row, C)]


def _pooled(quest: Quest) -> tuple[Floats, Ints]:
    rows = np.concatenate([r for r, _ in quest.pool])
    return np.concatenate([C for _, C in quest.pool]), rows


def _apart(quest: Quest, C: Floats, row: Ints, found: Ints, count: int) -> tuple[Floats, Ints]:
    """Return what lies apart among candidates, the nearest first, and the row of each."""
    room, cost, taken = quest.room, quest.room.cost(C, row), []
    for i in found:
        own = np.flatnonzero(row == i)
        own = own[np.argsort(cost[own], kind="stable")[:_POOL]]
        apart = distances(C[own], C[own], room.ground.scale, room.category())
        taken.append(own[spread_out(apart, cost[own], count)])
    at = np.concatenate(taken)
    return C[at], row[at]
