"""Scores say what scikit-learn says, and their influences what a row's weight does to them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import metrics

from whence.core.decision import decisions
from whence.core.types import Floats, Ints
from whence.kernels.scores import SCORES, Truth

rng = np.random.default_rng(3)
N = 60
LABELS: Ints = (rng.random(N) < 0.4).astype(np.int64)
P: Floats = np.round(np.clip(0.3 * LABELS + 0.5 * rng.random(N), 0.01, 0.99), 2)[
    :, None
]  # with ties
NUMBERS: Floats = rng.normal(size=N)
SAID: Floats = NUMBERS[:, None] + 0.4 * rng.normal(size=(N, 1))
WEIGHTS: Floats = rng.random(N) * 2

SKLEARN = {
    "log_loss": lambda w: metrics.log_loss(LABELS, P[:, 0], sample_weight=w),
    "neg_log_loss": lambda w: -metrics.log_loss(LABELS, P[:, 0], sample_weight=w),
    "zero_one": lambda w: metrics.zero_one_loss(LABELS, P[:, 0] > 0.5, sample_weight=w),
    "accuracy": lambda w: metrics.accuracy_score(LABELS, P[:, 0] > 0.5, sample_weight=w),
    "balanced_accuracy": lambda w: metrics.balanced_accuracy_score(
        LABELS, P[:, 0] > 0.5, sample_weight=w
    ),
    "f1": lambda w: metrics.f1_score(LABELS, P[:, 0] > 0.5, sample_weight=w),
    "roc_auc": lambda w: metrics.roc_auc_score(LABELS, P[:, 0], sample_weight=w),
    "r2": lambda w: metrics.r2_score(NUMBERS, SAID[:, 0], sample_weight=w),
    "squared_error": lambda w: metrics.mean_squared_error(NUMBERS, SAID[:, 0], sample_weight=w),
    "neg_mean_squared_error": lambda w: (
        -metrics.mean_squared_error(NUMBERS, SAID[:, 0], sample_weight=w)
    ),
    "absolute_error": lambda w: metrics.mean_absolute_error(NUMBERS, SAID[:, 0], sample_weight=w),
    "neg_mean_absolute_error": lambda w: (
        -metrics.mean_absolute_error(NUMBERS, SAID[:, 0], sample_weight=w)
    ),
    "neg_root_mean_squared_error": lambda w: (
        -metrics.root_mean_squared_error(NUMBERS, SAID[:, 0], sample_weight=w)
    ),
}


def scored(name: str, weights: Floats | None) -> tuple[float, Floats]:
    of_numbers = SCORES[name].reads in ("numbers", "either")
    truth = Truth(
        labels=None if of_numbers else LABELS,
        numbers=NUMBERS if of_numbers else None,
        weights=None if weights is None else weights / weights.mean(),
    )
    said: Floats = SAID if of_numbers else P
    if SCORES[name].reads == "classes":
        said = decisions(P)[:, None].astype(float)
    return SCORES[name].of(truth, said)


def test_every_score_is_compared() -> None:
    assert set(SKLEARN) == set(SCORES)


@pytest.mark.parametrize("name", sorted(SCORES))
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_those_of_scikit_learn(name: str, weighted: bool) -> None:
    value, influence = scored(name, WEIGHTS if weighted else None)

    assert_allclose(value, SKLEARN[name](WEIGHTS if weighted else None), rtol=1e-12)
    assert_allclose(influence.mean(), 0, atol=1e-12)


@pytest.mark.parametrize("name", sorted(SCORES))
@pytest.mark.parametrize("weighted", [False, True])
def test_an_influence_is_the_derivative_by_the_weight_of_a_row(name: str, weighted: bool) -> None:
    base = WEIGHTS if weighted else np.ones(N)
    step = 1e-5
    derivative = [
        (scored(name, base + step * at)[0] - scored(name, base - step * at)[0]) / (2 * step)
        for at in np.eye(N)
    ]

    influence = scored(name, base)[1] / base * base.mean()  # by the weight itself
    assert_allclose(influence, np.array(derivative) * N * base.mean(), atol=1e-5)


def test_the_brier_score_counts_both_classes() -> None:
    value, _ = SCORES["squared_error"].of(Truth(labels=LABELS), P)
    many, _ = SCORES["squared_error"].of(Truth(labels=LABELS), np.column_stack([1 - P, P]))

    assert_allclose(value, 2 * metrics.brier_score_loss(LABELS, P[:, 0]))
    assert_allclose(many, value)


def test_an_area_is_the_share_of_pairs_in_the_right_order() -> None:
    pairs = [
        float(a > b) + (a == b) / 2
        for a in P[LABELS == 1, 0]
        for b in P[LABELS == 0, 0]
    ]  # fmt: skip

    assert_allclose(scored("roc_auc", None)[0], np.mean(pairs))
