"""One row of an explanation of images, texts or series, for pictures that show the row itself."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.inputs import Images, Series, Texts
from whence.core.types import Floats, Int32s
from whence.plots.pick import Name, Panel, find, kind
from whence.plots.row import read_rows
from whence.plots.style import decimals, number

Data = TypeVar("Data", Images, Texts, Series)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row(Generic[Data]):
    """What is drawn.

    Attributes
    ----------
    data : Images, Texts or Series
        Of this row alone.
    values : array of shape (parts,)
        Of one output.
    panel : Panel
        Of this row alone.
    title : str
        Output, row, and what the model says.
    said : str
        A note where the picture shows one row of several; "" otherwise.
    """

    data: Data
    values: Floats
    panel: Panel
    title: str
    said: str

    @property
    def top(self) -> float:
        """The largest contribution without its sign, at which the scale of colors ends."""
        return float(np.abs(self.values).max(initial=0.0)) or 1.0


def read_parts(e: object, wanted: type[Data], row: Name, output: Name, picture: str) -> Row[Data]:
    """Read one output of one row.

    Raises
    ------
    InputError
        If ``e`` is not an attribution of such rows, or has no such row or output.
    """
    e = kind(e, Attribution, picture)
    data = e.data
    if not isinstance(data, wanted):
        held = "no data" if data is None else f"{type(data).__name__.lower()}"
        raise InputError(
            f"`{picture}` draws {wanted.__name__.lower()} and the explanation holds {held}. "
            "`whence.plot(e)` draws what suits it."
        )
    place = find(row, e.names.rows, len(e), "row")
    panel, (title,) = read_rows(e, [place], output, picture)
    end = float(panel.outputs[0])
    shown = number(end, decimals(np.array([end, float(panel.base[0])])))
    name = "output" if title == "Contributions" else title
    return Row(
        data=data[np.array([place])],
        values=panel.values[0],
        panel=panel,
        title=f"{name}: {shown}{panel.quantity}",
        said=f"one of {len(e):,} rows; for another draw e[i]" if len(e) > 1 else "",
    )


def segments_of(row: Row[Data], picture: str) -> Int32s:
    """Return the map of parts of the row.

    Raises
    ------
    InputError
        If the data were not divided into parts.
    """
    if row.data.segments is None:
        raise InputError(
            f"`{picture}` got values of {row.values.size} parts and data that are not divided "
            "into parts. Pass what `whence.explain` returned, with a masker of parts."
        )
    return np.asarray(row.data.segments[0])
