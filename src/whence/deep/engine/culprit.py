"""Which operation makes a gradient that is not finite."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.graph import Node


def first_not_finite(scores: Tensor, places: tuple[Tensor, ...]) -> str:
    """Return the operation whose gradient is not finite where what reached it was; "" if none is.

    Anomaly detection of torch would name only those that make NaN, and a root at zero makes
    infinity.

    Examples
    --------
    >>> x = torch.zeros(1, requires_grad=True)
    >>> first_not_finite(x.exp().log().sqrt(), (x,))
    'sqrt'
    """
    found: list[str] = []
    handles = [node.register_hook(_watching(node, found)) for node in _nodes(scores)]
    try:
        torch.autograd.grad(scores.sum(), places, allow_unused=True)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else ""


def _watching(node: Node, found: list[str]) -> Callable[..., None]:
    def watch(made: tuple[Tensor | None, ...], reached: tuple[Tensor | None, ...]) -> None:
        if _finite(reached) and not _finite(made):
            found.append(node.name().removesuffix("0").removesuffix("Backward").lower())

    return watch


def _finite(parts: tuple[Tensor | None, ...]) -> bool:
    return all(part is None or bool(torch.isfinite(part).all()) for part in parts)


def _nodes(scores: Tensor) -> list[Node]:
    """Return the operations behind scores."""
    nodes: dict[Node, None] = {}
    waiting = [scores.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in nodes:
            nodes[node] = None
            waiting += [behind for behind, _ in node.next_functions]
    return list(nodes)
