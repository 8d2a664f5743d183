"""Linear layers of any kind as one thing: a weight, a bias, and the two ways through them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from whence.deep.engine.operations import Call


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """A linear layer: ``z = apply(x, weight) + bias``.

    Attributes
    ----------
    convolution : bool
    weight : tensor
    bias : tensor or None
        Of a shape that fits ``z``.
    apply : callable
        x, weight -> z without bias.
    back : callable
        Numbers shaped as z, x, weight -> their product with the transposed weight, shaped as x.
    channels : int
        Axis of the channels of x, from the end.
    scaled : callable or None
        One number per channel of z -> the weight with the channels multiplied by them; None where
        the layer has no channels along the second axis of z.
    """

    convolution: bool
    weight: Tensor
    bias: Tensor | None
    apply: Callable[[Tensor, Tensor], Tensor]
    back: Callable[[Tensor, Tensor, Tensor], Tensor]
    channels: int
    scaled: Callable[[Tensor], Tensor] | None = None


def dense(x: Tensor, weight: Tensor, bias: Tensor | None) -> Layer:
    """Return the layer ``x W^T + b`` over the last axis, as ``torch.nn.functional.linear``."""
    return Layer(
        convolution=False,
        weight=weight,
        bias=bias,
        apply=torch.nn.functional.linear,
        back=lambda flow, _x, weight: flow @ weight,
        channels=-1,
        scaled=None if x.ndim > 2 else lambda s: weight * s[:, None],  # noqa: PLR2004  rows, features
    )


def bilinear(x: Tensor, weight: Tensor, apply: Callable[[Tensor, Tensor], Tensor]) -> Layer:
    """Return any product of what depends on the input with a constant as a layer."""

    def back(flow: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        with torch.enable_grad():
            source = x.detach().requires_grad_()
            z = apply(source, weight)
            (slope,) = torch.autograd.grad(z, source, flow.expand(z.shape))
        return slope

    return Layer(
        convolution=False, weight=weight, bias=None, apply=apply, back=back, channels=-x.ndim
    )


_CONV: Final = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_TRANSPOSED: Final = (
    "input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation",
)  # fmt: skip


def convolution(name: str, call: Call) -> Layer:
    """Return a convolution of torch as the layer that it is.

    Parameters
    ----------
    name : str
        Such as "conv2d" or "conv_transpose1d".
    call : Call
        Of an input with an axis of rows.
    """
    transposed = "transpose" in name
    given = call.named(*(_TRANSPOSED if transposed else _CONV))
    weight, groups = given["weight"], given.get("groups", 1)
    axes = weight.ndim - 2
    stride, dilation, out = (
        _each(given.get(key, usual), axes)
        for key, usual in (("stride", 1), ("dilation", 1), ("output_padding", 0))
    )
    padding, more = _padding(given.get("padding", 0), weight.shape[2:], dilation)
    rest = (stride, padding, dilation, transposed, out, groups)

    def apply(x: Tensor, weight: Tensor) -> Tensor:
        return torch.convolution(_padded(x, more), weight, None, *rest)

    def back(flow: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        slopes: Tensor = torch.ops.aten.convolution_backward(
            flow, _padded(x, more), weight, None, *rest, (True, False, False)
        )[0]
        for axis in range(2, 2 + axes):
            slopes = slopes.narrow(axis, 0, x.shape[axis])
        return slopes

    def scaled(s: Tensor) -> Tensor:
        weight: Tensor = given["weight"]
        if not transposed:
            return weight * s.reshape(-1, *[1] * (axes + 1))
        grouped = weight.reshape(groups, -1, *weight.shape[1:])
        return (grouped * s.reshape(groups, 1, -1, *[1] * axes)).reshape(weight.shape)

    bias = given.get("bias")
    return Layer(
        convolution=True,
        weight=weight,
        bias=None if bias is None else bias.reshape(-1, *[1] * axes),
        apply=apply,
        back=back,
        channels=-1 - axes,
        scaled=scaled,
    )


def _each(number: int | Iterable[int], axes: int) -> tuple[int, ...]:
    if isinstance(number, int):
        return (number,) * axes
    numbers = tuple(number)
    return numbers * axes if len(numbers) == 1 else numbers


def _padding(
    padding: str | int | Iterable[int], kernel: torch.Size, dilation: tuple[int, ...]
) -> tuple[tuple[int, ...], list[int]]:
    """Return the padding of both ends of each axis, and what is added at the end of each."""
    if not isinstance(padding, str):
        return _each(padding, len(kernel)), []
    if padding == "valid":
        return (0,) * len(kernel), []
    total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    more = [side for width in reversed(total) for side in (0, width % 2)]
    return tuple(width // 2 for width in total), more if any(more) else []


def _padded(x: Tensor, more: list[int]) -> Tensor:
    return torch.nn.functional.pad(x, more) if more else x
