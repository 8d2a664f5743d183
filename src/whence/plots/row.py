"""One row of an attribution as a list of steps from the base value to the output."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from whence.core.explanation import Attribution
from whence.plots.pick import Name, Panel, find, kind, others, read, split
from whence.plots.style import VALUE_LENGTH, literal, plain, short_names, shorten

Role = Literal["feature", "others", "residual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One contribution.

    Attributes
    ----------
    name : str
        The feature in full, the others as one, or what is not explained.
    short : str
        The name, shortened to be told from its neighbors.
    cell : str
        Value of the feature as text; "" if unknown.
    value, stderr : float
        Contribution, and its standard error; NaN where nothing was sampled.
    role : str
        Whether the step is a feature, all others, or the part left unexplained.
    """

    name: str
    short: str
    cell: str = ""
    value: float
    stderr: float = np.nan
    role: Role = "feature"

    @property
    def label(self) -> str:
        """The short name and value, as matplotlib should write them."""
        shown = shorten(self.cell, VALUE_LENGTH)
        return literal(f"{self.short} = {shown}" if shown else self.short)


def row_steps(panel: Panel, row: int, most: int) -> tuple[Step, ...]:
    """List the largest contributions of a row, then the sum of the others and the residual.

    The values add up to the output less the base value wherever the explanation is complete, or
    a residual was not negligible.
    """
    values = panel.values[row]
    players = np.arange(values.size)
    if panel.present is not None:
        players = players[panel.present[row]]
    shown, rest = (players[part] for part in split(np.abs(values[players]), most))
    short = short_names([panel.name(row, j) for j in shown])
    steps = [
        Step(
            name=plain(panel.name(row, j)),
            short=name,
            cell=panel.cell(row, j),
            value=float(values[j]),
            stderr=np.nan if panel.stderr is None else float(panel.stderr[row, j]),
        )
        for name, j in zip(short, shown, strict=True)
    ]
    if rest.size:
        name = others(rest.size)
        steps.append(Step(name=name, short=name, value=float(values[rest].sum()), role="others"))
    if panel.incomplete[row]:
        name = "not explained"
        left = float(panel.residual[row])
        steps.append(Step(name=name, short=name, value=left, role="residual"))
    return tuple(steps)


def read_rows(
    e: object, rows: Sequence[Name], output: Name, picture: str
) -> tuple[Panel, list[str]]:
    """Read one output of some rows, given by number or label, and name each for a title.

    Raises
    ------
    InputError
        If there is no such row, or as in `read`.
    """
    e = kind(e, Attribution, picture)
    places = [find(row, e.names.rows, len(e), "row") for row in rows]
    panel = read(e[places], output, picture)
    titles = [_title(panel.output, e.names.rows, place, len(e)) for place in places]
    return panel, titles


def _title(output: str, labels: tuple[str, ...] | None, row: int, count: int) -> str:
    label = plain(labels[row]) if labels else (f"row {row}" if count > 1 else "")
    if labels and label.isdigit():
        label = f"row {label}"
    return " · ".join(part for part in (output, label) if part) or "Contributions"
