"""Orders in which players become known: drawn at random, and all of them by their probabilities.

Two ways of drawing are here: all orders alike, and orders in which causes come before effects. The
latter are drawn player by player, each time any of those whose causes are all known already. For
every way, ``steps[S, i]`` is the probability that a walk comes by coalition ``S`` and adds ``i``
next: with it, values are exact where the worth of all coalitions that can come up is known.
"""

from collections.abc import Callable
from functools import lru_cache
from math import comb
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from whence.core.types import Bools, Floats, Ints
from whence.kernels.coalition_values import members, sizes

DrawOrders: TypeAlias = Callable[[int], Ints]
"""Number of orders -> orders (orders, players), each the players from first to last."""


def uniform_orders(count: int, players: int, rng: Generator) -> Ints:
    """Return orders drawn from all orders alike, (count, players)."""
    return rng.permuted(np.tile(np.arange(players), (count, 1)), axis=1)


@lru_cache(maxsize=16)
def uniform_steps(players: int) -> Floats:
    """Return the probabilities of all steps where all orders are alike, (2**players, players)."""
    n = players
    weight = np.array([*(1 / (n * comb(n - 1, size)) for size in range(n)), 0.0])
    known = members(np.arange(2**n), n)
    return _fixed(np.where(known, 0.0, weight[sizes(n)][:, None]))


def causal_orders(count: int, causes: Bools, rng: Generator) -> Ints:
    """Return orders in which each player comes after its causes.

    Parameters
    ----------
    count : int
    causes : bool array of shape (players, players)
        Whether the second player is a cause of the first; without cycles.
    rng : Generator

    Returns
    -------
    int array of shape (count, players)
    """
    n = len(causes)
    orders = np.empty((count, n), dtype=np.int64)
    known = np.zeros((count, n), dtype=bool)
    each = np.arange(count)
    for place in range(n):
        chance = np.where(_available(known, causes), rng.random((count, n)), -1.0)
        orders[:, place] = chance.argmax(axis=1)
        known[each, orders[:, place]] = True
    return orders


def causal_steps(causes: Bools) -> Floats:
    """Return the probabilities of all steps of `causal_orders`, (2**players, players)."""
    return _causal_steps(causes.tobytes(), len(causes))


def step_values(worth: Floats, steps: Floats) -> Floats:
    """Return the mean of what each player adds, (players, outputs).

    Parameters
    ----------
    worth : array of shape (2**players, outputs)
        Coalitions that cannot come up may be worth any finite number.
    steps : array of shape (2**players, players)
    """
    n = steps.shape[1]
    values = np.empty((n, worth.shape[1]))
    for i in range(n):
        before = np.flatnonzero(steps[:, i])
        values[i] = steps[before, i] @ (worth[before | 1 << i] - worth[before])
    return values


def find_cycle(causes: Bools) -> Ints:
    """Return the players that are on a cycle or behind one; none where there is no cycle."""
    left = np.arange(len(causes))
    while len(left):
        free = ~causes[np.ix_(left, left)].any(axis=1)
        if not free.any():
            break
        left = left[~free]
    return left


@lru_cache(maxsize=16)
def _causal_steps(code: bytes, players: int) -> Floats:
    causes = np.frombuffer(code, dtype=bool).reshape(players, players)
    known = members(np.arange(2**players), players)
    can = _available(known, causes)
    steps, reached, size = np.zeros(can.shape), np.zeros(len(can)), sizes(players)
    reached[0] = 1.0
    for level in range(players):
        at = np.flatnonzero((size == level) & (reached > 0))
        steps[at] = can[at] * (reached[at] / can[at].sum(axis=1))[:, None]
        for i in range(players):
            np.add.at(reached, at | 1 << i, steps[at, i])
    return _fixed(steps)


def _available(known: Bools, causes: Bools) -> Bools:
    """Return which players may come next, given those known."""
    missing = (~known).astype(np.float64) @ causes.T.astype(np.float64)
    return np.asarray(~known & (missing == 0))


def _fixed(steps: Floats) -> Floats:
    steps.flags.writeable = False
    return steps
