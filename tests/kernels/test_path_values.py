"""Path-dependent values and interactions against the definition, on every instruction set."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import deep, shapley
from reference.trees import path_dependent_game, predict
from strategies import big_tree, chain, ensembles, random_nodes, rows_for, seeds
from whence.core.types import Floats
from whence.kernels.trees import Forest, Isa
from whence.models.trees import Nodes

CLOSE = {"rtol": 0, "atol": 1e-11}
EXACT = settings(max_examples=30, deadline=None)


def available() -> list[Isa]:
    names: list[Isa] = []
    for name in ("avx512", "avx2", "portable"):
        try:
            Forest.of(random_nodes(np.random.default_rng(0)), isa=name)
        except ValueError as refusal:
            assert name in str(refusal)  # noqa: PT017  the processor decides whether it raises
        else:
            names.append(name)
    return names


ISAS = available()
isas = st.sampled_from(ISAS)


def rows(nodes: Nodes, seed: int, n: int = 4) -> Floats:
    return rows_for(nodes, np.random.default_rng(seed), n)


def test_the_portable_loops_run_everywhere() -> None:
    assert "portable" in ISAS
    assert Forest.of(random_nodes(np.random.default_rng(0))).isa == ISAS[0]


@EXACT
@given(ensembles(), seeds, isas)
def test_predictions_and_their_mean_follow_the_definition(
    nodes: Nodes, seed: int, isa: Isa
) -> None:
    X, forest = rows(nodes, seed, 20), Forest.of(nodes, isa=isa)
    np.testing.assert_allclose(forest.predict(X), predict(nodes, X), **CLOSE)
    np.testing.assert_allclose(forest.expectation(), deep.expected(nodes), **CLOSE)


@EXACT
@given(ensembles(), seeds, isas, st.sampled_from([0, 100e6]))
def test_values_follow_the_definition(
    nodes: Nodes, seed: int, isa: Isa, table_bytes: float
) -> None:
    X, forest = rows(nodes, seed), Forest.of(nodes, isa=isa, table_bytes=table_bytes)
    phi, banzhaf = forest.shapley(X), forest.banzhaf(X)
    for i, x in enumerate(X):
        v = path_dependent_game(nodes, x)
        np.testing.assert_allclose(phi[i], shapley.shapley(v, nodes.players), **CLOSE)
        np.testing.assert_allclose(banzhaf[i], shapley.banzhaf(v, nodes.players), **CLOSE)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("players", [4, 9])
def test_tables_and_quadrature_agree(isa: Isa, players: int) -> None:
    rng = np.random.default_rng(players)
    nodes = random_nodes(rng, trees=5, depth=6, columns=12, players=players)
    X = rows_for(nodes, rng, 300)

    tables, quadrature = (Forest.of(nodes, isa=isa, table_bytes=b) for b in (100e6, 0))

    assert tables.by_tables
    assert not quadrature.by_tables
    np.testing.assert_allclose(tables.shapley(X), quadrature.shapley(X), **CLOSE)


def test_wide_and_deep_trees_go_by_quadrature() -> None:
    assert not Forest.of(chain(np.random.default_rng(0), 60)).by_tables


@EXACT
@given(ensembles(), seeds, isas, st.sampled_from([2, 3]))
def test_interactions_follow_the_definition(nodes: Nodes, seed: int, isa: Isa, order: int) -> None:
    X, forest, p = rows(nodes, seed, 2), Forest.of(nodes, isa=isa), nodes.players
    sets = [tuple(S) for S in forest.interaction_sets(order).tolist()]
    assert sets == sorted(set(sets))
    found = forest.interactions(X, order), forest.interactions(X, order, "BII")
    for i, x in enumerate(X):
        v = path_dependent_game(nodes, x)
        for values, index in zip(found, (shapley.sii, shapley.bii), strict=True):
            for S in combinations(range(p), order):
                got = values[i, sets.index(S)] if S in sets else 0
                np.testing.assert_allclose(got, index(v, p, S), **CLOSE)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("width", [1, 3])
def test_a_row_is_explained_alike_alone_and_among_others(isa: Isa, width: int) -> None:
    rng = np.random.default_rng(3)
    nodes = random_nodes(rng, trees=6, depth=6, columns=9, outputs=3, width=width)
    X, forest = rows_for(nodes, rng, 301), Forest.of(nodes, isa=isa)
    order = rng.permutation(len(X))
    for explain in (
        forest.predict,
        forest.shapley,
        forest.banzhaf,
        lambda X: forest.interactions(X, 2),
        lambda X: forest.interactions(X, 3),
    ):
        together = explain(X)
        np.testing.assert_array_equal(explain(X[order]), together[order])
        alone = np.concatenate([explain(X[i : i + 1]) for i in range(0, len(X), 7)])
        np.testing.assert_array_equal(alone, together[::7])


@pytest.mark.parametrize("isa", ISAS)
def test_instruction_sets_agree(isa: Isa) -> None:
    rng = np.random.default_rng(5)
    nodes = random_nodes(rng, trees=10, depth=8, columns=12, outputs=2)
    X = rows_for(nodes, rng, 100)
    portable = Forest.of(nodes, isa="portable").shapley(X)
    np.testing.assert_allclose(Forest.of(nodes, isa=isa).shapley(X), portable, **CLOSE)


def test_an_unknown_instruction_set_is_refused() -> None:
    with pytest.raises(ValueError, match="isa is 'sse9', not 'auto'"):
        Forest.of(random_nodes(np.random.default_rng(0)), isa="sse9")  # type: ignore[arg-type]


@pytest.mark.parametrize("columns", [17, 40, 90])
def test_deep_chains_are_exact(columns: int) -> None:
    """Eight points do not suffice for the rows that stay on the chain: the rest must be added."""
    nodes = chain(np.random.default_rng(columns), 90, columns=columns, flip=False, cover=0.05)
    X = rows_for(nodes, np.random.default_rng(1), 2)
    X[0] = -10.0  # stays on the chain to its end
    X[1] = np.where(np.arange(columns) == columns - 2, 10.0, -10.0)
    nodes = replace(nodes, missing_left=np.ones_like(nodes.missing_left))
    exact = np.array([deep.path_dependent(nodes, x) for x in X])
    scale = np.abs(exact).max()
    for isa in ISAS:
        found = Forest.of(nodes, isa=isa).shapley(X)
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-10 * scale)


def test_deep_interactions_are_exact() -> None:
    nodes = chain(np.random.default_rng(8), 24, flip=False, cover=0.1)
    x = np.full(24, -10.0)
    forest = Forest.of(nodes)
    for index in ("SII", "BII"):
        exact = deep.path_dependent(nodes, x, 2, banzhaf=index == "BII")
        found = forest.interactions(x[None], 2, index)[0]
        i, j = forest.interaction_sets(2).T
        np.testing.assert_allclose(found, exact[i, j], rtol=0, atol=1e-12)


def test_rows_that_need_more_points_do_not_disturb_the_others() -> None:
    nodes = chain(np.random.default_rng(2), 60, flip=False, cover=0.05)
    X = np.where(np.random.default_rng(3).random((50, 60)) < 0.1, 10.0, -10.0)
    X[::7] = -10.0
    forest = Forest.of(nodes)
    together = forest.shapley(X)
    alone = np.concatenate([forest.shapley(x[None]) for x in X])
    np.testing.assert_array_equal(alone, together)
    residual = forest.predict(X) - forest.expectation() - together.sum(axis=1)
    assert np.abs(residual).max() < 1e-10 * np.ptp(nodes.value)


def test_depth_is_not_limited() -> None:
    nodes = chain(np.random.default_rng(4), 5_000, columns=12)
    X = rows_for(nodes, np.random.default_rng(5), 2)
    forest = Forest.of(nodes)
    residual = forest.predict(X) - forest.expectation() - forest.shapley(X).sum(axis=1)
    assert np.abs(residual).max() < 1e-10 * np.ptp(nodes.value)


def test_forty_thousand_nodes() -> None:
    nodes = big_tree(np.random.default_rng(6))
    X = rows_for(nodes, np.random.default_rng(7), 3)
    forest = Forest.of(nodes)
    np.testing.assert_allclose(forest.predict(X), predict(nodes, X), **CLOSE)
    residual = forest.predict(X) - forest.expectation() - forest.shapley(X).sum(axis=1)
    assert np.abs(residual).max() < 1e-10 * np.ptp(nodes.value)
