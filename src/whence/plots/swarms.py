"""All rows at once: one swarm of contributions per feature."""

from typing import TYPE_CHECKING

import numpy as np

from whence.core.explanation import Attribution
from whence.core.types import Floats, Ints
from whence.plots.pick import Name, Panel, others, positive, read, split
from whence.plots.style import (
    FAINT,
    NEUTRAL,
    SIZES,
    SMALL,
    canvas,
    decimals,
    literal,
    low_to_high,
    note,
    number,
    rows_of_text,
    sample,
    short_names,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 2000
"""Rows that are drawn; more are only seen as a denser cloud."""
RASTER = 300
"""Points per feature from which a vector file holds them as an image."""
HALF = 0.4
BINS = 120


def beeswarm(
    e: Attribution,
    output: Name = 0,
    max_features: int = 20,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the contributions of each feature to all rows, one point per row.

    Points are colored by the value of the feature, from low (dark) to high (light); levels of a
    column of categories are shades of gray, and missing values are hollow.

    Parameters
    ----------
    e : Attribution
        What ``whence.explain`` returned.
    output : int or str, default=0
        Which output of the model, by number or name.
    max_features : int, default=20
        How many features, by mean absolute contribution, have a swarm of their own; the others are
        shown as their sum.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        In the unit of ``e.outputs``. Of more than 2,000 rows a sample is drawn, which the picture
        says; the order of the features is that of all rows.

    Raises
    ------
    InputError
        If ``e`` is not an attribution, or has no such output.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> e = Attribution(
    ...     values=np.array([[[1.0], [-2.0]], [[3.0], [0.0]]]),
    ...     base_values=np.zeros((2, 1)), outputs=np.array([[-1.0], [3.0]]),
    ... )
    >>> [text.get_text() for text in beeswarm(e).get_yticklabels()]
    ['x0', 'x1']
    """
    most = positive(max_features, "max_features")
    panel = read(e, output, "beeswarm")
    shown, rest, rows, said = ranked(panel, most)
    ax = canvas(ax, width=8.0, height=max(2.2, 1.3 + 0.34 * (shown.size + (rest.size > 0))))
    frame(ax, panel, shown, rest)
    for y, player in enumerate(shown):
        values = panel.values[rows, player]
        _swarm(ax, values, y, *_colors(panel, player, rows))
    if rest.size:
        total = panel.values[np.ix_(rows, rest)].sum(axis=1)
        _swarm(ax, total, shown.size, np.full((rows.size, 4), rgba(NEUTRAL)), None)
    note(ax, [said, *_color_notes(panel, shown), unexplained(panel)])
    if any(panel.levels(j) is None and panel.numbers(j) is not None for j in shown):
        color_key(ax, "feature value")
    return ax


def ranked(panel: Panel, most: int) -> tuple[Ints, Ints, Ints, str]:
    """Return the features shown, those summed, the rows drawn, and what to say about them."""
    shown, rest = split(np.abs(panel.values).mean(axis=0), most)
    return shown, rest, *sample(len(panel.values), MOST_POINTS)


def frame(ax: "Axes", panel: Panel, shown: Ints, rest: Ints) -> None:
    """Name the rows and the axis of a picture of all rows."""
    labels = [literal(name) for name in short_names([panel.features[j] for j in shown])]
    if rest.size:
        labels.append(others(rest.size))
    rows_of_text(ax, labels)
    tidy(
        ax,
        title=literal(panel.output or "Contributions"),
        xlabel=literal(panel.label),
    )
    for y in range(len(labels)):
        ax.axhline(y, color=FAINT, linewidth=0.5, linestyle=(0, (1, 3)), zorder=0.3)
    ax.axvline(0.0, color=NEUTRAL, linewidth=0.8, zorder=0.4)


def unexplained(panel: Panel) -> str:
    """Say how much of the outputs is left unexplained, where it is not negligible."""
    if not panel.incomplete.any():
        return ""
    size = np.abs(panel.residual)
    text = number(float(size.mean()), decimals(size))
    return f"not explained: {text} of each output on average"


def color_key(ax: "Axes", label: str) -> None:
    """Add the scale of feature values at the right, without numbers: each feature has its own."""
    from matplotlib.cm import ScalarMappable

    figure = ax.get_figure()
    if figure is None:
        return
    aspect = 7 * ax.get_window_extent().height / figure.dpi
    bar = figure.colorbar(ScalarMappable(cmap=low_to_high()), ax=ax, aspect=aspect, pad=0.02)
    bar.set_ticks([0.0, 1.0], labels=["low", "high"])
    bar.ax.tick_params(labelsize=SMALL, length=0)
    bar.set_label(label, fontsize=SMALL, labelpad=-12)
    bar.outline.set_visible(False)


def relative(numbers: Floats) -> Floats:
    """Scale numbers to 0 to 1 between their 5th and 95th percentile; NaN stays NaN."""
    known = numbers[np.isfinite(numbers)]
    if not known.size:
        return np.full(numbers.shape, np.nan)
    low, high = np.percentile(known, [5, 95])
    if low == high:
        low, high = known.min(), known.max()
    if low == high:
        return np.where(np.isfinite(numbers), 0.5, np.nan)
    return np.asarray(np.clip((numbers - low) / (high - low), 0.0, 1.0))


def _colors(panel: Panel, player: int, rows: Ints) -> tuple[Floats, Floats | None]:
    """Return a color per point, and which points are hollow because the value is missing."""
    numbers = panel.numbers(player)
    if numbers is None:
        return np.full((rows.size, 4), rgba(SIZES)), None
    numbers = numbers[rows]
    missing = ~np.isfinite(numbers)
    levels = panel.levels(player)
    if levels is None:
        colors = low_to_high()(np.nan_to_num(relative(numbers)))
    else:
        shade = 0.2 + 0.5 * np.nan_to_num(numbers) / max(len(levels) - 1, 1)
        colors = np.column_stack([shade, shade, shade, np.ones(rows.size)])
    colors[missing] = rgba(NEUTRAL)
    return colors, missing


def rgba(color: str) -> Floats:
    """Return a color as four numbers."""
    from matplotlib.colors import to_rgba

    return np.array(to_rgba(color))


def _color_notes(panel: Panel, shown: Ints) -> list[str]:
    categories = any(panel.levels(j) is not None for j in shown)
    columns = (panel.numbers(j) for j in shown)
    missing = any(column is not None and not np.isfinite(column).all() for column in columns)
    said = [
        "shades of gray: categories" if categories else "",
        "hollow: missing" if missing else "",
    ]
    return ["; ".join(part for part in said if part)]


def _swarm(ax: "Axes", values: Floats, y: float, colors: Floats, missing: Floats | None) -> None:
    place = y + spread(values)
    hollow = np.zeros(values.size, dtype=bool) if missing is None else missing.astype(bool)
    size = 16.0 if values.size <= RASTER else 9.0
    raster = values.size > RASTER
    full = ~hollow
    ax.scatter(
        values[full], place[full], s=size, c=colors[full], linewidths=0,
        rasterized=raster, zorder=2,
    )  # fmt: skip
    ax.scatter(
        values[hollow], place[hollow], s=size, facecolors="none", edgecolors=colors[hollow],
        linewidths=0.7, rasterized=raster, zorder=1.9,
    )  # fmt: skip


def spread(values: Floats) -> Floats:
    """Move points of similar value apart, up and down in turn; at most 0.4 from the middle."""
    low, high = values.min(), values.max()
    width = (high - low) / BINS or 1.0
    bins = ((values - low) / width).astype(np.int64)
    order = np.lexsort((values, bins))
    start = np.searchsorted(bins[order], bins[order])
    rank = np.arange(values.size) - start
    step = np.ceil(rank / 2) * np.where(rank % 2, 1, -1)
    fullest = np.bincount(bins).max()
    out = np.empty(values.size)
    out[order] = step * min(2 * HALF / max(fullest, 1), 0.12)
    return out
