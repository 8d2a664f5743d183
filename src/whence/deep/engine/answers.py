"""What a module answers, brought to one line of outputs per row.

An answer is a tensor, an object or mapping with ``logits``, or a tuple that begins with a tensor;
anything else needs the user's word for which part of it counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from whence.core.errors import InputError

Part: TypeAlias = str | Callable[[Any], Tensor] | None
"""Which part of an answer counts: its name, or a function; None looks for it."""

_LOGITS = "logits"
_LINE = 2


def outputs_in(answer: object, part: Part, rows: int, name: str) -> Tensor:
    """Return the outputs in an answer, of shape (rows, outputs).

    Parameters
    ----------
    answer : object
        What the module gave.
    part : str, callable or None
    rows : int
        Rows it was asked about.
    name : str
        What messages call the module.

    Raises
    ------
    InputError
        If there are none.

    Examples
    --------
    >>> outputs_in({"logits": torch.zeros(2, 3)}, None, 2, "The network").shape
    torch.Size([2, 3])
    """
    found = part(answer) if callable(part) else _named(answer, part, name)
    if not isinstance(found, Tensor) or found.ndim not in (1, _LINE) or len(found) != rows:
        raise InputError(
            f"{name} was asked about {rows} rows and answered with {told(found)}. Outputs of shape "
            "(rows,) or (rows, outputs) are needed. Give target=, a function of the answer that "
            "gives a score per row, or wh.network(module, answer=...), the part of it that counts."
        )
    if not found.is_floating_point():
        raise InputError(
            f"{name} answered with {told(found)}, by which there is no gradient. Give the scores "
            "before they are rounded."
        )
    return found.reshape(rows, -1)


def _named(answer: object, part: str | None, name: str) -> object:
    parts = _parts(answer)
    if part is not None:
        if part not in parts:
            raise InputError(
                f"answer is {part!r} and {name[:1].lower() + name[1:]} answered with "
                f"{told(answer)}. Give one of {', '.join(map(repr, parts)) or 'none'}, or a "
                "function."
            )
        return parts[part]
    if isinstance(answer, Tensor):
        return answer
    if _LOGITS in parts:
        return parts[_LOGITS]
    if isinstance(answer, (tuple, list)) and answer and isinstance(answer[0], Tensor):
        return answer[0]
    single = [value for value in parts.values() if isinstance(value, Tensor)]
    return single[0] if len(single) == 1 else answer


def _parts(answer: object) -> dict[str, object]:
    if isinstance(answer, Mapping):
        return {str(key): value for key, value in answer.items()}
    if is_dataclass(answer):
        return {f.name: getattr(answer, f.name) for f in fields(answer)}
    if hasattr(answer, "_asdict"):  # a named tuple
        return dict(answer._asdict())
    return {}


def told(answer: object) -> str:
    """Return an answer in words: its type, and the shapes in it.

    Examples
    --------
    >>> told({"a": torch.zeros(2, 3)})
    'dict(a (2, 3))'
    """
    if isinstance(answer, Tensor):
        return f"a tensor of shape {tuple(answer.shape)} and {str(answer.dtype)[6:]}"
    parts = _parts(answer)
    if isinstance(answer, (tuple, list)) and not parts:
        parts = {str(i): value for i, value in enumerate(answer)}
    shapes = ", ".join(
        f"{key} {tuple(value.shape)}" if isinstance(value, Tensor) else key
        for key, value in parts.items()
        if value is not None
    )
    return f"{type(answer).__name__}({shapes})"


def response(outputs: Tensor, name: str) -> Tensor:
    """Return what is made of raw outputs: "identity", or "softmax", of one output logistic."""
    if name == "identity":
        return outputs
    return torch.sigmoid(outputs) if outputs.shape[1] == 1 else torch.softmax(outputs, dim=1)
