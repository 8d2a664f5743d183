"""What the channels of a layer do to the score, each by itself: shown alone, or taken away."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import torch
from numpy.random import Generator
from torch import Tensor

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.deep.engine.grids import Extent, Grid, extent_of
from whence.deep.engine.maps import check_cam, explanation, lies, resized
from whence.deep.engine.run import Run, running
from whence.deep.engine.sweep import Layers, sweep
from whence.deep.target import Target

if TYPE_CHECKING:
    from whence.deep.network import Network

Weigh: TypeAlias = Callable[[Run, str, Grid, Tensor, Tensor], Tensor]
"""A run, the name of a layer, how its map lies, what it gives (rows, *layer), and the scores (rows,
targets) -> weights of its channels (targets, rows, channels) in float64."""

_FORWARD = 0.25
"""Memory of a pass without gradients, as a share of one with them."""


def weighted(
    network: "Network", target: Target, layer: Layers, weigh: Weigh, *, relu: bool
) -> Explain[Attribution]:
    """Check settings and return the function that explains rows by channels weighted so.

    Raises
    ------
    InputError
        If a setting cannot be used.
    """
    check_cam(network, target, layer, relu=relu)

    def explain(rows: Rows, *, rng: Generator) -> Attribution:  # noqa: ARG001  draws nothing
        with running(network, rows, target) as run:
            pieces = list(sweep(run, layer, slopes=False))
            scores = torch.cat([piece.scores for piece in pieces])
            layers = {}
            for i, name in enumerate(pieces[0].layers):
                values = torch.cat([piece.values[i] for piece in pieces])
                grid = lies(run, name, values)
                weights = weigh(run, name, grid, values, scores)
                maps = torch.einsum("trk,rkc->trc", weights, grid.cells(values.double()))
                layers[name] = (grid, maps)
            return explanation(run, layers, scores, relu=relu)

    return explain


def by_showing(run: Run, _name: str, grid: Grid, values: Tensor, scores: Tensor) -> Tensor:
    """Weigh each channel by the score of the row seen through it, as shares of one.

    Channels that are the same everywhere show nothing, and are left out.
    """
    extent, cells = extent_of(run), grid.cells(values.double())
    x = _source(run, extent)
    low, high = cells.amin(dim=2), cells.amax(dim=2)
    row, channel = (high > low).nonzero(as_tuple=True)
    shown: list[Tensor] = []
    for chunk in run.chunks(len(row), weight=_FORWARD):
        which = row[chunk]
        maps = cells[which, channel[chunk]].reshape(len(which), 1, *grid.sizes)
        mask = _from_0_to_1(resized(maps, extent.sizes)[:, 0])
        shape = [len(which), *(1 for _ in x.shape[1:])]
        shape[extent.axis : extent.axis + len(extent.sizes)] = extent.sizes
        said = run.asked(which, (x[which] * mask.reshape(shape).to(x.dtype),))
        shown.append(run.finite(said).double())
    if not shown:
        return cells.new_zeros((scores.shape[1], *low.shape))
    found = torch.cat(shown)
    each = found.new_full((*low.shape, found.shape[1]), -torch.inf)
    each[row, channel] = found
    some = (high > low).any(dim=1)[:, None, None]  # of no channels there are no shares
    return torch.where(some, each.softmax(dim=1), 0.0).permute(2, 0, 1)


def _source(run: Run, extent: Extent) -> Tensor:
    """Return what is seen through a map."""
    sources = run.batch.sources
    places = tuple(sources[0].shape[extent.axis :][: len(extent.sizes)])
    if len(sources) != 1 or not sources[0].is_floating_point() or places != extent.sizes:
        shapes = ", ".join(f"{tuple(s.shape)} {str(s.dtype)[6:]}" for s in sources)
        raise InputError(
            f"Rows are seen through maps of {' x '.join(map(str, extent.sizes))} places, and what "
            f"is explained has shape {shapes}. One argument of numbers with these places is "
            "needed; AblationCam needs none."
        )
    return sources[0]


def _from_0_to_1(maps: Tensor) -> Tensor:
    low, high = (end(maps.flatten(1), dim=1) for end in (torch.amin, torch.amax))
    one = (-1, *(1 for _ in maps.shape[1:]))
    return (maps - low.reshape(one)) / (high - low).clamp(min=torch.finfo(maps.dtype).tiny).reshape(
        one
    )


def by_taking_away(run: Run, name: str, grid: Grid, values: Tensor, scores: Tensor) -> Tensor:
    """Weigh each channel by how far the score falls without it, as a share of the score.

    A channel of zeros makes no difference, and is not asked about.
    """
    run.layer = name
    with torch.no_grad():
        run.forward(slice(0, 1))  # learns how often the layer is used
    full, cells = scores.double(), grid.cells(values)
    falls = full.new_zeros((len(values), cells.shape[1], full.shape[1]))
    short = True
    for i, own in enumerate(values):
        (channels,) = (cells[i] != 0).any(dim=1).nonzero(as_tuple=True)
        for chunk in run.chunks(len(channels), weight=_FORWARD):
            part = channels[chunk]
            put = grid.without(own.expand(len(part), *own.shape), part)
            found = _from_layer_on(run, i, put, own, scores[i]) if short else None
            if found is None:
                short = False
                found = run.asked(torch.full_like(part, i), (put,))
            falls[i, part] = full[i] - run.finite(found).double()
    run.layer = None
    size = full.abs()
    return (falls / size.where(size > 0, 1)[:, None]).permute(2, 0, 1)


def _from_layer_on(run: Run, row: int, put: Tensor, own: Tensor, score: Tensor) -> Tensor | None:
    """Ask about many values at a layer with a single row before it; None if that cannot be done.

    What comes before the layer is then computed once. Most networks let that pass, since all they
    do later is done for each row by itself; the row's own value goes along and has to give its own
    score.
    """
    with torch.no_grad():
        try:
            done = run.forward(slice(row, row + 1), (torch.cat([put, own[None]]),))
            count = len(put) + 1
            rows = torch.full((count,), row, device=put.device)
            found = run.scores(done.answer, rows, count, own=False)
        except InputError:  # it counts its rows at the start
            return None
    run.passed += len(put)
    near = torch.finfo(own.dtype).eps ** 0.5
    return found[:-1] if torch.allclose(found[-1], score, rtol=near, atol=near) else None
