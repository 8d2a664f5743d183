"""Interactions of any model are exact for few players, and sampled honestly for many."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import GradientBoostingRegressor

import whence as wh
from reference.games import as_model, random_game
from reference.shapley import k_sii, sii
from strategies import seeds
from whence.core.inputs import images_of, series_of
from whence.core.types import Floats
from whence.explainers.shapley_interactions import ShapleyInteractions
from whence.kernels.interaction_indices import Index
from whence.maskers.tabular import Marginal

rng = np.random.default_rng(4)
Z = rng.normal(size=(6, 5))
X = rng.normal(size=(4, 5))


def rugged(rows: Floats) -> Floats:
    """Return two outputs with interactions of all orders."""
    a, b, c, d, e = rows.T
    return np.column_stack([a * b * c + np.sin(d * e) * a, np.exp(a + c) * (b > d) - e])


@settings(max_examples=25)
@given(seeds, st.integers(2, 6), st.sampled_from([2, 3]))
def test_any_game_is_solved_by_the_definition(seed: int, p: int, order: int) -> None:
    v = random_game(seed, p, 2)
    zeros = np.zeros((1, p))

    k = wh.explain(as_model(v), zeros + 1, ShapleyInteractions(background=zeros, order=order))
    one = ShapleyInteractions(background=zeros, order=order, index="SII")
    s = wh.explain(as_model(v), zeros + 1, one)

    truth = k_sii(v, p, order)
    for i, members in enumerate(k.sets.tolist()):
        assert_allclose(k.values[0, i], truth[tuple(m for m in members if m >= 0)], atol=1e-9)
    for i, members in enumerate(s.sets.tolist()):
        assert_allclose(s.values[0, i], sii(v, p, tuple(members)), atol=1e-9)
    assert_allclose(k.residual, 0, atol=1e-9)
    assert_array_equal(k.stderr, 0)


@pytest.mark.parametrize("index", ["k-SII", "SII"])
@pytest.mark.parametrize("order", [2, 3])
def test_a_tree_ensemble_gets_what_the_kernel_of_trees_gives(index: Index, order: int) -> None:
    fit = rng.normal(size=(200, 5))
    model = GradientBoostingRegressor(n_estimators=20, max_depth=4, random_state=0)
    model.fit(fit, rugged(fit)[:, 0])

    asked = wh.explain(model, X, ShapleyInteractions(background=Z, order=order, index=index))
    tree = wh.explain(
        model,
        X,
        wh.TreeInteractions(background=Z, order=order, index=index),  # type: ignore[arg-type]
    )

    assert_array_equal(asked.sets, tree.sets)
    assert_allclose(asked.values, tree.values, atol=1e-8)
    assert_allclose(asked.base_values, tree.base_values, atol=1e-8)


@pytest.mark.parametrize("index", ["k-SII", "FSII"])
def test_a_product_of_two_is_an_interaction_and_nothing_else(index: Index) -> None:
    zeros = np.zeros((1, 20))
    method = ShapleyInteractions(background=zeros, index=index)

    e = wh.explain(lambda rows: rows[:, 3] * rows[:, 7] + rows[:, 5], zeros + 2, method, rng=0)

    strong = np.abs(e.values[0, :, 0]) > 1e-6
    assert e.sets[strong].tolist() == [[5, -1], [3, 7]]
    assert_allclose(e.values[0, strong, 0], [2, 4], atol=1e-6)
    assert e.converged.all()
    assert_allclose(e.matrix().sum(), 6, atol=1e-6)


def test_many_players_are_sampled_within_the_budget() -> None:
    zeros, weights = np.zeros((2, 18)), rng.normal(size=(18, 6))

    def model(rows: Floats) -> Floats:
        return np.tanh(rows @ weights / 2).prod(axis=1) * 9

    few = ShapleyInteractions(background=zeros, budget=2_000, tolerance=None)
    more = ShapleyInteractions(background=zeros, budget=20_000, tolerance=None)
    a = wh.explain(model, zeros[:1] + 1, few, rng=0)
    b = wh.explain(model, zeros[:1] + 1, more, rng=1)

    assert a.converged is None
    assert a.provenance.evaluations <= 2_000 + 5
    assert a.stderr.min() > 0
    off = (a.values - b.values) / np.hypot(a.stderr, b.stderr)
    assert 0.8 < np.sqrt(np.mean(off**2)) < 1.2
    assert b.stderr.mean() < a.stderr.mean() / 2
    assert_allclose(a.residual, 0, atol=1e-9)
    judged = wh.explain(model, zeros[:1] + 1, ShapleyInteractions(background=zeros, budget=500))
    assert not judged.converged.any()


def test_each_row_is_explained_as_if_it_were_alone() -> None:
    many = rng.normal(size=(5, 14))
    background = rng.normal(size=(2, 14))

    def model(rows: Floats) -> Floats:
        return np.exp(rows[:, :4].sum(axis=1)) + rows[:, 5] * rows[:, 6]

    bound = wh.bind(model, ShapleyInteractions(background=background, budget=800))
    whole = bound.explain(many, rng=1)

    assert_array_equal(bound.explain(many[::-1], rng=1, n_jobs=2).values[::-1], whole.values)
    for i in range(5):
        assert_array_equal(bound.explain(many[i : i + 1], rng=1).stderr[0], whole.stderr[i])


def test_texts_of_unequal_length_share_one_list_of_sets() -> None:
    texts = ["not good", "this is not a good film", "good", "not bad at all"]

    def model(said: list[str]) -> Floats:
        return np.array([("good" in t) * (1.0 - 3 * ("not" in t)) + 0.1 * len(t) for t in said])

    e = wh.explain(model, texts, ShapleyInteractions())

    players = int(e.sets.max()) + 1
    assert e.values.shape[1] == len(e.sets) == players * (players + 1) // 2
    assert_allclose(e.residual, 0, atol=1e-9)
    pair = [set(s) for s in e.sets.tolist()].index({0, 1})
    for i, text in enumerate(texts):
        alone = wh.explain(model, [text], ShapleyInteractions())
        assert_allclose(e.values[i, : len(alone.sets)], alone.values[0], atol=1e-12)
        assert_allclose(e.values[i, len(alone.sets) :], 0)
        assert_array_equal(e.sets[: len(alone.sets)], alone.sets)
    assert e.values[0, pair, 0] < -2


def test_images_and_series_have_interactions_too() -> None:
    picture, series = rng.random((1, 8, 8, 1)), rng.normal(size=(2, 10, 1))

    a = wh.explain(
        lambda im: im.mean(axis=(1, 2, 3)) ** 2, images_of(picture), ShapleyInteractions()
    )
    b = wh.explain(lambda s: s.mean(axis=(1, 2)) ** 2, series_of(series), ShapleyInteractions())

    for e in (a, b):
        assert_allclose(e.residual, 0, atol=1e-9)
        assert e.data is not None


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (ShapleyInteractions(background=Z, order=4), "order is 4"),
        (ShapleyInteractions(background=Z, index="BII"), "index is 'BII'"),  # type: ignore[arg-type]
        (ShapleyInteractions(background=Z, budget=3), "at least 180 evaluations"),
        (ShapleyInteractions(background=Z, tolerance=-1), "tolerance is -1"),
        (ShapleyInteractions(background=Z, masker=Marginal(Z)), "both given"),
        (ShapleyInteractions(), "No background was given"),
    ],
)
def test_settings_that_cannot_work_are_refused(method: ShapleyInteractions, message: str) -> None:
    with pytest.raises(wh.InputError, match=message):
        wh.explain(rugged, X, method)


def test_too_many_sets_are_refused() -> None:
    zeros = np.zeros((1, 400))

    with pytest.raises(wh.InputError, match="400 players have 80,200 sets of up to 2"):
        wh.explain(lambda rows: rows.sum(axis=1), zeros, ShapleyInteractions(background=zeros))


def test_a_frame_gives_names_and_settings_travel() -> None:
    frame = pd.DataFrame(X, columns=list("abcde"))
    method = ShapleyInteractions(background=pd.DataFrame(Z, columns=list("abcde")))
    again = pickle.loads(pickle.dumps(method))  # noqa: S301  our own

    e = wh.explain(lambda rows: rugged(rows.to_numpy()), frame, again)

    assert e.names.features == tuple("abcde")
    assert_allclose(
        e.values, wh.explain(rugged, X, ShapleyInteractions(background=Z)).values, atol=1e-12
    )
