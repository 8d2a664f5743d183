"""Tables for the command line: read from files, split from their target, fitted to the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from whence.core.check import shorten
from whence.core.errors import InputError, MissingDependencyError
from whence.core.types import Level
from whence.models.trees import Trees

if TYPE_CHECKING:
    import pandas as pd

_TABLES: Final = "a CSV file (.csv, .csv.gz) or a Parquet file (.parquet)"
_LEARNED: Final = ("Booster", "LGBMModel", "XGBModel", "BaseHistGradientBoosting", "_CatBoostBase")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table in a file.

    Attributes
    ----------
    path : Path
    rows : int or None
        Number of rows where the file states it (Parquet).
    columns : tuple of str or None
        Columns where the file states them (Parquet).
    missing : tuple of str
        Texts that stand for a missing cell in a CSV file, beside the usual ones.
    """

    path: Path
    rows: int | None = None
    columns: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()

    def read(self) -> "pd.DataFrame":
        """Read the whole table, with an index from 0."""
        pandas = _pandas()
        try:
            if self.columns is not None:
                frame = pandas.read_parquet(self.path)
            else:
                frame = pandas.read_csv(
                    self.path,
                    sep=_separator(self.path),
                    low_memory=False,
                    na_values=list(self.missing),
                    skipinitialspace=True,
                )
        except UnicodeDecodeError as error:
            raise _broken(self.path, "it is not text in UTF-8") from error
        except (ValueError, OSError, EOFError) as error:  # pandas, gzip and pyarrow raise these
            raise _broken(self.path, str(error).partition("\n")[0]) from error
        if not len(frame) or not len(frame.columns):
            raise InputError(f"{self.path} holds no rows. Needed: {_TABLES} with rows.")
        frame.columns = [str(name) for name in frame.columns]
        _check_unique(frame, self.path)
        return cast("pd.DataFrame", frame.reset_index(drop=True))


def source(path: str | Path, what: str = "data", missing: tuple[str, ...] = ()) -> Source:
    """Look at a table's file without reading its rows.

    Raises
    ------
    InputError
        If there is no such file, or it is no table.
    """
    path = Path(path)
    if not path.is_file():
        near = get_close_matches(path.name, [p.name for p in path.parent.glob("*")], n=1)
        hint = f" Is it {near[0]!r}?" if near else ""
        raise InputError(f"There is no {what} file {path}.{hint} Needed: {_TABLES}.")
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        raise InputError(f"{path} is empty. Needed: {_TABLES}.")
    if head != b"PAR1":
        return Source(path=path, missing=missing)
    _pandas()
    try:
        parquet = import_module("pyarrow.parquet").ParquetFile(path)
    except ImportError as error:
        raise MissingDependencyError.of("A Parquet file", "pyarrow", "cli") from error
    except (OSError, ValueError) as error:
        raise _broken(path, str(error).partition("\n")[0]) from error
    with parquet:
        names = [n for n in parquet.schema_arrow.names if not n.startswith("__index_level_")]
        return Source(path=path, rows=parquet.metadata.num_rows, columns=tuple(names))


def _separator(path: Path) -> str:
    """Return the separator of a CSV file: the one of comma, semicolon and tab that its head has."""
    import_gz = path.suffix.lower() == ".gz"
    opener = import_module("gzip").open if import_gz else Path.open
    with opener(path, "rt", encoding="utf-8") as file:
        head = file.readline(1_000_000)
    return max(",;\t", key=head.count)


def _check_unique(frame: "pd.DataFrame", path: Path) -> None:
    names = list(frame.columns)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path} has the column {twice[0]!r} more than once. Rename the columns.")


def split(
    frame: "pd.DataFrame", target: str | None, drop: Sequence[str]
) -> "tuple[pd.DataFrame, pd.Series | None]":
    """Split the target off, and drop columns.

    Raises
    ------
    InputError
        If a column to split off or to drop does not exist.
    """
    check_columns(tuple(frame.columns), target, drop)
    y = None if target is None else frame[target]
    gone = {*drop, *([] if target is None else [target])}
    return frame[[name for name in frame.columns if name not in gone]], y


def check_columns(names: tuple[str, ...], target: str | None, drop: Sequence[str]) -> None:
    """Raise `InputError` unless target and dropped columns exist."""
    wanted = [("--drop", name) for name in drop]
    wanted += [] if target is None else [("--target", target)]
    for option, name in wanted:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise InputError(
                f"{option} {name!r}: the data have no such column.{hint} They have "
                f"{shorten(names)}."
            )


def fit(frame: "pd.DataFrame", model: object, view: Trees) -> "pd.DataFrame":
    """Bring a frame to the columns, the order and the categories of the model.

    Raises
    ------
    InputError
        If the frame lacks columns or has others, or holds text where the model reads numbers.
    """
    frame = _ordered(frame, view)
    if not any(cls.__name__ in _LEARNED for cls in type(model).__mro__):
        return frame
    known = categories(model, view, frame)
    fitted = frame.copy(deep=False)
    for name in frame.columns:
        if name in known:
            fitted[name] = _categorical(frame[name], known[name], view.library)
        elif not _is_number(frame[name]):
            example = frame[name].dropna().iloc[:1].tolist()
            raise InputError(
                f"Column {name!r} holds text such as {example[0] if example else ''!r}, and the "
                "model learned no categories there. Give numbers, as in training."
            )
    return fitted


def _named(view: Trees) -> bool:
    """Tell whether the model knows its columns by name, be it with _ for spaces."""
    return view.named or (
        view.library == "lightgbm"
        and view.features != tuple(f"x{j}" for j in range(len(view.features)))
    )


def _ordered(frame: "pd.DataFrame", view: Trees) -> "pd.DataFrame":
    names = [str(name) for name in frame.columns]
    features = list(view.features)
    if view.library == "lightgbm" and set(names) != set(features):  # it trains with _ for spaces
        frame = frame.rename(columns={n: n.replace(" ", "_") for n in names})
        names = list(frame.columns)
    if not _named(view):
        if len(names) != len(features):
            raise InputError(
                f"The model reads {len(features)} columns without names, and the data have "
                f"{len(names)}: {shorten(names)}. Split the target off with --target, and leave "
                "other columns out with --drop."
            )
        return frame
    missing = [name for name in features if name not in set(names)]
    extra = [name for name in names if name not in set(features)]
    if missing:
        near = get_close_matches(missing[0], extra, n=1)
        hint = f" (is it {near[0]!r}?)" if near else ""
        raise InputError(
            f"The data lack {len(missing)} of the {len(features)} columns that the model reads: "
            f"{shorten(missing)}{hint}. Rename or add them."
        )
    if extra:
        options = " ".join(f"--drop {_quoted(name)}" for name in extra[:8])
        raise InputError(
            f"The data have {_columns(len(extra))} that the model does not know: {shorten(extra)}. "
            f"Leave them out with {options}{' …' if len(extra) > 8 else ''}"  # noqa: PLR2004  a line
            f", or name the one to predict: --target {_quoted(extra[-1])}."
        )
    return frame[features]


def _columns(count: int) -> str:
    return f"{count} column{'s' if count > 1 else ''}"


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f'"{name}"'


def categories(
    model: object, view: Trees, frame: "pd.DataFrame"
) -> dict[str, tuple[Level, ...] | None]:
    """Return the columns that the model reads as categories, with its levels where it has any."""
    model_: Any = model
    names = list(frame.columns)
    if view.library == "lightgbm":
        return _lightgbm_categories(getattr(model_, "booster_", model_), names, frame)
    if view.library == "xgboost":
        booster = model_.get_booster() if hasattr(model_, "get_booster") else model_
        return _xgboost_categories(booster, names)
    if view.library == "catboost":
        return {names[j]: None for j in model_.get_cat_feature_indices()}
    flags = getattr(model_, "is_categorical_", None)
    return {} if flags is None else {n: None for n, on in zip(names, flags, strict=True) if on}


def _lightgbm_categories(
    booster: Any,  # noqa: ANN401  a library without types
    names: list[str],
    frame: "pd.DataFrame",
) -> dict[str, tuple[Level, ...] | None]:
    """Match the lists of categories, which LightGBM keeps without names, to columns in order."""
    lists = [tuple(levels) for levels in booster.pandas_categorical or ()]
    header = booster.model_to_string(num_iteration=1).partition("\nTree=")[0]
    line = next(s for s in header.splitlines() if s.startswith("feature_infos="))
    infos = line.partition("=")[2].split(" ")
    texts = {name for name in names if not _is_number(frame[name])}
    found = [
        name
        for name, info in zip(names, infos, strict=True)
        if name in texts or (info != "none" and not info.startswith("["))
    ]
    if len(found) != len(lists):  # a column that no tree splits on leaves no trace in the file
        return dict.fromkeys(texts, None)
    return dict(zip(found, lists, strict=True))


def _xgboost_categories(
    booster: Any,  # noqa: ANN401  a library without types
    names: list[str],
) -> dict[str, tuple[Level, ...] | None]:
    kinds = booster.feature_types or []
    if "c" not in kinds:
        return {}
    table = dict(booster.get_categories(export_to_arrow=True).to_arrow())
    stored = booster.feature_names or names
    return {
        name: None if table.get(key) is None else tuple(table[key].to_pylist())
        for name, key, kind in zip(names, stored, kinds, strict=True)
        if kind == "c"
    }


def _categorical(
    column: "pd.Series", levels: tuple[Level, ...] | None, library: str
) -> "pd.Series":
    """Return a column as categories of the model, of the type in which it learned them."""
    pandas = _pandas()
    if library == "catboost":  # it takes text and whole numbers as they are, and no missing value
        return column.astype("object").where(column.notna(), "nan").astype(str)
    if levels is None:
        return column.astype("category")
    learned = {_key(level): level for level in levels}
    cells = [None if pandas.isna(v) else learned.get(_key(v), str(v)) for v in column.tolist()]
    unseen = sorted({str(v) for v in cells if v is not None and _key(v) not in learned})
    if unseen and library == "xgboost":  # the library itself refuses them
        raise InputError(
            f"Column {column.name!r} holds {shorten(unseen)}, which the model never saw. "
            f"It knows {shorten([str(level) for level in levels])}. Correct the cells or leave "
            "the rows out."
        )
    every = [*levels, *unseen]
    coded = pandas.Categorical(cells, categories=every)
    return cast("pd.Series", pandas.Series(coded, index=column.index, name=column.name))


def _key(value: object) -> str:
    """Make equal what is the same category in a file and in the model: 1, 1.0 and "1"."""
    if isinstance(value, (int, float, np.number)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _is_number(column: "pd.Series") -> bool:
    kind = getattr(column.dtype, "kind", "O")
    return bool(kind in "iufb")


def _broken(path: Path, got: str) -> InputError:
    return InputError(
        f"{path} cannot be read as a table: {got}. Needed: {_TABLES}. Write the file again."
    )


def _pandas() -> Any:  # noqa: ANN401  a module
    try:
        return import_module("pandas")
    except ImportError as error:
        raise MissingDependencyError.of("The command line", "pandas", "cli") from error
