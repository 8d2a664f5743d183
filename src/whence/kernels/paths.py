"""Which players meet on a path of a tree: only these can interact."""

from collections.abc import Sequence

import numpy as np

from whence.core.types import Bools
from whence.kernels.trees import NodeArrays


def above(nodes: NodeArrays, players: Sequence[int]) -> Bools:
    """Return which of some players each node or a node above it splits on, (nodes, players).

    Examples
    --------
    See `meet`.
    """
    of = np.where(nodes.feature >= 0, nodes.player[nodes.feature], -1)
    out: Bools = of[:, None] == np.asarray(players)[None, :]
    parent = np.full(len(of), -1)
    inner = np.flatnonzero(nodes.feature >= 0)
    for child in (nodes.left, nodes.right):
        parent[child[inner]] = inner
    jump = parent.copy()
    while (jump >= 0).any():  # each round looks twice as far up
        known = jump >= 0
        out[known] |= out[jump[known]]
        jump[known] = jump[jump[known]]
    return out


def meet(nodes: NodeArrays, players: Sequence[int]) -> bool:
    """Tell whether some path splits on all of these players.

    Parameters
    ----------
    nodes : NodeArrays
    players : sequence of int
    """
    return bool(above(nodes, players).all(axis=1).any())
