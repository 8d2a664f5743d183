"""Interaction indices as weighted sums of the worth of coalitions.

Every game is a sum of dividends: what a coalition is worth beyond all of its parts. An index says
which share of the dividend of ``t`` players each of the sets of ``s`` players in it gets: ::

    SII     1 / (t - s + 1)
    k-SII   sum over j up to k - s of B_j C(t - s, j) / (t - s - j + 1), B the Bernoulli numbers
    FSII    1 for the set itself, 0 for others up to k players, and for more
            (-1)^(k - s) s / (k + s) C(k, s) C(t - 1, k) / C(t + k - 1, k + s)

From the shares follows the weight of each coalition's worth, which depends only on its size and on
how many of the set's players are in it. The sums alternate, so they are taken in fractions.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Literal, TypeAlias

import numpy as np

from whence.core.types import Bools, Floats, Ints

Index: TypeAlias = Literal["k-SII", "SII", "FSII"]

_BERNOULLI = (Fraction(1), Fraction(-1, 2), Fraction(1, 6), Fraction(0))
_CELLS = 2_000_000
"""Weights of coalitions and sets that are computed at a time."""


def share(index: Index, order: int, s: int, t: int) -> Fraction:
    """Return which share of the dividend of ``t`` players each set of ``s`` of them gets."""
    if index == "SII":
        return Fraction(1, t - s + 1)
    if index == "k-SII":
        most = min(order, t) - s
        return sum(
            (_BERNOULLI[j] * comb(t - s, j) / (t - s - j + 1) for j in range(most + 1)), Fraction(0)
        )
    if t <= order:
        return Fraction(int(s == t))
    above = Fraction(comb(t - 1, order), comb(t + order - 1, order + s))
    sign = 1 if (order - s) % 2 == 0 else -1
    return sign * Fraction(s, order + s) * comb(order, s) * above


@lru_cache(maxsize=32)
def coalition_weights(players: int, order: int, index: Index) -> tuple[Floats, ...]:
    """Return the weight of each coalition's worth in the index of each set.

    Returns
    -------
    tuple of arrays, one per size ``s`` of sets from one to ``order``
        Entry (t, l) is the weight of a coalition of ``t`` players of which ``l`` are in the set.
    """
    n, tables = players, []
    for s in range(1, order + 1):
        shares = [Fraction(0)] * s + [share(index, order, s, t) for t in range(s, n + 1)]
        sums = [
            sum((comb(n - u, j) * shares[u + j] * (-1) ** (u + j) for j in range(n - u + 1)),
                Fraction(0))
            for u in range(n + 1)
        ]  # fmt: skip
        table = np.zeros((n + 1, s + 1))
        for t in range(n + 1):
            for inside in range(max(0, s + t - n), min(s, t) + 1):
                table[t, inside] = float((-1) ** t * sums[s + t - inside])
        table.flags.writeable = False
        tables.append(table)
    return tuple(tables)


def sets_of(players: int, order: int) -> tuple[Ints, ...]:
    """Return the sets of each size up to ``order``, (sets, size) in lexicographic order."""
    return tuple(
        np.array(list(combinations(range(players), s)), dtype=np.int64).reshape(-1, s)
        for s in range(1, order + 1)
    )


def index_values(
    known: Bools, worth: Floats, sets: tuple[Ints, ...], tables: tuple[Floats, ...]
) -> Floats:
    """Return the weighted sum over coalitions for each set, (sets, outputs).

    Parameters
    ----------
    known : bool array of shape (coalitions, players)
    worth : array of shape (coalitions, outputs)
    sets : tuple of int arrays
    tables : tuple of arrays
        As `coalition_weights` returns them.
    """
    total = [np.zeros((len(members), worth.shape[1])) for members in sets]
    for part in chunks(len(known), known.shape[1]):
        inside, size = known[part].astype(np.float64), known[part].sum(axis=1)
        for found, members, table in zip(total, sets, tables, strict=True):
            steps = _differences(table)[size]
            for o in range(worth.shape[1]):
                found[:, o] += _sums(inside, steps * worth[part, o, None], members)
    return np.concatenate(total)


def _differences(table: Floats) -> Floats:
    """Return what each number of players adds to a weight, beside what fewer of them do."""
    signs = [
        [(-1) ** (i - j) * comb(i, j) for j in range(table.shape[1])] for i in range(table.shape[1])
    ]
    return np.asarray(table @ np.array(signs, dtype=np.float64).T)


def _sums(inside: Floats, steps: Floats, members: Ints) -> Floats:
    """Return for each set the sum over coalitions and over the set's players that are in it.

    A function of how many players are in is a sum over the subsets that are in, so that matrix
    products of memberships do for all sets at once; of triples, one player at a time.
    """
    alone = inside.T @ steps[:, 1]
    total = steps[:, 0].sum() + alone[members].sum(axis=1)
    size = members.shape[1]
    if size > 1:
        pairs = (inside * steps[:, 2, None]).T @ inside
        for i, j in combinations(range(size), 2):
            total += pairs[members[:, i], members[:, j]]
    if size > 2:  # noqa: PLR2004  triples
        for first in np.unique(members[:, 0]):
            at = np.flatnonzero(members[:, 0] == first)
            with_it = np.flatnonzero(inside[:, first])
            some = inside[with_it]
            triples = (some * steps[with_it, 3, None]).T @ some
            total[at] += triples[members[at, 1], members[at, 2]]
    return np.asarray(total)


def chunks(rows: int, columns: int) -> Iterator[slice]:
    """Yield slices of rows that keep tables of weights small."""
    size = max(1, _CELLS // max(columns, 1))
    return (slice(first, first + size) for first in range(0, rows, size))


def parity_columns(known: Bools, sets: tuple[Ints, ...]) -> Floats:
    """Return a one and for each set the product of its players' signs, (coalitions, 1 + sets).

    The sign of a player is 1 if it is in the coalition and -1 elsewhere.
    """
    signs = np.where(known, 1.0, -1.0)
    parts = [np.ones((len(known), 1))]
    for members in sets:
        product = signs[:, members[:, 0]]
        for column in members.T[1:]:
            product = product * signs[:, column]
        parts.append(product)
    return np.concatenate(parts, axis=1)


def parity_index(
    coefficients: Floats, basis: tuple[Ints, ...], sets: tuple[Ints, ...], order: int, index: Index
) -> Floats:
    """Return the index of a game that is a sum of `parity_columns`, (sets, outputs).

    Parameters
    ----------
    coefficients : array of shape (1 + basis sets, outputs)
    basis, sets : tuples of int arrays
        The sets of each size that the game is made of, and those whose index is wanted.
    order : int
    index : str
    """
    values = [np.zeros((len(members), coefficients.shape[1])) for members in sets]
    start = 1
    for t, large in enumerate(basis, start=1):
        part = coefficients[start : start + len(large)]
        start += len(large)
        for s in range(1, min(t, len(sets)) + 1):
            terms = (
                comb(t - s, j) * share(index, order, s, s + j) * 2 ** (s + j) * (-1) ** (t - s - j)
                for j in range(t - s + 1)
            )
            weight = float(sum(terms, Fraction(0)))
            for columns in combinations(range(t), s):
                np.add.at(values[s - 1], _places(large[:, columns], sets[s - 1]), weight * part)
    return np.concatenate(values)


def _places(wanted: Ints, among: Ints) -> Ints:
    """Return where sets stand in a list of sets in lexicographic order."""
    base = int(max(wanted.max(initial=0), among.max(initial=0))) + 1
    scale = base ** np.arange(among.shape[1] - 1, -1, -1)
    return np.asarray(np.searchsorted(among @ scale, wanted @ scale))
