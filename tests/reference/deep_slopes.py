"""Gradients by their definitions, one row and one step at a time."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from whence.core.types import Floats


def slope(f: Callable[[Tensor], Tensor], x: Floats) -> Floats:
    """Return the gradient of a score of one row."""
    leaf = torch.from_numpy(x[None].copy()).requires_grad_()
    (found,) = torch.autograd.grad(f(leaf).sum(), leaf)
    return found[0].numpy()


def smoothed(f: Callable[[Tensor], Tensor], x: Floats, sd: float, draws: int) -> Floats:
    """Return gradients at a row with noise, (draws, ...)."""
    rng = np.random.default_rng(99)
    return np.stack([slope(f, x + rng.normal(0, sd, x.shape)) for _ in range(draws)])


def guided(module: nn.Sequential, x: Floats, output: int) -> Floats:
    """Return guided backpropagation through layers by hand; ReLU lets pass what is positive."""
    before = [torch.from_numpy(x[None])]
    for layer in module:
        before.append(layer(before[-1].clone()).detach())
    flow = torch.zeros_like(before[-1])
    flow[0, output] = 1
    for layer, given in zip(reversed(module), reversed(before[:-1]), strict=True):
        if isinstance(layer, nn.ReLU):
            flow = flow * (given > 0) * (flow > 0)
            continue
        leaf = given.clone().requires_grad_()
        (flow,) = torch.autograd.grad(layer(leaf), leaf, flow)
    return flow[0].numpy()


def expected(
    f: Callable[[Tensor], Tensor], x: Floats, background: Floats, steps: int
) -> tuple[Floats, Floats]:
    """Return expected gradients by the midpoint rule over every background row, and their base."""
    total = np.zeros_like(x)
    for b in background:
        for t in (np.arange(steps) + 0.5) / steps:
            total += (x - b) * slope(f, b + t * (x - b))
    base = f(torch.from_numpy(background)).detach().numpy().mean()
    return total / (steps * len(background)), base
