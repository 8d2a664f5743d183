"""Distances between rows of numbers and categories: Gower's, with missing cells.

The distance of two rows is the mean over the columns of

- numbers: their difference, over the scale of the column, such as its range;
- categories: 0 if they are the same, else 1;
- missing cells: 0 if both are missing, 1 if one is.

It is an L1 distance, so ``exp(-distance / width)`` is positive definite over the rows that the
ranges are of, and may serve as the kernel of a maximum mean discrepancy.

References
----------
Gower 1971, doi:10.2307/2528823. Gower & Legendre 1986, doi:10.1007/BF01896809.
"""

import numpy as np

from whence.core.types import Bools, Floats

_FEW = 32
"""Rows below which indicators are not worth making."""
_LEVELS = 256
"""Levels of all columns together up to which indicators are multiplied."""


def ranges(Z: Floats) -> Floats:
    """Return the range of each column, of shape (columns,); 0 where nothing varies.

    Examples
    --------
    >>> ranges(np.array([[1.0, np.nan], [3.0, np.nan]]))
    array([2., 0.])
    """
    there = ~np.isnan(Z)
    low = np.where(there, Z, np.inf).min(axis=0)
    high = np.where(there, Z, -np.inf).max(axis=0)
    return np.asarray(np.where(there.any(axis=0), high - low, 0.0))


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


def distances(
    X: Floats, Z: Floats, scale: Floats, coded: Bools, weight: Floats | None = None
) -> Floats:
    """Return the distance of each row of ``X`` from each of ``Z``.

    Each number depends on its two rows alone, to the last bit.

    Parameters
    ----------
    X, Z : arrays of shape (rows, columns) and (others, columns)
        Numbers, and codes of categories that mean the same in both; NaN is missing.
    scale : array of shape (columns,)
        What a difference of numbers is divided by. Where it is 0, numbers count as categories.
    coded : bool array of shape (columns,)
        Which columns hold codes.
    weight : array of shape (columns,) or None
        How much each column counts; their sum is what a mean is divided by.

    Returns
    -------
    array of shape (rows, others)

    Examples
    --------
    >>> X = np.array([[20.0, 0.0], [np.nan, 1.0]])
    >>> distances(X, X[:1], np.array([40.0, 1.0]), np.array([False, True]))
    array([[0.],
           [1.]])
    """
    from scipy.spatial.distance import cdist

    weight = np.ones(X.shape[1]) if weight is None else weight
    named = coded | (scale <= 0)
    gaps = ~named & np.isnan(Z).any(axis=0)
    out = np.zeros((len(X), len(Z)))
    # A row that lacks a number is summed up by itself, so that it changes no bit of others.
    whole = ~np.isnan(X[:, ~named & ~gaps]).any(axis=1)
    for rows, slow in ((whole, gaps), (~whole, ~named)):
        fast = ~named & ~slow
        if rows.any():
            out[rows] = _plain(X[rows][:, fast], Z[:, fast], scale[fast], weight[fast])
            for j in np.flatnonzero(slow):
                out[rows] += weight[j] * _gappy(X[rows, j, None], Z[None, :, j], scale[j])
    if named.any():
        a, b = (np.where(np.isnan(part[:, named]), -np.inf, part[:, named]) for part in (X, Z))
        if (weight[named] == weight[named][0]).all():
            out += weight[named][0] * _different(a, b)
        else:
            out += cdist(a, b, "hamming", w=weight[named]) * weight[named].sum()
    return np.asarray(out / weight.sum())


def _plain(X: Floats, Z: Floats, scale: Floats, weight: Floats) -> Floats:
    """Return the sum over columns of numbers of which none is missing."""
    from scipy.spatial.distance import cdist

    if not len(scale):
        return np.zeros((len(X), len(Z)))
    # Weighted differences: differences of weighted numbers would lose the bits of small ones.
    return np.asarray(cdist(X, Z, "cityblock", w=weight / scale))


def _different(a: Floats, b: Floats) -> Floats:
    """Return in how many columns rows differ, a whole number whatever the way.

    A product of indicators is some ten times faster than comparing, if there are few levels.
    """
    from scipy.spatial.distance import cdist

    if min(len(a), len(b)) < _FEW:
        return np.asarray(np.rint(cdist(a, b, "hamming") * a.shape[1]))
    codes = [
        np.unique(np.concatenate(c), return_inverse=True)[1] for c in zip(a.T, b.T, strict=True)
    ]
    sizes = [int(code.max()) + 1 for code in codes]
    if sum(sizes) > _LEVELS:
        return np.asarray(np.rint(cdist(a, b, "hamming") * a.shape[1]))
    one = np.concatenate(
        [np.eye(k, dtype=np.float32)[c] for k, c in zip(sizes, codes, strict=True)], axis=1
    )
    return np.asarray(a.shape[1] - one[: len(a)] @ one[len(a) :].T, dtype=np.float64)


def _gappy(x: Floats, z: Floats, scale: float) -> Floats:
    """Return the distance in one column of numbers, some of which are missing."""
    alone = np.isnan(x) != np.isnan(z)
    return np.where(np.isnan(x) | np.isnan(z), alone, np.abs(x - z) / scale)
