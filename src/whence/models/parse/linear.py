"""Linear models of scikit-learn, alone or at the end of a pipeline, in the user's own columns.

A model is read if it holds coefficients and an intercept. What it says before any link is then
their weighted sum: the decision function of a classifier, the prediction of a regressor, and the
logarithm of the prediction of a generalized linear model with a log link.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from whence.core.errors import InputError, UnsupportedModelError
from whence.core.table import is_sparse
from whence.core.types import Floats
from whence.core.words import with_article
from whence.models.linear import Linear
from whence.models.parse import REASONS, SEARCHES, ancestry, best_of
from whence.models.parse.common import class_levels, output_names, pair_names
from whence.models.parse.pipeline import before_model
from whence.models.parse.sklearn_columns import (
    TOLERANCE,
    Ask,
    Estimator,
    Native,
    columns_of,
    margin,
    prediction,
)

SUPPORTED = (
    "scikit-learn models with coefficients and an intercept, such as LinearRegression, Ridge, "
    "Lasso, LogisticRegression, LinearSVC, SVC(kernel='linear'), SGDClassifier and "
    "PoissonRegressor, and pipelines that end in one"
)
"""What `read_linear` reads, in words."""

_LOG_ODDS = {"LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis"}
_LOG_LINK = {"PoissonRegressor", "GammaRegressor"}
_BOOSTERS = {"xgboost", "lightgbm", "catboost"}
_BINARY = 2

_SINGLE = 1e-5
"""Rounding of a model that holds float32 coefficients, relative to what is added up."""
_LIBSVM = 1e-6
"""Rounding of a sum over support vectors, whose weights may cancel, relative to the same."""
_LOG_SLACK = 1e-12
"""Rounding of a logarithm of an exponential."""


def read_linear(model: object) -> Linear:
    """Read a fitted linear model.

    Parameters
    ----------
    model : object
        A linear model of scikit-learn, a pipeline that ends in one, or a search over such models,
        which stands for its best one.

    Raises
    ------
    InputError
        If the model is not fitted.
    UnsupportedModelError
        If the model is not linear in columns that can be traced back to single ones of the user.
    """
    lineage = list(ancestry(model))
    names = {name for package, name in lineage if package == "sklearn"}
    if names & SEARCHES:
        return read_linear(best_of(model))
    if "Pipeline" in names:
        return _pipeline(model)
    if not names or any(package in _BOOSTERS for package, _ in lineage):
        raise _unsupported(model)
    return _estimator(model, names)


def _pipeline(pipeline: Estimator) -> Linear:
    inner = read_linear(pipeline.steps[-1][1])
    before = before_model(pipeline, inner.features, named=inner.named)
    return replace(
        inner,
        player=before.owner[inner.player].astype(np.int32),
        features=before.columns.features,
        named=before.columns.named,
        encode=before.asking(inner.encode),
        predict=before.asking(inner.predict),
    )


def _estimator(model: Estimator, names: set[str]) -> Linear:
    if not any(name.endswith("_") for name in vars(model) if not name.startswith("__")):
        raise InputError(f"The {type(model).__name__} is not fitted. Call its fit(X, y) first.")
    source: Estimator = model.estimator_ if "RANSACRegressor" in names else model
    weights = _weights(source, names)
    _refuse_votes(model, weights)
    columns = columns_of(model)
    logarithm = _has_log_link(model, names)
    classes = class_levels(getattr(model, "classes_", None))
    speaks = callable(getattr(model, "decision_function", None))
    say = _log_prediction if logarithm else margin if speaks else prediction
    single = getattr(source.coef_, "dtype", None) == np.float32
    return Linear(
        coefficients=np.ascontiguousarray(weights.T),
        intercept=_intercept(source, names, weights),
        player=np.arange(weights.shape[1], dtype=np.int32),
        features=columns.features,
        outputs=_outputs(model, len(weights)),
        unit=_unit(model, names, logarithm=logarithm, speaks=speaks),
        library="sklearn",
        named=columns.named,
        encode=columns.numbers,
        predict=Ask(model=model, columns=columns, say=say),
        tolerance=_SINGLE if single else _LIBSVM if "BaseLibSVM" in names else TOLERANCE,
        slack=_LOG_SLACK if logarithm else 0.0,
        classes=classes,
    )


def _weights(model: Estimator, names: set[str]) -> Floats:
    """Return a copy of the coefficients, of shape (outputs, columns)."""
    found = getattr(model, "coef_", None)
    one_class = "SGDOneClassSVM" in names  # its offset_ stands in place of an intercept
    if found is None or not (one_class or hasattr(model, "intercept_")):
        raise _unsupported(model)
    dense = found.toarray() if is_sparse(found) else found
    return np.atleast_2d(np.array(dense, dtype=np.float64))


def _intercept(model: Estimator, names: set[str], weights: Floats) -> Floats:
    """Return the intercept, of shape (outputs,)."""
    if "SGDOneClassSVM" in names:
        found = -np.asarray(model.offset_, dtype=np.float64)
    else:
        found = np.asarray(model.intercept_, dtype=np.float64)
    if "_PLS" in names:  # it subtracts the means of training before it multiplies
        found = found - weights @ model._x_mean  # noqa: SLF001  the only place that holds them
    return np.array(np.broadcast_to(found.ravel(), len(weights)))


def _refuse_votes(model: Estimator, weights: Floats) -> None:
    """Refuse a support vector classifier that turns votes of pairs of classes into scores."""
    shape = getattr(model, "decision_function_shape", "ovo")
    if shape != "ovo" and len(weights) > 1:
        raise UnsupportedModelError(
            f"The {type(model).__name__} has {len(model.classes_)} classes and lets one linear "
            "model per pair of classes vote, which is no weighted sum. Set "
            "decision_function_shape='ovo' to explain the pairs, train a LinearSVC, or use a "
            "model-agnostic method such as KernelShap(background=X_train)."
        )


def _outputs(model: Estimator, outputs: int) -> tuple[str, ...]:
    classes: Any = getattr(model, "classes_", None)
    if classes is None or getattr(model, "decision_function_shape", None) is None:
        return output_names(classes, outputs)
    if len(classes) == _BINARY:
        return output_names(classes, outputs)
    return pair_names(classes)


def _has_log_link(model: Estimator, names: set[str]) -> bool:
    if "TweedieRegressor" in names:
        return bool(model.link == "log" or (model.link == "auto" and model.power > 0))
    return bool(names & _LOG_LINK)


def _unit(model: Estimator, names: set[str], *, logarithm: bool, speaks: bool) -> str:
    if logarithm:
        return "log of the prediction"
    if names & _LOG_ODDS or ("SGDClassifier" in names and model.loss == "log_loss"):
        return "log-odds"
    return "score" if speaks else "prediction"


def _log_prediction(model: Estimator, X: Native) -> Native:
    with np.errstate(divide="ignore"):  # minus infinity, where the prediction underflows
        return np.log(model.predict(X))


def _unsupported(model: object) -> UnsupportedModelError:
    kind = type(model)
    package = kind.__module__.partition(".")[0]
    reasons = [REASONS[name] for _, name in ancestry(model) if name in REASONS]
    why = f", because {reasons[0]}" if reasons else ""
    said = with_article(kind.__name__)
    return UnsupportedModelError(
        f"{said[0].upper()}{said[1:]} of {package} cannot be read as a linear model{why}. "
        f"Supported are {SUPPORTED}. Explain any other model through its predictions: "
        "KernelShap(background=X_train)."
    )
