"""The parts of a module by name.

They are what ``named_modules`` has, and of Keras models the layers too: those are kept in lists of
Keras' own, which torch does not see.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from whence.core.errors import InputError

_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


def parts_of(module: nn.Module) -> dict[str, nn.Module]:
    """Return the parts of a module by name, the module itself first, under no name.

    Examples
    --------
    >>> list(parts_of(nn.Sequential(nn.Linear(2, 2), nn.ReLU())))
    ['', '0', '1']
    """
    parts: dict[str, nn.Module] = dict(module.named_modules())
    if is_keras(module):
        known = {id(part) for part in parts.values()}
        parts.update((name, part) for name, part in _layers(module, "") if id(part) not in known)
    return parts


def is_keras(part: nn.Module) -> bool:
    """Tell whether a module is a layer or model of Keras on its torch backend."""
    return any(kind.__module__.partition(".")[0] == "keras" for kind in type(part).__mro__)


def _layers(part: Any, prefix: str) -> Iterator[tuple[str, nn.Module]]:  # noqa: ANN401  of Keras
    """Give the layers of a Keras model in their order, those within others below their names."""
    for layer in part._flatten_layers(include_self=False, recursive=False):  # noqa: SLF001  only models say it publicly
        yield f"{prefix}{layer.name}", layer
        yield from _layers(layer, f"{prefix}{layer.name}.")


def layer_of(module: nn.Module, name: str) -> nn.Module:
    """Return a part of a module by name.

    Raises
    ------
    InputError
        If there is none.
    """
    parts = parts_of(module)
    if name not in parts:
        from difflib import get_close_matches

        near = get_close_matches(name, parts, 3) or [key for key in parts if key][:8]
        raise InputError(
            f"layer is {name!r} and the network has no such part. Near to it are "
            f"{', '.join(map(repr, near))}. The names are those of module.named_modules(), of "
            "Keras those of its layers."
        )
    return parts[name]


def reads_ids(module: nn.Module, rows: Tensor) -> bool:
    """Tell whether whole numbers are ids to a module, and no amounts.

    They are if the first of its parts that has parameters is an Embedding. If one comes later it is
    tried, since parts need not be used in the order in which they were made.

    Examples
    --------
    >>> rows = torch.zeros((1, 2), dtype=torch.int64)
    >>> reads_ids(nn.Sequential(nn.Embedding(9, 2), nn.Flatten()), rows)
    True
    >>> reads_ids(nn.Linear(2, 1), rows)
    False
    """
    if is_keras(module):
        leaves = (part for _, part in _layers(module, "") if not any(_layers(part, "")))
        first = next((part for part in leaves if next(part.parameters(), None) is not None), None)
        return type(first).__name__ == "Embedding"
    weighted = [p for p in module.modules() if next(p.parameters(recurse=False), None) is not None]
    embeds = [isinstance(part, _EMBEDDINGS) for part in weighted]
    return any(embeds) and (embeds[0] or _reads_zeros(module, rows))


def _reads_zeros(module: nn.Module, rows: Tensor) -> bool:
    """Tell whether a module, which is held, can be asked about whole numbers of this shape."""
    like = next(module.parameters())
    try:
        with torch.no_grad():
            module(torch.zeros(rows[:1].shape, dtype=torch.int64, device=like.device))
    except (RuntimeError, TypeError, ValueError, IndexError):  # whatever a module raises: it cannot
        return False
    return True
