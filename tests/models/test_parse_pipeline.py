"""Pipelines in the user's columns: the pipeline's own output, and one owner per encoded column."""

import re
from typing import Any, TypeAlias

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn import ensemble, tree
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectFromModel, SelectKBest, VarianceThreshold, f_regression
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from reference.trees import predict as by_definition
from whence.core.errors import InputError, UnsupportedModelError
from whence.core.table import table_of
from whence.models.parse import read_trees
from whence.models.trees import Trees

Anything: TypeAlias = Any

RNG = np.random.default_rng(11)
ROWS = 150
JOBS = np.array(["baker", "clerk", "nurse", "pilot", "smith"])
FRAME = pd.DataFrame(
    {
        "age": RNG.integers(18, 80, size=ROWS).astype(float),
        "job": RNG.choice(JOBS, size=ROWS, p=[0.4, 0.3, 0.2, 0.06, 0.04]),
        "income": np.where(RNG.random(ROWS) < 0.2, np.nan, RNG.lognormal(size=ROWS)),
        "city": RNG.choice(["Oslo", "Rome"], size=ROWS),
        "unused": RNG.normal(size=ROWS),
    }
)
Y = (
    FRAME["age"] / 20
    + 2 * np.isin(FRAME["job"], ["clerk", "pilot"])
    + FRAME["income"].fillna(3)
    + (FRAME["city"] == "Rome") * FRAME["age"] / 40
).to_numpy()
FOREST = ensemble.RandomForestRegressor(5, max_depth=6, random_state=0)
NUMBERS = ["age", "income"]
WORDS = ["job", "city"]


def agree(pipeline: Anything, rows: object, tolerance: float = 1e-9) -> Trees:
    """Check the reading against the pipeline itself; return it."""
    view = read_trees(pipeline)
    table = table_of(rows)
    ours = by_definition(view.nodes, view.encode(table))
    np.testing.assert_allclose(ours, view.predict(table), rtol=0, atol=tolerance)
    if view.link == "identity" and view.unit == "target":
        said = np.asarray(pipeline.predict(rows)).reshape(ours.shape)
        np.testing.assert_allclose(ours, said, rtol=0, atol=tolerance)
    assert view.nodes.players == len(view.features)
    return view


def owned(view: Trees, rows: Anything, other: Anything) -> None:
    """Mix columns of two rows and encode, or encode and mix players: it must be the same.

    This is what makes an explanation of the user's columns exact.
    """
    one, two = view.encode(table_of(rows)), view.encode(table_of(other))
    n = len(view.features)
    for known in np.vstack([np.eye(n, dtype=bool), RNG.random((4, n)) < 0.5]):
        if isinstance(rows, pd.DataFrame):
            parts = [(rows if known[j] else other).iloc[:, j].to_numpy() for j in range(n)]
            mixed = rows.assign(**dict(zip(rows.columns, parts, strict=True)))
            mixed = mixed.astype(rows.dtypes.to_dict())
        else:
            mixed = np.where(known, rows, other)
        expected = np.where(known[view.nodes.player], one, two)
        np.testing.assert_allclose(view.encode(table_of(mixed)), expected, rtol=0, atol=1e-12)


def check(pipeline: Anything, rows: Anything = FRAME, tolerance: float = 1e-9) -> Trees:
    """Fit, compare with the pipeline itself, and test who owns what."""
    pipeline.fit(rows, Y)
    view = agree(pipeline, rows, tolerance)
    turned = rows.iloc[::-1] if isinstance(rows, pd.DataFrame) else rows[::-1]
    owned(view, rows, turned)
    return view


def by_column(*parts: Anything, **settings: Anything) -> ColumnTransformer:
    return ColumnTransformer(list(parts), **settings)


def test_one_hot_columns_of_text_are_one_player() -> None:
    encode = by_column(
        ("words", OneHotEncoder(), WORDS), ("numbers", "passthrough", ["income", "age"])
    )
    view = check(make_pipeline(encode, FOREST))
    assert view.features == ("age", "job", "income", "city", "unused")
    assert view.named
    assert view.nodes.player.tolist() == [1, 1, 1, 1, 1, 3, 3, 2, 0]
    assert view.library == "sklearn"


def described(step: object) -> str:
    """Name a case the same in every process: no addresses."""
    return re.sub(r" at 0x\w+>|<function |\s+", " ", repr(step))


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(drop="first", sparse_output=False),
        OneHotEncoder(drop="if_binary"),
        OneHotEncoder(min_frequency=0.1, handle_unknown="infrequent_if_exist"),
        OneHotEncoder(max_categories=3, drop=["baker", "Oslo"]),
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        OrdinalEncoder(min_frequency=20),
        TargetEncoder(cv=KFold(2)),
        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()),
    ],
    ids=described,
)
@pytest.mark.parametrize("remainder", ["drop", "passthrough"])
def test_encoders_of_categories(encoder: Anything, remainder: str) -> None:
    check(make_pipeline(by_column(("words", encoder, WORDS), remainder=remainder), FOREST))


@pytest.mark.parametrize(
    "step",
    [
        StandardScaler(),
        MinMaxScaler(),
        RobustScaler(),
        PowerTransformer(),
        QuantileTransformer(n_quantiles=20),
        SimpleImputer(add_indicator=True),
        SimpleImputer(strategy="constant", fill_value=-1.0),
        make_pipeline(SimpleImputer(), StandardScaler(), "passthrough", KBinsDiscretizer(4)),
        make_pipeline(SimpleImputer(), KBinsDiscretizer(4, encode="ordinal")),
        make_pipeline(SimpleImputer(), SplineTransformer(n_knots=3)),
        make_pipeline(SimpleImputer(), SelectKBest(f_regression, k=1)),
        FunctionTransformer(np.log1p),
        FunctionTransformer(lambda X: X * 2, feature_names_out="one-to-one"),
        FunctionTransformer(),
        MissingIndicator(),
        FeatureUnion([("raw", "passthrough"), ("gaps", MissingIndicator()), ("no", "drop")]),
        VarianceThreshold(),
        SelectFromModel(tree.DecisionTreeRegressor(), max_features=1),
    ],
    ids=described,
)
def test_steps_on_numbers(step: Anything) -> None:
    encode = by_column(("numbers", step, NUMBERS), ("word", OneHotEncoder(), ["job"]))
    check(make_pipeline(encode, FOREST))


def test_an_empty_column_is_dropped_by_the_imputer() -> None:
    rows = FRAME[NUMBERS].to_numpy().copy()
    rows = np.column_stack([np.full(ROWS, np.nan), rows])
    pipe = make_pipeline(SimpleImputer(keep_empty_features=False), FOREST)
    with pytest.warns(UserWarning, match="without any observed values"):
        pipe.fit(rows, Y)
    view = read_trees(pipe)
    assert view.nodes.player.tolist() == [1, 2]
    assert view.features == ("x0", "x1", "x2")
    assert not view.named


def test_columns_by_mask_slice_callable_and_position() -> None:
    for numbers in ([0, 2], slice(0, 1), [True, False, True, False, False], [-5, -3],
                    make_column_selector(dtype_include=float), slice("age", "age")):  # fmt: skip
        encode = by_column(("numbers", SimpleImputer(), numbers), ("job", OneHotEncoder(), ["job"]))
        check(make_pipeline(encode, FOREST))


def test_an_array_without_names() -> None:
    rows = FRAME[NUMBERS].to_numpy()
    view = check(make_pipeline(SimpleImputer(), StandardScaler(), FOREST), rows)
    assert (view.features, view.named) == (("x0", "x1"), False)
    words = FRAME[WORDS].to_numpy().astype(object)
    view = check(make_pipeline(OneHotEncoder(), FOREST), words)
    assert view.nodes.player.tolist() == [0, 0, 0, 0, 0, 1, 1]


def test_text_and_unknown_steps_on_a_single_column() -> None:
    class Powers(TransformerMixin, BaseEstimator):
        """A user's own transformer: it mixes all it is given."""

        def fit(self, X: Anything, _y: Anything = None) -> "Powers":
            """Remember the number of columns."""
            self.n_features_in_ = X.shape[1]
            return self

        def transform(self, X: Anything) -> Anything:
            """Mix all columns."""
            total = np.asarray(X, dtype=float).sum(axis=1)
            return np.column_stack([total, total**2, total**3])

    encode = by_column(
        ("text", CountVectorizer(), "job"),
        ("age", Powers(), ["age"]),
        ("city", make_pipeline(OneHotEncoder(sparse_output=False), PCA(1)), ["city"]),
    )
    view = check(make_pipeline(encode, FOREST))
    assert view.nodes.player.tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 3]
    with pytest.raises(UnsupportedModelError, match=r"'powers' \(Powers\)"):
        read_trees(make_pipeline(Powers(), FOREST).fit(FRAME[["age", "unused"]], Y))


class Shares(StandardScaler):
    """A user's own transform, which mixes columns although its parent does not."""

    def transform(self, X: Anything, copy: Anything = None) -> Anything:
        """Divide each row by its sum."""
        X = super().transform(X, copy)
        return X / (1 + np.abs(X).sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    "step",
    [
        Shares(),
        PCA(2),
        PolynomialFeatures(2),
        Normalizer(),
        KNNImputer(),
        FunctionTransformer(lambda X: X[:, ::-1]),
        FunctionTransformer(lambda X: np.column_stack([X, X]), feature_names_out="one-to-one"),
        FeatureUnion([("raw", "passthrough"), ("pca", PCA(1))]),
    ],
    ids=lambda step: type(step).__name__,
)
def test_a_step_that_mixes_columns_is_refused_by_name(step: Anything) -> None:
    rows = FRAME[["age", "unused"]].to_numpy()
    pipe = Pipeline([("first", StandardScaler()), ("blend", step), ("model", FOREST)]).fit(rows, Y)
    name = r"'pca' \(PCA\)" if isinstance(step, FeatureUnion) else f"'blend' .{type(step).__name__}"
    with pytest.raises(UnsupportedModelError, match=name) as raised:
        read_trees(pipe)
    assert "KernelShap" in str(raised.value)
    assert "one-to-one" in str(raised.value) or not isinstance(step, FunctionTransformer)


def encoded() -> ColumnTransformer:
    return by_column(
        ("words", OneHotEncoder(handle_unknown="ignore"), WORDS),
        ("numbers", "passthrough", NUMBERS),
    )


@pytest.mark.parametrize(
    "model",
    [
        xgboost.XGBRegressor(n_estimators=5, max_depth=4, n_jobs=1),
        lightgbm.LGBMRegressor(n_estimators=5, min_child_samples=5, verbose=-1, n_jobs=1),
        catboost.CatBoostRegressor(iterations=5, depth=3, verbose=0, allow_writing_files=False,
                                   thread_count=1),
        ensemble.GradientBoostingRegressor(n_estimators=5),
        ensemble.HistGradientBoostingRegressor(max_iter=5),
    ],
    ids=lambda model: type(model).__name__,
)  # fmt: skip
@pytest.mark.parametrize("sparse", [False, True])
def test_models_of_every_library(model: Anything, sparse: bool) -> None:
    kind = type(model).__name__
    refuses_sparse = kind.startswith("Hist")
    encode = encoded().set_params(sparse_threshold=1.0 if sparse and not refuses_sparse else 0.0)
    encode.set_params(numbers=SimpleImputer() if kind.startswith("Gradient") else "passthrough")
    view = check(make_pipeline(encode, model), tolerance=1e-5)
    assert view.library == type(model).__module__.partition(".")[0]


def test_data_frames_between_the_steps() -> None:
    encode = encoded().set_params(sparse_threshold=0.0, words__sparse_output=False)
    encode.set_output(transform="pandas")
    view = check(make_pipeline(encode, FOREST))
    assert view.features[0] == "age"
    categories = FRAME.astype({"job": "category", "city": "category"})
    model = ensemble.HistGradientBoostingRegressor(max_iter=5, categorical_features="from_dtype")
    numbers = by_column(("scale", StandardScaler(), NUMBERS), remainder="passthrough")
    view = check(make_pipeline(numbers.set_output(transform="pandas"), model), categories)
    assert (np.diff(view.nodes.category_start) > 0).any()


def test_classes_unseen_categories_and_a_table_from_a_file() -> None:
    model = ensemble.RandomForestClassifier(4, max_depth=5, random_state=0)
    pipe = make_pipeline(encoded(), model).fit(FRAME, np.digitize(Y, [4, 7]))
    view = agree(pipe, FRAME)
    np.testing.assert_array_equal(view.predict(table_of(FRAME)), pipe.predict_proba(FRAME))
    odd = FRAME.assign(job="astronaut")
    agree(pipe, odd)
    table = table_of(FRAME)
    np.testing.assert_array_equal(view.encode(table), view.encode(table.detached()))
    np.testing.assert_array_equal(view.predict(table), view.predict(table.detached()))


def test_pipelines_in_pipelines_and_searches() -> None:
    inner = make_pipeline(StandardScaler(with_mean=False), FOREST)
    view = check(make_pipeline(encoded(), inner))
    assert view.nodes.player.tolist() == [1, 1, 1, 1, 1, 3, 3, 0, 2]
    search = GridSearchCV(
        make_pipeline(encoded(), FOREST), {"randomforestregressor__max_depth": [2]}, cv=2
    )
    assert check(search).nodes.players == 5
    multi = by_column(("words", TargetEncoder(cv=KFold(2)), WORDS))
    pipe = make_pipeline(multi, tree.DecisionTreeClassifier()).fit(FRAME, np.digitize(Y, [4, 7]))
    view = agree(pipe, FRAME)
    assert view.nodes.player.tolist() == [1, 1, 1, 3, 3, 3]
    owned(view, FRAME, FRAME.iloc[::-1])


def test_a_pipeline_of_a_model_alone() -> None:
    rows = FRAME[["age", "unused"]]
    assert check(Pipeline([("model", FOREST)]), rows).features == ("age", "unused")
    assert check(make_pipeline("passthrough", FOREST), rows).features == ("age", "unused")


def test_wrong_tables_and_unfitted_pipelines() -> None:
    pipe = make_pipeline(encoded(), ensemble.RandomForestRegressor(2))
    with pytest.raises(InputError, match="not fitted"):
        read_trees(pipe)
    view = read_trees(pipe.fit(FRAME, Y))
    with pytest.raises(InputError, match="4 columns"):
        view.encode(table_of(FRAME.iloc[:, :4]))
    with pytest.raises(UnsupportedModelError, match="StandardScaler"):
        read_trees(make_pipeline(SimpleImputer(), StandardScaler()).fit(FRAME[NUMBERS], Y))
