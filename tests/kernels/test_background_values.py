"""Values against a background agree with the definition of every index, however they are found."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference import shapley as naive
from reference import trees as slow
from strategies import chain, ensembles, random_nodes, rows_for, seeds
from whence.core.types import Floats
from whence.kernels.background import Background
from whence.kernels.trees import Forest, Isa
from whence.models.trees import Nodes

# Tables only; tables for some trees and the descent for others; the descent only.
memories = st.sampled_from([200e6, 20e3, 0.0])
isas = st.sampled_from(["avx512", "avx2", "portable", "auto"])


def prepared(nodes: Nodes, Z: Floats, table_bytes: float, isa: Isa) -> Background:
    try:
        return Background(Forest.of(nodes), Z, table_bytes=table_bytes, isa=isa)
    except ValueError as error:
        if "instruction set" not in str(error):
            raise
        return Background(Forest.of(nodes), Z, table_bytes=table_bytes)


@given(ensembles(), seeds, st.integers(1, 5), memories, isas)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_values_are_those_of_the_mean_game(
    nodes: Nodes, seed: int, background: int, table_bytes: float, isa: Isa
) -> None:
    rng = np.random.default_rng(seed)
    X, Z = rows_for(nodes, rng, 3), rows_for(nodes, rng, background)
    Z = Z[rng.integers(0, background, background)]  # some rows twice
    kernel = prepared(nodes, Z, table_bytes, isa)
    games = [slow.interventional_game(nodes, x, Z) for x in X]
    np.testing.assert_allclose(kernel.expectation(), games[0][0], atol=1e-12)
    for found, index in (
        (kernel.shapley(X), naive.shapley),
        (kernel.banzhaf(X), naive.banzhaf),
    ):
        expected = np.array([index(game, nodes.players) for game in games])
        np.testing.assert_allclose(found, expected, atol=1e-12)


@given(
    ensembles(columns=5, depth=4),
    seeds,
    memories,
    isas,
    st.sampled_from([2, 3]),
    st.sampled_from(["SII", "BII"]),
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_interactions_are_those_of_the_mean_game(
    nodes: Nodes, seed: int, table_bytes: float, isa: Isa, order: int, index: str
) -> None:
    rng = np.random.default_rng(seed)
    x, Z = rows_for(nodes, rng, 1), rows_for(nodes, rng, 3)
    kernel = prepared(nodes, Z, table_bytes, isa)
    game = slow.interventional_game(nodes, x[0], Z)
    naive_index = naive.sii if index == "SII" else naive.bii
    sets = [tuple(s) for s in kernel.interaction_sets(order).tolist()]
    found = dict(zip(sets, kernel.interactions(x, order, index)[0], strict=True))
    nothing = np.zeros(len(nodes.base))
    for S in combinations(range(nodes.players), order):
        expected = naive_index(game, nodes.players, S)
        np.testing.assert_allclose(found.get(S, nothing), expected, atol=1e-12)


@pytest.mark.parametrize("order", [2, 3])
def test_the_sets_are_those_of_the_path_kernel(order: int) -> None:
    nodes = random_nodes(np.random.default_rng(4), trees=5, columns=9, depth=5)
    forest = Forest.of(nodes)
    kernel = Background(forest, rows_for(nodes, np.random.default_rng(5), 3))
    np.testing.assert_array_equal(kernel.interaction_sets(order), forest.interaction_sets(order))


def by_pairs(nodes: Nodes, x: Floats, Z: Floats) -> Floats:
    """Return the Shapley values from the closed form of each leaf and background row."""
    phi = np.zeros((nodes.players, len(nodes.base)))
    for b in Z:
        for tree in range(nodes.trees):
            todo = [(int(nodes.start[tree]), dict[int, bool](), dict[int, bool]())]
            while todo:
                v, of_x, of_b = todo.pop()
                if nodes.feature[v] < 0:
                    known = [j for j in of_x if of_x[j] and not of_b[j]]
                    unknown = [j for j in of_x if of_b[j] and not of_x[j]]
                    p, q = len(known), len(unknown)
                    worth = np.zeros(len(nodes.base))
                    slow.add(nodes, tree, v, worth)
                    binomial = float(np.prod([(q + i + 1) / (i + 1) for i in range(p)]))
                    phi[known] += worth / (max(p, 1) * binomial)
                    phi[unknown] -= worth / (max(q, 1) * binomial)
                    continue
                j = int(nodes.player[nodes.feature[v]])
                x_left, b_left = (slow.goes_left(nodes, v, row) for row in (x, b))
                for child, left in ((nodes.left[v], True), (nodes.right[v], False)):
                    x_in = of_x.get(j, True) and x_left == left
                    b_in = of_b.get(j, True) and b_left == left
                    if x_in or b_in:
                        todo.append((int(child), of_x | {j: x_in}, of_b | {j: b_in}))
    return phi / len(Z)


@pytest.mark.parametrize("table_bytes", [200e6, 0.0])
@pytest.mark.parametrize("columns", [70, 9])
def test_deep_trees_agree_with_the_closed_form_of_every_pair(
    columns: int, table_bytes: float
) -> None:
    rng = np.random.default_rng(columns)
    nodes = random_nodes(rng, trees=2, depth=14, columns=columns, stop=0.1, outputs=2, width=2)
    X, Z = rows_for(nodes, rng, 2), rows_for(nodes, rng, 5)
    kernel = Background(Forest.of(nodes), Z, table_bytes=table_bytes)
    expected = [by_pairs(nodes, x, Z) for x in X]
    np.testing.assert_allclose(kernel.shapley(X), expected, atol=1e-11)


@pytest.mark.parametrize("depth", [13, 64, 400])
def test_chains_of_any_depth_agree_and_add_up(depth: int) -> None:
    rng = np.random.default_rng(depth)
    nodes = chain(rng, depth)
    X, Z = rows_for(nodes, rng, 4), rows_for(nodes, rng, 300)
    forest = Forest.of(nodes)
    kernel = Background(forest, Z)
    values = kernel.shapley(X)
    step = forest.predict(X) - kernel.expectation()
    np.testing.assert_allclose(values.sum(axis=1), step, atol=1e-12)
    few = Background(forest, Z[:3])
    np.testing.assert_allclose(few.shapley(X), [by_pairs(nodes, x, Z[:3]) for x in X], atol=1e-12)


@pytest.mark.parametrize("table_bytes", [200e6, 20e3, 0.0])
def test_values_add_up_for_backgrounds_of_any_size(table_bytes: float) -> None:
    rng = np.random.default_rng(0)
    nodes = random_nodes(rng, trees=6, depth=6, columns=12, stop=0.05)
    forest = Forest.of(nodes)
    X = rows_for(nodes, rng, 70)
    for size in (1, 255, 256, 257, 700):
        Z = rows_for(nodes, rng, size)
        kernel = Background(forest, Z, table_bytes=table_bytes)
        np.testing.assert_allclose(kernel.expectation(), forest.predict(Z).mean(axis=0), atol=1e-12)
        step = forest.predict(X) - kernel.expectation()
        np.testing.assert_allclose(kernel.shapley(X).sum(axis=1), step, atol=1e-11)
