"""Facts about a model and its performance equal their definitions."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score, roc_auc_score

from whence.core.errors import InputError
from whence.models.parse import read_trees
from whence.reports.facts import auc, model_facts, performance, tendency, titles

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
LABELS = np.where(X[:, 0] > 0, "yes", "no")


def value(facts: list, name: str) -> float:
    return next(fact.value for fact in facts if fact.name == name)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=20))
def test_auc_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    score = np.array([s for s, _ in rows], dtype=float)
    positive = np.array([p for _, p in rows])
    if positive.all() or not positive.any():
        return

    pairs = [(a > b) + 0.5 * (a == b) for a, b in product(score[positive], score[~positive])]

    assert auc(score, positive) == pytest.approx(np.mean(pairs))


def test_a_classifier_is_judged_by_its_own_classes() -> None:
    forest = RandomForestClassifier(5, max_depth=2, random_state=0).fit(X, LABELS)
    view = read_trees(forest)

    facts = performance(view, forest.predict_proba(X)[:, 1:], LABELS)

    assert value(facts, "AUC") == pytest.approx(
        roc_auc_score(LABELS, forest.predict_proba(X)[:, 1])
    )
    assert value(facts, "Accuracy") == pytest.approx(accuracy_score(LABELS, forest.predict(X)))
    assert titles(view, LABELS, "paid") == ("paid = yes",)


def test_labels_in_other_words_are_taken_in_sorted_order_and_that_is_said() -> None:
    forest = RandomForestClassifier(5, max_depth=2, random_state=0).fit(X, X[:, 0] > 0)
    view = read_trees(forest)

    facts = performance(view, forest.predict_proba(X)[:, 1:], LABELS)

    assert value(facts, "Accuracy") > 0.9
    assert any("no < yes" in fact.note for fact in facts)


def test_a_regressor_is_judged_by_its_errors_where_the_truth_is_known() -> None:
    model = GradientBoostingRegressor(n_estimators=5).fit(X, X[:, 1])
    truth = X[:, 1].copy()
    truth[:7] = np.nan

    facts = performance(read_trees(model), model.predict(X)[:, None], truth)

    assert value(facts, "R²") == pytest.approx(r2_score(truth[7:], model.predict(X[7:])))
    assert value(facts, "Mean absolute error") == pytest.approx(
        mean_absolute_error(truth[7:], model.predict(X[7:]))
    )
    assert value(facts, "Rows with a known target") == 83


def test_a_target_that_does_not_fit_is_refused() -> None:
    forest = read_trees(RandomForestClassifier(2).fit(X, LABELS))
    model = read_trees(GradientBoostingRegressor(n_estimators=2).fit(X, X[:, 1]))

    with pytest.raises(InputError, match="90 values"):
        performance(forest, np.zeros((90, 1)), X[:, 0])
    with pytest.raises(InputError, match="text such as 'no'"):
        performance(model, np.zeros((90, 1)), LABELS)
    with pytest.raises(InputError, match="Every cell of the target is missing"):
        performance(model, np.zeros((90, 1)), np.full(90, np.nan))
    with pytest.raises(InputError, match="3 entries"):
        performance(model, np.zeros((90, 1)), X[:3, 0])


def test_the_size_of_a_forest_is_that_of_its_trees() -> None:
    forest = RandomForestClassifier(4, max_depth=3, random_state=0).fit(X[:, :2], LABELS)

    facts = model_facts(forest, read_trees(forest))

    assert value(facts, "Trees") == 4
    assert value(facts, "Depth") == max(tree.get_depth() for tree in forest.estimators_)
    assert value(facts, "Leaves") == sum(tree.get_n_leaves() for tree in forest.estimators_)


def test_a_tendency_is_told_only_where_there_is_one() -> None:
    x = np.arange(50.0)

    assert tendency(x, None, x**3) == "rises with the value"
    assert tendency(x, None, -x) == "falls with the value"
    assert tendency(x, None, np.abs(x - 24.5)) == "goes up and down"
    assert tendency(x, None, np.zeros(50)) == ""
    codes = np.array([0.0, 1.0, 1.0, np.nan])
    assert tendency(codes, ("a", "b"), np.array([2.0, 0.0, 1.0, 9.0])) == (
        "highest for “a”, lowest for “b”"
    )
