"""A network is opened where it is asked to be, and left as it was."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

import whence as wh


def convolutional() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Dropout(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(4, 5),
    ).double()  # fmt: skip


IMAGES = np.random.default_rng(0).random((4, 3, 8, 8))


def test_the_module_is_left_as_it_was_also_after_an_error() -> None:
    module = convolutional()
    module[2].eval()
    module[0].weight.requires_grad_(False)
    state, before = torch.get_rng_state(), [part.training for part in module.modules()]

    wh.explain(module, IMAGES, wh.Saliency())
    with pytest.raises(wh.InputError):
        wh.explain(module, IMAGES[:, :, :1], wh.Saliency())

    assert [part.training for part in module.modules()] == before
    assert [p.requires_grad for p in module.parameters()] == [False, True, True, True]
    assert all(p.grad is None for p in module.parameters())
    assert not any(part._forward_hooks for part in module.modules())  # noqa: SLF001  that is what is left
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_network_in_training_mode_is_warned_of_by_the_name_of_its_part() -> None:
    e = wh.explain(convolutional(), IMAGES, wh.Saliency())

    assert "2 (Dropout)" in e.provenance.warnings[0]


def test_targets_are_named_and_counted() -> None:
    module = convolutional().eval()
    target = (1, wh.Contrast(), wh.Contrast(of=0, against=3), "predicted")

    e = wh.explain(module, IMAGES, wh.Saliency(target=target, absolute=False))
    each = wh.explain(module, IMAGES, wh.Saliency(target="all", absolute=False))

    said = module(torch.from_numpy(IMAGES)).detach().numpy()
    order = np.argsort(-said, axis=1)
    assert e.names.outputs == ("y1", "predicted - runner-up", "y0 - y3", "predicted")
    assert_array_equal(e.target[:, 3], order[:, 0])
    row = np.arange(4)
    assert_allclose(e.outputs[:, 1], said[row, order[:, 0]] - said[row, order[:, 1]])
    assert_allclose(e.values[..., 2], each.values[..., 0] - each.values[..., 3], atol=1e-15)
    assert_allclose(e.values[row, ..., 3], each.values[row, ..., order[:, 0]], atol=1e-15)


def test_several_arguments_are_players_side_by_side() -> None:
    class Two(nn.Module):
        def forward(self, numbers: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
            return (numbers * scale[:, None]).sum(1)

    X = np.array([[1.0, 2.0, 5.0], [3.0, 4.0, 7.0]])
    view = wh.network(
        Two(),
        arguments=lambda X: {
            "numbers": torch.from_numpy(X[:, :2].copy()),
            "scale": torch.from_numpy(X[:, 2].copy()),
        },
    )

    e = wh.explain(view, X, wh.Saliency(absolute=False))

    assert e.names.features == ("numbers[0]", "numbers[1]", "scale")
    assert_array_equal(e.values[..., 0], [[5, 5, 3], [7, 7, 7]])


class Ids(nn.Module):
    """Embeds ids in unusual ways, and adds the vectors up."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.table = nn.Embedding(12, 3).double()
        self.way = way

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        if self.way == "transposed and shifted":
            vectors = self.table((ids + 1).t()).transpose(0, 1)
        elif self.way == "column by column":
            vectors = torch.stack([self.table(column) for column in ids.unbind(1)], dim=1)
        elif self.way == "backward":
            vectors = self.table(ids.flip(1)).flip(1)
        elif self.way == "rolled":
            vectors = self.table(ids.roll(1, 1)).roll(-1, 1)
        elif self.way == "as floats":
            vectors = self.table(torch.where(ids < 0, ids + 12, ids).float().int())
        else:
            vectors = self.table.weight[ids]
        weight = torch.arange(1.0, ids.shape[1] + 1, dtype=torch.float64)[:, None]
        return (vectors**2 * weight).sum((1, 2))


WAYS = [
    "transposed and shifted", "column by column", "backward", "rolled", "as floats", "indexed"
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_ids_are_followed_to_their_vectors_however_these_are_looked_up(way: str) -> None:
    module, ids = Ids(way), np.array([[1, 5, 2], [7, 0, 3]])

    e = wh.explain(module, ids, wh.Saliency(absolute=False))

    shift = 1 if way == "transposed and shifted" else 0
    vectors = module.table.weight.detach().numpy()[ids + shift]
    assert_allclose(e.values[..., 0], 2 * vectors.sum(2) * np.array([1, 2, 3]))


class Placed(nn.Module):
    """Counts places where there is no padding, as RoBERTa does, and looks up their kind."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(9, 3).double(), nn.Embedding(9, 3).double()
        self.kinds = nn.Embedding(2, 3).double()

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        there = ids.ne(0).int()
        places = self.places((torch.cumsum(there, dim=1) * there).long())
        return ((self.words(ids) + places + self.kinds(torch.zeros_like(ids))) ** 2).sum((1, 2))


def test_what_is_counted_from_ids_is_none() -> None:
    module, ids = Placed(), np.array([[5, 2, 0], [7, 1, 3]])

    e = wh.explain(module, ids, wh.Saliency(absolute=False))

    place = np.array([[1, 2, 0], [1, 2, 3]])
    tables = (module.words, module.places, module.kinds)
    words, places, kinds = (table.weight.detach().numpy() for table in tables)
    both = words[ids] + places[place] + kinds[0]
    assert_allclose(e.values[..., 0], 2 * both.sum(2))


def test_the_digest_follows_training_and_the_explainer_too() -> None:
    module = nn.Linear(2, 1).double()
    before = wh.explain(module, np.ones((1, 2)), wh.Saliency(absolute=False))
    with torch.no_grad():
        module.weight.mul_(2)

    after = wh.explain(module, np.ones((1, 2)), wh.Saliency(absolute=False))

    assert_allclose(after.values, 2 * before.values)
    assert after.provenance.model_digest != before.provenance.model_digest


def test_a_network_is_asked_like_any_model_also_about_texts_of_which_all_is_hidden() -> None:
    module = Ids("indexed")

    def tokenizer(texts: list[str]) -> dict[str, list[list[object]]]:
        spans = [[(i, i + 1) for i, c in enumerate(text) if c != " "] for text in texts]
        width = max(1, *map(len, spans))
        return {
            "input_ids": [
                [ord(t[a]) % 11 + 1 for a, _ in s] + [0] * (width - len(s))
                for t, s in zip(texts, spans, strict=True)
            ],
            "offset_mapping": [s + [(0, 0)] * (width - len(s)) for s in spans],
        }

    with torch.no_grad():
        module.table.weight[0] = 0.0
    view = wh.network(module, tokenizer=tokenizer)

    e = wh.explain(view, ["a b c", "d"], wh.Occlusion())

    assert_allclose(e.outputs, view(["a b c", "d"]))
    assert_allclose(e.base_values, 0.0)
    assert e.values.shape == (2, 3, 1)


@pytest.mark.parametrize("method", [wh.IntegratedGradients, wh.DeepLift, wh.InputXGradient])
def test_a_unit_inside_is_explained_like_an_output(method: type) -> None:
    module = convolutional().eval()
    part = nn.Sequential(module[0], module[1], nn.AdaptiveAvgPool2d(1), nn.Flatten())

    e = wh.explain(module, IMAGES, method(target=wh.Neuron(layer="1", unit=2)))
    truth = wh.explain(part, IMAGES, method(target=2))

    assert e.names.outputs == ("1[2]",)
    assert_allclose(e.values, truth.values, atol=1e-12)
    assert_allclose(e.outputs, truth.outputs)


def test_a_unit_that_is_not_there_is_said() -> None:
    with pytest.raises(wh.InputError, match=r"layer '1' gives numbers of shape \(4, 6, 6\)"):
        wh.explain(convolutional(), IMAGES, wh.Saliency(target=wh.Neuron(layer="1", unit=9)))


def test_the_names_of_outputs_are_known_to_methods_that_ask() -> None:
    view = wh.network(convolutional().eval(), outputs=("a", "b", "c", "d", "e"))

    e = wh.explain(view, IMAGES, wh.Occlusion(masker=wh.ImageMasker(segments=4, divide="grid")))

    assert e.names.outputs == ("a", "b", "c", "d", "e")
