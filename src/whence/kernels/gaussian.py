"""Shapley values of what the known columns of a row tell of the unknown ones.

The columns of a row are expected to be what a Gaussian distribution with the mean and covariance of
a background says, given those that are known. Whatever the distribution, this is the best linear
prediction. The game of a linear model is then

``v(S) = sum over j in S of g_j (x_j - mean_j) + sum over j not in S of g_j E[x_j - mean_j | x_S]``

and its second sum is solved here: a game that is linear in the row and worth nothing at both ends.

Each player's columns are rotated and scaled to directions that are uncorrelated and of unit length
over the background, so that neither units nor the reference level of a one-hot encoding matter. The
prediction from directions ``B_S`` is ``pinv(B_S)``, grown column by column (Greville 1960,
doi:10.1137/1002004). A direction that the known ones determine but for 1e-5 of its standard
deviation brings nothing new, so columns that are equal, constant or parts of a whole do no harm.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial

import numpy as np

from whence.core.types import Bools, Floats, Int32s, Ints

_COLLINEAR = 1e-5
"""Part of its standard deviation that a direction must have of its own to bring anything new."""
_CELLS = 4_000_000
"""Numbers that a batch of pseudo-inverses may hold."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Telling:
    """The game of what the known columns of a row tell of the unknown ones.

    Attributes
    ----------
    players : int array
        The players that vary over the background, ascending.
    part : int array of shape (directions,)
        Which of ``players`` each direction belongs to.
    rotation : array of shape (columns, directions)
        Directions of a row: uncorrelated within each player.
    known : array of shape (rank, directions)
        The directions over the background; the columns have unit length.
    weight : array of shape (directions, outputs)
        What a unit of each direction adds to the raw output.
    """

    players: Ints
    part: Ints
    rotation: Floats
    known: Floats
    weight: Floats

    @classmethod
    def of(cls, Z: Floats, player: Int32s, coefficients: Floats) -> "Telling":
        """Rotate the columns of each player.

        Parameters
        ----------
        Z : array of shape (background, columns)
            At least two rows.
        player : int array of shape (columns,)
        coefficients : array of shape (columns, outputs)
            What a unit of each column adds to each output.
        """
        spread, away = Z.max(axis=0) - Z.min(axis=0), Z - Z.mean(axis=0)
        players = np.unique(player[spread > 0])
        directions = [
            _directions(away, spread, coefficients, np.flatnonzero((player == p) & (spread > 0)))
            for p in players
        ]
        rotation = np.hstack([np.empty((Z.shape[1], 0)), *(r for r, _ in directions)])
        return cls(
            players=players.astype(np.int64),
            part=np.repeat(np.arange(len(players)), [r.shape[1] for r, _ in directions]),
            rotation=rotation,
            known=np.asarray(np.linalg.qr(away @ rotation, mode="r")),
            weight=np.vstack([np.empty((0, coefficients.shape[1])), *(w for _, w in directions)]),
        )

    def exact(self) -> Floats:
        """Return the Shapley values, (players, directions, outputs), as functions of the row."""
        n = len(self.players)
        values = np.zeros((n, *self.weight.shape))
        gain = np.array([factorial(s - 1) * factorial(n - s) for s in range(1, n + 1)])
        gain = np.concatenate([[0.0], gain, [0.0]]) / factorial(n)  # what joins a coalition of s-1
        nobody = np.zeros((1, self.known.shape[1], len(self.known)))
        for inverse, inside in self._coalitions(nobody, np.zeros((1, n), dtype=np.bool_)):
            size = inside.sum(axis=1)[:, None]
            factor = np.where(inside, gain[size], -gain[size + 1])
            values += np.tensordot(factor.T, self._told(inverse, inside), axes=1)
        return values

    def walk(self, order: Ints) -> Floats:
        """Return what each player adds to those before it, (players, directions, outputs)."""
        inverse = np.zeros((1, self.known.shape[1], len(self.known)))
        inside = np.zeros((1, len(order)), dtype=np.bool_)
        told = np.zeros((len(order) + 1, *self.weight.shape))
        for i, player in enumerate(order[:-1]):
            inverse, inside = self._joined(inverse, inside, player)
            told[i + 1] = self._told(inverse, inside)[0]
        gains = np.empty((len(order), *self.weight.shape))
        gains[order] = np.diff(told, axis=0)
        return gains

    def _coalitions(
        self, inverse: Floats, inside: Bools, player: int = 0
    ) -> Iterator[tuple[Floats, Bools]]:
        """Yield all coalitions with the players from ``player`` on, in batches."""
        if player == len(self.players):
            yield inverse, inside
            return
        grown, joined = self._joined(inverse, inside, player)
        if 2 * inverse.size <= _CELLS:
            both = np.concatenate([inverse, grown]), np.concatenate([inside, joined])
            yield from self._coalitions(*both, player + 1)
        else:
            yield from self._coalitions(inverse, inside, player + 1)
            yield from self._coalitions(grown, joined, player + 1)

    def _joined(self, inverse: Floats, inside: Bools, player: int) -> tuple[Floats, Bools]:
        """Return the pseudo-inverses of coalitions that ``player`` joins, and the coalitions."""
        for direction in np.flatnonzero(self.part == player):
            inverse = _with_column(inverse, self.known, int(direction))
        inside = inside.copy()
        inside[:, player] = True
        return inverse, inside

    def _told(self, inverse: Floats, inside: Bools) -> Floats:
        """Return what coalitions tell of the others, (coalitions, directions, outputs)."""
        outside = ~inside[:, self.part, None]
        return np.asarray(inverse @ (self.known @ (outside * self.weight)))


def _directions(
    away: Floats, spread: Floats, coefficients: Floats, own: Ints
) -> tuple[Floats, Floats]:
    """Return the directions of one player, (columns, directions), and what a unit of each adds."""
    scale = spread[own, None]
    _, length, axes = np.linalg.svd(away[:, own] / scale.T, full_matrices=False)
    kept = length > _COLLINEAR * length[0]
    length, axes = length[kept], axes[kept].T
    rotation = np.zeros((away.shape[1], len(length)))
    rotation[own] = axes / length / scale
    return rotation, (axes * length).T @ (scale * coefficients[own])


def _with_column(inverse: Floats, known: Floats, column: int) -> Floats:
    """Return pseudo-inverses of matrices that gain one column (Greville).

    Parameters
    ----------
    inverse : array of shape (matrices, columns, rank)
        Pseudo-inverses of some columns of ``known``; zeros for the others.
    known : array of shape (rank, columns)
        Of columns of unit length.
    """
    new = known[:, column]
    by_others = inverse @ new
    rest = new - by_others @ known.T
    size = (rest**2).sum(axis=1, keepdims=True)
    free = size > _COLLINEAR**2
    shared = (by_others[:, None, :] @ inverse)[:, 0]
    row = np.where(
        free,
        rest / np.where(free, size, 1.0),
        shared / (1.0 + (by_others**2).sum(axis=1, keepdims=True)),
    )
    grown = inverse - by_others[:, :, None] * row[:, None, :]
    grown[:, column] = row
    return np.asarray(grown)
