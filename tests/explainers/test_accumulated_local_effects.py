"""Accumulated local effects are sums of mean differences within bins, centered."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose

import whence as wh
from reference.effects import accumulated, accumulated_pair
from strategies import seeds
from whence.core.errors import InputError
from whence.core.types import Floats
from whence.explainers.accumulated_local_effects import AccumulatedLocalEffects
from whence.kernels.accumulate import order_by_likeness

rng = np.random.default_rng(2)
X = rng.normal(size=(90, 3))
X[:, 1] += X[:, 0]


def bent(rows: Floats) -> Floats:
    return rows[:, 0] * rows[:, 1] + np.exp(rows[:, 2] / 2)


def test_curves_and_surfaces_are_those_of_the_definition() -> None:
    method = AccumulatedLocalEffects(features=("x1", ("x0", "x1")), bins=6, pair_bins=4)

    e = wh.explain(bent, X, method, rng=0)

    curve, surface = e.curves
    assert len(curve.grid[0]) == 7
    assert_allclose(curve.values[:, 0], accumulated(bent, X, 1, curve.grid[0]), atol=1e-12)
    assert surface.values.shape == (5, 5, 1)
    truth = accumulated_pair(bent, X, (0, 1), (surface.grid[0], surface.grid[1]))
    assert_allclose(surface.values[:, :, 0], truth, atol=1e-12)
    assert e.provenance.evaluations == len(X) * (1 + 2 + 4)


def test_cells_without_rows_are_filled_from_the_nearest() -> None:
    rows = np.column_stack([np.linspace(0, 1, 40), np.linspace(0, 1, 40) ** 2, np.zeros(40)])
    method = AccumulatedLocalEffects(features=(("x0", "x1"),), pair_bins=4)

    surface = wh.explain(bent, rows, method, rng=0).curves[0]

    truth = accumulated_pair(bent, rows, (0, 1), (surface.grid[0], surface.grid[1]))
    assert_allclose(surface.values[:, :, 0], truth, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_of_a_linear_model_it_is_the_slope(seed: int) -> None:
    source = np.random.default_rng(seed)
    n = int(source.integers(12, 80))
    rows = source.normal(size=(n, 3))
    rows[:, 2] += 2 * rows[:, 0]
    slopes = source.normal(size=3)

    e = wh.explain(lambda Z: Z @ slopes, rows, AccumulatedLocalEffects(), rng=0)

    for curve, slope in zip(e.curves, slopes, strict=True):
        at = curve.grid[0]
        assert_allclose(curve.values[:, 0] - curve.values[0, 0], slope * (at - at[0]), atol=1e-10)
        assert curve.low is not None
        below = curve.values - curve.low  # all that is not known is where the mean is
        assert_allclose(below - below[0], 0, atol=1e-6)


def test_along_a_pair_only_what_they_do_together_counts() -> None:
    def model(rows: Floats) -> Floats:
        return np.sin(rows[:, 0]) + 3 * rows[:, 1] ** 2 + rows[:, 2]

    rows = np.random.default_rng(0).normal(size=(400, 3))
    method = AccumulatedLocalEffects(features=(("x0", "x1"),))

    additive = wh.explain(model, rows, method, rng=0)
    product = wh.explain(lambda Z: Z[:, 0] * Z[:, 1], rows, method, rng=0)

    assert_allclose(additive.curves[0].values, 0, atol=1e-10)
    a, b = product.curves[0].grid
    values = product.curves[0].values[:, :, 0]
    mixed = np.diff(np.diff(values, axis=0), axis=1) / np.outer(np.diff(a), np.diff(b))
    assert_allclose(mixed, 1, atol=1e-10)


LEVELS = ("low", "mid", "high")


def steps(rows: Any) -> Floats:  # noqa: ANN401  a pandas frame
    place = rows["size"].map({"low": 0.0, "mid": 1.0, "high": 4.0}).to_numpy(dtype=float)
    return np.asarray(place * rows["weight"].to_numpy())


def sized(seed: int, n: int = 300) -> pd.DataFrame:
    source = np.random.default_rng(seed)
    size = source.choice(3, n, p=[0.3, 0.4, 0.3])
    return pd.DataFrame(
        {"size": np.array(LEVELS)[size], "weight": 1 + size + 0.5 * source.normal(size=n)}
    )


def test_categories_are_put_in_the_order_of_the_rows_that_have_them() -> None:
    frame = sized(1)

    curve = wh.explain(steps, frame, AccumulatedLocalEffects(features="size"), rng=0).curves[0]

    order = [curve.position(0, i) for i in range(3)]
    assert order in (list(LEVELS), list(LEVELS[::-1]))
    by_name = dict(zip(order, curve.values[:, 0], strict=True))
    weight, size = frame["weight"], frame["size"]
    for a, b, gap in (("low", "mid", 1.0), ("mid", "high", 3.0)):
        truth = gap * weight[size.isin([a, b])].mean()
        assert by_name[b] - by_name[a] == pytest.approx(truth)
    share = size.value_counts(normalize=True)
    assert sum(share[name] * value for name, value in by_name.items()) == pytest.approx(0)


def test_the_order_of_categories_may_be_given() -> None:
    method = AccumulatedLocalEffects(features="size", bins={"size": ["mid", "high", "low"]})

    curve = wh.explain(steps, sized(1), method, rng=0).curves[0]

    assert [curve.position(0, i) for i in range(3)] == ["mid", "high", "low"]


def test_like_categories_are_neighbors() -> None:
    codes = np.repeat([0, 1, 2, 3], 50)
    like = np.array([2.0, 0.0, 3.0, 1.0])[codes] + np.tile(np.linspace(0, 1.5, 50), 4)

    order = order_by_likeness(codes, like[:, None], [False]).tolist()

    assert order in ([1, 3, 0, 2], [2, 0, 3, 1])


@pytest.mark.parametrize("band", ["pointwise", "simultaneous"])
def test_bands_hold_the_true_curve_as_often_as_they_say(band: Any) -> None:  # noqa: ANN401  one of two words
    """The truth is the mean over all rows there could be, at edges that are fixed."""
    edges = np.linspace(-1, 1, 6)

    def model(Z: Floats) -> Floats:
        return Z[:, 0] ** 2 * (1 + Z[:, 1]) + Z[:, 1]

    def draw(source: np.random.Generator, n: int) -> Floats:
        x = source.uniform(-1, 1, n)
        return np.column_stack([x, x + source.normal(size=n)])

    many = draw(np.random.default_rng(1), 100_000)
    method = AccumulatedLocalEffects(features="x0", bins={"x0": edges}, band=band)
    truth = wh.explain(model, many, method, rng=0).curves[0].values[:, 0]
    hits, source = [], np.random.default_rng(3)
    for _ in range(200):
        curve = wh.explain(model, draw(source, 80), method, rng=0).curves[0]
        assert curve.low is not None
        assert curve.high is not None
        hits.append((curve.low[:, 0] <= truth) & (truth <= curve.high[:, 0]))

    if band == "pointwise":
        assert ((np.mean(hits, axis=0) > 0.92) & (np.mean(hits, axis=0) < 0.985)).all()
    else:
        assert 0.925 <= np.mean(np.all(hits, axis=1)) <= 0.99


def test_intervals_of_categories_and_surfaces_hold_too() -> None:
    order = {"size": list(LEVELS)}
    method = AccumulatedLocalEffects(features="size", bins=order, band="pointwise")
    truth = wh.explain(steps, sized(5, 60_000), method, rng=0).curves[0].values[:, 0]
    hits = []
    for seed in range(200):
        curve = wh.explain(steps, sized(100 + seed, 60), method, rng=0).curves[0]
        assert curve.low is not None
        assert curve.high is not None
        hits.append((curve.low[:, 0] <= truth) & (truth <= curve.high[:, 0]))
    assert ((np.mean(hits, axis=0) > 0.915) & (np.mean(hits, axis=0) < 0.985)).all()

    edges = {"x0": [-1.0, 0.0, 1.0], "x1": [-1.0, 0.0, 1.0]}
    pair = AccumulatedLocalEffects(features=(("x0", "x1"),), bins=edges, band="pointwise")

    def model(Z: Floats) -> Floats:
        return Z[:, 0] * Z[:, 1] * (1 + Z[:, 2])

    source, hits = np.random.default_rng(0), []
    truth = wh.explain(model, _box(source, 100_000), pair, rng=0).curves[0].values[:, :, 0]
    for _ in range(200):
        surface = wh.explain(model, _box(source, 60), pair, rng=0).curves[0]
        assert surface.low is not None
        assert surface.high is not None
        hits.append((surface.low[..., 0] <= truth) & (truth <= surface.high[..., 0]))
    assert ((np.mean(hits, axis=0) > 0.915) & (np.mean(hits, axis=0) < 0.985)).all()


def _box(source: np.random.Generator, n: int) -> Floats:
    return np.column_stack([source.uniform(-1, 1, (n, 2)), source.normal(size=n)])


def test_rows_with_missing_values_are_left_out_and_that_is_said() -> None:
    rows = X.copy()
    rows[:7, 0] = np.nan

    e = wh.explain(lambda Z: np.nansum(Z, axis=1), rows, AccumulatedLocalEffects(bins=5), rng=0)

    full = wh.explain(lambda Z: Z.sum(axis=1), rows[7:], AccumulatedLocalEffects(bins=5), rng=0)
    assert "7 of 90 rows are left out of the effect of x0" in e.provenance.warnings[0]
    assert len(e.provenance.warnings) == 1
    assert_allclose(e.curves[0].values, full.curves[0].values, atol=1e-12)


def test_a_constant_column_and_a_single_row_have_no_effect() -> None:
    e = wh.explain(bent, X * [1, 0, 1], AccumulatedLocalEffects(features="x1"), rng=0)
    assert_allclose(e.curves[0].values, 0)
    assert "single value or edge" in e.provenance.warnings[0]

    one = wh.explain(bent, X[:1], AccumulatedLocalEffects(), rng=0)
    assert [len(c.grid[0]) for c in one.curves] == [1, 1, 1]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"features": "x9"}, "which X lacks"),
        ({"features": (("x1", "x1"),)}, "with itself"),
        ({"bins": 0}, "bins is 0"),
        ({"pair_bins": 0}, "pair_bins is 0"),
        ({"bins": {"x7": [1, 2]}}, "bins names column 'x7'"),
        ({"bins": {"x0": ["low"]}}, "bins has the positions"),
        ({"band": 1}, "band is 1"),
        ({"level": 0}, "level is 0"),
    ],
)
def test_what_cannot_be_meant_is_said(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        wh.explain(bent, X, AccumulatedLocalEffects(**settings))


def test_a_surface_with_categories_is_refused() -> None:
    with pytest.raises(InputError, match="PartialDependence"):
        wh.explain(steps, sized(0), AccumulatedLocalEffects(features=(("size", "weight"),)))
