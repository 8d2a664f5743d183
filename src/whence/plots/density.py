"""How many rows are where, at the foot of a picture of curves."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from whence.plots.curves import PAIR, Line, edges, is_whole
from whence.plots.style import FAINT, NEUTRAL, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRIP = 0.1
"""Height of the strip of the density, as a share of the axes."""
LEAST = 0.05
"""Height of a bar of the density where there is any row, as a share of the strip."""
SLIVER = 1e-3
"""Width of a bar of the density at least, as a share of the axis; a narrower one is no spike."""


def with_missing(line: Line) -> Line:
    """Return the curve with missing values as its last category."""
    gone = line.missing
    if gone is None:
        return line
    return replace(
        line,
        levels=(*(line.levels or ()), "missing"),
        x=np.arange(line.x.size + 1, dtype=np.float64),
        mean=np.append(line.mean, gone.mean),
        low=np.append(line.low, gone.low),
        high=np.append(line.high, gone.high),
        density=np.append(line.density, gone.density),
        lines=np.concatenate([line.lines, gone.lines], axis=1),
        missing=None,
    )


def room_below(ax: "Axes") -> None:
    """Leave the foot of the axes free for the density."""
    ax.autoscale_view()
    low, high = ax.get_ylim()
    ax.set_ylim(low - (high - low) * 1.3 * STRIP, high)


def draw_density(ax: "Axes", line: Line, *, small: bool = False) -> None:
    """Draw at the foot how many rows are where: areas are shares, as in a histogram."""
    limits = ax.get_xlim()
    whole = with_missing(line) if line.levels is not None else line
    if not np.isfinite(whole.density).any() or not whole.x.size:
        return
    at = edges(whole.x)
    if line.levels is None:
        if whole.x.size > 1 and not is_whole(whole.x):
            at[0], at[-1] = whole.x[0], whole.x[-1]
        height = whole.density / np.maximum(np.diff(at), SLIVER * np.ptp(at))
    else:
        height = whole.density
        at = np.repeat(whole.x, PAIR) + np.tile([-0.35, 0.35], whole.x.size)
    left, width = (at[:-1], np.diff(at)) if line.levels is None else (at[::2], 0.7)
    top = float(np.nanmax(height)) or 1.0
    scaled = STRIP * np.where(whole.density > 0, np.maximum(height / top, LEAST), 0.0)
    ax.bar(
        left, scaled, width=width, align="edge", color=FAINT, linewidth=0,
        transform=ax.get_xaxis_transform(), zorder=0.3,
    )  # fmt: skip
    gone = line.missing
    if line.levels is None and gone is not None and np.isfinite(gone.density).any():
        _missing_share(ax, line, float(gone.density[0]), small=small)
    reach = max(abs(at[0] - limits[0]), 0.0) if is_whole(whole.x) and gone is None else 0.0
    ax.set_xlim(limits[0] - reach * (at[0] < limits[0]), limits[1] + reach * (at[-1] > limits[1]))


def _missing_share(ax: "Axes", line: Line, part: float, *, small: bool) -> None:
    """Write the share of missing values at the foot of their strip."""
    low, high = (float(line.x.min()), float(line.x.max())) if line.x.size else (0.0, 1.0)
    place = low + 1.1 * ((high - low) or 1.0)
    if not small:
        ax.text(
            place, 0.01, f"{part:.0%}" if part >= 0.01 else "<1%", fontsize=SMALL, ha="center",  # noqa: PLR2004  a percent
            va="bottom", transform=ax.get_xaxis_transform(), color=NEUTRAL,
        )  # fmt: skip
