"""The cheapest choice of one alternative per group whose gains reach a sum, for many rows at once.

This is the multiple-choice knapsack problem. Gains are rounded down to a grid over twice the sum
that is needed, so a choice that is said to reach it does, and the dynamic program over the grid
runs for all rows together (Kellerer, Pferschy and Pisinger 2004, doi:10.1007/978-3-540-24777-7).
"""

import numpy as np

from whence.core.types import Floats, Ints

_HALF = 48
"""Cells of the grid up to the sum that is needed."""


def cheapest_choices(
    cost: Floats, gain: Floats, need: Floats, multiples: tuple[float, ...]
) -> Ints:
    """Return the cheapest choices whose gains add up to multiples of what is needed.

    Parameters
    ----------
    cost : array of shape (rows, groups, alternatives)
        Not negative; infinite where there is no such alternative. To choose none costs nothing.
    gain : array of shape (rows, groups, alternatives)
        Those that are not positive are never chosen.
    need : array of shape (rows,)
        Positive.
    multiples : tuple of float
        Up to 2: one choice is made for each.

    Returns
    -------
    int array of shape (rows, multiples, groups)
        The alternative chosen in each group; -1 for none. All are -1 where the sum cannot be
        reached.

    Examples
    --------
    >>> cost = np.array([[[1.0, 3.0], [1.5, np.inf]]])
    >>> gain = np.array([[[1.0, 2.0], [1.0, 0.0]]])
    >>> cheapest_choices(cost, gain, np.array([2.0]), (1.0,))
    array([[[0, 0]]])
    """
    rows, groups, _ = cost.shape
    last = 2 * _HALF
    cells = np.arange(last + 1)
    usable = (gain > 0) & np.isfinite(cost)
    jump = np.where(usable, gain, 0.0) * (_HALF / need[:, None, None])
    jumps: Ints = np.minimum(np.floor(jump + 1e-9), last).astype(np.int64)
    best = np.where(cells == 0, 0.0, np.inf)[None].repeat(rows, axis=0)
    chosen = np.full((groups, rows, last + 1), -1, dtype=np.int64)
    for g in range(groups):
        before, best = best, best.copy()
        for k in np.flatnonzero(usable[:, g].any(axis=0)):
            some = np.flatnonzero(usable[:, g, k])
            back = np.maximum(cells - jumps[some, g, k, None], 0)
            made = np.take_along_axis(before[some], back, axis=1) + cost[some, g, k, None]
            better = made < best[some]
            best[some] = np.where(better, made, best[some])
            chosen[g, some] = np.where(better, k, chosen[g, some])
    return _traced(best, chosen, jumps, np.ceil(np.array(multiples) * _HALF).astype(np.int64))


def _traced(best: Floats, chosen: Ints, jump: Ints, goals: Ints) -> Ints:
    """Return the choices that lead to each goal."""
    groups, rows, _ = chosen.shape
    out = np.full((rows, len(goals), groups), -1, dtype=np.int64)
    row = np.arange(rows)[:, None]
    cell = np.broadcast_to(goals, (rows, len(goals))).copy()
    reached = np.isfinite(best[row, cell])
    for g in range(groups - 1, -1, -1):
        k = np.where(reached, chosen[g, row, cell], -1)
        out[:, :, g] = k
        cell = np.where(k >= 0, np.maximum(cell - jump[row, g, np.maximum(k, 0)], 0), cell)
    return out
