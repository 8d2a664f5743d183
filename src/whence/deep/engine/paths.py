"""Integrals of gradients along straight lines, to a tolerance of their own for each row.

Every row is probed with the nested rules of Patterson, of 3, 7 and 15 nodes, and of 31 where these
show that it is smooth. What they have not settled goes on with 27, 81, 243 ... midpoints. Rows that
are settled leave the batch.

The error of a rule is told by what it changed in the rule before: as a share of that change, which
holds for what converges like 1 / n (networks of ReLU) and is too careful for what converges faster.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from whence.core.types import Floats
from whence.deep.engine.lines import Integral, Lines, Tensors, even
from whence.deep.engine.quadrature import (
    FIRST,
    LONG_PROBE,
    PROBE,
    SMOOTH,
    midpoints,
    patterson,
    thirds,
)

_CARE = 1.2
"""Times by which errors are told larger than they are as a rule."""
_HALVED, _THIRD, _FAST = 0.5, 1 / 3, 0.1
"""Share of an error that is left with twice the nodes, with three times, and at the very least."""
_SMOOTH = 0.25
"""Share to which twice the nodes shrink the change, below which a line counts as smooth."""
_COMPLETE = 0.2
"""Share of the tolerance that the sum of the values is held to."""
_STATE = 8 * 10
"""Bytes that the sums of a row take, per number and target."""
_SHARE = 0.25
"""Of the memory of the network that such sums may take."""


def integral(lines: Lines, tolerance: float, most: int) -> Integral:
    """Integrate gradients until each line is settled, or ``most`` gradients of it were taken.

    A line is settled when the root of the sum of squared errors is at most ``tolerance`` times that
    of its values, and the sum of the values is as near to the rise of the score.
    """
    size = sum(way[0].numel() for way in lines.way) * lines.rise.shape[1]
    group = max(1, int(_SHARE * lines.run.network.memory / (_STATE * size)))
    group = even(len(lines), group)
    parts = []
    for first in range(0, len(lines), group):
        found = _Found.nothing(lines.take(slice(first, first + group)), tolerance)
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


@dataclass(slots=True, eq=False)
class _Found:
    """What is known of some lines so far; ``left`` says where those not settled stand among all."""

    lines: Lines
    left: Tensor
    tolerance: float
    values: Tensors
    error: Tensors
    settled: Tensor

    @classmethod
    def nothing(cls, lines: Lines, tolerance: float) -> Self:
        """Begin."""
        lines_in_all, device = len(lines), lines.rise.device
        shapes = [(lines.rise.shape[1], *way.shape) for way in lines.way]
        empty = [torch.zeros(shape, dtype=torch.float64, device=device) for shape in shapes]
        return cls(
            lines=lines,
            left=torch.arange(lines_in_all, device=device),
            tolerance=tolerance,
            values=tuple(empty),
            error=tuple(torch.zeros_like(part) for part in empty),
            settled=torch.zeros(lines_in_all, dtype=torch.bool, device=device),
        )

    def part(self, which: Tensor) -> Self:
        """Return some of what is left, to be noted in the same place."""
        return replace(self, lines=self.lines.take(which), left=self.left[which])

    def note(self, means: Tensors, change: Tensors, share: Tensor | float) -> Tensor:
        """Note the means of a rule and its errors, a share of its change; return what is left.

        ``lines`` then are those that are not settled; returned is where they stood before.
        """
        ways = [way.double() for way in self.lines.way]
        values = tuple(mean * way for mean, way in zip(means, ways, strict=True))
        error = tuple(
            part * way * _spread(_CARE * share, part)
            for part, way in zip(change, ways, strict=True)
        )
        for whole, part in zip((*self.values, *self.error), (*values, *error), strict=True):
            whole[:, self.left] = part
        size, total = norm(values), sum(part.flatten(2).sum(2) for part in values)
        rise, noise = self.lines.rise.T, self.lines.noise.T
        near = norm(error) <= self.tolerance * size + noise
        least = torch.maximum(rise.abs(), size)
        complete = (rise - total).abs() <= _COMPLETE * self.tolerance * least + noise
        done = (near & complete).all(0)
        self.settled[self.left] = done
        left = (~done).nonzero().flatten()
        self.left, self.lines = self.left[left], self.lines.take(left)
        return left


def _settle(found: _Found, most: int) -> None:
    """Go through the rules until all lines are settled or have had ``most`` gradients."""
    nodes, rules = patterson()
    three, seven, *rest = found.lines.sums(nodes[:PROBE], rules[1:, :PROBE])
    change = _minus(seven, three)
    left = found.note(seven, change, _HALVED)
    if len(left) and most >= LONG_PROBE:
        new = slice(PROBE, LONG_PROBE)
        more = found.lines.sums(nodes[new], rules[3:, new])
        fifteen, rest_of = (_plus(_of(a, left), b) for a, b in zip(rest, more, strict=True))
        last = _minus(fifteen, _of(seven, left))
        shrunk = _ratio(norm(last), norm(_of(change, left)))
        left = found.note(fifteen, last, shrunk.clamp(_FAST, _HALVED))
        smooth = (shrunk[:, left] < _SMOOTH).all(0)
        if most >= SMOOTH and bool(smooth.any()):
            part = found.part(smooth)
            _by_longest(part, _of(rest_of, left[smooth]), _of(fifteen, left[smooth]))
            if len(part.lines):
                _by_midpoints(part, most - SMOOTH)
            found = found.part(~smooth)
    if len(found.lines):
        _by_midpoints(found, most - LONG_PROBE)


def _by_longest(found: _Found, rest: Tensors, before: Tensors) -> None:
    nodes, rules = patterson()
    (more,) = found.lines.sums(nodes[LONG_PROBE:], rules[-1:, LONG_PROBE:])
    means = _plus(rest, more)
    found.note(means, _minus(means, before), _SMOOTH)


def _by_midpoints(found: _Found, most: int) -> None:
    if most < FIRST:
        return
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


def _plus(a: Tensors, b: Tensors) -> Tensors:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _of(parts: Tensors, which: Tensor) -> Tensors:
    return tuple(part[:, which] for part in parts)


def _joined(parts: tuple[Tensors, ...]) -> Tensors:
    return tuple(torch.cat(same, dim=1) for same in zip(*parts, strict=True))
