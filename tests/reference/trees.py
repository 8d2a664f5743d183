"""Tree ensembles straight from the definition: slow, obvious, and the judge of the kernels."""

from collections.abc import Callable

import numpy as np

from whence.core.types import Floats
from whence.models.trees import Nodes


def goes_left(nodes: Nodes, v: int, x: Floats) -> bool:
    """Decide one split for one row."""
    number = float(x[nodes.feature[v]])
    if np.isnan(number) or (nodes.zero_missing[v] and abs(number) <= 1e-35):
        return bool(nodes.missing_left[v])
    words = nodes.category_words[nodes.category_start[v] : nodes.category_start[v + 1]]
    if len(words) == 0:
        return number <= float(nodes.threshold[v])
    code = int(number) if abs(number) < 2**62 else -1
    if code < 0 or code >= 64 * len(words) or number < 0:
        return False
    return bool((int(words[code // 64]) >> (code % 64)) & 1)


def leaf(nodes: Nodes, tree: int, x: Floats) -> int:
    """Return the leaf that one row reaches in one tree."""
    v = int(nodes.start[tree])
    while nodes.feature[v] >= 0:
        v = int(nodes.left[v] if goes_left(nodes, v, x) else nodes.right[v])
    return v


def add(nodes: Nodes, tree: int, v: int, total: Floats, weight: float = 1.0) -> None:
    """Add ``weight`` times what leaf ``v`` says to ``total``, of shape (outputs,)."""
    if nodes.target[tree] >= 0:
        total[nodes.target[tree]] += weight * nodes.value[v, 0]
    else:
        total += weight * nodes.value[v]


def predict(nodes: Nodes, X: Floats) -> Floats:
    """Return the raw output of shape (rows, outputs)."""
    out = np.tile(np.asarray(nodes.base, dtype=np.float64), (len(X), 1))
    for i, x in enumerate(X):
        for tree in range(nodes.trees):
            add(nodes, tree, leaf(nodes, tree, x), out[i])
    return out


def children_share(nodes: Nodes, v: int) -> float:
    """Return the share of training weight that goes left at split ``v``; half of no weight."""
    left, right = float(nodes.cover[nodes.left[v]]), float(nodes.cover[nodes.right[v]])
    return left / (left + right) if left + right > 0 else 0.5


def game(nodes: Nodes, x: Floats, share: Callable[[int], float]) -> Floats:
    """Return the worth of every coalition, of shape (2**players, outputs).

    At a split of a known player all weight goes where ``x`` goes; else ``share`` of it goes left.
    """
    coalition = np.arange(2**nodes.players)
    v = np.tile(np.asarray(nodes.base, dtype=np.float64), (len(coalition), 1))
    for tree in range(nodes.trees):
        todo = [(int(nodes.start[tree]), np.ones(len(coalition)))]
        while todo:
            node, weight = todo.pop()
            if nodes.feature[node] < 0:
                for worth, part in zip(v, weight, strict=True):
                    add(nodes, tree, node, worth, float(part))
                continue
            known = (coalition >> int(nodes.player[nodes.feature[node]])) & 1
            left = np.where(known, float(goes_left(nodes, node, x)), share(node))
            todo.append((int(nodes.left[node]), weight * left))
            todo.append((int(nodes.right[node]), weight * (1 - left)))
    return v


def path_dependent_game(nodes: Nodes, x: Floats) -> Floats:
    """Return v(S): follow ``x`` at splits of players in S, average the children elsewhere.

    The children are averaged by their cover; two children without cover count alike.
    """
    return game(nodes, x, lambda v: children_share(nodes, v))


def interventional_game(nodes: Nodes, x: Floats, Z: Floats) -> Floats:
    """Return v(S): the mean raw output over ``Z`` with the columns of S taken from ``x``."""
    worth = [game(nodes, x, lambda v, b=b: float(goes_left(nodes, v, b))) for b in Z]
    return np.asarray(np.mean(worth, axis=0))


def hybrids(nodes: Nodes, x: Floats, b: Floats) -> Floats:
    """Return one row per coalition: its columns from ``x``, the others from ``b``."""
    known = (np.arange(2**nodes.players)[:, None] >> nodes.player[None, :]) & 1
    return np.asarray(np.where(known, x, b))
