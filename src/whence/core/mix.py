"""Tables whose rows are put together from cells of other rows.

This is how a model is asked what it says when some features are unknown: the known cells come from
the row explained, the others from rows of a background. The model is asked with the kind of table
that the user gave, a data frame with its types and categories included, so cells are gathered in
that very table.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias, cast

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from whence.core.errors import InputError
from whence.core.table import Table, is_sparse
from whence.core.types import Floats, Ints, Level

_Levels: TypeAlias = tuple[Level, ...] | None


def stack(X: Table, background: Table) -> Table:
    """Return the rows of ``X`` followed by those of ``background``, in the form of ``X``.

    Categories that only one of the two tables lists are known to both afterwards.

    Raises
    ------
    InputError
        If the tables are of different libraries, or a column of different types.

    Examples
    --------
    >>> from whence.core.table import table_of
    >>> stack(table_of(np.array([[1.0]])), table_of(np.array([[2.0], [3.0]]))).native.ravel()
    array([1., 2., 3.])
    """
    columns = [_codes(X, background, j) for j in range(len(X.names))]
    return Table(
        names=X.names,
        numbers=np.column_stack([codes for codes, _ in columns]),
        levels=tuple(levels for _, levels in columns),
        named=X.named,
        native=_stacked(X, background),
    )


def mix(table: Table, index: Ints) -> Table:
    """Return a table whose cell (i, j) is the cell (index[i, j], j) of ``table``.

    Parameters
    ----------
    table : Table
    index : int array of shape (rows, columns)

    Examples
    --------
    >>> from whence.core.table import table_of
    >>> mix(table_of(np.array([[1.0, 2.0], [3.0, 4.0]])), np.array([[0, 1], [1, 0]])).native
    array([[1., 4.],
           [3., 2.]])
    """
    native: Any = table.native
    plain = as_array(native)
    if plain is None:
        numbers = np.take_along_axis(table.numbers, index, axis=0)
        native = None if native is None else gathered(native, index.T, numbers)
    else:
        cells = np.take_along_axis(plain, index, axis=0)
        found = as_numbers(cells)
        numbers = np.take_along_axis(table.numbers, index, axis=0) if found is None else found
        native = as_given(cells, native)
    return Table(
        names=table.names, numbers=numbers, levels=table.levels, named=table.named, native=native
    )


def as_array(native: Any) -> NDArray[Any] | None:  # noqa: ANN401  a table of any library
    """Return the user's own table as one array, where that loses nothing; else None."""
    if isinstance(native, np.ndarray):
        return native
    if type(native).__module__.startswith("pandas") and hasattr(native, "dtypes"):
        types = set(native.dtypes.tolist())
        if len(types) == 1 and isinstance(one := types.pop(), np.dtype) and one.kind in "fiub":
            return cast("NDArray[Any]", native.to_numpy())
    return None


def as_given(cells: NDArray[Any], native: Any) -> object:  # noqa: ANN401  a table of any library
    """Return an array in the form of the table that `as_array` made an array of."""
    if isinstance(native, np.ndarray):
        return cells
    return type(native)(cells, columns=native.columns, copy=False)


def as_numbers(cells: NDArray[Any]) -> Floats | None:
    """Return an array as a table's numbers; None if it holds text or objects."""
    return cells.astype(np.float64, copy=False) if cells.dtype.kind in "fiub" else None


def gathered(native: Any, index: Iterable[Ints], numbers: Floats) -> object:  # noqa: ANN401  a table of any library
    """Return a table of which column j is that of ``native`` at the rows that ``index[j]`` names.

    Parameters
    ----------
    native : table
        No array.
    index : iterable of int arrays of shape (rows,), one per column
    numbers : array of shape (rows, columns)
        What comes of it as numbers, which is all that a sparse matrix is made of.
    """
    if is_sparse(native):
        return type(native)(numbers.astype(native.dtype))
    frame = nw.from_native(native, eager_only=True)
    if frame.implementation.is_pandas():  # without an index that gathering would have to carry
        columns = {j: native.iloc[:, j].array.take(at) for j, at in enumerate(index)}
        return type(native)(columns, copy=False).set_axis(native.columns, axis=1)
    return _joined([s[at].to_frame() for s, at in zip(frame.iter_columns(), index, strict=True)])


def _codes(X: Table, Z: Table, column: int) -> tuple[Floats, _Levels]:
    """Return the stacked numbers of a column, and the categories that they stand for."""
    x, z = X.numbers[:, column], Z.numbers[:, column]
    known, other = X.levels[column], Z.levels[column]
    if known == other:
        return np.concatenate([x, z]), known
    for levels, numbers in ((known, x), (other, z)):
        if levels is None and not np.isnan(numbers).all():
            forms = ["numbers" if each is None else "categories" for each in (known, other)]
            raise _differ(X.names[column], *forms)
    union = tuple(dict.fromkeys((*(known or ()), *(other or ()))))
    place = np.array([*(union.index(level) for level in other or ()), np.nan])
    recoded = place[np.where(np.isnan(z), len(place) - 1, z).astype(np.int64)]
    return np.concatenate([x, recoded]), union


def _differ(column: object, in_x: str, in_background: str) -> InputError:
    return InputError(
        f"Column {str(column)!r} is of type {in_x} in X and {in_background} in the background. "
        "The model must be asked with one type. Give both tables in the form of the training data."
    )


def _kind(native: object) -> str:
    if is_sparse(native):
        return "a scipy sparse matrix"
    return f"a {type(native).__module__.partition('.')[0]} {type(native).__name__}"


def _stacked(X: Table, Z: Table) -> object:
    a, b = cast("Any", X.native), cast("Any", Z.native)
    if a is None or b is None:  # read from a file: the view makes a table of what is left
        return None
    if _kind(a) != _kind(b):
        raise InputError(
            f"X is {_kind(a)} and the background {_kind(b)}. The model must be asked with one "
            "kind of table. Give both in the form of the training data."
        )
    if is_sparse(a):
        return type(a)(np.concatenate([X.numbers, Z.numbers]).astype(a.dtype))
    if isinstance(a, np.ndarray):
        return np.concatenate([a, b])
    x, z = as_array(a), as_array(b)
    if x is not None and z is not None and x.dtype == z.dtype:
        return as_given(np.concatenate([x, z]), a)
    pairs = zip(*(nw.from_native(f, eager_only=True).iter_columns() for f in (a, b)), strict=True)
    return _joined([_appended(x, z) for x, z in pairs])


def _appended(x: nw.Series[Any], z: nw.Series[Any]) -> nw.DataFrame[Any]:
    """Return one column below the other, of the type of ``x`` or, of two numbers, a float."""
    z = z.alias(x.name)
    if x.dtype != z.dtype and all(s.dtype.is_numeric() or s.dtype == nw.Boolean for s in (x, z)):
        x, z = x.cast(nw.Float64), z.cast(nw.Float64)
    if hasattr(x.to_native(), "cat") and hasattr(z.to_native(), "cat") and _is_pandas(x):
        x, z = _same_categories(x, z)
    kind = x.dtype
    if kind == z.dtype:
        both = nw.concat([x.to_frame(), z.to_frame()])
        if both.get_column(x.name).dtype == kind:
            return nw.maybe_reset_index(both)
    raise _differ(x.name, str(kind), str(z.dtype))


def _is_pandas(x: nw.Series[Any]) -> bool:
    return bool(x.implementation.is_pandas())


def _same_categories(x: nw.Series[Any], z: nw.Series[Any]) -> tuple[nw.Series[Any], nw.Series[Any]]:
    """Let two categorical columns of pandas know the categories of both."""
    a, b = x.to_native(), z.to_native()
    union = a.cat.categories.append(b.cat.categories.difference(a.cat.categories, sort=False))
    x, z = (nw.from_native(s.cat.set_categories(union), series_only=True) for s in (a, b))
    return x, z


def _joined(columns: list[nw.DataFrame[Any]]) -> object:
    return nw.concat(columns, how="horizontal").to_native()
