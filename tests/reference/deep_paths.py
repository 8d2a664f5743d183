"""Path methods as their papers have them: row by row."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from whence.core.types import Floats

Score = Callable[[Tensor], Tensor]
"""Rows -> one score each."""


def slope(f: Score, x: Tensor) -> tuple[float, Tensor]:
    """Return the score of a single point and its gradient."""
    leaf = x.detach().clone().requires_grad_()
    score = f(leaf[None])[0]
    (gradient,) = torch.autograd.grad(score, leaf)
    return float(score.detach()), gradient


def riemann(f: Score, x: Tensor, b: Tensor, steps: int) -> Floats:
    """Return integrated gradients by the sum over the midpoints of ``steps`` equal intervals."""
    at = (torch.arange(steps, dtype=x.dtype) + 0.5) / steps
    points = (b + at.view(-1, *[1] * x.ndim) * (x - b)).requires_grad_()
    (gradients,) = torch.autograd.grad(f(points).sum(), points)
    return np.asarray((gradients.mean(0) * (x - b)).numpy())


def idgi(f: Score, x: Tensor, b: Tensor, steps: int) -> Floats:
    """Return IDGI (Yang, Wang and Bilgic, algorithm 1) over ``steps`` equal steps.

    The gradient where a step begins gives the direction; the change of the score in that step is
    shared by the squares of its parts.
    """
    total = torch.zeros_like(x)
    for k in range(steps):
        here, gradient = slope(f, b + k / steps * (x - b))
        there, _ = slope(f, b + (k + 1) / steps * (x - b))
        total += gradient**2 / (gradient**2).sum() * (there - here)
    return np.asarray(total.numpy())


def guided(
    f: Score, x: Tensor, b: Tensor, steps: int, fraction: float = 0.25, distance: float = 0.02
) -> Floats:
    """Return guided integrated gradients (Kapishnikov et al., algorithm 1), without anchors."""
    total, now, way = torch.zeros_like(x), b.clone(), x - b
    whole = float(way.abs().sum())
    for k in range(steps):
        _, gradient = slope(f, now)
        share = (k + 1) / steps
        low, high = b + max(share - distance, 0.0) * way, b + min(share + distance, 1.0) * way
        wanted = whole * (1 - share)
        while True:
            before = now.clone()
            behind = (now - b).abs() < (low - b).abs()
            now = torch.where(behind, low, now)
            current = float((x - now).abs().sum())
            if current <= wanted + 1e-9 * whole:
                total += (now - before) * gradient
                break
            open_ = (high - b).abs() - (now - b).abs() > 1e-12 * way.abs()
            size = torch.where(open_, gradient.abs(), torch.inf)
            place = int(fraction * (size.numel() - 1))
            chosen = (size <= size.flatten().sort().values[place]) & open_
            room = float(((high - now).abs() * chosen).sum())
            share_of_room = (current - wanted) / room if room > 0 else np.inf
            now = torch.where(chosen, now + min(share_of_room, 1.0) * (high - now), now)
            total += (now - before) * gradient
            if share_of_room <= 1 or not bool(open_.any()):
                break
    return np.asarray(total.numpy())
