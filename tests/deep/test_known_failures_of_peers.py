"""What explainers of networks are known to get wrong or to refuse, as tests."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor, nn
from torch.nn import functional

import whence as wh

IMAGES = np.random.default_rng(0).normal(size=(3, 3, 8, 8))


class Reused(nn.Module):
    """One activation for all layers, some of them functional, some in place."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
        self.act, self.head = nn.ReLU(inplace=True), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        h = self.act(self.first(x))
        h = self.act(self.second(h))
        h = h + functional.softplus(h)
        h += 0.1
        h = functional.gelu(h) * torch.sigmoid(h)
        return {"features": h, "logits": self.head(functional.relu_(h - 0.1).mean((2, 3)))}


def reused() -> nn.Module:
    return Reused().double().eval()


@pytest.mark.parametrize(
    "method", [wh.DeepLift(), wh.DeepShap(background=IMAGES[:2] + 0.5)], ids=["lift", "shap"]
)
def test_reused_functional_and_in_place_activations_add_up(method: object) -> None:
    e = wh.explain(reused(), IMAGES, method)

    assert_allclose(e.residual, 0, atol=1e-10)


def test_what_a_row_gets_does_not_depend_on_the_rows_beside_it() -> None:
    both = wh.explain(reused(), IMAGES, wh.DeepLift(), output="probability")

    for i in range(3):
        alone = wh.explain(reused(), IMAGES[i : i + 1], wh.DeepLift(), output="probability")
        assert_allclose(alone.values[0], both.values[i], atol=1e-12)


def test_a_linear_model_is_exact_at_any_number_of_steps() -> None:
    module = nn.Linear(5, 1).double()
    X = np.random.default_rng(1).normal(size=(2, 5))

    for steps in (2, 3, 10):
        e = wh.explain(module, X, wh.IntegratedGradients(steps=steps))
        assert_allclose(e.values[..., 0], X * module.weight.detach().numpy(), rtol=1e-12)


def test_the_error_of_integrated_gradients_is_told_and_true() -> None:
    module = reused()

    e = wh.explain(module, IMAGES, wh.IntegratedGradients())
    exact = wh.explain(module, IMAGES, wh.IntegratedGradients(steps=2000))

    error = np.linalg.norm((e.values - exact.values).reshape(3, -1), axis=1)
    size = np.linalg.norm(exact.values.reshape(3, -1), axis=1)
    told = np.linalg.norm(e.stderr.reshape(3, -1), axis=1)
    assert (error <= 0.05 * size).all()
    assert (error <= 3 * told).all()


def test_a_map_of_evidence_against_a_class_stays_negative() -> None:
    e = wh.explain(reused(), IMAGES, wh.GradCam(target=(0, 1, 2)))
    contrast = wh.explain(reused(), IMAGES, wh.GradCam(target=wh.Contrast(of=0, against=1)))

    assert (e.values < 0).any()
    assert_allclose(contrast.values[..., 0], e.values[..., 0] - e.values[..., 1], atol=1e-12)


class Recurrent(nn.Module):
    """Two tables of embeddings, two directions, two layers."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.places = nn.Embedding(20, 6), nn.Embedding(9, 6)
        self.loop = kind(6, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(10, 2)

    def forward(self, ids: Tensor) -> Tensor:
        place = torch.arange(ids.shape[1], device=ids.device)
        h, _ = self.loop(self.words(ids) + self.places(place))
        return self.head(h.amax(1))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("method", [wh.DeepLift(), wh.IntegratedGradients(tolerance=0.01)])
def test_recurrent_networks_over_ids_are_explained_in_evaluation_mode(
    kind: type[nn.RNNBase], method: object
) -> None:
    module = Recurrent(kind).double().eval()
    ids = np.random.default_rng(2).integers(0, 20, (3, 7))

    e = wh.explain(module, ids, method)

    rise = np.abs(e.outputs - e.base_values).max()
    assert e.values.shape == (3, 7, 1)
    assert_allclose(e.residual, 0, atol=(1e-9 if isinstance(method, wh.DeepLift) else 0.01) * rise)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_a_type_is_honored_and_numbers_come_out_whole(dtype: torch.dtype) -> None:
    module = reused().to(dtype)
    truth = wh.explain(reused(), IMAGES, wh.DeepLift(target=0)).values

    e = wh.explain(module, IMAGES, wh.DeepLift(target=0))

    close = {torch.bfloat16: 0.2, torch.float32: 1e-4, torch.float64: 1e-12}[dtype]
    assert e.values.dtype == np.float64
    assert np.abs(e.values - truth).max() < close * np.abs(truth).max()
    assert next(module.parameters()).dtype == dtype


def test_a_step_in_place_that_spoils_the_gradient_is_said_and_deep_lift_does_without() -> None:
    class Spoiled(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            h = torch.exp(x)
            h += torch.tanh(h) * h
            return h.sum(1)

    X = np.random.default_rng(3).normal(size=(2, 4))

    with pytest.raises(wh.InputError, match="changes in place what its own gradient needs"):
        wh.explain(Spoiled(), X, wh.Saliency())
    assert_allclose(wh.explain(Spoiled(), X, wh.DeepLift()).residual, 0, atol=1e-12)
