"""Every library's table becomes the same numbers."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from whence.core.errors import InputError
from whence.core.table import table_of

FRAME = pd.DataFrame(
    {
        "age": [41.0, np.nan, 7.5],
        "job": ["clerk", None, "baker"],
        "grade": pd.Categorical(["low", "high", None], categories=["low", "high"]),
        "member": [True, False, True],
        "visits": pd.array([3, None, 5], dtype="Int64"),
    }
)
NUMBERS = np.array([[41.0, 1, 0, 1, 3], [np.nan, np.nan, 1, 0, np.nan], [7.5, 0, np.nan, 1, 5]])


def test_pandas_keeps_the_order_of_categories() -> None:
    table = table_of(FRAME)

    assert_array_equal(table.numbers, NUMBERS)
    assert table.levels == (None, ("baker", "clerk"), ("low", "high"), None, None)
    assert table.named


@pytest.mark.parametrize("convert", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "arrow"])
def test_other_libraries_give_the_same_cells(convert: object) -> None:
    theirs, ours = table_of(convert(FRAME)), table_of(FRAME)  # type: ignore[operator]  # a converter

    assert theirs.names == ours.names
    cells = [[t.value(i, j) for i in range(3) for j in range(5)] for t in (theirs, ours)]
    assert cells[0] == cells[1]


def test_an_array_of_objects_is_read_column_by_column() -> None:
    table = table_of(FRAME.astype(object).to_numpy())

    assert_array_equal(table.numbers[:, [0, 1, 3, 4]], NUMBERS[:, [0, 1, 3, 4]])
    assert table.names == ("x0", "x1", "x2", "x3", "x4")
    assert not table.named


@given(arrays(np.float64, (4, 3)))
def test_numbers_pass_unchanged_and_are_copied(X: np.ndarray) -> None:
    table = table_of(X)

    assert_array_equal(table.numbers, X)
    assert not np.shares_memory(table.numbers, X)


def test_absent_entries_of_a_sparse_matrix_are_zeros() -> None:
    dense = np.array([[0.0, 2.0], [3.0, 0.0]])

    assert_array_equal(table_of(sp.csr_matrix(dense)).numbers, dense)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=5))
def test_rows_of_the_numbers_and_of_the_users_object_go_together(rows: list[int]) -> None:
    part = table_of(FRAME)[np.array(rows)]

    assert_array_equal(table_of(part.native).numbers[:, 0], NUMBERS[rows, 0])
    assert_array_equal(part.numbers, NUMBERS[rows])


def test_row_labels_are_kept_where_there_are_any() -> None:
    assert table_of(FRAME).rows is None
    assert table_of(FRAME.set_index(pd.Index(["a", "b", "c"])))[1:].rows == ("b", "c")


def test_cells_read_as_people_write_them() -> None:
    table = table_of(FRAME)

    texts = [table.text(0, j) for j in range(5)]
    assert texts == ["41", "clerk", "low", "1", "3"]
    assert table.text(1, 1) == "missing"
    assert table_of(np.array([[1 / 3]])).text(0, 0) == "0.3333"


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(3), r"array of shape \(3,\).*X\[:1\]"),
        (np.zeros((0, 3)), "0 rows and 3 columns"),
        (pd.DataFrame(), "0 rows and 0 columns"),
        ([[1.0]], "of type builtins.list"),
        (pd.Series([1.0]), "Series"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than one column named 'a'"),
        (pd.DataFrame({"d": pd.to_datetime(["2020-01-01"])}), "'d' is of type Datetime"),
        (pd.DataFrame({"v": [[1, 2]]}), "'v'.*nested"),
        (np.array([["2020-01-01"]], dtype="M8[D]"), "dtype datetime64"),
    ],
)
def test_what_is_no_table_is_refused(X: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        table_of(X)


def test_equal_content_has_an_equal_digest() -> None:
    assert table_of(FRAME).digest() == table_of(FRAME.copy()).digest()
    assert table_of(FRAME).digest() != table_of(FRAME.assign(age=1.0)).digest()


def test_columns_of_arrow_that_are_equal_are_not_taken_for_columns_of_one_name() -> None:
    assert table_of(pa.table({"a": [None, 1.0], "b": [None, 1.0]})).names == ("a", "b")
