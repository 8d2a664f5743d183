"""Shuffles without fixed points, and errors that are those of pairs of rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from reference.importance import hajek
from whence.kernels.shuffled_loss import (
    Shuffles,
    jackknifed,
    jackknifed_shuffles,
    left_out,
    paired_stderr,
    random_groups,
    shifted_donors,
)


@given(st.integers(2, 40), st.data())
def test_each_row_lends_once_per_shuffle_never_to_itself_and_no_pair_twice(
    rows: int, data: st.DataObject
) -> None:
    repeats = data.draw(st.integers(1, rows - 1))
    donors = shifted_donors(rows, repeats, np.random.default_rng(data.draw(st.integers(0, 99))))

    assert donors.shape == (repeats, rows)
    for line in donors:
        assert_array_equal(np.sort(line), np.arange(rows))
        assert (line != np.arange(rows)).all()
    pairs = {(i, int(k)) for line in donors for i, k in enumerate(line)}
    assert len(pairs) == repeats * rows


def test_after_all_shuffles_the_error_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    n = 14
    rises = rng.normal(size=n)[:, None] + 2 * rng.normal(size=n) + rng.normal(size=(n, n)) ** 2
    shuffles = Shuffles(rows=n)
    for donors in shifted_donors(n, n - 1, rng):
        rise = rises[np.arange(n), donors]
        shuffles.add(rise.mean(), rise - rise.mean(), donors)

    assert_allclose(shuffles.mean(), rises[~np.eye(n, dtype=bool)].mean())
    assert_allclose(shuffles.stderr(), hajek(rises), rtol=0.1)  # but for terms of the order 1 / n


@pytest.mark.parametrize("repeats", [1, 2, 5, 40])
def test_the_error_is_how_much_means_vary_at_any_number_of_shuffles(repeats: int) -> None:
    """Borrower, lender and what only the pair decides: all three parts count, each once."""
    n, means, said = 60, [], []
    for seed in range(500):
        rng = np.random.default_rng(seed)
        borrow, lend, z = rng.normal(size=(3, n))
        shuffles = Shuffles(rows=n)
        for donors in shifted_donors(n, repeats, rng):
            rise = borrow + 0.7 * lend[donors] + 3 * z * z[donors]
            shuffles.add(rise.mean(), rise - rise.mean(), donors)
        means.append(shuffles.mean())
        said.append(shuffles.stderr())

    ratio = np.sqrt(np.mean(np.square(said))) / np.std(means)
    assert 0.9 < ratio < 1.12


def test_a_jackknife_over_groups_gives_the_same_error_as_influences() -> None:
    rng = np.random.default_rng(1)
    n, repeats = 2_000, 4
    own, lend = rng.normal(size=n), rng.normal(size=n)
    donors = shifted_donors(n, repeats, rng)
    rise = own + 0.5 * lend[donors] + rng.normal(size=(repeats, n))
    shuffles = Shuffles(rows=n)
    for r in range(repeats):
        shuffles.add(rise[r].mean(), rise[r] - rise[r].mean(), donors[r])

    ratios = []
    for seed in range(40):
        groups = random_groups(n, np.random.default_rng(seed))
        both, one = (
            np.array([rise[kept].mean() for kept in pairs]) for pairs in left_out(groups, donors)
        )
        ratios.append(jackknifed_shuffles(both, one, donors) / shuffles.stderr())
    assert_allclose(np.sqrt(np.mean(np.square(ratios))), 1, atol=0.12)


def test_one_group_per_row_is_the_usual_jackknife_and_pairs_the_usual_error() -> None:
    x, y = np.random.default_rng(2).normal(size=(2, 20))
    apart = x - y

    found = jackknifed(np.arange(20), lambda kept: float(apart[kept].mean()))

    assert_allclose(found, apart.var(ddof=1) / 20)
    assert_allclose(paired_stderr(x - x.mean(), y - y.mean()) ** 2, apart.var(ddof=1) / 20)
