"""Features by features: how strongly they work together."""

from typing import TYPE_CHECKING

import numpy as np

from whence.core.explanation import Interaction
from whence.core.types import Floats, Ints
from whence.core.words import interaction_size
from whence.plots.pick import Name, find, kind, output_name, positive
from whence.plots.style import (
    SMALL,
    canvas,
    decimals,
    literal,
    none_to_much,
    note,
    number,
    plain,
    rows_of_text,
    scale_beside,
    short_names,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NUMBERS = 12
"""Features up to which the cells of a matrix hold their numbers."""
PAIR = 2


def interaction_matrix(
    i: Interaction,
    output: Name = 0,
    max_features: int = 12,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how strongly the features work together, pair by pair.

    A cell off the diagonal is the mean absolute interaction of the pair, whole and not halved; on
    the diagonal is the mean absolute effect of the feature alone. Of H-statistics, the diagonal is
    how far the feature works together with any of the others.

    Parameters
    ----------
    i : Interaction
        What ``whence.explain`` returned for a method of interactions.
    output : int or str, default=0
        Which output of the model, by number or name.
    max_features : int, default=12
        How many features are shown: those with the largest sums over their cells.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        In the unit of ``i.outputs``.

    Raises
    ------
    InputError
        If ``i`` is not an interaction, or has no such output.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> i = Interaction(
    ...     sets=np.array([[0, -1], [0, 1]], dtype=np.int32), values=np.array([[[1.0], [-2.0]]]),
    ...     base_values=np.zeros((1, 1)), outputs=np.array([[-1.0]]), index="k-SII",
    ... )
    >>> interaction_matrix(i).images[0].get_array().tolist()
    [[1.0, None], [2.0, 0.0]]
    """
    most = positive(max_features, "max_features")
    kind(i, Interaction, "interaction_matrix")
    out = find(output, i.names.outputs, i.values.shape[-1], "output")
    size, left_out = strengths(i, out)
    total = size.sum(axis=1)
    shown = np.argsort(-total, kind="stable")[:most]
    cells = size[np.ix_(shown, shown)]
    names = i.names.features or tuple(f"x{j}" for j in range(total.size))
    labels = [literal(name) for name in short_names([names[j] for j in shown], 24)]
    side = 1.6 + 0.5 * max(shown.size, 4)
    ax = canvas(ax, width=side + 2.4, height=side + 0.8)
    lower = np.ma.masked_where(np.triu(np.ones(cells.shape, dtype=bool), 1), cells)
    pairs = np.tril(cells, -1).max(initial=0.0)
    top = float(pairs) or float(cells.max()) or 1.0
    image = ax.imshow(lower, cmap=none_to_much(), vmin=0.0, vmax=top, aspect="equal")
    rows_of_text(ax, labels, side=0.5)
    name = output_name(i.names.outputs, i.values.shape[-1], out)
    tidy(ax, title=literal(f"Interactions{f' · {name}' if name else ''}"))
    ax.set_xticks(range(shown.size), labels)
    for text in ax.get_xticklabels():
        text.set(rotation=40, ha="right", rotation_mode="anchor")
    ax.spines["bottom"].set_visible(False)
    ax.tick_params(axis="x", length=0)
    unit = f" ({plain(i.provenance.unit)})" if i.provenance.unit else ""
    label = f"mean |{i.index}|{unit}; diagonal: feature alone"
    if str(i.index) == "H":
        alone = "; diagonal: with all others" if np.diag(size).any() else ""
        label = f"{plain(interaction_size(i))}{alone}"
    scale_beside(ax, image, literal(label), "max" if cells.max() > top else "neither")
    if shown.size <= MOST_NUMBERS:
        _numbers(ax, cells, top)
    note(ax, [_share(size, shown), f"{left_out:,} larger sets are not shown" if left_out else ""])
    return ax


def strengths(i: Interaction, out: int) -> tuple[Floats, int]:
    """Return the mean absolute values as a symmetric matrix, and the count of larger sets."""
    count = (i.sets >= 0).sum(axis=1)
    p = max(len(i.names.features), int(i.sets.max(initial=0)) + 1)
    size = np.abs(i.values[:, :, out]).mean(axis=0)
    cells = np.zeros((p, p))
    single, pair = count == 1, count == PAIR
    cells[i.sets[single, 0], i.sets[single, 0]] = size[single]
    if pair.any():
        a, b = i.sets[pair, 0], i.sets[pair, 1]
        cells[a, b] = cells[b, a] = size[pair]
    return cells, int((count > PAIR).sum())


def _share(size: Floats, shown: Ints) -> str:
    """Say how much of all pairs is in the picture, where it is not all."""
    if shown.size == len(size):
        return ""
    pairs = np.triu(size, 1).sum()
    part = np.triu(size[np.ix_(shown, shown)], 1).sum() / pairs if pairs else 1.0
    return f"shown: {shown.size} of {len(size):,} features, {part:.0%} of the size of all pairs"


def _numbers(ax: "Axes", cells: Floats, top: float) -> None:
    places = decimals(cells)
    for row in range(len(cells)):
        for column in range(row + 1):
            value = float(cells[row, column])
            dark = value > 0.55 * top
            ax.text(
                column, row, number(value, places), ha="center", va="center", fontsize=SMALL - 0.5,
                color="white" if dark else "black",
            )  # fmt: skip
    ax.set_facecolor("white")
    for edge in np.arange(len(cells) + 1) - 0.5:
        ax.axhline(edge, color="white", linewidth=1)
        ax.axvline(edge, color="white", linewidth=1)
