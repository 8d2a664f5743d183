"""A small quasi-Newton minimizer (limited-memory BFGS with backtracking)."""

from collections import deque
from collections.abc import Callable

import numpy as np

from whence.core.types import Floats

_KEPT = 12
_HALVINGS = 12
_ENOUGH = 1e-4


def minimize(
    slope: Callable[[Floats], tuple[float, Floats]],
    start: Floats,
    *,
    steps: int,
    gain: float,
    longest: float,
) -> Floats:
    """Return a point near a minimum, or the best one that was seen.

    Parameters
    ----------
    slope : callable
        Point -> (value, gradient); the value may be infinite.
    start : array of shape (parameters,)
    steps : int
        Most evaluations of ``slope``.
    gain : float
        A step that gains less than this is the last.
    longest : float
        The longest step in any one parameter.

    References
    ----------
    Nocedal (1980), doi:10.1090/S0025-5718-1980-0572855-7.
    """
    x, (f, g) = start, slope(start)
    past: deque[tuple[Floats, Floats]] = deque(maxlen=_KEPT)
    left = steps - 1
    while left > 0:
        d = _direction(g, past)
        if d @ g >= 0:
            d = -g
        d *= min(1.0, longest / max(float(np.abs(d).max()), 1e-300))
        t = 1.0
        for _ in range(min(left, _HALVINGS)):
            near = x + t * d
            fn, gn = slope(near)
            left -= 1
            if fn <= f + _ENOUGH * t * (d @ g):
                break
            t /= 2
        else:
            return x
        if (gn - g) @ (near - x) > 0:
            past.append((near - x, gn - g))
        gained, x, f, g = f - fn, near, fn, gn
        if gained < gain:
            break
    return x


def _direction(g: Floats, past: "deque[tuple[Floats, Floats]]") -> Floats:
    """Return minus the inverse Hessian, as far as it is known, times the gradient."""
    q, shares = g.copy(), []
    for s, y in reversed(past):
        a = (s @ q) / (s @ y)
        q -= a * y
        shares.append(a)
    if past:
        s, y = past[-1]
        q *= (s @ y) / (y @ y)
    for (s, y), a in zip(past, reversed(shares), strict=True):
        q += (a - (y @ q) / (s @ y)) * s
    return -q
