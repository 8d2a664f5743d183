"""The work behind ``whence show``."""

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from whence.core.codec import load
from whence.core.errors import InputError
from whence.core.explanation import Attribution, Explanation
from whence.core.show import footnotes, headline
from whence.plots.style import decimals, number
from whence.reports.narrate import narrate


def show(file: Path, row: int | None, top: int, console: Console) -> None:
    """Print an explanation, or one of its rows."""
    e = load(file)
    if row is not None and not 0 <= row < len(e):
        raise InputError(f"--row {row}: the explanation holds the rows 0 to {len(e) - 1}.")
    console.print(Text(headline(e), style="bold"))
    if not isinstance(e, Attribution):
        console.print(Text(repr(e)))
    elif row is None:
        for out in range(e.values.shape[-1]):
            console.print(_importance(e, out, top))
    else:
        console.print(_one(e[row], top))
        console.print(Panel(Text(narrate(e[row])), title=f"Row {row}", border_style="blue"))
    for line in footnotes(e if row is None else e[row]):
        console.print(Text(line))
    console.print(_provenance(e))


def _grid(title: str, *columns: tuple[str, str]) -> Grid:
    grid = Grid(title=Text(title), title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name, side in columns:
        grid.add_column(name, justify="right" if side == "right" else "left")
    return grid


def _importance(e: Attribution, out: int, top: int) -> Grid:
    size = np.abs(e.values.reshape(len(e), -1, e.values.shape[-1])[..., out]).mean(axis=0)
    order = np.argsort(-size, kind="stable")[:top]
    name = e.names.outputs[out] if e.names.outputs else "output"
    grid = _grid(f"Mean absolute contribution, {name}", ("", "left"), ("", "right"), ("", "left"))
    for j in order:
        bar = "█" * round(24 * size[j] / (size[order[0]] or 1.0))
        label = e.names.features[j] if e.names.features else f"x{j}"
        grid.add_row(Text(label), number(float(size[j]), decimals(size)), Text(bar, style="blue"))
    return grid


def _one(e: Attribution, top: int) -> Grid:
    out = int(np.argmax(e.outputs[0]))
    values = e.values[0].reshape(-1, e.values.shape[-1])[:, out]
    order = np.argsort(-np.abs(values), kind="stable")[:top]
    grid = _grid("Contributions", ("", "left"), ("", "right"))
    for j in order:
        label = e.names.features[j] if e.names.features else f"x{j}"
        grid.add_row(Text(label), number(float(values[j]), decimals(values), sign=True))
    return grid


def _provenance(e: Explanation) -> Text:
    p = e.provenance
    versions = ", ".join(f"{name} {version}" for name, version in p.versions.items())
    parts = [p.method, p.output, versions, p.created, p.model_digest[:23]]
    return Text(" · ".join(part for part in parts if part), style="dim")
