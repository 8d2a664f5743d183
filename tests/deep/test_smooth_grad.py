"""Means, squares and variances of gradients under noise are those of the definition."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor, nn

import whence as wh
from reference.deep_slopes import smoothed
from whence.deep.engine.moments import Moments
from whence.deep.engine.noise import Moment
from whence.deep.methods.input_x_gradient import InputXGradient
from whence.deep.methods.smooth_grad import SmoothGrad

X = np.array([[0.0, 1.0, 4.0], [1.0, -1.0, 0.5]])
RANGE = np.array([4.0, 2.0])


class Of(nn.Module):
    """A function of rows, as a module."""

    def __init__(self, f: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.f = f

    def forward(self, x: Tensor) -> Tensor:
        return self.f(x)


def dense() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 20), nn.ReLU(), nn.Linear(20, 1)).double().eval()


def cubic(x: Tensor) -> Tensor:
    return (x**3).sum(1)


def within(found: Any, stderr: Any, truth: Any, times: float = 4.5) -> None:  # noqa: ANN401  arrays
    assert (np.abs(found - truth) <= times * stderr + 1e-12).all()


@pytest.mark.parametrize("moment", ["mean", "square", "variance"])
def test_moments_of_a_cubic_are_those_of_the_normal_distribution(moment: Moment) -> None:
    e = wh.explain(Of(cubic), X, SmoothGrad(moment=moment, noise=0.1, budget=2000), rng=0)

    s2 = (0.1 * RANGE[:, None]) ** 2  # of g = 3 (x + n)**2 with n normal
    mean = 3 * (X**2 + s2)
    square = 9 * (X**4 + 6 * X**2 * s2 + 3 * s2**2)
    truth = {"mean": mean, "square": square, "variance": square - mean**2}[moment]
    assert e.stderr is not None
    within(e.values[..., 0], e.stderr[..., 0], truth)
    assert (e.stderr[..., 0] < 0.15 * truth).all()


@pytest.mark.parametrize("moment", ["mean", "square", "variance"])
def test_moments_of_a_network_are_those_of_plain_draws(moment: Moment) -> None:
    module = dense()
    e = wh.explain(module, X, SmoothGrad(moment=moment, budget=600), rng=1)

    for row in range(2):
        draws = smoothed(module, X[row], 0.15 * RANGE[row], 600)
        samples = {
            "mean": draws, "square": draws**2, "variance": (draws - draws.mean(0)) ** 2
        }[moment]  # fmt: skip
        error = np.hypot(samples.std(0, ddof=1) / np.sqrt(len(draws)), e.stderr[row, :, 0])
        within(e.values[row, :, 0], error, samples.sum(0) / (len(draws) - (moment == "variance")))


@pytest.mark.parametrize("moment", ["mean", "square", "variance"])
def test_standard_errors_are_the_spread_over_seeds(moment: Moment) -> None:
    module, method = dense(), SmoothGrad(moment=moment, budget=40)
    found = [wh.explain(module, X, method, rng=seed) for seed in range(60)]

    spread = np.std([e.values for e in found], axis=0, ddof=1)
    told = np.sqrt(np.mean([e.stderr**2 for e in found if e.stderr is not None], axis=0))
    assert_allclose(told, spread, rtol=0.4)


def test_the_variance_is_the_sample_variance() -> None:
    class Telling(nn.Module):
        """Notes where it is asked for gradients."""

        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Tensor] = []

        def forward(self, x: Tensor) -> Tensor:
            if torch.is_grad_enabled():
                self.seen.append(x.detach().clone())
            return (x**2).sum(1)

    module = Telling()
    e = wh.explain(module, X[:1], SmoothGrad(moment="variance", budget=17), rng=0)

    slopes = 2 * torch.cat(module.seen).numpy()
    assert len(slopes) == 17
    assert_allclose(e.values[0, :, 0], slopes.var(axis=0, ddof=1))


def test_opposite_noise_makes_the_mean_of_a_quadratic_exact() -> None:
    module = Of(lambda x: x[:, 0] * x[:, 1] + x[:, 2] ** 2)

    e = wh.explain(module, X, SmoothGrad(budget=4), rng=0)

    assert_allclose(e.values[..., 0], np.stack([X[:, 1], X[:, 0], 2 * X[:, 2]], axis=1))


def test_channels_are_summed_before_errors_are_taken() -> None:
    images = np.random.default_rng(0).random((2, 3, 5, 5))
    module = Of(lambda x: ((x[:, 0] - x[:, 1]) ** 3 + x[:, 2]).sum((1, 2)))

    e = wh.explain(module, images, SmoothGrad(), rng=0)

    assert e.stderr is not None
    assert_allclose(e.values, 1, atol=1e-12)  # the slopes of the first two channels cancel
    assert_allclose(e.stderr, 0, atol=1e-12)


def test_times_input_of_a_linear_network_is_its_products() -> None:
    module = nn.Linear(3, 1).double()

    e = wh.explain(module, X, SmoothGrad(times_input=True, budget=8), rng=0)

    assert_allclose(e.values, wh.explain(module, X, InputXGradient()).values, atol=1e-14)


def test_rows_stop_when_each_is_as_exact_as_asked() -> None:
    module = Of(lambda x: x[:, 0] * 3 + x[:, 1] ** 3 * (x[:, 2] > 3))
    method = SmoothGrad(tolerance=0.02, noise=0.1, budget=512)

    e = wh.explain(module, X, method, rng=0)

    assert e.converged is not None
    assert e.converged.all()
    assert e.stderr is not None
    error, size = np.linalg.norm(e.stderr, axis=1), np.linalg.norm(e.values, axis=1)
    assert (error <= 0.02 * size).all()
    assert 2 + 2 * 16 < e.provenance.evaluations < 2 + 16 + 512
    few = wh.explain(module, X, SmoothGrad(tolerance=1e-6, budget=32), rng=0)
    assert few.converged is not None
    assert list(few.converged) == [False, True]
    assert "Not converged" in few.provenance.warnings[0]


def test_a_row_without_range_gets_no_noise() -> None:
    e = wh.explain(Of(cubic), np.full((1, 3), 2.0), SmoothGrad(), rng=0)

    assert_allclose(e.values, 12)
    assert_array_equal(e.stderr, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lower_precision_says_nearly_the_same(dtype: torch.dtype) -> None:
    exact = wh.explain(dense(), X, SmoothGrad(), rng=0)

    e = wh.explain(dense().to(dtype), X, SmoothGrad(), rng=0)

    assert_allclose(e.values, exact.values, atol=1e-4 if dtype == torch.float32 else 0.1)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"moment": "median"}, "moment is 'median'"),
        ({"noise": 0}, "noise is 0"),
        ({"noise": "much"}, "noise is 'much'"),
        ({"budget": 2}, "budget is 2"),
        ({"tolerance": 1.5}, "tolerance is 1.5"),
        ({"times_input": True, "moment": "square"}, "times_input is True"),
        ({"layer": "nine"}, "layer is 'nine'"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(wh.InputError, match=match):
        wh.explain(dense(), X, SmoothGrad(**settings))


def test_moments_come_out_the_same_however_draws_are_cut() -> None:
    rng = np.random.default_rng(0)
    draws, known = rng.normal((3.0, -1.0), size=(30, 4, 2)), np.array([[11.0, -4.0]])
    whole, cut = Moments(1, known), Moments(1, known)
    whole.add(np.zeros(30, dtype=np.int64), draws)
    for part in np.split(draws, [1, 2, 9, 27]):
        cut.add(np.zeros(len(part), dtype=np.int64), part)

    assert_allclose(cut.values(), whole.values(), rtol=1e-12)
    assert_allclose(cut.stderr(), whole.stderr(), rtol=1e-12)
    assert_allclose(whole.values().sum(1), known)


def test_what_is_known_of_the_sum_is_used_as_regression_does() -> None:
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(50, 3, 1)) * [[1.0], [2.0], [0.5]] + 1
    moments = Moments(1, np.array([[3.0]]))
    moments.add(np.zeros(50, dtype=np.int64), draws)

    sums = draws.sum(axis=1)
    for player in range(3):
        design = np.column_stack([np.ones(50), sums - 3.0])
        y = draws[:, player, 0]
        fit, (rest,), _, _ = np.linalg.lstsq(design, y, rcond=None)
        assert_allclose(moments.values()[0, player, 0], fit[0])
        assert_allclose(moments.stderr()[0, player, 0], np.sqrt(rest / 48 / 50))
