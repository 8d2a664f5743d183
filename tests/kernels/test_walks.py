"""Walks along random orders: unbiased, with honest standard errors, exact when all is known."""

from itertools import permutations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from reference.games import over_orders, random_game
from reference.shapley import shapley
from strategies import seeds
from whence.core.game import Estimate
from whence.core.types import Bools, Floats, Ints
from whence.kernels.coalition_values import numbers_of
from whence.kernels.orders import (
    causal_orders,
    causal_steps,
    find_cycle,
    step_values,
    uniform_orders,
    uniform_steps,
)
from whence.kernels.walks import Moments, Walks


def causes_of(p: int, edges: list[tuple[int, int]]) -> Bools:
    causes = np.zeros((p, p), dtype=bool)
    for cause, effect in edges:
        causes[effect, cause] = True
    return causes


def chances(causes: Bools) -> tuple[list[tuple[int, ...]], list[float]]:
    """Return every order and its probability, straight from the rule of drawing."""
    orders, found = list(permutations(range(len(causes)))), []
    for order in orders:
        chance, known = 1.0, set[int]()
        for i in order:
            can = [
                j
                for j in range(len(causes))
                if j not in known and {*np.flatnonzero(causes[j])} <= known
            ]
            chance *= (i in can) / max(len(can), 1)
            known.add(i)
        found.append(chance)
    return orders, found


def walk(v: Floats, budget: int, sampler: Walks) -> tuple[Estimate | None, int]:
    """Let the sampler ask all it may; return what it says and what it cost."""
    left = budget
    while len(known := sampler.ask(left)):
        left -= len(known)
        assert left >= 0
        sampler.tell(v[numbers_of(known)])
    return sampler.estimate(), budget - left


def walks(v: Floats, seed: int, *, remember: bool, causes: Bools | None = None) -> Walks:
    p, rng = len(v).bit_length() - 1, np.random.default_rng(seed)

    def orders(n: int) -> Ints:
        return uniform_orders(n, p, rng) if causes is None else causal_orders(n, causes, rng)

    steps = uniform_steps(p) if causes is None else causal_steps(causes)
    return Walks(
        nobody=v[0], everybody=v[-1], players=p, orders=orders, antithetic=causes is None,
        steps=steps if remember else None, judged=False,
    )  # fmt: skip


@given(seeds, st.integers(1, 6))
def test_with_enough_budget_all_is_known_and_exact(seed: int, p: int) -> None:
    v = random_game(seed, p, 2)

    estimate, cost = walk(v, 10**6, walks(v, seed, remember=True))

    assert estimate is not None
    assert cost == 2**p - 2
    assert_allclose(estimate.values, shapley(v, p), atol=1e-12)
    assert_array_equal(estimate.stderr, 0)


@given(seeds, st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=6))
def test_causes_come_first_with_the_probabilities_of_the_rule(
    seed: int, pairs: list[tuple[int, int]]
) -> None:
    causes = causes_of(5, [(min(e), max(e)) for e in pairs if e[0] != e[1]])
    v = random_game(seed, 5)
    truth = over_orders(v, *chances(causes))

    assert_allclose(step_values(v, causal_steps(causes)), truth, atol=1e-12)
    estimate, cost = walk(v, 10**6, walks(v, seed, remember=True, causes=causes))
    assert estimate is not None
    assert cost <= 2**5 - 2
    assert_allclose(estimate.values, truth, atol=1e-12)


def test_orders_are_drawn_with_the_probabilities_of_the_rule() -> None:
    causes = causes_of(4, [(0, 1), (2, 1)])
    orders, expected = chances(causes)

    drawn = causal_orders(40_000, causes, np.random.default_rng(0)).tolist()

    counts = np.array([drawn.count(list(order)) for order in orders])
    assert_allclose(counts / 40_000, expected, atol=4 * np.sqrt(0.25 / 40_000))
    assert not counts[np.array(expected) == 0].any()


def test_tiers_make_all_orders_that_are_allowed_alike() -> None:
    causes = causes_of(5, [(i, j) for i in (0, 1) for j in (2, 3, 4)])
    _, found = chances(causes)

    assert_allclose([c for c in found if c], 1 / 12)


@pytest.mark.parametrize("causes", [None, causes_of(6, [(0, 3), (3, 5)])])
def test_intervals_cover_the_truth_as_often_as_they_should(causes: Bools | None) -> None:
    v = random_game(5, 6)
    truth = step_values(v, uniform_steps(6) if causes is None else causal_steps(causes))
    hits, price = [], 10 if causes is None else 5
    for seed in range(300):
        estimate, cost = walk(v, 25 * price, walks(v, seed, remember=False, causes=causes))
        assert estimate is not None
        assert cost == 25 * price
        hits.append(np.abs(estimate.values - truth) <= 1.96 * estimate.stderr)

    share = np.mean(hits, axis=0)
    assert (share > 0.9).all()
    assert 0.93 < share.mean() < 0.97


def test_remembering_spares_questions_and_keeps_the_intervals_honest() -> None:
    v = random_game(9, 7)
    hits, costs = [], []
    for seed in range(300):
        estimate, cost = walk(v, 60, walks(v, seed, remember=True))
        assert estimate is not None
        hits.append(np.abs(estimate.values - shapley(v, 7)) <= 1.96 * estimate.stderr)
        costs.append(cost)

    assert np.mean(hits) > 0.92
    assert max(costs) <= 60


@settings(max_examples=30)
@given(seeds, st.integers(2, 7), st.integers(0, 200), st.booleans())
def test_values_add_up_however_few_the_walks(seed: int, p: int, more: int, memory: bool) -> None:
    v = random_game(seed, p, 2)
    sampler = walks(v, seed, remember=memory)

    estimate, cost = walk(v, sampler.fewest + more, sampler)

    assert estimate is not None
    assert cost <= sampler.fewest + more
    assert_allclose(estimate.values.sum(axis=0), v[-1] - v[0], atol=1e-11)


def test_few_walks_that_agree_are_not_believed() -> None:
    v = random_game(0, 13)

    def said(pairs: int, *, judged: bool) -> bool | None:
        rng = np.random.default_rng(0)
        sampler = Walks(
            nobody=v[0], everybody=v[-1], players=13, steps=None, antithetic=True, judged=judged,
            orders=lambda n: uniform_orders(n, 13, rng),
        )  # fmt: skip
        estimate, _ = walk(v, pairs * 24, sampler)
        assert estimate is not None
        return estimate.settled

    assert said(9, judged=True) is False
    assert said(9, judged=False) is None
    assert said(10, judged=True) is None


def test_moments_are_those_of_all_draws_together() -> None:
    draws = np.random.default_rng(0).normal(size=(17, 3, 2)) + 100
    moments = Moments((3, 2))
    for part in np.split(draws, [1, 4, 9]):
        moments.add(part)

    assert_allclose(moments.mean, draws.mean(axis=0))
    own = draws.var(axis=0, ddof=1)
    shrunk = (16 * own + 2 * own.mean(axis=0)) / 18
    widened = scipy.stats.t.ppf(0.975, 18) / scipy.stats.norm.ppf(0.975)
    assert_allclose(moments.stderr(), widened * np.sqrt(shrunk / 17), rtol=1e-3)


def test_draws_that_agree_by_chance_are_no_certainty() -> None:
    """The largest of ten numbers: what most of them add in a few orders is nothing at all."""
    row, *others = np.random.default_rng(1).normal(size=(5, 10))
    known = (np.arange(2**10)[:, None] >> np.arange(10) & 1).astype(bool)
    v = np.mean([np.where(known, row, z).max(axis=1) for z in others], axis=0)[:, None]
    truth, hits = shapley(v, 10), []
    for seed in range(100):
        estimate, _ = walk(v, 5 * 18, walks(v, seed, remember=False))
        assert estimate is not None
        assert (estimate.stderr > 0).all()
        hits.append(np.abs(estimate.values - truth) <= 1.96 * estimate.stderr)

    assert np.mean(hits) > 0.9


def test_cycles_are_found() -> None:
    assert find_cycle(causes_of(4, [(0, 1), (1, 2), (2, 1)])).tolist() == [1, 2]
    assert find_cycle(causes_of(4, [(0, 0)])).tolist() == [0]
    assert find_cycle(causes_of(4, [(0, 1), (1, 2), (0, 2)])).tolist() == []
