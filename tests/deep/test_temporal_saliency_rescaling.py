"""Rescaled saliency is that of the paper, copy by copy, and finds when and where."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

import whence as wh
from reference.deep_series import temporal_saliency_rescaling
from whence.core.types import Floats
from whence.deep.methods.integrated_gradients import IntegratedGradients
from whence.deep.methods.saliency import Saliency
from whence.deep.methods.temporal_saliency_rescaling import TemporalSaliencyRescaling

X = np.random.default_rng(0).normal(size=(3, 7, 2))


class Recurrent(nn.Module):
    """An LSTM or GRU, batch first or not, whose states are weighed by attention."""

    def __init__(
        self, kind: Callable[..., nn.Module], *, batch_first: bool, outputs: int = 3
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.batch_first = batch_first
        self.cells = kind(2, 5, batch_first=batch_first)
        self.score = nn.Linear(5, 1)
        self.head = nn.Linear(5, outputs)
        self.double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states = self.cells(x if self.batch_first else x.transpose(0, 1))[0]
        states = states if self.batch_first else states.transpose(0, 1)
        weight = torch.softmax(self.score(states), dim=1)
        said: torch.Tensor = self.head((weight * states).sum(dim=1))
        return said


def convolutional() -> nn.Module:
    class Channels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.layers = nn.Sequential(
                nn.Conv1d(2, 4, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(28, 3)
            )
            self.double()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            said: torch.Tensor = self.layers(x.transpose(1, 2))
            return said

    return Channels()


NETS = {
    "LSTM": lambda: Recurrent(nn.LSTM, batch_first=True),
    "GRU, times first": lambda: Recurrent(nn.GRU, batch_first=False),
    "CNN": convolutional,
}


def naive(module: nn.Module, target: int, *, squared: bool = False) -> Any:  # noqa: ANN401  a function
    def explain(x: Floats) -> Floats:
        put = torch.tensor(x[None], requires_grad=True)
        (slope,) = torch.autograd.grad(module(put)[0, target], put)
        return np.asarray(slope.numpy()[0] * x if squared else np.abs(slope.numpy()[0]))

    return explain


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("threshold", [0.0, 0.55, 0.9])
def test_it_is_that_of_the_paper_for_all_targets(net: str, threshold: float) -> None:
    module = NETS[net]()
    method = TemporalSaliencyRescaling(of=Saliency(target="all"), threshold=threshold)

    e = wh.explain(module, X, method)

    assert e.values.shape == (3, 7, 2, 3)
    for i, target in np.ndindex(3, 3):
        expected = temporal_saliency_rescaling(
            naive(module, target), X[i], threshold=threshold, stands=np.zeros((7, 2))
        )
        assert_allclose(e.values[i, ..., target], expected, rtol=1e-9, atol=1e-14)
    assert e.names.features[:2] == ("channel 0, lag 7", "channel 1, lag 7")
    assert_allclose(e.outputs, module(torch.tensor(X)).detach().numpy())


class Turning(nn.Module):
    """Says the first output because of one number; when it is hidden, the second."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([(x**3).sum((1, 2)), -2 * x.sum((1, 2)), x[:, 0, 0] - 100], dim=1)


TURNED = np.where(np.arange(14).reshape(1, 7, 2) == 5, 3.0, -0.5)


@pytest.mark.parametrize(
    ("target", "pair"), [(None, 0), ("predicted", 0), (wh.Contrast(), wh.Contrast(of=0, against=1))]
)
def test_the_predicted_output_is_that_of_the_row_also_when_some_of_it_is_hidden(
    target: Any,  # noqa: ANN401  any target
    pair: Any,  # noqa: ANN401  any target
) -> None:
    def rescaled(target: Any) -> wh.Attribution:  # noqa: ANN401  any target
        of = Saliency(target=target)
        return wh.explain(Turning(), TURNED, TemporalSaliencyRescaling(of=of, threshold=0.0))

    e = rescaled(target)

    assert_array_equal(e.values, rescaled(pair).values)
    assert e.target is not None
    assert e.target[0, 0] == 0
    assert e.names.outputs == ("predicted - runner-up" if isinstance(pair, wh.Contrast)
                               else "predicted",)  # fmt: skip


@pytest.mark.parametrize(
    ("baseline", "stands"),
    [
        ("mean", lambda x: np.broadcast_to(x.mean(axis=0), x.shape)),
        (1.5, lambda x: np.full(x.shape, 1.5)),
        (np.array([1.0, -1.0]), lambda x: np.broadcast_to([1.0, -1.0], x.shape)),
        (X[0], lambda _: X[0]),
    ],
)
def test_what_is_hidden_is_replaced_by_the_baseline(baseline: Any, stands: Any) -> None:  # noqa: ANN401  several kinds
    module = convolutional()
    method = TemporalSaliencyRescaling(of=Saliency(target=1), threshold=0.0, baseline=baseline)

    e = wh.explain(module, X[1:], method)

    for i in range(2):
        expected = temporal_saliency_rescaling(
            naive(module, 1), X[i + 1], threshold=0.0, stands=stands(X[i + 1])
        )
        assert_allclose(e.values[i, ..., 0], expected, rtol=1e-9, atol=1e-14)


def test_any_chunks_and_blocks_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    module = Recurrent(nn.GRU, batch_first=True)
    method = TemporalSaliencyRescaling(of=IntegratedGradients(target=(0, 2), steps=4))
    whole = wh.explain(module, X, method)

    monkeypatch.setattr("whence.deep.methods.temporal_saliency_rescaling._BYTES", 1_000)
    parts = wh.explain(wh.network(module, memory=2_000), X, method)
    single = [wh.explain(module, X[i : i + 1], method).values[0] for i in range(3)]

    assert_allclose(parts.values, whole.values, rtol=1e-9, atol=1e-14)
    assert_allclose(np.stack(single), whole.values, rtol=1e-9, atol=1e-14)
    assert parts.provenance.settings["of"]["type"] == "IntegratedGradients"  # type: ignore[index,call-overload]


def test_times_that_matter_little_cost_no_more() -> None:
    class Two(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, 2, 0] ** 2 + x[:, 4, 1] ** 2

    method = TemporalSaliencyRescaling(of=Saliency(), threshold=0.0)
    e = wh.explain(Two(), X[:1], method)

    # to settle the target; the row's explanation; 7 times; the 2 channels of 2 that matter
    assert e.provenance.evaluations == 1 + 1 + 7 + 4
    assert_array_equal(np.argwhere(e.values[0, ..., 0]), [[2, 0], [4, 1]])
    assert_allclose(e.values[0, 2, 0, 0], (2 * X[0, 2, 0]) ** 2)


def test_of_a_single_channel_the_time_says_it_all() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(7, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    series = wh.series_of(X[..., 0], channels=("close",))
    e = wh.explain(module, series, TemporalSaliencyRescaling(of=Saliency(), threshold=0.0))

    assert e.values.shape == (3, 7, 1, 1)

    def explain(x: Floats) -> Floats:
        put = torch.tensor(x[None, :, 0], requires_grad=True)
        return np.asarray(torch.autograd.grad(module(put).sum(), put)[0].abs().numpy()[0])

    expected = temporal_saliency_rescaling(
        explain, X[0, :, :1], threshold=0.0, stands=np.zeros((7, 1))
    )
    assert_allclose(e.values[0, ..., 0], expected, rtol=1e-9, atol=1e-14)


def test_it_finds_the_time_and_channel_that_a_recurrent_network_listens_to() -> None:
    class Listening(nn.Module):
        """Takes channel 0 where channel 1 was just raised; slopes leak to later times."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            state = torch.zeros(len(x), dtype=x.dtype)
            for t in range(x.shape[1]):
                state = 0.9 * state + torch.sigmoid(8 * (x[:, t, 1] - 2)) * x[:, t, 0]
            return torch.tanh(state)

    x = 0.3 * np.random.default_rng(1).random((1, 12, 2))
    x[0, 5] = [1.0, 2.0]
    e = wh.explain(Listening(), x, TemporalSaliencyRescaling(of=Saliency()))
    assert np.unravel_index(e.values[0, ..., 0].argmax(), (12, 2))[0] == 5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"of": Saliency}, "of is"),
        ({"of": 3}, "wh.Saliency"),
        ({"of": Saliency(), "threshold": 1.0}, "threshold is 1.0"),
        ({"of": Saliency(), "threshold": True}, "threshold is True"),
        ({"of": Saliency(), "baseline": "blur"}, "'mean'"),
        ({"of": Saliency(), "baseline": np.nan}, "Finite"),
        ({"of": Saliency(), "baseline": np.zeros(5)}, r"\(5,\)"),
        ({"of": Saliency(target=7)}, "target is 7"),
        ({"of": Saliency(layer="nothing")}, "nothing"),
    ],
)
def test_what_cannot_be_used_is_said(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(wh.InputError, match=said):
        wh.explain(convolutional(), X, TemporalSaliencyRescaling(**settings))


def test_other_rows_than_series_are_refused() -> None:
    with pytest.raises(wh.InputError, match="series_of"):
        wh.explain(nn.Linear(2, 1), np.ones((1, 2)), TemporalSaliencyRescaling(of=Saliency()))
