"""One sweep over the rows of a run, the graph cut at some layers, and kept where that is asked for.

All before the layers keeps nothing for the way back, which is as short as it can be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from whence.deep.engine.batch import Batch
from whence.deep.engine.finder import last_map
from whence.deep.engine.grids import extent_of
from whence.deep.engine.run import Run
from whence.deep.engine.scores import Scores
from whence.deep.sharing import kept
from whence.deep.target import Target

if TYPE_CHECKING:
    from whence.deep.network import Network

Layers: TypeAlias = str | tuple[str, ...] | None
"""One layer by name, several, or None for the last one whose output is a map."""

_SHARE = 0.25
"""Share of the memory that the slopes of several targets may take at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """What a sweep found of some rows and some targets.

    Attributes
    ----------
    layers : tuple of str
    targets : slice
        Those of all rows of the piece come one piece after the other.
    scores : tensor of shape (rows, targets)
    values : tuple of tensors of shape (rows, *layer)
        Per layer.
    slopes : tuple of tensors of shape (targets, rows, *layer) or None
        Per layer; None where none were asked for.
    """

    layers: tuple[str, ...]
    targets: slice
    scores: Tensor
    values: tuple[Tensor, ...]
    slopes: tuple[Tensor, ...] | None

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return sum(part.nbytes for part in (*self.values, *(self.slopes or ())))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Swept:
    """A sweep that is kept, and what it is of."""

    network: "Network"
    stamp: tuple[object, ...]
    target: Target
    layer: Layers
    batch: Batch
    scores: Scores
    pieces: tuple[Piece, ...]


def sweep(run: Run, layer: Layers, *, slopes: bool) -> Iterator[Piece]:
    """Pass the rows of a run once, or recall what was found when they were passed before.

    The predicted outputs of the rows are settled afterwards.
    """
    memory = kept()
    for one in memory or ():
        if _is_of(one, run, layer, slopes=slopes):
            run.scores = one.scores
            yield from one.pieces
            return
    run.watched = layers_of(run, layer)
    found, size = [], 0
    for piece in _passed(run, slopes=slopes):
        size += piece.nbytes
        if memory is not None and size <= run.network.memory:
            found.append(piece)
        yield piece
    run.watched = ()
    if memory is not None and size <= run.network.memory:
        memory.append(
            _Swept(
                network=run.network, stamp=run.network.stamp(), target=run.scores.target,
                layer=layer, batch=run.batch, scores=run.scores, pieces=tuple(found),
            )
        )  # fmt: skip


def _is_of(one: _Swept, run: Run, layer: Layers, *, slopes: bool) -> bool:
    """Tell whether a sweep that is kept is what would be found now."""
    old, new = one.network, run.network
    same = old.module is new.module and all(
        getattr(old, name) == getattr(new, name) for name in ("outputs", "answer", "response")
    )
    return (
        same
        and one.layer == layer
        and one.target == run.scores.target
        and (not slopes or one.pieces[0].slopes is not None)
        and one.stamp == new.stamp()
        and _equal(one.batch, run.batch)
    )


def _equal(one: Batch, other: Batch) -> bool:
    keys = one.kwargs.keys() == other.kwargs.keys() and len(one.args) == len(other.args)
    return (
        keys
        and one.explained == other.explained
        and all(torch.equal(a, b) for a, b in zip(one.args, other.args, strict=True))
        and all(torch.equal(part, other.kwargs[key]) for key, part in one.kwargs.items())
    )


def layers_of(run: Run, layer: Layers) -> tuple[str, ...]:
    """Return the layers asked for, or the one that is found, once for rows of a shape."""
    if layer is not None:
        return (layer,) if isinstance(layer, str) else layer
    shapes = tuple(tuple(source.shape[1:]) for source in run.batch.sources)
    key = (run.scores.target, type(run.inputs), shapes)
    known = run.network.map_of(key)
    if known is None:
        known = last_map(run, extent_of(run))
        run.network.note_map(key, known)
    return (known,)


def _passed(run: Run, *, slopes: bool) -> Iterator[Piece]:
    for chunk in run.chunks(len(run), weight=1.0 if slopes else _SHARE):
        if not slopes:
            with torch.no_grad():
                done = run.forward(chunk)
                count = chunk.stop - chunk.start
                scores = run.finite(run.scores(done.answer, chunk, count, own=True))
        else:
            done, scores = run.measured(chunk, None, own=True)
        values = tuple(one.by_row.detach() for one in done.found)
        width, size = scores.shape[1], sum(part.nbytes for part in values)
        step = max(1, int(_SHARE * run.network.memory) // max(size, 1)) if slopes else width
        for first in range(0, width, step):
            part = slice(first, min(first + step, width))
            found = (
                run.backward(scores[:, part], done.found, keep=part.stop < width)
                if slopes
                else None
            )
            yield Piece(
                layers=run.watched, targets=part, scores=scores[:, part].detach(),
                values=values, slopes=found,
            )  # fmt: skip
