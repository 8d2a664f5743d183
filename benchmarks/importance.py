"""Permutation importance beside scikit-learn's: time, rows asked about, and honest intervals.

Run by itself: ``PYTHONPATH=src python benchmarks/importance.py``. The model is timed within both,
so that the ratio is all time over the model's own for the rows it was asked about. scikit-learn
asks once per feature and repeat, as eli5 does.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression

import whence as wh
from whence.core.types import Floats, Ints
from whence.explainers.permutation_importance import PermutationImportance

REPEATS = 10
"""Shuffles of each feature."""
ROWS = 120
"""Rows of a test set whose intervals are looked at."""


class Clock:
    """Times the method of a model by which it is asked, in the model itself."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401  any estimator
        self.seconds, self.rows, self.calls = 0.0, 0, 0
        self._ask, self.__name__ = model.predict_proba, "predict_proba"
        model.predict_proba = self

    def __call__(self, X: Floats) -> Floats:
        """Answer, and remember how long it took."""
        started = time.perf_counter()
        said = self._ask(X)
        self.seconds += time.perf_counter() - started
        self.rows, self.calls = self.rows + len(X), self.calls + 1
        return said

    def reset(self) -> None:
        """Forget."""
        self.seconds, self.rows, self.calls = 0.0, 0, 0


def forest(X: Floats, y: Ints, **settings: int) -> tuple[Any, Clock]:
    """Return a forest and the clock in it."""
    model = RandomForestClassifier(random_state=0, **settings).fit(X, y)
    return model, Clock(model)


def measured(run: Callable[[], object], clock: Clock) -> tuple[float, float, int, int]:
    """Return seconds in all, seconds of the model, rows and calls."""
    clock.reset()
    started = time.perf_counter()
    run()
    return time.perf_counter() - started, clock.seconds, clock.rows, clock.calls


def compared(what: str, runs: dict[str, Callable[[], object]], clock: Clock, times: int) -> None:
    """Print a line per way to do it, measured in turns."""
    found: dict[str, list[tuple[float, float, int, int]]] = {name: [] for name in runs}
    for _ in range(times):
        for name, run in runs.items():
            found[name].append(measured(run, clock))
    for name, each in found.items():
        total, model = (median(one[i] for one in each) for i in (0, 1))
        ratio = median(one[0] / one[1] for one in each)
        _, _, rows, calls = each[0]
        print(
            f"| {what} | {name} | {total:.2f} | {model:.2f} | {ratio:.2f} | {rows:,} | {calls} |",
            flush=True,
        )


def time_of_a_forest(times: int) -> None:
    """Compare the time on breast cancer, RF 100, and with columns that no tree reads."""
    print("| work | by | seconds | of these the model | ratio | rows asked | calls |")
    print("|---|---|---|---|---|---|---|")
    X, y = load_breast_cancer(return_X_y=True)
    wide = np.column_stack([X, np.random.default_rng(0).normal(size=(len(X), 30))])
    for what, rows, settings in (
        ("breast cancer, RF 100", X, {"n_estimators": 100}),
        ("30 columns of noise more, RF 20, depth 3", wide, {"n_estimators": 20, "max_depth": 3}),
    ):
        model, clock = forest(rows, y, **settings)
        compared(what, ways(model, clock, rows, y), clock, times)


def ways(model: Any, clock: Clock, X: Floats, y: Ints) -> dict[str, Callable[[], object]]:  # noqa: ANN401  a forest
    """Return what is compared."""
    method = PermutationImportance(repeats=REPEATS)
    several = PermutationImportance(
        repeats=REPEATS, scoring=("log_loss", "accuracy", "roc_auc", "f1")
    )
    return {
        "whence": lambda: wh.explain(model, X, method, y=y, rng=0),
        "whence, four scores": lambda: wh.explain(model, X, several, y=y, rng=0),
        "whence, as a function": lambda: wh.explain(clock, X, method, y=y, rng=0),
        "scikit-learn": lambda: permutation_importance(
            model, X, y, scoring="neg_log_loss", n_repeats=REPEATS, random_state=0
        ),
    }


def coverage(seeds: int) -> None:
    """Print how often 95 % intervals hold the importance over infinitely many rows."""
    print(
        "\n| repeats | whence | scikit-learn, mean -+ 1.96 std / sqrt(repeats) | mean -+ 1.96 std |"
    )
    print("|---|---|---|---|")
    beta = np.array([1.0, 0.5, 0.2])
    model = LinearRegression().fit(np.eye(3), beta)
    model.coef_, model.intercept_ = beta, 0.0
    for repeats in (1, 3, 10, 50):
        hits = np.zeros(3)
        bound = wh.bind(model, PermutationImportance(repeats=repeats))
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            X = rng.normal(size=(ROWS, 3))
            y = X @ beta + rng.normal(size=ROWS)
            e = bound.explain(X, y=y, rng=seed)
            theirs = permutation_importance(
                model, X, y, scoring="neg_mean_squared_error", n_repeats=repeats, random_state=seed
            )
            spread = theirs.importances.std(axis=1)
            for i, (value, error) in enumerate(
                (
                    (e.values[0, :, 0], e.stderr[0, :, 0]),
                    (theirs.importances_mean, spread / np.sqrt(repeats)),
                    (theirs.importances_mean, spread),
                )
            ):
                hits[i] += (np.abs(value - 2 * beta**2) <= 1.96 * error).mean()
        print(
            f"| {repeats} | " + " | ".join(f"{hit / seeds:.1%}" for hit in hits) + " |", flush=True
        )


def main() -> None:
    """Print two tables: time, and coverage."""
    warnings.simplefilter("ignore")
    time_of_a_forest(5)
    coverage(200)


if __name__ == "__main__":
    main()
