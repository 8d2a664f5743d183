"""The choice of a method is explained to the user, and is never silent about what it assumes."""

from typing import Any

import catboost
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import AdaBoostRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeRegressor

import whence as wh
from whence.choose import choose
from whence.models.trees import Trees

rng = np.random.default_rng(0)
X = rng.normal(size=(150, 4))
SIGNAL = X[:, 0] * X[:, 1] + X[:, 2]
FRAME = pd.DataFrame(
    {"age": X[:, 0], "job": pd.Categorical(rng.choice(list("abcdef"), 150)), "rate": X[:, 1]}
)
CTR = catboost.CatBoostClassifier(
    iterations=8, verbose=0, allow_writing_files=False, cat_features=["job"], one_hot_max_size=2,
    thread_count=1, random_seed=0,
).fit(FRAME, (SIGNAL > 0) ^ FRAME["job"].isin(["a", "b", "c"]))  # fmt: skip


def test_trees_are_explained_exactly() -> None:
    choice = choose(DecisionTreeRegressor(max_depth=3).fit(X, SIGNAL), X)

    assert isinstance(choice.method, wh.TreeShap)
    assert isinstance(choice.view, Trees)
    assert choice.warnings == ()


def test_a_model_that_trees_cannot_tell_is_explained_by_its_predictions() -> None:
    e = wh.explain(CTR, FRAME[:12], rng=0)

    assert e.provenance.method == "ExactShap"
    assert_allclose(e.residual, 0, atol=1e-12)
    assert_array_equal(e.outputs[:, 0], CTR.predict_proba(FRAME[:12])[:, 1])
    assert np.abs(e.values[:, 1]).max() > 0


def test_the_reasons_say_why_not_exactly_and_the_warnings_what_was_assumed() -> None:
    p = wh.explain(CTR, FRAME[:12], rng=0).provenance

    (reason,), (warning,) = p.reasons, p.warnings
    assert "target statistics (CTR) of the categorical features job" in reason
    assert "predictions are explained instead, exactly, by all 8 coalitions" in reason
    assert "KernelShap: standard error on every value; adds up to the prediction" in p.alternatives
    assert not any(name.startswith(("ExactShap", "Tree", "Sage")) for name in p.alternatives)
    assert "12 of the 12 rows explained stand for unknown features" in warning
    assert "ExactShap(background=X_train)" in warning
    assert p.background_digest == p.data_digest


def test_at_most_a_hundred_rows_are_drawn_and_always_the_same() -> None:
    model = AdaBoostRegressor(n_estimators=3, random_state=0).fit(X, SIGNAL)
    first, second = (choose(model, X).method.background for _ in range(2))

    assert len(first) == 100
    assert_array_equal(first.numbers, second.numbers)
    assert set(map(tuple, first.numbers)) <= set(map(tuple, X))


@pytest.mark.parametrize("kind", [LinearRegression, AdaBoostRegressor])
def test_other_rows_are_compared_with_themselves_and_not_with_earlier_ones(kind: type) -> None:
    model = kind().fit(X, SIGNAL)
    first, second = (wh.explain(model, rows, rng=0) for rows in (X[:5], X[5:10]))

    assert_allclose(first.base_values[0], model.predict(X[:5]).mean())
    assert_allclose(second.base_values[0], model.predict(X[5:10]).mean())


def test_a_model_trained_again_with_other_columns_is_read_again() -> None:
    model = LinearRegression().fit(X, SIGNAL)
    method = wh.PermutationShap(background=X[:, :3])
    wh.explain(model, X[:3], wh.PermutationShap(background=X))
    model.fit(X[:, :3], SIGNAL)

    assert wh.explain(model, X[:3, :3], method).values.shape == (3, 3, 1)


def test_a_single_row_is_no_background_for_itself() -> None:
    with pytest.raises(wh.InputError, match=r"CTR.*single row.*KernelShap\(background"):
        wh.explain(CTR, FRAME[:1])

    e = wh.explain(CTR, FRAME[:1], wh.PermutationShap(background=FRAME[1:20]))
    assert (e.provenance.reasons, e.provenance.warnings) == ((), ())


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: wh.explain(model, X[:2], wh.TreeShap()),
        wh.bind,
        lambda model: wh.bind(model, wh.TreeInteractions()),
    ],
)
@pytest.mark.parametrize("model", [CTR, AdaBoostRegressor(), LinearRegression(), len])
def test_where_only_trees_will_do_the_error_names_the_method_to_use(
    ask: object, model: object
) -> None:
    with pytest.raises(wh.UnsupportedModelError, match=r"KernelShap\(background=X_train\)"):
        ask(model)  # type: ignore[operator]  # a callable


def test_what_is_no_model_is_said_so() -> None:
    with pytest.raises(wh.UnsupportedModelError, match="predict or predict_proba"):
        wh.explain(object(), X)


def test_a_linear_model_is_explained_exactly_in_its_own_unit() -> None:
    model = LogisticRegression().fit(X, SIGNAL > 0)
    e = wh.explain(model, X[:20])

    assert e.provenance.method == "LinearShap"
    assert e.provenance.unit == "log-odds"
    assert_allclose(e.outputs[:, 0], model.decision_function(X[:20]))
    assert "20 of the 20 rows" in e.provenance.warnings[0]


def test_the_probability_of_a_linear_model_is_explained_by_coalitions() -> None:
    model = LogisticRegression().fit(X, SIGNAL > 0)
    e = wh.explain(model, X[:20], output="probability")

    assert e.provenance.method == "ExactShap"
    assert_allclose(e.outputs[:, 0], model.predict_proba(X[:20])[:, 1])


def test_many_columns_are_sampled_within_the_budget() -> None:
    wide = np.random.default_rng(1).normal(size=(30, 16))

    def model(Z: np.ndarray) -> np.ndarray:
        return np.tanh(Z).sum(axis=1) + Z[:, 0] * Z[:, 1]

    e = wh.explain(model, wide, rng=0, budget=3_000)

    assert e.provenance.method == "KernelShap"
    assert "2^16 coalitions" in e.provenance.reasons[0]
    assert e.provenance.settings["budget"] == 3_000
    assert e.provenance.evaluations <= 30 * (3_000 + 2 + 30)


def test_interactions_and_importance_are_other_questions() -> None:
    tree = DecisionTreeRegressor(max_depth=3).fit(X, SIGNAL)
    boosted = AdaBoostRegressor(n_estimators=3, random_state=0).fit(X, SIGNAL)

    assert isinstance(choose(tree, X, question="interaction").method, wh.TreeInteractions)
    assert isinstance(choose(boosted, X, question="interaction").method, wh.ShapleyInteractions)
    e = wh.explain(boosted, X, y=SIGNAL, question="importance", rng=0)
    assert (e.provenance.method, len(e), e.names.rows) == ("Sage", 1, ("all",))


def test_texts_images_and_series_need_no_background() -> None:
    e = wh.explain(lambda texts: np.array([len(t) for t in texts], float), ["a bc", "d"], rng=0)

    assert e.provenance.method == "KernelShap"
    assert "X holds texts" in e.provenance.reasons[0]
    assert_allclose(e.residual, 0, atol=1e-12)


def test_wishes_are_for_a_method_that_whence_chooses() -> None:
    with pytest.raises(wh.InputError, match=r"budget=9 was given along with the method TreeShap"):
        wh.explain(DecisionTreeRegressor().fit(X, SIGNAL), X, wh.TreeShap(), budget=9)
    with pytest.raises(wh.InputError, match="question is 'why'"):
        wh.explain(DecisionTreeRegressor().fit(X, SIGNAL), X, question="why")


def test_the_methods_that_apply_come_first_with_cost_and_guarantee() -> None:
    found = wh.methods(AdaBoostRegressor(n_estimators=3).fit(X, SIGNAL), X)
    of = {m.name: m for m in found}

    assert [m.applies for m in found] == sorted((m.applies for m in found), reverse=True)
    assert not of["TreeShap"].applies
    assert "cannot be read as a tree ensemble" in of["TreeShap"].why_not
    assert of["ExactShap"].cost == "1,600 predictions"  # 2**4 coalitions of 100 rows
    assert "standard error" in of["KernelShap"].guarantee
    assert len(repr(found).splitlines()) == len(found) + 1
    assert "<table>" in found._repr_html_()


def test_what_explains_tables_alone_does_not_apply_to_texts() -> None:
    found = {m.name: m.applies for m in wh.methods(len, ["a text"])}

    assert found["KernelShap"]
    assert found["Lime"]
    assert not found["Sage"]
    assert not found["TreeShap"]


def test_nothing_applies_to_what_is_no_model() -> None:
    with pytest.raises(wh.UnsupportedModelError, match="predict or predict_proba"):
        wh.methods(object(), X)


NUMBERS = pd.DataFrame(X, columns=list("abcd"))
LABELS = SIGNAL > 0


@pytest.mark.parametrize(
    ("model", "question", "method"),
    [
        (AdaBoostRegressor(n_estimators=3, random_state=0), "effect", "PartialDependence"),
        (LinearRegression(), "effect", "TermEffects"),
        (AdaBoostRegressor(n_estimators=3, random_state=0), "rule", "Anchors"),
        (DecisionTreeRegressor(max_depth=3), "rule", "DecisionPath"),
        (LogisticRegression(), "counterfactual", "Counterfactuals"),
        (LogisticRegression(), "example", "Prototypes"),
    ],
)
def test_each_question_has_a_method_and_a_reason(model: Any, question: Any, method: str) -> None:  # noqa: ANN401
    y = LABELS if isinstance(model, LogisticRegression) else SIGNAL

    e = wh.explain(model.fit(NUMBERS, y), NUMBERS, question=question, rng=0)

    assert e.provenance.method == method
    assert len(e.provenance.reasons) == 1
    assert not any(other.startswith(f"{method}:") for other in e.provenance.alternatives)
    if method in ("Anchors", "Counterfactuals"):
        assert f"Give {method}(background=X_train)" in e.provenance.warnings[0]


@pytest.mark.parametrize("question", ["effect", "rule", "counterfactual"])
def test_a_single_row_answers_no_question_about_tables(question: Any) -> None:  # noqa: ANN401
    model = AdaBoostRegressor(n_estimators=3, random_state=0).fit(NUMBERS, SIGNAL)

    with pytest.raises(wh.InputError, match="table of length 1 came"):
        wh.explain(model, NUMBERS[:1], question=question)


@pytest.mark.parametrize("question", ["effect", "example"])
def test_a_budget_is_refused_where_nothing_is_sampled(question: Any) -> None:  # noqa: ANN401
    model = AdaBoostRegressor(n_estimators=3, random_state=0).fit(NUMBERS, SIGNAL)

    with pytest.raises(wh.InputError, match="budget is 5"):
        wh.explain(model, NUMBERS, question=question, budget=5)


def test_texts_get_the_rules_of_their_words() -> None:
    texts = ["a fine film", "a dull film", "fine and long", "dull and long"]

    def good(rows: list[str]) -> Any:  # noqa: ANN401  an array
        return np.array([float("fine" in row) for row in rows])

    e = wh.explain(good, texts, question="rule", rng=0)

    assert [str(p) for p in e.predicates[0]] == ["'fine'"]
