"""What a picture reads out of an explanation: one output, as matrices, with names."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from operator import index
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from whence.core.errors import InputError
from whence.core.explanation import Attribution, Explanation
from whence.core.inputs import Images, Inputs, Texts
from whence.core.meaning import CONTRIBUTION, Meaning, meaning
from whence.core.players import names_in_row
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints, Level
from whence.core.words import ALL, importance
from whence.plots.style import plain, short_number

Name = int | str
Kind = TypeVar("Kind", bound=Explanation)

ROWS = ("force_html",)
"""Pictures of several rows, each by itself."""
NEGLIGIBLE = 1e-3
"""A residual below this share of the largest contribution is not drawn."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """One output of an attribution.

    Attributes
    ----------
    values : array of shape (rows, players)
    base, outputs, residual : arrays of shape (rows,)
    stderr : array of shape (rows, players) or None
    present : bool array of shape (rows, players) or None
        False where a row has no such player.
    features : tuple of str
        One name per player.
    output, unit : str
        What was explained; ``output`` is "" for a model with one output without a name.
    said : Meaning
        What a value is.
    rows : tuple of str or None
        Labels of the rows.
    data : Table, array of shape (rows, players) or None
        What was explained.
    column : int array of shape (players,)
        Column of ``data`` that each player is; -1 for none.
    own : tuple of tuples of str or None
        Names of the players of each row, where rows have players of their own, as texts have.
    """

    values: Floats
    base: Floats
    outputs: Floats
    residual: Floats
    stderr: Floats | None
    present: Bools | None
    features: tuple[str, ...]
    output: str
    unit: str
    rows: tuple[str, ...] | None
    data: Table | Floats | None
    column: Ints
    own: tuple[tuple[str, ...], ...] | None = None
    said: Meaning = CONTRIBUTION

    def name(self, row: int, player: int) -> str:
        """Return the name of a player in a row."""
        return self.features[player] if self.own is None else self.own[row][player]

    def numbers(self, player: int) -> Floats | None:
        """Return the column of a player as numbers or codes of categories; None if unknown."""
        column = int(self.column[player])
        if self.data is None or column < 0:
            return None
        numbers = self.data.numbers if isinstance(self.data, Table) else self.data
        return np.asarray(numbers[:, column], dtype=np.float64)

    def levels(self, player: int) -> tuple[Level, ...] | None:
        """Return the categories of a player's column; None for a column of numbers."""
        column = int(self.column[player])
        return self.data.levels[column] if isinstance(self.data, Table) and column >= 0 else None

    def cell(self, row: int, player: int) -> str:
        """Return the value of a player in a row as text; "" if unknown."""
        column = int(self.column[player])
        if self.data is None or column < 0:
            return ""
        if isinstance(self.data, Table):
            return plain(self.data.text(row, column))
        return short_number(float(self.data[row, column]))

    @property
    def scale(self) -> Floats:
        """The size of what is explained in each row, to judge a residual by; of shape (rows,)."""
        largest = np.abs(self.values).max(axis=1, initial=0.0)
        return np.asarray(np.maximum(largest, np.abs(self.outputs - self.base)))

    @property
    def incomplete(self) -> Bools:
        """Whether the contributions of a row fall visibly short of its output."""
        missed = np.abs(self.residual) > NEGLIGIBLE * self.scale
        return np.asarray(missed & self.said.in_unit)

    @property
    def label(self) -> str:
        """What a value is, with its unit."""
        return f"{self.said.noun}{self.quantity if self.said.in_unit else ''}"

    @property
    def quantity(self) -> str:
        """The unit in words for a label, with a leading space; "" where there is none."""
        return f" ({self.unit})" if self.unit else ""


def kind(e: object, wanted: type[Kind], picture: str) -> Kind:
    """Return ``e`` if it is of the wanted type and holds any row.

    Raises
    ------
    InputError
        If it is not.
    """
    if not isinstance(e, wanted):
        other = "`interaction_matrix`" if wanted is Attribution else "`plot`"
        raise InputError(
            f"`{picture}` needs an {wanted.__name__} and got {type(e).__name__}. "
            f"Pass what `whence.explain` returned, or see whether {other} suits it."
        )
    if not len(e):
        raise InputError(
            f"`{picture}` got an explanation of 0 rows. Explain at least one row, or check the "
            "rows that were taken from it."
        )
    return e


def read(e: object, output: Name, picture: str) -> Panel:
    """Read one output of an attribution.

    Raises
    ------
    InputError
        If ``e`` is not an attribution with rows, players and finite values, or has no such output.
    """
    e = kind(e, Attribution, picture)
    if e.names.rows == ALL and picture != "bar":
        got = "an importance: mean absolute values, which do not add up to an output"
        if importance(e).signed:
            got = f"values of {e.provenance.method}, which are about all rows and not about one"
        raise InputError(
            f"`{picture}` got {got}. Draw it with `bar`, or pass an explanation of single rows."
        )
    out = find(output, e.names.outputs, e.values.shape[-1], "output")
    n = len(e)
    values, stderr = (
        None if a is None else a[..., out].reshape(n, -1) for a in (e.values, e.stderr)
    )
    present = None if e.mask is None else e.mask.reshape(n, -1)
    if values is None or not values.shape[1]:
        raise InputError(f"`{picture}` got an explanation of 0 features. Explain at least one.")
    if present is not None:
        values = np.where(present, values, 0.0)
    if not np.isfinite(values).all():
        raise InputError(
            f"`{picture}` got {np.count_nonzero(~np.isfinite(values))} values that are NaN or "
            "infinite. A picture needs finite contributions: look at `values` and the model."
        )
    own = _own(e, picture)
    features = own[0] if own and len(e) == 1 else _features(e.names.features, values.shape[1])
    data, column = _data(e.data, features, n)
    return Panel(
        values=values,
        base=e.base_values[:, out],
        outputs=e.outputs[:, out],
        residual=e.outputs[:, out] - e.base_values[:, out] - values.sum(axis=1),
        stderr=stderr,
        present=present,
        features=features,
        output=output_name(e.names.outputs, e.values.shape[-1], out),
        unit=plain(e.provenance.unit),
        said=meaning(e.provenance.method),
        rows=e.names.rows,
        data=data,
        column=column,
        own=own,
    )


def _features(names: tuple[str, ...], players: int) -> tuple[str, ...]:
    if names and len(names) != players:
        raise InputError(
            f"The explanation names {len(names)} features and holds values of {players}. "
            "Give `names.features` one name per player."
        )
    return names or tuple(f"x{j}" for j in range(players))


def _own(e: Attribution, picture: str) -> tuple[tuple[str, ...], ...] | None:
    """Return the names of each row's own parts, which only a picture of single rows can show."""
    if e.names.features or not isinstance(e.data, Images | Texts):
        return None
    if len(e) > 1 and picture not in ROWS:
        held = type(e.data).__name__.lower()
        raise InputError(
            f"`{picture}` compares rows, and each of these {len(e)} {held} has parts of its own. "
            "Take one row: e[i]."
        )
    return tuple(tuple(names_in_row(e, i)) for i in range(len(e)))


def _data(
    data: Inputs | Floats | None, features: tuple[str, ...], rows: int
) -> tuple[Table | Floats | None, Ints]:
    """Find the column of each player: by name where the table has it, else by place."""
    players = len(features)
    if isinstance(data, Table) and len(data) == rows:
        if data.names == features:
            return data, np.arange(players)
        place = {name: column for column, name in enumerate(data.names)}
        return data, np.array([place.get(name, -1) for name in features], dtype=np.int64)
    if isinstance(data, np.ndarray) and data.size == rows * players:
        return data.reshape(rows, players), np.arange(players)
    return None, np.full(players, -1)


def output_name(names: tuple[str, ...], outputs: int, out: int) -> str:
    """Name an output for a title; "" where there is nothing to tell apart."""
    if names:
        return plain(names[out])
    return f"output {out}" if outputs > 1 else ""


def find(wanted: Name, names: Sequence[str] | None, size: int, what: str) -> int:
    """Return the place of an output, feature or row given by name or number.

    Raises
    ------
    InputError
        If there is none such; the message lists close names.
    """
    if isinstance(wanted, str):
        known = list(names or ())
        if wanted in known:
            return known.index(wanted)
        close = get_close_matches(wanted, known, n=3, cutoff=0.5) or known[:5]
        hint = f"close names: {', '.join(map(repr, close))}" if close else "none has a name"
        raise InputError(
            f"There is no {what} {wanted!r} among {size}; {hint}. "
            f"Pass one of them, or a number from 0 to {size - 1}."
        )
    try:
        place = index(wanted)
    except TypeError:
        place = size
    if isinstance(wanted, bool) or not -size <= place < size:
        raise InputError(
            f"There is no {what} {wanted!r}. Pass a name or a number from 0 to {size - 1}."
        )
    return place % size


def positive(value: object, name: str) -> int:
    """Return a count of at least one.

    Raises
    ------
    InputError
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"`{name}` is {value!r}. Pass a whole number of at least 1.")
    return int(value)


def split(size: NDArray[np.float64], most: int) -> tuple[Ints, Ints]:
    """Return the largest entries in descending order, and the rest that is shown as a sum.

    A single one left over is shown itself, because its sum takes the same place.
    """
    order = np.argsort(-size, kind="stable")
    cut = most if order.size > most + 1 else order.size
    return order[:cut], order[cut:]


def others(count: int) -> str:
    """Name the sum of the features that are not shown."""
    return f"{count:,} other features"
