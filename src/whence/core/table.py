"""Tables from any library, brought to one form.

A `Table` is a matrix of float64 numbers. A column of categories holds codes into its ``levels``,
in the order in which the user's column lists them (or sorted, for plain strings); a missing value
is NaN. The frame that the user handed in travels along in ``native``, so that the user's model is
always asked with the user's own object.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from whence.core.types import Floats, Level


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Rows to explain.

    Attributes
    ----------
    names : tuple of str
        Column names; "x0", "x1", ... for an array, which has none.
    numbers : array of shape (rows, columns)
        Numbers, and codes of categories; NaN is missing.
    levels : tuple
        Per column the categories that the codes stand for, or None for a column of numbers.
    named : bool
        Whether the user named the columns.
    rows : tuple of str or None
        Labels of the rows, where the user's table has any.
    native : object
        What the user handed in, rows as in ``numbers``; None after loading from a file.
    """

    names: tuple[str, ...]
    numbers: Floats
    levels: tuple[tuple[Level, ...] | None, ...]
    named: bool = True
    rows: tuple[str, ...] | None = None
    native: object = field(default=None, repr=False)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.numbers)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self: ...

    def value(self, row: int, column: int) -> Level | None:
        """Return one cell as the user wrote it; None if missing."""
        ...

    def text(self, row: int, column: int) -> str:
        """Return one cell as text for people: "missing", a category, or a short number."""
        ...
