"""What other columns tell about a column stays, the rest is shuffled."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from whence.kernels.conditional_shuffle import dependence_of
from whence.kernels.shuffled_loss import shifted_donors

rng = np.random.default_rng(4)
N = 3_000
NAMES = ("a", "b")


def test_the_relation_to_the_others_and_the_distribution_are_kept() -> None:
    z = rng.normal(size=(N, 2))
    z[:, 1] = 0.9 * z[:, 0] + np.sqrt(1 - 0.81) * z[:, 1]
    donors = shifted_donors(N, 3, rng)

    (source,) = dependence_of(z, [0, 0]).sources(np.array([1]), donors, rng.random((3, N)), NAMES)

    for at in source:
        x = z[at, 1]
        assert_allclose(np.corrcoef(x, z[:, 0])[0, 1], 0.9, atol=0.02)
        assert_allclose(x.std(), 1, atol=0.05)
        partial = np.corrcoef(x - 0.9 * z[:, 0], z[:, 1] - 0.9 * z[:, 0])[0, 1]
        assert abs(partial) < 0.06  # what the others do not tell is new


def test_independent_columns_are_shuffled_freely() -> None:
    z = rng.normal(size=(N, 2))
    donors = shifted_donors(N, 1, rng)

    (source,) = dependence_of(z, [0, 0]).sources(np.array([0]), donors, rng.random((1, N)), NAMES)

    assert np.abs(z[source, 0] - z[donors, 0]).mean() < 0.05


def test_a_lone_column_a_constant_one_and_more_columns_than_rows() -> None:
    donors = shifted_donors(20, 2, rng)
    uniforms = rng.random((2, 20))
    alone = rng.normal(size=(20, 1))
    wide = rng.normal(size=(20, 50))
    wide[:, 3] = 7.0

    (source,) = dependence_of(alone, [0]).sources(np.array([0]), donors, uniforms, ("a",))
    assert_array_equal(source, donors)
    names = tuple(map(str, range(50)))
    for j in (0, 3):
        (at,) = dependence_of(wide, [0] * 50).sources(np.array([j]), donors, uniforms, names)
        assert at.shape == donors.shape
        assert ((at >= 0) & (at < 20)).all()


def test_categories_are_drawn_by_their_probabilities_given_the_others() -> None:
    town = rng.integers(0, 2, N).astype(float)
    job = np.where(rng.random(N) < 0.8, town, 1 - town)
    job[rng.random(N) < 0.1] = np.nan
    numbers = np.column_stack([town, job])
    uniforms = rng.random((4, N))

    (source,) = dependence_of(numbers, [2, 2]).sources(
        np.array([1]), shifted_donors(N, 4, rng), uniforms, NAMES
    )

    drawn = job[source]
    assert_allclose(np.isnan(drawn).mean(), 0.1, atol=0.02)
    same = (drawn == town)[~np.isnan(drawn)]
    assert_allclose(same.mean(), 0.8, atol=0.02)


def test_whether_a_number_is_missing_follows_the_others_too() -> None:
    other = rng.normal(size=N)
    x = other + rng.normal(size=N)
    x[(other > 1) & (rng.random(N) < 0.9)] = np.nan
    source = dependence_of(np.column_stack([x, other > 1]), [0, 0]).sources(
        np.array([0]), shifted_donors(N, 1, rng), rng.random((1, N)), NAMES
    )[0]

    gone = np.isnan(x[source[0]])
    assert_allclose(gone[other > 1].mean(), np.isnan(x)[other > 1].mean(), atol=0.05)
    assert gone[other <= 1].mean() < 0.02
