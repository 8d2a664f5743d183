"""Gradients at a row with noise: their mean, their mean square, their variance.

The mean and the mean square take noise in pairs of opposite sign, which cancels what is odd in it.
For the variance draws stand alone: with m the mean of the draws before, (i - 1) / i (g_i - m)**2 of
the i-th draw has the variance as its mean, and the mean of these is the sample variance. They are
uncorrelated under a normal distribution, and nearly so under others, so that their spread is that
of the variance.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from whence.core.types import Ints
from whence.deep.engine.run import Run

Moment: TypeAlias = Literal["mean", "square", "variance"]
Tensors = tuple[Tensor, ...]


class Noise:
    """Draws of gradients at rows with normal noise.

    Special tokens and padding get none, so that noise is on what is explained alone.

    Parameters
    ----------
    run : Run
        Which was asked about its own rows already.
    own : tuple of tensors of shape (rows, ...)
        Values of the rows where the network is opened.
    share : float
        Standard deviation, as a share of the range of the row's own numbers.
    moment : {"mean", "square", "variance"}
    times_input : bool
    generators : sequence of Generator
        One per row.
    """

    __slots__ = (
        "_before", "_count", "_generators", "_moment", "_own", "_places", "_spread", "_times",
        "each",
    )  # fmt: skip

    def __init__(
        self,
        run: Run,
        own: Tensors,
        *,
        share: float,
        moment: Moment,
        times_input: bool,
        generators: Sequence[Generator],
    ) -> None:
        self.each = 1 if moment == "variance" else 2
        self._own = own
        self._moment = moment
        self._times = times_input
        self._generators = generators
        self._places = movable(run, own)
        self._spread = [
            [share * _range(row) for row in _rows(part, places)]
            for part, places in zip(own, self._places, strict=True)
        ]
        self._count = np.zeros(len(run), dtype=np.int64)
        self._before: dict[int, Tensors] = {}

    def points(self, rows: Ints) -> Tensors:
        """Return the rows with noise, and where draws are pairs, with the opposite noise too."""
        made: list[list[Tensor]] = [[] for _ in self._own]
        for row in rows:
            for number, part in enumerate(self._own):
                noise = self._noise(int(row), number)
                signed = (noise,) if self.each == 1 else (noise, -noise)
                made[number] += [part[row] + one for one in signed]
        return tuple(torch.stack(parts) for parts in made)

    def made(self, rows: Ints, slopes: Tensors) -> tuple[Ints, Tensors]:
        """Return the mean of a pair, the mean of its squares, or the share of a variance."""
        if self._moment == "square":
            return rows, tuple(part.square().mean(2) for part in slopes)
        if self._moment == "variance":
            return self._deviations(rows, tuple(part[:, :, 0] for part in slopes))
        means = tuple(part.mean(2) for part in slopes)
        if self._times:
            index = torch.from_numpy(rows).to(means[0].device)
            means = tuple(x[index] * mean for x, mean in zip(self._own, means, strict=True))
        return rows, means

    def _noise(self, row: int, number: int) -> Tensor:
        part, places, spread = self._own[number][row], self._places[number], self._spread[number]
        generator = self._generators[row]
        noise = torch.zeros(part.shape, dtype=torch.float64)
        if places is None:
            noise = torch.from_numpy(generator.normal(0, spread[row], tuple(part.shape)))
        else:
            where = places[row].cpu().expand(part.shape)
            noise[where] = torch.from_numpy(generator.normal(0, spread[row], int(where.sum())))
        return noise.to(device=part.device, dtype=part.dtype)

    def _deviations(self, rows: Ints, slopes: Tensors) -> tuple[Ints, Tensors]:
        """Return how far draws are from the mean of those before; the first of a row counts not."""
        kept, worth = [], []
        for i, row in enumerate(map(int, rows)):
            new = tuple(part[:, i] for part in slopes)
            self._count[row] += 1
            count = int(self._count[row])
            if count == 1:
                self._before[row] = new
                continue
            off = tuple(g - m for g, m in zip(new, self._before[row], strict=True))
            kept.append(row)
            worth.append(tuple(part.square() * ((count - 1) / count) for part in off))
            self._before[row] = tuple(
                m + part / count for m, part in zip(self._before[row], off, strict=True)
            )
        if not kept:
            return np.empty(0, dtype=np.int64), ()
        found = tuple(torch.stack(same, dim=1) for same in zip(*worth, strict=True))
        return np.array(kept, dtype=np.int64), found


def movable(run: Run, own: Tensors) -> list[Tensor | None]:
    """Tell which numbers of each row stand for players, (rows, ...); None if all do."""
    players = run.layout.players
    found: list[Tensor | None] = []
    for place, part in zip(run.where, own, strict=True):
        if players is None or place.places is None or run.layer is not None:
            found.append(None)
            continue
        real = torch.from_numpy(players >= 0).to(part.device).flatten(1)[:, place.places]
        found.append(real[(..., *[None] * (part.ndim - real.ndim))])
    return found


def _rows(part: Tensor, places: Tensor | None) -> list[Tensor]:
    """Return the numbers of each row that stand for players."""
    if places is None:
        return list(part.flatten(1))
    return [row[where.expand(row.shape)] for row, where in zip(part, places, strict=True)]


def _range(numbers: Tensor) -> float:
    return float(numbers.max() - numbers.min()) if numbers.numel() else 0.0
