"""What a method returns: five frozen dataclasses of plain arrays.

`Attribution` and `Interaction` are here; `whence.core.effect`, `whence.core.rules` and
`whence.core.examples` hold the others.

A method fills the numbers; the driver adds ``names``, ``data`` and ``provenance``. The output axis
is last and always there, also when the model has a single output.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from whence.core import codec, frame, show
from whence.core.errors import InputError
from whence.core.inputs import Inputs
from whence.core.provenance import Provenance
from whence.core.types import Bools, Floats, Int32s, Ints

if TYPE_CHECKING:
    import pandas as pd

RowIndex: TypeAlias = int | slice | Iterable[int] | NDArray[np.int64] | NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the axes of an explanation are called.

    Attributes
    ----------
    features : tuple of str
        One name per player: a column, a superpixel, a token.
    outputs : tuple of str
        One name per output of the model.
    rows : tuple of str or None
        Labels of the rows where the user's table has any, else None.
    """

    features: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    rows: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Explanation:
    """What the five kinds of explanation share; never made by itself.

    Attributes
    ----------
    names : Names
        Names of features, outputs and rows.
    data : Table, Images, Texts, Series or None
        What was explained, one entry per row.
    provenance : Provenance
        All that is needed to compute the explanation again.
    """

    names: Names = field(default_factory=Names)
    data: Inputs | Floats | None = None
    provenance: Provenance = field(default_factory=Provenance)

    per_row: ClassVar[tuple[str, ...]] = ()
    """Arrays with one entry per row, and tuples in ``listed``."""
    listed: ClassVar[tuple[str, ...]] = ()

    def __len__(self) -> int:
        """Return the number of rows explained."""
        return len(getattr(self, self.per_row[0]))

    def nbytes(self) -> int:
        """Return the bytes that the numbers of all rows take."""
        parts = (getattr(self, name) for name in self.per_row)
        return sum(part.nbytes for part in parts if part is not None)

    def __getitem__(self, rows: RowIndex) -> Self:
        """Return the explanation of some rows, of the same type; an int keeps the row axis."""
        index = positions(rows, len(self))
        parts = {name: getattr(self, name) for name in (*self.per_row, "data")}
        taken: dict[str, Any] = {
            name: None if part is None else part[index] for name, part in parts.items()
        }
        for name in self.listed:
            part = getattr(self, name)
            taken[name] = tuple(part[i] for i in index) if part else part
        labels = self.names.rows and tuple(self.names.rows[i] for i in index)
        return replace(self, **taken, names=replace(self.names, rows=labels))

    def __iter__(self) -> Iterator[Self]:
        """Yield the explanation of each row."""
        return (self[i] for i in range(len(self)))

    def save(self, path: str | Path) -> Path:
        """Write the explanation to ``path``, whole or not at all; ``whence.load`` reads it back."""
        return codec.save(self, path)

    def to_frame(self) -> "pd.DataFrame":
        """Return a pandas data frame in long form, one line per number.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        return frame.to_frame(self)

    def __repr__(self) -> str:
        """Say what was explained, by what, and what matters most."""
        return show.text(self)

    def _repr_html_(self) -> str:
        return show.html(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Attribution(Explanation):
    """How far each feature of each row moved each output of the model.

    Attributes
    ----------
    values : array of shape (rows, *players, outputs)
        In the unit of ``outputs``.
    base_values : array of shape (rows, outputs)
        What the model says when no feature is known.
    outputs : array of shape (rows, outputs)
        What the model itself says about the rows.
    stderr : array like ``values`` or None
        Standard error of each value; None where nothing was sampled.
    mask : array of shape (rows, *players) or None
        False where a row has no such player (text of unequal length).
    converged : bool array of shape (rows,) or None
        Whether the sampling was settled within its budget; None where nothing was sampled, or no
        tolerance was asked for.
    fidelity : array of shape (rows, outputs, 3) or None
        Of a surrogate such as LIME's: its R squared on samples it was not fitted to, and the bounds
        of the 95 % interval of that.
    target : int32 array of shape (rows, outputs) or None
        Which output of the model each is, by number, where a method explains chosen ones, such as
        the predicted class of each row.

    Examples
    --------
    >>> import numpy as np
    >>> e = Attribution(
    ...     values=np.array([[[1.0], [2.0]]]), base_values=np.array([[0.5]]),
    ...     outputs=np.array([[3.5]]), names=Names(features=("age", "income"), outputs=("score",)),
    ... )
    >>> e.residual
    array([[0.]])
    >>> e.importance().values[0, :, 0]
    array([1., 2.])
    """

    values: Floats
    base_values: Floats
    outputs: Floats
    stderr: Floats | None = None
    mask: Bools | None = None
    converged: Bools | None = None
    fidelity: Floats | None = None
    target: Int32s | None = None

    per_row: ClassVar[tuple[str, ...]] = (
        "values", "base_values", "outputs", "stderr", "mask", "converged", "fidelity", "target",
    )  # fmt: skip

    @property
    def residual(self) -> Floats:
        """Output left unexplained, of shape (rows, outputs); zero for an exact method."""
        players = tuple(range(1, self.values.ndim - 1))
        return np.asarray(self.outputs - self.base_values - self.values.sum(axis=players))

    def importance(self) -> "Attribution":
        """Return the mean absolute value per player as an attribution with the one row "all".

        ``stderr`` is the standard error of that mean over the rows (None for a single row).
        """
        size = np.abs(self.values)
        n = len(self)
        return Attribution(
            values=size.mean(axis=0, keepdims=True),
            base_values=self.base_values.mean(axis=0, keepdims=True),
            outputs=self.outputs.mean(axis=0, keepdims=True),
            stderr=size.std(axis=0, ddof=1, keepdims=True) / np.sqrt(n) if n > 1 else None,
            names=replace(self.names, rows=("all",)),
            provenance=self.provenance,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Interaction(Explanation):
    """How far sets of features moved each output together.

    Attributes
    ----------
    sets : int array of shape (sets, order)
        Features of each set, ascending; a smaller set is filled with -1 at its end.
    values : array of shape (rows, sets, outputs)
        In the unit of ``outputs``; sets that are not listed are zero.
    base_values, outputs : arrays of shape (rows, outputs)
        As in `Attribution`.
    index : str
        Which interaction index: "SII", "k-SII", "BII", "FSII"; "H" is Friedman's statistic, which
        is no part of the output.
    stderr, converged : arrays or None
        As in `Attribution`.
    """

    sets: Int32s
    values: Floats
    base_values: Floats
    outputs: Floats
    index: Literal["SII", "k-SII", "BII", "FSII", "H"]
    stderr: Floats | None = None
    converged: Bools | None = None

    per_row: ClassVar[tuple[str, ...]] = (
        "values", "base_values", "outputs", "stderr", "converged",
    )  # fmt: skip

    @property
    def residual(self) -> Floats:
        """Output left unexplained, of shape (rows, outputs); zero for an efficient index."""
        return np.asarray(self.outputs - self.base_values - self.values.sum(axis=1))

    def matrix(self) -> Floats:
        """Return the pairs as symmetric matrices of shape (rows, features, features, outputs).

        An effect of a pair is split in halves over its two cells, and sets of one feature are on
        the diagonal, so that each matrix sums to the values of the sets up to size two.
        """
        n, _, k = self.values.shape
        p = max(len(self.names.features), int(self.sets.max(initial=-1)) + 1)
        size = (self.sets >= 0).sum(axis=1)
        out = np.zeros((n, p, p, k))
        single, pair = size == 1, size == 2  # noqa: PLR2004  a pair has two features
        i, j = self.sets[pair, 0], self.sets[pair, 1] if self.sets.shape[1] > 1 else ()
        out[:, self.sets[single, 0], self.sets[single, 0]] = self.values[:, single]
        out[:, i, j] = self.values[:, pair] / 2
        out[:, j, i] = self.values[:, pair] / 2
        return out


def _vector(rows: object) -> NDArray[np.generic]:
    listed = (
        rows if isinstance(rows, (str, np.ndarray)) or not isinstance(rows, Iterable) else [*rows]
    )
    chosen = np.atleast_1d(np.asarray(listed))
    if chosen.ndim > 1:
        raise IndexError
    return chosen if chosen.size else chosen.astype(np.int64)


def positions(rows: RowIndex, n: int) -> Ints:
    """Return the positions that ``rows`` means among ``n`` rows."""
    try:
        chosen = rows if isinstance(rows, slice) else _vector(rows)
        return np.arange(n)[chosen]
    except IndexError as error:
        raise InputError(
            f"Rows {rows!r} were asked of an explanation of {n} rows. "
            "Give positions from 0, a slice, or one bool per row."
        ) from error
