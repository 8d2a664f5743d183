"""Interaction indices are those of the definitions, and sampled ones lie where they say."""

from fractions import Fraction
from itertools import chain, combinations
from math import comb
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from reference.games import random_game
from reference.shapley import k_sii, mobius, shapley, sii
from strategies import seeds
from whence.core.game import Estimate
from whence.core.types import Floats
from whence.kernels.coalition_values import members, numbers_of
from whence.kernels.interaction_indices import (
    Index,
    coalition_weights,
    index_values,
    parity_columns,
    parity_index,
    sets_of,
    share,
)
from whence.kernels.sampled_interactions import InteractionSampler

INDICES: tuple[Index, ...] = get_args(Index)


def fsii(v: Floats, p: int, order: int) -> dict[tuple[int, ...], Floats]:
    """Return the polynomial nearest to the game under Shapley's weights, exact at both ends.

    Tsai et al. (2023, arXiv:2203.00870), by weighted least squares with two constraints.
    """
    sets = [S for s in range(order + 1) for S in combinations(range(p), s)]
    known = members(np.arange(2**p), p)
    design = np.array([[all(row[i] for i in S) for S in sets] for row in known], dtype=float)
    size = known.sum(axis=1)[1:-1]
    binomial = np.array([comb(p, int(s)) for s in size])
    weight = (p - 1) / (binomial * size * (p - size))
    inner, ends = design[1:-1], design[[0, -1]]
    left = np.block([[inner.T @ (weight[:, None] * inner), ends.T], [ends, np.zeros((2, 2))]])
    right = np.concatenate([inner.T @ (weight[:, None] * v[1:-1]), v[[0, -1]]])
    found = np.linalg.lstsq(left, right, rcond=None)[0]
    return {S: found[i] for i, S in enumerate(sets) if S}


def naive(v: Floats, p: int, order: int, index: Index) -> Floats:
    """Return the index of all sets up to the order, by size and then in lexicographic order."""
    sets = list(chain(*(combinations(range(p), s) for s in range(1, min(order, p) + 1))))
    if index == "FSII":
        found = fsii(v, p, order)
    elif index == "k-SII":
        found = k_sii(v, p, order)
    else:
        found = {S: sii(v, p, S) for S in sets if len(S) == order}
    return np.array([found[S] for S in sets if S in found]).reshape(-1, v.shape[1])


def run(v: Floats, order: int, index: Index, seed: int, budget: int) -> tuple[Estimate, int]:
    p = len(v).bit_length() - 1
    sampler = InteractionSampler(
        players=p, order=order, index=index, nobody=v[0], everybody=v[-1],
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    left = budget
    while len(known := sampler.ask(left)):
        left -= len(known)
        assert left >= 0
        sampler.tell(v[numbers_of(known)])
    estimate = sampler.estimate()
    assert estimate is not None
    return estimate, budget - left


@settings(max_examples=30)
@given(seeds, st.integers(2, 6), st.sampled_from([2, 3]), st.sampled_from(INDICES))
def test_with_enough_budget_the_values_are_those_of_the_definition(
    seed: int, p: int, order: int, index: Index
) -> None:
    v = random_game(seed, p, 2)

    estimate, cost = run(v, order, index, seed, 10**6)

    assert cost == 2**p - 2
    assert_allclose(estimate.values, naive(v, p, order, index), atol=1e-9)
    assert_allclose(estimate.stderr, 0)


@pytest.mark.parametrize("index", INDICES)
def test_one_player_gets_all(index: Index) -> None:
    estimate, cost = run(np.array([[1.0], [4.0]]), 2, index, 0, 5)

    assert cost == 0
    assert_allclose(estimate.values, np.empty((0, 1)) if index == "SII" else [[3.0]])


@given(seeds, st.integers(2, 6), st.integers(1, 3), st.sampled_from(INDICES))
def test_the_index_of_a_polynomial_is_known_without_its_coalitions(
    seed: int, p: int, degree: int, index: Index
) -> None:
    basis, sets = sets_of(p, min(degree, p)), sets_of(p, min(3, p))
    known = members(np.arange(2**p), p)
    coefficients = np.random.default_rng(seed).normal(size=(1 + sum(map(len, basis)), 2))
    v = parity_columns(known, basis) @ coefficients

    by_formula = parity_index(coefficients, basis, sets, 3, index)

    tables = coalition_weights(p, 3, index)[: len(sets)]
    assert_allclose(by_formula, index_values(known, v, sets, tables), atol=1e-10)


def test_shares_of_a_dividend() -> None:
    assert share("SII", 2, 1, 4) == Fraction(1, 4)
    assert share("k-SII", 2, 1, 2) == 0
    assert share("FSII", 2, 2, 2) == 1
    for index, order in (("k-SII", 2), ("k-SII", 3), ("FSII", 2), ("FSII", 3)):
        for t in range(1, 9):  # all sets in a dividend share the whole of it
            counts = [np.prod([Fraction(t - i, i + 1) for i in range(s)]) for s in range(order + 1)]
            shares = [counts[s] * share(index, order, s, t) for s in range(1, min(order, t) + 1)]
            assert sum(shares) == 1


def test_weights_of_many_players_do_not_drown_in_rounding() -> None:
    """All coalitions' weights of a single player in SII are Shapley's: they sum to two in size."""
    table = coalition_weights(60, 2, "SII")[0]
    sizes = np.array([[comb(59, t), comb(59, t - 1) if t else 0] for t in range(61)], dtype=float)

    assert_allclose((np.abs(table) * sizes).sum(), 2, rtol=1e-12)
    for index in INDICES:
        assert all(np.isfinite(t).all() for t in coalition_weights(60, 3, index))


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("order", [2, 3])
def test_intervals_cover_the_truth_as_often_as_they_should(index: Index, order: int) -> None:
    p = 9
    v = random_game(3, p) * 0.3
    known = members(np.arange(2**p), p)
    v += (known[:, :3].all(axis=1) + known @ np.arange(p) * 0.2)[:, None]
    sets = sets_of(p, order)
    truth = index_values(known, v, sets, coalition_weights(p, order, index))
    truth = truth[-len(sets[-1]) :] if index == "SII" else truth
    hits, errors, said = [], [], []
    for seed in range(200):
        estimate, cost = run(v, order, index, seed, 300)
        assert 298 <= cost <= 300
        hits.append(np.abs(estimate.values - truth) <= 1.98 * estimate.stderr)
        errors.append(estimate.values - truth)
        said.append(estimate.stderr)

    share_ = np.mean(hits, axis=0)
    assert 0.93 < share_.mean() < 0.97
    assert (share_ > 0.8).all()
    assert (share_ > 0.9).mean() > (0.8 if order == 3 else 0.95)  # few coalitions tell of triples
    errors_ = np.array(errors)
    assert_allclose(np.sqrt(np.mean(np.square(said))), errors_.std(), rtol=0.1)
    bias = np.abs(errors_.mean(axis=0)) / (errors_.std(axis=0) / np.sqrt(200))
    assert bias.max() < 4.5


@pytest.mark.parametrize("index", ["k-SII", "FSII"])
@pytest.mark.parametrize("budget", [40, 100, 700])
def test_sampled_values_add_up(index: Index, budget: int) -> None:
    v = random_game(0, 11, 2)

    estimate, _ = run(v, 2, index, 0, budget)

    assert_allclose(estimate.values.sum(axis=0), v[-1] - v[0], atol=1e-9)


@pytest.mark.parametrize("index", INDICES)
def test_a_game_of_low_order_is_exact_with_few_coalitions(index: Index) -> None:
    p, rng = 16, np.random.default_rng(0)
    basis = sets_of(p, 2)
    known = members(np.arange(2**p), p)
    coefficients = rng.normal(size=(1 + sum(map(len, basis)), 1))
    v = parity_columns(known, basis) @ coefficients

    estimate, _ = run(v, 2, index, 0, 1_500)

    truth = parity_index(coefficients, basis, basis, 2, index)
    truth = truth[p:] if index == "SII" else truth
    assert_allclose(estimate.values, truth, atol=1e-6)
    assert estimate.stderr.max() < 1e-6


def test_singles_of_sii_are_shapley_values_and_dividends_are_their_sums() -> None:
    v = random_game(0, 5)
    tables, sets = coalition_weights(5, 3, "SII"), sets_of(5, 3)
    values = index_values(members(np.arange(32), 5), v, sets, tables)

    assert_allclose(values[:5], shapley(v, 5), atol=1e-12)
    shares = {S: d / len(S) for S, d in mobius(v, 5).items() if S}
    assert_allclose(values[0], sum(d for S, d in shares.items() if 0 in S), atol=1e-12)
