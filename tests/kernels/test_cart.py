"""A tree takes the best of all splits, and says where every row goes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.tree import DecisionTreeRegressor

from reference.cart import best_gain, error
from whence.core.types import Floats
from whence.kernels.cart import Design, grow


def table(rng: np.random.Generator, n: int, *, missing: float) -> tuple[Floats, list[int]]:
    """Return two columns of numbers, one rough and one fine, and one of categories."""
    X = np.column_stack([rng.integers(0, 4, n), rng.normal(size=n), rng.integers(0, 5, n)])
    X[rng.uniform(size=X.shape) < missing] = np.nan
    return X, [0, 0, 5]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 30), st.integers(1, 3), st.sampled_from([0.0, 0.3]))
def test_the_first_split_is_the_best_of_all(seed: int, n: int, least: int, missing: float) -> None:
    rng = np.random.default_rng(seed)
    X, levels = table(rng, n, missing=missing)
    Y = rng.normal(size=(n, 1)) + 100

    tree = grow(Design.of(X, np.array(levels)), Y, leaves=2, least=least)

    truth = best_gain(X, Y, levels, least)
    assert_allclose(tree.gain.sum(), truth, rtol=1e-9, atol=1e-9)
    said = tree.predict(X)
    assert_allclose(((Y - said) ** 2).sum(), error(Y) - truth, rtol=1e-9, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 3))
def test_several_outputs_are_split_as_one_where_columns_are_numbers(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    X, _ = table(rng, 25, missing=0.2)
    Y = rng.normal(size=(25, k))

    tree = grow(Design.of(X[:, :2], np.zeros(2, dtype=np.int64)), Y, leaves=2)

    assert_allclose(tree.gain[0], best_gain(X[:, :2], Y, [0, 0], 1))


@pytest.mark.parametrize("leaves", [2, 7, 40])
def test_the_loss_is_that_of_scikit_learn(leaves: int) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(800, 6))
    X[:, 3:] = np.round(2 * X[:, 3:])
    Y = np.column_stack([np.sin(3 * X[:, 0]) * X[:, 1], X[:, 3] + rng.normal(size=800)])
    theirs = DecisionTreeRegressor(max_leaf_nodes=leaves, min_samples_leaf=5, random_state=0)
    theirs.fit(X, Y)

    ours = grow(Design.of(X, np.zeros(6, dtype=np.int64)), Y, leaves=leaves, least=5)

    assert ours.leaves == theirs.get_n_leaves()
    assert_allclose(((ours.predict(X) - Y) ** 2).sum(), ((theirs.predict(X) - Y) ** 2).sum())


def test_a_tree_holds_all_smaller_ones() -> None:
    rng = np.random.default_rng(2)
    X, levels = table(rng, 300, missing=0.1)
    Y = rng.normal(size=(300, 1)) + X[:, 1:2] ** 2
    Y[np.isnan(Y)] = 0
    design = Design.of(X, np.array(levels))
    tree = grow(design, Y, leaves=12)

    errors = tree.errors(X, Y)

    for leaves in (1, 2, 5, 12):
        alone = grow(design, Y, leaves=leaves)
        assert_array_equal(alone.predict(X), tree.pruned(leaves).predict(X))
        assert_allclose(errors[leaves - 1], ((alone.predict(X) - Y) ** 2).sum(axis=1))
        assert_allclose(error(Y) - errors[leaves - 1].sum(), alone.gain.sum())


def test_depth_and_rows_of_a_leaf_are_kept() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(200, 3))
    Y = rng.normal(size=(200, 1))

    tree = grow(Design.of(X, np.zeros(3, dtype=np.int64)), Y, leaves=99, depth=3, least=11)

    leaf = tree.apply(X)
    assert tree.depths().max() == 3
    assert np.bincount(leaf)[np.unique(leaf)].min() >= 11
    assert_array_equal(np.bincount(leaf, minlength=len(tree.count))[leaf], tree.count[leaf])


def test_repeated_rows_count_as_often_as_they_are_given() -> None:
    rng = np.random.default_rng(4)
    X, Y = rng.normal(size=(60, 3)), rng.normal(size=(60, 1))
    rows = rng.integers(0, 60, 90)
    none = np.zeros(3, dtype=np.int64)

    some = grow(Design.of(X, none), Y, rows, leaves=6)
    repeated = grow(Design.of(X[rows], none), Y[rows], leaves=6)

    assert_allclose(some.gain, repeated.gain)
    assert_allclose(some.value, repeated.value)


def test_what_cannot_be_split_is_one_leaf() -> None:
    X = np.column_stack([np.ones(10), np.full(10, np.nan)])
    design = Design.of(X, np.zeros(2, dtype=np.int64))

    assert grow(design, np.arange(10.0)[:, None], leaves=9).leaves == 1
    assert grow(design, np.ones((10, 1)), leaves=9).leaves == 1


def test_missing_values_alone_can_make_a_split() -> None:
    X = np.array([[1.0], [2.0], [np.nan], [np.nan]])
    Y = np.array([[0.0], [0.0], [9.0], [9.0]])

    tree = grow(Design.of(X, np.zeros(1, dtype=np.int64)), Y, leaves=4)

    assert tree.leaves == 2
    assert_array_equal(tree.predict(X), Y)
    assert_array_equal(tree.predict(np.array([[1e9], [np.nan]])), [[0.0], [9.0]])
