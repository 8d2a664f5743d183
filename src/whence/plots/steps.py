"""The waterfall: how the features of one row carry the model from its base value to its output."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from whence.core.explanation import Attribution
from whence.core.types import Floats
from whence.plots.pick import Name, positive
from whence.plots.row import Step, read_rows, row_steps
from whence.plots.style import (
    FAINT,
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    QUIET,
    SIZE,
    SMALL,
    Z95,
    canvas,
    decimals,
    ink,
    literal,
    note,
    number,
    rows_of_text,
    tidy,
    whiskers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HALF = 0.36
"""Half the height of a bar."""
TIP = 0.012
"""Length of an arrow's tip as a share of the axis."""


def waterfall(
    e: Attribution,
    row: Name = 0,
    output: Name = 0,
    max_features: int = 10,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how the features of one row carry the model from its base value to its output.

    Bars are read from the top down, the largest contribution first; each starts where the one
    above it ended and points the way it moves the output. Whiskers are 95% intervals.

    Parameters
    ----------
    e : Attribution
        What ``whence.explain`` returned.
    row : int or str, default=0
        Which row, by number or label.
    output : int or str, default=0
        Which output of the model, by number or name.
    max_features : int, default=10
        How many features have a bar of their own; the others are shown as their sum.
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
    ...     values=np.array([[[1.0], [2.0]]]), base_values=np.array([[0.5]]),
    ...     outputs=np.array([[3.5]]),
    ... )
    >>> [text.get_text() for text in waterfall(e).get_yticklabels()]
    ['base value', 'x1', 'x0', 'output']
    """
    most = positive(max_features, "max_features")
    panel, (title,) = read_rows(e, [row], output, "waterfall")
    steps = row_steps(panel, 0, most)
    ax = canvas(ax, width=7.6, height=1.35 + 0.3 * (len(steps) + 2))
    base, end = float(panel.base[0]), float(panel.outputs[0])
    edges = base + np.concatenate([[0.0], np.cumsum([step.value for step in steps])])
    left, right = _limits(edges, steps, end)
    ax.set_xlim(left, right)
    rows_of_text(ax, ["base value", *(step.label for step in steps), "output"])
    tidy(ax, title=literal(title), xlabel=literal(f"model output{panel.quantity}"))
    _bars(ax, steps, edges, TIP * (right - left))
    _ends(ax, base, end, len(steps) + 1)
    _numbers(ax, steps, base, end)
    sampled = panel.stderr is not None
    note(ax, ["whiskers and ±: 95% interval" if sampled else ""])
    return ax


def _limits(edges: Floats, steps: Sequence[Step], end: float) -> tuple[float, float]:
    reach = np.array([0.0 if np.isnan(s.stderr) else Z95 * s.stderr for s in steps])
    points = np.concatenate([edges, edges[1:] - reach, edges[1:] + reach, [end]])
    low, high = float(points.min()), float(points.max())
    pad = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
    return low - pad, high + pad


def arrow(start: float, end: float, y: float, tip: float, half: float = HALF) -> Floats:
    """Return the corners of a bar that points from ``start`` to ``end``; shape (5, 2)."""
    neck = end - np.sign(end - start) * min(tip, abs(end - start))
    return np.array(
        [[start, y - half], [neck, y - half], [end, y], [neck, y + half], [start, y + half]]
    )


def color_of(step: Step) -> str:
    """Return the color of a step: by its sign, gray for what is not explained."""
    if step.role == "residual":
        return NEUTRAL
    return POSITIVE if step.value >= 0 else NEGATIVE


def _bars(ax: "Axes", steps: Sequence[Step], edges: Floats, tip: float) -> None:
    from matplotlib.patches import Polygon

    for y, step in enumerate(steps, start=1):
        start, end = float(edges[y - 1]), float(edges[y])
        hatch = "////" if step.role == "residual" else None
        corners = arrow(start, end, y, tip)
        ax.add_patch(
            Polygon(corners, facecolor=color_of(step), edgecolor="white", hatch=hatch, linewidth=0)
        )
        ax.plot([end, end], [y, y + 1], color=QUIET, linewidth=0.6, zorder=0.5)
    reach = Z95 * np.array([step.stderr for step in steps])
    whiskers(ax, edges[1:], np.arange(1.0, len(edges)), reach)


def _ends(ax: "Axes", base: float, end: float, last: int) -> None:
    ax.plot([base, base], [0, 1], color=QUIET, linewidth=0.6, zorder=0.5)
    ax.axvline(base, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0.4)
    ax.plot([base], [0], marker="o", markersize=5, color=QUIET, zorder=4)
    ax.plot([end], [last], marker="D", markersize=6, color=ink(ax), zorder=4)


def _numbers(ax: "Axes", steps: Sequence[Step], base: float, end: float) -> None:
    """Write the numbers in a column at the right, where nothing can run into them."""
    sizes = np.array([step.value for step in steps])
    places = decimals(np.append(sizes, [end - base]))
    texts = [number(base, places)]
    for step in steps:
        text = number(step.value, places, sign=True)
        spread = Z95 * step.stderr
        texts.append(text if np.isnan(spread) else f"{text} ± {number(spread, places)}")
    texts.append(number(end, places))
    for y, text in enumerate(texts):
        whole = y in {0, len(texts) - 1}
        ax.text(
            1.015,
            y,
            text,
            transform=ax.get_yaxis_transform(),
            va="center",
            fontsize=SIZE if whole else SMALL + 0.5,
            fontweight="bold" if whole else "normal",
        )
