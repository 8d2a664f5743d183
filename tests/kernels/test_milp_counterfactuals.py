"""The mixed-integer engine finds what looking at all choices, or the closed form, finds."""

import numpy as np
import pytest
from hypothesis import given, settings

from reference import counterfactuals as slow
from strategies import seeds
from whence.core.errors import InputError
from whence.core.types import Floats, Ints
from whence.kernels.choices import Couplings
from whence.kernels.milp_counterfactuals import cheapest_additive

some = settings(deadline=None, max_examples=40)


def additive(seed: int) -> dict[str, Floats | Ints]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, rng.integers(1, 6))
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    outputs, m = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    score = np.round(rng.normal(size=(start[-1], outputs)), 1)  # many choices on the edge
    cost = rng.exponential(size=start[-1]) * 10.0 ** rng.integers(-6, 3)
    cost[start[:-1]] = 0
    G, offset = rng.integers(-1, 2, (m, outputs)).astype(np.float64), rng.normal(size=outputs)
    reached = score[rng.integers(start[:-1], start[1:])].sum(axis=0) + offset
    h = G @ reached + rng.choice([0.0, 0.5, 2.0])
    return {"start": start, "cost": cost, "score": score, "offset": offset, "G": G, "h": h}


@given(seeds)
@some
def test_the_cheapest_choice_is_found_and_proved(seed: int) -> None:
    p = additive(seed)
    found = cheapest_additive(**p, seconds=60)
    best, _ = slow.cheapest(
        p["start"],
        p["cost"],
        lambda c: bool((p["G"] @ (p["offset"] + p["score"][c].sum(axis=0)) >= p["h"]).all()),
    )
    assert found.proved
    assert (found.choice is None) == (best == np.inf)
    assert found.cost == pytest.approx(best, rel=1e-7)
    assert found.bound == pytest.approx(best, rel=1e-7)


@given(seeds)
@some
def test_couplings_are_kept(seed: int) -> None:
    p = additive(seed)
    rng = np.random.default_rng(seed)
    A = rng.integers(-1, 2, (2, len(p["cost"]))).astype(np.float64)
    low, high = np.array([-np.inf, 0.0]), np.array([0.0, 1.0])

    def fits(c: Ints) -> bool:
        had = A[:, c].sum(axis=1)
        said = p["G"] @ (p["offset"] + p["score"][c].sum(axis=0))
        return bool((had >= low).all() and (had <= high).all() and (said >= p["h"]).all())

    found = cheapest_additive(**p, couplings=Couplings(A=A, low=low, high=high), seconds=60)
    best, _ = slow.cheapest(p["start"], p["cost"], fits)
    assert found.proved
    assert found.cost == pytest.approx(best, rel=1e-7)
    assert found.choice is None or fits(found.choice)


def test_a_choice_within_the_solver_s_tolerance_is_no_choice() -> None:
    found = cheapest_additive(
        start=np.array([0, 2, 4]),
        cost=np.array([0.0, 1.0, 0.0, 5.0]),
        score=np.array([[0.0], [1 - 1e-9], [0.0], [1.0]]),
        offset=np.zeros(1),
        G=np.ones((1, 1)),
        h=np.ones(1),
    )
    assert found.choice is not None
    assert (found.choice.tolist(), found.cost, found.proved) == ([0, 3], 5.0, True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"score": np.zeros((2, 2))}, r"score has the shape \(2, 2\)"),
        ({"score": np.full((3, 1), np.inf)}, "score holds a number that is not finite"),
        ({"cost": np.array([0.0, -1.0, 0.0])}, "must not be negative"),
    ],
)
def test_arrays_that_do_not_agree_are_refused(change: dict[str, Floats], says: str) -> None:
    good = {
        "start": np.array([0, 2, 3]),
        "cost": np.zeros(3),
        "score": np.zeros((3, 1)),
        "offset": np.zeros(1),
        "G": np.ones((1, 1)),
        "h": np.zeros(1),
    }
    with pytest.raises(InputError, match=says):
        cheapest_additive(**(good | change))
