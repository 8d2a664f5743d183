"""One alternative per player: what engines that look for the cheapest choice have in common."""

from dataclasses import dataclass

import numpy as np

from whence.core.errors import InputError
from whence.core.types import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Couplings:
    """Linear conditions between players: ``low <= A @ chosen <= high``.

    ``chosen`` is 1 at the alternative that each player takes and 0 elsewhere, so "if player 0 takes
    one of E, then player 1 takes one of F" is +1 on E, -1 on F and ``high`` 0.

    Attributes
    ----------
    A : array of shape (couplings, alternatives)
    low, high : arrays of shape (couplings,)
        May be infinite.
    """

    A: Floats
    low: Floats
    high: Floats

    def one_sided(self, alternatives: int) -> tuple[Floats, Floats]:
        """Return the finite sides as ``A @ chosen >= low``.

        Raises
        ------
        InputError
            The arrays do not agree with each other or with the number of alternatives.
        """
        shape = (len(self.low), alternatives)
        if self.A.shape != shape or self.high.shape != shape[:1]:
            raise InputError(
                f"The couplings have A of shape {self.A.shape} and {len(self.low)} lower and "
                f"{len(self.high)} upper ends, for {alternatives} alternatives. Give a row of A "
                "and two ends for each coupling."
            )
        if not np.isfinite(self.A).all() or np.isnan(self.low).any() or np.isnan(self.high).any():
            raise InputError(
                "The couplings hold a number that is not finite. Give finite numbers; only their "
                "ends may be infinite."
            )
        A = np.concatenate([self.A, -self.A])
        low = np.concatenate([self.low, -self.high]).astype(np.float64)
        kept = low > -np.inf
        return np.ascontiguousarray(A[kept], dtype=np.float64), low[kept]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What a search for the cheapest choice came to.

    Attributes
    ----------
    choice : int64 array of shape (players,) or None
        Position of the alternative that each player takes, among all alternatives; None: no choice
        that fits was found, or none below the incumbent.
    cost : float
        Its cost; infinite where there is none.
    bound : float
        No choice that fits is cheaper than this, but for a relative 1e-9. Where none is found: the
        incumbent, or infinity without one.
    proved : bool
        Whether the search came to its end: then ``cost`` is the least there is, or, where
        ``choice`` is None, no choice fits (below the incumbent). Else a limit was met.
    boxes : int
        Parts of the space that were looked at: a measure of work that no clock is in.
    """

    choice: Ints | None
    cost: float
    bound: float
    proved: bool
    boxes: int

    @property
    def gap(self) -> float:
        """Return the share of the cost that may be too much: 0 where it is proved the least."""
        if self.proved or self.cost == 0:
            return 0.0
        return 1.0 if self.choice is None else max(0.0, 1 - self.bound / self.cost)


def check_alternatives(start: Ints, cost: Floats, G: Floats, h: Floats) -> None:
    """Raise `InputError` unless every player has an alternative and all numbers can be used."""
    if start[0] != 0 or start[-1] != len(cost) or bool((np.diff(start) < 1).any()):
        raise InputError(
            f"start is {start.tolist()}: it must rise from 0 to {len(cost)}, by at least one "
            "alternative a player. A player that may not change has one, its present value."
        )
    if len(h) == 0:
        raise InputError("G and h have no rows, at least one condition is needed.")
    for name, array in (("cost", cost), ("G", G), ("h", h)):
        if not np.isfinite(array).all():
            raise InputError(f"{name} holds a number that is not finite. Give finite numbers.")
    if bool((cost < 0).any()):
        raise InputError(
            f"The least cost is {cost.min():g}. Costs must not be negative: give distances."
        )
