"""Fitted models of every supported library, read into one form.

A model is recognised by the names of its classes and of their modules, so nothing is imported that
the user has not imported already.
"""

from collections.abc import Iterator
from importlib import import_module

from whence.core.errors import InputError, UnsupportedModelError
from whence.core.words import with_article
from whence.models.trees import Trees

_TREES = {
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "IsolationForest",
}
_PARSERS: dict[str, dict[str, set[str]]] = {
    "sklearn": {"sklearn": _TREES, "pipeline": {"Pipeline"}},
    "xgboost": {"xgboost": {"Booster", "XGBModel"}},
    "lightgbm": {"lightgbm": {"Booster", "LGBMModel"}},
    "catboost": {"catboost": {"CatBoost"}},
}
"""Package a class comes from -> parser -> class names, one of which is in the model's ancestry."""

SEARCHES = {"BaseSearchCV"}
"""Classes that stand for the best model they found."""

SUPPORTED = (
    "scikit-learn decision trees, random forests, extra trees, gradient boosting, histogram "
    "gradient boosting and isolation forests; XGBoost, LightGBM and CatBoost models; and "
    "scikit-learn pipelines that end in one of these"
)
"""What `read_trees` reads, in words."""

REASONS = {
    "BaseWeightBoosting": "it weighs the votes of its members",
    "BaseBagging": "its members may be any model",
    "_BaseVoting": "its members may be any model",
    "_BaseStacking": "a second model is stacked on the first ones",
    "CalibratedClassifierCV": "it bends and averages the output of several models",
    "BaseThresholdClassifier": "it wraps another model; hand in its estimator_",
    "TransformedTargetRegressor": "it transforms the output of its regressor_",
    "_MultiOutputEstimator": "it holds one model per output; hand in one of its estimators_",
    "OneVsRestClassifier": "it holds one model per class; hand in one of its estimators_",
    "OneVsOneClassifier": "it lets one model per pair of classes vote",
    "RandomTreesEmbedding": "it predicts nothing",
}
"""Why models of a class cannot be read, whatever they are made of."""


def read_trees(model: object) -> Trees:
    """Read a fitted tree ensemble.

    Parameters
    ----------
    model : object
        A model of scikit-learn, XGBoost, LightGBM or CatBoost, a scikit-learn pipeline that ends
        in one, or a search over such models, which stands for its best one.

    Raises
    ------
    InputError
        If the model is not fitted.
    UnsupportedModelError
        If the model is no tree ensemble, or cannot be written as a sum of leaves.
    """
    names = set(ancestry(model))
    if any(package == "sklearn" and name in SEARCHES for package, name in names):
        return read_trees(best_of(model))
    for package, name in ancestry(model):
        for parser, classes in _PARSERS.get(package, {}).items():
            if name in classes:
                module = import_module(f"whence.models.parse.{parser}")
                found: Trees = module.parse(model)
                return found
    raise _unsupported(model)


def ancestry(model: object) -> Iterator[tuple[str, str]]:
    """Yield the package and the name of every class the model is of, nearest first."""
    for cls in type(model).__mro__:
        yield cls.__module__.partition(".")[0], cls.__name__


def best_of(search: object) -> object:
    """Return the best model of a search.

    Raises
    ------
    InputError
        If it holds none.
    """
    best: object = getattr(search, "best_estimator_", None)
    if best is None:
        raise InputError(
            f"The {type(search).__name__} holds no best_estimator_: it is not fitted, or was told "
            "refit=False. Call its fit(X, y) with refit=True, or hand in a fitted model."
        )
    return best


def _unsupported(model: object) -> UnsupportedModelError:
    kind = type(model)
    package = kind.__module__.partition(".")[0]
    reasons = [REASONS[name] for _, name in ancestry(model) if name in REASONS]
    why = f", because {reasons[0]}" if reasons else ""
    said = with_article(kind.__name__)
    return UnsupportedModelError(
        f"{said[0].upper()}{said[1:]} of {package} cannot be read as a tree ensemble{why}. "
        f"Supported are {SUPPORTED}. Explain any other model through its predictions: "
        "KernelShap(background=X_train)."
    )
