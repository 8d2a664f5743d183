"""What an ensemble of trees can tell of a number: between which of its thresholds it lies."""

import numpy as np

from whence.core.types import Bools, Floats, Int32s


def split_codes(X: Floats, feature: Int32s, threshold: Floats, plain: Bools) -> Floats:
    """Return numbers that are equal where no split of the ensemble tells two cells apart.

    Parameters
    ----------
    X : array of shape (rows, columns)
        What the trees read; NaN is missing.
    feature : int32 array of shape (nodes,)
        Column that a node splits on, -1 at a leaf.
    threshold : array of shape (nodes,)
        A number goes left iff ``x <= threshold``.
    plain : bool array of shape (nodes,)
        Whether it does so; False where a node reads categories, or zeros as missing.

    Returns
    -------
    array of shape (rows, columns)
        How many thresholds are smaller, and NaN if missing; all zero for a column that no node
        reads, and the number itself for one that some node reads otherwise.

    Examples
    --------
    >>> X = np.array([[0.0, 9.0], [1.0, 8.0], [5.0, 7.0]])
    >>> split_codes(X, np.array([0, -1], dtype=np.int32), np.array([1.0, 0.0]),
    ...             np.array([True, True])).tolist()
    [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    """
    codes = np.zeros(X.shape)
    for j in np.unique(feature[feature >= 0]):
        mine = feature == j
        x = X[:, j]
        if plain[mine].all():
            below = np.searchsorted(np.unique(threshold[mine]), x, "left")
            codes[:, j] = np.where(np.isnan(x), np.nan, below)
        else:
            codes[:, j] = x
    return codes
