"""The picture of a series: its lines, in lanes, over the colors of its contributions."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.testing import assert_allclose

import whence as wh
from plots.examples import credit, texts
from plots.kinds import prices
from plots.test_legible import assert_legible
from whence import plots
from whence.core.errors import InputError
from whence.core.provenance import Provenance
from whence.plots.series import apart

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
    assert [t.split(":")[0] for t in texts(ax) if t[:5] in ("close", "volum")] == [
        "close", "volume",
    ]  # fmt: skip


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
    assert any("one of 3 rows; for another draw e[i]" in text for text in texts(drawn))
    assert drawn.get_title(loc="left").startswith("row 0: ")
    assert drawn.get_title(loc="left").endswith(" (%)")


def named(ax: Axes) -> list[str]:
    return [text for text in texts(ax) if text.startswith("lag") and ":" in text]


def test_the_strongest_moments_are_named_and_ringed() -> None:
    e = prices(by=0)
    ax = plots.series(e, marks=3)

    values = e.values[0, ..., 0]
    order = np.argsort(-np.abs(values), axis=None)[:3]
    strongest = [np.unravel_index(one, values.shape) for one in order]
    expected = {f"lag {30 - t}: {values[t, c]:+.2f}".replace("-", "\N{MINUS SIGN}")
                for t, c in strongest}  # fmt: skip
    assert set(named(ax)) == expected
    rings = [line for line in ax.get_lines() if line.get_markerfacecolor() == "none"]
    places = {(float(ring.get_xdata()[0]), int(ring.get_ydata()[0])) for ring in rings}  # type: ignore[index]
    assert places == {(float(t - 30), c) for t, c in strongest}
    assert not named(plots.series(e, marks=0))


def test_segments_are_named_by_their_lags() -> None:
    assert all(text.startswith("lags ") for text in named(plots.series(prices())))


def test_sums_are_over_channels_and_over_times_each_part_once() -> None:
    e = prices()
    ax = plots.series(e, marks=0)
    values = e.values[0, ..., 0]

    shown = [text.replace("\N{MINUS SIGN}", "-") for text in texts(ax)]
    assert f"close: {values[:, 0].sum():+.2f}" in shown
    assert f"volume: {values[:, 1].sum():+.2f}" in shown
    bars = [-bar.get_height() for bar in ax.patches if isinstance(bar, Rectangle)]
    sums = np.repeat(values.sum(axis=1), 5)
    np.testing.assert_allclose(np.array(bars) * np.ptp(sums) / np.ptp(bars), sums)
    assert not plots.series(prices(channels=("close",))).patches


def test_values_without_a_sign_are_drawn_from_light_to_dark() -> None:
    e = prices(by=0)
    sizes = replace(e, values=np.abs(e.values), provenance=Provenance(method="Saliency"))
    ax = plots.series(sizes)
    assert ax.images[0].get_clim() == (0.0, sizes.values.max())
    assert not any("+" in text for text in texts(ax))
    assert_legible(ax)


@pytest.mark.parametrize("times", [20, 500])
def test_eight_channels_are_legible_also_where_all_marks_are_neighbors(times: int) -> None:
    e = prices(1, times, tuple(f"sensor {i}" for i in range(8)), by=0)
    e.values[0, -4:, 3] = 10.0
    e.values[0, :3, 5] = -10.0
    assert_legible(plots.series(e, marks=7))
    assert_legible(plots.series(e, marks=7, ax=Figure(figsize=(9, 11)).subplots()))


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 5)), max_size=8),
)
def test_labels_are_moved_apart_and_not_more_than_needed(labels: list[tuple[float, float]]) -> None:
    labels = sorted(labels)
    wide = [width for _, width in labels]
    places = apart([place for place, _ in labels], wide, (-50.0, 50.0))

    edges = [(p - w / 2, p + w / 2) for p, w in zip(places, wide, strict=True)]
    assert all(a[1] <= b[0] + 1e-9 for a, b in pairwise(edges))
    assert all(a >= -50 - 1e-9 and b <= 50 + 1e-9 for a, b in edges)
    wished = [(p - w / 2, p + w / 2) for p, w in labels]
    if all(a[1] <= b[0] for a, b in pairwise(wished)) and all(
        a >= -50 and b <= 50 for a, b in wished
    ):
        np.testing.assert_allclose(places, [place for place, _ in labels], atol=1e-9)


def test_what_cannot_be_marked_is_said() -> None:
    with pytest.raises(InputError, match="marks"):
        plots.series(prices(), marks=-1)


def test_what_is_no_series_is_refused() -> None:
    with pytest.raises(InputError, match="table"):
        plots.series(credit())


def test_a_part_that_all_channels_share_counts_once_at_each_time() -> None:
    times = np.repeat(np.arange(4, dtype=np.int32)[:, None], 2, axis=1)
    e = wh.Attribution(
        values=np.array([[[0.5], [-0.25], [1.0], [0.125]]]),
        base_values=np.zeros((1, 1)),
        outputs=np.ones((1, 1)),
        data=wh.series_of(np.ones((1, 4, 2))).divided(times[None]),
    )

    ax = plots.series(e, marks=0)

    heights = np.array([p.get_height() for p in ax.patches if isinstance(p, Rectangle)])
    assert_allclose(heights / heights[2], [0.5, -0.25, 1.0, 0.125])
    assert "+1.00" in [label.get_text() for label in ax.get_yticklabels()]  # and not 2
