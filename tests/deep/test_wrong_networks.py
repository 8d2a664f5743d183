"""What a network cannot be asked is said before or while it is asked, with what to do."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import whence as wh

RNG = np.random.default_rng(0)
X = RNG.random((5, 4))
IDS = RNG.integers(0, 10, (5, 6))


class Made(nn.Module):
    """A module of a function."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


class Embeds(nn.Module):
    """Embeds ids in a part that was made after its head."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 2)
        self.table = nn.Embedding(10, 4)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.table(ids).sum(1))


@torch.no_grad()
def without_gradients(x: torch.Tensor) -> torch.Tensor:
    return x.sum(1)


ROOT = Made(lambda x: (x.sqrt() * torch.arange(1, 5)).sum(1))
CASES: dict[str, tuple[nn.Module, object, str]] = {
    "infinite slope": (ROOT, np.where(X < 0.3, 0, X), "from the operation sqrt on"),
    "no slope": (Made(without_gradients), X, "torch.no_grad on the way cuts it off"),
    "whole answers": (Made(lambda x: x.argmax(1)), X, "Give the scores before they are rounded"),
    "one answer": (Made(torch.sum), X, "Give target=, a function of the answer"),
    "not finite": (Made(lambda x: (x - 2).log()), X, "not finite, about 5 of 5 rows"),
    "ids as floats": (Embeds(), IDS.astype(float), "It embeds ids: give them as whole numbers"),
    "unknown ids": (Embeds(), IDS + 8, "Check the vocabulary"),
    "one image": (nn.Conv2d(1, 2, 3), X, r"one row alone is X\[None\]"),
    "lazy": (nn.LazyLinear(2), X, "Ask it once about a row"),
    "texts": (Embeds(), ["a", "b"], "Give its tokenizer"),
}


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("name", CASES)
def test_it_is_said_what_to_do(name: str) -> None:
    module, rows, said = CASES[name]

    with pytest.raises(wh.InputError, match=said):
        wh.explain(module, rows, wh.Saliency())


def test_whole_numbers_are_ids_of_a_network_that_embeds_them_wherever_it_was_made() -> None:
    module = Embeds()
    amounts = nn.Linear(6, 2)

    e = wh.explain(module, IDS, wh.Saliency(absolute=False, target=0))
    linear = wh.explain(amounts, IDS, wh.Saliency(absolute=False, target=0))

    np.testing.assert_allclose(e.values[..., 0], module.head.weight[0].sum().item(), rtol=1e-5)
    np.testing.assert_allclose(linear.values[0, :, 0], amounts.weight[0].detach(), rtol=1e-6)


def test_slopes_summed_over_the_numbers_of_vectors_are_warned_of() -> None:
    module = Embeds()

    for method in (wh.Saliency(absolute=False), wh.SmoothGrad(budget=4)):
        warnings = wh.explain(module, IDS, method, rng=0).provenance.warnings
        assert any("behind a LayerNorm" in warning for warning in warnings)
    products = wh.SmoothGrad(budget=4, times_input=True)
    for method in (wh.Saliency(), products, wh.InputXGradient()):
        assert not wh.explain(module, IDS, method, rng=0).provenance.warnings
    assert not wh.explain(nn.Linear(4, 2), X, wh.Saliency(absolute=False)).provenance.warnings
