"""Attention as the papers define it, by loops over single rows and numpy alone."""

from itertools import combinations

import numpy as np

from whence.core.types import Floats


def softmax(scores: Floats) -> Floats:
    """Return exp(s) / sum exp(s) over the last axis."""
    size = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(size / size.sum(axis=-1, keepdims=True))


def rollout(layers: list[Floats]) -> Floats:
    """Return A~_L ... A~_1 of one row (Abnar and Zuidema 2020, equation 1), of (heads, n, n)."""
    n = layers[0].shape[-1]
    out = np.eye(n)
    for layer in layers:
        out = (0.5 * layer.mean(axis=0) + 0.5 * np.eye(n)) @ out
    return out


def flow(layers: list[Floats], query: int) -> Floats:
    """Return the maximum flow from a query to each token, as the smallest cut (Ford, Fulkerson).

    Every set of nodes that holds the source and not the sink is tried; for a few nodes only.
    """
    n, depth = layers[0].shape[-1], len(layers)
    room = {
        ((level + 1, i), (level, j)): 0.5 * layer.mean(axis=0)[i, j] + 0.5 * (i == j)
        for level, layer in enumerate(layers)
        for i in range(n)
        for j in range(n)
    }
    source = (depth, query)
    inner = [(level, i) for level in range(depth) for i in range(n)]
    out = np.full(n, np.inf)
    for count in range(len(inner)):
        for chosen in combinations(inner, count):
            inside = {source, *chosen}
            cut = sum(c for (a, b), c in room.items() if a in inside and b not in inside)
            for sink in range(n):
                if (0, sink) not in inside:
                    out[sink] = min(out[sink], cut)
    return out


def relevance(weights: list[Floats], slopes: list[Floats]) -> Floats:
    """Return R of one row (Chefer, Gur and Wolf 2021, equations 5 and 6); arrays (heads, n, n)."""
    n = weights[0].shape[-1]
    R = np.eye(n)
    for A, G in zip(weights, slopes, strict=True):
        raising = np.zeros((n, n))
        for head in range(len(A)):
            raising += np.maximum(G[head] * A[head], 0) / len(A)
        R = R + raising @ R
    return R


def relevance_across(weights: list[Floats], slopes: list[Floats], kinds: list[str]) -> Floats:
    """Return R^sq of one row through an encoder and decoder (equations 5 to 10 of the same paper).

    ``kinds`` says of each attention whether it is of the "source", the "own" of the decoder, or
    "across".
    """
    q = weights[kinds.index("source")].shape[-1]
    s = weights[kinds.index("across")].shape[-2]
    R_qq, R_ss, R_sq = np.eye(q), np.eye(s), np.zeros((s, q))
    for A, G, kind in zip(weights, slopes, kinds, strict=True):
        raising = np.maximum(G * A, 0).mean(axis=0)
        if kind == "source":
            R_qq = R_qq + raising @ R_qq
        elif kind == "own":
            R_ss, R_sq = R_ss + raising @ R_ss, R_sq + raising @ R_sq
        else:
            R_sq = R_sq + _normal(R_ss).T @ raising @ _normal(R_qq)
    return R_sq


def _normal(R: Floats) -> Floats:
    """Return (R - I) / its sums of lines + I (equations 8 and 9)."""
    beyond = R - np.eye(len(R))
    total = beyond.sum(axis=1, keepdims=True)
    shares = np.divide(beyond, total, out=np.zeros_like(beyond), where=total > 0)
    return np.asarray(shares + np.eye(len(R)))
