"""What complexity buys is measured as it is."""

import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score

from whence.core.errors import InputError, MissingDependencyError
from whence.core.measurement import Measurement
from whence.glassbox.tradeoff import _auc, tradeoff

rng = np.random.default_rng(0)
N = 400
FAST = ["linear", "tree of 8 leaves", "boosted trees"]


def part(m: Measurement, group: str) -> dict[str, float]:
    return {n: v for n, v, g in zip(m.name, m.value, m.group, strict=True) if g == group}


def test_where_truth_is_linear_more_buys_nothing() -> None:
    X = rng.normal(size=(N, 4))
    y = X @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=N)

    m = tradeoff(X, y, models=FAST, repeats=1, rng=0)

    accuracy, complexity = part(m, "accuracy"), part(m, "complexity")
    assert max(accuracy, key=lambda name: accuracy[name]) == "linear"
    assert complexity["linear"] == 5
    assert complexity["tree of 8 leaves"] == 15
    assert complexity["boosted trees"] > 500
    truth = 1 - 1 / y.var()
    i = m.name.index("linear")
    assert m.low[i] < truth < m.high[i]
    assert part(m, "given up")["linear"] == 0
    assert part(m, "given up")["tree of 8 leaves"] > 0.1
    assert set(m.unit[:1]) == {"R squared"}


def test_where_truth_is_an_interaction_a_linear_model_sees_nothing() -> None:
    X = rng.normal(size=(N, 3))
    y = np.where(X[:, 0] * X[:, 1] > 0, "yes", "no")

    m = tradeoff(X, y, models=FAST, repeats=1, rng=0)

    accuracy = part(m, "accuracy")
    assert accuracy["linear"] < 0.65
    assert accuracy["boosted trees"] > 0.95
    assert m.unit[0] == "AUC"


def mixed(n: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows with categories, missing cells and a constant column, and classes."""
    job, age = rng.choice(["clerk", "judge", "smith"], n), rng.normal(40, 10, n)
    frame = pd.DataFrame({"job": job, "age": age, "one": 1.0})
    frame.loc[::9, "age"] = np.nan
    frame.loc[::7, "job"] = None
    return frame, ((frame["job"] == "judge") + (frame["age"] > 45)).to_numpy(dtype=int)


def test_all_models_read_categories_and_missing_values() -> None:
    frame, y = mixed(160)
    m = tradeoff(frame, y, folds=2, repeats=1, seconds=1e-3, rng=0)
    accuracy = part(m, "accuracy")
    assert list(accuracy) == [
        "linear", "tree of 8 leaves", "explainable boosting", "random forest", "boosted trees",
    ]  # fmt: skip
    assert min(accuracy.values()) > 0.75
    assert list(m.n[:4]) == [1] * 4


def test_equal_seeds_give_equal_numbers_and_losses_are_better_lower() -> None:
    frame, y = mixed(N)
    a, b = (
        tradeoff(frame, y, metric="log_loss", models=FAST[:2], folds=2, rng=3) for _ in range(2)
    )
    same = [i for i, g in enumerate(a.group) if g != "seconds"]
    assert_array_equal(a.value[same], b.value[same])
    assert a.better[0] == "lower"
    assert max(part(a, "accuracy").values()) < 0.6
    assert min(part(a, "given up").values()) == 0


def test_the_area_under_the_curve_counts_ties_half() -> None:
    score, truth = rng.integers(0, 5, 60).astype(float), rng.integers(0, 2, 60)
    assert_allclose(_auc(score, truth == 1), roc_auc_score(truth, score))


def test_time_stops_further_fits() -> None:
    X = rng.normal(size=(N, 2))
    m = tradeoff(X, X[:, 0], models=["linear"], seconds=1e-9, rng=0)
    assert m.n[0] == 1
    assert np.isnan(m.low[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(N)}, "nothing to predict"),
        ({"y": np.zeros(3)}, "shape"),
        ({"y": np.full(N, np.nan)}, "missing or infinite"),
        ({"y": ["a"] * (N - 1) + ["b"]}, "rarest class has 1"),
        ({"y": ["a", "b"] * (N // 2), "task": "regression"}, "Numbers are needed"),
        ({"metric": "log_loss"}, "metric is 'log_loss'"),
        ({"models": ["cubist"]}, "cubist"),
        ({"folds": 1}, "folds is 1"),
        ({"repeats": 0}, "repeats is 0"),
        ({"seconds": 0}, "seconds is 0"),
        ({"task": "ranking"}, "task is 'ranking'"),
    ],
)
def test_bad_input_is_refused(change: dict, message: str) -> None:
    X = rng.normal(size=(N, 2))
    settings = {"y": X[:, 0], **change}
    with pytest.raises(InputError, match=message):
        tradeoff(X, rng=0, **settings)


def test_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="y has 6 rows"):
        tradeoff(np.ones((6, 1)), np.arange(6.0) / 7, rng=0)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = sys.modules["whence.glassbox.ladder"]
    monkeypatch.setattr(found, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"whence\[glassbox\]"):
        tradeoff(np.ones((20, 1)), np.arange(20) % 2, rng=0)
