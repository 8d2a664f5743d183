"""Rules that say what a model says, measured on rows that they were not made of.

What surrogate trees and lists of rules share: how many rows it takes, which of them are held out,
and how far the rules agree with the model there.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.explanation import Names
from whence.core.method import Rows
from whence.core.provenance import Provenance
from whence.core.rules import Predicate, Rules
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints
from whence.kernels.binomial import share
from whence.models.predict import Predict

_FEWEST = 40
"""Rows below which nothing can be held out."""
_LEAST_SHARE = 0.005
"""Share of the rows that a rule is made of at least, where it is not said."""
_LEAST = 5
_ONE_SIDED = 0.05


def check_holdout(holdout: float) -> None:
    """Raise `InputError` unless a share of the rows can be held out."""
    if not 0.05 <= holdout <= 0.9:  # noqa: PLR2004  the bounds are in the message
        raise InputError(f"holdout is {holdout!r}. A share of the rows from 0.05 to 0.9 is needed.")


def enough_rows(rows: Rows, method: str, purpose: str) -> Table:
    """Return the rows explained, a table of enough rows.

    Parameters
    ----------
    rows : Rows
    method : str
    purpose : str
        What some of the rows are needed for, beside measuring on others: "grow a tree".

    Raises
    ------
    InputError
        If they are no table, or too few.
    """
    table = rows.given()
    if not isinstance(table, Table):
        raise InputError(
            f"{method} got {type(table).__name__.lower()}, and its conditions are about columns. "
            "Give a table, or explain row by row: Lime."
        )
    if len(table) < _FEWEST:
        raise InputError(
            f"{method} got {len(table)} rows. At least {_FEWEST} are needed, to {purpose} and to "
            "measure on others. Give more rows, such as the training data."
        )
    return table


def held_out(rows: int, holdout: float, rng: Generator) -> tuple[Ints, Ints]:
    """Return the rows that are measured on, ascending, and the others as they were drawn."""
    order = rng.permutation(rows)
    kept = max(_FEWEST // 4, round(holdout * rows))
    return np.sort(order[:kept]), order[kept:]


def least_rows(least: int | None, rows: int) -> int:
    """Return the fewest rows that a rule is made of."""
    return max(_LEAST, round(_LEAST_SHARE * rows)) if least is None else least


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stated:
    """Rules of which each row has just one.

    Attributes
    ----------
    predicates : tuple of tuples of Predicate
    names : tuple of str
    outputs : array of shape (rules, outputs)
        What each rule says.
    rule : int array of shape (rows,)
        The rule of each row.
    kind : {"tree", "list"}
    """

    predicates: tuple[tuple[Predicate, ...], ...]
    names: tuple[str, ...]
    outputs: Floats
    rule: Ints
    kind: Literal["tree", "list"]

    def measured(
        self,
        test: Ints,
        alike: Bools,
        fidelity: Floats,
        features: tuple[str, ...],
        view: Predict,
        notes: tuple[str, ...],
    ) -> Rules:
        """Return the rules with how far each agrees with the model.

        Parameters
        ----------
        test : int array of shape (held-out rows,)
        alike : bool array of shape (held-out rows,)
            Where model and rule say the same.
        fidelity : array of shape (outputs, 3)
        features : tuple of str
            Names of the columns.
        view : Predict
        notes : tuple of str
            What the reader must know.
        """
        size, held = len(self.predicates), self.rule[test]
        count, covered, right = (
            np.bincount(part, minlength=size) for part in (self.rule, held, held[alike])
        )
        coverage, low, high = share(count, len(self.rule))
        precision, precise, _ = share(right, covered, tail=_ONE_SIDED)
        return Rules(
            predicates=self.predicates,
            outputs=self.outputs,
            precision=precision,
            precision_low=precise,
            coverage=coverage,
            coverage_low=low,
            coverage_high=high,
            covered=covered,
            kind=self.kind,
            fidelity=fidelity,
            names=Names(
                features=features,
                outputs=view.names_of(self.outputs.shape[1]),
                rows=self.names,
            ),
            provenance=Provenance(warnings=notes),
        )
