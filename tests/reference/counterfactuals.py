"""Cheapest choices by looking at all of them: slow, obvious, and the judge of the kernels."""

from collections.abc import Callable, Iterator
from itertools import pairwise, product

import numpy as np

from reference import trees as slow
from whence.core.types import Floats, Ints
from whence.models.trees import Nodes


def choices(start: Ints) -> Iterator[Ints]:
    """Yield every choice of one alternative per player, of shape (players,)."""
    for choice in product(*(range(a, b) for a, b in pairwise(start.tolist()))):
        yield np.array(choice, dtype=np.int64)


def row(nodes: Nodes, encoded: Floats, choice: Ints) -> Floats:
    """Return what the trees read where each player takes its alternative."""
    return np.array([encoded[choice[p], c] for c, p in enumerate(nodes.player)])


def cheapest(start: Ints, cost: Floats, fits: Callable[[Ints], bool]) -> tuple[float, list[Ints]]:
    """Return the least cost of a choice that fits, and all choices of that cost."""
    best = np.inf
    which: list[Ints] = []
    for choice in choices(start):
        total = float(cost[choice].sum())
        if total > best + 1e-12 or not fits(choice):
            continue
        if total < best - 1e-12:
            which = []
        best = min(best, total)
        which.append(choice)
    return best, which


def by_trees(nodes: Nodes, encoded: Floats, G: Floats, h: Floats) -> Callable[[Ints], bool]:
    """Return whether a choice gets ``G @ raw >= h`` from the trees."""

    def fits(choice: Ints) -> bool:
        raw = slow.predict(nodes, row(nodes, encoded, choice)[None])[0]
        return bool((G @ raw >= h).all())

    return fits
