"""Prototypes and criticisms are those of their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

from reference import examples
from strategies import seeds
from whence.core.types import Floats
from whence.kernels import mmd_critic
from whence.kernels.mmd_critic import (
    Gram,
    criticisms,
    discrepancy,
    prototypes,
    weights,
    width_of,
)


def gram_of(X: Floats, width: float = 1.0) -> Gram:
    return Gram(
        size=len(X),
        apart=lambda rows, others: np.abs(X[rows, None] - X[None, others]).sum(axis=2),
        width=width,
    )


def random_rows(seed: int, most: int = 12) -> Floats:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(rng.integers(4, most), 2))
    return rows[rng.integers(0, len(rows), len(rows))] if rng.random() < 0.3 else rows


@given(seeds)
def test_greedy_picks_are_those_of_the_definition(seed: int) -> None:
    X = random_rows(seed)
    gram = gram_of(X)
    K = gram.matrix()

    index, gain = prototypes(gram, 4)

    worth = [examples.explained(K, index[: i + 1].tolist()) for i in range(len(index))]
    assert_allclose(np.cumsum(gain), worth, atol=1e-12)
    truth = examples.greedy(K, 4)
    assert len(index) == len(truth)
    for i in range(len(index)):  # rows that tie may be picked in any order
        free = [j for j in range(len(X)) if (K[j, index[:i]] < 1 - 1e-12).all()]
        most = max(examples.explained(K, [*index[:i].tolist(), j]) for j in free)
        assert worth[i] == pytest.approx(most, abs=1e-12)


def test_greedy_is_nearly_as_good_as_the_best_rows_of_all() -> None:
    """No guarantee holds for any kernel, but over data sets little is lost."""
    ratio = []
    for seed in range(40):
        gram = gram_of(np.random.default_rng(seed).normal(size=(9, 2)), width=2.0)
        K = gram.matrix()
        index, gain = prototypes(gram, 3)
        ratio.append((K.mean() - gain.sum()) / (K.mean() - examples.best(K, 3)))
        assert_array_equal(index[:2], prototypes(gram, 2)[0])

    assert min(ratio) > 1 - 1e-9
    assert np.mean(ratio) < 1.2


@given(seeds)
def test_criticisms_are_those_of_the_definition(seed: int) -> None:
    X = np.random.default_rng(seed).normal(size=(10, 2))
    gram = gram_of(X)
    K = gram.matrix()
    chosen, _ = prototypes(gram, 3)

    index, witness = criticisms(gram, chosen, 4)

    each = K.mean(axis=0) - K[:, chosen] @ weights(gram, chosen)
    assert_array_equal(index, examples.critics(K, each, chosen.tolist(), 4))
    assert_allclose(witness, each[index], atol=1e-12)


@settings(max_examples=25)
@given(seeds)
def test_weights_come_nearest_to_the_rows(seed: int) -> None:
    gram = gram_of(random_rows(seed))
    K = gram.matrix()
    chosen, _ = prototypes(gram, 3)

    def off(w: Floats) -> float:
        return float(w @ K[np.ix_(chosen, chosen)] @ w - 2 * w @ K.mean(axis=0)[chosen])

    found = weights(gram, chosen)

    start = np.full(len(chosen), 1 / len(chosen))
    bounds = [(0, None)] * len(chosen)
    assert (found >= 0).all()
    assert off(found) <= minimize(off, start, bounds=bounds).fun + 1e-7


def test_rows_in_another_order_have_the_same_prototypes() -> None:
    X = np.random.default_rng(5).normal(size=(60, 3))
    order = np.random.default_rng(6).permutation(60)
    chosen, _ = prototypes(gram_of(X), 6)
    found = criticisms(gram_of(X), chosen, 5)[0]

    again, _ = prototypes(gram_of(X[order]), 6)

    assert_array_equal(order[again], chosen)
    assert_array_equal(order[criticisms(gram_of(X[order]), again, 5)[0]], found)


def test_blocks_say_the_same_as_the_whole_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(7).normal(size=(200, 3))
    chosen, _ = prototypes(gram_of(X), 6)
    monkeypatch.setattr(mmd_critic, "_HELD", 10)
    monkeypatch.setattr(mmd_critic, "_CELLS", 3_000)
    shown: list[float] = []
    gram = gram_of(X)
    object.__setattr__(gram, "progress", shown.append)

    assert_array_equal(prototypes(gram, 6)[0], chosen)
    assert shown[-1] == 1.0
    assert shown == sorted(shown)


def test_rows_that_are_all_the_same_have_one_prototype_and_no_criticism() -> None:
    gram = gram_of(np.ones((5, 2)))

    assert_array_equal(prototypes(gram, 3)[0], [0])
    assert len(criticisms(gram, np.array([0]), 3)[0]) == 0
    assert_allclose(weights(gram, np.array([0])), [1.0])


def test_the_width_is_the_median_distance_of_two_rows() -> None:
    rng = np.random.default_rng(0)
    for X, width in (
        (np.array([[0.0], [1.0], [5.0]]), 4.0),
        (np.array([[0.0], [0.0], [0.0], [0.0], [3.0]]), 1.2),  # the mean, where most are the same
        (np.zeros((4, 1)), 1.0),
        (np.zeros((1, 1)), 1.0),
    ):
        assert width_of(len(X), gram_of(X).apart, rng) == pytest.approx(width)


def test_the_interval_of_the_discrepancy_covers_that_from_many_rows() -> None:
    rng = np.random.default_rng(8)
    many = rng.normal(size=(1_000, 2))
    some = many[:3]
    everything = gram_of(np.concatenate([some, many])).matrix()
    truth = everything.mean() - 2 * everything[:, :3].mean() + everything[:3, :3].mean()
    hits = []
    for seed in range(40):
        rows = np.concatenate([some, rng.normal(size=(120, 2))])
        gram = gram_of(rows)
        even = np.full(3, 1 / 3)
        found, low, high = discrepancy(gram, np.arange(3), even, np.random.default_rng(seed))
        assert low <= found <= high
        hits.append(low <= truth <= high)
        if seed == 0:
            K = gram.matrix()
            assert found == pytest.approx(K.mean() - 2 * K[:, :3].mean() + K[:3, :3].mean())

    assert np.mean(hits) > 0.8
