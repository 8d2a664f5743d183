"""Effects of features: whence beside the brute force of scikit-learn."""

import warnings
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb
from measure import Line, Report, once, seconds
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.inspection import partial_dependence

import whence as wh
from whence.explainers.accumulated_local_effects import AccumulatedLocalEffects
from whence.explainers.h_statistic import HStatistic
from whence.explainers.partial_dependence import PartialDependence

ROWS, COLUMNS, POSITIONS = 20_000, 8, 50
TRIED = 2
"""Columns for which scikit-learn is timed; the others take as long."""


def data() -> tuple[pd.DataFrame, np.ndarray]:
    """Return standard normal columns and a target with interactions and noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, COLUMNS))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3:].sum(axis=1) / 3
    names = [f"f{j}" for j in range(COLUMNS)]
    return pd.DataFrame(X, columns=names), y + 0.3 * rng.normal(size=ROWS)


def models() -> dict[str, Any]:
    """Return the models by what a reader calls them."""
    return {
        "XGBoost 200 x depth 6": xgb.XGBRegressor(n_estimators=200, max_depth=6, n_jobs=1),
        "LightGBM 200 x 31 leaves": lgb.LGBMRegressor(n_estimators=200, verbose=-1, n_jobs=1),
        "HistGradientBoosting 100": HistGradientBoostingRegressor(max_iter=100),
        "GradientBoosting 100 x depth 4": GradientBoostingRegressor(max_depth=4, subsample=0.3),
        "random forest 50, leaves of 5": RandomForestRegressor(
            50, min_samples_leaf=5, max_samples=0.5, random_state=0, n_jobs=1
        ),
        "random forest 30, unlimited depth": RandomForestRegressor(30, random_state=0, n_jobs=1),
    }


def _brute(model: Any, X: pd.DataFrame, column: str) -> Any:  # noqa: ANN401  a Bunch of scikit-learn
    return partial_dependence(
        model, X, [column], kind="both", method="brute", grid_resolution=POSITIONS,
        percentiles=(0, 1),
    )  # fmt: skip


def curves(report: Report) -> None:
    """All features, individual curves kept, against asking the model."""
    X, y = data()
    for name, model in models().items():
        model.fit(X, y)
        method = PartialDependence(grid=POSITIONS, individual=True)
        ours = seconds({"whence": lambda: wh.explain(model, X, method, rng=0)}, 3)["whence"]  # noqa: B023  run at once
        theirs = sum(once(lambda: _brute(model, X, f"f{j}")) for j in range(TRIED))  # noqa: B023  as above
        report.add(Line(
            work=f"PDP and ICE of {COLUMNS} columns, {POSITIONS} positions, {ROWS:,} rows, {name}",
            against="scikit-learn, brute", ours=ours, theirs=theirs * COLUMNS / TRIED, asked=30,
            note=f"largest gap {_gap(model, X):.1g}; scikit-learn on {TRIED} columns, scaled",
        ))  # fmt: skip


def _gap(model: Any, X: pd.DataFrame) -> float:  # noqa: ANN401  any model
    """Return how far curves of 500 rows are from what the model says when asked."""
    few = X[:500]
    e = wh.explain(model, few, PartialDependence(grid=POSITIONS, individual=True), rng=0)
    gaps = []
    for curve in e.curves[:TRIED]:
        for g, at in enumerate(curve.grid[0]):
            said = model.predict(few.assign(**{curve.features[0]: at}))
            gaps.append(np.abs(curve.individual[:, g, 0] - said).max())
    return float(max(gaps))


def others(report: Report) -> None:
    """Means alone, local effects and interactions of one model."""
    X, y = data()
    model = xgb.XGBRegressor(n_estimators=200, max_depth=6, n_jobs=1).fit(X, y)
    predict = seconds({"predict": lambda: model.predict(X)})["predict"]
    for work, method in {
        "PDP of all columns with bands": PartialDependence(),
        "ALE of all columns with bands": AccumulatedLocalEffects(),
        "H of 8 columns and 28 pairs, 200 rows, with errors": HStatistic(),
    }.items():
        ours = seconds({"whence": lambda: wh.explain(model, X, method, rng=0)}, 3)["whence"]  # noqa: B023  run at once
        limit = 4.0
        report.add(Line(
            work=f"{work}, XGBoost", against="limit of 4 s", ours=ours, theirs=limit, asked=1,
            note=f"{ours / predict:.0f} x predict of the {ROWS:,} rows",
        ))  # fmt: skip


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    report = Report()
    report.head()
    curves(report)
    others(report)


if __name__ == "__main__":
    main()
