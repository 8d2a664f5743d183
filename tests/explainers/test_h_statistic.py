"""H squared is the share of a joint effect that none of its parts explains."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier

import whence as wh
from reference.effects import h_overall, h_squared
from strategies import seeds
from whence.core.errors import InputError
from whence.core.explanation import Interaction
from whence.core.types import Floats
from whence.explainers.h_statistic import HStatistic

rng = np.random.default_rng(8)
X = rng.normal(size=(40, 4)).round(1)


def bent(rows: Floats) -> Floats:
    return rows[:, 0] * rows[:, 1] + np.exp(rows[:, 2] / 2) * (1 + 0.2 * rows[:, 0])


def of(e: Interaction) -> dict[tuple[int, ...], float]:
    sets = [tuple(int(j) for j in members if j >= 0) for members in e.sets]
    return dict(zip(sets, e.values[0, :, 0].tolist(), strict=True))


def test_values_are_those_of_the_definition() -> None:
    pairs = [("x0", "x1"), ("x2", "x1"), ("x2", "x0")]

    share = of(wh.explain(bent, X, HStatistic(pairs=pairs), rng=0))
    size = of(wh.explain(bent, X, HStatistic(pairs=pairs, normalized=False), rng=0))

    for j in range(3):
        assert share[j,] == pytest.approx(h_overall(bent, X, j), abs=1e-10)
    for j, k in ((0, 1), (1, 2), (0, 2)):
        truth = h_squared(bent, X, j, k)
        assert (share[j, k], size[j, k]) == pytest.approx(truth, abs=1e-9)
    assert share[3,] == 0


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_of_additive_models_it_is_nothing(seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(20, 3))

    e = wh.explain(
        lambda Z: np.sin(Z[:, 0]) + 3 * Z[:, 1] ** 2 - Z[:, 2], rows,
        HStatistic(pairs=[("x0", "x1"), ("x1", "x2")]), rng=0,
    )  # fmt: skip

    assert_array_equal(e.values, 0)
    assert_array_equal(e.stderr, 0)


def test_of_a_product_of_centered_columns_it_is_all() -> None:
    rows = np.array([[a, b, c] for a in (-1.0, 1.0) for b in (-2.0, 2.0) for c in (0.0, 1.0)])

    found = of(wh.explain(lambda Z: Z[:, 0] * Z[:, 1], rows, HStatistic(), rng=0))

    assert found == {(0,): 1, (1,): 1, (2,): 0, (0, 1): 1}


def test_errors_are_those_of_leaving_out_each_row_and_computing_anew() -> None:
    few = X[:12]
    e = wh.explain(bent, few, HStatistic(pairs=[("x0", "x2")]), rng=0)

    anew = []
    for gone in range(len(few)):
        rest = np.delete(few, gone, axis=0)
        anew.append((h_overall(bent, rest, 0), h_squared(bent, rest, 0, 2)[0]))
    errors = np.sqrt(11 / 12 * ((np.array(anew) - np.mean(anew, axis=0)) ** 2).sum(axis=0))
    assert e.stderr is not None
    by_set = dict(zip(of(e), e.stderr[0, :, 0].tolist(), strict=True))
    assert (by_set[0,], by_set[0, 2]) == pytest.approx(errors.tolist(), rel=1e-9)


def test_errors_are_as_large_as_estimates_differ_between_samples() -> None:
    """Of f = a + b + ab / 2 with standard normal columns, H squared is 1/9."""
    source, found, said = np.random.default_rng(0), [], []
    for _ in range(60):
        rows = source.normal(size=(100, 2))
        e = wh.explain(
            lambda Z: Z[:, 0] + Z[:, 1] + Z[:, 0] * Z[:, 1] / 2, rows,
            HStatistic(pairs=[("x0", "x1")]), rng=0,
        )  # fmt: skip
        assert e.stderr is not None
        found.append(e.values[0, -1, 0])
        said.append(e.stderr[0, -1, 0])
    assert 0.75 < np.sqrt(np.mean(np.square(said))) / np.std(found) < 1.35
    assert np.mean(found) == pytest.approx(1 / 9, abs=0.03)


@pytest.mark.parametrize("kind", ["regression", "classes"])
def test_trees_say_what_the_model_says_when_asked(kind: str) -> None:
    frame = pd.DataFrame(rng.normal(size=(150, 5)), columns=list("abcde")).round(1)
    y = frame["a"] * frame["b"] + np.abs(frame["c"])
    model: Any = (
        GradientBoostingRegressor(n_estimators=20, random_state=0).fit(frame[list("abcd")], y)
        if kind == "regression"
        else RandomForestClassifier(8, random_state=0).fit(
            frame[list("abcd")], np.digitize(y, [0, 1])
        )
    )
    rows = frame[list("abcd")]

    def asking(Z: Any) -> Any:  # noqa: ANN401  tables and arrays of any library
        return model.predict(Z) if kind == "regression" else model.predict_proba(Z)

    fast = wh.explain(model, rows, HStatistic(rows=60), rng=0)
    slow = wh.explain(asking, rows, HStatistic(rows=60), rng=0)

    assert fast.provenance.evaluations <= len(rows) + 3 * 64
    assert slow.provenance.evaluations > 1000
    assert_array_equal(fast.sets, slow.sets)
    assert_allclose(fast.values, slow.values, atol=1e-8)
    assert_allclose(fast.stderr, slow.stderr, atol=1e-8)


def test_pairs_that_meet_on_no_path_are_nothing_without_work() -> None:
    frame = pd.DataFrame(rng.normal(size=(150, 3)), columns=list("abc"))
    model = GradientBoostingRegressor(n_estimators=20, max_depth=1).fit(frame, frame.sum(axis=1))

    e = wh.explain(model, frame, HStatistic(pairs=[("a", "b"), ("b", "c")]), rng=0)

    assert_array_equal(e.values, 0)


def test_only_pairs_of_the_columns_that_interact_most_are_looked_at() -> None:
    def model(rows: Floats) -> Floats:
        return rows[:, 0] * rows[:, 1] + 0.1 * rows[:, 2] * rows[:, 0] + rows[:, 3]

    e = wh.explain(model, X, HStatistic(most=2), rng=0)

    assert e.sets[4:].tolist() == [[0, 1]]
    assert "the first left out is 'x2'" in e.provenance.warnings[0]
    assert e.names.rows == ("all",)
    assert e.index == "H"
    assert e.matrix().shape == (1, 4, 4, 1)


def test_rows_are_drawn_where_there_are_many() -> None:
    many = np.random.default_rng(0).normal(size=(500, 3))

    a, b, c = (wh.explain(bent, many, HStatistic(rows=30), rng=seed) for seed in (1, 1, 2))

    assert a.values.tobytes() == b.values.tobytes()
    assert a.values.tobytes() != c.values.tobytes()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"features": ("x0", ("x1", "x2"))}, "pairs=\\[\\('age', 'income'\\)\\]"),
        ({"features": "y0"}, "which X lacks"),
        ({"pairs": [("x0", "x0")]}, "with itself"),
        ({"pairs": [("x0",)]}, "Give pairs"),
        ({"most": 1}, "most is 1"),
        ({"rows": 2}, "rows is 2"),
    ],
)
def test_what_cannot_be_meant_is_said(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        wh.explain(bent, X, HStatistic(**settings))


def test_a_model_that_always_says_the_same_has_no_interactions() -> None:
    e = wh.explain(lambda Z: np.zeros(len(Z)), X, HStatistic(pairs=[("x0", "x1")]), rng=0)

    assert_array_equal(e.values, 0)
    assert np.isfinite(wh.explain(bent, X[:1], HStatistic(), rng=0).values).all()


def test_one_row_has_no_variance_to_share() -> None:
    one, two = (wh.explain(bent, X[:n], HStatistic(), rng=0).provenance.warnings for n in (1, 2))

    assert "One row has no variance" in one[0]
    assert not any("One row" in warning for warning in two)
