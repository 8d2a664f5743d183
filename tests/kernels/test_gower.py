"""Gower's distance is what its definition says, to the last bit alike for any block."""

import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal

from reference import examples
from strategies import seeds
from whence.kernels import gower
from whence.kernels.gower import distances, ranges, scales_of


@given(seeds)
def test_the_distance_is_that_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m, p = rng.integers(1, 6, 3)
    X, Z = (rng.integers(0, 4, (rows, p)) * 1.5 for rows in (n, m))
    for part in (X, Z):
        part[rng.random(part.shape) < rng.choice([0.0, 0.3])] = np.nan
    coded = rng.random(p) < 0.4
    weight = rng.choice([np.ones(p), rng.random(p) + 0.1])
    scale = ranges(Z)

    found = distances(X, Z, scale, coded, weight)

    truth = [[examples.gower(x, z, scale, coded, weight) for z in Z] for x in X]
    assert_allclose(found, truth, atol=1e-12)
    single = [distances(x[None], z[None], scale, coded, weight)[0, 0] for x in X for z in Z]
    assert_allclose(found.ravel(), single, atol=1e-12)


def test_many_categories_are_compared_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    X = rng.integers(0, 6, (60, 5)).astype(float)
    X[rng.random(X.shape) < 0.2] = np.nan
    few = distances(X, X, np.ones(5), np.ones(5, dtype=bool))
    monkeypatch.setattr(gower, "_LEVELS", 1)

    assert_array_equal(distances(X, X, np.ones(5), np.ones(5, dtype=bool)), few)


def test_a_pair_has_the_same_bits_in_any_block_of_rows() -> None:
    rng = np.random.default_rng(0)
    X, Z = rng.normal(size=(40, 7)), rng.normal(size=(30, 7))
    X[3, 2] = X[5, 1] = Z[2, 3] = np.nan
    coded = np.arange(7) > 4
    whole = distances(X, Z, ranges(Z), coded)

    for i in range(40):
        assert_array_equal(distances(X[i : i + 1], Z, ranges(Z), coded)[0], whole[i])
    assert_allclose(distances(X, Z[5:9], ranges(Z), coded), whole[:, 5:9], atol=1e-15)


def test_the_kernel_of_it_is_positive_definite_with_missing_cells_and_categories() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        X = rng.normal(size=(30, 4))
        X[:, 2:] = rng.integers(0, 3, (30, 2))
        X[rng.random(X.shape) < 0.3] = np.nan
        apart = distances(X, X, ranges(X), np.array([False, False, True, True]))
        assert np.linalg.eigvalsh(np.exp(-apart / np.median(apart))).min() > -1e-10


def test_a_column_that_is_all_missing_or_constant_has_no_range() -> None:
    Z = np.array([[np.nan, 2.0, 1.0], [np.nan, 2.0, 3.0]])

    assert_array_equal(ranges(Z), [0.0, 0.0, 2.0])
    assert_allclose(
        distances(np.array([[np.nan, 5.0, 3.0]]), Z, ranges(Z), np.zeros(3, dtype=bool)),
        [[2 / 3, 1 / 3]],
    )


def test_scales_of_odd_columns() -> None:
    X = np.array([[0.0, 7.0, 1.5, np.nan], [0.0, 7.0, 2.25, np.nan]])
    assert_allclose(scales_of(X, mad=False), [1.0, 7.0, 0.75, 1.0])
    skewed = np.array([[0.0], [0.0], [1.0], [9.0]])
    assert_allclose(scales_of(skewed, mad=True), 0.5)


def test_small_differences_of_large_numbers_keep_their_bits() -> None:
    far = 1.7e9 + np.array([[0.0], [1.0], [3.0]])
    scale, coded = np.array([3.0]), np.array([False])
    assert_array_equal(
        distances(far, far, scale, coded), distances(far - 1.7e9, far - 1.7e9, scale, coded)
    )
