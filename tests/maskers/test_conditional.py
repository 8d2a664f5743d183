"""What is drawn goes with what is known as the definition says."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse, stats

from whence.core.errors import InputError
from whence.core.table import Table, table_of
from whence.core.types import Bools, Floats
from whence.kernels.copula import copula_of, shrunk_correlation, spread_normals
from whence.maskers.causal import Causal
from whence.maskers.conditional import Conditional
from whence.maskers.scene import Masked, Masker, Scene
from whence.models.predict import read_predict

rng = np.random.default_rng(2)
FRAME = pd.DataFrame(
    {
        "age": rng.integers(18, 80, 60).astype(np.int16),
        "rate": np.where(rng.random(60) < 0.2, np.nan, rng.normal(size=60)),
        "job": pd.Categorical(rng.choice(["clerk", "smith", "cook"], 60)),
        "city": pd.array(rng.choice(["Bonn", "Ulm", None], 60), dtype="str"),
        "member": rng.random(60) < 0.5,
        "points": pd.array(np.where(rng.random(60) < 0.2, None, 7), dtype="Int64"),
        "same": 1.5,
    }
)
NUMBERS = FRAME[["age", "rate", "member"]]
FORMS: dict[str, Callable[[], Any]] = {
    "pandas": lambda: FRAME,
    "polars": lambda: pl.from_pandas(FRAME),
    "pyarrow": lambda: pa.Table.from_pandas(FRAME, preserve_index=False),
    "float32": lambda: NUMBERS.to_numpy(dtype=np.float32),
    "float64": lambda: NUMBERS.to_numpy(dtype=np.float64),
    "objects": lambda: FRAME.astype(object).to_numpy(),
    "sparse": lambda: sparse.csr_matrix(FRAME[["age", "member"]].to_numpy(dtype=np.float32)),
}
MASKERS: dict[str, Callable[[Any], Masker]] = {
    "copula": lambda Z: Conditional(Z, samples=12),
    "empirical": lambda Z: Conditional(Z, model="empirical", sigma=0.3),
    "causal": lambda Z: Causal(Z, graph=[(table_of(Z).names[0], table_of(Z).names[1])], samples=9),
}


def scene_of(masker: Masker, X: object, seed: int = 0) -> Scene:
    view = read_predict(lambda rows: np.zeros(rows.shape[0]))
    return masker.bind(view)(table_of(X), np.random.default_rng(seed))


def copies(masked: Masked) -> Table:
    """Return all copies of all coalitions, as the model's own object says."""
    table = table_of(masked.inputs.native)
    return table if masked.back is None else table[masked.back]


@pytest.mark.parametrize("masker", MASKERS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("single", [False, True])
def test_known_cells_stay_and_others_are_values_of_the_background(
    form: str, masker: str, single: bool
) -> None:
    native = FORMS[form]()
    X, Z = native[:3], native[3:]
    scene = scene_of(MASKERS[masker](Z), X)
    x, z, p = table_of(X), table_of(Z), len(table_of(X).names)
    row = np.arange(8) % 3
    known = rng.random((8, p)) < 0.5
    masked = scene.mask(row, known, rng.random(8) if single else None)
    said = copies(masked)

    each = 1 if single else scene.copies
    assert len(said) == 8 * each
    for i in range(len(said)):
        for j in range(p):
            if known[i // each, j]:
                assert said.value(i, j) == x.value(int(row[i // each]), j)
            else:
                assert said.value(i, j) in [z.value(b, j) for b in range(len(z))]
    assert type(masked.inputs.native) is type(X)
    if hasattr(X, "dtypes"):
        assert list(masked.inputs.native.dtypes) == list(X.dtypes)
    elif hasattr(X, "schema"):
        assert masked.inputs.native.schema.types == X.schema.types
    else:
        assert masked.inputs.native.dtype == X.dtype


@pytest.mark.parametrize("masker", MASKERS)
@pytest.mark.parametrize("form", ["pandas", "objects", "float32"])
@pytest.mark.parametrize("single", [False, True])
def test_rows_do_not_depend_on_their_company_nor_on_the_order_of_requests(
    form: str, masker: str, single: bool
) -> None:
    native = FORMS[form]()
    X, Z = native[:4], native[4:]
    known = rng.random((8, table_of(X).numbers.shape[1])) < 0.5
    row, u = np.repeat(np.arange(4), 2), rng.random(8)
    together = scene_of(MASKERS[masker](Z), X)
    all_of_them = together.mask(row, known, u if single else None)
    said = list(copies(all_of_them).content())
    for c in range(7, -1, -1):
        r = int(row[c])
        scene = scene_of(MASKERS[masker](Z), X[r : r + 1])
        alone = scene.mask(np.zeros(1, int), known[c : c + 1], u[c : c + 1] if single else None)
        each = len(said) // 8
        assert list(copies(alone).content()) == said[c * each : (c + 1) * each]
        if alone.weights is not None and all_of_them.weights is not None:
            assert_allclose(alone.weights[0], all_of_them.weights[c], rtol=1e-9)


@pytest.mark.parametrize("masker", MASKERS)
def test_a_row_of_which_all_is_known_is_asked_about_once(masker: str) -> None:
    scene = scene_of(MASKERS[masker](FRAME[5:]), FRAME[:5])
    masked = scene.mask(np.array([3]), np.ones((1, 7), dtype=bool))

    assert list(masked.inputs.content()) == list(table_of(FRAME[3:4]).content())
    assert len(masked.back) == scene.copies


@pytest.mark.parametrize("masker", ["copula", "causal"])
def test_draws_depend_on_the_seed_alone(masker: str) -> None:
    Z = rng.normal(size=(50, 3))
    nothing = np.zeros((1, 3), dtype=bool)

    def drawn(seed: int) -> Floats:
        scene = scene_of(MASKERS[masker](Z), Z[:1], seed)
        return scene.mask(np.array([0]), nothing).inputs.numbers

    assert_array_equal(drawn(1), drawn(1))
    assert not np.array_equal(drawn(1), drawn(2))


def test_single_completions_may_be_asked_for_in_any_number() -> None:
    Z, known = rng.normal(size=(400, 3)), np.tile([True, False, False], (30_000, 1))
    u = rng.random(30_000)
    for name in ("copula", "empirical"):
        scene = scene_of(MASKERS[name](Z), Z[:2])
        all_at_once = copies(scene.mask(np.zeros(30_000, int), known, u)).numbers
        last = copies(scene.mask(np.zeros(5, int), known[-5:], u[-5:])).numbers
        assert_array_equal(all_at_once[-5:], last)


def gaussian(cov: Floats, n: int) -> Floats:
    return np.random.default_rng(8).multivariate_normal(np.zeros(len(cov)), cov, size=n)


COV = np.array([[1.0, 0.8, 0.3], [0.8, 4.0, -0.6], [0.3, -0.6, 1.0]])


@pytest.mark.parametrize(
    "known", [[True, False, False], [False, True, True], [False, False, False]]
)
def test_the_copula_has_the_mean_and_covariance_of_a_conditional_gaussian(
    known: list[bool],
) -> None:
    x = np.array([[0.9, -1.2, 0.4]])
    scene = scene_of(Conditional(gaussian(COV, 6_000), samples=4_000), x)
    drawn = copies(scene.mask(np.array([0]), np.array([known]))).numbers

    S, U = np.flatnonzero(known), np.flatnonzero(~np.array(known))
    B = COV[np.ix_(U, S)] @ np.linalg.inv(COV[np.ix_(S, S)])
    assert_allclose(drawn[:, U].mean(axis=0), B @ x[0, S], atol=0.06)
    expected = COV[np.ix_(U, U)] - B @ COV[np.ix_(S, U)]
    assert_allclose(np.cov(drawn[:, U].T).reshape(expected.shape), expected, atol=0.16)


def test_margins_of_any_shape_are_kept_and_ranks_told() -> None:
    g = gaussian(np.array([[1.0, 0.9], [0.9, 1.0]]), 4_000)
    Z = np.column_stack([np.exp(2 * g[:, 0]), np.round(3 * g[:, 1])])
    x = np.array([[np.exp(2 * 1.5), 0.0]])
    scene = scene_of(Conditional(Z, samples=2_000), x)
    nothing = copies(scene.mask(np.array([0]), np.array([[False, False]]))).numbers
    given = copies(scene.mask(np.array([0]), np.array([[True, False]]))).numbers

    assert_allclose(np.median(nothing[:, 0]), 1.0, atol=0.1)
    assert_allclose(nothing[:, 1].std(), Z[:, 1].std(), rtol=0.05)
    assert_allclose(given[:, 1].mean(), 3 * 0.9 * 1.5, atol=0.1)
    assert_allclose(given[:, 1].std(), 3 * np.sqrt(1 - 0.81), rtol=0.1)


def test_missing_values_and_categories_go_with_what_they_went_with() -> None:
    a = rng.normal(size=500)
    Z = pd.DataFrame(
        {"a": a, "b": np.where(a < 0, np.nan, a), "c": pd.Categorical(np.where(a < 0, "n", "p"))}
    )
    X = pd.DataFrame({"a": [2.0, -2.0], "b": [1.0, 1.0], "c": pd.Categorical(["n", "p"])})
    scene = scene_of(Conditional(Z, samples=200), X)
    said = copies(scene.mask(np.array([0, 1]), np.array([[True, False, False]] * 2)))

    lacking = np.isnan(said.numbers[:, 1]).reshape(2, 200).mean(axis=1)
    positive = np.array([said.value(i, 2) == "p" for i in range(400)]).reshape(2, 200).mean(axis=1)
    assert_allclose(lacking, [0, 1], atol=0.05)
    assert_allclose(positive, [1, 0], atol=0.05)


def test_what_the_background_lacks_tells_nothing() -> None:
    a = rng.normal(size=400)
    Z = pd.DataFrame({"a": a, "b": np.where(a < 0, "n", "p")})
    X = pd.DataFrame({"a": [0.0, np.nan], "b": ["new", "p"]})
    scene = scene_of(Conditional(Z, samples=400), X)
    of_new = copies(scene.mask(np.array([0]), np.array([[False, True]])))
    of_missing = copies(scene.mask(np.array([1]), np.array([[True, False]])))

    assert abs(of_new.numbers[:, 0].mean()) < 0.2
    positive = np.mean([of_missing.value(i, 1) == "p" for i in range(400)])
    assert abs(positive - np.mean(a >= 0)) < 0.12


def test_columns_that_are_equal_or_constant_do_no_harm() -> None:
    a = rng.normal(size=(300, 1))
    Z = np.hstack([a, a, np.ones((300, 1)), -a])
    x = np.array([[1.0, 1.0, 1.0, 7.0]])
    for masker in (Conditional(Z), Conditional(Z, model="empirical")):
        masked = scene_of(masker, x).mask(np.array([0]), np.array([[True, True, True, False]]))
        weights = np.full((1, 100), 0.01) if masked.weights is None else masked.weights
        assert_allclose(weights @ copies(masked).numbers[:, 3], -1.0, atol=0.1)


def test_more_columns_than_rows_and_a_single_row_are_no_hindrance() -> None:
    x, known = rng.normal(size=(1, 20)), rng.random((4, 20)) < 0.5
    for m in (1, 2, 5):
        for masker in MASKERS.values():
            scene = scene_of(masker(rng.normal(size=(m, 20))), x)
            assert np.isfinite(scene.mask(np.zeros(4, int), known).inputs.numbers).all()


def naive_weights(x: Floats, Z: Floats, known: Bools, sigma: float) -> Floats:
    S = np.flatnonzero(known)
    if not len(S):
        return np.full(len(Z), 1 / len(Z))
    inverse = np.linalg.inv(np.cov(Z[:, S].T, ddof=0).reshape(len(S), len(S)))
    raw = []
    for z in Z:
        d = x[S] - z[S]
        raw.append(np.exp(-(d @ inverse @ d) / len(S) / (2 * sigma**2)))
    total, carried, kept = sum(raw), 0.0, []
    for b in sorted(range(len(Z)), key=lambda b: -raw[b]):
        kept.append(b)
        carried += raw[b]
        if carried >= 0.95 * total:
            break
    weights = np.zeros(len(Z))
    weights[kept] = np.array(raw)[kept]
    return np.asarray(weights / weights.sum())


@pytest.mark.parametrize("sigma", [0.1, 0.5])
def test_the_empirical_weights_are_those_of_the_definition(sigma: float) -> None:
    Z = gaussian(COV, 40)
    X = gaussian(COV, 43)[40:] * 0.7
    known = np.array([[bool(i >> j & 1) for j in range(3)] for i in range(7)] * 3)
    row = np.repeat(np.arange(3), 7)
    masked = scene_of(Conditional(Z, model="empirical", sigma=sigma), X).mask(row, known)
    expected = np.array([naive_weights(X[r], Z, k, sigma) for r, k in zip(row, known, strict=True)])

    assert_allclose(masked.weights, expected, rtol=1e-3, atol=1e-6)
    assert_array_equal(masked.weights > 0, expected > 0)
    assert len(masked.inputs) <= (expected > 0).sum()


def test_empirical_worths_are_weighted_means_over_background_rows() -> None:
    Z, X = gaussian(COV, 30), gaussian(COV, 32)[30:]
    known = rng.random((10, 3)) < 0.5
    row = np.arange(10) % 2
    masked = scene_of(Conditional(Z, model="empirical", sigma=0.4), X).mask(row, known)
    said = copies(masked).numbers.prod(axis=1).reshape(10, 30)

    for c in range(10):
        weights = naive_weights(X[row[c]], Z, known[c], 0.4)
        expected = weights @ np.where(known[c], X[row[c]], Z).prod(axis=1)
        assert_allclose((masked.weights[c] * said[c]).sum(), expected, rtol=1e-3)


def test_single_empirical_completions_come_as_often_as_their_weights_say() -> None:
    Z, x = gaussian(COV, 25), np.zeros((1, 3))
    scene = scene_of(Conditional(Z, model="empirical", sigma=0.5), x)
    known = np.tile([True, False, False], (1_000, 1))
    weights = scene.mask(np.zeros(1, int), known[:1]).weights[0]
    u = (np.arange(1_000) + 0.5) / 1_000
    said = copies(scene.mask(np.zeros(1_000, int), known, u)).numbers[:, 1]

    assert_allclose([(said == z).mean() for z in Z[:, 1]], weights, atol=2e-3)


def test_empirical_categories_and_missing_numbers_are_near_to_themselves() -> None:
    c = ["a", "b", "c"] * 4 + [None]
    y = np.where(np.arange(13) % 4, np.arange(13.0), np.nan)
    Z = pd.DataFrame({"c": c, "y": y})
    X = pd.DataFrame({"c": ["b", None, "new", "b"], "y": [0.0, 0.0, 0.0, np.nan]})
    scene = scene_of(Conditional(Z, model="empirical"), X)
    masked = scene.mask(np.arange(4), np.array([[True, False]] * 3 + [[False, True]]))

    assert_allclose(masked.weights[0], np.where(Z["c"] == "b", 1 / 4, 0), atol=1e-9)
    assert_allclose(masked.weights[1], [0] * 12 + [1], atol=1e-9)
    assert (masked.weights[2] > 0).sum() >= 1
    assert_allclose(masked.weights[3], np.isnan(y) / 4, atol=1e-9)


def test_a_new_category_is_not_taken_for_a_missing_one() -> None:
    a = rng.normal(size=400)
    Z = pd.DataFrame({"a": a, "b": np.where(a < 0, None, "p")})
    X = pd.DataFrame({"a": [0.0, 0.0], "b": ["new", None]})
    said = copies(scene_of(Conditional(Z), X).mask(np.arange(2), np.array([[False, True]] * 2)))
    means = said.numbers[:, 0].reshape(2, -1).mean(axis=1)

    assert_allclose(means, [a.mean(), a[a < 0].mean()], atol=0.25)


def test_groups_are_known_together() -> None:
    scene = scene_of(Conditional(FRAME, groups={"g": ["age", "same"]}), FRAME[:1])
    said = copies(scene.mask(np.array([0]), np.array([[True] + [False] * 5])))

    assert scene.names == ("g", "rate", "job", "city", "member", "points")
    assert_array_equal(said.numbers[:, [0, 6]], np.tile([FRAME["age"][0], 1.5], (100, 1)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "vine"}, "model is 'vine'.*'gaussian_copula', 'empirical'"),
        ({"samples": 1}, "samples is 1. A whole number of at least 2"),
        ({"samples": True}, "samples is True"),
        ({"samples": 10.0}, "samples is 10.0"),
        ({"sigma": 0.0}, "sigma is 0.0. A positive number"),
        ({"sigma": np.nan}, "sigma is nan"),
        ({"groups": {"a": ["no"]}}, "column 'no'"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Conditional(FRAME, **settings).bind(read_predict(len))


def test_scores_are_standardized_normal_quantiles_of_middle_ranks() -> None:
    Z = np.array([[3.0], [np.nan], [5.0], [3.0], [9.0]])
    X = np.array([[np.nan], [2.0], [3.0], [4.0], [9.0], [99.0]])
    of_Z = stats.norm.ppf([0.4, 0.1, 0.7, 0.4, 0.9])
    of_X = stats.norm.ppf([0.1, 0.2, 0.4, 0.6, 0.9, 0.9])
    copula = copula_of(Z)

    assert_allclose(copula.scores(X)[:, 0], (of_X - of_Z.mean()) / of_Z.std(), atol=1e-12)
    assert copula.scores(np.array([[np.inf]])) == 0
    assert copula_of(Z[2:]).scores(np.array([[np.nan]])) == 0


def test_scores_turn_back_into_the_values_they_came_from() -> None:
    for m in (1, 2, 31, 500):
        Z = rng.normal(size=(m, 2))
        copula = copula_of(Z)
        at = copula.rows(copula.scores(Z)[:, None], np.zeros((m, 2), bool))
        assert_array_equal(at[:, 0], np.tile(np.arange(m)[:, None], 2))


def test_scores_are_turned_back_by_the_quantile_function() -> None:
    Z, scores = rng.normal(size=(200, 1)), rng.normal(size=(5_000, 1)) * 2
    at = copula_of(Z).rows(scores[:, None], np.zeros((5_000, 1), bool))
    expected = np.sort(Z[:, 0])[np.floor(stats.norm.cdf(scores[:, 0]) * 200).astype(int)]

    assert (Z[at[:, 0, 0], 0] != expected).mean() < 0.05  # those within a step of a threshold
    wrong = np.searchsorted(np.sort(Z[:, 0]), Z[at[:, 0, 0], 0])
    assert_allclose(wrong, np.floor(stats.norm.cdf(scores[:, 0]) * 200), atol=1)


def test_the_spread_normals_have_one_number_in_each_part_of_equal_probability() -> None:
    normals = spread_normals(50, 3, np.random.default_rng(0))
    parts = np.sort((stats.norm.cdf(normals) * 50).astype(int), axis=0)

    assert_array_equal(parts, np.tile(np.arange(50)[:, None], 3))
    assert_allclose(normals.sum(axis=0), 0, atol=1e-12)
    assert spread_normals(7, 2, np.random.default_rng(0)).shape == (7, 2)


def test_shrinkage_is_the_ratio_of_variance_to_square_of_the_correlations() -> None:
    scores = rng.normal(size=(30, 4)) @ rng.normal(size=(4, 4))
    z = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    off = [(i, j) for i in range(4) for j in range(4) if i != j]
    r = {(i, j): np.mean(z[:, i] * z[:, j]) for i, j in off}
    variance = sum(
        30 / 29**3 * sum((z[k, i] * z[k, j] - r[i, j]) ** 2 for k in range(30)) for i, j in off
    )
    intensity = min(1.0, variance / sum(v**2 for v in r.values()))
    expected = np.eye(4)
    for (i, j), v in r.items():
        expected[i, j] = (1 - intensity) * v

    assert_allclose(shrunk_correlation(scores), expected, rtol=1e-10)
