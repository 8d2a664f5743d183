"""Relevance is shared as the papers say, however a network is written, and nothing is lost."""

import copy
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor, nn
from torch.nn import functional

import whence as wh
from reference.deep_lrp import (
    convolution_matrix,
    gru_relevance,
    lstm_relevance,
    relevance_of_layer,
)
from whence.core.types import Bools, Floats
from whence.deep.methods.lrp import Composite, Lrp, Named, Rule, conservation

RULES = get_args(Rule)
COMPOSITES = get_args(Named)
IMAGES = np.random.default_rng(0).normal(size=(3, 3, 12, 12))


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def box(rules: object) -> dict[str, float]:
    return {"low": -6.0, "high": 6.0} if "box" in str(rules) else {}


def same(rule: Rule, **numbers: float) -> Lrp:
    composite = Composite(convolution=rule, linear=rule)
    return Lrp(composite=composite, target="all", **box(rule), **numbers)


def without_bias(module: nn.Module) -> nn.Module:
    """Return a module whose biases and shifts are zero, and its statistics not the usual ones."""
    draws = torch.Generator().manual_seed(3)
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001  has no other name
            assert part.running_var is not None
            part.running_var.uniform_(0.5, 2.0, generator=draws)
            part.weight.data.uniform_(-1.5, 1.5, generator=draws)
    for name, parameter in module.named_parameters():
        if "bias" in name:
            parameter.data.zero_()
    return module.double().eval()


def flat(layer: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """Return a layer that reads and gives lines of numbers."""
    return nn.Sequential(nn.Unflatten(1, shape), layer, nn.Flatten()).eval()


def by_hand(layer: nn.Module, rule: Rule, X: Floats, W: Floats, connected: Bools) -> Floats:
    """Return relevance (rows, ..., outputs), where each output's relevance is itself."""
    bias = layer.bias
    assert isinstance(bias, Tensor)
    b = np.repeat(bias.detach().numpy(), W.shape[1] // len(bias))
    n = {"epsilon": 1e-3, "gamma": 0.25, "low": -6.0, "high": 6.0}
    each = [
        relevance_of_layer(rule, x, W, b, one * (x @ W + b), connected=connected, **n)
        for x in X
        for one in np.eye(W.shape[1])
    ]
    return np.moveaxis(np.reshape(each, (len(X), W.shape[1], -1)), 1, -1)


def input_times_gradient(module: nn.Module, X: Floats) -> Floats:
    """Return x times the gradient of each output, outputs along the last axis."""
    x = torch.from_numpy(X).requires_grad_()
    said = module(x)
    slopes = [torch.autograd.grad(one.sum(), x, retain_graph=True)[0] for one in said.unbind(1)]
    return np.asarray((torch.stack(slopes, -1) * x[..., None]).detach().numpy())


@pytest.mark.parametrize("rule", RULES)
def test_a_linear_layer_shares_relevance_connection_by_connection(rule: Rule) -> None:
    torch.manual_seed(0)
    layer, X = nn.Linear(5, 4).double(), rng().normal(size=(3, 5))

    e = wh.explain(layer, X, same(rule, epsilon=1e-3))

    W = layer.weight.detach().numpy().T
    assert_allclose(e.values, by_hand(layer, rule, X, W, np.ones(W.shape, bool)), atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("stride", "padding", "groups"), [(1, 1, 1), (2, 0, 2)])
def test_a_convolution_does_the_same(rule: Rule, stride: int, padding: int, groups: int) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(2, 2, 3, stride, padding, groups=groups).double()
    shape, X = (2, 4, 5), rng().normal(size=(2, 40))

    e = wh.explain(flat(layer, shape), X, same(rule, epsilon=1e-3))

    W, connected = convolution_matrix(
        layer.weight.detach().numpy(), shape, stride=stride, padding=padding, groups=groups
    )
    assert_allclose(e.values, by_hand(layer, rule, X, W, connected), atol=1e-12)


def as_matrix(layer: nn.Module, shape: tuple[int, ...]) -> tuple[Floats, Bools]:
    """Return a layer without its bias as weights (inputs, outputs), and which of them there are."""
    bare = copy.deepcopy(layer)
    bare.bias = None
    n = int(np.prod(shape))
    units = torch.eye(n, dtype=torch.float64).view(n, *shape)
    W = bare(units).flatten(1).detach().numpy()
    nn.init.ones_(bare.weight)  # type: ignore[arg-type]  # of a layer that has one
    return W, bare(units).flatten(1).detach().numpy() != 0


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, groups=2), (2, 2, 2)),
        (nn.Conv2d(2, 3, 2, padding="same"), (2, 4, 4)),
        (nn.Conv1d(2, 3, 3, dilation=2, padding=1), (2, 7)),
        (nn.Conv3d(1, 2, 2, padding="valid"), (1, 3, 3, 2)),
    ],
)
def test_a_convolution_of_any_kind_is_shared_as_the_matrix_that_it_is(
    rule: Rule, layer: nn.Module, shape: tuple[int, ...]
) -> None:
    layer = copy.deepcopy(layer).double()
    X = rng().normal(size=(2, int(np.prod(shape))))

    e = wh.explain(flat(layer, shape), X, same(rule, epsilon=1e-3))

    W, connected = as_matrix(layer, shape)
    assert_allclose(e.values, by_hand(layer, rule, X, W, connected), atol=1e-11)


class Vgg(nn.Module):
    """Convolutions, batch normalization and pools; as modules, or as functions in place."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.norm_of_second = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(6, 8, 3, padding=1)
        self.norm_of_first = nn.BatchNorm2d(6)  # in another order than they are used
        self.relu = nn.ReLU(inplace=form == "in place")
        self.top = nn.Linear(8 * 9, 10)
        self.last = nn.Linear(10, 4)

    def forward(self, x: Tensor) -> Tensor:
        if self.form == "functions":
            x = functional.relu(self.norm_of_first(self.first(x)))
            x = functional.max_pool2d(x, 2)
            x = self.norm_of_second(self.second(x)).relu_()
            x = torch.nn.functional.avg_pool2d(x, 2).reshape(len(x), -1)
            return functional.linear(self.top(x).clamp(min=0), self.last.weight, self.last.bias)
        x = nn.MaxPool2d(2)(self.relu(self.norm_of_first(self.first(x))))
        x = torch.flatten(nn.AvgPool2d(2)(self.relu(self.norm_of_second(self.second(x)))), 1)
        out: Tensor = self.last(self.relu(self.top(x)))
        return out


class Residual(nn.Module):
    """Two blocks with residual connections, the second one used twice."""

    def __init__(self, *, in_place: bool) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6)
        self.one, self.one_norm = nn.Conv2d(6, 6, 3, 1, 1, bias=False), nn.BatchNorm2d(6)
        self.two, self.two_norm = nn.Conv2d(6, 6, 3, 1, 1, bias=False), nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=in_place)
        self.head = nn.Linear(6, 4)
        self.in_place = in_place

    def block(self, x: Tensor) -> Tensor:
        out = self.relu(self.one_norm(self.one(x)))
        out = self.two_norm(self.two(out))
        if self.in_place:
            out += x
        else:
            out = torch.add(out, x)
        return self.relu(out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.stem(x)))
        out: Tensor = self.head(self.block(self.block(x)).mean((2, 3)))
        return out


class Dense(nn.Module):
    """Normalization before each convolution, whose results are joined."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(4 + 4 * i) for i in range(3)])
        self.layers = nn.ModuleList([nn.Conv2d(4 + 4 * i, 4, 3, padding=1) for i in range(3)])
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.stem(x)]
        for norm, layer in zip(self.norms, self.layers, strict=True):
            parts.append(layer(functional.relu(norm(torch.cat(parts, 1)))))
        whole = functional.adaptive_avg_pool2d(functional.relu(torch.cat(parts, 1)), 1)
        out: Tensor = self.head(whole.flatten(1))
        return out


def networks() -> list[nn.Module]:
    torch.manual_seed(0)
    return [Vgg("modules"), Residual(in_place=True), Dense()]


@pytest.mark.parametrize("composite", COMPOSITES)
@pytest.mark.parametrize("number", range(3))
def test_without_biases_nothing_is_lost(composite: Named, number: int) -> None:
    """Means that are zero too, so that normalization has no shift."""
    module = without_bias(networks()[number])

    e = wh.explain(module, IMAGES, Lrp(composite=composite, target="all", **box(composite)))

    assert_allclose(e.residual, 0, atol=1e-5 * np.abs(e.outputs).max())
    assert not e.provenance.warnings
    assert np.abs(e.values).max() < 10 * np.abs(e.outputs).max()


@pytest.mark.parametrize("number", range(3))
def test_the_epsilon_rule_without_biases_is_input_times_gradient(number: int) -> None:
    module = without_bias(networks()[number])

    e = wh.explain(module, IMAGES, Lrp(composite="epsilon", epsilon=1e-14, target="all"))

    assert_allclose(e.values, input_times_gradient(module, IMAGES).sum(1), atol=1e-9)


def test_modules_functions_and_operations_in_place_are_the_same() -> None:
    """Also with biases, shifts and the float constants of normalization."""
    torch.manual_seed(0)
    forms = [Vgg(form).double().eval() for form in ("modules", "functions", "in place")]
    for form in forms:
        form.load_state_dict(forms[0].state_dict())
    residual = [Residual(in_place=in_place).double().eval() for in_place in (True, False)]
    residual[1].load_state_dict(residual[0].state_dict())

    for group in (forms, residual):
        for composite in ("epsilon_plus_flat", "gamma"):
            method = Lrp(composite=composite, target=(0, "predicted"), epsilon=1e-13)
            first, *rest = (wh.explain(form, IMAGES, method).values for form in group)
            for other in rest:
                assert_allclose(other, first, atol=1e-12 * np.abs(first).max())


def test_batch_normalization_is_part_of_the_layer_that_gave_what_it_reads() -> None:
    """As if its numbers had been trained into that layer, whatever the order of definition."""
    torch.manual_seed(0)
    module = without_bias(Vgg("modules"))
    for norm in (module.norm_of_first, module.norm_of_second):
        nn.init.normal_(norm.running_mean)
        nn.init.normal_(norm.bias)
    merged = copy.deepcopy(module)
    for layer, norm in (("first", "norm_of_first"), ("second", "norm_of_second")):
        fused = nn.utils.fusion.fuse_conv_bn_eval(getattr(merged, layer), getattr(merged, norm))
        setattr(merged, layer, fused)
        setattr(merged, norm, nn.Identity())

    for composite in COMPOSITES:
        method = Lrp(composite=composite, target="all", **box(composite))
        a, b = (wh.explain(net, IMAGES, method).values for net in (module, merged))
        assert_allclose(a, b, atol=1e-10 * np.abs(b).max())


@pytest.mark.parametrize("make", [nn.Conv2d, nn.ConvTranspose2d])
def test_batch_normalization_is_merged_into_groups_too(make: Callable[..., nn.Module]) -> None:
    torch.manual_seed(0)
    layer, norm = make(4, 6, 3, groups=2, bias=False).double(), nn.BatchNorm2d(6).double()
    nn.init.normal_(norm.weight)
    fused = copy.deepcopy(layer)
    scale = norm.weight.detach() / np.sqrt(1 + norm.eps)
    for group in range(2):
        for k in range(3):
            place = (slice(2 * group, 2 * group + 2), k) if "T" in make.__name__ else group * 3 + k
            fused.weight.data[place] *= scale[group * 3 + k]
    X = rng().normal(size=(1, 36))

    for rule in RULES:
        a = wh.explain(flat(nn.Sequential(layer, norm), (4, 3, 3)), X, same(rule)).values
        b = wh.explain(flat(fused, (4, 3, 3)), X, same(rule)).values
        assert_allclose(a, b, atol=1e-10 * np.abs(b).max())


def test_the_shift_of_a_normalization_without_a_layer_before_it_keeps_its_share() -> None:
    norm = nn.BatchNorm1d(2).double().eval()
    norm.running_mean = torch.tensor([1.0, -1.0], dtype=torch.float64)

    e = wh.explain(norm, np.array([[3.0, 5.0]]), Lrp(target=(0, 1)))

    assert_allclose(np.diagonal(e.values[0]), np.array([3.0, 5.0]) / np.sqrt(1 + 1e-5))


def weights_of(module: nn.Module) -> dict[str, Floats]:
    return {name: p.detach().numpy() for name, p in module.named_parameters()}


class Last(nn.Module):
    """Says the last state of a recurrent layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)[0][:, -1]
        return out


@pytest.mark.parametrize(("make", "judge"), [(nn.LSTM, lstm_relevance), (nn.GRU, gru_relevance)])
@pytest.mark.parametrize("bias", [True, False])
def test_recurrent_networks_follow_arras(
    make: Callable[..., nn.Module],
    judge: Callable[..., tuple[Floats, Floats]],
    bias: bool,
) -> None:
    torch.manual_seed(0)
    layer = make(4, 3, batch_first=True).double()
    if not bias:
        without_bias(layer)
    X = rng().normal(size=(2, 6, 4))

    e = wh.explain(Last(layer), X, Lrp(target="all", epsilon=1e-12))

    for row, x in enumerate(X):
        for j in range(3):
            h, _ = judge(x, weights_of(layer), np.zeros(3), 1e-12)
            h, R = judge(x, weights_of(layer), h * np.eye(3)[j], 1e-12)
            assert_allclose(e.outputs[row], h, atol=1e-12)
            assert_allclose(e.values[row, ..., j], R, atol=1e-9 * np.abs(R).max())
    if not bias:
        assert_allclose(e.residual, 0, atol=1e-9)


class Steps(nn.Module):
    """Runs over time by the cells of torch."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        return state[0] if isinstance(state, tuple) else state


@pytest.mark.parametrize(
    ("make", "cell"),
    [(nn.LSTM, nn.LSTMCell), (nn.GRU, nn.GRUCell), (nn.RNN, nn.RNNCell)],
)
def test_cells_are_recurrent_layers_step_by_step(
    make: Callable[..., nn.Module], cell: Callable[..., nn.Module]
) -> None:
    torch.manual_seed(0)
    layer, steps = make(4, 3, batch_first=True).double(), cell(4, 3).double()
    for name, parameter in steps.named_parameters():
        parameter.data.copy_(getattr(layer, f"{name}_l0"))
    X, method = rng().normal(size=(2, 6, 4)), Lrp(target="all")

    a, b = wh.explain(Last(layer), X, method), wh.explain(Steps(steps), X, method)

    assert_allclose(b.outputs, a.outputs, atol=1e-12)
    assert_allclose(b.values, a.values, atol=1e-9)


class Attends(nn.Module):
    """One block of a transformer, written in several ways."""

    def __init__(self, form: str, *, masked: bool) -> None:
        super().__init__()
        self.form, self.masked = form, masked
        self.block = nn.TransformerEncoderLayer(8, 2, 12, 0.0, "gelu", batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        b, attention = self.block, self.block.self_attn
        mask = torch.arange(5) >= 4 if self.masked else torch.zeros(5, dtype=torch.bool)
        if self.form == "module":
            padding = mask.expand(len(x), -1) if self.masked else None
            return self.said(b(x, src_key_padding_mask=padding))
        q, k, v = functional.linear(x, attention.in_proj_weight, attention.in_proj_bias).chunk(3, 2)
        q, k, v = (part.view(len(x), 5, 2, 4).transpose(1, 2) for part in (q, k, v))
        if self.form == "judge":
            q, k, v = slowed(q, 0.25), slowed(k, 0.25), slowed(v, 0.5)
        if self.form == "one operation":
            heads = functional.scaled_dot_product_attention(q, k, v, ~mask[None, None, None])
        else:
            scores = torch.einsum("rhqd,rhkd->rhqk", q, k) / 2
            heads = scores.masked_fill(mask, -torch.inf).softmax(-1) @ v
        x = self.norm(b.norm1, x + attention.out_proj(heads.transpose(1, 2).flatten(2)))
        hidden = b.linear1(x)
        if self.form == "judge":
            hidden = hidden * (functional.gelu(hidden) / hidden).detach()
        else:
            hidden = functional.gelu(hidden)
        return self.said(self.norm(b.norm2, x + b.linear2(hidden)))

    def norm(self, norm: nn.LayerNorm, x: Tensor) -> Tensor:
        if self.form in ("module", "one operation"):
            out: Tensor = norm(x)
            return out
        spread = (x.var(-1, correction=0, keepdim=True) + norm.eps).sqrt()
        spread = spread.detach() if self.form == "judge" else spread
        return (x - x.mean(-1, keepdim=True)) / spread * norm.weight + norm.bias

    def said(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(x[:, 0])
        return out


def slowed(x: Tensor, share: float) -> Tensor:
    """Return x, a share of whose gradient goes back."""
    return x * share + x.detach() * (1 - share)


@pytest.mark.parametrize("form", ["module", "one operation", "operations"])
@pytest.mark.parametrize("masked", [True, False])
def test_transformers_follow_attnlrp(form: str, *, masked: bool) -> None:
    """As input times a gradient in which softmax is as it is and products are shared by half."""
    torch.manual_seed(0)
    judge = Attends("judge", masked=masked).double().eval()
    for parameter in judge.parameters():
        nn.init.normal_(parameter, std=0.5)
    net = Attends(form, masked=masked).double().eval()
    net.load_state_dict(judge.state_dict())
    X = rng().normal(size=(2, 5, 8))

    e = wh.explain(net, X, Lrp(composite="epsilon", epsilon=1e-13, target="all"))

    expected = input_times_gradient(judge, X)
    assert_allclose(e.values, expected, atol=1e-8 * np.abs(expected).max())


def test_where_relevance_is_kept_is_measured_layer_by_layer() -> None:
    torch.manual_seed(0)
    net = Attends("one operation", masked=False).double().eval()
    X = rng().normal(size=(2, 5, 8))

    found = conservation(without_bias(net), X)
    biased = conservation(Vgg("functions").double().eval(), IMAGES)

    kept = {
        g: v for n, g, v in zip(found.name, found.group, found.value, strict=True) if n == "kept"
    }
    assert_allclose(kept.pop("total"), sum(kept.values()), atol=1e-12)
    assert [name for name, value in kept.items() if abs(value) > 1e-7] == ["softmax"]
    assert "block.linear1 (linear)" in kept
    labels = [g for n, g in zip(biased.name, biased.group, strict=True) if n == "came"]
    assert labels == [
        "norm_of_first (batch_norm)", "norm_of_second (batch_norm)", "avg_pool2d", "top (linear)",
        "last (linear)",
    ]  # fmt: skip
    kept = biased.value[[n == "kept" for n in biased.name]]
    assert_allclose(kept[:-1].sum(), kept[-1], atol=1e-12)
    assert biased.to_frame().shape == (16, 9)


def test_much_that_is_kept_is_told() -> None:
    net = nn.Linear(3, 1).double()
    nn.init.constant_(net.bias, 10.0)

    e = wh.explain(net, np.zeros((1, 3)), Lrp())

    assert "100 %" in e.provenance.warnings[0]
    assert_allclose(e.residual, 10)


@pytest.mark.parametrize("output", ["raw", "probability"])
def test_relevance_begins_with_the_score_itself(output: str) -> None:
    torch.manual_seed(0)
    net, X = nn.Linear(4, 3, bias=False).double(), rng().normal(size=(3, 4))
    target = (0, wh.Contrast(of=2, against=1))

    e = wh.explain(net, X, Lrp(target=target, epsilon=1e-13), output=output)

    W = net.weight.detach().numpy()
    if output == "raw":
        assert_allclose(e.values[..., 0], X * W[0])
        assert_allclose(e.values[..., 1], X * (W[2] - W[1]))
    else:
        p = np.exp(X @ W.T) / np.exp(X @ W.T).sum(1, keepdims=True)
        slope = p[:, :1] * (W[0] - p @ W)
        assert_allclose(e.values[..., 0], X * slope)


@pytest.mark.parametrize("composite", ["epsilon_plus_flat", "gamma"])
def test_chunks_and_targets_change_nothing(composite: Named) -> None:
    torch.manual_seed(0)
    net = Residual(in_place=True).double().eval()

    whole = wh.explain(net, IMAGES, Lrp(composite=composite, target="all"))
    small = wh.explain(wh.network(net, memory=1), IMAGES, Lrp(composite=composite, target="all"))
    single = wh.explain(net, IMAGES[1:2], Lrp(composite=composite, target=2))

    assert_allclose(small.values, whole.values, atol=1e-12)
    assert_allclose(single.values[0, ..., 0], whole.values[1, ..., 2], atol=1e-12)


@pytest.mark.parametrize(("kind", "near"), [(torch.float32, 1e-4), (torch.bfloat16, 0.1)])
def test_networks_of_less_precision_are_near(kind: torch.dtype, near: float) -> None:
    net = without_bias(Vgg("modules"))
    exact = wh.explain(net, IMAGES, Lrp(composite="epsilon_plus_flat", target=0))

    e = wh.explain(net.to(kind), IMAGES, Lrp(composite="epsilon_plus_flat", target=0))

    assert_allclose(e.values, exact.values, atol=near * np.abs(exact.values).max())


def test_a_layer_is_given_its_relevance_and_the_first_layer_lies_before_it() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.Conv2d(4, 5, 3, bias=False), nn.Flatten(),
        nn.Linear(320, 2, bias=False),
    ).double()  # fmt: skip

    hidden = net[:2](torch.from_numpy(IMAGES)).detach().flatten(1).numpy()
    rest = nn.Sequential(nn.Unflatten(1, (4, 10, 10)), *net[2:])
    expected = wh.explain(rest, hidden, Lrp(target="all")).values

    for composite in ("epsilon_plus_flat", "epsilon_plus"):
        method = Lrp(composite=composite, target="all", layer="1")
        assert_allclose(wh.explain(net, IMAGES, method).values.reshape(expected.shape), expected)


class Written(nn.Module):
    """What a function says about what a layer gives."""

    def __init__(self, function: Callable[[Tensor], Tensor], size: int = 4) -> None:
        super().__init__()
        self.layer = nn.Linear(4, size).double()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.layer(x))


def rms(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


WEIGHT = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def conv_of_one(row: Tensor) -> Tensor:
    return functional.conv1d(row[None], WEIGHT[:, None, :2]).flatten()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (functional.silu, lambda x: x * torch.sigmoid(x)),
        (functional.relu, lambda x: x * (x > 0)),
        (functional.relu, lambda x: torch.where(x > 0, x, 0.0)),
        (functional.relu, lambda x: x.masked_fill_(x < 0, 0.0)),
        (lambda x: functional.rms_norm(x, (4,), eps=1e-6), rms),
        (
            lambda x: functional.layer_norm(x, (4,)),
            lambda x: (x - x.mean(1, True)) / torch.sqrt(x.var(1, False, keepdim=True) + 1e-5),
        ),
        (functional.normalize, lambda x: x / x.norm(dim=1, keepdim=True)),
        (functional.glu, lambda x: x[:, :2] * torch.sigmoid(x[:, 2:])),
        (lambda x: functional.linear(x, WEIGHT), lambda x: x @ WEIGHT.T),
        (lambda x: functional.linear(x, WEIGHT), lambda x: torch.einsum("ri,oi->ro", x, WEIGHT)),
        (lambda x: functional.linear(x, WEIGHT), lambda x: (WEIGHT @ x.T).T),
        (
            lambda x: functional.linear(x, WEIGHT, WEIGHT[:, 0]),
            lambda x: torch.addmm(WEIGHT[:, 0], x, WEIGHT.T),
        ),
        (lambda x: x + x.mean(1, keepdim=True), lambda x: torch.add(x, x.sum(1, True), alpha=0.25)),
        (lambda x: torch.stack([x, x]).sum(0), lambda x: 2 * x),
        (lambda x: x.amax(1), lambda x: x.sort(1).values[:, -1]),
        (
            lambda x: x[:, :2] + x[:, 2:],
            lambda x: x.view(-1, 2, 2).index_add(1, torch.tensor([0]), x[:, None, 2:])[:, 0],
        ),
        (torch.tanh, lambda x: torch.zeros_like(x).copy_(x.tanh_())),
        (lambda x: torch.addcmul(x, x, WEIGHT[:1]), lambda x: x + x * WEIGHT[:1]),
        (lambda x: torch.lerp(x, x.flip(1), 0.25), lambda x: 0.75 * x + 0.25 * x.flip(1)),
        (
            lambda x: functional.conv1d(x[:, None], WEIGHT[:, None, :2]).flatten(1),
            lambda x: torch.stack(
                [functional.conv1d(row[None], WEIGHT[:, None, :2]) for row in x]
            ).flatten(1),
        ),
    ],
)
@pytest.mark.parametrize("composite", ["epsilon", "gamma"])
def test_one_thing_written_in_two_ways_is_one(
    one: Callable[[Tensor], Tensor], other: Callable[[Tensor], Tensor], composite: Named
) -> None:
    torch.manual_seed(0)
    nets = [Written(one), Written(other)]
    nets[1].load_state_dict(nets[0].state_dict())
    method = Lrp(composite=composite, epsilon=1e-13, target="all")

    a, b = (wh.explain(net, rng().normal(size=(3, 4)), method) for net in nets)

    assert_allclose(a.outputs, b.outputs, atol=1e-12)
    assert_allclose(a.values, b.values, atol=1e-9)


def test_all_layers_that_read_the_inputs_are_first_and_none_behind_ids() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (nn.Linear(4, 4, bias=False) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            return self.c(functional.relu(self.a(x)) + functional.relu(self.b(x.flip(1)))).sum(1)

    net = Branches().double()
    method = Lrp(composite="epsilon_plus_flat")

    flat = wh.explain(net, rng().normal(size=(2, 4)), method).values[..., 0]
    ids = wh.explain(nn.Sequential(nn.Embedding(9, 4), net).double(), np.array([[1]]), method)

    assert_allclose(flat, flat.mean(1, keepdims=True).repeat(4, 1))
    plain = Lrp(composite="epsilon_plus")
    same = wh.explain(nn.Sequential(nn.Embedding(9, 4), net).double(), np.array([[1]]), plain)
    assert ids.values.shape == same.values.shape


class Doubled(torch.autograd.Function):
    """A function that is no operation of torch."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:  # noqa: ARG004  as torch wants it
        return 2 * x

    @staticmethod
    def backward(ctx: object, slope: Tensor) -> Tensor:  # noqa: ARG004  as torch wants it
        return 2 * slope


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: torch.cumprod(x, 1), "cumprod"),
        (lambda x: torch.cdist(x, x), "cdist"),
        (lambda x: torch.round(x) * x, "round"),
        (Doubled.apply, "Doubled"),
    ],
)
def test_an_operation_without_a_rule_is_named(
    function: Callable[[Tensor], Tensor], said: str
) -> None:
    with pytest.raises(wh.UnsupportedModelError, match=said):
        wh.explain(Written(function), rng().normal(size=(3, 4)), Lrp())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_part_is_named() -> None:
    net = Written(torch.relu)
    net.layer = torch.jit.trace(net.layer, torch.zeros(1, 4, dtype=torch.float64))

    with pytest.raises(wh.UnsupportedModelError, match="compiled part 'layer'"):
        wh.explain(net, rng().normal(size=(3, 4)), Lrp())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"composite": "epsilon_plus_flatt"}, "'epsilon_plus_flat'"),
        ({"epsilon": -1.0}, "epsilon is -1.0"),
        ({"gamma": "much"}, "gamma is 'much'"),
        ({"low": 0.0}, "no rule of the composite reads them"),
        ({"composite": "epsilon_gamma_box", "low": 0.0}, "needs both"),
        ({"composite": "epsilon_gamma_box", "low": 1.0, "high": (2.0, 0.0)}, "below"),
        ({"composite": "epsilon_gamma_box", "low": 0.0, "high": 1.0}, "X reaches from"),
        ({"composite": "epsilon_gamma_box", "low": (-9.0, -9.0), "high": 9.0}, "2 channels"),
        ({"target": 7}, "target is 7"),
        ({"layer": "nine"}, "layer is 'nine'"),
    ],
)
def test_settings_that_cannot_be_used_are_said(settings: dict[str, object], said: str) -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(200, 2)).double()

    with pytest.raises(wh.InputError, match=said):
        wh.explain(net, IMAGES, Lrp(**settings))  # type: ignore[arg-type]  # that is the point


def test_a_layer_used_again_has_an_account_for_each_use() -> None:
    found = conservation(without_bias(Residual(in_place=True)), IMAGES)

    layers = [layer for name, layer in zip(found.name, found.group, strict=True) if name == "came"]
    assert layers.count("two_norm (batch_norm)") == layers.count("two_norm (batch_norm) #2") == 1
    assert layers.index("two_norm (batch_norm)") < layers.index("two_norm (batch_norm) #2")


def test_a_composite_of_no_rules_is_refused() -> None:
    with pytest.raises(wh.InputError, match="'alpha2_beta1'"):
        Composite(convolution="alpha", linear="epsilon")  # type: ignore[arg-type]  # that is the point


def test_the_box_may_differ_by_channel() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(200, 2)).double()
    one = Lrp(composite="epsilon_gamma_box", low=-6.0, high=(6.0, 6.0, 6.0))
    other = Lrp(composite="epsilon_gamma_box", low=(-6.0, -6.0, -6.0), high=6.0)

    assert_allclose(*(wh.explain(net, IMAGES, method).values for method in (one, other)))
