"""Distances, p-values and bounds are those of their definitions."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from whence.kernels.mixed_distance import decimals_of, mixed_distances, scales_of, spread_out
from whence.kernels.standing import conformal


def test_the_distance_is_summed_column_by_column() -> None:
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
    A[:, 2], B[:, 2] = rng.integers(0, 3, size=5), rng.integers(0, 3, size=4)
    A[0, 0], B[1, 0], A[0, 1], B[1, 1] = np.nan, np.nan, np.nan, 0.0
    scale, category = np.array([2.0, 0.5, 1.0]), np.array([False, False, True])
    found = mixed_distances(A, B, scale, category)
    for i, a in enumerate(A):
        for k, b in enumerate(B):
            truth = 0.0
            for j in range(3):
                if np.isnan(a[j]) or np.isnan(b[j]):
                    truth += float(np.isnan(a[j]) != np.isnan(b[j]))
                else:
                    truth += float(a[j] != b[j]) if category[j] else abs(a[j] - b[j]) / scale[j]
            assert_allclose(found[i, k], truth)


def test_a_p_value_of_rows_like_the_others_is_even() -> None:
    """Of exchangeable rows, at most a share of alpha has a p-value of alpha or less."""
    rng = np.random.default_rng(1)
    p = np.concatenate(
        [
            conformal(rng.normal(size=(99, 2)), rng.normal(size=(20, 2)), np.ones(2),
                      np.zeros(2, dtype=bool), neighbors=3)
            for _ in range(40)
        ]
    )  # fmt: skip
    for alpha in (0.05, 0.2, 0.5):
        assert abs((p <= alpha).mean() - alpha) < 0.06


def test_scales_and_decimals_of_odd_columns() -> None:
    X = np.array([[0.0, 7.0, 1.5, np.nan, 0.1], [0.0, 7.0, 2.25, np.nan, 0.7]])
    X[:, 4] = X[:, 4].astype(np.float32)
    assert_allclose(scales_of(X, mad=False), [1.0, 7.0, 0.75, 1.0, 0.6], rtol=1e-6)
    assert_array_equal(decimals_of(X), [0, 0, 2, 0, 1])
    skewed = np.array([[0.0], [0.0], [1.0], [9.0]])
    assert_allclose(scales_of(skewed, mad=True), 0.5)


def test_what_is_taken_lies_apart() -> None:
    at = np.array([0.0, 1.0, 1.1, 9.0])
    taken = spread_out(np.abs(np.subtract.outer(at, at)), np.array([1.0, 2.0, 2.0, 3.0]), 3)
    assert_array_equal(taken[:2], [0, 3])
    assert len(spread_out(np.zeros((3, 3)), np.ones(3), 3)) == 1
