"""Exact Shapley values are those of the definition, for any model of few players."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

import whence as wh
from reference.games import as_model, random_game, shapley_over_orders
from reference.shapley import shapley
from strategies import seeds
from whence.core.types import Floats
from whence.explainers.exact_shap import ExactShap
from whence.maskers.tabular import Marginal

rng = np.random.default_rng(2)
Z = rng.normal(size=(6, 5))
X = rng.normal(size=(4, 5))


def rugged(rows: Floats) -> Floats:
    """Return two outputs with interactions of all orders."""
    a, b, c, d, e = rows.T
    return np.column_stack([a * b * c + np.sin(d * e) * a, np.exp(a + c) * (b > d) - e])


@settings(max_examples=30)
@given(seeds, st.integers(1, 6), st.integers(1, 3))
def test_any_game_is_solved_by_the_definition(seed: int, p: int, outputs: int) -> None:
    v = random_game(seed, p, outputs)

    e = wh.explain(as_model(v), np.ones((1, p)), ExactShap(background=np.zeros((1, p))))

    assert_allclose(e.values[0], shapley(v, p), atol=1e-12)
    assert_allclose(e.values[0], shapley_over_orders(v), atol=1e-12)
    assert_allclose(e.residual, 0, atol=1e-12)
    assert e.stderr is None
    assert e.converged is None


def test_a_linear_model_is_explained_by_its_weights() -> None:
    weights = rng.normal(size=5)

    e = wh.explain(lambda rows: rows @ weights + 1, X, ExactShap(background=Z))

    assert_allclose(e.values[..., 0], weights * (X - Z.mean(axis=0)), atol=1e-12)
    assert_allclose(e.base_values, Z.mean(axis=0) @ weights + 1)


def test_a_tree_ensemble_gets_what_the_kernel_of_trees_gives() -> None:
    fit = rng.normal(size=(200, 5))
    model = GradientBoostingRegressor(n_estimators=20, max_depth=4, random_state=0)
    model.fit(fit, rugged(fit)[:, 0])

    asked = wh.explain(model, X, ExactShap(background=Z))

    assert_allclose(asked.values, wh.explain(model, X, wh.TreeShap(background=Z)).values, atol=1e-9)


def test_a_loss_is_explained_for_the_true_class() -> None:
    fit = rng.normal(size=(100, 5))
    y = np.where(fit[:, 0] > 0, "yes", "no")
    model = LogisticRegression().fit(fit, y)

    e = wh.explain(model, X[:1], ExactShap(background=Z), output="log_loss", y=["no"])

    known = (np.arange(32)[:, None] >> np.arange(5) & 1)[:, None, :] == 1
    mixed = np.where(known, X[0], Z)
    loss = -np.log(model.predict_proba(mixed.reshape(-1, 5))[:, 0]).reshape(32, -1).mean(axis=1)
    assert_allclose(e.values[0], shapley(loss[:, None], 5), atol=1e-12)


def test_each_row_is_explained_as_if_it_were_alone() -> None:
    bound = wh.bind(rugged, ExactShap(background=Z))
    many = rng.normal(size=(9, 5))
    whole = bound.explain(many)

    assert_array_equal(bound.explain(many[::-1], n_jobs=2).values[::-1], whole.values)
    for i in range(9):
        assert_array_equal(bound.explain(many[i : i + 1]).values[0], whole.values[i])


def test_every_coalition_is_asked_about_once() -> None:
    e = wh.explain(rugged, X, ExactShap(background=Z))

    ends = len(X) + len(Z) + len(Z)  # rows, nobody, and one row asked about again
    assert len(X) * 30 * len(Z) <= e.provenance.evaluations <= len(X) * (30 * len(Z) + ends)


def test_eleven_players_are_exact_without_a_budget() -> None:
    v = random_game(0, 11)

    e = wh.explain(as_model(v), np.ones((1, 11)), ExactShap(background=np.zeros((1, 11))))

    assert_allclose(e.values[0], shapley(v, 11), atol=1e-12)


def test_a_frame_and_a_masker_do_the_same() -> None:
    frame, background = (pd.DataFrame(part, columns=list("abcde")) for part in (X, Z))

    def model(rows: pd.DataFrame) -> Floats:
        return rugged(rows[list("abcde")].to_numpy())

    e = wh.explain(model, frame, ExactShap(masker=Marginal(background)))

    assert e.names.features == tuple("abcde")
    assert_allclose(e.values, wh.explain(rugged, X, ExactShap(background=Z)).values, atol=1e-12)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (ExactShap(background=Z, most_players=4), "5 players and most_players is 4.*180 eval"),
        (ExactShap(background=Z, most_players=0), "most_players is 0"),
        (ExactShap(background=Z, most_players=25), "most_players is 25.*1 to 24"),
        (ExactShap(background=Z[:, :4]), "background has 4 columns"),
        (ExactShap(), "No background was given"),
        (ExactShap(background=Z, masker=Marginal(Z)), "both given"),
    ],
)
def test_settings_that_cannot_work_are_refused(method: ExactShap, message: str) -> None:
    with pytest.raises(wh.InputError, match=message):
        wh.explain(rugged, X, method)


def test_an_interrupted_call_keeps_the_rows_that_are_done() -> None:
    calls = []

    def model(rows: Floats) -> Floats:
        calls.append(len(rows))
        if sum(calls) > 700:
            raise KeyboardInterrupt
        return rugged(rows)

    e = wh.explain(model, X, ExactShap(background=Z))

    assert 1 <= len(e) < len(X)
    assert e.stderr is None
    assert_allclose(e.residual, 0, atol=1e-12)


def test_the_settings_travel() -> None:
    method = pickle.loads(pickle.dumps(ExactShap(background=Z)))  # noqa: S301  our own

    assert_array_equal(
        wh.explain(rugged, X, method).values,
        wh.explain(rugged, X, ExactShap(background=Z)).values,
    )
