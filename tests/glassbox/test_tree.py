"""The rules of a decision tree lead every row to its own leaf, in the user's columns."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMRegressor
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from xgboost import XGBClassifier

import whence as wh
from whence.core.errors import InputError, UnsupportedModelError
from whence.glassbox.tree import DecisionPath, DecisionTreeRules

rng = np.random.default_rng(0)
N = 400
JOBS = ["baker", "clerk", "judge", "smith"]
X = pd.DataFrame(
    {
        "age": rng.integers(18, 80, N).astype(float),
        "job": rng.choice(JOBS, N),
        "class": rng.integers(1, 4, N),
        "pay": rng.lognormal(size=N),
    }
)
X.loc[rng.uniform(size=N) < 0.1, "age"] = np.nan
y = (X["job"].isin(["clerk", "judge"]) & (X["age"].fillna(30) > 40)) | (
    (X["class"] == 2) & (X["pay"] > 1)
)
numbers = X[["age", "class", "pay"]]


def piped(tree: Any, encoder: Any) -> Any:  # noqa: ANN401  estimators of scikit-learn
    """Return a pipeline that scales numbers and encodes text and a number."""
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    steps = make_column_transformer((scaled, ["age", "pay"]), (encoder, ["job", "class"]))
    return make_pipeline(steps, tree).fit(X, y)


def leaves(model: Any, frame: pd.DataFrame) -> np.ndarray:  # noqa: ANN401  as above
    """Return the leaf that scikit-learn says each row reaches."""
    return model[-1].apply(model[:-1].transform(frame))


def test_a_path_covers_the_rows_of_its_leaf() -> None:
    full = numbers.fillna(40.0)
    model = DecisionTreeClassifier(max_depth=5, random_state=0).fit(full, y)
    e = wh.explain(model, full, DecisionPath())

    leaf = model.apply(full)
    assert_array_equal(e.covers(full), leaf[:, None] == leaf)
    assert_allclose(e.coverage, (leaf[:, None] == leaf).mean(axis=1))
    assert (e.coverage_low < e.coverage).all()
    assert (e.coverage_high > e.coverage).all()
    assert_array_equal(e.precision, 1)
    assert_allclose(e.outputs[:, 0], model.predict_proba(full)[:, 1])
    assert e.kind == "path"


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(drop="first"),
        OneHotEncoder(min_frequency=0.3, sparse_output=False),
        OrdinalEncoder(),
    ],
)
def test_a_pipeline_is_told_in_the_columns_of_the_user(encoder: Any) -> None:  # noqa: ANN401  as above
    model = piped(DecisionTreeClassifier(max_depth=6, random_state=0), encoder)

    e = wh.explain(model, X, DecisionTreeRules())
    paths = wh.explain(model, X, DecisionPath())

    leaf = leaves(model, X)
    covers = e.covers(X)
    assert_array_equal(covers.sum(axis=0), 1)
    own = covers.argmax(axis=0)
    assert_array_equal(own[:, None] == own, leaf[:, None] == leaf)
    assert_allclose(e.outputs[own, 0], model.predict_proba(X)[:, 1])
    known = X["age"].notna().to_numpy()
    assert_array_equal(paths.covers(X)[:, known], (leaf[:, None] == leaf)[:, known])
    assert paths.covers(X).diagonal().all()
    assert {p.feature for rule in e.predicates for p in rule} <= set(X.columns)


def test_words_are_those_of_the_user() -> None:
    y_clerk = X["job"] == "clerk"
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough"),
        DecisionTreeClassifier(max_depth=1, random_state=0),
    ).fit(X, y_clerk)

    e = wh.explain(model, X, DecisionTreeRules())

    assert [str(rule[0]) for rule in e.predicates] == [
        "job in {baker, judge, smith}",
        "job = clerk",
    ]


def test_one_row_says_what_it_says_among_others() -> None:
    model = piped(DecisionTreeClassifier(max_depth=6, random_state=0), OneHotEncoder())
    together = wh.explain(model, X, DecisionPath())

    for i in range(0, 60, 7):
        alone = wh.explain(model, X[i : i + 1], DecisionPath())
        assert alone.predicates[0] == together.predicates[i]
        assert alone.coverage[0] == together.coverage[i]


def test_a_category_that_was_never_seen_is_told() -> None:
    model = piped(
        DecisionTreeClassifier(max_depth=6, random_state=0), OneHotEncoder(handle_unknown="ignore")
    )
    strange = X[:40].assign(job=X["job"].replace("smith", "pilot"), **{"class": 9})

    e = wh.explain(model, strange, DecisionPath())

    assert e.covers(strange).diagonal().all()


@pytest.mark.parametrize("missing", [False, True])
def test_trees_of_boosting_libraries(missing: bool) -> None:
    frame = X.assign(job=X["job"].astype("category"))
    if not missing:
        frame["age"] = frame["age"].fillna(40.0)
    for model in (
        LGBMRegressor(n_estimators=1, min_child_samples=5, verbose=-1, cat_smooth=1),
        XGBClassifier(n_estimators=1, max_depth=4, enable_categorical=True),
    ):
        model.fit(frame, y.astype(int))
        e = wh.explain(model, frame, DecisionTreeRules())
        covers = e.covers(frame)
        assert len(e) > 3
        assert_array_equal(covers.sum(axis=0), 1)
        raw = wh.explain(model, frame, DecisionPath()).outputs
        assert_allclose(e.outputs[covers.argmax(axis=0)], raw, atol=1e-5)


def test_outputs_of_several_classes_and_of_probabilities() -> None:
    kind = X["class"].to_numpy()
    model = DecisionTreeClassifier(max_depth=2, random_state=0).fit(numbers.fillna(0), kind)
    e = wh.explain(model, numbers.fillna(0), DecisionTreeRules())
    assert e.outputs.shape == (len(e), 3)
    booster = XGBClassifier(n_estimators=1, max_depth=2).fit(numbers, y)
    p = wh.explain(booster, numbers, DecisionTreeRules(), output="probability")
    said = p.outputs[p.covers(numbers).argmax(axis=0), 0]
    assert_allclose(said, booster.predict_proba(numbers)[:, 1], atol=1e-6)


def test_a_stump_without_a_split_is_one_rule() -> None:
    model = DecisionTreeRegressor().fit(numbers, np.ones(N))
    e = wh.explain(model, numbers, DecisionTreeRules())
    assert e.predicates == ((),)
    assert_array_equal(e.coverage, 1)


def test_forests_and_losses_are_refused() -> None:
    forest = RandomForestClassifier(3, random_state=0).fit(numbers, y)
    with pytest.raises(UnsupportedModelError, match="has 3 trees"):
        wh.explain(forest, numbers, DecisionPath())
    tree = DecisionTreeClassifier().fit(numbers, y)
    with pytest.raises(InputError, match="log_loss"):
        wh.explain(tree, numbers, DecisionTreeRules(), output="log_loss", y=y)
    with pytest.raises(InputError, match="not fitted"):
        wh.explain(DecisionTreeClassifier(), numbers, DecisionPath())


def test_it_is_saved_and_pickled(tmp_path: Path) -> None:
    model = piped(DecisionTreeClassifier(max_depth=3, random_state=0), OneHotEncoder())
    method = pickle.loads(pickle.dumps(DecisionPath()))  # noqa: S301  our own bytes
    e = wh.explain(model, X[:20], method, n_jobs=2)
    again = wh.load(e.save(tmp_path / "path.whence"))
    assert again.predicates == e.predicates


@pytest.mark.parametrize("scaled", [False, True])
def test_a_split_on_whether_a_number_is_there_is_told(*, scaled: bool) -> None:
    frame = pd.DataFrame({"age": X["age"], "pay": X["pay"]})
    tree = DecisionTreeRegressor(max_depth=1)
    model = (make_pipeline(StandardScaler(), tree) if scaled else tree).fit(
        frame, frame["age"].isna()
    )
    e = wh.explain(model, frame, DecisionPath())

    assert {" and ".join(map(str, p)) for p in e.predicates} == {"age is known", "age is missing"}
    assert_array_equal(e.covers(frame), e.outputs == e.outputs.T)


def test_a_split_on_whether_a_word_is_there_is_told() -> None:
    words = pd.DataFrame({"job": X["job"].where(X["pay"] > 1, None)})
    encoder = make_column_transformer((OneHotEncoder(drop="first"), ["job"]))
    model = make_pipeline(encoder, DecisionTreeRegressor(max_depth=1))
    model.fit(words, words["job"].isna())
    e = wh.explain(model, words, DecisionPath())

    assert_array_equal(e.covers(words), e.outputs == e.outputs.T)
