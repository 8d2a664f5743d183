"""The grid that the numbers of a column lie on."""

import numpy as np

from whence.core.types import Floats, Ints

_FINEST = 4
"""Decimals up to which a column is taken to lie on a grid of its own."""
_GRID = 5
"""Powers of ten by which the grid of other columns is finer than their range."""
_SAME = 2e-7
"""Relative difference of numbers that went through float32."""


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
