"""Other ways from a baseline to a row than the straight line, and other shares of what rises there.

Each takes the same lines as `whence.deep.engine.paths` and gives an `Integral` without errors.
"""

import numpy as np
import torch
from torch import Tensor

from whence.core.errors import InputError
from whence.deep.engine.lines import Integral, Lines, Tensors

_EXACT = 1e-9
"""Share of a way that counts as nothing."""


def idgi(lines: Lines, steps: int) -> Integral:
    """Share the rise of the score in each step by the squares of the gradient where it begins.

    The shares of a step add up to its rise, so that the values add up to that of the whole line.
    What is the same in row and baseline, such as a special token, has no share.
    """
    moves = tuple(way != 0 for way in lines.way)
    values = _zeros(lines)
    waiting: Tensors = ()
    before = lines.rise
    for part, some, scores, slopes in lines.slopes(np.arange(steps) / steps):
        squares = tuple(
            slope.double().square() * moving[part]
            for slope, moving in zip(slopes, moves, strict=True)
        )
        total = torch.stack([square.flatten(3).sum(3) for square in squares]).sum(0)
        share = torch.where(total > 0, 1 / total, 0.0)
        for node in range(len(scores)):
            here = scores[node].double()
            if waiting and some.start + node:
                _add(values, part, waiting, here - before)
            waiting = tuple(
                square[:, node] * _along(share[:, node], square[:, node]) for square in squares
            )
            before = here
        if some.stop == steps:
            _add(values, part, waiting, lines.top[part] - before)
    return _integral(lines, values)


def guided(lines: Lines, steps: int, *, fraction: float, distance: float, anchors: int) -> Integral:
    """Go where the output changes least first, and never far from the straight line.

    In each of the steps, the share ``fraction`` of the numbers by which the gradient is smallest is
    moved, until the step is as long as one on the straight line. None is ahead of that line or
    behind it by more than ``distance``, a share of its way, and all meet at the anchors.
    """
    begin = torch.cat([part.double().flatten(1) for part in lines.begin], dim=1)
    way = torch.cat([part.double().flatten(1) for part in lines.way], dim=1) / (anchors + 1)
    each = -(-steps // (anchors + 1))
    found = []
    for target in range(lines.rise.shape[1]):
        total, now = torch.zeros_like(begin), begin
        for anchor in range(anchors + 1):
            start = begin + anchor * way
            for step in range(each):
                slope = _slope(lines, now, target)
                moved = _moved(now, slope.abs(), start, way, (step + 1) / each, fraction, distance)
                total = total + (moved - now) * slope
                now = moved
        found.append(total)
    return _integral(lines, _unflat(torch.stack(found), lines.begin))


def sequential(lines: Lines) -> Integral:
    """Go to each id of a row by itself, from where it alone is that of the baseline.

    The gradient along such a path is that of the score, so that the values of an id add up to what
    the score falls by when it alone is replaced: one pass forward says so without any gradient.

    Raises
    ------
    InputError
        If the network is not opened where ids are embedded.
    """
    places = [place for found in lines.run.where if (place := found.places) is not None]
    if lines.run.layer is not None or not places:
        raise InputError(
            "path is 'sequential', from id to id, and the network is opened at numbers. Give texts "
            "or ids, and no layer."
        )
    values = _zeros(lines)
    for spot in range(1 + max(int(place.max()) for place in places)):
        fall, rows = _fall(lines, [place == spot for place in places])
        number = next(i for i, place in enumerate(places) if bool((place == spot).any()))
        where = (places[number] == spot).flatten().nonzero()[0, 0]
        flat = values[number].view(*values[number].shape[:2], places[number].numel(), -1)
        flat[:, rows, where, 0] = fall.T.double()  # the sum over a vector is all that counts
    return _integral(lines, values)


def _fall(lines: Lines, here: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return what the score falls by where some vectors are the baseline's, and of which rows."""
    parts = [
        torch.where(mark[..., None], way, 0.0) for mark, way in zip(here, lines.way, strict=True)
    ]
    changed = torch.stack([part.flatten(1).abs().amax(1) for part in parts]).amax(0) > 0
    rows, some = changed.nonzero().flatten(), lines.take(changed)
    own = tuple(begin + way for begin, way in zip(some.begin, some.way, strict=True))
    without = tuple(x - part[changed] for x, part in zip(own, parts, strict=True))
    said = [
        lines.run.asked(some.rows[chunk], tuple(part[chunk] for part in without))
        for chunk in lines.run.chunks(len(some), weight=0.25)
    ]
    top = lines.top[changed]
    return (top - torch.cat(said) if said else top), rows


def _moved(
    now: Tensor,
    size: Tensor,
    start: Tensor,
    way: Tensor,
    share: float,
    fraction: float,
    distance: float,
) -> Tensor:
    """Return where a step ends; all of shape (rows, numbers), ``size`` of the gradient."""
    low, high = max(share - distance, 0.0), min(share + distance, 1.0)
    wanted = (1 - share) * way.abs().sum(1)
    nothing = _EXACT * way.abs()
    rank = (fraction * ((way != 0).sum(1) - 1)).long().clamp(min=0)  # of what moves at all
    active = torch.ones(len(now), dtype=torch.bool, device=now.device)
    while bool(active.any()):
        behind = (now - start).abs() < low * way.abs()
        now = torch.where(behind & active[:, None], start + low * way, now)
        missing = (start + way - now).abs().sum(1) - wanted
        active = active & (missing > nothing.sum(1))
        room = start + high * way - now
        able = (room.abs() > nothing) & ((now - start).abs() < high * way.abs())
        ranked = torch.where(able, size, torch.inf)
        chosen = able & (ranked <= _ranked(ranked, rank))
        most = (room.abs() * chosen).sum(1)
        part = torch.where(most > 0, missing / most, torch.inf)
        going = (active[:, None] & chosen).double() * part.clamp(max=1.0)[:, None]
        now = now + going * room
        active = active & (part > 1) & able.any(1)
    return now


def _ranked(sizes: Tensor, rank: Tensor) -> Tensor:
    """Return the number of a rank in each row, (rows, 1)."""
    if bool((rank == rank[0]).all()):
        return sizes.kthvalue(1 + int(rank[0]), dim=1, keepdim=True).values
    return sizes.sort(dim=1).values.gather(1, rank[:, None])


def _slope(lines: Lines, now: Tensor, target: int) -> Tensor:
    """Return the gradient of one target at points of shape (rows, numbers)."""
    found = []
    for chunk in lines.run.chunks(len(lines)):
        put = _unflat(now[None, chunk], lines.begin)
        _, slopes = lines.run.gradients(
            lines.rows[chunk], tuple(part[0] for part in put), target=target
        )
        found.append(torch.cat([slope[0].flatten(1) for slope in slopes], dim=1))
    return torch.cat(found)


def _unflat(flat: Tensor, like: Tensors) -> Tensors:
    """Return numbers of shape (targets, rows, numbers) in the shapes of the places."""
    sizes = [part[0].numel() for part in like]
    return tuple(
        part.reshape(*flat.shape[:2], *one.shape[1:])
        for part, one in zip(torch.split(flat, sizes, dim=2), like, strict=True)
    )


def _zeros(lines: Lines) -> Tensors:
    targets = lines.rise.shape[1]
    return tuple(
        torch.zeros((targets, *way.shape), dtype=torch.float64, device=way.device)
        for way in lines.way
    )


def _along(share: Tensor, like: Tensor) -> Tensor:
    return share.view(*share.shape, *[1] * (like.ndim - share.ndim))


def _add(values: Tensors, part: slice, shares: Tensors, rise: Tensor) -> None:
    for whole, share in zip(values, shares, strict=True):
        whole[:, part] += share * _along(rise.T, share)


def _integral(lines: Lines, values: Tensors) -> Integral:
    settled = torch.ones(len(lines), dtype=torch.bool, device=lines.rise.device)
    return Integral(values=values, error=None, settled=settled)
