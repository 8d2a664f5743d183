"""What is taken of many items lies apart."""

import numpy as np
from numpy.testing import assert_array_equal

from whence.kernels.spread_out import spread_out


def test_what_is_taken_lies_apart() -> None:
    at = np.array([0.0, 1.0, 1.1, 9.0])
    taken = spread_out(np.abs(np.subtract.outer(at, at)), np.array([1.0, 2.0, 2.0, 3.0]), 3)
    assert_array_equal(taken[:2], [0, 3])
    assert len(spread_out(np.zeros((3, 3)), np.ones(3), 3)) == 1
