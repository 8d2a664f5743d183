"""Which method suits a model, the data, a budget and a question, when the user names none."""

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from whence.catalog import CATALOG, Question
from whence.core.errors import InputError, UnsupportedModelError
from whence.core.inputs import Inputs, inputs_of
from whence.core.method import Output, View
from whence.core.table import Table
from whence.explainers.exact_shap import ExactShap
from whence.explainers.kernel_shap import KernelShap
from whence.explainers.linear_shap import LinearShap
from whence.explainers.sage import Sage
from whence.explainers.shapley_interactions import ShapleyInteractions
from whence.explainers.tree_interactions import TreeInteractions
from whence.explainers.tree_shap import TreeShap
from whence.models.linear import Linear
from whence.models.predict import Predict
from whence.models.trees import Trees
from whence.models.views import view_of

_BACKGROUND = 100
"""Rows drawn as background where the user gave none."""
_FEWEST = 2
_COALITIONS = 2_048
"""Coalitions of a row that are all asked for rather than sampled."""


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


def choose(
    model: object,
    X: object = None,
    *,
    output: Output = "raw",
    budget: int | None = None,
    question: Question = "attribution",
) -> Choice:
    """Return a method for ``model`` and the reasons for it.

    Parameters
    ----------
    model : fitted model
    X : table, images, texts, series or None
        What is to be explained; of a table, rows that serve as background where a method cannot do
        without one.
    output : {"raw", "probability", "log_loss"}
    budget : int or None
        Most evaluations of the model for one row, for a method that samples.
    question : {"attribution", "interaction", "importance"}
        What moved each prediction; which features moved it together; which features the model
        needs, over all rows with their true ``y``.

    Raises
    ------
    UnsupportedModelError
        If no method applies, or one would that needs a background and there are no rows to use.
    InputError
        If the rows cannot serve as background.
    """
    if question not in get_args(Question):
        raise InputError(
            f"question is {question!r}. Give one of {', '.join(map(repr, get_args(Question)))}."
        )
    inputs = None if X is None else inputs_of(X)
    if question == "importance":
        return _importance(model, inputs, budget)
    try:
        return _by_trees(view_of(model, Trees), question)
    except UnsupportedModelError as error:
        if inputs is None:
            raise
        linear = _linear(model, inputs, output) if question == "attribution" else None
        return linear or _by_predictions(
            view_of(model, Predict), inputs, budget, question, _first_sentence(error)
        )


def _by_trees(view: View, question: Question) -> Choice:
    method = TreeShap() if question == "attribution" else TreeInteractions()
    return Choice(
        view=view,
        method=method,
        reasons=(
            "The model is an ensemble of trees, whose Shapley values are exact and cheap.",
            (
                "No background was given, so absent features follow the training rows in each "
                f"node; give {type(method).__name__}(background=...) to compare with rows of your "
                "choice."
            ),
        ),
        alternatives=_others(method, Table),
    )


def _linear(model: object, inputs: Inputs, output: Output) -> Choice | None:
    """Return the exact method of a linear model, where the model is one and its output is asked."""
    if not isinstance(inputs, Table) or len(inputs) < _FEWEST or output != "raw":
        return None
    try:
        view = view_of(model, Linear)
    except UnsupportedModelError:
        return None
    background = _drawn(inputs)
    method = LinearShap(background=background)
    return Choice(
        view=view,
        method=method,
        reasons=(
            (
                "The model is linear in its columns, so that Shapley values are exact and free: "
                f"coefficient times distance from the background's mean, in {view.unit}."
            ),
        ),
        alternatives=_others(method, Table),
        warnings=(_assumed(background, inputs, "LinearShap"),),
    )


def _by_predictions(
    view: View, inputs: Inputs, budget: int | None, question: Question, error: str
) -> Choice:
    kind = type(inputs)
    asked = f"{error} Its predictions are explained instead, "
    if not isinstance(inputs, Table):
        method: Any = (
            KernelShap(budget=budget)
            if question == "attribution"
            else ShapleyInteractions(budget=budget)
        )
        asked = f"X holds {kind.__name__.lower()}, so the model's predictions are explained, "
        return Choice(
            view=view,
            method=method,
            reasons=(f"{asked}by sampling, with standard errors; few parts are enumerated.",),
            alternatives=_others(method, kind),
        )
    if len(inputs) < _FEWEST:
        raise InputError(
            f"{error} It can be explained by its predictions, compared with those for a "
            "background, and X has a single row, which cannot be its own background. "
            "Give KernelShap(background=X_train)."
        )
    background = _drawn(inputs)
    method, why = _of_table(len(inputs.names), background, budget, question)
    return Choice(
        view=view,
        method=method,
        reasons=(f"{asked}{why}",),
        alternatives=_others(method, Table),
        warnings=(_assumed(background, inputs, type(method).__name__),),
    )


def _of_table(
    players: int, background: Table, budget: int | None, question: Question
) -> tuple[Any, str]:
    if question == "interaction":
        return (
            ShapleyInteractions(background=background, budget=budget),
            "coalition by coalition, with standard errors where there are too many.",
        )
    coalitions = 2**players
    most = _COALITIONS if budget is None else budget // len(background)
    if coalitions <= most and players <= ExactShap().most_players:
        return (
            ExactShap(background=background),
            f"exactly, by all {coalitions:,} coalitions of {players} features.",
        )
    return (
        KernelShap(background=background, budget=budget),
        f"by sampling from the 2^{players} coalitions, with standard errors.",
    )


def _importance(model: object, inputs: Inputs | None, budget: int | None) -> Choice:
    view = view_of(model, Predict)
    if not isinstance(inputs, Table) or len(inputs) < _FEWEST:
        raise InputError(
            "The importance of features over all rows needs a table of at least two rows. Give X, "
            "and the true y."
        )
    background = _drawn(inputs)
    method = Sage(background=background, budget=budget)
    return Choice(
        view=view,
        method=method,
        reasons=("SAGE tells how much of the model's loss each feature saves, over all rows.",),
        alternatives=("wh.explain(model, X).importance(): the mean size of each row's values",),
        warnings=(_assumed(background, inputs, "Sage"),),
    )


def _assumed(background: Table, X: Table, method: str) -> str:
    return (
        f"No background was given, so {len(background)} of the {len(X)} rows explained "
        "stand for unknown features. The values compare a row with those, and would be "
        f"others in other company. Give {method}(background=X_train)."
    )


def _others(chosen: Any, kind: type) -> tuple[str, ...]:  # noqa: ANN401  any method
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


def _drawn(X: Table) -> Table:
    """Return at most a hundred rows, always the same ones of the same table."""
    if len(X) <= _BACKGROUND:
        return X
    rng = np.random.default_rng(0)
    return X[np.sort(rng.choice(len(X), _BACKGROUND, replace=False))]


def _first_sentence(error: UnsupportedModelError) -> str:
    """Return what came, which every error says first."""
    return str(error).partition(". ")[0].removesuffix(".") + "."
