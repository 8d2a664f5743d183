"""Regions are where curves of rows are alike, and are reported on rows that did not choose them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import RandomForestRegressor

import whence as wh
from reference.effects import heterogeneity, individual
from whence.core.errors import InputError
from whence.core.types import Floats
from whence.explainers.partial_dependence import PartialDependence
from whence.explainers.regional_effects import RegionalEffects
from whence.kernels.effect_regions import grow, inside

rng = np.random.default_rng(9)
N = 1000
X = np.column_stack(
    [rng.normal(size=N), rng.integers(0, 2, N), rng.uniform(0, 10, N), rng.normal(size=N)]
)


def bent(rows: Floats) -> Floats:
    """Rise on days off; on days of work only above 6."""
    slope = np.where(rows[:, 1] == 0, 1.0, np.where(rows[:, 2] > 6, 2.0, -1.0))
    return slope * rows[:, 0] + rows[:, 3]


def test_the_regions_that_there_are_are_found_and_said() -> None:
    e = wh.explain(bent, X, RegionalEffects(features="x0", individual=True), rng=0)

    every, *regions = e.curves
    assert every.where == ""
    assert len(regions) in (3, 4)
    assert any(curve.where.startswith("x1 = 1 and x2 > ") for curve in regions) or any(
        "x2 > " in curve.where and "x1 = 1" in curve.where for curve in regions
    )
    assert every.heterogeneity is not None
    members = np.concatenate([curve.members for curve in regions])
    assert len(set(members.tolist())) == len(members) == N // 2
    for curve in regions:
        assert curve.members is not None
        assert curve.individual is not None
        assert curve.heterogeneity is not None
        own = X[curve.members]
        truth = individual(bent, own, [0], curve.grid[0][:, None])
        assert_allclose(curve.individual[:, :, 0], truth, atol=1e-12)
        assert_allclose(curve.values[:, 0], truth.mean(axis=0), atol=1e-12)
        assert_allclose(curve.heterogeneity[0], heterogeneity(truth), atol=1e-7)
        assert curve.heterogeneity[0] < 0.6 * every.heterogeneity[0]
        assert e.curve("x0", where=curve.where) is curve


def test_the_model_is_asked_as_for_one_partial_dependence() -> None:
    regional = wh.explain(bent, X, RegionalEffects(grid=9), rng=0)
    plain = wh.explain(bent, X, PartialDependence(grid=9), rng=0)

    assert regional.provenance.evaluations == plain.provenance.evaluations
    for j in range(4):
        assert_allclose(regional.curve(f"x{j}").values, plain.curve(f"x{j}").values, atol=1e-12)


def test_without_interactions_there_is_only_the_curve_of_all() -> None:
    e = wh.explain(lambda Z: np.sin(Z[:, 0]) + Z[:, 2], X, RegionalEffects(), rng=0)

    assert [curve.where for curve in e.curves] == [""] * 4
    assert sum("No split on another column" in note for note in e.provenance.warnings) == 4


def test_categories_and_missing_values_are_split_on() -> None:
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=400),
            "job": rng.choice(["clerk", "smith", "nurse"], 400),
            "pay": np.where(rng.random(400) < 0.4, np.nan, rng.normal(size=400)),
        }
    )

    def of_job(rows: Any) -> Floats:  # noqa: ANN401  a pandas frame
        return np.asarray(rows["x"] * np.where(rows["job"] == "nurse", -1, 1))

    def of_missing(rows: Any) -> Floats:  # noqa: ANN401  a pandas frame
        return np.asarray(rows["x"] * np.where(rows["pay"].isna(), -1, 1))

    by_job = wh.explain(of_job, frame, RegionalEffects(features="x"), rng=0)
    by_pay = wh.explain(of_missing, frame, RegionalEffects(features="x"), rng=0)

    assert {c.where for c in by_job.curves[1:]} == {"job = nurse", "job in {clerk, smith}"}
    assert {c.where for c in by_pay.curves[1:]} == {"pay is missing", "pay is known"}


def test_the_best_split_is_that_of_trying_all() -> None:
    source = np.random.default_rng(1)
    rows = source.integers(0, 6, size=(60, 3)).astype(float)
    curves = source.normal(size=(60, 4)) + np.outer(rows[:, 1] > 2, [0.0, 1.0, 2.0, 3.0])

    def apart(some: Floats) -> float:
        return float(((some - some.mean(axis=0)) ** 2).sum())

    tried = {}
    for j in range(3):
        for cut in range(5):
            first = rows[:, j] <= cut
            if min(first.sum(), (~first).sum()) >= 5:
                tried[j, cut] = apart(curves[first]) + apart(curves[~first])
    paths = grow(curves, rows, dict.fromkeys(range(3), False), depth=1, least=5, gain=0.05)

    split = paths[0][0][0]
    assert (split.column, split.cut) == min(tried, key=tried.__getitem__)
    assert [inside(path, rows).sum() for path in paths] == [
        (rows[:, split.column] <= split.cut).sum(), (rows[:, split.column] > split.cut).sum()
    ]  # fmt: skip


def test_what_is_reported_was_not_chosen_for() -> None:
    """Where no region is real, those found by chance look no better on the other half."""
    source, ratios = np.random.default_rng(0), []
    for _ in range(30):
        rows = source.normal(size=(80, 6))
        noise = source.normal(size=(80, 1))
        many = np.column_stack([rows, noise])
        e = wh.explain(
            lambda Z: Z[:, 0] * Z[:, 6] ** 2 * np.sign(np.sin(40 * Z[:, 6])), many,
            RegionalEffects(features="x0", min_gain=0.05, max_depth=1), rng=0,
        )  # fmt: skip
        if len(e.curves) == 3:
            sizes = [len(c.members) for c in e.curves[1:] if c.members is not None]
            found = [c.heterogeneity[0] for c in e.curves[1:] if c.heterogeneity is not None]
            assert e.curves[0].heterogeneity is not None
            ratios.append(np.average(found, weights=sizes) / e.curves[0].heterogeneity[0])
    assert len(ratios) > 10
    assert np.mean(ratios) > 0.85


def test_trees_are_followed_and_rows_are_drawn_where_there_are_many() -> None:
    model = RandomForestRegressor(10, random_state=0).fit(X, bent(X))

    e = wh.explain(model, X, RegionalEffects(features="x0", rows=200), rng=0)

    assert e.provenance.evaluations <= len(X) + 3 * 64
    assert e.curves[0].members is not None
    assert len(e.curves[0].members) == 200
    assert len(e.curves) > 2


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"features": (("x0", "x1"),)}, "single columns"),
        ({"features": "y"}, "which X lacks"),
        ({"max_depth": 0}, "max_depth is 0"),
        ({"rows": 5}, "rows is 5"),
        ({"min_gain": 1}, "min_gain is 1"),
        ({"level": 2}, "level is 2"),
        ({"grid": 1}, "grid is 1"),
    ],
)
def test_what_cannot_be_meant_is_said(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        wh.explain(bent, X, RegionalEffects(**settings))


def test_few_rows_have_no_regions() -> None:
    assert len(wh.explain(bent, X[:1], RegionalEffects(features="x0"), rng=0).curves) == 1
