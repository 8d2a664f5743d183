"""How a linear model was trained: the loss whose minimum it is at, and the penalty.

Read from the settings of the estimators of scikit-learn that minimize a sum of smooth losses with
a squared penalty; others have to be described by the user.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from whence.core.errors import InputError, UnsupportedModelError
from whence.models.parse import SEARCHES, ancestry, best_of

Loss: TypeAlias = Literal["squared_error", "log_loss", "poisson"]

_SQUARED = {"LinearRegression", "Ridge", "RidgeCV"}
_LOGISTIC = {"LogisticRegression", "LogisticRegressionCV"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What was minimized: ``sum of losses + penalty / 2 * sum of squared coefficients``.

    Attributes
    ----------
    loss : {"squared_error", "log_loss", "poisson"}
        The squared error is halved.
    penalty : float
    per_row : bool
        Whether the penalty stands beside a mean of losses: that of the sum is then as many times
        larger as there are rows.
    intercept : float or None
        Penalty of the intercept, as a share of ``penalty``; None where there is no intercept.
    class_weight : "balanced", dict from class to weight, or None
    """

    loss: Loss
    penalty: float
    per_row: bool = False
    intercept: float | None = 0.0
    class_weight: dict[Any, float] | Literal["balanced"] | None = None


def training_of(model: object) -> Training | None:
    """Return how a model was trained; None if that cannot be told.

    Parameters
    ----------
    model : object
        An estimator, a pipeline that ends in one, or a search.

    Raises
    ------
    UnsupportedModelError
        If its penalty is not a squared one, so that the loss has no second derivative.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> training_of(Ridge(alpha=2.0)).penalty
    2.0
    """
    names = {name for package, name in ancestry(model) if package == "sklearn"}
    estimator: Any = model
    if names & SEARCHES:
        return training_of(best_of(model))
    if "Pipeline" in names:
        return training_of(estimator.steps[-1][1])
    if getattr(model, "positive", False):
        return None
    intercept = 0.0 if getattr(model, "fit_intercept", True) else None
    if names & _SQUARED:
        penalty = _one(_alpha(estimator), type(model).__name__, "alpha")
        return Training(loss="squared_error", penalty=penalty, intercept=intercept)
    if "PoissonRegressor" in names:
        return Training(
            loss="poisson", penalty=float(estimator.alpha), per_row=True, intercept=intercept
        )
    return _logistic(estimator, intercept) if names & _LOGISTIC else None


def _alpha(model: Any) -> object:  # noqa: ANN401  a regression, without importing its library
    """Return the penalty that was used: of RidgeCV the best, of LinearRegression none."""
    return getattr(model, "alpha_", getattr(model, "alpha", 0.0))


def _logistic(model: Any, intercept: float | None) -> Training:  # noqa: ANN401  as above
    strength = _one(getattr(model, "C_", model.C if hasattr(model, "C") else 1.0), "model", "C")
    none = getattr(model, "penalty", "l2") is None or np.isinf(strength)
    ratio = np.max(np.atleast_1d(getattr(model, "l1_ratio_", getattr(model, "l1_ratio", 0)) or 0))
    squared = getattr(model, "penalty", "l2") in ("l2", "deprecated") and float(ratio or 0) == 0
    if not none and not squared:
        raise UnsupportedModelError(
            f"The {type(model).__name__} has a penalty of absolute values (penalty="
            f"{model.penalty!r}, l1_ratio={ratio!r}), which has no second derivative. Influence "
            "follows the minimum by derivatives. Train it with penalty='l2', or use "
            "NearestExamples."
        )
    if intercept is not None and getattr(model, "solver", "") == "liblinear":
        intercept = 1 / float(model.intercept_scaling) ** 2  # this solver penalizes it, too
    return Training(
        loss="log_loss",
        penalty=0.0 if none else 1 / strength,
        intercept=intercept,
        class_weight=model.class_weight,
    )


def _one(value: object, model: str, name: str) -> float:
    found = np.unique(np.asarray(value, dtype=np.float64))
    if len(found) > 1:
        raise InputError(
            f"The {model} has {len(found)} values of {name}, one per output. Influence reads "
            "models with one penalty. Explain one output at a time, each by a model of its own."
        )
    return float(found[0])
