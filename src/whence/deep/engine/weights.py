"""The weights of attention, as they pass by in whatever implementation a network has.

Fused attention is taken apart as it runs, so that its weights become part of the graph; nothing is
loaded again or set otherwise. What is attention is told by what is done: a softmax whose result
then weighs what belongs to the row, by a product of matrices or a weighted sum.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from whence.deep.engine.apart import APART
from whence.deep.engine.taps import leaf

_FUSED = frozenset({"scaled_dot_product_attention", "multi_head_attention_forward"})
_HANDED = frozenset({
    "view", "reshape", "permute", "transpose", "t", "unsqueeze", "squeeze", "flatten", "unflatten",
    "select", "movedim", "swapaxes", "contiguous", "expand", "clone", "to", "type", "type_as",
    "float", "double", "half", "bfloat16", "dropout", "__getitem__",
})  # fmt: skip
"""Operations that weights pass through unchanged, in another shape at most."""
_CHANGED = frozenset({"masked_fill", "nan_to_num", "where"})
"""Operations that put some weights to another value."""
_PRODUCTS = frozenset({"matmul", "__matmul__", "bmm", "einsum"})
_TIMES = frozenset({"mul", "__mul__", "multiply"})
_MATRICES = 3


@dataclass(slots=True, kw_only=True, eq=False)
class Weights:
    """The weights of one attention.

    Attributes
    ----------
    tensor : Tensor
        In the graph, as the network has it.
    axis : int
        Its axis of keys, over which the weights add up to 1.
    used : bool
        Whether they were seen to weigh anything.
    """

    tensor: Tensor
    axis: int
    used: bool = False

    def by_row(self, rows: int, tensor: Tensor | None = None) -> Tensor | None:
        """Return the weights (rows, heads, queries, keys); None where they are not of rows.

        Parameters
        ----------
        rows : int
        tensor : tensor like the weights or None
            Other numbers in their form, such as gradients.
        """
        found = (self.tensor if tensor is None else tensor).movedim(self.axis, -1)
        if found.ndim == _MATRICES - 1:
            found = found[:, None]  # one query
        if found.ndim == _MATRICES:
            if found.shape[0] % rows:
                return None
            return found.reshape(rows, -1, *found.shape[1:])  # rows and heads in one axis
        return found if found.ndim == _MATRICES + 1 and len(found) == rows else None


class Attending(TorchFunctionMode):
    """Takes the weights of each attention of a pass, in the order in which they are used.

    Attributes
    ----------
    found : list of Weights

    Examples
    --------
    >>> import torch
    >>> from torch.nn import functional as F
    >>> q = torch.zeros(1, 2, 3, 4)
    >>> with Attending() as mode:
    ...     _ = F.scaled_dot_product_attention(q, q, q)
    >>> mode.found[0].by_row(1)[0, 0].detach()
    tensor([[0.3333, 0.3333, 0.3333],
            [0.3333, 0.3333, 0.3333],
            [0.3333, 0.3333, 0.3333]])
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Weights] = []
        self._followed: dict[int, tuple[Tensor, Weights]] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  of any operation
        """Take fused attention apart, and follow what a softmax gives to what it weighs."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _FUSED:
            with self:
                return APART[name](*args, **kwargs)
        out = func(*args, **kwargs)
        if name == "softmax":
            return self._begin(out, kwargs.get("dim", args[1] if len(args) > 1 else None))
        for place, given in enumerate(_tensors(args)):
            known = self._followed.get(id(given))
            if known is not None:
                self._follow_on(name, place, known, _tensors(args), out)
        return out

    def _begin(self, out: Tensor, axis: int | None) -> Tensor:
        if axis is None:
            return out
        taken = leaf(out)
        handed = taken.clone()  # what follows may work in place
        self._follow(handed, Weights(tensor=taken, axis=axis % out.ndim - out.ndim))
        return handed

    def _follow(self, tensor: Tensor, weights: Weights) -> None:
        self._followed[id(tensor)] = (tensor, weights)  # held, so that the id is not used again

    def _follow_on(
        self,
        name: str,
        place: int,
        known: tuple[Tensor, Weights],
        given: list[Tensor],
        out: object,
    ) -> None:
        tensor, weights = known
        if not isinstance(out, Tensor):
            return
        others = [one for i, one in enumerate(given) if i != place]
        if name in _PRODUCTS or name in _TIMES:
            wide = any(one.ndim >= _MATRICES for one in others)
            if wide and (name in _PRODUCTS or out.shape != tensor.shape):
                self._use(weights)
            elif name in _TIMES and out.shape == tensor.shape:
                self._change(tensor, weights, out)
        elif name in _CHANGED and out.shape == tensor.shape:
            self._change(tensor, weights, out)
        elif name in _HANDED and place == 0:
            self._follow(out, weights)

    def _change(self, tensor: Tensor, weights: Weights, out: Tensor) -> None:
        """Go on with changed weights, which are the weights if they were not moved before."""
        if tensor.shape == weights.tensor.shape:
            weights.tensor = out
        self._follow(out, weights)

    def _use(self, weights: Weights) -> None:
        if not weights.used:
            weights.used = True
            self.found.append(weights)


def _tensors(args: tuple[Any, ...]) -> list[Tensor]:
    """Return the tensors among arguments, also those in a list."""
    flat = [one for arg in args for one in (arg if isinstance(arg, (list, tuple)) else (arg,))]
    return [one for one in flat if isinstance(one, Tensor)]
