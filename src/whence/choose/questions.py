"""Other questions: what the model needs, how it moves, why it decides so, what would change it."""

from typing import Any

from whence.choose.choice import FEWEST, Choice, assumed, drawn, others
from whence.core.errors import InputError, UnsupportedModelError
from whence.core.inputs import Inputs
from whence.core.method import View
from whence.core.table import Table
from whence.explainers.anchors import Anchors
from whence.explainers.counterfactuals import Counterfactuals
from whence.explainers.partial_dependence import PartialDependence
from whence.explainers.prototypes import Prototypes
from whence.explainers.sage import Sage
from whence.glassbox.ebm import TermEffects
from whence.glassbox.tree import DecisionPath
from whence.models.additive import Additive
from whence.models.predict import Predict
from whence.models.trees import Trees
from whence.models.views import view_of

_ROWS = 5_000
"""Rows that stand for the data where rules are looked for, or rows that are decided otherwise."""


def importance(model: object, inputs: Inputs | None, budget: int | None) -> Choice:
    """Choose what tells which features the model needs, over all rows with their true ``y``."""
    view = view_of(model, Predict)
    if not isinstance(inputs, Table) or len(inputs) < FEWEST:
        raise InputError(
            "The importance of features over all rows needs a table of at least two rows. Give X, "
            "and the true y."
        )
    background = drawn(inputs)
    method = Sage(background=background, budget=budget)
    return Choice(
        view=view,
        method=method,
        reasons=("SAGE tells how much of the model's loss each feature saves, over all rows.",),
        alternatives=("wh.explain(model, X).importance(): the mean size of each row's values",),
        warnings=(assumed(background, inputs, "Sage"),),
    )


def effect(model: object, inputs: Inputs | None, budget: int | None) -> Choice:
    """Choose what tells how the output changes along each feature."""
    _refuse_budget(budget, "effects")
    view = _view(model, Additive)
    if view is not None:
        reason = "The model is a sum of terms, which are its effects: exact, without asking it."
        return _chosen(view, TermEffects(), reason)
    _table(inputs, "Effects", "give X, over whose rows effects are averaged")
    reason = (
        "The partial dependence tells how the mean output changes along each feature; where "
        "features hang together, AccumulatedLocalEffects asks about no rows that cannot be."
    )
    return _chosen(view_of(model, Predict), PartialDependence(), reason)


def rule(model: object, inputs: Inputs | None, budget: int | None) -> Choice:
    """Choose what tells under which conditions the decision about each row stays."""
    view = _view(model, Trees)
    if view is not None and view.nodes.trees == 1:
        return _chosen(
            view, DecisionPath(), "The model is a single tree, whose paths are its rules."
        )
    if inputs is not None and not isinstance(inputs, Table):
        reason = "Parts are looked for that keep the decision when the others are hidden."
        return _chosen(view_of(model, Predict), Anchors(budget=budget), reason, type(inputs))
    table = _table(inputs, "Rules", "give X, or a background: Anchors(background=X_train)")
    rows = drawn(table, _ROWS)
    return _chosen(
        view_of(model, Predict), Anchors(background=rows),
        "Conditions are looked for that keep the decision, and certified on rows held out.",
        warnings=(_stand_in(rows, table, "Anchors"),),
    )  # fmt: skip


def counterfactual(model: object, inputs: Inputs | None, budget: int | None) -> Choice:
    """Choose what finds the nearest rows that the model decides otherwise."""
    table = _table(inputs, "Counterfactuals", "give X, or Counterfactuals(background=X_train)")
    rows = drawn(table, _ROWS)
    return _chosen(
        view_of(model, Predict), Counterfactuals(background=rows, budget=budget),
        "The nearest rows that are decided otherwise, of values that occur; nothing is fixed until "
        "Constraints say so.",
        warnings=(_stand_in(rows, table, "Counterfactuals"),),
    )  # fmt: skip


def example(model: object, inputs: Inputs | None, budget: int | None) -> Choice:
    """Choose what tells which rows are typical."""
    _refuse_budget(budget, "examples")
    if inputs is None:
        raise InputError("Typical rows are picked among rows. Give X.")
    reason = "Prototypes are the rows that stand for all others, of each class that is decided for."
    return _chosen(view_of(model, Predict), Prototypes(), reason, type(inputs))


def _chosen(
    view: View,
    method: Any,  # noqa: ANN401  any method
    reason: str,
    kind: type = Table,
    warnings: tuple[str, ...] = (),
) -> Choice:
    return Choice(
        view=view,
        method=method,
        reasons=(reason,),
        alternatives=others(method, kind),
        warnings=warnings,
    )


def _view(model: object, needs: type) -> Any:  # noqa: ANN401  the view asked for, or None
    try:
        return view_of(model, needs)
    except UnsupportedModelError:
        return None


def _table(inputs: Inputs | None, what: str, do: str) -> Table:
    if isinstance(inputs, Table) and len(inputs) >= FEWEST:
        return inputs
    came = "none came"
    if inputs is not None:
        came = f"{type(inputs).__name__.lower()} of length {len(inputs)} came"
    raise InputError(f"{what} need a table of at least {FEWEST} rows, and {came}: {do}.")


def _stand_in(rows: Table, X: Table, method: str) -> str:
    return (
        f"No background was given, so {len(rows)} of the {len(X)} rows explained stand for the "
        f"data that there are. Give {method}(background=X_train)."
    )


def _refuse_budget(budget: int | None, what: str) -> None:
    if budget is not None:
        raise InputError(
            f"budget is {budget!r}, and {what} take a number of questions that is known before. "
            "Leave it out, and give fewer rows to ask less."
        )
