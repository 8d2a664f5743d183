"""Owen values are the mean over the orders that keep every group together."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform
from scipy.stats import spearmanr

from reference.games import over_orders, random_game
from reference.shapley import shapley
from strategies import seeds
from whence.core.types import Floats
from whence.kernels.coalition_values import numbers_of
from whence.kernels.hierarchy import (
    ExactIfCheap,
    Hierarchy,
    average_linkage,
    clustered,
    halved,
    merged,
    nested,
    owen_exactly,
    owen_plan,
    owen_steps,
)
from whence.kernels.orders import step_values
from whence.kernels.walks import Walks

TREES: list[Any] = [
    (0,),
    ((0, 1), (2, 3, 4)),
    (((0, 3), 1), (2, 4)),
    (0, 1, 2, 3),
    ((((0, 1), 2), 3), 4),
    (((4,), 1), 2, (3, 0)),
]


def leaves(tree: Any) -> list[int]:  # noqa: ANN401  nested tuples
    return [tree] if isinstance(tree, int) else [leaf for part in tree for leaf in leaves(part)]


def compatible(tree: Any) -> list[tuple[int, ...]]:  # noqa: ANN401  nested tuples
    """Return all orders that keep groups together, by shuffling the parts of every group."""
    if isinstance(tree, int):
        return [(tree,)]
    out = []
    for order in permutations(tree):
        walks: list[tuple[int, ...]] = [()]
        for part in order:
            walks = [walk + after for walk in walks for after in compatible(part)]
        out += walks
    return out


def hierarchy_of(tree: Any) -> Hierarchy:  # noqa: ANN401  nested tuples
    return Hierarchy(players=len(leaves(tree)), groups=tuple(nested(tree, int)))


def naive(v: Floats, tree: Any) -> Floats:  # noqa: ANN401  nested tuples
    orders = compatible(tree)
    return over_orders(v, orders, [1 / len(orders)] * len(orders))


@st.composite
def trees(draw: st.DrawFn) -> Any:  # noqa: ANN401  nested tuples
    parts: list[Any] = list(draw(st.permutations(range(draw(st.integers(2, 6))))))
    while len(parts) > 1:
        size = draw(st.integers(2, min(3, len(parts))))
        parts = [*parts[size:], tuple(parts[:size])]
    return parts[0]


@settings(max_examples=60)
@given(seeds, st.one_of(trees(), st.sampled_from(TREES)))
def test_exact_values_are_those_of_the_definition(seed: int, tree: Any) -> None:  # noqa: ANN401
    hierarchy = hierarchy_of(tree)
    v = random_game(seed, hierarchy.players, 2)
    sampler = owen_exactly(hierarchy, v[0], v[-1])
    asked = []
    while len(known := sampler.ask(10_000)):
        asked += numbers_of(known).tolist()
        sampler.tell(v[numbers_of(known)])

    estimate = sampler.estimate()
    assert estimate is not None
    assert_allclose(estimate.values, naive(v, tree), atol=1e-12)
    assert_allclose(step_values(v, owen_steps(hierarchy)), naive(v, tree), atol=1e-12)
    assert len(asked) == len(set(asked)) == hierarchy.coalitions
    assert not {0, len(v) - 1} & set(asked)


@pytest.mark.parametrize("tree", TREES)
def test_all_orders_that_keep_groups_together_are_drawn_alike(tree: Any) -> None:  # noqa: ANN401
    allowed = compatible(tree)
    drawn = hierarchy_of(tree).orders(20_000, np.random.default_rng(0))

    found, counts = np.unique(drawn, axis=0, return_counts=True)
    assert {*map(tuple, found.tolist())} == set(allowed)
    assert_allclose(counts / 20_000, 1 / len(allowed), atol=4 * np.sqrt(0.25 / 20_000))


def test_without_groups_owen_values_are_shapley_values() -> None:
    v = random_game(1, 5)

    assert_allclose(naive(v, (0, 1, 2, 3, 4)), shapley(v, 5), atol=1e-12)
    steps = owen_steps(hierarchy_of((0, 1, 2, 3, 4)))
    assert_allclose(step_values(v, steps), shapley(v, 5), atol=1e-12)


def test_a_balanced_tree_of_many_players_costs_their_square() -> None:
    tree = halved(np.arange(64.0)[:, None])

    assert tree.coalitions == 2730 < 64**2
    assert len(owen_plan(tree).known) == 2730


def test_intervals_of_sampled_values_cover_the_truth_as_often_as_they_should() -> None:
    tree = ((0, 1, 2), (3, 4, 5))
    hierarchy, v = hierarchy_of(tree), random_game(4, 6)
    truth, hits = naive(v, tree), []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        sampler = Walks(
            nobody=v[0], everybody=v[-1], players=6, antithetic=True, steps=None, judged=False,
            orders=lambda count, rng=rng: hierarchy.orders(count, rng),
        )  # fmt: skip
        left = 250
        while len(known := sampler.ask(left)):
            left -= len(known)
            sampler.tell(v[numbers_of(known)])
        estimate = sampler.estimate()
        assert estimate is not None
        hits.append(np.abs(estimate.values - truth) <= 2.064 * estimate.stderr)

    share = np.mean(hits, axis=0)
    assert (share > 0.9).all()
    assert 0.93 < share.mean() < 0.98


@given(seeds, st.integers(2, 9))
def test_columns_are_merged_as_scipy_merges_them(seed: int, p: int) -> None:
    condensed = np.random.default_rng(seed).random(p * (p - 1) // 2)  # continuous: no ties
    distance = squareform(condensed)

    expected = linkage(condensed, method="average")[:, :2].astype(int)

    assert [tuple(sorted(pair)) for pair in expected.tolist()] == average_linkage(distance)


@given(seeds, st.integers(2, 9))
def test_columns_are_clustered_by_their_rank_correlation(seed: int, p: int) -> None:
    columns = np.random.default_rng(seed).normal(size=(5_001, p))  # so many ranks: no ties
    distance = 1 - np.abs(np.corrcoef(columns.argsort(axis=0).argsort(axis=0).T))
    np.fill_diagonal(distance, 0)

    assert clustered(columns) == merged(average_linkage(distance))


def test_ranks_are_those_of_spearman_with_ties_and_missing_cells() -> None:
    rng = np.random.default_rng(0)
    columns = rng.integers(0, 4, size=(50, 5)).astype(float)
    columns[:, 1] = columns[:, 0] ** 3 + (columns[:, 2] > 2)
    columns[:7, 3] = np.nan
    columns[:, 4] = 1.0
    filled = np.where(np.isnan(columns), -9.0, columns)[:, :4]
    distance = np.ones((5, 5))
    distance[:4, :4] = 1 - np.abs(spearmanr(filled).statistic)

    assert clustered(columns) == merged(average_linkage(distance))


def test_what_lies_together_is_cut_last() -> None:
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0], [4.0, 0.5]])

    assert halved(corners).groups[0] == ((0, 1, 4), (2, 3))
    assert halved(corners[:1]).groups == ()


def test_the_exact_way_is_taken_where_the_budget_allows() -> None:
    v, tree = random_game(0, 6), hierarchy_of(((0, 1, 2), (3, 4, 5)))

    def sampler(limit: int) -> ExactIfCheap:
        rng = np.random.default_rng(0)
        return ExactIfCheap(
            cost=tree.coalitions, limit=limit, exact=lambda: owen_exactly(tree, v[0], v[-1]),
            sampled=Walks(
                nobody=v[0], everybody=v[-1], players=6, antithetic=True, steps=None, judged=False,
                orders=lambda count: tree.orders(count, rng),
            ),
        )  # fmt: skip

    assert tree.coalitions == 2 + 2 * 2 * 6
    assert len(sampler(1000).ask(26)) == 26
    assert len(sampler(1000).ask(25)) == 20
    assert len(sampler(25).ask(26)) == 20
    assert (sampler(1000).fewest, sampler(25).fewest) == (20, 20)
    assert_array_equal(sampler(1000).ask(26).any(axis=1), True)
