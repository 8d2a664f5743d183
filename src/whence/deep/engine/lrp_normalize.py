"""What relevance does where numbers are normalized by each other, and in attention (AttnLRP).

Standard deviations and roots of mean squares are constants, so that layer normalization is linear
with a bias. A softmax is taken to first order. Attention is the products and the softmax that it
is made of.
"""

from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from whence.deep.engine.apart import APART
from whence.deep.engine.lrp_flow import passed, softmax_of
from whence.deep.engine.lrp_operations import Rule, scaled, value
from whence.deep.engine.operations import Call, no_rule

if TYPE_CHECKING:
    from whence.deep.engine.relevance import Relevance


def _alone(call: Call, x: Tensor) -> None:
    """Refuse scales and shifts that depend on the input."""
    if any(t is not x for t in call.dependent):
        raise no_rule(call, "Lrp")


def _layer_norm(mode: "Relevance", call: Call) -> Tensor:
    given = call.named("input", "normalized_shape", "weight", "bias", "eps")
    x, weight, bias = given["input"], given.get("weight"), given.get("bias")
    _alone(call, x)
    over = _last(given["normalized_shape"])
    spread = x.detach().var(over, correction=0, keepdim=True)
    scale = torch.rsqrt(spread + given.get("eps", 1e-5))
    scale = scale if weight is None else scale * weight

    def linear(x: Tensor) -> Tensor:
        z = (x - x.mean(over, keepdim=True)) * scale
        return z if bias is None else z + bias

    return mode.split(call, linear)


def _rms_norm(mode: "Relevance", call: Call) -> Tensor:  # noqa: ARG001  as every rule
    x = call.named("input")["input"]
    _alone(call, x)
    return passed(value(call), x)


def _last(shape: Any) -> tuple[int, ...]:  # noqa: ANN401  as torch takes it
    return tuple(range(-len(tuple(shape)), 0))


def _group_norm(mode: "Relevance", call: Call) -> Tensor:
    given = call.named("input", "num_groups", "weight", "bias", "eps")
    _alone(call, given["input"])
    return _by_group(mode, call, given, int(given["num_groups"]))


def _instance_norm(mode: "Relevance", call: Call) -> Tensor:
    given = call.named(
        "input", "running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum",
        "eps",
    )  # fmt: skip
    x, weight, bias = given["input"], given.get("weight"), given.get("bias")
    _alone(call, x)
    if given.get("use_input_stats", True):
        return _by_group(mode, call, given, x.shape[1])
    scale = torch.rsqrt(given["running_var"] + given.get("eps", 1e-5))
    scale = scale if weight is None else scale * weight
    shift = -given["running_mean"] * scale
    return scaled(mode, call, x, scale, shift if bias is None else shift + bias)


def _by_group(mode: "Relevance", call: Call, given: dict[str, Any], groups: int) -> Tensor:
    """Normalize groups of channels of each row."""
    x, weight, bias = given["input"], given.get("weight"), given.get("bias")
    like = (1, -1, *[1] * (x.ndim - 2))
    spread = x.detach().reshape(len(x), groups, -1).var(2, correction=0, keepdim=True)
    scale = torch.rsqrt(spread + given.get("eps", 1e-5))

    def linear(x: Tensor) -> Tensor:
        flat = x.reshape(len(x), groups, -1)
        z = ((flat - flat.mean(2, keepdim=True)) * scale).reshape(x.shape)
        z = z if weight is None else z * weight.reshape(like)
        return z if bias is None else z + bias.reshape(like)

    return mode.split(call, linear)


def _by_norm(mode: "Relevance", call: Call) -> Tensor:  # noqa: ARG001  as every rule
    """Divide by a norm, which is a constant."""
    return passed(value(call), call.dependent[0])


def _with_mean(mode: "Relevance", call: Call) -> tuple[Tensor, Tensor]:
    """Return a spread, which is a constant, and the mean."""
    whole = call.function_of(call.dependent[0])
    return value(call)[0], mode.split(call, lambda x: whole(x)[1])


def _softmax(mode: "Relevance", call: Call) -> Tensor:
    given = call.named("input", "dim")
    x, axis, s = given["input"], given.get("dim"), value(call)
    if axis is None:
        raise no_rule(call, "Lrp")
    return softmax_of(x.to(s.dtype), s, axis, mode.account(call))


def _taken(mode: "Relevance", call: Call) -> Tensor:
    return mode.split(call)


def _apart(mode: "Relevance", call: Call) -> Any:  # noqa: ANN401  as every rule
    with mode:
        return APART[call.name](*call.args, **call.kwargs)


NORMALIZE: Final[dict[str, Rule]] = {
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "local_response_norm": _by_norm,
    "normalize": _by_norm,
    "std_mean": _with_mean,
    "var_mean": _with_mean,
    "softmax": _softmax,
    "_softmax": _softmax,
    "softmin": _taken,
    "log_softmax": _taken,
    "logsumexp": _taken,
    **dict.fromkeys(APART, _apart),
}
"""Rules by the name of the operation."""
