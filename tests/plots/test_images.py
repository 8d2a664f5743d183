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
from whence.core.explanation import Attribution
from whence.core.inputs import Images
from whence.core.types import Floats
from whence.plots import style
from whence.plots.images import COVER, FADED


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


def over(cells: Floats, height: int, width: int) -> Attribution:
    """Explain one black image by a map of cells."""
    return Attribution(
        values=cells[None, ..., None],
        base_values=np.zeros((1, 1)),
        outputs=np.ones((1, 1)),
        data=Images(pixels=np.zeros((1, height, width, 1))),
    )


def strength(ax: Axes) -> Floats:
    """Return how far each pixel of a black image is colored, from 0 to 1."""
    drawn = shown(ax)
    full = to_rgb(style.POSITIVE)[0]
    return np.asarray((drawn[..., 0] - FADED) / (full - FADED) / COVER)


def test_a_map_of_fewer_cells_is_drawn_smooth_between_their_centers() -> None:
    ax = plots.image(over(np.array([[0.0, 1.0], [2.0, 4.0]]), 4, 8))

    # Centers of cells are at pixels 0.5 and 2.5 of 4, and at 1.5 and 5.5 of 8.
    down, right = np.clip((np.arange(4) - 0.5) / 2, 0, 1), np.clip((np.arange(8) - 1.5) / 4, 0, 1)
    expected = (
        np.outer(1 - down, right) * 1 + np.outer(down, 1 - right) * 2 + np.outer(down, right) * 4
    )
    np.testing.assert_allclose(strength(ax), expected / 4, atol=1e-12)
    assert not ax.collections
    assert_legible(ax)
    assert "a map of 2 x 2 cells" in texts(ax)


def test_the_scale_of_a_map_is_that_of_its_own_values() -> None:
    ax = plots.image(over(np.array([[0.0, 0.0, 0.0], [0.0, 5.0, 0.0]]), 6, 6))

    (scale,) = (other for other in ax.figure.axes if other is not ax)
    np.testing.assert_allclose(scale.get_ylim(), [-5, 5])
    assert 0 < strength(ax).max() < 1


def test_only_the_strongest_cells_of_a_map_are_colored_when_asked_for() -> None:
    ax = plots.image(over(np.array([[1.0, 2.0], [3.0, 4.0]]), 4, 4), top=1)

    np.testing.assert_array_equal(strength(ax) > 1e-9, np.kron([[0, 0], [0, 1]], np.ones((2, 2))))
    assert "colored: 1 of 4 cells" in "\n".join(texts(ax))


def test_a_map_of_more_cells_than_pixels_is_drawn_too() -> None:
    assert shown(plots.image(over(np.ones((8, 8)), 4, 4))).shape == (4, 4, 3)
