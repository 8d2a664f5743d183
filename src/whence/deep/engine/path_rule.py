"""The slope of one operation, integrated on the straight line from its baseline to its row.

By the fundamental theorem these multipliers explain the rise of the operation in full, whatever it
is, if only it is smooth. Gauss-Legendre nodes are added until that holds to rounding.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from whence.deep.engine.lift_rules import Seen

Tensors: TypeAlias = tuple[Tensor, ...]
Function: TypeAlias = Callable[..., Tensors]

_NODES: Final = (6, 12, 24, 48, 96, 192)
_ROUNDING: Final = 2.0**7
"""Times the precision of the numbers that the sum of many may miss."""


def slope_at(function: Function, at: Tensors, slopes: Tensors) -> Tensors:
    """Return the gradient of an operation, weighted by the slopes of what comes out."""
    with torch.enable_grad():
        places = tuple(t.detach().requires_grad_() for t in at)
        total = weighted(function(*places), slopes)
    found = torch.autograd.grad(total, places, allow_unused=True)
    return tuple(
        torch.zeros_like(place) if slope is None else slope
        for place, slope in zip(places, found, strict=True)
    )


def between(x: Tensor, x0: Tensor) -> Tensor:
    """Return x - x0, which is 0 also where both are infinite."""
    return torch.where(x == x0, 0.0, x - x0)


def weighted(out: Tensors, slopes: Tensors) -> Tensor:
    """Return the sum of what comes out times its slopes, whose gradient is wanted.

    To hand the slopes to ``torch.autograd.grad`` would be plainer, but it imports sympy for them.
    """
    parts = [torch.dot(o.flatten(), s.flatten()) for o, s in zip(out, slopes, strict=True)]
    return parts[0] if len(parts) == 1 else torch.stack(parts).sum()


def path(seen: "Seen", slopes: Tensors) -> Tensors:
    """Return the multipliers of a smooth operation."""
    run = tuple(between(x, x0) for x, x0 in zip(seen.x, seen.x0, strict=True))
    found: Tensors = ()
    for count in _NODES:
        found = _integral(seen, run, slopes, count)
        if _explains(seen, run, slopes, found):
            break
    return found


def _integral(seen: "Seen", run: Tensors, slopes: Tensors, count: int) -> Tensors:
    total: list[Tensor] = []
    for node, weight in gauss_legendre(count):
        at = tuple(x0 + node * d for x0, d in zip(seen.x0, run, strict=True))
        part = slope_at(seen.function, at, slopes)
        total = (
            [p.mul(weight) for p in part]
            if not total
            else [t.add_(p, alpha=weight) for t, p in zip(total, part, strict=True)]
        )
    return tuple(total)


def _explains(seen: "Seen", run: Tensors, slopes: Tensors, found: Tensors) -> bool:
    """Tell whether multipliers add up to the rise, by the first axis where all share that."""
    rises = [s * between(y, y0) for s, y, y0 in zip(slopes, seen.y, seen.y0, strict=True)]
    given = [m * d for m, d in zip(found, run, strict=True)]
    parts = (*given, *rises)
    shared = all(p.ndim and len(p) == len(parts[0]) for p in parts)
    groups = len(parts[0]) if shared else 1
    flat = [p.reshape(groups, -1).to(torch.float64) for p in parts]
    off = sum(p.sum(1) for p in flat[: len(given)]) - sum(p.sum(1) for p in flat[len(given) :])
    size = torch.stack([p.abs().sum(1) for p in flat]).sum(0)
    eps = torch.finfo(parts[0].dtype).eps
    return bool((torch.as_tensor(off).abs() <= _ROUNDING * eps * size).all())


@cache
def gauss_legendre(count: int) -> tuple[tuple[float, float], ...]:
    """Return nodes and weights on 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return tuple(zip(((nodes + 1) / 2).tolist(), (weights / 2).tolist(), strict=True))
