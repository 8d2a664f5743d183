"""The decision picture: how many rows travel from the base value to their outputs."""

from typing import TYPE_CHECKING

import numpy as np

from whence.core.explanation import Attribution
from whence.core.types import Floats, Ints
from whence.plots.pick import Name, Panel, others, positive, read, split
from whence.plots.style import (
    FAINT,
    QUIET,
    SMALL,
    canvas,
    literal,
    low_to_high,
    note,
    rows_of_text,
    sample,
    short_names,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LINES = 300
RASTER = 100


def decision(
    e: Attribution,
    output: Name = 0,
    max_features: int = 20,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw one line per row that adds up its contributions from the base value to its output.

    Lines are read from the bottom, where nothing is known, to the top, where the features that
    matter most come last. Rows that are decided alike run together; a color runs from low (dark)
    to high (light) outputs.

    Parameters
    ----------
    e : Attribution
        What ``whence.explain`` returned.
    output : int or str, default=0
        Which output of the model, by number or name.
    max_features : int, default=20
        How many features have a step of their own; the others are one step, the first.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        In the unit of ``e.outputs``. Of more than 300 rows a sample is drawn, which the picture
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
    >>> [text.get_text() for text in decision(e).get_yticklabels()]
    ['x0', 'x1']
    """
    most = positive(max_features, "max_features")
    panel = read(e, output, "decision")
    shown, rest = split(np.abs(panel.values).mean(axis=0), most)
    rows, said = sample(len(panel.values), MOST_LINES)
    labels, steps = _steps(panel, shown, rest, rows)
    ax = canvas(ax, width=7.6, height=1.6 + 0.3 * len(labels))
    rows_of_text(ax, labels, side=1.0)
    tidy(
        ax,
        title=literal(panel.output or "From the base value to the output"),
        xlabel=literal(f"model output{panel.quantity}"),
    )
    for y in range(len(labels)):
        ax.axhline(y, color=FAINT, linewidth=0.5, linestyle=(0, (1, 3)), zorder=0.3)
    _lines(ax, panel.base[rows], panel.outputs[rows], steps)
    alone = len(panel.values) == 1
    note(ax, [said, "" if alone else "color: output, from low (dark) to high (light)"])
    return ax


def _steps(panel: Panel, shown: Ints, rest: Ints, rows: Ints) -> tuple[list[str], Floats]:
    """Return the labels from the top down, and the contributions; shape (rows, labels)."""
    labels = [literal(name) for name in short_names([panel.features[j] for j in shown])]
    parts = [panel.values[np.ix_(rows, shown)]]
    if rest.size:
        labels.append(others(rest.size))
        parts.append(panel.values[np.ix_(rows, rest)].sum(axis=1, keepdims=True))
    if panel.incomplete[rows].any():
        labels.append("not explained")
        parts.append(panel.residual[rows, None])
    return labels, np.hstack(parts)


def _lines(ax: "Axes", base: Floats, end: Floats, steps: Floats) -> None:
    """Draw the lines: at height ``i + 0.5`` all steps below row ``i`` are added up."""
    from matplotlib.collections import LineCollection

    n, count = steps.shape
    sums = np.hstack([base[:, None], base[:, None] + np.cumsum(steps[:, ::-1], axis=1)])
    height = np.arange(count, -1, -1) - 0.5
    paths = np.stack([sums, np.broadcast_to(height, sums.shape)], axis=2)
    low, high = float(end.min()), float(end.max())
    tone = (end - low) / (high - low) if high > low else np.zeros(n)
    lines = LineCollection(
        list(paths),
        colors=low_to_high()(tone),
        linewidths=2.0 if n == 1 else 0.8,
        alpha=1.0 if n <= RASTER else 0.6,
        rasterized=n > RASTER,
    )
    ax.add_collection(lines)
    span = float(np.ptp(sums)) or 1.0
    ax.set_xlim(sums.min() - 0.04 * span, sums.max() + 0.04 * span)
    start = float(base.mean())
    ax.axvline(start, color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0.5)
    ax.text(start, count - 0.45, " base value", fontsize=SMALL, color=QUIET, va="top")
    ax.set_ylim(count, -0.75)
