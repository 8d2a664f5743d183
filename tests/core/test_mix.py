"""A mixture of rows is the table that the user would have written by hand."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from whence.core.errors import InputError
from whence.core.mix import mix, stack
from whence.core.table import table_of

FRAME = pd.DataFrame(
    {
        "age": [41, 23, 35],
        "rate": [0.5, np.nan, 2.0],
        "job": pd.Categorical(["clerk", None, "smith"], categories=["smith", "clerk"]),
        "city": ["Bonn", "Ulm", None],
        "member": [True, False, True],
    },
    index=[7, 8, 9],
)
INDEX = np.array([[0, 1, 2, 0, 1], [2, 2, 0, 1, 0], [0, 0, 1, 2, 2], [1, 0, 0, 0, 0]])
EXPECTED = pd.DataFrame(
    {
        name: FRAME[name].iloc[INDEX[:, j]].reset_index(drop=True)
        for j, name in enumerate(FRAME.columns)
    }
)


def polars(frame: pd.DataFrame) -> pl.DataFrame:
    return pl.from_pandas(frame).with_columns(pl.col("job").cast(pl.Enum(["smith", "clerk"])))


FORMS: list[Callable[[pd.DataFrame], object]] = [
    lambda frame: frame,
    polars,
    lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    lambda frame: frame.to_numpy(dtype=object),
    lambda frame: frame[["age", "rate"]].to_numpy(dtype=np.float32),
]


@pytest.mark.parametrize("form", FORMS)
def test_the_cells_come_from_the_rows_that_the_index_names(
    form: Callable[[pd.DataFrame], object],
) -> None:
    table = table_of(form(FRAME))
    mixed = mix(table, INDEX[:, : len(table.names)])

    rows, columns = INDEX.shape[0], len(table.names)
    for i in range(rows):
        for j in range(columns):
            assert mixed.value(i, j) == table.value(INDEX[i, j], j)


@pytest.mark.parametrize("form", FORMS)
def test_the_object_for_the_model_says_what_the_table_says(
    form: Callable[[pd.DataFrame], object],
) -> None:
    X, Z = form(FRAME[:1]), form(FRAME[1:])
    mixed = mix(stack(table_of(X), table_of(Z)), INDEX[:, : len(table_of(X).names)])

    assert type(mixed.native) is type(X)
    again = table_of(mixed.native)
    assert again.names == mixed.names
    for i in range(len(INDEX)):
        for j in range(len(again.names)):
            assert again.value(i, j) == mixed.value(i, j)


def test_a_frame_keeps_its_types() -> None:
    mixed = mix(stack(table_of(FRAME[:1]), table_of(FRAME[1:])), INDEX)

    pd.testing.assert_frame_equal(mixed.native, EXPECTED)


def test_a_sparse_matrix_stays_one() -> None:
    X = sparse.csr_matrix(np.array([[0, 1], [2, 0], [0, 3]], dtype=np.float32))
    both = stack(table_of(X[:1]), table_of(X[1:]))
    mixed = mix(both, np.array([[0, 2], [1, 0]])).native

    assert type(mixed) is type(X)
    assert mixed.dtype == X.dtype
    assert_array_equal(mixed.toarray(), [[0, 3], [2, 1]])


def test_names_that_are_numbers_stay_numbers() -> None:
    X = table_of(pd.DataFrame([[1.0, 2.0], [3.0, 4.0]]))

    assert mix(X, np.array([[0, 1]])).native.columns.tolist() == [0, 1]


def test_categories_of_either_table_are_known_to_both() -> None:
    X = pd.DataFrame({"job": pd.Categorical(["a"], categories=["b", "a"])})
    Z = pd.DataFrame({"job": pd.Categorical(["c", None, "a"], categories=["a", "c"])})
    both = stack(table_of(X), table_of(Z))

    assert both.native["job"].cat.categories.tolist() == ["b", "a", "c"]
    assert both.native["job"].tolist()[:2] == ["a", "c"]
    assert [both.value(i, 0) for i in range(4)] == ["a", "c", None, "a"]
    assert table_of(both.native).levels == both.levels


def test_text_that_only_one_table_holds_is_kept_apart() -> None:
    both = stack(*(table_of(pd.DataFrame({"c": v})) for v in (["z", "b"], ["b", "a"])))

    assert [both.value(i, 0) for i in range(4)] == ["z", "b", "b", "a"]
    assert both.native["c"].tolist() == ["z", "b", "b", "a"]


def test_whole_numbers_and_fractions_become_fractions() -> None:
    both = stack(table_of(pl.DataFrame({"a": [1]})), table_of(pl.DataFrame({"a": [0.5]})))

    assert both.native["a"].to_list() == [1.0, 0.5]


def test_tables_without_an_object_of_the_user_mix_their_numbers() -> None:
    loaded = table_of(FRAME).detached()
    both = stack(loaded, table_of(FRAME))

    assert both.native is None
    assert mix(both, INDEX).native is None
    assert both.value(3, 2) == "clerk"


@pytest.mark.parametrize(
    ("X", "Z", "message"),
    [
        (FRAME[["age"]], FRAME[["age"]].to_numpy(), "X is a pandas DataFrame and the background a"),
        (FRAME[["job"]], FRAME[["job"]].astype(object), "'job' is of type Cat.* in X and "),
        (FRAME[["age"]], FRAME[["age"]].astype(str), "'age' is of type numbers in X and categ"),
        (
            FRAME[["job"]],
            FRAME[["job"]].apply(lambda c: c.cat.as_ordered()),
            "'job' is of type",
        ),
    ],
)
def test_tables_of_two_forms_are_refused(X: object, Z: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        stack(table_of(X), table_of(Z))


def test_nothing_of_the_user_is_changed() -> None:
    frame, array = FRAME.copy(), np.arange(6.0).reshape(3, 2)
    array.setflags(write=False)
    mixed = mix(stack(table_of(frame), table_of(frame)), INDEX).native
    mixed.iloc[0, 0] = -1
    mix(stack(table_of(array), table_of(array)), INDEX[:, :2]).native[0, 0] = -1

    pd.testing.assert_frame_equal(frame, FRAME)
