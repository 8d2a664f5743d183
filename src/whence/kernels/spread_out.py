"""A few items of many that lie apart, and cost little."""

import numpy as np

from whence.core.types import Floats, Ints


def spread_out(apart: Floats, cost: Floats, count: int) -> Ints:
    """Return which of some items to take so that they lie apart, the cheapest first.

    Each next one has the largest product of its distance from the nearest one taken and of its
    cheapness, ``lowest cost / cost``; ties go to the first. None that lies on one taken is.

    Parameters
    ----------
    apart : array of shape (items, items)
        Distances.
    cost : array of shape (items,)
    count : int
        Items to take at most.

    Examples
    --------
    >>> apart = np.abs(np.subtract.outer([0.0, 0.1, 5.0], [0.0, 0.1, 5.0]))
    >>> spread_out(apart, np.ones(3), 2)
    array([0, 2])
    """
    taken = [int(np.argmin(cost))]
    cheap = (cost.min() + 1e-9) / (cost + 1e-9)
    nearest = apart[taken[0]].copy()
    while len(taken) < count:
        worth = nearest * cheap
        best = int(np.argmax(worth))
        if worth[best] <= 0:
            break
        taken.append(best)
        nearest = np.minimum(nearest, apart[best])
    return np.array(taken, dtype=np.int64)
