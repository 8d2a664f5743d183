"""How a method asks what coalitions of players are worth, and what it makes of the answers.

A sampler is the mathematics of one row: it asks for coalitions, is told their worth, and can say at
any time what it makes of them. Who asks the model, how many rows at once, within which budget and
when the answer is settled, is not its business: `whence.maskers.play` does that for all samplers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from numpy.random import Generator

from whence.core.types import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """What a sampler makes of the coalitions it was told about.

    Attributes
    ----------
    values : array of shape (parts, outputs)
        One value per player, or per set of players.
    stderr : array of shape (parts, outputs)
        Standard error of each value; zero where the value is exact.
    base : array of shape (outputs,) or None
        Base value, where it is no coalition's worth but fitted (the intercept of a surrogate).
    fidelity : array of shape (outputs, 3) or None
        Held-out R squared of a surrogate and the bounds of its 95 % interval.
    settled : bool or None
        Whether the sampler's own rule says that no more is needed; None leaves it to the standard
        errors.
    """

    values: Floats
    stderr: Floats
    base: Floats | None = None
    fidelity: Floats | None = None
    settled: bool | None = None


class Sampler(Protocol):
    """Asks for the worth of coalitions at one row, batch by batch, and makes values of it."""

    @property
    def fewest(self) -> int:
        """Coalitions without which there is no estimate at all."""
        ...

    def ask(self, most: int) -> Bools:
        """Return the coalitions to evaluate next, (coalitions, players); True is known.

        At most ``most``, and as many as are sensible before looking at the standard errors again;
        an array without rows when there is nothing left to ask.
        """
        ...

    def tell(self, worth: Floats) -> None:
        """Take the worth (coalitions, outputs) of what was last asked for, in that order."""
        ...

    def estimate(self) -> Estimate | None:
        """Return the values as far as they are known; None while too little was told."""
        ...


@runtime_checkable
class Drawn(Protocol):
    """A sampler that wants to know which copy completed each coalition it asked for."""

    def drawn(self, u: Floats) -> None:
        """Take the numbers (coalitions,) in [0, 1) that draw the copies; see `Scene.mask`."""
        ...


MakeSampler: TypeAlias = Callable[[int, Floats, Floats, Generator], Sampler]
"""Players, worth of nobody (outputs,), worth of everybody (outputs,), generator -> sampler."""
