"""Every method equals its definition, on any ensemble and on every library's models."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import whence as wh
from laws.cases import MODELS, NAMES, Fitted
from reference import deep, trees
from reference.shapley import banzhaf, bii, k_sii, shapley, sii
from strategies import big_tree, chain, ensembles, random_nodes, rows_for, seeds
from whence.core.method import Rows
from whence.core.table import Table
from whence.core.types import Floats
from whence.models.trees import Nodes, Trees

Game = Callable[[Floats], Floats]


def view_of(nodes: Nodes, rows: Floats) -> Trees:
    """Return a view whose table names rows of ``rows`` by the number in its first column."""

    def encode(table: Table) -> Floats:
        return rows[table.numbers[:, 0].astype(int)]

    return Trees(
        nodes=nodes,
        features=tuple(f"f{i}" for i in range(nodes.players)),
        outputs=tuple(f"y{i}" for i in range(nodes.outputs)),
        link="identity",
        unit="units",
        library="",
        named=False,
        encode=encode,
        predict=lambda table: trees.predict(nodes, encode(table)),
        tolerance=1e-9,
    )


def answer(nodes: Nodes, X: Floats, method: Any) -> Any:  # noqa: ANN401  any method and its answer
    raw = trees.predict(nodes, X)
    explain = method.bind(view_of(nodes, X))
    return explain(Rows(X=X, raw=raw, outputs=raw), rng=np.random.default_rng(0))


def numbered(nodes: Nodes, rows: range) -> Floats:
    """Return a table that names these rows."""
    return np.tile(np.array(rows, dtype=np.float64)[:, None], (1, nodes.players))


def assert_is(result: Any, games: list[Floats], p: int, method: Any) -> None:  # noqa: ANN401
    """Compare an explanation with the definition applied to one game per row."""
    for i, v in enumerate(games):
        assert_allclose(result.base_values[i], v[0], atol=1e-10)
        if isinstance(method, wh.TreeShap):
            assert_allclose(result.values[i], shapley(v, p), atol=1e-10)
        elif isinstance(method, wh.TreeBanzhaf):
            assert_allclose(result.values[i], banzhaf(v, p), atol=1e-10)
        else:
            assert_interactions(result, i, v, p, method)


def assert_interactions(
    result: wh.Interaction, i: int, v: Floats, p: int, method: wh.TreeInteractions
) -> None:
    """Compare every set; a set that is not listed must be zero."""
    if method.index == "k-SII":
        truth = k_sii(v, p, method.order)
    else:
        rule = sii if method.index == "SII" else bii
        truth = {S: rule(v, p, S) for S in combinations(range(p), method.order)}
    listed = {
        tuple(int(j) for j in S if j >= 0): value
        for S, value in zip(result.sets, result.values[i], strict=True)
    }
    assert set(listed) <= set(truth)
    for S, value in truth.items():
        assert_allclose(listed.get(S, np.zeros_like(value)), value, atol=1e-10, err_msg=str(S))


METHODS = {
    "shapley": wh.TreeShap,
    "banzhaf": wh.TreeBanzhaf,
    "k-SII": wh.TreeInteractions,
    "k-SII-3": lambda **s: wh.TreeInteractions(order=3, **s),
    "SII": lambda **s: wh.TreeInteractions(index="SII", **s),
    "SII-3": lambda **s: wh.TreeInteractions(index="SII", order=3, **s),
    "BII": lambda **s: wh.TreeInteractions(index="BII", **s),
    "BII-3": lambda **s: wh.TreeInteractions(index="BII", order=3, **s),
}
every_method = pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)


@every_method
@given(nodes=ensembles(columns=5, depth=4), seed=seeds)
@settings(max_examples=60)
def test_path_dependent_values_equal_the_definition(
    make: Callable[..., Any], nodes: Nodes, seed: int
) -> None:
    X = rows_for(nodes, np.random.default_rng(seed), 3)
    method = make()

    result = answer(nodes, X, method)

    games = [trees.path_dependent_game(nodes, x) for x in X]
    assert_is(result, games, nodes.players, method)


@every_method
@given(nodes=ensembles(columns=5, depth=4), seed=seeds, m=st.integers(1, 5))
@settings(max_examples=60)
def test_interventional_values_equal_the_definition(
    make: Callable[..., Any], nodes: Nodes, seed: int, m: int
) -> None:
    X = rows_for(nodes, np.random.default_rng(seed), 2 + m)
    method = make(background=numbered(nodes, range(2, 2 + m)))

    result = answer(nodes, X, method)

    games = [trees.interventional_game(nodes, x, X[2:]) for x in X]
    assert_is(result, games, nodes.players, method)


DEEP = [
    pytest.param(90, 90, 0.5, id="a feature per level"),
    pytest.param(90, 90, 0.98, id="nearly all rows go down"),
    pytest.param(200, 33, 0.9, id="features that repeat"),
    pytest.param(70, 70, 0.02, id="hardly any row goes down"),
]


@pytest.mark.parametrize(("depth", "columns", "cover"), DEEP)
def test_chains_of_any_depth_equal_exact_arithmetic(depth: int, columns: int, cover: float) -> None:
    rng = np.random.default_rng(depth)
    nodes = chain(rng, depth, columns=columns, cover=cover)
    X = np.concatenate([rows_for(nodes, rng, 1), all_the_way_down(nodes)])

    result = answer(nodes, X, wh.TreeShap())

    allowed = 1e-10 * np.ptp(nodes.value)
    for x, phi in zip(X, result.values, strict=True):
        assert_allclose(phi, deep.path_dependent(nodes, x), atol=allowed)
    assert_allclose(result.residual, 0, atol=allowed)


def all_the_way_down(nodes: Nodes) -> Floats:
    """Return a row that follows a chain of distinct columns to its deepest split."""
    x, v = np.zeros((1, nodes.columns)), 0
    while nodes.feature[v] >= 0:
        left, right = int(nodes.left[v]), int(nodes.right[v])
        goes_left = nodes.feature[left] >= 0
        x[0, nodes.feature[v]] = nodes.threshold[v] + (-1 if goes_left else 1)
        v = left if goes_left else right
    return x


def test_pairs_in_a_deep_chain_equal_exact_arithmetic() -> None:
    rng = np.random.default_rng(1)
    nodes = chain(rng, 40, cover=0.9)
    x = all_the_way_down(nodes)

    result = answer(nodes, x, wh.TreeInteractions(index="SII"))

    truth = deep.path_dependent(nodes, x[0], 2)
    assert len(result.sets) == 40 * 39 / 2
    assert_allclose(result.values[0], truth[tuple(result.sets.T)], atol=1e-12)


@pytest.mark.parametrize(("depth", "columns"), [(25, 25), (90, 90), (200, 33)])
def test_chains_against_a_background_equal_exact_arithmetic(depth: int, columns: int) -> None:
    rng = np.random.default_rng(depth)
    nodes = chain(rng, depth, columns=columns)
    X = np.concatenate([all_the_way_down(nodes), rows_for(nodes, rng, 22)])

    result = answer(nodes, X, wh.TreeShap(background=numbered(nodes, range(1, 21))))

    for i in (0, 21, 22):
        assert_allclose(result.values[i], deep.interventional(nodes, X[i], X[1:21]), atol=1e-12)


def test_a_tree_of_forty_thousand_nodes() -> None:
    rng = np.random.default_rng(0)
    nodes = big_tree(rng)
    X = rows_for(nodes, rng, 5)

    plain = answer(nodes, X, wh.TreeShap())
    result = answer(nodes, X, wh.TreeShap(background=numbered(nodes, range(3, 5))))

    share = np.ones(len(nodes.feature))
    for v in np.flatnonzero(nodes.feature >= 0):  # parents stand before their children
        left = trees.children_share(nodes, v)
        share[nodes.left[v]], share[nodes.right[v]] = share[v] * left, share[v] * (1 - left)
    mean = nodes.base + (share * (nodes.feature < 0)) @ nodes.value
    assert_allclose(plain.base_values[0], mean, atol=1e-12)
    assert_allclose(plain.residual, 0, atol=1e-10 * np.ptp(nodes.value))
    assert_allclose(result.values[0], deep.interventional(nodes, X[0], X[3:5]), atol=1e-12)


def own_game(fitted: Fitted, row: int, response: Callable[[Floats], Floats]) -> Floats:
    """Return the interventional game of one row, asked of the user's own model alone."""
    p = len(NAMES)
    known = ((np.arange(2**p)[:, None] >> np.arange(p)) & 1).astype(bool)
    x, Z = np.asarray(fitted.X)[row], np.asarray(fitted.background)
    hybrid = np.where(known[:, None, :], x, Z).reshape(-1, p)
    table = pd.DataFrame(hybrid, columns=list(NAMES))
    if not isinstance(fitted.X, pd.DataFrame):
        table = hybrid
    worth = response(fitted.raw(table))
    return np.asarray(worth.reshape(2**p, len(Z), -1).mean(axis=1))


def identity(raw: Floats) -> Floats:
    return raw


def softmax(raw: Floats) -> Floats:
    grown = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))


def logistic(raw: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-raw)))


@pytest.mark.parametrize("name", MODELS)
def test_shapley_values_are_those_of_the_users_own_model(name: str) -> None:
    fitted = MODELS[name]()

    e = wh.explain(fitted.model, fitted.X, wh.TreeShap(background=fitted.background))

    for i in range(len(e)):
        v = own_game(fitted, i, identity)
        assert_allclose(e.values[i], shapley(v, len(NAMES)), atol=fitted.tolerance)
        assert_allclose(e.base_values[i], v[0], atol=fitted.tolerance)


@pytest.mark.parametrize("name", MODELS)
def test_interactions_are_those_of_the_users_own_model(name: str) -> None:
    fitted = MODELS[name]()

    e = wh.explain(fitted.model, fitted.X, wh.TreeInteractions(background=fitted.background))

    for i in range(3):
        truth = k_sii(own_game(fitted, i, identity), len(NAMES), 2)
        for S, value in zip(e.sets, e.values[i], strict=True):
            S_ = tuple(int(j) for j in S if j >= 0)
            assert_allclose(value, truth.pop(S_), atol=fitted.tolerance)
        assert_allclose(list(truth.values()), 0, atol=fitted.tolerance)


PROBABILITIES = {
    "random_forest_classifier": identity,
    "gradient_boosting_multiclass": softmax,
    "xgboost_binary": logistic,
    "catboost_multiclass": softmax,
}


@pytest.mark.parametrize("name", PROBABILITIES)
def test_values_of_the_probability_are_those_of_the_users_own_model(name: str) -> None:
    fitted, response = MODELS[name](), PROBABILITIES[name]
    method = wh.TreeShap(background=fitted.background)

    e = wh.explain(fitted.model, fitted.X, method, output="probability")

    assert e.provenance.output == "probability"
    assert not e.provenance.warnings
    assert_allclose(e.outputs, response(fitted.raw(fitted.X)), atol=1e-6)
    for i in range(len(e)):
        v = own_game(fitted, i, response)
        assert_allclose(e.values[i], shapley(v, len(NAMES)), atol=1e-6)


@pytest.mark.parametrize("name", PROBABILITIES)
def test_rescaled_probabilities_add_up_and_say_that_they_are_rescaled(name: str) -> None:
    fitted, response = MODELS[name](), PROBABILITIES[name]
    method = wh.TreeShap(background=fitted.background, budget=1)

    e = wh.explain(fitted.model, fitted.X, method, output="probability")

    base = response(fitted.raw(fitted.background)).mean(axis=0)
    assert_allclose(e.residual, 0, atol=1e-6)
    assert_allclose(e.base_values, np.tile(base, (len(e), 1)), atol=1e-6)
    if response is not identity:
        assert "approximation" in " ".join(e.provenance.warnings)


@pytest.mark.parametrize("name", PROBABILITIES)
@pytest.mark.parametrize("budget", [1, 100_000])
def test_values_of_the_log_loss_add_up_to_the_loss_of_each_row(name: str, budget: int) -> None:
    fitted, response = MODELS[name](), PROBABILITIES[name]
    p = response(fitted.raw(fitted.X))
    classes = fitted.model.classes_
    y = np.random.default_rng(0).integers(0, len(classes), len(p))
    of_class = np.column_stack([1 - p, p]) if p.shape[1] == 1 else p
    # A probability of zero has no finite loss; whence bounds it from below.
    loss = -np.log(np.maximum(of_class[np.arange(len(y)), y], 1e-15))

    e = wh.explain(
        fitted.model,
        fitted.X,
        wh.TreeShap(background=fitted.background, budget=budget),
        output="log_loss",
        y=classes[y],
    )

    assert e.values.shape == (len(y), len(NAMES), 1)
    assert_allclose(e.outputs[:, 0], loss, atol=1e-5)
    assert_allclose(e.residual, 0, atol=fitted.tolerance)
    assert not e.values[:, NAMES.index("unused")].any()


def test_symmetric_features_get_equal_values() -> None:
    from sklearn.tree import DecisionTreeRegressor

    grid = np.array([(a, b) for a in range(3) for b in range(3)], dtype=np.float64)
    model = DecisionTreeRegressor().fit(grid, grid[:, 0] * grid[:, 1] + grid.max(axis=1))
    method = wh.TreeShap(background=grid)

    e, swapped = wh.explain(model, grid, method), wh.explain(model, grid[:, ::-1], method)

    assert_allclose(e.values[:, 0], swapped.values[:, 1], atol=1e-12)
    assert_allclose(e.values[[0, 4, 8], 0], e.values[[0, 4, 8], 1], atol=1e-12)


@given(seed=seeds)
@settings(max_examples=20)
def test_values_are_linear_in_the_model(seed: int) -> None:
    # Two models in one ensemble: the values are those of the parts, added up.
    rng = np.random.default_rng(seed)
    nodes = random_nodes(rng, trees=4, columns=5)
    X = rows_for(nodes, rng, 4)

    whole = answer(nodes, X, wh.TreeShap()).values

    parts = [answer(only(nodes, tree), X, wh.TreeShap()).values for tree in range(4)]
    assert_allclose(whole, sum(parts), atol=1e-12)


def only(nodes: Nodes, tree: int) -> Nodes:
    """Return the ensemble of one tree."""
    first, last = nodes.start[tree], nodes.start[tree + 1]
    words = nodes.category_start[first], nodes.category_start[last]
    part = {
        name: getattr(nodes, name)[first:last]
        for name in ("feature", "threshold", "missing_left", "zero_missing", "value", "cover")
    }
    leaf = part["feature"] < 0
    return replace(
        nodes,
        start=np.array([0, last - first]),
        left=np.where(leaf, -1, nodes.left[first:last] - first).astype(np.int32),
        right=np.where(leaf, -1, nodes.right[first:last] - first).astype(np.int32),
        category_start=nodes.category_start[first : last + 1] - words[0],
        category_words=nodes.category_words[words[0] : words[1]],
        target=nodes.target[tree : tree + 1],
        base=nodes.base if tree == 0 else np.zeros_like(nodes.base),
        **part,
    )
