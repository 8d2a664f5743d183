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
from whence.deep.methods.lrp import Composite, Lrp, Named, Rule

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
