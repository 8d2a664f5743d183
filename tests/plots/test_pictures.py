"""What the pictures say is what the numbers are."""

import subprocess
import sys
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from plots.examples import credit, numbers, pairs, png, texts
from whence import plots
from whence.core.errors import InputError, MissingDependencyError
from whence.core.explanation import Attribution, Explanation, Interaction, Names
from whence.plots.labels import arrange

Draw = Callable[[Explanation, Axes | None], Axes]
DRAWN: dict[str, Draw] = {
    "plot": lambda e, ax: plots.plot(e, ax=ax),
    "waterfall": lambda e, ax: plots.waterfall(e, ax=ax),
    "force": lambda e, ax: plots.force(e, ax=ax),
    "bar": lambda e, ax: plots.bar(e, ax=ax),
    "beeswarm": lambda e, ax: plots.beeswarm(e, ax=ax),
    "violin": lambda e, ax: plots.violin(e, ax=ax),
    "scatter": lambda e, ax: plots.scatter(e, "age", ax=ax),
    "decision": lambda e, ax: plots.decision(e, ax=ax),
    "heatmap": lambda e, ax: plots.heatmap(e, ax=ax),
}
every_picture = pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)


@every_picture
def test_draws_on_the_axes_given_and_returns_them(draw: Draw) -> None:
    given_ax = Figure().subplots()

    assert draw(credit(), given_ax) is given_ax
    assert given_ax.has_data() or given_ax.texts


@every_picture
def test_leaves_no_figure_and_no_setting_behind(draw: Draw) -> None:
    before, open_figures = dict(mpl.rcParams), plt.get_fignums()

    draw(credit(), None)

    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == open_figures


@every_picture
def test_the_same_explanation_gives_the_same_pixels(draw: Draw) -> None:
    assert png(draw(credit(), None)) == png(draw(credit(), None))


@every_picture
def test_an_explanation_is_left_as_it_was(draw: Draw) -> None:
    e = credit()
    parts = [e.values, e.outputs, e.base_values, e.data.numbers]  # type: ignore[union-attr]
    before = [part.copy() for part in parts]
    for part in parts:
        part.flags.writeable = False

    draw(e, None)

    for part, old in zip(parts, before, strict=True):
        np.testing.assert_array_equal(part, old)


@every_picture
def test_takes_names_that_look_like_formulas(draw: Draw) -> None:
    e = credit()
    hostile = Attribution(
        values=e.values,
        base_values=e.base_values,
        outputs=e.outputs,
        names=Names(features=("age", r"$\frac{$", "a\nb\t$c$", "x" * 500), outputs=("$y$",)),
        data=e.data.numbers,  # type: ignore[union-attr]
    )

    png(draw(hostile, None))


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 12), st.booleans())
@settings(deadline=None, max_examples=25)
def test_a_waterfall_walks_from_the_base_value_to_the_output(
    seed: int, p: int, most: int, leave: bool
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(1, p, 1))
    base = rng.normal(size=(1, 1))
    e = Attribution(
        values=values, base_values=base, outputs=base + values.sum(axis=1) + (0.5 if leave else 0.0)
    )

    ax = plots.waterfall(e, max_features=most)

    bars = [patch.get_xy() for patch in ax.patches]
    starts = [corners[0, 0] for corners in bars]
    tips = [corners[2, 0] for corners in bars]
    assert_allclose(starts, [base[0, 0], *tips[:-1]], atol=1e-12)
    assert_allclose(tips[-1], e.outputs[0, 0], atol=1e-12)
    assert len(bars) == min(p, most + 1) + leave


def test_a_waterfall_says_its_numbers_in_its_unit() -> None:
    ax = plots.waterfall(credit(), "applicant 0")

    written = texts(ax)
    assert "good · applicant 0" in written
    assert "model output (log-odds)" in written
    assert "income = missing" in written
    assert {"base value", "output"} <= set(written)


def test_the_others_are_the_sum_of_what_is_not_shown() -> None:
    e = numbers(p=300)

    ax = plots.waterfall(e, row=4, max_features=6)

    size = np.sort(np.abs(e.values[4, :, 0]))
    tail = e.values[4, np.abs(e.values[4, :, 0]) < size[-6], 0].sum()
    corners = ax.patches[-1].get_xy()
    assert_allclose(corners[2, 0] - corners[0, 0], tail)
    assert "294 other features" in texts(ax)


def test_a_force_picture_balances_at_the_output() -> None:
    e = numbers(p=6)

    patches = plots.force(e, row=1).patches

    lengths = [patch.get_xy()[2, 0] - patch.get_xy()[0, 0] for patch in patches]
    assert_allclose(sorted(lengths), sorted(e.values[1, :, 0][e.values[1, :, 0] != 0]))
    assert_allclose(sum(lengths), (e.outputs - e.base_values)[1, 0])


def test_bars_are_the_mean_sizes_with_their_intervals() -> None:
    e = numbers()

    for ax in (plots.bar(e), plots.bar(e.importance())):
        mean = np.abs(e.values[:, :, 0]).mean(axis=0)
        assert_allclose([patch.get_width() for patch in ax.patches], np.sort(mean)[::-1])
        assert "whiskers: 95% interval over the rows" in texts(ax)


def test_the_residual_is_seen_unless_it_is_negligible() -> None:
    seen, unseen = numbers(residual=0.5), numbers(residual=1e-9)

    assert "not explained" in texts(plots.waterfall(seen))
    assert "not explained" not in texts(plots.waterfall(unseen))
    assert any("not explained: 0.500" in text for text in texts(plots.beeswarm(seen)))


def test_whiskers_appear_where_values_were_sampled() -> None:
    assert any("95%" in text for text in texts(plots.waterfall(numbers(stderr=True))))
    assert not any("95%" in text for text in texts(plots.waterfall(numbers())))


def test_a_picture_of_many_rows_says_how_many_it_shows() -> None:
    e = numbers(n=100_000, p=3)

    for draw, most in (
        (plots.beeswarm, "2,000"),
        (plots.decision, "300"),
        (plots.heatmap, "2,000"),
    ):
        assert any(f"shown: {most} of 100,000 rows" in text for text in texts(draw(e)))


def test_points_of_many_rows_are_an_image_in_a_vector_file() -> None:
    assert all(
        points.get_rasterized() for points in plots.beeswarm(numbers(n=500)).collections[::2]
    )


@pytest.mark.parametrize("output", [1, "refer", -2, np.int64(1)])
def test_an_output_is_taken_by_name_or_number(output: int | str) -> None:
    ax = plots.bar(numbers(k=3), output)

    assert "refer" in ax.get_title(loc="left")


def test_a_dependence_picture_finds_the_partner_and_says_how() -> None:
    e = credit()
    i = Interaction(
        sets=np.array([[0, -1], [0, 1], [0, 3]], dtype=np.int32),
        values=np.tile([[[9.0], [2.0], [1.0]]], (3, 1, 1)),
        base_values=np.zeros((3, 1)),
        outputs=np.full((3, 1), 12.0),
        index="k-SII",
        names=e.names,
    )

    estimated, known = plots.scatter(e, "age"), plots.scatter(e, "age", interactions=i)

    assert "own home" in texts(estimated)
    assert "color: strongest interaction, estimated by correlation within bins" in texts(estimated)
    assert "income" in texts(known)
    assert "color: strongest interaction (k-SII)" in texts(known)


def test_a_dependence_picture_names_categories_and_missing_values() -> None:
    assert {"car", "education", "TV", "missing"} <= set(texts(plots.scatter(credit(), "purpose")))
    assert "missing" in texts(plots.scatter(credit(), "income", color=None))


def test_a_decision_line_starts_at_the_base_and_ends_at_the_output() -> None:
    e = numbers(residual=0.7)

    lines = plots.decision(e).collections[0].get_segments()  # type: ignore[attr-defined]

    assert_allclose([line[0, 0] for line in lines], e.base_values[:, 0])
    assert_allclose([line[-1, 0] for line in lines], e.outputs[:, 0])


@pytest.mark.parametrize("order", ["output", "similarity", "given"])
def test_a_heatmap_holds_each_row_once(order: str) -> None:
    e = numbers()

    cells = np.asarray(plots.heatmap(e, order=order).images[0].get_array())

    assert_allclose(np.sort(cells.sum(axis=0)), np.sort(e.values[:, :, 0].sum(axis=1)))


def test_a_matrix_holds_whole_pairs_and_counts_what_it_leaves_out() -> None:
    i = pairs()

    cells = np.ma.filled(plots.interaction_matrix(i).images[0].get_array(), 0.0)

    assert_allclose(cells.sum(), np.abs(i.values).mean(axis=0).sum())
    assert any("12 of 300 features" in text for text in texts(plots.interaction_matrix(pairs(300))))


def test_players_that_a_row_does_not_have_are_not_drawn() -> None:
    e = numbers()
    mask = np.ones((60, 5), dtype=bool)
    mask[0, 1:] = False
    ragged = Attribution(
        values=np.where(mask[:, :, None], e.values, np.nan),
        base_values=e.base_values,
        outputs=e.base_values + np.where(mask[:, :, None], e.values, 0.0).sum(axis=1),
        mask=mask,
        names=e.names,
    )

    assert len(plots.waterfall(ragged).patches) == 1


def test_plot_chooses_the_picture_that_suits() -> None:
    e = numbers()

    assert plots.plot(e[2]).get_xlabel() == "model output (log-odds)"
    assert plots.plot(e.importance()).get_xlabel() == "mean |contribution| (log-odds)"
    assert plots.plot(e).get_xlabel() == "contribution (log-odds)"
    assert plots.plot(pairs()).images


def test_a_notebook_can_show_what_is_returned() -> None:
    raw, size = plots.plot(numbers())._repr_png_()  # type: ignore[attr-defined]

    assert raw.startswith(b"\x89PNG")
    assert 300 < size["width"] < 1200


@given(
    st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 12), st.booleans()), max_size=12),
)
def test_labels_never_lie_on_each_other(points: list[tuple[float, float, bool]]) -> None:
    labels = arrange(
        [p[0] for p in points], [p[1] for p in points], [p[2] for p in points], (0, 10)
    )

    assert len(labels) == len(points)
    for k, label in enumerate(labels):
        assert all(label.apart(other) for other in labels[:k])


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "output": (lambda: plots.bar(numbers(k=3), "aprove"), "'approve'"),
    "output number": (lambda: plots.bar(numbers(k=3), 3), "0 to 2"),
    "feature": (lambda: plots.scatter(credit(), "incom"), "close names: 'income'"),
    "row": (lambda: plots.waterfall(credit(), "applicant 1000"), "close names: 'applicant 100'"),
    "row number": (lambda: plots.waterfall(numbers(), 60), "0 to 59"),
    "color": (lambda: plots.scatter(credit(), "age", color="hom"), "There is no feature 'hom'"),
    "order": (lambda: plots.heatmap(credit(), order="size"), "'similarity'"),
    "type": (lambda: plots.beeswarm(pairs()), "and got Interaction"),  # type: ignore[arg-type]
    "matrix": (lambda: plots.interaction_matrix(credit()), "needs an Interaction"),  # type: ignore[arg-type]
    "importance": (lambda: plots.waterfall(numbers().importance()), "Draw it with `bar`"),
    "a table": (lambda: plots.plot(np.zeros(3)), "no picture of"),  # type: ignore[arg-type]
    "empty": (lambda: plots.plot(credit()[:0]), "0 rows"),
    "axes": (lambda: plots.plot(credit(), ax=Figure()), "a Figure"),  # type: ignore[arg-type]
    "count": (lambda: plots.bar(credit(), max_features=0), "at least 1"),
    "values": (lambda: plots.bar(numbers(residual=0)[:2] and _broken()), "1 values that are NaN"),
    "no data": (lambda: plots.scatter(_broken(), 0), "NaN"),
    "others": (lambda: plots.scatter(credit(), 0, interactions=pairs()), "5 features that are not"),
}


def _broken() -> Attribution:
    values = np.zeros((2, 3, 1))
    values[0, 0] = np.nan
    return Attribution(values=values, base_values=np.zeros((2, 1)), outputs=np.zeros((2, 1)))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_what_to_do(mistake: str) -> None:
    wrong, message = MISTAKES[mistake]

    with pytest.raises(InputError, match=message):
        wrong()


def test_says_how_to_install_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'whence\[plots\]'"):
        plots.plot(numbers())


def test_importing_the_pictures_does_not_import_matplotlib() -> None:
    code = f"import sys; sys.path[:] = {sys.path}; import whence.plots; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "matplotlib" not in done.stdout.split()
