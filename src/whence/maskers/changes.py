"""What the rows of a table may be changed to, and what a change costs.

A column of numbers has an interval and a grid, a column of categories the ones that it may become;
columns that must occur together are one unit. `Ground` is what the background and the user's
constraints say about it, `Room` what that means for some rows. Candidates are arrays of numbers in
the coding of `Room.table`, beside the row of the room that each belongs to.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from whence.core.edit import edited
from whence.core.limits import Limits
from whence.core.mix import stack
from whence.core.table import Table, table_of
from whence.core.types import Bools, Floats, Ints, Level
from whence.kernels.decimals import decimals_of
from whence.kernels.gower import scales_of

_ROUND = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """What may be changed, as far as the background and the constraints say.

    Attributes
    ----------
    background : Table
    limits : Limits
    scale : array of shape (columns,)
        What a difference of numbers is measured by; 1 for categories.
    decimals : int array of shape (columns,)
        Grid that new numbers lie on.
    least, most : arrays of shape (columns,)
        Of the numbers of the background.
    sparsity : float
        What each changed column costs beside its change.
    units : tuple of int arrays
        Columns that are changed together; those that stay or follow are in none.
    """

    background: Table
    limits: Limits
    scale: Floats
    decimals: Ints
    least: Floats
    most: Floats
    sparsity: float
    units: tuple[Ints, ...]

    @classmethod
    def of(cls, background: Table, limits: Limits, *, mad: bool, sparsity: float) -> Self:
        """Measure the background."""
        numbers = background.numbers
        category = np.array([levels is not None for levels in background.levels])
        empty = np.isnan(numbers).all(axis=0)
        filled = np.where(empty, 0.0, numbers)
        fixed = limits.immutable | limits.follows
        grouped = {int(j) for group in limits.together for j in group}
        groups = [g for g in limits.together if not limits.immutable[g].all()]
        single = [np.array([j]) for j in np.flatnonzero(~fixed) if int(j) not in grouped]
        return cls(
            background=background,
            limits=limits,
            scale=np.where(category, 1.0, scales_of(numbers, mad=mad)),
            decimals=decimals_of(numbers),
            least=np.where(empty, np.inf, np.nanmin(filled, axis=0)),
            most=np.where(empty, -np.inf, np.nanmax(filled, axis=0)),
            sparsity=sparsity,
            units=tuple(sorted([*groups, *single], key=lambda unit: int(unit[0]))),
        )

    def room(self, X: Table) -> "Room":
        """Return what some rows may be changed to."""
        table = stack(X, self.background[:1])
        low, high = self._interval(X.numbers)
        first, last = self._on_grid(X.numbers, low, high)
        numbers = table.numbers[: len(X)]
        known = {j: levels for j, levels in enumerate(table.levels) if levels is not None}
        Z = self.background.numbers.copy()
        for j, levels in known.items():
            Z[:, j] = recoded(Z[:, j], self.background.levels[j], levels)
        may = {j: self._may(j, levels, numbers[:, j], Z[:, j]) for j, levels in known.items()}
        return Room(
            ground=self, table=table, X=numbers, Z=Z, low=low, high=high, first=first, last=last,
            may=may,
        )  # fmt: skip

    def _interval(self, X: Floats) -> tuple[Floats, Floats]:
        """Return the bounds of the numbers of each row, from all that is said about them."""
        limits = self.limits
        free_low, free_high = np.fmin(self.least, X), np.fmax(self.most, X)
        low = np.where(np.isfinite(limits.low), limits.low, free_low)
        high = np.where(np.isfinite(limits.high), limits.high, free_high)
        low = np.where(np.isinf(limits.low) & np.isfinite(limits.high), np.fmin(low, high), low)
        high = np.where(np.isinf(limits.high) & np.isfinite(limits.low), np.fmax(low, high), high)
        stays = limits.immutable | limits.follows
        low = np.where(stays | (limits.direction == 1), np.fmax(low, X), low)
        high = np.where(stays | (limits.direction == -1), np.fmin(high, X), high)
        return low, high

    def _on_grid(self, X: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Return the first and last point of the grid in each interval; NaN if there is none."""
        step = self.limits.step
        with np.errstate(invalid="ignore", divide="ignore"):
            size = np.where(step > 0, step, 10.0**-self.decimals)
            zero = np.where(step > 0, X, 0.0)
            up, down = (low - zero) / size, (high - zero) / size
            first = np.ceil(up - _ROUND * np.maximum(1, np.abs(up)))
            last = np.floor(down + _ROUND * np.maximum(1, np.abs(down)))
        none = ~(first <= last)
        points = (self._tidy(zero + end * size) for end in (first, last))
        first, last = (np.where(none, np.nan, point) for point in points)
        return first, last

    def _tidy(self, numbers: Floats) -> Floats:
        """Return numbers of a grid without the noise of the sum that made them."""
        out = numbers.copy()
        for j, d in enumerate(self.decimals):
            step = float(self.limits.step[j])
            out[..., j] = np.round(numbers[..., j], digits_of(step) if step > 0 else int(d))
        return out

    def _may(self, j: int, levels: tuple[Level, ...], now: Floats, seen: Floats) -> Bools:
        """Return which categories of a column each row may become, (rows, categories)."""
        limits, rows = self.limits, len(now)
        occurs = np.isin(np.arange(len(levels)), seen[~np.isnan(seen)])
        may = np.repeat(occurs[None], rows, axis=0)
        missing = np.isnan(now)
        code = np.where(missing, 0, now).astype(np.int64)
        if limits.immutable[j] or limits.follows[j]:
            may[:] = False
        if j in limits.moves:
            table = limits.moves[j]
            for i, level in enumerate(levels):
                allowed = table.get(level, table.get(None, ()))
                may[code == i] &= np.array([v in allowed for v in levels])
        if j in limits.order:
            rank = ranks(levels, limits.order[j])
            if limits.direction[j]:
                may &= (rank - rank[code, None]) * limits.direction[j] >= 0
        may[missing] = False
        may[np.arange(rows)[~missing], code[~missing]] = True
        return may


def digits_of(step: float) -> int:
    """Return the decimals beyond which sums of steps are noise: 12, more where steps are tiny."""
    return max(12, 6 - int(np.floor(np.log10(step))))


def ranks(levels: tuple[Level, ...], order: tuple[Level, ...]) -> Floats:
    """Return the place of each category in an order; NaN for those that it leaves out."""
    place = {level: float(i) for i, level in enumerate(order)}
    return np.array([place.get(level, np.nan) for level in levels])


def recoded(codes: Floats, own: tuple[Level, ...] | None, levels: tuple[Level, ...]) -> Floats:
    """Return the codes of categories by other ``levels``; NaN for those that these lack."""
    place = {level: float(i) for i, level in enumerate(levels)}
    known = np.array([*(place.get(level, np.nan) for level in own or ()), np.nan])
    return known[np.where(np.isnan(codes), -1, codes).astype(np.int64)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Room:
    """What some rows may be changed to.

    Attributes
    ----------
    ground : Ground
    table : Table
        The rows, in the user's own form, and one of the background, so that all categories are
        known to both.
    X : array of shape (rows, columns)
        The rows.
    Z : array of shape (background, columns)
        The background in the coding of the rows.
    low, high : arrays of shape (rows, columns)
        Interval that new numbers lie in.
    first, last : arrays of shape (rows, columns)
        Its first and last point on the grid; NaN if there is none.
    may : dict
        Place of a column of categories -> (rows, categories): which it may become.
    """

    ground: Ground
    table: Table
    X: Floats
    Z: Floats
    low: Floats
    high: Floats
    first: Floats
    last: Floats
    may: dict[int, Bools]

    def in_background(self, j: int, values: Floats) -> Floats:
        """Return numbers, or codes of categories, of a column in the coding of the background.

        A category that the background does not know is given the code 0.
        """
        levels, own = self.table.levels[j], self.ground.background.levels[j]
        if levels is None or own is None or levels == own:
            return values
        place = {level: float(i) for i, level in enumerate(own)}
        return np.array([place.get(level, 0.0) for level in levels])[values.astype(np.int64)]

    def category(self) -> Bools:
        """Return which columns hold categories."""
        return np.isin(np.arange(self.X.shape[1]), list(self.may))

    def nearest(self, wish: Floats, row: Ints) -> Floats:
        """Return the allowed cells that are nearest to those wished for.

        A cell that is missing in the row stays missing, and one that may not be as wished stays.
        Where nothing at all is allowed, a number stays, too; `impossible` tells.
        """
        x = self.X[row]
        first, last = self.first[row], self.last[row]
        with np.errstate(invalid="ignore"):
            made = np.clip(self._on_grid(wish, x), first, last)
            stays = (x >= self.low[row]) & (x <= self.high[row])
            made = np.where(stays & ~(np.abs(wish - x) > np.abs(wish - made)), x, made)
        made = np.where(np.isnan(wish) | np.isnan(made), self._kept(x, first, last, stays), made)
        for j, may in self.may.items():
            code = np.where(np.isnan(wish[:, j]), 0, wish[:, j]).astype(np.int64)
            good = may[row, np.minimum(code, may.shape[1] - 1)] & ~np.isnan(wish[:, j])
            made[:, j] = np.where(good, code, x[:, j])
        return np.where(np.isnan(x), np.nan, made)

    @staticmethod
    def _kept(x: Floats, first: Floats, last: Floats, stays: Bools) -> Floats:
        inside = np.clip(x, first, last)
        return np.where(stays | np.isnan(inside), x, inside)

    def _on_grid(self, wish: Floats, x: Floats) -> Floats:
        ground = self.ground
        out = np.empty(wish.shape)
        for j, d in enumerate(ground.decimals):
            step = float(ground.limits.step[j])
            if step > 0:
                places = np.round((wish[:, j] - x[:, j]) / step)
                out[:, j] = np.round(x[:, j] + places * step, digits_of(step))
            else:
                out[:, j] = np.round(wish[:, j], int(d))
        return out

    def start(self) -> Floats:
        """Return the rows themselves, moved inside of their bounds."""
        return self.nearest(self.X, np.arange(len(self.X)))

    def impossible(self) -> Bools:
        """Tell which numbers may not even stay as they are, nor become others, (rows, columns)."""
        stays = (self.low <= self.X) & (self.high >= self.X)
        out = np.isnan(self.first) & ~stays & ~np.isnan(self.X)
        return out & ~self.category()

    def parts(self, C: Floats, row: Ints) -> Floats:
        """Return what each changed cell costs, (candidates, columns)."""
        ground, x = self.ground, self.X[row]
        changed = (x != C) & ~(np.isnan(C) & np.isnan(x))
        with np.errstate(invalid="ignore"):
            apart = np.where(self.category(), 1.0, np.abs(C - x) / ground.scale)
        apart = np.where(np.isnan(apart), 1.0, apart) * ground.limits.price + ground.sparsity
        return np.where(changed & ~ground.limits.follows, apart, 0.0)

    def cost(self, C: Floats, row: Ints) -> Floats:
        """Return what candidates cost, (candidates,)."""
        return np.asarray(self.parts(C, row).sum(axis=1))

    def written(self, C: Floats, row: Ints) -> Table:
        """Return candidates in the user's own form, which the model is asked with."""
        return edited(self.table, row, C)

    def reread(self, written: Table) -> Floats:
        """Return the numbers that candidates in the user's own form hold, in the room's coding."""
        native: Any = written.native
        if native is None:
            return written.numbers
        again = table_of(native)
        out = again.numbers.copy()
        for j, levels in enumerate(self.table.levels):
            if levels is not None:
                out[:, j] = recoded(out[:, j], again.levels[j], levels)
        return out
