"""Effects of features straight from their definitions: loops, slow and obvious."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from whence.core.types import Floats

Model = Callable[[Floats], Floats]
"""Rows -> one number for each."""


def individual(model: Model, X: Floats, columns: Sequence[int], cells: Floats) -> Floats:
    """Return what the model says about each row with some columns at each position."""
    out = np.empty((len(X), len(cells)))
    for i, x in enumerate(X):
        for g, cell in enumerate(cells):
            moved = x.copy()
            moved[list(columns)] = cell
            out[i, g] = model(moved[None, :])[0]
    return out


def dependence(model: Model, X: Floats, columns: Sequence[int], cells: Floats) -> Floats:
    """Return the mean of that over the rows."""
    return np.asarray(individual(model, X, columns, cells).mean(axis=0))


def heterogeneity(curves: Floats) -> float:
    """Return the mean over positions of the standard deviation of centered curves."""
    centered = np.array([curve - curve.mean() for curve in curves])
    return float(np.mean([column.std() for column in centered.T]))


def accumulated(model: Model, X: Floats, column: int, edges: Floats) -> Floats:
    """Return the accumulated local effect at each edge of the bins, its mean over rows zero.

    Bin ``k`` holds what is above edge ``k - 1`` and not above edge ``k``, the first also its lower
    edge. The mean over rows counts each row with the middle of its bin.
    """
    effect, where = [0.0], np.zeros(len(X), dtype=int)
    for k in range(1, len(edges)):
        low, high = edges[k - 1], edges[k]
        inside = [
            i for i, x in enumerate(X)
            if low < x[column] <= high or (k == 1 and x[column] == low)
        ]  # fmt: skip
        gaps = []
        for i in inside:
            where[i] = k
            a, b = X[i].copy(), X[i].copy()
            a[column], b[column] = low, high
            gaps.append(model(b[None, :])[0] - model(a[None, :])[0])
        effect.append(effect[-1] + (float(np.mean(gaps)) if gaps else 0.0))
    middle = [(effect[k - 1] + effect[k]) / 2 for k in where]
    return np.array(effect) - np.mean(middle)


def accumulated_pair(
    model: Model, X: Floats, columns: tuple[int, int], edges: tuple[Floats, Floats]
) -> Floats:
    """Return the second-order accumulated local effect at all corners of the cells.

    A cell without rows takes the mean second difference of the nearest cell that has some, by the
    distance of their positions as shares of the number of bins; of several, the mean.
    """
    j, k = columns
    at = [_bins(X[:, c], e) for c, e in zip(columns, edges, strict=True)]
    K, M = len(edges[0]) - 1, len(edges[1]) - 1
    gaps: dict[tuple[int, int], list[float]] = {cell: [] for cell in product(range(K), range(M))}
    for i, x in enumerate(X):
        a, b = int(at[0][i]), int(at[1][i])
        said = {}
        for s, t in product((0, 1), (0, 1)):
            moved = x.copy()
            moved[j], moved[k] = edges[0][a + s], edges[1][b + t]
            said[s, t] = float(model(moved[None, :])[0])
        gaps[a, b].append(said[1, 1] - said[0, 1] - said[1, 0] + said[0, 0])
    mean = np.zeros((K, M))
    for cell, found in gaps.items():
        if found:
            mean[cell] = np.mean(found)
            continue
        apart = {
            other: round(((cell[0] - other[0]) / K) ** 2 + ((cell[1] - other[1]) / M) ** 2, 12)
            for other in gaps
            if gaps[other]
        }
        near = [other for other in apart if apart[other] == min(apart.values())]
        mean[cell] = np.mean([np.mean(gaps[other]) for other in near])
    corner = np.zeros((K + 1, M + 1))
    for a, b in product(range(K), range(M)):
        corner[a + 1, b + 1] = mean[: a + 1, : b + 1].sum()
    count = np.zeros((K, M))
    for a, b in zip(*at, strict=True):
        count[a, b] += 1
    return _centered(corner, count)


def _centered(corner: Floats, count: Floats) -> Floats:
    """Take off both first-order effects, and the mean over the rows."""
    K, M = count.shape
    first, second = [0.0], [0.0]
    for a in range(K):
        step = corner[a + 1] - corner[a]
        weight = count[a].sum()
        gain = sum(count[a, b] * (step[b] + step[b + 1]) / 2 for b in range(M))
        first.append(first[-1] + (gain / weight if weight else 0.0))
    for b in range(M):
        step = corner[:, b + 1] - corner[:, b]
        weight = count[:, b].sum()
        gain = sum(count[a, b] * (step[a] + step[a + 1]) / 2 for a in range(K))
        second.append(second[-1] + (gain / weight if weight else 0.0))
    left = corner - np.array(first)[:, None] - np.array(second)[None, :]
    total = 0.0
    for a, b in product(range(K), range(M)):
        total += count[a, b] * left[a : a + 2, b : b + 2].mean()
    return np.asarray(left - total / count.sum())


def _bins(x: Floats, edges: Floats) -> Floats:
    return np.array([max(0, int(np.sum(edges < value)) - 1) for value in x])


def h_squared(model: Model, X: Floats, j: int, k: int) -> tuple[float, float]:
    """Return the share of the joint effect of two columns that is interaction, and its size."""
    single = [_center(dependence(model, X, [c], X[:, [c]])) for c in (j, k)]
    joint = _center(dependence(model, X, [j, k], X[:, [j, k]]))
    left = ((joint - single[0] - single[1]) ** 2).sum()
    return float(left / (joint**2).sum()), float(np.sqrt(left / len(X)))


def h_overall(model: Model, X: Floats, j: int) -> float:
    """Return the share of the prediction that is interaction of a column with any other."""
    others = [c for c in range(X.shape[1]) if c != j]
    alone = _center(dependence(model, X, [j], X[:, [j]]))
    rest = _center(dependence(model, X, others, X[:, others]))
    said = _center(model(X))
    return float(((said - alone - rest) ** 2).sum() / (said**2).sum())


def _center(values: Floats) -> Floats:
    return np.asarray(values - values.mean())
