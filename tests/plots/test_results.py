"""Pictures of effects, rules and examples say what the numbers are, and can be read."""

from collections.abc import Callable
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from plots import results
from plots.examples import LONG, boxes, numbers, pairs, png, texts
from plots.test_legible import assert_legible
from whence import plots
from whence.core.errors import InputError
from whence.core.explanation import Interaction, Names
from whence.core.provenance import Provenance
from whence.core.rules import Predicate
from whence.core.table import Table
from whence.plots import style
from whence.plots.branches import Branch, tree_of
from whence.plots.curves import line_of
from whence.plots.lines import at_mean_height

LEVELS = tuple(f"a category with a long name {i}" for i in range(40))
DRAWN: dict[str, Callable[..., Axes]] = {
    "curve": lambda **ax: plots.effect(results.effect(results.age()), **ax),
    "missing": lambda **ax: plots.effect(results.effect(results.age(missing=True)), **ax),
    "outputs": lambda **ax: plots.effect(results.effect(results.age(k=3)), output="poor", **ax),
    "categories": lambda **ax: plots.effect(results.effect(results.jobs()), **ax),
    "40 categories": lambda **ax: plots.effect(results.effect(results.jobs(LEVELS)), **ax),
    "regions": lambda **ax: plots.effect(results.regions(), **ax),
    "pair": lambda **ax: plots.effect(results.effect(results.pair()), **ax),
    "pair of ale": lambda **ax: plots.effect(results.effect(results.pair("job"), kind="ale"), **ax),
    "all curves": lambda **ax: plots.effects(results.many(), **ax),
    "few curves": lambda **ax: plots.effects(
        results.effect(results.age(missing=True), results.jobs(LEVELS)), **ax
    ),
    "long names": lambda **ax: plots.effects(results.many(4, LONG), **ax),
    "surface": lambda **ax: plots.decision_surface(results.surface(), **ax),
    "surface of 3": lambda **ax: plots.decision_surface(results.surface(3), **ax),
    "anchors": lambda **ax: plots.rules(results.anchors(), **ax),
    "many rules": lambda **ax: plots.rules(results.tree(5, k=3), **ax),
    "tree": lambda **ax: plots.tree(results.tree(4), **ax),
    "large tree": lambda **ax: plots.tree(results.tree(6), **ax),
    "path": lambda **ax: plots.tree(results.path(), **ax),
    "counterfactuals": lambda **ax: plots.examples(results.counterfactuals(), **ax),
    "long cells": lambda **ax: plots.examples(
        results.counterfactuals(3, long=True), unchanged=True, **ax
    ),
    "none found": lambda **ax: plots.examples(results.counterfactuals(), "Bob", **ax),
    "prototypes": lambda **ax: plots.examples(results.prototypes(7, 20), **ax),
    "influence": lambda **ax: plots.examples(results.influence(), 1, **ax),
    "shuffled": lambda **ax: plots.bar(results.shuffled(), **ax),
}
every_picture = pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)


@every_picture
def test_texts_neither_overlap_nor_leave_the_figure(draw: Callable[..., Axes]) -> None:
    assert_legible(draw())


@every_picture
def test_draws_on_the_axes_given_and_leaves_nothing_behind(draw: Callable[..., Axes]) -> None:
    given_ax, before, figures = Figure().subplots(), dict(mpl.rcParams), plt.get_fignums()

    assert draw(ax=given_ax) is given_ax

    assert given_ax.get_title(loc="left")
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == figures


def test_the_same_result_gives_the_same_pixels() -> None:
    for name in ("missing", "counterfactuals"):
        assert png(DRAWN[name]()) == png(DRAWN[name]())


def test_a_curve_is_the_mean_and_its_band() -> None:
    curve = results.age()

    ax = plots.effect(results.effect(curve), individual=0)

    assert_allclose(ax.lines[0].get_ydata(), curve.values[:, 0])
    edge = ax.collections[0].get_paths()[0].vertices
    assert_allclose([edge[:, 1].min(), edge[:, 1].max()], [curve.low.min(), curve.high.max()])  # type: ignore[union-attr]
    assert ax.get_ylabel() == "partial dependence (log-odds)"
    assert "band: 95% interval of the mean" in " ".join(texts(ax))


def test_single_rows_have_the_mean_height_where_the_rows_are() -> None:
    line = line_of(results.age(), 0, "effect")

    moved = at_mean_height(line, np.arange(20))

    assert_allclose(moved @ line.density, np.full(20, line.mean @ line.density))
    assert_allclose(np.diff(moved, axis=1), np.diff(line.lines[:20], axis=1))
    assert any("50 of 300 rows" in text for text in texts(DRAWN["curve"]()))


def test_the_density_is_a_histogram() -> None:
    curve = results.age()
    ax = plots.effect(results.effect(curve), individual=0)

    bars = [patch for patch in ax.patches if to_hex(patch.get_facecolor()) == style.FAINT]
    area = np.array([bar.get_width() * bar.get_height() for bar in bars])  # type: ignore[attr-defined]

    share = curve.density
    large = share > 0.01  # the smallest are drawn larger, so that they are seen
    assert_allclose((area / area.sum())[large], (share / share.sum())[large], rtol=0.05)


def test_missing_values_have_a_place_of_their_own() -> None:
    curve = results.age(missing=True)
    ax = plots.effect(results.effect(curve), individual=0)

    dot = next(line for line in ax.lines if line.get_marker() == "o")
    assert_allclose(dot.get_ydata(), curve.values[-1])
    assert min(dot.get_xdata()) > 90
    assert "missing" in texts(ax)


def test_categories_stand_in_their_order() -> None:
    curve = results.jobs()
    ax = plots.effect(results.effect(curve))

    dots = next(line for line in ax.lines if line.get_marker() == "o")
    assert_allclose(dots.get_ydata(), curve.values[:, 0])
    assert [t.get_text() for t in ax.get_xticklabels()] == [*results.JOBS, "missing"]


def test_of_many_categories_the_most_frequent_are_drawn() -> None:
    curve = results.jobs(LEVELS, missing=False)
    ax = plots.effect(results.effect(curve))

    shown = np.sort(np.argsort(-curve.density)[:20])
    dots = next(line for line in ax.lines if line.get_marker() == "o")
    assert_allclose(dots.get_ydata(), curve.values[shown, 0])
    assert any("20 rarer categories" in text for text in texts(ax))


def test_each_subgroup_has_a_line_with_its_name() -> None:
    ax = plots.effect(results.regions())
    one = plots.effect(results.regions(), where="own home = no")

    legend = ax.get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert names[0] == "all rows"
    assert names[2] == "own home = no"
    assert len({(line.get_color(), str(line.get_linestyle())) for line in ax.lines}) == 3
    assert ax.lines[0].get_color() == style.QUIET
    assert "where own home = no" in one.get_title(loc="left")


def test_curves_are_sorted_by_how_far_they_go_and_share_one_scale() -> None:
    e = results.many()
    ax = plots.effects(e, max_features=4)

    size = {c.features[0]: float(np.ptp(c.values)) for c in e.curves}
    names = [panel.get_title(loc="left") for panel in ax.child_axes]
    assert names == sorted(size, key=lambda name: -size[name])[:4]
    assert len({panel.get_ylim() for panel in ax.child_axes}) == 1
    assert any("17 features" in text for text in texts(ax))


def test_a_surface_shows_its_cells_and_hides_where_no_rows_are() -> None:
    curve = results.pair()
    ax = plots.effect(results.effect(curve, kind="ale"))

    mesh, hidden = ax.collections[:2]
    cells = np.asarray(mesh.get_array()).reshape(11, 21)
    assert_allclose(cells, curve.values[..., 0].T)
    assert len(hidden.get_paths()) == (curve.density == 0).sum()
    assert_allclose(mesh.get_clim(), [-1, 1])


def test_the_answer_turns_at_one_half() -> None:
    e = results.surface()
    ax = plots.decision_surface(e, points=0)

    x, y = ax.collections[-1].get_paths()[0].vertices.T
    assert_allclose((x - 5) * 0.5 - 4 * y + 3 * y, 0, atol=0.02)  # the score of the example
    assert any("line: 0.5" in text for text in texts(ax))
    assert len(plots.decision_surface(e, points=0, contour=False).collections) == 1


def test_rows_are_laid_over_a_surface() -> None:
    e = results.surface()
    ax = plots.decision_surface(e, points=50)

    dots = np.asarray(ax.collections[-1].get_offsets())
    assert len(dots) == 50
    assert all((e.data.numbers == dot).all(axis=1).any() for dot in dots)  # type: ignore[union-attr]
    assert any("50 of 200 rows" in text for text in texts(ax))


def test_regions_have_the_color_of_the_largest_output() -> None:
    e = results.surface(3)
    ax = plots.decision_surface(e, points=0, contour=False)

    z = e.curves[0].values
    colors = np.asarray(ax.collections[0].get_array())
    assert colors.shape == (31, 41, 3)
    for i, j in ((0, 0), (40, 30), (20, 3)):
        strongest = style.GROUPS[int(z[i, j].argmax())]
        wanted = np.array(mpl.colors.to_rgb(strongest))
        light = (1 - colors[j, i]) / (1 - wanted)
        assert_allclose(light, light[0], rtol=1e-6)


def test_a_rule_says_when_what_how_sure_and_how_often() -> None:
    e = results.anchors()
    said = texts(plots.rules(e))

    assert "age > 37 and job in {clerk, manager, smith}" in said
    assert {"P(good) = 0.9", "100% (96.0%)", "7.5%", "✓ certified", "… budget", "always"} <= set(
        said
    )
    widths = [patch.get_width() for patch in plots.rules(e).patches]  # type: ignore[attr-defined]
    assert_allclose(widths / widths[0], e.coverage / e.coverage[0])
    assert "shown: the first 2 of 4 rules" in texts(plots.rules(e, max_rules=2))


def test_the_last_rule_of_a_list_is_for_all_others() -> None:
    e = results.rules((results.OLD,), (results.LIST,), (), kind="list")

    assert {"if", "else if", "else", "all others"} <= set(texts(plots.rules(e)))


def leaves_of(tree: Branch, path: tuple[str, ...] = ()) -> dict[int, tuple[str, ...]]:
    here = (*path, tree.said) if tree.said else path
    if not tree.parts:
        return dict.fromkeys(tree.leaves, here)
    return {i: said for part in tree.parts for i, said in leaves_of(part, here).items()}


def test_a_tree_is_found_again_from_its_leaves() -> None:
    e = results.tree(4)

    found = leaves_of(tree_of(e.predicates))

    assert found == {i: tuple(map(str, rule)) for i, rule in enumerate(e.predicates)}


@st.composite
def trees(draw: st.DrawFn, depth: int = 0) -> list[tuple[Predicate, ...]]:
    """Grow a tree of three features whose thresholds come back along a path, as they do."""
    if depth == 4 or (depth and draw(st.booleans())):
        return [()]
    feature = draw(st.sampled_from(["a", "b", "c"]))
    cut = draw(st.floats(-4, 4, width=16))
    gone = draw(st.booleans())
    left, right = draw(trees(depth + 1)), draw(trees(depth + 1))
    low = Predicate(feature=feature, high=cut, missing=gone)
    high = Predicate(feature=feature, low=cut, missing=not gone)
    return [*((low, *rest) for rest in left), *((high, *rest) for rest in right)]


@given(trees(), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_any_tree_decides_as_its_leaves_do(rules: list[tuple[Predicate, ...]], seed: int) -> None:
    e = results.rules(*rules, kind="tree")
    rng = np.random.default_rng(seed)
    numbers = rng.normal(0, 3, (40, 3))
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    reached = e.covers(Table(names=("a", "b", "c"), numbers=numbers, levels=(None,) * 3))
    assert (reached.sum(axis=0) <= 1).all()
    full = [i for i in range(len(e)) if reached[i].any()]  # a leaf that nothing can reach is none
    if len(full) < 2:
        return
    found = leaves_of(tree_of([rules[i] for i in full]))
    assert sorted(found) == list(range(len(full)))


def test_the_fewer_categories_are_told() -> None:
    many = Predicate(feature="job", levels=tuple("abcdefg"))
    few = Predicate(feature="job", levels=("x",))

    assert [part.said for part in tree_of([(many,), (few,)]).parts] == ["job ≠ x", "job = x"]
    assert "job in {a, b, c, … 4 more}" in texts(plots.rules(results.rules((many,))))


def test_what_a_tree_says_of_itself_needs_no_precision() -> None:
    e = results.tree(2)
    exact = replace(e, precision=np.ones(4), precision_low=np.ones(4))

    assert "precision (at least)" in texts(plots.tree(e))
    assert "precision (at least)" not in texts(plots.tree(exact))


def test_a_spread_of_refits_is_called_so() -> None:
    term = results.effect(results.age(), kind="term")
    whole = replace(
        term, kind="pdp", provenance=Provenance(settings={"level": 0.9, "band": "simultaneous"})
    )

    assert "1.96 standard deviations over refits" in " ".join(texts(plots.effect(term)))
    assert "90% interval of the whole mean curve" in " ".join(texts(plots.effect(whole)))


def test_whole_numbers_are_named_one_by_one() -> None:
    curve = replace(results.age(), grid=(np.arange(1.0, 5.0),), individual=None)
    short = replace(
        curve, **{name: getattr(curve, name)[:4] for name in ("values", "low", "high", "density")}
    )
    ax = plots.effect(results.effect(short))

    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "2", "3", "4"]
    bars = [patch for patch in ax.patches if to_hex(patch.get_facecolor()) == style.FAINT]
    assert_allclose([bar.get_width() for bar in bars], 1.0)  # type: ignore[attr-defined]
    assert ax.get_xlim()[0] <= 0.5


def test_rules_that_overlap_are_no_tree() -> None:
    e = results.rules((results.OLD,), (results.LIST,), kind="tree")

    with pytest.raises(InputError, match="overlap, such as 0 and 1"):
        plots.tree(e)


def test_a_large_tree_joins_the_leaves_of_few_rows_and_says_so() -> None:
    e = results.tree(5)
    ax = plots.tree(e, max_leaves=10)

    said = texts(ax)
    cover = [float(text.strip("%")) for text in said if text.endswith("%")]
    assert len(cover) == 10
    assert_allclose(sum(cover), 100 * e.coverage.sum(), atol=0.5)
    assert any(text.startswith("29 of 32 leaves") or "of 32 leaves" in text for text in said)
    mean = e.outputs[-4:, 0] @ e.coverage[-4:] / e.coverage[-4:].sum()
    assert any(f"P(good) = {mean:.3g}, mean of 4 leaves" == text for text in said)


def test_the_path_of_a_row_is_drawn_in_color() -> None:
    e = results.tree(2)
    ax = plots.tree(e, path=results.rules(e.predicates[2], kind="path"))

    strong = [p for p in ax.patches if to_hex(p.get_edgecolor()) == style.POSITIVE]
    assert len(strong) == 3  # all rows, age > 0, the leaf
    assert not [p for p in plots.tree(e).patches if to_hex(p.get_edgecolor()) == style.POSITIVE]
    assert {"age > 37", "age = 41", "job = manager"} <= set(texts(plots.tree(results.path())))


def test_what_a_counterfactual_changes_is_marked() -> None:
    e = results.counterfactuals()
    ax = plots.examples(e, "Ann")

    said = texts(ax)
    assert {"35 ↑", "manager", "34000 ↑", "22 ↓", "45.5 ↑", "120"} <= set(said)
    assert "own home" not in said
    assert any("1 other column" in text for text in said)
    assert len(ax.patches) == e.changed[0].sum()
    assert "own home" in texts(plots.examples(e, "Ann", unchanged=True))
    assert "shown: the first 1 of 3 examples" in " ".join(
        texts(plots.examples(e, "Ann", max_candidates=1))
    )


def test_where_nothing_was_found_the_reason_is_written() -> None:
    said = " ".join(texts(plots.examples(results.counterfactuals(), "Bob")))

    assert "None was found." in said
    assert results.NOTE in said


def test_bars_of_scores_are_the_scores() -> None:
    e = results.influence()
    ax = plots.examples(e, 1)

    widths = np.array([patch.get_width() for patch in ax.patches])  # type: ignore[attr-defined]
    assert_allclose(widths / widths[0], np.abs(e.score[1]) / 3 * [1, 1, 1], rtol=0.2)
    colors = [to_hex(patch.get_facecolor()) for patch in ax.patches]
    assert colors == [style.NEGATIVE, style.POSITIVE, style.POSITIVE]


@pytest.mark.parametrize(
    ("method", "output", "unit", "label"),
    [
        ("Sage", "log_loss", "nats", "loss taken off (nats)"),
        ("PermutationImportance", "log_loss", "nats", "loss added when shuffled (nats)"),
        ("PermutationImportance", "roc_auc", "AUC", "fall of roc_auc when shuffled"),
        ("PermutationImportance", "mine", "fall of mine", "fall of mine when shuffled"),
        ("PermutationImportance", "zero_one", "scores", "zero_one added when shuffled"),
        ("PermutationImportance", "accuracy", "scores", "fall of accuracy when shuffled"),
        ("LeaveOneCovariateOut", "y", "squared error", "loss added when left out (squared error)"),
        ("LinearCoefficients", "y", "euro", "change per standard deviation (euro)"),
    ],
)
def test_an_importance_is_called_what_it_is(
    method: str, output: str, unit: str, label: str
) -> None:
    e = results.shuffled(method=method, unit=unit, output=output)
    ax = plots.plot(e)

    assert isinstance(ax, Axes)
    assert ax.get_xlabel() == label
    assert_allclose([p.get_width() for p in ax.patches], [0.31, 0.12, -0.04, 0.02, 0.001, 0])  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=f"values of {method}, which are about all rows"):
        plots.waterfall(e)


def test_h_statistics_are_called_what_they_are() -> None:
    i = pairs(4, 1)
    h = Interaction(
        sets=i.sets[4:], values=np.abs(i.values[:, 4:]) / 9, base_values=i.base_values,
        outputs=i.outputs, index="H",  # type: ignore[arg-type]  # until it is one of the indices
        names=replace(i.names, rows=("all",)),
    )  # fmt: skip

    assert any(text.startswith("H²: share") for text in texts(plots.interaction_matrix(h)))


def test_plot_chooses_the_picture_that_suits() -> None:
    titles = {
        "partial dependence (log-odds)": results.effect(results.age()),
        "accumulated local effect (log-odds)": results.effect(results.pair(), kind="ale"),
    }
    for label, e in titles.items():
        assert label in texts(plots.plot(e))  # type: ignore[arg-type]
    assert plots.plot(results.many()).child_axes  # type: ignore[union-attr]
    assert "line: 0.5" in " ".join(texts(plots.plot(results.surface())))  # type: ignore[arg-type]
    for e, title in (
        (results.tree(2), "Decision tree"),
        (results.path(), "Path of applicant 7"),
        (results.anchors(), "Anchors"),
        (results.counterfactuals(), "What would change the answer for Ann"),
        (results.prototypes(), "Typical rows"),
    ):
        assert plots.plot(e).get_title(loc="left") == title  # type: ignore[union-attr]


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "type": (lambda: plots.effect(numbers()), "needs an Effect and got Attribution"),  # type: ignore[arg-type]
    "types": (lambda: plots.effects(results.tree()), "needs an Effect and got Rules"),  # type: ignore[arg-type]
    "surface type": (lambda: plots.decision_surface(numbers()), "needs an Effect"),  # type: ignore[arg-type]
    "rules type": (lambda: plots.rules(numbers()), "needs Rules and got Attribution"),  # type: ignore[arg-type]
    "tree type": (lambda: plots.tree(numbers()), "needs Rules"),  # type: ignore[arg-type]
    "examples type": (lambda: plots.examples(numbers()), "needs Examples"),  # type: ignore[arg-type]
    "no curves": (lambda: plots.effect(replace(results.many(), curves=())), "0 curves"),
    "which": (lambda: plots.effect(results.many()), "holds those of 21 features.*`effects`"),
    "feature": (lambda: plots.effect(results.many(), "feature 99"), "'feature 9'"),
    "output": (lambda: plots.effect(results.regions(), output="god"), "'good'"),
    "individual": (lambda: plots.effect(results.regions(), individual=-1), "`individual` is -1"),
    "points": (lambda: plots.decision_surface(results.surface(), points=-1), "`points` is -1"),
    "no surface": (lambda: plots.decision_surface(results.many()), "holds 0. Compute it for two"),
    "one feature": (lambda: plots.decision_surface(results.surface(), "a"), "1 were named"),
    "surfaces": (lambda: plots.effects(results.surface()), "holds surfaces only"),
    "no rules": (lambda: plots.rules(results.anchors()[:0]), "0 rows"),
    "anchors": (lambda: plots.tree(results.anchors()), "of kind 'anchor'"),
    "paths": (lambda: plots.tree(results.path()[[0, 0]]), "holds 2 rules of kind 'path'"),
    "other path": (lambda: plots.tree(results.tree(), path=results.path()), "none of the leaves"),
    "row": (lambda: plots.examples(results.counterfactuals(), "Bo"), "'Bob'"),
    "no examples": (lambda: plots.examples(results.counterfactuals()[:0]), "0 rows"),
    "images": (
        lambda: plots.examples(
            replace(results.prototypes(), candidates=np.zeros((1, 4, 8, 8)), data=None)
        ),
        "draws rows of tables",
    ),
    "nan": (
        lambda: plots.effect(
            results.effect(replace(results.age(), values=np.full((16, 1), np.nan)))
        ),
        "16 numbers that are NaN",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_what_to_do(mistake: str) -> None:
    wrong, message = MISTAKES[mistake]

    with pytest.raises(InputError, match=message):
        wrong()


def test_names_that_look_like_formulas_are_written_as_they_are() -> None:
    e = results.anchors()
    hostile = Predicate(feature=r"$\frac{$", low=1.0)
    drawn = plots.rules(replace(e, predicates=((hostile,),) * 4, names=Names(outputs=("$y$",))))

    assert boxes(drawn)
    assert any(r"\$\frac{\$ > 1" in text for text in texts(drawn))


def test_values_that_do_not_add_up_are_not_summed() -> None:
    e = results.shuffled()

    ax = plots.bar(e, max_features=3)
    said = [text.get_text() for text in (*ax.texts, *ax.get_yticklabels())]

    assert "3 features of smaller values are not shown" in " ".join(said)
    assert not any("other features" in text for text in said)


def test_subgroups_are_drawn_beside_all_rows() -> None:
    part = replace(results.age(), where="job = clerk")

    panel = plots.effects(results.effect(results.age(), part)).child_axes[0]

    assert len({line.get_color() for line in panel.lines}) > 1
