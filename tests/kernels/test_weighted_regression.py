"""A fit in sums equals the naive one, and leaving out a group is what it says."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from whence.core.types import Floats, Ints
from whence.kernels.filling import Filling, steps
from whence.kernels.lime_design import (
    Law,
    all_coalitions,
    binomial_pairs,
    kernel_weights,
    removal_law,
    removal_pairs,
)
from whence.kernels.weighted_regression import Moments, Samples, explained, fit, strongest


def samples(seed: int, groups: int, group: int, columns: int, *, weighted: bool) -> Samples:
    draw = np.random.default_rng(seed)
    n = groups * group
    design = np.column_stack([np.ones(n), draw.random((n, columns)) < 0.6])
    return Samples(
        design=design,
        worth=design @ draw.normal(size=(columns + 1, 2)) + draw.normal(size=(n, 2)),
        weights=draw.random(n) + 0.1 if weighted else None,
        group=group,
    )


def naive(s: Samples) -> Floats:
    """Return the weighted least squares coefficients, by scaling rows with roots of weights."""
    root = np.ones(len(s.worth)) if s.weights is None else np.sqrt(s.weights)
    found = np.linalg.lstsq(s.design * root[:, None], s.worth * root[:, None], rcond=None)
    return np.asarray(found[0])


def without(s: Samples, g: int) -> Samples:
    keep = np.arange(len(s.worth)) // s.group != g
    weights = None if s.weights is None else s.weights[keep]
    return Samples(design=s.design[keep], worth=s.worth[keep], weights=weights, group=s.group)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 4]), st.booleans())
def test_a_fit_in_parts_is_the_naive_fit_to_all(seed: int, group: int, weighted: bool) -> None:
    s = samples(seed, 40, group, 4, weighted=weighted)
    both = Moments.of(s.half(0)) + Moments.of(s.half(1))

    assert_allclose(fit(s).coefficients, naive(s), atol=1e-6)
    assert_allclose(both.coefficients(), naive(s), atol=1e-6)


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 4]), st.booleans())
def test_what_is_left_out_is_what_the_others_say(seed: int, group: int, weighted: bool) -> None:
    s = samples(seed, 25, group, 3, weighted=weighted)

    found = fit(s)

    changes = []
    for g in range(25):
        b = naive(without(s, g))
        rows = slice(g * group, (g + 1) * group)
        assert_allclose(found.left_out[rows], s.worth[rows] - s.design[rows] @ b, atol=1e-5)
        changes.append(naive(s) - b)
    jackknife = np.sqrt(24 / 25 * (np.array(changes) ** 2).sum(axis=0))
    assert_allclose(found.stderr(), jackknife, rtol=1e-5)
    order = np.array([3, 1, 2])
    sizes = np.array(changes)[:, order, 0] * np.sign(naive(s)[order, 0])
    steps = np.sqrt(24 / 25 * (np.diff(sizes) ** 2).sum(axis=0))
    assert_allclose(found.steps(order, 0), steps, rtol=1e-5)


def test_a_column_of_zeros_has_the_coefficient_zero() -> None:
    s = samples(0, 40, 1, 3, weighted=False)
    wide = Samples(
        design=np.column_stack([s.design, np.zeros(40)]), worth=s.worth, weights=None, group=1
    )

    found = fit(wide)

    assert_allclose(found.coefficients[:4], naive(s), atol=1e-6)
    assert_array_equal(found.coefficients[4], 0)


@pytest.mark.parametrize("twins", [False, True])
def test_held_out_fidelity_is_one_for_a_linear_worth_and_none_for_noise(twins: bool) -> None:
    draw = np.random.default_rng(0)
    known = (draw.random((600, 4)) < 0.7).astype(np.float64)
    linear = known @ np.array([1.0, 2.0, -1.0, 0.0])
    xor = known[:, :3].sum(axis=1) % 2
    error = draw.normal(size=(600, 4)) * [0, 1, 0, 0]
    s = Samples(
        design=np.column_stack([np.ones(len(known)), known]),
        worth=np.column_stack([linear, linear, xor, np.ones(len(known))]) + error,
        weights=None,
        group=2,
    )

    unbiased = (draw.normal(size=(600, 4)) * [0, 1, 0, 0]) ** 2
    share = fit(s).fidelity(unbiased if twins else 0.0)

    assert_allclose(share[0], 1)
    if twins:  # the noise of the copies is no fault of the surrogate
        assert share[1, 1] <= 1 <= share[1, 2] + 0.01
        assert share[1, 0] > 0.9
    else:
        truth = 1 - 1 / (1 + linear.var())
        assert share[1, 1] < truth < share[1, 2]
    assert share[2, 2] < 0.3
    assert_array_equal(share[3], 1)


def test_leaving_out_punishes_a_fit_to_noise() -> None:
    s = samples(1, 30, 2, 20, weighted=False)
    draw = np.random.default_rng(2)
    s = Samples(design=s.design, worth=draw.normal(size=(60, 1)), weights=None, group=2)

    found = fit(s)

    said = s.design @ found.coefficients
    assert explained(s.worth, said, np.ones(60))[0] > 0.15
    assert found.fidelity()[0, 0] < 0


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 5))
def test_forward_selection_takes_each_time_what_explains_most(seed: int, size: int) -> None:
    s = samples(seed, 60, 1, 5, weighted=True)
    weights = s.weights
    assert weights is not None

    chosen = strongest(Moments.of(s), 1, np.arange(1, 6), size)

    assert len(chosen) == size
    for step in range(size):

        def left(columns: list[int]) -> float:
            part = replace(s, design=s.design[:, [0, *columns]])
            return float(weights @ (part.worth - part.design @ naive(part))[:, 1] ** 2)

        before = chosen[:step].tolist()
        errors = {j: left([*before, j]) for j in range(1, 6) if j not in before}
        assert errors[int(chosen[step])] <= min(errors.values()) * (1 + 1e-6)


def test_what_is_always_in_the_model_is_not_selected() -> None:
    draw = np.random.default_rng(0)
    design = np.column_stack([np.ones(50), draw.normal(size=(50, 3))])
    s = Samples(design=design, worth=design[:, 3:], weights=None, group=1)

    assert_array_equal(strongest(Moments.of(s), 0, np.array([1, 3]), 1), [3])
    chosen = strongest(Moments.of(s), 0, np.array([1, 2]), 1)  # the third explains all
    assert len(chosen) == 1


# --- designs


@pytest.mark.parametrize("p", [0.5, 0.73, 0.95])
def test_parts_are_known_independently_with_their_probability(p: float) -> None:
    z = binomial_pairs(np.random.default_rng(0), 200_000, 3, p)

    for member in (z[:, 0], z[:, 1]):
        share = np.bincount(member @ [1, 2, 4], minlength=8) / len(member)
        law = Law(players=3, p=p).exact_weights(all_coalitions(3))
        assert_allclose(share, law, atol=0.005)
    assert z.any(axis=1).all()  # nothing is unknown to both


def test_each_part_is_unknown_in_some_samples_of_every_batch() -> None:
    z = binomial_pairs(np.random.default_rng(0), 20, 500, 0.9)

    assert (~z[:, 0]).any(axis=0).all()
    assert (~z[:, 1]).any(axis=0).all()


def test_the_number_removed_is_as_likely_as_any_other() -> None:
    z = removal_pairs(np.random.default_rng(0), 100_000, 3)

    for member in (z[:, 0], z[:, 1]):
        share = np.bincount(member @ [1, 2, 4], minlength=8) / len(member)
        assert_allclose(share, removal_law(3)[all_coalitions(3).sum(axis=1)], atol=0.006)


def test_the_laws_sum_to_one() -> None:
    for law in (Law(players=5, p=0.8), Law(players=5, by_size=True), Law(players=1, by_size=True)):
        assert_allclose(law.exact_weights(all_coalitions(law.players)).sum(), 1)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_kernel_weights_are_those_of_the_distance_of_the_vectors(distance: str) -> None:
    known = all_coalitions(4)[1:].astype(float)
    if distance == "cosine":
        apart = 1 - known @ np.ones(4) / (np.linalg.norm(known, axis=1) * 2)
    else:
        apart = np.linalg.norm(known - 1, axis=1)
    weights = kernel_weights(4, 0.7, "cosine" if distance == "cosine" else "euclidean")

    assert_allclose(weights[known.sum(axis=1).astype(int)], np.sqrt(np.exp(-(apart**2) / 0.7**2)))


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(0, 3), st.integers(0, 2**32))
def test_codes_of_the_background_have_mean_zero(copies: int, doublings: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = np.round(draw.normal(size=(copies, 3)) * 2)
    values[draw.random((copies, 3)) < 0.2] = np.nan
    values[:, 2] *= 1e300

    code = steps(values, doublings)

    assert code.shape == (copies, 3, 2**doublings)
    assert np.isfinite(code).all()
    assert_allclose(code.mean(axis=0), 0, atol=1e-9)
    for j in range(3):
        gram = code[:, j].T @ code[:, j] / copies
        assert_allclose(gram, np.diag(np.round(np.diag(gram))), atol=1e-9)


def test_codes_tell_the_quarters_of_a_column_apart() -> None:
    code = steps(np.arange(8.0)[:, None], 2)[:, 0, 1:]

    quarter = np.arange(8) // 2 == np.arange(4)[:, None]
    value = np.arange(8.0) - 3.5
    design = np.column_stack([np.ones(8), value, code])
    for share in quarter:
        assert_allclose(design @ np.linalg.lstsq(design, share, rcond=None)[0], share, atol=1e-9)


def test_the_more_samples_the_finer_the_functions() -> None:
    values, owner = np.random.default_rng(0).normal(size=(50, 4)), np.array([0, 1, 0, 2])

    fine = Filling.of(values, owner, 5000)

    counts, columns = (31, 32, 64, 128, 256), [0, 4, 8, 16, 32]
    assert [Filling.of(values, owner, n).columns for n in counts] == columns
    assert [fine.carried(n) for n in counts] == columns


@pytest.mark.parametrize("weighted", [False, True])
def test_only_what_is_unknown_is_filled_in(weighted: bool) -> None:
    draw = np.random.default_rng(0)
    values, owner = draw.normal(size=(6, 3)), np.array([0, 1, 0])
    known, copies = draw.random((300, 2)) < 0.5, draw.integers(0, 6, (300, 2))
    filling = Filling.of(values, owner, 5000)
    steps, functions = filling.steps, filling.steps.shape[1]

    def columns(copy: Ints) -> Floats:
        each = [
            [[0.0 if k[owner[j]] else steps[c, f, j] for j in range(3)] for f in range(functions)]
            for k, c in zip(known, copy, strict=True)
        ]
        return np.array(each).reshape(300, -1)

    one, other = columns(copies[:, 0]), columns(copies[:, 1])
    weights = draw.random(300) if weighted else None
    worth, w = draw.normal(size=(300, 2)), np.ones(300) if weights is None else weights
    moments = filling.differences(known, copies, worth, weights)
    assert_allclose(moments.gram, (one - other).T @ np.diag(w) @ (one - other), atol=1e-9)
    assert_allclose(moments.cross, (one - other).T @ np.diag(w) @ worth, atol=1e-9)

    some = draw.normal(size=(6, 2))  # of the first functions alone
    said = filling.said(known, copies, some)
    assert_allclose(said, [one[:, :6] @ some, other[:, :6] @ some], atol=1e-9)
