"""Tables with new numbers in some cells, in the form that the user gave.

Grids of effects and counterfactuals ask a model about values that occur in no row. They are written
into copies of the user's own rows, so that types, categories and the index of columns stay what
the model knows.
"""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from whence.core.mix import as_array, as_given
from whence.core.table import Table, is_sparse
from whence.core.types import Bools, Floats, Ints, Level


def edited(table: Table, base: Ints, numbers: Floats) -> Table:
    """Return rows of a table with other numbers in some of their cells.

    A column of whole numbers stays one where the new numbers are whole, and becomes one of floats
    otherwise.

    Parameters
    ----------
    table : Table
    base : int array of shape (rows,)
        The row of the table that each new row is made of.
    numbers : array of shape (rows, columns)
        All numbers of the new rows, codes into ``table.levels`` for categories; NaN is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from whence.core.table import table_of
    >>> X = table_of(pd.DataFrame({"age": [41, 23], "job": ["clerk", "smith"]}))
    >>> edited(X, np.array([0]), np.array([[42.0, 1.0]])).native
       age    job
    0   42  smith
    """
    numbers = np.asarray(numbers, dtype=np.float64)
    native: Any = table.native
    if native is not None:
        native = _native(table, base, numbers)
    return Table(
        names=table.names, numbers=numbers, levels=table.levels, named=table.named, native=native
    )


def _native(table: Table, base: Ints, numbers: Floats) -> object:
    native: Any = table.native
    if is_sparse(native):
        kept = np.array_equal(numbers, numbers.astype(native.dtype))
        return type(native)(numbers.astype(native.dtype) if kept else numbers)
    plain = as_array(native)
    if plain is not None and plain.dtype.kind in "fiub":
        return as_given(_cast(numbers, plain.dtype), native)
    if isinstance(native, np.ndarray):
        return _objects(table, base, numbers, native)
    frame = nw.from_native(native, eager_only=True)
    changed: Bools = np.array(_differs(numbers, table.numbers[base]).any(axis=0))
    if frame.implementation.is_pandas():
        columns = {
            j: _pandas(native.iloc[:, j], table.levels[j], numbers[:, j])
            if changed[j]
            else native.iloc[:, j].array.take(base)
            for j in range(len(table.names))
        }
        return type(native)(columns, copy=False).set_axis(native.columns, axis=1)
    parts = [
        _column(s, table.levels[j], numbers[:, j]) if changed[j] else s[base.tolist()].to_frame()
        for j, s in enumerate(frame.iter_columns())
    ]
    return nw.concat(parts, how="horizontal").to_native()


def _differs(a: Floats, b: Floats) -> Bools:
    return np.array((a != b) & ~(np.isnan(a) & np.isnan(b)))


def _cast(numbers: Floats, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return numbers in a type where that loses nothing; a float type is kept in any case."""
    if dtype.kind == "f":
        return numbers.astype(dtype)
    if np.isnan(numbers).any():
        return numbers
    cast = numbers.astype(dtype)
    return cast if np.array_equal(cast, numbers) else numbers


def _objects(table: Table, base: Ints, numbers: Floats, native: NDArray[Any]) -> NDArray[Any]:
    out = native[base].astype(object)
    changed = _differs(numbers, table.numbers[base])
    for i, j in np.argwhere(changed):
        number, levels = float(numbers[i, j]), table.levels[j]
        missing = number != number  # noqa: PLR0124  only NaN differs from itself
        out[i, j] = number if missing or levels is None else levels[int(number)]
    return out


def _pandas(column: Any, levels: tuple[Level, ...] | None, numbers: Floats) -> Any:  # noqa: ANN401  a pandas series
    """Return a column of pandas' own type that holds other numbers or categories."""
    dtype, missing = column.dtype, np.isnan(numbers)
    if levels is None:
        if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
            return _cast(numbers, dtype)
        if isinstance(dtype, np.dtype):  # objects that are all numbers
            return np.array([None if gone else x for x, gone in zip(numbers, missing, strict=True)])
        values = [None if gone else x for x, gone in zip(numbers.tolist(), missing, strict=True)]
        try:
            return type(column)(values, dtype=dtype).array
        except (TypeError, ValueError):  # a fraction in a nullable column of whole numbers
            return type(column)(values, dtype="Float64").array
    codes = np.where(missing, -1, numbers).astype(np.int64)
    if hasattr(column, "cat") and hasattr(column.array, "from_codes"):
        own = {_plain(level): i for i, level in enumerate(column.cat.categories)}
        place = np.array([*(own.get(level, -1) for level in levels), -1])
        return type(column.array).from_codes(place[codes], dtype=dtype)
    words = np.array([*levels, None], dtype=object)[codes]
    return type(column)(words, dtype=dtype).array if dtype.kind != "O" else words


def _plain(level: Any) -> Any:  # noqa: ANN401  a category may be any scalar
    return level.item() if isinstance(level, np.generic) else level


def _column(
    column: nw.Series[Any], levels: tuple[Level, ...] | None, numbers: Floats
) -> nw.DataFrame[Any]:
    """Return a column of polars or pyarrow that holds other numbers or categories."""
    values: list[Any] = [None if x != x else x for x in numbers.tolist()]  # noqa: PLR0124  as above
    if levels is not None:
        values = [None if x is None else levels[int(x)] for x in values]
    dtype: Any = column.dtype
    if levels is None:
        whole = all(x is None or float(x).is_integer() for x in values)
        if dtype.is_integer() and whole:
            values = [None if x is None else int(x) for x in values]
        elif dtype == nw.Boolean and whole:
            values = [None if x is None else bool(x) for x in values]
        elif not dtype.is_float():
            dtype = nw.Float64
    elif dtype == nw.Categorical:
        made = nw.new_series(column.name, values, nw.String, backend=column.implementation)
        return made.cast(nw.Categorical).to_frame()
    return nw.new_series(column.name, values, dtype, backend=column.implementation).to_frame()
