"""All rows at once: one violin of contributions per feature."""

from typing import TYPE_CHECKING

import numpy as np

from whence.core.explanation import Attribution
from whence.core.types import Floats, Ints
from whence.plots.pick import Name, positive, read
from whence.plots.style import NEUTRAL, canvas, low_to_high, note
from whence.plots.swarms import color_key, frame, ranked, relative, rgba, unexplained

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HALF = 0.4
BINS = 120


def violin(
    e: Attribution,
    output: Name = 0,
    max_features: int = 20,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the distribution of each feature's contributions, colored by the feature's value.

    Where a swarm shows single rows, a violin shows the shape; the color at a place is that of the
    mean value of the feature there.

    Parameters
    ----------
    e : Attribution
        What ``whence.explain`` returned.
    output : int or str, default=0
        Which output of the model, by number or name.
    max_features : int, default=20
        How many features have a violin of their own; the others are shown as their sum.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        In the unit of ``e.outputs``; all rows are used.

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
    >>> [text.get_text() for text in violin(e).get_yticklabels()]
    ['x0', 'x1']
    """
    most = positive(max_features, "max_features")
    panel = read(e, output, "violin")
    shown, rest, _, _ = ranked(panel, most)
    ax = canvas(ax, width=8.0, height=max(2.2, 1.3 + 0.38 * (shown.size + (rest.size > 0))))
    frame(ax, panel, shown, rest)
    span = float(np.ptp(panel.values[:, shown])) or 1.0
    colored = False
    for y, player in enumerate(shown):
        numbers = panel.numbers(player) if panel.levels(player) is None else None
        colored |= numbers is not None
        _body(ax, panel.values[:, player], y, None if numbers is None else relative(numbers), span)
    if rest.size:
        _body(ax, panel.values[:, rest].sum(axis=1), shown.size, None, span)
    categories = any(panel.levels(j) is not None for j in shown)
    note(ax, ["gray: categories" if categories else "", unexplained(panel)])
    if colored:
        color_key(ax, "mean feature value")
    return ax


def _body(ax: "Axes", values: Floats, y: float, tone: Floats | None, span: float) -> None:
    """Draw one violin as a row of slices, and a tick at its median."""
    from matplotlib.collections import PolyCollection

    edges, density = density_of(values, span)
    half = HALF * density / density.max()
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, edges.size - 2)
    middle = (half[:-1] + half[1:]) / 2
    slices = [
        [(a, y - p), (b, y - q), (b, y + q), (a, y + p)]
        for a, b, p, q in zip(edges[:-1], edges[1:], half[:-1], half[1:], strict=True)
    ]
    colors = np.full((middle.size, 4), rgba(NEUTRAL))
    if tone is not None:
        colors = low_to_high()(_tone(place, tone, middle.size))
    ax.add_collection(PolyCollection(slices, facecolors=colors, edgecolors=colors, linewidths=0.3))
    ax.plot([np.median(values)] * 2, [y - 0.2, y + 0.2], color="white", linewidth=2.4, zorder=3)
    ax.plot([np.median(values)] * 2, [y - 0.2, y + 0.2], color="black", linewidth=1.2, zorder=3)
    ax.update_datalim([(edges[0], y), (edges[-1], y)])
    ax.autoscale_view(scaley=False)


def _tone(place: Ints, tone: Floats, slices: int) -> Floats:
    """Average the tones in each slice; an empty slice takes that of its neighbors."""
    known = np.isfinite(tone)
    count = np.bincount(place[known], minlength=slices)
    total = np.bincount(place[known], weights=tone[known], minlength=slices)
    filled = np.flatnonzero(count)
    if not filled.size:
        return np.full(slices, 0.5)
    return np.interp(np.arange(slices), filled, total[filled] / count[filled])


def density_of(values: Floats, span: float) -> tuple[Floats, Floats]:
    """Estimate a density by a histogram smoothed with a Gaussian of Silverman's width.

    Returns
    -------
    edges, density : arrays of shape (slices + 1,)
        Positions and the density there, in arbitrary units.
    """
    quartiles = np.percentile(values, [25, 75])
    scale = min(values.std(), float(np.diff(quartiles)[0]) / 1.34) or values.std()
    width = max(0.9 * float(scale) * values.size**-0.2, 0.004 * span)
    edges = np.linspace(values.min() - 2 * width, values.max() + 2 * width, BINS + 1)
    fine = edges[1] - edges[0]
    count = np.histogram(values, bins=np.append(edges - fine / 2, edges[-1] + fine / 2))[0]
    reach = int(np.ceil(3 * width / fine))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * fine / width) ** 2)
    smooth = np.convolve(count, kernel)[reach : reach + edges.size]
    return edges, smooth
