"""Permutation importance by its definition: a double loop over pairs of rows."""

from collections.abc import Callable

import numpy as np

from whence.core.types import Floats


def switched(
    model: Callable[[Floats], Floats],
    X: Floats,
    loss: Callable[[Floats, int], float],
    columns: list[int],
) -> float:
    """Return the mean rise of the loss of row i with the columns of row k, over all i != k.

    ``loss`` takes what the model says about a single row, and the number of the row.
    """
    rises = []
    for i in range(len(X)):
        before = loss(model(X[[i]])[0], i)
        for k in range(len(X)):
            if k != i:
                row = X[[i]].copy()
                row[0, columns] = X[k, columns]
                rises.append(loss(model(row)[0], i) - before)
    return float(np.mean(rises))


def hajek(rises: Floats) -> float:
    """Return the standard error of the mean of a matrix of pairs, its diagonal left out.

    The sum over all two pairs that share a row of the product of their deviations, by the
    definition: four loops.
    """
    n = len(rises)
    pairs = [(i, k) for i in range(n) for k in range(n) if i != k]
    middle = np.mean([rises[pair] for pair in pairs])
    total = sum(
        (rises[a] - middle) * (rises[b] - middle) for a in pairs for b in pairs if {*a} & {*b}
    )
    return float(np.sqrt(total) / len(pairs))
