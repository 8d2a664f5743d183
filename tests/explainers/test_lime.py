"""The surrogate is the least-squares one, as exact as it says, on rows of every kind."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import whence as wh
from whence.core.errors import InputError
from whence.core.types import Bools, Floats
from whence.kernels.filling import Filling
from whence.kernels.lime_design import Law, all_coalitions, kernel_weights
from whence.kernels.surrogate import Recipe, Surrogate
from whence.maskers.tabular import Baseline, Marginal

rng = np.random.default_rng(3)
Z = rng.normal(size=(9, 5))
X = rng.normal(size=(3, 5)) + 1


def rugged(rows: Floats) -> Floats:
    """Return two outputs with interactions of all orders."""
    a, b, c, d, e = rows.T
    return np.column_stack([a * b * c + np.sin(d * e) * a, np.exp(a / 2 + c / 2) * (b > d) - e])


def least_squares(known: Bools, worth: Floats, weights: Floats) -> Floats:
    """Return intercept and coefficients of the naive weighted fit."""
    design = np.column_stack([np.ones(len(known)), known])
    A = np.einsum("i,ij,ik->jk", weights, design, design)
    return np.asarray(np.linalg.solve(A, np.einsum("i,ij,io->jo", weights, design, worth)))


def truth(f: Callable[[Floats], Floats], x: Floats, background: Floats, p: float) -> Floats:
    """Return the surrogate of the mean over the background, by all coalitions."""
    known = all_coalitions(len(x))
    worth = np.mean([f(np.where(known, x, z)) for z in background], axis=0)
    size = known.sum(axis=1)
    return least_squares(known, worth, p**size * (1 - p) ** (len(x) - size))


P = 1 / (1 + float(np.exp(-1)))


def run(
    law: Law,
    worth: Callable[[Bools, Floats], Floats],
    *,
    budget: int,
    seed: int = 0,
    values: Floats | None = None,
    **settings: Any,  # noqa: ANN401  of the recipe
) -> tuple[Surrogate, Any]:
    """Let a surrogate ask until it is done, without a model or a masker."""
    draw = np.random.default_rng(seed)
    recipe = Recipe(law=law, **{"tolerance": None, "top": 5, "features": None, **settings})
    copies = 1 if values is None else len(values)
    outputs = worth(np.ones((1, law.players), bool), np.zeros(1)).shape[1]
    filling = None if values is None else Filling.of(values, np.arange(values.shape[1]), budget)
    own = Surrogate(recipe, draw, outputs=outputs, copies=copies, filling=filling)
    left, estimate = budget, None
    while len(known := own.ask(left)):
        u = draw.random(len(known))
        own.drawn(u)
        own.tell(worth(known, u))
        estimate, left = own.estimate(), left - len(known)
        assert estimate is not None
        if estimate.settled:
            break
    assert left >= 0
    return own, estimate


# --- what the coefficients are


@pytest.mark.parametrize("sampling", ["glime", "classic"])
def test_the_surrogate_is_within_four_standard_errors_of_that_of_all_coalitions(
    sampling: Any,  # noqa: ANN401  one of two words
) -> None:
    method = wh.Lime(background=Z, budget=20_000, tolerance=None, sampling=sampling)
    e = wh.explain(rugged, X, method, rng=0)

    assert e.stderr is not None
    for i, x in enumerate(X):
        if sampling == "glime":
            exact = truth(rugged, x, Z, P)
        else:
            known = all_coalitions(5)
            worth = np.mean([rugged(np.where(known, x, z)) for z in Z], axis=0)
            # lime: the root of the exponential kernel of the distance from the row
            distance = np.linalg.norm(known - np.ones(5), axis=1)
            width = np.sqrt(5) * 0.75
            weights = np.sqrt(np.exp(-(distance**2) / width**2))
            exact = least_squares(known, worth, weights)
        assert (abs(e.values[i] - exact[1:]) <= 4 * e.stderr[i]).all()
        assert_allclose(e.base_values[i], exact[0], atol=0.15)
    assert 1e-4 < e.stderr.max() < 0.1


@settings(max_examples=15, deadline=None)
@given(st.integers(13, 30), st.integers(0, 2**32), st.booleans())
def test_it_is_naive_weighted_least_squares_on_its_own_samples(
    players: int, seed: int, classic: bool
) -> None:
    draw = np.random.default_rng(seed)
    a, b = draw.normal(size=(2, players, 2))
    weights = kernel_weights(players, 0.25, "cosine") if classic else None
    law = Law(players=players, p=0.5 if classic else P, by_size=classic, weights=weights)

    def worth(known: Bools, u: Floats) -> Floats:
        return np.asarray(np.sin(known @ a) + known @ b)

    own, estimate = run(law, worth, budget=700, seed=seed)

    size = own.known.sum(axis=1)
    naive = least_squares(
        own.known, own.worth, np.ones(len(size)) if weights is None else weights[size]
    )
    assert_allclose(estimate.values, naive[1:], atol=1e-6)
    assert_allclose(estimate.base, naive[0], atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 20), st.integers(1, 6), st.integers(0, 2**32))
def test_a_linear_model_is_found_exactly(players: int, background: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    w, x = draw.normal(size=(2, players))
    zs = draw.normal(size=(background, players))

    e = wh.explain(lambda rows: rows @ w + 7, x[None], wh.Lime(background=zs), rng=seed)

    assert_allclose(e.values[0, :, 0], w * (x - zs.mean(axis=0)), atol=1e-6)
    assert_allclose(e.base_values, zs.mean(axis=0) @ w + 7, atol=1e-6)
    assert_allclose(e.residual, 0, atol=1e-6)
    assert_allclose(e.stderr, 0, atol=1e-6)
    assert e.fidelity is not None
    assert_allclose(e.fidelity, 1, atol=1e-6)
    assert e.converged is not None
    assert e.converged.all()


def test_few_players_with_one_copy_are_enumerated() -> None:
    x, z = X[0], Z[:1]

    e = wh.explain(rugged, x[None], wh.Lime(background=z), rng=0)

    exact = truth(rugged, x, z, P)
    assert_allclose(e.values[0], exact[1:], atol=1e-7)
    assert_allclose(e.base_values[0], exact[0], atol=1e-7)
    assert_array_equal(e.stderr, 0)
    assert e.provenance.evaluations <= 2**5 + 3


@pytest.mark.parametrize("width", [0.6, 2.0])
def test_the_width_sets_how_likely_a_part_is_known(width: float) -> None:
    z = Z[:1]
    e = wh.explain(rugged, X, wh.Lime(background=z, kernel_width=width), rng=0)

    p = 1 / (1 + np.exp(-1 / width**2))
    assert_allclose(e.values, [truth(rugged, x, z, p)[1:] for x in X], atol=1e-6)


def test_what_was_filled_in_takes_over_the_noise() -> None:
    """Functions of the background halve the standard errors, and do not move the values."""
    both = {}
    zs = rng.normal(size=(40, 5))
    known = all_coalitions(5)
    x = X[0]

    def smooth(rows: Floats) -> Floats:
        return (np.tanh(rows).sum(axis=1) + 0.1 * rows[:, 0] * rows[:, 1])[:, None]

    def worth(known: Bools, u: Floats) -> Floats:
        return smooth(np.where(known, x, zs[(u * 40).astype(int)]))

    for name, values in (("with", zs), ("without", np.zeros((40, 5)))):
        both[name] = run(Law(players=5, p=P), worth, budget=4000, values=values)[1]
    exact = least_squares(
        known,
        np.mean([smooth(np.where(known, x, z)) for z in zs], axis=0),
        P ** known.sum(axis=1) * (1 - P) ** (5 - known.sum(axis=1)),
    )[1:]
    for estimate in both.values():
        assert (abs(estimate.values - exact) <= 4 * estimate.stderr).all()
    assert both["with"].stderr.max() < both["without"].stderr.max() / 4


# --- how exact it says it is


@pytest.mark.parametrize(
    ("copies", "players", "classic"), [(8, 5, False), (1, 14, False), (1, 14, True)]
)
def test_intervals_cover_the_truth_as_often_as_they_say(
    copies: int, players: int, classic: bool
) -> None:
    draw = np.random.default_rng(0)
    zs, x = draw.normal(size=(copies, players)), draw.normal(size=players)
    pairs = draw.normal(size=(players, players)) * (draw.random((players, players)) < 0.3)
    weights = kernel_weights(players, 0.25, "cosine") if classic else None
    law = Law(players=players, p=0.5 if classic else P, weights=weights)

    def f(rows: Floats) -> Floats:
        return (np.tanh(rows).sum(axis=1) + np.einsum("ij,jk,ik->i", rows, pairs, rows))[:, None]

    def worth(known: Bools, u: Floats) -> Floats:
        return f(np.where(known, x, zs[(u * copies).astype(int)]))

    known = all_coalitions(players)
    target = np.mean([f(np.where(known, x, z)) for z in zs], axis=0)
    exact = least_squares(known, target, law.exact_weights(known))[1:]
    inside = []
    for seed in range(320):
        values = zs if copies > 1 else None
        _, e = run(law, worth, budget=400, seed=seed, values=values)
        inside.append(abs(e.values - exact) <= 1.96 * e.stderr)
    assert 0.92 <= np.mean(inside) <= 0.98


@pytest.mark.parametrize("budget", [400, 1600])
def test_the_noise_of_what_was_filled_in_is_no_misfit(budget: int) -> None:
    draw = np.random.default_rng(1)
    zs, x, pairs = draw.normal(size=(30, 8)), draw.normal(size=8), draw.normal(size=(8, 8)) / 3

    def f(rows: Floats) -> Floats:
        return (np.tanh(rows).sum(axis=1) + np.einsum("ij,jk,ik->i", rows, pairs, rows))[:, None]

    def worth(known: Bools, u: Floats) -> Floats:
        return f(np.where(known, x, zs[(u * 30).astype(int)]))

    law, known = Law(players=8, p=P), all_coalitions(8)
    target, w = np.mean([f(np.where(known, x, z)) for z in zs], axis=0), law.exact_weights(known)
    best = least_squares(known, target, w)
    misfit = w @ (target - best[0] - known @ best[1:]) ** 2
    exact = 1 - misfit / (w @ (target - w @ target) ** 2)

    runs = [run(law, worth, budget=budget, seed=s, values=zs)[1].fidelity[0] for s in range(100)]
    share, low, high = np.array(runs).T

    assert 0.5 < exact < 0.95
    assert exact - 16 / budget < share.mean() < exact + 0.02  # of a fit to so many samples
    assert np.mean((low <= exact) & (exact <= high)) > 0.85


def test_fidelity_is_high_for_a_sum_and_low_for_a_parity() -> None:
    x, zs = np.ones((1, 6)), np.zeros((1, 6))
    noisy = np.vstack([zs, -zs - 1e-9, rng.normal(size=(8, 6)) * 0.1])

    total = wh.explain(lambda rows: rows.sum(axis=1), x, wh.Lime(background=noisy), rng=0)
    xor = wh.explain(
        lambda rows: ((rows > 0.5).sum(axis=1) % 2).astype(float),
        x,
        wh.Lime(background=noisy, kernel_width=5.0),
        rng=0,
    )

    assert total.fidelity is not None
    assert xor.fidelity is not None
    assert total.fidelity[0, 0, 0] > 0.99
    assert xor.fidelity[0, 0, 0] < 0.3
    assert xor.fidelity[0, 0, 1] <= xor.fidelity[0, 0, 0] <= xor.fidelity[0, 0, 2]


def test_a_constant_model_has_no_values_and_needs_no_more_samples() -> None:
    e = wh.explain(lambda rows: np.full(len(rows), 4.0), X, wh.Lime(background=Z), rng=0)

    assert_allclose(e.values, 0, atol=1e-9)
    assert_allclose(e.stderr, 0, atol=1e-9)
    assert_allclose(e.base_values, 4)
    assert e.converged is not None
    assert e.converged.all()
    assert_array_equal(e.fidelity, 1)


def test_what_is_too_noisy_to_rank_ends_at_the_budget_and_says_so() -> None:
    def twins(rows: Floats) -> Floats:
        return np.asarray(np.sin(9 * rows.sum(axis=1)))

    e = wh.explain(twins, np.ones((1, 8)), wh.Lime(background=np.tile(Z[:, :1], 8), budget=900))

    assert e.converged is not None
    assert not e.converged.any()
    assert e.provenance.evaluations <= 900 + 2
    assert any("Not converged" in w for w in e.provenance.warnings)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_tied_parts_are_settled(sign: float) -> None:
    """The fifth and the sixth part are equally strong, for or against: no budget ranks them."""
    w = np.array([9.0, 8, 7, 6, 5, sign * 5, 1, 1, 1, 1, 1, 1, 1, 1])

    def worth(known: Bools, u: Floats) -> Floats:
        return (known @ w + 2 * (u - 0.5))[:, None]

    own, e = run(Law(players=14, p=P), worth, budget=50_000, tolerance=0.05, tie=0.2, fine=0.2)
    assert e.settled
    assert len(own.worth) < 2_000

    _, e = run(Law(players=14, p=P), worth, budget=2_000, tolerance=0.05)
    assert not e.settled


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_step_between_two_ranks_is_that_of_their_sizes(sign: float) -> None:
    """One noise drives both parts: it cancels in their sum, or in their difference.

    The sizes are far apart in terms of the noise of the one, and not in terms of that of the other.
    """
    w = np.array([3.0, 2.0 * sign, *[0.0] * 12])

    def settled(driven: float) -> list[bool]:
        def worth(known: Bools, u: Floats) -> Floats:
            z = known[:, :2] - P
            noise = 8 * np.sqrt(12) * (u - 0.5)
            return (known @ w + noise * (z[:, 0] + driven * z[:, 1]))[:, None]

        runs = [
            run(Law(players=14, p=P), worth, budget=1200, seed=s, top=1, tolerance=9.0, tie=0.0)
            for s in range(20)
        ]
        return [bool(e.settled) for _, e in runs]

    assert np.mean(settled(sign)) > np.mean(settled(-sign)) + 0.3


def test_clear_ranks_end_long_before_the_budget() -> None:
    def steep(rows: Floats) -> Floats:
        return np.tanh(rows) @ (2.0 ** -np.arange(8))

    e = wh.explain(
        steep,
        np.ones((1, 8)) * 2,
        wh.Lime(background=rng.normal(size=(30, 8)), budget=50_000),
        rng=0,
    )

    assert e.converged is not None
    assert e.converged.all()
    assert e.provenance.evaluations < 5000
    assert_array_equal(np.argsort(-e.values[0, :, 0])[:5], np.arange(5))


def test_half_the_width_of_a_tie_is_neither_a_tie_nor_a_step() -> None:
    """A difference with an error of its own size may be zero, or twice as much."""
    w, noise = np.array([1.1, 1.0, *[0.1] * 12]), 0.05 * np.sqrt(P * (1 - P) * 1200)

    def worth(known: Bools, u: Floats) -> Floats:
        return (known @ w + noise * np.sqrt(12) * (u - 0.5))[:, None] * np.sqrt(2)

    settled = [
        run(Law(players=14, p=P), worth, budget=1200, seed=seed, top=1, tolerance=9.0, tie=0.2)[1]
        for seed in range(40)
    ]
    assert np.mean([e.settled for e in settled]) < 0.5


# --- few parts


def test_the_strongest_parts_are_selected_and_fitted_on_other_samples() -> None:
    zs = rng.normal(size=(30, 10))
    w = np.array([5.0, 0, -4, 0, 0, 3, 0, 0, 0, 0])

    e = wh.explain(
        lambda rows: np.tanh(rows) @ w,
        np.full((1, 10), 2.0),
        wh.Lime(background=zs, features=3, tolerance=None),
        rng=0,
    )

    assert_array_equal(np.flatnonzero(e.values[0, :, 0]), [0, 2, 5])
    exact = w * (np.tanh(2) - np.tanh(zs).mean(axis=0))
    assert e.stderr is not None
    assert (abs(e.values[0, :, 0] - exact) <= 4 * e.stderr[0, :, 0] + 1e-9).all()
    assert_array_equal(e.stderr[0, [1, 3, 4, 6], 0], 0)


def test_the_winner_of_pure_noise_is_not_overrated() -> None:
    """Fitted to the samples that selected it, the winner would lie outside of most intervals."""
    outside = []
    for seed in range(200):
        noise = np.random.default_rng(seed)
        _, e = run(
            Law(players=14, p=P),
            lambda known, _, noise=noise: noise.normal(size=(len(known), 1)),
            budget=240,
            seed=seed,
            features=1,
        )
        outside.append(abs(e.values).max() > 1.96 * e.stderr.max())
    assert np.mean(outside) < 0.12


def test_selection_among_all_coalitions_is_forward_selection() -> None:
    e = wh.explain(
        lambda rows: rows @ np.array([3.0, 0.1, -2.0]),
        np.ones((1, 3)),
        wh.Lime(background=np.zeros((1, 3)), features=2),
    )

    assert_allclose(e.values[0, :, 0], [3, 0, -2], atol=1e-7)
    assert_allclose(e.base_values, 0.1 * P, atol=1e-7)


# --- rows of every kind


def test_categories_and_missing_cells_of_a_pipeline_need_no_code() -> None:
    n = 300
    frame = pd.DataFrame(
        {
            "job": rng.choice(["clerk", "smith", "cook"], n),
            "town": pd.Categorical(rng.choice(["Bonn", "Ulm"], n)),
            "wage": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "noise": rng.normal(size=n),
        }
    )
    y = (frame["job"] == "smith") ^ (frame["wage"].fillna(0) > 1)
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["job", "town"]),
            (SimpleImputer(add_indicator=True), ["wage", "noise"]),
        ),
        LogisticRegression(C=10),
    ).fit(frame, y)

    e = wh.explain(model, frame[:6], wh.Lime(background=frame[:80]), rng=0)

    smith = (frame["job"][:6] == "smith").to_numpy()
    values = e.values[:, 0, -1]
    assert e.names.features == ("job", "town", "wage", "noise")
    assert (values[smith] > 0.1).all()
    assert (values[~smith] < 0.05).all()
    assert e.fidelity is not None
    assert (e.fidelity[:, -1, 0] > 0.7).all()


def test_words_of_a_text() -> None:
    def mood(texts: list[str]) -> Floats:
        return np.array([2.0 * t.count("good") - 3.0 * t.count("bad") for t in texts])

    e = wh.explain(mood, ["a good film", "bad and dull, so bad"], wh.Lime(), rng=0)

    words = dict(zip(e.data.parts(0), e.values[0, :, 0], strict=False))  # type: ignore[union-attr]
    assert words["good"] == pytest.approx(2)
    assert words["film"] == pytest.approx(0)
    assert e.values[1].min() == pytest.approx(-3)
    assert_array_equal(e.stderr, 0)
    assert_allclose(e.residual, 0, atol=1e-9)


@pytest.mark.parametrize("sampling", ["glime", "classic"])
def test_a_long_text(sampling: Any) -> None:  # noqa: ANN401  one of two words
    def mood(texts: list[str]) -> Floats:
        return np.array([2.0 * ("good" in t) - 3.0 * ("bad" in t) for t in texts])

    text = "this is a film that is good in parts and bad in all of the others and very long"
    e = wh.explain(mood, [text], wh.Lime(sampling=sampling), rng=0)

    parts = e.data.parts(0)  # type: ignore[union-attr]
    assert e.values[0, parts.index("good"), 0] == pytest.approx(2, abs=1e-5)
    assert e.values[0, parts.index("bad"), 0] == pytest.approx(-3, abs=1e-5)


def test_a_single_part_adds_all() -> None:
    e = wh.explain(lambda texts: np.array([float("yes" in t) for t in texts]), ["yes"], wh.Lime())
    lime = wh.Lime(background=Z[:, :1])
    column = wh.explain(lambda rows: rows[:, 0] ** 2, np.full((1, 1), 3.0), lime)

    assert_allclose(e.values, 1)
    assert_allclose(e.base_values, 0, atol=1e-9)
    assert column.stderr is not None
    mean = (Z[:, 0] ** 2).mean()
    assert_allclose(column.values[0, 0, 0], 9 - mean, atol=4 * column.stderr[0, 0, 0] + 1e-6)


def test_images_and_series() -> None:
    image = np.random.default_rng(0).random((1, 32, 32, 3))
    image[:, 8:16, 8:16] = 0.0
    series = rng.normal(size=(1, 60, 2))

    lime = wh.Lime(budget=600)
    seen = wh.explain(lambda a: a[:, :16, :16].mean(axis=(1, 2, 3)), image, lime, rng=0)
    heard = wh.explain(lambda a: a[:, 10:20, 0].sum(axis=1), series, lime, rng=0)

    for e in (seen, heard):
        assert np.isfinite(e.values).all()
        assert e.fidelity is not None
        assert e.fidelity[0, 0, 0] > 0.9  # both models are linear in the parts
        assert_allclose(e.residual, 0, atol=1e-3 * abs(e.outputs).max())


# --- laws


def test_equal_seeds_give_equal_bytes_and_a_batch_equals_its_rows() -> None:
    method = wh.Lime(background=Z, budget=600)
    e = wh.explain(rugged, X, method, rng=5)

    again = wh.explain(rugged, X, pickle.loads(pickle.dumps(method)), rng=5)  # noqa: S301  our own
    assert_array_equal(e.values, again.values)
    for i in range(len(X)):
        one = wh.explain(rugged, X[i : i + 1], method, rng=5)
        assert_array_equal(one.values[0], e.values[i])
        assert_array_equal(one.fidelity, e.fidelity[i : i + 1])  # type: ignore[index]
    other = wh.explain(rugged, X, method, rng=6)
    assert (other.values != e.values).any()


@pytest.mark.parametrize("budget", [24, 101, 640, 5000])
def test_no_more_evaluations_than_the_budget(budget: int) -> None:
    asked = 0

    def counting(rows: Floats) -> Floats:
        nonlocal asked
        asked += len(rows)
        return rugged(rows)

    e = wh.explain(counting, X[:1], wh.Lime(background=Z, budget=budget, tolerance=None), rng=0)

    assert asked == e.provenance.evaluations
    assert asked <= budget + 2  # the row itself is asked about twice


def test_wrong_settings_are_refused() -> None:
    def refuses(message: str, **given: Any) -> None:  # noqa: ANN401  settings of the method
        with pytest.raises(InputError, match=message):
            wh.explain(rugged, X, wh.Lime(**{"background": Z, **given}))

    refuses("sampling is 'lhs'", sampling="lhs")
    refuses("top is 0", top=0)
    refuses("features is -1", features=-1)
    refuses("features is 0", features=0)
    refuses(r"kernel_width is 0\.25", kernel_width=0.25)
    refuses("kernel_width is -1", kernel_width=-1, sampling="classic")
    refuses("budget is 10", budget=10)
    refuses("tolerance is 0", tolerance=0)
    refuses("both given", masker=Marginal(Z))
    with pytest.raises(InputError, match="No background was given"):
        wh.explain(rugged, X, wh.Lime())


def test_another_masker_of_tables_works_too() -> None:
    e = wh.explain(rugged, X, wh.Lime(masker=Baseline(Z)), rng=0)
    grouped = wh.explain(rugged, X, wh.Lime(masker=Marginal(Z, {"ab": ["x0", "x1"]})), rng=0)

    assert_array_equal(e.stderr, 0)
    assert grouped.values.shape == (3, 4, 2)
    assert grouped.fidelity is not None
    assert np.isfinite(grouped.fidelity).all()


def test_groups_of_columns_in_a_linear_model_are_found_exactly() -> None:
    w = np.array([1.0, -2.0, 0.5, 3.0, 1.0])
    masker = Marginal(Z, {"ab": ["x0", "x3"]})

    e = wh.explain(lambda rows: rows @ w, X, wh.Lime(masker=masker), rng=0)

    each = w * (X - Z.mean(axis=0))
    exact = np.column_stack([each[:, 0] + each[:, 3], each[:, 1], each[:, 2], each[:, 4]])
    assert e.names.features == ("ab", "x1", "x2", "x4")
    assert_allclose(e.values[:, :, 0], exact, atol=1e-6)
