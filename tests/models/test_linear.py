"""Linear models are read as they are: the weighted sum gives what the model itself says."""

from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn.linear_model as lm
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import svm
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import AdaBoostRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
)

from whence.core.errors import InputError, UnsupportedModelError, VerificationError
from whence.core.inputs import texts_of
from whence.core.table import table_of
from whence.models.linear import Linear
from whence.models.parse.linear import read_linear
from whence.models.views import view_of

Anything: TypeAlias = Any

RNG = np.random.default_rng(5)
ROWS = 90
X = RNG.normal(size=(ROWS, 4)) * [1.0, 10.0, 0.1, 1.0] + [0.0, 5.0, 0.0, 1.0]
Y = X @ [1.0, 0.2, 8.0, 0.0] + 0.3 * RNG.normal(size=ROWS)
THREE = np.digitize(Y, np.quantile(Y, [0.3, 0.7]))
FRAME = pd.DataFrame(
    {
        "age": RNG.integers(18, 80, size=ROWS).astype(float),
        "job": RNG.choice(["baker", "clerk", "nurse"], size=ROWS),
        "income": np.where(RNG.random(ROWS) < 0.2, np.nan, RNG.lognormal(size=ROWS)),
        "city": RNG.choice(["Oslo", "Rome"], size=ROWS),
    }
)

REGRESSORS = [
    lm.LinearRegression(),
    lm.LinearRegression(fit_intercept=False),
    lm.Ridge(),
    lm.RidgeCV(),
    lm.Lasso(alpha=0.01),
    lm.ElasticNet(alpha=0.01),
    lm.Lars(),
    lm.OrthogonalMatchingPursuit(n_nonzero_coefs=2),
    lm.BayesianRidge(),
    lm.HuberRegressor(max_iter=10_000),
    lm.QuantileRegressor(alpha=0.01),
    lm.TheilSenRegressor(max_subpopulation=200, random_state=0),
    lm.RANSACRegressor(random_state=0),
    lm.SGDRegressor(eta0=1e-4, random_state=0),
    lm.TweedieRegressor(power=0),
    PLSRegression(),
    svm.LinearSVR(max_iter=100_000),
    svm.SVR(kernel="linear"),
    svm.NuSVR(kernel="linear"),
]
CLASSIFIERS = [
    (lm.LogisticRegression(max_iter=2000), "log-odds"),
    (lm.SGDClassifier(loss="log_loss", random_state=0), "log-odds"),
    (LinearDiscriminantAnalysis(), "log-odds"),
    (lm.SGDClassifier(random_state=0), "score"),
    (lm.RidgeClassifier(), "score"),
    (lm.Perceptron(random_state=0), "score"),
    (svm.LinearSVC(max_iter=100_000), "score"),
    (svm.SVC(kernel="linear", decision_function_shape="ovo"), "score"),
    (svm.NuSVC(kernel="linear", nu=0.3, decision_function_shape="ovo"), "score"),
]
LOG_LINKS = [
    lm.PoissonRegressor(),
    lm.GammaRegressor(),
    lm.TweedieRegressor(power=1.5),
    lm.TweedieRegressor(power=0, link="log"),
]


def agree(model: Anything, rows: object, raw: Anything, tolerance: float = 1e-9) -> Linear:
    """Check the reading against what the model says; return it."""
    view = read_linear(model)
    read = view.rows(table_of(rows), None)
    raw = np.asarray(raw, dtype=np.float64).reshape(len(read.X), -1)
    assert_allclose(view.raw(read.X), raw, rtol=tolerance, atol=tolerance)
    assert_array_equal(read.outputs, raw)
    assert len(view.outputs) == raw.shape[1]
    assert view.player.max() < len(view.features)
    return view


def people(model: Anything) -> Pipeline:
    """Return a model in the usual pipeline: numbers imputed and scaled, text one-hot."""
    return make_pipeline(
        ColumnTransformer(
            [
                (
                    "number",
                    make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
                    make_column_selector(dtype_include="number"),
                ),
                ("text", OneHotEncoder(handle_unknown="ignore"), ["city", "job"]),
            ]
        ),
        model,
    )


@pytest.mark.parametrize("model", REGRESSORS, ids=repr)
def test_regressors_are_read(model: Anything) -> None:
    model.fit(X, Y)

    view = agree(model, X, model.predict(X))

    assert (view.unit, view.outputs, view.classes) == ("prediction", ("y",), ())


@pytest.mark.parametrize(("model", "unit"), CLASSIFIERS, ids=repr)
def test_two_classes_have_one_output_the_second_class(model: Anything, unit: str) -> None:
    model.fit(X, np.where(Y > 1, "good", "bad"))

    view = agree(model, X, model.decision_function(X))

    assert (view.unit, view.outputs, view.classes) == (unit, ("good",), ("bad", "good"))


@pytest.mark.parametrize(("model", "unit"), CLASSIFIERS, ids=repr)
def test_three_classes_have_three_outputs(model: Anything, unit: str) -> None:
    model.fit(X, THREE)

    view = agree(model, X, model.decision_function(X))

    pairs = ("0 vs 1", "0 vs 2", "1 vs 2")
    assert view.outputs == (pairs if hasattr(model, "decision_function_shape") else tuple("012"))


@pytest.mark.parametrize("model", LOG_LINKS, ids=repr)
def test_a_log_link_is_taken_back(model: Anything) -> None:
    model.fit(X, np.exp(Y / 3))

    view = agree(model, X, np.log(model.predict(X)))

    assert view.unit == "log of the prediction"


@pytest.mark.parametrize("model", [svm.OneClassSVM(kernel="linear"), lm.SGDOneClassSVM()], ids=repr)
def test_detectors_of_novelties_are_read(model: Anything) -> None:
    model.fit(X)

    assert agree(model, X, model.decision_function(X)).unit == "score"


def test_several_targets_are_several_outputs() -> None:
    model = lm.MultiTaskLasso(alpha=0.01).fit(X, np.column_stack([Y, -Y, Y**2]))

    assert agree(model, X, model.predict(X)).outputs == ("y0", "y1", "y2")


def test_single_precision_is_forgiven_where_the_model_computes_in_it() -> None:
    few = X.astype(np.float32)
    model = lm.LogisticRegression(max_iter=2000).fit(few, THREE)
    assert model.coef_.dtype == np.float32

    agree(model, few, model.decision_function(few), tolerance=1e-5)


def test_sparse_coefficients_and_rows_are_read() -> None:
    rows = sp.csr_array(np.where(RNG.random(X.shape) < 0.5, 0.0, X))
    model = lm.LogisticRegression(max_iter=2000).fit(rows, THREE).sparsify()

    agree(model, rows, model.decision_function(rows))


def test_a_search_stands_for_its_best_model() -> None:
    search = GridSearchCV(make_pipeline(StandardScaler(), lm.Ridge()), {"ridge__alpha": [1, 9]})

    agree(search.fit(X, Y), X, search.predict(X))


def test_encoded_columns_belong_to_the_column_they_were_made_of() -> None:
    model = people(lm.LogisticRegression()).fit(FRAME, Y > 1)

    view = agree(model, FRAME, model.decision_function(FRAME))

    assert view.features == tuple(FRAME.columns)
    assert view.named
    assert_array_equal(view.player, [0, 2, 2, 3, 3, 1, 1, 1])  # age, income and its gaps, ...


def test_polars_frames_are_read() -> None:
    frame = pl.DataFrame(X, schema=list("abcd"))
    model = make_pipeline(StandardScaler(), lm.Ridge()).fit(frame, Y)

    assert agree(model, frame, model.predict(frame)).features == tuple("abcd")


def test_curves_of_single_columns_are_linear_in_what_they_are_made_into() -> None:
    model = make_pipeline(
        ColumnTransformer(
            [
                ("curve", SplineTransformer(n_knots=4), [0, 2]),
                ("steps", KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), [1]),
                ("powers", PolynomialFeatures(3), [3]),
            ]
        ),
        lm.Ridge(),
    ).fit(X, Y)

    view = agree(model, X, model.predict(X))

    assert_array_equal(np.bincount(view.player), [6, 3, 6, 4])


class Doubled(TransformerMixin, BaseEstimator):
    """A step of the user that may do anything."""

    def fit(self, X: Anything, y: object = None) -> "Doubled":  # noqa: ARG002  scikit-learn gives it
        """Learn nothing."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Anything) -> Anything:
        """Double."""
        return 2 * X


@pytest.mark.parametrize("step", [PolynomialFeatures(2), PCA(2), Doubled()], ids=repr)
def test_steps_that_mix_columns_are_refused(step: Anything) -> None:
    model = make_pipeline(step, lm.LinearRegression()).fit(X, Y)

    with pytest.raises(UnsupportedModelError, match=r"mixes columns.*KernelShap"):
        read_linear(model)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (RandomForestRegressor(2), r"RandomForestRegressor of sklearn.*KernelShap"),
        (svm.SVR(), "cannot be read as a linear model"),
        (MLPRegressor(max_iter=3), "cannot be read as a linear model"),
        (AdaBoostRegressor(n_estimators=2), "weighs the votes"),
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_other_models_are_refused(model: Anything, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        read_linear(model.fit(X, Y))


def test_votes_of_pairs_of_classes_are_refused() -> None:
    with pytest.raises(UnsupportedModelError, match=r"pair of classes vote.*'ovo'"):
        read_linear(svm.SVC(kernel="linear").fit(X, THREE))


def test_boosters_and_functions_are_refused() -> None:
    import xgboost

    linear = xgboost.XGBRegressor(booster="gblinear", n_estimators=3, n_jobs=1).fit(X, Y)
    for model in (linear, len):
        with pytest.raises(UnsupportedModelError, match="KernelShap"):
            read_linear(model)


@pytest.mark.parametrize("model", [lm.Ridge(), make_pipeline(StandardScaler(), lm.Ridge())])
def test_a_model_that_is_not_fitted_is_refused(model: Anything) -> None:
    with pytest.raises(InputError, match="not fitted"):
        read_linear(model)


def test_only_the_raw_output_is_a_sum() -> None:
    view = read_linear(lm.LogisticRegression(max_iter=2000).fit(X, THREE))

    assert view.explaining("raw") is view
    for output in ("probability", "log_loss"):
        with pytest.raises(InputError, match=rf"'{output}'.*log-odds.*KernelShap"):
            view.explaining(output)  # type: ignore[arg-type]


def test_rows_that_the_model_cannot_read_are_refused() -> None:
    view = read_linear(lm.Ridge().fit(FRAME[["age", "income"]].fillna(0.0), Y))
    pipeline = read_linear(
        make_pipeline(
            ColumnTransformer([("text", OneHotEncoder(), ["job"])]), lm.LinearRegression()
        ).fit(FRAME, Y)
    )

    with pytest.raises(InputError, match=r"missing in column 'income' \(\d+ in all\).*Imputer"):
        view.rows(table_of(FRAME[["age", "income"]]), None)
    with pytest.raises(InputError, match=r"background does not fit.*missing in column 'income'"):
        view.read(FRAME[["age", "income"]], what="background")
    with pytest.raises(InputError, match=r"model itself refuses these rows.*unknown categories"):
        pipeline.read(FRAME.assign(job="smith"), what="background")
    with pytest.raises(InputError, match="X lacks 'income'"):
        view.check(table_of(FRAME[["age", "city"]]))
    with pytest.raises(InputError, match="texts"):
        view.check(texts_of(["a film"]))


def test_a_model_that_was_changed_is_noticed() -> None:
    model = lm.LogisticRegression(max_iter=2000).fit(X, THREE)
    view = read_linear(model)
    model.coef_[0, 0] += 1e-6

    with pytest.raises(VerificationError, match=r"output '0'.*bind it again"):
        view.rows(table_of(X), None)


def test_a_model_with_other_outputs_is_noticed() -> None:
    model = lm.LogisticRegression(max_iter=2000).fit(X, THREE)
    view = read_linear(model)
    model.fit(X, THREE > 0)

    with pytest.raises(VerificationError, match="has 1 outputs and our reading of it 3"):
        view.rows(table_of(X), None)


def test_the_digest_is_that_of_what_was_learned() -> None:
    model = lm.Ridge().fit(X, Y)
    again, other = lm.Ridge().fit(X, Y), lm.Ridge(alpha=2).fit(X, Y)

    assert read_linear(model).digest() == read_linear(again).digest()
    assert read_linear(model).digest() != read_linear(other).digest()
    assert view_of(model, Linear).digest() == read_linear(model).digest()
