"""The best split of a table, by trying all."""

from itertools import combinations

import numpy as np

from whence.core.types import Floats


def error(Y: Floats) -> float:
    """Return the sum of squared errors of the mean."""
    return float(((Y - Y.mean(axis=0)) ** 2).sum()) if len(Y) else 0.0


def best_gain(X: Floats, Y: Floats, levels: list[int], least: int) -> float:
    """Return how far the best split lowers the error: every threshold, every set of categories."""
    best = 0.0
    for j, count in enumerate(levels):
        x = X[:, j]
        known = np.unique(x[~np.isnan(x)])
        if count:
            lefts = [
                np.isin(x, some) for m in range(len(known) + 1) for some in combinations(known, m)
            ]
        else:
            lefts = [x <= t for t in known]
        lefts += [left | np.isnan(x) for left in lefts]
        for left in lefts:
            if least <= left.sum() <= len(Y) - least:
                best = max(best, error(Y) - error(Y[left]) - error(Y[~left]))
    return best
