"""Game-theoretic indices straight from their definitions: slow, obvious, and the judge of kernels.

A game over ``p`` players is an array ``v`` of shape (2**p, outputs). Bit ``i`` of the row number
says whether player ``i`` is in the coalition: ``v[0]`` is the worth of nobody, ``v[-1]`` of all.
"""

from collections.abc import Iterator
from itertools import chain, combinations
from math import factorial

import numpy as np

from whence.core.types import Floats

BERNOULLI = (1.0, -1 / 2, 1 / 6, 0.0, -1 / 30)


def mask(S: tuple[int, ...]) -> int:
    """Return the row number of coalition ``S``."""
    return sum(1 << i for i in S)


def subsets(players: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield every subset of ``players``, the smallest first."""
    return chain.from_iterable(combinations(players, size) for size in range(len(players) + 1))


def others(p: int, S: tuple[int, ...]) -> tuple[int, ...]:
    """Return the players that are not in ``S``."""
    return tuple(i for i in range(p) if i not in S)


def derivative(v: Floats, S: tuple[int, ...], T: tuple[int, ...]) -> Floats:
    """Return the discrete derivative: sum over L in S of (-1)^(s - l) v(T + L)."""
    return sum((-1) ** (len(S) - len(L)) * v[mask(T + L)] for L in subsets(S))  # type: ignore[return-value]


def sii(v: Floats, p: int, S: tuple[int, ...]) -> Floats:
    """Return the Shapley interaction index of ``S``, of shape (outputs,).

    The mean over T, outside S, of the derivative, with weight t! (p - t - s)! / (p - s + 1)!
    (Grabisch and Roubens 1999, doi:10.1007/s001820050125). A single player: its Shapley value.
    """
    s = len(S)
    total = np.zeros(v.shape[1])
    for T in subsets(others(p, S)):
        t = len(T)
        weight = factorial(t) * factorial(p - t - s) / factorial(p - s + 1)
        total += weight * derivative(v, S, T)
    return total


def bii(v: Floats, p: int, S: tuple[int, ...]) -> Floats:
    """Return the Banzhaf interaction index of ``S``: the plain mean of its derivative."""
    coalitions = list(subsets(others(p, S)))
    return np.sum([derivative(v, S, T) for T in coalitions], axis=0) / len(coalitions)


def shapley(v: Floats, p: int) -> Floats:
    """Return the Shapley values, of shape (players, outputs)."""
    phi = np.zeros((p, v.shape[1]))
    for i in range(p):
        for T in subsets(others(p, (i,))):
            weight = factorial(len(T)) * factorial(p - len(T) - 1) / factorial(p)
            phi[i] += weight * (v[mask((*T, i))] - v[mask(T)])
    return phi


def banzhaf(v: Floats, p: int) -> Floats:
    """Return the Banzhaf values, of shape (players, outputs)."""
    phi = np.zeros((p, v.shape[1]))
    for i in range(p):
        for T in subsets(others(p, (i,))):
            phi[i] += (v[mask((*T, i))] - v[mask(T)]) / 2 ** (p - 1)
    return phi


def k_sii(v: Floats, p: int, order: int) -> dict[tuple[int, ...], Floats]:
    """Return the n-Shapley values of every set of one to ``order`` players.

    Bord and von Luxburg (2023, https://proceedings.mlr.press/v206/bordt23a.html): the sets of the
    highest order keep their SII; a smaller set S gets the sum over all K outside S, up to that
    order, of B_|K| SII(S + K), with the Bernoulli numbers B = 1, -1/2, 1/6, 0, ... The values of
    all sets sum to v(everybody) - v(nobody). For order 2 this is the convention of Lundberg et al.
    (2020, doi:10.1038/s42256-019-0138-9), whose matrix holds half of a pair in each of two cells.
    """
    index = {S: sii(v, p, S) for S in subsets(tuple(range(p))) if 1 <= len(S) <= order}
    return {
        S: np.sum(
            [
                BERNOULLI[len(K)] * index[tuple(sorted(S + K))]
                for K in subsets(others(p, S))
                if len(S) + len(K) <= order
            ],
            axis=0,
        )
        for S in index
    }


def mobius(v: Floats, p: int) -> dict[tuple[int, ...], Floats]:
    """Return the dividend of every set: what it adds beyond all of its proper subsets."""
    return {S: derivative(v, S, ()) for S in subsets(tuple(range(p)))}
