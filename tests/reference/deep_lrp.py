"""Layer-wise relevance propagation as its papers define it, one connection at a time.

A layer is a list of connections: input i reaches output j with weight w_ij. Relevance R_j of an
output is shared among its inputs in proportion to what each adds, as the rule sees it (Montavon et
al. 2019, "Layer-Wise Relevance Propagation: An Overview"). Recurrent cells follow Arras et al.
2019, "Explaining and Interpreting LSTMs": what passes a gate takes all, sums share in proportion.
"""

from itertools import product
from typing import Any

import numpy as np

from whence.core.types import Bools, Floats


def with_sign(z: float, epsilon: float) -> float:
    """Return z moved away from zero."""
    return z + epsilon if z >= 0 else z - epsilon


def contribution(rule: str, x: float, w: float, z: float, n: dict[str, Any]) -> list[float]:
    """Return what one connection adds, in each of the sums that a rule keeps."""
    if rule == "epsilon":
        return [x * w]
    if rule == "zplus":
        return [max(x * w, 0.0)]
    if rule == "alpha2_beta1":
        return [max(x * w, 0.0), min(x * w, 0.0)]
    if rule == "gamma":  # what has the sign of the output counts more
        helps = x * w > 0 if z > 0 else x * w < 0
        return [x * w * (1 + n["gamma"] if helps else 1)]
    if rule == "box":
        return [x * w - n["low"] * max(w, 0.0) - n["high"] * min(w, 0.0)]
    return [w * w] if rule == "w_square" else [1.0]


def of_bias(rule: str, b: float, z: float, n: dict[str, Any]) -> list[float]:
    """Return what the bias adds."""
    if rule == "zplus":
        return [max(b, 0.0)]
    if rule == "alpha2_beta1":
        return [max(b, 0.0), min(b, 0.0)]
    if rule == "gamma":
        return [b * (1 + n["gamma"] if (b > 0) == (z > 0) else 1)]
    if rule == "w_square":
        return [b * b]
    return [0.0] if rule in ("flat", "box") else [b]


def relevance_of_layer(
    rule: str, x: Floats, W: Floats, b: Floats, R: Floats, *, connected: Bools, **n: float
) -> Floats:
    """Share R (outputs,) among inputs x (inputs,); W is (inputs, outputs)."""
    out = np.zeros_like(x)
    factors = [2.0, -1.0] if rule == "alpha2_beta1" else [1.0]
    for j in range(W.shape[1]):
        inputs = np.flatnonzero(connected[:, j])
        z = float(x @ W[:, j] + b[j])
        added = {i: contribution(rule, x[i], W[i, j], z, n) for i in inputs}
        for s, factor in enumerate(factors):
            total = sum(added[i][s] for i in inputs) + of_bias(rule, float(b[j]), z, n)[s]
            for i in inputs:
                out[i] += factor * added[i][s] * R[j] / with_sign(total, n["epsilon"])
    return out


def convolution_matrix(
    weight: Floats, shape: tuple[int, int, int], *, stride: int, padding: int, groups: int
) -> tuple[Floats, Bools]:
    """Return the weights (inputs, outputs) of a two-dimensional convolution, and which are."""
    channels, height, width = shape
    filters, each, size, _ = weight.shape
    rows = (height + 2 * padding - size) // stride + 1
    columns = (width + 2 * padding - size) // stride + 1
    W = np.zeros((channels, height, width, filters, rows, columns))
    connected = np.zeros(W.shape, dtype=bool)
    per_group = filters // groups
    for f, r, c in product(range(filters), range(rows), range(columns)):
        for k, u, v in product(range(each), range(size), range(size)):
            y, x = r * stride + u - padding, c * stride + v - padding
            if 0 <= y < height and 0 <= x < width:
                place = (f // per_group * each + k, y, x, f, r, c)
                W[place] = weight[f, k, u, v]
                connected[place] = True
    flat = (channels * height * width, filters * rows * columns)
    return W.reshape(flat), connected.reshape(flat)


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x))."""
    return np.asarray(1 / (1 + np.exp(-x)))


def of_sum(parts: list[Floats], R: Floats, epsilon: float) -> list[Floats]:
    """Share R among the parts of a sum."""
    z = np.sum(parts, axis=0)
    below = z + np.where(z >= 0, epsilon, -epsilon)
    return [part * R / below for part in parts]


def of_dense(x: Floats, W: Floats, z: Floats, R: Floats, epsilon: float) -> Floats:
    """Share R among the inputs of ``z = W x + ...``; W is (outputs, inputs)."""
    below = z + np.where(z >= 0, epsilon, -epsilon)
    return np.asarray(x * (W.T @ (R / below)))


def lstm_relevance(
    X: Floats, weights: dict[str, Floats], R: Floats, epsilon: float
) -> tuple[Floats, Floats]:
    """Return the last state of an LSTM over X (times, features), and the relevance of X.

    R (features,) is that of the last state, and weights are named as torch names them.
    """
    W, U = weights["weight_ih_l0"], weights["weight_hh_l0"]
    b = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    size = U.shape[1]
    h, c = np.zeros(size), np.zeros(size)
    steps = []
    for x in X:
        z = W @ x + U @ h + b
        i, f, o = (sigmoid(z[k * size : (k + 1) * size]) for k in (0, 1, 3))
        g = np.tanh(z[2 * size : 3 * size])
        steps.append((x, h, f * c, i * g, z[2 * size : 3 * size]))
        c = f * c + i * g
        h = o * np.tanh(c)
    out = np.zeros_like(X)
    of_h, of_c = R, np.zeros(size)
    part = slice(2 * size, 3 * size)
    for t in reversed(range(len(X))):
        x, before, kept, new, z = steps[t]
        of_c = of_c + of_h  # h = o tanh(c): the signal takes all
        of_c, of_g = of_sum([kept, new], of_c, epsilon)
        out[t] = of_dense(x, W[part], z, of_g, epsilon)
        of_h = of_dense(before, U[part], z, of_g, epsilon)
    return h, out


def gru_relevance(
    X: Floats, weights: dict[str, Floats], R: Floats, epsilon: float
) -> tuple[Floats, Floats]:
    """Return the last state of a GRU over X (times, features), and the relevance of X."""
    W, U = weights["weight_ih_l0"], weights["weight_hh_l0"]
    b, d = weights["bias_ih_l0"], weights["bias_hh_l0"]
    size = U.shape[1]
    h = np.zeros(size)
    steps = []
    for x in X:
        of_x, of_state = W @ x + b, U @ h + d
        r, u = (
            sigmoid(of_x[k * size : (k + 1) * size] + of_state[k * size : (k + 1) * size])
            for k in (0, 1)
        )
        near, far = of_x[2 * size :], of_state[2 * size :]
        n = np.tanh(near + r * far)
        steps.append((x, h, (1 - u) * n, u * h, near, r * far, far))
        h = (1 - u) * n + u * h
    out = np.zeros_like(X)
    for t in reversed(range(len(X))):
        x, before, new, kept, near, gated, far = steps[t]
        of_n, of_kept = of_sum([new, kept], R, epsilon)
        of_near, of_far = of_sum([near, gated], of_n, epsilon)
        out[t] = of_dense(x, W[2 * size :], near, of_near, epsilon)
        R = of_kept + of_dense(before, U[2 * size :], far, of_far, epsilon)
    return h, out
