"""Grids of color: rows by features, and features by features."""

from typing import TYPE_CHECKING

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.types import Floats, Ints
from whence.plots.pick import (
    Name,
    Panel,
    others,
    positive,
    read,
    split,
)
from whence.plots.style import (
    QUIET,
    SIZE,
    SMALL,
    below_to_above,
    canvas,
    ink,
    literal,
    note,
    rows_of_text,
    sample,
    scale_beside,
    short_names,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 2000
MOST_NUMBERS = 12
"""Features up to which the cells of a matrix hold their numbers."""
PAIR = 2
ORDERS = ("output", "similarity", "given")


def heatmap(
    e: Attribution,
    output: Name = 0,
    max_features: int = 15,
    order: str = "similarity",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw every contribution as a colored cell, one column per row, under the outputs.

    Parameters
    ----------
    e : Attribution
        What ``whence.explain`` returned.
    output : int or str, default=0
        Which output of the model, by number or name.
    max_features : int, default=15
        How many features have a line of their own; the others are shown as their sum.
    order : str, default="similarity"
        From left to right: "similarity" puts rows with similar contributions side by side, by
        the angle between their two largest principal components; "output" sorts them by output;
        "given" leaves them as they are.
    ax : Axes, optional
        Where to draw; a new figure if None. The outputs are drawn above it.

    Returns
    -------
    Axes
        Contributions in the unit of ``e.outputs``. Of more than 2,000 rows a sample is drawn,
        which the picture says.

    Raises
    ------
    InputError
        If ``e`` is not an attribution, or has no such output, or there is no such order.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> e = Attribution(
    ...     values=np.array([[[1.0], [-2.0]], [[3.0], [0.0]]]),
    ...     base_values=np.zeros((2, 1)), outputs=np.array([[-1.0], [3.0]]),
    ... )
    >>> heatmap(e, order="output").images[0].get_array().tolist()
    [[1.0, 3.0], [-2.0, 0.0]]
    """
    most = positive(max_features, "max_features")
    panel = read(e, output, "heatmap")
    if order not in ORDERS:
        raise InputError(f"`order` is {order!r}. Pass one of {', '.join(map(repr, ORDERS))}.")
    shown, rest = split(np.abs(panel.values).mean(axis=0), most)
    rows, said = sample(len(panel.values), MOST_ROWS)
    rows = rows[_order(panel, rows, shown, order)]
    labels, cells = _cells(panel, shown, rest, rows)
    ax = canvas(ax, width=8.4, height=2.2 + 0.27 * len(labels))
    top = float(np.percentile(np.abs(cells), 99)) or float(np.abs(cells).max()) or 1.0
    image = ax.imshow(
        cells, aspect="auto", interpolation="nearest", cmap=below_to_above(), vmin=-top, vmax=top
    )
    rows_of_text(ax, labels, side=0.5)
    ordered = {"given": "", "output": ", by output", "similarity": ", similar ones side by side"}
    tidy(ax, title="", xlabel=f"{rows.size:,} row{'s' if rows.size > 1 else ''}{ordered[order]}")
    ax.set_xticks([])
    _outputs_above(ax, panel, rows)
    scale_beside(ax, image, literal(panel.label), "both")
    note(ax, [said])
    return ax


def _order(panel: Panel, rows: Ints, shown: Ints, order: str) -> Ints:
    if order == "given" or rows.size <= PAIR:
        return np.arange(rows.size)
    if order == "output":
        return np.argsort(panel.outputs[rows], kind="stable")
    centered = panel.values[np.ix_(rows, shown)]
    centered = centered - centered.mean(axis=0)
    _, axes = np.linalg.eigh(centered.T @ centered)
    first = axes[:, -1] * np.sign(axes[np.abs(axes[:, -1]).argmax(), -1])
    second = axes[:, -PAIR] if shown.size >= PAIR else np.zeros(shown.size)
    angle = np.arctan2(centered @ second, centered @ first)
    place = np.argsort(angle, kind="stable")
    gaps = np.diff(angle[place], append=angle[place[0]] + 2 * np.pi)
    return np.roll(place, -int(gaps.argmax()) - 1)


def _cells(panel: Panel, shown: Ints, rest: Ints, rows: Ints) -> tuple[list[str], Floats]:
    labels = [literal(name) for name in short_names([panel.features[j] for j in shown])]
    cells = [panel.values[np.ix_(rows, shown)].T]
    if rest.size:
        labels.append(others(rest.size))
        cells.append(panel.values[np.ix_(rows, rest)].sum(axis=1)[None])
    if panel.incomplete[rows].any():
        labels.append("not explained")
        cells.append(panel.residual[None, rows])
    return labels, np.vstack(cells)


def _outputs_above(ax: "Axes", panel: Panel, rows: Ints) -> None:
    """Draw the outputs as a line above the cells, and the base value as a level."""
    above = ax.inset_axes((0.0, 1.02, 1.0, 0.2))
    above.plot(np.arange(rows.size), panel.outputs[rows], color=ink(ax), linewidth=0.9)
    above.axhline(
        float(panel.base.mean()), color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0.5
    )
    above.set_xlim(ax.get_xlim())
    above.set_xticks([])
    above.tick_params(labelsize=SMALL)
    above.locator_params(axis="y", nbins=3)
    for side in ("top", "right", "bottom"):
        above.spines[side].set_visible(False)
    title = f"{panel.output or 'Contributions'} · output above{panel.quantity}, dashed: base value"
    above.set_title(literal(title), loc="left", fontsize=SIZE + 2, fontweight="bold")
