"""Rules of parts are found by sampling, within what may be spent."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whence.core.types import Bools
from whence.kernels.agreement import Agreement
from whence.kernels.anchor_arms import ArmSampler, Verdict, Wish

WISH = Wish(threshold=0.95, delta=0.05, most=6)


def searched(model: object, players: int, budget: int, seed: int = 0) -> tuple[Verdict, int]:
    """Return the verdict about a model of known parts, and how many samples it took."""
    said = model(np.ones((1, players), dtype=bool))  # type: ignore[operator]  # a function
    sampler = ArmSampler(
        players=players, said=said[0], agreement=Agreement(), wish=WISH,
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    left = budget
    while sampler.estimate() is None:
        known = sampler.ask(left)
        assert 0 < len(known) <= left
        left -= len(known)
        sampler.tell(model(known))  # type: ignore[operator]  # a function
    assert sampler.ask(left).shape == (0, players)
    assert sampler.verdict is not None
    return sampler.verdict, budget - left


@pytest.mark.parametrize("parts", [(), (4,), (0, 7), (1, 2, 9)])
@pytest.mark.parametrize("players", [10, 40])
def test_the_parts_that_decide_are_found(parts: tuple[int, ...], players: int) -> None:
    verdict, asked = searched(
        lambda known: 1.0 * known[:, list(parts)].all(axis=1, keepdims=True), players, 5_000
    )

    assert verdict.parts == parts
    assert verdict.status == "certified"
    assert verdict.right == verdict.trials >= 59
    assert asked <= 5_000


@settings(max_examples=30)
@given(st.integers(75, 3_000), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_whatever_may_be_spent_there_is_a_verdict(budget: int, players: int, seed: int) -> None:
    weights = np.random.default_rng(seed).normal(size=players)

    def model(known: Bools) -> np.ndarray:
        return 1 / (1 + np.exp(-(known @ weights) + weights.sum() / 2))[:, None]

    verdict, asked = searched(model, players, budget, seed)

    assert asked <= budget
    assert len(verdict.parts) <= WISH.most
    assert 0 <= verdict.right <= verdict.trials
    assert verdict.trials >= 59


def test_one_part_alone_decides() -> None:
    verdict, _ = searched(lambda known: 1.0 * known, 1, 200)

    assert verdict.parts == (0,)
    assert verdict.status == "certified"
