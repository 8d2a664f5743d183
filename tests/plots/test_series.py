"""The picture of a series: its lines, in lanes, over the colors of its contributions."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.examples import credit, texts
from plots.kinds import prices
from plots.test_legible import assert_legible
from whence import plots
from whence.core.errors import InputError

MANY = tuple(f"a channel with a rather long name of sensor {i}" for i in range(6))


@pytest.mark.parametrize("times", [1, 2, 30, 400])
@pytest.mark.parametrize("channels", [("close",), ("close", "volume"), MANY])
@pytest.mark.parametrize("by", [0, 5])
def test_any_series_is_drawn_legibly(times: int, channels: tuple[str, ...], by: int) -> None:
    assert_legible(plots.series(prices(1, times, channels, by=by)))


def test_colors_are_the_contributions_of_each_point_in_time() -> None:
    e = prices(2)
    ax = plots.series(e, row=1)
    drawn = np.asarray(ax.images[0].get_array())

    np.testing.assert_array_equal(drawn, np.repeat(e.values[1, :, :, 0], 5, axis=0).T)
    top = np.abs(e.values[1]).max()
    assert ax.images[0].get_clim() == (-top, top)


def test_lines_are_the_values_in_their_lanes_over_their_lags() -> None:
    e = prices()
    ax = plots.series(e)
    lines = [line for line in ax.get_lines() if len(line.get_xdata()) == 30]  # type: ignore[arg-type]
    assert len(lines) == 2
    for lane, line in enumerate(lines):
        x, y = line.get_data()
        own = e.data.values[0, :, lane]  # type: ignore[union-attr]
        np.testing.assert_array_equal(x, np.arange(-30, 0))
        assert lane < min(y)
        assert max(y) < lane + 1
        np.testing.assert_allclose(np.corrcoef(y, own)[0, 1], -1)  # the axis points down
    assert [t for t in texts(ax) if t in ("close", "volume")] == ["close", "volume"]


def test_lags_count_from_the_end() -> None:
    ax = plots.series(prices(1, 10, ("close",)))
    shown = {t.get_text() for t in ax.get_xticklabels()}
    assert shown <= {str(lag) for lag in range(14)}
    assert "lag" in ax.get_xlabel()


def test_a_constant_channel_is_drawn() -> None:
    e = prices()
    e.data.values[:] = 7.0  # type: ignore[union-attr]
    ax = plots.series(e)
    assert texts(ax).count("7.00") == 2
    assert_legible(ax)


def test_it_draws_where_it_is_told_and_plot_chooses_it() -> None:
    ax = Figure(figsize=(8, 4)).subplots()
    assert plots.series(prices(), ax=ax) is ax
    drawn = plots.plot(prices(3))
    assert isinstance(drawn, Axes)
    assert "one of 3 rows; for another draw e[i]" in texts(drawn)
    assert drawn.get_title(loc="left").startswith("row 0: ")
    assert drawn.get_title(loc="left").endswith(" (%)")


def test_what_is_no_series_is_refused() -> None:
    with pytest.raises(InputError, match="table"):
        plots.series(credit())
