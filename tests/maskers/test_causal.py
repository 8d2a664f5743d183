"""Setting a column changes its effects and nothing else."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from whence.core.errors import InputError
from whence.core.table import table_of
from whence.core.types import Floats
from whence.maskers.causal import Causal, Edge
from whence.models.predict import read_predict

CHAIN = [("a", "b"), ("b", "c")]
SLOPES = (0.8, -0.6)


def chain(n: int) -> pd.DataFrame:
    """Return a -> b -> c, each of variance 1."""
    e = np.random.default_rng(3).normal(size=(n, 3))
    a = e[:, 0]
    b = SLOPES[0] * a + np.sqrt(1 - SLOPES[0] ** 2) * e[:, 1]
    c = SLOPES[1] * b + np.sqrt(1 - SLOPES[1] ** 2) * e[:, 2]
    return pd.DataFrame({"a": a, "b": b, "c": c})


Z = chain(6_000)
X = pd.DataFrame({"a": [-1.5], "b": [1.2], "c": [0.3]})


def drawn(known: list[bool], graph: Sequence[Edge] = CHAIN, Z: pd.DataFrame = Z) -> Floats:
    view = read_predict(lambda rows: np.zeros(len(rows)))
    scene = Causal(Z, graph=graph, samples=3_000).bind(view)(table_of(X), np.random.default_rng(0))
    masked = scene.mask(np.array([0]), np.array([known]))
    numbers = masked.inputs.numbers
    return numbers if masked.back is None else numbers[masked.back]


def test_setting_the_middle_of_a_chain_changes_the_end_and_not_the_start() -> None:
    free, set_b = drawn([False] * 3), drawn([False, True, False])

    assert_array_equal(set_b[:, 0], free[:, 0])
    assert_array_equal(set_b[:, 1], 1.2)
    assert_allclose(set_b[:, 2].mean(), SLOPES[1] * 1.2, atol=0.05)
    assert_allclose(set_b[:, 2].std(), np.sqrt(1 - SLOPES[1] ** 2), atol=0.04)
    assert_allclose(np.corrcoef(set_b[:, 0], set_b[:, 2])[0, 1], 0, atol=0.05)


def test_what_is_set_first_is_handed_down() -> None:
    set_a = drawn([True, False, False])

    assert_allclose(set_a[:, 1].mean(), SLOPES[0] * -1.5, atol=0.05)
    assert_allclose(set_a[:, 2].mean(), SLOPES[0] * SLOPES[1] * -1.5, atol=0.05)
    set_ab = drawn([True, True, False])
    assert_allclose(set_ab[:, 2].mean(), SLOPES[1] * 1.2, atol=0.05)


def test_setting_the_end_changes_nothing_else() -> None:
    assert_array_equal(drawn([False, False, True])[:, :2], drawn([False] * 3)[:, :2])


def test_of_nothing_known_the_columns_are_as_in_the_background() -> None:
    free = drawn([False] * 3)

    assert_allclose(free.mean(axis=0), Z.mean(), atol=0.05)
    assert_allclose(np.cov(free.T), np.cov(Z.T), atol=0.06)


def test_without_arrows_every_column_is_drawn_by_itself() -> None:
    assert_allclose(np.corrcoef(drawn([False] * 3, graph=[]).T), np.eye(3), atol=0.1)


def test_a_common_effect_is_drawn_from_both_its_causes() -> None:
    e = np.random.default_rng(4).normal(size=(6_000, 3))
    both = pd.DataFrame({"a": e[:, 0], "b": e[:, 1], "c": (e[:, 0] + 2 * e[:, 1] + e[:, 2])})
    set_ab = drawn([True, True, False], graph=[("b", "c"), ("a", "c")], Z=both)

    assert_allclose(set_ab[:, 2].mean(), -1.5 + 2 * 1.2, atol=0.15)
    assert_allclose(set_ab[:, 2].std(), 1.0, atol=0.12)


def test_the_order_of_the_arrows_is_of_no_account() -> None:
    backwards = drawn([False, True, False], graph=CHAIN[::-1])

    assert_array_equal(backwards, drawn([False, True, False]))


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ([("a", "b"), ("b", "c"), ("c", "a")], r"graph has a cycle, '\w' -> '\w' -> '\w' -> '\w'"),
        ([("a", "a")], "graph has a cycle, 'a' -> 'a'"),
        ([("a", "d")], r"The edge \('a', 'd'\) of the graph names column 'd'"),
        ([("a", 1)], "names column 1, which the background lacks"),
        ([("a", "b", "c")], r"graph is, or holds, \('a', 'b', 'c'\).*pairs"),
        (["ab"], "graph is, or holds, 'ab'"),
        ("ab", "graph is, or holds, 'ab'"),
        ({("a", "b")}, "graph is, or holds, {"),
        (None, "graph is, or holds, None"),
    ],
)
def test_graphs_that_cannot_be_used_are_refused(graph: Sequence[Edge], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Causal(Z, graph=graph).bind(read_predict(len))
