"""The standard error of a mean over rows is that of sampling in two stages."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from whence.kernels.row_means import RowMeans


@pytest.mark.parametrize("visited", [5, 20, 40])
def test_the_standard_error_is_the_spread_of_repeated_samples(visited: int) -> None:
    setup = np.random.default_rng(0)
    truth, noise = setup.normal(size=(40, 2)), setup.uniform(0.2, 2, size=(40, 1, 1))
    found, said = [], []
    for seed in range(2_000):
        rng = np.random.default_rng(seed)
        rows = rng.permutation(40)[:visited]
        means = RowMeans(40, 2)
        draws = truth[rows, None] + noise[rows] * rng.normal(size=(visited, 2, 2))
        means.add(rows, draws)
        found.append(means.mean())
        said.append(means.stderr() ** 2)

    assert_allclose(np.mean(said, axis=0), np.var(found, axis=0), rtol=0.12)
    assert_allclose(np.mean(found, axis=0), truth.mean(axis=0), atol=5 * np.std(found) / 2_000**0.5)


def test_draws_may_come_in_parts() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(3, 6, 2)) + 50
    once, parts = RowMeans(3, 2), RowMeans(3, 2)

    once.add(np.arange(3), draws)
    parts.add(np.array([2, 0, 1]), draws[[2, 0, 1], :2])
    parts.add(np.array([1]), draws[[1], 2:])
    parts.add(np.array([0, 2]), draws[[0, 2], 2:])

    assert_allclose(parts.mean(), once.mean())
    assert_allclose(parts.stderr(), once.stderr())
    by_hand = np.sqrt((draws.var(axis=1, ddof=1) / 6).sum(axis=0)) / 3
    assert_allclose(once.stderr(), by_hand)


def test_a_single_row_of_several_tells_nothing_of_the_error() -> None:
    means = RowMeans(3, 1)
    means.add(np.array([1]), np.ones((1, 2, 1)))

    assert means.visited == 1
    assert np.isinf(means.stderr()).all()
