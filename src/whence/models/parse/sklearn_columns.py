"""Between the user's table and a scikit-learn model: numbers to read, and an object to ask with.

The model is asked with the object the user handed in. Only where there is none (an explanation
read from a file), or where it would bear names that the model did not learn, or lack those that it
did, is a table made for the question.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np

from whence.core.errors import InputError, MissingDependencyError
from whence.core.table import Table
from whence.core.types import Floats, Level
from whence.models.parse.common import check_columns, class_levels, feature_names, output_names
from whence.models.trees import Link, Nodes, Trees

Estimator: TypeAlias = Any
"""An object of a library that is not imported here, recognised by the names of its classes."""

Native: TypeAlias = Any
"""A table of any library, or what a model answers."""

TOLERANCE = 1e-10
"""Sums of float64, and a logarithm taken back where a model offers its response alone."""

_FRAMES = {"pandas", "polars"}
"""Libraries whose data frames scikit-learn itself reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns a model was trained on.

    Attributes
    ----------
    features : tuple of str
        Names in the model's order; "x0", "x1", ... if it was trained on an array.
    named : bool
        Whether the model learned the names.
    """

    features: tuple[str, ...]
    named: bool

    def check(self, table: Table) -> None:
        """Refuse a table with other columns."""
        check_columns(table, self.features, named=self.named)

    def numbers(self, table: Table) -> Floats:
        """Return the table as the numbers that numpy makes of it, (rows, columns) float64.

        Raises
        ------
        InputError
            If the columns are others, or categories are not numbers.
        """
        self.check(table)
        if all(levels is None for levels in table.levels):
            return table.numbers
        columns = [
            table.numbers[:, j] if levels is None else _as_numbers(table, j, levels)
            for j, levels in enumerate(table.levels)
        ]
        return np.stack(columns, axis=1)

    def native(self, table: Table) -> Native:
        """Return what to ask the model with: the user's own table wherever that can be."""
        self.check(table)
        native = table.native
        if self.named:
            frame = type(native).__module__.partition(".")[0] in _FRAMES
            return native if frame else rebuilt(replace(table, names=self.features, named=True))
        if native is None or table.named:
            return rebuilt(replace(table, named=False))
        return native


def columns_of(model: object, count: int | None = None) -> Columns:
    """Return the columns a fitted scikit-learn estimator was trained on."""
    names = getattr(model, "feature_names_in_", None)
    size = int(getattr(model, "n_features_in_", 0) if count is None else count)
    return Columns(features=feature_names(names, size), named=names is not None)


def _as_numbers(table: Table, column: int, levels: tuple[Level, ...]) -> Floats:
    try:
        lookup = np.array([*(float(level) for level in levels), np.nan])
    except ValueError:
        raise InputError(
            f"Column {table.names[column]!r} holds categories such as {levels[0]!r}; the model "
            "reads numbers only. Encode the column as in training, or hand in its pipeline."
        ) from None
    codes = table.numbers[:, column]
    return lookup[np.where(np.isnan(codes), len(levels), codes).astype(np.int64)]


def rebuilt(table: Table) -> Native:
    """Return a table that holds what ``table`` says, for a model to be asked with.

    Returns
    -------
    array, or pandas DataFrame
        A data frame where columns bear names.

    Raises
    ------
    MissingDependencyError
        If a data frame is needed and pandas is not installed.
    """
    if not table.named:
        plain = all(levels is None for levels in table.levels)
        return table.numbers if plain else _objects(table)
    if find_spec("pandas") is None:
        raise MissingDependencyError.of("A model that was trained on a data frame", "pandas", "cli")
    pd = import_module("pandas")
    return pd.DataFrame(
        {
            name: table.numbers[:, j]
            if levels is None
            else pd.Categorical.from_codes(
                np.where(np.isnan(table.numbers[:, j]), -1, table.numbers[:, j]).astype(np.int64),
                categories=list(levels),
            )
            for j, (name, levels) in enumerate(zip(table.names, table.levels, strict=True))
        }
    )


def _objects(table: Table) -> Native:
    out = table.numbers.astype(object)
    for j, levels in enumerate(table.levels):
        if levels is not None:
            codes = table.numbers[:, j]
            out[:, j] = [np.nan if np.isnan(code) else levels[int(code)] for code in codes]
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The raw output of the user's own model: Table -> (rows, outputs), float64.

    Attributes
    ----------
    model : object
        The fitted estimator.
    columns : Columns
        What it was trained on.
    say : callable
        (model, X) -> raw output, of shape (rows,) or (rows, outputs).
    """

    model: Estimator
    columns: Columns
    say: Callable[[Estimator, Native], Native]

    def __call__(self, table: Table) -> Floats:
        """Ask the model about the rows of a table."""
        said = self.say(self.model, self.columns.native(table))
        return np.asarray(said, dtype=np.float64).reshape(len(table), -1)


def prediction(model: Estimator, X: Native) -> Native:
    """Return what a regressor says."""
    return model.predict(X)


def margin(model: Estimator, X: Native) -> Native:
    """Return what a classifier says before the link."""
    return model.decision_function(X)


def view(
    model: Estimator,
    nodes: Nodes,
    *,
    unit: str,
    say: Callable[[Estimator, Native], Native],
    link: Link = "identity",
) -> Trees:
    """Join the nodes of a scikit-learn model with the names and the voice of the model itself."""
    columns = columns_of(model)
    return Trees(
        nodes=nodes,
        features=columns.features,
        outputs=output_names(getattr(model, "classes_", None), nodes.outputs),
        classes=class_levels(getattr(model, "classes_", None)),
        link=link,
        unit=unit,
        library="sklearn",
        named=columns.named,
        encode=columns.numbers,
        predict=Ask(model=model, columns=columns, say=say),
        tolerance=TOLERANCE,
    )
