"""Distances over columns of numbers and of categories (Gower's, HEOM), and sets that lie apart.

A number counts by its difference as a share of the column's range, or of its median absolute
deviation; a category by 1 where it differs. Two missing cells are alike.

References
----------
Gower 1971, doi:10.2307/2528823; Wilson and Martinez 1997, doi:10.1613/jair.346.
"""

import numpy as np

from whence.core.types import Bools, Floats, Ints

_FINEST = 4
"""Decimals up to which a column is taken to lie on a grid of its own."""
_GRID = 5
"""Powers of ten by which the grid of other columns is finer than their range."""
_SAME = 2e-7
"""Relative difference of numbers that went through float32."""


def scales_of(numbers: Floats, *, mad: bool) -> Floats:
    """Return what a difference in each column is measured by, (columns,), always positive.

    A column without spread is measured by its own magnitude, or by 1 if that is zero.

    Parameters
    ----------
    numbers : array of shape (rows, columns)
        NaN is missing.
    mad : bool
        Whether to take the median absolute deviation, where that is not zero, and not the range.

    Examples
    --------
    >>> scales_of(np.array([[1.0, 5.0], [4.0, 5.0], [2.0, 5.0]]), mad=False)
    array([3., 5.])
    """
    out = np.ones(numbers.shape[1])
    for j, column in enumerate(numbers.T):
        known = column[~np.isnan(column)]
        if not len(known):
            continue
        spread = float(np.median(np.abs(known - np.median(known)))) if mad else 0.0
        spread = spread or float(known.max() - known.min()) or float(np.abs(known).max())
        out[j] = spread or 1.0
    return out


def decimals_of(numbers: Floats) -> Ints:
    """Return the decimals that the numbers of each column have, (columns,).

    Columns of more than four decimals get as many as a hundred-thousandth of their range takes.

    Examples
    --------
    >>> decimals_of(np.array([[1.0, 0.25, np.pi], [7.0, 1.5, 0.0]]))
    array([0, 2, 5])
    """
    out = np.zeros(numbers.shape[1], dtype=np.int64)
    for j, column in enumerate(numbers.T):
        known = column[~np.isnan(column)]
        if not len(known):
            continue
        error = _SAME * np.maximum(np.abs(known), 1e-12)
        for d in range(_FINEST + 1):
            if (np.abs(known - np.round(known, d)) <= error).all():
                out[j] = d
                break
        else:
            spread = float(known.max() - known.min()) or float(np.abs(known).max())
            out[j] = max(_FINEST + 1, _GRID - int(np.floor(np.log10(spread))))
    return out


def mixed_distances(A: Floats, B: Floats, scale: Floats, category: Bools) -> Floats:
    """Return the distance of each row of ``A`` from each of ``B``, (rows of A, rows of B).

    Parameters
    ----------
    A, B : arrays of shape (rows, columns)
    scale : array of shape (columns,)
        What a difference of numbers is divided by.
    category : bool array of shape (columns,)
        Which columns hold codes of categories.

    Examples
    --------
    >>> mixed_distances(np.array([[1.0, 0.0]]), np.array([[3.0, 1.0]]), np.array([4.0, 1.0]),
    ...                 np.array([False, True]))
    array([[1.5]])
    """
    out = np.zeros((len(A), len(B)))
    for j, (a, b) in enumerate(zip(A.T, B.T, strict=True)):
        apart = np.abs(a[:, None] - b) / scale[j]
        missing = np.isnan(a)[:, None] != np.isnan(b)
        out += np.where(
            missing, 1.0, np.nan_to_num(np.minimum(apart, 1.0) if category[j] else apart)
        )
    return out


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
