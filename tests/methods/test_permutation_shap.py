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
from reference.shapley import shapley
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


def test_values_are_within_four_standard_errors_of_the_exact_ones() -> None:
    e = wh.explain(rugged, X, wh.PermutationShap(background=Z, permutations=60), rng=0)

    truth = np.array([exact(rugged, x, Z) for x in X])
    assert e.stderr is not None
    assert e.values.shape == (4, 5, 2)
    assert (np.abs(e.values - truth) <= 4 * e.stderr + 1e-12).all()
    assert e.stderr.max() > 1e-3  # else nothing was judged


@settings(max_examples=25)
@given(st.integers(1, 7), st.integers(0, 2**32))
def test_one_pair_of_walks_is_exact_where_no_three_features_interact(p: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    f = of_order_two(draw.normal(size=p), draw.normal(size=p * (p - 1) // 2))
    x, background = draw.normal(size=(2, p)), draw.normal(size=(3, p))

    e = wh.explain(f, x, wh.PermutationShap(background=background, permutations=2), rng=seed)

    assert_allclose(e.values, [exact(f, row, background) for row in x], atol=1e-10)
    assert_allclose(e.stderr, 0, atol=1e-10)


@pytest.mark.parametrize("permutations", [2, 3, 10])
def test_values_add_up_however_few_the_walks(permutations: int) -> None:
    method = wh.PermutationShap(background=Z, permutations=permutations)
    e = wh.explain(rugged, X, method)

    assert_allclose(e.residual, 0, atol=1e-12)
    assert_allclose(e.base_values, np.tile(rugged(Z).mean(axis=0), (4, 1)), atol=1e-12)
    assert_array_equal(e.outputs, rugged(X))


def test_standard_errors_cover_the_truth_as_often_as_they_should() -> None:
    """A t interval of 24 degrees of freedom covers 95 % of the time, where errors are normal."""
    method = wh.PermutationShap(background=Z, permutations=25)
    truth = exact(rugged, X[0], Z)
    hits = []
    for seed in range(150):
        e = wh.explain(rugged, X[:1], method, rng=seed)
        hits.append(np.abs(e.values[0] - truth) <= 2.064 * e.stderr[0] + 1e-12)

    share = np.mean(hits, axis=0)
    assert (share > 0.88).all()
    assert 0.92 < share[share < 1].mean() < 0.97


def test_the_standard_error_is_the_spread_of_repeated_calls() -> None:
    method = wh.PermutationShap(background=Z, permutations=10)
    runs = [wh.explain(rugged, X[:1], method, rng=seed) for seed in range(150)]

    spread = np.std([e.values[0] for e in runs], axis=0)
    said = np.sqrt(np.mean([e.stderr[0] ** 2 for e in runs], axis=0))
    assert_allclose(said, spread, rtol=0.3, atol=1e-12)


def test_a_feature_that_the_model_ignores_gets_nothing() -> None:
    e = wh.explain(lambda X: X[:, 0] * X[:, 1] * X[:, 2], X, wh.PermutationShap(background=Z))

    assert_allclose(e.values[:, 3:], 0, atol=1e-14)
    assert_allclose(e.stderr[:, 3:], 0, atol=1e-14)


def test_the_record_counts_every_row_that_the_model_was_asked_about() -> None:
    asked = []

    def model(rows: Floats) -> Floats:
        asked.append(len(rows))
        return rugged(rows)

    method = wh.PermutationShap(background=Z, permutations=3)
    e = wh.explain(model, X, method, rng=0)
    assert e.provenance.evaluations == sum(asked)
    assert sum(asked) <= len(X) * (1 + 3 * 2 * 4 * len(Z)) + len(Z)

    bound = wh.bind(model, method)
    for n_jobs in (1, 2):
        asked.clear()
        assert bound.explain(X, rng=0, n_jobs=n_jobs).provenance.evaluations == sum(asked)


def test_no_coalition_is_asked_about_twice() -> None:
    seen = []

    def model(rows: Floats) -> Floats:
        seen.extend(map(tuple, rows))
        return rows.prod(axis=1)

    wh.explain(model, X[:1, :3], wh.PermutationShap(background=Z[:1, :3], permutations=40))

    assert len(seen) == len(set(seen)) == 2**3


def test_the_numbers_of_a_row_do_not_depend_on_the_rows_beside_it() -> None:
    bound = wh.bind(rugged, wh.PermutationShap(background=Z, permutations=3))
    many = rng.normal(size=(9, 5))
    whole = bound.explain(many, rng=5)

    backwards = bound.explain(many[::-1], rng=5, n_jobs=3)
    assert_array_equal(backwards.values[::-1], whole.values)
    assert_array_equal(backwards.stderr[::-1], whole.stderr)
    for i in range(9):
        assert_array_equal(bound.explain(many[i : i + 1], rng=5).values[0], whole.values[i])
    assert np.abs(bound.explain(many, rng=6).values - whole.values).max() > 0


def test_a_call_without_a_seed_can_be_repeated_from_its_record() -> None:
    method = wh.PermutationShap(background=Z, permutations=2)
    first = wh.explain(rugged, X, method)

    again = wh.explain(rugged, X, method, rng=first.provenance.rng)

    assert_array_equal(again.values, first.values)
    assert np.abs(wh.explain(rugged, X, method).values - first.values).max() > 0


def test_coalitions_in_many_parts_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    method = wh.PermutationShap(background=Z, permutations=3)
    whole = wh.explain(rugged, X, method, rng=0)
    monkeypatch.setattr("whence.methods.permutation_shap._CELLS", 2 * Z.size)

    assert_allclose(wh.explain(rugged, X, method, rng=0).values, whole.values, atol=1e-12)


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

    e = wh.explain(model, frame[:2], wh.PermutationShap(background=frame[1:], permutations=99))

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
    method = wh.PermutationShap(background=Z, permutations=40)

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
        (wh.PermutationShap(background=Z, permutations=1), r"permutations is 1\..*at least 2"),
        (wh.PermutationShap(background=Z, permutations=2.5), r"permutations is 2\.5"),
        (wh.PermutationShap(background=Z[:, :4]), "background has 4 columns"),
        (wh.PermutationShap(background=Z * np.inf), "background holds"),
        (wh.PermutationShap(background=pd.DataFrame(Z)), "X is a numpy ndarray and the backgr"),
        (wh.PermutationShap(background=None), "The background does not fit the model.*NoneType"),
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
