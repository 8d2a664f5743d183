"""An influence is what a prediction would be without the training row."""

import pickle
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import pearsonr, spearmanr
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeCV,
    SGDClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import LinearSVC

import whence as wh
from whence.core.errors import InputError, UnsupportedModelError, VerificationError
from whence.core.types import Floats
from whence.explainers.influence import Influence

Fitted: TypeAlias = Any
Table: TypeAlias = Any

rng = np.random.default_rng(3)
N = 40
NEWTON = "newton-cholesky"
"""A solver that goes to the very minimum."""
X = rng.normal(size=(N, 4)) + 1
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=N)
TWO = (NUMBERS + rng.normal(size=N) > 0).astype(int)
THREE = np.digitize(NUMBERS + rng.normal(size=N), [-2.0, 0.5])
COUNTS = np.abs(NUMBERS).round()
ROWS = rng.normal(size=(3, 4)) + 1
NOISY = (X[:, 0] + 2 * rng.normal(size=N) > 1).astype(int)


def asked(model: Fitted, rows: Table) -> Floats:
    """Return the model's probabilities, a binary one's second alone, or its predictions."""
    if not hasattr(model, "predict_proba"):
        return np.asarray(model.predict(rows)).reshape(len(rows), -1)
    said = model.predict_proba(rows)
    return said[:, 1:] if said.shape[1] == 2 else said


def retrained(model: Fitted, train: Table, y: Table, rows: Table) -> Floats:
    """Return what each training row added to each output of rows, by training without it."""
    now = asked(model, rows)
    out = []
    for i in range(len(y)):
        kept = np.delete(np.arange(len(y)), i)
        part = train.iloc[kept] if hasattr(train, "iloc") else train[kept]
        out.append(now - asked(clone(model).fit(part, np.asarray(y)[kept]), rows))
    return np.stack(out, axis=1)  # (rows, training rows, outputs)


def influences(model: Fitted, rows: Table = ROWS, **settings: Table) -> Floats:
    """Return the influence of every training row, (rows, training rows)."""
    e = wh.explain(model, rows, Influence(count=N, **settings))
    out = np.empty((len(rows), N))
    np.put_along_axis(out, e.index, e.score, axis=1)
    return out


@pytest.mark.parametrize(
    "model",
    [
        Ridge(alpha=3.0),
        Ridge(alpha=0.5, fit_intercept=False),
        LinearRegression(),
        make_pipeline(FunctionTransformer(), Ridge(alpha=2.0)),
    ],
)
def test_least_squares_are_exact(model: Fitted) -> None:
    model.fit(X, NUMBERS)

    found = influences(model, background=X, y=NUMBERS)

    assert_allclose(found, retrained(model, X, NUMBERS, ROWS)[..., 0], atol=1e-9)


def test_the_penalty_that_cross_validation_chose_is_read() -> None:
    model = RidgeCV(alphas=[0.1, 1.0, 10.0, 100.0]).fit(X, NUMBERS)
    fixed = Ridge(alpha=model.alpha_).fit(X, NUMBERS)

    found = influences(model, background=X, y=NUMBERS)

    assert_allclose(found, retrained(fixed, X, NUMBERS, ROWS)[..., 0], atol=1e-9)


def test_each_of_several_outputs_is_exact() -> None:
    both = np.column_stack([NUMBERS, X[:, 0] ** 2])
    model = Ridge(alpha=2.0).fit(X, both)
    truth = retrained(model, X, both, ROWS)

    for target in range(2):
        found = influences(model, background=X, y=both, target=target)
        assert_allclose(found, truth[..., target], atol=1e-9)


def test_columns_that_say_the_same_twice_are_exact() -> None:
    """Without a penalty the coefficients are not determined, and the predictions are."""
    double = np.column_stack([X, X[:, 0], 2 * X[:, 1] - X[:, 2]])
    rows = np.column_stack([ROWS, ROWS[:, 0], 2 * ROWS[:, 1] - ROWS[:, 2]])
    model = LinearRegression().fit(double, NUMBERS)

    found = influences(model, rows=rows, background=double, y=NUMBERS)

    assert_allclose(found, retrained(model, double, NUMBERS, rows)[..., 0], atol=1e-8)


@pytest.mark.parametrize(
    ("model", "y", "least"),
    [
        (LogisticRegression(C=1.0, solver=NEWTON), TWO, 0.998),
        (LogisticRegression(C=0.1, solver=NEWTON), TWO, 0.999),
        (LogisticRegression(C=np.inf, tol=1e-7, max_iter=1000), NOISY, 0.95),
        (LogisticRegression(C=1.0, class_weight={1: 3.0}, solver=NEWTON), TWO, 0.99),
        (LogisticRegression(C=1.0, fit_intercept=False, solver=NEWTON), TWO, 0.998),
        (LogisticRegression(C=0.5, solver="liblinear", tol=1e-9), TWO, 0.999),
        (LogisticRegression(C=1.0, solver=NEWTON), THREE, 0.99),
        (PoissonRegressor(alpha=0.1, solver=NEWTON), COUNTS, 0.99),
    ],
)
def test_other_losses_are_very_near_to_training_anew(model: Fitted, y: Table, least: float) -> None:
    model = clone(model).fit(X, y)
    truth = retrained(model, X, y, ROWS)

    for target in range(truth.shape[2]):
        found = influences(model, background=X, y=y, target=target)
        for mine, true in zip(found, truth[..., target], strict=True):
            assert pearsonr(mine, true).statistic > least
            assert spearmanr(mine, true).statistic > 0.9
            assert np.abs(mine - true).max() < 0.4 * np.abs(true).max()


def test_the_curvature_of_the_row_itself_makes_it_nearer() -> None:
    """Influence functions keep the row in the second derivatives; one step does not."""
    model = LogisticRegression(C=10.0, solver=NEWTON).fit(X, TWO)
    truth = retrained(model, X, TWO, ROWS)[..., 0]
    phi, at = (np.column_stack([part, np.ones(len(part))]) for part in (X, ROWS))
    p, q = asked(model, X), asked(model, ROWS)
    hessian = (phi * p * (1 - p)).T @ phi + np.diag([0.1, 0.1, 0.1, 0.1, 0.0])
    linear = -q * (1 - q) * (at @ np.linalg.solve(hessian, phi.T)) * (p - TWO[:, None]).T

    found = influences(model, background=X, y=TWO)

    assert np.square(found - truth).mean() < 0.5 * np.square(linear - truth).mean()


def test_balanced_classes_weigh_as_much_as_they_did() -> None:
    weights = {0: N / 2 / (TWO == 0).sum(), 1: N / 2 / (TWO == 1).sum()}
    balanced = LogisticRegression(class_weight="balanced", solver=NEWTON).fit(X, TWO)
    weighted = LogisticRegression(class_weight=weights, solver=NEWTON).fit(X, TWO)

    found = [influences(m, background=X, y=TWO) for m in (balanced, weighted)]

    assert_allclose(*found, atol=1e-7)


def test_what_a_row_adds_to_the_loss_is_told_with_its_class() -> None:
    model = LogisticRegression(solver=NEWTON).fit(X, TWO)
    p = influences(model, background=X, y=TWO)
    method = Influence(background=X, y=TWO, count=N)

    e = wh.explain(model, ROWS, method, output="log_loss", y=[1, 0, 1])

    loss = np.empty((3, N))
    np.put_along_axis(loss, e.index, e.score, axis=1)
    now = asked(model, ROWS)
    sign = np.array([[1], [0], [1]])
    truth = -np.log(np.where(sign, now, 1 - now)) + np.log(np.where(sign, now - p, 1 - now + p))
    assert_allclose(loss, truth, atol=1e-9)


def test_one_direction_can_be_asked_for_alone() -> None:
    model = Ridge().fit(X, NUMBERS)
    every = influences(model, background=X, y=NUMBERS)

    up, down = (
        wh.explain(model, ROWS, Influence(background=X, y=NUMBERS, count=30, side=side))
        for side in ("raised", "lowered")
    )

    for e, sign in ((up, 1), (down, -1)):
        best = -np.sort(-sign * every, axis=1)[:, :30]
        assert_allclose(e.score, np.where(best > 0, sign * best, np.nan), atol=1e-12)
        assert_array_equal(e.valid, best > 0)
        assert_array_equal(e.index == -1, ~e.valid)
        assert np.isnan(e.candidates[~e.valid]).all()
        assert np.isnan(e.outputs[~e.valid]).all()
    assert not up.valid.all()


def test_the_largest_of_several_outputs_is_explained_if_none_is_named() -> None:
    model = LogisticRegression(solver=NEWTON).fit(X, THREE)
    said = model.predict_proba(ROWS)
    by_class = [influences(model, background=X, y=THREE, target=str(c)) for c in range(3)]

    found = influences(model, background=X, y=THREE)

    assert_allclose(found, [by_class[c][i] for i, c in enumerate(said.argmax(axis=1))])


def test_the_last_layer_of_a_network_is_as_good_as_a_linear_model() -> None:
    inner = np.random.default_rng(0).normal(size=(4, 6))

    def layers(rows: Floats) -> Floats:
        return np.tanh(rows @ inner)

    for y, target in ((TWO, 0), (THREE, 1)):
        head = LogisticRegression(C=2.0, solver=NEWTON).fit(layers(X), y)
        direct = influences(
            head, layers(ROWS), background=layers(X), y=y, target=-1 + len(set(y)) - 1
        )

        def network(rows: Floats, head: Fitted = head) -> Floats:
            return asked(head, layers(rows))

        found = influences(
            network, background=X, y=y, embed=layers, penalty=0.5, loss="log_loss",
            target=target,
        )  # fmt: skip
        assert_allclose(found, direct, atol=1e-6)


FRAME = pd.DataFrame(
    {
        "age": X[:, 0].round(1),
        "job": pd.Categorical(np.where(X[:, 1] > 1, "clerk", "smith")),
        "town": np.where(X[:, 2] > 1.5, "a", np.where(X[:, 2] > 0.5, "b", "c")),
    }
)


def encoded(last: Fitted) -> Fitted:
    return make_pipeline(
        make_column_transformer((OneHotEncoder(), ["job", "town"]), remainder="passthrough"), last
    )


def test_a_pipeline_with_categories_is_exact_for_rows_whose_categories_remain() -> None:
    model = encoded(Ridge(alpha=0.7)).fit(FRAME, NUMBERS)

    e = wh.explain(model, FRAME[:2], Influence(background=FRAME, y=NUMBERS, count=5))

    truth = retrained(model, FRAME, NUMBERS, FRAME[:2])[..., 0]
    assert_allclose(e.score, np.take_along_axis(truth, e.index, axis=1), atol=1e-9)
    assert_allclose(np.abs(e.score), -np.sort(-np.abs(truth), axis=1)[:, :5], atol=1e-9)
    assert e.table(0).text(0, 1) == FRAME["job"][e.index[0, 0]]
    assert_allclose(e.outputs[..., 0], model.predict(FRAME)[e.index])


def test_any_kind_of_frame_says_the_same() -> None:
    model = encoded(LogisticRegression(solver=NEWTON)).fit(FRAME, TWO)
    method = Influence(background=FRAME, y=TWO, count=7)
    e = wh.explain(model, FRAME[:4], method)

    for make in (pl.from_pandas, lambda f: pl.from_pandas(f).to_arrow()):
        other = Influence(background=make(FRAME), y=pl.Series(TWO), count=7)
        same = wh.explain(model, make(FRAME[:4]), other)
        assert_array_equal(same.index, e.index)
        assert_array_equal(same.score, e.score)


def test_rows_are_explained_by_themselves_and_saved(tmp_path: Path) -> None:
    model = LogisticRegression(solver=NEWTON).fit(X, THREE)
    method = Influence(background=X, y=THREE, count=6)
    bound = wh.bind(model, method)
    e = bound.explain(X)

    single = [bound.explain(X[i : i + 1]) for i in range(0, N, 7)]

    for i, one in zip(range(0, N, 7), single, strict=True):
        for name in ("index", "score", "distance", "candidates", "outputs"):
            assert_array_equal(getattr(one, name)[0], getattr(e, name)[i])
    assert wh.explain(model, X, method, n_jobs=2).score.tobytes() == e.score.tobytes()
    loaded = wh.load(e.save(tmp_path / "e.whence"))
    assert_array_equal(loaded.score, e.score)
    assert loaded.kind == "influence"
    assert pickle.loads(pickle.dumps(method)).count == 6  # noqa: S301  our own bytes
    once = wh.bind(model, method).provenance.evaluations
    assert e.provenance.evaluations == N + once


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        (Ridge(), {"y": None}, "y is None. Influence leaves out training rows"),
        (Ridge(), {"y": NUMBERS[:9]}, "y has 9 numbers and X has 40 rows"),
        (Ridge(), {"background": None}, "background is None"),
        (Ridge(), {"background": X[:1], "y": NUMBERS[:1]}, "The background has one row"),
        (Ridge(), {"count": 41}, "count is 41 and the background has 40 rows"),
        (Ridge(), {"count": 0}, "count is 0. A positive whole number"),
        (Ridge(), {"side": "up"}, "side is 'up'. Give one of"),
        (Ridge(), {"loss": "hinge"}, "loss is 'hinge'"),
        (Ridge(), {"penalty": -1.0}, "penalty is -1.0. A finite number from 0"),
        (Ridge(), {"target": 3}, "target names 3"),
        (Ridge(), {"background": X[:, :3]}, "has 3 columns and the model reads 4"),
        (LogisticRegression(), {"y": np.where(TWO, "a", "b")}, "y holds 'a', 'b', which the model"),
        (Ridge(), {"embed": lambda rows: rows[:, :1]}, "the model is not linear in it"),
    ],
)
def test_what_cannot_be_used_is_refused(
    model: Fitted, settings: dict[str, Any], message: str
) -> None:
    model = clone(model)
    model.fit(X, TWO if isinstance(model, LogisticRegression) else NUMBERS)
    with pytest.raises(InputError, match=message):
        wh.bind(model, Influence(**({"background": X, "y": NUMBERS} | settings)))


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (RandomForestClassifier(5), UnsupportedModelError, "cannot be read as a linear model"),
        (LinearSVC(), UnsupportedModelError, "answers with a score"),
        (Lasso(), InputError, "How The model .* was trained is not known"),
        (SGDClassifier(loss="log_loss"), InputError, "Give penalty="),
        (
            LogisticRegression(l1_ratio=1.0, solver="liblinear"),
            UnsupportedModelError,
            "penalty of absolute values",
        ),
    ],
)
def test_models_without_a_smooth_minimum_are_refused(
    model: Fitted, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        wh.bind(model.fit(X, TWO), Influence(background=X, y=TWO))


def test_other_rows_than_those_of_training_are_found_out() -> None:
    model = Ridge().fit(X, NUMBERS)
    with pytest.raises(VerificationError, match="Give the very rows that it was trained on"):
        wh.bind(model, Influence(background=X, y=NUMBERS[::-1]))

    e = wh.explain(model, ROWS, Influence(background=X, y=NUMBERS, penalty=20.0, count=1))
    assert "not at the minimum" in e.provenance.warnings[0]


def test_texts_need_an_embedding() -> None:
    texts = ["good film", "bad film", "good", "bad bad", "fine", "film"]

    def counts(rows: list[str]) -> Floats:
        return np.array([[t.count("good"), t.count("bad")] for t in rows], dtype=float)

    head = LogisticRegression(solver=NEWTON).fit(counts(texts), [1, 0, 1, 0, 1, 0])

    def model(rows: list[str]) -> Floats:
        return head.predict_proba(counts(rows))

    y = [1, 0, 1, 0, 1, 0]
    with pytest.raises(InputError, match="Give embed=function"):
        wh.bind(model, Influence(background=texts, y=y, count=2))
    e = wh.explain(
        model, ["good"], Influence(background=texts, y=y, embed=counts, penalty=0.5, count=2)
    )
    assert e.candidates.shape == (1, 2, 0)
    assert set(e.index[0]) <= {0, 2}


def test_the_only_row_of_a_category_is_told_to_leave_nothing_to_compare_with() -> None:
    frame = pd.DataFrame({"word": ["a"] * 20 + ["b"] * 19 + ["rare"], "x": X[:, 0]})
    encoded = make_column_transformer((OneHotEncoder(), ["word"]), remainder="passthrough")
    method = Influence(background=frame, y=NUMBERS, count=N)
    free = make_pipeline(encoded, LinearRegression()).fit(frame, NUMBERS)
    told = wh.explain(free, frame[-1:], method).provenance.warnings
    drawn = make_pipeline(encoded, Ridge(0.1)).fit(frame, NUMBERS)

    assert any("1 of the training rows alone" in note and str(N - 1) in note for note in told)
    assert wh.explain(drawn, frame[-1:], method).provenance.warnings == ()
