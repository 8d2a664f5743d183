"""Dependence: the contributions of one feature against its values."""

from typing import TYPE_CHECKING

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Attribution, Interaction
from whence.core.types import Bools, Floats, Ints, Level
from whence.plots.partner import strongest_interaction, strongest_pattern
from whence.plots.pick import Name, Panel, find, kind, read
from whence.plots.style import (
    FAINT,
    GROUPS,
    MARKERS,
    NEUTRAL,
    SIZE,
    SIZES,
    SMALL,
    canvas,
    literal,
    low_to_high,
    note,
    plain,
    sample,
    scale_beside,
    shorten,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 5000
RASTER = 1000
MOST_LEVELS = 12
"""Categories that the x axis names; the rarer ones share a place."""
LEVEL_LENGTH = 18
LEVEL_LETTERS = 60
"""Letters that stand side by side below the axis; with more the names are turned."""
COLOR_LENGTH = 32


def scatter(
    e: Attribution,
    feature: Name,
    color: Name | None = "auto",
    output: Name = 0,
    interactions: Interaction | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the contributions of one feature against its values, one point per row.

    What scatters the points at one value is how the feature works together with others, so they
    are colored by the feature that explains this scatter best.

    Parameters
    ----------
    e : Attribution
        What ``whence.explain`` returned; its ``data`` holds the values of the features.
    feature : int or str
        Which feature, by number or name.
    color : int, str or None, default="auto"
        Feature that colors the points, by number or name; None for none. "auto" takes the
        strongest partner in ``interactions``, or else, as an approximation, the feature that goes
        best with the contributions among rows of similar value. The label says which was done.
    output : int or str, default=0
        Which output of the model, by number or name.
    interactions : Interaction, optional
        Interactions of the same model, to choose the color by.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        Contributions in the unit of ``e.outputs``. Of more than 5,000 rows a sample is drawn,
        which the picture says.

    Raises
    ------
    InputError
        If ``e`` is not an attribution with data, or has no such feature or output.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> e = Attribution(
    ...     values=np.array([[[1.0], [-2.0]], [[3.0], [0.0]]]),
    ...     base_values=np.zeros((2, 1)), outputs=np.array([[-1.0], [3.0]]),
    ...     data=np.array([[5.0, 6.0], [7.0, 8.0]]),
    ... )
    >>> scatter(e, "x1").get_xlabel()
    'x1'
    """
    panel = read(e, output, "scatter")
    player = find(feature, panel.features, len(panel.features), "feature")
    numbers = panel.numbers(player)
    if numbers is None:
        raise InputError(
            f"`scatter` needs the values of {panel.features[player]!r}, and the explanation holds "
            "none for it (`data` is None or has no such column). Use `bar` or `beeswarm`, or "
            "explain with the data."
        )
    partner, how = _partner(panel, player, color, interactions)
    rows, said = sample(len(numbers), MOST_POINTS)
    ax = canvas(ax, width=7.2, height=4.4)
    x = _positions(ax, panel, player, numbers, rows)
    tidy(
        ax,
        title=literal(panel.output or "Contributions"),
        xlabel=literal(shorten(plain(panel.features[player]), 60)),
    )
    ax.spines["left"].set_visible(True)
    ax.set_ylabel(literal(panel.label), fontsize=SIZE)
    ax.axhline(0.0, color=NEUTRAL, linewidth=0.8, zorder=0.4)
    y = panel.values[rows, player]
    if partner is None:
        _points(ax, x, y, color=SIZES)
    else:
        _colored(ax, panel, partner, rows, x, y)
    note(ax, [how, said])
    return ax


def _partner(
    panel: Panel, player: int, color: Name | None, interactions: Interaction | None
) -> tuple[int | None, str]:
    """Choose the feature that colors the points, and say how it was chosen."""
    if color is None:
        return None, ""
    if color != "auto" or "auto" in panel.features:
        partner = find(color, panel.features, len(panel.features), "feature")
        return (None if panel.numbers(partner) is None else partner), ""
    if interactions is None:
        best = strongest_pattern(panel, player)
        how = "color: strongest interaction, estimated by correlation within bins"
    else:
        kind(interactions, Interaction, "scatter")
        best = strongest_interaction(panel, player, interactions)
        how = f"color: strongest interaction ({interactions.index})"
    return best, how if best is not None else ""


def _positions(ax: "Axes", panel: Panel, player: int, numbers: Floats, rows: Ints) -> Floats:
    """Return where the rows stand on the x axis, with missing values apart at the right."""
    levels = panel.levels(player)
    if levels is not None:
        return _category_places(ax, levels, numbers, rows)
    x = numbers[rows].copy()
    absent = ~np.isfinite(x)
    if absent.any():
        known = x[~absent]
        low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
        gap = (high - low) or 1.0
        x[absent] = high + gap * (0.1 + 0.03 * jitter(int(absent.sum())))
        missing_strip(ax, float(low), float(low + gap), with_ticks=known.size > 0)
    return x


def missing_strip(ax: "Axes", low: float, high: float, *, with_ticks: bool) -> None:
    """Set a strip for missing values apart from the numbers, which end before it."""
    gap = high - low
    ax.axvspan(high + 0.06 * gap, high + 0.14 * gap, color=FAINT, alpha=0.35, linewidth=0)
    ax.set_xlim(low - 0.03 * gap, high + 0.15 * gap)
    ticks = [
        t for t in ax.get_xticks() if with_ticks and low - 0.03 * gap <= t <= high - 0.03 * gap
    ]
    labels = ax.xaxis.get_major_formatter().format_ticks(ticks)
    ax.set_xticks([*ticks, high + 0.1 * gap], [*labels, "missing"])


def _category_places(ax: "Axes", levels: tuple[Level, ...], numbers: Floats, rows: Ints) -> Floats:
    """Name the categories on the x axis, the rarest ones as one, and spread the points a little."""
    codes = np.where(np.isfinite(numbers), numbers, -1).astype(np.int64)
    count = np.bincount(codes + 1, minlength=len(levels) + 1)
    kept = np.flatnonzero(count[1:])
    if kept.size > MOST_LEVELS:
        kept = np.sort(np.argsort(-count[1:], kind="stable")[: MOST_LEVELS - 1])
    names = [shorten(plain(str(levels[code])), LEVEL_LENGTH) for code in kept]
    place = np.full(len(levels) + 1, len(names))
    place[kept + 1] = np.arange(kept.size)
    left = np.count_nonzero(count[1:]) - kept.size
    names += [f"{left} others"] if left else []
    place[0] = len(names)
    names += ["missing"] if count[0] else []
    turned = max(map(len, names)) > LEVEL_LETTERS / len(names)
    ax.set_xticks(
        range(len(names)),
        [literal(name) for name in names],
        rotation=35 if turned else 0,
        ha="right" if turned else "center",
        rotation_mode="anchor",
    )
    ax.set_xlim(-0.6, len(names) - 0.4)
    return np.asarray(place[codes[rows] + 1] + 0.3 * jitter(rows.size), dtype=np.float64)


def jitter(count: int) -> Floats:
    """Return points from -1 to 1 that fill the space evenly and are the same at each call."""
    golden = (5**0.5 - 1) / 2
    return np.asarray(2 * (np.arange(count, dtype=np.float64) * golden % 1.0) - 1)


def _points(ax: "Axes", x: Floats, y: Floats, *, color: str | Floats, marker: str = "o") -> None:
    ax.scatter(
        x, y, s=14 if x.size <= RASTER else 8, c=color, marker=marker, linewidths=0,
        rasterized=x.size > RASTER, zorder=2,
    )  # fmt: skip


def _colored(ax: "Axes", panel: Panel, partner: int, rows: Ints, x: Floats, y: Floats) -> None:
    numbers = panel.numbers(partner)
    tone = np.full(rows.size, np.nan) if numbers is None else numbers[rows]
    known = np.isfinite(tone)
    name = literal(shorten(plain(panel.features[partner]), COLOR_LENGTH))
    ax.scatter(
        x[~known], y[~known], s=14, facecolors="none", edgecolors=NEUTRAL, linewidths=0.7,
        rasterized=x.size > RASTER, label="missing" if (~known).any() else None,
    )  # fmt: skip
    levels = panel.levels(partner)
    if levels is None:
        _scale(ax, name, x[known], y[known], tone[known])
    else:
        _groups(ax, name, levels, tone, known, x, y)


def _scale(ax: "Axes", name: str, x: Floats, y: Floats, tone: Floats) -> None:
    low, high = np.percentile(tone, [5, 95]) if tone.size else (0.0, 1.0)
    if low == high:
        low, high = (tone.min(), tone.max()) if tone.size else (0.0, 1.0)
    dots = ax.scatter(
        x, y, s=14 if x.size <= RASTER else 8, c=tone, cmap=low_to_high(), vmin=low, vmax=high,
        linewidths=0, rasterized=x.size > RASTER, zorder=2,
    )  # fmt: skip
    scale_beside(ax, dots, name, "both")


def _groups(
    ax: "Axes",
    name: str,
    levels: tuple[Level, ...],
    tone: Floats,
    known: Bools,
    x: Floats,
    y: Floats,
) -> None:
    """Give each category a color and a marker of its own; the rarest ones share one."""
    count = np.bincount(tone[known].astype(np.int64), minlength=len(levels))
    present = int(np.count_nonzero(count))
    most = present if present <= len(GROUPS) else len(GROUPS) - 1
    kept = np.sort(np.argsort(-count, kind="stable")[:most])
    for color, marker, code in zip(GROUPS, MARKERS, kept, strict=False):
        of = tone == code
        label = literal(shorten(plain(str(levels[code])), LEVEL_LENGTH))
        ax.scatter(
            x[of], y[of], s=16, color=color, marker=marker, linewidths=0,
            rasterized=x.size > RASTER, label=label, zorder=2,
        )  # fmt: skip
    of = known & ~np.isin(tone, kept)
    if of.any():
        label = f"{present - most} others"
        ax.scatter(x[of], y[of], s=12, color=FAINT, linewidths=0, label=label, zorder=1)
    ax.legend(
        title=name, fontsize=SMALL, title_fontsize=SMALL + 0.5, frameon=False,
        loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2,
    )  # fmt: skip
