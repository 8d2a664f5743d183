"""The decision surface: what a model says over two features, and where its answer turns."""

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from whence.core.effect import Curve, Effect
from whence.core.errors import InputError
from whence.core.table import Table
from whence.core.types import Floats
from whence.plots.curves import PAIR, chosen, edges, effect_of, output_of
from whence.plots.pick import Name, output_name
from whence.plots.style import GROUPS, SMALL, canvas, ink, literal, note, sample, short_names
from whence.plots.surfaces import (
    cells_of,
    draw_surface,
    level_name,
    limits_of,
    name_axes,
    plane_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 500
CUTS = {"probability": 0.5, "log-odds": 0.0}
"""Where the answer of a classifier with one output turns, by the unit of the output."""


def decision_surface(
    e: Effect,
    *features: str,
    output: Name | None = None,
    points: int = POINTS,
    contour: bool = True,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw what a model says over the plane of two features, and where its answer turns.

    Parameters
    ----------
    e : Effect
        What ``whence.explain`` returned for a surface, or a partial dependence of two features.
    *features : str
        The two features; may be left out where the effect holds one surface only.
    output : int or str, optional
        Which output of the model, by number or name. None draws the only one, the second of two,
        or of more the region of each in a color, stronger where the output is larger.
    points : int, default=500
        How many of the rows in ``e.data`` are laid over the surface at most; 0 for none.
    contour : bool, default=True
        Whether to draw the line where the answer turns: where a probability of one or two outputs
        is 0.5 or log-odds are 0, or another of several outputs becomes the largest.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        The first feature on the x axis.

    Raises
    ------
    InputError
        If ``e`` holds no such surface or output.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> grid = np.array([0.0, 1.0, 2.0])
    >>> e = Effect(kind="surface", curves=(Curve(
    ...     features=("a", "b"), grid=(grid, grid), levels=(None, None),
    ...     values=grid[:, None, None] + grid[:, None]),))
    >>> decision_surface(e).get_ylabel()
    'b'
    """
    e = effect_of(e, "decision_surface")
    curve = _surface(e, features)
    if isinstance(points, bool) or not isinstance(points, int) or points < 0:
        raise InputError(f"`points` is {points!r}. Pass a whole number, 0 for no rows.")
    k = curve.values.shape[-1]
    if output is None and k > PAIR:
        ax, said = _regions(e, curve, ax)
    else:
        out, name = output_of(e, k - 1 if output is None else output)
        ax, said = draw_surface(e, curve, out, name, ax)
    turns = _boundary(ax, e, curve) if contour else ""
    note(ax, [turns, _rows(ax, e, curve, points), said])
    return ax


def _surface(e: Effect, features: tuple[str, ...]) -> Curve:
    if features:
        if len(features) != PAIR:
            raise InputError(f"A surface has two features, and {len(features)} were named.")
        return chosen(e, features, "", "decision_surface")[0]
    found = [c for c in e.curves if len(c.features) == PAIR]
    if len(found) != 1:
        known = ", ".join(" x ".join(map(repr, c.features)) for c in found[:5])
        raise InputError(
            f"`decision_surface` draws one surface of two features, and the effect holds "
            f"{len(found)}{f', such as {known}' if known else ''}. "
            + ("Name the two features." if found else "Compute it for two features.")
        )
    return found[0]


def _regions(e: Effect, c: Curve, ax: "Axes | None") -> tuple["Axes", str]:
    """Color the region of each output, stronger where the output is further above the next."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    planes = [plane_of(c, axis) for axis in range(PAIR)]
    z = np.stack([cells_of(c.values[..., out], planes) for out in range(c.values.shape[-1])], -1)
    limits_of(e, c, z)
    best = z.argmax(axis=-1)
    ordered = np.sort(z, axis=-1)
    lead = ordered[..., -1] - ordered[..., -2]
    strength = 0.25 + 0.65 * lead / (float(lead.max()) or 1.0)
    colors = np.array([to_rgb(GROUPS[i % len(GROUPS)]) for i in range(z.shape[-1])])
    shades = 1 - strength[..., None] * (1 - colors[best])
    ax = canvas(ax, width=7.0, height=5.0)
    ax.pcolormesh(
        edges(planes[0].x), edges(planes[1].x), shades.transpose(1, 0, 2), rasterized=True
    )
    name_axes(ax, planes, "Largest output")
    names = e.names.outputs
    labels = short_names([output_name(names, z.shape[-1], i) for i in range(z.shape[-1])], 24)
    shown = [int(i) for i in np.unique(best)]
    ax.legend(
        handles=[
            Patch(color=GROUPS[i % len(GROUPS)], label=literal(labels[i]), alpha=0.8) for i in shown
        ],
        fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0),
    )  # fmt: skip
    return ax, "stronger color: further above the next output"


def _boundary(ax: "Axes", e: Effect, c: Curve) -> str:
    """Draw the line where the answer turns, and say what it is; "" where there is none."""
    planes = [plane_of(c, axis) for axis in range(PAIR)]
    if any(plane.x.size < PAIR or plane.levels is not None for plane in planes):
        return ""
    k = c.values.shape[-1]
    z = np.stack([cells_of(c.values[..., out], planes) for out in range(k)], -1)
    cut = CUTS.get(e.provenance.unit)
    if k == 1:
        if cut is None or not z.min() < cut < z.max():
            return ""
        margins, said = [z[..., 0] - cut], f"line: {cut:g}"
    else:
        margins, said = _margins(z), "line: another output becomes the largest"
    drawn = False
    for margin in margins:
        if np.nanmin(margin) < 0 < np.nanmax(margin):
            for color, width in (("white", 3.2), (ink(ax), 1.4)):
                ax.contour(
                    planes[0].x, planes[1].x, margin.T, levels=[0.0], colors=[color],
                    linewidths=width, zorder=2,
                )  # fmt: skip
            drawn = True
    return said if drawn else ""


def _margins(z: Floats) -> list[Floats]:
    """Return by how much one output is above another, NaN where a third one is above both."""
    margins = []
    for a, b in combinations(range(z.shape[-1]), PAIR):
        rest = np.delete(z, (a, b), axis=-1).max(axis=-1, initial=-np.inf)
        first = np.maximum(z[..., a], z[..., b]) >= rest
        if first.any():
            margins.append(np.where(first, z[..., a] - z[..., b], np.nan))
    return margins


def _rows(ax: "Axes", e: Effect, c: Curve, most: int) -> str:
    """Lay rows over the surface, and say which."""
    if not isinstance(e.data, Table) or not most or not set(c.features) <= set(e.data.names):
        return ""
    limits = ax.get_xlim(), ax.get_ylim()
    at = [e.data.names.index(name) for name in c.features]
    xy = np.column_stack([_places(e.data, j, c, axis) for axis, j in enumerate(at)])
    xy = xy[np.isfinite(xy).all(axis=1)]
    rows, kept = sample(len(xy), most)
    ax.scatter(
        xy[rows, 0], xy[rows, 1], s=11, facecolors="white", edgecolors="black", linewidths=0.6,
        alpha=0.8, zorder=3,
    )  # fmt: skip
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])
    return f"dots: {kept.removeprefix('shown: ') or f'{rows.size:,} rows'}"


def _places(table: Table, column: int, c: Curve, axis: int) -> Floats:
    """Return where the cells of a column stand on an axis; NaN for those that are not on it."""
    if c.levels[axis] is None:
        return table.numbers[:, column]
    place = {level_name(c.position(axis, i)): float(i) for i in range(c.grid[axis].size)}
    return np.array([place.get(table.text(i, column), np.nan) for i in range(len(table))])
