"""The layer that a class activation map is drawn at, found by passing two rows through.

It is the last one whose output is a map and whose places reach the score. In a transformer that
reads its class token alone, no patch behind the last attention does; the layer is then the one
before that attention. What is only a branch, as queries, keys and values are, is passed over.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from whence.core.errors import UnsupportedModelError
from whence.deep.engine.grids import Extent, Grid, grid_of
from whence.deep.engine.parts import parts_of
from whence.deep.engine.run import Run
from whence.deep.engine.taps import first_tensor, leaf, tapped, with_first

_LISTED = 12
_MAP_AXES = 3
_FEW = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """What one layer gave at its last use.

    Attributes
    ----------
    name : str
    tensor : Tensor
    source : object
        What it was given; held, so that it can be told from others.
    plain : bool
        Whether it has no parts, and is not recurrent.
    grid : Grid or None
    reach : int
        0 if nothing reaches the score from here, 1 if something does, 2 from several places.
    """

    name: str
    tensor: Tensor
    source: object
    plain: bool
    grid: Grid | None = None
    reach: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the output without rows."""
        return tuple(self.tensor.shape[1:])


@dataclass(slots=True, eq=False)
class _Probe:
    """Takes what a layer gives at its last use, in the order of uses; skips what has no rows."""

    name: str
    rows: int
    into: dict[str, _Seen] = field(repr=False)

    def __call__(self, module: nn.Module, args: object, out: object) -> object:
        """Take the output of the layer, and hand on a leaf or what goes through the graph."""
        self.into.pop(self.name, None)  # of a layer used again, the last use counts
        tensor = first_tensor(out)
        if tensor is None or not tensor.is_floating_point() or tensor.ndim < _FEW:
            return out
        if len(tensor) != self.rows:
            return out
        new = leaf(tensor)
        self.into[self.name] = _Seen(
            name=self.name,
            tensor=new,
            source=first_tensor(args),
            plain=next(module.children(), None) is None and not isinstance(module, nn.RNNBase),
        )
        return with_first(out, new.clone())


def last_map(run: Run, extent: Extent) -> str:
    """Return the name of the last layer whose output is a map that the score comes from.

    Raises
    ------
    UnsupportedModelError
        If there is none.
    """
    seen = _reaching(run, _probed(run), extent)
    maps = [one for one in seen if one.grid is not None and not _is_attention(one, seen, extent)]
    live = [one for one in maps if one.reach == _FEW]
    live = [one for one in live if not _is_branch(one, live) and not _widens(one)]
    some = live or [one for one in maps if one.reach]
    if not some:
        raise _none(run, seen, extent)
    return some[-1].name


def _probed(run: Run) -> tuple[list[_Seen], Tensor]:
    """Pass the first and the last row, and take what every layer gives."""
    rows = torch.tensor([0, len(run) - 1], device=run.batch.sources[0].device)
    module, seen = run.network.module, dict[str, _Seen]()
    taps = [_Probe(name, len(rows), seen) for name in parts_of(module) if name]
    run.passed += len(rows)
    with torch.enable_grad(), tapped(module, taps):
        answer = run.network.call(run.batch.take(rows))
        scores = run.scores(answer, rows, len(rows), own=True)
    return list(seen.values()), scores[:, 0].sum()


def _reaching(run: Run, probed: tuple[list[_Seen], Tensor], extent: Extent) -> list[_Seen]:
    """Note where each map lies, and from how many of its places the score is reached."""
    seen, score = probed
    if not seen or not score.requires_grad:
        return []
    slopes = torch.autograd.grad(score, [one.tensor for one in seen], allow_unused=True)
    parts = parts_of(run.network.module)
    out = []
    for one, slope in zip(seen, slopes, strict=True):
        grid = grid_of(one.shape, extent, parts[one.name])
        reach = int(slope is not None)
        if slope is not None and grid is not None:
            places = (grid.cells(slope) != 0).any(dim=1).sum(dim=1)
            reach += int(int(places.max()) > 1)
        out.append(replace(one, grid=grid, reach=reach))
    return out


def _is_attention(one: _Seen, seen: list[_Seen], extent: Extent) -> bool:
    """Tell whether what looks like a map has tokens along an axis: queries, keys or weights."""
    if extent.kind != "image" or len(one.shape) != _MAP_AXES:
        return False
    tokens = {other.shape[0] for other in seen if len(other.shape) == _FEW}
    return bool(tokens & set(one.shape[1:]))


def _widens(one: _Seen) -> bool:
    """Tell whether a layer without parts makes wider vectors of tokens, as of queries and keys."""
    source, grid = one.source, one.grid
    return (
        one.plain
        and isinstance(source, Tensor)
        and grid is not None
        and not grid.channels_first
        and source.shape[:-1] == one.tensor.shape[:-1]
        and source.shape[-1] < one.shape[-1]
    )


def _is_branch(one: _Seen, maps: list[_Seen]) -> bool:
    """Tell whether another layer reads the same and is not part of this one, nor it of that."""
    return one.source is not None and any(
        other.source is one.source
        and other.grid == one.grid
        and not (other.name + ".").startswith(one.name + ".")
        and not (one.name + ".").startswith(other.name + ".")
        for other in maps
    )


def _none(run: Run, seen: list[_Seen], extent: Extent) -> UnsupportedModelError:
    last = [f"{one.name!r} {one.shape}" for one in seen if one.reach][-_LISTED:]
    given = f"; its layers on the way to the score give {', '.join(last)}" if last else ""
    if extent.kind not in ("image", "series", "tokens"):
        return UnsupportedModelError(
            f"A map shows places, and rows of a table have none. Use a method that reads the "
            f"inputs of {run.network.name[:1].lower()}{run.network.name[1:]}, such as "
            "IntegratedGradients or DeepLift, or give images or series."
        )
    wanted = {
        "image": "(channels, height, width), (height, width, channels) or (patches, channels)",
        "series": "(channels, times) or (times, channels)",
        "tokens": "(tokens, channels) or (channels, tokens)",
    }[extent.kind]
    return UnsupportedModelError(
        f"{run.network.name} has no layer whose output is a map of X, of shape {wanted}, on the "
        f"way to the score{given}. Name a layer by layer=, or use a method that reads the inputs, "
        "such as Saliency or IntegratedGradients."
    )
