"""Expected gradients are the mean integral over the background, add up, and know their errors."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor, nn

import whence as wh
from deep.laws import KINDS
from reference.deep_slopes import expected
from whence.deep.methods.expected_gradients import ExpectedGradients

RNG = np.random.default_rng(0)
X, Z = RNG.normal(size=(3, 4)), RNG.normal(size=(6, 4))


def dense(width: int = 4) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(width, 24), nn.ReLU(), nn.Linear(24, 1)).double().eval()


class Product(nn.Module):
    """The product of two numbers, and a mask that is no part of what is explained."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        product = x[:, 0] * x[:, 1]
        return product if mask is None else product * mask


def test_a_network_is_explained_as_by_the_definition() -> None:
    module = dense()

    e = wh.explain(module, X, ExpectedGradients(background=Z, budget=1000, tolerance=None), rng=0)

    assert e.stderr is not None
    for row in range(3):
        truth, base = expected(module, X[row], Z, 100)
        assert_allclose(e.base_values[row], base)
        error = 5 * e.stderr[row, :, 0] + 2e-3 * np.abs(truth).max()
        assert (np.abs(e.values[row, :, 0] - truth) <= error).all()
        assert (e.stderr[row] < 0.07 * np.linalg.norm(truth)).all()


def test_a_product_of_two_is_exact_since_points_lie_opposite_each_other() -> None:
    background = np.array([[1.0, -1.0]])

    e = wh.explain(Product(), np.array([[3.0, 2.0]]), ExpectedGradients(background=background))

    assert_allclose(e.values[0, :, 0], [(3 - 1) * (2 - 1) / 2, (2 + 1) * (3 + 1) / 2])
    assert_allclose(e.stderr, 0, atol=1e-12)
    assert e.provenance.evaluations == 1 + 1 + 2 * 8
    assert e.converged is not None
    assert e.converged.all()


@pytest.mark.parametrize("background", [4, 400])
def test_standard_errors_are_the_spread_over_seeds_and_values_add_up_in_each(
    background: int,
) -> None:
    module, far = dense(), RNG.normal(size=(background, 4))
    method = ExpectedGradients(background=far, budget=80, tolerance=None)
    found = [wh.explain(module, X, method, rng=seed) for seed in range(60)]

    for e in found:
        assert_allclose(e.residual, 0, atol=1e-12)
    spread = np.std([e.values for e in found], axis=0, ddof=1)
    told = np.sqrt(np.mean([e.stderr**2 for e in found if e.stderr is not None], axis=0))
    assert_allclose(told, spread, rtol=0.4)


def test_errors_are_smaller_than_those_of_plain_draws() -> None:
    """At 80 gradients the mean squared error is less than half of that of independent draws."""
    module, far = dense(), RNG.normal(size=(25, 4))
    truth = np.stack([expected(module, x, far, 40)[0] for x in X])
    method = ExpectedGradients(background=far, budget=80, tolerance=None)

    own, plain = [], []
    for seed in range(20):
        own.append(wh.explain(module, X, method, rng=seed).values[..., 0])
        rng = np.random.default_rng(seed)
        for x, exact in zip(X, truth, strict=True):
            b, t = far[rng.integers(25, size=80)], rng.random((80, 1))
            leaf = torch.from_numpy(b + t * (x - b)).requires_grad_()
            (slopes,) = torch.autograd.grad(module(leaf).sum(), leaf)
            plain.append((((x - b) * slopes.numpy()).mean(0) - exact) ** 2)

    assert np.mean((np.array(own) - truth) ** 2) < 0.5 * np.mean(plain)


def test_words_stand_in_the_place_of_words() -> None:
    """Integrated gradients from each text that is put together by hand are the same."""
    kind = KINDS["texts"]
    module = kind.module().eval()
    words, background = ["good film and plot"], ["bad", "not a fine film"]
    method = ExpectedGradients(background=background, budget=1600, tolerance=None, target=1)

    e = wh.explain(kind.view(module), words, method, rng=0)

    ids = torch.tensor([[2, 4, 6, 10]])
    others = torch.tensor([[3, 0, 0, 0], [5, 1, 9, 4]])  # padding stands where "bad" has ended
    mask = torch.ones_like(ids)
    vectors, total = module.embedding, np.zeros(4)
    for other in others:
        begin, end = vectors(other[None]).detach(), vectors(ids).detach()
        for t in (np.arange(200) + 0.5) / 200:
            leaf = (begin + t * (end - begin)).requires_grad_()
            score = module.head(module.lstm(leaf)[0][:, -1])[0, 1]
            total += ((end - begin) * torch.autograd.grad(score, leaf)[0]).sum((0, 2)).numpy() / 400
    assert e.stderr is not None
    assert (np.abs(e.values[0, :, 0] - total) <= 5 * e.stderr[0, :, 0] + 1e-6).all()
    said = [module(o[None], mask)[0, 1].item() for o in others]
    assert_allclose(e.base_values[0, 0], np.mean(said))


def test_arguments_that_are_not_explained_stay_as_the_row_has_them() -> None:
    view = wh.network(
        Product(),
        arguments=lambda X: (torch.from_numpy(X[:, :2].copy()), torch.from_numpy(X[:, 2].copy())),
        explained=(0,),
    )
    rows, background = np.array([[3.0, 2.0, 5.0], [1.0, 1.0, 0.0]]), np.array([[1.0, 1.0, 9.0]])

    e = wh.explain(view, rows, ExpectedGradients(background=background), rng=0)

    assert_allclose(e.base_values[:, 0], [5, 0])
    assert_allclose(e.values[0, :, 0], [15, 10], rtol=1e-10)
    assert_allclose(e.values[1], 0, atol=1e-12)


def test_a_layer_is_explained_and_adds_up() -> None:
    module = dense()

    e = wh.explain(module, X, ExpectedGradients(background=Z, layer="1"), rng=0)

    hidden = module[:2](torch.from_numpy(np.concatenate([X, Z]))).detach().numpy()
    weight = module[2].weight.detach().numpy()[0]
    assert e.values.shape == (3, 24, 1)
    assert_allclose(e.residual, 0, atol=1e-12)
    truth = weight * (hidden[:3] - hidden[3:].mean(0))  # what follows the layer is linear
    assert e.stderr is not None
    assert (np.abs(e.values[..., 0] - truth) <= 5 * e.stderr[..., 0] + 1e-9).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lower_precision_says_nearly_the_same(dtype: torch.dtype) -> None:
    method = ExpectedGradients(background=Z, tolerance=None)
    exact = wh.explain(dense(), X, method, rng=0)

    e = wh.explain(dense().to(dtype), X, method, rng=0)

    assert_allclose(e.values, exact.values, atol=1e-4 if dtype == torch.float32 else 0.1)


def test_a_seed_of_one_row_is_not_moved_by_its_neighbors() -> None:
    method = ExpectedGradients(background=Z)
    whole = wh.explain(dense(), np.concatenate([X, X]), method, rng=3)

    assert_array_equal(whole.values[:3], whole.values[3:])


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"budget": 8}, "budget is 8"),
        ({"tolerance": 0}, "tolerance is 0"),
        ({"background": Z[:, :3]}, r"of shape \(3,\) and one of X of shape \(4,\)"),
        ({"background": RNG.random((2, 3, 8, 8))}, "background holds images and X table"),
        ({"background": ["a text"]}, "texts"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(wh.InputError, match=match):
        wh.explain(dense(), X, ExpectedGradients(**{"background": Z, **settings}))


def test_a_tokenizer_without_a_token_for_the_unknown_is_refused() -> None:
    kind = KINDS["texts"]

    def tokenizer(texts: list[str]) -> dict[str, Any]:
        assert kind.tokenizer is not None
        return kind.tokenizer(texts)

    view = wh.network(kind.module(), tokenizer=tokenizer)

    with pytest.raises(wh.InputError, match="no mask_token_id and no pad_token_id"):
        wh.explain(view, kind.X, ExpectedGradients(background=kind.Z))
