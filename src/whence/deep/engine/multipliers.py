"""A pass whose way back carries multipliers between rows and their baselines, not gradients.

Rows are passed once. Each operation that is not linear notes what it read and gave, under a number.
A pass of the baseline then fills a tape by the same numbers, and the way back reads it: another
baseline costs another tape, and not another pass of the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor

from whence.core.errors import UnsupportedModelError
from whence.deep.engine.apart import APART
from whence.deep.engine.lift_rules import Rule, Seen, Tensors
from whence.deep.engine.operations import Call, Operations, no_rule, tensors_in

Choice: TypeAlias = Callable[[Call, str], Rule | None]
"""An operation, the name of the method -> its rule; None where the gradient is exact."""

_FORM = frozenset({
    "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "new_zeros",
    "new_ones", "new_empty", "new_full", "new_tensor",
})  # fmt: skip
"""Operations that read the form of a tensor, not its numbers."""
_OUT = frozenset({
    "item", "tolist", "numpy", "__array__", "__float__", "__int__", "__index__", "__complex__",
})  # fmt: skip
"""Operations by which numbers leave the graph."""


@dataclass(slots=True, eq=False)
class Tape:
    """What the operations of a pass read and gave at the baseline, by number.

    Attributes
    ----------
    method : str
        What messages call the method.
    order : list of tuple
        Operations of the rows, by number: name and shapes.
    entries : dict of int to tuple of tensors and tuple of tensors
    """

    method: str
    order: list[tuple[str, tuple[tuple[int, ...], ...]]] = field(default_factory=list)
    entries: dict[int, tuple[Tensors, Tensors]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Hole:
    """Stands where an argument depends on the leaf."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """One operation as a function of what depends on the leaf."""

    call: Call
    rule: Rule
    number: int
    tape: Tape
    forms: list[type] = field(default_factory=list)

    def whole(self, *dependent: Tensor) -> Any:  # noqa: ANN401  whatever the operation gives
        """Do the operation."""
        args, kwargs = _filled((self.call.args, self.call.kwargs), dependent)
        return self.call.func(*args, **kwargs)

    def floating(self, *dependent: Tensor) -> Tensors:
        """Do the operation, and return what of the outcome is floating."""
        return floating(self.whole(*dependent))


class _Lifted(torch.autograd.Function):
    """An operation as it is, and the multipliers of its rule on the way back."""

    @staticmethod
    def forward(ctx: Any, step: Step, *dependent: Tensor) -> Tensors:  # noqa: ANN401  as torch has it
        whole = step.whole(*dependent)
        step.forms.append(type(whole))
        outs = tuple(tensors_in(whole))
        ctx.step, ctx.count = step, len(dependent)
        ctx.save_for_backward(*dependent, *(t for t in outs if t.is_floating_point()))
        ctx.mark_non_differentiable(*(t for t in outs if not t.is_floating_point()))
        ctx.floating = tuple(t.is_floating_point() for t in outs)
        return outs

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401  as torch has it
        step: Step = ctx.step
        saved = tuple(t.detach() for t in ctx.saved_tensors)
        x0, y0 = step.tape.entries[step.number]
        seen = Seen(
            name=step.call.name, function=step.floating, x=saved[: ctx.count], x0=x0,
            y=saved[ctx.count :], y0=y0,
        )  # fmt: skip
        kept = tuple(s for s, floats in zip(slopes, ctx.floating, strict=True) if floats)
        return (None, *step.rule(seen, kept))


class Alike(Operations):
    """Does the same operations in the same order at rows and baselines, and numbers them."""

    def __init__(self, tape: Tape, choice: Choice) -> None:
        super().__init__()
        self.tape = tape
        self._choice = choice
        self._number = -1

    def rule(self, call: Call) -> Any:  # noqa: ANN401  whatever the operation gives
        """Do an operation, by its rule if it has one."""
        if call.name in APART:
            with self:
                return APART[call.name](*call.args, **call.kwargs)
        if not call.kind:
            return self._unlisted(call)
        if call.kind == "move":
            return self.linear(call)
        rule = self._choice(call, self.tape.method)
        self._number += 1
        self.follow(self._number, call)
        return self.linear(call) if rule is None else self.lifted(call, rule, self._number)

    def _unlisted(self, call: Call) -> Any:  # noqa: ANN401  whatever the operation gives
        """Let questions about a tensor pass; refuse what there is no rule for."""
        if call.name in _OUT:
            raise no_rule(call, self.tape.method)
        with torch.no_grad():
            out = call.plain()
        if call.name == "detach":
            self._note_decided(out, call.name)
        elif call.name not in _FORM and tensors_in(out):
            raise no_rule(call, self.tape.method)
        return out

    def follow(self, number: int, call: Call) -> None:
        """Note or check which operation has a number."""
        raise NotImplementedError

    def linear(self, call: Call) -> Any:  # noqa: ANN401  whatever the operation gives
        """Do an operation whose gradient is exact."""
        raise NotImplementedError

    def lifted(self, call: Call, rule: Rule, number: int) -> Any:  # noqa: ANN401  whatever the operation gives
        """Do an operation by its rule."""
        raise NotImplementedError


class AtRows(Alike):
    """Passes rows; the gradients of what it gives are multipliers, by the tape of the time."""

    def follow(self, number: int, call: Call) -> None:  # noqa: ARG002  the list has numbers of its own
        """Note which operation has a number."""
        self.tape.order.append(_known_by(call))

    def linear(self, call: Call) -> Any:  # noqa: ANN401  whatever the operation gives
        """Do an operation whose gradient is exact."""
        return call.plain()

    def lifted(self, call: Call, rule: Rule, number: int) -> Any:  # noqa: ANN401  whatever the operation gives
        """Do an operation by its rule."""
        dependent = call.dependent
        step = Step(call=template(call), rule=rule, number=number, tape=self.tape)
        outs = _Lifted.apply(step, *dependent)  # type: ignore[no-untyped-call]  # torch has no types there
        form = step.forms[0]
        return form(outs) if issubclass(form, (tuple, list)) else outs[0]


class AtBaseline(Alike):
    """Passes a baseline, and fills the tape."""

    def __init__(self, tape: Tape, choice: Choice) -> None:
        super().__init__(tape, choice)
        tape.entries.clear()

    def follow(self, number: int, call: Call) -> None:
        """Check that it is the operation of the rows."""
        order, own = self.tape.order, _known_by(call)
        if number >= len(order) or order[number] != own:
            other = (
                f"{order[number][0]} of {order[number][1]}" if number < len(order) else "no more"
            )
            raise UnsupportedModelError(
                f"The network does {own[0]} of shapes {own[1]} at the baseline where it does "
                f"{other} at the rows, so that {self.tape.method} cannot compare the two. It "
                "chooses by its input what to do; use IntegratedGradients, which needs gradients "
                "alone."
            )

    def linear(self, call: Call) -> Any:  # noqa: ANN401  whatever the operation gives
        """Do an operation whose gradient is exact."""
        with torch.no_grad():
            out = call.plain()
        return marked(out)

    def lifted(self, call: Call, rule: Rule, number: int) -> Any:  # noqa: ANN401, ARG002  whatever the operation gives; no way back
        """Do an operation, and note what it read and gave."""
        with torch.no_grad():
            out = call.plain()
        read = tuple(t.detach() for t in call.dependent)
        self.tape.entries[number] = (read, floating(out))
        return marked(out)


def _known_by(call: Call) -> tuple[str, tuple[tuple[int, ...], ...]]:
    return call.name, tuple(tuple(t.shape) for t in call.dependent)


def floating(out: object) -> Tensors:
    """Return what is floating of what came out."""
    return tuple(t for t in tensors_in(out) if t.is_floating_point())


def marked(out: Any) -> Any:  # noqa: ANN401  whatever an operation gives
    """Return what came out as depending on the leaf, without a graph."""
    if isinstance(out, Tensor):
        wanted = out.is_floating_point() and torch.is_grad_enabled()
        return out.detach().requires_grad_(wanted)
    if isinstance(out, (tuple, list)):
        return type(out)([marked(part) for part in out])  # also a named one of torch
    return out


def template(call: Call) -> Call:
    """Return a call with holes where arguments depend on the leaf, which are not held so."""
    count = iter(range(len(call.dependent)))

    def dug(parts: Any) -> Any:  # noqa: ANN401  arguments of any kind
        if isinstance(parts, Tensor):
            return _Hole(next(count)) if parts.requires_grad else parts
        return _each(parts, dug)

    args, kwargs = dug(call.args), dug(call.kwargs)
    return Call(kind=call.kind, name=call.name, func=call.func, args=args, kwargs=kwargs)


def _filled(parts: Any, dependent: Tensors) -> Any:  # noqa: ANN401  arguments of any kind
    if isinstance(parts, _Hole):
        return dependent[parts.number]
    return _each(parts, lambda part: _filled(part, dependent))


def _each(parts: Any, function: Callable[[Any], Any]) -> Any:  # noqa: ANN401  arguments of any kind
    if type(parts) is dict:
        return {key: function(part) for key, part in parts.items()}
    if type(parts) in (tuple, list):
        return type(parts)(function(part) for part in parts)
    return parts
