"""A row's random numbers depend on the seed and on the row, and on nothing else."""

import numpy as np
import pandas as pd
from numpy.random import default_rng
from numpy.testing import assert_array_equal

from whence.core.seeds import row_generators
from whence.core.table import table_of

FRAME = pd.DataFrame(
    {
        "a": [0.0, 1.0, np.nan, 0.0],
        "job": pd.Categorical(["x", "y", None, "z"]),
        "city": ["Ulm", "Bonn", "Aalen", None],
    }
)


def draws(frame: object, seed: int = 0) -> np.ndarray:
    own = row_generators(table_of(frame), default_rng(seed))
    return np.array([rng.integers(2**60) for rng in own])


def test_a_row_gets_the_same_numbers_in_any_company() -> None:
    whole = draws(FRAME)

    assert_array_equal(draws(FRAME[::-1]), whole[::-1])
    assert_array_equal([draws(FRAME[i : i + 1])[0] for i in range(4)], whole)


def test_a_category_counts_by_its_name_and_not_by_its_code() -> None:
    renumbered = FRAME.assign(job=FRAME["job"].cat.set_categories(["w", "z", "y", "x"]))

    assert_array_equal(draws(renumbered), draws(FRAME))
    assert_array_equal(draws(FRAME.assign(job=FRAME["job"].astype(object))), draws(FRAME))


def test_other_rows_and_other_seeds_give_other_numbers() -> None:
    assert len(set(draws(FRAME))) == 4
    assert not set(draws(FRAME)) & set(draws(FRAME, seed=1))


def test_equal_rows_are_equal_whatever_their_bits() -> None:
    a, b = np.array([[0.0, np.nan]]), np.array([[-0.0, -np.nan]])

    assert_array_equal(draws(a), draws(b))


def test_the_generator_handed_in_is_left_as_it_was() -> None:
    rng = default_rng(5)
    list(row_generators(table_of(FRAME), rng))

    assert rng.random() == default_rng(5).random()
