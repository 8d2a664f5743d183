"""Relevance flows back through the operations of a pass in the place of gradients.

Each operation on what depends on the leaf is done as it is, inside functions of autograd whose way
back takes the relevance of what the operation gave and returns that of what it read. Operations
that only move numbers need none: autograd moves relevance as it is.

Sums, means, residual connections and all that is taken to first order are one thing. Relevance is
divided by the result on its way in, is multiplied by what was read on its way out, and is a
gradient in between:

    R_x = x * J^T (R_z / z)

so that constants and biases keep the relevance of their share, and products of n tensors give each
of them an n-th of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import BackwardCFunction, once_differentiable
from torch.autograd.graph import Node

from whence.deep.engine.lrp_layers import Layer
from whence.deep.engine.lrp_rules import READ_RESULT, Rules, shared, stabilized


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """The relevance that came to an operation and went on from it, summed up over rows.

    Attributes
    ----------
    label : str
        The layer and the operation.
    used : bool
        Whether any relevance came; none comes to a layer that was merged with the next one.
    came, went : float
    largest : float
        Of what went on, the largest magnitude.
    """

    label: str
    used: bool = False
    came: float = 0.0
    went: float = 0.0
    largest: float = 0.0

    def comes(self, R: Tensor) -> None:
        """Note relevance of what the operation gave."""
        self.used = True
        self.came += float(R.sum(dtype=torch.float64))

    def goes(self, R: Tensor) -> None:
        """Note relevance of what the operation read."""
        self.went += float(R.sum(dtype=torch.float64))
        self.largest = max(self.largest, float(R.abs().max()) if R.numel() else 0.0)


def started(scores: Tensor) -> Tensor:
    """Return scores whose gradients are relevance, which begins with the scores themselves."""
    return _applied(_Start, scores)


def taken(
    read: tuple[Tensor, ...],
    function: Callable[..., Tensor],
    *,
    epsilon: float,
    share: int = 1,
    account: Account | None = None,
) -> Tensor:
    """Do something linear, or what is taken to first order; relevance is split as by `epsilon`.

    Parameters
    ----------
    read : tuple of tensors
        What depends on the leaf.
    function : callable
        Takes them, in this order.
    epsilon : float
    share : int
        How many of them are multiplied with each other.
    """
    z = function(*(_applied(_Enter, x, account) for x in read))
    return _applied(_Leave, z, share, epsilon, account)


def passed(z: Tensor, *read: Tensor, gate: bool = False) -> Tensor:
    """Return z, whose relevance passes to what was read, in equal shares.

    ``gate`` marks it as one of those that take none where they are multiplied.
    """
    each = (x if x.shape == z.shape else x.expand(z.shape) for x in read)
    return _applied(_Pass, z, gate, *each)


def is_gate(x: Tensor) -> bool:
    """Tell whether a tensor was marked as a gate."""
    node = _made_by(_Pass, x.grad_fn)
    return node is not None and bool(node.gate)


def through_layer(
    x: Tensor, z: Tensor, layer: Layer, rule: str, rules: Rules, account: Account | None
) -> Tensor:
    """Return what a layer made of x; relevance is shared out by a rule."""
    return _applied(_Share, x, z, layer, rule, rules, account)


def layer_behind(x: Tensor) -> tuple[Tensor, Layer | None]:
    """Return what the layer that gave x read, and this layer; x and None where it was none."""
    node = _made_by(_Share, x.grad_fn)
    return (x, None) if node is None else (node.saved_tensors[0], node.layer)


def is_behind_layer(x: Tensor) -> bool:
    """Tell whether there is a layer anywhere between the leaf and a tensor."""
    return any(_made_by(_Share, node) is not None for node in _nodes(x))


def foreign(scores: Tensor) -> str:
    """Return the name of a function of autograd in the graph that is not of this module.

    Such a function is no operation of torch, so that it is not seen and its own gradient would be
    taken for relevance.
    """
    own = {f._backward_cls for f in (_Start, _Enter, _Leave, _Pass, _Share, _Softmax)}  # noqa: SLF001  torch has no other name
    for node in _nodes(scores):
        if isinstance(node, BackwardCFunction) and type(node) not in own:
            return type(node).__name__.removesuffix("Backward")
    return ""


def _nodes(x: Tensor) -> Iterator[Node]:
    """Walk over the graph from a tensor to the leaf."""
    ahead, seen = [x.grad_fn], set()
    while ahead:
        node = ahead.pop()
        if node is not None and node not in seen:
            seen.add(node)
            ahead.extend(after for after, _ in node.next_functions)
            yield node


def _made_by(function: type[Function], node: object) -> Any:  # noqa: ANN401  its context
    """Return the context that a function left in the graph; None of another's node."""
    return node if type(node) is function._backward_cls else None  # noqa: SLF001  torch has no other name


def _applied(function: type[Function], *args: object) -> Tensor:
    return cast("Tensor", function.apply(*args))  # type: ignore[no-untyped-call]  # of torch


def softmax_of(x: Tensor, s: Tensor, axis: int, account: Account | None) -> Tensor:
    """Return s, the softmax of x; relevance is its first order of Taylor, ``x (R - s sum(R))``."""
    return _applied(_Softmax, x, s, axis, account)


class _Start(Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor) -> Tensor:  # noqa: ANN401  of torch
        ctx.save_for_backward(scores)
        return scores.view_as(scores)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, one: Tensor) -> Any:  # noqa: ANN401  of torch
        return one * ctx.saved_tensors[0]


class _Enter(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, account: Account | None) -> Tensor:  # noqa: ANN401  of torch
        ctx.save_for_backward(x)
        ctx.account = account
        return x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Any:  # noqa: ANN401  of torch
        R = ctx.saved_tensors[0] * slope
        if ctx.account is not None:
            ctx.account.goes(R)
        return R, None


class _Leave(Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  of torch
        z: Tensor,
        share: int,
        epsilon: float,
        account: Account | None,
    ) -> Tensor:
        ctx.save_for_backward(z)
        ctx.rest = share, epsilon, account
        return z.view_as(z)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, R: Tensor) -> Any:  # noqa: ANN401  of torch
        share, epsilon, account = ctx.rest
        if account is not None:
            account.comes(R)
        (z,) = ctx.saved_tensors
        return R / stabilized(z if share == 1 else share * z, epsilon), None, None, None


class _Pass(Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, gate: bool, *read: Tensor) -> Tensor:  # noqa: ANN401  of torch
        ctx.count, ctx.gate = len(read), gate
        return z.view_as(z)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, R: Tensor) -> Any:  # noqa: ANN401  of torch
        return None, None, *([R if ctx.count == 1 else R / ctx.count] * ctx.count)


class _Share(Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  of torch
        x: Tensor,
        z: Tensor,
        layer: Layer,
        rule: str,
        rules: Rules,
        account: Account | None,
    ) -> Tensor:
        ctx.save_for_backward(x, z if rule in READ_RESULT else None)
        ctx.layer, ctx.rest = layer, (rule, rules, account)
        return z.view_as(z)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, R: Tensor) -> Any:  # noqa: ANN401  of torch
        x, z = ctx.saved_tensors
        rule, rules, account = ctx.rest
        out = shared(rule, rules, ctx.layer, x, z, R)
        if account is not None:
            account.comes(R)
            account.goes(out)
        return out, None, None, None, None, None


class _Softmax(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, s: Tensor, axis: int, account: Account | None) -> Tensor:  # noqa: ANN401  of torch
        ctx.save_for_backward(x, s)
        ctx.axis, ctx.account = axis, account
        return s.view_as(s)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, R: Tensor) -> Any:  # noqa: ANN401  of torch
        x, s = ctx.saved_tensors
        slope = R - s * R.sum(ctx.axis, keepdim=True)
        out = torch.where(s == 0, 0.0, x * slope)  # what is masked is infinite
        if ctx.account is not None:
            ctx.account.comes(R)
            ctx.account.goes(out)
        return out, None, None, None
