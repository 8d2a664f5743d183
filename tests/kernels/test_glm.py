"""Standard errors are the spread of the coefficients over repeated data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge

from whence.kernels.glm import Family, spread

TRUE = np.array([0.8, -0.5, 0.0])
LEVEL = 0.3


def drawn(family: Family, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(n, 3))
    X[:, 1] += X[:, 0]
    eta = X @ TRUE + LEVEL
    if family == "gaussian":
        return X, eta + rng.normal(size=n)
    if family == "poisson":
        return X, rng.poisson(np.exp(eta)).astype(float)
    return X, (rng.uniform(size=n) < expit(eta)).astype(float)


@pytest.mark.parametrize("family", ["gaussian", "logistic", "poisson"])
def test_intervals_cover_the_true_coefficients(family: Family) -> None:
    models = {
        "gaussian": LinearRegression(),
        "logistic": LogisticRegression(C=np.inf),
        "poisson": PoissonRegressor(alpha=0, max_iter=1000, tol=1e-8),
    }
    inside = 0
    for seed in range(150):
        X, y = drawn(family, np.random.default_rng(seed), 150)
        model = models[family].fit(X, y)
        b = model.coef_.reshape(1, -1).T
        found = spread(family, X, y[:, None], np.ravel(model.intercept_), b)
        assert found.fits
        assert found.penalty == 0
        inside += int((np.abs(b[:, 0] - TRUE) <= 1.96 * found.stderr[:, 0]).sum())
    assert 0.92 <= inside / 450 <= 0.98


def test_with_a_ridge_they_are_the_spread_of_the_penalized_coefficients() -> None:
    for family, model, penalty in (
        ("gaussian", Ridge(alpha=20), 20),
        ("logistic", LogisticRegression(C=0.1, tol=1e-8), 10),
    ):
        fitted, errors = [], []
        for seed in range(200):
            X, y = drawn(family, np.random.default_rng(seed), 150)
            model.fit(X, y)
            b = model.coef_.reshape(1, -1).T
            found = spread(family, X, y[:, None], np.ravel(model.intercept_), b)
            assert found.fits
            assert_allclose(found.penalty, penalty, rtol=1e-2)
            fitted.append(b[:, 0])
            errors.append(found.stderr[:, 0])
        assert_allclose(np.mean(errors, axis=0), np.std(fitted, axis=0), rtol=0.15)


def test_a_softmax_of_two_classes_is_a_logistic_model() -> None:
    """Its symmetric coefficients are plus and minus half of those of the logistic model."""
    X, y = drawn("logistic", np.random.default_rng(0), 300)
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(X, y)
    b, a = model.coef_.T, model.intercept_
    one = spread("logistic", X, y[:, None], a, b)
    both = np.column_stack([-b / 2, b / 2])
    two = spread(
        "multinomial", X, np.column_stack([1 - y, y]), np.array([-a[0] / 2, a[0] / 2]), both
    )
    assert two.fits
    assert_allclose(two.stderr, np.column_stack([one.stderr, one.stderr]) / 2, rtol=1e-5)


def test_columns_that_repeat_others_have_the_errors_of_the_fit_of_least_norm() -> None:
    X, y = drawn("gaussian", np.random.default_rng(0), 100)
    twice = np.column_stack([X, 3 * X[:, 0]])
    model = LinearRegression().fit(twice, y)
    errors = spread(
        "gaussian", twice, y[:, None], np.array([model.intercept_]), model.coef_[:, None]
    )
    plain = LinearRegression().fit(X, y)
    truth = spread("gaussian", X, y[:, None], np.array([plain.intercept_]), plain.coef_[:, None])
    shares = np.array([0.1, 1, 1, 0.3])  # b / (1 + 9) and 3 b / (1 + 9) have the least norm
    assert errors.fits
    assert_allclose(errors.stderr[:, 0], shares * truth.stderr[[0, 1, 2, 0], 0])


def test_other_coefficients_are_no_fit() -> None:
    X, y = drawn("gaussian", np.random.default_rng(0), 100)
    model = LinearRegression().fit(X, y)
    wrong = model.coef_[:, None] + np.array([[0.3], [0], [0]])
    assert not spread("gaussian", X, y[:, None], np.array([model.intercept_]), wrong).fits
