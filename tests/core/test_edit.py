"""New numbers come into the user's own kind of table, and nothing else about it changes."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from whence.core.edit import edited
from whence.core.table import Table, table_of

FRAME = pd.DataFrame(
    {
        "whole": [1, 2, 3],
        "real": [0.5, 1.5, np.nan],
        "flag": [True, False, True],
        "job": ["clerk", "smith", None],
        "town": pd.Categorical(["Ulm", "Bonn", "Ulm"], categories=["Ulm", "Bonn", "Kiel"]),
    }
)
KINDS: dict[str, Any] = {
    "pandas": FRAME,
    "nullable": FRAME.convert_dtypes(),
    "polars": pl.from_pandas(FRAME),
    "arrow": pa.Table.from_pandas(FRAME),
    "objects": FRAME.to_numpy(dtype=object),
    "numbers": FRAME[["whole", "real"]].to_numpy(),
    "plain": FRAME[["whole"]],
    "bytes": np.array([[1, 2], [3, 4], [5, 6]], dtype=np.uint8),
    "sparse": sparse.csr_matrix(np.eye(3)),
}


def assert_says(table: Table, numbers: np.ndarray[Any, Any], levels: Any) -> None:  # noqa: ANN401  levels of a table
    """Read the user's own object again and compare what it says, cell by cell."""
    again = table_of(table.native)
    wanted = Table(names=again.names, numbers=numbers, levels=levels)
    for i in range(len(numbers)):
        for j in range(numbers.shape[1]):
            assert again.value(i, j) == wanted.value(i, j), (i, j)


@pytest.mark.parametrize("kind", KINDS)
def test_the_users_own_object_says_the_new_numbers(kind: str) -> None:
    table = table_of(KINDS[kind])
    before = table.numbers.copy()
    rng = np.random.default_rng(0)
    base = rng.integers(0, len(table), 20)
    numbers = table.numbers[base].copy()
    for j in range(numbers.shape[1]):  # cells of other rows, so that every value is known
        some = rng.random(20) < 0.5
        numbers[some, j] = table.numbers[rng.integers(0, len(table), int(some.sum())), j]

    found = edited(table, base, numbers)

    assert type(found.native) is type(KINDS[kind])
    assert_array_equal(found.numbers, numbers)
    assert_says(found, numbers, table.levels)
    assert_array_equal(table_of(KINDS[kind]).numbers, before)


@pytest.mark.parametrize("kind", ["pandas", "nullable", "polars", "arrow", "plain", "numbers"])
def test_a_fraction_makes_a_column_of_whole_numbers_one_of_floats(kind: str) -> None:
    table = table_of(KINDS[kind])
    numbers = table.numbers[[0]].copy()
    numbers[0, 0] = 1.25

    found = edited(table, np.array([0]), numbers)

    assert table_of(found.native).numbers[0, 0] == 1.25


@pytest.mark.parametrize("kind", ["pandas", "nullable", "polars", "arrow"])
def test_what_is_not_changed_keeps_its_type(kind: str) -> None:
    table = table_of(KINDS[kind])
    numbers = table.numbers[[0, 2]].copy()
    numbers[:, 1] = 9.5

    found: Any = edited(table, np.array([0, 2]), numbers).native
    before: Any = KINDS[kind]

    if kind in ("pandas", "nullable"):
        assert found.dtypes.tolist() == before.dtypes.tolist()
    else:
        assert found.schema.names == before.schema.names if kind == "arrow" else True
        assert (
            [str(t) for t in found.schema.types] == [str(t) for t in before.schema.types]
            if (kind == "arrow")
            else found.schema == before.schema
        )


def test_a_category_that_no_row_has_may_be_given() -> None:
    table = table_of(FRAME)
    numbers = table.numbers[[0]].copy()
    numbers[0, 4] = 2.0

    found: Any = edited(table, np.array([0]), numbers).native

    assert found["town"].iloc[0] == "Kiel"
