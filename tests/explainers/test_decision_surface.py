"""A surface is what the model says over two columns, the others fixed."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import whence as wh
from whence.core.errors import InputError
from whence.core.types import Floats
from whence.explainers.decision_surface import DecisionSurface

rng = np.random.default_rng(4)
FRAME = pd.DataFrame(
    {
        "age": rng.integers(18, 70, 101),
        "pay": rng.normal(size=101).round(2),
        "job": rng.choice(["clerk", "smith", "nurse"], 101, p=[0.2, 0.5, 0.3]),
    }
)
Y = (FRAME["age"] / 30 + FRAME["pay"] + (FRAME["job"] == "nurse")) > 2
MODEL = make_pipeline(
    make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough"),
    LogisticRegression(max_iter=1000),
).fit(FRAME, Y)


def test_other_columns_are_those_of_a_typical_row() -> None:
    e = wh.explain(MODEL, FRAME, DecisionSurface(features=("age", "pay"), grid=7), rng=0)

    surface = e.curve("age", "pay")
    assert e.kind == "surface"
    assert surface.values.shape == (7, 7, 1)
    for i, age in enumerate(surface.grid[0]):
        for j, pay in enumerate(surface.grid[1]):
            row = pd.DataFrame({"age": [age], "pay": [pay], "job": ["smith"]})
            assert_allclose(surface.values[i, j, 0], MODEL.predict_proba(row)[0, 1], atol=1e-12)
    assert_array_equal(surface.grid[0] % 1, 0)  # ages stay whole
    assert (surface.grid[1][0], surface.grid[1][-1]) == (FRAME["pay"].min(), FRAME["pay"].max())
    assert_allclose(np.diff(surface.grid[1]), np.diff(surface.grid[1])[0])
    assert e.provenance.evaluations == len(FRAME) + 49
    assert surface.density is not None
    assert surface.density.sum() == pytest.approx(1)


def test_they_may_be_those_of_a_given_row_and_categories_are_positions() -> None:
    at = pd.DataFrame({"age": [33], "pay": [9.5], "job": ["nurse"]})
    method = DecisionSurface(features=("job", "age"), grid={"age": [20, 30.5]}, at=at)

    surface = wh.explain(MODEL, FRAME, method, rng=0).curves[0]

    assert [surface.position(0, i) for i in range(3)] == ["smith", "nurse", "clerk"]
    row = pd.DataFrame({"age": [30.5], "pay": [9.5], "job": ["clerk"]})
    assert_allclose(surface.values[2, 1, 0], MODEL.predict_proba(row)[0, 1], atol=1e-12)


def test_every_output_has_a_surface_and_missing_is_a_position() -> None:
    rows = rng.normal(size=(30, 3))
    rows[0, 0] = np.nan

    def model(Z: Floats) -> Floats:
        return np.nan_to_num(Z[:, :2], nan=9.0) * np.array([1.0, 2.0])

    surface = wh.explain(model, rows, DecisionSurface(features=("x0", "x2"), grid=5)).curves[0]

    assert surface.values.shape == (6, 5, 2)
    assert np.isnan(surface.grid[0][-1])
    assert_allclose(surface.values[-1, :, 0], 9)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "over two columns"),
        ({"features": "age"}, "over two columns"),
        ({"features": ("age", "wage")}, "which X lacks"),
        ({"features": ("age", "age")}, "with itself"),
        ({"features": ("age", "pay"), "grid": 1}, "grid is 1"),
        ({"features": ("age", "pay"), "at": FRAME[:2]}, "at has 2 rows"),
        ({"features": ("age", "pay"), "at": FRAME[["age"]][:1]}, "row `at`"),
    ],
)
def test_what_cannot_be_meant_is_said(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        wh.explain(MODEL, FRAME, DecisionSurface(**settings))
