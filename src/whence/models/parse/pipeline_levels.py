"""Which categories the encoders of a pipeline have learned, by column of the user's table."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from whence.core.types import Ints, Level
from whence.models.parse.pipeline_owners import Step, acting, owners
from whence.models.parse.sklearn_columns import Estimator

Levels = tuple[tuple[Level, ...] | None, ...]


def learned_levels(steps: Sequence[Step], columns: int) -> Levels:
    """Return the categories of each column; None where no encoder has learned any.

    Parameters
    ----------
    steps : sequence of (name, fitted transformer)
        As `owners` could follow them.
    columns : int
        Columns of the user's table.
    """
    found: dict[int, tuple[Level, ...]] = {}
    _collect(steps, np.arange(columns), found)
    return tuple(found.get(j) for j in range(columns))


def _collect(steps: Sequence[Step], owner: Ints, found: dict[int, tuple[Level, ...]]) -> None:
    chain = list(acting(steps))
    for i, (name, step) in enumerate(chain):
        _of_step(step, owner, found)
        if i + 1 < len(chain):
            width = getattr(chain[i + 1][1], "n_features_in_", None)
            owner = owners([(name, step)], owner, width=width)


def _of_step(step: Estimator, owner: Ints, found: dict[int, tuple[Level, ...]]) -> None:
    lineage = {cls.__name__ for cls in type(step).__mro__}
    if "Pipeline" in lineage:
        _collect(step.steps, owner, found)
    elif "ColumnTransformer" in lineage:
        places = step._transformer_to_input_indices  # noqa: SLF001  resolves names, masks, slices, callables
        for name, part, _ in step.transformers_:
            if not isinstance(part, str):
                _of_step(part, owner[np.asarray(places[name], dtype=np.int64)], found)
    elif lineage & {"OneHotEncoder", "OrdinalEncoder", "TargetEncoder"}:
        for j, categories in zip(owner, step.categories_, strict=True):
            found.setdefault(int(j), _plain(categories))


def _plain(categories: Any) -> tuple[Level, ...]:  # noqa: ANN401  an array of any type
    known = (c.item() if isinstance(c, np.generic) else c for c in categories)
    return tuple(c for c in known if c is not None and c == c)  # noqa: PLR0124  only NaN differs from itself
