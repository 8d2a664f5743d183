"""What moved a prediction, or which features moved it together, where the user names no method."""

from typing import Any

from whence.catalog import Question
from whence.choose.choice import FEWEST, Choice, assumed, drawn, others
from whence.core.errors import InputError, UnsupportedModelError, WhenceError
from whence.core.inputs import Inputs
from whence.core.method import Output, View
from whence.core.table import Table
from whence.deep.methods.integrated_gradients import IntegratedGradients
from whence.deep.network import Network
from whence.explainers.exact_shap import ExactShap
from whence.explainers.kernel_shap import KernelShap
from whence.explainers.linear_shap import LinearShap
from whence.explainers.shapley_interactions import ShapleyInteractions
from whence.explainers.tree_interactions import TreeInteractions
from whence.explainers.tree_shap import TreeShap
from whence.models.linear import Linear
from whence.models.predict import Predict
from whence.models.trees import Trees
from whence.models.views import view_of

_COALITIONS = 2_048
"""Coalitions of a row that are all asked for rather than sampled."""


def by_model(
    model: object, inputs: Inputs | None, output: Output, budget: int | None, question: Question
) -> Choice:
    """Return the method that is exact for such a model, or else one that asks it."""
    try:
        return _by_trees(view_of(model, Trees), question)
    except UnsupportedModelError as error:
        if inputs is None:
            raise
        own = None
        if question == "attribution":
            own = _linear(model, inputs, output) or _network(model, inputs, budget)
        return own or _by_predictions(
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
        alternatives=others(method, Table),
    )


def _linear(model: object, inputs: Inputs, output: Output) -> Choice | None:
    """Return the exact method of a linear model, where the model is one and its output is asked."""
    if not isinstance(inputs, Table) or len(inputs) < FEWEST or output != "raw":
        return None
    try:
        view = view_of(model, Linear)
    except UnsupportedModelError:
        return None
    background = drawn(inputs)
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
        alternatives=others(method, Table),
        warnings=(assumed(background, inputs, "LinearShap"),),
    )


def _network(model: object, inputs: Inputs, budget: int | None) -> Choice | None:
    """Return integrated gradients of a network of torch, but of tables, which have a background."""
    if isinstance(inputs, Table) or budget is not None:
        return None
    try:
        view = view_of(model, Network)
        view.check(inputs)
    except WhenceError:
        return None
    method = IntegratedGradients()
    return Choice(
        view=view,
        method=method,
        reasons=(
            (
                "The model is a network whose gradients can be read, so its output is traced to "
                "what it reads, along the way from a baseline (0, or of texts the mask token)."
            ),
            (
                "The predicted output of each row is explained. Values depend on the baseline: "
                "IntegratedGradients(baseline=...) takes another, target= another output."
            ),
        ),
        alternatives=others(method, type(inputs)),
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
            alternatives=others(method, kind),
        )
    if len(inputs) < FEWEST:
        raise InputError(
            f"{error} It can be explained by its predictions, compared with those for a "
            "background, and X has a single row, which cannot be its own background. "
            "Give KernelShap(background=X_train)."
        )
    background = drawn(inputs)
    method, why = _of_table(len(inputs.names), background, budget, question)
    return Choice(
        view=view,
        method=method,
        reasons=(f"{asked}{why}",),
        alternatives=others(method, Table),
        warnings=(assumed(background, inputs, type(method).__name__),),
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


def _first_sentence(error: UnsupportedModelError) -> str:
    """Return what came, which every error says first."""
    return str(error).partition(". ")[0].removesuffix(".") + "."
