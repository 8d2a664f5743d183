"""The rule that is found is the best of all there are."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from whence.kernels.rule_mining import best_bound, best_rule


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 2), st.floats(0.4, 1.0))
def test_the_best_conjunction(seed: int, most: int, precision: float) -> None:
    rng = np.random.default_rng(seed)
    holds = rng.uniform(size=(6, 30)) < 0.6
    kind = rng.integers(0, 3, 30)
    won, lost = kind == 1, kind == 0
    best = 0.0
    for size in range(1, most + 1):
        for some in combinations(range(6), size):
            rows = holds[list(some)].all(axis=0)
            if rows.sum() >= 3 and won[rows].mean() >= precision - 1e-6:
                best = max(best, float(won[rows].sum() - lost[rows].sum() - 0.5 * (size - 1)))

    found = best_rule(holds, won, lost, precision=precision, least=3, most=most)

    assert (found.gain if found else 0.0) == best
    if found:
        rows = holds[list(found.conditions)].all(axis=0)
        assert won[rows].sum() - lost[rows].sum() == found.gain + 0.5 * (len(found.conditions) - 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_the_best_bound(seed: int, upper: bool) -> None:
    rng = np.random.default_rng(seed)
    x, worth = rng.integers(0, 8, 20).astype(float), rng.normal(size=20)

    def kept(bound: float) -> float:
        return float(worth[(x <= bound) if upper else (x > bound)].sum())

    inside = [kept(t + 0.5) for t in np.unique(x)[:-1]]
    cut = best_bound(x, worth, upper=upper)

    value = float(worth.sum()) if cut is None else kept(cut)
    assert np.isclose(value, max([float(worth.sum()), *inside]))
