"""From relevance of positions to values of players: tokens, patches, points in time, columns."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn

from whence.core.explanation import Attribution, Names
from whence.core.images import Images
from whence.core.inputs import Inputs
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.series import Series
from whence.core.types import Bools, Floats, Int32s
from whence.deep.engine.attention import (
    Piece,
    Query,
    Slopes,
    attended,
    check_query,
    present,
    read_at,
    told,
)
from whence.deep.engine.grids import extent_of, grid_of
from whence.deep.engine.result import numbers
from whence.deep.engine.run import Run, running
from whence.deep.engine.taps import Found
from whence.deep.target import Target, check_target
from whence.maskers.series import lag_names

if TYPE_CHECKING:
    from whence.deep.network import Network

Rule: TypeAlias = Callable[[Piece, Tensor], Tensor]
"""Attention of some rows, and the share of each position in what is read (rows, queries) ->
relevance of positions (targets, rows, keys)."""

_OF = ("layer", "head")


def tokenwise(
    network: "Network",
    target: Target,
    query: Query,
    rule: Rule,
    *,
    by_slopes: bool = False,
    warnings: tuple[str, ...] = (),
) -> Explain[Attribution]:
    """Check settings and return the function that explains rows by a rule.

    Without ``by_slopes`` there are slopes by the last weights at most, to find where scores are
    read.

    Raises
    ------
    InputError
        If the target or the query is none.
    """
    check_target(target)
    check_query(query)
    slopes: Slopes = "all" if by_slopes else "last" if query is None else "none"

    def explain(rows: Rows, *, rng: Generator) -> Attribution:  # noqa: ARG001  draws nothing
        with running(network, rows, target) as run:
            parts, scores, places = [], [], set()
            for piece in attended(run, slopes):
                shares = read_at(piece, query)
                places.add(told(shares, present(piece)))
                parts.append(rule(piece, shares))
                scores.append(piece.scores)
            return attribution(
                run, torch.cat(parts, dim=1), scores=torch.cat(scores),
                query=places.pop() if len(places) == 1 else "several", warnings=warnings,
            )  # fmt: skip

    return explain


def attribution(
    run: Run, relevance: Tensor, *, scores: Tensor, query: str, warnings: tuple[str, ...] = ()
) -> Attribution:
    """Return the attribution of a block.

    Parameters
    ----------
    run : Run
    relevance : tensor of shape (targets, rows, keys)
        Of each position that is attended to.
    scores : tensor of shape (rows, targets)
    query : str
        Where the scores are read.
    """
    values, data, features, mask = _placed(run, relevance)
    return built(
        run, values, scores, names=features, data=data, mask=mask, query=query, warnings=warnings
    )


def built(
    run: Run,
    values: Floats,
    scores: Tensor,
    *,
    names: tuple[str, ...],
    data: Inputs,
    mask: Bools | None,
    query: str | None,
    warnings: tuple[str, ...],
) -> Attribution:
    """Return an attribution of values (rows, *players, targets)."""
    outputs = numbers(scores)
    positions = run.scores.positions
    return Attribution(
        values=values,
        base_values=np.zeros_like(outputs),
        outputs=outputs,
        mask=mask,
        target=None if positions is None else positions.cpu().numpy().astype(np.int32),
        names=Names(features=names, outputs=run.scores.names),
        data=data,
        provenance=Provenance(
            settings={} if query is None else {"query": query},
            evaluations=run.passed - len(run),
            warnings=(*run.warnings, *warnings),
        ),
    )


def _placed(run: Run, part: Tensor) -> tuple[Floats, Inputs, tuple[str, ...], Bools | None]:
    """Return values (rows, *players, targets) of positions, rows with these players, and names."""
    keys, data = part.shape[2], run.layout.data
    source = run.batch.sources[0]
    if not source.is_floating_point() and source[0].numel() == keys:
        found = Found(tensor=torch.empty(0), places=torch.arange(keys, device=part.device))
        values = run.layout.values((part[..., None],), (found,), "sum")
        return values, data, run.layout.features, run.layout.mask
    sizes, prefix = positions_of(run, keys)
    values = np.ascontiguousarray(np.moveaxis(numbers(part[:, :, prefix:]), 0, -1))
    values = values.reshape(len(values), *sizes, -1)
    if isinstance(data, Images) and len(sizes) > 1:
        height, width = data.pixels.shape[1:3]
        row, column = (np.arange(n) * m // n for n, m in ((height, sizes[0]), (width, sizes[1])))
        cells = (row[:, None] * sizes[1] + column).astype(np.int32)
        return values, data.divided(_for_all(cells, len(values))), (), None
    if isinstance(data, Series) and sizes == data.values.shape[1:2]:
        segments = np.repeat(np.arange(sizes[0], dtype=np.int32)[:, None], data.values.shape[2], 1)
        alone = replace(data, channels=("channel 0",))
        names = lag_names(np.arange(sizes[0], dtype=np.int32), alone)
        return values, data.divided(_for_all(segments, len(values))), names, None
    if run.layout.features and len(run.layout.features) == sizes[0]:
        return values, data, run.layout.features, None
    return values, data, tuple(f"position {i}" for i in range(sizes[0])), None


def _for_all(segments: Int32s, rows: int) -> Int32s:
    return np.repeat(segments[None], rows, axis=0)


def positions_of(run: Run, keys: int) -> tuple[tuple[int, ...], int]:
    """Return how positions lie, such as patches (height, width), and how many stand before them.

    A class token that stands before columns, times or patches is no part of the row.
    """
    extent = extent_of(run)
    if extent.kind == "image":
        grid = grid_of((keys, 1), extent, nn.Identity())
        return (grid.sizes, grid.prefix) if grid is not None else ((keys,), 0)
    players = len(run.layout.features) if extent.kind == "columns" else extent.sizes[0]
    return ((keys - 1,), 1) if keys == players + 1 else ((keys,), 0)


def pairs(run: Run, weights: Tensor, scores: Tensor, warnings: tuple[str, ...]) -> Attribution:
    """Return weights themselves as an attribution.

    Parameters
    ----------
    weights : tensor of shape (rows, layers, heads, queries, keys)
    scores : tensor of shape (rows, 1)
    """
    there = numbers(weights.amax(dim=(1, 2, 3)) > 0).astype(np.bool_)
    mask = np.broadcast_to(there[:, None, None, None], weights.shape)
    if weights.shape[3] == weights.shape[4]:
        mask = mask & there[:, None, None, :, None]
    data, keys = run.layout.inputs, weights.shape[4]
    if run.layout.players is not None and run.layout.segments is not None:
        rows, tokens = np.nonzero(run.layout.players >= 0)
        segments = np.full((len(run), keys, 2), -1, dtype=np.int32)
        segments[rows, tokens] = run.layout.segments[rows, run.layout.players[rows, tokens]]
        data = data.divided(segments)
    names = _of_pairs(data, weights.shape[1:])
    return built(
        run, np.where(mask, numbers(weights), 0.0)[..., None], scores, names=names, data=data,
        mask=np.ascontiguousarray(mask), query=None, warnings=warnings,
    )  # fmt: skip


def _of_pairs(data: Inputs, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Name pairs where rows have names that might be taken for theirs, by what they differ in."""
    if not data.names:
        return ()
    layer, head = (f"{what} {{}}, " if n > 1 else "" for what, n in zip(_OF, shape, strict=False))
    return tuple(
        f"{layer.format(one)}{head.format(other)}{query} -> {key}"
        for one, other, query, key in np.ndindex(shape)
    )
