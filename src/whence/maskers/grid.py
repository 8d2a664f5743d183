"""Positions of a feature along which a model is followed, in the user's own terms.

Positions of numbers are values that occur, at equally spaced ranks, so that whole numbers stay
whole and no position is where there are no data. Those of categories are the categories that occur.
Where values are missing, missing is a position of its own, the last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from whence.core.check import shorten
from whence.core.edit import edited
from whence.core.effect import Curve
from whence.core.errors import InputError
from whence.core.inputs import Inputs
from whence.core.table import Table, table_of
from whence.core.types import Floats, Ints, Level
from whence.maskers.columns import place_of
from whence.models.predict import Predict

Features: TypeAlias = str | int | Sequence[str | int | Sequence[str | int]] | None
"""A name, or names and pairs of names; None means all columns."""
Grid: TypeAlias = int | Mapping[Any, Any]
"""How many positions, or feature -> its positions in the user's own terms."""
Order: TypeAlias = Literal["frequency", "given"]

_PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axis:
    """The positions of one column.

    Attributes
    ----------
    column : int
    name : str
    grid : array of shape (positions,)
        Numbers, ascending, or codes of categories in the order they are shown; NaN, last, is
        missing.
    levels : tuple or None
        The categories that the codes stand for.
    """

    column: int
    name: str
    grid: Floats
    levels: tuple[Level, ...] | None

    def nearest(self, numbers: Floats) -> Ints:
        """Return the position nearest to each number; -1 where there is none."""
        missing, gone = np.isnan(numbers), np.flatnonzero(np.isnan(self.grid))
        out = np.full(len(numbers), int(gone[0]) if len(gone) else -1, dtype=np.int64)
        grid = self.grid[~np.isnan(self.grid)]
        if self.levels is not None:
            place = np.full(len(self.levels) + 1, -1)
            place[grid.astype(np.int64)] = np.arange(len(grid))
            out[~missing] = place[numbers[~missing].astype(np.int64)]
        elif len(grid):
            between = (grid[1:] + grid[:-1]) / 2
            out[~missing] = np.searchsorted(between, numbers[~missing])
        return out


def density_of(axes: Sequence[Axis], table: Table) -> Floats:
    """Return the share of the rows that are nearest to each position, of shape (*positions,)."""
    shape = tuple(len(axis.grid) for axis in axes)
    at = [axis.nearest(table.numbers[:, axis.column]) for axis in axes]
    known = np.all([place >= 0 for place in at], axis=0)
    flat = np.ravel_multi_index(tuple(place[known] for place in at), shape)
    count = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)
    return np.asarray(count / max(int(known.sum()), 1))


def cells_of(axes: Sequence[Axis]) -> Floats:
    """Return all combinations of positions, (positions, axes), the last axis fastest."""
    return np.stack(np.meshgrid(*(axis.grid for axis in axes), indexing="ij"), -1).reshape(
        -1, len(axes)
    )


def curve_along(
    axes: Sequence[Axis],
    values: Floats,
    *,
    low: Floats | None = None,
    high: Floats | None = None,
    density: Floats | None = None,
) -> Curve:
    """Return the curve of one column, or the surface of two.

    Parameters
    ----------
    axes : sequence of Axis
    values, low, high : arrays of shape (positions, outputs)
        At the positions of `cells_of`; the bounds of a band, if there is one.
    density : array of shape (*positions,) or None
        From `density_of`.
    """
    shape = (*(len(axis.grid) for axis in axes), values.shape[-1])
    return Curve(
        features=tuple(axis.name for axis in axes),
        grid=tuple(axis.grid for axis in axes),
        levels=tuple(axis.levels for axis in axes),
        values=values.reshape(shape),
        low=None if low is None else low.reshape(shape),
        high=None if high is None else high.reshape(shape),
        density=density,
    )


def table_given(inputs: Inputs, method: str) -> Table:
    """Return the rows explained, which have to be a table.

    Raises
    ------
    InputError
        If they are images, texts or series.
    """
    if isinstance(inputs, Table):
        return inputs
    raise InputError(
        f"{method} got {type(inputs).__name__.lower()}, whose parts mean something else in every "
        "row. Give a table, or explain row by row, for example with PartitionShap."
    )


def names_of(table: Table, view: Predict) -> tuple[str, ...]:
    """Return what the columns are called: by the table, else by the model."""
    return view.features if not table.named and view.features else table.names


def chosen(features: Features, table: Table, names: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """Return the columns of each curve that is asked for, one or two.

    Raises
    ------
    InputError
        If a column does not exist, or stands twice in a pair.

    Examples
    --------
    >>> table = table_of(np.zeros((1, 3)))
    >>> chosen(("x0", ("x0", "x2")), table, table.names)
    ((0,), (0, 2))
    """
    if features is None:
        return tuple((j,) for j in range(len(names)))
    listed: Sequence[Any] = [features] if isinstance(features, (str, int)) else [*features]
    if not listed:
        raise InputError("features is empty. Name columns, or leave it out for all of them.")
    named = replace(table, names=names)
    return tuple(_columns(entry, named) for entry in listed)


def _columns(entry: Any, table: Table) -> tuple[int, ...]:  # noqa: ANN401  anything may be given
    parts = [entry] if isinstance(entry, (str, int)) else entry
    if not isinstance(parts, Sequence) or len(parts) not in (1, _PAIR):
        raise InputError(
            f"features holds {entry!r:.60}. Each entry is the name of a column or a pair of names: "
            "features=('age', ('age', 'income'))."
        )
    columns = tuple(column_of(part, table, "features") for part in parts)
    if len(set(columns)) < len(columns):
        raise InputError(
            f"features has the pair {entry!r} of one column with itself. Name two columns."
        )
    return columns


def column_of(name: Any, table: Table, where: str) -> int:  # noqa: ANN401  anything may be given
    """Return the place of a column that a setting names; see `whence.maskers.columns.place_of`."""
    try:
        return place_of(table, name, where)
    except InputError as error:
        raise InputError(
            str(error).replace("which the background lacks", "which X lacks")
        ) from None


def check_grid(grid: Grid, *, least: int = 2, name: str = "grid") -> None:
    """Raise `InputError` unless a grid is a number of positions or a dict of positions."""
    if isinstance(grid, Mapping):
        return
    whole = isinstance(grid, (int, np.integer)) and not isinstance(grid, bool)
    if not whole or grid < least:
        raise InputError(
            f"{name} is {grid!r}. A whole number from {least} on is needed, or a dict from "
            "features to positions, such as {'age': [20, 40, 60]}."
        )


def axis_of(
    table: Table,
    column: int,
    name: str,
    grid: Grid,
    *,
    most: int,
    order: Order,
    trim: float,
    name_of: str = "grid",
) -> Axis:
    """Return the positions of one column.

    Parameters
    ----------
    table : Table
    column : int
    name : str
        What the column is called.
    grid : int or mapping
        Columns that a mapping does not name get ``most`` positions.
    most : int
        Positions of a column of numbers.
    order : {"frequency", "given"}
        Of categories: the most frequent first, or as the column lists them.
    trim : float
        Share of the rows that is left out at each end of a column of numbers.
    name_of : str
        What messages call the grid.

    Raises
    ------
    InputError
        If positions are given that are none.
    """
    numbers, levels = table.numbers[:, column], table.levels[column]
    if isinstance(grid, Mapping):
        for key in (name, table.names[column], column):
            if key in grid and not (key == column and table.named):
                return _given(list(grid[key]), column, name, levels, name_of)
    present = numbers[~np.isnan(numbers)]
    values, counts = np.unique(present, return_counts=True)
    if levels is not None and order == "frequency":
        values = values[np.argsort(-counts, kind="stable")]
    elif levels is None:
        values = _numbers(values, present, most, trim)
    gone = [np.nan] if len(present) < len(numbers) else []
    return Axis(column=column, name=name, grid=np.array([*values, *gone]), levels=levels)


def check_mapping(grid: Grid, table: Table, names: tuple[str, ...], where: str = "grid") -> None:
    """Raise `InputError` if a mapping names columns that do not exist."""
    if isinstance(grid, Mapping):
        for key in grid:
            column_of(key, replace(table, names=names), where)


def _numbers(values: Floats, present: Floats, most: int, trim: float) -> Floats:
    if len(values) <= most and not trim:
        return values
    at = np.linspace(trim, 1 - trim, most)
    return np.unique(np.quantile(present, at, method="closest_observation"))


def _given(
    values: list[Any], column: int, name: str, levels: tuple[Level, ...] | None, name_of: str
) -> Axis:
    """Return positions that the user gave."""
    if not values:
        raise InputError(
            f"{name_of} has no positions for {name!r}. Give some, or leave {name!r} out."
        )
    missing = [v is None or v != v for v in values]  # noqa: PLR0124  only NaN differs from itself
    known = [v for v, gone in zip(values, missing, strict=True) if not gone]
    gone = [np.nan] if any(missing) else []
    if levels is None:
        try:
            numbers = np.unique(np.array(known, dtype=np.float64))
        except (TypeError, ValueError):
            numbers = np.array([np.inf])
        if not np.isfinite(numbers).all():
            raise InputError(
                f"{name_of} has the positions {shorten(values)} for {name!r}, a column of "
                "numbers. Give finite numbers, and None for missing."
            )
        return Axis(column=column, name=name, grid=np.array([*numbers, *gone]), levels=None)
    plain = [v.item() if isinstance(v, np.generic) else v for v in known]
    levels = tuple(dict.fromkeys([*levels, *plain]))
    codes = dict.fromkeys(levels.index(v) for v in plain)
    return Axis(
        column=column, name=name, grid=np.array([*codes, *gone], dtype=np.float64), levels=levels
    )


def with_levels(table: Table, axes: Sequence[Axis]) -> Table:
    """Return the table with the categories that only the grid knows.

    Raises
    ------
    InputError
        If a column cannot hold one of them.
    """
    levels = list(table.levels)
    for axis in axes:
        if axis.levels is not None and len(axis.levels) > len(levels[axis.column] or ()):
            levels[axis.column] = axis.levels
    if tuple(levels) == table.levels:
        return table
    wider = replace(table, levels=tuple(levels))
    for axis in axes:
        for code in axis.grid[axis.grid >= len(table.levels[axis.column] or ())]:
            if axis.levels is not None:
                _check_holds(wider, axis, code)
    return wider


def _check_holds(table: Table, axis: Axis, code: float) -> None:
    numbers = table.numbers[:1].copy()
    numbers[0, axis.column] = code
    level = (axis.levels or ())[int(code)]
    if table_of(edited(table, np.array([0]), numbers).native).value(0, axis.column) != level:
        known = (axis.levels or ())[: int(code)]
        raise InputError(
            f"There is no category {level!r} for {axis.name!r}: the type of that column does not "
            f"have it. Its categories are {shorten(known)}. Give some of these."
        )
