"""Scorers of scikit-learn, answered from predictions that are known already.

A scorer asks an estimator itself. It is handed a stand-in, whose answers are read from memory, so
that one prediction of the model serves all scorers, repeats and resamples.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from whence.core.errors import InputError
from whence.core.types import Floats, Ints, Level

Call: TypeAlias = Callable[..., Any]
"""A scorer: (estimator, X, y) -> float, more is better."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scorer:
    """A score that is computed by a function of the user's or of scikit-learn.

    Attributes
    ----------
    name : str
    call : callable
        (estimator, X, y) -> float.
    weighable : bool
        Whether it takes ``sample_weight``, as those of scikit-learn do.
    """

    name: str
    call: Call
    weighable: bool


def scorer_of(scoring: str | Call, ours: tuple[str, ...]) -> Scorer:
    """Return a scorer by name, or of a callable.

    Parameters
    ----------
    scoring : str or callable
        A name that scikit-learn knows, or (estimator, X, y) -> float.
    ours : tuple of str
        Other names that the user may have meant.

    Raises
    ------
    InputError
        If there is no such scorer.

    Examples
    --------
    >>> scorer_of("f1", ()).name
    'f1'
    """
    if not isinstance(scoring, str):
        if isinstance(scoring, type) or not callable(scoring):
            raise InputError(
                f"scoring is {scoring!r:.60}. Give the name of a score, a scorer of scikit-learn, "
                "a function (estimator, X, y) -> float, or a tuple of these."
            )
        of_sklearn = type(scoring).__module__.startswith("sklearn.")
        return Scorer(name=_called(scoring), call=scoring, weighable=of_sklearn)
    known: tuple[str, ...] = ours
    try:
        metrics = importlib.import_module("sklearn.metrics")
    except ImportError:
        metrics = None
    if metrics is not None:
        known = (*ours, *metrics.get_scorer_names())
        if scoring in known:
            return Scorer(name=scoring, call=metrics.get_scorer(scoring), weighable=True)
    alike = [name for name in known if scoring.startswith(name)]
    close = dict.fromkeys([*alike, *get_close_matches(scoring, known, n=3, cutoff=0.5)])
    guess = f" Is it {' or '.join(map(repr, close))}?" if close else ""
    more = "any that sklearn.metrics.get_scorer_names() lists"
    if metrics is None:
        more += ", once scikit-learn is installed"
    raise InputError(
        f"scoring is {scoring!r}, which is no known score.{guess} Give one of "
        f"{', '.join(map(repr, ours))}, or {more}."
    )


def _called(scorer: Any) -> str:  # noqa: ANN401  any callable
    function = getattr(scorer, "_score_func", scorer)  # what a scorer of scikit-learn is made of
    return str(getattr(function, "__name__", type(function).__name__)).strip("<>")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Replay:
    """An estimator of which all that it will say is known."""

    answers: NDArray[Any]

    _estimator_type = ""

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: ANN401  whatever the scorer was given
        return self._about(X, self.answers)

    def fit(self, X: object, y: object = None) -> "_Replay":  # noqa: ARG002  what makes an estimator
        raise InputError(
            "A scorer tried to fit the model anew. Give one that asks for predictions."
        )

    def __sklearn_tags__(self) -> object:
        utils = importlib.import_module("sklearn.utils")
        kind = self._estimator_type
        parts = {
            f"{part}_tags": getattr(utils, f"{part.capitalize()}Tags")()
            for part in ("classifier", "regressor")
            if part == kind
        }
        return utils.Tags(
            estimator_type=kind, target_tags=utils.TargetTags(required=True), **parts
        )  # fmt: skip

    @staticmethod
    def _about(X: Any, answers: NDArray[Any]) -> NDArray[Any]:  # noqa: ANN401  as above
        rows = X.shape[0] if hasattr(X, "shape") else len(X)
        if rows != len(answers):
            raise InputError(
                f"The scorer asked about {rows} rows, and {len(answers)} were predicted. A scorer "
                "must ask about just the rows that it is given. Score other rows by themselves."
            )
        return answers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Regressor(_Replay):
    _estimator_type = "regressor"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Classifier(_Replay):
    classes_: NDArray[Any]

    _estimator_type = "classifier"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _OfScores(_Classifier):
    scores: Floats

    def decision_function(self, X: Any) -> Floats:  # noqa: ANN401  as above
        return self._about(X, self.scores)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _OfProbabilities(_Classifier):
    probabilities: Floats

    def predict_proba(self, X: Any) -> Floats:  # noqa: ANN401  as above
        return self._about(X, self.probabilities)

    def predict_log_proba(self, X: Any) -> Floats:  # noqa: ANN401  as above
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))


def regressor(said: Floats) -> object:
    """Return the stand-in of a regression that has predicted ``said``, (rows,).

    Examples
    --------
    >>> regressor(np.array([3.0])).predict([[0.0]])
    array([3.])
    """
    return _Regressor(answers=said)


def classifier(said: Floats, best: Ints, classes: tuple[Level, ...], *, proba: bool) -> object:
    """Return the stand-in of a classifier.

    Parameters
    ----------
    said : array of shape (rows, classes), or (rows, 1) for scores of a second class
    best : int array of shape (rows,)
        Position of the class that it predicts.
    classes : tuple
    proba : bool
        Whether ``said`` are probabilities; scores otherwise.

    Examples
    --------
    >>> said = np.array([[0.2, 0.8]])
    >>> classifier(said, np.array([1]), ("no", "yes"), proba=True).predict([[0.0]]).item()
    'yes'
    """
    names = np.array(classes)
    if proba:
        return _OfProbabilities(answers=names[best], classes_=names, probabilities=said)
    scores = said[:, 0] if said.shape[1] == 1 else said
    return _OfScores(answers=names[best], classes_=names, scores=scores)


def scored(
    scorer: Scorer, model: object, X: object, y: NDArray[Any], weights: Floats | None
) -> float:
    """Return what a scorer makes of predictions.

    Raises
    ------
    InputError
        If it fails, or returns no single finite number.
    """
    with_weights = {} if weights is None else {"sample_weight": weights}
    try:
        value = scorer.call(model, X, y, **with_weights)
    except InputError:
        raise
    except Exception as error:
        lacks = isinstance(error, AttributeError)
        raise InputError(
            f"The scorer {scorer.name!r} raised {type(error).__name__}: {error} "
            + ("The model does not offer what it needs. " if lacks else "")
            + "Give a score that suits the model and y."
        ) from error
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The scorer {scorer.name!r} returned {value!r:.60}. One number is needed. For several "
            "scores in one pass give a tuple of scorers."
        ) from error
