"""DeepLIFT and DeepSHAP layer by layer, one row and one number at a time, as the paper has them.

A network is a list of layers: ("dense", W, b) with W of shape (out, in), ("relu",), ("tanh",) and
("pool", size), the largest of ``size`` neighbors.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from whence.core.types import Floats

Layer: TypeAlias = tuple[Any, ...]


def done(layer: Layer, x: Floats) -> Floats:
    """Return what a layer makes of numbers of shape (in,)."""
    match layer:
        case ("dense", W, b):
            return np.asarray(W @ x + b)
        case ("relu",):
            return np.maximum(x, 0.0)
        case ("tanh",):
            return np.tanh(x)
        case ("pool", size):
            return x.reshape(-1, size).max(axis=1)
    raise ValueError(layer)


def back(layer: Layer, x: Floats, x0: Floats, m: Floats) -> Floats:
    """Return the multipliers of what a layer read, from those of what it gave."""
    y, y0 = done(layer, x), done(layer, x0)
    if layer[0] == "dense":
        return np.asarray(layer[1].T @ m)
    out = np.zeros_like(x)
    if layer[0] == "pool":
        size = layer[1]
        for window, (top, low) in enumerate(zip(y, y0, strict=True)):
            at = slice(window * size, (window + 1) * size)
            chosen = window * size + int(np.argmax(x[at] if top >= low else x0[at]))
            out[chosen] = m[window] * (top - low) / (x[chosen] - x0[chosen])
        return out
    for i in range(len(x)):
        if x[i] != x0[i]:
            out[i] = m[i] * (y[i] - y0[i]) / (x[i] - x0[i])
        else:
            slope = float(x[i] > 0) if layer[0] == "relu" else 1 - y[i] ** 2
            out[i] = m[i] * slope
    return out


def deep_lift(layers: Sequence[Layer], x: Floats, x0: Floats, output: int) -> Floats:
    """Return the contributions of the numbers of a row to one output."""
    read, read0 = [x], [x0]
    for layer in layers:
        read.append(done(layer, read[-1]))
        read0.append(done(layer, read0[-1]))
    m = np.zeros(len(read[-1]))
    m[output] = 1.0
    for layer, a, a0 in zip(layers[::-1], read[-2::-1], read0[-2::-1], strict=True):
        m = back(layer, a, a0, m)
    return np.asarray(m * (x - x0))


def deep_shap(
    layers: Sequence[Layer], x: Floats, background: Floats, output: int
) -> tuple[Floats, Floats]:
    """Return the mean over a background, and its standard error."""
    each = np.array([deep_lift(layers, x, x0, output) for x0 in background])
    return each.mean(axis=0), each.std(axis=0, ddof=1) / np.sqrt(len(each))


def sorted_by_sign(W: Floats, rise: Floats) -> tuple[Floats, Floats]:
    """Return what raises and what lowers each output of a dense layer."""
    up, down = np.zeros(len(W)), np.zeros(len(W))
    for j in range(len(W)):
        for i in range(len(rise)):
            part = W[j, i] * rise[i]
            up[j] += max(part, 0.0)
            down[j] += min(part, 0.0)
    return up, down


def slope(layer: Layer, x: Floats) -> Floats:
    """Return the derivative of a function of one number."""
    return np.where(x > 0, 1.0, 0.0) if layer[0] == "relu" else 1 - np.tanh(x) ** 2


def shares(layer: Layer, x0: Floats, plus: Floats, minus: Floats) -> tuple[Floats, Floats]:
    """Return what the first stream does, first and last, on average, and per unit of it."""
    a, b, c, d = (done(layer, x0 + part) for part in (0, plus, minus, plus + minus))
    rise = (b - a + d - c) / 2
    nothing = plus == 0
    still = (slope(layer, x0) + slope(layer, x0 + minus)) / 2
    return rise, np.where(nothing, still, rise / np.where(nothing, 1, plus))


def reveal_cancel(layers: Sequence[Layer], x: Floats, x0: Floats, output: int) -> Floats:
    """Return the contributions by the rule of the paper that keeps two streams, without pools."""
    begin = plus, minus = np.maximum(x - x0, 0), np.minimum(x - x0, 0)
    steps: list[tuple[Floats, Floats]] = []  # of a dense layer its rise, of others multipliers
    for layer in layers:
        if layer[0] == "dense":
            steps.append((x - x0, x - x0))
            plus, minus = sorted_by_sign(layer[1], x - x0)
        else:
            up, raised = shares(layer, x0, plus, minus)
            down, lowered = shares(layer, x0, minus, plus)
            steps.append((raised, lowered))
            plus, minus = up, down
        x, x0 = done(layer, x), done(layer, x0)
    m_plus = m_minus = np.eye(len(x))[output]
    for layer, (first, second) in zip(layers[::-1], steps[::-1], strict=True):
        if layer[0] == "dense":
            sign = np.sign(layer[1] * first[None])
            share = (1 + sign) / 2  # half of what does not rise, as the paper has it
            each = share * m_plus[:, None] + (1 - share) * m_minus[:, None]
            m_plus = m_minus = (layer[1] * each).sum(axis=0)
        else:
            m_plus, m_minus = m_plus * first, m_minus * second
    return np.asarray(m_plus * begin[0] + m_minus * begin[1])
