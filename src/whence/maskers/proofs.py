"""The cheapest change of a row, proved to be that, where the model is an ensemble of trees.

Constraints that tie columns are left out of the proof: what is proved is then a bound on the cost,
and what was found counts only if it keeps them.
"""

from dataclasses import dataclass, replace

import numpy as np

from whence.core.types import Bools, Floats, Ints
from whence.kernels.choices import Found
from whence.kernels.tree_counterfactuals import CounterfactualSearch
from whence.maskers.cells import Cells, Reading
from whence.maskers.changes import Ground, Room, digits_of
from whence.maskers.quest import Quest
from whence.models.behind import TreesBehind
from whence.models.goal import Goal

_CLOSE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prover:
    """Finds the cheapest changes of rows by the trees of a model.

    Attributes
    ----------
    behind : TreesBehind
    kernel : CounterfactualSearch
    cells : Cells
    units : tuple of int arrays
        Columns that are chosen together; every column is in one of them.
    free : int
        The first of ``units`` may be changed, the others stay.
    margin : float
        Rounding of the model's own raw output.
    """

    behind: TreesBehind
    kernel: CounterfactualSearch
    cells: Cells
    units: tuple[Ints, ...]
    free: int
    margin: float

    def prove(self, quest: Quest, rows: Ints, *, seconds: float) -> Floats:
        """Find the cheapest changes of some rows, and return bounds on the cost of all rows.

        What is found is tried on the model, so that it is known to the quest. The bound is
        infinite where it is proved that no change does what is wanted, and NaN where there is none.
        """
        room = quest.room
        bounds = np.full(len(quest.cost), np.nan)
        encoded = self.behind.trees.encode(room.table[: len(room.X)])
        beyond: Bools = np.less(room.X, self.cells.least) | np.greater(room.X, self.cells.most)
        beyond[:, room.category()] = False
        for i in rows[~beyond[rows].any(axis=1)]:
            menu = self._menu(room, int(i), encoded[i], float(quest.cost[i]))
            bounds[i] = self._row(quest, int(i), menu, seconds)
        return bounds

    def _row(self, quest: Quest, i: int, menu: "_Alternatives", seconds: float) -> float:
        """Return the bound of one row, after its best choices were tried on the model."""
        low = float(quest.cost[i])
        wanted = conditions(
            quest.goal, int(quest.now[i]), self.behind.response, self.behind.trees.nodes.outputs
        )
        for G, h in wanted:
            limits = float(quest.cost[i]), seconds / len(wanted)
            found = self._asked(menu, G, h - self.margin, *limits)
            low = min(low, found.bound)
            if found.choice is None:
                continue
            score, _ = quest.attempt(menu.row(found.choice, quest.room.X[i]), np.array([i]))
            if np.isfinite(score[0]) and not quest.goal.met(score)[0] and self.margin > 0:
                again = self._asked(menu, G, h + self.margin, *limits)
                if again.choice is not None:
                    quest.attempt(menu.row(again.choice, quest.room.X[i]), np.array([i]))
        return low

    def _asked(
        self, menu: "_Alternatives", G: Floats, h: Floats, incumbent: float, seconds: float
    ) -> Found:
        return self.kernel.cheapest(
            menu.start, menu.cost, menu.encoded, G, h, seconds=seconds, incumbent=incumbent
        )

    def _menu(self, room: Room, i: int, now: Floats, most: float) -> "_Alternatives":
        """Return what every unit of columns of a row may become at a cost below ``most``."""
        values, encoded, costs = [], [], []
        for u, columns in enumerate(self.units):
            own = room.X[i][columns][None]
            some = self._values(room, i, columns) if u < self.free else own
            C = np.repeat(room.X[i][None], len(some), axis=0)
            C[:, columns] = some
            cost = room.cost(C, np.full(len(C), i))
            within = (cost < most) | (cost == cost.min())
            some, cost = some[within], cost[within]
            read = np.repeat(now[None], len(some), axis=0)
            for k, j in enumerate(columns):
                changed = some[:, k] != own[0, k]
                changed &= ~(np.isnan(some[:, k]) & np.isnan(own[0, k]))
                at = np.flatnonzero(changed)
                if len(at):
                    new = room.in_background(int(j), some[at, k])
                    read[np.ix_(at, self.cells.reads[int(j)])] = self.cells.at(int(j), new)
            values.append(some)
            encoded.append(read)
            costs.append(cost)
        return _Alternatives(
            start=np.concatenate([[0], np.cumsum([len(v) for v in values])]),
            cost=np.concatenate(costs),
            encoded=np.concatenate(encoded),
            units=self.units,
            values=values,
        )

    def _values(self, room: Room, i: int, columns: Ints) -> Floats:
        """Return what the columns of a unit may become, (alternatives, width)."""
        start = room.nearest(room.X[[i]], np.array([i]))[0, columns]
        j = int(columns[0])
        if len(columns) > 1:
            tried = np.unique(room.Z[:, columns], axis=0)
            tried = tried[~np.isnan(tried).any(axis=1)]
        elif j in room.may:
            tried = np.flatnonzero(room.may[j][i])[:, None].astype(float)
        else:
            tried = self._numbers(room, i, j)[:, None]
        wish = np.repeat(room.X[i][None], len(tried), axis=0)
        wish[:, columns] = tried
        made = room.nearest(wish, np.full(len(wish), i))[:, columns]
        kept = made[(made == tried).all(axis=1)]
        return np.unique(np.concatenate([start[None], kept]), axis=0)

    def _numbers(self, room: Room, i: int, j: int) -> Floats:
        """Return the number of each cell that is nearest to the row's own."""
        ground, x, ends = room.ground, room.X[i, j], self.cells.edges[j]
        first, last = room.first[i, j], room.last[i, j]
        if np.isnan(x) or np.isnan(first):
            return np.empty(0)
        d, step = int(ground.decimals[j]), float(ground.limits.step[j])
        ends = ends[(ends >= first - max(step, 1.0)) & (ends <= last + 1.0)]
        if step > 0:
            up = x + np.ceil((ends - x) / step + _CLOSE) * step
            down = x + np.floor((ends - x) / step + _CLOSE) * step
            up, down = np.round(up, digits_of(step)), np.round(down, digits_of(step))
        else:
            up, down = np.round(ends + 10.0**-d, d), ends
        some = np.concatenate([up[up > x], down[down < x]])
        return np.unique(some[(some >= first) & (some <= last)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Alternatives:
    """What the units of a row may become, in the form of the kernel."""

    start: Ints
    cost: Floats
    encoded: Floats
    units: tuple[Ints, ...]
    values: list[Floats]

    def row(self, choice: Ints, x: Floats) -> Floats:
        """Return the row that a choice makes, (1, columns)."""
        out = x[None].copy()
        for columns, some, a, k in zip(
            self.units, self.values, self.start[:-1], choice, strict=True
        ):
            out[0, columns] = some[k - a]
        return out


def prover_of(ground: Ground, reading: Reading) -> Prover | None:
    """Return what proves how near a changed row can be; None where columns follow from others."""
    if ground.limits.consequences:
        return None
    behind = reading.behind
    chosen = {int(j) for unit in ground.units for j in unit}
    fixed = [np.array([j]) for j in range(len(ground.background.names)) if j not in chosen]
    units = (*ground.units, *fixed)
    nodes = behind.trees.nodes
    owner = np.empty(len(ground.background.names), dtype=np.int32)
    for u, columns in enumerate(units):
        owner[columns] = u
    placed = replace(nodes, player=owner[nodes.player], players=len(units))
    return Prover(
        behind=behind,
        kernel=CounterfactualSearch.of(placed),
        cells=reading.cells,
        units=units,
        free=len(ground.units),
        margin=float(behind.trees.tolerance * nodes.scale()),
    )


def conditions(goal: Goal, now: int, response: str, k: int) -> list[tuple[Floats, Floats]]:
    """Return the linear conditions on ``k`` raw outputs of which one must hold for the goal."""
    if goal.form == "interval":
        ends = [_unanswered(response, end) for end in (goal.low, goal.high)]
        G = np.array([[1.0], [-1.0]])
        h = np.array([ends[0], -ends[1]])
        some = np.isfinite(h)
        return [(G[some], h[some])] if not (h == np.inf).any() else []
    if k == 1:
        middle = 0.5 if goal.probable and response == "identity" else 0.0
        wanted = goal.wanted if goal.form == "class" else 1 - now
        sign = 1.0 if wanted == 1 else -1.0
        return [(np.array([[sign]]), np.array([sign * middle]))]
    classes = [goal.wanted] if goal.form == "class" else [c for c in range(k) if c != now]
    out = []
    for c in classes:
        G = np.zeros((k, k))
        G[:, c] += 1.0
        G -= np.eye(k)
        out.append((np.delete(G, c, axis=0), np.zeros(k - 1)))
    return out


def _unanswered(response: str, answer: float) -> float:
    """Return the raw output that is answered so; infinite where every one, or none, is beyond."""
    if response == "exp":
        return float(np.log(answer)) if answer > 0 else -np.inf
    if response == "logistic":
        if answer <= 0:
            return -np.inf
        return float(np.log(answer / (1 - answer))) if answer < 1 else np.inf
    return answer
