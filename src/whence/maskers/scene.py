"""What "absent" means: the protocols between maskers, which hide parts of rows, and their users.

A masker is a frozen dataclass of settings, as a method is. Bound to a model it opens a *scene* for
each block of rows: it has divided every row into players, and makes for any coalition of known
players what the model is then asked about.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from numpy.random import Generator

from whence.core.inputs import Inputs
from whence.core.types import Bools, Floats, Ints
from whence.models.predict import Predict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Masked:
    """What the model is asked about for some coalitions.

    Attributes
    ----------
    inputs : Table, Images, Texts or Series
        Distinct rows, in the user's own form.
    back : int array of shape (coalitions * copies,) or None
        Which of them stands for each copy of each coalition; None if they are in that order.
    weights : array of shape (coalitions, copies) or None
        Weights of the copies, each line summing to one; None if they are equal.
    """

    inputs: Inputs
    back: Ints | None = None
    weights: Floats | None = None


class Scene(Protocol):
    """A block of rows, divided into players."""

    @property
    def data(self) -> Inputs:
        """The rows, with the geometry of their parts filled in."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the players: (players,), or (segments, channels); of the row with most."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each player, flattened; empty where each row has others."""
        ...

    @property
    def counts(self) -> Ints:
        """Number of players of each row, (rows,); they are the first ones of the shape."""
        ...

    @property
    def copies(self) -> int:
        """Rows that the model is asked about for one coalition, such as a background's."""
        ...

    @property
    def alike(self) -> bool:
        """Whether a row of which nothing is known is the same for all rows."""
        ...

    @property
    def batch(self) -> int:
        """Coalitions that fit in memory at once, at least one."""
        ...

    def mask(self, row: Ints, known: Bools, u: Floats | None = None) -> Masked:
        """Hide what is not known.

        Parameters
        ----------
        row : int array of shape (coalitions,)
            Row of the block that each coalition is of.
        known : bool array of shape (coalitions, players)
            As wide as the row with most players; what a row lacks is False.
        u : array of shape (coalitions,) or None
            Numbers in [0, 1). If given, each coalition is completed by one copy alone, drawn by
            its number, instead of by all copies.
        """
        ...


OpenScene: TypeAlias = Callable[[Inputs, Generator], Scene]
"""Opens a scene for a block of rows. Only the seed of the generator counts."""


class Masker(Protocol):
    """Settings of how parts of a row are hidden."""

    def bind(self, view: Predict) -> OpenScene:
        """Check the settings against the model and return what opens scenes."""
        ...
