"""Rows that explain a row: what would change the answer, what is typical, what taught the model."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from whence.core.errors import InputError
from whence.core.explanation import Explanation
from whence.core.inputs import Images, Inputs, Series, Texts
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints, Level


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Examples(Explanation):
    """Rows that explain a row: counterfactuals, prototypes, influential rows.

    Where fewer candidates were found than asked for, the last places of a row are empty: their
    ``valid`` is False, and their numbers are NaN.

    Attributes
    ----------
    candidates : array of shape (rows, candidates, *shape)
        In the coding of ``data``, whose categories are the first of ``levels``.
    outputs : array of shape (rows, candidates, outputs)
        What the model itself says about the candidates.
    distance : array of shape (rows, candidates)
        Distance from the row explained, in the metric that the method's settings name.
    valid : bool array of shape (rows, candidates)
        Whether there is such a candidate, which does what was asked.
    kind : str
        "counterfactual", "prototype", "criticism", "neighbor" or "influence".
    levels : tuple
        Per column the categories that the codes of ``candidates`` stand for; None for numbers.
    before : array of shape (rows, outputs) or None
        What the model says about the rows explained; None where they are groups.
    index : int array of shape (rows, candidates) or None
        Row of the background that a candidate is; -1 if it is none of them.
    score : array of shape (rows, candidates) or None
        What the candidates are ranked by, such as their influence.
    plausibility : array of shape (rows, candidates) or None
        Conformal p-value: share of real rows that are at least as unusual; near 0 is implausible.
    robustness : array of shape (rows, candidates) or None
        Lower 95 % bound of the probability that a slightly different candidate still does it.
    bound : array of shape (rows,) or None
        No candidate whatever is nearer than this, which is proved; equal to ``distance`` of the
        first candidate where that is the best there is.
    status : tuple of str
        Per row, such as "optimal", "found" or "none found"; empty where it says nothing.
    notes : tuple of str
        Per row what stands in the way where nothing was found; empty strings otherwise.
    """

    candidates: Floats
    outputs: Floats
    distance: Floats
    valid: Bools
    kind: Literal["counterfactual", "prototype", "criticism", "neighbor", "influence"]
    levels: tuple[tuple[Level, ...] | None, ...] = ()
    before: Floats | None = None
    index: Ints | None = None
    score: Floats | None = None
    plausibility: Floats | None = None
    robustness: Floats | None = None
    bound: Floats | None = None
    status: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    per_row: ClassVar[tuple[str, ...]] = (
        "candidates", "outputs", "distance", "valid", "before", "index", "score", "plausibility",
        "robustness", "bound",
    )  # fmt: skip
    listed: ClassVar[tuple[str, ...]] = ("status", "notes")

    @property
    def changed(self) -> Bools:
        """Where a candidate differs from its row, of the shape of ``candidates``."""
        if self.data is None:
            raise InputError("These examples hold no data to compare with: `data` is None.")
        row = _numbers(self.data)
        both_missing = np.isnan(self.candidates) & np.isnan(row[:, None])
        there = self.valid.reshape(*self.valid.shape, *[1] * (self.candidates.ndim - 2))
        return np.asarray((self.candidates != row[:, None]) & ~both_missing & there)

    def table(self, row: int = 0) -> Table:
        """Return the candidates of one row as a table, in the user's own categories."""
        numbers = self.candidates[row][self.valid[row]]
        if isinstance(self.data, Table):
            levels = self.levels or self.data.levels
            return Table(
                names=self.data.names, numbers=numbers, levels=levels, named=self.data.named
            )
        if self.data is None and self.levels:  # of groups of rows, which have no data of their own
            return Table(names=self.names.features, numbers=numbers, levels=self.levels)
        raise InputError("These examples are no rows of a table. See `candidates`.")


def _numbers(data: Inputs | Floats) -> NDArray[Any]:
    """Return what was explained as one array of numbers."""
    if isinstance(data, Texts):
        raise InputError("Texts cannot be compared number by number. Compare their strings.")
    if isinstance(data, Table):
        return data.numbers
    if isinstance(data, Images):
        return data.pixels
    return data.values if isinstance(data, Series) else np.asarray(data)
