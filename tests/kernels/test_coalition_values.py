"""Shapley values of games whose every coalition is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from reference.games import random_game, shapley_over_orders
from reference.shapley import shapley
from strategies import seeds
from whence.kernels.coalition_values import (
    Exactly,
    all_coalitions,
    members,
    numbers_of,
    shapley_values,
    sizes,
)


@given(seeds, st.integers(1, 6), st.integers(1, 3))
def test_values_are_those_of_the_definition(seed: int, p: int, outputs: int) -> None:
    v = random_game(seed, p, outputs)

    assert_allclose(shapley_values(v), shapley(v, p), atol=1e-12)


def test_values_are_the_mean_over_all_orders() -> None:
    v = random_game(3, 5)

    assert_allclose(shapley_values(v), shapley_over_orders(v), atol=1e-12)


@pytest.mark.parametrize("T", [(0,), (1, 3), (0, 2, 3, 4)])
def test_a_unanimity_game_is_shared_evenly(T: tuple[int, ...]) -> None:
    known = members(np.arange(2**5), 5)
    v = known[:, list(T)].all(axis=1, keepdims=True).astype(float)

    assert_allclose(shapley_values(v)[:, 0], [i in T and 1 / len(T) for i in range(5)], atol=1e-15)


def test_the_glove_game_gives_the_rare_glove_most() -> None:
    left, right = members(np.arange(8), 3)[:, :2].sum(axis=1), members(np.arange(8), 3)[:, 2]
    v = np.minimum(left, right)[:, None].astype(float)

    assert_allclose(shapley_values(v)[:, 0], [1 / 6, 1 / 6, 4 / 6], atol=1e-15)


@given(st.integers(0, 12))
def test_numbers_and_members_are_each_others_inverse(p: int) -> None:
    numbers = np.arange(2**p)

    assert_array_equal(numbers_of(members(numbers, p)), numbers)
    assert_array_equal(sizes(p), members(numbers, p).sum(axis=1))


@pytest.mark.parametrize("most", [1, 5, 10_000])
def test_the_sampler_says_nothing_before_it_knows_all(most: int) -> None:
    v = random_game(0, 11)
    sampler = all_coalitions(11, v[0], v[-1], shapley_values)
    assert sampler.fewest == 2**11 - 2

    while len(known := sampler.ask(most)):
        assert len(known) <= most
        assert sampler.estimate() is None or not len(sampler.ask(most))
        sampler.tell(v[numbers_of(known)])
        if most == 1 and numbers_of(known)[0] > 20:
            return  # one by one takes long

    estimate = sampler.estimate()
    assert estimate is not None
    assert_allclose(estimate.values, shapley_values(v))
    assert_array_equal(estimate.stderr, 0)


def test_an_empty_list_is_known_at_once() -> None:
    nothing = Exactly(
        total=0, take=lambda a, b: np.ones((b - a, 1), bool), values=lambda _: np.ones((1, 1)),
        outputs=1,
    )  # fmt: skip

    assert len(nothing.ask(10)) == 0
    assert nothing.estimate() is not None
