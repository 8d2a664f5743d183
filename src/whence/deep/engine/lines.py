"""Straight lines from baselines to rows, and gradients at points of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from whence.core.types import Floats
from whence.deep.engine.run import Run

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lines:
    """Straight lines from a baseline to each of some rows, where a network is opened.

    Attributes
    ----------
    run : Run
    rows : int64 tensor of shape (m,)
        Rows of the block.
    begin, way : tuple of tensors of shape (m, ...)
        The baseline, and the row less the baseline.
    top, rise : tensor of shape (m, targets)
        The score of the row, and what it is above that of the baseline.
    noise : tensor of shape (m, targets)
        How exact scores are in the numbers that the network counts with.
    """

    run: Run
    rows: Tensor
    begin: Tensors
    way: Tensors
    top: Tensor
    rise: Tensor
    noise: Tensor

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.rows)

    def take(self, which: Tensor | slice) -> Self:
        """Return some of the lines."""
        return type(self)(
            run=self.run,
            rows=self.rows[which],
            begin=tuple(part[which] for part in self.begin),
            way=tuple(part[which] for part in self.way),
            top=self.top[which],
            rise=self.rise[which],
            noise=self.noise[which],
        )

    def at(self, nodes: Tensor) -> Tensors:
        """Return the points at some nodes of all lines, (nodes * m, ...), node by node."""
        return tuple(
            torch.addcmul(
                begin[None], nodes.to(begin).view(-1, *[1] * begin.ndim), way[None]
            ).flatten(0, 1)
            for begin, way in zip(self.begin, self.way, strict=True)
        )

    def slopes(self, nodes: Floats) -> Iterator[tuple[slice, slice, Tensor, Tensors]]:
        """Yield gradients at nodes, as many at a time as fit the memory.

        Yields
        ------
        lines, some : slice
            Of the lines, and of the nodes; in order, all nodes of a line before the next line.
        scores : tensor of shape (nodes, lines, targets)
        slopes : tuple of tensors of shape (targets, nodes, lines, ...)
        """
        at = torch.from_numpy(nodes)
        for lines, some in self._pieces(len(nodes)):
            part, count = self.take(lines), some.stop - some.start
            index = part.rows.repeat(count)
            scores, slopes = self.run.gradients(index, part.at(at[some]))
            yield (
                lines,
                some,
                scores.view(count, len(part), -1),
                tuple(s.view(len(s), count, len(part), *s.shape[2:]) for s in slopes),
            )

    def sums(self, nodes: Floats, weights: Floats) -> tuple[Tensors, ...]:
        """Return weighted sums of the gradients at nodes, one per row of weights.

        Parameters
        ----------
        nodes : array of shape (nodes,)
        weights : array of shape (sums, nodes)

        Returns
        -------
        tuple of tuple of float64 tensors of shape (targets, m, ...)
            Of each sum, one per place where the network is opened.
        """
        targets, device = self.rise.shape[1], self.rise.device
        out = tuple(
            tuple(
                torch.zeros((targets, *way.shape), dtype=torch.float64, device=device)
                for way in self.way
            )
            for _ in weights
        )
        for lines, some, _, slopes in self.slopes(nodes):
            for place, slope in enumerate(slopes):
                for node in range(some.stop - some.start):  # one by one, for float64 takes room
                    exact = slope[:, node].double()
                    for whole, rule in zip(out, weights, strict=True):
                        weight = float(rule[some.start + node])
                        if weight:
                            whole[place][:, lines].add_(exact, alpha=weight)
        return out

    def _pieces(self, nodes: int) -> Iterator[tuple[slice, slice]]:
        done = 0
        while done < len(self):
            fit = self.run.fitting()
            some = even(nodes, fit)
            lines = slice(done, min(len(self), done + even(len(self) - done, fit // some)))
            first = 0
            while first < nodes:
                yield lines, slice(first, min(first + some, nodes))
                first += some
                some = even(nodes - first, self.run.fitting() // (lines.stop - lines.start))
            done = lines.stop


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Integral:
    """Integrated gradients of some rows.

    Attributes
    ----------
    values : tuple of float64 tensors of shape (targets, rows, ...)
        The mean gradient along the line times its way.
    error : tuple of tensors like ``values`` or None
        How far they may be off, with a sign; None where that is not known.
    settled : bool tensor of shape (rows,)
    """

    values: Tensors
    error: Tensors | None
    settled: Tensor


def even(total: int, most: int) -> int:
    """Return the size of equal parts of at most ``most``.

    Examples
    --------
    >>> even(10, 4)
    4
    >>> even(9, 4)
    3
    """
    return -(-total // -(-max(1, total) // max(1, most)))
