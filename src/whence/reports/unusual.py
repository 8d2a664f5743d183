"""Which rows are worth a closer look: the same ones every time, by a rule of one sentence."""

from typing import Final

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.types import Floats, Ints

RULE: Final = (
    "A row counts as unusual when its output lies far from the base value and its contributions "
    "form a rare combination: rows are ordered by the sum of their two ranks, the first by that "
    "distance and the second by the Mahalanobis distance of their contributions from the average "
    "row (covariance shrunk by a tenth towards its diagonal), which also decides ties. A row that "
    "is nearer to one already told than to the average row is passed over while others are left."
)
_SHRINK: Final = 0.1
_WIDE: Final = 1_000
"""Contributions per row beyond which correlations are left out of the distance."""


def unusual_rows(e: Attribution, count: int) -> Ints:
    """Return the positions of the most unusual rows, the most unusual first.

    Parameters
    ----------
    e : Attribution
        At least one row.
    count : int
        How many rows; fewer where there are fewer.

    Raises
    ------
    InputError
        If ``count`` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([[[0.1]], [[5.0]], [[-0.2]], [[0.1]]])
    >>> e = Attribution(values=values, base_values=np.zeros((4, 1)), outputs=values[:, 0])
    >>> unusual_rows(e, 2)
    array([1, 2])
    """
    if count < 0:
        raise InputError(f"The number of unusual rows is {count}. Give a number of at least 0.")
    distance = np.abs(e.outputs - e.base_values).max(axis=1)
    white = whitened(e.values.reshape(len(e), -1))
    rare = (white**2).sum(axis=1)
    order = np.lexsort((-rare, -_rank(distance) - _rank(rare)))
    near = np.zeros(len(e), dtype=np.bool_)
    told: list[int] = []
    for i in order:
        if len(told) == count:
            break
        if not near[i]:
            told.append(int(i))
            near |= ((white - white[i]) ** 2).sum(axis=1) < rare
    left = [int(i) for i in order if i not in set(told)]
    return np.array((told + left)[:count], dtype=np.int64)


def whitened(phi: Floats) -> Floats:
    """Return rows whose squared length is their Mahalanobis distance from the mean row.

    Parameters
    ----------
    phi : array of shape (rows, contributions)
    """
    centered = phi - phi.mean(axis=0)
    spread = centered.std(axis=0)
    used = spread > 1e-12 * max(float(spread.max(initial=0.0)), 1e-300)
    scaled = centered[:, used] / spread[used]
    if not used.any() or scaled.shape[1] > _WIDE:
        return np.asarray(scaled)
    correlation = scaled.T @ scaled / len(phi)
    correlation = (1 - _SHRINK) * correlation + _SHRINK * np.eye(len(correlation))
    return np.asarray(np.linalg.solve(np.linalg.cholesky(correlation), scaled.T).T)


def _rank(size: Floats) -> Floats:
    """Rank from 0 for the smallest; equal sizes share a rank."""
    return np.searchsorted(np.sort(size), size).astype(np.float64)
