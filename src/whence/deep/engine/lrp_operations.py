"""What relevance does at operations other than those that normalize.

What is multiplied by a constant, or by a gate (a sigmoid), takes all of the relevance of the
product; of two others each takes half. A divisor that depends on the input, a root in the
denominator and a standard deviation are constants of normalization, which take none. A unary
function passes relevance on as it is.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import torch
from torch import Tensor

from whence.deep.engine.lrp_flow import is_gate, layer_behind, passed
from whence.deep.engine.lrp_layers import bilinear, convolution, dense
from whence.deep.engine.operations import Call, no_rule, tensors_in

if TYPE_CHECKING:
    from whence.deep.engine.relevance import Relevance

Rule: TypeAlias = Callable[["Relevance", Call], Any]

_PAIR: Final = 2
_GATES: Final = frozenset({"sigmoid", "hardsigmoid"})


def value(call: Call) -> Any:  # noqa: ANN401  whatever the operation gives
    """Do an operation without a way back."""
    with torch.no_grad():
        return call.plain()


def _move(mode: "Relevance", call: Call) -> Any:  # noqa: ANN401, ARG001  as every rule
    return call.plain()


def _unary(mode: "Relevance", call: Call) -> Tensor:  # noqa: ARG001  as every rule
    if len(call.dependent) != 1:
        raise no_rule(call, "Lrp")
    return passed(value(call), call.dependent[0], gate=call.name in _GATES)


def _constant(mode: "Relevance", call: Call) -> Any:  # noqa: ANN401, ARG001  as every rule
    return value(call)


def _split(mode: "Relevance", call: Call) -> Tensor:
    return mode.split(call)


def _product(mode: "Relevance", call: Call) -> Tensor:
    read = call.dependent
    if call.name in ("dot", "outer"):
        return mode.split(call, share=len(read))
    if len(read) == _PAIR:
        signals = tuple(x for x in read if not is_gate(x))
        read = signals if len(signals) == 1 else read
    return passed(value(call), *read)


def _quotient(mode: "Relevance", call: Call) -> Tensor:  # noqa: ARG001  as every rule
    over = call.args[1 if call.name.startswith("__r") else 0]
    z = cast("Tensor", value(call))
    return passed(z, over) if isinstance(over, Tensor) and over.requires_grad else z


def _power(mode: "Relevance", call: Call) -> Any:  # noqa: ANN401  as every rule
    exponent = call.args[1] if len(call.args) > 1 else call.kwargs.get("exponent")
    negative = isinstance(exponent, (int, float)) and exponent < 0
    return _constant(mode, call) if negative else _unary(mode, call)


def _plus_product(mode: "Relevance", call: Call) -> Any:  # noqa: ANN401  as every rule
    """Do ``x + value a b`` and ``x + value a / b`` as what they are made of."""
    x, a, b = call.args[:3]
    by = call.kwargs.get("value", 1)
    with mode:
        return x + by * (a * b if call.name == "addcmul" else a / b)


def _lerp(mode: "Relevance", call: Call) -> Any:  # noqa: ANN401  as every rule
    start, end, weight = call.args
    if not (isinstance(weight, Tensor) and weight.requires_grad):
        return mode.split(call)
    with mode:
        return start + weight * (end - start)


def _matmul(mode: "Relevance", call: Call) -> Tensor:
    """Share out what a product of two gives; with a constant matrix it is a layer."""
    if len(call.dependent) > 1:
        return mode.split(call, share=len(call.dependent))
    x = call.dependent[0]
    constants = [t for t in tensors_in((call.args, call.kwargs)) if not t.requires_grad]
    if len(constants) != 1 or constants[0].ndim > _PAIR:
        return mode.split(call)
    apply = call.function_of(x, constants[0])
    return mode.through(call, x, value(call), bilinear(x, constants[0], apply))


def _linear(mode: "Relevance", call: Call) -> Tensor:
    given = call.named("input", "weight", "bias")
    x, weight = given["input"], given["weight"]
    if any(t is not x for t in call.dependent):
        return mode.split(call, share=min(_PAIR, len(call.dependent)))
    if call.name == "linear":
        return mode.through(call, x, value(call), dense(x, weight, given.get("bias")))
    alone = x.ndim < weight.ndim  # an image without an axis of rows
    x = x[None] if alone else x
    layer, z = convolution(call.name, call), cast("Tensor", value(call))
    return mode.through(call, x, z[None], layer)[0] if alone else mode.through(call, x, z, layer)


def _addmm(mode: "Relevance", call: Call) -> Any:  # noqa: ANN401  as every rule
    """Do ``beta b + alpha x @ W``, of which x @ W with a constant b is a layer."""
    second, third = ("mat1", "mat2") if call.name == "addmm" else ("batch1", "batch2")
    given = call.named("input", second, third)
    bias, left, right = given["input"], given[second], given[third]
    beta, alpha = given.get("beta", 1), given.get("alpha", 1)
    alone = all(t is left for t in call.dependent) and beta == alpha == 1
    if alone and call.name == "addmm":
        return mode.through(call, left, value(call), dense(left, right.t(), bias))
    with mode:
        product = torch.matmul(left, right)
        product = product.sum(0) if call.name == "addbmm" else product
        return beta * bias + alpha * product


def _batch_norm(mode: "Relevance", call: Call) -> Tensor:
    """Merge a batch normalization into the layer that gave what it reads, in this very pass.

    Elsewhere, as before the layers of a DenseNet, its shift keeps a share as a bias does.
    """
    order = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum")
    if call.func is torch.batch_norm:
        order = ("input", "weight", "bias", "running_mean", "running_var", "training", "momentum")
    given = call.named(*order, "eps")
    x, mean, var = given["input"], given.get("running_mean"), given.get("running_var")
    if any(t is not x for t in call.dependent):
        raise no_rule(call, "Lrp")
    if given.get("training") or mean is None or var is None:
        over = [axis for axis in range(x.ndim) if axis != 1]
        mean, var = x.detach().mean(over), x.detach().var(over, correction=0)
    scale = torch.rsqrt(var + given.get("eps", 1e-5))
    scale = scale if given.get("weight") is None else scale * given["weight"]
    shift = -mean * scale
    shift = shift if given.get("bias") is None else shift + given["bias"]
    return scaled(mode, call, x, scale, shift)


def scaled(mode: "Relevance", call: Call, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Give numbers times a scale plus a shift per channel, the second axis of x."""
    source, layer = layer_behind(x)
    if layer is not None and layer.scaled is not None:
        like = (-1, *[1] * (x.ndim - _PAIR))
        bias = shift.reshape(like)
        bias = bias if layer.bias is None else bias + layer.bias * scale.reshape(like)
        merged = replace(layer, weight=layer.scaled(scale), bias=bias, scaled=None)
        return mode.through(call, source, value(call), merged)
    like = (1, -1, *[1] * (x.ndim - _PAIR))
    return mode.split(call, lambda x: x * scale.reshape(like) + shift.reshape(like))


BY_KIND: Final[dict[str, Rule]] = {
    "move": _move,
    "sum": _split,
    "add": _split,
    "multiply": _product,
    "matmul": _matmul,
    "linear": _linear,
    "scale": _batch_norm,
    "unary": _unary,
    "largest": _move,
}
"""Rules for kinds of operations."""


def _named(names: str, rule: Rule) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


BY_NAME: Final[dict[str, Rule]] = {
    **_named("index_add scatter_add fold", _split),
    **_named("dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout", _unary),
    **_named("neg negative positive __neg__ __pos__", _unary),
    **_named("rsqrt reciprocal std var norm vector_norm", _constant),
    **_named("div divide true_divide __truediv__ __div__ __itruediv__ __idiv__", _quotient),
    **_named("__rtruediv__ __rdiv__", _quotient),
    **_named("pow __pow__ float_power", _power),
    **_named("addcmul addcdiv", _plus_product),
    **_named("lerp", _lerp),
    **_named("addmm baddbmm addbmm", _addmm),
}
"""Rules for single operations, before those for their kind."""
