"""Bars: how much each feature matters, over all rows or in one."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from whence.core.explanation import Attribution
from whence.core.types import Floats, Ints
from whence.core.words import ALL, Importance, importance
from whence.plots.pick import Name, Panel, kind, others, positive, read, split
from whence.plots.row import read_rows, row_steps
from whence.plots.steps import color_of
from whence.plots.style import (
    NEUTRAL,
    SIZE,
    SIZES,
    SMALL,
    Z95,
    canvas,
    decimals,
    ink,
    literal,
    note,
    number,
    plain,
    rows_of_text,
    short_names,
    tidy,
    whiskers,
)
from whence.plots.swarms import unexplained

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 0.68


def bar(
    e: Attribution,
    output: Name = 0,
    max_features: int = 15,
    row: Name | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the mean absolute contribution of each feature, or the contributions to one row.

    Parameters
    ----------
    e : Attribution
        What ``whence.explain`` returned, or its ``importance()``.
    output : int or str, default=0
        Which output of the model, by number or name.
    max_features : int, default=15
        How many features have a bar of their own; the others are shown as their sum, where it
        means something.
    row : int or str, optional
        Draw this row alone, by number or label. None draws the mean absolute values over all rows
        with their 95% intervals, or the only row there is.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        In the unit of ``e.outputs``.

    Raises
    ------
    InputError
        If ``e`` is not an attribution, or has no such row or output.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> e = Attribution(
    ...     values=np.array([[[1.0], [-2.0]], [[3.0], [0.0]]]),
    ...     base_values=np.zeros((2, 1)), outputs=np.array([[-1.0], [3.0]]),
    ... )
    >>> [float(patch.get_width()) for patch in bar(e).patches]
    [2.0, 1.0]
    """
    most = positive(max_features, "max_features")
    e = kind(e, Attribution, "bar")
    if row is not None or (len(e) == 1 and e.names.rows != ALL):
        panel, (title,) = read_rows(e, [row or 0], output, "bar")
        return _one_row(panel, title, most, ax)
    panel = read(e, output, "bar")
    words = importance(e, panel.output)
    draw = _signed if words.signed and e.names.rows == ALL else _importance
    several = panel.output if e.values.shape[-1] > 1 or not words.signed else ""
    title = words.title + (f" · {several}" if several else "")
    return draw(panel, replace(words, title=title), most, ax)


def is_importance(panel: Panel) -> bool:
    """Whether the panel is a global importance already: the one row "all"."""
    return panel.rows == ALL


def _one_row(panel: Panel, title: str, most: int, ax: "Axes | None") -> "Axes":
    steps = row_steps(panel, 0, most)
    values = np.array([step.value for step in steps])
    spread = Z95 * np.array([step.stderr for step in steps])
    colors = [color_of(step) for step in steps]
    ax = canvas(ax, width=7.6, height=1.2 + 0.3 * len(steps))
    _draw(ax, values, spread, colors, signed=True)
    rows_of_text(ax, [step.label for step in steps])
    tidy(ax, title=literal(title), xlabel=literal(panel.label))
    note(ax, ["whiskers: 95% interval" if np.isfinite(spread).any() else ""])
    return ax


def _signed(panel: Panel, words: Importance, most: int, ax: "Axes | None") -> "Axes":
    """Draw values of all rows together that may be below zero."""
    values, n = panel.values[0], panel.values.shape[1]
    spread = np.full(n, np.nan) if panel.stderr is None else Z95 * panel.stderr[0]
    shown, rest = split(np.abs(values), most)
    labels = [literal(name) for name in short_names([panel.features[j] for j in shown])]
    summed = int(rest.size > 0 and words.adds_up)
    values, spread = (
        np.append(values[shown], [values[rest].sum()] * summed),
        np.append(spread[shown], [np.nan] * summed),
    )
    labels += [others(rest.size)] * summed
    colors = [SIZES] * shown.size + [NEUTRAL] * summed
    left = f"{rest.size:,} features of smaller values are not shown"
    ax = canvas(ax, width=7.6, height=1.2 + 0.3 * len(labels))
    _draw(ax, values, spread, colors, signed=True)
    rows_of_text(ax, labels)
    tidy(ax, title=literal(words.title), xlabel=literal(plain(words.label)))
    sure = f"whiskers: {words.interval}" if np.isfinite(spread).any() else ""
    note(ax, [sure, left if rest.size and not summed else ""])
    return ax


def _importance(panel: Panel, words: Importance, most: int, ax: "Axes | None") -> "Axes":
    size, spread = _sizes(panel)
    shown, rest = split(size, most)
    labels = [literal(name) for name in short_names([panel.features[j] for j in shown])]
    values, reach = size[shown], spread[shown]
    if rest.size:
        labels.append(others(rest.size))
        values, reach = (
            np.append(values, size[rest].sum()),
            np.append(reach, _sum_spread(panel, rest)),
        )
    colors = [SIZES] * shown.size + [NEUTRAL] * (len(labels) - shown.size)
    ax = canvas(ax, width=7.6, height=1.2 + 0.3 * len(labels))
    _draw(ax, values, reach, colors, signed=False)
    rows_of_text(ax, labels)
    tidy(ax, title=literal(words.title), xlabel=literal(plain(words.label)))
    ax.set_xlim(left=0.0)
    left = "" if is_importance(panel) else unexplained(panel)
    note(ax, [f"whiskers: {words.interval}" if np.isfinite(reach).any() else "", left])
    return ax


def _sizes(panel: Panel) -> tuple[Floats, Floats]:
    """Return the mean absolute values and half of their 95% intervals, of shape (players,)."""
    size = np.abs(panel.values)
    n = len(size)
    if is_importance(panel):
        stderr = np.full(size.shape, np.nan) if panel.stderr is None else panel.stderr
        return size[0], Z95 * stderr[0]
    return size.mean(axis=0), Z95 * size.std(axis=0, ddof=1) / np.sqrt(n)


def _sum_spread(panel: Panel, rest: Ints) -> float:
    """Return half the interval of a sum of mean sizes; NaN where only the means are known."""
    if is_importance(panel):
        return np.nan
    total = np.abs(panel.values[:, rest]).sum(axis=1)
    return float(Z95 * total.std(ddof=1) / np.sqrt(len(total)))


def _draw(ax: "Axes", values: Floats, spread: Floats, colors: list[str], *, signed: bool) -> None:
    y = np.arange(len(values), dtype=np.float64)
    ax.barh(y, values, height=HEIGHT, color=colors)
    whiskers(ax, values, y, spread)
    places = decimals(values)
    for i, value in enumerate(values):
        ax.text(
            1.015, i, number(float(value), places, sign=signed),
            transform=ax.get_yaxis_transform(), va="center", fontsize=SMALL + 0.5,
        )  # fmt: skip
    if signed:
        ax.axvline(0.0, color=ink(ax), linewidth=0.8)
    ax.margins(x=0.05)
    ax.xaxis.set_tick_params(labelsize=SIZE)
