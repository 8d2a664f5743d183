"""The picture of an image: gray where nothing matters, colored where something does."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from plots.examples import credit, texts
from plots.kinds import photo, reviews
from plots.test_legible import assert_legible
from whence import plots
from whence.core.errors import InputError
from whence.core.types import Floats
from whence.plots import style


def shown(ax: Axes) -> Floats:
    array = ax.images[0].get_array()
    assert array is not None
    return np.asarray(array)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "bool"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("pixelwise", [False, True])
def test_any_image_is_drawn_legibly(channels: int, dtype: str, *, pixelwise: bool) -> None:
    ax = plots.image(photo(channels=channels, dtype=dtype, pixelwise=pixelwise))

    assert_legible(ax)
    assert shown(ax).shape == (24, 32, 3)
    assert shown(ax).min() >= 0
    assert shown(ax).max() <= 1


def test_colors_tell_the_sign_and_the_size() -> None:
    e = photo()
    values = e.values[0, :, 0]
    assert e.data is not None
    segments = e.data.segments[0]  # type: ignore[union-attr]
    drawn = shown(plots.image(e))
    for part, value in enumerate(values):
        red, _, blue = drawn[segments == part].mean(axis=0)
        lean = (red - blue) / np.subtract(*np.array(to_rgb(style.POSITIVE))[[0, 2]])
        assert np.sign(lean) == np.sign(value)
    strongest = np.abs(values).argmax()
    color = to_rgb(style.POSITIVE if values[strongest] > 0 else style.NEGATIVE)
    assert np.abs(drawn[segments == strongest] - color).max() < 0.2


def test_parts_without_value_are_left_gray() -> None:
    e = photo()
    e.values[:] = 0.0
    drawn = shown(plots.image(e))
    np.testing.assert_allclose(np.ptp(drawn, axis=-1), 0, atol=1e-12)


def test_only_the_strongest_parts_are_colored_when_asked_for() -> None:
    e = photo()
    ax = plots.image(e, top=3)
    colored = np.ptp(shown(ax), axis=-1) > 1e-9
    strongest = np.argsort(-np.abs(e.values[0, :, 0]))[:3]

    np.testing.assert_array_equal(colored, np.isin(e.data.segments[0], strongest))  # type: ignore[union-attr]
    assert "colored: 3 of 12 parts" in texts(ax)


def test_the_title_says_output_and_value_and_which_row() -> None:
    e = photo(3)
    ax = plots.image(e, "dog", row=2)
    assert ax.get_title(loc="left").startswith("dog · row 2: ")
    assert ax.get_title(loc="left").endswith(" (log-odds)")
    assert style.number(e.outputs[2, 1], 2) in ax.get_title(loc="left")
    assert plots.image(e[2], "dog").get_title(loc="left").startswith("dog: ")
    assert "contribution (log-odds)" in texts(ax)


def test_parts_are_divided_by_lines_and_pixels_are_not() -> None:
    lines = [c for c in plots.image(photo()).collections if isinstance(c, LineCollection)]
    segments = photo().data.segments[0]  # type: ignore[union-attr]
    borders = (np.diff(segments, axis=0) != 0).sum() + (np.diff(segments, axis=1) != 0).sum()

    assert len(lines[0].get_segments()) == borders
    assert not plots.image(photo(pixelwise=True)).collections


def test_it_draws_where_it_is_told_and_plot_chooses_it() -> None:
    ax = Figure().subplots()
    assert plots.image(photo(), ax=ax) is ax
    assert isinstance(plots.plot(photo()), Axes)
    assert len(plots.plot(photo(2), "dog").images) == 1  # type: ignore[union-attr]


def test_equal_explanations_give_equal_pixels() -> None:
    np.testing.assert_array_equal(shown(plots.image(photo())), shown(plots.image(photo())))


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(InputError, match="texts"):
        plots.image(reviews())
    with pytest.raises(InputError, match="table"):
        plots.image(credit())
    with pytest.raises(InputError, match="`top` is 0"):
        plots.image(photo(), top=0)
    with pytest.raises(InputError, match="output"):
        plots.image(photo(), "horse")


def test_parts_of_many_images_are_not_compared() -> None:
    with pytest.raises(InputError, match="parts of its own"):
        plots.beeswarm(photo(3))
