"""The cheapest change of a row that gets a wanted answer from an additive model.

Where outputs are sums over players, the cheapest choice of alternatives is an integer program with
a 0/1 variable per alternative [1]_. A solver meets conditions only to a tolerance: a choice that
fails its conditions in float64 is cut off and the program solved again, so no such choice is
returned, and the proof is of the conditions as they are.

References
----------
.. [1] Ustun, Spangher and Liu, "Actionable recourse in linear classification", FAT* (2019),
   doi:10.1145/3287560.3287566.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from time import monotonic

import numpy as np

from whence.core.errors import InputError
from whence.core.types import Floats, Ints
from whence.kernels.choices import Couplings, Found, check_alternatives
from whence.kernels.milp import Program, solve

_NOTHING = 1e-9
"""Relative rounding error of sums over couplings."""


def cheapest_additive(
    start: Ints,
    cost: Floats,
    score: Floats,
    offset: Floats,
    G: Floats,
    h: Floats,
    *,
    couplings: Couplings | None = None,
    seconds: float = 1.0,
) -> Found:
    """Return the choice of least cost with ``G @ (offset + sum of scores) >= h``.

    Parameters
    ----------
    start : int64 array of shape (players + 1,)
        Alternatives ``start[p]:start[p + 1]`` are those of player ``p``, at least one each.
    cost : array of shape (alternatives,)
        Non-negative; the cost of a choice is the sum over players.
    score : array of shape (alternatives, outputs)
        What the player adds to each output where it takes the alternative.
    offset : array of shape (outputs,)
    G : array of shape (conditions, outputs)
    h : array of shape (conditions,)
    couplings : Couplings or None
        Linear conditions on which alternatives are taken together.
    seconds : float
        Time limit, after which the best choice so far is returned with the bound so far.

    Raises
    ------
    InputError
        The arrays do not agree, a player has no alternative, or a number is not finite.
    MissingDependencyError
        scipy, which holds HiGHS, is not installed.

    Examples
    --------
    The first player may add 1 for 1.0 or 3 for 2.0, the second 2 for 1.5; wanted is 3:

    >>> import numpy as np
    >>> found = cheapest_additive(
    ...     start=np.array([0, 3, 5]), cost=np.array([0, 1.0, 2.0, 0, 1.5]),
    ...     score=np.array([[0.0], [1.0], [3.0], [0.0], [2.0]]), offset=np.zeros(1),
    ...     G=np.ones((1, 1)), h=np.array([3.0]))
    >>> found.choice, found.cost, found.proved
    (array([2, 3]), 2.0, True)
    """
    _need_shapes(
        score=(score, (len(cost), G.shape[1])),
        offset=(offset, (G.shape[1],)),
        G=(G, (len(h), G.shape[1])),
    )
    check_alternatives(start, cost, G, h)
    _need_finite(score=score, offset=offset)
    blocks = _blocks(start)
    A, low = (np.zeros((0, len(cost))), np.zeros(0))
    if couplings is not None:
        A, low = couplings.one_sided(len(cost))
    gains, needed = G @ score.T, h - G @ offset
    size = np.maximum(np.abs(gains).max(axis=1, initial=0), 1e-300)[:, None]
    ones = np.ones(len(blocks))
    program = Program(
        cost=cost,
        A=np.concatenate([blocks, gains / size, A]),
        low=np.concatenate([ones, needed / size[:, 0], low]),
        high=np.concatenate([ones, np.full(len(gains) + len(A), np.inf)]),
        most=np.ones(len(cost)),
        whole=np.ones(len(cost), dtype=np.bool_),
    )

    def fits(choice: Ints) -> bool:
        said = G @ (offset + score[choice].sum(axis=0))
        slack = _NOTHING * np.abs(A).max(axis=1, initial=0)
        return bool((said >= h).all() and (A[:, choice].sum(axis=1) >= low - slack).all())

    return _choose(program, start, fits=fits, seconds=seconds)


def _choose(
    program: Program, start: Ints, *, fits: Callable[[Ints], bool], seconds: float
) -> Found:
    """Solve a program of alternatives, cutting off choices that fit by the tolerance alone."""
    end, nodes = monotonic() + seconds, 0
    while True:
        answer = solve(program, max(0.0, end - monotonic()))
        nodes += answer.nodes
        if answer.x is None:
            bound = np.inf if answer.done else answer.bound
            return Found(choice=None, cost=np.inf, bound=bound, proved=answer.done, boxes=nodes)
        best = [a + int(np.argmax(answer.x[a:b])) for a, b in pairwise(start.tolist())]
        choice = np.array(best, dtype=np.int64)
        if fits(choice):
            cost = float(program.cost[choice].sum())
            bound = cost if answer.done else min(cost, answer.bound)
            return Found(choice=choice, cost=cost, bound=bound, proved=answer.done, boxes=nodes)
        program = _without(program, choice)


def _without(program: Program, choice: Ints) -> Program:
    """Cut off one choice: at least one player must take something else."""
    row = np.zeros((1, len(program.cost)))
    row[0, choice] = 1
    return replace(
        program,
        A=np.concatenate([program.A, row]),
        low=np.append(program.low, -np.inf),
        high=np.append(program.high, len(choice) - 1.0),
    )


def _blocks(start: Ints) -> Floats:
    """Return the sums over each player's alternatives, of shape (players, alternatives)."""
    of = np.repeat(np.arange(len(start) - 1), np.diff(start))
    return np.asarray(np.arange(len(start) - 1)[:, None] == of, dtype=np.float64)


def _need_shapes(**arrays: tuple[Floats, tuple[int, ...]]) -> None:
    for name, (array, shape) in arrays.items():
        if array.shape != shape:
            raise InputError(f"{name} has the shape {array.shape}, {shape} is needed.")


def _need_finite(**arrays: Floats) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise InputError(f"{name} holds a number that is not finite. Give finite numbers.")
