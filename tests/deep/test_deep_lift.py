"""DeepLIFT explains the whole rise of the output, operation by operation, as the paper says."""

from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor, nn
from torch.nn import functional

import whence as wh
from reference.deep_lift import Layer, deep_lift, deep_shap, reveal_cancel
from whence.core.errors import InputError, UnsupportedModelError
from whence.core.explanation import Attribution
from whence.deep.methods.deep_lift import DeepLift, Rule
from whence.deep.methods.deep_shap import DeepShap

RNG = np.random.default_rng(0)
SERIES = RNG.normal(size=(4, 6, 3))
IMAGES = RNG.random((4, 3, 12, 12))


class Of(nn.Module):
    """A network that is a function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def complete(e: Attribution) -> float:
    """Return what is missed of the rise, as a share of it, at most."""
    return float((np.abs(e.residual) / np.abs(e.outputs - e.base_values)).max())


def made(module: nn.Module) -> nn.Module:
    """Return a module in float64 whose normalizations have seen data."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return module.double().eval()


# --- networks -----------------------------------------------------------------------------------


class Residual(nn.Module):
    """Batch norm, one ReLU used three times, in place, and an addition in place."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.inner = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.relu = nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(self.relu(self.stem(x)), 3, stride=2, padding=1)
        out = self.norm(self.inner(x))
        out = self.inner(self.relu(out))
        out += x
        return self.head(self.relu(out).mean((2, 3)))


class Dense(nn.Module):
    """Features side by side, activations as functions, a maximum over places."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(7, 4, 3, padding=1)
        self.norm, self.head = nn.BatchNorm2d(7), nn.Linear(11, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat([x, torch.relu_(self.one(x))], dim=1)
        y = torch.cat([y, functional.gelu(self.two(functional.relu(self.norm(y))))], dim=1)
        return self.head(functional.avg_pool2d(y, 2).amax((2, 3)))


class Recurrent(nn.Module):
    """Two layers in both directions."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.steps = kind(3, 5, batch_first=True, bidirectional=True, num_layers=2)
        self.head = nn.Linear(10, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.steps(x)[0][:, -1])


class Transformer(nn.Module):
    """Two of torch's own layers."""

    def __init__(self, *, first: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            8, 2, 16, batch_first=True, norm_first=first, activation="gelu"
        )
        self.read, self.place = nn.Linear(3, 8), nn.Parameter(torch.randn(6, 8))
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(self.read(x) + self.place).mean(1))


class Mixed(nn.Module):
    """Causal attention, gates, quotients, and the larger of two."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = nn.Linear(3, 8), nn.Linear(3, 8), nn.Linear(3, 8)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        a = functional.scaled_dot_product_attention(
            self.query(x), self.key(x), self.value(x), is_causal=True
        )
        h = self.norm(a + self.value(x))
        h = h / (1 + h.square().sum(-1, keepdim=True)).sqrt()
        h = h * torch.sigmoid(h) + torch.maximum(h, h.flip(1))
        h = functional.glu(torch.cat([h, h], dim=-1))
        h = torch.clamp(h, -0.3, 0.3) + 2 / (3 + torch.tanh(h)) + h**3
        return self.head(h.max(dim=1).values)


class Words(nn.Module):
    """Reads ids."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.steps = nn.Embedding(9, 4), nn.LSTM(4, 3, batch_first=True)
        self.head = nn.Linear(3, 2)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.steps(self.table(ids))[1][0][0])


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "residual": (Residual, IMAGES),
    "dense": (Dense, IMAGES),
    "lstm": (lambda: Recurrent(nn.LSTM), SERIES),
    "gru": (lambda: Recurrent(nn.GRU), SERIES),
    "pre-norm": (lambda: Transformer(first=True), SERIES),
    "post-norm": (lambda: Transformer(first=False), SERIES),
    "mixed": (Mixed, SERIES),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_values_add_up_to_the_rise_of_the_output(name: str) -> None:
    torch.manual_seed(0)
    module, X = made(NETWORKS[name][0]()), NETWORKS[name][1]

    for output in ("raw", "probability"):
        e = wh.explain(module, X, DeepLift(baseline=0.1, target="all"), output=output)
        assert complete(e) < 1e-10
        assert not e.provenance.warnings
    said = torch.softmax(module(torch.full_like(torch.from_numpy(X), 0.1)), 1)
    assert_allclose(e.base_values, said.detach().numpy(), atol=1e-12)


@pytest.mark.parametrize("name", ["residual", "lstm", "post-norm"])
def test_the_size_of_chunks_does_not_matter(name: str) -> None:
    torch.manual_seed(0)
    module, X = made(NETWORKS[name][0]()), NETWORKS[name][1]
    method = DeepShap(background=X[:2] / 2, target="all")

    whole = wh.explain(module, X, method)
    parts = wh.explain(wh.network(module, memory=1000), X, method)
    alone = wh.explain(module, X[2:3], method)

    assert_allclose(parts.values, whole.values, atol=1e-12)
    assert_allclose(parts.stderr, whole.stderr, atol=1e-12)
    assert_allclose(alone.values[0], whole.values[2], atol=1e-12)


# --- the judge ----------------------------------------------------------------------------------


def as_module(layers: Sequence[Layer]) -> nn.Module:
    """Return the module of a network of the judge; activations by function and by module."""
    kinds: dict[str, Callable[[], nn.Module]] = {
        "relu": lambda: Of(functional.relu), "tanh": nn.Tanh,
    }  # fmt: skip
    parts: list[nn.Module] = []
    for layer in layers:
        if layer[0] == "dense":
            part = nn.Linear(*layer[1].shape[::-1])
            part.weight.data, part.bias.data = map(torch.from_numpy, layer[1:])
            parts.append(part)
        elif layer[0] == "pool":
            size = layer[1]
            parts.append(Of(lambda x, size=size: functional.max_pool1d(x[:, None], size)[:, 0]))
        else:
            parts.append(kinds[layer[0]]())
    return nn.Sequential(*parts).double()


def network(seed: int, *, pool: bool = True) -> list[Layer]:
    rng = np.random.default_rng(seed)

    def dense(read: int, give: int) -> Layer:
        return ("dense", rng.normal(size=(give, read)), rng.normal(size=give))

    pools: list[Layer] = [("pool", 3)] if pool else []
    return [dense(5, 8), ("relu",), dense(8, 12), *pools, ("tanh",),
            dense(4 if pool else 12, 6), ("relu",), dense(6, 2)]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_it_is_the_definition_of_the_paper(seed: int) -> None:
    layers, rng = network(seed), np.random.default_rng(seed + 1)
    X, x0 = rng.normal(size=(3, 5)), rng.normal(size=5)

    e = wh.explain(as_module(layers), X, DeepLift(baseline=x0, target="all"))

    expected = [[deep_lift(layers, x, x0, k) for k in (0, 1)] for x in X]
    assert_allclose(e.values, np.moveaxis(expected, 1, 2), atol=1e-10)


def test_deep_shap_is_the_mean_over_the_background_with_its_error() -> None:
    layers = network(3)
    X, Z = RNG.normal(size=(3, 5)), RNG.normal(size=(6, 5))
    module = as_module(layers)

    e = wh.explain(module, X, DeepShap(background=Z, target=1))

    expected, errors = zip(*(deep_shap(layers, x, Z, 1) for x in X), strict=True)
    assert_allclose(e.values[..., 0], expected, atol=1e-12)
    assert_allclose(e.stderr[..., 0], errors, atol=1e-12)
    assert_allclose(e.base_values[:, 0], module(torch.from_numpy(Z))[:, 1].mean().item())
    assert complete(e) < 1e-12
    assert e.provenance.evaluations == 3 * (1 + 6)


def test_a_network_of_one_product_has_the_shapley_values() -> None:
    X, Z = RNG.normal(size=(3, 2)), RNG.normal(size=(5, 2))

    e = wh.explain(Of(lambda x: x[:, 0] * x[:, 1]), X, DeepShap(background=Z))

    a, b = X[:, None].T
    of_a = ((a[..., None] - Z[:, 0]) * (b[..., None] + Z[:, 1]) / 2).mean(-1)
    assert_allclose(e.values[:, 0, 0], of_a[0])


# --- reveal-cancel ------------------------------------------------------------------------------


def smallest(x: Tensor) -> Tensor:
    """Return the smaller of two as the paper writes it."""
    weights = torch.tensor([[1.0, -1.0]], dtype=torch.float64)
    return x[:, 0] - torch.relu(functional.linear(x, weights))[:, 0]


@pytest.mark.parametrize("x", [(3.0, 2.0), (2.0, 3.0), (2.0, 2.0)])
def test_what_cancels_is_revealed_in_the_example_of_the_paper(x: tuple[float, float]) -> None:
    e = wh.explain(Of(smallest), np.array([x]), DeepLift(rule="reveal_cancel"))
    chord = wh.explain(Of(smallest), np.array([x]), DeepLift())

    assert_allclose(e.values[0, :, 0], [min(x) / 2] * 2)
    assert_allclose(chord.values[0, :, 0].max(), min(x))  # which sees one of the two alone


@pytest.mark.parametrize("x", [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.4, 0.8)])
def test_both_sides_of_a_conjunction_are_revealed(x: tuple[float, float]) -> None:
    """With f = relu(a + b - 1), plus is a + b at b0 = -1: what raises it is shared by both."""
    weights, bias = torch.ones(1, 2).double(), torch.tensor([-1.0]).double()

    def both(x: Tensor) -> Tensor:
        return torch.relu(functional.linear(x, weights, bias))[:, 0]

    e = wh.explain(Of(both), np.array([x]), DeepLift(rule="reveal_cancel"))

    assert_allclose(e.values[0, :, 0], np.array(x) * max(sum(x) - 1, 0) / sum(x))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_reveal_cancel_is_the_definition_of_the_paper(seed: int) -> None:
    layers, rng = network(seed, pool=False), np.random.default_rng(seed + 1)
    X, x0 = rng.normal(size=(3, 5)), rng.normal(size=5)
    module = as_module(layers)

    e = wh.explain(module, X, DeepLift(baseline=x0, target="all", rule="reveal_cancel"))
    same = wh.explain(module, X, DeepLift(baseline=x0, target="all", rule="genomics"))

    expected = [[reveal_cancel(layers, x, x0, k) for k in (0, 1)] for x in X]
    assert_allclose(e.values, np.moveaxis(np.array(expected), 1, 2), atol=1e-9)
    assert_allclose(same.values, e.values)


@pytest.mark.parametrize("name", NETWORKS)
def test_streams_add_up_to_the_rise_of_the_output(name: str) -> None:
    torch.manual_seed(0)
    module, X = made(NETWORKS[name][0]()), NETWORKS[name][1]

    method = DeepLift(baseline=0.1, rule="reveal_cancel")
    e = wh.explain(module, X[:2], method, output="probability")

    assert complete(e) < 1e-10


def test_after_convolutions_the_rule_of_genomics_is_the_chord() -> None:
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    head = nn.Sequential(nn.Linear(400, 6), nn.ReLU(), nn.Linear(6, 2))
    only = made(nn.Sequential(trunk, nn.Linear(400, 2)))
    both = made(nn.Sequential(trunk, head))

    def explained(module: nn.Module, rule: Rule) -> np.ndarray:
        return wh.explain(module, IMAGES, DeepLift(baseline=0.2, target="all", rule=rule)).values

    assert_allclose(explained(only, "genomics"), explained(only, "rescale"), atol=1e-13)
    by_rule = [explained(both, rule) for rule in get_args(Rule)]
    assert min(np.abs(by_rule[2] - by_rule[i]).max() for i in (0, 1)) > 1e-6


def test_functions_that_are_not_defined_everywhere_keep_their_chord() -> None:
    weights = torch.tensor([[1.0, 1.0]], dtype=torch.float64)

    def root(x: Tensor) -> Tensor:
        return functional.linear(x, weights)[:, 0].sqrt()

    method = DeepLift(baseline=np.array([0.5, 3.0]), rule="reveal_cancel")
    e = wh.explain(Of(root), np.array([[5.0, -1.0]]), method)

    rise = 2 - 3.5**0.5
    assert_allclose(e.values[0, :, 0], rise * np.array([4.5, -4.0]) / 0.5)


def test_streams_begin_at_embeddings_and_layers_too() -> None:
    torch.manual_seed(0)
    module = Words().double()
    ids = RNG.integers(0, 9, (3, 5))

    for layer in (None, "table"):
        e = wh.explain(module, ids, DeepLift(rule="reveal_cancel", layer=layer, baseline=4))
        assert_allclose(e.residual, 0, atol=1e-13)


# --- operations ---------------------------------------------------------------------------------

UNARY = {
    "relu": torch.relu, "relu6": functional.relu6, "leaky": functional.leaky_relu,
    "elu": functional.elu, "selu": functional.selu, "gelu": functional.gelu,
    "silu": functional.silu, "mish": functional.mish, "softplus": functional.softplus,
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "hardtanh": functional.hardtanh,
    "hardswish": functional.hardswish, "hardsigmoid": functional.hardsigmoid, "exp": torch.exp,
    "abs": torch.abs, "square": torch.square, "power": lambda x: x**3, "base": lambda x: 2.0**x,
    "sin": torch.sin, "clamp": lambda x: x.clamp(-0.5, 0.5), "root": lambda x: (1 + x * x).sqrt(),
    "log": lambda x: (1 + x * x).log(), "inverse": lambda x: (3 + x).reciprocal(),
    "over": lambda x: 1 / (3 + x), "threshold": lambda x: functional.threshold(x, 0.2, -1.0),
    "shrink": functional.softshrink, "in place": lambda x: (1 * x).sigmoid_(),
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_a_function_of_one_number_has_the_slope_of_its_chord(name: str) -> None:
    function = UNARY[name]
    X, x0 = np.array([[-1.5, -0.3, 0.0, 0.7, 2.0]]), np.array([0.5, 0.2, -0.8, 0.7 + 1e-13, -2.0])

    e = wh.explain(Of(lambda x: function(x).sum(1)), X, DeepLift(baseline=x0))

    rise = function(torch.from_numpy(X)) - function(torch.from_numpy(x0))
    assert_allclose(e.values[0, :, 0], rise[0], atol=1e-14)


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-6, 1e-9, 1e-12, 0.0])
@pytest.mark.parametrize("name", ["tanh", "gelu", "exp", "square", "leaky", "sigmoid", "hardswish"])
def test_multipliers_are_smooth_where_the_difference_vanishes(name: str, gap: float) -> None:
    """The first number moves by a little; the second tells the multiplier of their mean."""
    function = UNARY[name]

    def network(x: Tensor) -> Tensor:
        return function(x[:, 0] + 0.5 * x[:, 1])

    x0, X = np.array([0.4, 0.6]), np.array([[0.4 + 1.0, 0.6 - 2.0 + 2 * gap]])

    e = wh.explain(Of(network), X, DeepLift(baseline=x0))

    at = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(function(at), at)
    assert_allclose(e.values[0, 0, 0], slope.item(), rtol=1e-9 + 10 * gap)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[:, 0] * x[:, 1],
        lambda x: x[:, 0] / (3 + x[:, 1] ** 2),
        lambda x: torch.div(x[:, 0], 3 + torch.tanh(x[:, 1])),
        lambda x: (x[:, :2] @ torch.ones(2, 2).double() @ x[:, 2:, None])[0].sum(1),
        lambda x: torch.einsum("ni,ni->n", x[:, :2], x[:, 2:]),
        lambda x: torch.einsum("ni,nj,nk->n", x, x, x),
        lambda x: torch.bmm(x[:, None], x[:, :, None]).flatten(),
        lambda x: torch.maximum(x[:, :2], x[:, 2:]).sum(1),
        lambda x: torch.minimum(x[:, :1], x).sum(1),
        lambda x: torch.max(x, torch.zeros(4).double()).sum(1),
        lambda x: x.max(1).values - x.min(dim=1)[0] + 2 * x.amin(1),
        lambda x: (torch.softmax(4 * x, 1) * torch.arange(4.0).double()).sum(1),
        lambda x: torch.logsumexp(x, 1) + torch.log_softmax(x, dim=1)[:, 0],
        lambda x: functional.normalize(x, dim=1)[:, 0] + x.norm(dim=1),
        lambda x: functional.layer_norm(x, (4,))[:, 0] + functional.rms_norm(x, (4,))[:, 1],
        lambda x: functional.group_norm(x[:, :, None], 2)[:, 1, 0] + x.std(1),
        lambda x: functional.cosine_similarity(x[:, :2], x[:, 2:]),
        lambda x: torch.addcmul(x[:, 0], x[:, 1], x[:, 2]) + torch.lerp(x[:, 0], x[:, 1], x[:, 2]),
        lambda x: functional.linear(x[:, :2], x[0, None, 2:]).flatten(),
        lambda x: (x**2).pow(x.abs()).sum(1),
        lambda x: (x.masked_fill(torch.arange(4) > 2, -torch.inf)).softmax(1)[:, 0],
        lambda x: (x.masked_fill(torch.arange(4) > 2, -torch.inf)).amax(1),
        lambda x: functional.prelu(x, torch.tensor([0.3]).double()).sum(1),
        lambda x: x[:, 0] * torch.zeros_like(x[:, 1]).add(x.shape[1]) + x[:, 0] * x.size(1),
    ],
)
def test_each_operation_explains_its_rise(function: Callable[[Tensor], Tensor]) -> None:
    X, x0 = np.array([[1.2, -0.4, 0.9, 0.3]]), np.array([-0.3, 0.8, 0.5, 0.1])

    e = wh.explain(Of(function), X, DeepLift(baseline=x0))

    assert_allclose(e.residual, 0, atol=1e-13)
    assert np.abs(e.values).max() > 1e-3


def test_a_norm_of_a_constant_baseline_is_explained_in_full() -> None:
    norms: tuple[Callable[[], nn.Module], ...] = (
        lambda: nn.LayerNorm(6), lambda: nn.RMSNorm(6), lambda: nn.GroupNorm(2, 6),
    )  # fmt: skip
    for norm in norms:
        module = nn.Sequential(norm(), nn.Linear(6, 2)).double()
        for scale in (1e-6, 1.0, 100.0):
            e = wh.explain(module, scale * RNG.normal(size=(5, 6)), DeepLift(target="all"))
            assert complete(e) < 1e-10


def test_of_a_normalization_it_is_the_integral_of_the_slope() -> None:
    norm = nn.LayerNorm(5).double()
    with torch.no_grad():
        norm.weight.normal_()
    X, x0 = RNG.normal(size=(1, 5)), RNG.normal(size=5)

    e = wh.explain(Of(lambda x: norm(x)[:, 2]), X, DeepLift(baseline=x0))

    nodes, weights = np.polynomial.legendre.leggauss(300)
    total = np.zeros(5)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        at = torch.from_numpy(x0 + node * (X - x0)).requires_grad_()
        total += weight * torch.autograd.grad(norm(at)[0, 2], at)[0].numpy()[0]
    assert_allclose(e.values[0, :, 0], total * (X[0] - x0), atol=1e-12)


# --- what is asked ------------------------------------------------------------------------------


def test_ids_masks_layers_and_targets() -> None:
    torch.manual_seed(0)
    module, ids = Words().double(), RNG.integers(0, 9, (3, 5))

    zero = wh.explain(module, ids, DeepLift(target="all"))
    token = wh.explain(module, ids, DeepLift(target="all", baseline=4))
    shap = wh.explain(module, ids, DeepShap(background=np.full((1, 5), 4), target="all"))
    layer = wh.explain(module, ids, DeepLift(target=wh.Contrast(of=0, against=1), layer="table"))

    assert complete(zero) < 1e-10
    assert complete(token) < 1e-10
    assert zero.values.shape == (3, 5, 2)
    assert_allclose(shap.values, token.values, atol=1e-14)
    assert_allclose(
        layer.values.sum((1, 2))[:, 0], layer.outputs[:, 0] - layer.base_values[:, 0], atol=1e-12
    )


def test_padding_is_masked_in_attention() -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True).double()
    ignored = torch.tensor([False, False, True])

    def network(x: Tensor) -> Tensor:
        out, weights = layer(x, x, x, key_padding_mask=ignored.expand(len(x), -1))
        return out[:, 0].sum(1) + weights[:, 0, 0]

    X = RNG.normal(size=(2, 3, 4))
    e = wh.explain(Of(network), X, DeepLift())

    assert complete(e) < 1e-10
    assert_array_equal(e.values[:, 2], 0)
    assert_allclose(e.outputs[:, 0], network(torch.from_numpy(X)).detach().numpy())


def test_a_function_of_the_answer_goes_by_rules_too() -> None:
    module = as_module(network(0))
    X = RNG.normal(size=(3, 5))

    e = wh.explain(module, X, DeepLift(target=lambda answer: answer[:, 0] * answer[:, 1].tanh()))

    assert complete(e) < 1e-12


@pytest.mark.parametrize(
    ("dtype", "miss"), [(torch.float32, 1e-4), (torch.float64, 1e-12), (torch.bfloat16, 0.2)]
)
def test_it_holds_in_the_numbers_of_the_network(dtype: torch.dtype, miss: float) -> None:
    torch.manual_seed(0)
    module = Transformer(first=True).eval().to(dtype)

    e = wh.explain(module, SERIES.astype(np.float32), DeepLift(target=0, baseline=0.1))

    assert np.abs(e.residual).max() < miss * max(1.0, float(np.abs(e.outputs).max()))


# --- what is refused or warned of ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (lambda x: torch.lgamma(3 + x).sum(1), "lgamma"),
        (lambda x: x.topk(2, dim=1).values.sum(1), "topk"),
        (lambda x: x.prod(1), "prod"),
        (lambda x: x.sum(1) * x.max().item(), "item"),
        (lambda x: x.sum(1) / x.detach().norm(), "detach"),
        (lambda x: torch.where(x > 0, x, -x).sum(1), "where"),
        (lambda x: functional.batch_norm(x, None, None, training=True).sum(1), "batch_norm"),
        (lambda x: torch.div(x, x + 5, rounding_mode="floor").sum(1), "div"),
        (lambda x: functional.gumbel_softmax(x, dim=1)[:, 0], "gumbel_softmax"),
    ],
)
def test_what_has_no_rule_is_named(function: Callable[[Tensor], Tensor], named: str) -> None:
    with pytest.raises(UnsupportedModelError, match=named):
        wh.explain(Of(function), np.ones((2, 3)), DeepLift())


def test_a_network_that_chooses_by_its_input_what_to_do_is_refused() -> None:
    def network(x: Tensor) -> Tensor:
        return torch.tanh(x).sum(1) if bool((x > 0.5).any()) else torch.sigmoid(x).sum(1)

    with pytest.raises(UnsupportedModelError, match=r"sigmoid.*where it does tanh"):
        wh.explain(Of(network), np.ones((2, 3)), DeepLift())


def test_what_is_missed_of_the_rise_is_told() -> None:
    def network(x: Tensor) -> Tensor:
        with torch.no_grad():
            hidden = x.sum(1)
        return x[:, 0] + hidden

    e = wh.explain(Of(network), np.ones((2, 3)), DeepLift())

    assert "do not add up" in e.provenance.warnings[0]


def test_settings_that_cannot_be_used_are_refused() -> None:
    module = as_module(network(0))
    X = np.ones((2, 5))

    with pytest.raises(InputError, match="baseline"):
        wh.explain(module, X, DeepLift(baseline=np.ones(4)))
    with pytest.raises(InputError, match=r"\(4,\).*\(5,\)"):
        wh.explain(module, X, DeepShap(background=np.ones((2, 4))))
    with pytest.raises(InputError, match="'reveal'"):
        wh.explain(module, X, DeepLift(rule="reveal"))  # type: ignore[arg-type]  # that is the test
    with pytest.raises(InputError, match="layer"):
        wh.explain(module, X, DeepShap(background=X, layer="nowhere"))
