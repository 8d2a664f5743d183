"""Intervals of cross-validated scores."""

import numpy as np
from numpy.testing import assert_allclose
from scipy.stats import t

from whence.kernels.resampled import corrected_interval


def test_the_formula_of_nadeau_and_bengio() -> None:
    scores = np.random.default_rng(0).normal(size=10)
    mean, low, high = corrected_interval(scores, 0.25)
    reach = t.ppf(0.975, 9) * np.sqrt((0.1 + 0.25) * scores.var(ddof=1))
    assert_allclose([mean, low, high], scores.mean() + np.array([0, -reach, reach]))


def test_one_fold_has_no_interval() -> None:
    mean, low, high = corrected_interval(np.array([0.7]), 0.25)
    assert mean == 0.7
    assert np.isnan([low, high]).all()
