"""What a network attends to: the weights of a block of rows, and where its score is read.

A score is read off some positions of the last attention: the first of BERT's kind, the last of
GPT's, all where they are averaged. Which, the network itself tells: the score has no slope by the
weights of positions that it is not read from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from whence.core.errors import InputError, UnsupportedModelError
from whence.deep.engine.run import Run
from whence.deep.engine.taps import Found
from whence.deep.engine.weights import Attending, Weights

Slopes: TypeAlias = Literal["none", "last", "all"]
"""By which weights slopes of the scores are wanted."""
Query: TypeAlias = int | Literal["first", "last", "mean"] | None
"""The position that a score is read from; None finds it."""

_NOTHING = 1e-6
"""Slope by the weights of a position, as a share of the largest, at which it is read from."""
_PLACES = ("first", "last", "mean")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """The attention of some rows of a block; numbers are float64.

    Attributes
    ----------
    rows : slice
    weights : tuple of tensors of shape (rows, heads, queries, keys)
        Of each attention in the order in which they take place.
    slopes : tuple of tensors of shape (targets, rows, heads, queries, keys)
        Of the scores by the weights: of all, of the last one, or of none.
    scores : tensor of shape (rows, targets)
    """

    rows: slice
    weights: tuple[Tensor, ...]
    slopes: tuple[Tensor, ...]
    scores: Tensor


def check_query(query: object) -> None:
    """Refuse what is no position, before any work.

    Raises
    ------
    InputError
        If it is none.
    """
    whole = isinstance(query, (int, np.integer)) and not isinstance(query, bool)
    if query is not None and not whole and query not in _PLACES:
        raise InputError(
            f"query is {query!r}. Give the number of a position, 'first', 'last', 'mean', or None "
            "for where the network reads its score."
        )


def attended(run: Run, slopes: Slopes) -> Iterator[Piece]:
    """Pass the rows and yield their attention, cut into pieces that fit the memory.

    Raises
    ------
    UnsupportedModelError
        If the network does not attend to parts of a row.
    """
    for chunk in run.chunks(len(run), weight=2.0):  # weights that fused attention does not keep
        mode = Attending()
        count = chunk.stop - chunk.start
        if slopes == "none":
            with torch.no_grad():
                done = run.forward(chunk, mode=mode)
                scores = run.scores(done.answer, chunk, count, own=True)
        else:
            done, scores = run.measured(chunk, None, own=True, mode=mode)
        found = _of_rows(run, mode.found, count)
        wanted = {"none": [], "last": found[-1:], "all": found}[slopes]
        places = tuple(Found(tensor=one.tensor) for one in wanted)
        got = run.backward(scores, places) if places else ()
        yield Piece(
            rows=chunk,
            weights=tuple(_by_row(one, count) for one in found),
            slopes=tuple(
                torch.stack([_by_row(one, count, of_target) for of_target in of_one])
                for one, of_one in zip(wanted, got, strict=True)
            ),
            scores=scores.detach(),
        )


def _of_rows(run: Run, found: list[Weights], rows: int) -> list[Weights]:
    """Return the attention that keeps rows apart, and say so if there is none."""
    whole = [one for one in found if one.by_row(rows) is not None]
    if not whole:
        shapes = ", ".join(str(tuple(one.tensor.shape)) for one in found[:4])
        raise UnsupportedModelError(
            f"{run.network.name} shows no attention over parts of a row"
            f"{f', only weights of shape {shapes} for {rows} rows' if shapes else ''}. A softmax "
            "that weighs positions of each row is needed, or scaled_dot_product_attention. For "
            "other networks take IntegratedGradients, or GradCam for images."
        )
    return whole


def _by_row(weights: Weights, rows: int, tensor: Tensor | None = None) -> Tensor:
    found = weights.by_row(rows, tensor)
    if found is None:
        raise RuntimeError("Weights that are not of rows were left out.")
    return found.detach().double()


def present(piece: Piece) -> Tensor:
    """Return which keys of the last attention anything attends to, (rows, keys); not padding."""
    keys = piece.weights[-1].shape[3]
    alike = [one.amax(dim=(1, 2)) for one in piece.weights if one.shape[3] == keys]
    return torch.stack(alike).amax(dim=0) > 0


def read_at(piece: Piece, query: Query) -> Tensor:
    """Return the share of each position of the last attention in what is read, (rows, queries).

    Raises
    ------
    InputError
        If there is no such position.
    """
    last = piece.weights[-1]
    rows, _, queries, keys = last.shape
    there = present(piece) if keys == queries else last.new_ones(rows, queries, dtype=torch.bool)
    if query is None:
        size = piece.slopes[-1].abs().sum(dim=(0, 2, 4))
        used = size > _NOTHING * size.amax(dim=1, keepdim=True)
        chosen = torch.where(used.any(dim=1, keepdim=True), used, there)
    elif query == "mean":
        chosen = there
    else:
        place = _place(query, there)
        chosen = torch.arange(queries, device=last.device) == place[:, None]
    return chosen.double() / chosen.sum(dim=1, keepdim=True)


def _place(query: int | str, there: Tensor) -> Tensor:
    """Return the number of a position of each row, (rows,)."""
    queries = there.shape[1]
    count = torch.arange(1, queries + 1, device=there.device)
    if query == "last":
        return (there * count).amax(dim=1) - 1
    number = 0 if query == "first" else int(query)
    if not -queries <= number < queries:
        raise InputError(
            f"query is {query!r} and the last attention has {queries} positions. Give a number "
            f"from 0 to {queries - 1}, 'first', 'last', 'mean', or None."
        )
    return torch.full((len(there),), number % queries, device=there.device)


def told(shares: Tensor, there: Tensor | None) -> str:
    """Say in a word where scores are read, by shares (rows, queries)."""
    used = shares > 0
    single = bool((used.sum(dim=1) == 1).all())
    places = used.int().argmax(dim=1)
    if single and not bool(places.any()):
        return "first"
    if there is not None and there.shape == used.shape:
        if torch.equal(places, _place("last", there)) and single:
            return "last"
        if torch.equal(used, there):
            return "mean"
    return str(int(places[0])) if single and len(set(places.tolist())) == 1 else "several"


def square(piece: Piece, what: str) -> tuple[Tensor, ...]:
    """Return the weights of a piece, each attention of which reads what the one before gave.

    Raises
    ------
    UnsupportedModelError
        If one reads something else, as a decoder does.
    """
    length = piece.weights[0].shape[3]
    for one in piece.weights:
        if one.shape[3] != length:
            shapes = ", ".join(f"{w.shape[2]} x {w.shape[3]}" for w in piece.weights)
            raise UnsupportedModelError(
                f"{what} follows attention through layers, each over what the one before gave, "
                f"and the network has attention of {shapes} queries and keys. Take "
                "AttentionRelevance, which knows decoders, or IntegratedGradients."
            )
        length = one.shape[2]
    return piece.weights


def picked(piece: Piece, layer: int | None, head: int | None) -> Tensor:
    """Return weights of shape (rows, layers, heads, queries, keys), of one layer or head or all.

    Raises
    ------
    InputError
        If there is no such layer or head, or layers are of different shapes.
    """
    chosen = piece.weights if layer is None else (_one(piece.weights, layer, "layer"),)
    if len({one.shape for one in chosen}) > 1:
        shapes = ", ".join(str(tuple(one.shape[1:])) for one in chosen)
        raise InputError(
            f"layer is None and attention has the shapes (heads, queries, keys) {shapes}. Give one "
            "layer by number."
        )
    whole = torch.stack(chosen, dim=1)
    if head is None:
        return whole
    heads = tuple(whole.unbind(2))
    return _one(heads, head, "head").unsqueeze(2)


def _one(parts: tuple[Tensor, ...], number: int, what: str) -> Tensor:
    if not -len(parts) <= number < len(parts):
        raise InputError(
            f"{what} is {number!r} and attention has {len(parts)} {what}s. Give a number from 0 to "
            f"{len(parts) - 1}, or None."
        )
    return parts[number]
