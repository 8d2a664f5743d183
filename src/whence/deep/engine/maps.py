"""Class activation maps: what a layer shows and by what slopes it matters.

A formula makes maps of activations A (rows, channels, cells) and slopes G (targets, rows, channels,
cells), as one sweep finds them. Several layers are averaged, and maps become values of places.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from whence.core.errors import InputError
from whence.core.explanation import Attribution, Names
from whence.core.inputs import Inputs, Series
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.types import Floats
from whence.deep.engine.grids import Grid, extent_of, grid_of
from whence.deep.engine.result import numbers
from whence.deep.engine.run import Run, running
from whence.deep.engine.sweep import Layers, Piece, sweep
from whence.deep.engine.taps import Found, layer_of
from whence.deep.target import Target, check_target
from whence.maskers.series import lag_names

if TYPE_CHECKING:
    from whence.deep.network import Network

Formula: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Activations (rows, channels, cells) and slopes (targets, rows, channels, cells) -> maps (targets,
rows, cells); all float64."""

_MAP = 2


def check_cam(network: "Network", target: Target, layer: Layers, *, relu: bool) -> None:
    """Refuse settings that cannot be used, before any work.

    Raises
    ------
    InputError
        If the target is none, the network has no such layer, or ``relu`` is no bool.
    """
    check_target(target)
    named = (layer,) if isinstance(layer, str) else layer
    if named is not None:
        whole = isinstance(named, tuple) and all(isinstance(name, str) for name in named)
        if not whole or not named or len(set(named)) != len(named):
            raise InputError(
                f"layer is {layer!r:.60}. The name of a layer is needed, a tuple of different "
                "names, or None for the last layer whose output is a map."
            )
        for name in named:
            layer_of(network.module, name)
    if not isinstance(relu, bool):
        raise InputError(f"relu is {relu!r}. Give True or False.")


def mapped(
    network: "Network",
    target: Target,
    layer: Layers,
    formula: Formula,
    *,
    relu: bool,
    slopes: bool = True,
) -> Explain[Attribution]:
    """Check settings and return the function that explains rows by what a formula makes of a sweep.

    Without ``slopes`` the formula gets zeros of shape (targets, rows, 1, 1) for them.

    Raises
    ------
    InputError
        If a setting cannot be used.
    """
    check_cam(network, target, layer, relu=relu)

    def explain(rows: Rows, *, rng: Generator) -> Attribution:  # noqa: ARG001  draws nothing
        with running(network, rows, target) as run:
            grids: dict[str, Grid] = {}
            maps: dict[str, list[list[Tensor]]] = {}
            scores: list[list[Tensor]] = []
            for piece in sweep(run, layer, slopes=slopes):
                _into(scores, piece, piece.scores)
                for i, name in enumerate(piece.layers):
                    if name not in grids:
                        grids[name] = lies(run, name, piece.values[i])
                    made = _made(piece, i, grids[name], formula)
                    _into(maps.setdefault(name, []), piece, made)
            layers = {
                name: (grids[name], torch.cat([torch.cat(block) for block in blocks], dim=1))
                for name, blocks in maps.items()
            }
            said = torch.cat([torch.cat(block, dim=1) for block in scores])
            return explanation(run, layers, said, relu=relu)

    return explain


def _into(blocks: list[list[Tensor]], piece: Piece, part: Tensor) -> None:
    """Add what belongs to some targets of a block of rows."""
    if not piece.targets.start:
        blocks.append([])
    blocks[-1].append(part)


def _made(piece: Piece, number: int, grid: Grid, formula: Formula) -> Tensor:
    """Return the maps (targets, rows, cells) of a piece at one of its layers."""
    A = grid.cells(piece.values[number].double())
    count = piece.targets.stop - piece.targets.start
    if piece.slopes is None:
        return formula(A, A.new_zeros((count, len(A), 1, 1)))
    slopes = piece.slopes[number].double()
    G = grid.cells(slopes.flatten(0, 1)).reshape(count, len(A), *A.shape[1:])
    return formula(A, G)


def lies(run: Run, name: str, values: Tensor) -> Grid:
    """Return how a map lies in the output of a layer.

    Raises
    ------
    InputError
        If the output is no map.
    """
    extent = extent_of(run)
    grid = grid_of(tuple(values.shape[1:]), extent, layer_of(run.network.module, name))
    if grid is None:
        what = " x ".join(map(str, extent.sizes)) or "no places, as rows of a table have none"
        raise InputError(
            f"Layer {name!r} gives {tuple(values.shape[1:])} per row, which is no map of what is "
            f"explained ({extent.kind}: {what}). Give a layer whose output has places, or None for "
            "the last one that has."
        )
    return grid


def explanation(
    run: Run, layers: dict[str, tuple[Grid, Tensor]], scores: Tensor, *, relu: bool
) -> Attribution:
    """Return the attribution of a block.

    Parameters
    ----------
    run : Run
    layers : dict of str to Grid and tensor of shape (targets, rows, cells)
        The maps at each layer.
    scores : tensor of shape (rows, targets)
    relu : bool
        Whether values below zero become zero.
    """
    maps = _averaged(list(layers.values()))
    maps = maps.clamp(min=0) if relu else maps
    outputs, positions = numbers(scores), run.scores.positions
    values, data, features = _placed(run, maps)
    nothing = tuple(
        f"Layer {name!r}: every value of the map is 0. The score does not come from there, or "
        "no slope reaches it."
        for name, (_, found) in layers.items()
        if not bool(found.any())
    )
    return Attribution(
        values=values,
        base_values=np.zeros_like(outputs),
        outputs=outputs,
        mask=run.layout.mask,
        target=None if positions is None else positions.cpu().numpy().astype(np.int32),
        names=Names(features=features, outputs=run.scores.names),
        data=data,
        provenance=Provenance(
            settings={"layer": next(iter(layers)) if len(layers) == 1 else tuple(layers)},
            evaluations=run.passed - len(run),
            warnings=(*run.warnings, *nothing),
        ),
    )


def _averaged(maps: list[tuple[Grid, Tensor]]) -> Tensor:
    """Return the mean of maps (targets, rows, *cells), brought to the cells of the finest."""
    finest = max((grid.sizes for grid, _ in maps), key=np.prod)
    return torch.stack(
        [resized(part.reshape(*part.shape[:2], *grid.sizes), finest) for grid, part in maps]
    ).mean(0)


def resized(maps: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Interpolate maps (lead, lead, *cells) to other cells."""
    if tuple(maps.shape[2:]) == tuple(sizes):
        return maps
    mode = "bilinear" if len(sizes) == _MAP else "linear"
    return functional.interpolate(maps, size=tuple(sizes), mode=mode, align_corners=False)


def _placed(run: Run, maps: Tensor) -> tuple[Floats, Inputs, tuple[str, ...]]:
    """Return values (rows, *players, targets), the rows with these players, and their names."""
    data = run.layout.data
    extent = extent_of(run)
    if extent.kind == "tokens":
        found = (Found(tensor=torch.empty(0)),)
        whole = resized(maps, extent.sizes)
        return run.layout.values((whole,), found, "sum"), data, run.layout.features
    values = np.ascontiguousarray(np.moveaxis(numbers(maps), 0, -1))
    if not isinstance(data, Series):
        return values, data, ()
    times, cells = data.values.shape[1], values.shape[1]
    part = (np.arange(times) * cells // times).astype(np.int32)
    segments = np.broadcast_to(part[None, :, None], data.values.shape)
    alone = replace(data, channels=("channel 0",))
    return values, data.divided(np.ascontiguousarray(segments)), lag_names(part, alone)
