"""Shuffling a column hurts predictions as much as the definition says, within honest errors."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import t
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import f1_score, make_scorer, median_absolute_error, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

import whence as wh
from reference.importance import switched
from whence.core.types import Floats
from whence.explainers.permutation_importance import PermutationImportance

Some: TypeAlias = Any
"""Rows, labels and models of whatever library."""

rng = np.random.default_rng(7)
N = 24
X = rng.normal(size=(N, 4))
X[:, 2] = rng.integers(0, 3, N)


def bent(rows: Floats) -> Floats:
    return rows[:, 0] * rows[:, 1] + np.sin(rows[:, 1]) + (rows[:, 2] == 1)


Y = bent(X) + 0.3 * rng.normal(size=N)
ALL = PermutationImportance(repeats="all")


def values(model: Some, rows: Some, y: Some, **settings: Some) -> Floats:
    """Return (players,) of one score."""
    e = wh.explain(model, rows, PermutationImportance(**settings), y=y, rng=0)
    return e.values[0, :, 0]


class Counted:
    """A model that knows how many rows it was asked about."""

    def __init__(self, model: Callable[[Floats], Floats]) -> None:
        self.model, self.rows, self.calls = model, 0, 0

    def __call__(self, rows: Floats) -> Floats:
        """Answer, and count."""
        self.rows += len(rows)
        self.calls += 1
        return self.model(rows)


def test_all_shuffles_give_the_definition() -> None:
    def loss(said: float, i: int) -> float:
        return float((said - Y[i]) ** 2)

    e = wh.explain(bent, X, ALL, y=Y, rng=0)

    truth = [switched(bent, X, loss, [j]) for j in range(4)]
    assert_allclose(e.values[0, :, 0], truth, rtol=1e-10, atol=1e-12)
    assert e.values.shape == e.stderr.shape == (1, 4, 1)
    assert_allclose(e.outputs, np.mean((bent(X) - Y) ** 2))
    assert_array_equal(e.outputs, e.base_values)
    assert (e.names.rows, e.names.outputs) == (("all",), ("squared_error",))
    assert e.provenance.unit == "squared error"
    assert max(abs(e.values[0, 3, 0]), e.stderr[0, 3, 0]) < 1e-15  # the function does not read it


def test_all_shuffles_of_a_group_and_of_a_log_loss_give_the_definition() -> None:
    y = np.where(Y > 0, "yes", "no")
    model = LogisticRegression().fit(X, y)
    place = {"no": 0, "yes": 1}

    def loss(said: Floats, i: int) -> float:
        return float(-np.log(said[place[str(y[i])]]))

    groups = {"both": ["x0", "x2"]}
    e = wh.explain(
        model, X, PermutationImportance(repeats="all", groups=groups), y=y, rng=0
    )  # fmt: skip

    truth = [switched(model.predict_proba, X, loss, c) for c in ([0, 2], [1], [3])]
    assert_allclose(e.values[0, :, 0], truth, rtol=1e-10)
    assert e.names.features == ("both", "x1", "x3")
    assert e.provenance.unit == "nats"


def test_a_linear_model_gets_twice_its_squared_coefficients() -> None:
    beta = np.array([1.5, 0.5, 0.0])
    many = np.random.default_rng(0).normal(size=(20_000, 3))
    y = many @ beta + np.random.default_rng(1).normal(size=len(many))

    e = wh.explain(lambda rows: rows @ beta, many, PermutationImportance(), y=y, rng=0)

    assert (np.abs(e.values[0, :, 0] - 2 * beta**2) <= 3 * e.stderr[0, :, 0]).all()
    assert e.stderr.max() < 0.06
    assert e.values[0, 2, 0] == 0


@pytest.mark.parametrize(
    ("repeats", "scoring"), [(1, "squared_error"), (20, "squared_error"), (10, "r2")]
)
def test_intervals_cover_the_truth_as_often_as_they_say(repeats: int, scoring: str) -> None:
    """Over test sets and shuffles alike: the truth is that of infinitely many rows."""
    beta, n, noise = np.array([1.0, 0.4, 0.05]), 150, 0.5
    bound = wh.bind(
        lambda rows: rows @ beta, PermutationImportance(repeats=repeats, scoring=scoring)
    )
    truth = 2 * beta**2 / (1 if scoring == "squared_error" else beta @ beta + noise)
    hits, found, said = [], [], []
    for seed in range(400):
        own = np.random.default_rng(seed)
        rows = own.uniform(-np.sqrt(3), np.sqrt(3), size=(n, 3))
        y = rows @ beta + np.sqrt(noise) * own.normal(size=n)
        e = bound.explain(rows, y=y, rng=seed)
        hits.append(np.abs(e.values[0, :, 0] - truth) <= t.ppf(0.975, n - 1) * e.stderr[0, :, 0])
        found.append(e.values[0, :, 0])
        said.append(e.stderr[0, :, 0])

    assert 0.92 <= np.mean(hits) <= 0.98
    assert (np.mean(hits, axis=0) >= 0.91).all()
    ratio = np.sqrt(np.mean(np.square(said), axis=0)) / np.std(found, axis=0)
    assert ((ratio > 0.9) & (ratio < 1.12)).all()


def test_intervals_of_an_area_cover_too() -> None:
    beta = np.array([1.0, 0.4])

    def model(rows: Floats) -> Floats:
        return 1 / (1 + np.exp(-rows @ beta))

    def drawn(seed: int, n: int) -> tuple[Floats, Floats]:
        own = np.random.default_rng(seed)
        rows = own.normal(size=(n, 2))
        return rows, (own.random(n) < model(rows)).astype(float)

    truth = values(model, *drawn(1_000, 100_000), scoring="roc_auc", repeats=2)
    bound = wh.bind(model, PermutationImportance(scoring="roc_auc", repeats=5))
    ratio = []
    for seed in range(400):
        rows, y = drawn(seed, 200)
        e = bound.explain(rows, y=y, rng=seed)
        ratio.append((e.values[0, :, 0] - truth) / e.stderr[0, :, 0])

    assert 0.92 <= np.mean(np.abs(ratio) <= 1.97) <= 0.98
    assert 0.9 < np.sqrt(np.mean(np.square(ratio))) < 1.12


def test_the_errors_of_a_scorer_are_those_of_the_same_score_of_ours() -> None:
    def mse(estimator: Some, rows: Some, y: Some) -> float:
        return -float(np.mean((estimator.predict(rows) - y) ** 2))

    own = np.random.default_rng(2)
    rows = own.normal(size=(400, 3))
    beta = np.array([1.0, 0.3, 0.05])
    y = rows @ beta + own.normal(size=400)
    method = PermutationImportance(scoring=("neg_mean_squared_error", mse), repeats=6)
    bound = wh.bind(lambda r: r @ beta, method)

    ratios = []
    for seed in range(25):  # 25 groups tell a standard error to about 15 %
        e = bound.explain(rows, y=y, rng=seed)
        assert_allclose(e.values[..., 0], e.values[..., 1], atol=1e-12)
        ratios.append(e.stderr[0, :, 1] / e.stderr[0, :, 0])
    assert_allclose(np.sqrt(np.mean(np.square(ratios), axis=0)), 1, atol=0.15)


def test_columns_that_no_tree_reads_or_that_have_no_weight_cost_nothing() -> None:
    wide = np.column_stack([X, np.full(N, 3.0)])
    y = (wide[:, 0] > 0).astype(int)
    tree = DecisionTreeClassifier(random_state=0).fit(wide, y)
    line = LinearRegression().fit(wide[:, :1], Y)
    line.coef_, line.n_features_in_ = np.array([*line.coef_, 0.0, 0.0, 0.0, 0.0]), 5

    for model, true in ((tree, y), (line, Y)):
        e = wh.explain(model, wide, PermutationImportance(repeats=3), y=true, rng=0)
        assert_array_equal(e.values[0, 1:], 0)
        assert_array_equal(e.stderr[0, 1:], 0)
        assert e.values[0, 0, 0] > 0
        assert e.provenance.evaluations <= N + 4 + 3 * N


def test_only_what_changes_is_asked_and_is_counted() -> None:
    model = Counted(bent)
    two = np.column_stack([X[:, :2], X[:, 2] > 1, np.full(N, 5.0)]).astype(float)

    e = wh.explain(model, two, ALL, y=Y, rng=0)

    assert model.rows == e.provenance.evaluations
    each = len(np.unique(two[:, 2]))
    assert model.rows == N + 2 * N * (N - 1) + N * (each - 1)
    assert model.calls == 2  # the rows, and all questions together
    assert e.values[0, 3, 0] == 0


def test_a_forest_is_not_asked_where_no_threshold_lies_between_two_values() -> None:
    own = np.random.default_rng(5)
    rows = own.normal(size=(300, 4))
    y = rows[:, 0] + (rows[:, 1] > 0) + 0.1 * own.normal(size=300)
    forest = RandomForestRegressor(3, max_leaf_nodes=6, random_state=0).fit(rows, y)
    asked = Counted(forest.predict)

    read = wh.explain(forest, rows, PermutationImportance(), y=y, rng=0)
    told = wh.explain(asked, rows, PermutationImportance(), y=y, rng=0)

    assert_allclose(read.values, told.values, rtol=1e-9, atol=1e-12)
    assert_allclose(read.stderr, told.stderr, rtol=1e-7, atol=1e-12)
    assert asked.rows == told.provenance.evaluations == 300 + 4 * 10 * 300
    assert read.provenance.evaluations < told.provenance.evaluations / 2


def boosted(name: str, frame: pd.DataFrame, y: Floats) -> Some:
    if name == "xgboost":
        from xgboost import XGBRegressor

        return XGBRegressor(n_estimators=8, max_depth=3, enable_categorical=True).fit(frame, y)
    if name == "lightgbm":
        from lightgbm import LGBMRegressor

        return LGBMRegressor(n_estimators=8, num_leaves=6, verbose=-1).fit(frame, y)
    return HistGradientBoostingRegressor(
        max_iter=8, max_leaf_nodes=6, categorical_features="from_dtype"
    ).fit(frame, y)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "sklearn"])
def test_boosted_trees_with_gaps_whole_numbers_and_categories_are_read_right(name: str) -> None:
    own = np.random.default_rng(6)
    frame = pd.DataFrame(
        {
            "gaps": np.where(own.random(400) < 0.2, np.nan, own.normal(size=400)),
            "whole": own.integers(-2, 3, 400).astype(float),
            "town": pd.Categorical(np.array(list("abcde"))[own.integers(0, 5, 400)]),
            "free": own.normal(size=400),
        }
    )
    y = (frame["gaps"].fillna(2.0) + frame["whole"] ** 2).to_numpy() + (frame["town"] == "c")
    model = boosted(name, frame, y)
    asked = Counted(model.predict)

    read = wh.explain(model, frame, PermutationImportance(repeats=6), y=y, rng=0)
    told = wh.explain(asked, frame, PermutationImportance(repeats=6), y=y, rng=0)

    assert_allclose(read.values, told.values, rtol=1e-6, atol=1e-9)
    assert read.provenance.evaluations < told.provenance.evaluations == asked.rows


def test_scores_are_those_of_scikit_learn_after_the_same_shuffles() -> None:
    """Both estimate the same mean; with many shuffles they agree."""
    own = np.random.default_rng(3)
    rows = own.normal(size=(200, 3))
    y = (rows[:, 0] + 0.5 * rows[:, 1] + 0.5 * own.normal(size=200) > 0).astype(int)
    model = LogisticRegression().fit(rows, y)
    names = ("roc_auc", "accuracy", "neg_log_loss", "average_precision")

    e = wh.explain(model, rows, PermutationImportance(scoring=names, repeats=25), y=y, rng=0)
    theirs = permutation_importance(
        model, rows, y, scoring=list(names), n_repeats=25, random_state=0
    )

    assert e.names.outputs == names
    for k, name in enumerate(names):
        spread = theirs[name].importances.std(axis=1) / np.sqrt(25)
        off = np.abs(e.values[0, :, k] - theirs[name].importances_mean)
        assert (off <= 5 * np.sqrt(2) * spread + 1e-12).all()
    assert np.isfinite(e.stderr).all()


def test_a_scorer_sees_predictions_that_were_made_once() -> None:
    y = np.where(X[:, 0] > 0, "b", "a")
    frame = pd.DataFrame(X, columns=list("pqrs"))
    model = LogisticRegression().fit(frame, y)
    seen: list[Some] = []

    def scorer(estimator: Some, rows: pd.DataFrame, true: Some) -> float:
        seen.append((list(rows.columns), list(estimator.classes_), set(true)))
        assert_allclose(estimator.predict_proba(rows).sum(axis=1), 1)
        assert_allclose(np.exp(estimator.predict_log_proba(rows)), estimator.predict_proba(rows))
        return float((estimator.predict(rows) == true).mean())

    method = PermutationImportance(scoring=(scorer, "accuracy"), repeats=5)
    e = wh.explain(model, frame, method, y=y, rng=0)

    assert_allclose(e.values[..., 0], e.values[..., 1], atol=1e-12)
    assert e.names.outputs == ("scorer", "accuracy")
    assert seen[0] == (list("pqrs"), ["a", "b"], {"a", "b"})
    assert e.provenance.settings["scoring"][1] == "accuracy"


@pytest.mark.parametrize("name", ["f1", "average_precision"])
def test_classes_with_names_are_scored_as_those_with_numbers(name: str) -> None:
    y = (X[:, 0] > 0).astype(int)
    names = np.array(["no", "yes"])[y]

    one, settings = X[:, :1], {"scoring": [name], "repeats": 2}
    a = values(LogisticRegression().fit(one, y), one, y, **settings)
    b = values(LogisticRegression().fit(one, names), one, names, **settings)

    assert_allclose(a, b, atol=1e-12)
    assert a[0] > 0


def test_f1_of_a_class_called_one_is_about_that_class() -> None:
    y = np.where(X[:, 0] > 0.3, 2, 1)
    model = LogisticRegression().fit(X[:, :1], y)

    e = wh.explain(model, X[:, :1], PermutationImportance(scoring="f1", repeats=2), y=y, rng=0)

    assert_allclose(e.outputs[0, 0], f1_score(y, model.predict(X[:, :1])))


def test_a_model_of_scores_is_judged_by_its_classes_or_their_order() -> None:
    y = np.where(X[:, 0] > 0, "b", "a")
    model = LinearSVC(random_state=0).fit(X, y)

    e = wh.explain(model, X, PermutationImportance(scoring=("auto", "roc_auc", "f1")), y=y, rng=0)
    assert e.names.outputs == ("zero_one", "roc_auc", "f1")
    assert (e.values[0, 0] > 0.1).all()
    with pytest.raises(wh.InputError, match="predict_proba"):
        values(model, X, y, scoring="neg_brier_score")
    with pytest.raises(wh.InputError, match=r"reads probabilities.*predict_proba"):
        values(model, X, y, scoring="log_loss")


def test_a_row_without_weight_only_lends_its_values() -> None:
    weights = np.ones(N)
    weights[:5] = 0

    found = values(bent, X, Y, repeats="all", sample_weight=weights)

    rises = []
    for i in range(5, N):
        rows = np.repeat(X[[i]], N - 1, axis=0)
        rows[:, 0] = np.delete(X[:, 0], i)
        rises.append(((bent(rows) - Y[i]) ** 2).mean() - (bent(X[[i]])[0] - Y[i]) ** 2)
    assert_allclose(found[0], np.mean(rises))
    assert_allclose(values(bent, X, Y, repeats="all", sample_weight=7 * weights), found)


def correlated(n: int, seed: int) -> tuple[Floats, Floats]:
    own = np.random.default_rng(seed)
    z = own.normal(size=(n, 3))
    z[:, 1] = 0.8 * z[:, 0] + 0.6 * z[:, 1]
    return z, own.normal(size=n)


def test_conditional_shuffles_leave_what_the_other_columns_tell() -> None:
    """2 beta squared (1 - R squared) of a linear model, against 2 beta squared."""
    beta = np.array([1.0, 0.5, 0.7])
    rows, noise = correlated(6_000, 0)
    y = rows @ beta + noise

    e = wh.explain(lambda r: r @ beta, rows, PermutationImportance(conditional=True), y=y, rng=0)

    truth = 2 * beta**2 * np.array([0.36, 0.36, 1.0])
    assert (np.abs(e.values[0, :, 0] - truth) <= 3.5 * e.stderr[0, :, 0] + 0.01).all()


def test_a_group_keeps_what_ties_it_to_the_others_and_its_columns_to_each_other() -> None:
    beta = np.array([1.0, -1.0, 0.5])
    own = np.random.default_rng(0)
    rows = own.normal(size=(4_000, 3))
    rows[:, 1] = rows[:, 0] + 0.1 * own.normal(size=4_000)  # moves with the other of its group
    y = rows @ beta

    found = values(lambda r: r @ beta, rows, y, conditional=True, groups={"pair": [0, 1]})

    assert_allclose(found, [2 * 0.01, 2 * 0.25], rtol=0.15)


def test_conditional_values_are_plausible_and_categories_follow_the_others() -> None:
    own = np.random.default_rng(1)
    n = 1_500
    town = own.integers(0, 3, n)
    frame = pd.DataFrame(
        {
            "town": np.array(["north", "south", "west"])[town],
            "bus": pd.Categorical(np.where(own.random(n) < 0.95, town, own.integers(0, 3, n))),
            "rooms": 2 * town + own.integers(0, 2, n),
            "free": own.normal(size=n),
        }
    )
    frame.loc[::7, "free"] = np.nan
    seen = []

    def model(rows: pd.DataFrame) -> Floats:
        seen.append(rows)
        assert (rows.dtypes == frame.dtypes).all()
        return rows["rooms"].to_numpy() + rows["free"].fillna(0).to_numpy() * 0.1

    y = frame["rooms"].to_numpy().astype(float)
    wh.explain(model, frame, PermutationImportance(conditional=True, repeats=2), y=y, rng=0)

    asked = pd.concat(seen[1:])
    assert set(asked["rooms"]) <= set(frame["rooms"])
    assert set(asked["free"].dropna()) <= set(frame["free"].dropna())
    apart = np.abs(asked["rooms"] - 2 * asked["town"].map({"north": 0, "south": 1, "west": 2}))
    assert apart.quantile(0.95) <= 3  # shuffled freely, a third of all towns would be 2 apart
    together = pd.crosstab(asked["town"], asked["bus"], normalize="index").to_numpy()
    assert np.diag(together).min() > 0.8
    assert 0.1 < asked["free"].isna().mean() < 0.2


def test_a_joint_conditional_shuffle_of_categories_is_refused() -> None:
    frame = pd.DataFrame({"a": ["x", "y"] * 10, "b": np.arange(20.0), "c": np.arange(20.0)})
    method = PermutationImportance(conditional=True, groups={"ab": ["a", "b"]})

    with pytest.raises(wh.InputError, match=r"group holds column 'a'.*conditional=False"):
        wh.explain(lambda f: f["b"].to_numpy() + (f["a"] == "x"), frame, method, y=np.arange(20.0))


FRAMES: dict[str, Callable[[pd.DataFrame], Some]] = {
    "pandas": lambda f: f,
    "polars": pl.from_pandas,
    "pyarrow": lambda f: pa.Table.from_pandas(f, preserve_index=False),
    "numpy": lambda f: f.to_numpy(),
    "sparse": lambda f: scipy.sparse.csr_matrix(f.to_numpy()),
}


@pytest.mark.parametrize("kind", sorted(FRAMES))
@pytest.mark.parametrize("conditional", [False, True])
def test_every_kind_of_table_gives_the_same(kind: str, conditional: bool) -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    native = FRAMES[kind](frame)

    def model(rows: Some) -> Floats:
        assert type(rows) is type(native)
        if kind == "sparse":
            rows = rows.toarray()
        if kind == "pyarrow":
            rows = rows.to_pandas()
        return bent(np.asarray(rows))

    found = values(model, native, Y, conditional=conditional, repeats=4)

    assert_array_equal(found, values(bent, X, Y, conditional=conditional, repeats=4))


def test_equal_seeds_give_equal_bytes_and_settings_travel() -> None:
    for method in (PermutationImportance(), PermutationImportance(conditional=True)):
        bound = wh.bind(bent, pickle.loads(pickle.dumps(method)))  # noqa: S301  our own bytes
        a, b, c = (bound.explain(X, y=Y, rng=seed) for seed in (1, 1, 2))
        assert a.values.tobytes() == b.values.tobytes()
        assert a.stderr.tobytes() == b.stderr.tobytes()
        assert a.values.tobytes() != c.values.tobytes()
        assert a.provenance.settings["repeats"] == 10


def test_an_interrupt_keeps_the_shuffles_that_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whence.maskers.shuffled.ROWS", N)
    calls = 0

    def model(rows: Floats) -> Floats:
        nonlocal calls
        calls += 1
        if calls == 14:
            raise KeyboardInterrupt
        return bent(rows)

    e = wh.explain(model, X, PermutationImportance(repeats=20), y=Y, rng=0)

    made = int(e.provenance.warnings[0].split()[1])
    assert e.provenance.warnings == (f"Interrupted: {made} of 20 shuffles were made.",)
    assert 2 <= made <= 5
    assert (e.values[0, :2, 0] != 0).all()
    calls = 13
    with pytest.raises(KeyboardInterrupt):
        wh.explain(model, X, PermutationImportance(), y=Y)


def test_progress_and_waves_do_not_change_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = wh.explain(bent, X, ALL, y=Y, rng=0, progress=True)
    monkeypatch.setattr("whence.maskers.shuffled._CELLS", 5 * N)
    parts = wh.explain(bent, X, ALL, y=Y, rng=0)

    assert_array_equal(whole.values, parts.values)


ONE = PermutationImportance(repeats=1)
BAD: list[tuple[Some, Some, Some, PermutationImportance, str]] = [
    (bent, X, None, ONE, "y was not given"),
    (bent, X, Y[:3], ONE, "3 numbers and X has 24 rows"),
    (bent, X[:1], Y[:1], ONE, "X has one row"),
    (bent, X, Y, PermutationImportance(repeats=0), "repeats is 0"),
    (bent, X, Y, PermutationImportance(repeats=True), "repeats is True"),
    (bent, X, Y, PermutationImportance(repeats=24), r"24 rows.*23 different.*repeats='all'"),
    (bent, X, Y, PermutationImportance(scoring="r2_score"), r"no known score. Is it 'r2'"),
    (bent, X, Y, PermutationImportance(scoring="roc_acu"), "Is it 'roc_auc'"),
    (bent, X, Y, PermutationImportance(scoring=()), "one or several different"),
    (bent, X, Y, PermutationImportance(scoring=("r2", "r2")), "one or several different"),
    (bent, X, Y, PermutationImportance(scoring=3), "scoring is 3"),
    (bent, X, Y, PermutationImportance(scoring="log_loss"), "'log_loss', about 2 classes"),
    (bent, X, Y, PermutationImportance(scoring="accuracy"), "compares classes.*answers with num"),
    (bent, X, Y * 0, PermutationImportance(scoring="r2"), "spread of y"),
    (bent, X, Y, PermutationImportance(groups={"a": [0, 1], "b": [1]}), "twice"),
    (bent, X, Y, PermutationImportance(groups={"a": ["nope"]}), "nope"),
    (bent, X, Y, PermutationImportance(conditional="yes"), "conditional is 'yes'"),
    (bent, X, Y, PermutationImportance(sample_weight=[1.0]), r"shape \(1,\)"),
    (bent, X, Y, PermutationImportance(sample_weight=-np.ones(N)), "Finite numbers from 0"),
    (
        bent,
        X,
        Y,
        PermutationImportance(scoring=lambda _e, _r, _y: 1.0, sample_weight=np.ones(N)),
        "takes none",
    ),
    (bent, X, Y, PermutationImportance(scoring=lambda e, r, _y: e.predict_proba(r)), "not offer"),
    (bent, X, Y, PermutationImportance(scoring=lambda e, r, _y: e.predict(r)), "One number"),
    (bent, X, Y, PermutationImportance(scoring=lambda _e, _r, _y: np.nan), "finite number"),
    (bent, X, Y, PermutationImportance(scoring=lambda e, r, _y: e.predict(r[:2])[0]), "just the"),
    (bent, X, Y, PermutationImportance(scoring=lambda e, r, y: e.fit(r, y)), "fit the model"),
]


@pytest.mark.parametrize(("model", "rows", "y", "method", "message"), BAD)
def test_bad_input_is_refused_before_any_shuffle(
    model: Some, rows: Some, y: Some, method: PermutationImportance, message: str
) -> None:
    asked = Counted(model)
    with pytest.raises(wh.InputError, match=f"(?s){message}"):
        wh.explain(asked, rows, method, y=y, rng=0)
    assert asked.rows <= N


def test_classifiers_refuse_scores_of_numbers_one_class_and_too_many() -> None:
    three = np.arange(N) % 3
    model = LogisticRegression().fit(X, three)
    two = LogisticRegression().fit(X, three == 1)

    with pytest.raises(wh.InputError, match="compares numbers"):
        values(model, X, three, scoring="r2")
    with pytest.raises(wh.InputError, match="'roc_auc_ovr'"):
        values(model, X, three, scoring="roc_auc")
    with pytest.raises(wh.InputError, match=r"all 24 rows of y are of one"):
        values(two, X, np.zeros(N, dtype=bool), scoring="roc_auc")
    with pytest.raises(wh.InputError, match="which the model does not know"):
        values(model, X, three + 1)
    with pytest.raises(wh.InputError, match="got series"):
        wh.explain(lambda s: s.sum(axis=(1, 2)), wh.series_of(np.zeros((3, 4, 1))), ONE, y=Y[:3])
    assert np.isfinite(
        values(model, X, three, scoring=("roc_auc_ovr", "log_loss"), repeats=2)
    ).all()


def test_an_error_that_resampling_cannot_tell_is_said_to_be_unknown() -> None:
    y = np.zeros(N, dtype=int)
    y[3] = 1
    model = LogisticRegression().fit(X, y)

    def strict(estimator: Some, rows: Some, true: Some) -> float:
        if len(set(true)) < 2:
            raise ValueError("one class")
        return float(roc_auc_score(true, estimator.predict_proba(rows)[:, 1]))

    e = wh.explain(model, X, PermutationImportance(scoring=strict), y=y, rng=0)

    assert np.isfinite(e.values).all()
    assert np.isnan(e.stderr[0, 0, 0])
    assert "'strict' is not known" in e.provenance.warnings[0]


def test_all_columns_constant_and_a_pipeline_of_text_columns() -> None:
    flat = wh.explain(bent, np.ones((N, 4)), PermutationImportance(), y=Y, rng=0)
    assert_array_equal(flat.values, 0)
    assert_array_equal(flat.stderr, 0)
    assert flat.provenance.evaluations == N

    frame = pd.DataFrame({"job": ["a", "b", "c", "d"] * 6, "age": X[:, 0], "noise": X[:, 1]})
    y = (frame["job"] < "c").to_numpy()
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(), make_column_selector(dtype_exclude="number")), remainder="passthrough"
        ),
        RandomForestClassifier(5, max_depth=2, random_state=0),
    ).fit(frame, y)
    e = wh.explain(model, frame, PermutationImportance(), y=y, rng=0)

    assert e.names.features == ("job", "age", "noise")
    assert e.values[0].argmax() == 0


def test_a_regression_can_be_judged_by_any_scorer_of_scikit_learn() -> None:
    scorer = make_scorer(median_absolute_error, greater_is_better=False)
    found = values(bent, X, Y, scoring=scorer)
    named = values(bent, X, Y, scoring="neg_median_absolute_error")

    assert_allclose(found, named)
    assert found[1] > 0


@pytest.mark.skipif("WHENCE_DATA" not in os.environ, reason="WHENCE_DATA names the data's folder")
def test_adult_behind_a_pipeline() -> None:
    path = Path(os.environ["WHENCE_DATA"]) / "adult" / "adult_test.csv.gz"
    frame = pd.read_csv(path).head(3_000)
    y = frame.pop("income").str.contains(">50K").to_numpy()
    model = make_pipeline(
        make_column_transformer(
            (
                OneHotEncoder(handle_unknown="ignore"),
                make_column_selector(dtype_exclude="number"),
            ),
            remainder="passthrough",
        ),
        RandomForestClassifier(10, min_samples_leaf=5, random_state=0),
    ).fit(frame[:1_500], y[:1_500])

    e = wh.explain(model, frame[1_500:], PermutationImportance(repeats=3), y=y[1_500:], rng=0)
    order = np.argsort(-e.values[0, :, 0])

    assert e.names.features[order[0]] in ("capital-gain", "relationship", "marital-status")
    assert (e.values[0, order[0]] > 4 * e.stderr[0, order[0]]).all()
    assert e.provenance.evaluations < 1_500 * (1 + 3 * 14)


def test_scores_of_pairs_of_classes_are_not_judged_as_classes() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2))
    truth = np.digitize(rows[:, 0], [-0.5, 0.5])
    svc = SVC(decision_function_shape="ovo").fit(rows, truth)

    with pytest.raises(wh.InputError, match="pair of classes"):
        wh.explain(svc, rows, PermutationImportance(scoring="accuracy"), y=truth)
