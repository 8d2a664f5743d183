"""The widest pure rule is found, by bits and by bounds that are exact."""

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from reference.anchors import tail, widest
from whence.kernels.anchor_conditions import edges_of
from whence.kernels.anchor_search import widest_rule
from whence.kernels.binomial import interval, lower_bound, most_failures
from whence.kernels.bitsets import count, counted_by_table, packed

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(0, 200))
def test_sets_of_bits_are_sets_of_rows(seed: int, rows: int) -> None:
    a, b = np.random.default_rng(seed).random((2, 3, rows)) < 0.4

    assert_array_equal(count(packed(a)), a.sum(axis=1))
    assert_array_equal(count(packed(a) & packed(b)), (a & b).sum(axis=1))
    assert_array_equal(count(packed(a) & ~packed(b)), (a & ~b).sum(axis=1))
    assert_array_equal(counted_by_table(packed(a)), np.bitwise_count(packed(a)))


@settings(max_examples=300)
@given(seeds)
def test_the_search_finds_what_trying_all_rules_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, conditions, most = rng.integers(1, 90), rng.integers(1, 7), int(rng.integers(1, 5))
    met = rng.random((conditions, rows)) < rng.uniform(0.5, 0.99)
    wrong = rng.random(rows) < rng.uniform(0, 0.5)
    allowed = most_failures(rows, rng.uniform(0.5, 0.9), rng.uniform(0.05, 0.6))

    rule = widest_rule(
        packed(met), packed(wrong), packed(np.ones(rows, dtype=bool)), allowed[None],
        most=most, beam=10_000,
    )  # fmt: skip

    cover = met[list(rule)].all(axis=0)
    best = widest(met, wrong, allowed.tolist(), most)
    assert len(rule) <= most
    if best >= 0:
        assert (cover & wrong).sum() <= allowed[cover.sum()]
        assert cover.sum() == best
    for one in rule:  # none of the conditions can be spared
        rest = [other for other in rule if other != one]
        assert met[rest].all(axis=0).sum() > cover.sum()


def test_a_rule_that_is_only_a_little_wider_is_found_too() -> None:
    rows = np.arange(100)
    met = np.array(
        [(rows >= 2) & (rows <= 51), rows >= 40, (rows <= 10) | ((rows >= 40) & (rows <= 91))]
    )
    wrong, everything = (rows < 2) | (rows > 91), packed(np.ones(100, dtype=bool))

    rule = widest_rule(
        packed(met), packed(wrong), everything, np.zeros((1, 101), dtype=int), most=2, beam=9
    )

    assert rule == (1, 2)  # 52 rows, where the first alone covers 50


def test_a_narrow_beam_still_finds_a_rule_of_three_among_many() -> None:
    rng = np.random.default_rng(0)
    met = rng.random((40, 5_000)) < 0.6
    hidden = met[[3, 17, 29]].all(axis=0)
    wrong = ~hidden & (rng.random(5_000) < 0.5)
    allowed = most_failures(5_000, 0.95, 0.001)[None]

    rule = widest_rule(
        packed(met), packed(wrong), packed(np.ones(5_000, dtype=bool)), allowed, most=6, beam=24
    )

    assert set(rule) >= {3, 17, 29}
    assert met[list(rule)].all(axis=0).sum() > 0.8 * hidden.sum()


def test_the_strictest_level_that_has_a_rule_decides_and_else_the_best_hope() -> None:
    met = packed(np.array([[True] * 60 + [False] * 40, [True] * 90 + [False] * 10]))
    wrong, everything = packed(np.arange(100) >= 88), packed(np.ones(100, dtype=bool))
    never, few, many = (np.full(101, k) for k in (-1, 0, 3))

    def found(*allowed: np.ndarray) -> tuple[int, ...]:
        return widest_rule(met, wrong, everything, np.array(allowed), most=2, beam=9)

    assert found(few, many) == (0,)
    assert found(never, many) == (1,)
    assert found(many, few) == (1,)
    assert found(never) == (0,)  # 60 of 60 are more than 88 of 90: at least 0.957 and 0.937
    assert found(np.full(101, 50)) == ()


@given(st.integers(1, 120), st.data())
def test_the_bound_is_the_share_at_which_the_count_is_just_not_surprising(
    trials: int, data: st.DataObject
) -> None:
    successes = data.draw(st.integers(1, trials))
    delta = data.draw(st.sampled_from([0.01, 0.05, 0.3]))

    low = float(lower_bound(np.array(successes), np.array(trials), delta))
    ends = [float(end) for end in interval(np.array(successes), np.array(trials), delta)]

    assert tail(trials, successes, low) == pytest.approx(delta, rel=1e-8)
    assert tail(trials, successes, ends[0]) == pytest.approx(delta / 2, rel=1e-8)
    if successes < trials:
        assert tail(trials, successes + 1, ends[1]) == pytest.approx(1 - delta / 2, rel=1e-8)
    else:
        assert ends[1] == 1


def test_nothing_covered_bounds_nothing() -> None:
    assert float(lower_bound(np.array(0), np.array(0), 0.05)) == 0
    assert [float(end) for end in interval(np.array(0), np.array(0))] == [0, 1]


@pytest.mark.parametrize(("threshold", "delta"), [(0.95, 0.05), (0.8, 0.001), (0.5, 0.2)])
def test_as_many_may_fail_as_the_bound_allows(threshold: float, delta: float) -> None:
    allowed = most_failures(400, threshold, delta)

    n = np.arange(1, 401)
    some = allowed[1:] >= 0
    passing = lower_bound(n - np.maximum(allowed[1:], 0), n, delta)
    one_more = lower_bound(n - allowed[1:] - 1, n, delta)
    assert (passing[some] >= threshold - 1e-12).all()
    assert (one_more < threshold).all()
    assert (np.diff(allowed) >= 0).all()
    assert np.argmax(allowed >= 0) == np.ceil(log(delta) / log(threshold))


@given(seeds, st.integers(2, 12))
def test_edges_are_values_that_cut_a_column_in_parts(seed: int, quantiles: int) -> None:
    rng = np.random.default_rng(seed)
    column = rng.choice([0.0, rng.normal(), np.nan, 7.5, 1e9, rng.normal()], 300)
    column = np.where(rng.random(300) < rng.random(), rng.normal(size=300), column)
    known = column[~np.isnan(column)]

    edges = edges_of(column, quantiles)

    assert (np.diff(edges) > 0).all()
    assert np.isin(edges, known).all()
    assert len(edges) <= 4 * quantiles
    if len(known):
        parts = np.digitize(known, edges, right=True)
        assert len(np.unique(parts)) == len(edges) + 1  # no part is empty, and the last is cut off
        for part in np.unique(parts):
            own = known[parts == part]
            assert len(own) <= 1 + 2 * len(known) / quantiles or len(np.unique(own)) == 1


def test_a_column_that_says_nothing_has_no_edges() -> None:
    assert len(edges_of(np.full(9, np.nan), 4)) == 0
    assert len(edges_of(np.full(9, 3.0), 4)) == 0
