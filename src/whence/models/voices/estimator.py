"""Estimators that follow scikit-learn: its own, their pipelines, XGBoost, LightGBM and CatBoost.

A classifier is asked for its probabilities (its scores, where it has none), a binary one for the
second class alone; any other model for its prediction.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from whence.core.inputs import Inputs
from whence.core.table import Table
from whence.models.parse.common import class_levels, feature_names, output_names, pair_names
from whence.models.parse.sklearn_columns import Columns, rebuilt
from whence.models.predict import PAIR_SCORE, Predict
from whence.models.voices.form import own_form

Model: TypeAlias = Any
"""An object of a library that is not imported here."""

_BINARY = 2
_METHODS = {"predict_proba": "probability", "decision_function": "score", "predict": "prediction"}
"""Methods a model is asked by -> unit of the answer; the first that it has."""
_BOOSTERS = ("xgboost", "lightgbm", "catboost")
_READ_BY_BOOSTERS = ("numpy", "pandas", "scipy")
"""Tables that all boosters read; of others they refuse, or crash at, categories."""


def is_estimator(model: object) -> bool:
    """Tell whether a model has a method by which it can be asked."""
    return _method(model) is not None


def estimator(model: Model) -> Predict:
    """Return the view of an estimator: rows -> (rows,) or (rows, outputs)."""
    method = _method(model) or "predict"
    unit, library, columns = _METHODS.get(method, "prediction"), _library(model), _columns(model)
    labels = () if method in ("predict", "inplace_predict") else getattr(model, "classes_", ())
    classes = class_levels(labels)
    outputs: tuple[str, ...] = ()
    if unit == "score" and _scores_pairs(model, len(classes)):
        unit, outputs, classes = PAIR_SCORE, pair_names(classes), ()
    if unit == "probability" and classes:
        outputs = output_names(classes, 1 if len(classes) == _BINARY else len(classes))
    return Predict(
        say=_Estimator(model=model, method=method, columns=columns, library=library),
        name=f"The model ({type(model).__name__}.{method})",
        unit=unit,
        features=columns.features,
        named=columns.named,
        outputs=outputs,
        classes=classes,
        library=library,
    )


def _method(model: Model) -> str | None:
    if _library(model) == "xgboost" and type(model).__name__ == "Booster":
        return "inplace_predict"  # its predict reads a table of its own alone
    return next((name for name in _METHODS if callable(getattr(model, name, None))), None)


def _scores_pairs(model: Model, classes: int) -> bool:
    """Tell whether a support vector classifier answers with a score for each pair of classes."""
    steps = getattr(model, "steps", None)
    inner = steps[-1][1] if steps else getattr(model, "best_estimator_", None)
    if inner is not None:
        return _scores_pairs(inner, classes)
    return classes > _BINARY and getattr(model, "decision_function_shape", None) == "ovo"


def _library(model: Model) -> str:
    packages = [cls.__module__.partition(".")[0] for cls in type(model).__mro__]
    return next((name for name in packages if name in ("sklearn", *_BOOSTERS)), "")


def _columns(model: Model) -> Columns:
    """Return the columns that a model says it was trained on; none where it does not say."""
    found: Any = None
    for attribute in ("feature_names_in_", "feature_names_", "feature_name", "feature_names"):
        if found is None:
            found = getattr(model, attribute, None)
            found = found() if callable(found) else found
    names = None if found is None else [str(name) for name in found]
    if names is not None and all(n in (f"Column_{j}", str(j)) for j, n in enumerate(names)):
        return Columns(features=feature_names(None, len(names)), named=False)
    count = len(names) if names is not None else getattr(model, "n_features_in_", 0)
    spaces = _library(model) == "lightgbm"  # it writes an underscore where a space was
    named = names is not None and not (spaces and any("_" in name for name in names))
    return Columns(features=feature_names(names, int(count)), named=named)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Estimator:
    """Asks an estimator with rows that it can read."""

    model: Model
    method: str
    columns: Columns
    library: str

    def __call__(self, inputs: Inputs) -> object:
        said = getattr(self.model, self.method)(self._readable(inputs))
        two = self.method == "predict_proba" and np.shape(said)[1:] == (_BINARY,)
        return said[:, 1] if two else said

    def _readable(self, inputs: Inputs) -> object:
        if not isinstance(inputs, Table):
            return own_form(inputs)
        package = type(inputs.native).__module__.partition(".")[0]
        if self.library in _BOOSTERS:
            return inputs.native if package in _READ_BY_BOOSTERS else rebuilt(inputs)
        return self.columns.native(inputs) if self.columns.features else own_form(inputs)
