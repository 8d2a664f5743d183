"""What more there is to a model that is asked for its predictions: its trees, or its coefficients.

A method that works for any model, such as a partial dependence or the search for counterfactuals,
is exact and much faster where the model can be read. It asks here for the other view of the same
model, and gets none where that is no such model, or where what was read does not say what the
model says.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from whence.core.errors import WhenceError
from whence.core.response import Response, respond
from whence.core.table import Table
from whence.core.types import Floats
from whence.models.linear import Linear
from whence.models.predict import Predict
from whence.models.trees import Trees
from whence.models.views import view_of

_SAME = 1e-5
"""Rounding of libraries that answer in float32."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TreesBehind:
    """The trees of a model that is asked for its predictions.

    Attributes
    ----------
    trees : Trees
    response : str
        What makes the model's answer out of the raw output of the trees; see
        `whence.core.response`.
    """

    trees: Trees
    response: Response

    def answer(self, raw: Floats) -> Floats:
        """Return what the model answers, (rows, outputs), where its trees say ``raw``."""
        return respond(self.response, raw, None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearBehind:
    """The coefficients of a model that is asked for its predictions.

    Attributes
    ----------
    linear : Linear
    response : str
        What makes the model's answer out of the weighted sums.
    """

    linear: Linear
    response: Response

    def answer(self, raw: Floats) -> Floats:
        """Return what the model answers, (rows, outputs), where the sums are ``raw``."""
        return respond(self.response, raw, None)


def trees_behind(view: Predict, rows: Table) -> TreesBehind | None:
    """Return the trees of the model, if it has any and they say about ``rows`` what it answers.

    Parameters
    ----------
    view : Predict
    rows : Table
        Some rows that the model can be asked about, such as the first of a background; they are
        asked about once more.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from whence.core.table import table_of
    >>> from whence.models.predict import read_predict
    >>> X = np.array([[0.0], [1.0]])
    >>> view = read_predict(DecisionTreeClassifier().fit(X, [0, 1]))
    >>> trees_behind(view, table_of(X)).response
    'identity'
    """
    try:
        trees = view_of(view.model, Trees)
        raw = trees.predict(rows)  # type: ignore[attr-defined]  # the view that was asked for
    except (WhenceError, TypeError, ValueError):
        return None
    response = _response(raw, lambda: view.ask(rows))
    return None if response is None else TreesBehind(trees=trees, response=response)  # type: ignore[arg-type]  # as above


def linear_behind(view: Predict, rows: Table) -> LinearBehind | None:
    """Return the coefficients of the model, if it is linear but for a link; see `trees_behind`.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from whence.core.table import table_of
    >>> from whence.models.predict import read_predict
    >>> X = np.array([[0.0], [1.0]])
    >>> view = read_predict(LogisticRegression().fit(X, [0, 1]))
    >>> linear_behind(view, table_of(X)).response
    'logistic'
    """
    try:
        linear = view_of(view.model, Linear)
        raw = linear.rows(rows, None).raw
    except (WhenceError, TypeError, ValueError):
        return None
    response = _response(raw, lambda: view.ask(rows))
    return None if response is None else LinearBehind(linear=linear, response=response)  # type: ignore[arg-type]  # the view that was asked for


def _response(raw: Floats, ask: Callable[[], Floats]) -> Response | None:
    """Return the response function that makes the model's answer of ``raw``; None if none does."""
    said = ask()
    names: tuple[Response, ...] = ("identity", "logistic", "softmax", "exp")
    for name in names:
        with np.errstate(over="ignore", invalid="ignore"):
            made = respond(name, raw, None)
        if made.shape == said.shape and np.allclose(made, said, rtol=_SAME, atol=_SAME):
            return name
    return None
