"""Rows slid down the gradient of a network until it answers as wanted, the shorter the better.

What is descended is the distance, with the goal as a penalty that grows while it is missed [1]_, by
Adam, in units of the columns' scales. What comes of it is brought to the grid and within the
constraints, and is where the search goes on from.

References
----------
.. [1] Wachter, Mittelstadt and Russell 2017, arXiv:1711.00399.
"""

import numpy as np

from whence.core.types import Bools, Ints
from whence.maskers.proposals import Menu
from whence.maskers.quest import Quest

_STEPS = 60
_RATE = 0.05
"""Step of Adam at first, as a share of a column's scale; it falls to a tenth."""
_PENALTY, _GROWTH = 1.0, 1.15
_TRIED = 6
"""Every so many steps what has been reached is tried."""
_FADE, _FADE_SQUARE = 0.9, 0.99


def slides(quest: Quest) -> bool:
    """Tell whether the model of a quest gives gradients by the numbers of its table."""
    return quest.view.slope is not None and not quest.room.may


def descend(quest: Quest, menu: Menu, rows: Ints) -> None:
    """Slide rows down the gradient, and try what is reached on the way."""
    room, slope = quest.room, quest.view.slope
    moves = _moves(quest)
    if not len(rows) or slope is None or not moves.any():
        return
    unit = np.where(moves, room.ground.scale, 0.0)
    start, price = menu.start[rows], room.ground.limits.price
    C = np.where(np.isnan(start), 0.0, start)
    first, second, penalty = np.zeros(C.shape), np.zeros(C.shape), np.full(len(rows), _PENALTY)
    weights = quest.goal.pull(quest.view.ask(room.written(start, rows)), quest.now[rows])
    quest.asked[rows] += 1
    for step in range(1, _STEPS + 1):
        raw, rise = slope(room.written(np.where(np.isnan(start), start, C), rows), weights)
        quest.asked[rows] += 1
        met = quest.goal.met(quest.goal.score(raw, quest.now[rows]))
        weights = quest.goal.pull(raw, quest.now[rows])
        size = np.abs(rise * unit).max(axis=1, keepdims=True)
        push = np.nan_to_num(rise) * unit / np.maximum(size, 1e-300)
        pull = np.where(met[:, None], 0.0, -penalty[:, None] * push)
        grade = price * np.sign(np.nan_to_num(C - start)) * 0.5 + pull
        penalty = np.where(met, penalty, penalty * _GROWTH)
        first = _FADE * first + (1 - _FADE) * grade
        second = _FADE_SQUARE * second + (1 - _FADE_SQUARE) * grade**2
        adam = first / (1 - _FADE**step) / (np.sqrt(second / (1 - _FADE_SQUARE**step)) + 1e-8)
        C = C - _RATE * (1 - 0.9 * step / _STEPS) * adam * unit
        C = np.where(moves, np.fmin(np.fmax(C, room.first[rows]), room.last[rows]), C)
        if step % _TRIED == 0:
            quest.attempt(room.nearest(np.where(np.isnan(start), start, C), rows), rows)


def _moves(quest: Quest) -> Bools:
    """Tell which columns are changed by themselves."""
    units = quest.room.ground.units
    single = [int(unit[0]) for unit in units if len(unit) == 1]
    return np.isin(np.arange(quest.room.X.shape[1]), single)
