"""A surrogate tree says what the model says, and how far it does."""

import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import whence as wh
from whence.core.errors import InputError
from whence.core.types import Floats
from whence.explainers.surrogate_tree import SurrogateTree

rng = np.random.default_rng(0)
N = 600
X = pd.DataFrame(
    {
        "age": rng.integers(18, 80, N).astype(float),
        "job": rng.choice(["clerk", "smith", "baker", "judge"], N),
        "pay": rng.lognormal(size=N),
    }
)
X.loc[rng.uniform(size=N) < 0.1, "age"] = np.nan


def planted(frame: pd.DataFrame) -> Floats:
    """Return what a tree of three leaves says."""
    clerk = frame["job"].isin(["clerk", "smith"])
    old = frame["age"] > 50
    return np.where(clerk, np.where(old, 3.0, 2.0), 0.0)


def test_a_tree_is_recovered() -> None:
    e = wh.explain(planted, X, SurrogateTree(), rng=0)

    assert e.kind == "tree"
    assert e.names.rows == ("leaf 1", "leaf 2", "leaf 3")
    assert_allclose(sorted(e.outputs[:, 0]), [0, 2, 3], atol=1e-12)
    assert_allclose(e.fidelity, 1)
    assert_array_equal(e.precision, 1)
    covers = e.covers(X)
    assert_array_equal(covers.sum(axis=0), 1)
    assert_allclose(e.outputs[covers.argmax(axis=0), 0], planted(X), atol=1e-12)
    assert_allclose(e.coverage, covers.mean(axis=1))


def test_a_tree_model_is_recovered_in_its_own_columns() -> None:
    frame = X.fillna(40.0).drop(columns="job")
    model = DecisionTreeRegressor(max_depth=3, random_state=0)
    model.fit(frame, np.sin(frame["age"] / 9) + (frame["pay"] > 1))

    e = wh.explain(
        model, frame, SurrogateTree(max_leaves=8, min_samples_leaf=1, holdout=0.1), rng=1
    )

    assert e.fidelity[0, 0] > 0.98  # thresholds between the same rows may differ


def test_fidelity_is_measured_on_rows_the_tree_has_not_seen() -> None:
    """What the model says has nothing to do with the columns, so nothing can be said of it."""
    noise = np.random.default_rng(5).normal(size=N)

    def model(frame: pd.DataFrame) -> Floats:
        return noise[: len(frame)]

    e = wh.explain(model, X, SurrogateTree(max_leaves=16, min_samples_leaf=2), rng=0)

    assert e.fidelity[0, 0] < 0.1
    assert e.fidelity[0, 1] <= e.fidelity[0, 0] <= e.fidelity[0, 2]
    assert any("Low fidelity" in warning for warning in e.provenance.warnings)


def test_the_interval_covers_the_fidelity_on_fresh_rows() -> None:
    def model(frame: Floats) -> Floats:
        return np.sin(3 * frame[:, 0]) + frame[:, 1] * frame[:, 2]

    fresh = np.random.default_rng(99).normal(size=(20_000, 4))
    inside = 0
    for seed in range(40):
        rows = np.random.default_rng(seed).normal(size=(300, 4))
        e = wh.explain(model, rows, SurrogateTree(max_leaves=6), rng=seed)
        said = e.outputs[e.covers(fresh).argmax(axis=0), 0]
        truth = 1 - ((model(fresh) - said) ** 2).mean() / model(fresh).var()
        inside += bool(e.fidelity[0, 1] <= truth <= e.fidelity[0, 2])
    assert inside >= 34


def test_precision_is_the_share_of_the_same_decision() -> None:
    frame = X.drop(columns="job").fillna(40.0)
    y = (frame["age"] > 40) ^ (frame["pay"] > 1)
    model = DecisionTreeClassifier(max_depth=6, random_state=0).fit(frame, y)

    e = wh.explain(model, frame, SurrogateTree(max_leaves=4), rng=0)

    assert e.covered.sum() == 150
    agreed = (e.precision * e.covered).sum() / 150
    assert f"{100 * agreed:.1f} %" in e.provenance.warnings[0]
    assert (e.precision_low <= e.precision).all()
    assert e.names.outputs == ("True",)


def test_the_size_is_as_asked_or_chosen() -> None:
    assert len(wh.explain(planted, X, SurrogateTree(max_leaves=2), rng=0)) == 2
    assert len(wh.explain(planted, X, SurrogateTree(max_depth=1), rng=0)) == 2
    assert len(wh.explain(lambda frame: np.ones(len(frame)), X, SurrogateTree(), rng=0)) == 1


def test_several_outputs_share_one_tree() -> None:
    def model(frame: pd.DataFrame) -> Floats:
        return np.column_stack([planted(frame), 1000 * (frame["pay"] > 1)])

    e = wh.explain(model, X, SurrogateTree(), rng=0)

    assert e.outputs.shape == (6, 2)
    assert_allclose(e.fidelity[:, 0], 1)


def test_equal_seeds_give_equal_bytes_and_it_is_saved(tmp_path: Path) -> None:
    method = pickle.loads(pickle.dumps(SurrogateTree()))  # noqa: S301  our own bytes
    a, b = (wh.explain(planted, X, method, rng=3) for _ in range(2))
    again = wh.load(a.save(tmp_path / "tree.whence"))

    for e in (b, again):
        assert e.predicates == a.predicates
        assert e.fidelity.tobytes() == a.fidelity.tobytes()
        assert e.outputs.tobytes() == a.outputs.tobytes()


@pytest.mark.parametrize(
    ("method", "rows", "message"),
    [
        (SurrogateTree(max_depth=0), N, "max_depth is 0"),
        (SurrogateTree(max_leaves=1), N, "max_leaves is 1"),
        (SurrogateTree(min_samples_leaf=0), N, "min_samples_leaf is 0"),
        (SurrogateTree(holdout=0.0), N, "holdout is 0.0"),
        (SurrogateTree(tolerance=-1.0), N, "tolerance is -1.0"),
        (SurrogateTree(), 39, "39 rows"),
    ],
)
def test_bad_input_is_refused(method: SurrogateTree, rows: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        wh.explain(planted, X[:rows], method, rng=0)


def test_texts_are_refused() -> None:
    with pytest.raises(InputError, match="got texts"):
        wh.explain(lambda texts: np.array([len(t) for t in texts], float), ["a b", "c"],
                   SurrogateTree())  # fmt: skip


@pytest.mark.skipif("WHENCE_DATA" not in os.environ, reason="needs the real data sets")
def test_boosted_trees_on_telco_churn() -> None:
    path = Path(os.environ["WHENCE_DATA"]) / "telco_churn" / "Telco-Customer-Churn.csv.gz"
    frame = pd.read_csv(path).drop(columns="customerID")
    y = frame.pop("Churn") == "Yes"
    frame["TotalCharges"] = pd.to_numeric(frame["TotalCharges"], errors="coerce")
    text = frame.select_dtypes(exclude="number").columns
    frame[text] = frame[text].astype("category")
    model = HistGradientBoostingClassifier(max_iter=50, random_state=0).fit(frame, y)

    e = wh.explain(model, frame, SurrogateTree(), rng=0)

    assert e.fidelity[0, 0] > 0.75
    assert_array_equal(e.covers(frame).sum(axis=0), 1)
