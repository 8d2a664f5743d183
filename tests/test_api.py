"""The driver does for every method what no method does itself."""

import io
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xgboost
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import whence as wh
from reference.shapley import shapley
from whence.core.response import respond
from whence.core.types import Floats

rng = np.random.default_rng(3)
X = rng.normal(size=(200, 4))
SIGNAL = X[:, 0] * X[:, 1] + X[:, 2]
MODEL = DecisionTreeRegressor(max_depth=4, random_state=0).fit(X, SIGNAL)
CLASSIFIER = GradientBoostingClassifier(n_estimators=8, random_state=0).fit(X, SIGNAL > 0)
THREE = GradientBoostingClassifier(n_estimators=4, random_state=0).fit(
    X, np.digitize(SIGNAL, [-0.5, 0.5])
)


def test_the_method_is_chosen_and_the_reasons_are_recorded() -> None:
    e = wh.explain(MODEL, X[:3])

    assert e.provenance.method == "TreeShap"
    assert "exact" in " ".join(e.provenance.reasons)
    assert wh.explain(MODEL, X[:3], wh.TreeShap()).provenance.reasons == ()


def test_the_record_says_what_was_done() -> None:
    p = wh.explain(MODEL, X[:5], wh.TreeShap(background=X), rng=7).provenance

    assert p.evaluations == 5
    assert p.rng == 7
    assert p.settings["background"] == p.background_digest
    assert p.versions.keys() >= {"whence", "python", "numpy", "sklearn"}
    assert p.seconds > 0


def test_a_model_trained_again_is_read_again() -> None:
    model = DecisionTreeRegressor(max_depth=3).fit(X, SIGNAL)
    before = wh.explain(model, X[:20])
    model.fit(X, 10 * SIGNAL)

    after = wh.explain(model, X[:20])

    assert_allclose(after.residual, 0, atol=1e-12)
    assert np.abs(after.values - before.values).max() > 1


def test_a_model_trained_again_is_read_again_also_where_it_says_the_same() -> None:
    X = np.random.default_rng(0).normal(size=(100, 2))
    row = X[[int(np.argmax(X.min(axis=1)))]]  # both columns speak for the second class
    for model in (
        DecisionTreeClassifier(random_state=0),
        make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)),
        CatBoostClassifier(iterations=1, verbose=0, allow_writing_files=False),
    ):
        wh.explain(model.fit(X, X[:, 0] > 0), row)
        again = wh.explain(model.fit(X, X[:, 1] > 0), row)
        assert_array_equal(again.values, wh.bind(model).explain(row).values)


def test_a_model_trained_again_on_other_columns_is_read_again() -> None:
    X = np.random.default_rng(0).normal(size=(50, 3))
    model = DecisionTreeClassifier(random_state=0).fit(X, X[:, 0] > 0)
    wh.explain(model, X)
    model.fit(X[:, :2], X[:, 0] > 0)
    assert wh.explain(model, X[:, :2]).values.shape == (50, 2, 1)


def test_a_booster_trained_further_in_place_is_read_again() -> None:
    X = np.array([[0.0], [1.0], [2.0]])
    booster = xgboost.train({"max_depth": 1}, xgboost.DMatrix(X, label=[0.0, 0.0, 0.0]), 1)
    kept = wh.bind(booster).view.digest()
    first = wh.explain(booster, X)
    booster.update(xgboost.DMatrix(X, label=[0.0, 0.0, 0.0]), 1)
    assert first.provenance.model_digest == kept
    assert wh.explain(booster, X).provenance.model_digest != kept


def test_a_model_left_alone_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).normal(size=(50, 2))
    model = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0))
    wh.explain(model.fit(X, X[:, 0] > 0), X)
    monkeypatch.setattr("whence.api.bind", None)  # calling it would raise
    assert len(wh.explain(model, X[:1])) == 1


def test_a_background_changed_in_place_is_read_again() -> None:
    Z = X[:50].copy()
    before = wh.explain(MODEL, X[:5], wh.TreeShap(background=Z))
    Z[:] = X[50:100]

    after = wh.explain(MODEL, X[:5], wh.TreeShap(background=Z))

    assert_array_equal(
        after.values, wh.explain(MODEL, X[:5], wh.TreeShap(background=X[50:100])).values
    )
    assert np.abs(after.values - before.values).max() > 0


def test_a_bound_explainer_of_a_changed_model_refuses() -> None:
    model = DecisionTreeRegressor(max_depth=3).fit(X, SIGNAL)
    explainer = wh.bind(model)
    model.fit(X, 10 * SIGNAL)

    with pytest.raises(wh.VerificationError, match="bind it again"):
        explainer.explain(X)


def test_rows_beyond_one_block_come_back_in_order() -> None:
    many = rng.normal(size=(5000, 4))
    e = wh.bind(MODEL).explain(many, n_jobs=2)

    assert_allclose(e.base_values + e.values.sum(axis=1), MODEL.predict(many)[:, None])
    assert_array_equal(e.values[4321:4322], wh.bind(MODEL).explain(many[4321:4322]).values)


def response_of(model: GradientBoostingClassifier, response: str, label: int | None) -> object:
    def f(rows: Floats) -> Floats:
        raw = model.decision_function(rows).reshape(len(rows), -1)
        labels = None if label is None else np.full(len(rows), label)
        return respond(response, raw, labels)  # type: ignore[arg-type]  # a name of one

    return f


def naive(f: object, x: Floats, Z: Floats) -> Floats:
    """Return the Shapley values of v(S) = mean of f over rows x on S, Z elsewhere."""
    p = len(x)
    worth = []
    for mask in range(2**p):
        known = np.array([bool(mask >> j & 1) for j in range(p)])
        worth.append(f(np.where(known, x, Z)).mean(axis=0))  # type: ignore[operator]  # callable
    return shapley(np.array(worth), p)


@pytest.mark.parametrize(
    ("model", "response", "outputs"),
    [(CLASSIFIER, "logistic", 1), (THREE, "softmax", 3)],
)
def test_probabilities_are_exact_where_affordable(
    model: GradientBoostingClassifier, response: str, outputs: int
) -> None:
    Z, rows = X[:7], X[10:13]
    e = wh.explain(model, rows, wh.TreeShap(background=Z), output="probability")

    f = response_of(model, response, None)
    assert_allclose(e.values, [naive(f, x, Z) for x in rows], atol=1e-12)
    assert_allclose(e.outputs, model.predict_proba(rows)[:, -outputs:])
    assert e.provenance.warnings == ()
    assert e.provenance.unit == "probability"


@pytest.mark.parametrize("budget", [100_000, 1])
@pytest.mark.parametrize(("model", "response"), [(CLASSIFIER, "logistic"), (THREE, "softmax")])
def test_log_losses_add_up_and_say_when_they_are_approximate(
    model: GradientBoostingClassifier, response: str, budget: int
) -> None:
    Z, rows = X[:7], X[10:13]
    y = model.predict(rows)
    y[0] = model.classes_[0]
    method = wh.TreeShap(background=Z, budget=budget)

    e = wh.explain(model, rows, method, output="log_loss", y=y)

    label = [list(model.classes_).index(c) for c in y]
    p = model.predict_proba(rows)[np.arange(3), label]
    assert_allclose(e.outputs[:, 0], -np.log(p))
    assert_allclose(e.residual, 0, atol=1e-10)
    assert bool(e.provenance.warnings) == (budget == 1)
    if budget > 1:
        f = response_of(model, f"log_loss_{response}", label[0])
        assert_allclose(e.values[0], naive(f, rows[0], Z), atol=1e-12)


def test_rescaled_probabilities_add_up() -> None:
    method = wh.TreeShap(background=X[:30], budget=1)
    e = wh.explain(CLASSIFIER, X[:5], method, output="probability")

    assert_allclose(e.residual, 0, atol=1e-10)
    assert "approximation" in e.provenance.warnings[0]


def test_a_forest_of_probabilities_needs_no_rescaling() -> None:
    model = RandomForestClassifier(5, random_state=0).fit(X, SIGNAL > 0)
    raw, p = (wh.explain(model, X[:5], output=output) for output in ("raw", "probability"))

    assert_array_equal(raw.values, p.values)
    assert_allclose(p.outputs[:, 0], model.predict_proba(X[:5])[:, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wh.explain(MODEL, X[:2], output="probability"), "classifiers only"),
        (lambda: wh.explain(CLASSIFIER, X[:2], output="probability"), "without a background"),
        (lambda: wh.explain(MODEL, X[:2], output="odds"), "output is 'odds'"),
        (lambda: wh.explain(MODEL, X[:2], wh.TreeShap), "TreeShap\\(\\)"),
        (lambda: wh.explain(MODEL, X[:2], wh.TreeShap(background=X[:, :3])), "background has 3"),
        (lambda: wh.explain(MODEL, X[:2], wh.TreeInteractions(order=4)), "order is 4"),
        (lambda: wh.explain(MODEL, X[:2], wh.TreeShap(budget=-1)), "budget is -1"),
        (lambda: wh.explain(MODEL, X[:2], wh.TreeInteractions(index="STII")), "index is 'STII'"),
        (
            lambda: wh.explain(
                CLASSIFIER, X[:2], wh.TreeBanzhaf(background=X), output="probability"
            ),
            "TreeBanzhaf explains the raw output",
        ),
        (
            lambda: wh.explain(
                CLASSIFIER, X[:2], wh.TreeShap(background=X), output="log_loss", y=[True]
            ),
            "y has 1 labels and X has 2 rows",
        ),
        (
            lambda: wh.explain(
                CLASSIFIER, X[:2], wh.TreeShap(background=X), output="log_loss", y=[0, 5]
            ),
            "y holds 5",
        ),
        (
            lambda: wh.explain(CLASSIFIER, X[:2], wh.TreeShap(background=X), output="log_loss"),
            "without labels",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(call: object, message: str) -> None:
    with pytest.raises(wh.InputError, match=message):
        call()  # type: ignore[operator]  # a callable


def test_names_decide_where_the_model_knows_them() -> None:
    frame = pd.DataFrame(X, columns=["age", "income", "rate", "term"])
    model = DecisionTreeClassifier(max_depth=3).fit(frame, SIGNAL > 0)

    with pytest.raises(wh.InputError, match=r"lacks .income.*.incme.*does not know"):
        wh.explain(model, frame.rename(columns={"income": "incme"}))
    with pytest.raises(wh.InputError, match="another order: column 0 is"):
        wh.explain(model, frame[["term", "rate", "income", "age"]])
    infinite = frame.assign(rate=np.inf)
    with pytest.raises(wh.InputError, match="inf in column 'rate', row 0"):
        wh.explain(model, infinite)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numpy, as the numbers overflow
@pytest.mark.parametrize(
    ("model", "change"),
    [
        (RandomForestClassifier(2), lambda X: X * 1e300),  # beyond float32
        (LGBMClassifier(n_estimators=1, verbose=-1), lambda X: X.assign(a=None)),
    ],
)
def test_rows_that_the_model_itself_refuses_are_bad_input(
    model: RandomForestClassifier, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    model.fit(X, X["a"] > 0)
    with pytest.raises(wh.InputError, match="model itself refuses"):
        wh.explain(model, change(X))


def test_labels_of_another_type_are_shown_as_they_are() -> None:
    X = np.array([[0.0], [1.0]])
    model = DecisionTreeClassifier().fit(X, [0, 1])
    with pytest.raises(wh.InputError, match=r"y holds '0', '1'.* classes are 0, 1\."):
        wh.explain(model, X, wh.TreeShap(background=X), output="log_loss", y=["0", "1"])


def test_progress_is_shown_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)

    wh.explain(MODEL, X, progress=True)

    assert "row" in screen.getvalue()


def test_scripts_stay_silent(capsys: pytest.CaptureFixture[str]) -> None:
    wh.explain(MODEL, X)

    assert capsys.readouterr() == ("", "")
