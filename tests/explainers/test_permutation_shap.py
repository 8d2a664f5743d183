"""Sampled Shapley values are near the exact ones, as near as they say, and add up always."""

import pickle
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

import whence as wh
from reference.games import as_model, over_orders, random_game, shapley_over_orders
from reference.shapley import shapley
from strategies import seeds
from whence.core.types import Floats

Model = Callable[[Floats], Floats]
rng = np.random.default_rng(11)
Z = rng.normal(size=(7, 5))
X = rng.normal(size=(4, 5))


def rugged(rows: Floats) -> Floats:
    """Return two outputs with interactions of all orders."""
    a, b, c, d, e = rows.T
    return np.column_stack([a * b * c + np.sin(d * e) * a, np.exp(a + c) * (b > d) - e])


def exact(f: Model, x: Floats, background: Floats) -> Floats:
    """Return the Shapley values of v(S) = mean of f over rows x on S, background elsewhere."""
    p = len(x)
    worth = []
    for mask in range(2**p):
        known = np.array([bool(mask >> j & 1) for j in range(p)])
        said = f(np.where(known, x, background))
        worth.append(said.reshape(len(background), -1).mean(axis=0))
    return shapley(np.array(worth), p)


def of_order_two(weights: Floats, pairs: Floats) -> Model:
    """Return a model without interactions of three features."""

    def f(rows: Floats) -> Floats:
        out = np.sin(rows) @ weights + 3
        both = zip(pairs, combinations(range(rows.shape[1]), 2), strict=True)
        return out + sum(w * rows[:, i] * rows[:, j] for w, (i, j) in both)

    return f


def test_values_are_within_five_standard_errors_of_the_exact_ones() -> None:
    background, rows = rng.normal(size=(3, 13)), rng.normal(size=(2, 13))

    def wide(many: Floats) -> Floats:
        return rugged(many[:, :5]) + np.exp(many[:, 5:].sum(axis=1, keepdims=True) / 3)

    e = wh.explain(wide, rows, wh.PermutationShap(background=background, budget=9_000), rng=0)

    truth = np.array([exact(wide, row, background) for row in rows])
    assert e.stderr is not None
    assert e.values.shape == (2, 13, 2)
    assert (np.abs(e.values - truth) <= 5 * e.stderr + 1e-11).all()
    assert e.stderr.max() > 1e-3  # else nothing was judged


@settings(max_examples=25)
@given(st.integers(1, 7), seeds)
def test_values_are_exact_where_no_three_features_interact(p: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    f = of_order_two(draw.normal(size=p), draw.normal(size=p * (p - 1) // 2))
    x, background = draw.normal(size=(2, p)), draw.normal(size=(3, p))

    e = wh.explain(f, x, wh.PermutationShap(background=background), rng=seed)

    assert_allclose(e.values, [exact(f, row, background) for row in x], atol=1e-10)
    assert_allclose(e.stderr, 0, atol=1e-10)


@pytest.mark.parametrize("coalitions", [16, 17, 29, 30])
def test_values_add_up_however_few_the_walks(coalitions: int) -> None:
    method = wh.PermutationShap(background=Z, budget=coalitions * len(Z))
    e = wh.explain(rugged, X, method)

    assert_allclose(e.residual, 0, atol=1e-12)
    assert_allclose(e.base_values, np.tile(rugged(Z).mean(axis=0), (4, 1)), atol=1e-12)
    assert_array_equal(e.outputs, rugged(X))


def test_standard_errors_cover_the_truth_as_often_as_they_should() -> None:
    """With 13 players no coalition is remembered; 25 pairs of walks make a t interval."""
    v = random_game(1, 13)
    truth = shapley(v, 13)
    method = wh.PermutationShap(background=np.zeros((1, 13)), budget=25 * 24, tolerance=None)
    bound, one, hits, values, said = wh.bind(as_model(v), method), np.ones((1, 13)), [], [], []
    for seed in range(200):
        e = bound.explain(one, rng=seed)
        assert e.stderr is not None
        assert e.converged is None
        hits.append(np.abs(e.values[0] - truth) <= 2.064 * e.stderr[0])
        values.append(e.values[0])
        said.append(e.stderr[0])

    share = np.mean(hits, axis=0)
    assert (share > 0.89).all()
    assert 0.93 < share.mean() < 0.97
    assert_allclose(np.sqrt(np.mean(np.square(said), axis=0)), np.std(values, axis=0), rtol=0.2)


def test_it_stops_when_the_values_are_as_exact_as_asked_for() -> None:
    v = random_game(1, 13)
    bound = [
        wh.bind(as_model(v), wh.PermutationShap(
            background=np.zeros((1, 13)), budget=100_000, tolerance=tolerance))
        for tolerance in (0.2, 0.05, 1e-9)
    ]  # fmt: skip
    said = [b.explain(np.ones((1, 13)), rng=0) for b in bound]

    costs = [e.provenance.evaluations for e in said]
    assert costs[0] < costs[1] < costs[2] <= 100_000 + 3
    assert [e.converged[0] for e in said] == [True, True, False]
    for e, tolerance in zip(said, (0.2, 0.05), strict=False):
        assert e.stderr.max() <= tolerance * (e.values.max() - e.values.min())
    assert any("Not converged" in w for w in said[2].provenance.warnings)


def test_a_feature_that_the_model_ignores_gets_nothing() -> None:
    method = wh.PermutationShap(background=Z)
    e = wh.explain(lambda X: X[:, 0] * X[:, 1] * X[:, 2], X, method, rng=0)

    assert_allclose(e.values[:, 3:], 0, atol=1e-14)
    assert e.stderr is not None  # not zero: no number of equal draws makes sure
    assert (e.stderr[:, 3:].max(axis=1) <= e.stderr[:, :3].max(axis=1) + 1e-14).all()


def test_the_record_counts_every_row_that_the_model_was_asked_about() -> None:
    asked = []

    def model(rows: Floats) -> Floats:
        asked.append(len(rows))
        return rugged(rows)

    method = wh.PermutationShap(background=Z, budget=20 * len(Z))
    e = wh.explain(model, X, method, rng=0)
    assert e.provenance.evaluations == sum(asked)
    assert sum(asked) <= len(X) * (1 + 20 * len(Z)) + 2 * (1 + len(X)) * len(Z)

    bound = wh.bind(model, method)
    for n_jobs in (1, 2):
        asked.clear()
        assert bound.explain(X, rng=0, n_jobs=n_jobs).provenance.evaluations == sum(asked)


def test_no_coalition_is_asked_about_twice() -> None:
    seen: list[tuple[float, ...]] = []

    def model(rows: Floats) -> Floats:
        seen.extend(map(tuple, rows))
        return np.exp(rows.sum(axis=1))

    wh.explain(model, X[:1, :4], wh.PermutationShap(background=Z[:1, :4]), rng=0)

    assert len(set(seen)) == 2**4
    assert len(seen) == 2**4 + 1  # the row itself is checked against its first answer


def test_the_numbers_of_a_row_do_not_depend_on_the_rows_beside_it() -> None:
    bound = wh.bind(rugged, wh.PermutationShap(background=Z, budget=20 * len(Z)))
    many = rng.normal(size=(9, 5))
    whole = bound.explain(many, rng=5)

    backwards = bound.explain(many[::-1], rng=5, n_jobs=3)
    assert_array_equal(backwards.values[::-1], whole.values)
    assert_array_equal(backwards.stderr[::-1], whole.stderr)
    for i in range(9):
        assert_array_equal(bound.explain(many[i : i + 1], rng=5).values[0], whole.values[i])
    assert np.abs(bound.explain(many, rng=6).values - whole.values).max() > 0


def test_a_call_without_a_seed_can_be_repeated_from_its_record() -> None:
    method = wh.PermutationShap(background=Z, budget=20 * len(Z))
    first = wh.explain(rugged, X, method)

    again = wh.explain(rugged, X, method, rng=first.provenance.rng)

    assert_array_equal(again.values, first.values)
    assert np.abs(wh.explain(rugged, X, method).values - first.values).max() > 0


def test_coalitions_in_many_parts_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    method = wh.PermutationShap(background=Z, budget=20 * len(Z))
    whole = wh.explain(rugged, X, method, rng=0)
    monkeypatch.setattr("whence.maskers.tabular._CELLS", 2 * Z.size)

    assert_allclose(wh.explain(rugged, X, method, rng=0).values, whole.values, atol=1e-12)


def test_few_players_are_not_all_asked_about_where_walks_agree() -> None:
    weights = rng.normal(size=11)
    zeros = np.zeros((1, 11))

    e = wh.explain(
        lambda rows: (rows @ weights) ** 2, zeros + 1, wh.PermutationShap(background=zeros), rng=0
    )

    assert e.converged.all()
    assert e.provenance.evaluations <= 10 * 20 + 3
    assert_allclose(e.values[0, :, 0], weights * weights.sum(), atol=1e-12)


def test_causes_come_before_their_effects() -> None:
    frame = pd.DataFrame(X[:, :3], columns=["age", "job", "income"])
    background = pd.DataFrame(Z[:, :3], columns=["age", "job", "income"])

    def model(rows: pd.DataFrame) -> Floats:
        return np.exp(rows["age"] * rows["job"]).to_numpy() * rows["income"].to_numpy()

    def worth(row: Floats) -> Floats:
        known = (np.arange(8)[:, None] >> np.arange(3) & 1)[:, None, :] == 1
        mixed = np.where(known, row, Z[:, :3]).reshape(-1, 3)
        return (
            model(pd.DataFrame(mixed, columns=frame.columns)).reshape(8, -1).mean(axis=1)[:, None]
        )

    graph = (("age", "income"), ("job", 2))
    e = wh.explain(model, frame, wh.PermutationShap(background=background, graph=graph), rng=0)
    chain = (("age", "job"), ("job", "income"))
    f = wh.explain(model, frame, wh.PermutationShap(background=background, graph=chain), rng=0)

    for i, row in enumerate(X[:, :3]):
        v = worth(row)
        assert_allclose(e.values[i], over_orders(v, [(0, 1, 2), (1, 0, 2)], [0.5, 0.5]), atol=1e-9)
        assert_allclose(f.values[i], over_orders(v, [(0, 1, 2)], [1.0]), atol=1e-9)
    assert_allclose(e.residual, 0, atol=1e-12)


@pytest.mark.parametrize("players", [1, 2, 3])
def test_few_players_are_exact_within_the_least_budget(players: int) -> None:
    v = random_game(players, players)
    zeros = np.zeros((1, players))

    method = wh.PermutationShap(background=zeros, budget=max(1, 2**players - 2))
    e = wh.explain(as_model(v), zeros + 1, method, rng=0)

    assert_allclose(e.values[0], shapley_over_orders(v), atol=1e-12)
    assert_array_equal(e.stderr, 0)


def test_a_frame_reaches_the_model_as_a_frame_with_its_categories() -> None:
    frame = pd.DataFrame(
        {
            "age": [31, 52, 47, 23],
            "job": pd.Categorical(list("abca"), categories=list("cba")),
            "city": ["Ulm", "Bonn", "Ulm", "Ulm"],
        }
    )

    def model(rows: pd.DataFrame) -> Floats:
        pd.testing.assert_series_equal(rows.dtypes, frame.dtypes)
        weight = rows["job"].map({"a": 1.0, "b": 2.0, "c": 3.0}).astype(float)
        return (rows["age"] * weight * (rows["city"] == "Ulm")).to_numpy()

    e = wh.explain(model, frame[:2], wh.PermutationShap(background=frame[1:]))

    assert e.names.features == ("age", "job", "city")
    coded = np.column_stack([frame["age"], [1.0, 2.0, 3.0, 1.0], frame["city"] == "Ulm"])
    truth = [exact(lambda rows: rows.prod(axis=1), x, coded[1:].astype(float)) for x in coded[:2]]
    assert (np.abs(e.values - truth) <= 5 * e.stderr + 1e-9).all()


def test_the_value_of_a_tree_ensemble_is_the_one_that_trees_give() -> None:
    fit = rng.normal(size=(200, 5))
    model = GradientBoostingRegressor(n_estimators=10, max_depth=2, random_state=0)
    model.fit(fit, rugged(fit)[:, 0])

    sampled = wh.explain(model, X, wh.PermutationShap(background=Z), rng=0)
    tree = wh.explain(model, X, wh.TreeShap(background=Z))

    assert_allclose(sampled.values, tree.values, atol=1e-10)  # depth two: no three interact


def test_a_loss_is_explained_for_the_true_class() -> None:
    fit = rng.normal(size=(100, 5))
    model = LogisticRegression().fit(fit, np.where(fit[:, 0] > 0, "yes", "no"))
    y = ["yes", "no", "no", "yes"]
    method = wh.PermutationShap(background=Z)

    e = wh.explain(model, X, method, output="log_loss", y=y, rng=0)

    for i, label in enumerate(y):
        column = list(model.classes_).index(label)
        truth = exact(lambda r, c=column: -np.log(model.predict_proba(r)[:, c]), X[i], Z)
        assert (np.abs(e.values[i] - truth) <= 5 * e.stderr[i] + 1e-9).all()
    assert_allclose(e.residual, 0, atol=1e-12)
    assert e.names.outputs == ("log-loss",)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (wh.PermutationShap(background=Z, budget=111), r"budget is 111\. A row of 5 .*least 112"),
        (wh.PermutationShap(background=Z, budget=2.5), r"budget is 2\.5"),
        (wh.PermutationShap(background=Z, tolerance=0), r"tolerance is 0"),
        (wh.PermutationShap(background=Z, graph=(("x0", "age"),)), "graph names 'age'.*'x0'"),
        (wh.PermutationShap(background=Z, graph=((0, 5),)), "graph names 5.*5 of them"),
        (wh.PermutationShap(background=Z, graph=((0, 1), (1, 0))), "cycle among 'x0', 'x1'"),
        (wh.PermutationShap(background=Z, graph=("x0", "x1")), "Pairs of a cause and an effect"),
        (wh.PermutationShap(background=Z[:, :4]), "background has 4 columns"),
        (wh.PermutationShap(background=Z * np.inf), "background holds"),
        (wh.PermutationShap(background=pd.DataFrame(Z)), "X is a numpy ndarray and the backgr"),
        (wh.PermutationShap(), "No background was given"),
    ],
)
def test_settings_that_cannot_work_are_refused(method: wh.PermutationShap, message: str) -> None:
    with pytest.raises(wh.InputError, match=message):
        wh.explain(rugged, X, method)


def test_the_settings_travel() -> None:
    method = pickle.loads(pickle.dumps(wh.PermutationShap(background=Z)))  # noqa: S301  our own

    assert_array_equal(
        wh.explain(rugged, X, method, rng=1).values,
        wh.explain(rugged, X, wh.PermutationShap(background=Z), rng=1).values,
    )
