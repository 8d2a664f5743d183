"""Explanations of tree ensembles: whence beside shap, woodelf and the libraries' own."""

import warnings

import lightgbm as lgb
import numpy as np
import pandas as pd
import shap
import xgboost as xgb
from catboost import CatBoostRegressor, Pool
from measure import Line, Report, once, seconds
from sklearn.ensemble import RandomForestClassifier
from woodelf import WoodelfExplainer

import whence as wh

ROWS, COLUMNS, TREES, DEPTH = 20_000, 14, 200, 6


def data(rows: int = ROWS, columns: int = COLUMNS) -> tuple[pd.DataFrame, np.ndarray]:
    """Return standard normal columns and a target with interactions and noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, columns))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3:].sum(axis=1) / 3 + rng.normal(size=rows)
    return pd.DataFrame(X, columns=[f"f{j}" for j in range(columns)]), y


def path_and_background(report: Report) -> None:
    """XGBoost, 200 trees of depth 6: both games against shap, woodelf and predict."""
    frame, y = data()
    model = xgb.XGBRegressor(n_estimators=TREES, max_depth=DEPTH, n_jobs=1).fit(frame, y)
    X = frame.to_numpy()
    path = wh.bind(model, wh.TreeShap())
    few = X[:500]
    fast = seconds(
        {
            "path": lambda: path.explain(frame),
            "predict": lambda: model.predict(frame),
            "background": lambda: wh.bind(model, wh.TreeShap(background=frame)).explain(frame),
        }
    )
    ours, mass = fast["path"], fast["background"]
    bound = wh.bind(model, wh.TreeShap(background=frame))
    only = seconds({"explain": lambda: bound.explain(frame)})["explain"]
    tree = shap.TreeExplainer(model)
    slow = once(lambda: tree.shap_values(few)) * ROWS / len(few)
    job = f"XGBoost {TREES} x depth {DEPTH}, {ROWS:,} x {COLUMNS}"
    report.add(Line(
        work=f"{job}, path-dependent", against="shap TreeExplainer", ours=ours, theirs=slow,
        asked=150, note=f"shap on {len(few)} rows, scaled",
    ))  # fmt: skip
    woodelf = WoodelfExplainer(model)
    report.add(Line(
        work="the same", against="woodelf_explainer", ours=ours,
        theirs=_median(lambda: woodelf.shap_values(frame, verbose=False)), asked=30,
    ))  # fmt: skip
    report.add(Line(
        work="the same", against="the model's own predict", ours=ours, theirs=fast["predict"],
        asked=1 / 5, note=f"{ours / fast['predict']:.2f} x predict",
    ))  # fmt: skip
    report.add(Line(
        work=f"{job}, background of all rows", against="path-dependent run", ours=mass,
        theirs=ours, asked=1 / 2, note=f"tables built in this time; without: {only:.3g} s",
    ))  # fmt: skip
    woodelf = WoodelfExplainer(model, frame)
    report.add(Line(
        work="the same", against="woodelf_explainer", ours=mass,
        theirs=_median(lambda: woodelf.shap_values(frame, verbose=False)), asked=20,
    ))  # fmt: skip
    tree = shap.TreeExplainer(model, X[:100], feature_perturbation="interventional")
    slow = once(lambda: tree.shap_values(few)) * ROWS / len(few)
    report.add(Line(
        work="the same", against="shap, only 100 background rows", ours=mass, theirs=slow,
        asked=300, note=f"shap on {len(few)} rows, scaled",
    ))  # fmt: skip
    pairs(report, model, frame)
    threads(report, model, frame)
    one_row(report, model, frame)


def pairs(report: Report, model: xgb.XGBRegressor, frame: pd.DataFrame) -> None:
    """Pairwise interactions, path-dependent."""
    some, few = frame[:2000], frame.to_numpy()[:40]
    bound = wh.bind(model, wh.TreeInteractions())
    ours = seconds({"pairs": lambda: bound.explain(some)}, 3)["pairs"]
    tree = shap.TreeExplainer(model)
    slow = once(lambda: tree.shap_interaction_values(few)) * len(some) / len(few)
    report.add(Line(
        work=f"pairwise interactions, path-dependent, {len(some)} rows", against="shap", ours=ours,
        theirs=slow, asked=100, note=f"shap on {len(few)} rows, scaled",
    ))  # fmt: skip


def threads(report: Report, model: xgb.XGBRegressor, frame: pd.DataFrame) -> None:
    """Two threads against one."""
    path = wh.bind(model, wh.TreeShap())
    rows = path.view.rows(wh.core.table.table_of(frame), None)
    del rows
    both = seconds(
        {"one": lambda: path.explain(frame), "two": lambda: path.explain(frame, n_jobs=2)}, 7
    )
    report.add(Line(
        work="two threads, path-dependent", against="one thread", ours=both["two"],
        theirs=both["one"], asked=1.8,
    ))  # fmt: skip


def one_row(report: Report, model: xgb.XGBRegressor, frame: pd.DataFrame) -> None:
    """One row of a model seen before, and the first call."""
    row, first = frame.iloc[[7]], frame.to_numpy()[7:8]
    wh.explain(model, row)
    taken = seconds(
        {
            "frame": lambda: wh.explain(model, row),
            "array": lambda: wh.explain(model, first),
            "predict": lambda: model.predict(row),
        },
        200,
    )
    report.add(Line(
        work="one row (data frame), model seen", against="limit of 1 ms",
        ours=taken["frame"] * 1e3, theirs=1, asked=1, unit="ms",
        note=f"predict itself: {taken['predict'] * 1e3:.3g} ms",
    ))  # fmt: skip
    report.add(Line(
        work="one row (array), model seen", against="limit of 1 ms", ours=taken["array"] * 1e3,
        theirs=1, asked=1, unit="ms",
    ))  # fmt: skip
    from whence.models.parse import read_trees

    both = seconds(
        {"parse": lambda: read_trees(model), "call": lambda: wh.bind(model).explain(row)}, 5
    )
    report.add(Line(
        work="first call, beyond parsing", against="limit of 0.2 s",
        ours=max(both["call"] - both["parse"], 1e-4), theirs=0.2, asked=1,
        note=f"parsing: {both['parse']:.3g} s",
    ))  # fmt: skip


def forest(report: Report) -> None:
    """RandomForest of unlimited depth on the adult data."""
    frame, y = adult()
    codes = frame.apply(lambda c: c if c.dtype.kind in "if" else c.astype("category").cat.codes)
    X = codes.to_numpy(dtype=float)
    model = RandomForestClassifier(100, n_jobs=1, random_state=0).fit(X, y)
    some, few = X[:2000], X[:40]
    bound = wh.bind(model, wh.TreeShap())
    ours = seconds({"path": lambda: bound.explain(some)}, 3)["path"]
    residual = float(np.abs(bound.explain(some).residual).max())
    tree = shap.TreeExplainer(model)
    slow = once(lambda: tree.shap_values(few)) * len(some) / len(few)
    report.add(Line(
        work=f"RandomForest 100 x unlimited, adult, {len(some)} rows", against="shap", ours=ours,
        theirs=slow, asked=15, note=f"largest residual {residual:.1e}; shap on {len(few)} rows",
    ))  # fmt: skip


def categories(report: Report) -> None:
    """LightGBM with 40-level categories and CatBoost, against their own contributions."""
    frame, y = data()
    rng = np.random.default_rng(1)
    for j in range(4):
        frame[f"c{j}"] = pd.Categorical(rng.integers(0, 40, len(frame)).astype(str))
        y = y + rng.normal(size=40)[frame[f"c{j}"].cat.codes]
    model = lgb.LGBMRegressor(n_estimators=TREES, num_leaves=63, n_jobs=1, verbose=-1).fit(frame, y)
    some = frame[:5000]
    bound = wh.bind(model, wh.TreeShap())
    both = seconds(
        {
            "ours": lambda: bound.explain(some),
            "theirs": lambda: model.predict(some, pred_contrib=True),
        },
        3,
    )
    report.add(Line(
        work=f"LightGBM {TREES} x 63 leaves, four 40-level categories, {len(some)} rows",
        against="LightGBM pred_contrib", ours=both["ours"], theirs=both["theirs"], asked=30,
    ))  # fmt: skip
    frame, y = data()
    cat = CatBoostRegressor(
        iterations=TREES, depth=DEPTH, thread_count=1, verbose=0, allow_writing_files=False
    ).fit(frame, y)
    bound, pool = wh.bind(cat, wh.TreeShap()), Pool(frame)
    both = seconds(
        {
            "ours": lambda: bound.explain(frame),
            "theirs": lambda: cat.get_feature_importance(pool, type="ShapValues", thread_count=1),
        },
        3,
    )
    report.add(Line(
        work=f"CatBoost {TREES} x depth {DEPTH}, {ROWS:,} x {COLUMNS}",
        against="CatBoost ShapValues", ours=both["ours"], theirs=both["theirs"], asked=1,
    ))  # fmt: skip


def adult() -> tuple[pd.DataFrame, np.ndarray]:
    """Return the adult data, from ``WHENCE_DATA``."""
    import os
    from pathlib import Path

    frame = pd.read_csv(
        Path(os.environ["WHENCE_DATA"]) / "adult" / "adult_train.csv.gz", na_values="?"
    )
    return frame.drop(columns="income"), (frame["income"] == ">50K").to_numpy()


def _median(run: object) -> float:
    return seconds({"run": run}, 3)["run"]  # type: ignore[dict-item]  # a callable


def main(report: Report) -> None:
    """Measure all."""
    warnings.simplefilter("ignore")  # the peers' own
    path_and_background(report)
    forest(report)
    categories(report)
