"""The path integral of layer, group, instance and RMS normalization, in closed form.

They divide centered numbers c by sigma = sqrt(mean c^2 + eps). On the straight line c0 + t d from
the baseline sigma^2 is a parabola in t, a ((t - t')^2 + h^2), and with c(t) = e + (t - t') d the
integral of the slope is

    m = g int 1 / sigma - sum_k terms of (e, d) times int (t - t')^k / (n sigma^3),   k = 0, 1, 2.

The integrals have closed forms. Where a baseline is constant, sigma nearly vanishes at the start of
the line, and no quadrature of a fixed order would do. Where sigma changes little these forms lose
digits, and a quadrature is exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from whence.deep.engine.operations import Call
from whence.deep.engine.path_rule import between, gauss_legendre

if TYPE_CHECKING:
    from whence.deep.engine.lift_rules import Seen

Tensors = tuple[Tensor, ...]

_NEAR = 0.5
"""How near to the line, of length 1, the poles of 1 / sigma are where closed forms are used."""
_NODES = 24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Norm:
    """What a normalization does.

    Attributes
    ----------
    groups : int or None
        Of an input (rows, channels, ...), in how many parts the channels are taken; None where the
        last axes of ``size`` numbers in all are.
    size : int
    weight : Tensor or None
        What is multiplied by in the end: of the shape of the last axes, or per channel.
    eps : float
    centered : bool
    """

    groups: int | None
    size: int
    weight: Tensor | None
    eps: float
    centered: bool

    def parted(self, x: Tensor) -> Tensor:
        """Return numbers by the groups that are normalized together, (groups, numbers)."""
        rows = len(x) * self.groups if self.groups else x.numel() // self.size
        return x.reshape(rows, -1)

    def center(self, x: Tensor) -> Tensor:
        return x - x.mean(1, keepdim=True) if self.centered else x

    def weighted(self, slope: Tensor) -> Tensor:
        if self.weight is None:
            return slope
        shape = (-1, *[1] * (slope.ndim - 2)) if self.groups else self.weight.shape
        return slope * self.weight.view(shape)


def standardized(call: Call) -> Callable[["Seen", Tensors], Tensors] | None:
    """Return the rule of a normalization; None if it is none of these, or its weights depend."""
    norm = _norm_of(call) if len(call.dependent) == 1 else None
    if norm is None:
        return None

    def rule(seen: "Seen", slopes: Tensors) -> Tensors:
        kind = torch.promote_types(seen.x[0].dtype, torch.float32)
        parts = (seen.x[0], seen.x0[0], norm.weighted(slopes[0]))
        x, x0, slope = (norm.parted(part).to(kind) for part in parts)
        found = _integral(norm, x0, between(x, x0), slope)
        return (found.reshape(seen.x[0].shape).to(seen.x[0].dtype),)

    return rule


def _norm_of(call: Call) -> _Norm | None:
    orders = {
        "layer_norm": "input normalized_shape weight bias eps",
        "rms_norm": "input normalized_shape weight eps",
        "group_norm": "input num_groups weight bias eps",
        "instance_norm": "input mean var weight bias use_input_stats momentum eps",
    }
    if call.name not in orders:
        return None
    given: dict[str, Any] = dict(zip(orders[call.name].split(), call.args, strict=False))
    given |= call.kwargs
    x: Tensor = given["input"]
    if not given.get("use_input_stats", True):
        return None
    groups = given.get("num_groups", x.shape[1] if call.name == "instance_norm" else None)
    eps = given.get("eps")
    least = torch.finfo(x.dtype).eps if call.name == "rms_norm" else 1e-5
    return _Norm(
        groups=groups,
        size=int(torch.Size(given.get("normalized_shape", ())).numel()),
        weight=given.get("weight"),
        eps=least if eps is None else float(eps),
        centered=call.name != "rms_norm",
    )


def _integral(norm: _Norm, x0: Tensor, run: Tensor, slope: Tensor) -> Tensor:
    """Return the multipliers of (groups, numbers)."""
    c0, d, n = norm.center(x0), norm.center(run), x0.shape[1]
    a = d.square().mean(1, keepdim=True).clamp(min=torch.finfo(d.dtype).tiny)
    low = -(c0 * d).mean(1, keepdim=True) / a
    nearest = c0 + low * d
    h2 = (nearest.square().mean(1, keepdim=True) + norm.eps) / a
    beyond = torch.maximum(-low, low - 1).clamp(min=0)
    near = h2 + beyond.square() < _NEAR**2
    e = torch.where(near, nearest, c0)
    closed = _closed(-low, h2, a)
    plain = _by_nodes(c0, d, norm.eps)
    whole, A0, A1, A2 = (
        torch.where(near, one, two) for one, two in zip(closed, plain, strict=True)
    )
    p, q = (e * slope).sum(1, keepdim=True), (d * slope).sum(1, keepdim=True)
    found = slope * whole - (e * (p * A0 + q * A1) + d * (p * A1 + q * A2)) / n
    return norm.center(found)


def _closed(s0: Tensor, h2: Tensor, a: Tensor) -> Tensors:
    """Return the integrals of 1 / sigma and s^k / sigma^3 over s = t - t', from s0 to s0 + 1."""
    s1, h = s0 + 1, h2.sqrt()
    r0, r1 = (s0.square() + h2).sqrt(), (s1.square() + h2).sqrt()
    crossing = s0 * s1 <= 0
    whole = torch.asinh(s1 / h) - torch.asinh(s0 / h)
    apart = (s1 / r1 - s0 / r0) / h2
    beside = (s1 + s0) / (r0 * r1 * (s1 * r0 + s0 * r1))  # the same, without a difference
    A0 = torch.where(crossing, apart, beside)
    A1 = (s1 + s0) / ((r0 + r1) * r0 * r1)
    A2 = whole - h2 * A0
    root = a.sqrt()
    return whole / root, A0 / (a * root), A1 / (a * root), A2 / (a * root)


def _by_nodes(c0: Tensor, d: Tensor, eps: float) -> Tensors:
    """Return the same from t = 0 to 1 by quadrature."""
    a, b = d.square().mean(1, keepdim=True), (c0 * d).mean(1, keepdim=True)
    c = c0.square().mean(1, keepdim=True) + eps
    total = [torch.zeros_like(a) for _ in range(4)]
    for t, weight in gauss_legendre(_NODES):
        sigma2 = (a * t * t + 2 * b * t + c).clamp(min=eps)
        once = weight / sigma2.sqrt()
        thrice = once / sigma2
        for place, part in zip(total, (once, thrice, thrice * t, thrice * t * t), strict=True):
            place.add_(part)
    return tuple(total)
