"""A few rows stand for all, and the criticisms are what they do not stand for."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import whence as wh
from reference import examples
from whence.core.errors import InputError
from whence.core.types import Floats
from whence.explainers.criticisms import Criticisms
from whence.explainers.prototypes import Prototypes
from whence.kernels.gower import distances, ranges
from whence.maskers.typical import shared_out

rng = np.random.default_rng(4)
X = np.concatenate([rng.normal(size=(40, 3)), rng.normal(size=(20, 3)) + 4, [[12.0, -9.0, 0.0]]])
FRAME = pd.DataFrame(
    {
        "age": X[:, 0].round(1),
        "job": pd.Categorical(np.where(X[:, 1] > 2, "clerk", "smith")),
        "town": np.where(X[:, 2] > 2, "a", np.where(X[:, 2] > 0, "b", "c")),
        "wage": np.where(X[:, 1] > 1, X[:, 1], np.nan),
    }
)
Y = (X[:, 0] + X[:, 1] > 4).astype(int)


def total(rows: Any) -> Floats:  # noqa: ANN401  a table of any kind
    return np.asarray(rows)[:, 0].astype(float)


def classifier() -> Any:  # noqa: ANN401  a pipeline
    encode = make_column_transformer((OneHotEncoder(), ["job", "town"]), ("passthrough", ["age"]))
    return make_pipeline(encode, LogisticRegression()).fit(FRAME, np.where(Y, "rich", "poor"))


def kernel(rows: Floats) -> Floats:
    apart = distances(rows, rows, ranges(X), np.zeros(rows.shape[1], dtype=bool))
    return np.exp(-apart / np.median(apart[np.triu_indices(len(rows), 1)]))


def test_the_prototypes_of_all_rows_are_those_of_the_definition() -> None:
    e = wh.explain(total, X, Prototypes(count=4), rng=0)

    assert e.names.rows == ("all",)
    assert_array_equal(e.index[0], examples.greedy(kernel(X), 4))
    assert_array_equal(e.candidates[0], X[e.index[0]])
    assert_array_equal(e.outputs[0, :, 0], X[e.index[0], 0])
    assert e.score.sum() == pytest.approx(1)
    assert e.valid.all()
    assert e.kind == "prototype"
    assert e.provenance.evaluations == len(X)


def test_the_distance_is_the_mean_over_the_rows_that_are_nearest() -> None:
    e = wh.explain(total, X, Prototypes(count=3), rng=0)

    apart = distances(X, X[e.index[0]], ranges(X), np.zeros(3, dtype=bool))
    nearest = apart.argmin(axis=1)
    means = [apart[nearest == c, c].mean() for c in range(3)]
    assert_allclose(e.distance[0], means)


def test_each_class_is_explained_by_its_own_rows() -> None:
    model = classifier()
    said = model.predict(FRAME)

    e = wh.explain(model, FRAME, Prototypes(count=6), rng=0)
    c = wh.explain(model, FRAME, Criticisms(count=4, prototypes=6), rng=0)

    for found, count in ((e, 6), (c, 4)):
        assert found.names.rows == ("poor", "rich")
        assert found.names.outputs == ("rich",)
        assert found.valid.sum() == count
        for i, name in enumerate(("poor", "rich")):
            assert (said[found.index[i][found.valid[i]]] == name).all()
    table = e.table(1)
    assert table.text(0, 1) == FRAME["job"][e.index[1, 0]]
    assert table.text(0, 2) == FRAME["town"][e.index[1, 0]]
    lines = e.to_frame()
    assert lines["row"].tolist() == ["poor"] * int(e.valid[0].sum()) + ["rich"] * int(
        e.valid[1].sum()
    )
    assert lines["job"].tolist() == FRAME["job"][lines["index"]].tolist()


def test_of_few_rows_of_a_class_there_is_one_at_least() -> None:
    assert_array_equal(shared_out(3, np.array([1000, 1, 1])), [1, 1, 1])
    assert_array_equal(shared_out(10, np.array([700, 200, 100])), [7, 2, 1])
    for _ in range(200):
        sizes = rng.integers(1, 50, rng.integers(1, 6))
        count = int(rng.integers(len(sizes), sizes.sum() + 1))
        shares = shared_out(count, sizes)
        assert shares.sum() == count
        assert (shares >= 1).all()
        assert (shares <= np.maximum(sizes, 1)).all()
        assert (np.abs(shares - count * sizes / sizes.sum()) < len(sizes)).all()


def test_a_row_that_is_like_no_other_is_a_criticism() -> None:
    chosen = wh.explain(total, X, Prototypes(count=4), rng=0).index[0]

    e = wh.explain(total, X, Criticisms(count=3, prototypes=4), rng=0)

    apart = distances(X, X[chosen], ranges(X), np.zeros(3, dtype=bool)).min(axis=1)
    assert_allclose(e.distance[0], apart[e.index[0]])
    assert not set(e.index[0]) & set(chosen)
    assert e.distance[0].mean() > np.quantile(apart, 0.7)
    assert e.kind == "criticism"


def test_any_kind_of_frame_and_any_order_give_the_same_rows() -> None:
    def model(rows: Any) -> Floats:  # noqa: ANN401  a table of any kind
        return np.asarray(rows["age"], dtype=float)

    e = wh.explain(model, FRAME, Prototypes(count=5), rng=0)
    order = np.random.default_rng(0).permutation(len(FRAME))

    shuffled = wh.explain(model, FRAME.iloc[order], Prototypes(count=5), rng=1)

    assert_array_equal(order[shuffled.index[0]], e.index[0])
    for make in (pl.from_pandas, lambda f: pl.from_pandas(f).to_arrow()):
        same = wh.explain(model, make(FRAME), Prototypes(count=5), rng=0)
        assert_array_equal(same.index, e.index)
        assert same.to_frame()["town"].tolist() == e.to_frame()["town"].tolist()


def test_weights_say_which_columns_count() -> None:
    far = X.copy()
    far[:, 2] = np.linspace(0, 1, len(X))

    e = wh.explain(total, far, Prototypes(count=3, weights={"x0": 2.0, "x1": 1.0}), rng=0)

    weighted = distances(far, far, ranges(far), np.zeros(3, dtype=bool), np.array([2.0, 1.0, 0.0]))
    K = np.exp(-weighted / np.median(weighted[np.triu_indices(len(far), 1)]))
    assert_array_equal(e.index[0], examples.greedy(K, 3))


def test_images_and_texts_have_prototypes() -> None:
    images = rng.normal(size=(12, 5, 5, 1))
    e = wh.explain(lambda x: x.mean(axis=(1, 2, 3)), images, Prototypes(count=2), rng=0)
    assert_array_equal(e.candidates[0], images[e.index[0]])

    texts = ["good", "good film", "bad", "bad film", "awful"]

    def counts(rows: list[str]) -> Floats:
        return np.array([[t.count("good"), t.count("bad")] for t in rows], dtype=float)

    def score(rows: list[str]) -> Floats:
        return counts(rows)[:, 0]

    e = wh.explain(score, texts, Prototypes(count=3, embed=counts), rng=0)
    assert e.candidates.shape == (1, 3, 0)
    assert len(set(e.index[0])) == 3
    with pytest.raises(InputError, match="Give embed=function"):
        wh.explain(score, texts, Prototypes(count=2))


def test_results_are_saved_with_their_categories(tmp_path: Path) -> None:
    model = classifier()
    for method in (Prototypes(count=4), Criticisms(count=3)):
        e = wh.explain(model, FRAME, method, rng=0)
        loaded: Any = wh.load(e.save(tmp_path / "e.whence"))
        assert loaded.to_frame().equals(e.to_frame())
        assert wh.explain(model, FRAME, method, rng=0).score.tobytes() == e.score.tobytes()
        assert pickle.loads(pickle.dumps(method)).count == method.count  # noqa: S301  our own bytes


def test_rows_that_repeat_give_fewer_prototypes() -> None:
    same = np.repeat([[0.0, 1.0], [5.0, 1.0]], 4, axis=0)

    e = wh.explain(total, same, Prototypes(count=5), rng=0)

    assert e.valid[0].tolist() == [True, True]
    assert "2 of 5 were found: every other row equals one of them" in e.provenance.warnings[0]
    none = wh.explain(total, same, Criticisms(count=2, prototypes=2), rng=0)
    assert not none.valid.any()
    assert np.isnan(none.candidates).all()
    assert (none.index == -1).all()


def test_a_class_that_is_never_decided_for_is_told() -> None:
    def model(rows: Floats) -> Floats:
        return np.tile([0.5, 0.3, 0.2], (len(rows), 1))

    e = wh.explain(model, X, Prototypes(count=2), rng=0)

    assert e.names.rows == ("y0",)
    assert e.provenance.warnings == ("The model decides for y1, y2 in no row.",)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Prototypes(count=0), "count is 0. A positive whole number"),
        (Prototypes(count=62), "count is 62 and X has 61 rows"),
        (Criticisms(prototypes=62), "prototypes is 62 and X has 61 rows"),
        (Criticisms(prototypes=True), "prototypes is True"),
        (Prototypes(per_class=True), "answers with one number and has no classes"),
        (Prototypes(per_class=2), "per_class is 2"),
        (Prototypes(weights={"age": 1.0}), "weights names 'age', which the table does not have"),
        (Prototypes(weights={"x0": -1.0}), "Numbers from 0 are needed"),
        (Prototypes(weights={"x0": 1.0}, embed=total), "Both weights and embed were given"),
    ],
)
def test_what_cannot_be_used_is_refused(method: Any, message: str) -> None:  # noqa: ANN401  a method
    with pytest.raises(InputError, match=message):
        wh.explain(total, X, method)


def test_fewer_prototypes_than_classes_are_refused() -> None:
    with pytest.raises(InputError, match="count is 1 and the model decides for 2 classes"):
        wh.explain(classifier(), FRAME, Prototypes(count=1))


@pytest.mark.skipif("WHENCE_DATA" not in os.environ, reason="WHENCE_DATA names no folder of data")
def test_prototypes_of_passengers_tell_who_a_model_saves() -> None:
    data = pd.read_csv(Path(os.environ["WHENCE_DATA"]) / "titanic" / "titanic_seaborn.csv")
    rows = data[["pclass", "sex", "age", "fare", "embarked"]].dropna(ignore_index=True)
    truth = data.dropna(subset=["age", "fare", "embarked"])["survived"].to_numpy()
    encode = make_column_transformer(
        (OneHotEncoder(), ["sex", "embarked"]), remainder="passthrough"
    )
    model = make_pipeline(encode, LogisticRegression(max_iter=2000)).fit(rows, truth)
    said = model.predict(rows)

    e = wh.explain(model, rows, Prototypes(count=10), rng=0)

    coded = wh.explain(model, rows, Prototypes(count=10), rng=0).to_frame()
    assert set(coded[coded["row"] == "1"]["sex"]) == {"female"}
    index, label = e.index[e.valid], np.repeat([0, 1], e.valid.sum(axis=1))
    table = np.column_stack([rows[c].astype("category").cat.codes for c in rows])
    table = table.astype(float)
    table[:, [0, 2, 3]] = rows[["pclass", "age", "fare"]]
    coding = np.array([False, True, False, False, True])
    near = distances(table, table[index], ranges(table), coding).argmin(axis=1)
    assert (label[near] == said).mean() > 0.85
