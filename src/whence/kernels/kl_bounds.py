"""Bounds of a share by Kullback-Leibler divergence, by which KL-LUCB tells rules apart.

References
----------
Kaufmann & Kalyanakrishnan 2013, Information complexity in bandit subset selection (COLT).
"""

import numpy as np

from whence.core.types import Floats, Ints

_STEPS = 30
"""Halvings of the interval that a bound is in."""


def exploration_rate(turn: int, arms: int, delta: float) -> float:
    """Return KL-LUCB's exploration rate of a turn."""
    rate = np.log(405.5 * arms * turn**1.1 / delta)
    return float(rate + np.log(rate))


def kl_bounds(right: Ints, n: Ints, level: float) -> tuple[Floats, Floats]:
    """Return the shares that are as far from what was counted as ``level`` allows.

    Parameters
    ----------
    right, n : int arrays of the same shape
    level : float
        ``n`` times the Kullback-Leibler divergence of the share counted from the bound.

    Examples
    --------
    >>> [bound.round(3).tolist() for bound in kl_bounds(np.array([59]), np.array([59]), 3.0)]
    [[0.95], [1.0]]
    """
    share = right / np.maximum(n, 1)
    far = level / np.maximum(n, 1)
    bounds = []
    for end in (0.0, 1.0):
        near, beyond = share.astype(np.float64), np.full(share.shape, end)
        for _ in range(_STEPS):
            middle = (near + beyond) / 2
            inside = _divergence(share, middle) <= far
            near, beyond = np.where(inside, middle, near), np.where(inside, beyond, middle)
        bounds.append(np.where(n > 0, near, end))
    return bounds[0], bounds[1]


def _divergence(p: Floats, q: Floats) -> Floats:
    q = np.clip(q, 1e-15, 1 - 1e-15)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(p > 0, p * np.log(p / q), 0.0)
        second = np.where(p < 1, (1 - p) * np.log((1 - p) / (1 - q)), 0.0)
    return np.asarray(first + second)
