"""The work behind ``whence explain``: from files to a folder of results, whole or not at all."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np

from whence import cli_data
from whence.api import bind
from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.types import Ints
from whence.driver import Explainer
from whence.explainers.tree_shap import TreeShap
from whence.models.load import load_model
from whence.models.trees import Trees
from whence.models.views import view_of
from whence.plots import force_html
from whence.reports.facts import performance
from whence.reports.report import Report, report
from whence.scale.parquet import explain_parquet, open_parquet, write_attribution

if TYPE_CHECKING:
    import pandas as pd

LARGE: Final = 200_000
"""Rows beyond which values go to Parquet batch by batch, and pictures are of a sample."""
SAMPLE: Final = 5_000
BACKGROUND: Final = 1_000
"""Rows that are drawn as background from a longer table."""
WRITTEN: Final = (
    "report.html",
    "force.html",
    "explanation.whence",
    "explanation.parquet",
    "pictures",
)

Step = Callable[[str, int | None], None]
"""Called with what is done next and, within a long step, the rows that are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the user asked for."""

    model: Path
    data: Path
    out: Path
    target: str | None = None
    drop: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    background: str = ""
    output: Literal["raw", "probability"] = "raw"
    rows: int = 5
    n_jobs: int = -1
    trust: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came out: the explanation (of a sample, where the data are long) and the report."""

    explanation: Attribution
    report: Report
    rows: int
    notes: tuple[str, ...]


def run(job: Job, step: Step) -> Done:
    """Explain a model file at a table file and write the results."""
    if job.rows < 0:
        raise InputError(f"--rows is {job.rows}. Give a number of at least 0.")
    check_out(job.out, force=job.force)
    source = cli_data.source(job.data, missing=job.missing)
    if source.columns is not None:
        cli_data.check_columns(source.columns, job.target, job.drop)
    step("Reading the model", None)
    model = load_model(job.model, trust=job.trust)
    view = trees_of(model)
    title = f"{job.model.name} on {job.data.name}"
    with folder(job.out, force=job.force) as draft:
        step("Reading the data", None)
        if source.rows is not None and source.rows > LARGE:
            return _long(job, model, view, source, draft, step, title)
        frame = source.read()
        if len(frame) > LARGE:
            with tempfile.TemporaryDirectory(dir=draft) as scratch:
                copy = Path(scratch) / "data.parquet"
                frame.to_parquet(copy, index=False)
                del frame
                return _long(job, model, view, cli_data.source(copy), draft, step, title)
        X, y = cli_data.split(frame, job.target, job.drop)
        X = cli_data.fit(X, model, view)
        bound = _bind(job, model, view, X)
        return write(bound, X, y, draft, step, title=title, job=job)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A model with a method bound to it, and what the reader must know of that."""

    model: object
    explainer: Explainer[Attribution]
    background: "pd.DataFrame | None" = None
    notes: tuple[str, ...] = ()


def write(
    bound: Bound,
    X: "pd.DataFrame",
    y: "pd.Series | None",
    draft: Path,
    step: Step,
    *,
    title: str,
    job: Job,
) -> Done:
    """Explain rows in memory and write everything into ``draft``."""
    _check_target(bound.explainer.view, y)
    step(f"Explaining {len(X):,} rows", None)
    e = bound.explainer.explain(X, n_jobs=job.n_jobs, progress=False)
    write_attribution(e, draft / "explanation.parquet")
    return _finish(bound, e, X, y, draft, step, title=title, job=job, rows=len(e))


def _finish(
    bound: Bound,
    e: Attribution,
    X: "pd.DataFrame",
    y: "pd.Series | None",
    draft: Path,
    step: Step,
    *,
    title: str,
    job: Job,
    rows: int,
) -> Done:
    e.save(draft / "explanation.whence")
    step("Drawing pictures and writing the report", None)
    made = report(
        bound.model,
        X,
        y,
        explanation=e,
        background=bound.background,
        rows=job.rows,
        title=title,
        target=job.target or "",
        notes=bound.notes,
    )
    made.html(draft / "report.html")
    pictures = draft / "pictures"
    pictures.mkdir()
    for figure in made.figures:
        figure.save(pictures)
    (draft / "force.html").write_text(_force_page(e, made.unusual, title), encoding="utf-8")
    return Done(explanation=e, report=made, rows=rows, notes=bound.notes)


def trees_of(model: object) -> Trees:
    """Return the trees of a model."""
    return cast("Trees", view_of(model, Trees))


def _force_page(e: Attribution, chosen: Sequence[int], title: str) -> str:
    from html import escape

    piece = force_html(e, rows=list(chosen) or None)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title></head>\n"
        f'<body style="background:#fff;color:#1d2330;font-family:system-ui,sans-serif">'
        f"<h1>{escape(title)}</h1>\n{piece}\n</body>\n</html>\n"
    )


def _check_target(view: Any, y: "pd.Series | None") -> None:  # noqa: ANN401  a view of trees
    """Raise before the work starts where the truth does not fit the model."""
    if y is not None:
        performance(view, np.zeros((len(y), len(view.outputs))), y)


def _bind(job: Job, model: object, view: Trees, X: "pd.DataFrame") -> Bound:
    """Bind the method to the model, with the background that was asked for."""
    wanted = job.background or ("data" if job.output == "probability" else "none")
    if wanted == "none":
        return Bound(model=model, explainer=bind(model, TreeShap(), output=job.output))
    if wanted == "data":
        background = X
    else:
        frame = cli_data.source(wanted, "background", job.missing).read()
        gone = {*job.drop, *([] if job.target is None else [job.target])}
        kept = [name for name in frame.columns if name not in gone]
        background = cli_data.fit(frame[kept], model, view)
    rows = len(background)
    notes: tuple[str, ...] = ()
    if rows > BACKGROUND:
        background = background.iloc[sample(rows, BACKGROUND)]
        name = "the data" if wanted == "data" else Path(wanted).name
        notes = (f"The background is {BACKGROUND:,} of the {rows:,} rows of {name}, at random.",)
    explainer = bind(model, TreeShap(background=background), output=job.output)
    return Bound(model=model, explainer=explainer, background=background, notes=notes)


def _long(
    job: Job,
    model: object,
    view: Trees,
    source: cli_data.Source,
    draft: Path,
    step: Step,
    title: str,
) -> Done:
    """Explain a long Parquet file batch by batch, and report on a sample of it."""
    assert source.rows is not None and source.columns is not None  # noqa: S101, PT018  Parquet
    gone = {*job.drop, *([] if job.target is None else [job.target])}
    columns = tuple(name for name in source.columns if name not in gone)
    few = _rows_of(source.path, sample(source.rows, SAMPLE))
    X, y = cli_data.split(few, job.target, job.drop)
    X = cli_data.fit(X, model, view)
    bound = _bind(job, model, view, X)
    _check_target(bound.explainer.view, y)
    text = f"Explaining {source.rows:,} rows"
    step(text, 0)
    done = explain_parquet(
        bound.explainer,
        source.path,
        draft / "explanation.parquet",
        columns=columns,
        prepare=lambda frame: cli_data.fit(frame, model, view),
        n_jobs=job.n_jobs,
        progress=lambda rows: step(text, rows),
    )
    e = bound.explainer.explain(X, n_jobs=job.n_jobs, progress=False)
    notes = (
        f"All {done.rows:,} rows were explained, and their values are in explanation.parquet.",
        f"This report is about {len(e):,} of these rows, drawn at random.",
        *bound.notes,
    )
    bound = replace(bound, notes=notes)
    return _finish(bound, e, X, y, draft, step, title=title, job=job, rows=done.rows)


def _rows_of(path: Path, chosen: Ints) -> "pd.DataFrame":
    """Return some rows of a Parquet file, with their numbers as index."""
    arrow: Any = import_module("pyarrow")
    parts, start = [], 0
    with open_parquet(path) as file:
        for batch in file.iter_batches(16_384):
            here = chosen[(chosen >= start) & (chosen < start + batch.num_rows)] - start
            parts.append(batch.take(arrow.array(here)))
            start += batch.num_rows
    frame = cast("pd.DataFrame", arrow.Table.from_batches(parts).to_pandas())
    frame.index = cast("pd.Index[int]", import_module("pandas").Index(chosen))
    return frame


def sample(rows: int, most: int) -> Ints:
    """Return the positions of at most ``most`` rows, the same at each call, in order."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def check_out(out: Path, *, force: bool) -> None:
    """Raise `InputError` unless results may go to ``out``."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file. Give a folder: --out FOLDER.")
    if not out.exists():
        return
    there = sorted(path.name for path in out.iterdir())
    foreign = [name for name in there if name not in WRITTEN]
    if there and not force:
        raise InputError(
            f"{out} is not empty: it holds {', '.join(there[:5])}. Give another folder, or --force "
            "to replace the results in it."
        )
    if foreign:
        raise InputError(
            f"{out} holds files that whence did not write: {', '.join(foreign[:5])}. They would be "
            "lost, so --force is refused. Give another folder."
        )


@contextmanager
def folder(out: Path, *, force: bool) -> Iterator[Path]:
    """Give a folder beside ``out`` that takes its place if all goes well, and vanishes if not."""
    check_out(out, force=force)
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        yield draft
        draft.chmod(0o755)
        if out.exists():
            old = draft.with_name(f"{draft.name}.old")
            out.rename(old)
            draft.rename(out)
            shutil.rmtree(old)
        else:
            draft.rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
