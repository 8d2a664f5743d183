"""The judges are judged: closed forms of games, and oracles against each other."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from reference import deep, trees
from reference.shapley import banzhaf, bii, k_sii, mobius, shapley, sii
from strategies import chain, ensembles, random_nodes, rows_for, seeds
from whence.core.types import Floats
from whence.models.trees import Nodes

P = 5
EVERYBODY = tuple(range(P))


def coalitions(p: int) -> Floats:
    """Return membership of shape (2**p, p)."""
    return ((np.arange(2**p)[:, None] >> np.arange(p)) & 1).astype(np.float64)


def unanimity(p: int, T: tuple[int, ...]) -> Floats:
    return coalitions(p)[:, list(T)].all(axis=1, keepdims=True).astype(np.float64)


def random_game(seed: int, p: int = P, outputs: int = 2) -> Floats:
    return np.random.default_rng(seed).normal(size=(2**p, outputs))


def test_a_linear_game_pays_everyone_his_weight_and_knows_no_interaction() -> None:
    w = np.array([1.0, -2.0, 0.5, 0.0, 3.0])
    v = 7 + coalitions(P) @ w[:, None]

    assert_allclose(shapley(v, P)[:, 0], w, atol=1e-14)
    assert_allclose(banzhaf(v, P)[:, 0], w, atol=1e-14)
    for S in combinations(range(P), 2):
        assert_allclose([sii(v, P, S), bii(v, P, S), k_sii(v, P, 2)[S]], 0, atol=1e-14)


@pytest.mark.parametrize("T", [(0,), (1, 3), (0, 2, 4), EVERYBODY])
def test_unanimity_games_have_their_textbook_values(T: tuple[int, ...]) -> None:
    v, t = unanimity(P, T), len(T)

    assert_allclose(shapley(v, P)[:, 0], [(i in T) / t for i in range(P)], atol=1e-14)
    assert_allclose(banzhaf(v, P)[:, 0], [(i in T) / 2 ** (t - 1) for i in range(P)], atol=1e-14)
    for s in (1, 2, 3):
        for S in combinations(range(P), s):
            inside = set(S) <= set(T)
            assert_allclose(sii(v, P, S), inside / (t - s + 1) if inside else 0, atol=1e-14)
            assert_allclose(bii(v, P, S), inside / 2 ** (t - s) if inside else 0, atol=1e-14)


def test_a_product_game_of_two_has_the_hand_computed_values() -> None:
    # v(S) = prod over S of 3, 5 and outside S of 2, 1: worth 2, 3, 10, 15.
    v = np.array([[2.0], [3.0], [10.0], [15.0]])

    assert_allclose(shapley(v, 2)[:, 0], [((3 - 2) + (15 - 10)) / 2, ((10 - 2) + (15 - 3)) / 2])
    assert_allclose(sii(v, 2, (0, 1)), 15 - 10 - 3 + 2)
    assert_allclose(k_sii(v, 2, 2)[0,], 3 - 4 / 2)
    assert_allclose(k_sii(v, 2, 2)[1,], 10 - 4 / 2)


@given(seeds)
@settings(deadline=None, max_examples=10)
def test_single_players_agree_with_sets_of_one(seed: int) -> None:
    v = random_game(seed)

    assert_allclose(shapley(v, P), [sii(v, P, (i,)) for i in range(P)], atol=1e-13)
    assert_allclose(banzhaf(v, P), [bii(v, P, (i,)) for i in range(P)], atol=1e-13)


@given(seeds)
@settings(deadline=None, max_examples=10)
def test_indices_follow_from_dividends(seed: int) -> None:
    v = random_game(seed, 4)
    dividends = mobius(v, 4)
    for s in (1, 2, 3):
        for S in combinations(range(4), s):
            over = [(T, m) for T, m in dividends.items() if set(S) <= set(T)]
            shares = sum(m / (len(T) - s + 1) for T, m in over)
            assert_allclose(sii(v, 4, S), shares, atol=1e-13)
            assert_allclose(bii(v, 4, S), sum(m / 2 ** (len(T) - s) for T, m in over), atol=1e-13)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_n_shapley_values_are_efficient_and_recover_games_of_their_order(order: int) -> None:
    v = random_game(order)
    low = sum(  # only sets up to the order
        m * unanimity(P, T) for T, m in mobius(v, P).items() if len(T) <= order
    )

    assert_allclose(sum(k_sii(v, P, order).values()), v[-1] - v[0], atol=1e-12)
    for S, value in k_sii(low, P, order).items():
        assert_allclose(value, mobius(v, P)[S], atol=1e-12)


@given(ensembles(columns=4, depth=3), seeds)
@settings(deadline=None, max_examples=30)
def test_the_interventional_game_is_the_mean_prediction_of_hybrid_rows(
    nodes: Nodes, seed: int
) -> None:
    x, *Z = rows_for(nodes, np.random.default_rng(seed), 3)

    v = trees.interventional_game(nodes, x, np.array(Z))

    rows = [trees.predict(nodes, trees.hybrids(nodes, x, b)) for b in Z]
    assert_allclose(v, np.mean(rows, axis=0), atol=1e-13)


@given(ensembles(), seeds)
@settings(deadline=None, max_examples=30)
def test_the_path_dependent_game_ends_in_the_prediction_and_starts_in_the_mean_by_cover(
    nodes: Nodes, seed: int
) -> None:
    X = rows_for(nodes, np.random.default_rng(seed), 2)

    v = trees.path_dependent_game(nodes, X[0])

    assert_allclose(v[-1:], trees.predict(nodes, X[:1]), atol=1e-13)
    assert_allclose(v[0], deep.expected(nodes), atol=1e-13)


@given(ensembles(columns=5, depth=4), seeds)
@settings(deadline=None, max_examples=30)
def test_exact_leaf_sums_equal_the_definition(nodes: Nodes, seed: int) -> None:
    x, *Z = rows_for(nodes, np.random.default_rng(seed), 3)
    v, p = trees.path_dependent_game(nodes, x), nodes.players

    assert_allclose(deep.path_dependent(nodes, x), shapley(v, p), atol=1e-12)
    assert_allclose(deep.path_dependent(nodes, x, banzhaf=True), banzhaf(v, p), atol=1e-12)
    pairs = deep.path_dependent(nodes, x, 2), deep.path_dependent(nodes, x, 2, banzhaf=True)
    for S in combinations(range(p), 2):
        assert_allclose(pairs[0][S], sii(v, p, S), atol=1e-12)
        assert_allclose(pairs[1][S], bii(v, p, S), atol=1e-12)
    w = trees.interventional_game(nodes, x, np.array(Z))
    assert_allclose(deep.interventional(nodes, x, np.array(Z)), shapley(w, p), atol=1e-12)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=7))
@settings(deadline=None, max_examples=50)
def test_the_closed_form_of_a_binary_leaf_is_the_sum_over_sizes(hc: list[tuple[int, int]]) -> None:
    path = {j: (int(h), Fraction(int(c))) for j, (h, c) in enumerate(hc)}

    assert deep.binary_leaf_values(path) == deep.leaf_values(path, 1)


@pytest.mark.parametrize("n", [1, 10, 90])
def test_a_long_conjunction_is_shared_equally(n: int) -> None:
    # All players let everything pass when known and half when unknown: symmetric and efficient.
    path = {j: (1, Fraction(1, 2)) for j in range(n)}

    values = deep.leaf_values(path, 1)

    assert set(values.values()) == {(1 - Fraction(1, 2**n)) / n}


def test_the_exact_oracle_is_efficient_at_depth_ninety() -> None:
    rng = np.random.default_rng(0)
    nodes = chain(rng, 90, cover=0.9)
    x = rows_for(nodes, rng, 1)

    phi = deep.path_dependent(nodes, x[0])

    assert np.count_nonzero(phi) == 90
    assert_allclose(phi.sum(axis=0), trees.predict(nodes, x)[0] - deep.expected(nodes), atol=1e-13)


@given(ensembles(), seeds)
@settings(deadline=None, max_examples=50)
def test_generated_ensembles_keep_the_contract(nodes: Nodes, seed: int) -> None:
    splits = np.flatnonzero(nodes.feature >= 0)

    assert (nodes.left[splits] > splits).all()
    assert (nodes.right[splits] > splits).all()
    assert (nodes.cover >= 0).all()
    assert nodes.player.max() < nodes.players
    assert np.isfinite(nodes.threshold[splits]).all()
    assert not np.isinf(rows_for(nodes, np.random.default_rng(seed), 5)).any()
    again = random_nodes(np.random.default_rng(seed)), random_nodes(np.random.default_rng(seed))
    assert again[0].digest() == again[1].digest()
