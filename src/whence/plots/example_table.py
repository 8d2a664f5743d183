"""Examples as a table: columns of the data as rows, the row explained and its examples beside."""

from typing import TYPE_CHECKING

import numpy as np

from whence.core.examples import Examples
from whence.core.types import Floats
from whence.core.words import ALL, rows_are_classes
from whence.plots.example_grid import Grid, before_of, examples_of, grid_of, measures_of
from whence.plots.pick import Name, find, positive
from whence.plots.rule_table import foot
from whence.plots.sheet import GAP, ROW, fitting, inches, rule, sheet, write
from whence.plots.style import NEGATIVE, POSITIVE, QUIET, SMALL, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME, CELL = 2.4, 1.75
"""Inches of a name and of a cell at most."""
BOLD = 1.12
"""Width of bold writing, as a multiple of that of plain."""
LEAST = 0.7
CHANGED = "#fdeedd"
NOUNS = {
    "counterfactual": "would change the answer",
    "prototype": "typical rows",
    "criticism": "rows that the typical ones miss",
    "neighbor": "nearest rows",
    "influence": "rows that taught the model most",
}


def examples(
    e: Examples,
    row: Name = 0,
    max_candidates: int = 5,
    max_features: int = 15,
    unchanged: bool = False,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the examples of one row as a table.

    Of counterfactuals, what they change is in color, with an arrow for the direction of a number.
    Below is what the model says about each example, and how near, plausible or robust it is.

    Parameters
    ----------
    e : Examples
        What ``whence.explain`` returned for counterfactuals, prototypes, neighbors or influence.
    row : int or str, default=0
        Which row, by number or label.
    max_candidates : int, default=5
        How many examples are drawn, the first ones.
    max_features : int, default=15
        How many columns of the data are shown.
    unchanged : bool, default=False
        Whether counterfactuals also show columns that none of them changes.
    ax : Axes, optional
        Where to draw; a new figure if None, which is as large as the table needs.

    Returns
    -------
    Axes
        Without axes; one inch of a new figure is one unit.

    Raises
    ------
    InputError
        If ``e`` is not examples, are no rows of a table, or has no such row.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from whence.core.table import table_of
    >>> e = Examples(
    ...     candidates=np.array([[[35.0, 2.0]]]), outputs=np.array([[[0.6]]]),
    ...     distance=np.array([[0.3]]), valid=np.array([[True]]), kind="counterfactual",
    ...     data=table_of(np.array([[28.0, 2.0]])))
    >>> "35 ↑" in [text.get_text() for text in examples(e).texts]
    True
    """
    most = positive(max_candidates, "max_candidates")
    features = positive(max_features, "max_features")
    e = examples_of(e)
    i = find(row, e.names.rows, len(e), "row")
    label = e.names.rows[i] if e.names.rows else f"row {i}"
    if rows_are_classes(e):
        label = f"class {label}"
    elif label.isdigit():
        label = f"row {label}"
    of_all = e.names.rows == ALL
    words = NOUNS[e.kind]
    if e.kind == "counterfactual":
        title = f"What {words} for {plain(label)}"
    else:
        title = words[0].upper() + words[1:] + ("" if of_all else f" · {plain(label)}")
    if not e.valid[i].any():
        return _nothing("None was found.", plain(e.notes[i]) if e.notes else "", title, ax)
    if e.kind == "counterfactual" and e.data is not None and not e.changed[i].any():
        return _nothing(
            "Nothing has to change.", "The answer is the one asked for already.", title, ax
        )
    return _draw(e, i, grid_of(e, i, most, features, unchanged), title, ax)


def _draw(e: Examples, i: int, grid: Grid, title: str, ax: "Axes | None") -> "Axes":
    lines = measures_of(e, i, grid.places)
    heads = [fitting(name, NAME) for name in (*grid.names, *(line[0] for line in lines))]
    first = max(map(inches, heads)) + GAP
    own = [] if grid.own is None else [fitting(cell, CELL) for cell in grid.own]
    before = "" if e.before is None else before_of(e, i)
    beside = 0.0
    if grid.own:
        beside = max([*map(inches, own), inches("this row"), inches(before), LEAST]) + GAP
    cells = [[_cell(grid, c, j) for j in range(len(grid.names))] for c in range(grid.places.size)]
    widths = [
        max(
            [
                *(BOLD * inches(cell) for cell in column),
                *(inches(line[1][c]) for line in lines),
                LEAST,
            ]
        )
        + GAP
        for c, column in enumerate(cells)
    ]
    left = first + beside + np.concatenate([[0.0], np.cumsum(widths)])
    count = len(grid.names)
    bars = sum(line[2] is not None for line in lines)
    height = 0.3 + ROW * (count + len(lines)) + 0.12 + 0.14 * bars
    ax = sheet(ax, width=float(left[-1]), height=height, title=title)
    y = [0.3 + ROW * (j + 0.5) for j in range(count)]
    _head(ax, e, i, grid, first, left)
    for j in range(count):
        write(ax, 0.0, y[j], heads[j], color=QUIET)
        if own:
            write(ax, first, y[j], own[j])
        for c, column in enumerate(cells):
            _mark(ax, float(left[c]), widths[c], y[j], column[j], changed=bool(grid.changed[c, j]))
    rule(ax, 0.3, 0.0, float(left[-1]), strong=True)
    _foot(ax, heads[count:], lines, left, 0.3 + ROW * count)
    if before and grid.own:
        write(ax, first, 0.3 + ROW * (count + 0.5) + 0.12, before, strong=True)
    status = e.status[i] if e.status else ""
    bound = "" if e.bound is None or not np.isfinite(e.bound[i]) else (
        f"proved: none is nearer than {e.bound[i]:.3g}"
    )  # fmt: skip
    entries = "classes" if rows_are_classes(e) else "rows"
    others = f"one of {len(e):,} {entries}; for another draw e[i]" if len(e) > 1 else ""
    foot(ax, [*grid.said, others, status if status not in ("", "found") else "", bound])
    return ax


def _head(ax: "Axes", e: Examples, i: int, grid: Grid, first: float, left: Floats) -> None:
    if grid.own is not None:
        write(ax, first, 0.14, "this row", color=QUIET, size=SMALL)
    for c, place in enumerate(grid.places):
        index = -1 if e.index is None else int(e.index[i, place])
        head = f"{place + 1}" if index < 0 else f"{place + 1} · row {index}"
        write(ax, float(left[c]), 0.14, head, color=QUIET, size=SMALL)


def _cell(grid: Grid, c: int, j: int) -> str:
    """Return a cell, with an arrow where a counterfactual changes a number."""
    mark = {1: " ↑", -1: " ↓"}.get(int(grid.rise[c, j]), "") if grid.changed[c, j] else ""
    return fitting(grid.cells[c][j], CELL) + mark


def _mark(ax: "Axes", x: float, width: float, y: float, text: str, *, changed: bool) -> None:
    if changed:
        from matplotlib.patches import Rectangle

        ax.add_patch(
            Rectangle(
                (x - 0.07, y - 0.115), width - GAP + 0.14, 0.23, facecolor=CHANGED,
                edgecolor=POSITIVE, linewidth=0.7,
            )
        )  # fmt: skip
    write(ax, x, y, text, strong=changed, color="black" if changed else "")


def _foot(
    ax: "Axes",
    heads: list[str],
    lines: list[tuple[str, list[str], Floats | None]],
    left: Floats,
    top: float,
) -> None:
    """Draw what is known of the candidates below their cells."""
    rule(ax, top + 0.06, 0.0, float(left[-1]))
    y = top + 0.12
    for k, (head, (_, texts, bars)) in enumerate(zip(heads, lines, strict=True)):
        y += ROW
        place = y - ROW / 2
        write(ax, 0.0, place, head, color=QUIET)
        for c, text in enumerate(texts):
            write(ax, float(left[c]), place, text, strong=k == 0)
        if bars is not None:
            y += 0.14
            _score_bars(ax, bars, left, y - 0.1)


def _score_bars(ax: "Axes", bars: Floats, left: Floats, y: float) -> None:
    """Draw the sizes of scores as bars below them, in the color of their sign."""
    top = float(np.nanmax(np.abs(bars))) or 1.0
    for c, value in enumerate(bars):
        length = (float(left[c + 1] - left[c]) - GAP) * abs(float(np.nan_to_num(value))) / top
        color = POSITIVE if value >= 0 else NEGATIVE
        ax.barh(y, length, left=float(left[c]), height=0.07, color=color, linewidth=0)


def _nothing(said: str, note: str, title: str, ax: "Axes | None") -> "Axes":
    """Say in place of a table that none was found or needed, and why."""
    lines = _lines(note)
    width = max(4.5, *(inches(line) for line in lines), inches(title, SMALL + 4))
    ax = sheet(ax, width=width, height=0.4 + 0.2 * len(lines), title=title)
    write(ax, 0.0, 0.14, said, strong=True)
    for k, line in enumerate(lines):
        write(ax, 0.0, 0.4 + 0.2 * k, line)
    return ax


def _lines(text: str, width: float = 6.0) -> list[str]:
    """Break a text between words."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if inches(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
