"""Rollout, flow and relevance: attention of one layer carried through all of them.

All take weights (rows, heads, queries, keys) per layer and tell what the positions of the last
layer hold of those of the first. A residual connection carries each position on by itself; where
queries are other things than keys, as in a pooling, there is none.
"""

from typing import Literal, TypeAlias

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow
from torch import Tensor

from whence.core.errors import UnsupportedModelError
from whence.core.types import Floats

Heads: TypeAlias = Literal["mean", "max", "min"]
"""What is made of the weights of several heads."""

_UNITS = 1 << 26
"""Units of flow in a capacity of 1; they are whole numbers."""


def joined(weights: Tensor, heads: Heads) -> Tensor:
    """Return weights (rows, heads, queries, keys) as one head, (rows, queries, keys)."""
    if heads == "mean":
        return weights.mean(dim=1)
    return weights.amax(dim=1) if heads == "max" else weights.amin(dim=1)


def carried(weights: Tensor, heads: Heads, discard: float) -> Tensor:
    """Return what a layer carries on, 0.5 A + 0.5 I, of shape (rows, queries, keys).

    The smallest weights, a share ``discard`` of each row's matrix, are put to 0. Lines add up to 1.
    """
    A = joined(weights, heads)
    rows, queries, keys = A.shape
    dropped = int(discard * queries * keys)
    if dropped:
        flat = A.reshape(rows, -1)
        A = flat.scatter(1, flat.topk(dropped, largest=False).indices, 0.0).view(A.shape)
    if queries == keys:
        A = 0.5 * A + 0.5 * torch.eye(keys, dtype=A.dtype, device=A.device)
    total = A.sum(dim=2, keepdim=True)
    return A / torch.where(total > 0, total, 1.0)


def rollout(layers: tuple[Tensor, ...]) -> Tensor:
    """Return the product of what layers carry on, the last first, (rows, queries, keys)."""
    out = layers[0]
    for layer in layers[1:]:
        out = layer @ out
    return out


def flow(layers: tuple[Tensor, ...], shares: Tensor) -> Tensor:
    """Return the largest flow from where the score is read to each position, (rows, keys).

    Each layer is a stage of a network of pipes, the weights are their capacities, and the score
    takes up to its share from each position of the last stage.
    """
    plain = [layer.cpu().numpy() for layer in layers]
    found = [
        _flow([layer[row] for layer in plain], shares[row].cpu().numpy())
        for row in range(len(shares))
    ]
    return torch.from_numpy(np.stack(found))


def _flow(layers: list[Floats], shares: Floats) -> Floats:
    """Return the flow to each position of one row: a maximum flow each."""
    sizes = [layers[0].shape[1], *(layer.shape[0] for layer in layers)]
    starts = np.cumsum([0, *sizes])
    source = int(starts[-1])
    tails = [np.full(sizes[-1], source)]
    heads = [starts[-2] + np.arange(sizes[-1])]
    room = [shares]
    for number, layer in enumerate(layers):
        query, key = np.nonzero(layer)
        tails.append(starts[number + 1] + query)
        heads.append(starts[number] + key)
        room.append(layer[query, key])
    capacity = np.rint(np.concatenate(room) * _UNITS).astype(np.int32)
    places = (np.concatenate(tails), np.concatenate(heads))
    pipes = csr_array((capacity, places), shape=(source + 1, source + 1))
    return np.array(
        [maximum_flow(pipes, source, key).flow_value / _UNITS for key in range(sizes[0])]
    )


def relevance(weights: tuple[Tensor, ...], slopes: tuple[Tensor, ...]) -> Tensor:
    """Return what positions hold of the input by attention that raises the score.

    Parameters
    ----------
    weights : tuple of tensors of shape (rows, heads, queries, keys)
    slopes : tuple of tensors like these
        Of one score.

    Returns
    -------
    tensor of shape (rows, queries, keys)
        Of the last attention's positions, and those of the first one; what a position holds of
        itself by the residual connections alone is left out.

    Raises
    ------
    UnsupportedModelError
        If lengths do not fit together.
    """
    length = weights[0].shape[3]
    source = _eye(weights[0], length)
    own: Tensor | None = None  # relevance of a decoder's positions to each other
    across: Tensor | None = None  # and to those of the source
    for A, G in zip(weights, slopes, strict=True):
        raising = (A * G).clamp(min=0).mean(dim=1)
        queries, keys = raising.shape[1:]
        if keys not in (length, queries):
            raise UnsupportedModelError(
                f"The network has attention of {queries} queries to {keys} keys, and its first one "
                f"is to {length} positions. Relevance is carried through encoders, decoders and "
                "poolings of one length. Take IntegratedGradients."
            )
        if own is None and queries == keys == length:
            source = source + raising @ source
            continue
        if own is None or own.shape[1] != queries:
            own = _eye(A, queries)
            across = A.new_zeros((len(A), queries, length))
        if across is None:
            raise RuntimeError("Both parts of a decoder begin at once.")
        if keys == queries:
            own, across = own + raising @ own, across + raising @ across
        else:
            across = across + _normal(own).transpose(1, 2) @ raising @ _normal(source)
    return source - _eye(weights[0], length) if across is None else across


def _eye(like: Tensor, size: int) -> Tensor:
    return torch.eye(size, dtype=like.dtype, device=like.device).expand(len(like), size, size)


def _normal(R: Tensor) -> Tensor:
    """Return relevance whose part beyond the identity adds up to 1 in each line, plus that."""
    identity = _eye(R, R.shape[1])
    beyond = R - identity
    total = beyond.sum(dim=2, keepdim=True)
    return beyond / torch.where(total > 0, total, 1.0) + identity


def read_relevance(
    weights: tuple[Tensor, ...], slopes: tuple[Tensor, ...], shares: Tensor
) -> Tensor:
    """Return the relevance (targets, rows, keys) where scores are read, by shares (rows, queries).

    Parameters
    ----------
    slopes : tuple of tensors of shape (targets, rows, heads, queries, keys)
    """
    each = [
        relevance(weights, tuple(one[target] for one in slopes)) for target in range(len(slopes[0]))
    ]
    return torch.stack([(shares[:, None] @ R).squeeze(1) for R in each])
