"""Pairs are drawn once each, all of them if asked, and spread over sizes as they should be."""

from math import comb

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from reference.shapley import shapley
from whence.core.types import Bools
from whence.kernels import coalitions
from whence.kernels.coalitions import (
    Classic,
    Leverage,
    coalition_of_rank,
    pairs_of_sizes,
    spread,
    value_weights,
)


def halves(known: Bools) -> set[frozenset[bytes]]:
    """Return the pairs as sets of a coalition and its complement."""
    return {frozenset((row.tobytes(), (~row).tobytes())) for row in known}


@pytest.mark.parametrize("players", [2, 3, 4, 5, 6, 9])
@pytest.mark.parametrize("scheme", [Leverage, Classic])
def test_all_pairs_come_once(scheme: type[Leverage] | type[Classic], players: int) -> None:
    draws = scheme(players, np.random.default_rng(players))
    total = 2 ** (players - 1) - 1
    assert draws.total == total
    parts = [draws.draw(3), draws.draw(4), draws.draw(total)]
    known = np.concatenate([*parts, draws.draw(5)])
    assert len(known) == len(halves(known)) == total
    assert known.any(axis=1).all()
    assert not known.all(axis=1).any()


@pytest.mark.parametrize("players", [12, 18, 25, 61, 200])
def test_no_pair_comes_twice_in_batches(players: int) -> None:
    draws = Leverage(players, np.random.default_rng(0))
    batches = [draws.draw(k) for k in (7, 50, 200)]
    assert [len(batch) for batch in batches] == [7, 50, 200]
    assert len(halves(np.concatenate(batches))) == 257


def test_all_pairs_come_once_by_trial_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalitions, "_LISTED", 0)
    known = Leverage(8, np.random.default_rng(0)).draw(127)
    assert len(known) == len(halves(known)) == 127


def test_sizes_are_uniform_once_the_small_ones_are_all_drawn() -> None:
    draws = Leverage(30, np.random.default_rng(0))
    sizes = draws.draw(1000).sum(axis=1)
    count = np.bincount(sizes, minlength=16)[1:]
    assert count[0] == 30  # every single player
    assert_allclose(count[1:14], (1000 - 30) / 13.5, atol=1)
    assert_allclose(count[14], (1000 - 30) / 13.5 / 2, atol=1)  # a pair holds both halves


def test_every_pair_of_a_size_is_drawn_as_often() -> None:
    times = np.zeros(6)
    for seed in range(600):
        known = Leverage(6, np.random.default_rng(seed)).draw(14)
        times += np.where(known.sum(axis=1)[:, None] == 2, known, False).sum(axis=0)
    assert times.std() / times.mean() < 0.04


def test_classic_draws_sizes_as_the_kernel_weighs_them() -> None:
    draws = Classic(25, np.random.default_rng(0))
    known = draws.draw(5000)
    share = np.bincount(np.minimum(known.sum(axis=1), 25 - known.sum(axis=1)), draws.counts)[1:]
    s = np.arange(1, 13)
    assert_allclose(share / share.sum(), (1 / s / (25 - s)) / (1 / s / (25 - s)).sum(), atol=0.02)
    assert draws.counts[: 2 * len(known)].sum() > len(known)  # single players came many times


def test_spread_fills_the_small_sizes_first() -> None:
    assert_allclose(
        spread(10, np.array([2.0, 2.0, 1.0]), np.array([3.0, 50.0, 50.0])), [3, 14 / 3, 7 / 3]
    )
    assert_allclose(spread(1e9, np.array([2.0, 1.0]), np.array([3.0, 4.0])), [3, 4])


@pytest.mark.parametrize(("players", "size"), [(5, 1), (6, 3), (8, 4), (9, 2)])
def test_ranks_name_all_subsets(players: int, size: int) -> None:
    known = coalition_of_rank(np.arange(comb(players, size)), players, size)
    assert (known.sum(axis=1) == size).all()
    assert len(np.unique(known, axis=0)) == comb(players, size)
    assert not known[: comb(players - 1, size), -1].any()


def test_numbers_of_pairs() -> None:
    assert_array_equal(pairs_of_sizes(6), [6, 15, 10])
    assert_array_equal(pairs_of_sizes(7), [7, 21, 35])
    assert pairs_of_sizes(1).sum() == 0
    assert np.isfinite(pairs_of_sizes(3000)).all()


def test_weights_are_those_of_the_definition() -> None:
    v = np.random.default_rng(0).normal(size=(32, 2))
    mask = np.arange(1, 16)
    known = (mask[:, None] >> np.arange(5)) % 2 == 1
    u = (v[mask] - v[31 - mask]) / 2
    assert_allclose(value_weights(known).T @ u + (v[-1] - v[0]) / 5, shapley(v, 5))


def test_equal_generators_draw_equal_pairs() -> None:
    one, two = (Leverage(40, np.random.default_rng(3)) for _ in range(2))
    assert_array_equal(one.draw(99), two.draw(99))
