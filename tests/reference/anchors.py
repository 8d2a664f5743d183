"""Anchors by their definitions: every rule is tried, every bound is a sum of probabilities."""

from itertools import combinations
from math import comb

from whence.core.types import Bools


def tail(trials: int, successes: int, share: float) -> float:
    """Return the probability of so many successes or more."""
    return sum(
        comb(trials, k) * share**k * (1 - share) ** (trials - k)
        for k in range(successes, trials + 1)
    )


def widest(met: Bools, wrong: Bools, allowed: list[int], most: int) -> int:
    """Return how many rows the widest pure rule covers, of rules made of rows of ``met``; or -1."""
    rows, best = met.shape[1], -1
    for size in range(most + 1):
        for rule in combinations(range(len(met)), size):
            cover = [i for i in range(rows) if all(met[j, i] for j in rule)]
            if sum(wrong[i] for i in cover) <= allowed[len(cover)]:
                best = max(best, len(cover))
    return best
