"""Every picture can be read: nothing overlaps, nothing is cut off, and gray print is enough."""

from collections.abc import Callable
from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from plots.examples import LONG, boxes, credit, numbers, pairs, root
from whence import plots
from whence.core.explanation import Attribution, Interaction
from whence.core.types import Floats
from whence.plots import style

DRAWN: dict[str, Callable[[Attribution], Axes]] = {
    "waterfall": plots.waterfall,
    "force": plots.force,
    "bar": plots.bar,
    "bar of one row": lambda e: plots.bar(e, row=-1),
    "beeswarm": plots.beeswarm,
    "violin": plots.violin,
    "scatter": lambda e: plots.scatter(e, 0),
    "decision": plots.decision,
    "heatmap": plots.heatmap,
}
EXAMPLES: dict[str, Attribution] = {
    "5 features": numbers(stderr=True),
    "300 features": numbers(p=300, k=3, stderr=True),
    "long names": numbers(p=300, name=LONG, residual=2.0),
    "categories": credit(),
    "many categories": credit(purposes=tuple(f"a purpose with a long name {i}" for i in range(30))),
    "one feature": numbers(p=1),
    "one row": numbers(n=1),
    "huge numbers": numbers(k=1, residual=1e7),
}


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("picture", DRAWN)
def test_texts_neither_overlap_nor_leave_the_figure(picture: str, example: str) -> None:
    ax = DRAWN[picture](EXAMPLES[example])

    assert_legible(ax)


@pytest.mark.parametrize("i", [pairs(), pairs(300), pairs(20, name=LONG)])
def test_matrices_neither_overlap_nor_leave_the_figure(i: Interaction) -> None:
    assert_legible(plots.interaction_matrix(i))


def assert_legible(ax: Axes) -> None:
    shown = boxes(ax)
    frame = root(ax).bbox
    for text, box in shown:
        assert text.get_fontsize() >= 7, text
        assert frame.x0 - 1 <= box.x0, text
        assert box.x1 <= frame.x1 + 1, text
        assert frame.y0 - 1 <= box.y0, text
        assert box.y1 <= frame.y1 + 1, text
    level = [(text, box.padded(-1)) for text, box in shown if text.get_rotation() in {0, 90}]
    for (one, a), (other, b) in combinations(level, 2):
        assert not a.overlaps(b), (one, other)


def luminance(color: str | Floats) -> float:
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def as_deuteranope(color: str) -> Floats:
    """Simulate missing green cones (Machado et al., 2009, doi:10.1109/TVCG.2009.113)."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]] @ linear
    return np.clip(seen, 0, 1)


def test_up_and_down_differ_in_gray_and_for_the_color_blind() -> None:
    assert contrast(style.POSITIVE, style.NEGATIVE) > 2.5
    assert min(contrast(color, "white") for color in (style.POSITIVE, style.NEGATIVE)) >= 3
    apart = as_deuteranope(style.POSITIVE) - as_deuteranope(style.NEGATIVE)
    assert np.abs(apart).max() > 0.3


@pytest.mark.parametrize("scale", [style.low_to_high, style.none_to_much])
def test_a_scale_of_values_runs_one_way_in_gray(scale: Callable[[], Callable[..., Floats]]) -> None:
    light = [luminance(color[:3]) for color in scale()(np.linspace(0, 1, 64))]
    rising = [b > a for a, b in pairwise(light)]

    assert all(rising) or not any(rising)


def test_notes_are_legible_on_white() -> None:
    assert contrast(style.QUIET, "white") > 4.5
