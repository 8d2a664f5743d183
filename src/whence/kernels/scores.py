"""Losses and scores of predictions, each with what every row adds to it.

A score is a number and the influence of each row on it, ``n`` times the derivative by the row's
weight: of a mean the deviation from it, of an area under the ROC curve the placements of DeLong,
DeLong & Clarke-Pearson (1988, doi:10.2307/2531595), of a ratio such as F1 by the delta method. The
mean influence is zero, and its standard deviation over the root of ``n`` the standard error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from whence.core.types import Floats, Ints

_SMALLEST = 1e-15
"""Probability below which the log-loss does not grow, as in `whence.core.response`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What rows really are.

    Attributes
    ----------
    labels : int array of shape (rows,) or None
        Position of the true class.
    numbers : array of shape (rows,) or None
        The true numbers of a regression.
    weights : array of shape (rows,) or None
        What each row counts, of mean one; None is one each.
    """

    labels: Ints | None = None
    numbers: Floats | None = None
    weights: Floats | None = None


Scored: TypeAlias = tuple[float, Floats]
"""A loss or score, and the influence of each row on it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Score:
    """A loss or score by name.

    Attributes
    ----------
    unit : str
    reads : {"probabilities", "classes", "ranks", "numbers", "either"}
        What it compares with the truth: probabilities of classes, the most probable class, the
        order of two classes, numbers, or both of numbers and probabilities.
    better : bool
        Whether more of it is better.
    two : bool
        Whether it is about two classes.
    of : callable
        Truth, answers of the model of shape (rows, outputs) -> `Scored`.
    """

    unit: str
    reads: Literal["probabilities", "classes", "ranks", "numbers", "either"]
    better: bool
    two: bool = False
    of: Callable[[Truth, Floats], Scored]


def _mean(losses: Floats, truth: Truth) -> Scored:
    if truth.weights is None:
        value = losses.mean()
        return float(value), losses - value
    value = (truth.weights * losses).mean()
    return float(value), truth.weights * (losses - value)


def both(said: Floats) -> Floats:
    """Return the probabilities of both classes, where the answer is that of the second alone."""
    return np.column_stack([1 - said, said]) if said.shape[1] == 1 else said


def _log_loss(smallest: float) -> Callable[[Truth, Floats], Scored]:
    def of(truth: Truth, said: Floats) -> Scored:
        labels = np.asarray(truth.labels)
        if said.shape[1] == 1:
            p = np.where(labels == 1, said[:, 0], 1 - said[:, 0])
        else:
            p = said[np.arange(len(said)), labels]
        return _mean(-np.log(np.maximum(p, smallest)), truth)

    return of


def _squared(truth: Truth, said: Floats) -> Scored:
    if truth.labels is None:
        return _mean((said[:, 0] - np.asarray(truth.numbers)) ** 2, truth)
    p = both(said)
    square = (p**2).sum(axis=1) + 1 - 2 * p[np.arange(len(p)), truth.labels]
    return _mean(square, truth)


def _absolute(truth: Truth, said: Floats) -> Scored:
    return _mean(np.abs(said[:, 0] - np.asarray(truth.numbers)), truth)


def _wrong(truth: Truth, said: Floats) -> Scored:
    """Return the share of wrong classes; ``said`` holds the class itself."""
    real = truth.numbers if truth.labels is None else truth.labels
    return _mean((said[:, 0] != real).astype(np.float64), truth)


def _right(truth: Truth, said: Floats) -> Scored:
    return _negative(_wrong(truth, said), 1.0)


def _negative(scored: Scored, start: float = 0.0) -> Scored:
    return start - scored[0], -scored[1]


def _r_squared(truth: Truth, said: Floats) -> Scored:
    y = np.asarray(truth.numbers)
    error, error_of = _squared(truth, said)
    middle = (y if truth.weights is None else truth.weights * y).mean()
    spread, spread_of = _mean((y - middle) ** 2, truth)
    return 1 - error / spread, (error / spread * spread_of - error_of) / spread


def _minus_root(truth: Truth, said: Floats) -> Scored:
    error, error_of = _squared(truth, said)
    root = np.sqrt(error)
    return -float(root), -error_of / (2 * root) if root else np.zeros(len(said))


def _area(truth: Truth, said: Floats) -> Scored:
    s, n = said[:, -1], len(said)
    weights = np.ones(n) if truth.weights is None else truth.weights
    of_second = np.asarray(truth.labels) == 1
    share = np.empty(n)
    for mine in (of_second, ~of_second):
        order = np.argsort(s[~mine], kind="stable")
        others = s[~mine][order]
        below = np.append(0.0, np.cumsum(weights[~mine][order]))
        ends = (np.searchsorted(others, s[mine], side) for side in ("left", "right"))
        share[mine] = sum(below[end] for end in ends) / (2 * below[-1])
    share[~of_second] = 1 - share[~of_second]
    first, second = weights[~of_second].sum(), weights[of_second].sum()
    value = float(weights[of_second] @ share[of_second] / second)
    return value, weights * (share - value) * n / np.where(of_second, second, first)


def _f1(truth: Truth, said: Floats) -> Scored:
    found, real = said[:, 0] == 1, np.asarray(truth.labels) == 1
    weights = 1.0 if truth.weights is None else truth.weights
    hits, all_of_them = weights * 2.0 * (found & real), weights * (found.astype(np.float64) + real)
    size = float(all_of_them.mean())
    if not size:
        return 0.0, np.zeros(len(said))
    value = float(hits.mean()) / size
    return value, (hits - value * all_of_them) / size


def _balanced(truth: Truth, said: Floats) -> Scored:
    labels, n = np.asarray(truth.labels), len(said)
    weights = np.ones(n) if truth.weights is None else truth.weights
    right = (said[:, 0] == labels).astype(np.float64)
    size = np.bincount(labels, weights)
    there = size > 0
    recall = np.bincount(labels, weights * right) / np.where(there, size, 1.0)
    influence = weights * (right - recall[labels]) * n / (size[labels] * there.sum())
    return float(recall[there].mean()), influence


def _minus(of: Callable[[Truth, Floats], Scored]) -> Callable[[Truth, Floats], Scored]:
    return lambda truth, said: _negative(of(truth, said))


_AS_SKLEARN = _log_loss(float(np.finfo(np.float64).eps))
SCORES: dict[str, Score] = {
    "log_loss": Score(unit="nats", reads="probabilities", better=False, of=_log_loss(_SMALLEST)),
    "squared_error": Score(unit="squared error", reads="either", better=False, of=_squared),
    "absolute_error": Score(unit="absolute error", reads="numbers", better=False, of=_absolute),
    "zero_one": Score(unit="error rate", reads="classes", better=False, of=_wrong),
    "accuracy": Score(unit="accuracy", reads="classes", better=True, of=_right),
    "balanced_accuracy": Score(
        unit="balanced accuracy", reads="classes", better=True, of=_balanced
    ),
    "f1": Score(unit="F1", reads="classes", better=True, two=True, of=_f1),
    "roc_auc": Score(unit="AUC", reads="ranks", better=True, two=True, of=_area),
    "r2": Score(unit="R squared", reads="numbers", better=True, of=_r_squared),
    "neg_log_loss": Score(
        unit="nats", reads="probabilities", better=True, of=_minus(_AS_SKLEARN)
    ),
    "neg_mean_squared_error": Score(
        unit="squared error", reads="numbers", better=True, of=_minus(_squared)
    ),
    "neg_mean_absolute_error": Score(
        unit="absolute error", reads="numbers", better=True, of=_minus(_absolute)
    ),
    "neg_root_mean_squared_error": Score(
        unit="root mean squared error", reads="numbers", better=True, of=_minus_root
    ),
}  # fmt: skip
"""Losses of ours, and the scores of scikit-learn whose influence functions are known here."""
