"""Two cells have one code just where no split of any tree tells them apart."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from whence.kernels.split_codes import split_codes

_NUMBERS = st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0])


@given(
    st.lists(st.one_of(_NUMBERS, st.just(np.nan)), min_size=2, max_size=8),
    st.lists(_NUMBERS, max_size=4),
)
def test_codes_differ_where_a_threshold_decides_otherwise(
    x: list[float], thresholds: list[float]
) -> None:
    feature = np.array([0] * len(thresholds) + [-1], dtype=np.int32)
    plain = np.ones(len(feature), dtype=bool)

    codes = split_codes(np.column_stack([x, x]), feature, np.array([*thresholds, 0.0]), plain)

    assert_array_equal(codes[:, 1], 0)  # no split reads the second column
    for a, code_a in zip(x, codes[:, 0], strict=True):
        for b, code_b in zip(x, codes[:, 0], strict=True):
            told = [(a <= t, np.isnan(a)) != (b <= t, np.isnan(b)) for t in thresholds]
            assert (code_a != code_b and not np.isnan([code_a, code_b]).all()) == any(told)


def test_a_column_of_categories_keeps_its_own_codes() -> None:
    X = np.array([[0.0], [2.0], [np.nan]])

    codes = split_codes(
        X, np.array([0, 0], dtype=np.int32), np.array([1.0, 0.0]), np.array([True, False])
    )

    assert_array_equal(codes, X)
