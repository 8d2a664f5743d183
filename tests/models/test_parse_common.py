"""Exact thresholds, and any list of trees becomes the same function as Nodes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.trees import predict
from whence.core.errors import InputError
from whence.core.table import Table
from whence.models.parse import common
from whence.models.parse.common import Tree, assemble

FLOAT32 = st.floats(width=32, allow_nan=False)


def neighbors(t: np.float32) -> list[float]:
    """Return float64 numbers where the rounding to float32 changes sides of ``t``."""
    with np.errstate(over="ignore"):
        around = [t, np.nextafter(t, np.float32(np.inf)), np.nextafter(t, np.float32(-np.inf))]
    wide = [float(np.clip(np.float64(v), -(2.0**128), 2.0**128)) for v in around]
    near = [*wide, (wide[0] + wide[1]) / 2, (wide[0] + wide[2]) / 2, np.inf, -np.inf, np.nan]
    near += [float(np.finfo(np.float64).max) / 2]
    return [u for v in near for u in (v, np.nextafter(v, np.inf), np.nextafter(v, -np.inf))]


@settings(deadline=None)
@given(FLOAT32)
def test_rounding_to_float32_and_comparing_is_a_float64_threshold(number: float) -> None:
    t = np.float32(number)
    le, lt = common.float32_le_threshold(t), common.float32_lt_threshold(t)
    for x in neighbors(t):
        with np.errstate(over="ignore"):
            rounded = np.float32(x)
        assert bool(rounded <= t) == bool(x <= le)
        assert bool(rounded < t) == bool(x <= lt)


@settings(deadline=None)
@given(FLOAT32, st.floats())
def test_thresholds_hold_for_any_number(number: float, x: float) -> None:
    t = np.float32(number)
    with np.errstate(over="ignore"):
        rounded = np.float32(x)
    assert bool(rounded <= t) == bool(x <= common.float32_le_threshold(t))
    assert bool(rounded < t) == bool(x <= common.float32_lt_threshold(t))


@settings(deadline=None)
@given(st.floats(allow_nan=False), st.floats())
def test_less_than_in_float64(t: float, x: float) -> None:
    with np.errstate(over="ignore"):
        near = np.nextafter(t, -np.inf), np.nextafter(t, np.inf)
    for number in (x, t, *near):
        assert bool(number < t) == bool(number <= common.float64_lt_threshold(t))


def test_thresholds_keep_their_shape() -> None:
    t = np.zeros((2, 3), dtype=np.float32)
    assert common.float32_le_threshold(t).shape == (2, 3)
    assert common.float32_lt_threshold(t).dtype == np.float64


COLUMNS = 3


def walk(tree: Tree, x: np.ndarray) -> np.ndarray:
    v = tree.root
    while tree.feature[v] >= 0:
        number = x[tree.feature[v]]
        if np.isnan(number):
            left = tree.missing_left[v]
        elif v in tree.categories:
            left = int(number) in tree.categories[v]
        else:
            left = number <= tree.threshold[v]
        v = tree.left[v] if left else tree.right[v]
    return np.atleast_1d(tree.value[v])


@st.composite
def random_trees(draw: st.DrawFn) -> tuple[list[Tree], int]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    outputs, whole = draw(st.integers(1, 3)), draw(st.booleans())
    return [one_tree(rng, outputs, whole=whole) for _ in range(draw(st.integers(0, 4)))], outputs


def one_tree(rng: np.random.Generator, outputs: int, *, whole: bool) -> Tree:
    """Grow a tree by splitting leaves at random; then shuffle its nodes and add dead ones."""
    n = 1
    left, right = {}, {}
    leaves = [0]
    for _ in range(rng.integers(0, 12)):
        v = leaves.pop(rng.integers(len(leaves)))
        left[v], right[v] = n, n + 1
        leaves += [n, n + 1]
        n += 2
    place = rng.permutation(n + 2)
    feature = np.full(n + 2, -1)
    sides = np.full((2, n + 2), -1)
    for v in left:
        feature[place[v]] = rng.integers(COLUMNS)
        sides[:, place[v]] = place[left[v]], place[right[v]]
    splits = [int(place[v]) for v in left if rng.random() < 0.3]
    return Tree(
        feature=feature,
        threshold=rng.integers(0, 5, n + 2).astype(float),
        left=sides[0],
        right=sides[1],
        missing_left=rng.random(n + 2) < 0.5,
        value=rng.normal(size=(n + 2, outputs) if whole else n + 2),
        cover=rng.random(n + 2),
        target=-1 if whole else int(rng.integers(outputs)),
        root=int(place[0]),
        categories={v: set(rng.integers(0, 130, 20).tolist()) for v in splits},
    )


@settings(deadline=None)
@given(random_trees())
def test_assembled_nodes_are_the_same_function(case: tuple[list[Tree], int]) -> None:
    trees, outputs = case
    listed = [
        Tree(
            **{name: getattr(tree, name) for name in Tree.__dataclass_fields__}
            | {"categories": {v: sorted(codes) for v, codes in tree.categories.items()}}
        )
        for tree in trees
    ]
    base = np.arange(outputs) + 0.5
    nodes = assemble(listed, base=base, columns=COLUMNS)
    X = np.random.default_rng(0).integers(-1, 130, (20, COLUMNS)).astype(float)
    X[::3, 0] = np.nan
    expected = np.tile(base, (len(X), 1))
    for out, x in zip(expected, X, strict=True):
        for tree in trees:
            out[slice(None) if tree.target < 0 else [tree.target]] += walk(tree, x)
    np.testing.assert_allclose(predict(nodes, X), expected, atol=1e-12)
    parent = np.flatnonzero(nodes.feature >= 0)
    assert np.all(nodes.left[parent] == parent + 1)
    assert np.all(nodes.right[parent] > nodes.left[parent])
    assert nodes.players == COLUMNS


def stump(**changes: object) -> Tree:
    fields = {
        "feature": [0, -1, -1],
        "threshold": [0.5, 0, 0],
        "left": [1, -1, -1],
        "right": [2, -1, -1],
        "missing_left": [True, False, False],
        "value": [0.0, 1.0, 2.0],
        "cover": [2.0, 1.0, 1.0],
    }
    return Tree(**fields | changes)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"left": [7, -1, -1]}, "left child 7 in a tree of 3"),
        ({"left": [-1, -1, -1]}, "left child -1"),
        ({"left": [0, -1, -1]}, "two ways"),
        ({"right": [1, -1, -1]}, "two ways"),
        ({"feature": [9, -1, -1]}, "column 9 of 1"),
        ({"threshold": [np.nan, 0, 0]}, "threshold that is not a number"),
        ({"value": [0.0, np.inf, 1.0]}, "leaf or an intercept"),
        ({"cover": [1.0, -1.0, 1.0]}, "cover that is negative"),
        ({"cover": [1.0]}, "1 entries of cover for 3 nodes"),
        ({"target": 3}, "target 3"),
        ({"categories": {0: [2**40]}}, "category 1099511627776"),
        ({"categories": {0: [-1]}}, "category -1"),
    ],
)
def test_damaged_trees_are_refused(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        assemble([stump(**changes)], base=0.0, columns=1)


def test_an_empty_category_set_sends_everything_right() -> None:
    nodes = assemble([stump(categories={0: []})], base=0.0, columns=1)
    assert predict(nodes, np.array([[0.0], [64.0], [np.nan]]))[:, 0].tolist() == [2, 2, 1]


def test_a_deep_chain_is_laid_out_without_recursion() -> None:
    depth = 3000
    inner = np.arange(depth)
    tree = Tree(
        feature=np.concatenate([np.zeros(depth, dtype=int), np.full(depth + 1, -1)]),
        threshold=np.concatenate([-inner.astype(float), np.zeros(depth + 1)]),
        left=np.concatenate([inner + 1, np.full(depth + 1, -1)]),
        right=np.concatenate([inner + 1 + depth, np.full(depth + 1, -1)]),
        missing_left=np.ones(2 * depth + 1, dtype=bool),
        value=np.arange(2.0 * depth + 1),
        cover=np.ones(2 * depth + 1),
    )
    nodes = assemble([tree], base=0.0, columns=1)
    assert predict(nodes, np.array([[-1e9]]))[0, 0] == depth


def test_players_may_share_columns() -> None:
    nodes = assemble([stump()], base=0.0, player=np.array([0, 1, 1]), columns=3)
    assert nodes.players == 2
    assert nodes.player.tolist() == [0, 1, 1]


def test_columns_are_checked_by_number_and_name() -> None:
    table = Table(names=("a", "b"), numbers=np.zeros((1, 2)), levels=(None, None))
    common.check_columns(table, ("a", "b"), named=True)
    common.check_columns(table, ("x0", "x1"), named=False)
    with pytest.raises(InputError, match="column 'a' where the model expects 'b'"):
        common.check_columns(table, ("b", "a"), named=True)
    with pytest.raises(InputError, match="2 columns; the model was trained on 1"):
        common.check_columns(table, ("a",), named=True)


def test_feature_names_must_fit() -> None:
    with pytest.raises(InputError, match="1 feature names for 2 columns"):
        common.feature_names(["a"], 2)
