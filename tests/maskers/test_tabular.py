"""What is known stays, what is unknown comes from the background, in the user's own form."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from whence.core.errors import InputError
from whence.core.inputs import texts_of
from whence.core.table import table_of
from whence.core.types import Floats
from whence.maskers.columns import Groups
from whence.maskers.scene import Masked, Masker, Scene
from whence.maskers.tabular import Baseline, Marginal
from whence.models.predict import read_predict

FRAME = pd.DataFrame(
    {
        "age": np.array([41, 23, 35, 60, 23], dtype=np.int16),
        "rate": [0.5, np.nan, 2.0, 3.5, 1.5],
        "job": pd.Categorical(["clerk", None, "smith", "smith", "clerk"]),
        "city": pd.array(["Bonn", "Ulm", None, "Ulm", "Ulm"], dtype="str"),
        "member": [True, False, True, True, False],
        "points": pd.array([1, None, 3, 4, 4], dtype="Int64"),
    },
    index=list("abcde"),
)
NUMBERS = FRAME[["age", "rate", "member"]]
FORMS: dict[str, Callable[[], Any]] = {
    "pandas": lambda: FRAME,
    "polars": lambda: pl.from_pandas(FRAME),
    "pyarrow": lambda: pa.Table.from_pandas(FRAME, preserve_index=False),
    "float32": lambda: NUMBERS.to_numpy(dtype=np.float32),
    "float64": lambda: NUMBERS.to_numpy(dtype=np.float64),
    "objects": lambda: FRAME.astype(object).to_numpy(),
    "sparse": lambda: sparse.csr_matrix(np.eye(5, 3, dtype=np.float32)),
}


def scene_of(masker: Masker, X: object) -> Scene:
    view = read_predict(lambda rows: np.zeros(rows.shape[0]))
    return masker.bind(view)(table_of(X), np.random.default_rng(0))


def cells(masked: Masked) -> list[list[object]]:
    """Return what the model is asked about, copy by copy, as the user wrote it."""
    table = table_of(masked.inputs.native)
    at = np.arange(len(table)) if masked.back is None else masked.back
    return [[table.value(int(i), j) for j in range(len(table.names))] for i in at]


@pytest.mark.parametrize("form", FORMS)
def test_known_cells_are_the_rows_own_and_the_others_one_background_row_each(form: str) -> None:
    native = FORMS[form]()
    X, Z = native[:2], native[2:]
    scene = scene_of(Marginal(Z), X)
    x, z, p = table_of(X), table_of(Z), len(table_of(X).names)
    known = np.random.default_rng(1).random((6, p)) < 0.5
    row = np.array([0, 1, 1, 0, 1, 0])
    masked = scene.mask(row, known)

    expected = [
        [x.value(int(r), j) if known[c, j] else z.value(b, j) for j in range(p)]
        for c, r in enumerate(row)
        for b in range(len(z))
    ]
    assert cells(masked) == expected
    assert type(masked.inputs.native) is type(X)
    if hasattr(X, "dtypes"):
        assert list(masked.inputs.native.dtypes) == list(X.dtypes)
    elif hasattr(X, "schema"):
        assert masked.inputs.native.schema.types == X.schema.types
    else:
        assert masked.inputs.native.dtype == X.dtype


@pytest.mark.parametrize("form", FORMS)
def test_a_row_of_which_all_is_known_is_asked_about_once(form: str) -> None:
    native = FORMS[form]()
    scene = scene_of(Marginal(native[2:]), native[:2])
    masked = scene.mask(np.array([1, 1]), np.ones((2, scene.shape[0]), dtype=bool))

    assert len(masked.inputs) == 1
    assert_array_equal(masked.back, np.zeros(2 * scene.copies))
    assert list(masked.inputs.content()) == list(table_of(native[1:2]).content())


def test_columns_in_which_the_row_is_like_the_background_ask_nothing_new() -> None:
    Z = np.array([[1.0, 5.0, 2.0], [1.0, 6.0, 3.0]])
    scene = scene_of(Marginal(Z), np.array([[1.0, 7.0, 4.0]]))
    masked = scene.mask(
        np.zeros(2, dtype=int), np.array([[True, True, False], [False, True, False]])
    )

    assert masked.inputs.native.tolist() == [[1, 7, 2], [1, 7, 3]]
    assert masked.back.tolist() == [0, 1, 0, 1]


def test_rows_do_not_depend_on_their_company() -> None:
    rng = np.random.default_rng(5)
    X, Z = rng.normal(size=(4, 5)), rng.normal(size=(6, 5))
    known = rng.random((8, 5)) < 0.5
    row, u = np.repeat(np.arange(4), 2), rng.random(8)
    for draws in (None, u):
        together = scene_of(Marginal(Z), X).mask(row, known, draws).inputs.numbers
        alone = [
            scene_of(Marginal(Z), X[r : r + 1])
            .mask(np.zeros(1, dtype=int), known[c : c + 1], None if draws is None else u[c : c + 1])
            .inputs.numbers
            for c, r in enumerate(row)
        ]
        assert_array_equal(together, np.concatenate(alone))


def test_a_single_completion_is_a_background_row_and_each_is_as_likely() -> None:
    Z = np.arange(8.0).reshape(4, 2)
    scene = scene_of(Marginal(Z), np.array([[-1.0, -2.0]]))
    u = np.arange(0.0, 1.0, 1 / 16)
    masked = scene.mask(np.zeros(16, dtype=int), np.zeros((16, 2), bool), u)

    assert_array_equal(masked.inputs.native, Z)
    assert_array_equal(masked.back, np.repeat(np.arange(4), 4))
    last = scene.mask(np.array([0]), np.array([[True, False]]), np.array([np.nextafter(1, 0)]))
    assert last.inputs.native.tolist() == [[-1, 7]]


def test_groups_are_known_together_and_stand_where_their_first_column_does() -> None:
    Z = FRAME[2:]
    groups = {"place": ["city", "rate"], "who": ["member"]}
    scene = scene_of(Marginal(Z, groups=groups), FRAME[:1])
    masked = scene.mask(np.array([0]), np.array([[False, True, False, False, False]]))

    assert scene.names == ("age", "place", "job", "who", "points")
    assert (scene.shape, scene.counts.tolist()) == ((5,), [5])
    expected = Z.assign(city="Bonn", rate=0.5).reset_index(drop=True)
    pd.testing.assert_frame_equal(masked.inputs.native, expected)


def test_columns_without_names_are_grouped_by_number() -> None:
    scene = scene_of(Marginal(np.eye(3), groups={"ends": [0, 2]}), np.ones((1, 3)) * 7)
    masked = scene.mask(np.array([0]), np.array([[True, False]]))

    assert scene.names == ("ends", "x1")
    assert masked.inputs.native.tolist() == [[7, 0, 7], [7, 1, 7]]
    assert masked.back.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"a": ["rat"]}, r"The group 'a' names column 'rat'.*lacks \(is it 'rate'\?\)"),
        ({"a": [0]}, "The group 'a' names column 0, which"),
        ({"a": ["age", "rate"], "b": ["rate"]}, "'rate' twice, in 'a' and 'b'"),
        ({"a": ["rate", "rate"]}, "'rate' twice"),
        ({"job": ["age", "rate"]}, "a group called 'job'"),
        ({"a": []}, r"groups is \{'a': \[\]\}"),
        ({"a": "rate"}, "groups is {'a': 'rate'}"),
        (["age"], r"groups is \['age'\]"),
    ],
)
@pytest.mark.parametrize("masker", [Marginal, Baseline])
def test_groups_that_do_not_fit_are_refused_before_any_work(
    masker: type[Marginal] | type[Baseline],
    groups: Groups,
    message: str,
) -> None:
    with pytest.raises(InputError, match=message):
        masker(FRAME, groups=groups).bind(read_predict(len))


def test_rows_that_do_not_fit_the_background_are_refused() -> None:
    open_scene = Marginal(FRAME).bind(read_predict(len))
    rng = np.random.default_rng(0)

    with pytest.raises(InputError, match="X holds texts and the background is a table"):
        open_scene(texts_of(["a fine film"]), rng)
    with pytest.raises(InputError, match="background lacks 'wage'"):
        open_scene(table_of(FRAME.rename(columns={"age": "wage"})), rng)
    with pytest.raises(InputError, match="X is a polars DataFrame and the background a pandas"):
        open_scene(table_of(pl.from_pandas(FRAME)), rng)


def test_requests_are_bounded_in_memory() -> None:
    scene = scene_of(Marginal(np.zeros((1_000, 40))), np.ones((1, 40)))

    assert (scene.copies, scene.batch) == (1_000, 100)
    assert scene_of(Marginal(np.zeros((200_000, 40))), np.ones((1, 40))).batch == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_baseline_of_one_row_is_that_row(form: str) -> None:
    native = FORMS[form]()
    scene = scene_of(Baseline(native[3:4]), native[:2])
    masked = scene.mask(np.array([0]), np.zeros((1, scene.shape[0]), dtype=bool))

    assert scene.copies == 1
    assert list(masked.inputs.content()) == list(table_of(native[3:4]).content())


def test_a_baseline_of_many_rows_holds_medians_and_the_most_frequent() -> None:
    scene = scene_of(Baseline(FRAME.assign(none=np.nan)), FRAME.assign(none=1.0)[:1])
    masked = scene.mask(np.array([0]), np.zeros((1, 7), dtype=bool))

    assert cells(masked) == [[35, 1.5, "clerk", "Ulm", 1, 3, None]]


def test_the_mean_over_copies_is_the_definition() -> None:
    rng = np.random.default_rng(9)
    x, Z = rng.integers(3, size=(1, 4)).astype(float), rng.integers(3, size=(20, 4)).astype(float)
    known = rng.random((16, 4)) < 0.5
    masked = scene_of(Marginal(Z), x).mask(np.zeros(16, dtype=int), known)

    def f(rows: Floats) -> Floats:
        return np.asarray(rows[:, 0] * rows[:, 1] + np.exp(rows[:, 2] - rows[:, 3]))

    assert len(masked.inputs) < 16 * 20
    ours = f(masked.inputs.native)[masked.back].reshape(16, 20).mean(axis=1)
    assert_allclose(ours, [f(np.where(k, x, Z)).mean() for k in known])
