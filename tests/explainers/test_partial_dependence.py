"""Partial dependence is the mean of what the model says about the rows, moved along a feature."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import whence as wh
from reference.effects import dependence, heterogeneity, individual
from strategies import seeds
from whence.core.effect import Effect
from whence.core.errors import InputError
from whence.core.types import Floats
from whence.explainers.partial_dependence import PartialDependence

rng = np.random.default_rng(11)
X = rng.normal(size=(60, 3)).round(1)


def bent(rows: Floats) -> Floats:
    return rows[:, 0] * rows[:, 1] + np.exp(rows[:, 2] / 2)


FRAME = pd.DataFrame(
    {
        "age": rng.integers(18, 70, 200),
        "pay": np.where(rng.random(200) < 0.1, np.nan, rng.normal(size=200).round(2)),
        "job": rng.choice(["clerk", "smith", "nurse"], 200, p=[0.2, 0.5, 0.3]),
        "town": pd.Categorical(
            rng.choice(["Ulm", "Bonn"], 200), categories=["Ulm", "Bonn", "Kiel"]
        ),
    }
)
Y = FRAME["age"] / 30 + FRAME["pay"].fillna(2) + (FRAME["job"] == "nurse") * FRAME["age"] / 50


WEALTHY = Y.median() < Y


def test_curves_and_surfaces_are_those_of_the_definition() -> None:
    e = wh.explain(
        bent, X, PartialDependence(features=("x0", ("x2", "x0")), grid=7, pair_grid=4,
                                   individual=True), rng=0,
    )  # fmt: skip

    curve, surface = e.curves
    assert (curve.features, surface.features) == (("x0",), ("x2", "x0"))
    cells = curve.grid[0][:, None]
    assert_allclose(curve.values[:, 0], dependence(bent, X, [0], cells), atol=1e-12)
    truth = individual(bent, X, [0], cells)
    assert curve.individual is not None
    assert_allclose(curve.individual[:, :, 0], truth, atol=1e-12)
    assert curve.heterogeneity is not None
    assert_allclose(curve.heterogeneity[0], heterogeneity(truth), atol=1e-12)
    pairs = np.array([[a, b] for a in surface.grid[0] for b in surface.grid[1]])
    assert_allclose(surface.values.ravel(), dependence(bent, X, [2, 0], pairs), atol=1e-12)
    assert surface.values.shape == (4, 4, 1)
    assert e.provenance.evaluations == len(X) * (1 + 7 + 16)
    assert len(e) == len(X)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_of_an_additive_model_it_is_the_part_itself(seed: int) -> None:
    source = np.random.default_rng(seed)
    rows = source.normal(size=(int(source.integers(2, 40)), 3))

    e = wh.explain(
        lambda Z: np.sin(Z[:, 0]) + 3 * Z[:, 1] ** 2, rows, PartialDependence(center=True), rng=0
    )

    parts = (np.sin, lambda x: 3 * x**2, np.zeros_like)
    for curve, part in zip(e.curves, parts, strict=True):
        at = curve.grid[0]
        assert_allclose(curve.values[:, 0], part(at) - part(at[0]), atol=1e-10)
        assert curve.low is not None
        assert curve.high is not None
        assert_allclose(curve.high - curve.low, 0, atol=1e-6)  # no row differs from another
        assert curve.heterogeneity is not None
        assert curve.heterogeneity[0] < 1e-6


def libraries() -> dict[str, Callable[[], tuple[Any, pd.DataFrame]]]:
    """Return models of trees by name, each with the rows that it reads."""
    numbers = pd.DataFrame(rng.normal(size=(300, 4)), columns=list("abcd"))
    target = numbers["a"] * numbers["b"] + np.sin(2 * numbers["c"]) + 0.1 * numbers["d"]
    coded = FRAME.assign(job=FRAME["job"].astype("category"))
    kinds = np.digitize(target, [-0.5, 0.5])

    def xgboost() -> tuple[Any, pd.DataFrame]:
        xgb = pytest.importorskip("xgboost")
        model = xgb.XGBClassifier(n_estimators=15, max_depth=4, n_jobs=1, enable_categorical=True)
        return model.fit(coded, WEALTHY), coded

    def lightgbm() -> tuple[Any, pd.DataFrame]:
        lgb = pytest.importorskip("lightgbm")
        model = lgb.LGBMRegressor(n_estimators=15, verbose=-1, n_jobs=1, min_child_samples=5)
        return model.fit(coded, Y), coded

    def catboost() -> tuple[Any, pd.DataFrame]:
        cat = pytest.importorskip("catboost")
        model = cat.CatBoostClassifier(iterations=15, depth=4, verbose=False, thread_count=1)
        return model.fit(numbers, kinds), numbers

    def pipeline() -> tuple[Any, pd.DataFrame]:
        encoder = make_column_transformer(
            (OneHotEncoder(), ["job", "town"]), remainder="passthrough"
        )
        model = GradientBoostingClassifier(n_estimators=15, random_state=0)
        rows = FRAME.fillna({"pay": 0.0})
        return make_pipeline(encoder, model).fit(rows, WEALTHY), rows

    return {
        "forest": lambda: (RandomForestRegressor(10, random_state=0).fit(numbers, target), numbers),
        "classes": lambda: (RandomForestClassifier(9, random_state=0).fit(numbers, kinds), numbers),
        "hist": lambda: (
            HistGradientBoostingRegressor(max_iter=15, min_samples_leaf=5).fit(numbers, target),
            numbers.mask(rng.random(numbers.shape) < 0.1),
        ),
        "softmax": lambda: (
            GradientBoostingClassifier(n_estimators=5, random_state=0).fit(numbers, kinds), numbers
        ),
        "xgboost": xgboost, "lightgbm": lightgbm, "catboost": catboost, "pipeline": pipeline,
    }  # fmt: skip


LIBRARIES = libraries()


@pytest.mark.parametrize("name", LIBRARIES)
def test_trees_say_what_the_model_says_when_asked(name: str) -> None:
    model, rows = LIBRARIES[name]()
    pair = (rows.columns[0], rows.columns[2])
    method = PartialDependence(
        features=(*rows.columns, pair), grid=12, pair_grid=5, individual=True
    )

    fast = wh.explain(model, rows, method, rng=0)
    asking = getattr(model, "predict_proba", model.predict)
    slow = wh.explain(lambda Z: _second(asking(Z)), rows, method, rng=0)

    assert fast.provenance.warnings == ()
    assert fast.provenance.evaluations <= len(rows) + 3 * 64
    assert slow.provenance.evaluations > 12 * len(rows)
    close = 1e-10 if name not in ("xgboost", "catboost") else 2e-6  # of float32
    for a, b in zip(fast.curves, slow.curves, strict=True):
        assert a.individual is not None
        assert b.individual is not None
        assert_allclose(a.individual, b.individual, rtol=0, atol=close)
        assert_allclose(a.values, b.values, rtol=0, atol=close)
        assert_allclose(a.heterogeneity, b.heterogeneity, rtol=1e-6, atol=10 * close)


def _second(said: Any) -> Any:  # noqa: ANN401  an array of any library
    return said[:, 1] if np.ndim(said) == 2 and said.shape[1] == 2 else said


def test_a_model_that_is_read_wrongly_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from whence.kernels import curves

    model, rows = LIBRARIES["forest"]()
    right = wh.explain(model, rows, PartialDependence(grid=5), rng=0)
    good = curves.Curves.along
    monkeypatch.setattr(curves.Curves, "along", lambda self, *args: good(self, *args) + 0.1)

    e = wh.explain(model, rows, PartialDependence(grid=5), rng=0)

    assert "was asked about every row" in e.provenance.warnings[0]
    for a, b in zip(e.curves, right.curves, strict=True):
        assert_allclose(a.values, b.values, atol=1e-10)


def test_whole_numbers_categories_and_missing_values_are_positions() -> None:
    model, rows = LIBRARIES["lightgbm"]()

    e = wh.explain(model, rows, PartialDependence(grid=6), rng=0)

    age, pay, job, town = e.curves
    assert len(age.grid[0]) == 6
    assert set(age.grid[0]) <= set(rows["age"])
    assert {rows["age"].min(), rows["age"].max()} <= set(age.grid[0])
    assert np.isnan(pay.grid[0][-1])
    assert len(pay.grid[0]) == 7
    assert [job.position(0, i) for i in range(3)] == rows["job"].value_counts().index.tolist()
    assert {town.position(0, i) for i in range(len(town.grid[0]))} == {"Ulm", "Bonn"}
    for curve in e.curves:
        assert curve.density is not None
        assert curve.density.sum() == pytest.approx(1)
    assert pay.density is not None
    assert pay.density[-1] == pytest.approx(rows["pay"].isna().mean())


def test_positions_may_be_given_in_the_users_own_terms() -> None:
    model, rows = LIBRARIES["lightgbm"]()
    grid = {"age": [60, 20.5], "job": ["nurse", None], "town": ["Kiel", "Ulm"]}

    e = wh.explain(model, rows, PartialDependence(features=tuple(grid), grid=grid), rng=0)

    age, job, town = e.curves
    assert_array_equal(age.grid[0], [20.5, 60])
    assert job.position(0, 0) == "nurse"
    assert np.isnan(job.grid[0][1])
    assert [town.position(0, i) for i in (0, 1)] == ["Kiel", "Ulm"]
    moved = rows.assign(age=20.5)
    assert_allclose(age.values[0, 0], model.predict(moved).mean(), atol=1e-10)


@pytest.mark.parametrize("kind", ["pandas", "polars", "numpy"])
def test_any_kind_of_table_will_do(kind: str) -> None:
    frame = FRAME[["age", "pay"]].fillna(0.0)
    forms: dict[str, Any] = {
        "pandas": frame, "polars": pl.from_pandas(frame), "numpy": frame.to_numpy()
    }  # fmt: skip

    def model(rows: Any) -> Floats:  # noqa: ANN401  a table of any library
        if kind == "polars":
            return (rows["age"] * rows["pay"]).to_numpy()
        table = rows.to_numpy() if kind == "pandas" else rows
        return np.asarray(table[:, 0] * table[:, 1])

    e = wh.explain(model, forms[kind], PartialDependence(grid=4), rng=0)

    assert_allclose(e.curves[0].values[:, 0], e.curves[0].grid[0] * frame["pay"].mean(), atol=1e-9)
    assert e.names.features == (("x0", "x1") if kind == "numpy" else ("age", "pay"))


def test_every_curve_starts_at_zero_when_centered() -> None:
    plain, centered = (
        wh.explain(bent, X, PartialDependence(individual=True, center=c), rng=0)
        for c in (False, True)
    )

    for a, b in zip(plain.curves, centered.curves, strict=True):
        assert a.individual is not None
        assert b.individual is not None
        assert_allclose(b.individual, a.individual - a.individual[:, :1], atol=1e-12)
        assert_allclose(b.values, b.individual.mean(axis=0), atol=1e-12)
        assert_array_equal(b.values[0], 0)


@pytest.mark.parametrize("rows", [12, 100])
@pytest.mark.parametrize("center", [False, True])
def test_bands_hold_the_true_curve_as_often_as_they_say(rows: int, center: bool) -> None:
    """Each time rows are new; the truth is the mean over all rows there could be."""
    at = np.array([-1.0, -0.3, 0.4, 1.1, 2.0])
    truth = at + 0.25 * at**2  # of E[b] = 1 and E[b^2] = 1.25

    def model(Z: Floats) -> Floats:
        return Z[:, 0] * Z[:, 1] + 0.2 * Z[:, 0] ** 2 * Z[:, 1] ** 2 + Z[:, 2]

    hits = {"simultaneous": [], "pointwise": []}  # type: dict[str, list[Any]]
    source = np.random.default_rng(5)
    for _ in range(400):
        sample = np.column_stack(
            [source.normal(size=rows), 1 + 0.5 * source.uniform(-1, 1, rows) * np.sqrt(3),
             source.normal(size=rows)]
        )  # fmt: skip
        for band, found in hits.items():
            method = PartialDependence(
                features="x0",
                grid={"x0": at},
                band=band,
                center=center,  # type: ignore[arg-type]  # one of the two
            )
            curve = wh.explain(model, sample, method, rng=0).curves[0]
            assert curve.low is not None
            assert curve.high is not None
            right = truth - truth[0] if center else truth
            low, high = curve.low[:, 0] - 1e-12, curve.high[:, 0] + 1e-12
            found.append((low <= right) & (right <= high))
    assert 0.925 <= np.mean(np.all(hits["simultaneous"], axis=1)) <= 0.985
    pointwise = np.mean(hits["pointwise"], axis=0)[1 if center else 0 :]
    assert ((pointwise >= 0.92) & (pointwise <= 0.98)).all()


def test_the_log_loss_is_a_model_like_any_other() -> None:
    y = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
    model = LogisticRegression().fit(X, y)

    e = wh.explain(model, X, PartialDependence(features="x0", grid=4), y=y, output="log_loss")

    curve, loss = e.curves[0], np.empty(4)
    for g, at in enumerate(curve.grid[0]):
        moved = X.copy()
        moved[:, 0] = at
        p = model.predict_proba(moved)[np.arange(len(X)), (y == "yes").astype(int)]
        loss[g] = -np.log(p).mean()
    assert_allclose(curve.values[:, 0], loss, atol=1e-12)


def test_too_many_individual_curves_are_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    import whence.explainers.partial_dependence as module

    monkeypatch.setattr(module, "available_memory", lambda: 2 * 8 * 10 * 20)
    method = PartialDependence(features="x0", grid=10, individual=True)

    few = wh.explain(bent, X, method, rng=0)

    curve = few.curves[0]
    assert curve.members is not None
    assert curve.individual is not None
    assert curve.individual.shape == (20, 10, 1)
    cells = curve.grid[0][:, None]
    truth = individual(bent, X, [0], cells)
    assert_allclose(curve.individual[:, :, 0], truth[curve.members], atol=1e-12)
    assert_allclose(curve.values[:, 0], truth.mean(axis=0), atol=1e-12)
    assert "drawn at random" in few.provenance.warnings[0]
    monkeypatch.setattr(module, "available_memory", lambda: 8)
    with pytest.raises(InputError, match="more than half of the free memory"):
        wh.explain(bent, X, method, rng=0)


def test_few_rows_and_constant_columns_are_told_as_they_are() -> None:
    one = wh.explain(bent, X[:1], PartialDependence(grid={"x0": [0, 1, 2]}), rng=0)
    assert one.curves[0].low is None
    assert one.curves[0].values.shape == (3, 1)
    assert one.curves[1].values.shape == (1, 1)

    constant = wh.explain(bent, X * [1, 0, 1], PartialDependence(features="x1"), rng=0)
    assert constant.curves[0].grid[0].tolist() == [0]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"features": "x9"}, "x9.*which X lacks"),
        ({"features": ("x0", ("x1", "x1"))}, "with itself"),
        ({"features": ()}, "features is empty"),
        ({"features": (("x0", "x1", "x2"),)}, "a pair of names"),
        ({"grid": 1}, "grid is 1"),
        ({"grid": True}, "grid is True"),
        ({"grid": {"x0": ["a"]}}, "a column of numbers"),
        ({"grid": {"x0": []}}, "no positions"),
        ({"grid": {"y0": [1.0]}}, "which X lacks"),
        ({"trim": 0.5}, "trim is 0.5"),
        ({"level": 95}, "level is 95"),
        ({"band": "wide"}, "band is 'wide'"),
        ({"categories": "size"}, "categories is 'size'"),
    ],
)
def test_what_cannot_be_meant_is_said(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        wh.explain(bent, X, PartialDependence(**settings))


def test_categories_that_the_column_or_the_model_does_not_know_are_said() -> None:
    model, rows = LIBRARIES["pipeline"]()
    with pytest.raises(InputError, match="There is no category 'Rome' for 'town'"):
        wh.explain(model, rows, PartialDependence(features="town", grid={"town": ["Rome"]}))
    with pytest.raises(InputError, match="baker"):
        wh.explain(model, rows, PartialDependence(features="job", grid={"job": ["baker"]}))


def test_texts_are_refused() -> None:
    with pytest.raises(InputError, match="PartialDependence got texts"):
        wh.explain(lambda texts: np.array([len(t) for t in texts]), ["a", "b"], PartialDependence())


def test_outliers_are_trimmed_on_request() -> None:
    rows = np.column_stack([np.arange(1000.0), np.zeros(1000)])

    e = wh.explain(lambda Z: Z[:, 0], rows, PartialDependence(features="x0", trim=0.1, grid=5))

    assert e.curves[0].grid[0].tolist() == pytest.approx([100, 300, 500, 700, 900], abs=2)


def test_equal_seeds_give_equal_bytes_and_it_survives_a_file(tmp_path: Any) -> None:  # noqa: ANN401  a path
    a, b = (wh.explain(bent, X, PartialDependence(individual=True), rng=3) for _ in range(2))
    for one, other in zip(a.curves, b.curves, strict=True):
        assert one.low is not None
        assert other.low is not None
        assert one.low.tobytes() == other.low.tobytes()
    again = wh.load(a.save(tmp_path / "e.whence"))
    assert isinstance(again, Effect)
    assert_array_equal(again.curves[1].values, a.curves[1].values)
