"""Where numbers go at splits of columns with few, many and too many thresholds to be ranked."""

import numpy as np
import pytest

from kernels.test_path_values import ISAS
from whence.core.types import Bools, Floats
from whence.kernels.background import Background
from whence.kernels.trees import Forest, Isa
from whence.models.trees import Nodes

LARGE = 60_000
EDGES = np.array([0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e-35, -1e-36, 1.0, 1e300, np.inf, -np.inf])


def stumps(thresholds: Floats, feature: np.ndarray, rng: np.random.Generator) -> Nodes:
    """Return one tree per threshold, with two leaves each."""
    n = len(thresholds)
    root = np.tile([True, False, False], n)

    def of_root(values: np.ndarray, leaf: float) -> np.ndarray:
        full = np.full(3 * n, leaf, dtype=values.dtype)
        full[root] = values
        return full

    first = np.arange(n, dtype=np.int32) * 3
    return Nodes(
        start=np.arange(n + 1) * 3,
        feature=of_root(feature.astype(np.int32), -1),
        threshold=of_root(thresholds, np.nan),
        left=of_root(first + 1, -1),
        right=of_root(first + 2, -1),
        missing_left=of_root(rng.random(n) < 0.5, leaf=False),
        zero_missing=of_root(np.arange(n) % 29 == 28, leaf=False) & (n < LARGE),
        category_start=np.zeros(3 * n + 1, dtype=np.int64),
        category_words=np.empty(0, dtype=np.uint64),
        value=rng.normal(size=(3 * n, 1)),
        cover=np.ones(3 * n),
        target=np.zeros(n, dtype=np.int32),
        base=np.zeros(1),
        player=np.arange(2, dtype=np.int32),
        players=2,
    )


def left(nodes: Nodes, X: Floats) -> Bools:
    """Return which rows go left at which stump, of shape (rows, stumps), by the definition."""
    root = nodes.start[:-1]
    x = X[:, nodes.feature[root]]
    missing = np.isnan(x) | (nodes.zero_missing[root] & (np.abs(x) <= 1e-35))
    return np.where(missing, nodes.missing_left[root], x <= nodes.threshold[root])


def worth(nodes: Nodes, X: Floats, mean: Floats | float) -> Floats:
    """Return what each column earns, of shape (rows, 2), where a stump is worth ``mean`` before."""
    root = nodes.start[:-1]
    to_left, to_right = nodes.value[root + 1, 0], nodes.value[root + 2, 0]
    share = np.where(left(nodes, X), 1.0, 0.0) - mean
    return np.stack(
        [(share * (to_left - to_right))[:, nodes.feature[root] == c].sum(axis=1) for c in (0, 1)],
        axis=1,
    )


@pytest.mark.parametrize("count", [5, 150, 65_534, 65_535])
def test_numbers_at_and_beside_every_kind_of_threshold(count: int) -> None:
    rng = np.random.default_rng(count)
    distinct = np.concatenate([EDGES[1:], rng.normal(size=max(0, count - 10))])[:count]
    thresholds = np.concatenate([distinct, rng.choice(distinct, 100), rng.normal(size=3)])
    feature = np.repeat([0, 1], [count + 100, 3])
    nodes = stumps(thresholds, feature, rng)
    edges = np.concatenate([EDGES, np.sort(distinct)[[0, 1, -2, -1]], rng.choice(distinct, 70)])
    numbers = np.concatenate(
        [edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf), [np.nan, np.nan]]
    )
    X = np.stack([np.tile(numbers, 2)[:301], rng.permutation(np.tile(numbers, 2)[:301])], axis=1)
    Z = X[::60]
    expected = worth(nodes, X, 0.5), worth(nodes, X, left(nodes, Z).mean(axis=0))
    for isa in ISAS:
        agree(nodes, X, Z, expected, isa)


def agree(nodes: Nodes, X: Floats, Z: Floats, expected: tuple[Floats, Floats], isa: Isa) -> None:
    forest = Forest.of(nodes, isa=isa)
    close = {"rtol": 0, "atol": 1e-9}
    np.testing.assert_allclose(forest.shapley(X)[:, :, 0], expected[0], **close)
    np.testing.assert_array_equal(forest.shapley(X[:1]), forest.shapley(X)[:1])
    if nodes.trees < LARGE:  # tables of many trees take seconds
        background = Background(forest, Z, isa=isa)
        np.testing.assert_allclose(background.shapley(X)[:, :, 0], expected[1], **close)
