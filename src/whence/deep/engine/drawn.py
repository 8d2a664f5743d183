"""Means of gradients at random points, row by row to a tolerance, with standard errors.

A draw is of one row and takes a few gradients. Each row has random numbers of its own, and is
judged after 8, 16, 32 and so many draws, so that neither the rows beside it nor the memory that is
allowed have a say in what comes out.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from whence.core.types import Bools, Floats, Ints
from whence.deep.engine.layout import Merge
from whence.deep.engine.moments import Moments
from whence.deep.engine.result import values_of
from whence.deep.engine.run import Run

_FIRST = 8
"""Draws of a row before it is judged."""

Tensors = tuple[Tensor, ...]


class Draws(Protocol):
    """Where gradients are taken, and what is made of them."""

    @property
    def each(self) -> int:
        """How many gradients a draw takes."""
        ...

    def points(self, rows: Ints) -> Tensors:
        """Return points for one more draw of each of some rows, (draws * each, ...)."""
        ...

    def made(self, rows: Ints, slopes: Tensors) -> tuple[Ints, Tensors]:
        """Return what draws are worth, (targets, m, ...), and of which rows (m,) they are.

        ``slopes`` are of shape (targets, draws, each, ...).
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """Means over draws.

    Attributes
    ----------
    values, stderr : arrays of shape (rows, *players, targets)
    settled : bool array of shape (rows,) or None
        Which are as exact as was asked for; None where nothing was.
    """

    values: Floats
    stderr: Floats
    settled: Bools | None


def drawn(
    run: Run,
    draws: Draws,
    *,
    budget: int,
    tolerance: float | None,
    known: Floats | None = None,
    merge: Merge = "sum",
) -> Drawn:
    """Draw until each row is settled, or ``budget`` gradients of it were taken.

    Parameters
    ----------
    run : Run
        Which was asked about its own rows already.
    draws : Draws
    budget : int
        Gradients of a row at most.
    tolerance : float or None
        Standard errors asked for, as a share of the size of the values; None takes all draws.
    known : array of shape (rows, targets) or None
        What the values must add up to on average.
    merge : {"sum", "largest"}
    """
    moments = Moments(len(run), known)
    most, count = budget // draws.each, 0
    left = np.arange(len(run))
    settled: Bools | None = None
    while len(left) and count < most:
        new = min(max(count, _FIRST), most - count)
        for rows in _groups(run, np.repeat(left, new), draws.each):
            found, worth = draws.made(rows, _slopes(run, draws, rows))
            if len(found):
                moments.add(found, values_of(run, worth, merge, found))
        count += new
        if tolerance is not None:
            settled = moments.near(tolerance)
            left = np.flatnonzero(~settled)
    return Drawn(values=moments.values(), stderr=moments.stderr(), settled=settled)


def _groups(run: Run, rows: Ints, each: int) -> list[Ints]:
    """Cut draws into groups whose gradients fit the memory together."""
    size = max(1, run.fitting() // each)
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def _slopes(run: Run, draws: Draws, rows: Ints) -> Tensors:
    """Return gradients at the points of one draw for each row, (targets, draws, each, ...)."""
    points = draws.points(rows)
    index = torch.from_numpy(np.repeat(rows, draws.each)).to(points[0].device)
    parts = [
        run.gradients(index[chunk], tuple(part[chunk] for part in points))[1]
        for chunk in run.chunks(len(index))
    ]
    whole = tuple(torch.cat(same, dim=1) for same in zip(*parts, strict=True))
    return tuple(
        part.double().view(len(part), len(rows), draws.each, *part.shape[2:]) for part in whole
    )
