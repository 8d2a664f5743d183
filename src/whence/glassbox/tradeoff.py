"""How much accuracy a model that can be read gives up, on the data at hand.

Models from linear to boosted trees are cross-validated on the same folds. Beside its accuracy each
has a complexity, how many numbers it consists of, so that the table says what more of them buys.
The intervals are those of Nadeau and Bengio, since the training rows of the folds overlap.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from whence.core.check import shorten
from whence.core.errors import InputError
from whence.core.measurement import Measurement
from whence.core.table import Table, table_of
from whence.core.types import Floats, Ints
from whence.glassbox.ladder import Step, ladder
from whence.kernels.resampled import corrected_interval

Metric: TypeAlias = Literal["auc", "log_loss", "r_squared"]
Task: TypeAlias = Literal["classification", "regression"]

_UNITS: dict[Metric, str] = {"auc": "AUC", "log_loss": "nats", "r_squared": "R squared"}
_FEW_CLASSES = 10
_BINARY = 2
_SMALLEST = 1e-15
_FEWEST = 2


def tradeoff(
    X: object,
    y: object,
    *,
    task: Task | None = None,
    metric: Metric | None = None,
    models: Sequence[str] | None = None,
    folds: int = 5,
    repeats: int = 2,
    seconds: float = 60.0,
    rng: int | np.random.Generator | None = None,
    n_jobs: int = 1,
) -> Measurement:
    """Measure accuracy against complexity for models from linear to boosted trees.

    The models are "linear" (logistic or ridge regression), "tree of 8 leaves", "explainable
    boosting" (where interpret-core is installed), "random forest" and "boosted trees", each with
    the settings it usually gets. Numbers are scaled, categories one-hot encoded and missing cells
    told as such, where a model does not read them itself.

    Parameters
    ----------
    X : table of shape (rows, columns)
    y : array of shape (rows,)
        Classes or numbers.
    task : {"classification", "regression"} or None
        None: classes are text, truth values, or at most 10 distinct whole numbers.
    metric : {"auc", "log_loss", "r_squared"} or None
        None: the area under the curve for classes (of more than two, the mean over each against
        the rest), R squared for numbers.
    models : sequence of str or None
        Which of the models; None for all.
    folds, repeats : int
        Each model is fitted ``folds * repeats`` times, on the same folds.
    seconds : float
        No further fit of a model begins after this time; its line then has fewer folds behind it.
    rng : int, Generator or None
        Seed of folds and models. Equal seeds give equal numbers, but for the seconds.
    n_jobs : int
        Processes of those models that can use several.

    Returns
    -------
    Measurement
        Four lines per model, told apart by ``group``: "accuracy", "complexity" (numbers that the
        model fitted to the first fold consists of: nonzero coefficients, thresholds and leaves, or
        entries of terms), "given up" (how much worse it is than the most accurate model, fold by
        fold) and "seconds" of one fit. ``n`` is the number of folds.

    Raises
    ------
    MissingDependencyError
        If scikit-learn is not installed.
    InputError
        If the data or a setting cannot be used.

    References
    ----------
    Nadeau and Bengio, doi:10.1023/A:1024068626366.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X @ [1.0, 2.0, 0.0] + rng.normal(size=200)
    >>> m = tradeoff(X, y, models=["linear", "tree of 8 leaves"], repeats=1, rng=0)
    >>> m.name[:2], m.group[:2], m.value[:2].round(2)
    (('linear', 'linear'), ('accuracy', 'complexity'), array([0.79, 4.  ]))
    """
    table = table_of(X)
    _check_numbers(folds, repeats, seconds)
    truth = _truth(table, y, task)
    scoring = _metric(metric, truth)
    plan = _plan(truth, folds, repeats, np.random.default_rng(rng))
    steps = _chosen(ladder(table, classes=truth.classes > 0, n_jobs=n_jobs), models)
    runs = [_run(step, table, truth, plan, scoring, seconds) for step in steps]
    sign = -1.0 if scoring == "log_loss" else 1.0
    common = min(len(run.scores) for run in runs)  # folds that all of them were fitted to
    best = max(runs, key=lambda run: sign * float(run.scores[:common].mean()))
    lines = [line for run in runs for line in _lines(run, best, scoring, folds)]
    return reduce(add, lines)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Truth:
    """What is to be predicted: positions of classes, or numbers where ``classes`` is 0."""

    y: Floats | Ints
    classes: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Run:
    """What came of one model."""

    step: Step
    scores: Floats
    seconds: Floats
    complexity: int


def _check_numbers(folds: int, repeats: int, seconds: float) -> None:
    for name, value, least in (("folds", folds, 2), ("repeats", repeats, 1)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError(f"{name} is {value!r}. A whole number from {least} is needed.")
    if not seconds > 0:
        raise InputError(f"seconds is {seconds!r}. A positive number is needed.")


def _truth(table: Table, y: object, task: Task | None) -> _Truth:
    values = np.asarray(y)
    if values.shape not in ((len(table),), (len(table), 1)):
        raise InputError(
            f"y is of shape {values.shape} and X has {len(table)} rows. Give one per row."
        )
    values = values.reshape(-1)
    plain = values.dtype.kind in "fiub"
    gone = ~np.isfinite(values) if plain else np.array([_is_missing(v) for v in values])
    if gone.any():
        raise InputError(
            f"y is missing or infinite in {int(gone.sum())} rows. Leave these rows out."
        )
    if task is not None and task not in get_args(Task):
        raise InputError(f"task is {task!r}. Give 'classification', 'regression' or None.")
    distinct, places = np.unique(values, return_inverse=True)
    if task is None:
        few = plain and len(distinct) <= _FEW_CLASSES and bool((distinct % 1 == 0).all())
        task = "classification" if not plain or few else "regression"
    if task == "regression" and not plain:
        raise InputError(f"y holds {shorten(distinct.tolist())}. Numbers are needed.")
    if len(distinct) < _FEWEST:
        raise InputError(
            f"y is {distinct[0]!r} in all {len(values)} rows. There is nothing to predict. At "
            "least two values are needed."
        )
    if task == "regression":
        return _Truth(y=values.astype(np.float64), classes=0)
    return _Truth(y=places.astype(np.int64), classes=len(distinct))


def _is_missing(value: object) -> bool:
    return value is None or bool(value != value)  # noqa: PLR0124  only NaN differs from itself


def _metric(metric: Metric | None, truth: _Truth) -> Metric:
    if metric is None:
        return "auc" if truth.classes else "r_squared"
    fits = ("auc", "log_loss") if truth.classes else ("r_squared",)
    if metric not in fits:
        kind = f"y has {truth.classes} classes" if truth.classes else "y holds numbers"
        raise InputError(f"metric is {metric!r} and {kind}. Give one of {', '.join(fits)}.")
    return metric


def _plan(
    truth: _Truth, folds: int, repeats: int, rng: np.random.Generator
) -> list[tuple[Ints, Ints, int]]:
    """Return rows to train on, rows to test on and a seed for each fit; classes evenly spread."""
    n = len(truth.y)
    least = int(np.bincount(truth.y.astype(np.int64)).min()) if truth.classes else n // _FEWEST
    if least < folds:
        what = "the rarest class has" if truth.classes else "two rows per fold are needed: y has"
        rows = least if truth.classes else n
        raise InputError(
            f"folds is {folds} and {what} {rows} rows. Give fewer folds, or leave that class out."
        )
    plan = []
    for _ in range(repeats):
        order = rng.permutation(n)
        if truth.classes:
            order = order[np.argsort(truth.y[order], kind="stable")]
        fold = np.empty(n, dtype=np.int64)
        fold[order] = np.arange(n) % folds
        for k in range(folds):
            seed = int(rng.integers(2**31))
            plan.append((np.flatnonzero(fold != k), np.flatnonzero(fold == k), seed))
    return plan


def _chosen(steps: tuple[Step, ...], models: Sequence[str] | None) -> list[Step]:
    if models is None:
        return list(steps)
    known = {step.name: step for step in steps}
    unknown = [name for name in models if name not in known]
    if unknown or not models or isinstance(models, str):
        raise InputError(f"models is {models!r}. Give some of {', '.join(map(repr, known))}.")
    return [known[name] for name in models]


def _run(
    step: Step,
    table: Table,
    truth: _Truth,
    plan: list[tuple[Ints, Ints, int]],
    metric: Metric,
    seconds: float,
) -> _Run:
    """Fit a model to one fold after the other, as long as there is time."""
    X, y = table.numbers, truth.y
    scores: list[float] = []
    took: list[float] = []
    complexity = 0
    for train, test, seed in plan:
        if sum(took) >= seconds:
            break
        started = time.perf_counter()
        model = step.make(seed).fit(X[train], y[train])
        took.append(time.perf_counter() - started)
        complexity = complexity or step.complexity(model)
        scores.append(_score(metric, model, X[test], y[test], truth.classes))
    return _Run(step=step, scores=np.array(scores), seconds=np.array(took), complexity=complexity)


def _score(metric: Metric, model: Any, X: Floats, y: Floats | Ints, classes: int) -> float:  # noqa: ANN401  an estimator
    if metric == "r_squared":
        return float(1 - ((y - model.predict(X)) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    p = np.asarray(model.predict_proba(X), dtype=np.float64)
    if metric == "log_loss":
        own = p[np.arange(len(y)), y.astype(np.int64)]
        return float(-np.log(np.maximum(own, _SMALLEST)).mean())
    if classes == _BINARY:
        return _auc(p[:, 1], y == 1)
    return float(np.mean([_auc(p[:, c], y == c) for c in range(classes)]))


def _auc(score: Floats, positive: np.ndarray) -> float:
    """Return the chance that a positive row scores above another one, ties counting half."""
    _, rank, count = np.unique(score, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count - 1) / 2
    some = int(positive.sum())
    ranks = float(middle[rank][positive].sum())
    return (ranks - some * (some + 1) / 2) / (some * (len(score) - some))


def _lines(run: _Run, best: _Run, metric: Metric, folds: int) -> list[Measurement]:
    ratio, n = 1 / (folds - 1), len(run.scores)
    name, unit = run.step.name, _UNITS[metric]
    lower = metric == "log_loss"
    how = f"{n} fit{'s' * (n > 1)} of {folds}-fold cross-validation, corrected t"
    mean, low, high = corrected_interval(run.scores, ratio)
    both = min(n, len(best.scores))
    gap = (run.scores[:both] - best.scores[:both]) * (1.0 if lower else -1.0)
    lost, least, most = corrected_interval(gap, ratio)
    return [
        Measurement.of(
            name, mean, low=low, high=high, n=n, group="accuracy", unit=unit,
            better="lower" if lower else "higher", method=how,
        ),
        Measurement.of(
            name, run.complexity, n=n, group="complexity", unit="numbers", better="lower",
            method=run.step.told,
        ),
        Measurement.of(
            name, lost, low=least, high=most, n=both, group="given up", unit=unit, better="lower",
            method=f"beside {best.step.name}, fold by fold, corrected t",
        ),
        Measurement.of(
            name, float(run.seconds.mean()), n=n, group="seconds", unit="s", better="lower",
            method="mean of the fits",
        ),
    ]  # fmt: skip
