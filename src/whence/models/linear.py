"""The Linear view: a model whose raw output is a weighted sum of columns made of the user's own.

``raw output = intercept + X @ coefficients``, where ``X``, the design matrix, is what the steps of
a pipeline make of the user's table, or the table itself. The players of an explanation are the
columns of the user's table: all columns that were made of one of them, such as the parts of a
one-hot encoding, belong to it jointly.

Each block of rows is checked: the user's own model must say what the weighted sum says, but for
rounding. The sum of what is added up is the measure for that, since its rounding errors are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from whence.core.check import check_table, table_alone
from whence.core.digest import digest
from whence.core.errors import InputError, VerificationError, WhenceError
from whence.core.inputs import Inputs
from whence.core.method import Output, Rows
from whence.core.table import Table, table_of
from whence.core.types import Floats, Int32s, Ints, Level


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear:
    """A fitted linear model, read from the object the user trained.

    Attributes
    ----------
    coefficients : array of shape (columns, outputs)
        What a unit of each column of the design matrix adds to each raw output.
    intercept : array of shape (outputs,)
    player : int32 array of shape (columns,)
        The column of the user's table, as a position in ``features``, that each was made of.
    features : tuple of str
        Names of the players: the columns of the user's table, in the model's order.
    outputs : tuple of str
        Names of the outputs. A binary classifier has one, its second class.
    unit : str
        Unit of the raw output: "log-odds", "score", "prediction" or "log of the prediction".
    library : str
        Import name of the package the model comes from.
    named : bool
        Whether ``features`` are names the model learned (then the user's table must bear them).
    encode : callable
        Table -> design matrix, a float64 array of shape (rows, columns).
    predict : callable
        Table -> float64 array of shape (rows, outputs), the raw output of the user's own model.
    tolerance : float
        Largest rounding error of the user's own raw output, relative to the sum of magnitudes of
        what is added up.
    slack : float
        Largest rounding error beyond that, such as that of a logarithm taken back.
    classes : tuple
        The classes of a classifier in the model's order; empty otherwise.
    """

    coefficients: Floats
    intercept: Floats
    player: Int32s
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
        """Return the SHA-256 of coefficients, intercept and players."""
        return digest([self.coefficients, self.intercept, self.player])

    def raw(self, X: Floats) -> Floats:
        """Return the raw output, (rows, outputs), of a design matrix."""
        return np.asarray(X @ self.coefficients + self.intercept)

    def check(self, inputs: Inputs) -> None:
        """Raise `InputError` unless these are tables with the model's columns."""
        check_table(table_alone(inputs, "linear"), self.features, named=self.named)

    def rows(self, table: Table, labels: Ints | None) -> Rows:
        """Encode rows, ask the user's own model about them, and compare it with our reading.

        Raises
        ------
        InputError
            If the model cannot read these rows.
        VerificationError
            If the model says anything but the weighted sum.
        """
        X = self.design(table)
        raw = self._asked(self.predict, table)
        self._verify(X, raw)
        return Rows(X=X, raw=raw, outputs=raw, labels=labels, inputs=table)

    def explaining(self, output: Output) -> Self:
        """Return the view itself: only the raw output is a sum over columns.

        Raises
        ------
        InputError
            If anything else is asked for.
        """
        if output == "raw":
            return self
        raise InputError(
            f"output={output!r} was asked of a linear model, whose raw output is a {self.unit}. "
            "Only that is a sum over columns with exact values in closed form. Leave out output=, "
            "or use ExactShap(background=X_train) or KernelShap(background=X_train), which ask the "
            "model itself."
        )

    def read(self, X: object, *, what: str) -> Floats:
        """Return other rows, such as a background, as a design matrix.

        Raises
        ------
        InputError
            If they are no table, have other columns, or the model cannot read them.
        """
        try:
            table = table_of(X)
            check_table(table, self.features, named=self.named, what=what)
            return self.design(table)
        except InputError as error:
            raise InputError(f"The {what} does not fit the model. {error}") from error

    def design(self, table: Table) -> Floats:
        """Return rows as a design matrix.

        Raises
        ------
        InputError
            If the model cannot read them.
        """
        X = self._asked(self.encode, table)
        missing = np.isnan(X)
        if missing.any():
            name = self.features[self.player[np.argmax(missing.any(axis=0))]]
            raise InputError(
                f"A value is missing in column {name!r} ({int(missing.sum())} in all), and a "
                "linear model cannot read missing values. Impute them, best with a SimpleImputer "
                "in the model's own pipeline."
            )
        return X

    @staticmethod
    def _asked(question: Callable[[Table], Floats], table: Table) -> Floats:
        try:
            return question(table)
        except WhenceError:
            raise
        except (TypeError, ValueError) as error:
            raise InputError(
                f"The model itself refuses these rows: {error} Hand in a table with the columns "
                "and the types that the model was trained on."
            ) from error

    def _verify(self, X: Floats, raw: Floats) -> None:
        """Raise `VerificationError` unless our reading gives the raw output but for rounding."""
        ours = self.raw(X)
        if ours.shape != raw.shape:
            raise VerificationError(
                f"The model itself has {raw.shape[1]} outputs and our reading of it "
                f"{ours.shape[1]}. If the model was changed after it was bound, bind it again; "
                f"otherwise please report it with your version of {self.library}."
            )
        size = np.abs(X) @ np.abs(self.coefficients) + np.abs(self.intercept)
        allowed = self.tolerance * size + self.slack
        wrong = ~(np.abs(ours - raw) <= allowed)
        if not wrong.any():
            return
        row, output = (int(i) for i in np.argwhere(wrong)[0])
        raise VerificationError(
            f"In one row (number {row} of its block), output {self.outputs[output]!r}, the model "
            f"itself says {raw[row, output]:.9g} and our reading of its coefficients gives "
            f"{ours[row, output]:.9g}; {allowed[row, output]:.1g} is allowed for rounding. No "
            "explanation is given, because it would be of another model. If the model was changed "
            "after it was bound, bind it again; otherwise please report it with your version of "
            f"{self.library}."
        )
