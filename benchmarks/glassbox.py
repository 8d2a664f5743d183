"""Models that explain themselves: speed beside interpret, fidelity of surrogates, the trade-off.

Times are medians of runs in turns.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from interpret.glassbox import ExplainableBoostingClassifier
from measure import DATA, seconds
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

import whence as wh
from whence.explainers.rule_list import RuleList
from whence.explainers.surrogate_tree import SurrogateTree
from whence.glassbox.ebm import Terms
from whence.glassbox.tradeoff import tradeoff

BUDGET = 60.0
"""Seconds of fits for each model."""

ADULT = (
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation",
    "relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week",
    "native-country", "income",
)  # fmt: skip


def telco(data: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Return customers, and whether they left."""
    frame = pd.read_csv(data / "telco_churn" / "Telco-Customer-Churn.csv.gz")
    y = frame.pop("Churn") == "Yes"
    frame = frame.drop(columns="customerID")
    frame["TotalCharges"] = pd.to_numeric(frame["TotalCharges"], errors="coerce")
    return categorized(frame), y


def california(data: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Return districts, and the median value of a house."""
    frame = pd.read_csv(data / "california_housing" / "housing.csv.gz")
    y = frame.pop("median_house_value")
    return categorized(frame), y


def adult(data: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Return persons, and whether they earn more than 50,000."""
    path = data / "adult" / "adult_train.csv.gz"
    named = pd.read_csv(path, nrows=1).columns[0] == "age"
    frame = pd.read_csv(path, skipinitialspace=True, na_values="?", header=0 if named else None)
    frame.columns = ADULT
    y = frame.pop("income").astype(str).str.contains(">50K")
    return categorized(frame), y


def categorized(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose text is of type category."""
    text = frame.select_dtypes(exclude="number").columns
    return frame.astype(dict.fromkeys(text, "category"))


def line(*cells: object) -> None:
    """Print one line of the table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def terms(data: Path) -> None:
    """Compare the time to look up the terms of all rows with interpret's own explain_local."""
    X, y = telco(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ExplainableBoostingClassifier(outer_bags=4, n_jobs=1, random_state=0).fit(X, y)
        bound = wh.bind(model, Terms())
        took = seconds(
            {
                "whence": lambda: bound.explain(X, progress=False),
                "explain_local": lambda: model.explain_local(X),
                "decision_function": lambda: model.decision_function(X),
            },
            repeats=3,
        )
    e = bound.explain(X, progress=False)
    line("terms of an EBM, telco", f"{len(X) / took['whence']:,.0f} rows/s",
         f"explain_local {len(X) / took['explain_local']:,.0f} rows/s",
         f"the model itself {len(X) / took['decision_function']:,.0f} rows/s",
         f"largest residual {np.abs(e.residual).max():.1e}")  # fmt: skip


def surrogates(data: Path) -> None:
    """Measure how far small trees and lists say what boosted trees say."""
    for name, read in (("adult", adult), ("california", california), ("telco", telco)):
        X, y = read(data)
        kind = HistGradientBoostingRegressor if name == "california" else None
        model = (kind or HistGradientBoostingClassifier)(
            categorical_features="from_dtype", random_state=0
        ).fit(X, y)
        methods = [SurrogateTree(), SurrogateTree(max_leaves=8)]
        for method in methods if name == "california" else [*methods, RuleList()]:
            start = time.perf_counter()
            e = wh.explain(model, X, method, rng=0, progress=False)
            took = time.perf_counter() - start
            what = "agreement" if e.kind == "list" else "R squared"
            value, low, high = e.fidelity[0]
            line(
                name,
                type(method).__name__,
                f"{len(X)} rows, {len(e)} rules",
                f"{what} {value:.3f} ({low:.3f} to {high:.3f})",
                f"{took:.1f} s",
                *e.provenance.warnings,
            )


def traded(data: Path, budget: float) -> None:
    """Print what accuracy costs on telco_churn."""
    X, y = telco(data)
    m = tradeoff(X, y, repeats=1, seconds=budget, rng=0)
    print(m.to_frame()[["name", "group", "value", "low", "high", "unit", "method"]].to_string())


def main() -> None:
    """Run all parts."""
    terms(DATA)
    surrogates(DATA)
    traded(DATA, BUDGET)


if __name__ == "__main__":
    main()
