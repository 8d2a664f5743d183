"""Every operation of a pass, seen by name, whatever module, function or method wrote it.

Rules such as those of DeepLIFT and LRP say what flows back through an operation. They are put in
its place as it happens, so that functional, in-place and reused operations are all the same, and
nothing is attached to the module:

    >>> class Doubled(Operations):
    ...     def rule(self, call):
    ...         return 2 * call.plain() if call.kind == "unary" else call.plain()
    >>> x = torch.ones(1, requires_grad=True)
    >>> with Doubled():
    ...     torch.nn.functional.relu(x, inplace=True)
    tensor([2.], grad_fn=<MulBackward0>)

Only operations on what depends on the leaf of the graph are shown to the rule. An operation that
works in place is done out of place, and what it worked on is replaced from then on by the result.
Recurrent layers and multi-head attention are taken apart into the operations they are made of.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode, resolve_name

from whence.core.errors import UnsupportedModelError
from whence.deep.engine.recurrent import RECURRENT, unrolled

Function: TypeAlias = Callable[..., Any]


def _kinds(**names: str) -> dict[str, str]:
    return {name: kind for kind, listed in names.items() for name in listed.split()}


KINDS: Final = _kinds(
    move="""
        view view_as reshape reshape_as permute transpose t T mT H mH unsqueeze squeeze flatten
        unflatten ravel select narrow chunk split tensor_split unbind movedim moveaxis swapaxes
        swapdims contiguous clone alias __getitem__ index_select gather take_along_dim expand
        expand_as broadcast_to repeat tile repeat_interleave cat concat concatenate stack hstack
        vstack pad _pad roll flip rot90 tril triu to float double half bfloat16 type type_as
        diagonal unfold fold pixel_shuffle pixel_unshuffle channel_shuffle dropout dropout1d
        dropout2d dropout3d alpha_dropout feature_dropout requires_grad_ as_subclass
        __setitem__ masked_fill where masked_select slice_scatter index_fill index_add
        copy fill zero scatter real as_strided cpu cuda squeeze_copy atleast_1d atleast_2d
        atleast_3d _pack_padded_sequence _pad_packed_sequence
    """,
    sum="""
        sum mean avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
        adaptive_avg_pool3d interpolate upsample cumsum nansum neg negative positive __neg__
        __pos__ grid_sample nanmean upsample_bilinear upsample_nearest trace
    """,
    add="add sub subtract __add__ __radd__ __sub__ __rsub__ rsub __iadd__ __isub__ lerp",
    multiply="""
        mul multiply div divide true_divide __mul__ __rmul__ __truediv__ __rtruediv__ __div__
        __rdiv__ __imul__ __itruediv__ __idiv__ addcmul addcdiv dot outer
    """,
    matmul="""
        matmul mm bmm mv __matmul__ __rmatmul__ addmm baddbmm addbmm einsum tensordot inner
        bilinear chain_matmul multi_dot
    """,
    linear="""
        linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
        _conv_forward
    """,
    scale="batch_norm",
    unary="""
        relu relu6 leaky_relu prelu rrelu elu selu celu gelu silu mish softplus softsign sigmoid
        tanh hardtanh hardsigmoid hardswish logsigmoid threshold _threshold hardshrink softshrink
        tanhshrink clamp clip clamp_min clamp_max abs absolute __abs__ exp exp2 expm1 log log2 log10
        log1p
        sqrt rsqrt square reciprocal pow __pow__ __rpow__ float_power sin cos tan sinh cosh atan
        arctan asin acos erf erfc sinc logit xlogy nan_to_num
    """,
    normalize="""
        layer_norm group_norm instance_norm local_response_norm rms_norm normalize softmax
        log_softmax softmin logsumexp norm vector_norm std var var_mean std_mean cosine_similarity
        _softmax gumbel_softmax
    """,
    largest="""
        max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices
        max_pool3d_with_indices adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d
        adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices max amax min amin topk
        sort maximum minimum boolean_dispatch
    """,
    attention="scaled_dot_product_attention",
    gate="glu",
)
"""Operations by name, and what kind each is of.

==========  ====================================================================================
move        numbers are moved, repeated, left out or kept as they are
sum         sums and means with fixed weights
add         of two tensors, either of which may depend on the input
multiply    products and quotients of two tensors
matmul      sums of products of two tensors
linear      a linear layer: input, weight, bias
scale       batch normalization with running statistics: a number per channel, and a shift
unary       each number by itself
normalize   numbers that depend on each other, smoothly
largest     the largest of some numbers
attention   softmax(Q K' / sqrt(d)) V
gate        half of the numbers, times the sigmoid of the other half
==========  ====================================================================================
"""

DECIDES: Final = frozenset(
    _kinds(
        decides="""
    gt lt ge le eq ne greater less greater_equal less_equal not_equal __gt__ __lt__ __ge__ __le__
    __eq__ __ne__ argmax argmin argsort isnan isinf isfinite logical_not logical_and logical_or
    bool long int __bool__ signbit nonzero any all allclose equal isclose bucketize searchsorted
    __and__ __or__ __invert__ topk sort
"""
    )
)
"""Operations whose result decides, and has no slope."""

FLAT: Final = frozenset(_kinds(flat="sign sgn round floor ceil trunc fix heaviside floor_divide"))
"""Operations whose slope is zero, so that no explanation can go through them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Call:
    """One operation on tensors that depend on the leaf.

    Attributes
    ----------
    kind : str
        See `KINDS`; "" of an operation that is not listed.
    name : str
        Its name without namespace, such as "relu".
    func : callable
        Out of place.
    args, kwargs : tuple and dict
    """

    kind: str
    name: str
    func: Function
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def dependent(self) -> tuple[Tensor, ...]:
        """The tensors among the arguments that depend on the leaf, in order."""
        return tuple(t for t in tensors_in((self.args, self.kwargs)) if t.requires_grad)

    @property
    def full_name(self) -> str:
        """The name with its namespace, for messages."""
        return str(resolve_name(self.func) or self.name)

    def plain(self) -> Any:  # noqa: ANN401  whatever the operation gives
        """Do the operation as it is."""
        return self.func(*self.args, **self.kwargs)

    def named(self, *order: str) -> dict[str, Any]:
        """Return the arguments by name; ``order`` names those that come by position."""
        return dict(zip(order, self.args, strict=False)) | self.kwargs

    def function_of(self, *read: Tensor) -> Function:
        """Return the operation as a function of some of the tensors among its arguments."""

        def function(*tensors: Tensor) -> Any:  # noqa: ANN401  whatever the operation gives
            new = {id(old): tensor for old, tensor in zip(read, tensors, strict=True)}
            return self.func(*swapped(self.args, new), **swapped(self.kwargs, new))

        return function


class Operations(TorchFunctionMode):
    """Shows each operation on what depends on the leaf to a rule, which does it.

    A rule is `rule`, to be written by a subclass. It is called with no mode on, so that what it
    does is not seen again.

    Attributes
    ----------
    refused : UnsupportedModelError or None
        What was said of an operation without a rule. Operators of Python lose an error that is a
        `TypeError` on the way, so whoever runs the network raises this one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refused: UnsupportedModelError | None = None
        self._replaced: dict[int, tuple[Tensor, Tensor]] = {}
        self._decided: dict[int, tuple[Tensor, str]] = {}

    def rule(self, call: Call) -> Any:  # noqa: ANN401  whatever the operation gives
        """Do an operation; the result must depend on what `call.dependent` are."""
        raise NotImplementedError

    def gated(self, gate: Tensor, signal: Tensor) -> Tensor:
        """Multiply a gate of a recurrent layer with what it lets pass."""
        return gate * signal

    def __torch_function__(
        self,
        func: Function,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  whatever the operation gives
        """Do an operation by the rule, if it is on what depends on the leaf."""
        try:
            return self._done(func, args, kwargs)
        except UnsupportedModelError as error:
            self.refused = error
            raise

    def _done(self, func: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None) -> Any:  # noqa: ANN401  whatever the operation gives
        args, kwargs = self.current(args), dict(self.current(kwargs or {}))
        name = _name_of(func)
        if not any(t.requires_grad for t in tensors_in((args, kwargs))):
            out = func(*args, **kwargs)
            self._decide_on(out, args, name)
            return out
        if name in RECURRENT:
            with self:
                return unrolled(name, args, self.gated)
        if name in DECIDES or name in FLAT:
            out = func(*args, **kwargs)
            if name not in KINDS:
                self._note_decided(out, name)
                return out
        call, place = _out_of_place(func, name, args, kwargs)
        self._check_undecided(call)
        out = self.rule(call)
        if place is not None and isinstance(out, Tensor):
            self._replaced[id(place)] = (place, out)
        return out

    def current(self, parts: Any) -> Any:  # noqa: ANN401  arguments of any kind
        """Return tensors, with what was worked on in place replaced by the result."""
        if not self._replaced:
            return parts
        if isinstance(parts, Tensor):
            while id(parts) in self._replaced:
                parts = self._replaced[id(parts)][1]
            return parts
        if type(parts) is dict:
            return {key: self.current(part) for key, part in parts.items()}
        if type(parts) in (tuple, list):
            return type(parts)(self.current(part) for part in parts)
        return parts

    def _note_decided(self, out: object, name: str) -> None:
        for tensor in tensors_in(out):
            self._decided[id(tensor)] = (tensor, name)

    def _decide_on(self, out: object, args: object, name: str) -> None:
        """Follow decisions that depend on the input through what is done with them."""
        if self._decided and name != "__get__":
            for tensor in tensors_in(args):
                if id(tensor) in self._decided:
                    self._note_decided(out, self._decided[id(tensor)][1])
                    return

    def _check_undecided(self, call: Call) -> None:
        """Refuse an operation steered by a comparison of what depends on the input."""
        if not self._decided:
            return
        for tensor in tensors_in((call.args, call.kwargs)):
            if id(tensor) in self._decided:
                why = self._decided[id(tensor)][1]
                raise UnsupportedModelError(
                    f"The network does {call.full_name} by the outcome of {why!r}, which depends "
                    "on the input. There is no rule for that, since the outcome may be another one "
                    "at the baseline. Write it as an operation that has one, such as relu or "
                    "clamp, or use IntegratedGradients, which needs gradients alone."
                )


def no_rule(call: Call, method: str) -> UnsupportedModelError:
    """Return the error for an operation that a method has no rule for."""
    shapes = ", ".join(str(tuple(t.shape)) for t in call.dependent)
    return UnsupportedModelError(
        f"{method} has no rule for the operation {call.full_name} (of shapes {shapes}). Write it "
        "by operations that have one, such as linear layers, activations, sums and products, or "
        "use IntegratedGradients, which needs gradients alone."
    )


def tensors_in(parts: object) -> list[Tensor]:
    """Return the tensors among arguments, in order."""
    if isinstance(parts, Tensor):
        return [parts]
    if parts is None or isinstance(parts, (int, float, str)):  # as most are
        return []
    if isinstance(parts, Mapping):
        parts = tuple(parts.values())
    if isinstance(parts, (tuple, list)):
        return [tensor for part in parts for tensor in tensors_in(part)]
    return []


def swapped(parts: Any, new: Mapping[int, Tensor]) -> Any:  # noqa: ANN401  arguments of any kind
    """Return arguments with other tensors in the place of those of these ids."""
    if isinstance(parts, Tensor):
        return new.get(id(parts), parts)
    if type(parts) is dict:
        return {key: swapped(part, new) for key, part in parts.items()}
    if type(parts) in (tuple, list):
        return type(parts)(swapped(part, new) for part in parts)
    return parts


def _name_of(func: Function) -> str:
    """Return the name of an operation; of a property, the name of that."""
    name = str(getattr(func, "__name__", ""))
    if name == "__get__":
        return str(getattr(getattr(func, "__self__", None), "__name__", name))
    return name


def _out_of_place(
    func: Function, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Call, Tensor | None]:
    """Return the same operation out of place, and what it would have worked on in place."""
    place: Tensor | None = None
    if kwargs.get("inplace"):
        kwargs, place = {**kwargs, "inplace": False}, args[0]
    elif name == "__setitem__" or (name.startswith("__i") and name.endswith("__")):
        place = args[0]
        func = _on_a_copy(func)
    elif name.endswith("_") and not name.endswith("__") and name != "requires_grad_":
        place, name = args[0], name.removesuffix("_")
        func = getattr(torch, name, None) or getattr(Tensor, name, None) or _on_a_copy(func)
    if place is not None and place._is_view() and place._base.numel() != place.numel():  # type: ignore[union-attr]  # noqa: SLF001  torch has no other name; a view has a base
        raise UnsupportedModelError(
            f"The network works in place on a part of a tensor ({name}), so that the rest of it "
            "changes too. Write x[...] = value, or work on a copy."
        )
    kind = KINDS.get(name, "")
    return Call(kind=kind, name=name, func=func, args=args, kwargs=kwargs), place


def _on_a_copy(func: Function) -> Function:
    """Return an operation that works in place on a copy of its first argument."""

    def copied(first: Tensor, *rest: Any, **named: Any) -> Tensor:  # noqa: ANN401  as the operation
        whole = first.clone()
        out = func(whole, *rest, **named)
        return out if isinstance(out, Tensor) else whole

    copied.__name__ = getattr(func, "__name__", "in place")
    return copied
