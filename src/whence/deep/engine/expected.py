"""Gradients on the lines from random background rows to the row explained.

A draw takes two background rows, and of each line to them two points that lie opposite each other,
t and 1 - t, the first line's nearer to the ends than the second's. The background is gone through
in random order, so that each row of it counts as often as any other.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from whence.core.types import Floats, Ints
from whence.deep.engine.backgrounds import Backgrounds

_LINES, _POINTS = 2, 2
_HALF = (torch.float16, torch.bfloat16)

Tensors = tuple[Tensor, ...]


class Paths:
    """Draws of expected gradients.

    Parameters
    ----------
    own : tuple of tensors of shape (rows, ...)
        Values of the rows where the network is opened.
    backgrounds : Backgrounds
    generators : sequence of Generator
        One per row.
    """

    __slots__ = ("_backgrounds", "_generators", "_own", "_queues", "_ways", "each")

    def __init__(
        self, own: Tensors, backgrounds: Backgrounds, generators: Sequence[Generator]
    ) -> None:
        self.each = _LINES * _POINTS
        self._own = tuple(map(_wide, own))
        self._backgrounds = backgrounds
        self._generators = generators
        self._queues: list[list[int]] = [[] for _ in generators]
        self._ways: Tensors = ()

    def points(self, rows: Ints) -> Tensors:
        """Return four points for each of some rows, on two lines."""
        chosen = np.array([[self._next(int(row)) for _ in range(_LINES)] for row in rows])
        places = np.stack([self._places(int(row)) for row in rows])
        lines = np.repeat(rows, _LINES)
        begins = tuple(map(_wide, self._backgrounds.values(lines, chosen.flatten())))
        index = torch.from_numpy(lines).to(begins[0].device)
        ways = tuple(x[index] - begin for x, begin in zip(self._own, begins, strict=True))
        self._ways = tuple(way.view(len(rows), _LINES, *way.shape[1:]) for way in ways)
        at = torch.from_numpy(places.reshape(len(lines), _POINTS))
        return tuple(
            (begin[:, None] + at.to(begin).view(*at.shape, *[1] * (way.ndim - 1)) * way[:, None])
            .flatten(0, 1)
            for begin, way in zip(begins, ways, strict=True)
        )  # fmt: skip

    def made(self, rows: Ints, slopes: Tensors) -> tuple[Ints, Tensors]:
        """Return the mean over two lines of the mean gradient times the way."""
        worth = tuple(
            (
                part.view(len(part), len(rows), _LINES, _POINTS, *part.shape[3:]).mean(3)
                * way.double()
            ).mean(2)
            for part, way in zip(slopes, self._ways, strict=True)
        )
        return rows, worth

    def _next(self, row: int) -> int:
        """Return the next background row of a row, in an order of its own."""
        queue = self._queues[row]
        if not queue:
            queue += self._generators[row].permutation(len(self._backgrounds)).tolist()
        return queue.pop()

    def _places(self, row: int) -> Floats:
        """Return places on two lines, one in each quarter of the way, (lines, points)."""
        first = (np.arange(_LINES) + self._generators[row].random(_LINES)) / (_LINES * _POINTS)
        return np.stack([first, 1 - first], axis=1)


def _wide(part: Tensor) -> Tensor:
    """Return numbers that points between two can be told apart in."""
    return part.float() if part.dtype in _HALF else part
