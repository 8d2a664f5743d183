"""Where a network is opened: at its inputs, behind the embedding of its ids, or behind a layer.

A tap takes what flows through that place, hands on a leaf of the graph instead, or puts other
values there. Since parameters are frozen, the graph begins at the leaf and is cut off before it.

Embeddings are found by what is done, not by what a module is called: ids are followed through
views, shifts and slices to the operation that looks them up, in whatever module or function that
is. Each looked-up vector then knows which input it stands for.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from whence.core.errors import InputError
from whence.deep.engine.batch import Batch
from whence.deep.engine.parts import layer_of as layer_of  # noqa: PLC0414  given on

_MOVED = frozenset({
    "view", "reshape", "permute", "transpose", "t", "unsqueeze", "squeeze", "flatten", "unflatten",
    "select", "narrow", "chunk", "split", "unbind", "movedim", "swapaxes", "swapdims", "contiguous",
    "__getitem__", "expand", "T", "mT", "flip", "fliplr", "flipud", "roll", "tensor_split",
})  # fmt: skip
"""Operations that move ids and do not change them."""
_RENAMED = frozenset({
    "add", "__radd__", "sub", "__rsub__", "rsub", "mul", "__rmul__", "__iadd__", "__isub__",
    "remainder", "__mod__", "fmod", "floor_divide", "__floordiv__", "clamp", "clip", "clamp_min",
    "clamp_max", "minimum", "maximum", "abs", "masked_fill", "where", "to", "long", "int", "short",
    "float", "double", "half", "type", "type_as", "cpu", "cuda", "clone", "detach", "as_tensor",
})  # fmt: skip
"""Operations that make another id of each id, or write it as another type. What is made of ids
otherwise, such as their padding mask or their positions, are no ids any more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What flows through the place of a tap.

    Attributes
    ----------
    tensor : Tensor
        As the network has it.
    axis : int
        Its axis of rows.
    places : int tensor or None
        Of embedded ids, which number of the flattened ids of a row each vector stands for.
    source : int
        Of embedded ids, which of the explained arguments they are of.
    """

    tensor: Tensor
    axis: int = 0
    places: Tensor | None = None
    source: int = 0

    @property
    def by_row(self) -> Tensor:
        """The values with rows along the first axis."""
        return self.tensor.movedim(self.axis, 0)


def leaf(tensor: Tensor) -> Tensor:
    """Return what the graph begins with, or goes through here alone if there is one already."""
    if not torch.is_grad_enabled():
        return tensor
    if not tensor.requires_grad:
        return tensor.detach().requires_grad_()
    return tensor.clone()  # what a layer hands through may also reach the score around it


class Embedded(TorchFunctionMode):
    """Takes what is looked up for the ids of a batch, or puts other vectors there.

    Attributes
    ----------
    found : list of Found
        What was looked up, in order.
    """

    def __init__(self, batch: Batch, put: tuple[Tensor, ...] | None) -> None:
        super().__init__()
        self.found: list[Found] = []
        self._put = None if put is None else list(put)
        self._rows = len(batch)
        self._each = [max(1, ids.numel() // len(batch)) for ids in batch.sources]
        self._followed: dict[int, tuple[Tensor, Tensor, int]] = {}
        for number, ids in enumerate(batch.sources):
            if not ids.is_floating_point():
                places = torch.arange(ids.numel(), device=ids.device).view(ids.shape)
                self._follow(ids, places, number)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  of any operation
        """Follow ids, and tap what they are embedded in."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "embedding" and (known := self._known(args[0] if args else None)):
            return self._tap(func(*args, **kwargs), known)
        if name == "__getitem__" and (known := self._known(args[1])):  # weight[ids]
            return self._tap(func(*args, **kwargs), known)
        if name == "embedding_bag" and (known := self._known(args[0] if args else None)):
            return self._bag(known, args, kwargs)
        out = func(*args, **kwargs)
        if known := next(filter(None, map(self._known, args[:3])), None):
            self._followed_on(out, known, func, args, kwargs)
        return out

    def _known(self, ids: object) -> tuple[Tensor, Tensor, int] | None:
        return self._followed.get(id(ids)) if isinstance(ids, Tensor) else None

    def _follow(self, ids: Tensor, places: Tensor, source: int) -> None:
        self._followed[id(ids)] = (ids, places, source)  # held, so that the id is not used again

    def _followed_on(
        self,
        out: object,
        known: tuple[Tensor, Tensor, int],
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        _, places, source = known
        name = getattr(func, "__name__", "")
        first = self._known(args[0]) is known
        if first and (name in _MOVED or (name == "__get__" and isinstance(out, Tensor))):
            moved = func(places, *args[1:], **kwargs)
            pairs = (
                zip(out, moved, strict=True) if isinstance(out, (tuple, list)) else [(out, moved)]
            )
            for one, where in pairs:
                if isinstance(one, Tensor):
                    self._follow(one, where, source)
        elif name in _RENAMED and isinstance(out, Tensor) and out.shape == places.shape:
            self._follow(out, places, source)

    def _tap(self, looked_up: Tensor, known: tuple[Tensor, Tensor, int]) -> Tensor:
        _, places, source = known
        axis, places = self._rows_of(places, self._each[source])
        if self._put is None:
            tensor = leaf(looked_up)
        else:
            tensor = self._put[len(self.found)].to(looked_up.dtype).movedim(0, axis)
        self.found.append(Found(tensor=tensor, axis=axis, places=places, source=source))
        return tensor.clone()  # what follows may work in place

    def _rows_of(self, places: Tensor, each: int) -> tuple[int, Tensor]:
        """Return the axis of rows, and the places in each row; they are the same for all."""
        row = torch.div(places, each, rounding_mode="floor")
        for axis in range(places.ndim):
            shape = [1] * places.ndim
            shape[axis] = -1
            if places.shape[axis] == self._rows and torch.equal(
                row, torch.arange(self._rows, device=row.device).view(shape).expand(row.shape)
            ):
                return axis, places.select(axis, 0) % each
        raise InputError(
            f"The ids of {self._rows} rows are embedded in a tensor of shape "
            f"{tuple(places.shape)}, without an axis of rows. Embed ids row by row."
        )

    def _bag(
        self, known: tuple[Tensor, Tensor, int], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        """Embed each id by itself, and sum up afterwards."""
        mode = kwargs.get("mode", args[5] if len(args) > 5 else "mean")  # noqa: PLR2004  as torch orders them
        vectors = self._tap(functional.embedding(args[0], args[1]), known)
        if mode not in ("sum", "mean"):
            raise InputError(
                f"An EmbeddingBag of mode {mode!r} embeds ids of which only some count. Use 'sum' "
                "or 'mean'."
            )
        return vectors.sum(1) if mode == "sum" else vectors.mean(1)


_TABLE = 2


class UnclearError(Exception):
    """Of a layer that gives as many times or channels as there are rows."""


@dataclass(slots=True, eq=False)
class LayerTap:
    """Takes what a layer gives, or puts other values there; of a module used again, the last use.

    Attributes
    ----------
    name : str
    rows : int
        Rows of the pass.
    put : tensor of shape (rows, ...) or None
    uses : int
        How often the layer is used in a pass, as far as it is known.
    axes : dict of str to int
        Axes of rows of layers, as far as they are known; noted when they are plain.
    found : list of Found
        One entry per use.

    Raises
    ------
    UnclearError
        Where two axes are as long as there are rows, and it is not known which of them it is.
    """

    name: str
    rows: int
    put: Tensor | None = None
    uses: int = 1
    axes: dict[str, int] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)

    def __call__(self, _module: nn.Module, _args: object, out: object) -> object:
        """Take the output of the layer, and hand on what stands for it."""
        tensor = first_tensor(out)
        if tensor is None:
            return out
        axis = self._axis(tensor)
        if self.put is not None and len(self.found) == self.uses - 1:
            new = self.put.to(tensor.dtype).movedim(0, axis)
        elif tensor.is_floating_point():
            new = leaf(tensor)
        else:
            new = tensor
        self.found.append(Found(tensor=new, axis=axis))
        return with_first(out, new.clone())

    def _axis(self, tensor: Tensor) -> int:
        known = self.axes.get(self.name)
        if known is not None and tensor.ndim > known and tensor.shape[known] == self.rows:
            return known
        axis = _axis_of_rows(tensor, self.rows, self.name)
        if self.rows > 1 and tensor.shape[:2] == (self.rows, self.rows) and tensor.ndim > _TABLE:
            raise UnclearError(self.name)
        self.axes[self.name] = axis
        return axis


class Tap(Protocol):
    """What takes the output of a layer and says what is handed on instead."""

    @property
    def name(self) -> str:
        """Name of the layer."""
        ...

    def __call__(self, module: nn.Module, args: object, out: object, /) -> object:
        """Take the output of the layer, and hand on what stands for it."""
        ...


@contextmanager
def tapped(module: nn.Module, taps: Iterable[Tap]) -> Iterator[None]:
    """Set taps behind layers, for this thread alone, and take them away again.

    Raises
    ------
    InputError
        If the module has no such layer.
    """
    own = threading.get_ident()
    handles = []

    def only_here(tap: Tap) -> Callable[..., object]:
        def hook(part: nn.Module, args: object, out: object) -> object:
            return tap(part, args, out) if threading.get_ident() == own else out

        return hook

    try:
        for tap in taps:
            part = layer_of(module, tap.name)
            handles.append(part.register_forward_hook(only_here(tap)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def first_tensor(out: object) -> Tensor | None:
    """Return the tensor that counts in what a layer gives."""
    if isinstance(out, Tensor):
        return out
    if isinstance(out, (tuple, list)):
        return next((t for t in map(first_tensor, out) if t is not None), None)
    if isinstance(out, dict):
        return next((t for t in map(first_tensor, out.values()) if t is not None), None)
    return None


def with_first(out: object, new: Tensor) -> object:
    """Return what a layer gives with another tensor in place of the one that counts."""
    if isinstance(out, Tensor):
        return new
    if isinstance(out, (tuple, list)):
        parts = list(out)
        place = next(i for i, part in enumerate(parts) if first_tensor(part) is not None)
        parts[place] = with_first(parts[place], new)
        return type(out)(*parts) if hasattr(out, "_fields") else type(out)(parts)
    if isinstance(out, dict):
        key = next(key for key, part in out.items() if first_tensor(part) is not None)
        changed = out.copy()
        changed[key] = with_first(out[key], new)
        return changed
    return out


def _axis_of_rows(tensor: Tensor, rows: int, name: str) -> int:
    """Return the axis of rows: the first, or the second of recurrent layers."""
    for axis in range(min(2, tensor.ndim)):
        if tensor.shape[axis] == rows:
            return axis
    raise InputError(
        f"Layer {name!r} gives a tensor of shape {tuple(tensor.shape)} for {rows} rows, without an "
        "axis of rows. Give a layer that keeps rows apart."
    )
