"""Responses equal their formulas, also far out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, softmax

from whence.core.errors import InputError
from whence.core.response import respond

R = np.array([[0.3], [-800.0], [800.0]])
M = np.array([[0.3, -1.0, 2.0], [900.0, -900.0, 0.0]])


def test_probabilities() -> None:
    assert_allclose(respond("logistic", R, None), expit(R))
    assert_allclose(respond("softmax", M, None), softmax(M, axis=1))


def test_losses() -> None:
    y = np.array([1, 0, 0])
    assert_allclose(respond("log_loss_logistic", R[:1], y[:1])[0, 0], -np.log(expit(0.3)))
    assert_allclose(respond("log_loss_logistic", R, y)[1:, 0], [0, 800])
    labels = np.array([2, 1])
    assert_allclose(
        respond("log_loss_softmax", M, labels)[:, 0], [-np.log(softmax(M[0])[2]), 1800.0]
    )
    p = np.array([[0.2], [1.0]])
    assert_allclose(respond("log_loss_probability", p, np.array([0, 1]))[:, 0], [-np.log(0.8), 0.0])


def test_a_loss_needs_labels() -> None:
    with pytest.raises(InputError, match="without labels"):
        respond("log_loss_logistic", R, None)
