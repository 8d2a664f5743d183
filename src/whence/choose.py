"""Which method suits a model, when the user names none."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from whence.core.errors import InputError, UnsupportedModelError
from whence.core.method import View
from whence.core.table import Table, table_of
from whence.methods.permutation_shap import PermutationShap
from whence.methods.tree_shap import TreeShap
from whence.models.predict import Predict
from whence.models.trees import Trees
from whence.models.views import view_of

_BACKGROUND = 100
"""Rows drawn as background where the user gave none."""
_FEWEST = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """A method, the view of the model that it needs, and why.

    Attributes
    ----------
    view : View
    method : Method
    reasons : tuple of str
        Why this method, for the user.
    warnings : tuple of str
        What the user must know before trusting its numbers.
    """

    view: View
    method: Any
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def choose(model: object, X: object = None) -> Choice:
    """Return a method for ``model`` and the reasons for it.

    Parameters
    ----------
    model : fitted model
    X : table of shape (rows, features) or None
        The rows to explain, which serve as background where a method cannot do without one.

    Raises
    ------
    UnsupportedModelError
        If no method applies, or one would that needs a background and there are no rows to use.
    InputError
        If the rows cannot serve as background.
    """
    try:
        view = view_of(model, Trees)
    except UnsupportedModelError as error:
        if X is None:
            raise
        return _by_predictions(view_of(model, Predict), table_of(X), error)
    return Choice(
        view=view,
        method=TreeShap(),
        reasons=(
            "The model is an ensemble of trees, whose Shapley values are exact and cheap.",
            (
                "No background was given, so absent features follow the training rows in each "
                "node; give TreeShap(background=...) to compare with rows of your choice."
            ),
        ),
    )


def _by_predictions(view: View, X: Table, error: UnsupportedModelError) -> Choice:
    if len(X) < _FEWEST:
        raise InputError(
            f"{_first_sentence(error)} It can be explained by its predictions, compared with those "
            "for a background, and X has a single row, which cannot be its own background. "
            "Give PermutationShap(background=X_train)."
        )
    background = _drawn(X)
    return Choice(
        view=view,
        method=PermutationShap(background=background),
        reasons=(
            (
                f"{_first_sentence(error)} Its predictions are explained instead, by sampling, "
                "with standard errors."
            ),
        ),
        warnings=(
            (
                f"No background was given, so {len(background)} of the {len(X)} rows explained "
                "stand for unknown features. The values compare a row with those, and would be "
                "others in other company. Give PermutationShap(background=X_train)."
            ),
        ),
    )


def _drawn(X: Table) -> Table:
    """Return at most a hundred rows, always the same ones of the same table."""
    if len(X) <= _BACKGROUND:
        return X
    rng = np.random.default_rng(0)
    return X[np.sort(rng.choice(len(X), _BACKGROUND, replace=False))]


def _first_sentence(error: UnsupportedModelError) -> str:
    """Return what came, which every error says first."""
    return str(error).partition(". ")[0].removesuffix(".") + "."
