"""Bounds of shares are those of their tails."""

import numpy as np
from numpy.testing import assert_allclose
from scipy.stats import binom

from whence.kernels.binomial import share


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
