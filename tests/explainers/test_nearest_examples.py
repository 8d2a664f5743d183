"""The nearest rows are the nearest rows."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

import whence as wh
from reference import examples
from whence.core.errors import InputError
from whence.core.types import Floats
from whence.explainers.nearest_examples import NearestExamples

rng = np.random.default_rng(9)
Z = rng.integers(0, 5, (30, 3)).astype(float)
X = rng.integers(0, 5, (6, 3)).astype(float)


def three(rows: Any) -> Floats:  # noqa: ANN401  an array or sparse matrix
    rows = rows.toarray() if sparse.issparse(rows) else rows
    shares = np.exp(np.asarray(rows, dtype=float))
    return shares / shares.sum(axis=1, keepdims=True)


def definition(rows: Floats, others: Floats) -> Floats:
    scale = others.max(axis=0) - others.min(axis=0)
    plain = (scale, np.zeros(3, dtype=bool), np.ones(3))
    return np.array([[examples.gower(x, z, *plain) for z in others] for x in rows])


@pytest.mark.parametrize("same", [None, True, False])
def test_they_are_those_of_the_definition(same: bool | None) -> None:
    apart = definition(X, Z)
    alike = three(X).argmax(axis=1)[:, None] == three(Z).argmax(axis=1)
    apart[~np.isin(alike, [True, False] if same is None else [same])] = np.inf

    e = wh.explain(three, X, NearestExamples(background=Z, count=4, same_class=same))

    order = np.argsort(np.round(apart, 12), axis=1, kind="stable")[:, :4]
    assert_array_equal(e.index, order)
    assert_allclose(e.distance, np.take_along_axis(apart, order, axis=1), atol=1e-12)
    assert_array_equal(e.candidates, Z[order])
    assert_allclose(e.outputs, three(Z)[order])
    assert e.kind == "neighbor"
    assert e.provenance.evaluations == len(X) + len(Z)


def test_where_no_row_of_the_class_is_left_places_are_empty() -> None:
    def model(rows: Floats) -> Floats:
        return np.column_stack([rows[:, 0] < 4.5, rows[:, 0] >= 4.5]).astype(float)

    near = NearestExamples(background=np.array([[1.0], [5.0], [2.0]]), count=2, same_class=True)
    e = wh.explain(model, np.array([[6.0], [0.0]]), near)

    assert_array_equal(e.valid, [[True, False], [True, True]])
    assert_array_equal(e.index, [[1, -1], [0, 2]])
    assert np.isnan(e.candidates[0, 1]).all()
    assert np.isnan(e.distance[0, 1])
    assert np.isnan(e.outputs[0, 1]).all()


FRAME = pd.DataFrame({"age": [20, 30, 40, 50], "job": ["clerk", "smith", "clerk", "baker"]})


def ages(rows: Any) -> Floats:  # noqa: ANN401  a frame of any kind
    return np.asarray(rows["age"], dtype=float)


def test_categories_that_the_background_lacks_are_different_from_all() -> None:
    one = pd.DataFrame({"age": [30, 20], "job": ["pilot", None]}, index=["a", "b"])

    e = wh.explain(ages, one, NearestExamples(background=FRAME, count=4))

    assert_array_equal(e.index[0], [1, 0, 2, 3])
    assert_allclose(e.distance[0], [0.5, 2 / 3, 2 / 3, 5 / 6])
    assert e.distance[1, 0] == 0.5
    assert e.names.rows == ("a", "b")
    assert [e.table(0).text(i, 1) for i in range(4)] == ["smith", "clerk", "clerk", "baker"]
    lines = e.to_frame()
    assert lines["job"].tolist()[:4] == ["smith", "clerk", "clerk", "baker"]
    assert not e.changed[0, 0, 0]
    assert e.changed[0, :, 1].all()


def test_any_kind_of_table_says_the_same() -> None:
    e = wh.explain(ages, FRAME[:2], NearestExamples(background=FRAME, count=3))
    for make in (pl.from_pandas, lambda f: pl.from_pandas(f).to_arrow()):
        near = NearestExamples(background=make(FRAME), count=3)
        same = wh.explain(ages, make(FRAME[:2]), near)
        assert_array_equal(same.index, e.index)
        assert_array_equal(same.distance, e.distance)
    dense = wh.explain(three, X, NearestExamples(background=Z))
    near = NearestExamples(background=sparse.csr_matrix(Z))
    assert_array_equal(wh.explain(three, sparse.csr_matrix(X), near).index, dense.index)


def test_rows_are_explained_by_themselves_and_saved(tmp_path: Path) -> None:
    gaps = np.where(rng.random((50, 3)) < 0.2, np.nan, rng.normal(size=(50, 3)))

    def model(rows: Floats) -> Floats:
        return np.nan_to_num(rows) @ [1.0, 2.0, 3.0]

    method = NearestExamples(background=gaps[:40])
    bound = wh.bind(model, method)
    e = bound.explain(gaps)

    for i in range(50):
        one = bound.explain(gaps[i : i + 1])
        for name in ("index", "distance", "candidates", "outputs"):
            assert_array_equal(getattr(one, name)[0], getattr(e, name)[i])
    assert wh.explain(model, gaps, method, n_jobs=2).distance.tobytes() == e.distance.tobytes()
    assert_array_equal(e.distance[:40, 0], 0)
    loaded: Any = wh.load(e.save(tmp_path / "e.whence"))
    assert_array_equal(loaded.index, e.index)
    assert pickle.loads(pickle.dumps(method)).count == 5  # noqa: S301  our own bytes


def test_images_are_compared_by_pixels_or_by_an_embedding() -> None:
    images = rng.normal(size=(9, 4, 4, 1))

    def bright(rows: Floats) -> Floats:
        return rows.reshape(len(rows), -1).mean(axis=1)

    e = wh.explain(bright, images[:2], NearestExamples(background=images, count=9))
    apart = np.sqrt(((images[:2, None] - images) ** 2).mean(axis=(2, 3, 4)))
    assert_array_equal(e.index, np.argsort(apart, axis=1, kind="stable"))
    assert_allclose(e.distance, np.sort(apart, axis=1), atol=1e-12)

    e = wh.explain(bright, images[:2], NearestExamples(background=images, count=9, embed=bright))
    apart = np.abs(bright(images[:2])[:, None] - bright(images))
    assert_array_equal(e.index, np.argsort(apart, axis=1, kind="stable"))
    with pytest.raises(InputError, match=r"Give both in one shape, or embed=function"):
        wh.explain(bright, images, NearestExamples(background=images[:, :3], count=2))


def test_weights_are_of_the_columns() -> None:
    near = NearestExamples(background=FRAME, count=1, weights={"job": 1.0})
    e = wh.explain(ages, FRAME[3:], near)
    assert_array_equal(e.index, [[3]])
    assert_array_equal(wh.explain(ages, FRAME[2:3], near).index, [[0]])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"background": None}, "The background is None"),
        ({"count": 31}, "count is 31 and the background has 30 rows"),
        ({"count": 1.5}, "count is 1.5. A positive whole number"),
        ({"same_class": "yes"}, "same_class is 'yes'"),
        ({"background": ["a", "b"], "count": 1}, "Give embed=function"),
        ({"background": FRAME, "count": 1}, "X has 3 columns .* and the background 2"),
        (
            {"background": rng.normal(size=(5, 4, 4, 1))},
            "X holds a table and the background images",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        wh.explain(
            lambda rows: np.ones((len(rows), 2)),
            X,
            NearestExamples(**({"background": Z} | settings)),
        )


def test_a_class_is_asked_of_classifiers_alone() -> None:
    with pytest.raises(InputError, match="answers with one number and has no classes"):
        wh.explain(ages, FRAME, NearestExamples(background=FRAME, count=1, same_class=False))


def test_a_background_of_one_constant_row_serves() -> None:
    e = wh.explain(three, X, NearestExamples(background=Z[:1], count=1))
    assert_array_equal(e.index, np.zeros((6, 1)))
    assert_allclose(e.distance[:, 0], (Z[0] != X).mean(axis=1))
