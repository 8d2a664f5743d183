"""Tree ensembles straight from the definition: slow, obvious, and the judge of the kernels."""

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
