"""What a model says over the plane of two features."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whence.core.effect import Curve, Effect
from whence.core.errors import InputError
from whence.core.types import Floats, Ints, Level
from whence.plots.curves import (
    PAIR,
    edges,
    is_centered,
    name_whole,
    quantity,
)
from whence.plots.dependence import LEVEL_LENGTH
from whence.plots.style import (
    SIZE,
    below_to_above,
    canvas,
    literal,
    low_to_high,
    plain,
    scale_beside,
    short_names,
    shorten,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EMPTY = "white"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plane:
    """One axis of a surface.

    Attributes
    ----------
    feature : str
    x : array of shape (positions,)
        Numbers, or places 0, 1, ... of categories and of missing values.
    levels : tuple of str or None
        Names of the places; None for numbers.
    kept : int array of shape (positions,)
        Position in the grid of the curve.
    """

    feature: str
    x: Floats
    levels: tuple[str, ...] | None
    kept: Ints


def draw_surface(e: Effect, c: Curve, out: int, name: str, ax: "Axes | None") -> tuple["Axes", str]:
    """Draw one output of a surface in colors, hatched where no rows are; return what to note."""
    planes = [plane_of(c, axis) for axis in range(PAIR)]
    z = cells_of(c.values[..., out], planes)
    ax = canvas(ax, width=7.0, height=5.0)
    limits, scale = limits_of(e, c, z), low_to_high()
    if is_centered(e):
        scale = below_to_above()
    image = ax.pcolormesh(
        edges(planes[0].x), edges(planes[1].x), z.T, cmap=scale, vmin=limits[0], vmax=limits[1],
        rasterized=True,
    )  # fmt: skip
    hidden = e.kind != "surface" and _empty_cells(ax, c, planes)  # there, rows are laid over it
    name_axes(ax, planes, name or f"Effect of {' and '.join(map(plain, c.features))}"[:60])
    scale_beside(ax, image, literal(quantity(e)))
    return ax, "hatched: no rows here" if hidden else ""


def limits_of(e: Effect, c: Curve, z: Floats) -> tuple[float, float]:
    """Return the ends of the scale of colors.

    Raises
    ------
    InputError
        If a number is NaN or infinite.
    """
    if not np.isfinite(z).all():
        raise InputError(
            f"The surface of {' x '.join(map(repr, c.features))} holds "
            f"{int((~np.isfinite(z)).sum())} numbers that are NaN or infinite. A picture needs "
            "finite ones."
        )
    if is_centered(e):
        top = float(np.abs(z).max()) or 1.0
        return -top, top
    if e.provenance.unit == "probability" and z.min() >= 0 and z.max() <= 1 and np.ptp(z) > 0.5:  # noqa: PLR2004  a wide scale is read at its ends
        return 0.0, 1.0
    low, high = float(z.min()), float(z.max())
    return (low, high) if low < high else (low - 0.5, low + 0.5)


def plane_of(c: Curve, axis: int) -> Plane:
    """Return an axis; missing values of a feature of numbers have no place in the plane."""
    grid, levels = c.grid[axis], c.levels[axis]
    if levels is None:
        kept = np.flatnonzero(~np.isnan(grid))
        return Plane(feature=c.features[axis], x=grid[kept], levels=None, kept=kept)
    names = tuple(level_name(c.position(axis, i)) for i in range(grid.size))
    places = np.arange(grid.size)
    return Plane(feature=c.features[axis], x=places.astype(float), levels=names, kept=places)


def level_name(level: float | Level) -> str:
    """Name a category, or that a value is missing."""
    return "missing" if isinstance(level, float) and np.isnan(level) else str(level)


def cells_of(z: Floats, planes: list[Plane]) -> Floats:
    """Return the cells of a surface that have a place in the plane."""
    return np.asarray(z[np.ix_(*(plane.kept for plane in planes))])


def _empty_cells(ax: "Axes", c: Curve, planes: list[Plane]) -> bool:
    """Cover places without rows, and return whether there are any."""
    if c.density is None:
        return False
    empty = cells_of(c.density, planes) <= 0
    if not empty.any() or empty.all():
        return False
    from matplotlib.collections import PolyCollection

    x, y = (edges(plane.x) for plane in planes)
    corners = [
        [(x[i], y[j]), (x[i + 1], y[j]), (x[i + 1], y[j + 1]), (x[i], y[j + 1])]
        for i, j in np.argwhere(empty)
    ]
    ax.add_collection(
        PolyCollection(
            corners, facecolors="none", edgecolors=EMPTY, hatch="////", linewidths=0, alpha=0.6,
            zorder=1.5,
        ),
        autolim=False,
    )  # fmt: skip
    return True


def name_axes(ax: "Axes", planes: list[Plane], title: str) -> None:
    """Name both features, and the places of their categories."""
    names = [literal(shorten(plain(plane.feature), 50)) for plane in planes]
    tidy(ax, title=literal(title), xlabel=names[0])
    ax.set_ylabel(names[1], fontsize=SIZE)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    for plane, axis in zip(planes, (ax.xaxis, ax.yaxis), strict=True):
        if plane.levels is None:
            name_whole(axis, plane.x)
            continue
        short = [literal(name) for name in short_names(plane.levels, LEVEL_LENGTH)]
        every = max(1, -(-len(short) // 20))
        axis.set_ticks(np.arange(0, len(short), every), short[::every])
        if axis is ax.xaxis and sum(map(len, short)) > 50:  # noqa: PLR2004  letters side by side
            for text in ax.get_xticklabels():
                text.set(rotation=35, ha="right", rotation_mode="anchor")
