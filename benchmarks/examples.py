"""Prototypes against random rows by nearest-neighbor accuracy, and influence against training anew.

Run by itself: ``PYTHONPATH=src WHENCE_DATA=/path/to/data python benchmarks/examples.py``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from measure import DATA
from scipy.stats import pearsonr, spearmanr
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

import whence as wh
from whence.core.table import table_of
from whence.core.types import Bools, Floats, Ints
from whence.explainers.influence import Influence
from whence.explainers.nearest_examples import NearestExamples
from whence.explainers.prototypes import Prototypes
from whence.maskers.likeness import Likeness

ROWS, TEST, DRAWS = 5_000, 5_000, 100
Fitted: TypeAlias = Any


def adult(data: Path) -> tuple[pd.DataFrame, Bools, pd.DataFrame, Bools]:
    """Return training rows, whether they earn more than 50K, and the same of the test rows."""
    found = []
    for part in ("train", "test"):
        rows = pd.read_csv(data / "adult" / f"adult_{part}.csv.gz", na_values="?")
        rich = rows.pop("income").eq(">50K").to_numpy()
        found += [rows.drop(columns=["fnlwgt", "education"]), rich]
    return tuple(found)  # type: ignore[return-value]  # two pairs


def boosted(X: pd.DataFrame, y: Bools) -> Pipeline:
    """Return a gradient boosting of the columns as they are."""
    words = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
    )
    encode = make_column_transformer((codes, words), remainder="passthrough")
    return make_pipeline(encode, HistGradientBoostingClassifier(random_state=0)).fit(X, y)


def accuracy(apart: Floats, index: Ints, label: Bools, truth: Bools) -> float:
    """Return how often the nearest of some rows is of the class of a row."""
    return float((label[index][apart[:, index].argmin(axis=1)] == truth).mean())


def prototypes(data: Path) -> None:
    """Print 1-NN accuracies of prototypes and of as many random rows."""
    X, y, test, y_test = adult(data)
    model, rng = boosted(X, y), np.random.default_rng(0)
    sample = X.iloc[rng.choice(len(X), ROWS, replace=False)].reset_index(drop=True)
    kept = rng.choice(len(test), TEST, replace=False)
    rows = test.iloc[kept].reset_index(drop=True)
    said, said_test = (model.predict(part) for part in (sample, rows))
    between, _ = Likeness.of(table_of(sample)).of_rows(table_of(rows))
    apart = between(slice(None))
    print(f"adult, {ROWS:,} rows, nearest of the prototypes, {TEST:,} test rows\n")
    print("| count | model's class | of random rows (sd) | true class | random | seconds |")
    print("|---|---|---|---|---|---|")
    for count in (10, 30, 100):
        start = time.perf_counter()
        e = wh.explain(model, sample, Prototypes(count=count), rng=0)
        seconds = time.perf_counter() - start
        index = e.index[e.valid]
        drawn = [rng.choice(ROWS, count, replace=False) for _ in range(DRAWS)]
        chance = [accuracy(apart, i, said, said_test) for i in drawn]
        true = [accuracy(apart, i, said, y_test[kept]) for i in drawn]
        print(
            f"| {count} | {accuracy(apart, index, said, said_test):.3f} | {np.mean(chance):.3f} "
            f"({np.std(chance):.3f}) | {accuracy(apart, index, said, y_test[kept]):.3f} | "
            f"{np.mean(true):.3f} | {seconds:.1f} |"
        )
    start = time.perf_counter()
    near = wh.explain(model, rows[:1000], NearestExamples(background=sample, same_class=False))
    each = (time.perf_counter() - start) / 1000
    print(
        f"\nnearest rows of the other class: {1000 * each:.2f} ms a row ({near.valid.mean():.0%})"
    )


def retrained(model: Fitted, X: Floats, y: Floats, rows: Floats, left: Ints) -> Floats:
    """Return what training rows added to the answers about rows, by training without each."""

    def ask(fitted: Fitted) -> Floats:
        speaks = hasattr(fitted, "predict_proba")
        return fitted.predict_proba(rows)[:, 1] if speaks else fitted.predict(rows)

    now = ask(model)
    return np.stack(
        [now - ask(clone(model).fit(np.delete(X, i, 0), np.delete(y, i))) for i in left], axis=1
    )


def influence() -> None:
    """Print how near influences are to the truth, and how much faster they are found."""
    print(
        "\n| data, model | Pearson | Spearman | largest error | seconds | training anew | ratio |"
    )
    print("|---|---|---|---|---|---|---|")
    cases = (
        ("diabetes, Ridge(1)", load_diabetes, Ridge(1.0)),
        ("breast cancer, logistic C=1", load_breast_cancer, LogisticRegression(tol=1e-8)),
        ("breast cancer, logistic C=0.1", load_breast_cancer, LogisticRegression(C=0.1, tol=1e-8)),
    )
    for name, load, model in cases:
        X, y = load(return_X_y=True)
        X = StandardScaler().fit_transform(X)
        rows, n = X[:50], len(X)
        model.fit(X, y)
        start = time.perf_counter()
        e = wh.explain(model, rows, Influence(background=X, y=y, count=n))
        seconds = time.perf_counter() - start
        found = np.empty((len(rows), n))
        np.put_along_axis(found, e.index, e.score, axis=1)
        left = np.random.default_rng(0).choice(n, 150, replace=False)
        start = time.perf_counter()
        truth = retrained(model, X, y, rows, left)
        anew = (time.perf_counter() - start) * n / len(left)
        pairs = list(zip(found[:, left], truth, strict=True))
        pearson = np.median([pearsonr(a, b).statistic for a, b in pairs])
        spearman = np.median([spearmanr(a, b).statistic for a, b in pairs])
        off = np.abs(found[:, left] - truth).max() / np.abs(truth).max()
        print(
            f"| {name} | {pearson:.4f} | {spearman:.4f} | {off:.1e} | {seconds:.2f} | "
            f"{anew:.1f} | {anew / seconds:.0f} x |"
        )


def main() -> None:
    """Print both tables."""
    prototypes(DATA)
    influence()


if __name__ == "__main__":
    main()
