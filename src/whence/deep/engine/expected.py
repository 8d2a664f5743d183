"""Gradients on the lines from random background rows to the row explained.

A draw takes some background rows, and on the line from each of them two points that lie opposite
each other, t and 1 - t; the lines of a draw share the way between them, so that all parts of it are
looked at. The background is gone through in random order, so that each row of it counts as often as
any other. A small one is gone through in each draw: then it is the points alone that are random.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from whence.core.types import Floats, Ints
from whence.deep.engine.backgrounds import Backgrounds

_LINES, _POINTS = 2, 2
"""Lines of a draw from a large background, and points on each line."""
_DRAWS = 8
"""Draws that there are at least where each goes through the background."""
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
    budget : int
        Gradients of a row at most.
    """

    __slots__ = ("_backgrounds", "_generators", "_lines", "_own", "_queues", "_ways", "each")

    def __init__(
        self, own: Tensors, backgrounds: Backgrounds, generators: Sequence[Generator], budget: int
    ) -> None:
        m = len(backgrounds)
        self._lines = m if m <= budget // (_POINTS * _DRAWS) else min(m, _LINES)
        self.each = self._lines * _POINTS
        self._own = tuple(map(_wide, own))
        self._backgrounds = backgrounds
        self._generators = generators
        self._queues: list[list[int]] = [[] for _ in generators]
        self._ways: Tensors = ()

    def points(self, rows: Ints) -> Tensors:
        """Return points for one more draw of each of some rows, line by line."""
        drawn = [self._draw(int(row)) for row in rows]
        lines = np.repeat(rows, self._lines)
        chosen = np.array([chosen for chosen, _ in drawn]).flatten()
        begins = tuple(map(_wide, self._backgrounds.values(lines, chosen)))
        index = torch.from_numpy(lines).to(begins[0].device)
        ways = tuple(x[index] - begin for x, begin in zip(self._own, begins, strict=True))
        self._ways = tuple(way.view(len(rows), self._lines, *way.shape[1:]) for way in ways)
        at = torch.from_numpy(np.concatenate([places for _, places in drawn]))
        return tuple(
            (begin[:, None] + at.to(begin).view(*at.shape, *[1] * (way.ndim - 1)) * way[:, None])
            .flatten(0, 1)
            for begin, way in zip(begins, ways, strict=True)
        )  # fmt: skip

    def made(self, rows: Ints, slopes: Tensors) -> tuple[Ints, Tensors]:
        """Return the mean over the lines of the mean gradient times the way."""
        worth = tuple(
            (
                part.view(len(part), len(rows), self._lines, _POINTS, *part.shape[3:]).mean(3)
                * way.double()
            ).mean(2)
            for part, way in zip(slopes, self._ways, strict=True)
        )
        return rows, worth

    def _draw(self, row: int) -> tuple[list[int], Floats]:
        """Return the next background rows of a row, and places on the lines, (lines, points)."""
        generator, queue = self._generators[row], self._queues[row]
        while len(queue) < self._lines:
            queue += generator.permutation(len(self._backgrounds)).tolist()
        chosen = [queue.pop(0) for _ in range(self._lines)]
        first = np.arange(self._lines) + generator.random(self._lines)
        first /= self._lines * _POINTS
        return chosen, np.stack([first, 1 - first], axis=1)


def _wide(part: Tensor) -> Tensor:
    """Return numbers that points between two can be told apart in."""
    return part.float() if part.dtype in _HALF else part
