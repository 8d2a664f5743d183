"""Series: a value per lag and channel, of recurrent and convolutional networks alike."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

import whence as wh
from deep.test_temporal_saliency_rescaling import NETS, Recurrent
from whence.deep.methods.integrated_gradients import IntegratedGradients
from whence.deep.methods.saliency import Saliency

X = np.random.default_rng(0).normal(size=(7, 7, 2))
SERIES = wh.series_of(X, channels=("close", "volume"))


def slopes(module: nn.Module, target: int) -> Any:  # noqa: ANN401  an array
    put = torch.tensor(X, requires_grad=True)
    return torch.autograd.grad(module(put)[:, target].sum(), put)[0].numpy()


@pytest.mark.parametrize("net", NETS)
def test_each_lag_of_each_channel_has_its_slope(net: str) -> None:
    module = NETS[net]()
    e = wh.explain(module, SERIES, Saliency(target="all", absolute=False))

    for target in range(3):
        assert_allclose(e.values[..., target], slopes(module, target), atol=1e-14)
    assert e.names.features[:3] == ("close, lag 7", "volume, lag 7", "close, lag 6")


@pytest.mark.parametrize("net", NETS)
def test_integrated_gradients_add_up(net: str) -> None:
    e = wh.explain(NETS[net](), SERIES, IntegratedGradients(target=0, tolerance=1e-3))
    rise = np.abs(e.outputs - e.base_values).max()
    assert np.abs(e.residual).max() < 1e-3 * rise


def test_importance_is_that_of_a_lag_of_a_channel(tmp_path: Path) -> None:
    e = wh.explain(NETS["LSTM"](), SERIES, IntegratedGradients(target=0))
    importance = e.importance()

    assert importance.values.shape == (1, 7, 2, 1)
    assert_allclose(importance.values[0], np.abs(e.values).mean(axis=0))
    strongest = importance.names.features[int(importance.values.argmax())]
    assert strongest in repr(importance).splitlines()[1]
    lines = importance.to_frame()
    assert set(lines["feature"]) == set(e.names.features)
    assert wh.load(e.save(tmp_path / "e.whence")).names == e.names


def test_flat_series_have_a_single_channel() -> None:
    module = nn.Sequential(nn.Linear(7, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    e = wh.explain(module, wh.series_of(X[..., 0]), Saliency(absolute=False))

    assert e.values.shape == (7, 7, 1, 1)
    assert e.names.features[0] == "lag 7"


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_layer_with_as_many_times_as_rows_keeps_rows_apart(batch_first: bool) -> None:
    module = Recurrent(nn.LSTM, batch_first=batch_first)
    method = Saliency(target=1, layer="cells", absolute=False)

    whole = wh.explain(module, X, method)
    single = [wh.explain(module, X[i : i + 1], method).values[0] for i in range(7)]

    assert whole.values.shape == (7, 7, 5, 1)
    assert_allclose(whole.values, np.stack(single), atol=1e-14)
