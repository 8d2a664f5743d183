"""The effect of one feature, or of two: what the model says along it, and for how many rows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from whence.core.effect import Effect
from whence.core.errors import InputError
from whence.core.types import Floats, Ints
from whence.core.words import band
from whence.plots.curves import (
    PAIR,
    Line,
    chosen,
    effect_of,
    is_centered,
    is_whole,
    line_of,
    name_whole,
    output_of,
    quantity,
)
from whence.plots.density import draw_density, room_below, with_missing
from whence.plots.dependence import LEVEL_LENGTH, LEVEL_LETTERS, missing_strip
from whence.plots.pick import Name
from whence.plots.style import (
    GROUPS,
    MARKERS,
    NEUTRAL,
    QUIET,
    SIZE,
    SMALL,
    canvas,
    literal,
    note,
    plain,
    sample,
    short_names,
    shorten,
    tidy,
)
from whence.plots.surfaces import draw_surface

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LEVELS = 20
LINES = 50
FEW = 8
"""Whole numbers up to which each position has a dot and a name."""
DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)), (0, (9, 2)))
WHERE_LENGTH = 34


def effect(
    e: Effect,
    *features: str,
    output: Name = 0,
    where: str | None = None,
    individual: int = LINES,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw what the model says along one feature, or a map of what it says along two.

    The line is the mean, in its confidence band; faint lines are single rows, moved to the mean
    height of the mean line where the rows are, so that what is seen is how their shapes differ.
    Categories are dots with whiskers in the order of the effect, and a missing value has a place of
    its own. Below is how many rows are where.

    Parameters
    ----------
    e : Effect
        What ``whence.explain`` returned for a method of effects.
    *features : str
        One or two features; may be left out where the effect is about one or two only.
    output : int or str, default=0
        Which output of the model, by number or name.
    where : str, optional
        The subgroup of rows, as the curve's ``where`` says it; "" for all rows. None draws all
        curves that there are of the feature, each in a color.
    individual : int, default=50
        How many single rows are drawn at most, where the effect holds them; 0 for none.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        In the unit of the model's output.

    Raises
    ------
    InputError
        If ``e`` is not an effect, or holds no such curve or output.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from whence.core.effect import Curve
    >>> e = Effect(kind="pdp", curves=(Curve(
    ...     features=("age",), grid=(np.array([20.0, 60.0]),), levels=(None,),
    ...     values=np.array([[1.0], [2.0]])),))
    >>> effect(e).lines[0].get_ydata().tolist()
    [1.0, 2.0]
    """
    e = effect_of(e, "effect")
    if isinstance(individual, bool) or not isinstance(individual, int) or individual < 0:
        raise InputError(f"`individual` is {individual!r}. Pass a whole number, 0 for no rows.")
    found = chosen(e, features, where, "effect")
    out, name = output_of(e, output)
    if len(found[0].features) == PAIR:
        ax, said = draw_surface(e, found[0], out, name, ax)
        note(ax, [said])
        return ax
    lines = [line_of(c, out, "effect") for c in found]
    ax = canvas(ax, width=7.2 if len(lines) == 1 else 8.6, height=4.4)
    tidy(
        ax, title=literal(_title(name, lines)), xlabel=literal(shorten(plain(lines[0].feature), 60))
    )
    ax.spines["left"].set_visible(True)
    ax.set_ylabel(literal(quantity(e)), fontsize=SIZE)
    if is_centered(e):
        ax.axhline(0.0, color=NEUTRAL, linewidth=0.8, zorder=0.4)
    lines, left_out = shown_levels(lines, MOST_LEVELS)
    said = draw_lines(ax, lines, individual)
    sure = any(np.isfinite(line.low).any() for line in lines)
    shape = "whiskers" if lines[0].levels is not None else "band"
    note(
        ax,
        [
            f"{shape}: {band(e, e.kind)}" if sure else "",
            said,
            f"{left_out} rarer categories are not shown" if left_out else "",
            "gray, below: share of the rows" if np.isfinite(lines[0].density).any() else "",
        ],
    )
    return ax


def _title(name: str, lines: Sequence[Line]) -> str:
    if len(lines) == 1 and lines[0].where:
        where = f"where {plain(lines[0].where)}"
        return f"{name} · {where}" if name else where[0].upper() + where[1:]
    return name or f"Effect of {shorten(plain(lines[0].feature), 40)}"


def shown_levels(lines: Sequence[Line], most: int) -> tuple[list[Line], int]:
    """Keep the most frequent categories in their order, and count those left out."""
    first = lines[0]
    if first.levels is None or first.x.size <= most:
        return list(lines), 0
    size = np.nan_to_num(first.density) if np.isfinite(first.density).any() else -first.x
    kept = np.sort(np.argsort(-size, kind="stable")[:most])
    names = [first.levels[i] for i in kept]
    return [_levels(line, names) for line in lines], first.x.size - kept.size


def _levels(line: Line, names: Sequence[object]) -> Line:
    own = line.levels or ()
    at = np.array([own.index(name) for name in names if name in own], dtype=np.int64)
    return replace(
        line,
        levels=tuple(own[i] for i in at),
        x=np.arange(at.size, dtype=np.float64),
        lines=line.lines[:, at],
        mean=line.mean[at],
        low=line.low[at],
        high=line.high[at],
        density=line.density[at],
    )


def draw_lines(ax: "Axes", lines: Sequence[Line], individual: int, *, small: bool = False) -> str:
    """Draw curves of one feature over the density of the first; say which rows are drawn."""
    draw = _categories if lines[0].levels is not None else _numbers
    said = draw(ax, lines, individual, small)
    room_below(ax)
    draw_density(ax, lines[0], small=small)
    if len(lines) > 1:
        ax.legend(
            fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0),
            borderaxespad=0.2,
        )  # fmt: skip
    return said


def _numbers(ax: "Axes", lines: Sequence[Line], individual: int, small: bool) -> str:
    said = _single_rows(ax, lines[0], individual) if len(lines) == 1 else ""
    names = _names(lines)
    for i, line in enumerate(lines):
        color, dash = color_of(lines, i), DASHES[i % len(DASHES)]
        ax.plot(
            line.x, line.mean, color=color, linestyle=dash, linewidth=1.5 if small else 2.0,
            label=names[i], zorder=3, marker="o" if line.x.size == 1 else None,
        )  # fmt: skip
        if np.isfinite(line.low).any():
            ax.fill_between(line.x, line.low, line.high, color=color, alpha=0.2, linewidth=0)
    ends = lines[0].x
    if is_whole(ends) and ends.size <= FEW:
        ax.plot(ends, lines[0].mean, linestyle="none", marker="o", markersize=3.5 if small else 5,
                color=GROUPS[0], zorder=3.1)  # fmt: skip
    name_whole(ax.xaxis, ends, FEW)
    if any(line.missing is not None for line in lines):
        _missing(ax, lines)
    return said


def color_of(lines: Sequence[Line], i: int) -> str:
    """Return the color of a curve: gray for all rows beside those of subgroups."""
    if len(lines) > 1 and not lines[i].where:
        return QUIET
    return GROUPS[i % len(GROUPS)]


def _single_rows(ax: "Axes", line: Line, most: int) -> str:
    """Draw lines of single rows at the height of the mean line."""
    if not len(line.lines) or not most:
        return ""
    rows, said = sample(len(line.lines), most)
    moved = at_mean_height(line, rows)
    ax.plot(line.x, moved.T, color=NEUTRAL, linewidth=0.5, alpha=0.45, zorder=1)
    kept = said.removeprefix("shown: ") or f"all {rows.size:,} rows"
    return f"thin lines: {kept}, each moved to the mean height"


def at_mean_height(line: Line, rows: Ints) -> Floats:
    """Return lines of rows, each moved so that its mean over the data is that of the mean line."""
    weight = line.density if np.isfinite(line.density).all() else np.ones(line.x.size)
    weight = weight / weight.sum() if weight.sum() > 0 else np.full(line.x.size, 1 / line.x.size)
    lines = line.lines[rows]
    return np.asarray(lines - (lines @ weight)[:, None] + float(line.mean @ weight))


def _missing(ax: "Axes", lines: Sequence[Line]) -> None:
    """Set missing values apart at the right, as a dot with a whisker for each curve."""
    known = [line.x for line in lines if line.x.size]
    x = np.concatenate(known) if known else np.zeros(1)
    low, high = float(x.min()), float(x.max())
    gap = (high - low) or 1.0
    missing_strip(ax, low, low + gap, with_ticks=bool(known))
    for i, line in enumerate(lines):
        if line.missing is not None:
            place = low + gap * (1.1 + 0.02 * (i - (len(lines) - 1) / 2))
            _dot(ax, np.array([place]), line.missing, i, 5, color_of(lines, i))


def _categories(ax: "Axes", lines: Sequence[Line], individual: int, small: bool) -> str:
    """Draw dots with whiskers, categories in order, those of several curves side by side."""
    lines = [with_missing(line) for line in lines]
    names = _names(lines)
    said = ""
    if len(lines) == 1 and len(lines[0].lines) and individual:
        rows, said = sample(len(lines[0].lines), individual)
        moved = at_mean_height(lines[0], rows)
        x = np.repeat(lines[0].x[None], rows.size, axis=0)
        shift = 0.22 * (2 * (np.arange(rows.size) * 0.618034 % 1.0) - 1)
        ax.plot(
            (x + shift[:, None]).ravel(), moved.ravel(), linestyle="none", marker=".",
            markersize=2.5, color=NEUTRAL, alpha=0.4, zorder=1,
        )  # fmt: skip
        kept = said.removeprefix("shown: ") or f"all {rows.size:,} rows"
        said = f"small dots: {kept}, each moved to the mean height"
    for i, line in enumerate(lines):
        aside = 0.5 * (i - (len(lines) - 1) / 2) / max(len(lines), 1)
        _dot(ax, line.x + aside, line, i, 4 if small else 6, color_of(lines, i), names[i])
    _level_names(ax, [str(level) for level in lines[0].levels or ()], small=small)
    return said


def _dot(
    ax: "Axes", x: Floats, line: Line, i: int, size: float, color: str, label: str | None = None
) -> None:
    marker = MARKERS[i % len(MARKERS)]
    known = np.isfinite(line.low) & np.isfinite(line.high)
    if known.any():
        ax.vlines(x[known], line.low[known], line.high[known], color=color, linewidth=1.4, zorder=3)
    ax.plot(
        x, line.mean, linestyle="none", marker=marker, markersize=size, color=color,
        markeredgecolor="white", markeredgewidth=0.6, label=label, zorder=3.1,
    )  # fmt: skip


def _names(lines: Sequence[Line]) -> list[str]:
    short = short_names([line.where or "all rows" for line in lines], WHERE_LENGTH)
    return [literal(name) for name in short]


def _level_names(ax: "Axes", names: Sequence[str], *, small: bool) -> None:
    """Write the names of categories below the axis, turned where they would not fit."""
    length, letters = (9, 26) if small else (LEVEL_LENGTH, LEVEL_LETTERS)
    short = [literal(name) for name in short_names(names, length)]
    turned = max(map(len, short)) > letters / len(short) - 1
    few = 12
    angle = 0 if not turned else 35 if len(short) <= few else 55  # level lines would run together
    ax.set_xticks(
        range(len(short)), short, rotation=angle, ha="right" if turned else "center",
        rotation_mode="anchor",
    )  # fmt: skip
    ax.set_xlim(-0.6, len(short) - 0.4)
