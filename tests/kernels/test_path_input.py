"""What the compiled kernels accept, refuse and leave alone."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from strategies import random_nodes, rows_for
from whence.kernels.trees import Forest
from whence.models.trees import Nodes


@pytest.fixture
def nodes() -> Nodes:
    return random_nodes(np.random.default_rng(1), trees=4, depth=4, stop=0.0, outputs=2)


def test_threads_agree_with_one(nodes: Nodes) -> None:
    forest = Forest.of(nodes)
    X = rows_for(nodes, np.random.default_rng(2), 2_000)
    blocks = np.array_split(X, 13)
    for explain in (forest.shapley, forest.predict, lambda X: forest.interactions(X, 2)):
        with ThreadPoolExecutor(4) as pool:
            found = np.concatenate(list(pool.map(explain, blocks)))
        np.testing.assert_array_equal(found, explain(X))


def test_read_only_and_strided_rows_are_read_and_left_alone(nodes: Nodes) -> None:
    forest = Forest.of(nodes)
    X = rows_for(nodes, np.random.default_rng(3), 40)
    expected, before = forest.shapley(X), X.copy()
    X.flags.writeable = False
    np.testing.assert_array_equal(forest.shapley(X), expected)
    np.testing.assert_array_equal(forest.shapley(np.asfortranarray(X)), expected)
    np.testing.assert_array_equal(forest.shapley(X[::2]), expected[::2])
    np.testing.assert_array_equal(X, before)


def test_no_rows_give_no_values(nodes: Nodes) -> None:
    forest = Forest.of(nodes)
    assert forest.shapley(np.empty((0, nodes.columns))).shape == (0, nodes.players, 2)
    assert forest.predict(np.empty((0, nodes.columns))).shape == (0, 2)


def test_trees_that_are_single_leaves_have_no_players(nodes: Nodes) -> None:
    forest = Forest.of(random_nodes(np.random.default_rng(0), depth=0))
    assert not forest.shapley(np.zeros((3, 5))).any()
    assert forest.interaction_sets(2).shape == (0, 2)
    assert forest.interactions(np.zeros((3, 5)), 3).shape == (3, 0, 1)


def test_arrays_may_be_changed_after_compilation(nodes: Nodes) -> None:
    forest = Forest.of(nodes)
    X = rows_for(nodes, np.random.default_rng(3), 5)
    before = forest.predict(X)
    nodes.value[:] = 0
    np.testing.assert_array_equal(forest.predict(X), before)


def test_too_few_columns_are_refused(nodes: Nodes) -> None:
    with pytest.raises(ValueError, match="X has 3 columns, 5 are needed"):
        Forest.of(nodes).shapley(np.zeros((2, 3)))


def test_orders_other_than_two_and_three_are_refused(nodes: Nodes) -> None:
    with pytest.raises(ValueError, match="order is 4, not 2 or 3"):
        Forest.of(nodes).interaction_sets(4)


def changed(nodes: Nodes, name: str, at: int, to: float) -> Nodes:
    array = getattr(nodes, name).copy()
    array[at] = to
    return replace(nodes, **{name: array})


@pytest.mark.parametrize(
    ("name", "at", "to", "message"),
    [
        ("left", 0, 0, "node 0 has the child 0"),
        ("left", 0, 10_000, "children stand after their parent"),
        ("feature", 0, 99, "node 0 splits on column 99, but there are 5"),
        ("cover", 0, -1.0, r"cover\[0\] is -1"),
        ("cover", 0, np.nan, r"cover\[0\] is nan"),
        ("target", 0, 7, r"target\[0\] is 7, not in -1 to 1"),
        ("player", 0, 5, r"player\[0\] is 5, not in 0 to 4"),
        ("base", 0, np.inf, r"base\[0\] is inf"),
        ("start", 0, 1, "start runs from 1"),
        ("category_start", 0, 1, "category_start runs from 1"),
    ],
)
def test_broken_ensembles_are_refused(
    nodes: Nodes, name: str, at: int, to: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Forest.of(changed(nodes, name, at, to))


def test_a_child_of_two_parents_is_refused(nodes: Nodes) -> None:
    with pytest.raises(ValueError, match="is a child twice"):
        Forest.of(changed(nodes, "left", 0, int(nodes.right[0])))


def test_leaves_must_be_finite(nodes: Nodes) -> None:
    leaf = int(np.flatnonzero(nodes.feature < 0)[0])
    with pytest.raises(ValueError, match=f"leaf {leaf} has the value nan"):
        Forest.of(
            replace(
                nodes,
                value=np.where(np.arange(len(nodes.value))[:, None] == leaf, np.nan, nodes.value),
            )
        )


def test_lengths_must_match(nodes: Nodes) -> None:
    with pytest.raises(ValueError, match="threshold has 2 entries"):
        Forest.of(replace(nodes, threshold=nodes.threshold[:2]))
