"""Tables from any library, brought to one form.

A `Table` is a matrix of float64 numbers. A column of categories holds codes into its ``levels``,
in the order in which the user's column lists them (or sorted, for plain strings); a missing value
is NaN. The frame that the user handed in travels along in ``native``, so that the user's model is
always asked with the user's own object.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol, Self, cast

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from whence.core.digest import digest
from whence.core.errors import InputError
from whence.core.types import Floats, Int32s, Level


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Rows to explain.

    Attributes
    ----------
    names : tuple of str
        Column names; "x0", "x1", ... for an array, which has none.
    numbers : array of shape (rows, columns)
        Numbers, and codes of categories; NaN is missing.
    levels : tuple
        Per column the categories that the codes stand for, or None for a column of numbers.
    named : bool
        Whether the user named the columns.
    rows : tuple of str or None
        Labels of the rows, where the user's table has any.
    native : object
        What the user handed in, rows as in ``numbers``; None after loading from a file.

    Examples
    --------
    >>> import pandas as pd
    >>> table = table_of(pd.DataFrame({"age": [41, 23], "job": ["clerk", None]}))
    >>> table.numbers
    array([[41.,  0.],
           [23., nan]])
    >>> table.text(0, 1), table.text(1, 1)
    ('clerk', 'missing')
    """

    names: tuple[str, ...]
    numbers: Floats
    levels: tuple[tuple[Level, ...] | None, ...]
    named: bool = True
    rows: tuple[str, ...] | None = None
    native: object = field(default=None, repr=False)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.numbers)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Return some rows, with the user's own object cut alike."""
        labels = self.rows
        if labels is not None:
            chosen = np.arange(len(labels))[rows]
            labels = tuple(labels[i] for i in chosen)
        return type(self)(
            names=self.names,
            numbers=self.numbers[rows],
            levels=self.levels,
            named=self.named,
            rows=labels,
            native=_cut(self.native, rows),
        )

    def value(self, row: int, column: int) -> Level | None:
        """Return one cell as the user wrote it; None if missing."""
        number = float(self.numbers[row, column])
        if math.isnan(number):
            return None
        levels = self.levels[column]
        return number if levels is None else levels[int(number)]

    def text(self, row: int, column: int) -> str:
        """Return one cell as text for people: "missing", a category, or a short number."""
        value = self.value(row, column)
        if value is None:
            return "missing"
        if self.levels[column] is not None or isinstance(value, str):
            return str(value)
        number = float(value)
        return f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:.4g}"  # noqa: PLR2004  beyond 1e15 digits are noise

    def divided(self, segments: Int32s) -> Self:  # noqa: ARG002  a table is divided by its columns
        """Return the same: a table is divided by its columns."""
        return self

    def content(self) -> Iterator[bytes]:
        """Yield what each row says as bytes, in which no other row has a say.

        Categories count by what they are, since their codes may depend on other rows.
        """
        cells = _bits(self.numbers)
        for j, levels in enumerate(self.levels):
            if levels is not None:
                codes = self.numbers[:, j]
                missing = _bits(np.array([np.nan]))
                known = np.concatenate([np.array([_of_level(v) for v in levels], "<u8"), missing])
                cells[:, j] = known[np.where(np.isnan(codes), -1, codes).astype(np.int64)]
        yield from (row.tobytes() for row in cells)

    def digest(self) -> str:
        """Return the SHA-256 of names, categories and numbers."""
        return digest([*self.names, repr(self.levels), self.numbers])

    def detached(self) -> Self:
        """Return the table without the user's own object and with numbers of its own."""
        return type(self)(
            names=self.names,
            numbers=self.numbers if self.numbers.flags.owndata else self.numbers.copy(),
            levels=self.levels,
            named=self.named,
            rows=self.rows,
        )


def _bits(numbers: Floats) -> NDArray[np.uint64]:
    plain = np.where(np.isnan(numbers), np.nan, numbers + 0.0)  # one NaN and one zero
    return np.ascontiguousarray(plain, dtype="<f8").view("<u8")


def _of_level(level: Level) -> int:
    if isinstance(level, str):
        return int.from_bytes(sha256(level.encode()).digest()[:8], "little")
    return int(_bits(np.array([float(level)]))[0])


class _Sparse(Protocol):
    """What is asked of a scipy sparse matrix."""

    shape: tuple[int, ...]

    def toarray(self) -> NDArray[np.generic]: ...


def is_sparse(X: object) -> bool:
    """Tell whether ``X`` is a scipy sparse matrix or array, without importing scipy."""
    return type(X).__module__.startswith("scipy.sparse")


def table_of(X: object) -> Table:
    """Bring rows from pandas, polars, pyarrow, numpy or scipy sparse to a `Table`.

    Parameters
    ----------
    X : data frame or array of shape (rows, columns)
        Anything that narwhals reads as an eager frame, a 2-D array, or a scipy sparse matrix,
        whose absent entries are zeros.

    Raises
    ------
    InputError
        If ``X`` is not a table, is empty, repeats a column name, or holds dates or nested values.
    """
    if isinstance(X, Table):
        return X
    if is_sparse(X):
        return _of_sparse(cast("_Sparse", X))
    if isinstance(X, np.ndarray):
        return _of_array(X)
    arrow = type(X).__module__.startswith("pyarrow")
    names = getattr(X, "column_names" if arrow else "columns", ())
    _check_unique(tuple(str(name) for name in names))
    if _is_plain_pandas(X):
        return _of_plain_pandas(X)
    frame = nw.from_native(cast("Any", X), eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        raise InputError(
            f"X is of type {type(X).__module__}.{type(X).__name__}. A table is needed: a pandas, "
            "polars or pyarrow frame, a 2-D numpy array or a scipy sparse matrix. For one row "
            "write X.iloc[[0]] or X[:1], which keep the table's two dimensions."
        )
    return _of_frame(frame, X)


def _of_array(X: NDArray[Any]) -> Table:
    if X.ndim != 2:  # noqa: PLR2004  a table has two axes
        raise InputError(
            f"X is an array of shape {X.shape}. A table has two dimensions, (rows, columns). "
            "For one row write X[:1] or X.reshape(1, -1)."
        )
    names = tuple(f"x{j}" for j in range(X.shape[1]))
    _check_size(*X.shape)
    if X.dtype.kind in "fiub":
        numbers = np.array(X, dtype=np.float64, order="C")
        return Table(
            names=names, numbers=numbers, levels=(None,) * len(names), named=False, native=X
        )
    if X.dtype.kind not in "OUS":
        raise InputError(
            f"X is an array of dtype {X.dtype}. Numbers, text or objects are needed. "
            "Convert it, for example with X.astype(float)."
        )
    columns = [_of_objects(name, X[:, j].tolist()) for j, name in enumerate(names)]
    return _of_columns(names, columns, named=False, rows=None, native=X)


def _of_sparse(X: _Sparse) -> Table:
    _check_size(X.shape[0], X.shape[1])
    names = tuple(f"x{j}" for j in range(X.shape[1]))
    numbers = np.ascontiguousarray(X.toarray(), dtype=np.float64)
    return Table(names=names, numbers=numbers, levels=(None,) * len(names), named=False, native=X)


def _is_plain_pandas(X: Any) -> bool:  # noqa: ANN401  any object may be given
    """Tell whether ``X`` is a pandas frame of numpy numbers, which needs no look at each column."""
    if not type(X).__module__.startswith("pandas") or type(X).__name__ != "DataFrame":
        return False
    return all(isinstance(d, np.dtype) and d.kind in "fiub" for d in X.dtypes.tolist())


def _of_plain_pandas(X: Any) -> Table:  # noqa: ANN401  a pandas frame, without importing pandas
    names = tuple(str(name) for name in X.columns)
    _check_size(*X.shape)
    return Table(
        names=names,
        numbers=np.array(X.to_numpy(dtype=np.float64), order="C"),
        levels=(None,) * len(names),
        named=any(isinstance(name, str) for name in X.columns),
        rows=_label_texts(X.index),
        native=X,
    )


def _of_frame(frame: nw.DataFrame[Any], native: object) -> Table:
    names = tuple(str(name) for name in frame.columns)
    _check_size(*frame.shape)
    named = any(isinstance(name, str) for name in frame.columns)
    dtypes = list(frame.schema.values())
    if all(dtype.is_numeric() or dtype == nw.Boolean for dtype in dtypes):
        numbers = _numbers(frame)
        levels = (None,) * len(names)
        return Table(
            names=names, numbers=numbers, levels=levels, named=named, rows=_labels(frame),
            native=native,
        )  # fmt: skip
    columns = [
        _of_series(name, frame.get_column(column))
        for name, column in zip(names, frame.columns, strict=True)
    ]
    return _of_columns(names, columns, named=named, rows=_labels(frame), native=native)


_NO_CELLS = (list, tuple, dict, set, np.ndarray, complex, np.complexfloating)
_Column = tuple[Floats, tuple[Level, ...] | None]


def _of_columns(
    names: tuple[str, ...],
    columns: list[_Column],
    *,
    named: bool,
    rows: tuple[str, ...] | None,
    native: object,
) -> Table:
    numbers = np.column_stack([codes for codes, _ in columns])
    levels = tuple(levels for _, levels in columns)
    return Table(names=names, numbers=numbers, levels=levels, named=named, rows=rows, native=native)


def _numbers(frame: nw.DataFrame[Any]) -> Floats:
    raw = frame.to_numpy()
    if raw.dtype.kind not in "fiub":  # a nullable dtype came out as objects
        raw = np.column_stack(
            [s.cast(nw.Float64).to_numpy().astype(np.float64) for s in frame.iter_columns()]
        )
    return np.array(raw, dtype=np.float64, order="C")


def _of_series(name: str, series: nw.Series[Any]) -> _Column:
    dtype = series.dtype
    if dtype.is_numeric() or dtype == nw.Boolean:
        return _numbers(series.to_frame())[:, 0], None
    if dtype in (nw.Categorical, nw.Enum):
        native = series.to_native()
        if hasattr(native, "cat") and hasattr(native.cat, "codes"):  # pandas keeps codes as numbers
            codes = np.asarray(native.cat.codes, dtype=np.float64)
            levels = tuple(_level(level) for level in native.cat.categories)
            return np.where(codes < 0, np.nan, codes), levels
        known = tuple(_level(v) for v in series.cat.get_categories().to_list())
        return _coded(series.to_list(), known), known
    if dtype in (nw.String, nw.Object, nw.Unknown):
        return _of_objects(name, series.to_list())
    raise InputError(
        f"Column {name!r} is of type {dtype}, which is neither numbers nor categories. "
        "Turn it into numbers (for a date: days since a day) or into text, or drop it."
    )


def _of_objects(name: str, values: list[Any]) -> _Column:
    strange = next((v for v in values if isinstance(v, _NO_CELLS)), None)
    if strange is not None:
        raise InputError(
            f"Column {name!r} holds {strange!r:.40}, nested or complex. Numbers or categories are "
            "needed. Split the column into several."
        )
    present = {_level(value) for value in values if not _is_missing(value)}
    if all(isinstance(value, (int, float)) for value in present):
        numbers = [math.nan if _is_missing(value) else float(value) for value in values]
        return np.array(numbers), None
    levels = tuple(sorted(present, key=lambda level: (not isinstance(level, str), str(level))))
    return _coded(values, levels), levels


def _coded(values: Iterable[Any], levels: tuple[Level, ...]) -> Floats:
    code = {level: float(i) for i, level in enumerate(levels)}
    return np.array(
        [math.nan if _is_missing(value) else code[_level(value)] for value in values],
        dtype=np.float64,
    )


def _is_missing(value: object) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(value != value)  # noqa: PLR0124  only NaN differs from itself


def _level(value: Any) -> Level:  # noqa: ANN401  a category may be any scalar
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (str, int, float, bool)) else str(value)


def _labels(frame: nw.DataFrame[Any]) -> tuple[str, ...] | None:
    return _label_texts(nw.maybe_get_index(frame))


def _label_texts(index: Any) -> tuple[str, ...] | None:  # noqa: ANN401  a pandas index or None
    if index is None or type(index).__name__ == "RangeIndex":
        return None
    return tuple(str(label) for label in index)


def _check_unique(names: tuple[str, ...]) -> None:
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InputError(
            f"X has more than one column named {', '.join(map(repr, twice))}. "
            "Names must be unique. Rename the columns."
        )


def _check_size(rows: int, columns: int) -> None:
    if rows == 0 or columns == 0:
        raise InputError(
            f"X has {rows} rows and {columns} columns. At least one row and one column are needed. "
            "Check the filter that produced it."
        )


def _cut(native: object, rows: slice | NDArray[np.int64]) -> object:
    if native is None or isinstance(native, np.ndarray) or is_sparse(native):
        return native if native is None else cast("Any", native)[rows]
    frame = nw.from_native(cast("Any", native), eager_only=True)
    return frame[rows].to_native()
