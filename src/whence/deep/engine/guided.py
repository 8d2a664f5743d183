"""ReLU with a way back that lets pass what is positive alone, wherever a network does it.

It is put in the place of the operation as it happens: of functions, methods and modules alike, also
in place, and however often a module is used. What is attached to the network is nothing.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class GuidedReLU(TorchFunctionMode):
    """Replaces ReLU, also where it is bounded above, on what depends on the leaf of the graph.

    Attributes
    ----------
    seen : int
        How many were replaced.

    Examples
    --------
    >>> x = torch.tensor([1.0, 1.0, -1.0], requires_grad=True)
    >>> with GuidedReLU():
    ...     y = torch.relu(x)
    >>> torch.autograd.grad(y, x, torch.tensor([2.0, -2.0, 2.0]))
    (tensor([2., 0., 0.]),)
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  of any operation
        """Do an operation; of a ReLU, with another way back."""
        kwargs = kwargs or {}
        name = str(getattr(func, "__name__", ""))
        x = args[0] if args else kwargs.get("input")
        most = _bound(name.strip("_"), args[1:], kwargs)
        if most is None or not isinstance(x, Tensor) or not x.requires_grad:
            return func(*args, **kwargs)
        self.seen += 1
        out: Tensor = _Guided.apply(x, most)  # type: ignore[no-untyped-call]  # of torch
        if kwargs.get("inplace") or name.endswith("_"):
            return x.copy_(out)
        return out


class _Guided(torch.autograd.Function):
    """min(max(x, 0), most), and back what is positive where x is between them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, most: float) -> Tensor:  # noqa: ANN401  of torch
        ctx.save_for_backward((x > 0) & (x < most))
        return x.clamp(0, most)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401  of torch
        (passed,) = ctx.saved_tensors
        return slopes[0].clamp(min=0) * passed, None


def _bound(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float | None:
    """Return the upper bound of an operation that is a ReLU; None of any other."""
    if name in ("relu", "relu6"):
        return 6.0 if name == "relu6" else torch.inf
    if name in ("clamp", "clip", "clamp_min", "hardtanh"):
        low = args[0] if args else kwargs.get("min", kwargs.get("min_val"))
        high = args[1] if len(args) > 1 else kwargs.get("max", kwargs.get("max_val"))
        if name == "clamp_min" or high is None:
            high = torch.inf
        plain = all(isinstance(end, (int, float)) for end in (low, high))
        return float(high) if plain and low == 0 and high > 0 else None
    if name == "threshold":
        ends = args[:2] or (kwargs.get("threshold"), kwargs.get("value"))
        return torch.inf if tuple(ends) == (0, 0) else None
    return None
