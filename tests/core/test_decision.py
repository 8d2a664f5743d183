"""What an answer decides for is what the libraries' own ``predict`` names."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from whence.core.decision import decisions, look_like_probabilities, threshold_of


def test_the_line_itself_belongs_to_the_first_class() -> None:
    for probable, line in ((True, 0.5), (False, 0.0)):
        near = np.array([line, np.nextafter(line, 1), np.nextafter(line, -1)])[:, None]
        assert_array_equal(decisions(near, threshold_of(probable=probable)), [0, 1, 0])


def test_of_equal_outputs_the_first_is_decided_for() -> None:
    assert_array_equal(decisions(np.array([[0.2, 0.4, 0.4], [0.5, 0.5, 0.0]])), [1, 0])


@pytest.mark.parametrize("form", [np.float16, np.float32])
def test_rounded_probabilities_are_probabilities(form: type) -> None:
    P = np.random.default_rng(0).dirichlet(np.ones(30), 200).astype(form).astype(float)
    assert look_like_probabilities(P)
    assert not look_like_probabilities(P[:, :20])
    assert not look_like_probabilities(np.array([[1.5, -0.5]]))
    assert not look_like_probabilities(np.array([[1.5]]))
    assert not look_like_probabilities(np.array([[np.nan, 0.5]]))
