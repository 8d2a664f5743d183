"""Unknown columns of a table take their values from the rows of a background."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from whence.core.check import check_table
from whence.core.errors import InputError
from whence.core.inputs import Inputs
from whence.core.mix import mix, stack
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints
from whence.maskers.scene import Masked, OpenScene, Scene
from whence.models.predict import Predict

_CELLS = 4_000_000
"""Cells of the table that the model is asked with at a time; one coalition may need more."""


@dataclass(frozen=True, slots=True, eq=False)
class Marginal:
    """Unknown columns take their values from background rows, all of them, jointly.

    Attributes
    ----------
    background : table of shape (background, columns)
        Rows that stand for "unknown", in the form of ``X``.
    """

    background: object

    def bind(self, view: Predict) -> OpenScene:
        """Check the background and return what opens scenes."""
        Z = view.read(self.background, what="background")

        def open_scene(inputs: Inputs, rng: Generator) -> Scene:  # noqa: ARG001  draws nothing
            if not isinstance(inputs, Table):
                raise InputError(
                    f"X holds {type(inputs).__name__.lower()} and the background is a table. Give "
                    "a table, or a masker of the kind of X."
                )
            check_table(Z, inputs.names, named=inputs.named, what="background")
            return _Marginal(data=inputs, both=stack(inputs, Z))

        return open_scene


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Marginal:
    """Rows explained, above those of the background."""

    data: Table
    both: Table

    alike = True

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.data.names),)

    @property
    def names(self) -> tuple[str, ...]:
        return self.data.names

    @property
    def counts(self) -> Ints:
        return np.full(len(self.data), len(self.data.names))

    @property
    def copies(self) -> int:
        return len(self.both) - len(self.data)

    @property
    def batch(self) -> int:
        return max(1, _CELLS // (self.copies * len(self.data.names)))

    def mask(self, row: Ints, known: Bools, u: Floats | None = None) -> Masked:
        background = np.arange(len(self.data), len(self.both))[None, :]
        if u is not None:
            background = len(self.data) + (u * self.copies).astype(np.int64)[:, None]
        index = np.where(known[:, None, :], row[:, None, None], background[:, :, None])
        return Masked(inputs=mix(self.both, index.reshape(-1, known.shape[1])))
