"""How much of the time of an explanation is the model's own: whence beside shap.

A random forest of 100 trees on the breast cancer data (30 columns), explained against 50 rows of
background. The model is wrapped so that its time is known; the ratio is all time over the model's,
the median of repeats. Run it with one thread: ``OMP_NUM_THREADS=1 python time_in_model.py``.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from statistics import median

import numpy as np
import shap
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

import whence as wh
from whence.core.types import Floats

BACKGROUND, ROWS, REPEATS = 50, 5, 3
BUDGET = 2_048
"""Coalitions of a row, where all of the budget is spent."""

Run = Callable[["Clock", Floats, Floats], object]


class Clock:
    """A model that knows how long it was asked for, and about how many rows."""

    def __init__(self, model: RandomForestClassifier) -> None:
        self.model, self.seconds, self.rows = model, 0.0, 0

    def __call__(self, X: Floats) -> Floats:
        """Return the probability of the second class."""
        started = time.perf_counter()
        said = self.model.predict_proba(X)[:, 1]
        self.seconds += time.perf_counter() - started
        self.rows += len(X)
        return said


def by_whence(method: Callable[..., object], **settings: object) -> Run:
    """Return an explanation by whence."""
    return lambda f, X, Z: wh.explain(f, X, method(background=Z, **settings), rng=0)


def by_shap(make: Callable[..., object], **settings: object) -> Run:
    """Return an explanation by one of shap's explainers."""

    def run(f: Clock, X: Floats, Z: Floats) -> object:
        np.random.seed(0)  # noqa: NPY002  the generator that it uses
        if make is shap.KernelExplainer:
            return make(f, Z).shap_values(X, silent=True, **settings)
        masker = shap.maskers.Independent(Z, max_samples=len(Z))
        return make(f, masker, seed=0)(X, silent=True, **settings)

    return run


def runs() -> dict[str, Run]:
    """Return what is compared."""
    all_of_it = {"tolerance": None, "budget": BUDGET * BACKGROUND}
    return {
        "whence KernelShap": by_whence(wh.KernelShap),
        "whence KernelShap, 2,048 coalitions": by_whence(wh.KernelShap, **all_of_it),
        "shap KernelExplainer": by_shap(shap.KernelExplainer),
        "shap KernelExplainer, 2,048 coalitions": by_shap(shap.KernelExplainer, nsamples=BUDGET),
        "whence PermutationShap": by_whence(wh.PermutationShap),
        "whence PermutationShap, 2,048 coalitions": by_whence(wh.PermutationShap, **all_of_it),
        "shap PermutationExplainer": by_shap(shap.PermutationExplainer),
        "shap PermutationExplainer, 2,048 coalitions": by_shap(
            shap.PermutationExplainer, max_evals=BUDGET
        ),
        "whence Lime": by_whence(wh.Lime),
    }


def measured(run: Run, clock: Clock, X: Floats, Z: Floats) -> tuple[float, float, int]:
    """Return seconds in all, seconds of the model, and rows that it was asked about."""
    clock.seconds, clock.rows = 0.0, 0
    started = time.perf_counter()
    run(clock, X, Z)
    return time.perf_counter() - started, clock.seconds, clock.rows


def main(rows: int = ROWS, repeats: int = REPEATS) -> None:
    """Print one table: time of a row, time of the model within, and the ratio of the two."""
    data, y = load_breast_cancer(return_X_y=True)
    clock = Clock(RandomForestClassifier(100, random_state=0).fit(data, y))
    X, Z = data[100 : 100 + rows], data[:BACKGROUND]
    print("| explainer | ms per row | of these the model | ratio | rows asked per row |")
    print("|---|---|---|---|---|")
    for name, run in runs().items():
        found = [measured(run, clock, X, Z) for _ in range(repeats)]
        each = [1000 * median(f[i] for f in found) / rows for i in (0, 1)]
        ratio = median(all_ / model for all_, model, _ in found)
        asked = found[0][2] / rows
        print(
            f"| {name} | {each[0]:.0f} | {each[1]:.0f} | {ratio:.2f} | {asked:,.0f} |", flush=True
        )


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # peers warn about their own insides
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    chosen = parser.parse_args()
    main(chosen.rows, chosen.repeats)
