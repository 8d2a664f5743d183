"""Exact Shapley values of any response by enumeration of all coalitions.

For ``d`` players and ``m`` background rows each row costs ``2**d * m`` evaluations of the trees.
"""

from collections.abc import Callable
from math import comb

import numpy as np

from whence.core.response import Response, respond
from whence.core.types import Bools, Floats, Int32s, Ints

_HYBRIDS = 200_000
"""Hybrid rows evaluated at once."""


def response_shapley(
    predict: Callable[[Floats], Floats],
    response: Response,
    X: Floats,
    Z: Floats,
    labels: Ints | None,
    used: Ints,
    player: Int32s,
    players: int,
) -> tuple[Floats, Floats]:
    """Return Shapley values and base values of ``v(S) = mean_b F(raw(x on S, b elsewhere))``.

    Parameters
    ----------
    predict : callable
        (rows, columns) -> (rows, raw outputs).
    response : str
        Name of F.
    X, Z : arrays of shape (rows, columns), (background, columns)
    labels : int array of shape (rows,) or None
    used : int array
        Players that can matter; at most about 16.
    player : int array of shape (columns,)
    players : int
        Number of all players.

    Returns
    -------
    values : array of shape (rows, players, outputs)
    base : array of shape (rows, outputs)
    """
    known = _coalitions(len(used))
    from_x = np.zeros((len(known), len(player)), dtype=bool)
    for bit, owner in enumerate(used):
        from_x[:, player == owner] = known[:, [bit]]
    parts, bases = [], []
    for i, x in enumerate(X):
        label = None if labels is None else labels[i]
        worth = _worth(predict, response, x, Z, label, from_x)
        parts.append(_shapley(worth, known))
        bases.append(worth[0])
    values = np.zeros((len(X), players, bases[0].size))
    values[:, used] = np.array(parts)
    return values, np.array(bases)


def _coalitions(d: int) -> Bools:
    return np.asarray((np.arange(2**d)[:, None] >> np.arange(d)) & 1 == 1)


def _worth(
    predict: Callable[[Floats], Floats],
    response: Response,
    x: Floats,
    Z: Floats,
    label: np.int64 | None,
    from_x: Bools,
) -> Floats:
    step = max(1, _HYBRIDS // len(Z))
    worth = []
    for first in range(0, len(from_x), step):
        take = from_x[first : first + step]
        hybrids = np.where(take[:, None, :], x, Z).reshape(-1, len(x))
        labels = None if label is None else np.full(len(hybrids), label)
        answer = respond(response, predict(np.ascontiguousarray(hybrids)), labels)
        worth.append(answer.reshape(len(take), len(Z), -1).mean(axis=1))
    return np.concatenate(worth)


def _shapley(worth: Floats, known: Bools) -> Floats:
    d = known.shape[1]
    size = known.sum(axis=1)
    joining = np.array([1 / (d * comb(d - 1, s)) for s in range(d)] + [0.0])
    phi = np.empty((d, worth.shape[1]))
    index = np.arange(len(known))
    for j in range(d):
        without = index[~known[:, j]]
        gain = worth[without | (1 << j)] - worth[without]
        phi[j] = joining[size[without]] @ gain
    return phi
