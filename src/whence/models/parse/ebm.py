"""Explainable boosting machines of interpret, read into the Additive view.

A term is a table over the bins of one or more columns. The bins of a column are finer in the term
of that column alone than in pairs: ``bins_[column]`` lists one way to cut it for each number of
columns in a term, the last of which serves for all larger ones.
"""

import numpy as np

from whence.core.errors import InputError, UnsupportedModelError
from whence.core.types import Floats
from whence.models.additive import Additive, Term
from whence.models.parse import ancestry
from whence.models.parse.common import class_levels, feature_names, output_names
from whence.models.parse.sklearn_columns import Ask, Columns, Estimator, Native, margin, prediction
from whence.models.shapes import Axis, Shape, tables_of

SUPPORTED = "ExplainableBoostingClassifier and ExplainableBoostingRegressor of interpret"
"""What `read_ebm` reads, in words."""

_TOLERANCE = 1e-9
_LOG_SLACK = 1e-9
_BINARY = 2
_UNITS = {"identity": "prediction", "log": "log of the prediction"}


def is_ebm(model: object) -> bool:
    """Tell whether a model is an explainable boosting machine, by the names of its classes."""
    return any(package == "interpret" and name == "EBMModel" for package, name in ancestry(model))


def read_ebm(model: Estimator) -> Additive:
    """Read a fitted explainable boosting machine.

    Raises
    ------
    InputError
        If the model is not fitted.
    UnsupportedModelError
        If its link is none that is known, or a term is about more than two columns.
    """
    kind = type(model).__name__
    if not getattr(model, "has_fitted_", False):
        raise InputError(f"The {kind} is not fitted. Call its fit(X, y) first.")
    link = str(model.link_)
    classes = class_levels(getattr(model, "classes_", None))
    if len(classes) == 1 or (not classes and link not in _UNITS):
        raise UnsupportedModelError(
            f"The {kind} has the link {link!r} and {len(classes)} classes. A classifier of two or "
            "more classes is needed, or a regressor with the link 'identity' or 'log'. Explain it "
            "through its predictions: KernelShap(background=X_train)."
        )
    k = len(classes) if len(classes) > _BINARY else 1
    columns = _columns(model)
    axes: dict[tuple[int, int], Axis] = {}
    terms = tuple(
        _term(model, t, k, columns.features, axes) for t in range(len(model.term_scores_))
    )
    sums, encode = tables_of(tuple(term.shape for term in terms if term.shape is not None))
    say = margin if classes else _log_prediction if link == "log" else prediction
    return Additive(
        terms=terms,
        sums=sums,
        intercept=np.array(np.broadcast_to(np.asarray(model.intercept_, np.float64).ravel(), k)),
        features=columns.features,
        outputs=output_names(getattr(model, "classes_", None), k),
        unit="log-odds" if classes else _UNITS[link],
        library="interpret",
        named=columns.named,
        encode=encode,
        predict=Ask(model=model, columns=columns, say=say),
        tolerance=_TOLERANCE,
        slack=_LOG_SLACK if link == "log" else 0.0,
        classes=classes,
    )


def _columns(model: Estimator) -> Columns:
    names = [str(name) for name in model.feature_names_in_]
    made_up = all(name == f"feature_{j:04}" for j, name in enumerate(names))
    return Columns(
        features=feature_names(None if made_up else names, len(names)), named=not made_up
    )


def _term(
    model: Estimator,
    t: int,
    k: int,
    names: tuple[str, ...],
    axes: dict[tuple[int, int], Axis],
) -> Term:
    features = tuple(int(j) for j in model.term_features_[t])
    if len(features) > _BINARY:
        raise UnsupportedModelError(
            f"A term of the {type(model).__name__} is about {len(features)} columns. Terms of one "
            "or two columns can be told. Train with pairs at most, or use "
            "KernelShap(background=X_train)."
        )
    own = []
    for j in features:
        level = min(len(features), len(model.bins_[j])) - 1
        own.append(axes.setdefault((j, level), _axis(model, j, level)))
    scores = _with_outputs(model.term_scores_[t], len(features), k)
    bags = _part(model, "bagged_scores_", t)
    spread = _part(model, "standard_deviations_", t)
    shape = Shape(
        axes=tuple(own),
        scores=scores,
        weights=np.asarray(model.bin_weights_[t], dtype=np.float64),
        stderr=None if spread is None else _with_outputs(spread, len(features), k),
        bags=None if bags is None else _with_outputs(bags, len(features) + 1, k),
        bag_weights=None if bags is None else np.asarray(model.bag_weights_, dtype=np.float64),
    )
    return Term(columns=features, name=" x ".join(names[j] for j in features), shape=shape)


def _part(model: Estimator, name: str, t: int) -> Native:
    """Return what the model holds about a term beyond its scores; None where it was edited away."""
    parts = getattr(model, name, None)
    return None if parts is None else parts[t]


def _with_outputs(table: Native, axes: int, k: int) -> Floats:
    array = np.array(table, dtype=np.float64)
    return array if array.ndim > axes else array.reshape(*array.shape, k)


def _axis(model: Estimator, column: int, level: int) -> Axis:
    bins = model.bins_[column][level]
    if isinstance(bins, dict):
        return Axis(
            column=column, cuts=None, categories=tuple((str(c), int(b)) for c, b in bins.items())
        )
    low, high = getattr(model, "feature_bounds_", np.full((column + 1, 2), np.nan))[column]
    cuts = np.asarray(bins, dtype=np.float64)
    return Axis(column=column, cuts=cuts, low=float(low), high=float(high))


def _log_prediction(model: Estimator, X: Native) -> Native:
    with np.errstate(divide="ignore"):  # minus infinity, where the prediction underflows
        return np.log(model.predict(X))
