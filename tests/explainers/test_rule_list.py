"""A list of rules decides as the model does, and says how often."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import LinearSVC

import whence as wh
from whence.core.errors import InputError
from whence.core.rules import Rules
from whence.core.types import Floats, Ints
from whence.explainers.rule_list import RuleList

rng = np.random.default_rng(0)
N = 800
X = pd.DataFrame(
    {
        "age": rng.integers(18, 80, N).astype(float),
        "job": rng.choice(["clerk", "smith", "baker"], N),
        "pay": rng.lognormal(size=N),
    }
)
X.loc[rng.uniform(size=N) < 0.1, "pay"] = np.nan


def planted(frame: pd.DataFrame) -> Floats:
    """Return what a list of two rules says."""
    first = (frame["age"] > 50) & (frame["job"] == "clerk")
    second = frame["pay"].isna() & (frame["age"] <= 50)
    return (first | second).to_numpy(dtype=float)


def first(e: Rules, frame: pd.DataFrame) -> Ints:
    return np.asarray(e.covers(frame).argmax(axis=0))


def test_a_planted_list_is_recovered() -> None:
    e = wh.explain(planted, X, RuleList(), rng=0)

    assert e.kind == "list"
    assert e.names.rows == ("rule 1", "rule 2", "else")
    assert e.predicates[-1] == ()
    told = {" and ".join(sorted(map(str, rule))) for rule in e.predicates[:2]}
    assert told == {"age > 50.5 and job = clerk", "age ≤ 50.5 and pay is missing"}
    assert_allclose(e.outputs[:, 0], [1, 1, 0])
    assert_array_equal(e.precision, 1)
    assert_allclose(e.fidelity[0, 0], 1)
    assert_allclose(e.outputs[first(e, X), 0], planted(X))
    assert_allclose(e.coverage, np.bincount(first(e, X)) / N)


def test_three_conditions_are_found_where_they_are_allowed() -> None:
    def model(frame: Floats) -> Floats:
        return (frame[:, :3] > 0).all(axis=1).astype(float)

    rows = rng.normal(size=(1500, 5))
    two = wh.explain(model, rows, RuleList(max_rules=1), rng=0)
    three = wh.explain(model, rows, RuleList(max_rules=1, max_conditions=3), rng=0)

    assert three.fidelity[0, 0] > 0.98
    assert len(three.predicates[0]) == 3
    assert two.fidelity[0, 0] < three.fidelity[0, 0]


def test_agreement_and_precision_are_measured_on_held_out_rows() -> None:
    y = (X["age"] + 20 * (X["job"] == "clerk") + rng.normal(0, 15, N)) > 55
    frame = X.assign(job=X["job"] == "clerk", pay=X["pay"].fillna(1.0))
    model = RandomForestClassifier(20, min_samples_leaf=5, random_state=0).fit(frame, y)

    e = wh.explain(model, frame, RuleList(max_rules=4), rng=0)

    assert e.covered.sum() == 200
    known = e.covered > 0
    agreed = (e.precision * e.covered)[known].sum() / 200
    assert_allclose(e.fidelity[0, 0], agreed)
    assert f"{100 * agreed:.1f} %" in e.provenance.warnings[0]
    assert agreed > 0.8
    assert len(e) <= 5


def test_noise_is_not_told_as_rules_that_hold() -> None:
    said = np.random.default_rng(1).uniform(size=N)

    def model(frame: pd.DataFrame) -> Floats:
        return said[: len(frame)]

    e = wh.explain(model, X, RuleList(), rng=0)

    assert e.fidelity[0, 1] < 0.6


def test_several_classes_and_constant_models() -> None:
    def model(frame: pd.DataFrame) -> Floats:
        place = np.where(frame["job"] == "clerk", 0, np.where(frame["age"] > 40, 1, 2))
        return np.eye(3)[place]

    e = wh.explain(model, X, RuleList(), rng=0)
    assert e.outputs.shape == (3, 3)
    assert_allclose(e.fidelity[:, 0], 1)
    constant = wh.explain(lambda frame: np.ones(len(frame)), X, RuleList(), rng=0)
    assert constant.names.rows == ("else",)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifier_that_answers_with_scores_is_told(classes: int) -> None:
    rows = rng.normal(size=(400, 2))
    model = LinearSVC().fit(rows, np.digitize(rows[:, 0], [0.0, 1.0][: classes - 1]))
    e = wh.explain(model, rows, RuleList(), rng=0)

    scores = e.outputs[first(e, pd.DataFrame(rows, columns=["x0", "x1"]))]
    decides = scores.argmax(axis=1) if classes > 2 else scores[:, 0] > 0
    assert e.fidelity[0, 0] > 0.9
    assert (decides == model.predict(rows)).mean() > 0.9


def test_equal_seeds_give_equal_bytes_and_it_is_saved(tmp_path: Path) -> None:
    method = pickle.loads(pickle.dumps(RuleList()))  # noqa: S301  our own bytes
    a, b = (wh.explain(planted, X, method, rng=3) for _ in range(2))
    again = wh.load(a.save(tmp_path / "list.whence"))
    for e in (b, again):
        assert e.predicates == a.predicates
        assert e.outputs.tobytes() == a.outputs.tobytes()


@pytest.mark.parametrize(
    ("method", "rows", "message"),
    [
        (RuleList(max_rules=0), N, "max_rules is 0"),
        (RuleList(max_conditions=4), N, "max_conditions is 4"),
        (RuleList(min_samples_leaf=0), N, "min_samples_leaf is 0"),
        (RuleList(holdout=1.0), N, "holdout is 1.0"),
        (RuleList(), 30, "30 rows"),
    ],
)
def test_bad_input_is_refused(method: RuleList, rows: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        wh.explain(planted, X[:rows], method, rng=0)


def test_models_of_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="no probabilities"):
        wh.explain(lambda frame: frame["age"].to_numpy(), X, RuleList(), rng=0)
