"""KernelShap explains models, rows independently of each other, and says what is wrong."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import whence as wh
from reference.games import as_model, random_game
from reference.shapley import shapley
from whence.core.types import Floats

rng = np.random.default_rng(5)
Z = rng.normal(size=(4, 7))
X = rng.normal(size=(3, 7))


def rugged(rows: Floats) -> Floats:
    """Return two outputs with interactions of all orders."""
    a, b, c, d, e, f, g = rows.T
    return np.column_stack([a * b * c + np.sin(d * e) * a, np.exp(a / 2 + f) * (b > d) - e * g])


@pytest.mark.parametrize("sampling", ["leverage", "classic"])
def test_a_large_budget_gives_the_exact_values(sampling: str) -> None:
    v = random_game(1, 6, 2)
    method = wh.KernelShap(background=np.zeros((1, 6)), sampling=sampling, tolerance=None)
    e = wh.explain(as_model(v), np.ones((1, 6)), method, rng=0)
    assert_allclose(e.values[0], shapley(v, 6), atol=1e-12)
    assert_array_equal(e.stderr, 0)
    assert_allclose(e.base_values[0], v[0])


def test_values_add_up_to_the_prediction() -> None:
    e = wh.explain(rugged, X, wh.KernelShap(background=Z, budget=4 * 30), rng=0)
    assert_allclose(e.values.sum(axis=1) + e.base_values, rugged(X), atol=1e-12)
    assert (e.stderr > 0).any()


def test_a_tolerance_saves_evaluations() -> None:
    wide = np.random.default_rng(0).normal(size=(1, 16))
    background, model = np.zeros((1, 16)), lambda X: np.tanh(X).sum(axis=1) + X[:, 0] * X[:, 1]
    rough = wh.explain(model, wide, wh.KernelShap(background=background), rng=0)
    fine = wh.explain(
        model, wide, wh.KernelShap(background=background, tolerance=None, budget=1000), rng=0
    )
    assert rough.converged.all()
    assert rough.provenance.evaluations < 150 < fine.provenance.evaluations
    assert_allclose(rough.values, fine.values, atol=1e-9)


def test_a_row_is_alone_with_its_seed() -> None:
    method = wh.KernelShap(background=Z, budget=4 * 40)
    together = wh.explain(rugged, X, method, rng=3)
    assert_array_equal(wh.explain(rugged, X[1:2], method, rng=3).values[0], together.values[1])
    assert_array_equal(wh.explain(rugged, X[::-1], method, rng=3).values, together.values[::-1])


def test_budgets_that_are_too_small_are_named() -> None:
    with pytest.raises(wh.InputError, match="needs at least 56 evaluations"):
        wh.explain(rugged, X, wh.KernelShap(background=Z, budget=20), rng=0)


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(wh.InputError, match="'lucky'"):
        wh.explain(rugged, X, wh.KernelShap(background=Z, sampling="lucky"), rng=0)  # type: ignore[arg-type]


def test_the_settings_can_be_pickled() -> None:
    method = wh.KernelShap(budget=99, sampling="classic")
    method = pickle.loads(pickle.dumps(method))  # noqa: S301  our own bytes
    assert (method.budget, method.sampling) == (99, "classic")


def test_what_is_called_converged_is_right_also_for_jumps() -> None:
    from sklearn.datasets import load_breast_cancer
    from sklearn.tree import DecisionTreeClassifier

    X, y = load_breast_cancer(return_X_y=True)
    model = DecisionTreeClassifier(max_depth=6, random_state=0).fit(X, y)
    background = X[100:101]
    exact = wh.explain(model, X[:40], wh.TreeShap(background=background)).values[..., -1]

    e = wh.explain(model, X[:40], wh.KernelShap(background=background), rng=0)

    assert e.converged is not None
    assert e.stderr is not None
    assert e.converged.mean() > 0.8
    spread = np.ptp(exact, axis=1)[:, None]
    far = np.abs(e.values[..., 0] - exact) > 4 * e.stderr[..., 0] + 0.01 * spread + 1e-9
    assert (far.any(axis=1) & e.converged).sum() <= 1
