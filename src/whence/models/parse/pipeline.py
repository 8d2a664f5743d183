"""Pipelines of scikit-learn that end in a tree model, explained in the user's own columns.

The steps before the model make columns out of columns. Each column that the trees read is traced
back to the one column of the user's table it was made from, its owner; columns with one owner are
one player, so an explanation of the owner is exact, whatever the encoding. A step that makes one
column out of several has no such owner and is refused by name.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from whence.core.errors import InputError, UnsupportedModelError
from whence.core.table import Table, table_of
from whence.core.types import Floats, Ints
from whence.models.parse import read_trees
from whence.models.parse.pipeline_levels import Levels, learned_levels
from whence.models.parse.pipeline_owners import acting, owners
from whence.models.parse.sklearn_columns import Columns, Estimator, Native, columns_of
from whence.models.trees import Trees


def parse(pipeline: Estimator) -> Trees:
    """Read a fitted pipeline whose last step is a tree model.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Ends in a model of any supported library. The samplers of imbalanced-learn, which act in
        training alone, are passed over.

    Raises
    ------
    InputError
        If the pipeline is not fitted.
    UnsupportedModelError
        If the last step is no tree model, or a step mixes columns.
    """
    inner = read_trees(pipeline.steps[-1][1])
    before = before_model(pipeline, inner.features, named=inner.named)
    columns = before.columns
    player = before.owner[inner.nodes.player].astype(np.int32)
    return replace(
        inner,
        nodes=replace(inner.nodes, player=player, players=len(columns.features)),
        features=columns.features,
        named=columns.named,
        levels=before.levels,
        encode=before.asking(inner.encode),
        predict=before.asking(inner.predict),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What a pipeline does before its last step.

    Attributes
    ----------
    columns : Columns
        The columns of the user's table.
    owner : int array of shape (columns that the last step reads,)
        Which of the user's columns each was made of.
    levels : tuple
        Per column of the user's table the categories that an encoder has learned, or None.
    """

    columns: Columns
    owner: Ints
    levels: Levels
    transform: "_Transform"

    def asking(self, ask: Callable[[Table], Floats]) -> Callable[[Table], Floats]:
        """Return a question about the transformed table as one about the user's table."""
        return _After(transform=self.transform, ask=ask)


def before_model(pipeline: Estimator, read: tuple[str, ...], *, named: bool) -> Before:
    """Trace the columns that the last step of a pipeline reads back to the user's columns.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
    read : tuple of str
        Names of the columns that the last step reads.
    named : bool
        Whether it learned these names.

    Raises
    ------
    InputError
        If the pipeline is not fitted.
    UnsupportedModelError
        If a step makes a column out of several of the user's.
    """
    steps = pipeline.steps[:-1]
    columns = _columns(pipeline, steps, Columns(features=read, named=named))
    owner = owners(steps, np.arange(len(columns.features)), width=len(read))
    if len(owner) != len(read):
        raise UnsupportedModelError(
            f"The steps of the pipeline make {len(owner)} columns and its model reads "
            f"{len(read)}. Explain the last step on the transformed table, or use a "
            "model-agnostic method such as KernelShap(background=X_train)."
        )
    steps_acting = tuple(step for _, step in acting(steps))
    return Before(
        columns=columns,
        owner=owner,
        levels=learned_levels(steps, len(columns.features)),
        transform=_Transform(steps=steps_acting, columns=columns),
    )


def _columns(pipeline: Estimator, steps: list[tuple[str, Estimator]], inner: Columns) -> Columns:
    """Return the columns of the user's table: what the first step that remembers them saw."""
    for _, step in acting(steps):
        if hasattr(step, "n_features_in_"):
            return columns_of(step)
        if hasattr(step, "feature_names_in_"):
            return columns_of(step, len(step.feature_names_in_))
        if type(step).__name__ != "FunctionTransformer":
            raise InputError(
                f"The step {type(step).__name__} of the {type(pipeline).__name__} does not say "
                "which columns it was trained on, or is not fitted. Call fit(X, y) first."
            )
    return inner


@dataclass(frozen=True, slots=True, kw_only=True)
class _Transform:
    """The user's table -> the table that the last step is handed."""

    steps: tuple[Estimator, ...]
    columns: Columns

    def __call__(self, table: Table) -> Table:
        """Run the steps before the model."""
        X = self.columns.native(table)
        for step in self.steps:
            X = step.transform(X)
        if isinstance(X, np.ndarray) and X.dtype == object:
            return _of_objects(X)
        return table_of(X)


def _of_objects(X: Native) -> Table:
    """Return an array of objects as numbers where numpy can make numbers of all."""
    try:
        numbers = X.astype(np.float64)
    except (TypeError, ValueError):
        return table_of(X)
    return replace(table_of(numbers), native=X)


@dataclass(frozen=True, slots=True, kw_only=True)
class _After:
    """A question about the transformed table, asked with the user's table."""

    transform: _Transform
    ask: Callable[[Table], Floats]

    def __call__(self, table: Table) -> Floats:
        """Transform, then ask."""
        return self.ask(self.transform(table))
