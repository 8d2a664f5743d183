"""Systems solved block by block are solved, whatever their size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from strategies import seeds
from whence.kernels.cholesky import solve_positive


@given(seeds, st.integers(1, 200), st.integers(1, 5))
@settings(deadline=None, max_examples=30)
def test_the_solution_solves(seed: int, size: int, sides: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    A, B = root @ root.T + np.eye(size), rng.normal(size=(size, sides))
    assert_allclose(A @ solve_positive(A.copy(), B), B, atol=1e-9)


def test_what_is_not_definite_is_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        solve_positive(-np.eye(70), np.ones((70, 1)))
