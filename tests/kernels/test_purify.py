"""A pure interaction has no weighted mean along any row or column, and nothing is lost."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from whence.kernels.purify import purify


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 8), st.floats(0, 0.7))
def test_the_sum_is_kept_and_the_margins_vanish(
    seed: int, rows: int, columns: int, empty: float
) -> None:
    rng = np.random.default_rng(seed)
    F = rng.normal(size=(rows, columns, 2))
    w = rng.uniform(size=(rows, columns)) * (rng.uniform(size=(rows, columns)) >= empty)

    mean, a, b, rest = purify(F, w)

    assert_allclose(mean + a[:, None] + b[None] + rest, F, atol=1e-9)
    if w.sum() > 0:
        whole = w.sum()
        assert_allclose(np.einsum("rc,rck->rk", w, rest) / whole, 0, atol=1e-10)
        assert_allclose(np.einsum("rc,rck->ck", w, rest) / whole, 0, atol=1e-10)
        assert_allclose(mean, np.einsum("rc,rck->k", w, F) / whole, atol=1e-10)
        assert_allclose(w.sum(axis=1) @ a / whole, 0, atol=1e-9)
        assert_allclose(w.sum(axis=0) @ b / whole, 0, atol=1e-9)


def test_a_sum_of_main_effects_has_no_interaction() -> None:
    rng = np.random.default_rng(0)
    w = rng.uniform(size=(5, 4))
    a, b = rng.normal(size=5), rng.normal(size=4)

    _, left, top, rest = purify((a[:, None] + b)[:, :, None], w)

    assert_allclose(rest, 0, atol=1e-12)
    assert_allclose(left[:, 0] - left[0, 0], a - a[0], atol=1e-12)
    assert_allclose(top[:, 0] - top[0, 0], b - b[0], atol=1e-12)


def test_bins_without_rows_move_nothing() -> None:
    F = np.arange(9.0).reshape(3, 3, 1) ** 2
    w = np.array([[0.0, 0, 0], [0, 1, 2], [0, 3, 1]])
    _, a, b, rest = purify(F, w)
    assert a[0, 0] == 0
    assert b[0, 0] == 0
    assert_allclose(purify(F[1:, 1:], w[1:, 1:])[3], rest[1:, 1:], atol=1e-12)
