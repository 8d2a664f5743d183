"""Rows whose columns move along positions: every tree says what it says when asked."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from reference.trees import predict
from strategies import big_tree, chain, ensembles, random_nodes, rows_for, seeds
from whence.core.types import Floats, Int32s
from whence.kernels.curves import Curves
from whence.kernels.paths import meet
from whence.kernels.trees import Forest, Isa
from whence.models.trees import Nodes

EXACT = settings(max_examples=60, deadline=None)


def available() -> list[Isa]:
    names: list[Isa] = ["portable"]
    for name in ("avx2", "avx512"):
        try:
            Forest.of(random_nodes(np.random.default_rng(0)), isa=name)  # type: ignore[arg-type]  # one of the names
        except ValueError:
            continue
        names.append(name)  # type: ignore[arg-type]  # as above
    return names


isas = st.sampled_from(available())


def along(nodes: Nodes, X: Floats, columns: Int32s, cells: Floats, isa: Isa = "auto") -> Floats:
    forest = Forest.of(nodes)
    return Curves(forest, isa=isa).along(X, forest.predict(X), columns, cells)


def asked(nodes: Nodes, X: Floats, columns: Int32s, cells: Floats) -> Floats:
    """Return what the trees say about each row at each position, one after the other."""
    out = []
    for cell in cells:
        moved = X.copy()
        moved[:, columns] = cell
        out.append(predict(nodes, moved))
    return np.stack(out, axis=1)


@EXACT
@given(ensembles(), seeds, isas, st.integers(1, 3), st.sampled_from([1, 5, 63, 64, 65, 130]))
def test_curves_are_what_the_trees_say(
    nodes: Nodes, seed: int, isa: Isa, moved: int, positions: int
) -> None:
    rng = np.random.default_rng(seed)
    X = rows_for(nodes, rng, 4)
    columns = rng.permutation(nodes.columns)[:moved].astype(np.int32)
    cells = rows_for(nodes, rng, positions)[:, columns]

    found = along(nodes, X, columns, cells, isa)

    assert_allclose(found, asked(nodes, X, columns, cells), rtol=0, atol=1e-11)


@pytest.mark.parametrize("isa", available())
@pytest.mark.parametrize("rows", [1, 7, 64, 255, 256, 257, 600])
def test_a_row_does_not_depend_on_the_rows_beside_it(isa: Isa, rows: int) -> None:
    rng = np.random.default_rng(rows)
    nodes = random_nodes(rng, trees=6, depth=5, columns=6, outputs=2)
    X, columns = rows_for(nodes, rng, rows), np.array([1, 4], dtype=np.int32)
    cells = rows_for(nodes, rng, 70)[:, columns]

    found = along(nodes, X, columns, cells, isa)

    alone = along(nodes, X[-1:], columns, cells, isa)
    assert_array_equal(found[-1:], alone)
    assert_allclose(found[::37], asked(nodes, X[::37], columns, cells), rtol=0, atol=1e-11)


def test_large_trees_go_another_way_and_say_the_same() -> None:
    rng = np.random.default_rng(3)
    large, small = big_tree(rng, 4_001, 12), random_nodes(rng, trees=4, depth=3, columns=12)
    nodes = joined(large, replace(small, base=large.base))
    X = rows_for(nodes, rng, 300)
    for column in range(3):
        columns = np.array([column], dtype=np.int32)
        cells = rows_for(nodes, rng, 66)[:, columns]

        found = along(nodes, X, columns, cells)

        assert_allclose(found[::29], asked(nodes, X[::29], columns, cells), rtol=0, atol=1e-11)


def test_a_large_tree_that_reads_no_moving_column_keeps_what_it_says() -> None:
    """Then each row's own walk down the others is taken off what is known of it."""
    rng = np.random.default_rng(4)
    one = big_tree(rng, 801, 3)
    other = big_tree(rng, 801, 3)
    shifted = replace(
        other, feature=np.where(other.feature < 0, -1, other.feature + 3).astype("i4")
    )
    nodes = joined(one, shifted)
    nodes = replace(nodes, player=np.arange(6, dtype=np.int32), players=6)
    X, columns = rows_for(nodes, rng, 40), np.array([4], dtype=np.int32)
    cells = rows_for(nodes, rng, 30)[:, columns]

    assert_allclose(
        along(nodes, X, columns, cells), asked(nodes, X, columns, cells), rtol=0, atol=1e-11
    )


def test_a_chain_of_thousands_of_splits_is_walked() -> None:
    rng = np.random.default_rng(5)
    nodes = chain(rng, 3_000, columns=5)
    X, columns = rows_for(nodes, rng, 20), np.array([2], dtype=np.int32)
    cells = rows_for(nodes, rng, 9)[:, columns]

    assert_allclose(
        along(nodes, X, columns, cells), asked(nodes, X, columns, cells), rtol=0, atol=1e-11
    )


def test_wrong_arrays_are_refused() -> None:
    nodes = random_nodes(np.random.default_rng(0), columns=3)
    forest, X = Forest.of(nodes), np.zeros((2, 3))
    curves, raw = Curves(forest), np.zeros((2, nodes.outputs))
    one = np.zeros(1, dtype=np.int32)
    with pytest.raises(ValueError, match="none of the trees"):
        curves.along(X, raw, np.array([3], dtype=np.int32), np.zeros((1, 1)))
    with pytest.raises(ValueError, match="each that moves"):
        curves.along(X, raw, one, np.zeros((1, 2)))
    with pytest.raises(ValueError, match="columns of the trees"):
        curves.along(X[:, :2], raw, one, np.zeros((1, 1)))


@EXACT
@given(ensembles(), seeds)
def test_players_meet_where_a_path_reads_them_all(nodes: Nodes, seed: int) -> None:
    rng = np.random.default_rng(seed)
    players = rng.integers(0, nodes.players, int(rng.integers(1, 4))).tolist()

    def below(v: int, seen: frozenset[int]) -> bool:
        if nodes.feature[v] < 0:
            return seen >= set(players)
        seen |= {int(nodes.player[nodes.feature[v]])}
        return below(int(nodes.left[v]), seen) or below(int(nodes.right[v]), seen)

    truth = any(below(int(v), frozenset()) for v in nodes.start[:-1])
    assert meet(nodes, players) == truth


def joined(a: Nodes, b: Nodes) -> Nodes:
    """Return the trees of both, of one output."""
    n = len(a.feature)
    shift = [np.where(side < 0, -1, side + n).astype(np.int32) for side in (b.left, b.right)]
    both = {
        name: np.concatenate([getattr(a, name), getattr(b, name)])
        for name in ("feature", "threshold", "missing_left", "zero_missing", "value", "cover")
    }
    words = len(a.category_words)
    return replace(
        a,
        **both,
        start=np.concatenate([a.start, b.start[1:] + n]),
        left=np.concatenate([a.left, shift[0]]),
        right=np.concatenate([a.right, shift[1]]),
        category_start=np.concatenate([a.category_start, b.category_start[1:] + words]),
        category_words=np.concatenate([a.category_words, b.category_words]),
        target=np.concatenate([a.target, b.target]),
    )
