"""What is read from a LightGBM model says the same as the model, at every kind of number."""

import pickle
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.trees import goes_left, predict
from whence.core.errors import InputError, UnsupportedModelError
from whence.core.table import Table, table_of
from whence.core.types import Floats
from whence.models.parse.lightgbm import parse
from whence.models.trees import Nodes, Trees

SMALL = {
    "n_estimators": 7,
    "num_leaves": 8,
    "min_child_samples": 3,
    "verbose": -1,
    "n_jobs": 1,
    "random_state": 0,
    "deterministic": True,
}
CATEGORIES = {"min_data_per_group": 1, "cat_smooth": 0.0, "cat_l2": 0.0, "max_cat_to_onehot": 1}


def numbers(rows: int = 200, *, seed: int = 0, missing: float = 0.2, zeros: float = 0.2) -> Floats:
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(rows, 4)), 1)
    X[rng.random(X.shape) < zeros] = 0.0
    X[rng.random(X.shape) < missing] = np.nan
    X[:, 3] = rng.integers(0, 2, rows)  # a column that never misses
    return X


def signal(X: Floats) -> Floats:
    filled = np.nan_to_num(X, nan=1.5)
    return filled[:, 0] - 2 * (X[:, 1] == 0) + np.isnan(X[:, 2]) + filled[:, 3] * filled[:, 1]


def probes(nodes: Nodes, X: Floats) -> Floats:
    """Return rows at, just below and just above the thresholds, and all odd numbers."""
    split = np.unique(nodes.threshold[nodes.feature >= 0])[:40]
    odd = [0.0, -0.0, 1e-35, -1e-35, 1e-36, -1e-36, 2e-35, -2e-35, float(np.float32(1e-35))]
    odd += [np.nan, np.inf, -np.inf, 1e300, -1e300, 7.0]
    values = np.concatenate([split, np.nextafter(split, np.inf), np.nextafter(split, -np.inf), odd])
    rng = np.random.default_rng(1)
    return rng.choice(values, size=(150, X.shape[1]))


def check(model: object, X: object, trees: Trees | None = None) -> Trees:
    """Compare with the model's own raw output; the covers must add up."""
    trees = trees or parse(model)
    table = table_of(X)
    said = trees.predict(table)
    ours = predict(trees.nodes, trees.encode(table))
    np.testing.assert_allclose(ours, said, rtol=1e-9, atol=1e-9)
    nodes = trees.nodes
    split = nodes.feature >= 0
    children = nodes.cover[nodes.left[split]] + nodes.cover[nodes.right[split]]
    np.testing.assert_array_equal(nodes.cover[split], children)
    return trees


def expected(nodes: Nodes) -> Floats:
    """Return the mean output over the training rows, from values and covers alone."""
    out = np.array(nodes.base)
    for t in range(nodes.trees):
        span = slice(int(nodes.start[t]), int(nodes.start[t + 1]))
        leaf = nodes.feature[span] < 0
        cover = nodes.cover[span] * leaf
        out[nodes.target[t]] += cover @ nodes.value[span, 0] / cover.sum()
    return out


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"zero_as_missing": True},
        {"use_missing": False},
        {"boosting_type": "dart", "drop_rate": 0.5},
        {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
        {"data_sample_strategy": "goss"},
        {"extra_trees": True, "path_smooth": 1.0},
        {"max_bin": 5},
        {"objective": "huber"},
        {"objective": "regression_l1"},
        {"reg_sqrt": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_numbers_thresholds_zeros_and_missing_values(
    setting: dict[str, object], missing: float
) -> None:
    X = numbers(missing=missing)
    model = lgb.LGBMRegressor(**SMALL | setting).fit(X, signal(X))
    trees = check(model, X)
    check(model, probes(trees.nodes, X), trees)
    contributions = model.booster_.predict(X[:2], pred_contrib=True)
    mean = expected(trees.nodes)
    if setting.get("boosting_type") == "rf":  # the library's own contributions are of the sum
        mean = mean * SMALL["n_estimators"]
    np.testing.assert_allclose(contributions[:, -1], mean[0], rtol=1e-9)


def test_zero_counts_as_missing_only_where_the_model_says_so() -> None:
    X = numbers()
    for zero in (True, False):
        model = lgb.LGBMRegressor(**SMALL, zero_as_missing=zero).fit(X, signal(X))
        nodes = parse(model).nodes
        assert nodes.zero_missing[nodes.feature >= 0].any() == zero
        assert not nodes.zero_missing[nodes.feature < 0].any()


def test_where_nothing_was_missing_in_training_a_missing_value_is_read_as_zero() -> None:
    X = numbers(missing=0.0)
    nodes = parse(lgb.LGBMRegressor(**SMALL).fit(X, signal(X))).nodes
    for v in np.nonzero(nodes.feature >= 0)[0].tolist():
        assert goes_left(nodes, v, np.full(4, np.nan)) == goes_left(nodes, v, np.zeros(4))


@pytest.mark.parametrize("objective", ["multiclass", "multiclassova"])
@pytest.mark.parametrize("boosting", ["gbdt", "rf"])
def test_each_class_has_its_trees(objective: str, boosting: str) -> None:
    X = numbers()
    label = np.array(["ash", "elm", "oak"])[np.digitize(signal(X), [-0.5, 1.0])]
    settings = {"objective": objective, "boosting_type": boosting}
    bagging = {"bagging_freq": 1, "bagging_fraction": 0.6}
    model = lgb.LGBMClassifier(**SMALL | settings | bagging).fit(X, label)
    trees = check(model, X)
    assert trees.outputs == ("ash", "elm", "oak")
    raw = trees.predict(table_of(X))
    response = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    if objective == "multiclassova":
        response = 1 / (1 + np.exp(-raw))
    assert trees.link == ("softmax" if objective == "multiclass" else "logistic")
    np.testing.assert_allclose(response, model.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("boosting", ["gbdt", "rf"])
@pytest.mark.parametrize("sigmoid", [1.0, 2.5])
def test_a_binary_model_speaks_in_log_odds_for_its_second_class(
    boosting: str, sigmoid: float
) -> None:
    X = numbers()
    label = np.where(signal(X) > 0, "pays", "defaults")
    more = {"boosting_type": boosting, "bagging_freq": 1, "bagging_fraction": 0.6}
    model = lgb.LGBMClassifier(**SMALL | more, sigmoid=sigmoid).fit(X, label)
    trees = check(model, X)
    assert (trees.outputs, trees.link, trees.unit) == (("pays",), "logistic", "log-odds")
    raw = trees.predict(table_of(X))[:, 0]
    np.testing.assert_allclose(1 / (1 + np.exp(-raw)), model.predict_proba(X)[:, 1], rtol=1e-9)


@pytest.mark.parametrize(
    ("objective", "link", "unit"),
    [
        ("poisson", "exp", "log of the target"),
        ("gamma", "exp", "log of the target"),
        ("tweedie", "exp", "log of the target"),
        ("cross_entropy", "logistic", "log-odds"),
        ("cross_entropy_lambda", "identity", "raw score"),
        ("quantile", "identity", "target"),
        ("mape", "identity", "target"),
        ("fair", "identity", "target"),
    ],
)
def test_the_link_turns_the_raw_output_into_the_response(
    objective: str, link: str, unit: str
) -> None:
    X = numbers()
    y = 1 / (1 + np.exp(-signal(X)))
    model = lgb.LGBMRegressor(**SMALL, objective=objective).fit(X, y)
    trees = check(model, X)
    assert (trees.link, trees.unit, trees.outputs) == (link, unit, ("y",))
    raw = trees.predict(table_of(X))[:, 0]
    response = {"exp": np.exp(raw), "logistic": 1 / (1 + np.exp(-raw)), "identity": raw}[link]
    if objective != "cross_entropy_lambda":
        np.testing.assert_allclose(response, model.predict(X), rtol=1e-9)


def test_a_ranker_and_a_custom_objective_say_a_raw_score() -> None:
    X = numbers()
    ranker = lgb.LGBMRanker(**SMALL).fit(X, (signal(X) > 0).astype(int), group=[20] * 10)
    assert check(ranker, X).unit == "ranking score"

    def squares(y: Floats, said: Floats) -> tuple[Floats, Floats]:
        return said - y, np.ones_like(said)

    own = lgb.LGBMRegressor(**SMALL, objective=squares).fit(X, signal(X))
    assert check(own, X).unit == "raw score"


@pytest.mark.parametrize("levels", [3, 40, 200])
@pytest.mark.parametrize("missing", [False, True])
def test_categories_of_any_number_follow_the_users_columns(levels: int, missing: bool) -> None:
    rng = np.random.default_rng(levels)
    codes = rng.integers(0, levels, 600)
    names = [f"k{j:03}" for j in range(levels)]
    effect = rng.normal(size=levels)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=600),
            "job": pd.Categorical.from_codes(codes, names),
            "town": pd.Categorical(rng.integers(10, 14, 600)),
        }
    )
    if missing:
        frame.loc[::7, "job"] = np.nan
    y = effect[codes] + 0.3 * (frame["town"].astype(int) % 3) + 0.1 * frame["size"]
    model = lgb.LGBMRegressor(**SMALL | CATEGORIES).fit(frame, y)
    trees = check(model, frame)
    assert (np.diff(trees.nodes.category_start) > 0).any()
    assert np.diff(trees.nodes.category_start).max() == (1 if levels < 65 else -(-levels // 64))
    assert trees.features == ("size", "job", "town")
    assert trees.named

    other = frame[:100].copy()
    strange = ["new", *names[::-1]]
    other["job"] = pd.Categorical(np.where(np.arange(100) % 9, names[1], "new"), strange)
    other["town"] = pd.Categorical([11, 99] * 50)
    check(model, other, trees)
    assert np.isnan(trees.encode(table_of(other))[0, 1])
    bare = table_of(frame[:50]).detached()
    np.testing.assert_allclose(trees.predict(bare), trees.predict(table_of(frame[:50])))

    with pytest.raises(InputError, match="1 columns of categories or text"):
        trees.encode(table_of(frame.assign(town=1)))


def test_categories_of_polars_are_recoded_for_the_library() -> None:
    rng = np.random.default_rng(0)
    job = pd.Categorical([f"k{j}" for j in rng.integers(0, 9, 200)])
    frame = pd.DataFrame({"job": job, "size": rng.normal(size=200)})
    model = lgb.LGBMRegressor(**SMALL | CATEGORIES).fit(frame, np.sin(job.codes))
    other = pl.DataFrame({"job": ["k8", "k3", "new", None], "size": [0.0, 1.0, None, 2.0]})
    trees = check(model, other)
    check(model, other.cast({"job": pl.Categorical}), trees)
    assert trees.encode(table_of(other))[:, 0].tolist()[:2] == [8.0, 3.0]


def test_codes_in_an_array_are_truncated_and_negative_ones_go_right() -> None:
    rng = np.random.default_rng(0)
    X = np.c_[rng.integers(0, 80, 400), rng.normal(size=400)].astype(float)
    y = np.sin(X[:, 0]) + X[:, 1] / 5
    model = lgb.LGBMRegressor(**SMALL | CATEGORIES).fit(X, y, categorical_feature=[0])
    trees = check(model, X)
    assert trees.features == ("x0", "x1")
    assert not trees.named
    odd = [-1, -0.5, 0.5, 3.99, 79.5, 80, 127, 128, 1e6, 1e12, -1e12, np.nan, np.inf, -np.inf]
    check(model, np.c_[odd * 3, rng.normal(size=3 * len(odd))], trees)


def test_the_best_iteration_ends_the_model() -> None:
    X = numbers()
    y = np.random.default_rng(0).normal(size=len(X))
    model = lgb.LGBMRegressor(**SMALL | {"n_estimators": 200}).fit(
        X[:100],
        y[:100],
        eval_X=X[100:],
        eval_y=y[100:],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )
    assert check(model, X).nodes.trees == model.best_iteration_ < 200


def test_a_booster_from_a_file_says_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    job = rng.integers(0, 70, 300)
    frame = pd.DataFrame({"job": pd.Categorical(job), "old age": rng.normal(size=300)})
    label = np.where(np.sin(job) > 0, 5, 3)
    model = lgb.LGBMClassifier(**SMALL | CATEGORIES).fit(frame, label)
    file = tmp_path / "model.txt"
    model.booster_.save_model(file)
    booster = lgb.Booster(model_file=file)
    trees = check(booster, frame)
    assert trees.outputs == ("1",)
    assert trees.features == ("job", "old_age")
    assert not trees.named  # a driver that compares names must not refuse "old age"
    with pytest.raises(InputError, match="'young_age' where the model expects 'old_age'"):
        trees.encode(table_of(frame.rename(columns={"old age": "young age"})))
    assert trees.nodes.digest() == parse(model).nodes.digest()


def test_models_without_splits_or_without_trees_say_a_constant() -> None:
    X = numbers()
    constant = lgb.LGBMRegressor(**SMALL).fit(X, np.full(len(X), 3.0))
    assert check(constant, X).nodes.trees == 1
    empty = lgb.Booster({"verbose": -1}, lgb.Dataset(X, signal(X)))
    assert check(empty, X).nodes.trees == 0


@pytest.mark.parametrize("dtype", [np.float32, np.int64, object, np.bool_])
def test_an_array_is_rounded_as_the_library_rounds_it(dtype: type) -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(2**24, 2**24 + 40, size=(300, 2))
    model = lgb.LGBMRegressor(**SMALL).fit(X.astype(float), np.sin(X[:, 0]))
    check(model, X.astype(dtype))


def test_the_view_can_be_pickled() -> None:
    X = numbers()
    trees = parse(lgb.LGBMRegressor(**SMALL).fit(X, signal(X)))
    again: Trees = pickle.loads(pickle.dumps(trees))  # noqa: S301  our own bytes
    table = table_of(X)
    np.testing.assert_array_equal(again.predict(table), trees.predict(table))
    np.testing.assert_array_equal(again.encode(table), trees.encode(table))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(), min_size=4, max_size=4), min_size=1, max_size=5))
def test_any_numbers_at_all(rows: list[list[float]]) -> None:
    check(HYPOTHESIS_MODEL, np.array(rows), HYPOTHESIS_TREES)


HYPOTHESIS_MODEL = lgb.LGBMRegressor(**SMALL, zero_as_missing=True).fit(
    numbers(), signal(numbers())
)
HYPOTHESIS_TREES = parse(HYPOTHESIS_MODEL)


def test_an_unfitted_model_is_refused() -> None:
    with pytest.raises(InputError, match=r"LGBMClassifier is not fitted"):
        parse(lgb.LGBMClassifier())


def test_linear_leaves_are_refused_by_name() -> None:
    X = numbers(missing=0.0)
    model = lgb.LGBMRegressor(**SMALL, linear_tree=True).fit(X, signal(X))
    with pytest.raises(UnsupportedModelError, match="linear_tree"):
        parse(model)


class Written(lgb.Booster):
    """A booster whose text somebody cut or changed."""

    def __init__(self, text: str) -> None:
        self.text = text

    def model_to_string(self) -> str:
        """Return the text as it is."""
        return self.text

    def __del__(self) -> None:
        """Free nothing."""


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.7])
def test_a_text_that_is_cut_off_is_refused(share: float) -> None:
    X = numbers()
    text = lgb.LGBMRegressor(**SMALL).fit(X, signal(X)).booster_.model_to_string()
    body = text[: text.index("end of trees")]
    with pytest.raises(InputError, match="cut off or damaged"):
        parse(Written(body[: int(share * len(body))]))
    for name in ("threshold", "leaf_count", "decision_type"):
        with pytest.raises(InputError, match=f"no {name}"):
            parse(Written(text.replace(f"\n{name}=", "\nother=")))


def test_the_wrong_table_is_refused() -> None:
    X = pd.DataFrame(numbers(), columns=["a", "b", "c", "d"])
    trees = parse(lgb.LGBMRegressor(**SMALL).fit(X, signal(X.to_numpy())))
    with pytest.raises(InputError, match="3 columns"):
        trees.encode(table_of(X[["a", "b", "c"]]))
    with pytest.raises(InputError, match="'b' where the model expects 'a'"):
        trees.encode(table_of(X[["b", "a", "c", "d"]]))
    with pytest.raises(InputError, match="1 columns of categories or text"):
        trees.encode(table_of(X.assign(a="text")))


def test_the_input_stays_as_it_was() -> None:
    X = numbers()
    trees = parse(lgb.LGBMRegressor(**SMALL).fit(X, signal(X)))
    table = Table(names=("x0", "x1", "x2", "x3"), numbers=X, levels=(None,) * 4, named=False)
    X.flags.writeable = False
    assert trees.encode(table) is not X
