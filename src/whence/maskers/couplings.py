"""Constraints that tie columns of a changed row together: kept where that can be, and checked.

Candidates that break an implication or a sum are repaired by moving one more column, as little as
it takes; columns that follow from others are set. `broken` then tells which constraints each
candidate breaks, one law per entry of `laws`, each about the columns that it names.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from whence.core.errors import InputError, WhenceError
from whence.core.limits import Consequence, Happening, Weighted
from whence.core.types import Bools, Floats, Ints
from whence.maskers.changes import Room, ranks

_ROUND = 1e-7
"""Relative rounding that a bound is given, of numbers that went through float32."""
_STEP = 1e-4
"""Share of a step by which a change may miss a multiple of it, by rounding."""
_SHY = 1e-6
"""Share of what an event asks for by which it may be missed: numbers may be tiny."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Couplings:
    """The constraints of a room.

    Attributes
    ----------
    room : Room
    laws : tuple of str
        What each constraint is called.
    seen : tuple of sets
        For each group of columns that occur together, the values that do, as bytes.
    """

    room: Room
    laws: tuple[str, ...]
    seen: tuple[frozenset[bytes], ...]

    @property
    def tied(self) -> bool:
        """Whether any constraint is about several columns."""
        limits = self.room.ground.limits
        return bool(limits.sums or limits.implications or limits.consequences)

    def settled(self, C: Floats, row: Ints) -> Floats:
        """Return candidates that keep more of the constraints, where these tie columns."""
        if not self.tied:
            return C
        limits = self.room.ground.limits
        C = C.copy()
        for law in limits.implications:
            fails = self._happens(law.when, C, row) & ~self._happens(law.then, C, row)
            self._make(law.then, C, row, fails)
        for part in limits.sums:
            self._lower(part, C, row)
        for consequence in limits.consequences:
            self._follow(consequence, C, row)
        return C

    def broken(self, C: Floats, row: Ints) -> Bools:
        """Return which laws each candidate breaks, (candidates, laws)."""
        room, limits = self.room, self.room.ground.limits
        x, low, high = room.X[row], room.low[row], room.high[row]
        changed = (x != C) & ~(np.isnan(C) & np.isnan(x))
        slack = _ROUND * np.maximum(1.0, np.abs(np.nan_to_num(C)))
        with np.errstate(invalid="ignore"):
            out_of = (low - slack > C) | (high + slack < C)
            steps = (C - x) / np.where(limits.step > 0, limits.step, np.inf)
            out_of |= np.abs(steps - np.round(steps)) > _STEP
        for j, may in room.may.items():
            code = np.where(np.isnan(C[:, j]), 0, C[:, j]).astype(np.int64)
            out_of[:, j] = changed[:, j] & ~may[row, np.minimum(code, may.shape[1] - 1)]
        follows = limits.follows
        own = np.where(follows, self._beyond(C, row), out_of | (np.isnan(C) != np.isnan(x)))
        tied = [self._sum(part, C) for part in limits.sums]
        tied += [
            self._happens(law.when, C, row) & ~self._happens(law.then, C, row)
            for law in limits.implications
        ]
        tied += [
            self._apart(group, seen, C, row)
            for group, seen in zip(limits.together, self.seen, strict=True)
        ]
        return np.column_stack([own, *tied]) if tied else own

    def _beyond(self, C: Floats, row: Ints) -> Bools:
        """Tell which cells break a bound or a direction that is given for a column that follows."""
        limits, x = self.room.ground.limits, self.room.X[row]
        with np.errstate(invalid="ignore"):
            turned = (C - x) * limits.direction < 0
            return np.asarray((limits.low > C) | (limits.high < C) | turned)

    def _ranked(self, j: int, codes: Floats) -> Floats:
        """Return numbers that rise where a column does."""
        levels = self.room.table.levels[j]
        order = self.room.ground.limits.order.get(j)
        if levels is None or order is None:
            return codes
        place = np.append(ranks(levels, order), np.nan)
        return place[np.where(np.isnan(codes), -1, codes).astype(np.int64)]

    def _happens(self, event: Happening, C: Floats, row: Ints) -> Bools:
        j = event.column
        now, then = (self._ranked(j, codes[:, j]) for codes in (C, self.room.X[row]))
        least = event.by - min(_ROUND, _SHY * event.by)
        with np.errstate(invalid="ignore"):
            if event.verb == "changes":
                raw, own = C[:, j], self.room.X[row, j]
                other = (raw != own) & ~(np.isnan(raw) & np.isnan(own))
                return np.asarray(other & ~(np.abs(now - then) < least))
            rise = now - then if event.verb == "rises" else then - now
            return np.asarray((rise > 0) & (rise >= least))

    def _make(self, event: Happening, C: Floats, row: Ints, where: Bools) -> None:
        """Let a column of numbers do in some candidates what an implication asks for."""
        at = np.flatnonzero(where)
        j, ground = event.column, self.room.ground
        if not len(at) or self.room.table.levels[j] is not None or event.verb == "changes":
            return
        sign = 1.0 if event.verb == "rises" else -1.0
        grid = float(ground.limits.step[j]) or 10.0 ** -int(ground.decimals[j])
        by = np.ceil(max(event.by, grid) / grid - 1e-9) * grid
        wish = C[at].copy()
        wish[:, j] = self.room.X[row[at], j] + sign * by
        C[at, j] = self.room.nearest(wish, row[at])[:, j]

    @staticmethod
    def _sum(part: Weighted, C: Floats) -> Bools:
        terms = C[:, part.columns] * part.factor
        slack = _ROUND * (np.abs(terms).sum(axis=1) + abs(part.most))
        with np.errstate(invalid="ignore"):
            return np.asarray(terms.sum(axis=1) > part.most + slack)  # missing: no sum to be broken

    def _lower(self, part: Weighted, C: Floats, row: Ints) -> None:
        """Move the columns of a sum that is too high, the cheapest by its unit first."""
        room, limits = self.room, self.room.ground.limits
        price = limits.price[part.columns] / room.ground.scale[part.columns]
        order = np.argsort(price / np.maximum(np.abs(part.factor), 1e-300), kind="stable")
        for i in order:
            j, factor = int(part.columns[i]), float(part.factor[i])
            at = np.flatnonzero(self._sum(part, C))
            if not len(at) or factor == 0 or limits.follows[j]:
                continue
            over = (C[at][:, part.columns] * part.factor).sum(axis=1) - part.most
            grid = float(limits.step[j]) or 10.0 ** -int(room.ground.decimals[j])
            moved = np.ceil(over / abs(factor) / grid - 1e-9) * grid
            wish = C[at].copy()
            wish[:, j] -= np.sign(factor) * moved
            C[at, j] = room.nearest(wish, row[at])[:, j]

    def _follow(self, consequence: Consequence, C: Floats, row: Ints) -> None:
        """Set a column that follows from others, where one of these has changed."""
        room, j = self.room, consequence.column
        x = room.X[row]
        a, b = C[:, consequence.causes], x[:, consequence.causes]
        at = np.flatnonzero(((a != b) & ~(np.isnan(a) & np.isnan(b))).any(axis=1))
        C[:, j] = x[:, j]
        if not len(at):
            return
        then = self._asked(consequence, C[at])
        levels = room.table.levels[j]
        if levels is not None:
            code = {level: float(i) for i, level in enumerate(levels)}
            unknown = [v for v in then.tolist() if v not in code]
            if unknown:
                raise self._failed(
                    consequence, f"answered {unknown[0]!r}, which is no category of it"
                )
            C[at, j] = [code[v] for v in then.tolist()]
            return
        now = self._asked(consequence, x[at])
        moved = then.astype(np.float64) - now.astype(np.float64)
        C[at, j] = np.round(x[at, j] + moved, int(room.ground.decimals[j]))

    def _asked(self, consequence: Consequence, cells: Floats) -> Any:  # noqa: ANN401  an array of any kind
        parts = []
        for cause in consequence.causes:
            levels = self.room.table.levels[int(cause)]
            codes = cells[:, cause]
            if levels is not None:
                words = np.array([*levels, None], dtype=object)
                parts.append(words[np.where(np.isnan(codes), -1, codes).astype(np.int64)])
            else:
                parts.append(codes.copy())
        try:
            said = np.asarray(consequence.function(*parts))
        except WhenceError:
            raise
        except Exception as error:
            raise self._failed(consequence, f"raised {type(error).__name__}: {error}") from error
        if said.shape != (len(cells),):
            raise self._failed(
                consequence, f"answered with shape {said.shape} for {len(cells)} rows"
            )
        return said

    def _failed(self, consequence: Consequence, what: str) -> InputError:
        name = self.room.table.names[consequence.column]
        return InputError(
            f"The function of causes that gives column {name!r} {what}. It takes an array for "
            "each cause and returns one value per row. Check it on a few rows of the background."
        )

    def _apart(self, group: Ints, seen: frozenset[bytes], C: Floats, row: Ints) -> Bools:
        """Tell where values of a group never occur together and are not those of the row."""
        values, own = C[:, group] + 0.0, self.room.X[row][:, group]
        other = np.flatnonzero(((values != own) & ~(np.isnan(values) & np.isnan(own))).any(axis=1))
        out = np.zeros(len(C), dtype=bool)
        if len(other):
            distinct, back = np.unique(values[other], axis=0, return_inverse=True)
            fails = np.array([v.tobytes() not in seen for v in distinct])
            out[other] = fails[back.reshape(-1)]
        return out


def couplings_of(room: Room) -> Couplings:
    """Return the constraints of a room, ready to be checked."""
    limits, names = room.ground.limits, room.table.names
    laws = [_law(room, j, name) for j, name in enumerate(names)]
    laws += [part.text for part in limits.sums]
    laws += [law.text for law in limits.implications]
    laws += [f"{', '.join(names[j] for j in g)} occur together" for g in limits.together]
    seen = tuple(
        frozenset(v.tobytes() for v in np.unique(room.Z[:, g] + 0.0, axis=0))
        for g in limits.together
    )
    return Couplings(room=room, laws=tuple(laws), seen=seen)


def _law(room: Room, j: int, name: str) -> str:
    """Say what is asked of one column."""
    limits = room.ground.limits
    if limits.immutable[j]:
        return f"{name!r} is immutable"
    said = []
    if limits.direction[j]:
        said.append(f"{name!r} never {'falls' if limits.direction[j] == 1 else 'rises'}")
    if np.isfinite(limits.low[j]) or np.isfinite(limits.high[j]):
        said.append(f"bounds of {name!r}")
    if j in limits.moves:
        said.append(f"transitions of {name!r}")
    return " and ".join(said) or f"the background's values of {name!r}"
