"""Owen values of any model: exact where that is cheap, sampled with standard errors elsewhere."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.cluster.hierarchy import linkage

import whence as wh
from reference.games import as_model, over_orders, random_game
from reference.shapley import shapley
from strategies import seeds
from whence.core.inputs import images_of, series_of, texts_of
from whence.core.types import Floats
from whence.explainers.partition_shap import PartitionShap
from whence.kernels.hierarchy import Hierarchy, halved
from whence.maskers.series import SeriesMasker
from whence.maskers.tabular import Marginal

rng = np.random.default_rng(8)
ZERO = np.zeros((1, 4))


def pairs_first(v: Floats) -> Floats:
    """Return the Owen values of the groups (0, 1) and (2, 3), by all orders that are allowed."""
    a, b = [(0, 1), (1, 0)], [(2, 3), (3, 2)]
    orders = [x + y for x in a for y in b] + [y + x for x in a for y in b]
    return over_orders(v, orders, [1 / 8] * 8)


@settings(max_examples=20)
@given(seeds, st.integers(1, 2))
def test_groups_tuples_and_merges_mean_the_same(seed: int, outputs: int) -> None:
    v = random_game(seed, 4, outputs)
    settings_: list[dict[str, Any]] = [
        {"groups": {"left": ["x0", "x1"], "right": [2, 3]}},
        {"hierarchy": ((0, "x1"), ("x3", "x2"))},
        {"hierarchy": np.array([[2, 3, 0.1, 2], [0, 1, 0.2, 2], [4, 5, 0.3, 4]])},
    ]
    for each in settings_:
        e = wh.explain(as_model(v), ZERO + 1, PartitionShap(background=ZERO, **each))

        assert_allclose(e.values[0], pairs_first(v), atol=1e-12)
        assert_allclose(e.residual, 0, atol=1e-12)
        assert_array_equal(e.stderr, 0)
        assert e.converged.all()


def test_a_player_in_no_group_is_one_by_itself() -> None:
    v = random_game(0, 4)

    e = wh.explain(
        as_model(v), ZERO + 1, PartitionShap(background=ZERO, groups={"two": ["x1", "x2"]})
    )
    f = wh.explain(as_model(v), ZERO + 1, PartitionShap(background=ZERO, groups={}))

    g = wh.explain(
        as_model(v), ZERO + 1, PartitionShap(background=ZERO, hierarchy=(0, ("x1", "x2"), 3))
    )
    assert_array_equal(e.values, g.values)
    assert_allclose(f.values[0], shapley(v, 4), atol=1e-12)


def test_groups_get_what_they_would_get_as_players() -> None:
    """The values of a group add up to its Shapley value in the game among groups."""
    frame = pd.DataFrame(rng.normal(size=(3, 5)), columns=list("abcde"))
    background = pd.DataFrame(rng.normal(size=(6, 5)), columns=list("abcde"))
    groups = {"ab": ["a", "b"], "ce": ["c", "e"]}

    def model(rows: pd.DataFrame) -> Floats:
        a, b, c, d, e = rows.to_numpy().T
        return a * b * c + np.exp(d * e) + a * e

    owen = wh.explain(model, frame, PartitionShap(background=background, groups=groups))
    among = wh.explain(model, frame, wh.PermutationShap(masker=Marginal(background, groups=groups)))

    parts = owen.values[:, [0, 2, 3]] + owen.values[:, [1, 4, 3]] * [[1], [1], [0]]
    assert_allclose(parts, among.values, atol=1e-9)


def test_columns_are_grouped_by_how_they_move_together() -> None:
    base = rng.normal(size=(60, 2))
    Z = np.column_stack([base[:, 0], base[:, 1], base[:, 0] ** 3, base[:, 1] + 0.01 * base[:, 0]])

    def model(rows: Floats) -> Floats:
        return rows[:, 0] * rows[:, 1] * rows[:, 2] + np.abs(rows[:, 3] * rows[:, 0])

    default = wh.explain(model, Z[:5], PartitionShap(background=Z))
    told = wh.explain(model, Z[:5], PartitionShap(background=Z, hierarchy=((0, 2), (1, 3))))
    by_scipy = linkage(
        pd.DataFrame(Z).corr(method="spearman").abs().rsub(1).to_numpy()[np.triu_indices(4, 1)],
        method="average",
    )
    merged = wh.explain(model, Z[:5], PartitionShap(background=Z, hierarchy=by_scipy))

    assert_allclose(default.values, told.values, atol=1e-12)
    assert_allclose(default.values, merged.values, atol=1e-12)


def test_many_players_are_sampled_with_errors_that_hold() -> None:
    weights = rng.normal(size=(40, 40)) / 40
    Z, groups = np.zeros((1, 40)), {"first": list(range(20)), "second": list(range(20, 40))}

    def model(rows: Floats) -> Floats:
        return np.tanh(rows @ weights).sum(axis=1) + np.exp(rows[:, :20].mean(axis=1))

    method = PartitionShap(background=Z, groups=groups, tolerance=0.05)
    e = wh.explain(model, Z + 1, method, rng=0)
    other = wh.explain(
        model, Z + 1, PartitionShap(background=Z, groups=groups, budget=20_000), rng=1
    )

    assert e.stderr.max() > 0
    assert e.converged.all()
    assert e.provenance.evaluations < 2_048
    assert (np.abs(e.values - other.values) < 4.5 * np.hypot(e.stderr, other.stderr)).all()
    assert_allclose(e.residual, 0, atol=1e-12)


def test_texts_are_halved_in_the_order_of_their_words() -> None:
    def model(texts: list[str]) -> Floats:
        return np.array([float("not" in t) * (1 + ("good" in t)) + len(t) / 9 for t in texts])

    e = wh.explain(model, ["this is not good", "good"], PartitionShap())

    assert e.values.shape[:2] == e.mask.shape
    assert_allclose(e.residual, 0, atol=1e-12)
    assert_array_equal(e.stderr, 0)
    assert texts_of(["a"]).names == ()


def nested_of(hierarchy: Hierarchy) -> Any:  # noqa: ANN401  nested tuples
    """Return the groups as nested tuples of numbers."""
    below = {tuple(sorted(i for part in parts for i in part)): parts for parts in hierarchy.groups}

    def tree(block: tuple[int, ...]) -> Any:  # noqa: ANN401  nested tuples
        return tuple(map(tree, below[block])) if len(block) > 1 else block[0]

    return tree(tuple(range(hierarchy.players)))


def test_each_image_is_cut_across_its_longer_side() -> None:
    picture = rng.random((4, 12, 8, 3))
    picture[1::2, :6, 3:] += 3.0  # so that its superpixels are others
    masker = wh.ImageMasker(segments=8)
    weights = rng.normal(size=(12, 8, 3))

    def model(images: Floats) -> Floats:
        return np.exp((images * weights).sum(axis=(1, 2, 3)) / 4)

    e = wh.explain(model, images_of(picture), PartitionShap(masker=masker), rng=0)
    assert (e.data.segments[1] != e.data.segments[2]).any()

    assert_allclose(e.residual, 0, atol=1e-9)
    for i in range(4):
        segments = e.data.segments[i]
        centers = [np.argwhere(segments == s).mean(axis=0) for s in range(segments.max() + 1)]
        told = PartitionShap(masker=masker, hierarchy=nested_of(halved(np.array(centers))))
        alone = wh.explain(model, images_of(picture[i : i + 1]), told, rng=0)
        assert_allclose(alone.values[0], e.values[i, : alone.values.shape[1]], atol=1e-9)


def test_series_are_cut_by_channel_and_then_by_time() -> None:
    series = rng.normal(size=(2, 8, 2))

    def model(rows: Floats) -> Floats:
        return np.exp(rows[:, :4, 0].sum(axis=1) * rows[:, 4:, 1].sum(axis=1) / 9) + rows[:, 0, 1]

    masker = SeriesMasker(segments=4)
    e = wh.explain(model, series_of(series), PartitionShap(masker=masker))
    tree = (((0, 2), (4, 6)), ((1, 3), (5, 7)))  # of four segments and two channels
    told = wh.explain(model, series_of(series), PartitionShap(masker=masker, hierarchy=tree))

    assert e.values.shape == (2, 4, 2, 1)
    assert_allclose(e.values, told.values, atol=1e-12)
    assert_allclose(e.residual, 0, atol=1e-9)
    assert_array_equal(e.stderr, 0)


def test_each_row_is_explained_as_if_it_were_alone() -> None:
    Z, many = rng.normal(size=(2, 14)), rng.normal(size=(5, 14))

    def model(rows: Floats) -> Floats:
        return np.exp(rows[:, 0] * rows[:, 5]) + rows[:, 7:].prod(axis=1)

    method = PartitionShap(background=Z, groups={"a": [0, 1, 2, 3, 4, 5, 6]}, budget=700)
    bound = wh.bind(model, method)
    whole = bound.explain(many, rng=3)

    assert whole.stderr.max() > 0
    assert whole.provenance.evaluations <= 5 * (700 + 1) + 5 * (2 + 2)
    assert_array_equal(bound.explain(many[::-1], rng=3, n_jobs=2).values[::-1], whole.values)
    for i in range(5):
        assert_array_equal(bound.explain(many[i : i + 1], rng=3).stderr[0], whole.stderr[i])


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"groups": {"a": ["x0", "y"]}}, r"groups\['a'\] names 'y'.*'x0', 'x1'"),
        ({"groups": {"a": ["x0"], "b": ["x0"]}}, "groups has 'x0' more than once"),
        ({"groups": {"a": []}}, "'a' without players"),
        ({"groups": [["x0"]]}, "groups is .*A dict"),
        ({"hierarchy": ("x0", "x1")}, "hierarchy has 'x2', 'x3' nowhere"),
        ({"hierarchy": ("x0", ("x1", "x0"), 2, 3)}, "hierarchy has 'x0' more than once"),
        ({"hierarchy": "x0"}, "Nested tuples"),
        ({"hierarchy": np.ones((2, 4))}, r"array of shape \(2, 4\).*3 merges"),
        ({"hierarchy": np.array([[0, 1], [0, 2], [4, 5]])}, "merged once"),
        ({"hierarchy": np.array([[0, 5], [1, 2], [4, 3]])}, "merged once"),
        ({"hierarchy": (0, 1, 2, 3), "groups": {}}, "both given"),
        ({"budget": 0}, "budget is 0"),
        ({"hierarchy": (0, 1, 2, 3), "budget": 11}, "at least 12 evaluations"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings_: dict[str, Any], message: str) -> None:
    method = PartitionShap(background=ZERO, **settings_)
    with pytest.raises(wh.InputError, match=message):
        wh.explain(as_model(random_game(0, 4)), ZERO + 1, method)


def test_groups_of_columns_have_no_groups_of_their_own() -> None:
    masker = Marginal(ZERO, groups={"a": ["x0", "x1"]})

    with pytest.raises(wh.InputError, match="The 3 players of this masker are no columns"):
        wh.explain(as_model(random_game(0, 4)), ZERO + 1, PartitionShap(masker=masker))


def test_the_settings_travel() -> None:
    method = PartitionShap(background=ZERO, hierarchy=((0, 1), (2, 3)))
    again = pickle.loads(pickle.dumps(method))  # noqa: S301  our own
    v = random_game(0, 4)

    assert_array_equal(
        wh.explain(as_model(v), ZERO + 1, method).values,
        wh.explain(as_model(v), ZERO + 1, again).values,
    )
