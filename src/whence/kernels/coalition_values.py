"""Coalitions as numbers, and Shapley values where the worth of every coalition is known.

Bit ``i`` of a coalition's number says whether player ``i`` is in it: 0 is nobody, ``2**n - 1`` is
everybody. A game is then an array of shape (2**n, outputs).
"""

from collections.abc import Callable
from math import comb

import numpy as np

from whence.core.game import Estimate
from whence.core.types import Bools, Floats, Ints

_CHUNK = 1_024
"""Coalitions that are asked for at a time, so that rows together take little memory."""


def members(numbers: Ints, players: int) -> Bools:
    """Return the coalitions with these numbers, (coalitions, players).

    Examples
    --------
    >>> members(np.array([1, 6]), 3).astype(int).tolist()
    [[1, 0, 0], [0, 1, 1]]
    """
    return np.asarray((numbers[:, None] >> np.arange(players)) & 1, dtype=bool)


def numbers_of(known: Bools) -> Ints:
    """Return the numbers of coalitions (..., players).

    Examples
    --------
    >>> numbers_of(np.array([[True, False, False], [False, True, True]])).tolist()
    [1, 6]
    """
    return np.asarray(known @ (1 << np.arange(known.shape[-1], dtype=np.int64)))


def sizes(players: int) -> Ints:
    """Return how many players each coalition has, of shape (2**players,)."""
    size = np.zeros(1, dtype=np.int64)
    for _ in range(players):
        size = np.concatenate([size, size + 1])
    return size


def shapley_values(worth: Floats) -> Floats:
    """Return the Shapley values of a game whose every coalition's worth is known.

    Parameters
    ----------
    worth : array of shape (2**players, outputs)

    Returns
    -------
    array of shape (players, outputs)

    Examples
    --------
    >>> shapley_values(np.array([[0.0], [1.0], [2.0], [7.0]])).tolist()
    [[3.0], [4.0]]
    """
    n = len(worth).bit_length() - 1
    weight = np.array([1 / (n * comb(n - 1, size)) for size in range(n)])[sizes(max(n - 1, 0))]
    values = np.empty((n, worth.shape[1]))
    for i in range(n):
        split = worth.reshape(2 ** (n - 1 - i), 2, 2**i, -1)
        values[i] = weight @ (split[:, 1] - split[:, 0]).reshape(len(weight), -1)
    return values


class Exactly:
    """Asks for a given list of coalitions, and knows the values when all are told.

    Parameters
    ----------
    total : int
        Length of the list.
    take : callable
        First, last -> that part of the list, (coalitions, players).
    values : callable
        Worth of the whole list (total, outputs) -> values (parts, outputs).
    outputs : int
    """

    __slots__ = ("_asked", "_take", "_told", "_values", "fewest")

    def __init__(
        self,
        *,
        total: int,
        take: Callable[[int, int], Bools],
        values: Callable[[Floats], Floats],
        outputs: int,
    ) -> None:
        self.fewest = total
        self._take, self._values = take, values
        self._told = np.empty((total, outputs))
        self._asked = 0

    def ask(self, most: int) -> Bools:
        """Return the next part of the list."""
        first = self._asked
        self._asked = min(first + min(most, _CHUNK), self.fewest)
        return self._take(first, self._asked)

    def tell(self, worth: Floats) -> None:
        """Take the worth of that part."""
        self._told[self._asked - len(worth) : self._asked] = worth

    def estimate(self) -> Estimate | None:
        """Return the values, without error, when the whole list is told."""
        if self._asked < self.fewest:
            return None
        values = self._values(self._told)
        return Estimate(values=values, stderr=np.zeros_like(values))


def all_coalitions(
    players: int, nobody: Floats, everybody: Floats, values: Callable[[Floats], Floats]
) -> Exactly:
    """Return the sampler that asks for all coalitions but the two whose worth is known.

    Parameters
    ----------
    players : int
    nobody, everybody : arrays of shape (outputs,)
    values : callable
        Worth of all coalitions (2**players, outputs) -> values (parts, outputs).
    """
    return Exactly(
        total=2**players - 2,
        take=lambda first, last: members(np.arange(first + 1, last + 1), players),
        values=lambda worth: values(np.concatenate([nobody[None], worth, everybody[None]])),
        outputs=len(nobody),
    )
