"""All curves of an effect at once, small, on one scale, so that they can be compared."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from whence.core.effect import Effect
from whence.core.errors import InputError
from whence.core.words import band
from whence.plots.curves import Line, effect_of, is_centered, is_whole, line_of, output_of, quantity
from whence.plots.lines import FEW, draw_lines, shown_levels
from whence.plots.pick import Name, positive
from whence.plots.style import (
    NEUTRAL,
    QUIET,
    SMALL,
    canvas,
    literal,
    short_names,
    width_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
MOST_LEVELS = 8
WIDE, TALL = 2.7, 1.75
"""Inches of a panel with its labels."""
GAP_X, GAP_Y, TURNED = 0.22, 0.58, 0.32
"""Inches between panels, and what turned names of categories take below them."""
NAME = 30


def effects(
    e: Effect, output: Name = 0, max_features: int = 12, ax: "Axes | None" = None
) -> "Axes":
    """Draw the curves of all features side by side, those that move the output furthest first.

    All panels have the same y axis, so the height of a curve is the importance of its feature.

    Parameters
    ----------
    e : Effect
        What ``whence.explain`` returned for a method of effects.
    output : int or str, default=0
        Which output of the model, by number or name.
    max_features : int, default=12
        How many curves are drawn: those whose mean has the largest range over all positions.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        An empty frame around the panels, which are its ``child_axes``.

    Raises
    ------
    InputError
        If ``e`` is not an effect, has no such output, or holds no curve of one feature.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from whence.core.effect import Curve
    >>> flat, steep = (
    ...     Curve(features=(name,), grid=(np.arange(2.0),), levels=(None,),
    ...           values=top * np.eye(2, 1))
    ...     for name, top in [("a", 1.0), ("b", 5.0)])
    >>> [panel.get_title(loc="left") for panel in effects(
    ...     Effect(kind="pdp", curves=(flat, steep))).child_axes]
    ['b', 'a']
    """
    most = positive(max_features, "max_features")
    e = effect_of(e, "effects")
    out, name = output_of(e, output)
    groups = _groups(e, out)
    shown = sorted(groups, key=lambda group: -max(line.reach for line in group))[:most]
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    below = GAP_Y + TURNED * any(group[0].levels is not None for group in shown)
    ax = canvas(
        ax, width=0.7 + (WIDE + GAP_X) * columns, height=0.9 + rows * (TALL + below) - GAP_Y
    )
    ax.set(xticks=[], yticks=[])
    ax.set_axis_off()
    ax.set_title(
        literal(name or "Effects"), loc="left", fontsize=SMALL + 3, fontweight="bold", pad=20
    )
    panels = _panels(ax, len(shown), columns, rows, below)
    left_out = [_draw(panel, group) for panel, group in zip(panels, shown, strict=True)]
    _one_scale(panels, shown, columns, zero=is_centered(e))
    _foot(ax, e, len(groups) - len(shown), any(left_out))
    return ax


def _groups(e: Effect, out: int) -> list[list[Line]]:
    """Return the curves of each feature: that of all rows first, then those of subgroups."""
    found: dict[str, list[Line]] = {}
    for c in e.curves:
        if len(c.features) == 1:
            found.setdefault(c.features[0], []).append(line_of(c, out, "effects"))
    if not found:
        raise InputError(
            "`effects` draws curves of one feature, and the effect holds surfaces only. Draw one "
            "with `effect` or `decision_surface`."
        )
    return [sorted(lines, key=lambda line: line.where != "") for lines in found.values()]


def _panels(ax: "Axes", count: int, columns: int, rows: int, below: float) -> "list[Axes]":
    """Divide a frame into panels with room for their labels."""
    figure = ax.get_figure(root=True)
    dpi = figure.dpi if figure is not None else 72.0
    wide, tall = width_of(ax), ax.get_window_extent().height / dpi
    x = (1 + GAP_X / wide) / columns
    y = (1 + below / tall) / rows
    size = x - GAP_X / wide, y - below / tall
    return [
        ax.inset_axes((x * (i % columns), 1 - y * (i // columns) - size[1], *size))
        for i in range(count)
    ]


def _draw(ax: "Axes", group: Sequence[Line]) -> int:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.tick_params(labelsize=SMALL - 0.5, length=2.5)
    lines, left_out = shown_levels(group, MOST_LEVELS)
    draw_lines(ax, lines, 0, small=True)
    legend = ax.get_legend()
    if legend is not None:
        legend.remove()
    title = literal(short_names([group[0].feature], NAME)[0][: 2 * NAME])
    ax.set_title(title, loc="left", fontsize=SMALL + 0.5)
    return left_out


def _one_scale(
    panels: "Sequence[Axes]", groups: Sequence[Sequence[Line]], columns: int, *, zero: bool
) -> None:
    """Give all panels the same y axis, written at the left only."""
    from matplotlib.ticker import MaxNLocator

    ends = np.array([line.extent for group in groups for line in group])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    pad = 0.05 * (high - low) or 0.5
    for i, panel in enumerate(panels):
        panel.set_ylim(low - pad - 0.14 * (high - low), high + pad)
        panel.yaxis.set_major_locator(MaxNLocator(4))
        line = groups[i][0]
        few = is_whole(line.x) and line.x.size <= FEW
        if line.levels is None and line.missing is None and not few:
            panel.xaxis.set_major_locator(MaxNLocator(4))
        if zero:
            panel.axhline(0.0, color=NEUTRAL, linewidth=0.7, zorder=0.4)
        if i % columns:
            panel.tick_params(axis="y", labelleft=False)


def _foot(ax: "Axes", e: Effect, curves_left: int, levels_left: bool) -> None:
    parts = any(c.where for c in e.curves)
    pairs = sum(len(c.features) > 1 for c in e.curves)
    sure = any(c.low is not None for c in e.curves if len(c.features) == 1)
    ax.annotate(
        literal(quantity(e, whole=True)), xy=(0, 0.5), xycoords="axes fraction",
        xytext=(-34, 0), textcoords="offset points", rotation=90, ha="right", va="center",
        fontsize=SMALL + 0.5, annotation_clip=False,
    )  # fmt: skip
    said = [
        f"band and whiskers: {band(e, e.kind)}" if sure else "",
        f"{curves_left:,} features that move the output less are not shown" if curves_left else "",
        "gray: all rows; colors: subgroups, named by plots.effect" if parts else "",
        "surfaces of two features are not shown: see plots.effect" if pairs else "",
        "rarer categories are not shown" if levels_left else "",
    ]
    lines = [line for line in said if line]
    if lines:
        ax.annotate(
            "\n".join(lines), xy=(0.5, 0), xycoords="axes fraction", xytext=(0, -42),
            textcoords="offset points", ha="center", va="top", fontsize=SMALL, color=QUIET,
            annotation_clip=False,
        )  # fmt: skip
