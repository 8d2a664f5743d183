"""What is read from a CatBoost model says the same as the model, at every kind of number."""

import pickle
from pathlib import Path

import catboost as cb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.trees import predict
from whence.core.errors import InputError, UnsupportedModelError
from whence.core.table import table_of
from whence.core.types import Floats
from whence.models.parse import catboost
from whence.models.parse.catboost import parse
from whence.models.trees import Nodes, Trees

SMALL = {
    "iterations": 6,
    "depth": 3,
    "verbose": 0,
    "thread_count": 1,
    "random_seed": 0,
    "allow_writing_files": False,
}
SHAPES = ["SymmetricTree", "Depthwise", "Lossguide"]


def numbers(rows: int = 200, *, seed: int = 0, missing: float = 0.2) -> Floats:
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(rows, 3)), 1)
    X[rng.random(X.shape) < missing] = np.nan
    X[:, 2] = rng.integers(0, 3, rows)  # a column that never misses
    return X


def signal(X: Floats) -> Floats:
    filled = np.nan_to_num(X, nan=1.5)
    return filled[:, 0] - 2 * np.isnan(X[:, 1]) + filled[:, 2] * filled[:, 1]


def probes(nodes: Nodes, X: Floats) -> Floats:
    """Return rows at the thresholds, where the rounding to float32 changes sides, and odd ones."""
    split = np.unique(nodes.threshold[nodes.feature >= 0])[:40]
    near = [split, np.nextafter(split, np.inf), np.nextafter(split, -np.inf)]
    single = split.astype(np.float32)
    near += [single, np.nextafter(single, np.float32(9)), np.nextafter(single, np.float32(-9))]
    odd = [0.0, np.nan, np.inf, -np.inf, 1e300, -1e300, -3.4028234663852886e38, 1e-45, 1e-46]
    values = np.concatenate([*near, odd]).astype(np.float64)
    return np.random.default_rng(1).choice(values, size=(200, X.shape[1]))


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
    np.testing.assert_allclose(nodes.cover[split], children, rtol=1e-12)
    return trees


def expected(nodes: Nodes) -> Floats:
    """Return the mean output over the training rows, from values and covers alone."""
    out = np.array(nodes.base)
    for t in range(nodes.trees):
        span = slice(int(nodes.start[t]), int(nodes.start[t + 1]))
        cover = nodes.cover[span] * (nodes.feature[span] < 0)
        out += cover @ nodes.value[span] / cover.sum()
    return out


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("nan_mode", ["Min", "Max", "Forbidden"])
def test_numbers_thresholds_and_missing_values(shape: str, nan_mode: str) -> None:
    X = numbers(missing=0.0 if nan_mode == "Forbidden" else 0.2)
    model = cb.CatBoostRegressor(**SMALL, grow_policy=shape, nan_mode=nan_mode).fit(X, signal(X))
    trees = check(model, X)
    assert (trees.features, trees.named, trees.outputs) == (("x0", "x1", "x2"), False, ("y",))
    check(model, probes(trees.nodes, X), trees)
    with np.errstate(over="ignore"):
        check(model, probes(trees.nodes, X).astype(np.float32), trees)
    mean = expected(trees.nodes)[0]
    np.testing.assert_allclose(model.predict(X).mean(), mean, rtol=1e-9)
    if shape == "SymmetricTree":  # at other shapes the library's own base values miss this mean
        own = model.get_feature_importance(cb.Pool(X), type="ShapValues")[:, -1]
        np.testing.assert_allclose(own, mean, rtol=1e-9)
    assert (trees.nodes.cover[trees.nodes.start[:-1]] == len(X)).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("loss", ["MultiClass", "MultiClassOneVsAll"])
def test_leaves_hold_all_classes(shape: str, loss: str) -> None:
    X = numbers()
    label = np.array(["ash", "elm", "oak"])[np.digitize(signal(X), [-0.5, 1.0])]
    model = cb.CatBoostClassifier(**SMALL, grow_policy=shape, loss_function=loss).fit(X, label)
    trees = check(model, X)
    assert trees.outputs == ("ash", "elm", "oak")
    raw = trees.predict(table_of(X))
    response = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    if loss == "MultiClassOneVsAll":
        response = 1 / (1 + np.exp(-raw))
    assert trees.link == ("softmax" if loss == "MultiClass" else "logistic")
    np.testing.assert_allclose(response, model.predict_proba(X), rtol=1e-9)


def test_a_binary_model_speaks_in_log_odds_for_its_second_class() -> None:
    X = numbers()
    label = np.where(signal(X) > 0, "pays", "defaults")
    trees = check(model := cb.CatBoostClassifier(**SMALL).fit(X, label), X)
    assert (trees.outputs, trees.link, trees.unit) == (("pays",), "logistic", "log-odds")
    raw = trees.predict(table_of(X))[:, 0]
    np.testing.assert_allclose(1 / (1 + np.exp(-raw)), model.predict_proba(X)[:, 1], rtol=1e-9)


@pytest.mark.parametrize(
    ("loss", "link", "unit"),
    [
        ("RMSE", "identity", "target"),
        ("Quantile:alpha=0.3", "identity", "target"),
        ("Poisson", "exp", "log of the target"),
        ("Tweedie:variance_power=1.5", "exp", "log of the target"),
        ("LogLinQuantile", "identity", "log of the target"),
    ],
)
def test_the_link_turns_the_raw_output_into_the_response(loss: str, link: str, unit: str) -> None:
    X = numbers()
    y = np.exp(signal(X) / 4)
    model = cb.CatBoostRegressor(**SMALL, loss_function=loss).fit(X, y)
    trees = check(model, X)
    assert (trees.link, trees.unit, trees.outputs) == (link, unit, ("y",))
    raw = trees.predict(table_of(X))[:, 0]
    np.testing.assert_allclose(np.exp(raw) if link == "exp" else raw, model.predict(X), rtol=1e-9)


@pytest.mark.parametrize("shape", SHAPES[:1])
@pytest.mark.parametrize(
    ("loss", "outputs"),
    [
        ("MultiRMSE", ("y0", "y1")),
        ("RMSEWithUncertainty", ("mean", "log of the standard deviation")),
        ("MultiQuantile:alpha=0.1,0.5,0.9", ("y0", "y1", "y2")),
    ],
)
def test_several_outputs_of_a_regression(shape: str, loss: str, outputs: tuple[str, ...]) -> None:
    X = numbers()
    y = signal(X)
    target = np.c_[y, -y] if loss == "MultiRMSE" else y
    model = cb.CatBoostRegressor(**SMALL, loss_function=loss).fit(X, target)
    trees = check(model, X)
    assert (trees.outputs, trees.link, trees.unit) == (outputs, "identity", "target")


def test_labels_and_shares() -> None:
    X = numbers()
    y = signal(X)
    labels = cb.CatBoostClassifier(**SMALL, loss_function="MultiLogloss")
    trees = check(labels.fit(X, np.c_[y > 0, y > 1].astype(int)), X)
    assert (trees.link, trees.nodes.outputs) == ("logistic", 2)
    share = cb.CatBoostClassifier(**SMALL, loss_function="CrossEntropy")
    trees = check(share.fit(X, 1 / (1 + np.exp(-y))), X)
    assert (trees.link, trees.outputs) == ("logistic", ("1",))


def test_a_ranker_the_plain_class_and_an_own_loss() -> None:
    X = numbers()
    y = signal(X)
    group = np.repeat(np.arange(20), 10)
    ranker = cb.CatBoostRanker(**SMALL, loss_function="YetiRank").fit(X, y > 0, group_id=group)
    assert check(ranker, X).unit == "ranking score"
    plain = cb.CatBoost(SMALL | {"loss_function": "Logloss"}).fit(X, y > 0)
    trees = check(plain, X)
    assert (trees.link, trees.unit) == ("logistic", "log-odds")


LEVELS = [2, 40, 200]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("levels", LEVELS)
def test_one_hot_categories_of_any_number_follow_the_users_columns(shape: str, levels: int) -> None:
    rng = np.random.default_rng(levels)
    codes = rng.integers(0, levels, 600)
    names = [f"k{j:03}" for j in range(levels)]
    town = rng.integers(10, 14, 600)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=600),
            "town": town,
            "job": pd.Categorical.from_codes(codes, names),
            "old": town > 11,
        }
    )
    y = rng.normal(size=levels)[codes] * 3 + (town % 3) + frame["size"] / 5 + (town > 11)
    model = cb.CatBoostRegressor(
        **SMALL | {"iterations": 40}, grow_policy=shape, one_hot_max_size=255,
        cat_features=["town", "job", "old"],
    ).fit(frame, y)  # fmt: skip
    trees = check(model, frame)
    assert np.unique(trees.nodes.feature).tolist() == [-1, 0, 1, 2, 3]
    assert (trees.features, trees.named) == (("size", "town", "job", "old"), True)

    other = frame[:60].assign(town=[13, 12, -7] * 20)
    other["job"] = pd.Categorical(["new", names[1], names[0]] * 20, ["new", *names[::-1]])
    check(model, other, trees)
    check(model, other.assign(job=other["job"].astype(str)), trees)
    check(model, pl.from_pandas(other), trees)
    check(model, other.to_numpy(dtype=object), trees)
    bare = table_of(other).detached()
    np.testing.assert_allclose(trees.predict(bare), trees.predict(table_of(other)), rtol=1e-12)


def test_booleans_are_categories_and_unread_features_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    old = rng.random(200) > 0.5
    frame = pd.DataFrame(
        {"same": "k", "old": pd.Categorical(old), "b": rng.random(200) > 0.5, "same too": "k"}
    )
    model = cb.CatBoostRegressor(**SMALL, one_hot_max_size=9, cat_features=list(frame.columns))
    trees = check(model.fit(frame, 2.0 * old + frame["b"]), frame)
    assert np.unique(trees.nodes.feature).tolist() == [-1, 1, 2]
    check(model, frame.assign(same="new", old=old), trees)
    check(model, frame.astype({"same": object, "old": int, "b": int}), trees)


def test_more_than_64_categories_need_more_than_one_word() -> None:
    codes = np.arange(600) % 200
    effect = np.random.default_rng(0).normal(size=200)
    frame = pd.DataFrame({"job": [f"k{j:03}" for j in codes]})
    model = cb.CatBoostRegressor(
        **SMALL | {"iterations": 150}, one_hot_max_size=255, cat_features=["job"]
    )
    trees = check(model.fit(frame, effect[codes]), frame)
    assert np.diff(trees.nodes.category_start).max() > 1


def test_a_category_must_be_text_or_a_whole_number() -> None:
    rng = np.random.default_rng(0)
    job = rng.integers(0, 4, 200)
    frame = pd.DataFrame({"job": [f"k{j}" for j in job], "size": rng.normal(size=200)})
    model = cb.CatBoostRegressor(**SMALL, one_hot_max_size=9, cat_features=["job"])
    trees = check(model.fit(frame, np.sin(job)), frame)
    with pytest.raises(InputError, match="'job' has missing values"):
        trees.encode(table_of(frame.assign(job=[None, "k1"] * 100)))
    with pytest.raises(InputError, match=r"'job' holds 1\.5"):
        trees.encode(table_of(frame.assign(job=1.5)))
    with pytest.raises(InputError, match="'size' holds text"):
        trees.encode(table_of(frame.assign(size="large")))
    spelled = frame.assign(size=[str(size) for size in frame["size"]])
    check(model, spelled, trees)
    spelled.loc[::3, "size"] = "nan"
    check(model, spelled, trees)
    spelled = spelled.astype(object)
    spelled.loc[1::3, "size"] = np.nan
    check(model, spelled, trees)
    check(model, spelled.to_numpy(), trees)
    with pytest.raises(InputError, match="1 columns"):
        trees.encode(table_of(frame[["job"]]))
    with pytest.raises(InputError, match="'size' where the model expects 'job'"):
        trees.encode(table_of(frame[["size", "job"]]))


def test_the_best_iteration_ends_the_model_and_a_file_says_the_same(tmp_path: Path) -> None:
    X = numbers()
    y = np.random.default_rng(0).normal(size=len(X))
    model = cb.CatBoostRegressor(**SMALL | {"iterations": 200}).fit(
        X[:100], y[:100], eval_set=(X[100:], y[100:]), early_stopping_rounds=3
    )
    trees = check(model, X)
    assert trees.nodes.trees == model.best_iteration_ + 1 < 200
    file = tmp_path / "model.cbm"
    model.save_model(str(file))
    again = check(cb.CatBoost().load_model(str(file)), X)
    assert again.nodes.digest() == trees.nodes.digest()
    assert (again.link, again.unit) == (trees.link, trees.unit)


def test_scale_and_bias_are_folded_in() -> None:
    X = numbers()
    model = cb.CatBoostRegressor(**SMALL).fit(X, signal(X))
    model.set_scale_and_bias(0.3, 7.0)
    assert check(model, X).nodes.base.tolist() == [7.0]


def test_sums_and_constants_can_be_read() -> None:
    X = numbers()
    one, two = (cb.CatBoostRegressor(**SMALL, random_strength=s).fit(X, signal(X)) for s in (1, 9))
    check(cb.sum_models([one, two], weights=[0.5, 2.0]), X)
    constant = cb.CatBoostRegressor(**SMALL, allow_const_label=True, bootstrap_type="No")
    check(constant.fit(X, np.full(len(X), 3.0)), X)


def test_weights_are_the_covers() -> None:
    X = numbers()
    weight = np.random.default_rng(0).random(len(X))
    model = cb.CatBoostRegressor(**SMALL).fit(X, signal(X), sample_weight=weight)
    nodes = check(model, X).nodes
    np.testing.assert_allclose(nodes.cover[nodes.start[:-1]], weight.sum(), rtol=1e-5)


def test_target_statistics_are_refused_with_their_features() -> None:
    rng = np.random.default_rng(0)
    job = rng.integers(0, 30, 300)
    frame = pd.DataFrame({"size": rng.normal(size=300), "job": [f"k{j}" for j in job]})
    model = cb.CatBoostRegressor(**SMALL, cat_features=["job"]).fit(frame, np.sin(job))
    with pytest.raises(UnsupportedModelError, match=r"CTR.*features job,.*model-agnostic"):
        parse(model)


def test_text_is_refused_with_its_features() -> None:
    rows = [["hello world", 1.0], ["bye world", 2.0], ["foo", 3.0]] * 40
    model = cb.CatBoostClassifier(**SMALL, text_features=[0]).fit(rows, [0, 1, 0] * 40)
    with pytest.raises(UnsupportedModelError, match="text features: x0"):
        parse(model)


def test_embeddings_are_refused_with_their_features() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=90), "picture": list(rng.normal(size=(90, 4)))})
    model = cb.CatBoostClassifier(**SMALL, embedding_features=["picture"])
    with pytest.raises(UnsupportedModelError, match="embedding features: picture"):
        parse(model.fit(frame, rng.integers(0, 2, 90)))


def test_unknown_splits_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    X = numbers()
    model = cb.CatBoostRegressor(**SMALL).fit(X, signal(X))
    document = catboost._document(model)  # noqa: SLF001  changed below
    document["oblivious_trees"][0]["splits"][0]["split_type"] = "Moon"
    monkeypatch.setattr(catboost, "_document", lambda _: document)
    with pytest.raises(UnsupportedModelError, match="type 'Moon'"):
        parse(model)


def test_an_unfitted_model_is_refused() -> None:
    with pytest.raises(InputError, match="CatBoostClassifier is not fitted"):
        parse(cb.CatBoostClassifier())


def test_the_view_can_be_pickled() -> None:
    frame = pd.DataFrame(numbers(missing=0.0), columns=["a", "b", "c"]).astype({"c": int})
    model = cb.CatBoostRegressor(**SMALL, one_hot_max_size=9, cat_features=["c"])
    trees = parse(model.fit(frame, signal(frame.to_numpy())))
    again: Trees = pickle.loads(pickle.dumps(trees))  # noqa: S301  our own bytes
    table = table_of(frame)
    np.testing.assert_array_equal(again.predict(table), trees.predict(table))
    np.testing.assert_array_equal(again.encode(table), trees.encode(table))


MODEL = cb.CatBoostRegressor(**SMALL).fit(numbers(), signal(numbers()))
TREES = parse(MODEL)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(), min_size=3, max_size=3), min_size=1, max_size=5))
def test_any_numbers_at_all(rows: list[list[float]]) -> None:
    check(MODEL, np.array(rows), TREES)
