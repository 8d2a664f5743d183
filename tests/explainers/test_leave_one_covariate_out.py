"""A column is worth what predictions lose when the model is trained without it."""

import pickle
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import f1_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import whence as wh
from whence.core.types import Floats
from whence.explainers.leave_one_covariate_out import LeaveOneCovariateOut

Some: TypeAlias = Any
"""Rows, labels and models of whatever library."""

rng = np.random.default_rng(8)
X = rng.normal(size=(300, 3))
X[:, 1] = 0.8 * X[:, 0] + 0.6 * X[:, 1]
Y = X @ [1.0, 0.5, 0.0] + rng.normal(size=300)
TRAIN, TEST = slice(0, 150), slice(150, None)


def least_squares(rows: Some, y: Some) -> LinearRegression:
    return LinearRegression().fit(rows, y)


def loco(fit: Callable[..., Some] = least_squares, **settings: Some) -> LeaveOneCovariateOut:
    return LeaveOneCovariateOut(**{"fit": fit, "X_train": X[TRAIN], "y_train": Y[TRAIN]} | settings)


def test_values_and_errors_are_those_of_paired_differences() -> None:
    model = least_squares(X[TRAIN], Y[TRAIN])

    e = wh.explain(model, X[TEST], loco(), y=Y[TEST])

    own = (model.predict(X[TEST]) - Y[TEST]) ** 2
    for j in range(3):
        kept = [k for k in range(3) if k != j]
        other = least_squares(X[TRAIN][:, kept], Y[TRAIN]).predict(X[TEST][:, kept])
        apart = (other - Y[TEST]) ** 2 - own
        assert_allclose(e.values[0, j, 0], apart.mean())
        assert_allclose(e.stderr[0, j, 0], apart.std(ddof=1) / np.sqrt(len(apart)))
    assert_allclose(e.outputs, own.mean())
    assert e.names.rows == ("all",)
    assert e.provenance.evaluations == 4 * 150


def test_a_column_is_worth_what_no_other_tells() -> None:
    """Of a linear model beta squared times what the others leave unexplained of the column."""
    own = np.random.default_rng(0)
    many = own.normal(size=(40_000, 3))
    many[:, 1] = 0.8 * many[:, 0] + 0.6 * many[:, 1]
    y = many @ [1.0, 0.5, 0.0] + own.normal(size=40_000)
    half = 20_000
    model = least_squares(many[:half], y[:half])

    e = wh.explain(model, many[half:], loco(X_train=many[:half], y_train=y[:half]), y=y[half:])

    truth = np.array([0.36, 0.25 * 0.36, 0.0])
    assert (np.abs(e.values[0, :, 0] - truth) <= 3 * e.stderr[0, :, 0] + 0.005).all()


def test_intervals_cover_the_difference_of_the_two_models() -> None:
    model = least_squares(X[TRAIN], Y[TRAIN])

    def drawn(own: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        rows = own.normal(size=(n, 3))
        rows[:, 1] = 0.8 * rows[:, 0] + 0.6 * rows[:, 1]
        return rows, rows @ [1.0, 0.5, 0.0] + own.normal(size=n)

    rows, y = drawn(np.random.default_rng(99), 60_000)
    bound = wh.bind(model, loco())
    truth = bound.explain(rows, y=y).values[0, :, 0]
    hits = []
    for seed in range(400):
        rows, y = drawn(np.random.default_rng(seed), 120)
        e = bound.explain(rows, y=y)
        hits.append(np.abs(e.values[0, :, 0] - truth) <= 1.98 * e.stderr[0, :, 0])
    assert 0.92 <= np.mean(hits) <= 0.98


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_columns_leave_the_users_own_frame_and_keep_their_types(kind: Some) -> None:
    job = rng.integers(0, 3, 300)
    frame = pd.DataFrame(
        {"job": np.array(["clerk", "smith", "cook"])[job], "age": X[:, 0], "noise": X[:, 1]}
    )
    y = np.where((job == 1) ^ (rng.random(300) < 0.1), "good", "bad")
    native = kind(frame if kind is pd.DataFrame else frame.to_dict("list"))
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(), make_column_selector(dtype_exclude="number")), remainder="passthrough"
        ),
        LogisticRegression(),
    ).fit(frame[TRAIN], y[TRAIN])
    seen = []

    def fit(rows: Some, labels: Some) -> Some:
        assert type(rows) is kind
        seen.append(tuple(rows.columns))
        plain = pd.DataFrame({name: rows[name].to_numpy() for name in rows.columns})
        return clone(model).fit(plain, labels)

    settings = {"X_train": native[TRAIN], "y_train": pd.Series(y[TRAIN])}
    e = wh.explain(model, frame[TEST], loco(fit, **settings), y=y[TEST])

    assert seen == [("age", "noise"), ("job", "noise"), ("job", "age")]
    assert e.values[0].argmax() == 0
    without = fit(native[TRAIN][["age", "noise"]], y[TRAIN])
    before, after = (
        log_loss(y[TEST], m.predict_proba(frame[TEST][list(c)]), labels=["bad", "good"])
        for m, c in ((model, frame.columns), (without, ("age", "noise")))
    )
    assert_allclose(e.values[0, 0, 0], after - before)


def test_groups_scores_and_a_scorer() -> None:
    y = (Y > 0).astype(int)
    model = LogisticRegression().fit(X[TRAIN], y[TRAIN])

    def fit(rows: Some, labels: Some) -> Some:
        return LogisticRegression().fit(rows, labels)

    def scorer(estimator: Some, rows: Some, labels: Some) -> float:
        assert rows.shape[1] == 3
        return float(f1_score(labels, estimator.predict(rows)))

    method = loco(
        fit, y_train=y[TRAIN], groups={"both": ["x0", "x1"]}, scoring=("roc_auc", "f1", scorer)
    )
    e = wh.explain(model, X[TEST], method, y=y[TEST], rng=0)

    assert e.names.features == ("both", "x2")
    assert_allclose(e.values[..., 1], e.values[..., 2], atol=1e-12)
    assert_allclose(e.stderr[0, 0, 2] / e.stderr[0, 0, 1], 1, atol=0.5)
    assert (e.values[0, 0] > 4 * e.stderr[0, 0]).all()


def test_equal_seeds_give_equal_bytes_and_settings_are_recorded() -> None:
    model = least_squares(X[TRAIN], Y[TRAIN])
    method = pickle.loads(pickle.dumps(loco()))  # noqa: S301  our own bytes
    a, b = (wh.explain(model, X[TEST], method, y=Y[TEST], rng=0) for _ in range(2))

    assert_array_equal(a.values, b.values)
    assert a.provenance.settings["fit"].endswith("least_squares")
    assert str(a.provenance.settings["y_train"]).startswith("sha256:")


def test_bad_input_is_refused() -> None:
    model = least_squares(X[TRAIN], Y[TRAIN])

    def explain(method: LeaveOneCovariateOut, y: Some = Y[TEST]) -> None:
        wh.explain(model, X[TEST], method, y=y)

    def named(rows: Some, y: Some) -> Some:
        return LinearRegression().fit(rows["x0"], y)

    for method, message in (
        (loco("no"), "fit is 'no'"),
        (loco(lambda _rows, _y: None), "returned None"),
        (loco(named), r"without 'x0'.*must not name it"),
        (loco(y_train=Y), r"\(300,\) and X_train has 150"),
        (loco(y_train=3.0), r"shape \(\)"),
        (loco(X_train=X[TRAIN][:, :2]), "X_train does not fit"),
        (loco(groups={"all": [0, 1, 2]}), "one player 'all'"),
        (loco(lambda rows, y: LogisticRegression().fit(rows, y > 0)), "classes"),
    ):
        with pytest.raises(wh.InputError, match=f"(?s){message}"):
            explain(method)
    with pytest.raises(wh.InputError, match="y was not given"):
        explain(loco(), None)
