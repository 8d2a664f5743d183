"""The odd kernel over coalitions, and its Shapley values in closed form.

See `whence.kernels.hypercube_gp` for what it says about a game.
"""

from functools import lru_cache

import numpy as np

from whence.core.types import Floats

_MOST, _NODES = 600.0, 16
"""Logarithm of the largest number to compute with, and nodes of quadrature, at most."""


def odd(z: Floats, other: Floats, r: Floats) -> Floats:
    """Return the kernel, (rows, others)."""
    up, scale = _up(z, other, r)
    up -= scale / up
    return up


def odd_even(z: Floats, other: Floats, r: Floats) -> tuple[Floats, Floats]:
    """Return the kernel and its even counterpart, (rows, others)."""
    up, scale = _up(z, other, r)
    down = scale / up
    return up - down, up + down


def _up(z: Floats, other: Floats, r: Floats) -> tuple[Floats, float]:
    """Return what grows with likeness in the kernel, and what the rest is over that."""
    level = float(np.log1p(-(r**2)).sum() / 2)
    up = (z * np.arctanh(r)) @ other.T
    np.clip(up, -_MOST - level, _MOST - level, out=up)
    up += level - np.log(2)
    return np.exp(up, out=up), np.exp(2 * level) / 4


def structured(z: Floats, r: Floats) -> Floats:
    """Return the Shapley values of k(., z), (rows, players).

    They are ``integral from 0 to 1 of r_i z_i (prod_{j != i} (1 + t r_j z_j) + the same with -t)``,
    a polynomial in t, integrated by Gauss and Legendre.
    """
    t, w = _nodes(min(z.shape[1] // 2 + 1, _NODES))
    t, w = np.append(t, -t)[:, None], np.append(w, w)
    up, down = np.log1p(t * r), np.log1p(-t * r)  # (nodes, players)
    product = np.exp(z @ ((up - down) / 2).T + (up + down).sum(axis=1) / 2) * w
    each = np.where(z > 0, product @ np.exp(-up), product @ np.exp(-down))
    return np.asarray(each * r * z)


def prior_variance(r: Floats) -> Floats:
    """Return the prior variance of the Shapley values, (players,), but for the unstructured part.

    ``4 sum_T prod r / |T|^2`` with ``1 / |T|^2`` the integral of ``-log(t) t^(|T| - 1)``; the part
    of single players, where that is not smooth, is known.
    """
    t, w = _nodes(4 * _NODES)
    up, down = np.log1p(t[:, None] * r), np.log1p(-t[:, None] * r)
    both = np.exp(up.sum(axis=1, keepdims=True) - up) + np.exp(
        down.sum(axis=1, keepdims=True) - down
    )
    return np.asarray(4 * (r - (w * np.log(t)) @ (both / 2 - 1) * r))


@lru_cache(maxsize=32)
def _nodes(count: int) -> tuple[Floats, Floats]:
    x, w = np.polynomial.legendre.leggauss(count)
    return (x + 1) / 2, w / 2
