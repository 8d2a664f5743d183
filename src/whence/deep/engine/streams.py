"""Reveal-cancel: what raises a unit and what lowers it, kept apart on the way through a network.

A unit that is raised by one input and lowered as much by another does not move, and its chord says
that neither matters. So the rise of each number is kept as two streams, ``plus`` and ``minus``; a
function of one number explains what each of them does, first and last, on average:

    plus' = 1/2 [f(x0 + plus) - f(x0)] + 1/2 [f(x0 + minus + plus) - f(x0 + minus)]

A layer of weights adds what raises its output to one stream and what lowers it to the other.
Streams are tensors with a graph of their own, whose gradients are the multipliers; the network runs
beside them as it is. Operations of several numbers explain the sum of the streams, by their rule.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from whence.core.errors import InputError
from whence.deep.engine.lift_rules import Seen, Tensors, rule_of, vanishing
from whence.deep.engine.multipliers import Alike, Step, Tape, floating, marked, template
from whence.deep.engine.operations import Call
from whence.deep.engine.path_rule import slope_at

_SWAPS = frozenset({"neg", "negative", "__neg__"})
_PARTIAL = frozenset({
    "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal", "pow", "__pow__", "float_power",
    "logit", "asin", "acos", "tan", "xlogy",
})  # fmt: skip
"""Functions that are not defined everywhere, where one stream alone may lead; they keep chords."""
_WEIGHTED = frozenset({"linear", "matmul"})
_DIAGONAL = frozenset({"add", "multiply", "scale"})
_ADDED = frozenset({"addmm", "baddbmm", "addbmm"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """The two streams of a tensor.

    Attributes
    ----------
    plus, minus : Tensor
        Which add up to its rise from the baseline.
    rise : Tensor
        That rise, without a graph and without the rounding of the streams: a number that does not
        move is told by it.
    after : str
        "conv" or "dense", the layer of weights that they come from last; "" before the first.
    """

    plus: Tensor
    minus: Tensor
    rise: Tensor
    after: str = ""

    @property
    def whole(self) -> Tensor:
        """The rise itself."""
        return self.plus + self.minus


class _Explained(torch.autograd.Function):
    """The rise of an operation, with the multipliers of its rule on the way back."""

    @staticmethod
    def forward(ctx: Any, rule: Callable[..., Tensors], seen: Seen, *rises: Tensor) -> Tensors:  # noqa: ANN401, ARG004  as torch has it; known from what was seen
        ctx.rule, ctx.seen = rule, seen
        return tuple(y - y0 for y, y0 in zip(seen.y, seen.y0, strict=True))

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401  as torch has it
        return (None, None, *ctx.rule(ctx.seen, slopes))


class Streams(Alike):
    """Passes rows and the two streams of what depends on the leaf, after a tape was filled.

    Parameters
    ----------
    tape : Tape
    leaves : tuple of tensors
        Where the network is opened.
    begin : tuple of Pair
        Their streams.
    rule : {"reveal_cancel", "genomics"}
        Whether all functions of one number reveal, or those after a dense layer.
    """

    def __init__(self, tape: Tape, leaves: Tensors, begin: tuple[Pair, ...], rule: str) -> None:
        super().__init__(tape, rule_of)
        self._begin = dict(zip(map(id, leaves), begin, strict=True))
        self._pairs: dict[int, tuple[Tensor, Pair]] = {}
        self._always = rule == "reveal_cancel"

    def follow(self, number: int, call: Call) -> None:
        """Trust that it is the operation of the same rows before."""

    def pair_of(self, tensor: Tensor) -> Pair:
        """Return the streams of a tensor that the pass gave, or that stands at its beginning."""
        if id(tensor) in self._pairs:
            return self._pairs[id(tensor)][1]
        return _moved(self._begin[id(_origin(tensor))], tensor)

    def linear(self, call: Call) -> Any:  # noqa: ANN401  whatever the operation gives
        """Do a linear operation on the streams as on the numbers."""
        pairs = [self.pair_of(t) for t in call.dependent]
        step = Step(call=template(call), rule=_none, number=-1, tape=self.tape)
        if call.kind in _WEIGHTED and call.name not in _ADDED:
            made = [_by_weights(step, pairs[0])]
        elif call.kind in _DIAGONAL:
            made = [_by_factors(step, call.dependent, pairs)]
        else:
            made = _by_places(step, call.dependent, pairs)
        return self._given(call, made)

    def lifted(self, call: Call, rule: Callable[..., Tensors], number: int) -> Any:  # noqa: ANN401  whatever the operation gives
        """Do an operation by its rule, or let it reveal what cancels."""
        pairs = [self.pair_of(t) for t in call.dependent]
        step = Step(call=template(call), rule=rule, number=number, tape=self.tape)
        x0, y0 = self.tape.entries[number]
        with torch.no_grad():
            y = floating(call.plain())
        x = tuple(t.detach() for t in call.dependent)
        seen = Seen(name=call.name, function=step.floating, x=x, x0=x0, y=y, y0=y0)
        if call.kind != "unary" or len(pairs) > 1:
            rises = _Explained.apply(rule, seen, *(pair.whole for pair in pairs))  # type: ignore[no-untyped-call]  # torch has no types there
            made = [_split(rise, rise.detach(), pairs[0].after) for rise in rises]
        elif call.name not in _PARTIAL and (self._always or pairs[0].after == "dense"):
            made = [_revealed(seen, pairs[0])]
        else:
            (chord,) = rule(seen, (torch.ones_like(y[0]),))
            rise = y[0] - y0[0]
            made = [_pair(chord * p.plus, chord * p.minus, rise, p.after) for p in pairs]
        return self._given(call, made)

    def _given(self, call: Call, made: list[Pair]) -> Any:  # noqa: ANN401  whatever the operation gives
        with torch.no_grad():
            plain = call.plain()
        out = marked(plain)
        for tensor, pair in zip(floating(out), made, strict=True):
            self._pairs[id(tensor)] = (tensor, pair)
        return out


def _none(seen: Seen, slopes: Tensors) -> Tensors:
    raise NotImplementedError


def _pair(plus: Tensor, minus: Tensor, rise: Tensor, after: str) -> Pair:
    return Pair(plus=plus, minus=minus, rise=rise.detach(), after=after)


def begun(rise: Tensor) -> Pair:
    """Return the streams of what a network reads: each number is in one of them."""
    plus, minus = rise.clamp(min=0), rise.clamp(max=0)
    return _pair(plus.requires_grad_(), minus.requires_grad_(), rise, "")


def _origin(tensor: Tensor) -> Tensor:
    """Return the leaf that a tensor is a copy of."""
    node = tensor.grad_fn
    while node is not None:
        following = node.next_functions
        if not following:
            found: Tensor = node.variable  # type: ignore[attr-defined]  # of a leaf's node
            return found
        node = following[0][0]
    return tensor


def _moved(pair: Pair, tensor: Tensor) -> Pair:
    """Return the streams of a copy whose rows are along another axis."""
    if pair.plus.shape == tensor.shape:
        return pair
    axis = next(a for a in range(tensor.ndim) if pair.rise.movedim(0, a).shape == tensor.shape)
    plus, minus, rise = (p.movedim(0, axis) for p in (pair.plus, pair.minus, pair.rise))
    return _pair(plus, minus, rise, pair.after)


def _split(whole: Tensor, rise: Tensor, after: str) -> Pair:
    """Sort numbers by the sign of their rise; half of what does not move is in either stream."""
    up = (1 + rise.sign()) / 2
    return _pair(whole * up, whole * (1 - up), rise, after)


def _by_weights(step: Step, pair: Pair) -> Pair:
    """Sort what inputs add to each output by its sign."""
    inputs = _split(pair.whole, pair.rise, "")
    more, less = (_with_weights(step, low) for low in (True, False))
    after = "conv" if "conv" in step.call.name else "dense"
    plus = more(inputs.plus) + less(inputs.minus)
    minus = less(inputs.plus) + more(inputs.minus)
    return _pair(plus, minus, plus + minus, after)


def _with_weights(step: Step, positive: bool) -> Callable[[Tensor], Tensor]:
    """Return the operation with the positive or the negative weights alone, without a bias."""
    call = step.call
    half = {"min": 0.0} if positive else {"max": 0.0}

    def halved(part: Any) -> Any:  # noqa: ANN401  an argument of any kind
        return part.clamp(**half) if isinstance(part, Tensor) else part

    args = tuple(halved(part) for part in call.args)
    kwargs = {key: halved(part) for key, part in call.kwargs.items()}
    if call.kind == "linear":
        args = tuple(None if at == 2 else part for at, part in enumerate(args))  # noqa: PLR2004  of all of them
        kwargs = {key: part for key, part in kwargs.items() if key != "bias"}
    other = Call(kind=call.kind, name=call.name, func=call.func, args=args, kwargs=kwargs)
    return lambda t: Step(call=other, rule=_none, number=-1, tape=step.tape).whole(t)


def _by_factors(step: Step, read: Tensors, pairs: list[Pair]) -> Pair:
    """Add what is multiplied number by number; a negative factor swaps the streams."""
    nothing = tuple(torch.zeros_like(t) for t in read)
    with torch.no_grad():
        rest = step.whole(*nothing)
    plus, minus, rise = (torch.zeros_like(rest) for _ in range(3))
    for at, pair in enumerate(pairs):
        ones = tuple(torch.ones_like(t) if i == at else t for i, t in enumerate(nothing))
        with torch.no_grad():
            factor = step.whole(*ones) - rest
        up, down = factor.clamp(min=0), factor.clamp(max=0)
        plus = plus + up * pair.plus + down * pair.minus
        minus = minus + up * pair.minus + down * pair.plus
        rise = rise + factor * pair.rise
    return _pair(plus, minus, rise, pairs[0].after)


def _by_places(step: Step, read: Tensors, pairs: list[Pair]) -> list[Pair]:
    """Move and add up numbers of each stream alike."""
    with torch.no_grad():
        rest = floating(step.whole(*(torch.zeros_like(t) for t in read)))

    def moved(streams: list[Tensor]) -> list[Tensor]:
        outs = floating(step.whole(*streams))
        return [
            torch.where(torch.isfinite(base), out - base, 0.0)
            for out, base in zip(outs, rest, strict=True)
        ]

    plus, minus = moved([p.plus for p in pairs]), moved([p.minus for p in pairs])
    rises = moved([p.rise for p in pairs])
    if step.call.name in _SWAPS:
        plus, minus = minus, plus
    after = pairs[0].after
    return [_pair(p, m, r, after) for p, m, r in zip(plus, minus, rises, strict=True)]


def _revealed(seen: Seen, pair: Pair) -> Pair:
    """Explain a function of one number by what each stream does, first and last, on average."""
    x0, y, y0 = seen.x0[0], seen.y[0], seen.y0[0]
    plus, minus = pair.plus.detach(), pair.minus.detach()
    (raised,), (lowered,) = seen.function(x0 + plus), seen.function(x0 + minus)
    up = ((raised - y0) + (y - lowered)) / 2
    down = ((lowered - y0) + (y - raised)) / 2
    return _pair(
        _slope(seen, up, plus, x0 + minus) * pair.plus,
        _slope(seen, down, minus, x0 + plus) * pair.minus,
        y - y0,
        pair.after,
    )


def _slope(seen: Seen, rise: Tensor, run: Tensor, other: Tensor) -> Tensor:
    """Return rise / run; of a stream that is nearly nothing, the mean of the slopes."""
    x0 = seen.x0[0]
    small = vanishing(seen.name, run, x0, other)
    chord = rise / run.masked_fill(small, 1.0)
    half = torch.full_like(rise, 0.5)
    (first,), (last,) = (
        slope_at(seen.function, (at + run / 2,), (half,)) for at in (x0, other)
    )  # fmt: skip
    return torch.where(small, first + last, chord)


def revealed(mode: Streams, scores: Tensor, begin: tuple[Pair, ...]) -> Tensors:
    """Return the relevance (targets, rows, ...) of what a network read, for each score.

    Raises
    ------
    InputError
        If it is not finite.
    """
    if not scores.requires_grad:
        return tuple(torch.zeros((scores.shape[1], *p.plus.shape)).to(p.plus) for p in begin)
    rise = mode.pair_of(scores).whole
    ends = [stream for pair in begin for stream in (pair.plus, pair.minus)]
    found: list[list[Tensor]] = [[] for _ in begin]
    for target in range(scores.shape[1]):
        slopes = torch.autograd.grad(
            rise[:, target].sum(),
            ends,
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        for kept, pair, up, down in zip(found, begin, slopes[::2], slopes[1::2], strict=True):
            kept.append((up * pair.plus + down * pair.minus).detach())
            if not bool(torch.isfinite(kept[-1]).all()):
                raise InputError(
                    "The streams of reveal-cancel lead out of the numbers that the network can "
                    "count with. Use rule='rescale', or float64."
                )
    return tuple(torch.stack(kept).double() for kept in found)
