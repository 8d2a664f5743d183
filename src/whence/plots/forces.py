"""The force picture: what pushes one row's output up, against what pushes it down."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whence.core.explanation import Attribution
from whence.plots.labels import arrange
from whence.plots.pick import Name, positive
from whence.plots.row import Step, read_rows, row_steps
from whence.plots.steps import arrow, color_of
from whence.plots.style import (
    QUIET,
    SIZE,
    SMALL,
    canvas,
    decimals,
    ink,
    literal,
    number,
    tidy,
    width_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LETTER = 0.6
"""Width of a letter as a share of its height, a little more than the mean."""
FIRST, LINE = -0.95, 0.5
"""Height of the first line of labels, and the distance of the next ones, in heights of the bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A step's place on the axis: it pushes from ``start`` to ``end``."""

    step: Step
    start: float
    end: float

    @property
    def middle(self) -> float:
        """Where its label points to."""
        return (self.start + self.end) / 2


def segments(steps: Sequence[Step], output: float) -> tuple[Segment, ...]:
    """Lay the steps up on the left of the output and the steps down on its right.

    The largest of either kind is next to the output, where the two meet.
    """
    laid = []
    ordered = sorted(steps, key=lambda step: -abs(step.value))
    for sign in (1, -1):
        end = output
        for step in ordered:
            if step.value * sign > 0:
                laid.append(Segment(step=step, start=end - step.value, end=end))
                end -= step.value
    return tuple(laid)


def force(
    e: Attribution,
    row: Name = 0,
    output: Name = 0,
    max_features: int = 8,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw what pushes one row's output up against what pushes it down.

    Parameters
    ----------
    e : Attribution
        What ``whence.explain`` returned.
    row : int or str, default=0
        Which row, by number or label.
    output : int or str, default=0
        Which output of the model, by number or name.
    max_features : int, default=8
        How many features are shown; the others are shown as their sum.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        In the unit of ``e.outputs``. See `force_html` for a page that says more.

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
    ...     values=np.array([[[1.0], [-2.0]]]), base_values=np.array([[0.5]]),
    ...     outputs=np.array([[-0.5]]),
    ... )
    >>> len(force(e).patches)
    2
    """
    most = positive(max_features, "max_features")
    panel, (title,) = read_rows(e, [row], output, "force")
    laid = segments(row_steps(panel, 0, most), float(panel.outputs[0]))
    ax = canvas(ax, width=9.0, height=1.7 + 0.16 * len(laid))
    base, end = float(panel.base[0]), float(panel.outputs[0])
    points = [base, end, *(segment.start for segment in laid)]
    pad = 0.04 * (max(points) - min(points)) or 0.05 * abs(end) or 1.0
    ax.set_xlim(min(points) - pad, max(points) + pad)
    ax.set_yticks([])
    tidy(ax, title=literal(title))
    ax.spines["bottom"].set_visible(False)
    ax.spines["top"].set_visible(True)
    ax.xaxis.tick_top()
    ax.set_xlabel("")
    _segments(ax, laid)
    levels = _labels(ax, laid)
    _marks(ax, base, end, panel.unit)
    ax.set_ylim(FIRST - LINE * (levels - 0.5), 1.35)
    return ax


def _segments(ax: "Axes", laid: Sequence[Segment]) -> None:
    from matplotlib.patches import Polygon

    low, high = ax.get_xlim()
    for segment in laid:
        corners = arrow(segment.start, segment.end, 0, 0.008 * (high - low), 0.42)
        hatch = "////" if segment.step.role == "residual" else None
        ax.add_patch(
            Polygon(
                corners,
                facecolor=color_of(segment.step),
                edgecolor="white",
                linewidth=0.8,
                hatch=hatch,
            )
        )


def _labels(ax: "Axes", laid: Sequence[Segment]) -> int:
    """Write the labels on as few lines as they need; return the count of lines."""
    low, high = ax.get_xlim()
    letter = LETTER * SMALL / 72 / width_of(ax) * (high - low)
    places = decimals(np.array([segment.step.value for segment in laid]))
    texts = [f"{s.step.label}  {number(s.step.value, places, sign=True)}" for s in laid]
    labels = arrange(
        [segment.middle for segment in laid],
        [letter * (len(text) + 1) for text in texts],
        [segment.end > segment.start for segment in laid],
        (low, high),
    )
    for segment, text, label in zip(laid, texts, labels, strict=True):
        y, x = FIRST - LINE * label.level, segment.middle
        gap, side = (letter / 2, "left") if label.right > x else (-letter / 2, "right")
        ax.plot(
            [x, x, x + gap], [-0.45, y, y], color=color_of(segment.step), linewidth=0.9, zorder=0.5
        )
        box = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 0.6}
        ax.text(x + 1.5 * gap, y, text, ha=side, va="center", fontsize=SMALL, bbox=box)
    return max((label.level for label in labels), default=0) + 1


def _marks(ax: "Axes", base: float, end: float, unit: str) -> None:
    low, high = ax.get_xlim()
    places = max(decimals(np.array(part)) for part in ([base, end], [end - base]))
    quantity = f" {unit}" if unit else ""
    ax.plot([end, end], [-0.5, 0.62], color=ink(ax), linewidth=1.4)
    ax.plot([base, base], [-0.5, 0.62], color=QUIET, linewidth=1, linestyle=(0, (3, 2)))
    words = f" base value {number(base, places)} ", f" output {number(end, places)}{quantity} "
    letter = 1.1 * LETTER * SIZE / 72 / width_of(ax) * (high - low)
    apart = abs(end - base) > letter * sum(map(len, words)) / 2
    outward = ("right", "left") if end >= base else ("left", "right")
    for x, text, weight, side in zip((base, end), words, ("normal", "bold"), outward, strict=True):
        ax.text(
            x,
            0.92,
            literal(text).join("  "),
            ha="center" if apart else side,
            va="center",
            fontsize=SIZE,
            fontweight=weight,
        )
