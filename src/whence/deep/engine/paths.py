"""Integrals of gradients along straight lines, to a tolerance of their own for each row.

Every row is probed with the nested rules of Patterson, of 3, 7 and 15 nodes. What they have not
settled goes on with 27, 81, 243 ... midpoints. Rows that are settled leave the batch.

The error of a rule is told by what it changed in the rule before: as a share of that change, which
holds for what converges like 1 / n (networks of ReLU) and is too careful for what converges faster.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from whence.core.types import Floats
from whence.deep.engine.quadrature import FIRST, LONG_PROBE, PROBE, midpoints, patterson, thirds
from whence.deep.engine.run import Run

_CARE = 1.2
"""Times by which errors are told larger than they are as a rule."""
_HALVED, _THIRD, _FAST = 0.5, 1 / 3, 0.1
"""Share of an error that is left with twice the nodes, with three times, and at the very least."""
_COMPLETE = 0.2
"""Share of the tolerance that the sum of the values is held to."""
_STATE = 8 * 8
"""Bytes that the sums of a row take, per number and target."""
_SHARE = 0.25
"""Of the memory of the network that such sums may take."""

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
            some = _even(nodes, fit)
            lines = slice(done, min(len(self), done + _even(len(self) - done, fit // some)))
            first = 0
            while first < nodes:
                yield lines, slice(first, min(first + some, nodes))
                first += some
                some = _even(nodes - first, self.run.fitting() // (lines.stop - lines.start))
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


def integral(lines: Lines, tolerance: float, most: int) -> Integral:
    """Integrate gradients until each line is settled, or ``most`` gradients of it were taken.

    A line is settled when the root of the sum of squared errors is at most ``tolerance`` times that
    of its values, and the sum of the values is as near to the rise of the score.
    """
    size = sum(way[0].numel() for way in lines.way) * lines.rise.shape[1]
    group = max(1, int(_SHARE * lines.run.network.memory / (_STATE * size)))
    group = _even(len(lines), group)
    parts = []
    for first in range(0, len(lines), group):
        found = _Found(lines.take(slice(first, first + group)), tolerance)
        _settle(found, most)
        parts.append(found)
    return Integral(
        values=_joined(tuple(part.values for part in parts)),
        error=_joined(tuple(part.error for part in parts)),
        settled=torch.cat([part.settled for part in parts]),
    )


def fixed(lines: Lines, nodes: Floats, weights: Floats) -> Integral:
    """Integrate gradients by one rule."""
    (means,) = lines.sums(nodes, weights[None])
    return Integral(
        values=tuple(mean * way.double() for mean, way in zip(means, lines.way, strict=True)),
        error=None,
        settled=torch.ones(len(lines), dtype=torch.bool, device=lines.rise.device),
    )


class _Found:
    """What is known of each of some lines so far."""

    def __init__(self, lines: Lines, tolerance: float) -> None:
        self.lines = lines
        self.tolerance = tolerance
        shape = (lines.rise.shape[1],)
        empty = tuple(
            torch.zeros((*shape, *way.shape), dtype=torch.float64, device=way.device)
            for way in lines.way
        )
        self.values = empty
        self.error = tuple(torch.zeros_like(part) for part in empty)
        self.settled = torch.zeros(len(lines), dtype=torch.bool, device=lines.rise.device)
        self._left = torch.arange(len(lines), device=lines.rise.device)

    def note(self, means: Tensors, change: Tensors, share: Tensor | float) -> Tensor:
        """Note the means of a rule and its errors, a share of its change; return what is left.

        ``self.lines`` then are those that are not settled; returned is where they stood before.
        """
        ways = [way.double() for way in self.lines.way]
        values = tuple(mean * way for mean, way in zip(means, ways, strict=True))
        error = tuple(
            part * way * _spread(_CARE * share, part)
            for part, way in zip(change, ways, strict=True)
        )
        for whole, part in zip((*self.values, *self.error), (*values, *error), strict=True):
            whole[:, self._left] = part
        size, total = norm(values), sum(part.flatten(2).sum(2) for part in values)
        rise, noise = self.lines.rise.T, self.lines.noise.T
        near = norm(error) <= self.tolerance * size + noise
        least = torch.maximum(rise.abs(), size)
        complete = (rise - total).abs() <= _COMPLETE * self.tolerance * least + noise
        done = (near & complete).all(0)
        self.settled[self._left] = done
        left = (~done).nonzero().flatten()
        self._left, self.lines = self._left[left], self.lines.take(left)
        return left


def _settle(found: _Found, most: int) -> None:
    """Go through the rules until all lines are settled or have had ``most`` gradients."""
    nodes, rules = patterson()
    three, seven, rest = found.lines.sums(nodes[:PROBE], rules[1:, :PROBE])
    change = _minus(seven, three)
    left = found.note(seven, change, _HALVED)
    spent = PROBE
    if len(left) and spent + LONG_PROBE - PROBE <= most:
        (more,) = found.lines.sums(nodes[PROBE:], rules[-1:, PROBE:])
        fifteen = tuple(a[:, left] + b for a, b in zip(rest, more, strict=True))
        last = _minus(fifteen, _of(seven, left))
        shrunk = _ratio(norm(last), norm(_of(change, left)))
        left = found.note(fifteen, last, shrunk.clamp(_FAST, _HALVED))
        spent = LONG_PROBE
    if len(left) and spent + FIRST <= most:
        _by_midpoints(found, most - spent)


def _by_midpoints(found: _Found, most: int) -> None:
    count = FIRST
    inner = np.arange(count) % 3 == 1  # the midpoints of a third as many intervals
    weights = np.stack([np.where(inner, 3 / count, 0.0), np.full(count, 1 / count)])
    before, means = found.lines.sums(midpoints(count), weights)
    left = found.note(means, _minus(means, before), _THIRD)
    while len(left) and 3 * count <= most:
        new = thirds(count)
        (added,) = found.lines.sums(new, np.full((1, len(new)), 1 / (3 * count)))
        before = _of(means, left)
        means = tuple(a / 3 + b for a, b in zip(before, added, strict=True))
        left = found.note(means, _minus(means, before), _THIRD)
        count *= 3


def norm(parts: Tensors) -> Tensor:
    """Return the root of the sum of squares of each row and target, (targets, rows)."""
    return torch.stack([part.flatten(2).square().sum(2) for part in parts]).sum(0).sqrt()


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(b > 0, a / b, 1.0)


def _spread(share: Tensor | float, like: Tensor) -> Tensor | float:
    if isinstance(share, float):
        return share
    return share.view(*share.shape, *[1] * (like.ndim - share.ndim))


def _minus(a: Tensors, b: Tensors) -> Tensors:
    return tuple(x - y for x, y in zip(a, b, strict=True))


def _of(parts: Tensors, which: Tensor) -> Tensors:
    return tuple(part[:, which] for part in parts)


def _joined(parts: tuple[Tensors, ...]) -> Tensors:
    return tuple(torch.cat(same, dim=1) for same in zip(*parts, strict=True))


def _even(total: int, most: int) -> int:
    """Return the size of equal parts of at most ``most``."""
    return -(-total // -(-max(1, total) // max(1, most)))
