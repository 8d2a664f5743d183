"""Shares and fidelities come with intervals that cover."""

import numpy as np
from numpy.testing import assert_allclose
from scipy.stats import binom

from whence.kernels.fidelity import Same, r_squared, share


def test_the_bounds_of_a_share_are_those_of_its_tails() -> None:
    for some, of in [(0, 7), (3, 7), (7, 7), (40, 50)]:
        _, low, high = (float(x) for x in share(np.array(some), np.array(of)))
        if some:
            assert_allclose(binom.sf(some - 1, of, low), 0.025, rtol=1e-6)
        else:
            assert low == 0
        if some < of:
            assert_allclose(binom.cdf(some, of, high), 0.025, rtol=1e-6)
        else:
            assert high == 1


def test_nothing_is_known_of_no_rows() -> None:
    value, low, high = share(np.array(0), np.array(0))
    assert np.isnan(value)
    assert (low, high) == (0, 1)


def test_decisions_are_the_same_on_the_same_side() -> None:
    assert Same(decides=True)(np.array([[0.6], [0.4]]), np.array([[0.9], [0.6]])).tolist() == [
        True, False,
    ]  # fmt: skip
    three = np.array([[0.5, 0.3, 0.2]])
    assert not Same(decides=True)(three, three[:, ::-1])[0]
    assert Same(decides=False, within=0.5)(np.array([[1.0]]), np.array([[1.5]]))[0]


def test_r_squared_of_constants_and_of_large_numbers() -> None:
    rng = np.random.default_rng(0)
    Y = np.column_stack([np.full(50, 0.1), np.full(50, 0.1), 1e9 + rng.normal(size=50)])
    said = Y + np.array([0, 1, 0.5])
    truth = 1 - 0.25 / Y[:, 2].var()

    found = r_squared(Y, said, rng)

    assert_allclose(found[:, 0], [1, 0, truth], rtol=1e-6)
