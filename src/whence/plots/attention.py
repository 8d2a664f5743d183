"""Attention as a matrix, head by head, or as lines from each position to those it looks at."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.inputs import Texts
from whence.core.table import Table
from whence.core.types import Floats, Ints
from whence.plots.pick import Name, find
from whence.plots.pick import kind as of_kind
from whence.plots.style import (
    NEGATIVE,
    QUIET,
    SIZE,
    SMALL,
    canvas,
    ink,
    literal,
    none_to_much,
    note,
    scale_beside,
    short_names,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kind: TypeAlias = Literal["heatmap", "heads", "links"]

_AXES = 6
"""Of weights: rows, layers, heads, queries, keys, outputs."""
_KINDS = ("heatmap", "heads", "links")
_WEIGHTS = 0.04
"""Share of the largest weight below which no line is drawn."""
MOST_NAMES = 40
MOST_LINES = 60
"""Positions that lines are drawn between."""
WORD = 14
SPECIAL = "[ ]"
"""A token that stands for no characters, such as the one for a class."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Weights:
    """What is drawn of one row.

    Attributes
    ----------
    values : array of shape (layers, heads, queries, keys)
    queries, keys : tuple of str
        Names of the positions; empty where they have none.
    said : str
        A note where one row of several is shown.
    """

    values: Floats
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    said: str


def attention(
    e: Attribution,
    kind: Kind = "heads",
    layer: int | None = None,
    head: int | None = None,
    row: Name = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw where a network looked: which position attended to which, and how much.

    Weights of a position add up to 1. They say where the network looked, not what moved its
    output, which the picture says.

    Parameters
    ----------
    e : Attribution
        Of `Attention`, with weights of pairs.
    kind : {"heatmap", "heads", "links"}, default="heads"
        A matrix, each position's line showing what it looked at; small matrices of every head, a
        line per layer; or lines from each position at the left to those at the right.
    layer, head : int, optional
        Which layer and head; None is all of them for "heads", else the last layer and the mean of
        the heads.
    row : int or str, default=0
        Which row, by number or label.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        Of "heads", an empty frame around the matrices, which are its ``child_axes``.

    Raises
    ------
    InputError
        If ``e`` does not hold weights of pairs, or there is no such picture, row, layer or head.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> e = Attribution(
    ...     values=np.full((1, 1, 2, 2, 2, 1), 0.5), base_values=np.zeros((1, 1)),
    ...     outputs=np.ones((1, 1)),
    ... )
    >>> attention(e, "heatmap").get_title(loc="left")
    'Attention: layer 0, mean of 2 heads'
    """
    if kind not in _KINDS:
        raise InputError(f"`kind` is {kind!r}. Pass one of {', '.join(map(repr, _KINDS))}.")
    weights = _read(e, row)
    layers = _numbers(layer, weights.values.shape[0], "layer")
    heads = _numbers(head, weights.values.shape[1], "head")
    if kind == "heads":
        return _heads(weights, layers, heads, ax)
    matrix = weights.values[layers[-1]][heads].mean(axis=0)
    which = f"mean of {heads.size} heads" if heads.size > 1 else f"head {heads[0]}"
    title = f"Attention: layer {layers[-1]}, {which}"
    draw = _heatmap if kind == "heatmap" else _links
    ax = draw(weights, matrix, ax)
    _finish(ax, weights, title)
    return ax


def holds_pairs(e: Attribution) -> bool:
    """Tell whether an attribution holds weights of pairs, which `attention` draws."""
    return e.values.ndim == _AXES


def _read(e: object, row: Name) -> _Weights:
    e = of_kind(e, Attribution, "attention")
    if not holds_pairs(e):
        raise InputError(
            f"`attention` draws weights of pairs (rows, layers, heads, queries, keys, 1) and got "
            f"values of shape {e.values.shape}. Pass what wh.Attention() gives; `whence.plot(e)` "
            "draws what suits other explanations."
        )
    place = find(row, e.names.rows, len(e), "row")
    values, names = e.values[place, ..., 0], _names(e, place)
    queries = names if values.shape[2] == values.shape[3] else _plain(values.shape[2])
    if e.mask is not None:  # padding is left out
        shown = e.mask[place].any(axis=(0, 1))
        q, k = shown.any(axis=1), shown.any(axis=0)
        values = values[:, :, q][..., k]
        queries, names = (
            tuple(name for name, there in zip(all_, kept, strict=True) if there)
            for all_, kept in ((queries, q), (names, k))
        )
    return _Weights(
        values=values,
        queries=queries,
        keys=names,
        said=f"one of {len(e):,} rows; row= takes another" if len(e) > 1 else "",
    )


def _names(e: Attribution, row: int) -> tuple[str, ...]:
    """Return what the positions of a row are called."""
    keys, data = e.values.shape[4], e.data
    if isinstance(data, Texts) and data.segments is not None and data.segments.shape[1] == keys:
        words = [data.strings[row][a:b] if a >= 0 else SPECIAL for a, b in data.segments[row]]
        return tuple(literal(word) for word in short_names(words, WORD))
    if isinstance(data, Table) and len(data.names) == keys:
        return tuple(literal(name) for name in short_names(data.names, WORD))
    return _plain(keys)


def _plain(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def _numbers(number: int | None, size: int, what: str) -> Ints:
    return np.arange(size) if number is None else np.array([find(number, None, size, what)])


def _heads(weights: _Weights, layers: Ints, heads: Ints, ax: "Axes | None") -> "Axes":
    """Draw a matrix for each head, a line for each layer."""
    shape = weights.values.shape
    tall = min(1.6, max(0.15, shape[2] / shape[3]))
    side = max(0.55, min(1.5, 9.0 / heads.size))
    ax = canvas(ax, width=1.4 + side * heads.size, height=1.3 + side * tall * layers.size)
    tidy(ax, title="", xlabel="each position's line: what it looked at")
    ax.spines["bottom"].set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
    top = float(weights.values[np.ix_(layers, heads)].max(initial=0.0)) or 1.0
    wide, high = 1.0 / heads.size, 1.0 / layers.size
    drawn = None
    for i, layer in enumerate(layers):
        for j, head in enumerate(heads):
            place = (j * wide, 1.0 - (i + 0.92) * high, 0.92 * wide, 0.92 * high)
            panel = ax.inset_axes(place)
            drawn = panel.imshow(
                weights.values[layer, head], cmap=none_to_much(), vmin=0.0, vmax=top,
                interpolation="nearest", aspect="auto",
            )  # fmt: skip
            panel.set_xticks([])
            panel.set_yticks([])
            for spine in panel.spines.values():
                spine.set_color(QUIET)
                spine.set_linewidth(0.4)
            if not i:
                panel.set_title(f"head {head}" if side > 0.8 else str(head), fontsize=SMALL)  # noqa: PLR2004  inches of the word
            if not j:
                panel.set_ylabel(f"layer {layer}", fontsize=SMALL, color=ink(ax))
    if drawn is not None:
        scale_beside(ax, drawn, "attention")
    _finish(ax, weights, "Attention, head by head", above=16.0)
    return ax


def _heatmap(weights: _Weights, matrix: Floats, ax: "Axes | None") -> "Axes":
    queries, keys = matrix.shape
    ax = canvas(
        ax, width=2.4 + min(7.0, 0.9 + 0.32 * keys), height=1.7 + min(6.5, 0.4 + 0.3 * queries)
    )
    drawn = ax.imshow(
        matrix, cmap=none_to_much(), vmin=0.0, vmax=float(matrix.max(initial=0.0)) or 1.0,
        interpolation="nearest", aspect="auto",
    )  # fmt: skip
    tidy(ax, title="", xlabel="looked at")
    ax.set_ylabel("from", fontsize=SIZE)
    ax.tick_params(axis="x", length=0)
    for axis, names in ((ax.xaxis, weights.keys), (ax.yaxis, weights.queries)):
        step = math.ceil(len(names) / MOST_NAMES)
        axis.set_ticks(range(0, len(names), step), names[::step])
    if max(map(len, weights.keys)) > 2:  # noqa: PLR2004  numbers fit side by side
        ax.tick_params(axis="x", rotation=90)
    scale_beside(ax, drawn, "attention")
    return ax


def _links(weights: _Weights, matrix: Floats, ax: "Axes | None") -> "Axes":
    """Draw a line for each weight, the thicker and darker the larger."""
    from matplotlib.collections import LineCollection

    queries, keys = matrix.shape
    if max(queries, keys) > MOST_LINES:
        raise InputError(
            f"`attention` draws links between at most {MOST_LINES} positions, and there are "
            f"{max(queries, keys)}. Pass kind='heatmap', or explain a shorter text."
        )
    most = max(queries, keys)
    ax = canvas(ax, width=4.6, height=1.4 + 0.24 * most)
    height = [np.linspace(0, most - 1, n) if n > 1 else np.array([(most - 1) / 2.0])
              for n in (queries, keys)]  # fmt: skip
    share = matrix / (float(matrix.max(initial=0.0)) or 1.0)
    q, k = np.nonzero(share > _WEIGHTS)
    order = np.argsort(share[q, k], kind="stable")  # the strongest on top
    q, k = q[order], k[order]
    lines = [((0.0, height[0][a]), (1.0, height[1][b])) for a, b in zip(q, k, strict=True)]
    strength = share[q, k]
    ax.add_collection(
        LineCollection(
            lines, colors=NEGATIVE, linewidths=(0.3 + 2.4 * strength).tolist(),
            alpha=(0.1 + 0.85 * strength).tolist(),
        )
    )  # fmt: skip
    tidy(ax, title="", xlabel="from the left to what is looked at")
    ax.spines["bottom"].set_visible(False)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(most - 0.5, -0.5)
    ax.set_xticks([])
    ax.set_yticks(height[0], weights.queries)
    right = ax.secondary_yaxis("right")
    right.set_yticks(height[1], weights.keys)
    right.tick_params(length=0, labelsize=SIZE)
    right.spines["right"].set_visible(False)
    return ax


def _finish(ax: "Axes", weights: _Weights, title: str, above: float = 6.0) -> None:
    ax.set_title(title, loc="left", fontsize=SIZE + 2, fontweight="bold", pad=above)
    caveat = "where the network looked, not what moved its output"
    named = not ax.child_axes and SPECIAL in weights.keys  # small matrices have no names
    special = f"{SPECIAL}: a special token" if named else ""
    note(ax, [caveat, special, weights.said])
