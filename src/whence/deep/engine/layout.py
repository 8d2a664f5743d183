"""From numbers about what a module reads to values of players: pixels, words, columns, lags."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from whence.core.images import Images
from whence.core.inputs import Inputs
from whence.core.series import Series
from whence.core.table import Table
from whence.core.types import Bools, Floats, Int32s, Ints
from whence.deep.engine.taps import Found
from whence.maskers.series import lag_names

Merge: TypeAlias = Literal["sum", "largest"]
"""What is made of the channels of a pixel and the numbers of a vector: their sum, or the largest
magnitude."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """How the explained arguments of a module follow from the user's rows.

    Attributes
    ----------
    inputs : Table, Images, Texts or Series
    own : bool
        Whether the only argument explained is the rows themselves, in their own shape.
    shapes : tuple of tuple of int
        Of each argument explained, without its axis of rows.
    names : tuple of str
        What the arguments explained are called.
    players : int array of shape (rows, tokens) or None
        Of texts, the player of each token; -1 of special tokens and padding.
    segments : int32 array of shape (rows, players, 2) or None
        Of texts, where each player stands.
    """

    inputs: Inputs
    own: bool
    shapes: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    players: Ints | None = None
    segments: Int32s | None = None

    @property
    def mask(self) -> Bools | None:
        """Which players a row has, (rows, players); None where all have all."""
        return None if self.segments is None else np.asarray(self.segments[..., 0] >= 0)

    @property
    def data(self) -> Inputs:
        """The rows, texts divided into their tokens."""
        return self.inputs if self.segments is None else self.inputs.divided(self.segments)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the players; none where the kind of rows names them itself."""
        if self.players is not None:
            return ()
        if not self.own:
            return tuple(
                f"{name}[{', '.join(map(str, place))}]" if shape else name
                for name, shape in zip(self.names, self.shapes, strict=True)
                for place in np.ndindex(shape)
            )
        if isinstance(self.inputs, Series):
            times = self.inputs.values.shape[1]
            return lag_names(np.arange(times, dtype=np.int32), self.inputs)
        return self.inputs.names if isinstance(self.inputs, Table) else ()

    def values(
        self,
        relevance: tuple[Tensor, ...],
        where: tuple[Found, ...],
        merge: Merge,
        rows: Ints | None = None,
    ) -> Floats:
        """Return the values of players, of shape (rows, *players, targets).

        Parameters
        ----------
        relevance : tuple of tensors of shape (targets, rows, ...)
            One per place where the network was opened at its inputs.
        where : tuple of Found
            These places.
        rows : int array or None
            Rows of the block that ``relevance`` is about, also several times; None for all.
        """
        parts: list[Tensor | None] = [None] * len(self.shapes)
        for part, found in zip(relevance, where, strict=True):
            part = part.double()  # noqa: PLW2901  sums of many are taken in float64
            if found.places is not None:
                part = self._of_ids(part, found, merge)  # noqa: PLW2901  as above
            earlier = parts[found.source]
            parts[found.source] = part if earlier is None else earlier + part
        whole = [
            torch.zeros((*relevance[0].shape[:2], *shape), dtype=torch.float64)
            if part is None
            else part.cpu()
            for part, shape in zip(parts, self.shapes, strict=True)
        ]
        if not self.own:
            flat = torch.cat([part.reshape(*part.shape[:2], -1) for part in whole], dim=2)
            return np.moveaxis(flat.numpy(), 0, -1)
        return np.ascontiguousarray(np.moveaxis(self._by_kind(whole[0], merge, rows), 0, -1))

    def _of_ids(self, part: Tensor, found: Found, merge: Merge) -> Tensor:
        """Return what vectors say about the ids that they were looked up for."""
        if found.places is None:
            raise RuntimeError("Only vectors of ids have places.")
        each = _merged(part, -1, merge)
        each = each.reshape(*each.shape[:2], -1)
        out = torch.zeros(
            (*each.shape[:2], int(np.prod(self.shapes[found.source]))),
            dtype=each.dtype, device=each.device,
        )  # fmt: skip
        out.index_add_(2, found.places.flatten(), each)
        return out.view(*each.shape[:2], *self.shapes[found.source])

    def _by_kind(self, part: Tensor, merge: Merge, rows: Ints | None) -> Floats:
        """Merge channels of pixels, and sort tokens; (targets, rows, *players)."""
        if isinstance(self.inputs, Images) and not self.inputs.flat:
            part = _merged(part, 2 if self.inputs.channels_first else -1, merge)
        found: Floats = part.numpy()
        if isinstance(self.inputs, Series) and self.inputs.flat:
            found = found[..., None]
        if self.players is None or self.segments is None:
            return found
        players = self.players if rows is None else self.players[rows]
        out = np.zeros((*found.shape[:2], self.segments.shape[1]))
        row, token = np.nonzero(players >= 0)
        out[:, row, players[row, token]] = found[:, row, token]  # one player per token
        return out


def _merged(part: Tensor, axis: int, merge: Merge) -> Tensor:
    return part.sum(axis) if merge == "sum" else part.abs().amax(axis)
