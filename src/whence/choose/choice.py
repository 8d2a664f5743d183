"""A choice of a method, and what all choices need: rows that stand for a background, and words."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from whence.catalog import CATALOG
from whence.core.method import View
from whence.core.table import Table
from whence.models.predict import Predict

FEWEST = 2
"""Rows of a table that can be compared with each other."""
_BACKGROUND = 100
"""Rows drawn as background where the user gave none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """A method, the view of the model that it needs, and why.

    Attributes
    ----------
    view : View
    method : Method
    reasons : tuple of str
        Why this method, for the user.
    alternatives : tuple of str
        The other methods that answer the same question about such rows, and what they guarantee.
    warnings : tuple of str
        What the user must know before trusting its numbers.
    """

    view: View
    method: Any
    reasons: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def assumed(background: Table, X: Table, method: str) -> str:
    """Warn of values that compare rows with rows that the user did not choose."""
    return (
        f"No background was given, so {len(background)} of the {len(X)} rows explained "
        "stand for unknown features. The values compare a row with those, and would be "
        f"others in other company. Give {method}(background=X_train)."
    )


def others(chosen: Any, kind: type) -> tuple[str, ...]:  # noqa: ANN401  any method
    """Return the other methods for the same question and kind of rows, and what they guarantee."""
    (own,) = (entry for entry in CATALOG if entry.method is type(chosen))
    order = [type(chosen).needs, Predict]
    return tuple(
        f"{entry.method.__name__}: {entry.guarantee}"
        for entry in CATALOG
        if entry is not own
        and entry.question == own.question
        and kind in entry.kinds
        and entry.method.needs in order
    )


def drawn(X: Table, most: int = _BACKGROUND) -> Table:
    """Return at most ``most`` rows, always the same ones of the same table."""
    if len(X) <= most:
        return X
    rng = np.random.default_rng(0)
    return X[np.sort(rng.choice(len(X), most, replace=False))]
