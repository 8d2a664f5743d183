"""Which method suits a model, the data, a budget and a question, when the user names none."""

from collections.abc import Callable
from typing import get_args

from whence.catalog import Question
from whence.choose.attribution import by_model
from whence.choose.choice import Choice
from whence.choose.questions import counterfactual, effect, example, importance, rule
from whence.core.errors import InputError
from whence.core.inputs import Inputs, inputs_of
from whence.core.method import Output

__all__ = ["Choice", "choose"]

_OTHERS: dict[str, Callable[[object, Inputs | None, int | None], Choice]] = {
    "importance": importance,
    "effect": effect,
    "rule": rule,
    "counterfactual": counterfactual,
    "example": example,
}


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
    question : str
        See `whence.catalog.Question`.

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
    if question in _OTHERS:
        return _OTHERS[question](model, inputs, budget)
    return by_model(model, inputs, output, budget, question)
