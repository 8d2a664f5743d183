"""The cheapest change of a row, proved to be that, where the model is a weighted sum of columns.

What each column adds is read off the coefficients. The numbers that a column may become are cut
into cells; a cell costs what its nearest number costs and gives what its farthest gives, so that
the cheapest choice of cells, an integer program, is a bound. The cells chosen are cut finer until
they are single numbers, and the bound is the cost of a row.
"""

from dataclasses import dataclass
from time import monotonic

import numpy as np

from whence.core.edit import edited
from whence.core.types import Bools, Floats, Ints
from whence.kernels.milp_counterfactuals import cheapest_additive
from whence.maskers.changes import Ground, digits_of
from whence.maskers.proofs import conditions
from whence.maskers.quest import Quest
from whence.models.behind import LinearBehind
from whence.models.linear import Linear

_PROBES = 9
_STRAIGHT = 1e-9
"""Relative error by which a column may miss a straight line."""
_PARTS = 16
"""Cells that a cell is cut into."""
_TURNS = 60
_GRAIN = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SumProver:
    """Finds the cheapest changes of rows by the coefficients of a model.

    Attributes
    ----------
    ground : Ground
    behind : LinearBehind
    slope : dict
        Column of numbers -> what a unit adds to each output.
    level : dict
        Column of categories -> what each category of the background adds, (categories, outputs).
    """

    ground: Ground
    behind: LinearBehind
    slope: dict[int, Floats]
    level: dict[int, Floats]

    def prove(self, quest: Quest, rows: Ints, *, seconds: float) -> Floats:
        """Find the cheapest changes of some rows; see `whence.maskers.proofs.Prover.prove`."""
        bounds = np.full(len(quest.cost), np.nan)
        linear, room = self.behind.linear, quest.room
        design = linear.encode(room.table[: len(room.X)])
        raw = linear.raw(design)
        for i in rows:
            added = {j: design[i, linear.player == j] @ linear.coefficients[linear.player == j]
                     for j in self.level}  # fmt: skip
            bounds[i] = self._row(quest, int(i), raw[i], added, seconds)
        return bounds

    def _row(
        self, quest: Quest, i: int, raw: Floats, added: dict[int, Floats], seconds: float
    ) -> float:
        low = float(quest.cost[i])
        wanted = conditions(quest.goal, int(quest.now[i]), self.behind.response, len(raw))
        outside = (quest.room.X[i] < quest.room.low[i]) | (quest.room.X[i] > quest.room.high[i])
        if (outside & ~quest.room.category()).any():
            return np.nan  # its own numbers, from which places are counted, are not allowed
        for each in wanted:
            low = min(low, self._least(quest, i, raw, added, each, seconds / len(wanted)))
        return low

    def _least(
        self,
        quest: Quest,
        i: int,
        raw: Floats,
        added: dict[int, Floats],
        wanted: tuple[Floats, Floats],
        seconds: float,
    ) -> float:
        """Return a bound on the cost of meeting some conditions, ever better until it is met."""
        end, bound, most = monotonic() + seconds, 0.0, float(quest.cost[i])
        tables = [self._table(quest, i, unit, added, wanted[0]) for unit in self.ground.units]
        if not tables:
            return np.inf  # nothing may change, and the row as it is does not do it
        if len(wanted[1]) > 1 and any(not t.single.all() for t in tables):
            return (
                np.nan
            )  # a cell gives most at one end for one condition, and at the other for another
        for _ in range(_TURNS):
            start = np.concatenate([[0], np.cumsum([len(t.cost) for t in tables])])
            cost = np.concatenate([t.cost for t in tables])
            gives = np.concatenate([t.score for t in tables])
            left = max(0.0, end - monotonic())
            found = cheapest_additive(start, cost, gives, raw, *wanted, seconds=left)
            bound = max(bound, min(found.bound, most))
            if found.choice is None or not found.proved or bound >= most:
                return bound
            picks = (found.choice - start[:-1]).tolist()
            C = quest.room.X[[i]].copy()
            for t, k in zip(tables, picks, strict=True):
                C[0, t.columns] = t.far[k]
            quest.attempt(C, np.array([i]))
            if all(t.single[k] for t, k in zip(tables, picks, strict=True)):
                return bound
            tables = [
                t if t.single[k] else self._finer(quest, i, t, k, wanted[0])
                for t, k in zip(tables, picks, strict=True)
            ]
        return bound

    def _table(
        self, quest: Quest, i: int, columns: Ints, added: dict[int, Floats], G: Floats
    ) -> "_Table":
        """Return what a unit of columns of a row may become."""
        room, x, j = quest.room, quest.room.X[i], int(columns[0])
        if len(columns) == 1 and j not in room.may:
            return self._cut(quest, i, j, G)
        if len(columns) > 1:
            tried = np.unique(room.Z[:, columns], axis=0)
        else:
            tried = np.flatnonzero(room.may[j][i])[:, None].astype(np.float64)
        tried = np.concatenate([x[columns][None], tried[~np.isnan(tried).any(axis=1)]])
        wish = np.repeat(x[None], len(tried), axis=0)
        wish[:, columns] = tried
        made = room.nearest(wish, np.full(len(wish), i))[:, columns]
        kept = (made == tried).all(axis=1)
        kept[0] = True
        values = tried[kept]
        gives = np.zeros((len(values), G.shape[1]))
        for k, c in enumerate(columns.tolist()):
            if c in self.level:
                new = np.flatnonzero(values[:, k] != x[c])[1 if np.isnan(x[c]) else 0 :]
                codes = room.in_background(c, values[new, k]).astype(np.int64)
                gives[new] += self.level[c][codes] - added[c]
            elif not np.isnan(x[c]):
                gives += (values[:, [k]] - x[c]) * self.slope[c]
        return self._priced(
            quest, i, columns, values, values, gives, np.zeros((len(values), 2), np.int64)
        )

    def _cut(self, quest: Quest, i: int, j: int, G: Floats) -> "_Table":
        """Return the cells of a column of numbers, as pairs of places on its grid.

        Places are counted from the row's own number, which is 0; a column that may not change, or
        whose change never helps a single condition, has that one alone.
        """
        grid = _Grid.of(quest, i, j)
        helps = (self.slope[j] @ G.T).min() if len(G) == 1 else 0.0
        ends = [0 if helps < 0 else grid.above, 0 if helps > 0 else grid.below]
        if len(G) == 1 and helps == 0:
            ends = [0, 0]
        cells = [np.zeros((1, 2), dtype=np.int64)]
        cells += [sign * _parts(1, int(n)) for sign, n in zip((1, -1), ends, strict=True) if n]
        return self._of_cells(quest, i, j, np.concatenate(cells), grid)

    def _finer(self, quest: Quest, i: int, table: "_Table", k: int, G: Floats) -> "_Table":  # noqa: ARG002  as `_cut`
        """Return the table with one cell cut into parts."""
        j = int(table.columns[0])
        near, far = (int(place) for place in table.cell[k])
        sign = 1 if far > 0 else -1
        cells = np.concatenate(
            [np.delete(table.cell, k, axis=0), sign * _parts(abs(near), abs(far))]
        )
        return self._of_cells(quest, i, j, cells, _Grid.of(quest, i, j))

    def _of_cells(self, quest: Quest, i: int, j: int, cells: Ints, grid: "_Grid") -> "_Table":
        near, far = grid.at(cells[:, 0])[:, None], grid.at(cells[:, 1])[:, None]
        gives = np.nan_to_num(far - quest.room.X[i, j]) * self.slope[j]
        return self._priced(quest, i, np.array([j]), near, far, gives, cells)

    @staticmethod
    def _priced(
        quest: Quest, i: int, columns: Ints, near: Floats, far: Floats, gives: Floats, cell: Ints
    ) -> "_Table":
        C = np.repeat(quest.room.X[[i]], len(near), axis=0)
        C[:, columns] = near
        cost = quest.room.cost(C, np.full(len(C), i))
        kept = (cost < quest.cost[i]) | (np.arange(len(cost)) == 0)
        return _Table(
            columns=columns, far=far[kept], cost=cost[kept], score=gives[kept], cell=cell[kept]
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Table:
    """What a unit of columns may become: values, or cells of them.

    Attributes
    ----------
    columns : int array of shape (width,)
    far : array of shape (alternatives, width)
        Of a cell, the value farthest from the row's own.
    cost : array of shape (alternatives,)
        Of a cell, that of its nearest value.
    score : array of shape (alternatives, outputs)
        What the farthest value adds to the outputs.
    cell : int array of shape (alternatives, 2)
        Places of the nearest and the farthest value on the grid.
    """

    columns: Ints
    far: Floats
    cost: Floats
    score: Floats
    cell: Ints

    @property
    def single(self) -> Bools:
        """Which alternatives are a single value."""
        return np.asarray(self.cell[:, 0] == self.cell[:, 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """The numbers that a cell of the table may become, by places on either side of its own."""

    own: float
    up: float
    down: float
    size: float
    digits: int
    above: int
    below: int

    @classmethod
    def of(cls, quest: Quest, i: int, j: int) -> "_Grid":
        room, ground = quest.room, quest.room.ground
        x, first, last = float(room.X[i, j]), float(room.first[i, j]), float(room.last[i, j])
        d, step = int(ground.decimals[j]), float(ground.limits.step[j])
        size, digits = (step, digits_of(step)) if step > 0 else (10.0**-d, d)
        if np.isnan(x) or np.isnan(first):
            return cls(own=x, up=x, down=x, size=size, digits=digits, above=0, below=0)
        zero = x if step > 0 else 0.0
        up = zero + (np.floor((x - zero) / size + _STRAIGHT) + 1) * size
        down = zero + (np.ceil((x - zero) / size - _STRAIGHT) - 1) * size
        above = max(0, int(np.floor((last - up) / size + _GRAIN)) + 1)
        below = max(0, int(np.floor((down - first) / size + _GRAIN)) + 1)
        return cls(own=x, up=up, down=down, size=size, digits=digits, above=above, below=below)

    def at(self, place: Ints) -> Floats:
        """Return the numbers at some places."""
        up, down = self.up + (place - 1) * self.size, self.down + (place + 1) * self.size
        out = np.round(np.where(place > 0, up, down), self.digits)
        return np.where(place == 0, self.own, out)


def _parts(near: int, far: int) -> Ints:
    """Cut the places from ``near`` to ``far`` into a few cells."""
    edges = np.unique(np.linspace(near, far + 1, _PARTS + 1).astype(np.int64))
    return np.column_stack([edges[:-1], edges[1:] - 1])


def sum_prover_of(ground: Ground, behind: LinearBehind) -> SumProver | None:
    """Return what proves how near a changed row can be to a model that is a sum over columns.

    None where columns follow from others, or the model reads a column of numbers in another way
    than by a multiple of it.
    """
    if ground.limits.consequences:
        return None
    Z, linear = ground.background, behind.linear
    slope: dict[int, Floats] = {}
    level: dict[int, Floats] = {}
    for j, levels in enumerate(Z.levels):
        ends = float(ground.least[j]), float(ground.most[j])
        known = levels is not None
        values = np.arange(len(levels or ())) if known else np.linspace(ends[0], ends[1], _PROBES)
        if not np.isfinite(values).all():
            return None
        adds = _added(linear, ground, j, np.asarray(values, dtype=np.float64))
        if levels is not None:
            level[j] = adds
            continue
        width = max(ends[1] - ends[0], 1e-300)
        slope[j] = np.asarray((adds[-1] - adds[0]) / width)
        line = adds[0] + (values[:, None] - values[0]) * slope[j]
        if (np.abs(adds - line) > _STRAIGHT * (1 + np.abs(adds).max())).any():
            return None
    return SumProver(ground=ground, behind=behind, slope=slope, level=level)


def _added(linear: Linear, ground: Ground, j: int, values: Floats) -> Floats:
    """Return what values of a column add to each raw output, (values, outputs)."""
    Z = ground.background
    numbers = np.repeat(Z.numbers[:1], len(values), axis=0)
    numbers[:, j] = values
    own = linear.player == j
    design = linear.encode(edited(Z, np.zeros(len(values), dtype=np.int64), numbers))
    return np.asarray(design[:, own] @ linear.coefficients[own])
