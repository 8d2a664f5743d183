"""The picture of a trade-off shows each model at its place."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from whence.core.errors import InputError
from whence.core.measurement import Measurement
from whence.plots.tradeoff import tradeoff


def measured() -> Measurement:
    m = Measurement.of("linear", 0.8, low=0.7, high=0.9, n=5, group="accuracy", unit="AUC")
    m += Measurement.of("linear", 12, n=5, group="complexity", unit="numbers")
    m += Measurement.of("forest", 0.9, n=1, group="accuracy", unit="AUC")
    return m + Measurement.of("forest", 90_000, n=1, group="complexity", unit="numbers")


def test_points_are_where_they_were_measured() -> None:
    ax = tradeoff(measured())
    x, y = ax.lines[0].get_data()
    assert_allclose(x, [12, 90_000])
    assert_allclose(y, [0.8, 0.9])
    low, high = ax.collections[0].get_segments()[0][:, 1]
    assert_allclose([low, high], [0.7, 0.9])
    assert {t.get_text() for t in ax.texts} >= {"linear", "forest (1 fit only)"}
    assert ax.get_ylabel() == "AUC"
    assert np.isfinite(ax.get_xlim()).all()


def test_other_measurements_are_refused() -> None:
    with pytest.raises(InputError, match="Lines of accuracy"):
        tradeoff(Measurement.of("accuracy", 0.9, n=5))


def test_a_measurement_prints_a_line_per_number() -> None:
    assert repr(measured()).splitlines()[1] == "  linear accuracy: 0.8 AUC (0.7 to 0.9)"
