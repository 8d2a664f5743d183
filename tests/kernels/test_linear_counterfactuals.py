"""Closed form and solver agree, and nothing on a grid is cheaper."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings

from strategies import seeds
from whence.core.errors import InputError
from whence.core.types import Floats
from whence.kernels.choices import Couplings
from whence.kernels.linear_counterfactuals import Columns, cheapest_linear

some = settings(deadline=None, max_examples=60)


def columns(rng: np.random.Generator, *, p: int, outputs: int = 1, fixed: bool = False) -> Columns:
    return Columns(
        slope=rng.normal(size=(p, outputs)) * (rng.random((p, 1)) < 0.8),
        low=-rng.integers(0, 3, p).astype(np.float64),
        high=rng.integers(0, 3, p).astype(np.float64),
        up=rng.exponential(size=p),
        down=rng.exponential(size=p),
        fixed=rng.exponential(size=p) * fixed,
    )


@given(seeds)
@some
def test_the_closed_form_is_the_solver_s_optimum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    c = columns(rng, p=int(rng.integers(1, 6)))
    h = np.array([rng.exponential()])
    plain = cheapest_linear(c, np.zeros(1), np.ones((1, 1)), h)
    nothing = Couplings(A=np.zeros((1, len(c.up))), low=np.zeros(1), high=np.ones(1))
    solved = cheapest_linear(c, np.zeros(1), np.ones((1, 1)), h, couplings=nothing, seconds=60)
    assert plain.proved
    assert solved.proved
    assert plain.cost == pytest.approx(solved.cost, rel=1e-4, abs=1e-5)
    for found in (plain, solved):
        if found.change is not None:
            assert (found.change @ c.slope >= h).all()
            assert ((found.change >= c.low) & (found.change <= c.high)).all()
            assert found.cost == c.cost(found.change)


@given(seeds)
@some
def test_nothing_on_a_grid_is_cheaper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    c = columns(rng, p=3, outputs=2, fixed=True)
    G, A = rng.normal(size=(2, 2)), rng.integers(-1, 2, (1, 3)).astype(np.float64)
    grid = np.array(list(product(*np.linspace(c.low, c.high, 9).T)))
    grid = grid[(np.abs(grid @ A.T) <= 1).all(axis=1)]
    h = (grid[rng.integers(len(grid))] @ c.slope) @ G.T - 0.01
    found = cheapest_linear(
        c, np.zeros(2), G, h, couplings=Couplings(A=A, low=-np.ones(1), high=np.ones(1)), seconds=60
    )
    fits = (grid @ c.slope @ G.T >= h + 1e-3).all(axis=1)
    best = min((c.cost(d) for d in grid[fits]), default=np.inf)
    assert found.proved
    assert found.change is not None
    assert found.cost <= best + 1e-9
    assert (found.change @ c.slope @ G.T >= h).all()
    assert (np.abs(found.change @ A.T) <= 1 + 1e-5).all()
    assert found.cost == pytest.approx(found.bound)


def test_what_cannot_be_is_proved_so() -> None:
    c = columns(np.random.default_rng(0), p=4, fixed=True)
    for one in (c, replace(c, fixed=np.zeros(4))):
        found = cheapest_linear(one, np.zeros(1), np.ones((1, 1)), np.array([1e6]), seconds=60)
        assert (found.change, found.cost, found.proved) == (None, np.inf, True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"low": np.ones(2)}, "low <= 0 <= high"),
        ({"up": -np.ones(2)}, "cost is negative"),
        ({"fixed": np.ones(2), "high": np.full(2, np.inf)}, "Give finite bounds"),
        ({"high": np.ones(3)}, r"columns.high has the shape \(3,\)"),
    ],
)
def test_columns_that_make_no_sense_are_refused(change: dict[str, Floats], says: str) -> None:
    good = Columns(
        slope=np.ones((2, 1)),
        low=-np.ones(2),
        high=np.ones(2),
        up=np.ones(2),
        down=np.ones(2),
        fixed=np.zeros(2),
    )
    with pytest.raises(InputError, match=says):
        cheapest_linear(replace(good, **change), np.zeros(1), np.ones((1, 1)), np.ones(1))
