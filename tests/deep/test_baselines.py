"""A baseline stands where a network is opened, and is what the user said."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor, nn

import whence as wh
from whence.core.inputs import inputs_of
from whence.deep.baseline import Baseline, check_baseline
from whence.deep.engine.baselines import Placed, baselines_of
from whence.deep.engine.run import Run, running
from whence.deep.network import Network

RNG = np.random.default_rng(0)
IMAGES = RNG.random((3, 3, 8, 8))


@contextmanager
def asked(model: object, X: object, layer: str | None = None) -> Iterator[tuple[Run, Any]]:
    view = model if isinstance(model, Network) else Network.of(model)
    with running(view, view.rows(inputs_of(X), None), None, layer) as run:
        _, own = run.own()
        yield run, own


def placed(model: object, X: object, setting: Baseline, layer: str | None = None) -> Placed:
    with asked(model, X, layer) as (run, own):
        (one,) = baselines_of(run, setting, own)
    return one


def images_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 1)).double()


@pytest.mark.parametrize(
    ("setting", "meant"),
    [
        (None, np.zeros((3, 8, 8))),
        (0.5, np.full((3, 8, 8), 0.5)),
        ((0.1, 0.2, 0.3), np.broadcast_to(np.array([0.1, 0.2, 0.3])[:, None, None], (3, 8, 8))),
        (IMAGES[0], IMAGES[0]),
    ],
)
def test_numbers_colors_and_rows_are_baselines(setting: Baseline, meant: np.ndarray) -> None:
    module = images_net()

    one = placed(module, IMAGES, setting)

    expected = torch.from_numpy(np.array(meant))[None].expand(3, -1, -1, -1)
    assert torch.equal(one.values[0], expected)
    assert torch.allclose(one.scores, module(expected))


def test_several_baselines_are_several() -> None:
    with asked(images_net(), IMAGES) as (run, own):
        found = baselines_of(run, (np.array(0.0), np.array(1.0), "blur"), own)

    assert [float(one.values[0].mean()) for one in found[:2]] == [0.0, 1.0]
    soft = found[2].values[0]
    assert_allclose(soft.mean((2, 3)), IMAGES.mean((2, 3)), atol=0.02)
    assert float(soft.std()) < IMAGES.std()


def test_behind_a_layer_it_is_what_the_layer_makes_of_the_baseline() -> None:
    module = images_net()

    one = placed(module, IMAGES, 0.25, layer="1")

    expected = module[:2](torch.full((1, 3, 8, 8), 0.25, dtype=torch.float64))
    assert torch.allclose(one.values[0], expected.expand(3, -1, -1, -1))


class Bag(nn.Module):
    """Adds up the squares of the vectors of ids."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(50, 3)

    def forward(self, input_ids: Tensor) -> Tensor:
        return (self.table(input_ids) ** 2).sum((1, 2))


class Words:
    """Ids of words by their length; 1 begins a text, 2 ends it, 0 pads."""

    def __init__(self, mask_token_id: int | None = None, pad_token_id: int | None = None) -> None:
        self.mask_token_id, self.pad_token_id = mask_token_id, pad_token_id

    def __call__(self, texts: list[str]) -> dict[str, Any]:
        most = max(len(text.split()) for text in texts) + 2
        ids, offsets = np.zeros((len(texts), most), int), np.zeros((len(texts), most, 2), int)
        for row, text in enumerate(texts):
            words, end = text.split(), 0
            for i, word in enumerate(words):
                start = text.index(word, end)
                end = start + len(word)
                ids[row, i + 1], offsets[row, i + 1] = 10 + len(word), (start, end)
            ids[row, 0], ids[row, len(words) + 1] = 1, 2
        return {"input_ids": ids, "offset_mapping": offsets}


TEXTS = ["a fine film", "dull"]


@pytest.mark.parametrize(
    ("special", "setting", "token"),
    [
        ({"mask_token_id": 5, "pad_token_id": 0}, None, 5),
        ({"pad_token_id": 0}, None, 0),
        ({"mask_token_id": 5, "pad_token_id": 0}, "pad", 0),
        ({}, 7, 7),
    ],
)
def test_words_become_a_token_and_special_ones_stay(
    special: dict[str, int], setting: Baseline, token: int
) -> None:
    module = Bag()

    one = placed(wh.network(module, tokenizer=Words(**special)), TEXTS, setting)

    ids = torch.tensor([[1, token, token, token, 2], [1, token, 2, 0, 0]])
    assert torch.equal(one.values[0], module.table(ids))


@pytest.mark.parametrize("setting", ["zero", None])
def test_words_become_the_zero_vector_where_there_is_no_token_for_it(setting: Baseline) -> None:
    module = Bag()

    one = placed(wh.network(module, tokenizer=Words()), TEXTS, setting)

    kept = torch.tensor([[1, 0, 0, 0, 1], [1, 0, 1, 1, 1]])[..., None]
    ids = torch.tensor([[1, 0, 0, 0, 2], [1, 0, 2, 0, 0]])
    assert torch.equal(one.values[0], module.table(ids) * kept)


def test_several_arguments_have_a_baseline_each() -> None:
    class Two(nn.Module):
        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return (a * b).sum(1)

    view = wh.network(
        Two(), arguments=lambda X: {"a": torch.tensor(X[:, :2]), "b": torch.tensor(X[:, 2:])}
    )

    one = placed(view, np.ones((2, 4)), {"a": 2.0, "b": [3.0, 4.0]})

    assert one.scores.tolist() == [[14.0], [14.0]]
    with pytest.raises(wh.InputError, match="one baseline for each"):
        placed(view, np.ones((2, 4)), {"a": 2.0})


@pytest.mark.parametrize("wrong", ["black", np.nan, np.array(["a"]), True, {"a": "black"}, ()])
def test_what_is_no_baseline_is_refused(wrong: object) -> None:
    with pytest.raises(wh.InputError, match="baseline is"):
        check_baseline(cast("Baseline", wrong))


def test_a_baseline_that_does_not_fit_is_refused() -> None:
    with pytest.raises(wh.InputError, match=r"of shape \(2,\)"):
        placed(images_net(), IMAGES, [0.0, 1.0])
    with pytest.raises(wh.InputError, match="holds numbers, no ids"):
        placed(images_net(), IMAGES, "mask")
    with pytest.raises(wh.InputError, match="no mask_token_id"):
        placed(wh.network(Bag(), tokenizer=Words()), TEXTS, "mask")
    with pytest.raises(wh.InputError, match="holds ids"):
        placed(wh.network(Bag(), tokenizer=Words()), TEXTS, 0.5)
    with pytest.raises(wh.InputError, match="Only images"):
        placed(nn.Linear(2, 1), np.ones((1, 2)), "blur")
