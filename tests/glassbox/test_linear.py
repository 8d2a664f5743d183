"""Coefficients in comparable units, with errors where they are known."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

import whence as wh
from whence.core.errors import InputError
from whence.glassbox.linear import LinearCoefficients

rng = np.random.default_rng(0)
N = 400
X = pd.DataFrame(
    {
        "age": rng.normal(40, 12, N),
        "job": rng.choice(["clerk", "judge", "smith"], N),
        "class": rng.integers(1, 4, N),
    }
)
score = 0.05 * (X["age"] - 40) + (X["job"] == "judge") - 0.5 * (X["class"] == 3)
y = (score + rng.logistic(size=N) > 0).to_numpy()
numbers = score + rng.normal(size=N)


def piped(model: Any) -> Any:  # noqa: ANN401  estimators of scikit-learn
    steps = make_column_transformer(
        (StandardScaler(), ["age"]), (OneHotEncoder(drop="first"), ["job", "class"])
    )
    return make_pipeline(steps, model)


def test_standardized_coefficients_are_in_the_unit_of_the_output() -> None:
    frame = X[["age", "class"]].astype(float)
    model = LinearRegression().fit(frame, numbers)
    other = LinearRegression().fit(frame * [365, 0.01], numbers)

    e = wh.explain(model, frame, LinearCoefficients(), y=numbers)
    same = wh.explain(other, frame * [365, 0.01], LinearCoefficients(), y=numbers)
    plain = wh.explain(model, frame, LinearCoefficients(standardize=False), y=numbers)

    assert_allclose(e.values[0, :, 0], model.coef_ * frame.std(ddof=0))
    assert_allclose(same.values, e.values)
    assert_allclose(same.stderr, e.stderr)
    assert_allclose(plain.values[0, :, 0], model.coef_)
    assert_allclose(e.base_values[0, 0], model.predict(frame).mean())
    assert_allclose(e.residual, 0, atol=1e-12)
    assert e.names.rows == ("all",)


def test_parts_of_a_column_bear_their_categories() -> None:
    model = piped(LogisticRegression(C=np.inf)).fit(X, y)
    e = wh.explain(model, X, LinearCoefficients(), y=y)
    assert e.names.features == ("age", "job = judge", "job = smith", "class = 2", "class = 3")
    assert e.provenance.warnings == ()
    z = e.values / e.stderr
    assert z[0, 0, 0] > 4
    assert z[0, 1, 0] > 2


def test_refits_of_resampled_rows_give_about_the_same_errors() -> None:
    model = piped(LogisticRegression(C=np.inf)).fit(X, y)
    method = LinearCoefficients(fit=lambda rows, truth: clone(model).fit(rows, truth), resamples=40)
    a = wh.explain(model, X, LinearCoefficients(), y=y)
    b = wh.explain(model, X, method, y=y, rng=0)
    assert_allclose(b.stderr, a.stderr, rtol=0.5)
    again = wh.explain(model, X, method, y=y, rng=0)
    assert again.stderr.tobytes() == b.stderr.tobytes()


def test_several_classes_have_errors_each() -> None:
    kinds = np.where(y, "good", np.where(X["age"] > 40, "old", "young"))
    model = piped(LogisticRegression()).fit(X, kinds)
    e = wh.explain(model, X, LinearCoefficients(), y=kinds)
    assert e.stderr.shape == (1, 5, 3)
    assert "ridge of 1" in e.provenance.warnings[0]


@pytest.mark.parametrize(
    ("model", "truth", "why"),
    [
        (Lasso(alpha=0.05), numbers, "are not those of a least squares"),
        (LinearSVC(), y, "no likelihood"),
        (LinearRegression(), None, "y was not given"),
    ],
)
def test_where_errors_are_not_known_there_are_none(model: Any, truth: Any, why: str) -> None:  # noqa: ANN401  as above
    fitted = piped(model).fit(X, numbers if truth is None else truth)
    e = wh.explain(fitted, X, LinearCoefficients(), y=truth)
    assert e.stderr is None
    assert why in e.provenance.warnings[0]


def test_rows_it_was_not_fitted_to_are_noticed() -> None:
    model = piped(LinearRegression()).fit(X[:200], numbers[:200])
    e = wh.explain(model, X[200:], LinearCoefficients(), y=numbers[200:])
    assert e.stderr is None


def test_a_constant_whose_mean_is_rounded_is_a_constant() -> None:
    rows = np.column_stack([np.arange(37.0), np.full(37, 0.1)])
    model = LinearRegression().fit(rows, rows[:, 0])
    e = wh.explain(model, rows, LinearCoefficients(), y=rows[:, 0])

    assert rows[:, 1].std() > 0  # by rounding alone
    assert any("Constant in these rows" in note for note in e.provenance.warnings)


def test_constant_columns_have_no_weight() -> None:
    frame = X[["age"]].assign(one=1.0)
    model = LinearRegression().fit(frame, numbers)
    e = wh.explain(model, frame, LinearCoefficients(), y=numbers)
    assert e.values[0, 1, 0] == 0
    assert e.stderr[0, 1, 0] == 0
    assert "'one'" in e.provenance.warnings[0]


def test_bad_settings_are_refused() -> None:
    model = LinearRegression().fit(X[["age"]], numbers)
    with pytest.raises(InputError, match="resamples is 2"):
        wh.explain(model, X[["age"]], LinearCoefficients(resamples=2))
    with pytest.raises(InputError, match="fit is 3"):
        wh.explain(model, X[["age"]], LinearCoefficients(fit=3))  # type: ignore[arg-type]  # on purpose
    rare = X.assign(job=["pilot", *["clerk"] * (N - 1)])
    piped_model = piped(LinearRegression()).fit(rare, numbers)
    refit = LinearCoefficients(fit=lambda rows, truth: clone(piped_model).fit(rows, truth))
    with pytest.raises(InputError, match="other coefficients"):
        wh.explain(piped_model, rare, refit, y=numbers, rng=0)
