"""Games as models: a row of ones, explained against a row of zeros, has columns for players."""

from collections.abc import Callable, Iterator
from itertools import permutations

import numpy as np

from whence.core.types import Floats


def random_game(seed: int, players: int, outputs: int = 1) -> Floats:
    """Return the worth of all coalitions, (2**players, outputs), of all orders of interaction."""
    return np.random.default_rng(seed).normal(size=(2**players, outputs))


def as_model(v: Floats) -> Callable[[Floats], Floats]:
    """Return the model that says of a row of zeros and ones what that coalition is worth."""
    return lambda rows: v[rows.astype(np.int64) @ (1 << np.arange(rows.shape[1]))]


def over_orders(
    v: Floats, orders: Iterator[tuple[int, ...]] | list[tuple[int, ...]], chances: list[float]
) -> Floats:
    """Return what each player adds on its turn, the mean over orders with their probabilities."""
    p = len(v).bit_length() - 1
    values = np.zeros((p, v.shape[1]))
    for order, chance in zip(orders, chances, strict=True):
        known = 0
        for i in order:
            values[i] += chance * (v[known | 1 << i] - v[known])
            known |= 1 << i
    return values


def shapley_over_orders(v: Floats) -> Floats:
    """Return the Shapley values, by the mean over all orders of the players."""
    p = len(v).bit_length() - 1
    orders = list(permutations(range(p)))
    return over_orders(v, orders, [1 / len(orders)] * len(orders))
