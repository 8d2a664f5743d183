"""What the columns of a row may be tried with: one change at a time, all within a price."""

from dataclasses import dataclass

import numpy as np

from whence.core.types import Bools, Floats, Ints
from whence.maskers.changes import Room

_RANKS = 5
"""Values of the background that are tried on either side of a number, evenly by their rank."""
_SHARES = (1 / 16, 1 / 4, 1 / 2, 1.0)
"""Shares of the way to the farthest number that is within the price."""
_AROUND = (-0.5, -0.2, -0.05, 0.1)
"""Shares of a change by which the changed number itself is varied."""
_LEVELS = 32
"""Categories, or groups of values that occur together, that are tried at most."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """Values for one unit of columns.

    Attributes
    ----------
    columns : int array of shape (width,)
    values : array of shape (rows, alternatives, width)
        The first alternative is what the unit starts with.
    price : array of shape (rows, alternatives)
        What the unit alone costs.
    usable : bool array of shape (rows, alternatives)
        Whether an alternative is within the price, and neither what is there nor a repetition.
    """

    columns: Ints
    values: Floats
    price: Floats
    usable: Bools


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Menu:
    """What can be tried in a room.

    Attributes
    ----------
    room : Room
    start : array of shape (rows, columns)
        The rows, inside their bounds.
    sorted : dict
        Column of numbers -> its distinct numbers in the background, ascending.
    common : dict
        Number of a unit -> its most frequent values in the background, (values, width).
    """

    room: Room
    start: Floats
    sorted: dict[int, Floats]
    common: dict[int, Floats]

    def trials(self, base: Floats, row: Ints, cap: Floats) -> list[Trial]:
        """Return what to try instead of the cells of ``base``, unit by unit.

        Parameters
        ----------
        base : array of shape (rows, columns)
            Changed rows.
        row : int array of shape (rows,)
            Which row of the room each is made of.
        cap : array of shape (rows,)
            No unit may cost as much as this.
        """
        return [self._trial(u, base, row, cap) for u in range(len(self.room.ground.units))]

    def _trial(self, u: int, base: Floats, row: Ints, cap: Floats) -> Trial:
        columns = self.room.ground.units[u]
        begin = self.start[row][:, columns][:, None]
        if u in self.common:
            some = self.common[u]
            tried = np.broadcast_to(some, (len(row), *some.shape))
            values = np.concatenate([begin, tried], axis=1)
            made = self._allowed(values, columns, row)
            good = ((made == values) | (np.isnan(made) & np.isnan(values))).all(axis=2)
        else:
            values = np.concatenate([begin, self._numbers(int(columns[0]), base, row, cap)], axis=1)
            values = self._allowed(values, columns, row)
            good = ~np.isnan(values[:, :, 0])
        there = base[:, columns][:, None]
        good &= ((values != there) & ~(np.isnan(values) & np.isnan(there))).any(axis=2)
        price = self._price(values, columns, row)
        good &= (price < cap[:, None]) & ~_repeated(values)
        return Trial(columns=columns, values=values, price=price, usable=good)

    def _numbers(self, j: int, base: Floats, row: Ints, cap: Floats) -> Floats:
        """Return numbers to try in a column, (rows, alternatives, 1)."""
        room, ground = self.room, self.room.ground
        x, there = self.start[row, j], base[:, j]
        price = float(ground.limits.price[j])
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            reach = np.maximum(cap - ground.sparsity, 0.0) * ground.scale[j] / price
        reach = np.where(np.isnan(reach), np.inf, reach)
        low = np.fmax(room.first[row, j], x - reach)
        high = np.fmin(room.last[row, j], x + reach)
        known = self.sorted[j]
        left = np.searchsorted(known, low), np.searchsorted(known, x) - 1
        right = np.searchsorted(known, x, "right"), np.searchsorted(known, high, "right") - 1
        tried = [
            known[np.clip(np.round(np.linspace(a, b, _RANKS)), 0, len(known) - 1).astype(np.int64)]
            for a, b in (left, right)
            if len(known)
        ]
        tried += [x + share * (low - x) for share in _SHARES]
        tried += [x + share * (high - x) for share in _SHARES]
        tried += [there + share * (there - x) for share in _AROUND]
        return np.vstack(tried).T[:, :, None]

    def _allowed(self, values: Floats, columns: Ints, row: Ints) -> Floats:
        """Return the allowed values that are nearest to some for one unit."""
        n, k, _ = values.shape
        wish = np.repeat(self.start[row], k, axis=0)
        wish[:, columns] = values.reshape(n * k, -1)
        return self.room.nearest(wish, np.repeat(row, k))[:, columns].reshape(values.shape)

    def _price(self, values: Floats, columns: Ints, row: Ints) -> Floats:
        n, k, _ = values.shape
        C = np.repeat(self.room.X[row], k, axis=0)
        C[:, columns] = values.reshape(n * k, -1)
        return self.room.cost(C, np.repeat(row, k)).reshape(n, k)


def menu_of(room: Room) -> Menu:
    """Return what can be tried in a room."""
    numeric = np.flatnonzero(~room.category())
    known = {int(j): np.unique(room.Z[:, j][~np.isnan(room.Z[:, j])]) for j in numeric}
    common: dict[int, Floats] = {}
    for u, columns in enumerate(room.ground.units):
        if len(columns) > 1 or int(columns[0]) in room.may:
            values, counts = np.unique(room.Z[:, columns], axis=0, return_counts=True)
            values, counts = (
                values[~np.isnan(values).any(axis=1)],
                counts[~np.isnan(values).any(axis=1)],
            )
            common[u] = values[np.sort(np.argsort(-counts, kind="stable")[:_LEVELS])]
    return Menu(room=room, start=room.start(), sorted=known, common=common)


def _repeated(values: Floats) -> Bools:
    """Tell which alternatives are the same as one before them, (rows, alternatives)."""
    out = np.zeros(values.shape[:2], dtype=bool)
    for k in range(1, values.shape[1]):
        same = (values[:, :k] == values[:, k, None]).all(axis=2)
        out[:, k] = same.any(axis=1)
    return out
