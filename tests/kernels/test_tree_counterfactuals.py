"""The cheapest choice is the one that looking at all choices finds."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference import counterfactuals as slow
from reference import trees as slow_trees
from strategies import any_nodes, ensembles, random_nodes, rows_for, seeds
from whence.core.errors import InputError
from whence.core.types import Floats, Ints
from whence.kernels.choices import Couplings
from whence.kernels.tree_counterfactuals import CounterfactualSearch
from whence.models.trees import Nodes

some = settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """Random alternatives: those of a player are its parts of random rows."""

    nodes: Nodes
    start: Ints
    cost: Floats
    encoded: Floats
    G: Floats
    h: Floats


def problem(nodes: Nodes, seed: int, *, most: int = 6, conditions: int | None = None) -> Problem:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, most + 1, nodes.players)
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    encoded = rows_for(nodes, rng, int(start[-1]))
    for column, player in enumerate(nodes.player):  # what others read must not matter
        encoded[: start[player], column] = np.nan
        encoded[start[player + 1] :, column] = np.nan
    grid = rng.random() < 0.5  # ties
    cost = rng.integers(0, 4, start[-1]) / 2 if grid else rng.exponential(size=start[-1])
    cost[start[:-1]] = 0
    m = int(rng.integers(1, 4)) if conditions is None else conditions
    G = rng.normal(size=(m, nodes.outputs))
    reached = [
        slow_trees.predict(
            nodes, slow.row(nodes, encoded, rng.integers(start[:-1], start[1:]))[None]
        )
        for _ in range(12)
    ]
    said = np.concatenate(reached) @ G.T
    h = said[0] if rng.random() < 0.5 else np.quantile(said, 0.8, axis=0)
    return Problem(
        nodes=nodes, start=start, cost=cost.astype(np.float64), encoded=encoded, G=G, h=h - 1e-9
    )


def arrays(p: Problem) -> tuple[Ints, Floats, Floats, Floats, Floats]:
    return p.start, p.cost, p.encoded, p.G, p.h


@given(ensembles(columns=5, depth=4), seeds)
@some
def test_the_cheapest_choice_is_found_and_proved(nodes: Nodes, seed: int) -> None:
    p = problem(nodes, seed, most=4)
    found = CounterfactualSearch.of(nodes).cheapest(*arrays(p), seconds=60)
    fits = slow.by_trees(nodes, p.encoded, p.G, p.h)
    best, _ = slow.cheapest(p.start, p.cost, fits)
    assert found.proved
    assert found.cost == pytest.approx(best, rel=1e-8)
    assert found.bound == found.cost
    assert found.gap == 0
    if found.choice is None:
        assert best == np.inf
    else:
        assert fits(found.choice)
        assert (found.choice >= p.start[:-1]).all()
        assert (found.choice < p.start[1:]).all()
        assert p.cost[found.choice].sum() == pytest.approx(best, rel=1e-8)


@given(ensembles(columns=4, depth=4), seeds)
@some
def test_couplings_are_kept(nodes: Nodes, seed: int) -> None:
    p = problem(nodes, seed, most=4)
    rng = np.random.default_rng(seed)
    A = rng.integers(-1, 2, (2, len(p.cost))).astype(np.float64)
    low, high = np.array([-np.inf, 0.0]), np.array([1.0, 2.0])
    found = CounterfactualSearch.of(nodes).cheapest(
        *arrays(p), couplings=Couplings(A=A, low=low, high=high), seconds=60
    )
    by_trees = slow.by_trees(nodes, p.encoded, p.G, p.h)

    def fits(choice: Ints) -> bool:
        had = A[:, choice].sum(axis=1)
        return bool((had >= low).all() and (had <= high).all()) and by_trees(choice)

    best, _ = slow.cheapest(p.start, p.cost, fits)
    assert found.proved
    assert found.cost == pytest.approx(best, rel=1e-8)
    assert found.choice is None or fits(found.choice)


@given(ensembles(columns=5, depth=4), seeds, st.integers(0, 6))
@some
def test_what_is_cut_short_is_bounded(nodes: Nodes, seed: int, boxes: int) -> None:
    p = problem(nodes, seed, most=4)
    search = CounterfactualSearch.of(nodes)
    found = search.cheapest(*arrays(p), boxes=boxes, seconds=60)
    again = search.cheapest(*arrays(p), boxes=boxes, seconds=60)
    best = search.cheapest(*arrays(p), seconds=60).cost
    assert found.bound <= best * (1 + 1e-8)
    assert found.cost >= best * (1 - 1e-8)
    assert not found.proved or found.cost == pytest.approx(best, rel=1e-8)
    assert 0 <= found.gap <= 1
    assert (found.cost, found.bound, found.boxes) == (again.cost, again.bound, again.boxes)


@given(ensembles(columns=4, depth=4), seeds)
@some
def test_only_what_is_below_the_incumbent_is_found(nodes: Nodes, seed: int) -> None:
    p = problem(nodes, seed, most=4)
    search = CounterfactualSearch.of(nodes)
    best = search.cheapest(*arrays(p), seconds=60).cost
    for incumbent in (best, best * 1.5 + 0.1):
        found = search.cheapest(*arrays(p), incumbent=incumbent, seconds=60)
        assert found.proved
        assert (found.choice is None) == (not best < incumbent)
        assert found.bound == pytest.approx(min(best, incumbent), rel=1e-8)


@given(ensembles(columns=4, depth=4), seeds)
@some
def test_later_ones_change_other_players(nodes: Nodes, seed: int) -> None:
    p = problem(nodes, seed, most=3)
    p.cost[np.setdiff1d(np.arange(len(p.cost)), p.start[:-1])] += 0.25  # the first is the present
    found = CounterfactualSearch.of(nodes).several(*arrays(p), count=4, seconds=60)
    fits = slow.by_trees(nodes, p.encoded, p.G, p.h)
    before: list[Ints] = []
    for one in found:

        def new(choice: Ints) -> bool:
            changed = choice != p.start[:-1]
            return all((~changed[earlier]).any() for earlier in before) and fits(choice)

        best, _ = slow.cheapest(p.start, p.cost, new)
        assert one.proved
        assert one.cost == pytest.approx(best, rel=1e-8)
        if one.choice is not None:
            before.append(np.flatnonzero(one.choice != p.start[:-1]))


def test_threads_agree() -> None:
    nodes = random_nodes(np.random.default_rng(5), trees=30, depth=5, columns=8)
    search = CounterfactualSearch.of(nodes)
    problems = [problem(nodes, seed, most=12) for seed in range(8)]
    alone = [search.cheapest(*arrays(p), seconds=60) for p in problems]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda p: search.cheapest(*arrays(p), seconds=60), problems))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.choice, other.choice)
        assert (one.cost, one.bound, one.boxes) == (other.cost, other.bound, other.boxes)


def test_what_cannot_be_is_proved_so() -> None:
    nodes = random_nodes(np.random.default_rng(0), trees=20, depth=5, columns=8)
    p = problem(nodes, 0, most=30, conditions=1)
    found = CounterfactualSearch.of(nodes).cheapest(
        p.start, p.cost, p.encoded, p.G, p.h + 1e3, seconds=60
    )
    assert (found.choice, found.cost, found.bound, found.proved) == (None, np.inf, np.inf, True)


def test_a_row_that_fits_is_left_alone() -> None:
    nodes = any_nodes(np.random.default_rng(1))
    p = problem(nodes, 1)
    found = CounterfactualSearch.of(nodes).cheapest(
        p.start, p.cost, p.encoded, p.G, np.full(len(p.h), -1e3)
    )
    assert found.cost == found.bound == 0
    assert found.choice is not None


def test_a_deadline_is_kept_and_confessed() -> None:
    nodes = random_nodes(np.random.default_rng(3), trees=60, depth=6, columns=25, outputs=1)
    p = problem(nodes, 3, most=40, conditions=1)
    hard = np.array([0.55 * sum_of_best(nodes, p.G)])
    search = CounterfactualSearch.of(nodes)
    found = search.cheapest(p.start, p.cost, p.encoded, p.G, hard, seconds=0.0)
    assert not found.proved
    assert found.boxes <= 1
    assert found.bound <= found.cost


def sum_of_best(nodes: Nodes, G: Floats) -> float:
    says = np.where(nodes.feature < 0, nodes.value[:, 0] * G[0, 0], -np.inf)
    return float(np.maximum.reduceat(says, nodes.start[:-1]).sum() + nodes.base[0] * G[0, 0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"start": np.array([0, 0, 3])}, "at least one alternative a player"),
        ({"cost": np.array([0.0, -1.0, 0.0])}, "must not be negative"),
        ({"cost": np.array([0.0, np.inf, 0.0])}, "cost holds a number that is not finite"),
        ({"encoded": np.zeros((3, 3))}, r"encoded has the shape \(3, 3\), \(3, 2\) is needed"),
        ({"h": np.array([np.nan])}, "h holds a number that is not finite"),
    ],
)
def test_arrays_that_do_not_agree_are_refused(change: dict[str, Floats], says: str) -> None:
    nodes = random_nodes(np.random.default_rng(0), columns=2)
    good = {
        "start": np.array([0, 2, 3]),
        "cost": np.zeros(3),
        "encoded": np.zeros((3, 2)),
        "G": np.ones((1, 1)),
        "h": np.zeros(1),
    }
    with pytest.raises(InputError, match=says):
        CounterfactualSearch.of(nodes).cheapest(**(good | change))  # type: ignore[arg-type]  # by name


def test_couplings_that_do_not_agree_are_refused() -> None:
    nodes = random_nodes(np.random.default_rng(0), columns=2)
    p = problem(nodes, 0)
    wrong = Couplings(A=np.zeros((1, 1)), low=np.zeros(1), high=np.zeros(1))
    with pytest.raises(InputError, match="Give a row of A"):
        CounterfactualSearch.of(nodes).cheapest(*arrays(p), couplings=wrong)


@given(ensembles(columns=4, depth=4), seeds)
@settings(some, max_examples=20)
def test_many_alternatives_are_searched_in_two_steps(nodes: Nodes, seed: int) -> None:
    p = problem(nodes, seed, most=4)
    times = 2001 // len(p.cost) + 1  # of equals the first is the cheapest
    dearer = np.tile(np.arange(times) * 0.01, len(p.cost))
    search = CounterfactualSearch.of(nodes)
    few = search.cheapest(*arrays(p), seconds=60)
    many = search.cheapest(
        p.start * times,
        np.repeat(p.cost, times) + dearer,
        np.repeat(p.encoded, times, axis=0),
        p.G,
        p.h,
        seconds=60,
    )
    assert many.proved
    assert many.cost == pytest.approx(few.cost, rel=1e-8)
    if many.choice is not None:
        fits = slow.by_trees(nodes, p.encoded, p.G, p.h)
        assert fits(many.choice // times)


def test_hard_problems_take_many_boxes_and_are_proved() -> None:
    looked_at = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        nodes = random_nodes(rng, trees=12, depth=4, columns=6, categorical=0.0, stop=0.0)
        p = problem(nodes, seed, most=4, conditions=1)
        p.cost[:] = rng.uniform(0.5, 1, len(p.cost))  # dear changes, little difference
        p.cost[p.start[:-1]] = 0
        X = [slow.row(nodes, p.encoded, choice) for choice in slow.choices(p.start)]
        said = np.sort((slow_trees.predict(nodes, np.array(X)) @ p.G.T)[:, 0])
        h = said[-max(1, len(said) // 50) :][:1] - 1e-9
        found = CounterfactualSearch.of(nodes).cheapest(
            p.start, p.cost, p.encoded, p.G, h, seconds=60
        )
        best, _ = slow.cheapest(p.start, p.cost, slow.by_trees(nodes, p.encoded, p.G, h))
        assert found.proved
        assert found.cost == pytest.approx(best, rel=1e-8)
        looked_at.append(found.boxes)
    assert max(looked_at) > 10
