"""Which coalitions to ask about: pairs of a coalition and its complement, sizes evenly spread.

A coalition and its complement together cancel every effect of an even number of players, which no
Shapley value depends on. A pair is held as one of its halves, the smaller one if there is one.
"""

from functools import lru_cache
from math import comb, lgamma

import numpy as np
from numpy.random import Generator

from whence.core.types import Bools, Floats, Ints

_LISTED = 50_000
"""Sizes with no more pairs than this are drawn by rank, others by trial."""
_TRIES = 5
"""How often the classic scheme draws again in place of pairs that it drew before."""


def pairs_of_sizes(players: int) -> Floats:
    """Return how many pairs have a smaller half of 1, 2, ... ``players // 2`` players."""
    half = np.arange(1, players // 2 + 1)
    logs = np.array([_log_comb(players, int(s)) for s in half])
    count = np.rint(np.exp(np.minimum(logs, 690.0)))
    return np.asarray(np.where(2 * half == players, count / 2, count))


def spread(pairs: float, wanted: Floats, most: Floats) -> Floats:
    """Share out ``pairs`` over sizes in proportion to ``wanted``, none above ``most``.

    These are the shares of sampling without replacement where a pair's chance to be drawn is
    ``min(1, c / number of its size)``.
    """
    share = np.zeros_like(wanted)
    free = wanted > 0
    left = min(pairs, float(most[free].sum()))
    while free.any():
        level = left / wanted[free].sum()
        full = free & (wanted * level >= most)
        if not full.any():
            share[free] = wanted[free] * level
            break
        share[full] = most[full]
        left -= float(most[full].sum())
        free &= ~full
    return share


class Leverage:
    """Draws pairs without replacement, the sizes of the coalitions uniform on 1 ... players - 1.

    Parameters
    ----------
    players : int
    rng : Generator

    Attributes
    ----------
    total : float
        Number of all pairs.
    drawn : array of shape (players // 2,)
        Pairs drawn so far, by size of the smaller half.

    References
    ----------
    Musco and Witter (2025), arXiv:2410.01917.
    """

    __slots__ = ("_orders", "_rng", "_seen", "_wanted", "drawn", "number", "players", "total")

    def __init__(self, players: int, rng: Generator) -> None:
        self.players, self._rng = players, rng
        self.number = pairs_of_sizes(players)
        self.total = float(self.number.sum())
        half = np.arange(1, len(self.number) + 1)
        self._wanted = np.where(2 * half == players, 1.0, 2.0)
        self.drawn = np.zeros(len(self.number))
        self._orders: dict[int, Ints] = {}
        self._seen: set[bytes] = set()

    def draw(self, pairs: int) -> Bools:
        """Return up to ``pairs`` smaller halves, (pairs, players), none that was drawn before."""
        left = min(pairs, int(min(self.total - self.drawn.sum(), 2.0**62)))
        parts = [np.empty((0, self.players), dtype=bool)]
        while left > 0:
            counts = self._counts(left)
            parts.append(self._of_sizes(counts.astype(np.int64)))
            self.drawn += counts
            left -= int(counts.sum())
        return np.concatenate(parts)

    def _counts(self, pairs: int) -> Floats:
        """Return how many pairs of each size to draw, so that all drawn are well spread."""
        share = spread(self.drawn.sum() + pairs, self._wanted, self.number)
        lacking = np.maximum(share - self.drawn, 0.0)
        lacking *= pairs / lacking.sum()
        ends = np.floor(np.cumsum(lacking) + self._rng.random() + 1e-9)
        counts = np.diff(ends, prepend=0.0)
        counts = np.minimum(counts, self.number - self.drawn)
        over = int(counts.sum()) - pairs
        if over > 0:  # rounding gave one too many
            counts[np.argmax(counts)] -= over
        if not counts.any():
            counts[np.argmax(self.number - self.drawn)] = 1.0
        return counts

    def _of_sizes(self, counts: Ints) -> Bools:
        """Return so many new coalitions of each size, in the order of their sizes."""
        listed = self.number <= _LISTED
        size = np.repeat(np.arange(1, len(counts) + 1), counts)
        known = np.empty((len(size), self.players), dtype=bool)
        by_rank = listed[size - 1]
        ranks = [
            self._ranks(int(s) + 1, int(counts[s])) for s in np.flatnonzero(listed & (counts > 0))
        ]
        if ranks:
            known[by_rank] = coalition_of_rank(np.concatenate(ranks), self.players, size[by_rank])
        known[~by_rank] = self._by_trial(size[~by_rank])
        return known

    def _ranks(self, size: int, count: int) -> Ints:
        number, done = int(self.number[size - 1]), int(self.drawn[size - 1])
        if size not in self._orders:
            self._orders[size] = self._rng.permutation(number)
        return self._orders[size][done : done + count]

    def _by_trial(self, size: Ints) -> Bools:
        known = np.empty((len(size), self.players), dtype=bool)
        lacking = np.arange(len(size))
        while len(lacking):
            found = subsets_of_size(len(lacking), self.players, size[lacking, None], self._rng)
            found ^= found[:, :1] & (2 * size[lacking, None] == self.players)
            names = [key.tobytes() for key in np.packbits(found, axis=1)]
            new = np.zeros(len(lacking), dtype=bool)
            for i, name in enumerate(names):
                if name not in self._seen:
                    self._seen.add(name)
                    new[i] = True
            known[lacking[new]] = found[new]
            lacking = lacking[~new]
        return known


class Classic:
    """Draws pairs with replacement, the sizes as the Shapley kernel weighs them.

    Parameters
    ----------
    players : int
    rng : Generator

    Attributes
    ----------
    total : float
        Number of all pairs.
    counts : float array of shape (distinct pairs,)
        How often each pair returned so far was drawn.

    References
    ----------
    Lundberg and Lee (2017), arXiv:1705.07874.
    """

    __slots__ = ("_chance", "_place", "_rng", "_times", "players", "total")

    def __init__(self, players: int, rng: Generator) -> None:
        self.players, self._rng = players, rng
        self.total = float(pairs_of_sizes(players).sum())
        s = np.arange(1, players)
        self._chance = 1 / (s * (players - s)) / (1 / (s * (players - s))).sum()
        self._place: dict[bytes, int] = {}
        self._times: list[float] = []

    @property
    def counts(self) -> Floats:
        """How often each pair returned so far was drawn, in the order of first draws."""
        return np.array(self._times)

    def draw(self, pairs: int) -> Bools:
        """Draw until ``pairs`` new pairs were found, or new ones have become rare; return them."""
        if len(self._times) + pairs >= self.total and self.total < _LISTED:
            return self._rest()
        wanted = len(self._times) + float(pairs)
        found = np.empty((0, self.players), dtype=bool)
        for _ in range(_TRIES):
            lacking = int(wanted - len(self._times))
            if lacking:
                found = np.concatenate([found, self._draw_once(lacking)])
        return found

    def _rest(self) -> Bools:
        """Return all pairs that were never drawn."""
        number = np.arange(1, 2 ** (self.players - 1))
        known = (number[:, None] >> np.arange(-1, self.players - 1).clip(0)) % 2 == 1
        known[:, 0] = False
        keys = np.packbits(known, axis=1)
        new = np.array([key.tobytes() not in self._place for key in keys], dtype=bool)
        self._place |= {key.tobytes(): -1 for key in keys[new]}
        self._times += [1.0] * int(new.sum())
        return np.asarray(known[new])

    def _draw_once(self, count: int) -> Bools:
        """Draw ``count`` pairs and return those that are new."""
        size = self._rng.choice(self.players - 1, size=count, p=self._chance) + 1
        known = subsets_of_size(count, self.players, size[:, None], self._rng)
        known ^= known[:, :1]
        new = np.zeros(count, dtype=bool)
        for i, key in enumerate(np.packbits(known, axis=1)):
            place = self._place.setdefault(key.tobytes(), len(self._times))
            if place < len(self._times):
                self._times[place] += 1
            else:
                self._times.append(1.0)
                new[i] = True
        return known[new]


def subsets_of_size(count: int, players: int, size: int | Ints, rng: Generator) -> Bools:
    """Return uniform random subsets of ``size`` players, (count, players)."""
    order = np.argsort(rng.random((count, players)), axis=1)
    return np.asarray(order < size)


def coalition_of_rank(rank: Ints, players: int, size: int | Ints) -> Bools:
    """Return the subsets of ``size`` players with the given ranks, (ranks, players).

    Each rank may have a size of its own. Ranks 0 ... C(players, size) - 1 are in the order of the
    combinatorial number system; those below C(players - 1, size) are without the last player.
    """
    known = np.zeros((players, len(rank)), dtype=bool)
    rest, left = rank.astype(np.int64), np.zeros(len(rank), dtype=np.int64) + size
    choices = _choices(players, int(left.max(initial=0)))
    for j in range(players - 1, -1, -1):
        below = choices[j][left]
        np.logical_and(rest >= below, left > 0, out=known[j])
        rest -= below * known[j]
        left -= known[j]
    return known.T


@lru_cache(maxsize=64)
def _choices(players: int, size: int) -> Ints:
    """Return the binomial coefficients C(j, k), (players, size + 1)."""
    most = 2**62  # more than any rank
    return np.array([[min(comb(j, k), most) for k in range(size + 1)] for j in range(players)])


def value_weights(known: Bools) -> Floats:
    """Return the weight of each pair in the value of each player, (pairs, players).

    By the definition, ``phi_i = sum over pairs of weight * u`` with ``u`` half the difference of
    worth between a coalition and its complement: twice 1 / (n C(n - 1, s - 1)) for a member of a
    coalition of ``s``, minus twice 1 / (n C(n - 1, s)) for others.
    """
    n = known.shape[1]
    inside = 2 * member_weights(n)
    size = known.sum(axis=1)[:, None]
    return np.asarray(np.where(known, np.append(0.0, inside)[size], -np.append(inside, 0.0)[size]))


@lru_cache(maxsize=64)
def member_weights(players: int) -> Floats:
    """Return 1 / (n C(n - 1, s - 1)) for s = 1 ... n, the Shapley weights of n players."""
    n = players
    logs = [lgamma(s) + lgamma(n - s + 1) - lgamma(n + 1) for s in range(1, n + 1)]
    weights = np.asarray(np.exp(logs), dtype=np.float64)
    weights.flags.writeable = False  # shared by all who ask
    return weights


def _log_comb(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
