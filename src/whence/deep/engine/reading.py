"""The user's rows as tensors of the kind, on the device and in the type that a module reads."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from whence.core.errors import InputError
from whence.core.forms import is_tensor
from whence.core.inputs import Inputs, Texts
from whence.core.types import Int32s, Ints
from whence.deep.engine.answers import told
from whence.deep.engine.batch import Batch, Key
from whence.deep.engine.layout import Layout
from whence.deep.engine.parts import reads_ids
from whence.models.voices.form import numeric_form, own_form

if TYPE_CHECKING:
    from whence.deep.network import Network

_OFFSETS = "offset_mapping"
_IDS = "input_ids"


def read(network: "Network", inputs: Inputs) -> tuple[Batch, Layout]:
    """Return rows as the arguments of a module, and how players follow from these.

    Raises
    ------
    InputError
        If the module cannot be given such rows.
    """
    if network.arguments is not None:
        return _by_function(network, inputs)
    if isinstance(inputs, Texts):
        return _texts(network, inputs)
    own = tensor_like(numeric_form(inputs, network.name), network.module)
    batch = Batch(args=(own,), kwargs={}, explained=(0,))
    return batch, Layout(inputs=inputs, own=True, shapes=(tuple(own.shape[1:]),), names=("X",))


def tensor_like(rows: Any, module: nn.Module) -> Tensor:  # noqa: ANN401  an array or a tensor
    """Return a copy of rows on the device of a module, and of its type if they are no ids."""
    if is_tensor(rows):
        tensor = cast("Tensor", rows).detach()
    else:
        plain = np.ascontiguousarray(rows)
        tensor = torch.from_numpy(plain if plain.flags.writeable else plain.copy())
    weights = (*module.parameters(), *module.buffers())
    like = next((p for p in weights if p.is_floating_point()), None)
    device = tensor.device if like is None else like.device
    dtype = torch.get_default_dtype() if like is None else like.dtype
    if not tensor.is_floating_point() and tensor.dtype != torch.uint8 and reads_ids(module, tensor):
        dtype = torch.int64
    elif like is None and tensor.is_floating_point():
        dtype = tensor.dtype
    return tensor.to(device=device, dtype=dtype, copy=True)


def _by_function(network: "Network", inputs: Inputs) -> tuple[Batch, Layout]:
    """Return the arguments that the user's own function makes of rows."""
    if network.arguments is None:
        raise RuntimeError("There is no function of the user's own.")
    made = network.arguments(own_form(inputs))
    args: tuple[Tensor, ...] = ()
    kwargs: dict[str, Tensor] = {}
    if isinstance(made, Mapping):
        kwargs = {str(key): value for key, value in made.items()}
    else:
        args = tuple(made) if isinstance(made, (tuple, list)) else (made,)
    everything: dict[Key, object] = dict(enumerate(args))
    everything.update(kwargs)
    for key, value in everything.items():
        if not isinstance(value, Tensor) or len(value) != len(inputs):
            raise InputError(
                f"arguments, a function of the rows, made {told(value)} of argument {key!r} for "
                f"{len(inputs)} rows. Tensors with one entry per row are needed."
            )
    explained = network.explained or tuple(
        k for k, v in everything.items() if isinstance(v, Tensor) and v.is_floating_point()
    )
    if not explained or any(key not in everything for key in explained):
        raise InputError(
            f"explained is {network.explained!r} and the arguments are "
            f"{', '.join(map(repr, everything))}. Name those of them that are to be explained."
        )
    batch = Batch(args=args, kwargs=kwargs, explained=explained)
    shapes = tuple(tuple(source.shape[1:]) for source in batch.sources)
    own = (
        len(shapes) == 1
        and not isinstance(inputs, Texts)
        and ((len(inputs), *shapes[0]) == np.shape(cast("Any", own_form(inputs))))
    )
    return batch, Layout(
        inputs=inputs, own=own, shapes=shapes, names=tuple(str(key) for key in explained)
    )


def _texts(network: "Network", texts: Texts) -> tuple[Batch, Layout]:
    encoded = _encoded(network, texts)
    ids, offsets = encoded[_IDS], np.asarray(encoded.pop(_OFFSETS).cpu(), dtype=np.int64)
    players, segments = _players(offsets)
    args, kwargs = _arguments(network, encoded)
    key: Key = _IDS if _IDS in kwargs else 0
    return (
        Batch(args=args, kwargs=kwargs, explained=(key,)),
        Layout(
            inputs=texts, own=True, shapes=(tuple(ids.shape[1:]),), names=(_IDS,),
            players=players, segments=segments,
        ),
    )  # fmt: skip


def _encoded(network: "Network", texts: Texts) -> dict[str, Tensor]:
    """Return what the tokenizer makes of texts, as tensors on the device of the module."""
    tokenizer = network.tokenizer
    if tokenizer is None:
        raise InputError(
            f"X holds texts and {network.name} reads numbers. Give its tokenizer: "
            "wh.network(module, tokenizer=tokenizer)."
        )
    strings = list(texts.strings)
    if any(kind.__name__ == "PreTrainedTokenizerBase" for kind in type(tokenizer).__mro__):
        if not getattr(tokenizer, "is_fast", False):
            raise InputError(
                f"The tokenizer {type(tokenizer).__name__} does not say where its tokens stand. "
                "Use the fast one: AutoTokenizer.from_pretrained(..., use_fast=True)."
            )
        made = tokenizer(
            strings, padding=True, truncation=True, return_offsets_mapping=True,
            return_tensors="pt",
        )  # fmt: skip
    else:
        made = tokenizer(strings)
    if not isinstance(made, Mapping) or _IDS not in made or _OFFSETS not in made:
        keys = list(made) if isinstance(made, Mapping) else type(made).__name__
        raise InputError(
            f"The tokenizer made {keys} of {len(strings)} texts. A dict is needed with 'input_ids' "
            "of shape (texts, tokens) and 'offset_mapping' of shape (texts, tokens, 2): first "
            "character and the one after the last, (0, 0) of special tokens and padding."
        )
    like = next(iter(network.module.parameters()), None)
    device = None if like is None else like.device
    return {str(k): torch.as_tensor(v).to(device) for k, v in made.items()}


def _arguments(
    network: "Network", encoded: dict[str, Tensor]
) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """Return by name what the module knows by name; else the ids come first."""
    parameters = inspect.signature(network.module.forward).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = {k: v for k, v in encoded.items() if takes_all or k in parameters}
    if _IDS in named:
        return (), named
    return (encoded[_IDS],), {k: v for k, v in named.items() if k != _IDS}


def _players(offsets: Ints) -> tuple[Ints, Int32s]:
    """Give a number to the tokens of each text that stand for some of its characters."""
    real = offsets[..., 1] > offsets[..., 0]
    players = np.where(real, np.cumsum(real, axis=1) - 1, -1)
    segments = np.full((len(offsets), max(1, int(real.sum(axis=1).max())), 2), -1, dtype=np.int32)
    rows, tokens = np.nonzero(real)
    segments[rows, players[rows, tokens]] = offsets[rows, tokens]
    return players, segments
