"""The table of cases: small models of every library, and every method with every kind of setting.

Each model is trained on the spot, once per session, with its own raw output, asked of the library
alone, so that the judge of an explanation never runs a line of whence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import whence as wh
from whence.core.types import Floats

NAMES = ("a", "b", "c", "d", "unused")
ROWS = 8
BACKGROUND = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A fitted model, rows to explain, and the model's own raw output.

    Attributes
    ----------
    model : fitted model
    raw : callable
        Table -> raw output of shape (rows, outputs), from the library's own functions.
    X, background : tables
        What the model is asked with: frames if it was trained on one.
    tolerance : float
        Rounding of the library's own raw output.
    """

    model: Any
    raw: Callable[[Any], Floats]
    X: Any
    background: Any
    tolerance: float = 1e-9


def numbers(rng: np.random.Generator, n: int, *, missing: bool = False) -> pd.DataFrame:
    """Return rows of four columns that matter and one that does not."""
    X = pd.DataFrame(rng.normal(size=(n, len(NAMES))), columns=list(NAMES))
    X["c"] = rng.integers(0, 4, n).astype(float)
    X["d"] = X["d"].round(1)
    if missing:
        X = X.mask(rng.random(X.shape) < 0.15)
    return X


def target(X: pd.DataFrame) -> Floats:
    """Return a target with interactions, which does not read the last column."""
    a, b, c, d = (X[name].fillna(0.3).to_numpy() for name in NAMES[:4])
    return np.asarray(a + 2 * a * (b > 0) + (c == 2) * d + np.sin(3 * d))


def _tables(*, missing: bool = False) -> tuple[pd.DataFrame, Floats, pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    train = numbers(rng, 150, missing=missing)
    y = target(train)
    train["unused"] = 0.0  # constant while training, so that no split can read it
    return train, y, numbers(rng, ROWS, missing=missing), numbers(rng, BACKGROUND, missing=missing)


def _column(raw: Any) -> Floats:  # noqa: ANN401  whatever a library returns
    out = np.asarray(raw, dtype=np.float64)
    return out[:, None] if out.ndim == 1 else out


def _three(y: Floats) -> Floats:
    return np.digitize(y, np.quantile(y, [0.3, 0.7])).astype(np.int64)


def extra_trees_array() -> Fitted:
    from sklearn.ensemble import ExtraTreesRegressor

    train, y, X, Z = _tables()
    model = ExtraTreesRegressor(6, max_depth=6, random_state=0).fit(train.to_numpy(), y)
    return Fitted(
        model=model,
        raw=lambda t: _column(model.predict(t)),
        X=X.to_numpy(),
        background=Z.to_numpy(),
    )


def random_forest_classifier() -> Fitted:
    from sklearn.ensemble import RandomForestClassifier

    train, y, X, Z = _tables()
    model = RandomForestClassifier(5, max_depth=4, random_state=0).fit(train, _three(y))
    return Fitted(model=model, raw=model.predict_proba, X=X, background=Z)


def gradient_boosting_multiclass() -> Fitted:
    from sklearn.ensemble import GradientBoostingClassifier

    train, y, X, Z = _tables()
    model = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(train, _three(y))
    return Fitted(model=model, raw=model.decision_function, X=X, background=Z)


def hist_gradient_boosting() -> Fitted:
    from sklearn.ensemble import HistGradientBoostingRegressor

    train, y, X, Z = _tables(missing=True)
    train.loc[0, "unused"] = 0.0
    model = HistGradientBoostingRegressor(
        max_iter=8, max_depth=4, min_samples_leaf=5, random_state=0
    ).fit(train, y)
    return Fitted(model=model, raw=lambda t: _column(model.predict(t)), X=X, background=Z)


def xgboost_binary() -> Fitted:
    import xgboost

    train, y, X, Z = _tables(missing=True)
    model = xgboost.XGBClassifier(n_estimators=8, max_depth=4, n_jobs=1).fit(train, y > 0)
    return Fitted(
        model=model,
        raw=lambda t: _column(model.predict(t, output_margin=True)),
        X=X,
        background=Z,
        tolerance=1e-5,
    )


def lightgbm_regressor() -> Fitted:
    import lightgbm

    train, y, X, Z = _tables(missing=True)
    model = lightgbm.LGBMRegressor(
        n_estimators=8, max_depth=4, min_child_samples=5, verbose=-1, n_jobs=1
    ).fit(train, y)
    return Fitted(
        model=model,
        raw=lambda t: _column(model.predict(t, raw_score=True)),
        X=X,
        background=Z,
    )


def catboost_multiclass() -> Fitted:
    import catboost

    train, y, X, Z = _tables(missing=True)
    model = catboost.CatBoostClassifier(
        iterations=6, depth=4, verbose=False, allow_writing_files=False, thread_count=1
    ).fit(train, _three(y))
    return Fitted(
        model=model,
        raw=lambda t: _column(model.predict(t, prediction_type="RawFormulaVal")),
        X=X,
        background=Z,
    )


MODELS: dict[str, Callable[[], Fitted]] = {
    maker.__name__: cache(maker)
    for maker in (
        extra_trees_array,
        random_forest_classifier,
        gradient_boosting_multiclass,
        hist_gradient_boosting,
        xgboost_binary,
        lightgbm_regressor,
        catboost_multiclass,
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A method with one choice of its settings.

    Attributes
    ----------
    make : callable
        Background -> method.
    interventional : bool
        Whether it reads the background.
    efficient : bool
        Whether the values add up to the prediction.
    """

    make: Callable[[Any], Any]
    interventional: bool
    efficient: bool


METHODS: dict[str, Kind] = {
    "TreeShap": Kind(make=lambda _: wh.TreeShap(), interventional=False, efficient=True),
    "TreeShap-background": Kind(
        make=lambda Z: wh.TreeShap(background=Z), interventional=True, efficient=True
    ),
    "TreeBanzhaf": Kind(make=lambda _: wh.TreeBanzhaf(), interventional=False, efficient=False),
    "TreeBanzhaf-background": Kind(
        make=lambda Z: wh.TreeBanzhaf(background=Z), interventional=True, efficient=False
    ),
    "kSII": Kind(make=lambda _: wh.TreeInteractions(), interventional=False, efficient=True),
    "kSII-3": Kind(
        make=lambda _: wh.TreeInteractions(order=3), interventional=False, efficient=True
    ),
    "kSII-background": Kind(
        make=lambda Z: wh.TreeInteractions(background=Z), interventional=True, efficient=True
    ),
    "kSII-3-background": Kind(
        make=lambda Z: wh.TreeInteractions(background=Z, order=3),
        interventional=True,
        efficient=True,
    ),
    "SII": Kind(
        make=lambda _: wh.TreeInteractions(index="SII"), interventional=False, efficient=False
    ),
    "BII-background": Kind(
        make=lambda Z: wh.TreeInteractions(background=Z, index="BII"),
        interventional=True,
        efficient=False,
    ),
    "BII-3": Kind(
        make=lambda _: wh.TreeInteractions(order=3, index="BII"),
        interventional=False,
        efficient=False,
    ),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One method on one model."""

    model_name: str
    method_name: str

    @property
    def fitted(self) -> Fitted:
        """Return the model, trained at most once."""
        return MODELS[self.model_name]()

    @property
    def kind(self) -> Kind:
        """Return what is known about the method."""
        return METHODS[self.method_name]

    @property
    def method(self) -> Any:  # noqa: ANN401  any method
        """Return the method with this model's background."""
        return self.kind.make(self.fitted.background)

    def explain(self, X: object = None, **settings: Any) -> wh.Attribution | wh.Interaction:  # noqa: ANN401  settings of explain
        """Explain the model's rows, or others."""
        fitted = self.fitted
        X = fitted.X if X is None else X
        result: wh.Attribution = wh.explain(fitted.model, X, self.method, **settings)
        return result

    def __str__(self) -> str:
        """Return the name of the test."""
        return f"{self.model_name}-{self.method_name}"


CASES = [Case(model, method) for model in MODELS for method in METHODS]
SHAPLEY = [case for case in CASES if case.method_name.startswith("TreeShap")]
EXACT = [case for case in CASES if case.kind.efficient]
ONE_PER_METHOD = [Case("lightgbm_regressor", method) for method in METHODS]
ONE_PER_MODEL = [Case(model, "TreeShap-background") for model in MODELS]
