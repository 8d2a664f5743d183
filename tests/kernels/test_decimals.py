"""Columns lie on the grid of the decimals that they are written with."""

import numpy as np
from numpy.testing import assert_array_equal

from whence.kernels.decimals import decimals_of


def test_decimals_of_odd_columns() -> None:
    X = np.array([[0.0, 7.0, 1.5, np.nan, 0.1], [0.0, 7.0, 2.25, np.nan, 0.7]])
    X[:, 4] = X[:, 4].astype(np.float32)
    assert_array_equal(decimals_of(X), [0, 0, 2, 0, 1])
