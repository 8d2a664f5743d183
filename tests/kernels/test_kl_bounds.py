"""Bounds are as far from what was counted as the divergence allows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from whence.kernels.kl_bounds import kl_bounds


def divergence(p: float, q: float) -> float:
    return sum(a * np.log(a / b) for a, b in ((p, q), (1 - p, 1 - q)) if a > 0)


@given(st.integers(1, 500), st.data(), st.floats(0.1, 10))
def test_bounds_are_as_far_from_the_share_as_the_level_allows(
    n: int, data: st.DataObject, level: float
) -> None:
    right = data.draw(st.integers(0, n))

    low, high = (float(bound[0]) for bound in kl_bounds(np.array([right]), np.array([n]), level))

    assert 0 <= low <= right / n <= high <= 1
    if right:
        assert_allclose(n * divergence(right / n, low), level, rtol=1e-3, atol=1e-3)
    if right < n:
        assert_allclose(n * divergence(right / n, high), level, rtol=1e-3, atol=1e-3)


def test_what_was_never_tried_may_be_anything() -> None:
    low, high = kl_bounds(np.array([0]), np.array([0]), 3.0)

    assert (low, high) == (0, 1)
