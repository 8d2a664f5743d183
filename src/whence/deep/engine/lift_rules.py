"""What DeepLIFT says of one operation: multipliers that explain its rise from baseline to row.

For an operation y = f(x) with values x, y at the row and x0, y0 at the baseline, a rule gives
multipliers m with ``sum m (x - x0) = y - y0``, as exactly as numbers allow. They take the place of
the gradient on the way back:

==========  ====================================================================================
rescale     of a function of one number: (y - y0) / (x - x0)
middle      of products of two: the slope in the middle, so that d(ab) = mean(a) db + mean(b) da
quotient    a product with the reciprocal, which is rescaled
largest     of the largest of some: by those chosen at the row and at the baseline
pair        of the larger of two: the mean of both orders, as Shapley has it
path        anything smooth: its slope integrated from x0 to x, of this operation alone
==========  ====================================================================================
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import torch
from torch import Tensor

from whence.deep.engine.operations import Call, no_rule
from whence.deep.engine.path_rule import between, path, slope_at, weighted
from whence.deep.engine.standard_rule import standardized

Tensors: TypeAlias = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """One operation, at the rows and at the baseline.

    Attributes
    ----------
    name : str
    function : callable
        What depends on the leaf -> the outputs that are floating.
    x, x0 : tuple of tensors
        What depends on the leaf, at the row and at the baseline.
    y, y0 : tuple of tensors
        What came out.
    """

    name: str
    function: Callable[..., Tensors]
    x: Tensors
    x0: Tensors
    y: Tensors
    y0: Tensors


Rule: TypeAlias = Callable[[Seen, Tensors], Tensors]
"""An operation seen, multipliers of its outputs -> multipliers of what depends on the leaf."""

_STEPS: Final = frozenset({
    "relu", "relu6", "hardtanh", "_threshold", "threshold", "hardshrink", "softshrink", "clamp",
    "clip", "clamp_min", "clamp_max", "abs", "absolute", "__abs__", "nan_to_num",
})  # fmt: skip
"""Made of pieces of slope -1, 0 and 1, so that a difference is exact however small."""
_BENT: Final = frozenset({
    "leaky_relu", "prelu", "rrelu", "hardsigmoid", "hardswish", "elu", "selu", "celu",
})  # fmt: skip
"""Whose slope jumps somewhere."""
_FREE: Final = frozenset({
    "log", "log2", "log10", "sqrt", "rsqrt", "square", "reciprocal", "pow", "__pow__",
    "float_power", "logit",
})  # fmt: skip
"""Without a scale of their own: what is a small difference depends on the number alone."""
_TWO: Final = frozenset({"maximum", "minimum"})
_WITHOUT: Final = frozenset({"gumbel_softmax", "topk", "sort", "addcdiv"})
"""Operations of a kind that has a rule, which have none: they draw, or choose many."""
_ASIDE: Final = 2.0**8
"""Times the precision of the numbers that a place is moved to the other end, which parts ties."""
_TRAINING: Final = 5
"""Where ``torch.batch_norm`` has this argument."""


def rule_of(call: Call, method: str) -> Rule | None:
    """Return the rule of an operation; None where the gradient is exact.

    Raises
    ------
    UnsupportedModelError
        If there is none.
    """
    choose = _BY_KIND.get(call.kind, _none)
    if choose is _none or call.name in _WITHOUT or _unsteady(call):
        raise no_rule(call, method)
    return choose(call)


def _unsteady(call: Call) -> bool:
    """Tell of statistics over the batch, of rounding, and of places that depend on the input."""
    if call.kind == "scale":
        at = call.args[_TRAINING] if len(call.args) > _TRAINING else call.kwargs.get("training")
        return bool(at)
    if call.name == "grid_sample":
        return any(one is not call.args[0] for one in call.dependent)
    return call.kwargs.get("rounding_mode") is not None


def _none(call: Call) -> Rule | None:  # noqa: ARG001  as all that choose
    return None


def _exact(call: Call) -> Rule | None:  # noqa: ARG001  as all that choose
    return None


def _of_sum(call: Call) -> Rule | None:
    return middle if call.name == "lerp" and len(call.dependent) > 1 else None


def _of_matrices(call: Call) -> Rule | None:
    count = len(call.dependent)
    return None if count == 1 else middle if count == 2 else path  # noqa: PLR2004  a product of two


def _of_numbers(call: Call) -> Rule | None:
    return rescale if len(call.dependent) == 1 else path


def _of_largest(call: Call) -> Rule | None:
    two = call.name in _TWO or (len(call.args) > 1 and isinstance(call.args[1], Tensor))
    return pair if two else largest


def _of_product(call: Call) -> Rule | None:
    if "div" not in call.name:
        return middle if len(call.dependent) > 1 else None
    ends = (call.args[0], call.args[1] if len(call.args) > 1 else call.kwargs["other"])
    above, below = ends[::-1] if call.name.startswith("__r") else ends
    if not (isinstance(below, Tensor) and below.requires_grad):
        return None
    if isinstance(above, Tensor) and above.requires_grad:
        return _quotient if ends[0] is above else _turned
    return _reciprocal(above)


def rescale(seen: Seen, slopes: Tensors) -> Tensors:
    """Return the slope of the chord; in the middle where the difference is lost in rounding."""
    x, x0 = seen.x[0], seen.x0[0]
    run = x - x0
    chord = (seen.y[0] - seen.y0[0]).div_(run)
    if seen.name == "relu":  # by far the most common
        return (torch.where(run == 0, x > 0, chord).mul_(slopes[0]),)
    small = vanishing(seen.name, run, x, x0)
    chord.mul_(slopes[0])
    if not bool(small.any()):
        return (chord,)
    inside = torch.where(small, (x + x0) / 2, x0)
    (tangent,) = slope_at(seen.function, (inside,), slopes)
    return (torch.where(small, tangent, chord),)


def vanishing(name: str, run: Tensor, x: Tensor, x0: Tensor) -> Tensor:
    """Tell where a difference of x and x0 is so small that a slope between is the better chord.

    The error of a chord is that of rounding over the difference, the error of the tangent the
    square of the difference.
    """
    if name in _STEPS:
        return run == 0
    eps = torch.finfo(x.dtype).eps
    size = torch.maximum(x.abs(), x0.abs())
    if name in _BENT:
        return run.abs() <= size * math.sqrt(eps)
    return run.abs() <= (size if name in _FREE else size.clamp(min=1.0)) * math.cbrt(eps)


def middle(seen: Seen, slopes: Tensors) -> Tensors:
    """Return the slope in the middle, which is exact of sums of products of two."""
    half = tuple((x + x0) / 2 for x, x0 in zip(seen.x, seen.x0, strict=True))
    return slope_at(seen.function, half, slopes)


def _quotient(seen: Seen, slopes: Tensors) -> Tensors:
    (a, b), (a0, b0) = seen.x, seen.x0
    return _of_quotient(a, a0, b, b0, slopes[0])


def _turned(seen: Seen, slopes: Tensors) -> Tensors:
    (b, a), (b0, a0) = seen.x, seen.x0
    return _of_quotient(a, a0, b, b0, slopes[0])[::-1]


def _of_quotient(a: Tensor, a0: Tensor, b: Tensor, b0: Tensor, slope: Tensor) -> Tensors:
    """Return the multipliers of a and b in a * (1 / b)."""
    above = slope * (1 / b + 1 / b0) / 2
    below = slope * -(a + a0) / 2 / (b * b0)
    return above.sum_to_size(a.shape), below.sum_to_size(b.shape)


def _reciprocal(above: Tensor | float) -> Rule:
    def rule(seen: Seen, slopes: Tensors) -> Tensors:
        (b,), (b0,) = seen.x, seen.x0
        return ((slopes[0] * -above / (b * b0)).sum_to_size(b.shape),)

    return rule


def largest(seen: Seen, slopes: Tensors) -> Tensors:
    """Explain the largest (or smallest) of some numbers by the ones chosen at either end.

    Where y is beyond y0 its rise is due to the number chosen at the row, else to the one chosen at
    the baseline; neither quotient is larger than 1. Of several that are equally large, the one that
    is larger at the other end counts.
    """
    x, x0, y, y0 = seen.x[0], seen.x0[0], seen.y[0], seen.y0[0]
    beyond = y <= y0 if "min" in seen.name else y >= y0
    total = torch.zeros_like(x)
    for at, other, counts in ((x, x0, beyond), (x0, x, ~beyond)):
        place = at + between(other, at) * _ASIDE * torch.finfo(x.dtype).eps
        run = _chosen(seen, place, between(x, x0))
        share = torch.where(run == 0, 1.0, (y - y0) / run) * counts
        total += slope_at(seen.function, (place,), (slopes[0] * share,))[0]
    return (total,)


def _chosen(seen: Seen, at: Tensor, values: Tensor) -> Tensor:
    """Return, of other values, those that the operation chooses at ``at``.

    What is chosen is linear in the values, and the gradient is its transpose; the gradient of the
    gradient is the choice itself.
    """
    with torch.enable_grad():
        place = at.detach().requires_grad_()
        out = seen.function(place)[0]
        put = torch.zeros_like(out).requires_grad_()
        (spread,) = torch.autograd.grad(weighted((out,), (put,)), place, create_graph=True)
        (chosen,) = torch.autograd.grad(weighted((spread,), (values,)), put)
    return chosen


def pair(seen: Seen, slopes: Tensors) -> Tensors:
    """Explain the larger of two: each by what it changes, first and last, on average."""
    if len(seen.x) == 1:
        return (_share(slopes[0], seen.y[0] - seen.y0[0], seen, 0, (seen.x, seen.x0)),)
    (a, b), (a0, b0) = seen.x, seen.x0
    one, two = seen.function(a, b0)[0], seen.function(a0, b)[0]
    of_a = (one - seen.y0[0] + seen.y[0] - two) / 2
    of_b = (two - seen.y0[0] + seen.y[0] - one) / 2
    return (
        _share(slopes[0], of_a, seen, 0, ((a, b), (a, b0))),
        _share(slopes[0], of_b, seen, 1, ((a, b), (a0, b))),
    )


def _share(
    slope: Tensor, rise: Tensor, seen: Seen, which: int, at: tuple[Tensors, Tensors]
) -> Tensor:
    """Return rise / run of one of two; where it does not run, its mean slope at two places."""
    x, x0 = seen.x[which], seen.x0[which]
    run = (x - x0).expand_as(rise)
    still = run == 0
    chord = (slope * rise / run.masked_fill(still, 1.0)).masked_fill(still, 0.0)
    resting = slope * still / 2
    one, two = (slope_at(seen.function, place, (resting,))[which] for place in at)
    return chord.sum_to_size(x.shape) + one + two


_BY_KIND: Final[dict[str, Callable[[Call], Rule | None]]] = {
    "move": _exact,
    "sum": _exact,
    "add": _of_sum,
    "multiply": _of_product,
    "matmul": _of_matrices,
    "linear": _of_matrices,
    "scale": _exact,
    "unary": _of_numbers,
    "normalize": lambda call: standardized(call) or path,
    "largest": _of_largest,
}
