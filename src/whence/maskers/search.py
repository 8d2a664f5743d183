"""The search for the nearest row that a model answers as wanted, whatever the model.

All rows of a block are searched together, in few large questions to the model:

1. The nearest rows of the background that are answered so, brought within the constraints.
2. Every column is changed alone, to some values each. What each change does to the answer, and
   what it costs, makes a problem of choice: the cheapest set of changes that would do together, if
   effects added up. The best few such sets are tried. This is repeated from the best row found,
   with values ever nearer, as long as it helps.
3. Of the best, each change is taken back if it is not needed, and each number is moved back
   towards where it was, by sections, to the last point of its grid that still does.

Where no such row is in the background and no set of changes does, random rows are drawn from
growing surroundings.

References
----------
Brughmans, Leyman and Martens 2024 (nearest unlike neighbors), doi:10.1007/s10618-023-00930-y;
Laugel et al. 2018 (growing spheres), doi:10.1007/978-3-319-91473-2_9.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from whence.core.types import Bools, Floats, Ints
from whence.kernels.cheapest_choice import cheapest_choices
from whence.maskers.polish import alone, polish
from whence.maskers.proposals import Menu, Trial
from whence.maskers.quest import Quest

_NEIGHBORS = 16
_MORE_NEIGHBORS = 128
_LOOKED_AT = 4_096
"""Rows of the background that neighbors are looked for among."""
_MULTIPLES = (0.8, 0.95, 1.05, 1.2, 1.4, 1.7, 2.0)
"""How much more than needed the effects of a set of changes are asked to add up to."""
_CHEAP = 0.5
"""Price up to which changes are tried first."""
_ROUNDS = 6
_GAIN = 2e-3
"""Share of the cost that a round has to save, for another to follow."""
_DRAWS = 32
_RADII = 8


def begin(quest: Quest, menu: Menu) -> Ints:
    """Try the rows as they are, inside their bounds, and return those that have to be changed."""
    rows = np.flatnonzero(~quest.room.impossible().any(axis=1))
    if len(rows):
        quest.attempt(menu.start[rows], rows)
        rows = rows[quest.cost[rows] > quest.room.cost(menu.start[rows], rows) + 1e-12]
    return rows


def search(
    quest: Quest,
    menu: Menu,
    rows: Ints,
    answers: Floats,
    draws: Callable[[], list[Generator]],
    *,
    budget: int,
) -> None:
    """Look for the nearest rows that do what is wanted.

    Parameters
    ----------
    quest : Quest
    menu : Menu
        What can be tried.
    rows : int array
        The rows of the quest that have to be changed, from `begin`.
    answers : array of shape (background, outputs)
        What the model says about the background.
    draws : callable
        Returns a generator of random numbers for each row.
    budget : int
        Questions to the model for one row, after which no new round is begun.
    """
    if not len(rows) or not quest.room.ground.units:
        return
    neighbors = _Neighbors(quest, answers)
    neighbors.attempt(rows, 0, _NEIGHBORS)
    _sweep(quest, menu, menu.start[rows], rows, budget)
    _widen(quest, menu, neighbors, rows, draws, budget)
    live = rows
    for _ in range(_ROUNDS):
        live = live[quest.asked[live] < budget]
        if not len(live):
            return
        before = quest.cost[live]
        base = np.where(quest.found[live, None], quest.best[live], quest.top[live])
        _sweep(quest, menu, base, live, budget)
        polish(quest, menu, live[quest.found[live]])
        live = live[quest.cost[live] < (1 - _GAIN) * before]


def _widen(
    quest: Quest,
    menu: Menu,
    neighbors: "_Neighbors",
    rows: Ints,
    draws: Callable[[], list[Generator]],
    budget: int,
) -> None:
    """Look farther for the rows that nothing was found for."""
    lost = rows[~quest.found[rows]]
    if len(lost):
        neighbors.attempt(lost, _NEIGHBORS, _MORE_NEIGHBORS)
    lost = lost[~quest.found[lost]]
    if len(lost):
        own = draws()
        for radius in range(1, _RADII + 1):
            lost = lost[~quest.found[lost] & (quest.asked[lost] < budget)]
            if len(lost):
                drawn = [_drawn(quest, menu, int(i), own[i], radius / _RADII) for i in lost]
                quest.attempt(np.concatenate(drawn), np.repeat(lost, _DRAWS))


class _Neighbors:
    """Rows of the background that are answered as wanted, nearest first."""

    __slots__ = ("_found", "_quest", "_weight")

    def __init__(self, quest: Quest, answers: Floats) -> None:
        goal, room = quest.goal, quest.room
        self._quest = quest
        self._weight = np.where(room.ground.limits.immutable, 1.0, room.ground.limits.price)
        self._found: dict[int, Ints] = {}
        for now in np.unique(quest.now):
            own = np.full(len(answers), now)
            unlike = np.flatnonzero(goal.met(goal.score(answers, own)))
            every = np.linspace(0, len(unlike) - 1, min(len(unlike), _LOOKED_AT))
            self._found[int(now)] = unlike[np.round(every).astype(np.int64)]

    def attempt(self, rows: Ints, first: int, last: int) -> None:
        """Try those between two ranks, brought within the constraints."""
        wishes, whose = [], []
        for i in rows:
            near = self._nearest(int(i), last)[first:]
            wishes.append(self._quest.room.Z[near])
            whose.append(np.full(len(near), i))
        wish, row = np.concatenate(wishes), np.concatenate(whose)
        if len(wish):
            self._quest.attempt(brought(self._quest, wish, row), row)

    def _nearest(self, i: int, count: int) -> Ints:
        room, pool = self._quest.room, self._found[int(self._quest.now[i])]
        Z, x = room.Z[pool], room.X[i]
        with np.errstate(invalid="ignore"):
            apart = np.where(room.category(), x != Z, np.abs(Z - x) / room.ground.scale)
        apart = np.where(np.isnan(apart), 0.0, apart) @ self._weight
        return pool[np.argsort(apart, kind="stable")[:count]]


def brought(quest: Quest, wish: Floats, row: Ints) -> Floats:
    """Return rows brought within what single columns, and groups of them, may become."""
    room = quest.room
    made = room.nearest(wish, row)
    for group in room.ground.limits.together:
        same = (made[:, group] == wish[:, group]) | np.isnan(made[:, group])
        made[np.ix_(~same.all(axis=1), group)] = room.X[row[~same.all(axis=1)]][:, group]
    return made


def _drawn(quest: Quest, menu: Menu, i: int, rng: Generator, radius: float) -> Floats:
    """Return random rows from the surroundings of a row."""
    room = quest.room
    x = menu.start[i]
    low, high = x - radius * (x - room.first[i]), x + radius * (room.last[i] - x)
    least, most = np.nan_to_num(np.fmin(x, low)), np.nan_to_num(np.fmax(x, high))
    wish = rng.uniform(least, most, size=(_DRAWS, len(x)))
    for u, columns in enumerate(room.ground.units):
        if u in menu.common and len(menu.common[u]):
            some = menu.common[u][rng.integers(len(menu.common[u]), size=_DRAWS)]
            wish[:, columns] = some
        kept = rng.random(_DRAWS) > max(0.3, radius)
        wish[np.ix_(kept, columns)] = x[columns]
    return brought(quest, wish, np.full(_DRAWS, i))


def _sweep(quest: Quest, menu: Menu, base: Floats, row: Ints, budget: int) -> None:
    """Try every change alone, and then the sets of changes that would do if effects added up."""
    if not len(row):
        return
    trials = menu.trials(base, row, quest.cost[row])
    usable = _thinned([t.usable for t in trials], budget // 3)
    own, own_cost = quest.scored(base, row), quest.room.cost(base, row)
    shape = (len(row), len(trials), max(t.usable.shape[1] for t in trials))
    gain, price = np.full(shape, -np.inf), np.full(shape, np.inf)
    for low, high in ((-np.inf, _CHEAP), (_CHEAP, np.inf)):  # what is cheap may spare the rest
        chosen, made = [], []
        for u, (t, use) in enumerate(zip(trials, usable, strict=True)):
            now = (t.price >= low) & (t.price < high) & (t.price < quest.cost[row, None])
            at, k = np.nonzero(use & now)
            C = base[at].copy()
            C[:, t.columns] = t.values[at, k]
            made.append(C)
            chosen.append(np.column_stack([at, np.full(len(at), u), k]))
        i, u, k = np.concatenate(chosen).T
        if len(i):
            score, cost = quest.attempt(np.concatenate(made), row[i])
            gain[i, u, k], price[i, u, k] = score - own[i], cost - own_cost[i]
    if np.array_equal(base, menu.start[row], equal_nan=True):
        alone(quest, menu, row, trials, gain + own[:, None, None])
    sets, whose_set = _sets(menu, trials, base, row, own, gain, price)
    if len(sets):
        quest.attempt(sets, whose_set)


def _thinned(usable: list[Bools], most: int) -> list[Bools]:
    """Return fewer alternatives where a row has more than ``most``; the first of each unit stay."""
    count = np.sum([use.sum(axis=1) for use in usable], axis=0)
    every = np.maximum(1, -(-count // max(1, most)))
    out = []
    for u, use in enumerate(usable):
        k = np.arange(use.shape[1])
        out.append(use & ((k == 0) | ((k + u) % every[:, None] == 0)))
    return out


def _sets(
    menu: Menu,
    trials: list[Trial],
    base: Floats,
    row: Ints,
    own: Floats,
    gain: Floats,
    price: Floats,
) -> tuple[Floats, Ints]:
    """Return the cheapest sets of changes by effects that add up, and whose they are.

    Gains and prices are brought from the base to the start: what is there is an alternative, too.
    """
    n, units, _ = gain.shape
    start, room = menu.start[row], menu.room
    parts = room.parts(base, row) - room.parts(start, row)
    back, spent = np.zeros((n, units)), np.zeros((n, units))
    for u, t in enumerate(trials):
        taken_back = t.usable[:, 0] & np.isfinite(gain[:, u, 0])
        back[:, u] = np.where(taken_back, gain[:, u, 0], 0.0)
        spent[:, u] = np.where(taken_back, parts[:, t.columns].sum(axis=1), 0.0)
    there = np.zeros((n, units, 1))
    gains = np.concatenate([gain, there], axis=2) - back[:, :, None]
    prices = np.concatenate([price, there], axis=2) + spent[:, :, None]
    gains[:, :, 0] = 0.0  # the start itself, which choosing none stands for
    need = np.maximum(-(own + back.sum(axis=1)), np.maximum(0.05 * np.abs(own), 1e-9))
    chosen = cheapest_choices(
        np.maximum(prices, 0.0), np.nan_to_num(gains, neginf=0.0), need, _MULTIPLES
    )
    some = (chosen >= 0).any(axis=2)
    i, which = np.nonzero(some)
    C = start[i].copy()
    picks = chosen[i, which]
    for u, t in enumerate(trials):
        k = picks[:, u]
        taken = np.flatnonzero(k >= 0)
        extra = k[taken] == gain.shape[2]
        values = t.values[i[taken], np.minimum(k[taken], t.values.shape[1] - 1)]
        values = np.where(extra[:, None], base[i[taken]][:, t.columns], values)
        C[np.ix_(taken, t.columns)] = values
    keep = _distinct(C, i)
    return C[keep], row[i[keep]]


def _distinct(C: Floats, whose: Ints) -> Ints:
    """Return which candidates to keep of those that are the same for one row."""
    _, first = np.unique(np.column_stack([whose, np.nan_to_num(C)]), axis=0, return_index=True)
    return np.sort(first)
