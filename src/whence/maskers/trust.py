"""How usual a changed row is, and whether rows that are nearly the same do what is wanted, too."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from whence.core.types import Floats, Ints
from whence.kernels.binomial import lower_bound
from whence.kernels.standing import conformal
from whence.maskers.quest import Quest

_REAL = 500
"""Rows of the background that a changed row is compared with at most."""
_NEIGHBORS = 5
_DRAWS = 59
"""Slightly different rows: as many as certify 95 % if all of them do."""


def plausibility(quest: Quest, C: Floats, row: Ints, answers: Floats) -> Floats:
    """Return conformal p-values of changed rows among real ones that are answered as wanted.

    Parameters
    ----------
    quest : Quest
    C : array of shape (candidates, columns)
    row : int array of shape (candidates,)
    answers : array of shape (background, outputs)

    Returns
    -------
    array of shape (candidates,)
        NaN where fewer than two rows of the background are answered so.
    """
    room, out = quest.room, np.full(len(C), np.nan)
    for now in np.unique(quest.now[row]):
        own = np.full(len(answers), now)
        alike = np.flatnonzero(quest.goal.met(quest.goal.score(answers, own)))
        if len(alike) > 1:
            every = np.round(np.linspace(0, len(alike) - 1, min(len(alike), _REAL)))
            real = room.Z[alike[every.astype(np.int64)]]
            at = np.flatnonzero(quest.now[row] == now)
            out[at] = conformal(
                real, C[at], room.ground.scale, room.category(), neighbors=_NEIGHBORS
            )
    return out


def robustness(
    quest: Quest, C: Floats, row: Ints, noise: float, draws: Callable[[], list[Generator]]
) -> Floats:
    """Return lower 95 % bounds of the share of slightly different rows that do it, too.

    Each number, but for immutable ones, is moved by a normal error of standard deviation ``noise``
    times the column's scale, to its grid, inside of the background's range.
    """
    room, own = quest.room, draws()
    ground = room.ground
    moves = np.flatnonzero(~room.category() & ~ground.limits.immutable)
    made = np.repeat(C, _DRAWS, axis=0)
    whose = np.repeat(row, _DRAWS)
    for i in np.unique(row):
        at = np.flatnonzero(whose == i)
        error = own[i].normal(0.0, noise, size=(len(at), len(moves))) * ground.scale[moves]
        made[np.ix_(at, moves)] += error
    there = np.repeat(C, _DRAWS, axis=0)[:, moves]
    low, high = np.fmin(ground.least[moves], there), np.fmax(ground.most[moves], there)
    made[:, moves] = np.clip(made[:, moves], low, high)
    for j in moves:
        made[:, j] = np.round(made[:, j], int(ground.decimals[j]))
    does = quest.goal.met(quest.scored(made, whose)).reshape(len(C), _DRAWS)
    return lower_bound(does.sum(axis=1), np.full(len(does), _DRAWS), 0.05)
