"""The unusual rows are those of the rule, whatever the order and the scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.types import Floats
from whence.reports.unusual import unusual_rows, whitened


def of(values: Floats) -> Attribution:
    return Attribution(
        values=values[:, :, None],
        base_values=np.zeros((len(values), 1)),
        outputs=values.sum(axis=1, keepdims=True),
    )


def test_the_squared_length_is_the_mahalanobis_distance_of_the_definition() -> None:
    phi = np.random.default_rng(0).normal(size=(50, 3)) @ np.array(
        [[1.0, 0.5, 0.0], [0.0, 1.0, 0.2], [0.0, 0.0, 3.0]]
    )

    covariance = np.cov(phi.T, bias=True)
    shrunk = 0.9 * covariance + 0.1 * np.diag(np.diag(covariance))
    centered = phi - phi.mean(axis=0)
    naive = [row @ np.linalg.inv(shrunk) @ row for row in centered]

    np.testing.assert_allclose((whitened(phi) ** 2).sum(axis=1), naive, rtol=1e-9)


@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_neither_the_unit_nor_the_order_of_rows_matters(seed: int, unit: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(30, 4))
    order = rng.permutation(30)

    first = unusual_rows(of(values), 3)

    assert set(order[unusual_rows(of(unit * values[order]), 3)]) == set(first)


def test_a_row_that_stands_alone_comes_first() -> None:
    values = np.random.default_rng(1).normal(size=(40, 3))
    values[17] = [9.0, -3.0, 5.0]

    assert unusual_rows(of(values), 1).tolist() == [17]


def test_a_near_repeat_of_a_row_already_told_is_passed_over() -> None:
    values = np.random.default_rng(1).normal(size=(40, 3))
    values[17], values[18] = [9.0, -3.0, 5.0], [8.9, -3.0, 5.0]

    first = unusual_rows(of(values), 3).tolist()

    assert first[0] == 17
    assert 18 not in first
    assert sorted(unusual_rows(of(values), 40).tolist()) == list(range(40))


def test_equal_rows_and_features_that_do_nothing_are_fine() -> None:
    assert unusual_rows(of(np.zeros((4, 3))), 2).tolist() == [0, 1]
    assert unusual_rows(of(np.zeros((2, 3))), 9).tolist() == [0, 1]
    assert np.isfinite(whitened(np.eye(3)[:, [0, 0, 1]])).all()
    with pytest.raises(InputError, match="at least 0"):
        unusual_rows(of(np.zeros((2, 3))), -1)
