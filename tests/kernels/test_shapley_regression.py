"""Sampled values add up, are exact where they can be, and are as near the truth as they say."""

from collections.abc import Callable
from math import comb
from typing import get_args

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from reference.shapley import shapley
from whence.core.game import Estimate
from whence.core.types import Bools, Floats
from whence.kernels.hypercube_gp import Prior, _Likelihood, learn, left_out, posterior
from whence.kernels.shapley_regression import Sampling, ShapleyRegression

Game = Callable[[Bools], Floats]
schemes = pytest.mark.parametrize("sampling", get_args(Sampling))


def start(
    game: Game,
    players: int,
    seed: int = 0,
    sampling: Sampling = "leverage",
    tolerance: float | None = None,
) -> ShapleyRegression:
    ends = game(np.array([[False] * players, [True] * players]))
    generator = np.random.default_rng(seed)
    return ShapleyRegression(
        players, ends[0], ends[1], generator, sampling=sampling, tolerance=tolerance
    )


def estimates(sampler: ShapleyRegression, game: Game, budget: int) -> list[Estimate | None]:
    """Return all estimates on the way to the budget; none may ask about a coalition twice."""
    said, seen, left = [sampler.estimate()], [], budget
    while left > 0 and len(known := sampler.ask(left)):
        assert len(known) <= left
        left -= len(known)
        seen.append(known)
        sampler.tell(game(known))
        said.append(sampler.estimate())
    if seen:
        every = np.concatenate(seen)
        assert len(np.unique(every, axis=0)) == len(every)
    return said


def last(
    game: Game, players: int, budget: int, seed: int = 0, sampling: Sampling = "leverage"
) -> Estimate:
    said = estimates(start(game, players, seed, sampling), game, budget)[-1]
    assert said is not None
    return said


def table(v: Floats) -> Game:
    return lambda known: v[known @ (1 << np.arange(known.shape[1]))]


def rugged(seed: int, players: int, outputs: int = 1) -> Floats:
    """Return the worth of all coalitions of a small neural network."""
    generator = np.random.default_rng(seed)
    known = (np.arange(2**players)[:, None] >> np.arange(players)) % 2
    hidden = known @ generator.normal(size=(players, 12)) + generator.normal(size=12)
    return np.maximum(hidden, 0) @ generator.normal(size=(12, outputs))


@schemes
@pytest.mark.parametrize("players", [1, 2, 3, 4, 5, 8])
def test_all_coalitions_give_exact_values(players: int, sampling: Sampling) -> None:
    v = np.random.default_rng(players).normal(size=(2**players, 2))
    said = last(table(v), players, 2**players, sampling=sampling)
    assert_allclose(said.values, shapley(v, players), atol=1e-13)
    assert_array_equal(said.stderr, 0)


@schemes
def test_values_add_up_at_every_stage(sampling: Sampling) -> None:
    v = rugged(1, 11, 3)
    stages = estimates(start(table(v), 11, sampling=sampling, tolerance=1e-3), table(v), 2000)
    assert stages[0] is None
    assert len(stages) > 3
    for said in stages[1:]:
        assert said is not None
        assert_allclose(said.values.sum(axis=0), v[-1] - v[0], atol=1e-12)


@schemes
def test_effects_of_one_and_two_players_are_exact(sampling: Sampling) -> None:
    generator = np.random.default_rng(0)
    main, pairs = generator.normal(size=(15, 2)), generator.normal(size=(15, 15, 2))

    def game(known: Bools) -> Floats:
        z = known.astype(float)
        return z @ main + np.einsum("ci,cj,ijk->ck", z, z, pairs) + 7

    off = pairs.sum(axis=0) + pairs.sum(axis=1)
    few, many = (last(game, 15, budget, sampling=sampling) for budget in (60, 180))
    for said in (few, many):
        assert_allclose(said.values, main + off / 2, atol=1e-9)
    # too few to be sure that no other effect was missed
    assert 0 < few.stderr.max() < 0.01 * np.ptp(few.values)
    assert_array_equal(many.stderr, 0)


def test_an_effect_that_no_pair_shows_is_not_ruled_out() -> None:
    """Two pairs per player may all miss a rare interaction: then the error is not zero."""

    def game(known: Bools) -> Floats:
        rare = known[:, :3].all(axis=1) & ~known[:, 3:6].any(axis=1)
        return (known.sum(axis=1) + 20.0 * rare)[:, None]

    missed = 0
    for seed in range(30):
        said = last(game, 14, 56, seed)
        if np.abs(said.values - 1).max() < 1e-9:
            missed += 1
            assert (said.stderr > 0).all()
    assert missed


def test_a_tolerance_decides_when_to_look() -> None:
    v = rugged(1, 11)
    batches = [len(estimates(start(table(v), 11, tolerance=t), table(v), 2000)) for t in (1, 1e-3)]
    assert batches[0] > batches[1] > len(estimates(start(table(v), 11), table(v), 2000)) == 3


def test_a_product_of_many_players_is_shared_alike() -> None:
    def game(known: Bools) -> Floats:
        return known[:, :3].all(axis=1, keepdims=True) * 6.0 + known[:, 3:4]

    said = last(game, 18, 200)
    assert_allclose(said.values[:, 0], [2, 2, 2, 1] + [0] * 14, atol=0.02)


def test_players_that_nothing_depends_on_get_little_and_twins_alike() -> None:
    def game(known: Bools) -> Floats:
        z = known.astype(float)
        return np.tanh(z[:, :1] + z[:, 1:2] - z[:, 2:3] * z[:, 3:4] * 2)

    said = last(game, 16, 400)
    assert np.abs(said.values[4:]).max() < 1e-3
    assert_allclose(said.values[0], said.values[1], atol=1e-3)
    assert_allclose(said.values[2], said.values[3], atol=1e-3)


@pytest.mark.parametrize("budget", [44, 88, 176])
@schemes
def test_intervals_cover_the_truth(sampling: Sampling, budget: int) -> None:
    inside, errors = [], []
    for seed in range(60):
        v = rugged(seed, 11)
        truth = shapley_by_size(v, 11)
        said = last(table(v), 11, budget, seed, sampling)
        inside.append(np.abs(said.values - truth) <= 1.96 * said.stderr)
        errors.append(((said.values - truth) ** 2).sum() / (truth**2).sum())
    least, most = (0.91, 0.99) if sampling == "leverage" else (0.85, 0.995)
    assert least < np.mean(inside) < most
    assert np.mean(errors) < 1.5 / budget


def shapley_by_size(v: Floats, players: int) -> Floats:
    """Return the Shapley values of a game too large for the plain definition."""
    coalition = np.arange(2**players)
    member = (coalition[:, None] >> np.arange(players)) % 2 == 1
    size = member.sum(axis=1)
    weight = np.array([1 / (players * comb(players - 1, s)) for s in range(players)])
    values = np.empty((players, v.shape[1]))
    for i in range(players):
        S = coalition[~member[:, i]]
        values[i] = weight[size[S]] @ (v[S | 1 << i] - v[S])
    return values


def test_errors_are_a_fraction_of_those_of_least_squares() -> None:
    mean = dict.fromkeys(get_args(Sampling), 0.0)
    for seed in range(20):
        v = sparse(seed, 10)
        truth = shapley_by_size(v, 10)
        for sampling in mean:
            said = last(table(v), 10, 80, seed, sampling)
            mean[sampling] += float(((said.values - truth) ** 2).sum())
    assert mean["leverage"] < mean["classic"] / 3


def sparse(seed: int, players: int) -> Floats:
    """Return the worth of all coalitions of a game with three products of three players."""
    generator = np.random.default_rng(seed)
    z = np.where((np.arange(2**players)[:, None] >> np.arange(players)) % 2, 1.0, -0.5)
    v = z @ generator.normal(size=players)
    for _ in range(3):
        v += z[:, generator.permutation(players)[:3]].prod(axis=1) * 3
    return v[:, None]


@schemes
def test_equal_generators_give_equal_values(sampling: Sampling) -> None:
    v = rugged(2, 9)
    one, two = (last(table(v), 9, 100, 5, sampling) for _ in range(2))
    assert_array_equal(one.values, two.values)
    assert_array_equal(one.stderr, two.stderr)


def test_mirrored_outputs_are_as_each_alone() -> None:
    v = rugged(3, 9)
    alone = last(table(v), 9, 90)
    both = last(table(np.hstack([v, 5 - 2 * v])), 9, 90)
    assert_allclose(both.values, alone.values * [1, -2], rtol=1e-6, atol=1e-9)
    assert_allclose(both.stderr, alone.stderr * [1, 2], rtol=1e-5, atol=1e-9)


def test_outputs_of_different_players_are_each_right() -> None:
    v = np.hstack([rugged(seed, 10) for seed in range(4)])
    said, truth = last(table(v), 10, 120), shapley_by_size(v, 10)
    assert (((said.values - truth) ** 2).sum(axis=0) / (truth**2).sum(axis=0)).max() < 0.05
    assert np.mean(np.abs(said.values - truth) < 1.96 * said.stderr) > 0.85


def test_a_constant_output_has_no_values_and_no_error() -> None:
    v = np.hstack([rugged(0, 9), np.full((512, 1), 3.0)])
    said = last(table(v), 9, 40)
    assert_allclose(said.values[:, 1], 0, atol=1e-12)
    assert_allclose(said.stderr[:, 1], 0, atol=1e-12)


def test_the_fewest_coalitions_are_enough_and_fewer_are_not() -> None:
    v = rugged(0, 10)
    sampler = start(table(v), 10)
    assert sampler.fewest == 20
    sampler.tell(table(v)(sampler.ask(18)))
    assert sampler.estimate() is None
    sampler.tell(table(v)(sampler.ask(2)))
    assert sampler.estimate() is not None
    assert last(lambda known: np.zeros((len(known), 1)), 10, 20).values.max() == 0


def test_many_pairs_are_corrected_by_least_squares() -> None:
    generator = np.random.default_rng(0)
    v = rugged(0, 14) + generator.normal(size=(2**14, 1)) / 5
    truth = shapley_by_size(v, 14)
    said = last(table(v), 14, 5000)
    assert np.mean(np.abs(said.values - truth) < 2.5 * said.stderr) > 0.8
    assert ((said.values - truth) ** 2).sum() / (truth**2).sum() < 1e-3


def test_hundreds_of_players_are_no_trouble() -> None:
    weight = np.random.default_rng(0).normal(size=(300, 1))
    said = last(lambda known: np.tanh(known @ weight / 9), 300, 1200)
    assert np.corrcoef(said.values[:, 0], weight[:, 0])[0, 1] > 0.9


def pairs_of(players: int) -> Floats:
    return np.where((np.arange(2 ** (players - 1))[:, None] >> np.arange(players)) % 2, -1.0, 1.0)


def test_posterior_is_exact_where_all_is_known() -> None:
    z = pairs_of(6)
    v = np.random.default_rng(0).normal(size=(64, 1))
    mask = ((z > 0) @ (1 << np.arange(6))).astype(int)
    u = (v[mask] - v[63 - mask]) / 2
    prior = Prior(odds=np.linspace(-3, 1, 7), noise=0.3, doubt=0.2, scale=np.ones(1))
    values, stderr = posterior(prior, z, u)
    assert_allclose(values, shapley(v, 6), atol=1e-10)
    assert_allclose(stderr, 0, atol=1e-6)


def test_posterior_has_the_moments_of_games_drawn_from_the_prior() -> None:
    """Standard errors and errors agree over games that are what the prior believes."""
    generator, z = np.random.default_rng(1), pairs_of(6)
    prior = Prior(odds=np.linspace(-2, 2, 7), noise=0.1, doubt=0.0, scale=np.ones(1))
    subsets = (np.arange(64)[:, None] >> np.arange(6)) % 2 == 1
    odd = subsets[subsets.sum(axis=1) % 2 == 1]
    walsh = np.array([np.prod(z[:, T], axis=1) for T in odd]).T
    deviation = np.sqrt([np.prod(prior.relevance[T]) for T in odd])
    u = walsh @ (deviation[:, None] * generator.normal(size=(len(odd), 4000)))
    u += np.sqrt(prior.noise) * generator.normal(size=u.shape)
    full = Prior(odds=prior.odds, noise=0.1, doubt=0.0, scale=np.ones(4000))
    truth, _ = posterior(full, z, u)
    some = np.r_[0, 5:17]
    values, stderr = posterior(full, z[some], u[some])
    widened = 1 + 0.5 * 6 / len(some)
    assert_allclose(((values - truth) ** 2).mean(axis=1) * widened, stderr[:, 0] ** 2, rtol=0.08)


def test_left_out_predicts_each_pair_from_the_others() -> None:
    generator = np.random.default_rng(0)
    z = np.sign(generator.normal(size=(12, 5)))
    z = np.unique(z, axis=0)
    u = generator.normal(size=(len(z), 1))
    prior = Prior(odds=np.zeros(6), noise=0.5, doubt=0.0, scale=np.ones(1))
    left, _ = left_out(prior, z, u, most=len(z))
    r = prior.relevance
    kernel = (
        np.prod(1 + r * z[:, None] * z, axis=2) - np.prod(1 - r * z[:, None] * z, axis=2)
    ) / 2 + 0.5 * np.eye(len(z))
    for i in range(len(z)):
        rest = np.arange(len(z)) != i
        guess = kernel[i, rest] @ np.linalg.solve(kernel[np.ix_(rest, rest)], u[rest])
        assert_allclose(left[i], u[i] - guess, atol=1e-9)


def test_the_slope_of_the_likelihood_is_its_slope() -> None:
    generator = np.random.default_rng(0)
    z, u = np.sign(generator.normal(size=(30, 6))), generator.normal(size=(30, 2))
    likelihood = _Likelihood(z=z, u=u, share=np.array([0.3, 0.7]), least=1e-6)
    odds = generator.normal(size=7) - 1
    steps = 1e-5 * np.eye(7)
    slope = [(likelihood(odds + h)[0] - likelihood(odds - h)[0]) / 2e-5 for h in steps]
    assert_allclose(likelihood(odds)[1], slope, rtol=1e-5)


def test_learning_finds_the_players_that_matter() -> None:
    generator = np.random.default_rng(0)
    z = np.sign(generator.normal(size=(80, 12)))
    u = (z[:, 0] + z[:, 1] * z[:, 2] * z[:, 3] + z[:, 4])[:, None]
    relevance = learn(z, u, None, old=0).relevance
    assert relevance[:5].min() > 5 * relevance[5:].max()


def test_small_errors_are_believed_at_the_second_look_that_agrees_and_not_before() -> None:
    n, looks = 12, []
    weights = np.linspace(0.5, 2.0, n)
    sampler = ShapleyRegression(
        n, np.zeros(1), np.tanh(weights.sum(keepdims=True) / 8), np.random.default_rng(0),
        tolerance=0.5,
    )  # fmt: skip
    asked = 0
    while not any(looks) and asked < 1_000:
        known = sampler.ask(60)
        sampler.tell(np.tanh(known @ weights / 8)[:, None])
        asked += len(known)
        estimate = sampler.estimate()
        assert estimate is not None
        small = bool(estimate.stderr.max() <= 0.5 * np.ptp(estimate.values))
        assert small
        assert estimate.stderr.any()
        looks.append(bool(estimate.settled))
        if asked < 2 * 8 * n:  # pairs per player
            assert not looks[-1]

    assert looks[-1]
    assert sum(60 * (i + 1) >= 2 * 8 * n for i in range(len(looks))) == 2
