"""Explain a Parquet file of any length: batch by batch, within bounded memory.

Rows are read, explained and written in batches, so memory depends on the batch and not on the
file. A row's numbers do not depend on the batch it is in. The result is written beside its final
place and moved there when it is whole.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from whence.api import bind
from whence.core.errors import InputError, MissingDependencyError
from whence.core.explanation import Attribution
from whence.core.method import Output
from whence.core.provenance import Provenance
from whence.core.words import with_article
from whence.driver import Explainer

Prepare: TypeAlias = Callable[[Any], object]
"""Brings a batch, a pandas frame, to the table that the model is asked with."""

_BUFFER: Final = 1 << 20
_OURS: Final = ("row", "base_value", "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written.

    Attributes
    ----------
    path : Path
    rows : int
    columns : tuple of str
        Columns of the file, in order: the row, one per feature (and output), base value, output.
    residual : float
        Largest absolute residual of all rows and outputs.
    seconds : float
    """

    path: Path
    rows: int
    columns: tuple[str, ...]
    residual: float
    seconds: float


def explain_parquet(
    model: object,
    source: str | Path,
    target: str | Path,
    method: Any = None,  # noqa: ANN401  any method whose result is an Attribution
    *,
    output: Output = "raw",
    batch_rows: int = 16_384,
    columns: tuple[str, ...] | None = None,
    prepare: Prepare | None = None,
    rng: int | None = None,
    n_jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Written:
    """Explain the rows of a Parquet file and write the values to another one.

    Parameters
    ----------
    model : fitted model or Explainer
        A model, or what ``whence.bind`` made of it; then ``method`` and ``output`` are its own.
    source, target : str or Path
        The rows, and where the values go: float64 columns named by feature ("feature|output"
        where there are several outputs), after ``row`` and before ``base_value`` and ``output``.
        A name of ours that is also a feature's gets an underscore.
    method : method or None
        As in `whence.explain`.
    output : {"raw", "probability"}
        As in `whence.explain`.
    batch_rows : int
        Rows in memory at once, and in a row group of the result.
    columns : tuple of str or None
        Columns to read; None reads those of the model, by name.
    prepare : callable or None
        Called with each batch, a pandas frame; returns what the model is asked with.
    rng : int or None
        As in `whence.explain`.
    n_jobs : int
        Threads.
    progress : callable or None
        Called with the number of rows done after each batch.

    Raises
    ------
    InputError
        If the source cannot be read, is empty or lacks columns, or the settings are wrong;
        nothing is left behind then.
    MissingDependencyError
        If pyarrow or pandas is not installed.

    Examples
    --------
    >>> import tempfile, numpy as np, pandas as pd
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X = pd.DataFrame({"age": [20.0, 40.0, 60.0]})
    >>> model = DecisionTreeRegressor().fit(X, [1.0, 2.0, 6.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     X.to_parquet(f"{folder}/rows.parquet")
    ...     done = explain_parquet(model, f"{folder}/rows.parquet", f"{folder}/values.parquet")
    ...     pd.read_parquet(done.path).age.round(9).tolist()
    [-2.0, -1.0, 3.0]
    """
    started = time.perf_counter()
    if batch_rows < 1:
        raise InputError(f"batch_rows is {batch_rows}. Give at least 1.")
    explainer = model if isinstance(model, Explainer) else bind(model, method, output=output)
    source, target = Path(source), Path(target)
    file = open_parquet(source)
    wanted = _columns(file, explainer, columns, source)
    rows, worst, layout = 0, 0.0, Layout(names=(), meaning={})
    with _draft(target) as draft:
        writer: Any = None
        try:
            for batch in file.iter_batches(batch_rows, columns=list(wanted)):
                if not batch.num_rows:
                    continue
                frame = batch.to_pandas()
                X = prepare(frame) if prepare is not None else frame
                e = explainer.explain(X, rng=rng, n_jobs=n_jobs, progress=False)
                _check(e)
                if writer is None:
                    layout = layout_of(e)
                    writer = _library("pyarrow.parquet").ParquetWriter(
                        draft, _schema(layout, e.provenance), compression="zstd"
                    )
                writer.write_batch(_batch(e, rows, writer.schema))
                rows += len(e)
                worst = max(worst, float(np.abs(e.residual).max()))
                if progress is not None:
                    progress(rows)
        finally:
            if writer is not None:
                writer.close()
            file.close()
        if not rows:
            raise InputError(f"{source} holds no rows. At least one is needed.")
    return Written(
        path=target,
        rows=rows,
        columns=layout.names,
        residual=worst,
        seconds=time.perf_counter() - started,
    )


def write_attribution(e: Attribution, target: str | Path, *, batch_rows: int = 16_384) -> Path:
    """Write an explanation in memory to Parquet in the layout of `explain_parquet`."""
    _check(e)
    target = Path(target)
    schema = _schema(layout_of(e), e.provenance)
    with (
        _draft(target) as draft,
        _library("pyarrow.parquet").ParquetWriter(draft, schema, compression="zstd") as writer,
    ):
        for start in range(0, len(e), batch_rows):
            writer.write_batch(_batch(e[start : start + batch_rows], start, schema))
    return target


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of a file of values.

    Attributes
    ----------
    names : tuple of str
        All columns, in order.
    meaning : dict
        Column -> feature and output it holds, or which of our own columns it is.
    """

    names: tuple[str, ...]
    meaning: dict[str, list[str]]


def layout_of(e: Attribution) -> Layout:
    """Name the columns of a file of values; no two are the same."""
    features, outputs = e.names.features, e.names.outputs
    several = len(outputs) > 1
    meaning: dict[str, list[str]] = {}

    def add(name: str, *what: str) -> None:
        while name in meaning:
            name += "_"
        meaning[name] = list(what)

    for feature in features:
        for out in outputs:
            add(f"{feature}|{out}" if several else feature, "value", feature, out)
    for ours in _OURS[1:]:
        for out in outputs:
            add(f"{ours}|{out}" if several else ours, ours, out)
    taken = list(meaning)
    add("row", "row")
    place = next(name for name in meaning if name not in set(taken))
    return Layout(names=(place, *taken), meaning=meaning)


def _schema(layout: Layout, provenance: Provenance) -> Any:  # noqa: ANN401  pyarrow has no types
    arrow = _library("pyarrow")
    kept = {name: value for name, value in asdict(provenance).items() if name != "data_digest"}
    about = {"format": "whence values", "columns": layout.meaning, "provenance": kept}
    fields = [(layout.names[0], arrow.int64()), *((n, arrow.float64()) for n in layout.names[1:])]
    return arrow.schema(fields, metadata={"whence": json.dumps(about)})


def _batch(e: Attribution, start: int, schema: Any) -> Any:  # noqa: ANN401  pyarrow has no types
    arrow = _library("pyarrow")
    values = e.values.reshape(len(e), -1)
    parts = [values, e.base_values, e.outputs]
    arrays = [arrow.array(np.arange(start, start + len(e), dtype=np.int64))]
    arrays += [arrow.array(np.ascontiguousarray(c)) for part in parts for c in part.T]
    return arrow.record_batch(arrays, schema=schema)


def _check(e: object) -> None:
    if not isinstance(e, Attribution):
        raise InputError(
            f"The method gives {with_article(type(e).__name__)}, and values per feature "
            "are needed here. "
            "Use a method such as TreeShap."
        )


def open_parquet(source: Path) -> Any:  # noqa: ANN401  pyarrow has no types
    """Open a Parquet file such that reading it takes no more memory than a batch needs.

    Raises
    ------
    InputError
        If there is no such file, or it is not Parquet.
    """
    parquet = _library("pyarrow.parquet")
    if not source.is_file():
        raise InputError(f"There is no file {source}. Check the path.")
    try:
        # By default the file is kept in memory as it is read, or at least a whole row group.
        return parquet.ParquetFile(source, pre_buffer=False, buffer_size=_BUFFER)
    except (OSError, ValueError) as error:  # pyarrow's errors are of these two kinds
        text = str(error).partition("\n")[0]
        raise InputError(f"{source} cannot be read as Parquet: {text}. Write it again.") from error


def _columns(
    file: Any,  # noqa: ANN401  pyarrow has no types
    explainer: Explainer[Any],
    columns: tuple[str, ...] | None,
    source: Path,
) -> tuple[str, ...]:
    """Return the columns to read: those asked for, else the model's, else all."""
    present = tuple(file.schema_arrow.names)
    wanted = columns or (explainer.view.features if explainer.view.named else present)
    missing = [name for name in wanted if name not in set(present)]
    if missing:
        raise InputError(
            f"{source} lacks the columns {missing[:5]}, which the model reads. It has "
            f"{list(present[:10])}. Rename or add them."
        )
    return wanted


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """Give a file beside ``target`` that takes its place if all goes well, and vanishes if not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o644)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _library(name: str) -> Any:  # noqa: ANN401  pyarrow has no types
    try:
        import_module("pandas")
        return import_module(name)
    except ImportError as error:
        package = (error.name or name).partition(".")[0]
        raise MissingDependencyError.of("explain_parquet", package, "cli") from error
