"""Changes taken back as far as a row still does what is wanted, for many rows at once."""

import numpy as np

from whence.core.types import Floats, Ints
from whence.maskers.proposals import Menu, Trial
from whence.maskers.quest import Quest

_SECTIONS = 7
_DEEPEST = 8
"""Times that an interval is cut; five times are enough for a millionth of it."""


def polish(quest: Quest, menu: Menu, rows: Ints) -> None:
    """Take back what is not needed of the best found, and move numbers back as far as can be."""
    if not len(rows):
        return
    live = rows
    for _ in range(len(quest.room.ground.units)):
        before = quest.cost[live].copy()
        if not len(live) or not _take_back(quest, menu, live):
            break
        live = live[quest.cost[live] < before]
    for rank in range(len(quest.room.ground.units)):
        rows = _section(quest, menu, rows, rank)
        if not len(rows):
            break


def _take_back(quest: Quest, menu: Menu, rows: Ints) -> bool:
    """Try the best of each row without each of its changes; tell whether there was any."""
    made, whose = [], []
    for columns in quest.room.ground.units:
        now, start = quest.best[rows][:, columns], menu.start[rows][:, columns]
        at = np.flatnonzero(((now != start) & ~(np.isnan(now) & np.isnan(start))).any(axis=1))
        C = quest.best[rows[at]].copy()
        C[:, columns] = start[at]
        made.append(C)
        whose.append(rows[at])
    C, row = np.concatenate(made), np.concatenate(whose)
    several = np.bincount(row, minlength=len(quest.cost))[row] > 1
    if several.any():
        quest.attempt(C[several], row[several])
    return bool(several.any())


def _section(quest: Quest, menu: Menu, rows: Ints, rank: int) -> Ints:
    """Move the number whose change costs most (or next to it, by rank) back towards its start.

    Returns the rows that have a change of such a rank.
    """
    room = quest.room
    single = [int(unit[0]) for unit in room.ground.units if len(unit) == 1]
    numeric = np.array([j for j in single if j not in room.may], dtype=np.int64)
    if not len(numeric) or not len(rows):
        return rows[:0]
    parts = room.parts(quest.best[rows], rows)[:, numeric]
    order = np.argsort(-parts, axis=1, kind="stable")
    if rank >= order.shape[1]:
        return rows[:0]
    column = order[:, rank]
    rows, column = (a[parts[np.arange(len(rows)), column] > 0] for a in (rows, numeric[column]))
    best = quest.best[rows]
    near, far = menu.start[rows, column], best[np.arange(len(rows)), column]
    _narrow(quest, best, rows, column, near, far)
    return rows


def _narrow(quest: Quest, base: Floats, row: Ints, column: Ints, near: Floats, far: Floats) -> None:
    """Find the number nearest to ``near``, in one column of changed rows, that still does it.

    Parameters
    ----------
    quest : Quest
    base : array of shape (jobs, columns)
        Rows in which one column is moved.
    row, column : int arrays of shape (jobs,)
    near, far : arrays of shape (jobs,)
        The number in ``far`` does it, that in ``near`` does not.
    """
    shares = np.arange(1, _SECTIONS + 1) / (_SECTIONS + 1)
    live = np.arange(len(row))
    for _ in range(_DEEPEST):
        C = base[live].copy()
        C[np.arange(len(live)), column[live]] = near[live]
        worth = quest.room.cost(C, row[live]) < quest.cost[row[live]] - 1e-12
        live = live[worth]
        C = np.repeat(C[worth], _SECTIONS, axis=0)
        spot = np.arange(len(C)), np.repeat(column[live], _SECTIONS)
        C[spot] = (near[live, None] + (far - near)[live, None] * shares).reshape(-1)
        whose = np.repeat(row[live], _SECTIONS)
        C[spot] = quest.room.nearest(C, whose)[spot]
        points = C[spot].reshape(-1, _SECTIONS)
        fresh = (points != near[live, None]) & (points != far[live, None])
        fresh[:, 1:] &= points[:, 1:] != points[:, :-1]
        use = fresh.reshape(-1)
        if not use.any():
            return
        score = np.full(len(C), -np.inf)
        score[use], _ = quest.attempt(C[use], whose[use])
        good = quest.goal.met(score).reshape(points.shape) & fresh
        at = np.arange(len(live))
        first = np.where(good.any(axis=1), good.argmax(axis=1), _SECTIONS)
        before = fresh & (np.arange(_SECTIONS) < first[:, None])
        last = _SECTIONS - 1 - before[:, ::-1].argmax(axis=1)
        near[live] = np.where(before.any(axis=1), points[at, last], near[live])
        hit = np.minimum(first, _SECTIONS - 1)
        far[live] = np.where(first < _SECTIONS, points[at, hit], far[live])
        live = live[fresh.any(axis=1)]


def alone(quest: Quest, menu: Menu, row: Ints, trials: list[Trial], score: Floats) -> None:
    """Find, for each number whose change alone does it, the nearest that does.

    Parameters
    ----------
    quest : Quest
    menu : Menu
    row : int array of shape (rows,)
        Rows that were tried with each change alone.
    trials : list of Trial
    score : array of shape (rows, units, alternatives)
        -inf where an alternative was not tried, or is not allowed.
    """
    jobs: list[tuple[Ints, Ints, Floats, Floats]] = []
    for u, t in enumerate(trials):
        if len(t.columns) > 1 or int(t.columns[0]) in quest.room.may:
            continue
        j, reached = int(t.columns[0]), score[:, u, : t.values.shape[1]]
        x = menu.start[row, j]
        apart = t.values[:, :, 0] - x[:, None]
        does = quest.goal.met(reached) & np.isfinite(reached)
        for sign in (1.0, -1.0):
            side = (apart * sign > 0) & np.isfinite(reached)
            far = np.where(side & does, np.abs(apart), np.inf).min(axis=1)
            short = side & ~does & (np.abs(apart) < far[:, None])
            near = np.where(short, np.abs(apart), 0.0).max(axis=1)
            at = np.flatnonzero(np.isfinite(far))
            jobs.append((at, np.full(len(at), j), (x + sign * near)[at], (x + sign * far)[at]))
    if jobs:
        at, column, near, far = (np.concatenate(parts) for parts in zip(*jobs, strict=True))
        _narrow(quest, menu.start[row[at]], row[at], column, near, far)
