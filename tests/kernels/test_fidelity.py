"""A fidelity is what it is defined to be, whatever the scale."""

import numpy as np
from numpy.testing import assert_allclose

from whence.kernels.fidelity import r_squared


def test_r_squared_of_constants_and_of_large_numbers() -> None:
    rng = np.random.default_rng(0)
    Y = np.column_stack([np.full(50, 0.1), np.full(50, 0.1), 1e9 + rng.normal(size=50)])
    said = Y + np.array([0, 1, 0.5])
    truth = 1 - 0.25 / Y[:, 2].var()

    found = r_squared(Y, said, rng)

    assert_allclose(found[:, 0], [1, 0, truth], rtol=1e-6)
