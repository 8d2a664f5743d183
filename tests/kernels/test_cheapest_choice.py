"""The cheapest choice is that of trying all, but for gains that are rounded down."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import seeds
from whence.kernels.cheapest_choice import cheapest_choices


@settings(max_examples=40)
@given(seeds, st.integers(1, 4), st.integers(1, 3))
def test_a_choice_is_the_cheapest_that_reaches_the_sum(seed: int, groups: int, size: int) -> None:
    """Gains are whole cells of the grid here, so that nothing is rounded."""
    rng = np.random.default_rng(seed)
    cost = np.round(rng.uniform(0, 3, size=(5, groups, size)), 2)
    cost[rng.random(cost.shape) < 0.2] = np.inf
    gain = rng.integers(-3, 30, size=cost.shape) / 48
    need = np.ones(5)
    found = cheapest_choices(cost, gain, need, (0.5, 1.0))

    for row, (m, goal) in itertools.product(range(5), enumerate((0.5, 1.0))):
        best = np.inf
        for picks in itertools.product(range(-1, size), repeat=groups):
            spent = sum(cost[row, g, k] for g, k in enumerate(picks) if k >= 0)
            got = sum(gain[row, g, k] for g, k in enumerate(picks) if k >= 0)
            useful = all(gain[row, g, k] > 0 for g, k in enumerate(picks) if k >= 0)
            if useful and got >= goal - 1e-12:
                best = min(best, spent)
        own = [(g, k) for g, k in enumerate(found[row, m]) if k >= 0]
        if np.isinf(best):
            assert own == []
        else:
            assert sum(gain[row, g, k] for g, k in own) >= goal - 1e-9
            assert sum(cost[row, g, k] for g, k in own) == pytest.approx(best)


def test_rows_do_not_depend_on_each_other() -> None:
    rng = np.random.default_rng(0)
    cost, gain = rng.uniform(0, 3, size=(6, 4, 3)), rng.normal(size=(6, 4, 3))
    need = rng.uniform(0.5, 2, size=6)
    whole = cheapest_choices(cost, gain, need, (0.8, 1.2))
    for i in range(6):
        part = slice(i, i + 1)
        alone = cheapest_choices(cost[part], gain[part], need[part], (0.8, 1.2))
        assert (alone[0] == whole[i]).all()
