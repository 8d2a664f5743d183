"""Of an ensemble of trees, the nearest row is found and proved to be that."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

import whence as wh
from whence.core.constraints import Constraints
from whence.core.types import Bools, Floats
from whence.explainers.counterfactuals import Counterfactuals

JOBS = ("clerk", "judge", "nurse", "smith")


def frame(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(0, 9, size=n),
            "pay": rng.integers(0, 9, size=n) / 10,
            "job": rng.choice(JOBS, size=n),
            "kids": rng.integers(0, 4, size=n),
        }
    )


def some_jobs(d: pd.DataFrame) -> pd.DataFrame:
    """Return rows of which the codes of categories are others than those of the background."""
    return d[d["job"].isin(["nurse", "smith"])].reset_index(drop=True)


Z = frame(200, 0)
SUM = Z["age"] * Z["pay"] + (Z["job"] == "judge") * 2 - Z["kids"] + Z["age"] / 3


def piped(last: Any, y: Any) -> Any:  # noqa: ANN401  any estimator
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["job"]),
        (StandardScaler(), ["age", "pay", "kids"]),
    )
    return make_pipeline(encode, last).fit(Z, y)


GRID = [(a, p / 10, j, k) for a, p, j, k in itertools.product(range(9), range(9), JOBS, range(4))]


def least(X: pd.DataFrame, grid: pd.DataFrame, does: Bools, limits: Constraints) -> Floats:
    """Return the cost of the cheapest row of the grid that does what is wanted, for each row."""
    span = {"age": 8.0, "pay": 0.8, "kids": 3.0}
    out = np.zeros((len(X), len(grid)))
    for c in X.columns:
        a, b = X[c].to_numpy()[:, None], grid[c].to_numpy()[None]
        apart = (a != b).astype(float) if c == "job" else np.abs(a - b) / span[c]
        out += np.where(a != b, limits.cost.get(c, 1.0) * apart + 0.05, 0.0)
        if c in limits.immutable:
            out[a != b] = np.inf
        if c in limits.increase:
            out[a > b] = np.inf
    return np.asarray(np.where(does, out, np.inf).min(axis=1))


def reached(model: Any, kind: str, grid: pd.DataFrame, X: pd.DataFrame) -> Bools:  # noqa: ANN401  any estimator
    """Tell which rows of the grid do what is wanted, without a tie between two classes."""
    if kind == "interval":
        said = model.predict(grid)
        return np.asarray((said >= 3.0) & (said <= 5.0))
    p, now = model.predict_proba(grid), model.predict_proba(X).argmax(axis=1)
    if kind in ("binary", "sparse", "forest"):
        return np.asarray(p[:, 1] > 0.5)
    ahead = np.array([p[:, c] - np.delete(p, c, axis=1).max(axis=1) for c in range(3)])
    return np.asarray(ahead[2] > 1e-9 if kind == "multi" else ahead[now] < -1e-9)


@pytest.mark.parametrize("kind", ["binary", "sparse", "forest", "multi", "other", "interval"])
def test_the_nearest_row_is_that_of_trying_all(kind: str) -> None:
    limits = Constraints(immutable=("kids",), increase=("age",), cost={"pay": 2.0, "job": 0.1})
    grid, X = pd.DataFrame(GRID, columns=list(Z.columns)), some_jobs(frame(16, 1))
    target: Any = {"binary": True, "sparse": True, "forest": True, "multi": "c",
                   "other": None, "interval": (3.0, 5.0)}[kind]  # fmt: skip
    if kind == "interval":
        model = piped(RandomForestRegressor(10, max_depth=5, random_state=0), SUM)
    elif kind in ("multi", "other"):
        model = piped(
            RandomForestClassifier(8, max_depth=4, random_state=0),
            np.array(["a", "b", "c"])[np.digitize(SUM, [1, 3])],
        )
    elif kind == "sparse":  # zeros of numbers are missing to the trees
        encode = make_column_transformer(
            (OneHotEncoder(), ["job"]), remainder="passthrough", sparse_threshold=1.0
        )
        model = make_pipeline(encode, XGBClassifier(n_estimators=10, max_depth=4, n_jobs=1))
        model.fit(Z, SUM > 3)
    elif kind == "forest":
        model = piped(RandomForestClassifier(7, max_depth=4, random_state=0), SUM > 3)
    else:
        model = piped(GradientBoostingClassifier(n_estimators=10, random_state=0), SUM > 3)
    does = reached(model, kind, grid, X)
    method = Counterfactuals(background=Z, target=target, constraints=limits, seconds=20.0)
    e = wh.explain(model, X, method, rng=0)
    truth = least(X, grid, does, limits)

    there = np.isfinite(truth)
    assert there.any()
    assert_allclose(e.distance[there, 0], truth[there], atol=1e-9)
    assert e.status == tuple("optimal" if ok else "none found" for ok in there)
    assert e.bound is not None
    assert_allclose(e.bound[there], truth[there], atol=1e-6)
    assert np.isposinf(e.bound[~there]).all()
    assert all(
        note.startswith("proved: ") for note, ok in zip(e.notes, there, strict=True) if not ok
    )


def test_a_search_is_never_below_the_bound_and_seldom_far_above() -> None:
    model = piped(GradientBoostingClassifier(n_estimators=30, random_state=0), SUM > 3)
    X = frame(10, 2)
    exact = wh.explain(model, X, Counterfactuals(background=Z, engine="exact", seconds=20.0), rng=0)
    found = wh.explain(model, X, Counterfactuals(background=Z, engine="search"), rng=0)

    assert exact.bound is not None
    assert set(exact.status) == {"optimal"}
    assert found.valid.all()
    assert (found.distance[:, 0] >= exact.bound - 1e-9).all()
    assert found.distance.mean() < 1.1 * exact.distance.mean()


def test_what_ties_columns_leaves_a_true_bound_and_is_kept() -> None:
    limits = Constraints(
        linear=(({"age": 1.0, "kids": 1.0}, "<=", 8.0),), together=(("job", "kids"),),
        implications=((("pay", "rises"), ("age", "rises")),),
    )  # fmt: skip
    model = piped(GradientBoostingClassifier(n_estimators=10, random_state=0), SUM > 3)
    X = frame(10, 3)
    method = Counterfactuals(background=Z, constraints=limits, seconds=20.0)
    e = wh.explain(model, X, method, rng=0)
    free = wh.explain(model, X, Counterfactuals(background=Z, seconds=20.0), rng=0)

    assert e.bound is not None
    ok = e.valid[:, 0]
    assert ok.mean() > 0.8
    assert (e.distance[ok, 0] >= e.bound[ok] - 1e-9).all()
    assert (free.distance[ok] <= e.distance[ok] + 1e-9).all()
    C = e.candidates[ok, 0]
    assert (C[:, 0] + C[:, 3] <= 8).all()


@pytest.mark.parametrize("kind", ["binary", "multi", "interval"])
def test_of_a_linear_model_the_nearest_row_is_that_of_trying_all(kind: str) -> None:
    limits = Constraints(immutable=("kids",), increase=("age",), cost={"pay": 2.0, "job": 0.1})
    grid, X = pd.DataFrame(GRID, columns=list(Z.columns)), some_jobs(frame(16, 4))
    if kind == "interval":
        model, target = piped(LinearRegression(), SUM), (3.0, 5.0)
    elif kind == "multi":
        y = np.array(["a", "b", "c"])[np.digitize(SUM, [1, 3])]
        model, target = piped(LogisticRegression(max_iter=1000), y), "c"
    else:
        model, target = piped(LogisticRegression(max_iter=1000), SUM > 3), True

    method = Counterfactuals(background=Z, target=target, constraints=limits, seconds=20.0)
    e = wh.explain(model, X, method, rng=0)
    truth = least(X, grid, reached(model, kind, grid, X), limits)

    there = np.isfinite(truth)
    assert there.any()
    assert_allclose(e.distance[there, 0], truth[there], atol=1e-9)
    assert e.bound is not None
    assert (e.bound[there] <= truth[there] + 1e-6).all()
    if kind == "binary":
        assert e.status == tuple("optimal" if ok else "none found" for ok in there)


def test_only_trees_are_exact_and_that_is_said() -> None:
    with pytest.raises(wh.InputError, match="neither an ensemble of trees nor"):
        wh.bind(lambda X: X["age"], Counterfactuals(background=Z, target=(1, 2), engine="exact"))
