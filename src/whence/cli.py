"""The command line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table as Grid
from rich.text import Text

from whence import __version__
from whence.core.errors import WhenceError

app = typer.Typer(
    name="whence",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_WHAT = "What to explain"
_HOW = "How"
_WHERE = "Where it goes"


class Unit(StrEnum):
    """What the contributions add up to."""

    raw = "raw"
    probability = "probability"


def _version(asked: bool) -> None:
    if asked:
        Console().print(f"whence {__version__}", highlight=False)
        raise typer.Exit


@app.callback(epilog="Start with [bold]whence demo[/], which needs no files.")
def main(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Say where a prediction came from.

    Exact explanations of tree models, as a report, pictures and files.
    """


@app.command(
    epilog="[bold]Examples[/]\n\n"
    "whence explain --model credit.ubj --data loans.csv --target paid --out credit\n\n"
    "whence explain --model rf.skops --data new.parquet --background train.parquet "
    "--output probability --out rf"
)
def explain(
    model: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Model file: XGBoost .ubj .json, LightGBM .txt, CatBoost .cbm .json, "
            "scikit-learn .skops; pickles with --trust.",
            rich_help_panel=_WHAT,
            show_default=False,
        ),
    ],
    data: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Rows to explain: .csv, .csv.gz or .parquet.",
            rich_help_panel=_WHAT,
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Folder for the results.",
            rich_help_panel=_WHERE,
            show_default=False,
        ),
    ],
    *,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column with the truth; it is split off, and the report tells the performance.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="Column to leave out; may be given again.", rich_help_panel=_WHAT
        ),
    ] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="Text that stands for a missing cell in a CSV file, such as ?; may be given "
            "again.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    background: Annotated[
        str,
        typer.Option(
            metavar="FILE|data|none",
            help="Rows that stand for “unknown”: a file, [bold]data[/] for the rows themselves, "
            "or [bold]none[/] for the training rows as the trees remember them.",
            show_default="none; data for probabilities",
            rich_help_panel=_HOW,
        ),
    ] = "",
    output: Annotated[
        Unit, typer.Option(help="What the contributions add up to.", rich_help_panel=_HOW)
    ] = Unit.raw,
    rows: Annotated[
        int, typer.Option(min=0, help="Unusual rows to tell one by one.", rich_help_panel=_HOW)
    ] = 5,
    n_jobs: Annotated[
        int, typer.Option(help="Threads; -1 takes one per core.", rich_help_panel=_HOW)
    ] = -1,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Read a model file that can run code, such as a pickle.",
            rich_help_panel=_HOW,
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace earlier results in the folder.", rich_help_panel=_WHERE
        ),
    ] = False,
) -> None:
    """Explain a model at some rows: report, pictures, values.

    Writes [bold]report.html[/] (one self-contained page), [bold]pictures/[/] (PNG and SVG),
    [bold]force.html[/], [bold]explanation.whence[/] and [bold]explanation.parquet[/].
    """
    with _told():
        from whence.cli_run import Job, run

        job = Job(
            model=model,
            data=data,
            out=out,
            target=target,
            drop=tuple(drop or ()),
            missing=tuple(missing or ()),
            background=background,
            output=output.value,
            rows=rows,
            n_jobs=n_jobs,
            trust=trust,
            force=force,
        )
        with _progress() as step:
            done = run(job, step)
        _tell(done, out)


@app.command()
def demo(
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for the results.", rich_help_panel=_WHERE)
    ] = Path("whence-demo"),
    *,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace earlier results in the folder.", rich_help_panel=_WHERE
        ),
    ] = False,
) -> None:
    """Train a small model on the spot and explain it; needs scikit-learn and no files.

    The model tells benign from malignant breast tumors by 30 measurements of cell nuclei.
    """
    with _told():
        from whence.cli_demo import demo as work

        with _progress() as step:
            done = work(out, step, force=force)
        _tell(done, out)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="An explanation.whence file.", show_default=False)],
    *,
    row: Annotated[
        int | None, typer.Option(help="Tell this row, counted from 0, in plain words.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Features to list.")] = 10,
) -> None:
    """Print a saved explanation."""
    with _told():
        from whence.cli_show import show as work

        work(file, row, top, Console())


@contextmanager
def _told() -> Iterator[None]:
    """Say an expected error in a red box, without a traceback, and leave with code 2."""
    try:
        yield
    except (WhenceError, OSError) as error:
        title = type(error).__name__ if isinstance(error, WhenceError) else "File error"
        Console(stderr=True).print(Panel(Text(str(error)), title=title, border_style="red"))
        raise typer.Exit(2) from None


@contextmanager
def _progress() -> Iterator[Any]:
    """Show what is done now, and how far a long step is."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("Starting", total=None)

        def step(text: str, rows: int | None) -> None:
            bar.update(task, description=text if rows is None else f"{text} ({rows:,} done)")

        yield step


def _tell(done: Any, out: Path) -> None:  # noqa: ANN401  cli_run.Done, which is imported late
    """Print what drives the model and where the results are."""
    console = Console()
    e = done.explanation
    size = np.abs(e.values).mean(axis=(0, 2))
    order = np.argsort(-size, kind="stable")[:5]
    table = Grid(box=None, padding=(0, 2, 0, 0), show_header=False)
    for j in order:
        width = round(20 * size[j] / (size[order[0]] or 1.0))
        table.add_row(Text(e.names.features[j]), Text("█" * width, style="blue"), f"{size[j]:.3g}")
    unit = f" ({e.provenance.unit})" if e.provenance.unit not in ("", "target", "value") else ""
    console.print(Text(f"What drives the model: mean absolute contribution{unit}", style="bold"))
    console.print(table)
    worst = float(np.abs(e.residual).max())
    console.print(
        f"{done.rows:,} rows explained by {e.provenance.method}; largest residual {worst:.1e}.",
        highlight=False,
    )
    for note in (*done.notes, *e.provenance.warnings):
        console.print(Text(f"Note: {note}", style="yellow"))
    console.print(Text.assemble("Open ", (str(out / "report.html"), "bold green")))
