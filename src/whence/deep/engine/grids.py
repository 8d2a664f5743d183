"""Which numbers of a layer belong to which place of an image, series or text.

A convolution gives (channels, height, width), a transformer of Swin's kind (height, width,
channels), and one of ViT's kind tokens (some prefix, then height * width; channels): patches are
square, so that the image itself tells how many stand above each other.
"""

from dataclasses import dataclass
from math import inf, log
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from whence.core.inputs import Images, Series
from whence.deep.engine.run import Run

Kind: TypeAlias = Literal["image", "series", "tokens", "columns"]

_PREFIX = 16
"""Tokens that stand for no patch, such as a class token and registers, at most."""
_COLORS = (1, 3, 4)
_IMAGE_AXES = 4
_MAP_AXES = 3
_LINE_AXES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What is explained, as places.

    Attributes
    ----------
    kind : {"image", "series", "tokens", "columns"}
        Columns have no places.
    sizes : tuple of int
        Height and width in pixels, or points in time, or tokens.
    axis : int
        The first axis of these in what the module reads.
    """

    kind: Kind
    sizes: tuple[int, ...] = ()
    axis: int = 1


def extent_of(run: Run) -> Extent:
    """Return the places of what a run explains."""
    source = run.batch.sources[0]
    shape = tuple(source.shape)
    if isinstance(run.inputs, Images):
        if len(shape) != _IMAGE_AXES:
            return Extent(kind="image", sizes=run.inputs.pixels.shape[1:3])
        own = run.layout.own
        first = run.inputs.channels_first if own else shape[1] in _COLORS
        return Extent(kind="image", sizes=shape[2:] if first else shape[1:3], axis=1 + first)
    if not source.is_floating_point() and len(shape) == _LINE_AXES:
        return Extent(kind="tokens", sizes=shape[1:])
    if isinstance(run.inputs, Series):
        sizes = run.inputs.values.shape[1:2]
        axis = 1 if shape[1:2] == sizes else len(shape) - 1
        return Extent(kind="series", sizes=sizes, axis=axis)
    return Extent(kind="columns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How the places of a map lie in the output of a layer.

    Attributes
    ----------
    sizes : tuple of int
        Of the map: (height, width), or (length,).
    channels_first : bool
        Whether channels come before the places, or after them.
    prefix : int
        Tokens before those of the map.
    """

    sizes: tuple[int, ...]
    channels_first: bool
    prefix: int = 0

    def cells(self, tensor: Tensor) -> Tensor:
        """Return a tensor of shape (lead, *layer) as (lead, channels, cells); rows are lead."""
        if self.channels_first:
            return tensor.flatten(2)
        return tensor.flatten(1, -2)[:, self.prefix :].transpose(1, 2)

    def without(self, tensor: Tensor, channels: Tensor) -> Tensor:
        """Return (rows, *layer) with one channel of each row put to zero on the map.

        Parameters
        ----------
        tensor : Tensor of shape (rows, *layer)
        channels : int64 tensor of shape (rows,)
        """
        out = tensor.clone(memory_format=torch.contiguous_format)
        row = torch.arange(len(out), device=out.device)
        if self.channels_first:
            out[row, channels] = 0
        else:
            out.flatten(1, -2)[row, self.prefix :, channels] = 0
        return out


def grid_of(shape: tuple[int, ...], extent: Extent, layer: nn.Module) -> Grid | None:
    """Return how the output of a layer lies over what is explained; None if it does not.

    Parameters
    ----------
    shape : tuple of int
        Of the output, without its axis of rows.
    extent : Extent
    layer : torch.nn.Module
        Tells where the channels are if the shape does not.

    Examples
    --------
    >>> image = Extent(kind="image", sizes=(224, 224))
    >>> grid_of((197, 768), image, nn.Identity())
    Grid(sizes=(14, 14), channels_first=False, prefix=1)
    >>> grid_of((7, 7, 768), image, nn.Identity())
    Grid(sizes=(7, 7), channels_first=False, prefix=0)
    """
    if extent.kind == "image" and len(shape) == _MAP_AXES:
        return _map(shape, extent.sizes)
    if extent.kind == "image" and len(shape) == _LINE_AXES:
        first = isinstance(layer, nn.Flatten) or type(layer).__name__.endswith("1d")
        return _patches(shape[1] if first else shape[0], extent.sizes, first=first)
    if extent.kind in ("series", "tokens") and len(shape) == _LINE_AXES:
        first = _channels_first(shape, extent.sizes[0], layer)
        length = shape[1] if first else shape[0]
        return Grid(sizes=(length,), channels_first=first) if length > 1 else None
    return None


def _map(shape: tuple[int, ...], sizes: tuple[int, ...]) -> Grid | None:
    """Take the two neighboring axes whose sides are more nearly those of the image."""
    first, last = (_unlike(shape[1:], sizes), _unlike(shape[:2], sizes))
    if min(first, last) == inf:
        return None
    return Grid(sizes=shape[1:] if first <= last else shape[:2], channels_first=first <= last)


def _unlike(grid: tuple[int, ...], sizes: tuple[int, ...]) -> float:
    if min(grid) < 2:  # noqa: PLR2004  a line is no map
        return inf
    return abs(log(grid[0] * sizes[1] / (grid[1] * sizes[0])))


def _patches(tokens: int, sizes: tuple[int, ...], *, first: bool) -> Grid | None:
    """Find how many tokens stand before those of square patches that fill the image."""
    height, width = sizes
    even = {
        h * (h * width // height): (h, h * width // height)
        for h in range(2, height + 1)
        if h * width % height == 0
    }
    uneven: dict[int, tuple[int, int]] = {}
    for side in range(1, min(sizes) + 1):  # what is left at the edge is a patch, or is not
        for h, w in ((-(-height // side), -(-width // side)), (height // side, width // side)):
            uneven[h * w] = (h, w)
    for grids in (even, uneven):
        for prefix in range(1 if first else min(_PREFIX + 1, tokens)):
            grid = grids.get(tokens - prefix)
            if grid is not None and min(grid) > 1:
                return Grid(sizes=grid, channels_first=first, prefix=prefix)
    return None


def _channels_first(shape: tuple[int, ...], length: int, layer: nn.Module) -> bool:
    if (shape[0] == length) != (shape[1] == length):
        return shape[1] == length
    if (shape[0] > length) != (shape[1] > length):  # a map is not longer than what is mapped
        return shape[0] > length
    parts = list(layer.modules())
    if any(type(part).__name__.endswith("1d") for part in parts):
        return True
    return not any(
        isinstance(part, (nn.Linear, nn.LayerNorm, nn.RNNBase, nn.Embedding)) for part in parts
    )
