"""Prototypes, criticisms and distances by their definitions, one number at a time."""

from itertools import combinations

import numpy as np

from whence.core.types import Bools, Floats


def gower(x: Floats, z: Floats, scale: Floats, coded: Bools, weight: Floats) -> float:
    """Return Gower's distance of two rows."""
    total = 0.0
    for j in range(len(x)):
        if np.isnan(x[j]) or np.isnan(z[j]):
            apart = 0.0 if np.isnan(x[j]) and np.isnan(z[j]) else 1.0
        elif coded[j] or scale[j] == 0:
            apart = float(x[j] != z[j])
        else:
            apart = abs(x[j] - z[j]) / scale[j]
        total += weight[j] * apart
    return float(total / weight.sum())


def explained(K: Floats, chosen: list[int]) -> float:
    """Return how much of the squared norm of the rows' mean some rows, weighed alike, explain."""
    s, n = len(chosen), len(K)
    toward = sum(K[i, c] for i in range(n) for c in chosen) * 2 / (n * s)
    return float(toward - sum(K[a, b] for a in chosen for b in chosen) / s**2)


def greedy(K: Floats, count: int) -> list[int]:
    """Return prototypes picked one by one, of which no two are the same row."""
    chosen: list[int] = []
    for _ in range(count):
        free = [i for i in range(len(K)) if all(K[i, c] < 1 - 1e-12 for c in chosen)]
        if not free:
            break
        chosen.append(max(free, key=lambda i: explained(K, [*chosen, i])))
    return chosen


def best(K: Floats, count: int) -> float:
    """Return the most that any so many rows explain."""
    return max(explained(K, list(c)) for c in combinations(range(len(K)), count))


def critics(K: Floats, witness: Floats, chosen: list[int], count: int) -> list[int]:
    """Return criticisms picked one by one by witness and determinant."""
    found: list[int] = []
    for _ in range(count):
        taken = [*chosen, *found]
        free = [i for i in range(len(K)) if all(K[i, c] < 1 - 1e-12 for c in taken)]

        def worth(i: int) -> float:
            some = [*found, i]
            sign, log = np.linalg.slogdet(K[np.ix_(some, some)])
            return float(np.abs(witness[some]).sum() + log) if sign > 0 else -np.inf

        found.append(max(free, key=worth))
    return found
