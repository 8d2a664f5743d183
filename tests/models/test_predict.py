"""The Predict view says what the model says, and says clearly when that is of no use."""

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import catboost
import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pytest
import xgboost
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import SVC, LinearSVC

from whence.core.errors import InputError, UnsupportedModelError, VerificationError
from whence.core.inputs import Inputs, images_of, inputs_of, series_of, texts_of
from whence.core.table import table_of
from whence.models.predict import Predict, read_predict

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 3))
SIGNAL = X[:, 0] + X[:, 1] * X[:, 2]
FRAME = pd.DataFrame(X, columns=["age", "income", "rate"])
JOB = pd.Categorical(rng.choice(list("abc"), len(X)))
MIXED = FRAME.assign(job=JOB)
TWO, THREE = np.where(SIGNAL > 0, "yes", "no"), np.digitize(SIGNAL, [-0.5, 0.5])


def ask(model: object, rows: object) -> np.ndarray:
    inputs: Inputs = inputs_of(rows)
    return read_predict(model).ask(inputs)


def test_a_binary_classifier_has_one_output_the_probability_of_its_second_class() -> None:
    model = AdaBoostClassifier(n_estimators=5).fit(FRAME, TWO)
    view = read_predict(model)

    assert_array_equal(ask(model, FRAME)[:, 0], model.predict_proba(FRAME)[:, 1])
    assert (view.outputs, view.classes, view.unit) == (("yes",), ("no", "yes"), "probability")
    assert (view.features, view.named, view.library) == (
        ("age", "income", "rate"), True, "sklearn",
    )  # fmt: skip


def test_several_classes_have_one_output_each() -> None:
    model = LogisticRegression().fit(X, THREE)

    assert_array_equal(ask(model, X), model.predict_proba(X))
    assert read_predict(model).outputs == ("0", "1", "2")
    assert not read_predict(model).named


def test_without_probabilities_scores_are_asked_for() -> None:
    model = LinearSVC().fit(X, TWO)

    assert_array_equal(ask(model, X)[:, 0], model.decision_function(X))
    assert read_predict(model).unit == "score"
    svc = SVC(decision_function_shape="ovo").fit(X, THREE % 2 + 2 * (X[:, 0] > 0))
    assert ask(svc, X).shape == (120, 6)


def test_regressors_say_their_prediction() -> None:
    model = AdaBoostRegressor(n_estimators=3).fit(X, np.c_[SIGNAL][:, 0])
    several = LinearRegression().fit(X, np.c_[SIGNAL, X])

    assert_array_equal(ask(model, X)[:, 0], model.predict(X))
    assert_array_equal(ask(several, X), several.predict(X))
    assert read_predict(several).names_of(4) == ("y0", "y1", "y2", "y3")


def test_a_pipeline_is_asked_with_the_users_own_columns() -> None:
    encode = make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(MIXED, TWO)

    assert_array_equal(ask(model, MIXED)[:, 0], model.predict_proba(MIXED)[:, 1])
    assert read_predict(model).features == ("age", "income", "rate", "job")


def boosted() -> list[tuple[object, Callable[[pd.DataFrame], np.ndarray]]]:
    cat = catboost.CatBoostClassifier(
        iterations=4, verbose=0, allow_writing_files=False, cat_features=["job"], thread_count=1,
        one_hot_max_size=1,
    ).fit(MIXED, TWO)  # fmt: skip
    light = lightgbm.LGBMRegressor(n_estimators=4, n_jobs=1, verbose=-1).fit(MIXED, SIGNAL)
    linear = xgboost.XGBRegressor(booster="gblinear", n_estimators=3, n_jobs=1).fit(FRAME, SIGNAL)
    trees = xgboost.XGBClassifier(n_estimators=3, n_jobs=1, enable_categorical=True)
    trees.fit(MIXED, SIGNAL > 0)
    return [
        (cat, lambda rows: cat.predict_proba(rows)[:, 1]),
        (light, light.predict),
        (light.booster_, light.predict),
        (linear, lambda rows: linear.predict(rows[["age", "income", "rate"]])),
        (trees, lambda rows: trees.predict_proba(rows)[:, 1]),
        (trees.get_booster(), lambda rows: trees.predict_proba(rows)[:, 1]),
    ]


@pytest.mark.parametrize(("model", "expected"), boosted())
def test_boosters_are_asked_with_frames_of_any_library(
    model: object, expected: Callable[[pd.DataFrame], np.ndarray]
) -> None:
    features = list(read_predict(model).features)
    frame = MIXED[features]

    assert_allclose(ask(model, frame)[:, 0], expected(MIXED), rtol=1e-6)
    enum = pl.from_pandas(MIXED).with_columns(pl.col("job").cast(pl.Enum(list("abc"))))
    for other in (enum.select(features), table_of(frame).detached()):
        assert_allclose(ask(model, other)[:, 0], expected(MIXED), rtol=1e-6)


def test_a_function_is_handed_the_users_own_object() -> None:
    seen = []

    def model(frame: object) -> np.ndarray:
        seen.append(frame)
        return np.zeros(len(MIXED))

    read_predict(model).rows(table_of(MIXED), None)

    assert seen[0] is MIXED


def test_a_table_from_a_file_becomes_a_frame_for_a_function() -> None:
    model = read_predict(lambda frame: frame["job"] == "b")
    table = table_of(MIXED).detached()

    assert_array_equal(model.ask(table)[:, 0], JOB == "b")


def test_many_rows_are_asked_about_in_parts() -> None:
    sizes = []

    def model(rows: np.ndarray) -> np.ndarray:
        sizes.append(len(rows))
        return rows[:, 0]

    many = np.arange(150_000.0)[:, None]

    assert_array_equal(ask(model, many), many)
    assert max(sizes) < 100_000
    assert sum(sizes) == len(many)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda X: np.where(X[:, 0] > 9, 1, np.nan), r"<lambda>.* answered nan for row 0 of 120"),
        (lambda X: X[:-1, 0], r"asked about 120 rows and answered with shape \(119,\)"),
        (lambda X: X[:, 0].sum(), r"answered with shape \(\)"),
        (lambda X: X[:, :, None], r"answered with shape \(120, 3, 1\)"),
        (lambda X: X[:, :0], r"answered with shape \(120, 0\)"),
        (lambda X: ["yes"] * len(X), "answered with text, such as 'yes'.*such as answer == 'yes'"),
        (lambda X: [X, 1], "answered with a list that is not an array of numbers"),
        (lambda X: X * 1j, r"not an array of numbers \(its dtype is complex128\)"),
        (lambda X: X.no_such, "raised AttributeError when asked about 120 rows: 'numpy.nd"),
        (AdaBoostClassifier(), "AdaBoostClassifier.* raised NotFittedError"),
        (
            MultiOutputClassifier(LogisticRegression()).fit(X, np.c_[THREE > 0, THREE > 1]),
            r"answered with shape \(2, 120, 2\)",
        ),
    ],
)  # fmt: skip
def test_an_answer_of_no_use_is_refused_with_its_reason(model: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask(model, X)


@pytest.mark.parametrize("model", [object(), 3, None, AdaBoostClassifier])
def test_what_cannot_predict_is_no_model(model: object) -> None:
    with pytest.raises(UnsupportedModelError, match="fitted model with predict or predict_proba"):
        read_predict(model)


def test_a_model_with_other_outputs_than_before_was_changed() -> None:
    model = LogisticRegression().fit(X, THREE)
    view = read_predict(model)
    model.fit(X, TWO)

    with pytest.raises(VerificationError, match=r"has 1 outputs and had 3.*bind it again"):
        view.ask(table_of(X))


def test_outputs_that_a_model_does_not_have_are_refused() -> None:
    view = read_predict(LogisticRegression().fit(X, TWO))

    assert view.explaining("probability") is view
    loss = view.explaining("log_loss")
    p = view.ask(table_of(X))[:, 0]
    y = (TWO == "yes").astype(int)
    assert_allclose(loss.rows(table_of(X), y).outputs[:, 0], -np.log(np.where(y, p, 1 - p)))
    for model in (lambda X: X[:, 0], LinearSVC().fit(X, TWO), LinearRegression().fit(X, SIGNAL)):
        for output in ("probability", "log_loss"):
            with pytest.raises(InputError, match=f"output='{output}' was asked of the model"):
                read_predict(model).explaining(output)  # type: ignore[arg-type]  # a name of one


def test_the_view_of_a_function_claims_nothing() -> None:
    view = read_predict(lambda X: X[:, 0])

    assert isinstance(view, Predict)
    assert (view.features, view.outputs, view.classes, view.digest()) == ((), (), (), "")


TEXTS = ["a fine film", "dull and long", "fine, fine", "long and dull", "a film"]
LIKED = np.array(["yes", "no", "yes", "no", "yes"])


def test_a_pipeline_of_texts_is_asked_with_a_list_of_strings() -> None:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LIKED)
    view = read_predict(model)

    for form in (TEXTS, np.array(TEXTS, dtype=object), pd.Series(TEXTS)):
        assert_array_equal(ask(model, form)[:, 0], model.predict_proba(TEXTS)[:, 1])
    assert_array_equal(view.ask(texts_of(TEXTS).detached()), ask(model, TEXTS))
    assert (view.outputs, view.features, view.unit) == (("yes",), (), "probability")
    view.check(texts_of(TEXTS))
    rows = view.rows(texts_of(TEXTS), None)
    assert rows.X.shape == (5, 0)
    assert rows.given().native is TEXTS


def test_a_pipeline_of_images_is_asked_with_the_array() -> None:
    pixels = rng.random((30, 6, 6, 3))
    flatten = FunctionTransformer(lambda images: images.reshape(len(images), -1))
    model = make_pipeline(flatten, LogisticRegression()).fit(pixels, TWO[:30])

    read_predict(model).check(images_of(pixels))
    assert_array_equal(ask(model, pixels)[:, 0], model.predict_proba(pixels)[:, 1])


@pytest.mark.parametrize(
    "inputs",
    [
        images_of(rng.random((4, 3, 5, 5)).astype(np.float32)),
        images_of(rng.random((4, 5, 5, 3))),
        images_of(rng.random((4, 5, 5)), channels="none"),
        series_of(rng.random((4, 9))),
        series_of(rng.random((4, 9, 2))),
        texts_of(TEXTS),
        texts_of(np.array(TEXTS, dtype=object)),
    ],
)
def test_a_function_is_handed_rows_of_any_kind_as_the_user_gave_them(inputs: Any) -> None:  # noqa: ANN401  of any kind
    seen: list[Any] = []

    def model(rows: Any) -> np.ndarray:  # noqa: ANN401  what the user gave
        seen.append(rows)
        return np.zeros(len(rows))

    view = read_predict(model)
    view.ask(inputs)
    view.ask(inputs.detached())

    assert seen[0] is inputs.native
    assert_array_equal(np.asarray(seen[1]), np.asarray(inputs.native))


@pytest.mark.parametrize(
    ("inputs", "most"),
    [
        (images_of(np.zeros((100, 512, 512, 3), dtype=np.uint8)), 20),
        (images_of(np.zeros((2, 3, 2400, 2400), dtype=np.float32)), 1),
        (series_of(np.zeros((30, 1_000_000))), 8),
        (texts_of(["a b"] * 3_000), 1_024),
        (texts_of(["a" * 4_000_000] * 9), 4),
        (table_of(np.zeros((30, 1_000_000))), 8),
    ],
)
def test_a_call_takes_no_more_memory_than_is_allowed(inputs: Inputs, most: int) -> None:
    sizes = []

    def model(rows: Any) -> np.ndarray:  # noqa: ANN401  rows of any kind
        sizes.append(len(rows))
        return np.zeros(len(rows))

    read_predict(model).ask(inputs)

    assert max(sizes) == most
    assert sum(sizes) == len(inputs)


def test_only_an_estimator_that_knows_its_columns_refuses_what_is_no_table() -> None:
    texts, images = texts_of(TEXTS), images_of(np.zeros((2, 4, 4, 3)))
    named = read_predict(LogisticRegression().fit(FRAME, TWO))

    for inputs in (texts, images):
        read_predict(LogisticRegression().fit(X, TWO)).check(inputs)
        with pytest.raises(InputError, match=r"and the model .* reads a table with columns 'age'"):
            named.check(inputs)
    with pytest.raises(InputError, match="lacks 'rate'"):
        named.check(table_of(FRAME[["age", "income"]]))


def test_classes_in_words_without_probabilities_are_refused_with_what_to_do() -> None:
    class Rule:
        def predict(self, rows: np.ndarray) -> np.ndarray:
            return np.where(rows[:, 0] > 0, "yes", "no")

    with pytest.raises(InputError, match=r"Rule\.predict\) answered with text, such as '(yes|no)'"):
        ask(Rule(), X)
    digits = SimpleNamespace(predict=lambda rows: np.full(len(rows), "1"))
    with pytest.raises(InputError, match="answered with text, such as '1'"):
        ask(digits, X)


def test_a_failure_half_way_says_at_which_rows() -> None:
    def fails(rows: np.ndarray) -> np.ndarray:
        if rows[0, 0] > 0:
            raise ValueError("no such row")
        return rows[:, 0]

    def lost(rows: np.ndarray) -> np.ndarray:
        return np.where(rows[:, 0] == 70_000, np.nan, rows[:, 0])

    many = np.arange(150_000.0)[:, None]

    with pytest.raises(
        InputError, match="ValueError when asked about rows 65536 to 131071 of 1500"
    ):
        ask(fails, many)
    with pytest.raises(InputError, match="answered nan for row 70000 of 150000"):
        ask(lost, many)


def test_a_model_whose_outputs_change_is_refused() -> None:
    counts = iter([2, 2, 3])
    view = read_predict(lambda rows: np.zeros((len(rows), next(counts))))
    table = table_of(X)

    view.ask(table)
    view.ask(table)
    with pytest.raises(VerificationError, match="has 3 outputs and had 2 before"):
        view.ask(table)


def test_a_model_that_hangs_is_given_up_when_patience_ends() -> None:
    release = threading.Event()

    def hangs(rows: np.ndarray) -> np.ndarray:
        release.wait(20)
        return rows[:, 0]

    view = replace(read_predict(hangs), patience=0.05)
    started = time.perf_counter()
    with pytest.raises(InputError, match=r"hangs\) did not answer within 0.05 s when .* 120 rows"):
        view.ask(table_of(X))
    assert time.perf_counter() - started < 5
    release.set()


def test_patience_changes_nothing_else() -> None:
    setting = ContextVar("setting", default=0.0)
    setting.set(2.0)
    view = replace(read_predict(lambda rows: rows[:, 0] * setting.get()), patience=30)
    slow = replace(read_predict(lambda rows: rows.none), patience=30)

    def late(_: object) -> object:
        raise TimeoutError("the database")

    assert_array_equal(view.ask(table_of(X))[:, 0], 2 * X[:, 0])
    with pytest.raises(InputError, match="raised AttributeError when asked about 120 rows"):
        slow.ask(table_of(X))
    for patience in (None, 30.0):
        with pytest.raises(InputError, match=r"raised TimeoutError when .*: the database"):
            replace(read_predict(late), patience=patience).ask(table_of(X))


@pytest.mark.parametrize("patience", [0, -1.0, float("nan")])
def test_patience_is_a_positive_time(patience: float) -> None:
    with pytest.raises(InputError, match="timeout is"):
        replace(read_predict(lambda X: X), patience=patience)


@pytest.mark.parametrize("patience", [None, 30.0])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_passes_through(kind: type[BaseException], patience: float | None) -> None:
    def interrupted(_: object) -> object:
        raise kind

    with pytest.raises(kind):
        replace(read_predict(interrupted), patience=patience).ask(table_of(X))
