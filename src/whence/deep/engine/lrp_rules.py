"""How the relevance of what a linear layer gives is shared out over what it reads.

Every rule for a layer ``z = x W + b`` is a sum of parts, each of a layer of its own, made of some
of the numbers of ``x``, ``W`` and ``b``:

    R_x = sum over parts of  x' * (W'^T (R' / (x' W' + b')))

With x+ = max(x, 0), x- = min(x, 0), and a small number of the sign of the divisor added to it:

==========  ====================================================================================
epsilon     x, W, b
zplus       x+ with W+, and x- with W-, over the sum of both and b+
alpha2_..   twice zplus, minus the same of x+ with W- and x- with W+ over b-
gamma       as zplus with W + gamma W+ where z > 0, and its mirror image where z < 0
box         x with W, minus the lowest input with W+, minus the highest with W-; no b
w_square    1 with W^2, and b^2
flat        1 with 1; no b
==========  ====================================================================================
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import torch
from torch import Tensor

from whence.core.errors import InputError
from whence.deep.engine.lrp_layers import Layer

Number: TypeAlias = float | tuple[float, ...]
"""One number, or one per channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which rule is for which layer, and its numbers.

    Attributes
    ----------
    convolution, linear : str
    first : str or None
        Of layers that read the inputs themselves; None where they are as the others.
    epsilon, gamma : float
    low, high : float, tuple of float or None
        Lowest and highest input.
    alpha : float
        ``beta`` is ``alpha - 1``.
    """

    convolution: str
    linear: str
    first: str | None
    epsilon: float
    gamma: float
    low: Number | None = None
    high: Number | None = None
    alpha: float = 2.0

    def name_for(self, layer: Layer, *, first: bool) -> str:
        """Return the rule for a layer."""
        if first and self.first is not None:
            return self.first
        return self.convolution if layer.convolution else self.linear


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """Relevance that is shared out in proportion to ``x' W'``, over all terms and the bias."""

    flow: Tensor
    terms: tuple[tuple[Tensor, Tensor], ...]
    bias: Tensor | None
    whole: Tensor | None = None


def shared(name: str, rules: Rules, layer: Layer, x: Tensor, z: Tensor | None, R: Tensor) -> Tensor:
    """Return the relevance of what a layer reads.

    Parameters
    ----------
    name : str
        The rule.
    x : tensor
        What the layer reads.
    z : tensor or None
        What it gives; None where the rule is not in `READ_RESULT`.
    R : tensor
        Relevance of ``z``.

    Returns
    -------
    tensor shaped as x
    """
    total: Tensor | None = None
    for part in _RULES[name](rules, layer, x, z, R):
        whole = part.whole
        if whole is None:
            whole = sum((layer.apply(*term) for term in part.terms), start=_zero(x))
            whole = whole if part.bias is None else whole + part.bias
        quotient = part.flow / stabilized(whole, rules.epsilon)
        for source, weight in part.terms:
            share = source * layer.back(quotient, x, weight)
            total = share if total is None else total + share
    return torch.zeros_like(x) if total is None else total


def stabilized(z: Tensor, epsilon: float) -> Tensor:
    """Return a divisor away from zero: epsilon is added with its sign.

    It is never so small that a quotient is no number of this precision.

    Examples
    --------
    >>> stabilized(torch.tensor([2.0, -2.0, 0.0]), 0.5)
    tensor([ 2.5000, -2.5000,  0.5000])
    """
    least = max(epsilon, math.sqrt(torch.finfo(z.dtype).tiny))
    return z + torch.copysign(torch.tensor(least, dtype=z.dtype, device=z.device), z)


def _zero(x: Tensor) -> Tensor:
    return torch.zeros((), dtype=x.dtype, device=x.device)


def _positive(part: Tensor | None) -> Tensor | None:
    return None if part is None else part.clamp(min=0)


def _negative(part: Tensor | None) -> Tensor | None:
    return None if part is None else part.clamp(max=0)


def _signed(
    x: Tensor, of_positive: Tensor, of_negative: Tensor
) -> tuple[tuple[Tensor, Tensor], ...]:
    """Pair what is positive and negative of x with weights; half the work behind a ReLU."""
    if not bool((x < 0).any()):
        return ((x, of_positive),)
    return ((x.clamp(min=0), of_positive), (x.clamp(max=0), of_negative))


def _epsilon(rules: Rules, layer: Layer, x: Tensor, z: Tensor | None, R: Tensor) -> Iterator[_Part]:  # noqa: ARG001  all rules are asked alike
    yield _Part(flow=R, terms=((x, layer.weight),), bias=layer.bias, whole=z)


def _zplus(rules: Rules, layer: Layer, x: Tensor, z: Tensor | None, R: Tensor) -> Iterator[_Part]:  # noqa: ARG001  all rules are asked alike
    terms = _signed(x, layer.weight.clamp(min=0), layer.weight.clamp(max=0))
    yield _Part(flow=R, terms=terms, bias=_positive(layer.bias))


def _alpha_beta(
    rules: Rules, layer: Layer, x: Tensor, z: Tensor | None, R: Tensor
) -> Iterator[_Part]:
    for part in _zplus(rules, layer, x, z, R):
        yield _Part(flow=rules.alpha * R, terms=part.terms, bias=part.bias)
    if rules.alpha != 1:
        terms = _signed(x, layer.weight.clamp(max=0), layer.weight.clamp(min=0))
        yield _Part(flow=(1 - rules.alpha) * R, terms=terms, bias=_negative(layer.bias))


def _gamma(rules: Rules, layer: Layer, x: Tensor, z: Tensor | None, R: Tensor) -> Iterator[_Part]:
    if z is None:
        raise RuntimeError("The rule goes by the sign of what the layer gives.")
    more = layer.weight + rules.gamma * layer.weight.clamp(min=0)
    less = layer.weight + rules.gamma * layer.weight.clamp(max=0)
    bias = layer.bias
    yield _Part(
        flow=torch.where(z > 0, R, 0.0),
        terms=_signed(x, more, less),
        bias=None if bias is None else bias + rules.gamma * bias.clamp(min=0),
    )
    below = torch.where(z < 0, R, 0.0)
    if bool(below.any()):  # nothing behind a ReLU
        yield _Part(
            flow=below,
            terms=_signed(x, less, more),
            bias=None if bias is None else bias + rules.gamma * bias.clamp(max=0),
        )


def _box(rules: Rules, layer: Layer, x: Tensor, z: Tensor | None, R: Tensor) -> Iterator[_Part]:  # noqa: ARG001  all rules are asked alike
    low, high = (_bound(bound, layer, x) for bound in (rules.low, rules.high))
    if bool((x < low).any()) or bool((x > high).any()):
        raise InputError(
            f"low is {rules.low!r} and high is {rules.high!r}, and X reaches from "
            f"{float(x.min()):.6g} to {float(x.max()):.6g}. Give the lowest and highest value that "
            "an input can have."
        )
    terms = (
        (x, layer.weight),
        (-low, layer.weight.clamp(min=0)),
        (-high, layer.weight.clamp(max=0)),
    )
    yield _Part(flow=R, terms=terms, bias=None)  # with one the divisor could be near zero


def _bound(bound: Number | None, layer: Layer, x: Tensor) -> Tensor:
    """Return the lowest or highest input in the shape of x."""
    numbers = torch.as_tensor(bound, dtype=x.dtype, device=x.device)
    if numbers.ndim:
        if len(numbers) != x.shape[layer.channels]:
            raise InputError(
                f"low and high are of {len(numbers)} channels and the first layer reads "
                f"{x.shape[layer.channels]}. Give one number, or one per channel."
            )
        numbers = numbers.reshape(-1, *[1] * (-layer.channels - 1))
    return numbers.expand(x.shape)


def _w_square(
    rules: Rules,  # noqa: ARG001  all rules are asked alike
    layer: Layer,
    x: Tensor,
    z: Tensor | None,  # noqa: ARG001  as above
    R: Tensor,
) -> Iterator[_Part]:
    bias = None if layer.bias is None else layer.bias**2
    yield _Part(flow=R, terms=((_one(layer, x), layer.weight**2),), bias=bias)


def _flat(rules: Rules, layer: Layer, x: Tensor, z: Tensor | None, R: Tensor) -> Iterator[_Part]:  # noqa: ARG001  all rules are asked alike
    yield _Part(flow=R, terms=((_one(layer, x), torch.ones_like(layer.weight)),), bias=None)


def _one(layer: Layer, x: Tensor) -> Tensor:
    """Return ones instead of x, of images in a single row, since all rows are alike."""
    return torch.ones_like(x[:1] if layer.convolution else x)


_Rule: TypeAlias = Callable[[Rules, Layer, Tensor, Tensor | None, Tensor], Iterator[_Part]]
READ_RESULT: Final = frozenset({"epsilon", "gamma"})
"""Rules that go by what the layer gives, which is kept for them alone."""
_RULES: Final[dict[str, _Rule]] = {
    "epsilon": _epsilon,
    "zplus": _zplus,
    "alpha2_beta1": _alpha_beta,
    "gamma": _gamma,
    "box": _box,
    "w_square": _w_square,
    "flat": _flat,
}
