"""What the background kernel accepts, refuses and leaves alone."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from strategies import random_nodes, rows_for
from whence.core.errors import InputError
from whence.kernels.background import Background
from whence.kernels.trees import Forest
from whence.models.trees import Nodes


@pytest.fixture
def nodes() -> Nodes:
    return random_nodes(np.random.default_rng(1), trees=4, depth=6, columns=8, outputs=2)


@pytest.mark.parametrize("table_bytes", [200e6, 30e3, 0.0])
def test_a_row_does_not_depend_on_the_rows_beside_it(nodes: Nodes, table_bytes: float) -> None:
    rng = np.random.default_rng(2)
    X, Z = rows_for(nodes, rng, 600), rows_for(nodes, rng, 90)
    kernel = Background(Forest.of(nodes), Z, table_bytes=table_bytes)
    order = rng.permutation(len(X))
    for explain in (kernel.shapley, kernel.banzhaf):
        values = explain(X)
        np.testing.assert_array_equal(explain(X[order]), values[order])
        for i in (0, 63, 64, 255, 256, 599):
            np.testing.assert_array_equal(explain(X[i : i + 1])[0], values[i])
    pairs = kernel.interactions(X[:70], 2)
    np.testing.assert_array_equal(kernel.interactions(X[65:66], 2)[0], pairs[65])


def test_threads_agree_with_one(nodes: Nodes) -> None:
    rng = np.random.default_rng(3)
    X, Z = rows_for(nodes, rng, 500), rows_for(nodes, rng, 50)
    for table_bytes in (200e6, 0.0):
        kernel = Background(Forest.of(nodes), Z, table_bytes=table_bytes)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(kernel.banzhaf, np.array_split(X, 11)))
        np.testing.assert_array_equal(np.concatenate(found), kernel.banzhaf(X))


def test_the_background_may_be_changed_and_dropped_afterwards(nodes: Nodes) -> None:
    rng = np.random.default_rng(4)
    X, Z = rows_for(nodes, rng, 5), rows_for(nodes, rng, 30)
    Z.flags.writeable = False
    kept = Background(Forest.of(nodes), Z, table_bytes=0)
    loose = Z.copy()
    kernel = Background(Forest.of(nodes), loose, table_bytes=0)
    loose[:] = 0
    del loose
    np.testing.assert_array_equal(kernel.banzhaf(X), kept.banzhaf(X))


def test_strided_rows_are_read_and_left_alone(nodes: Nodes) -> None:
    rng = np.random.default_rng(5)
    X, Z = rows_for(nodes, rng, 40), rows_for(nodes, rng, 30)
    kernel = Background(Forest.of(nodes), np.asfortranarray(Z))
    values, before = kernel.shapley(X), X.copy()
    X.flags.writeable = False
    np.testing.assert_array_equal(kernel.shapley(X[::2]), values[::2])
    np.testing.assert_array_equal(X, before)


def test_no_rows_give_no_values_and_single_leaves_have_no_players(nodes: Nodes) -> None:
    rng = np.random.default_rng(6)
    kernel = Background(Forest.of(nodes), rows_for(nodes, rng, 3))
    assert kernel.shapley(np.empty((0, 8))).shape == (0, 8, 2)
    bare = random_nodes(rng, depth=0)
    kernel = Background(Forest.of(bare), np.zeros((2, 5)))
    assert not kernel.shapley(np.zeros((3, 5))).any()
    assert kernel.interactions(np.zeros((3, 5)), 2).shape == (3, 0, 1)
    leaves = bare.base + np.bincount(bare.target, bare.value[:, 0], minlength=1)
    np.testing.assert_allclose(kernel.expectation(), leaves)


def test_refusals_say_what_is_needed(nodes: Nodes) -> None:
    forest = Forest.of(nodes)
    with pytest.raises(InputError, match="0 rows"):
        Background(forest, np.empty((0, 8)))
    with pytest.raises(InputError, match=r"\(4, 7\).*\(rows, 8\)"):
        Background(forest, np.zeros((4, 7)))
    kernel = Background(forest, np.zeros((4, 8)))
    with pytest.raises(InputError, match=r"\(8,\)"):
        kernel.shapley(np.zeros(8))
    with pytest.raises(InputError, match="4 players"):
        kernel.interactions(np.zeros((1, 8)), 4)
    with pytest.raises(InputError, match="labels"):
        kernel.pair_rescaled(
            np.zeros((1, 8)), np.zeros((1, 2)), np.zeros((4, 2)), "log_loss_softmax"
        )
    with pytest.raises(InputError, match="margins of Z"):
        kernel.pair_rescaled(np.zeros((1, 8)), np.zeros((1, 2)), np.zeros((5, 2)), "softmax")
