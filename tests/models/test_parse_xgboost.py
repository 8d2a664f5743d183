"""What is read from XGBoost models is what they predict, for every form they come in."""

import json
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.trees import predict as naive
from whence.core.errors import InputError, UnsupportedModelError
from whence.core.table import table_of
from whence.core.types import Floats
from whence.models.parse import _ubjson
from whence.models.parse import xgboost as parser
from whence.models.parse.xgboost import parse
from whence.models.trees import Trees

N = 80
FAST = {"max_depth": 3, "nthread": 1}


def numbers(seed: int = 0, columns: int = 4) -> Floats:
    X = np.random.default_rng(seed).normal(size=(N, columns))
    X[::7, 1] = np.nan
    return X


def noise(seed: int = 1) -> Floats:
    return np.random.default_rng(seed).normal(size=N)


def signal(X: Floats) -> Floats:
    return np.nan_to_num(X[:, 0] + (X[:, 1] > 0) * 2.0 + np.abs(X[:, 2])) + 0.3 * noise()


def counts(X: Floats) -> Floats:
    return np.clip(np.round(signal(X)), 0, 4)


def train(params: dict[str, object], X: object, y: object, rounds: int = 5) -> xgboost.Booster:
    data = xgboost.DMatrix(X, y, enable_categorical=True)
    return xgboost.train(FAST | params, data, rounds)


def margin(model: object, X: object, **options: object) -> Floats:
    """Ask the model for its margin on the road its users take, not ours."""
    if isinstance(model, xgboost.Booster):
        data = xgboost.DMatrix(X, enable_categorical=True, **options)
        raw = model.predict(data, output_margin=True, strict_shape=True)
    else:
        raw = model.predict(X, output_margin=True)
    return np.asarray(raw, dtype=np.float64).reshape(len(raw), -1)


def check(model: object, X: object, expected: Floats | None = None) -> Trees:
    """Compare nodes, predictions and covers of a model with the model itself."""
    trees = parse(model)
    table = table_of(X)
    expected = margin(model, X) if expected is None else expected
    scale = 1 + np.abs(trees.nodes.base).max() + np.abs(trees.nodes.value).sum()
    got = naive(trees.nodes, trees.encode(table))
    np.testing.assert_allclose(got, expected, rtol=0, atol=trees.tolerance * scale)
    np.testing.assert_allclose(trees.predict(table), expected, rtol=0, atol=1e-6 * scale)
    assert len(trees.outputs) == trees.nodes.outputs == expected.shape[1]
    assert trees.library == "xgboost"
    covers_add_up(trees)
    return trees


def covers_add_up(trees: Trees) -> None:
    nodes = trees.nodes
    split = nodes.feature >= 0
    assert np.all(nodes.cover > 0)
    parts = nodes.cover[nodes.left[split]] + nodes.cover[nodes.right[split]]
    np.testing.assert_allclose(nodes.cover[split], parts, rtol=1e-5)


OBJECTIVES = {
    "reg:squarederror": ("identity", "value", signal),
    "reg:squaredlogerror": ("identity", "value", lambda X: np.abs(signal(X))),
    "reg:pseudohubererror": ("identity", "value", signal),
    "reg:absoluteerror": ("identity", "value", signal),
    "reg:quantileerror": ("identity", "value", signal),
    "reg:logistic": ("logistic", "log-odds", lambda X: (signal(X) > 1) * 0.5 + 0.2),
    "binary:logistic": ("logistic", "log-odds", lambda X: (signal(X) > 1) * 1.0),
    "binary:logitraw": ("logistic", "log-odds", lambda X: (signal(X) > 1) * 1.0),
    "binary:hinge": ("identity", "score", lambda X: (signal(X) > 1) * 1.0),
    "count:poisson": ("exp", "log-mean", counts),
    "reg:gamma": ("exp", "log-mean", lambda X: np.abs(signal(X)) + 0.1),
    "reg:tweedie": ("exp", "log-mean", counts),
    "survival:cox": ("exp", "log hazard ratio", lambda X: np.abs(signal(X)) + 0.1),
    "multi:softprob": ("softmax", "log-odds", lambda X: counts(X) % 3),
    "multi:softmax": ("softmax", "log-odds", lambda X: counts(X) % 3),
}


@pytest.mark.parametrize("base_score", [None, 0.3])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objectives(objective: str, base_score: float | None) -> None:
    X = numbers()
    link, unit, label = OBJECTIVES[objective]
    params: dict[str, object] = {"objective": objective}
    if objective.startswith("multi"):
        params["num_class"] = 3
    if objective == "reg:quantileerror":
        params["quantile_alpha"] = 0.2
    if base_score is not None:
        params["base_score"] = base_score
    trees = check(train(params, X, label(X)), X)
    assert (trees.link, trees.unit) == (link, unit)
    assert trees.features == ("x0", "x1", "x2", "x3")
    assert not trees.named


@pytest.mark.parametrize("objective", ["rank:pairwise", "rank:ndcg", "rank:map"])
def test_ranking(objective: str) -> None:
    X = numbers()
    data = xgboost.DMatrix(X, counts(X) > 1)
    data.set_group([N // 2, N // 2])
    trees = check(xgboost.train(FAST | {"objective": objective}, data, 3), X)
    assert trees.unit == "rank score"
    model = xgboost.XGBRanker(n_estimators=3, n_jobs=1, objective=objective)
    check(model.fit(X, counts(X) > 1, qid=np.repeat([0, 1], N // 2)), X)


def test_accelerated_failure_time() -> None:
    X = numbers()
    data = xgboost.DMatrix(X)
    data.set_float_info("label_lower_bound", np.abs(signal(X)) + 0.1)
    data.set_float_info("label_upper_bound", np.abs(signal(X)) + 1)
    trees = check(xgboost.train(FAST | {"objective": "survival:aft"}, data, 3), X)
    assert trees.link == "exp"


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_labels_of_one_class_clip_the_intercept(label: float) -> None:
    X = numbers()
    model = train({"objective": "binary:logistic"}, X, np.full(N, label), 1)
    trees = parse(model)
    assert abs(trees.nodes.base[0]) > 13
    np.testing.assert_allclose(naive(trees.nodes, X), margin(model, X), rtol=1e-6)


def test_a_custom_objective_says_a_value() -> None:
    X = numbers()

    def squared(predicted: Floats, data: xgboost.DMatrix) -> tuple[Floats, Floats]:
        return predicted - data.get_label(), np.ones_like(predicted)

    data = xgboost.DMatrix(X, signal(X))
    check(xgboost.train(FAST | {"base_score": 0.7}, data, 3, obj=squared), X)


def test_a_model_without_trees_is_its_intercept() -> None:
    X = numbers()
    check(train({}, X, signal(X), 0), X)
    check(train({"objective": "binary:logistic"}, X, counts(X) > 1, 0), X)
    check(train({"objective": "binary:logistic", "base_score": 0.2}, X, counts(X) > 1, 0), X)


def test_quantiles_are_outputs() -> None:
    X = numbers()
    params = {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]}
    data = xgboost.QuantileDMatrix(X, signal(X))
    trees = check(xgboost.train(FAST | params, data, 3), X)
    assert trees.outputs == ("quantile 0.1", "quantile 0.5", "quantile 0.9")


@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
def test_targets(strategy: str) -> None:
    X = numbers()
    Y = np.column_stack([signal(X), -2 * signal(X), X[:, 0]])
    trees = check(train({"multi_strategy": strategy}, X, Y), X)
    assert trees.outputs == ("y0", "y1", "y2")
    assert trees.nodes.value.shape[1] == (3 if strategy == "multi_output_tree" else 1)


@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
def test_classes_with_parallel_trees(strategy: str) -> None:
    X = numbers()
    params = {
        "objective": "multi:softprob",
        "num_class": 3,
        "num_parallel_tree": 2,
        "multi_strategy": strategy,
    }
    trees = check(train(params, X, counts(X) % 3, 2), X)
    assert trees.outputs == ("0", "1", "2")


def test_labels_that_are_not_exclusive() -> None:
    X = numbers()
    Y = np.column_stack([signal(X) > 1, signal(X) < 2]).astype(int)
    trees = check(xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(X, Y), X)
    assert (trees.outputs, trees.link) == (("y0", "y1"), "logistic")


@pytest.mark.parametrize(
    "params", [{}, {"objective": "multi:softprob", "num_class": 3, "num_parallel_tree": 2}]
)
def test_dart_weights_are_folded_in(params: dict[str, object]) -> None:
    X = numbers()
    model = train({"booster": "dart", "rate_drop": 0.5} | params, X, counts(X) % 3, 8)
    drop = json.loads(model.save_raw("json"))["learner"]["gradient_booster"]["weight_drop"]
    assert min(drop) < 0.9
    check(model, X)
    check(model[2:5], X)


def test_a_linear_booster_is_refused_by_name() -> None:
    X = np.nan_to_num(numbers())
    params = {"booster": "gblinear", "nthread": 1}
    model = xgboost.train(params, xgboost.DMatrix(X, signal(X)), 2)
    with pytest.raises(UnsupportedModelError, match="gblinear"):
        parse(model)


WRAPPERS: dict[str, tuple[Callable[..., object], Callable[[Floats], Floats], tuple[str, ...]]] = {
    "regressor": (xgboost.XGBRegressor, signal, ("y",)),
    "binary": (xgboost.XGBClassifier, lambda X: (signal(X) > 1).astype(int), ("1",)),
    "classes": (xgboost.XGBClassifier, lambda X: (counts(X) % 3).astype(int), ("0", "1", "2")),
    "forest": (xgboost.XGBRFRegressor, signal, ("y",)),
    "voting": (xgboost.XGBRFClassifier, lambda X: (signal(X) > 1).astype(int), ("1",)),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_wrappers(name: str) -> None:
    X = numbers()
    make, label, outputs = WRAPPERS[name]
    model = make(n_estimators=5, max_depth=3, n_jobs=1).fit(X, label(X))
    assert check(model, X).outputs == outputs


class Mine(xgboost.XGBRegressor):
    """A user's own subclass."""


def test_subclasses_are_recognised() -> None:
    X = numbers()
    check(Mine(n_estimators=2, n_jobs=1).fit(X, signal(X)), X)


def test_early_stopping_is_followed_as_the_model_itself_does(tmp_path: Path) -> None:
    X, Z = numbers(0), numbers(1)
    model = xgboost.XGBRegressor(n_estimators=60, n_jobs=1, early_stopping_rounds=2)
    model.fit(X, signal(X), eval_set=[(Z, signal(Z)[::-1])], verbose=False)
    trees = check(model, X)
    booster = check(model.get_booster(), X)
    assert trees.nodes.trees == model.best_iteration + 1 < booster.nodes.trees
    model.save_model(tmp_path / "model.ubj")
    loaded = xgboost.XGBRegressor()
    loaded.load_model(tmp_path / "model.ubj")
    assert check(loaded, X).nodes.digest() == trees.nodes.digest()


@pytest.mark.parametrize("suffix", ["json", "ubj"])
def test_files_give_the_same_trees(tmp_path: Path, suffix: str) -> None:
    X = numbers()
    model = train({"objective": "binary:logistic"}, X, counts(X) > 1)
    model.save_model(tmp_path / f"model.{suffix}")
    loaded = xgboost.Booster(model_file=tmp_path / f"model.{suffix}")
    assert check(loaded, X).nodes.digest() == parse(model).nodes.digest()
    assert parse(loaded).outputs == ("1",)


def test_slices_keep_their_own_trees() -> None:
    X = numbers()
    model = train({}, X, signal(X), 8)
    assert check(model[2:6], X).nodes.trees == 4
    assert check(model[0:8:2], X).nodes.trees == 4


def test_pruned_trees_leave_no_dead_nodes() -> None:
    X = numbers()
    model = train({"tree_method": "exact", "gamma": 4, "max_depth": 6}, X, signal(X))
    trees = json.loads(model.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]
    assert any(tree["tree_param"]["num_deleted"] != "0" for tree in trees)
    nodes = check(model, X).nodes
    assert len(nodes.feature) == sum(
        int(tree["tree_param"]["num_nodes"]) - int(tree["tree_param"]["num_deleted"])
        for tree in trees
    )


@pytest.mark.parametrize("missing", [0.0, -999.0, 0.1])
def test_a_number_can_mean_missing(missing: float) -> None:
    X = np.nan_to_num(numbers(), nan=missing)
    X[::3, 0] = missing
    model = xgboost.XGBRegressor(n_estimators=5, n_jobs=1, missing=missing).fit(X, signal(X))
    check(model, X)
    check(model, X.astype(np.float32))
    holes = np.where(X.astype(np.float32) == np.float32(missing), np.nan, X)
    trees = parse(model)
    np.testing.assert_array_equal(trees.encode(table_of(X)), holes)


def test_missing_values_go_both_ways() -> None:
    X = numbers()
    X[::3, 0] = np.nan
    trees = check(train({"max_depth": 5}, X, signal(X), 8), X)
    split = trees.nodes.feature >= 0
    assert 0 < trees.nodes.missing_left[split].sum() < split.sum()


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_matrix", "coo_array", "csr_array"])
def test_sparse_rows_lack_what_they_do_not_hold(kind: str) -> None:
    X = np.where(np.abs(np.nan_to_num(numbers())) < 0.6, 0, np.nan_to_num(numbers()))
    model = train({}, X, signal(X))
    S = getattr(scipy.sparse, kind)(X)
    table = table_of(S)
    trees = parse(model)
    np.testing.assert_allclose(naive(trees.nodes, trees.encode(table)), margin(model, S), atol=1e-4)
    np.testing.assert_allclose(trees.predict(table), margin(model, S), atol=1e-6)
    assert np.abs(margin(model, S) - margin(model, X)).max() > 1e-3


def test_a_stored_zero_is_a_zero() -> None:
    X = np.zeros((N, 2))
    X[::2, 0] = 1
    model = train({}, np.where(X == 0, np.nan, X), X[:, 0])
    full = scipy.sparse.csr_matrix(
        (X.ravel(), np.tile([0, 1], N), np.arange(0, 2 * N + 1, 2)), shape=(N, 2)
    )
    assert not np.isnan(parse(model).encode(table_of(full))).any()


LARGE = float(np.float32(1e30))
FLOAT32 = st.floats(width=32, min_value=-LARGE, max_value=LARGE)


@settings(max_examples=30, deadline=None)
@given(st.lists(FLOAT32, min_size=4, max_size=12, unique=True))
def test_ties_at_thresholds_fall_as_xgboost_rounds(values: list[float]) -> None:
    cut = np.array(values, dtype=np.float64)[:, None]
    y = np.arange(len(values)) % 2
    params = {"tree_method": "exact", "max_depth": 4, "min_child_weight": 0, "nthread": 1}
    model = xgboost.train(params, xgboost.DMatrix(cut, y), 1)
    stored = json.loads(model.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]
    t = np.array([*values, *stored[0]["split_conditions"]], dtype=np.float32)
    up, down = np.nextafter(t, np.float32(np.inf)), np.nextafter(t, np.float32(-np.inf))
    wide = [t.astype(np.float64), (0.5 * t + 0.5 * up.astype(np.float64))]
    wide += [0.5 * t + 0.5 * down.astype(np.float64)]
    points = np.concatenate(wide)
    X = np.concatenate([points, np.nextafter(points, np.inf), np.nextafter(points, -np.inf)])
    trees = parse(model)
    np.testing.assert_allclose(naive(trees.nodes, X[:, None]), margin(model, X[:, None]), atol=1e-5)


def frame(levels: list[object] | None = None, seed: int = 0, size: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    names = levels or [f"city {i}" for i in range(100)]
    codes = rng.integers(-1, len(names), size)
    return pd.DataFrame(
        {
            "a": rng.normal(size=size),
            "c": pd.Categorical.from_codes(codes, categories=names),
            "d": pd.Categorical(rng.integers(5, 9, size)),
        }
    )


def effect(df: pd.DataFrame) -> Floats:
    code = df["c"].cat.codes.to_numpy()
    return np.sin(code * 12.9) * 3 + df["d"].cat.codes.to_numpy() % 2 + df["a"].to_numpy()


@pytest.mark.parametrize("onehot", [1, 200])
def test_categories_of_any_number(onehot: int) -> None:
    df = frame()
    model = train({"max_cat_to_onehot": onehot, "max_depth": 5}, df, effect(df))
    trees = check(model, df.iloc[:60])
    nodes = trees.nodes
    words = np.diff(nodes.category_start)
    assert words.max() == 2
    assert trees.features == ("a", "c", "d")
    assert trees.named
    missing = nodes.missing_left[words > 0]
    assert 0 < missing.sum() < len(missing)


def test_category_codes_off_the_list_go_with_the_other_side() -> None:
    df = frame()
    model = train({"max_cat_to_onehot": 1, "max_depth": 5}, df, effect(df))
    codes = np.array([-1, -0.5, 0, 2, 2.9, np.nextafter(3, 0), 99, 100, 127, 128, 1e9, np.nan])
    X = np.column_stack([np.zeros(12), codes, np.ones(12)])
    data = {"feature_names": model.feature_names, "feature_types": model.feature_types}
    trees = check(model, X, margin(model, X, **data))
    assert trees.encode(table_of(X))[5, 1] == 3


def test_categories_are_found_by_name_whatever_their_codes() -> None:
    df = frame(list("pqrstuvw"))
    model = train({"max_cat_to_onehot": 1}, df, effect(df))
    rows = df.iloc[:40]
    turned = rows.assign(
        c=rows["c"].cat.set_categories(list("wvutsrqp")),
        d=rows["d"].cat.set_categories([8, 7, 6, 5]),
    )
    check(model, rows)
    check(model, turned)
    trees = parse(model)
    table = table_of(turned)
    np.testing.assert_array_equal(trees.encode(table), trees.encode(table_of(rows)))
    np.testing.assert_allclose(trees.predict(table.detached()), margin(model, rows), atol=1e-6)
    check(model, rows.assign(c=rows["c"].cat.remove_unused_categories()))
    wrapper = xgboost.XGBRegressor(n_estimators=3, n_jobs=1, enable_categorical=True)
    check(wrapper.fit(df, effect(df)), turned)


def test_categories_from_polars() -> None:
    df = pl.from_pandas(frame(list("pqrs"))[["a", "c"]]).with_columns(
        pl.col("c").cast(pl.Enum(list("srqp")))
    )
    y = df["a"].to_numpy() + (df["c"] == "q").fill_null(value=False).to_numpy() * 3
    model = train({"max_cat_to_onehot": 1}, df, y)
    check(model, df[:30])
    check(model, df[:30].with_columns(pl.col("c").cast(pl.Enum(list("psqr")))))


@pytest.mark.parametrize("levels", [["São", "Rio", "Säo", "Sõo"], ["é", "è", "ê", "a"]])
def test_accents_are_confused_as_xgboost_confuses_them(levels: list[object]) -> None:
    df = frame(levels)
    model = train({"max_cat_to_onehot": 1}, df, effect(df), 10)
    check(model, df.iloc[:40])
    turned = df.assign(c=df["c"].cat.set_categories(levels[::-1]))
    with pytest.raises(InputError, match="mixes up texts with accents"):
        parse(model).encode(table_of(turned))


def test_accents_of_unlike_width_are_told_apart() -> None:
    df = frame(["größe", "weiß", "grün"])
    check(train({"max_cat_to_onehot": 1}, df, effect(df), 10), df.iloc[:40])


def test_a_missing_number_is_also_a_missing_code() -> None:
    df = frame(list("pqrs"))[["a", "c"]]
    y = np.abs(df["c"].cat.codes.to_numpy() - 1.2)
    model = xgboost.XGBRegressor(
        n_estimators=5, n_jobs=1, missing=2, enable_categorical=True, max_cat_to_onehot=1
    ).fit(df, y)
    check(model, df.iloc[:40])
    check(model, df.assign(c=df["c"].cat.set_categories(list("srqp"))).iloc[:40])


def test_codes_given_as_numbers_are_taken_as_they_are() -> None:
    df = frame(list("pqrs"))
    df = df[df["c"].notna()]
    codes = np.column_stack([df["a"], df["c"].cat.codes, df["d"].cat.codes]).astype(float)
    data = xgboost.DMatrix(codes, effect(df), feature_types=["q", "c", "c"])
    model = xgboost.train(FAST | {"max_cat_to_onehot": 1}, data, 5)
    check(model, codes, model.inplace_predict(codes, predict_type="margin")[:, None])
    rows = df.iloc[:40]
    check(model, rows, margin(model, rows.rename(columns=str)))


def test_an_unknown_category_is_named() -> None:
    df = frame(list("pqrs"))
    trees = parse(train({}, df, effect(df)))
    odd = df.iloc[:5].assign(c=pd.Categorical(["p", "q", "zebra", "p", "q"]))
    with pytest.raises(InputError, match="'zebra', a category the model did not see"):
        trees.encode(table_of(odd))
    with pytest.raises(InputError, match="zebra"):
        trees.predict(table_of(odd))


def test_plain_text_is_refused_as_xgboost_refuses_it() -> None:
    df = frame(list("pqrs"))
    trees = parse(train({}, df, effect(df)))
    table = table_of(df.assign(c=df["c"].astype(object)))
    with pytest.raises(InputError, match="XGBoost refuses these rows: DataFrame"):
        trees.predict(table)
    np.testing.assert_array_equal(trees.encode(table.detached()), trees.encode(table_of(df)))


def test_categories_in_a_column_of_numbers_are_refused() -> None:
    df = frame(list("pqrs"))
    trees = parse(train({}, df, effect(df)))
    with pytest.raises(InputError, match="learned it as float"):
        trees.encode(table_of(df.assign(a=df["c"])))


def test_columns_must_be_those_of_the_training() -> None:
    df = frame(list("pqrs"))
    trees = parse(train({}, df, effect(df)))
    with pytest.raises(InputError, match="column 'd' where the model expects 'c'"):
        trees.encode(table_of(df[["a", "d", "c"]]))
    with pytest.raises(InputError, match="2 columns; the model was trained on 3"):
        trees.encode(table_of(df[["a", "d"]]))


def test_what_is_no_fitted_xgboost_model_is_refused() -> None:
    with pytest.raises(InputError, match="XGBRegressor is not fitted"):
        parse(xgboost.XGBRegressor())
    with pytest.raises(InputError, match="cannot write this Booster"):
        parse(xgboost.Booster())
    with pytest.raises(UnsupportedModelError, match=r"builtins\.dict"):
        parse({})


class Altered:
    """A booster that hands out other bytes; its class pretends to be XGBoost's."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def save_raw(self, raw_format: str) -> bytearray:
        """Return the bytes."""
        assert raw_format == "ubj"
        return bytearray(self.raw)


Altered.__module__, Altered.__name__ = "xgboost.core", "Booster"


def test_truncated_bytes_are_refused_wherever_they_end() -> None:
    X = numbers()
    raw = bytes(train({}, X, signal(X), 1).save_raw("ubj"))
    for end in range(0, len(raw), 37):
        with pytest.raises(InputError, match="damaged"):
            parse(Altered(raw[:end]))
    with pytest.raises(InputError, match="damaged"):
        parse(Altered(raw + b"Z"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for text in (raw, b"{" + raw, b"{U\x01a" + raw + b"}"):
        try:
            assert isinstance(_ubjson.read(text), dict)
        except InputError:
            continue


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_altered_models_are_read_or_refused(data: st.DataObject) -> None:
    X = numbers()
    raw = bytearray(_MODEL.save_raw("ubj"))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        trees = parse(Altered(bytes(raw)))
    except (InputError, UnsupportedModelError):
        return
    assert trees.nodes.columns >= 0
    if trees.nodes.columns == X.shape[1]:
        naive(trees.nodes, X[:2])


_MODEL = train({}, numbers(), signal(numbers()), 2)


def test_hostile_bytes_are_refused_at_once() -> None:
    for raw in (
        b"{U\x01a" + b"[" * 5000,
        b"{U\x01a[$d#L" + b"\x7f" + b"\xff" * 7,
        b"{U\x01a[#L" + b"\x7f" + b"\xff" * 7,
        b"{U\x01aS" + b"L" + b"\xff" * 8,
    ):
        with pytest.raises(InputError, match="damaged"):
            _ubjson.read(raw)


def test_both_forms_of_json_agree() -> None:
    X = numbers()
    model = train({"objective": "multi:softprob", "num_class": 3}, X, counts(X) % 3)
    plain = json.loads(model.save_raw("json"))

    def same(a: object, b: object) -> bool:
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
        if isinstance(a, list):
            return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, str):
            return a == b
        return bool(np.float32(a) == np.float32(b))

    assert same(plain, _ubjson.read(bytes(model.save_raw("ubj"))))


def test_an_unknown_kind_of_split_is_refused() -> None:
    raw = bytearray(_MODEL.save_raw("ubj"))
    at = raw.index(b"split_type") + len(b"split_type[$U#L") + 8
    raw[at] = 2
    with pytest.raises(UnsupportedModelError, match="splits of type 2"):
        parse(Altered(bytes(raw)))


def test_a_field_of_another_kind_is_refused() -> None:
    raw = bytes(_MODEL.save_raw("ubj")).replace(b"num_classSL\0\0\0\0\0\0\0\x010", b"num_classZ")
    with pytest.raises(InputError, match="not what XGBoost writes"):
        parse(Altered(raw))


def test_a_lost_field_is_named() -> None:
    raw = bytes(_MODEL.save_raw("ubj")).replace(b"sum_hessian", b"sum_xxxxxxx")
    with pytest.raises(InputError, match="no field 'sum_hessian'"):
        parse(Altered(raw))


def test_the_reading_can_be_pickled_and_leaves_the_table_alone() -> None:
    df = frame(list("pqrs"))
    trees = pickle.loads(pickle.dumps(parse(train({}, df, effect(df)))))  # noqa: S301  our own
    table = table_of(df)
    table.numbers.flags.writeable = False
    np.testing.assert_allclose(
        naive(trees.nodes, trees.encode(table)), trees.predict(table), atol=1e-5
    )


def test_one_row_is_answered_fast() -> None:
    X = pd.DataFrame(numbers(), columns=list("abcd"))
    trees = parse(train({}, X, signal(X.to_numpy()), 50))
    row = table_of(X.iloc[:1])
    trees.predict(row)
    seconds = []
    for _ in range(50):
        begin = time.perf_counter()
        trees.predict(row)
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 1e-3


def test_no_library_is_imported_for_the_reading() -> None:
    assert "xgboost" not in vars(parser)
