"""The models that a trade-off compares, from linear to boosted trees, and how much each is.

This module alone fits models, so it alone imports scikit-learn and interpret, when it is asked to.
All models read the numbers of a `Table`: codes of categories, NaN where a cell is missing.

The complexity of a model is how many numbers a reader must hold to know what it says: coefficients
that are not zero and the intercept; thresholds and leaves; entries of the tables of terms.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np

from whence.core.errors import MissingDependencyError
from whence.core.table import Table
from whence.core.types import Bools, Floats

Estimator: TypeAlias = Any
"""A model of scikit-learn or interpret."""

_LEAVES = 8
_LEAST = 5
_MOST_CATEGORIES = 250
_TREES = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """One model of the ladder.

    Attributes
    ----------
    name : str
    make : callable
        Seed -> model that is not fitted.
    complexity : callable
        Fitted model -> how many numbers it consists of.
    told : str
        What these numbers are.
    """

    name: str
    make: Callable[[int], Estimator]
    complexity: Callable[[Estimator], int]
    told: str


def ladder(table: Table, *, classes: bool, n_jobs: int) -> tuple[Step, ...]:
    """Return the models for a table, the simplest first.

    Raises
    ------
    MissingDependencyError
        If scikit-learn is not installed.
    """
    if find_spec("sklearn") is None:
        raise MissingDependencyError.of("tradeoff", "scikit-learn", "glassbox")
    category = np.array([levels is not None for levels in table.levels])
    steps = [_linear(category, classes), _tree(category, classes)]
    if find_spec("interpret") is not None:
        steps.append(_ebm(category, classes, n_jobs))
    return (*steps, _forest(category, classes, n_jobs), _boosted(table, category, classes))


def _encoded(category: Bools, model: Estimator) -> Estimator:
    """Return a model behind scaled numbers and one-hot categories, both with missing ones told."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = [
        ("numbers", numbers, np.flatnonzero(~category)),
        ("words", words, np.flatnonzero(category)),
    ]
    return make_pipeline(ColumnTransformer([p for p in parts if len(p[2])]), model)


def _linear(category: Bools, classes: bool) -> Step:
    from sklearn.linear_model import LogisticRegression, RidgeCV

    def make(seed: int) -> Estimator:
        model = (
            LogisticRegression(max_iter=2000, random_state=seed)
            if classes
            else RidgeCV(alphas=np.logspace(-3, 3, 13))
        )
        return _encoded(category, model)

    def complexity(model: Estimator) -> int:
        last = model[-1]
        return int(np.count_nonzero(last.coef_) + np.size(last.intercept_))

    return Step(name="linear", make=make, complexity=complexity, told="coefficients")


def _tree(category: Bools, classes: bool) -> Step:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    def make(seed: int) -> Estimator:
        kind = DecisionTreeClassifier if classes else DecisionTreeRegressor
        model = kind(max_leaf_nodes=_LEAVES, min_samples_leaf=_LEAST, random_state=seed)
        return _encoded(category, model)

    return Step(
        name=f"tree of {_LEAVES} leaves",
        make=make,
        complexity=lambda model: int(model[-1].tree_.node_count),
        told="thresholds and leaves",
    )


def _ebm(category: Bools, classes: bool, n_jobs: int) -> Step:
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    kinds = ["nominal" if c else "continuous" for c in category]

    def make(seed: int) -> Estimator:
        kind = ExplainableBoostingClassifier if classes else ExplainableBoostingRegressor
        return _Quiet(model=kind(feature_types=kinds, random_state=seed, n_jobs=n_jobs))

    return Step(
        name="explainable boosting",
        make=make,
        complexity=lambda model: sum(int(np.size(t)) for t in model.model.term_scores_),
        told="entries of terms",
    )


def _forest(category: Bools, classes: bool, n_jobs: int) -> Step:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    def make(seed: int) -> Estimator:
        kind = RandomForestClassifier if classes else RandomForestRegressor
        return _encoded(category, kind(_TREES, random_state=seed, n_jobs=n_jobs))

    return Step(
        name="random forest",
        make=make,
        complexity=lambda model: sum(int(t.tree_.node_count) for t in model[-1].estimators_),
        told="thresholds and leaves",
    )


def _boosted(table: Table, category: Bools, classes: bool) -> Step:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    few = np.array([len(levels or ()) <= _MOST_CATEGORIES for levels in table.levels])

    def make(seed: int) -> Estimator:
        kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
        return kind(
            categorical_features=category & few, early_stopping=True, max_iter=500,
            learning_rate=0.05, random_state=seed,
        )  # fmt: skip

    def complexity(model: Estimator) -> int:
        trees = [tree for stage in model._predictors for tree in stage]  # noqa: SLF001  the only place that holds them
        return sum(int(tree.nodes.shape[0]) for tree in trees)

    return Step(
        name="boosted trees", make=make, complexity=complexity, told="thresholds and leaves"
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Quiet:
    """A boosting machine of interpret that does not warn of what its own pictures do not show."""

    model: Estimator

    def fit(self, X: Floats, y: Any) -> "_Quiet":  # noqa: ANN401  labels or numbers
        """Fit the model."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Missing values detected")
            warnings.filterwarnings("ignore", message="For multiclass we cannot")
            self.model.fit(X, y)
        return self

    def predict(self, X: Floats) -> Any:  # noqa: ANN401  as above
        """Return what it says."""
        return self.model.predict(X)

    def predict_proba(self, X: Floats) -> Any:  # noqa: ANN401  as above
        """Return the probabilities of the classes."""
        return self.model.predict_proba(X)
