"""The pictures of attention: a matrix, one per head, and lines between positions."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from numpy.testing import assert_allclose, assert_array_equal

from plots.kinds import photo, reviews
from plots.test_legible import assert_legible
from whence import plots
from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.inputs import Texts

TEXTS = ("a fine film", "dull")


def looks(queries: int = 5, layers: int = 2, heads: int = 3, *, text: bool = True) -> Attribution:
    """Return weights of a text of three words between special tokens, and of a padded one."""
    rng = np.random.default_rng(0)
    values = rng.random((2, layers, heads, queries, 5, 1)) ** 4
    values = values / values.sum(axis=4, keepdims=True)
    segments = np.full((2, 5, 2), -1, dtype=np.int32)
    segments[0, 1:4] = [[0, 1], [2, 6], [7, 11]]
    segments[1, 1] = [0, 4]
    mask = np.ones((2, layers, heads, queries, 5), dtype=np.bool_)
    if queries == 5:
        mask[1, ..., 3:, :] = False
    mask[1, ..., 3:] = False
    return Attribution(
        values=values,
        base_values=np.zeros((2, 1)),
        outputs=np.ones((2, 1)),
        mask=mask,
        data=Texts(strings=TEXTS, segments=segments) if text else None,
    )


@pytest.mark.parametrize("kind", ["heatmap", "heads", "links"])
@pytest.mark.parametrize("queries", [1, 5])
def test_attention_is_drawn_legibly(kind: str, queries: int) -> None:
    assert_legible(plots.attention(looks(queries), kind))  # type: ignore[arg-type]  # one of them


def test_a_matrix_holds_the_mean_of_the_heads_of_the_last_layer() -> None:
    e = looks()

    ax = plots.attention(e, "heatmap")

    assert_allclose(ax.images[0].get_array(), e.values[0, -1, ..., 0].mean(axis=0))
    assert [t.get_text() for t in ax.get_yticklabels()] == ["[ ]", "a", "fine", "film", "[ ]"]
    assert ax.get_title(loc="left") == "Attention: layer 1, mean of 3 heads"


def test_padding_is_left_out() -> None:
    e = looks()

    ax = plots.attention(e, "heatmap", layer=0, head=2, row=1)

    assert_array_equal(ax.images[0].get_array(), e.values[1, 0, 2, :3, :3, 0])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["[ ]", "dull", "[ ]"]


def test_there_is_a_matrix_for_each_head_on_one_scale() -> None:
    e = looks()

    panels = plots.attention(e).child_axes

    assert len(panels) == 6
    for number, panel in enumerate(panels):
        image = panel.images[0]
        assert_array_equal(image.get_array(), e.values[0, number // 3, number % 3, ..., 0])
        assert image.get_clim() == (0.0, e.values[0].max())
    assert len(plots.attention(e, layer=1).child_axes) == 3
    assert len(plots.attention(e, head=1).child_axes) == 2


def test_lines_lead_from_each_position_to_what_it_looked_at() -> None:
    e = looks()
    matrix = e.values[0, 1, 0, ..., 0]

    ax = plots.attention(e, "links", head=0)

    (lines,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    ends = {(int(a[1]), int(b[1])): w for (a, b), w in zip(
        lines.get_segments(), lines.get_linewidths(), strict=True
    )}  # fmt: skip
    assert set(ends) == set(zip(*np.nonzero(matrix > 0.04 * matrix.max()), strict=True))
    assert max(ends, key=ends.get) == np.unravel_index(matrix.argmax(), matrix.shape)  # type: ignore[arg-type]  # of numbers


def test_the_picture_says_that_attention_is_no_explanation() -> None:
    for kind in ("heatmap", "heads", "links"):
        said = plots.attention(looks(), kind).texts  # type: ignore[arg-type]  # one of them
        assert any("not what moved its output" in text.get_text() for text in said)


def test_it_is_the_picture_that_suits_pairs() -> None:
    assert len(plots.plot(looks()).child_axes) == 6  # type: ignore[union-attr]  # Axes


def test_positions_without_names_have_numbers() -> None:
    ax = plots.attention(looks(text=False), "heatmap")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "1", "2", "3", "4"]


def test_what_cannot_be_drawn_is_refused() -> None:
    for e in (reviews(), photo()):
        with pytest.raises(InputError, match="draws weights of pairs"):
            plots.attention(e)
    with pytest.raises(InputError, match="`kind` is 'circle'"):
        plots.attention(looks(), "circle")  # type: ignore[arg-type]  # that is the point
    with pytest.raises(InputError, match="no layer 2"):
        plots.attention(looks(), layer=2)
    long = Attribution(
        values=np.ones((1, 1, 1, 70, 70, 1)), base_values=np.zeros((1, 1)), outputs=np.ones((1, 1))
    )
    with pytest.raises(InputError, match="at most 60 positions"):
        plots.attention(long, "links")
    assert_legible(plots.attention(long, "heatmap"))
