"""An image under the contributions of its parts or pixels."""

from typing import TYPE_CHECKING

import numpy as np

from whence.core.explanation import Attribution
from whence.core.inputs import Images
from whence.core.types import Bools, Floats, Int32s
from whence.plots.parts import Row, read_parts, segments_of
from whence.plots.pick import Name, positive
from whence.plots.style import (
    NEGATIVE,
    POSITIVE,
    SIZE,
    below_to_above,
    canvas,
    literal,
    note,
    scale_beside,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COVER = 0.85
"""Opacity of the color of the largest contribution."""
FADED = 0.3
"""How much lighter the image is drawn, so that colors on it are seen."""
LUMINANCE = (0.2126, 0.7152, 0.0722)
MOST_OUTLINES = 2_000
_MAP = 2
PERCENTILE = 99.5
"""Share of the pixels within the scale of colors, where each has a value of its own."""


def image(
    e: Attribution,
    output: Name = 0,
    row: Name = 0,
    top: int | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw an image in gray, and on it in color what each part contributes.

    Orange parts raise the output and blue ones lower it, the more the stronger; where the image
    is gray, nothing matters. Lines divide the parts. A map of fewer cells than pixels, such as a
    class activation map, is drawn smooth from cell to cell; the scale is that of its own values.

    Parameters
    ----------
    e : Attribution
        Of images: with a value per part, per pixel, or per cell of a map that covers the image.
    output : int or str, default=0
        Which output of the model, by number or name.
    row : int or str, default=0
        Which image, by number or label.
    top : int, optional
        Color only so many parts, cells or pixels, those with the largest contributions; None colors
        all.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        In pixels.

    Raises
    ------
    InputError
        If ``e`` is not an attribution of images, or has no such row or output.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> e = Attribution(
    ...     values=np.array([[[2.0], [-1.0]]]), base_values=np.zeros((1, 1)),
    ...     outputs=np.ones((1, 1)), data=Images(
    ...         pixels=np.ones((1, 2, 2, 1)), segments=np.array([[[0, 0], [1, 1]]], np.int32)
    ...     ),
    ... )
    >>> image(e).get_title(loc="left")
    'output: 1.00'
    """
    most = None if top is None else positive(top, "top")
    read = read_parts(e, Images, row, output, "image")
    height, width = read.data.pixels.shape[1:3]
    cells = _cells(e, read)
    if cells is None:
        values, segments = _values(read, (height, width))
        limit = _limit(values, segments)
    else:
        values, segments = _smooth(cells, (height, width))
        limit = read.top
    strongest = _strongest(read.values, most)
    shown = strongest[segments]
    ax = canvas(ax, width=5.6, height=0.7 + 4.5 * min(1.6, height / width))
    ax.imshow(_painted(_gray(read.data), np.where(shown, values, 0.0) / limit))
    if cells is None and read.values.size < min(height * width, MOST_OUTLINES):
        _outline(ax, np.where(shown, segments, -1))
    _frame(ax, read)
    _scale(ax, limit, read, beyond=limit < np.abs(values).max(initial=0.0))
    kind = "parts" if cells is None else "cells"
    left_out = f"colored: {int(strongest.sum()):,} of {strongest.size:,} {kind}"
    size = "" if cells is None else f"a map of {cells.shape[0]:,} x {cells.shape[1]:,} cells"
    note(ax, [read.said, size, "" if strongest.all() else left_out])
    return ax


def _cells(e: Attribution, read: Row[Images]) -> Floats | None:
    """Return the values of a map that covers the image with other cells than its pixels."""
    shape = e.values.shape[1:-1]
    if read.data.segments is not None or len(shape) != _MAP:
        return None
    return None if shape == read.data.pixels.shape[1:3] else read.values.reshape(shape)


def _smooth(cells: Floats, shape: tuple[int, int]) -> tuple[Floats, Int32s]:
    """Return a value for each pixel, linear between the centers of cells, and the cell it is in."""
    values, near = cells, []
    for axis, (count, length) in enumerate(zip(cells.shape, shape, strict=True)):
        place = (np.arange(length) + 0.5) * count / length - 0.5
        place = np.clip(place, 0.0, count - 1)
        low = np.minimum(place.astype(np.int64), max(0, count - 2))
        high = np.minimum(low + 1, count - 1)
        share = (place - low)[:, None] if axis == 0 else place - low
        values = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
        near.append(np.arange(length) * count // length)
    return values, (near[0][:, None] * cells.shape[1] + near[1]).astype(np.int32)


def _values(read: Row[Images], shape: tuple[int, int]) -> tuple[Floats, Int32s]:
    """Return the value of each pixel, and the part it belongs to."""
    if read.values.size == shape[0] * shape[1] and read.data.segments is None:
        each = np.arange(read.values.size, dtype=np.int32)
        return read.values.reshape(shape), each.reshape(shape)
    segments = segments_of(read, "image")
    return read.values[segments], segments


def _strongest(values: Floats, most: int | None) -> Bools:
    """Return which parts are colored."""
    chosen = np.ones(values.size, dtype=np.bool_)
    if most is not None:
        chosen[np.argsort(-np.abs(values), kind="stable")[most:]] = False
    return chosen


def _limit(values: Floats, segments: Int32s) -> float:
    """Return where the scale of colors ends."""
    size = np.abs(values)
    single = int(segments.max()) + 1 == values.size
    cut = float(np.percentile(size, PERCENTILE)) if single else 0.0
    return cut or float(size.max()) or 1.0


def _gray(data: Images) -> Floats:
    """Return the image between 0 and 1, as the eye sees it without color."""
    pixels = data.pixels[0].astype(np.float64)
    if pixels.shape[-1] in (3, 4):
        gray = pixels[..., :3] @ np.array(LUMINANCE)
    else:
        gray = pixels.mean(axis=-1)
    if data.pixels.dtype == np.uint8:
        return np.asarray(gray / 255.0)
    if gray.min() < 0.0 or gray.max() > 1.0:
        gray = gray - gray.min()
        gray = gray / (gray.max() or 1.0)
    return np.asarray(gray)


def _painted(gray: Floats, share: Floats) -> Floats:
    """Lay color over gray, as opaque as a value is large; all are (height, width[, 3])."""
    from matplotlib.colors import to_rgb

    base = FADED + (1.0 - FADED) * gray[..., None]
    color = np.where(share[..., None] > 0, to_rgb(POSITIVE), to_rgb(NEGATIVE))
    opacity = COVER * np.minimum(np.abs(share), 1.0)[..., None]
    return np.asarray((1.0 - opacity) * base + opacity * color)


def _outline(ax: "Axes", segments: Int32s) -> None:
    """Draw lines between pixels of different parts."""
    from matplotlib.collections import LineCollection

    y, x = np.nonzero(segments[:, :-1] != segments[:, 1:])
    upright = np.stack([[x + 0.5, y - 0.5], [x + 0.5, y + 0.5]]).transpose(2, 0, 1)
    y, x = np.nonzero(segments[:-1] != segments[1:])
    across = np.stack([[x - 0.5, y + 0.5], [x + 0.5, y + 0.5]]).transpose(2, 0, 1)
    lines = np.concatenate([upright, across])
    ax.add_collection(
        LineCollection(list(lines), colors="white", linewidths=0.7, alpha=0.9), autolim=False
    )


def _frame(ax: "Axes", read: Row[Images]) -> None:
    tidy(ax, title="")
    ax.set_title(literal(read.title), loc="left", fontsize=SIZE + 2, fontweight="bold")
    ax.spines["bottom"].set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])


def _scale(ax: "Axes", limit: float, read: Row[Images], *, beyond: bool) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    colors = ScalarMappable(Normalize(-limit, limit), below_to_above())
    label = literal(read.panel.label)
    scale_beside(ax, colors, label, "both" if beyond else "neither")
