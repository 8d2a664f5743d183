"""Values carried over to a response: their sum, and their share for every pair of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import shapley as naive
from reference import trees as slow
from strategies import random_nodes, rows_for, seeds
from whence.core.response import Response, respond
from whence.core.types import Floats, Ints
from whence.kernels.background import Background
from whence.kernels.trees import Forest

RAW: tuple[Response, ...] = (
    "logistic", "exp", "softmax", "log_loss_logistic", "log_loss_softmax",
)  # fmt: skip


def mean_response(response: Response, margins: Floats, label: int) -> Floats:
    labels = np.full(len(margins), label, dtype=np.int64)
    return respond(response, margins, labels).mean(axis=0)


@given(seeds, st.sampled_from(RAW), st.floats(0.01, 30), st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_values_sum_to_the_step_of_the_response(
    seed: int, response: Response, scale: float, outputs: int
) -> None:
    rng = np.random.default_rng(seed)
    k = 1 if response == "log_loss_logistic" else outputs
    nodes = random_nodes(rng, trees=3, depth=4, outputs=k, width=int(rng.choice([1, k])))
    nodes.value[:] *= scale
    forest = Forest.of(nodes)
    X, Z = rows_for(nodes, rng, 3), rows_for(nodes, rng, 4)
    X[0] = Z[0]
    kernel = Background(forest, Z)
    margins = forest.predict(X), forest.predict(Z)
    labels: Ints = rng.integers(0, 2 if response == "log_loss_logistic" else k, 3)
    found = kernel.pair_rescaled(X, *margins, response, labels).sum(axis=1)
    step = [
        respond(response, m[None], y[None])[0] - mean_response(response, margins[1], y)
        for m, y in zip(margins[0], labels, strict=True)
    ]
    size = max(1.0, np.abs(step).max())
    np.testing.assert_allclose(found / size, np.array(step) / size, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_each_pair_is_scaled_by_the_slope_between_its_outputs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nodes = random_nodes(rng, trees=3, depth=5, columns=5)
    forest = Forest.of(nodes)
    X, Z = rows_for(nodes, rng, 2), rows_for(nodes, rng, 300)[:: rng.integers(1, 60)]
    mx, mb = forest.predict(X), forest.predict(Z)
    found = Background(forest, Z).pair_rescaled(X, mx, mb, "logistic")
    for i, x in enumerate(X):
        expected = np.zeros((nodes.players, 1))
        for b, margin in zip(Z, mb, strict=True):
            phi = naive.shapley(slow.interventional_game(nodes, x, b[None]), nodes.players)
            f = respond("logistic", np.array([mx[i], margin]), None)[:, 0]
            d = float(mx[i, 0] - margin[0])
            expected += phi * (f[0] * (1 - f[0]) if abs(d) < 1e-9 else (f[0] - f[1]) / d)
        np.testing.assert_allclose(found[i], expected / len(Z), atol=1e-11)


def test_the_loss_of_a_probability_is_shared() -> None:
    rng = np.random.default_rng(3)
    for k in (1, 3):
        nodes = random_nodes(rng, trees=1, depth=5, outputs=k, width=k)
        nodes.value[:] = rng.dirichlet(np.ones(k + 1), len(nodes.value))[:, :k]
        if k > 1:
            nodes.value[:] /= nodes.value.sum(axis=1, keepdims=True)
        nodes.base[:] = 0
        forest = Forest.of(nodes)
        X, Z = rows_for(nodes, rng, 3), rows_for(nodes, rng, 6)
        mx, mb = forest.predict(X), forest.predict(Z)
        y: Ints = rng.integers(0, max(k, 2), 3)
        found = Background(forest, Z).pair_rescaled(X, mx, mb, "log_loss_probability", y)
        for i in range(3):
            step = respond("log_loss_probability", mx[i : i + 1], y[i : i + 1])[0]
            step = step - mean_response("log_loss_probability", mb, int(y[i]))
            np.testing.assert_allclose(found[i].sum(axis=0), step, atol=1e-12)


def test_a_row_does_not_depend_on_the_rows_beside_it() -> None:
    rng = np.random.default_rng(0)
    nodes = random_nodes(rng, trees=3, depth=5, outputs=3)
    forest = Forest.of(nodes)
    X, Z = rows_for(nodes, rng, 30), rows_for(nodes, rng, 270)
    mx, mb = forest.predict(X), forest.predict(Z)
    kernel = Background(forest, Z)
    all_rows = kernel.pair_rescaled(X, mx, mb, "softmax")
    one = kernel.pair_rescaled(X[7:8], mx[7:8], mb, "softmax")
    np.testing.assert_array_equal(one[0], all_rows[7])


def test_trees_of_many_leaves_are_shared_too() -> None:
    rng = np.random.default_rng(5)
    nodes = random_nodes(rng, trees=2, depth=14, columns=30, stop=0.1, outputs=3, width=3)
    forest = Forest.of(nodes)
    X, Z = rows_for(nodes, rng, 3), rows_for(nodes, rng, 300)
    mx, mb = forest.predict(X), forest.predict(Z)
    found = Background(forest, Z).pair_rescaled(X, mx, mb, "softmax").sum(axis=1)
    step = respond("softmax", mx, None) - respond("softmax", mb, None).mean(axis=0)
    np.testing.assert_allclose(found, step, atol=1e-10)
