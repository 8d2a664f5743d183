"""Guided backpropagation lets back through each ReLU what is positive, however it is written."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that everybody knows

import whence as wh
from reference.deep_slopes import guided
from whence.deep.methods.guided_backprop import GuidedBackprop

IMAGES = np.random.default_rng(0).random((3, 3, 6, 6)) - 0.5


def convolutional(relu: Callable[[], nn.Module]) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), relu(), nn.Conv2d(4, 4, 3), relu(), nn.Flatten(), nn.Linear(16, 8),
        relu(), nn.Linear(8, 3),
    ).double().eval()  # fmt: skip


class Of(nn.Module):
    """A function, as a layer."""

    def __init__(self, f: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.f = f

    def forward(self, x: Tensor) -> Tensor:
        return self.f(x)


def _assigned(x: Tensor) -> Tensor:
    x.relu_()
    return x


FORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "F.relu": F.relu,
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "Tensor.relu": lambda x: x.relu(),
    "Tensor.relu_": _assigned,
    "clamp by name": lambda x: x.clamp(min=0),
    "clamp by position": lambda x: torch.clamp(x, 0),
    "clamp in place": lambda x: x.clamp_(0),
    "clamp_min": lambda x: torch.clamp_min(x, 0.0),
    "threshold": lambda x: F.threshold(x, 0, 0),
    "hardtanh": lambda x: F.hardtanh(x, 0, 1e9),
}


@pytest.mark.parametrize("target", [0, 1, 2])
def test_it_is_the_rule_of_the_paper_layer_by_layer(target: int) -> None:
    module = convolutional(nn.ReLU)

    e = wh.explain(module, IMAGES, GuidedBackprop(target=target))

    for i, image in enumerate(IMAGES):
        assert_allclose(e.values[i, ..., 0], guided(module, image, target).sum(0), atol=1e-14)


@pytest.mark.parametrize("form", FORMS)
def test_every_way_to_write_relu_is_the_same(form: str) -> None:
    expected = wh.explain(convolutional(nn.ReLU), IMAGES, GuidedBackprop(target="all"))

    e = wh.explain(convolutional(lambda: Of(FORMS[form])), IMAGES, GuidedBackprop(target="all"))

    assert_array_equal(e.values, expected.values)
    assert_array_equal(e.outputs, expected.outputs)


def test_in_place_and_reused_modules_are_the_same() -> None:
    expected = wh.explain(convolutional(nn.ReLU), IMAGES, GuidedBackprop())
    shared = nn.ReLU(inplace=True)

    e = wh.explain(convolutional(lambda: shared), IMAGES, GuidedBackprop())

    assert_array_equal(e.values, expected.values)


def test_a_part_of_a_tensor_may_be_worked_on_in_place() -> None:
    def halves(x: Tensor) -> Tensor:
        x = x * 2
        x[:, :1].relu_()
        return x[:, 0] - x[:, 1]

    e = wh.explain(Of(halves), np.array([[1.0, 1.0], [-1.0, 1.0]]), GuidedBackprop())

    assert_array_equal(e.values[..., 0], [[2, -2], [0, -2]])


def test_relu6_lets_nothing_back_above_its_bound() -> None:
    module = Of(lambda x: F.relu6(x).sum(1))

    e = wh.explain(module, np.array([[-1.0, 2.0, 7.0]]), GuidedBackprop())

    assert_array_equal(e.values[0, :, 0], [0, 1, 0])


def test_relu_before_the_layer_explained_does_not_count() -> None:
    module = convolutional(nn.ReLU)

    behind = wh.explain(module, IMAGES, GuidedBackprop(layer="3"))

    assert behind.values.shape == (3, 4, 2, 2, 1)
    with pytest.raises(wh.UnsupportedModelError, match="from layer '6' to the output"):
        wh.explain(module, IMAGES, GuidedBackprop(layer="6"))


def test_a_network_without_relu_is_refused_by_name() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 1))

    with pytest.raises(wh.UnsupportedModelError, match="does no ReLU on the way from its inputs"):
        wh.explain(module, np.ones((1, 3)), GuidedBackprop())


def test_every_explanation_warns_of_failed_sanity_checks() -> None:
    e = wh.explain(convolutional(nn.ReLU), IMAGES, GuidedBackprop())

    assert "fails sanity checks" in e.provenance.warnings[0]
    assert "10.48550/arXiv.1810.03292" in e.provenance.references
