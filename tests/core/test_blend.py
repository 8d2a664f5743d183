"""A blend says what the same rows put together cell by cell say, and each distinct row once."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from strategies import seeds
from whence.core.blend import Blend, cell_codes
from whence.core.mix import mix
from whence.core.table import Table, table_of

FRAME = pd.DataFrame(
    {
        "age": np.array([41, 23, 35, 41], dtype=np.int8),
        "rate": np.array([0.5, np.nan, 2.0, 0.5], dtype=np.float32),
        "job": pd.Categorical(["clerk", None, "smith", "clerk"], categories=["smith", "clerk"]),
        "city": ["Bonn", "Ulm", None, "Bonn"],
        "member": [True, False, True, True],
        "points": pd.array([1, None, 3, 1], dtype="Int64"),
    },
    index=[7, 8, 9, 10],
)
NUMBERS = FRAME[["age", "rate", "member"]]
FORMS: dict[str, Callable[[], object]] = {
    "pandas": lambda: FRAME,
    "pandas of one type": lambda: NUMBERS.astype(np.float32),
    "polars": lambda: pl.from_pandas(FRAME),
    "pyarrow": lambda: pa.Table.from_pandas(FRAME, preserve_index=False),
    "float32": lambda: NUMBERS.to_numpy(dtype=np.float32),
    "float64 by columns": lambda: np.asfortranarray(NUMBERS.to_numpy(dtype=np.float64)),
    "int": lambda: np.arange(12).reshape(4, 3),
    "bool": lambda: np.arange(12).reshape(4, 3) % 3 == 0,
    "objects": lambda: FRAME.astype(object).to_numpy(),
    "sparse": lambda: sparse.csr_array(np.eye(4, 3, dtype=np.float32)),
}


def by_cells(table: Table, blend: Blend) -> Table:
    other = np.broadcast_to(blend.other, (len(blend.row), blend.other.shape[1]))
    index = np.where(blend.known[:, None], blend.row[:, None, None], other[:, :, None])
    return mix(table, index.reshape(-1, blend.known.shape[1]))


def native_equal(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray):
        assert isinstance(b, np.ndarray)
        return a.dtype == b.dtype and pd.DataFrame(a).equals(pd.DataFrame(b))
    if sparse.issparse(a):
        return bool(a.dtype == b.dtype and (a != b).nnz == 0)
    return type(a) is type(b) and bool(a.equals(b))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("each", [False, True])
def test_a_blend_is_the_mixture_of_its_cells(form: str, each: bool) -> None:
    table = table_of(FORMS[form]())
    known = np.random.default_rng(3).random((5, len(table.names))) < 0.5
    other = np.array([[2], [3], [0], [1], [1]]) if each else np.array([[2, 3, 1]])
    blend = Blend(known=known, row=np.array([0, 1, 0, 3, 1]), other=other)
    ours, expected = blend.of(table), by_cells(table, blend)

    assert np.array_equal(ours.numbers, expected.numbers, equal_nan=True)
    assert native_equal(ours.native, expected.native)
    if isinstance(ours.native, pd.DataFrame):
        assert ours.native.dtypes.tolist() == table.native.dtypes.tolist()


@pytest.mark.parametrize("form", FORMS)
def test_rows_that_are_the_same_are_found_and_only_they(form: str) -> None:
    table = table_of(FORMS[form]())
    known = np.random.default_rng(4).random((9, len(table.names))) < 0.6
    blend = Blend(known=known, row=np.arange(9) % 4, other=np.array([[0, 1, 2, 3]]))
    found = blend.same(cell_codes(table))

    every = blend.of(table)
    said = list(every.content())
    assert found is not None
    kept, back = found
    assert len(kept) == len(set(said)) < len(said)
    assert sorted(kept) == sorted({said.index(row) for row in said})
    distinct = blend.of(table, kept)
    assert [list(distinct.content())[i] for i in back] == said
    assert native_equal(
        mix(distinct, np.tile(back[:, None], len(table.names))).native, every.native
    )


@given(seeds, st.integers(1, 5), st.integers(1, 5), st.booleans())
@settings(deadline=None, max_examples=40)
def test_as_many_rows_are_kept_as_differ(seed: int, columns: int, levels: int, each: bool) -> None:
    rng = np.random.default_rng(seed)
    table = table_of(rng.integers(levels, size=(6, columns)).astype(float))
    n = int(rng.integers(1, 8))
    other = rng.integers(6, size=(n, 2) if each else (1, 3))
    blend = Blend(known=rng.random((n, columns)) < 0.5, row=rng.integers(6, size=n), other=other)
    found, rows = blend.same(cell_codes(table)), blend.of(table).numbers

    distinct = len(np.unique(rows, axis=0))
    if found is None:
        assert distinct == len(rows)
    else:
        assert distinct == len(found[0]) < len(rows)
        assert np.array_equal(rows[found[0]][found[1]], rows)


def test_whole_numbers_that_a_float_cannot_tell_apart_are_not_taken_for_the_same() -> None:
    table = table_of(pl.DataFrame({"id": [2**60, 2**60 + 1], "a": [1, 1]}))
    blend = Blend(known=np.zeros((1, 2), bool), row=np.array([0]), other=np.array([[0, 1]]))

    assert blend.same(cell_codes(table)) is None


def test_equal_numbers_in_two_columns_have_codes_of_their_own() -> None:
    table = table_of(np.array([[1.0, 2.0], [2.0, 1.0]]))
    blend = Blend(known=np.zeros((1, 2), bool), row=np.array([0]), other=np.array([[0, 1]]))

    assert blend.same(cell_codes(table)) is None


def test_zeros_of_both_signs_and_missing_values_of_any_bits_are_the_same() -> None:
    table = table_of(np.array([[0.0, np.nan], [-0.0, -np.nan]]))
    blend = Blend(known=np.zeros((1, 2), bool), row=np.array([0]), other=np.array([[0, 1]]))
    found = blend.same(cell_codes(table))

    assert found is not None
    assert found[0].tolist() == [0]


def test_the_table_is_not_changed() -> None:
    array = np.arange(6.0).reshape(3, 2)
    array.setflags(write=False)
    blend = Blend(known=np.array([[True, False]]), row=np.array([0]), other=np.array([[1, 2]]))
    blend.of(table_of(array)).native[:] = -1
    frame = pd.DataFrame(np.arange(6.0).reshape(3, 2))
    blended = blend.of(table_of(frame)).native
    blended.iloc[:, :] = -1

    assert frame.to_numpy().tolist() == [[0, 1], [2, 3], [4, 5]]
