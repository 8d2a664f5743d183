"""Which coalitions a local surrogate is fitted to, and how much each of them counts.

GLIME draws each part as known with a probability of its own, so that no coalition needs a weight;
LIME draws coalitions evenly and weighs them by a kernel of their distance from the whole row.
Coalitions come in pairs that are drawn by u and by 1 - u: each of the two has the law asked for,
and where one knows little the other knows much. In a batch the numbers of each part are spread
evenly over [0, 1), so that no part is by chance always known.
"""

from dataclasses import dataclass
from math import comb
from typing import Literal

import numpy as np
from numpy.random import Generator

from whence.core.types import Bools, Floats

Distance = Literal["cosine", "euclidean"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Law:
    """How coalitions are drawn and weighed.

    Attributes
    ----------
    players : int
    p : float
        Probability that a part is known, at least a half.
    by_size : bool
        Whether the number of removed parts is drawn first instead.
    weights : array of shape (players + 1,) or None
        Weight of a coalition by the number of parts it knows; None if all are equal.
    """

    players: int
    p: float = 0.5
    by_size: bool = False
    weights: Floats | None = None

    def pairs(self, rng: Generator, count: int) -> Bools:
        """Draw pairs of coalitions, (count, 2, players)."""
        if self.by_size:
            return removal_pairs(rng, count, self.players)
        return binomial_pairs(rng, count, self.players, self.p)

    def weights_of(self, known: Bools) -> Floats | None:
        """Return the weights of coalitions, or None if they are equal."""
        return None if self.weights is None else self.weights[known.sum(axis=1)]

    def exact_weights(self, known: Bools) -> Floats:
        """Return the weights of coalitions times their probabilities."""
        by_size = removal_law(self.players) if self.by_size else binomial_law(self.players, self.p)
        weights = by_size if self.weights is None else by_size * self.weights
        return np.asarray(weights[known.sum(axis=1)])


def binomial_pairs(rng: Generator, pairs: int, players: int, p: float) -> Bools:
    """Draw coalitions in which each part is known with probability ``p``, at least a half.

    Returns
    -------
    bool array of shape (pairs, 2, players)
        No part is unknown in both coalitions of a pair.

    Examples
    --------
    >>> z = binomial_pairs(np.random.default_rng(0), 1000, 3, 0.75)
    >>> z.mean().round(2), bool(z.any(axis=1).all())
    (np.float64(0.75), True)
    """
    keys = rng.random((players, pairs))
    shift = rng.random(players)
    ordered = np.concatenate([np.sort(keys, axis=1), np.full((players, 1), np.inf)], axis=1)
    low, high = (
        np.take_along_axis(ordered, (pairs * share + shift).astype(np.int64)[:, None], axis=1)
        for share in (1 - p, p)
    )
    return np.stack([(keys >= low).T, (keys < high).T], axis=1)


def removal_pairs(rng: Generator, pairs: int, players: int) -> Bools:
    """Draw coalitions that lack 1, 2, ... or all parts, each number as likely as another.

    Returns
    -------
    bool array of shape (pairs, 2, players)
    """
    removed = rng.integers(1, players + 1, size=pairs)[:, None]
    order = rng.permuted(np.tile(np.arange(players), (pairs, 1)), axis=1)
    mirrored = players - 1 - order
    return np.stack([order >= removed, mirrored >= players + 1 - removed], axis=1)


def all_coalitions(players: int) -> Bools:
    """Return every coalition, of shape (2**players, players)."""
    return (np.arange(2**players)[:, None] >> np.arange(players) & 1).astype(bool)


def binomial_law(players: int, p: float) -> Floats:
    """Return the probability of a coalition by the number of parts it knows, (players + 1,)."""
    known = np.arange(players + 1)
    return np.asarray(p**known * (1 - p) ** (players - known))


def removal_law(players: int) -> Floats:
    """Return the same where the number of parts removed is drawn first, at least one.

    A single part is removed or not.
    """
    if players == 1:
        return np.array([0.5, 0.5])
    law = np.array([1 / (players * comb(players, m)) for m in range(players + 1)])
    law[players] = 0.0
    return law


def kernel_weights(players: int, width: float, distance: Distance) -> Floats:
    """Return LIME's weight of a coalition by the number of parts it knows, (players + 1,).

    The weight is sqrt(exp(-D^2 / width^2)), where D is the cosine or Euclidean distance of the
    coalition from the row itself, as vectors of zeros and ones.

    Examples
    --------
    >>> kernel_weights(4, 0.25, "cosine").round(3)
    array([0.   , 0.135, 0.503, 0.866, 1.   ])
    """
    known = np.arange(players + 1)
    if distance == "cosine":
        squared = (1 - np.sqrt(known / players)) ** 2
    else:
        squared = (players - known).astype(np.float64)
    return np.asarray(np.exp(-squared / (2 * width**2)))
