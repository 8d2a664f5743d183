"""The Additive view: a model whose raw output is a sum of terms, each of one or two columns.

``raw output = intercept + sum over terms of f_t(x_t)``. Of an explainable boosting machine the
``f_t`` are tables: a column is cut into bins, and the table says what each bin adds. Of a linear
model a term is what all parts of one column of the user add together.

Each block of rows is checked: the user's own model must say what the sum says, but for rounding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from whence.core.check import check_table, table_alone
from whence.core.digest import digest
from whence.core.errors import InputError, VerificationError, WhenceError
from whence.core.inputs import Inputs
from whence.core.method import Output, Rows
from whence.core.table import Table, table_of
from whence.core.types import Floats, Int32s, Ints, Level
from whence.models.linear import Linear
from whence.models.shapes import Shape


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Term:
    """One term of the sum.

    Attributes
    ----------
    columns : tuple of int
        Columns of the user's table that it is about.
    name : str
        "age", or "age x hours".
    shape : Shape or None
        None where it is no table.
    """

    columns: tuple[int, ...]
    name: str
    shape: Shape | None = None


class Sums(Protocol):
    """What the terms add."""

    def values(self, X: Floats) -> Floats:
        """Return what each term adds, (rows, terms, outputs)."""
        ...

    def stderr(self, X: Floats) -> Floats | None:
        """Return the standard deviations of these over refits, or None."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Additive:
    """A fitted additive model, read from the object the user trained.

    Attributes
    ----------
    terms : tuple of Term
    sums : Sums
        What they add about encoded rows.
    intercept : array of shape (outputs,)
    features, outputs : tuple of str
        Columns of the user's table, and outputs; a binary classifier has one, its second class.
    unit : str
        Unit of the raw output, such as "log-odds".
    library : str
        Import name of the package the model comes from.
    named : bool
        Whether ``features`` are names the model learned (then the user's table must bear them).
    encode : callable
        Table -> what ``sums`` reads.
    predict : callable
        Table -> raw output of the user's own model, (rows, outputs).
    tolerance : float
        Largest rounding error, relative to the sum of magnitudes of what is added up.
    slack : float
        Largest rounding error beyond that, such as that of a logarithm taken back.
    classes : tuple
        The classes of a classifier in the model's order; empty otherwise.
    """

    terms: tuple[Term, ...]
    sums: Sums
    intercept: Floats
    features: tuple[str, ...]
    outputs: tuple[str, ...]
    unit: str
    library: str
    named: bool
    encode: Callable[[Table], Floats]
    predict: Callable[[Table], Floats]
    tolerance: float
    slack: float = 0.0
    classes: tuple[Level, ...] = ()

    def digest(self) -> str:
        """Return the SHA-256 of the intercept and of all tables."""
        shapes = [t.shape.scores for t in self.terms if t.shape is not None]
        return digest([*(t.name for t in self.terms), self.intercept, *shapes])

    def check(self, inputs: Inputs) -> None:
        """Raise `InputError` unless these are tables with the model's columns."""
        check_table(table_alone(inputs, "a sum of terms"), self.features, named=self.named)

    def rows(self, table: Table, labels: Ints | None) -> Rows:
        """Encode rows, ask the user's own model about them, and compare it with our reading.

        Raises
        ------
        InputError
            If the model cannot read these rows.
        VerificationError
            If the model says anything but the sum.
        """
        X = self.encode(table)
        try:
            raw = self.predict(table)
        except WhenceError:
            raise
        except (TypeError, ValueError) as error:
            raise InputError(
                f"The model itself refuses these rows: {error} Hand in a table with the columns "
                "and the types that the model was trained on."
            ) from error
        self._verify(self.sums.values(X), raw)
        return Rows(X=X, raw=raw, outputs=raw, labels=labels, inputs=table)

    def read(self, X: object, *, what: str) -> Table:
        """Return other rows, such as a background, as a table.

        Raises
        ------
        InputError
            If they are no table, or have other columns.
        """
        try:
            table = table_of(X)
            check_table(table, self.features, named=self.named, what=what)
        except InputError as error:
            raise InputError(f"The {what} does not fit the model. {error}") from error
        return table

    def explaining(self, output: Output) -> Self:
        """Return the view itself: only the raw output is a sum of terms.

        Raises
        ------
        InputError
            If anything else is asked for.
        """
        if output == "raw":
            return self
        raise InputError(
            f"output={output!r} was asked of a sum of terms, whose raw output is a {self.unit}. "
            "Leave out output=, or use ExactShap(background=X_train) or "
            "KernelShap(background=X_train), which ask the model itself."
        )

    def _verify(self, values: Floats, raw: Floats) -> None:
        ours = self.intercept + values.sum(axis=1)
        size = np.abs(values).sum(axis=1) + np.abs(self.intercept)
        allowed = self.tolerance * size + self.slack
        if ours.shape == raw.shape and bool((np.abs(ours - raw) <= allowed).all()):
            return
        said = ""
        if ours.shape == raw.shape:
            row, k = (int(i) for i in np.argwhere(~(np.abs(ours - raw) <= allowed))[0])
            said = (
                f": in row {row} of its block it says {raw[row, k]:.9g}, and they "
                f"{ours[row, k]:.9g}"
            )
        raise VerificationError(
            f"The model does not say what its terms add up to{said}. No explanation is given, "
            "because it would be of another model. If the model was changed after it was bound, "
            f"bind it again; otherwise please report it with your version of {self.library}."
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighted:
    """Terms of a linear model: what all columns made of one column of the user add."""

    coefficients: Floats
    player: Int32s
    players: int

    def values(self, X: Floats) -> Floats:
        """Return what each column of the user adds."""
        out = np.zeros((len(X), self.players, self.coefficients.shape[1]))
        for player in np.unique(self.player):
            own = self.player == player
            out[:, player] = X[:, own] @ self.coefficients[own]
        return out

    def stderr(self, X: Floats) -> None:
        """Return None: nothing was fitted again."""


def additive_of(linear: Linear) -> Additive:
    """Return a linear model as a sum of terms, one per column of the user's table."""
    return Additive(
        terms=tuple(Term(columns=(j,), name=name) for j, name in enumerate(linear.features)),
        sums=Weighted(
            coefficients=linear.coefficients, player=linear.player, players=len(linear.features)
        ),
        intercept=linear.intercept,
        features=linear.features,
        outputs=linear.outputs,
        unit=linear.unit,
        library=linear.library,
        named=linear.named,
        encode=linear.design,
        predict=linear.predict,
        tolerance=10 * linear.tolerance,
        slack=linear.slack,
        classes=linear.classes,
    )
