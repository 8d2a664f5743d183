"""A rule covers what it says."""

import numpy as np
import pandas as pd
import pytest

from whence.core.errors import InputError
from whence.core.rules import Predicate, Rules
from whence.core.table import table_of

X = pd.DataFrame(
    {"age": [20.0, 37.0, np.nan, 60.0], "job": ["clerk", "smith", None, "clerk"], "n": [1, 2, 3, 4]}
)


@pytest.mark.parametrize(
    ("predicate", "text", "holds"),
    [
        (Predicate(feature="age", low=20.0, high=37.0), "20 < age ≤ 37", [0, 1, 0, 0]),
        (Predicate(feature="age", low=20.0), "age > 20", [0, 1, 0, 1]),
        (Predicate(feature="age", high=37.5, missing=True), "age ≤ 37.5 or missing", [1, 1, 1, 0]),
        (Predicate(feature="age", low=1, high=0, missing=True), "age is missing", [0, 0, 1, 0]),
        (Predicate(feature="age"), "age is known", [1, 1, 0, 1]),
        (Predicate(feature="job", levels=("clerk",)), "job = clerk", [1, 0, 0, 1]),
        (Predicate(feature="job", levels=("clerk", "x")), "job in {clerk, x}", [1, 0, 0, 1]),
        (Predicate(feature="job", levels=(), missing=True), "job is missing", [0, 0, 1, 0]),
        (Predicate(feature="job", levels=("",)), "job = ''", [0, 0, 0, 0]),
        (Predicate(feature="job", levels=("", "smith")), "job in {'', smith}", [0, 1, 0, 0]),
    ],
)
def test_a_condition_says_what_it_covers(predicate: Predicate, text: str, holds: list[int]) -> None:
    assert str(predicate) == text
    assert predicate.holds(table_of(X)).tolist() == [bool(h) for h in holds]


def test_words_hold_nowhere_in_a_column_that_is_missing_throughout() -> None:
    empty = table_of(X.assign(job=np.nan))

    assert not Predicate(feature="job", levels=("clerk",)).holds(empty).any()
    assert Predicate(feature="job", levels=("clerk",), missing=True).holds(empty).all()


def rules(*predicates: tuple[Predicate, ...]) -> Rules:
    n = len(predicates)
    one = np.ones(n)
    return Rules(
        predicates=predicates, outputs=one[:, None], precision=one, precision_low=one,
        coverage=one, coverage_low=one, coverage_high=one, covered=np.ones(n, dtype=np.int64),
    )  # fmt: skip


def test_conditions_of_a_rule_hold_together() -> None:
    old, clerk = Predicate(feature="age", low=30.0), Predicate(feature="job", levels=("clerk",))

    found = rules((old, clerk), (old,), ()).covers(X)

    assert found.astype(int).tolist() == [[0, 0, 0, 1], [0, 1, 0, 1], [1, 1, 1, 1]]


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="'size > 3' is not about a column of this table"):
        rules((Predicate(feature="size", low=3.0),)).covers(X)


def test_a_part_of_a_text_covers_no_table() -> None:
    with pytest.raises(InputError, match="'fine' is not about a column"):
        rules((Predicate(feature="fine", part=2),)).covers(X)
