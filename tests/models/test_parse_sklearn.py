"""Trees of scikit-learn, read right: the definition on our nodes says what the model says."""

import pickle
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn import ensemble, tree
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multioutput import MultiOutputRegressor

from reference.trees import predict as by_definition
from whence.core.errors import InputError, UnsupportedModelError
from whence.core.table import Table, table_of
from whence.core.types import Floats
from whence.models.parse import read_trees
from whence.models.parse.sklearn import float32_rule
from whence.models.trees import Trees

Anything: TypeAlias = Any

RNG = np.random.default_rng(7)
X = RNG.normal(size=(160, 4))
X[:, 3] = RNG.integers(0, 3, size=160)
Y = X[:, 0] * 2 + np.abs(X[:, 1]) + X[:, 3]
TWO = np.median(Y) < Y
THREE = np.digitize(Y, np.quantile(Y, [0.3, 0.6])) * 10
HOLES = np.where(RNG.random(X.shape) < 0.15, np.nan, X)


def agree(model: object, rows: object, atol: float = 1e-9) -> Trees:
    """Check the reading against the model itself; return it."""
    view = read_trees(model)
    table = table_of(rows)
    ours = by_definition(view.nodes, view.encode(table))
    theirs = view.predict(table)
    assert theirs.shape == (len(table), len(view.outputs))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)
    assert view.nodes.players == len(view.features)
    return view


def at_thresholds(view: Trees, rows: Floats) -> Floats:
    """Return rows with cells at, just above and just below thresholds of the model."""
    out = np.tile(rows[:40], (3, 1))
    split = view.nodes.feature >= 0
    cuts, columns = view.nodes.threshold[split], view.nodes.feature[split]
    finite = np.isfinite(cuts)
    for i in range(len(out)):
        for v in RNG.choice(np.flatnonzero(finite), size=3):
            near = (cuts[v], np.nextafter(cuts[v], np.inf), np.nextafter(cuts[v], -np.inf))
            out[i, columns[v]] = near[i % 3]
    return out


REGRESSORS = [
    tree.DecisionTreeRegressor(max_depth=5, random_state=0),
    tree.DecisionTreeRegressor(max_depth=1, min_samples_leaf=200),
    tree.ExtraTreeRegressor(random_state=0, max_depth=5),
    ensemble.RandomForestRegressor(7, max_depth=5, random_state=0),
    ensemble.ExtraTreesRegressor(7, max_depth=5, random_state=0),
    ensemble.GradientBoostingRegressor(n_estimators=9, random_state=0),
    ensemble.GradientBoostingRegressor(n_estimators=9, loss="huber", subsample=0.5, random_state=0),
    ensemble.GradientBoostingRegressor(n_estimators=9, loss="quantile", alpha=0.8),
    ensemble.GradientBoostingRegressor(n_estimators=9, init="zero", learning_rate=0.3),
    ensemble.HistGradientBoostingRegressor(max_iter=9, min_samples_leaf=5),
    ensemble.HistGradientBoostingRegressor(max_iter=9, loss="absolute_error"),
]
CLASSIFIERS = [
    tree.DecisionTreeClassifier(max_depth=5, random_state=0),
    tree.ExtraTreeClassifier(random_state=0, max_depth=5),
    ensemble.RandomForestClassifier(7, max_depth=5, random_state=0, class_weight="balanced"),
    ensemble.ExtraTreesClassifier(7, max_depth=5, random_state=0),
]
BOOSTERS = [
    ensemble.GradientBoostingClassifier(n_estimators=9, random_state=0),
    ensemble.GradientBoostingClassifier(n_estimators=9, init="zero"),
    ensemble.HistGradientBoostingClassifier(max_iter=9, min_samples_leaf=5),
]


@pytest.mark.parametrize("model", REGRESSORS, ids=str)
def test_regressors(model: Anything) -> None:
    view = agree(model.fit(X, Y), X)
    assert (view.outputs, view.link, view.library, view.named) == (
        ("y",),
        "identity",
        "sklearn",
        False,
    )
    assert view.features == ("x0", "x1", "x2", "x3")
    np.testing.assert_allclose(view.predict(table_of(X))[:, 0], model.predict(X), atol=1e-12)
    if (view.nodes.feature >= 0).any():
        agree(model, at_thresholds(view, X))


@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
def test_a_forest_says_probabilities(model: Anything) -> None:
    view = agree(model.fit(X, TWO), X)
    assert (view.outputs, view.link, view.unit) == (("True",), "identity", "probability")
    np.testing.assert_array_equal(view.predict(table_of(X))[:, 0], model.predict_proba(X)[:, 1])
    view = agree(model.fit(X, THREE), X)
    assert view.outputs == ("0", "10", "20")
    np.testing.assert_array_equal(view.predict(table_of(X)), model.predict_proba(X))
    agree(model, at_thresholds(view, X))


@pytest.mark.parametrize("model", BOOSTERS, ids=str)
def test_boosting_says_log_odds(model: Anything) -> None:
    view = agree(model.fit(X, TWO), X)
    assert (view.outputs, view.link, view.unit) == (("True",), "logistic", "log-odds")
    probability = expit(view.predict(table_of(X))[:, 0])
    np.testing.assert_allclose(probability, model.predict_proba(X)[:, 1], atol=1e-12)
    view = agree(model.fit(X, THREE), X)
    assert (view.outputs, view.link) == (("0", "10", "20"), "softmax")
    probabilities = softmax(view.predict(table_of(X)), axis=1)
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-12)
    agree(model, at_thresholds(view, X))


def test_the_exponential_loss_is_brought_to_log_odds() -> None:
    model = ensemble.GradientBoostingClassifier(n_estimators=9, loss="exponential").fit(X, TWO)
    view = agree(model, X)
    assert view.link == "logistic"
    probability = expit(view.predict(table_of(X))[:, 0])
    np.testing.assert_allclose(probability, model.predict_proba(X)[:, 1], atol=1e-12)


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_a_log_link_is_undone_by_exp(loss: str) -> None:
    model = ensemble.HistGradientBoostingRegressor(loss=loss, max_iter=9).fit(X, np.exp(X[:, 0]))
    view = agree(model, X)
    assert view.link == "exp"
    np.testing.assert_allclose(
        np.exp(view.predict(table_of(X))[:, 0]), model.predict(X), rtol=1e-12
    )


def test_regression_of_several_targets() -> None:
    targets = np.column_stack([Y, -Y, X[:, 2]])
    model = ensemble.RandomForestRegressor(5, max_depth=4, random_state=0).fit(X, targets)
    assert agree(model, X).outputs == ("y0", "y1", "y2")


def test_one_class_only() -> None:
    view = agree(tree.DecisionTreeClassifier().fit(X, np.ones(160)), X)
    np.testing.assert_array_equal(view.predict(table_of(X)), 1.0)


@pytest.mark.parametrize(
    "model",
    [
        tree.DecisionTreeRegressor(max_depth=6, random_state=0),
        ensemble.RandomForestRegressor(7, max_depth=6, random_state=0),
        ensemble.ExtraTreesRegressor(7, max_depth=6, random_state=0),
        ensemble.HistGradientBoostingRegressor(max_iter=9, min_samples_leaf=5),
    ],
    ids=str,
)
def test_missing_values(model: Anything) -> None:
    y = Y + 3 * np.isnan(HOLES[:, 1])
    view = agree(model.fit(HOLES, y), HOLES)
    agree(model, at_thresholds(view, HOLES))
    agree(model.fit(np.where(np.isnan(HOLES), np.nan, 0.0), y), HOLES)  # splits on "missing" alone


@given(st.floats(-1e30, 1e30, allow_nan=False), st.integers(-3, 3))
def test_a_float64_threshold_on_float32_numbers(threshold: float, steps: int) -> None:
    rule = float(float32_rule(threshold))
    x = threshold
    for _ in range(abs(steps)):
        x = float(np.nextafter(x, np.inf if steps > 0 else -np.inf))
    for number in (x, rule, np.nextafter(rule, np.inf), np.nextafter(rule, -np.inf)):
        assert (float(np.float32(number)) <= threshold) == (number <= rule)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.floats(-4, 4, width=32, allow_subnormal=False), min_size=6, max_size=20, unique=True
    ),
    st.integers(0, 2**32 - 1),
)
def test_ties_in_float32(values: list[float], seed: int) -> None:
    """Midpoints of neighbors in float32, which rounding decides, and the float64s next to them."""
    rng = np.random.default_rng(seed)
    model = tree.DecisionTreeRegressor().fit(
        np.array(values)[:, None], rng.normal(size=len(values))
    )
    split = model.tree_.children_left >= 0
    cuts = model.tree_.threshold[split].astype(np.float32)
    around = [np.nextafter(cuts, np.float32(s)).astype(np.float64) for s in (-np.inf, np.inf)]
    middle = [(cuts + other) / 2 for other in around]
    cells = [cuts, *around, *middle]
    rows = np.concatenate([*cells, *(np.nextafter(c, s) for c in middle for s in (-9, 9))])
    agree(model, rows[:, None].astype(np.float64), atol=0.0)


@pytest.mark.parametrize("max_features", [1.0, 0.5])
@pytest.mark.parametrize("bootstrap", [False, True])
def test_isolation_forest(max_features: float, bootstrap: bool) -> None:
    model = ensemble.IsolationForest(
        n_estimators=12,
        max_features=max_features,
        max_samples=60,
        bootstrap=bootstrap,
        random_state=1,
    ).fit(X)
    view = agree(model, X)
    assert (view.outputs, view.unit, view.link) == (("path length",), "path length", "identity")
    c = 2 * (np.log(59) + np.euler_gamma) - 2 * 59 / 60
    raw = by_definition(view.nodes, view.encode(table_of(X)))[:, 0]
    np.testing.assert_allclose(-(2.0 ** (-raw / c)), model.score_samples(X), atol=1e-12)
    agree(model, at_thresholds(view, X))
    agree(model.fit(HOLES), HOLES)


def test_an_isolation_forest_of_one_row() -> None:
    agree(ensemble.IsolationForest(n_estimators=3).fit(X[:1]), X)


def test_cover_is_the_training_weight() -> None:
    weight = RNG.random(160)
    model = tree.DecisionTreeRegressor(max_depth=3).fit(X, Y, sample_weight=weight)
    assert read_trees(model).nodes.cover[0] == pytest.approx(weight.sum())
    hist = ensemble.HistGradientBoostingRegressor(max_iter=2).fit(X, Y)
    nodes = read_trees(hist).nodes
    assert nodes.cover[nodes.start[:-1]].tolist() == [160, 160]
    inner = nodes.feature >= 0
    children = nodes.cover[nodes.left[inner]] + nodes.cover[nodes.right[inner]]
    np.testing.assert_array_equal(children, nodes.cover[inner])


# --- categories -------------------------------------------------------------------------------

CODES = RNG.integers(0, 60, size=600)
EFFECT = RNG.normal(size=60)
AMOUNT = RNG.normal(size=600)
TARGET = EFFECT[CODES] + 0.3 * AMOUNT + 0.1 * RNG.normal(size=600)
SHOPS = np.array([f"shop {c}" for c in CODES], dtype=object)
SHOPS[::17] = None


def hist(**settings: Anything) -> ensemble.HistGradientBoostingRegressor:
    return ensemble.HistGradientBoostingRegressor(
        max_iter=12, min_samples_leaf=3, random_state=0, **settings
    )


def shops(dtype: str = "category") -> pd.DataFrame:
    frame = pd.DataFrame({"amount": AMOUNT, "shop": SHOPS, "kind": np.where(AMOUNT > 0, "b", "a")})
    return frame.astype({"shop": dtype, "kind": dtype})


@pytest.mark.parametrize("by", [[1], [False, True, False], "mask"])
def test_categories_by_index_and_mask_of_an_array(by: Anything) -> None:
    by = np.array([False, True, False]) if isinstance(by, str) else by
    rows = np.column_stack([AMOUNT, np.where(CODES % 17 == 3, np.nan, CODES), AMOUNT**2])
    model = hist(categorical_features=by).fit(rows[:500], TARGET[:500])
    view = agree(model, rows)
    assert view.nodes.player.tolist() == [1, 0, 2]
    assert len(view.nodes.category_words) > 0
    assert int(np.diff(view.nodes.category_start).max()) == 1
    unseen = rows.copy()
    unseen[::2, 1] = RNG.choice([-1.0, 61.0, 300.0, 2.5], size=300)
    agree(model, unseen)


@pytest.mark.parametrize("by", ["from_dtype", ["shop", "kind"], [1, 2]])
def test_categories_of_a_frame(by: Anything) -> None:
    frame = shops()
    model = hist(categorical_features=by).fit(frame, TARGET)
    view = agree(model, frame)
    assert (view.features, view.named) == (("amount", "shop", "kind"), True)
    assert view.nodes.player.tolist() == [1, 2, 0]
    agree(model, frame.iloc[5:40])
    other = pd.DataFrame({"amount": [0.5, 0.5, 0.5], "shop": ["shop 3", "never seen", None],
                          "kind": ["b", "a", "b"]})  # fmt: skip
    agree(model, other)
    agree(model, other.astype({"shop": "category", "kind": "category"}))


def test_categories_as_plain_text() -> None:
    frame = shops("object")
    agree(hist(categorical_features=["shop", "kind"]).fit(frame, TARGET), frame)


def test_categories_in_polars() -> None:
    polars = pl.DataFrame({"shop": SHOPS.tolist(), "amount": AMOUNT})
    polars = polars.with_columns(pl.col("shop").cast(pl.Categorical))
    agree(hist(categorical_features="from_dtype").fit(polars, TARGET), polars)


def test_numbers_as_categories_in_a_frame() -> None:
    frame = pd.DataFrame({"code": pd.Categorical(CODES * 10 - 7), "amount": AMOUNT})
    agree(hist(categorical_features="from_dtype").fit(frame, TARGET), frame)
    flags = pd.DataFrame({"flag": AMOUNT > 0, "amount": AMOUNT**2})
    agree(hist(categorical_features=["flag"]).fit(flags, TARGET), flags)


def test_two_hundred_and_fifty_categories_and_three_classes() -> None:
    codes = RNG.integers(0, 250, size=900)
    rows = np.column_stack([codes, RNG.normal(size=900)]).astype(float)
    y = (np.sin(codes * 7.0) > 0).astype(int) + (rows[:, 1] > 0)
    model = ensemble.HistGradientBoostingClassifier(
        max_iter=5, categorical_features=[0], min_samples_leaf=2
    ).fit(rows, y)
    view = agree(model, rows[:200])
    assert view.nodes.outputs == 3
    assert set(view.nodes.target.tolist()) == {0, 1, 2}


def test_a_table_without_the_users_object() -> None:
    frame = shops()
    for model, rows in [
        (hist(categorical_features="from_dtype").fit(frame, TARGET), frame),
        (tree.DecisionTreeRegressor(max_depth=4).fit(frame[["amount"]], TARGET), frame[["amount"]]),
        (tree.DecisionTreeRegressor(max_depth=4).fit(X, Y), X),
    ]:
        view, table = read_trees(model), table_of(rows)
        loaded = table.detached()
        np.testing.assert_array_equal(view.predict(table), view.predict(loaded))
        np.testing.assert_array_equal(view.encode(table), view.encode(loaded))


# --- names and tables --------------------------------------------------------------------------


def test_names_follow_the_frame_and_the_frame_is_what_the_model_is_asked_with() -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = ensemble.RandomForestRegressor(4, max_depth=3, random_state=0).fit(frame, Y)
    view = agree(model, frame)
    assert (view.features, view.named) == (("a", "b", "c", "d"), True)
    agree(model, X)  # an array, asked by position and without a warning
    agree(model, pl.DataFrame(frame.to_dict("list")))
    with pytest.raises(InputError, match="'b' where the model expects 'a'"):
        view.encode(table_of(frame[["b", "a", "c", "d"]]))
    with pytest.raises(InputError, match="3 columns"):
        view.predict(table_of(X[:, :3]))
    unnamed = ensemble.RandomForestRegressor(4, max_depth=3, random_state=0).fit(X, Y)
    agree(unnamed, frame)


def test_categories_of_numbers_are_read_as_numbers() -> None:
    frame = pd.DataFrame({"a": X[:, 0], "d": pd.Categorical(X[:, 3] * 100)})
    agree(tree.DecisionTreeRegressor().fit(frame, Y), frame)
    model = tree.DecisionTreeRegressor().fit(X[:, :1], Y)
    words = Table(names=("x0",), numbers=np.zeros((1, 1)), levels=(("blue",),), named=False)
    with pytest.raises(InputError, match="'blue'"):
        read_trees(model).encode(words)


def test_a_view_can_be_pickled() -> None:
    view = read_trees(hist(categorical_features=[0]).fit(np.c_[CODES, AMOUNT], TARGET))
    again = pickle.loads(pickle.dumps(view))  # noqa: S301  our own bytes
    table = table_of(np.c_[CODES, AMOUNT])
    np.testing.assert_array_equal(again.predict(table), view.predict(table))
    assert again.nodes.digest() == view.nodes.digest()


# --- what stands for another model, and what is refused -----------------------------------------


def test_a_search_stands_for_its_best_model() -> None:
    grid = GridSearchCV(tree.DecisionTreeRegressor(), {"max_depth": [2, 3]}, cv=2).fit(X, Y)
    agree(grid, X)
    draw = RandomizedSearchCV(
        tree.DecisionTreeRegressor(), {"max_depth": [2, 3]}, n_iter=1, cv=2, random_state=0
    )
    with pytest.raises(InputError, match="best_estimator_"):
        read_trees(draw)
    agree(draw.fit(X, Y), X)


def test_a_subclass_is_read_as_its_parent() -> None:
    class Mine(ensemble.RandomForestClassifier):
        """A user's own class."""

    agree(Mine(3, max_depth=3, random_state=0).fit(X, TWO), X)


@pytest.mark.parametrize("model", [*REGRESSORS, *BOOSTERS, ensemble.IsolationForest()], ids=str)
def test_a_model_must_be_fitted(model: Anything) -> None:
    with pytest.raises(InputError, match=r"not fitted.*fit\(X, y\)"):
        read_trees(type(model)())


@pytest.mark.parametrize(
    "model",
    [
        ensemble.AdaBoostClassifier(n_estimators=2),
        ensemble.BaggingRegressor(n_estimators=2),
        ensemble.VotingRegressor([("a", tree.DecisionTreeRegressor())]),
        ensemble.StackingRegressor([("a", tree.DecisionTreeRegressor())], cv=2),
        CalibratedClassifierCV(tree.DecisionTreeClassifier(), cv=2),
        MultiOutputRegressor(tree.DecisionTreeRegressor()),
        LinearRegression(),
        print,
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_is_no_sum_of_leaves_is_refused_by_name(model: Anything) -> None:
    with pytest.raises(UnsupportedModelError, match=type(model).__name__) as raised:
        read_trees(model)
    assert "random forests" in str(raised.value)
    assert "KernelShap" in str(raised.value)


def test_boosting_on_top_of_another_model_is_refused() -> None:
    model = ensemble.GradientBoostingRegressor(n_estimators=2, init=LinearRegression()).fit(X, Y)
    with pytest.raises(UnsupportedModelError, match="init=LinearRegression"):
        read_trees(model)


def test_several_labels_at_once_are_refused() -> None:
    model = tree.DecisionTreeClassifier().fit(X, np.column_stack([TWO, THREE]))
    with pytest.raises(UnsupportedModelError, match="2 labels at once"):
        read_trees(model)
