"""The stability indices say how far runs agree, and nothing else."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from whence.core.errors import InputError
from whence.core.explanation import Attribution, Names
from whence.core.types import Bools, Floats
from whence.metrics.stability import stability


def run(values: Floats, stderr: Floats | None = None, mask: Bools | None = None) -> Attribution:
    zeros = np.zeros((len(values), values.shape[-1]))
    return Attribution(values=values, base_values=zeros, outputs=zeros, stderr=stderr, mask=mask)


def test_equal_runs_agree_in_all() -> None:
    values = np.random.default_rng(0).normal(size=(4, 6, 1))

    m = stability([run(values, np.ones_like(values))] * 3)

    assert m.name == ("VSI", "CSI")
    assert_allclose(m.value, 100)
    assert_allclose(m.low, 100)


def test_runs_that_name_other_parts_agree_in_none() -> None:
    a = np.array([[[9.0], [8.0], [0.1], [0.2]]])
    b = a[:, ::-1]

    m = stability([run(a, a * 0), run(b, b * 0)], top=2)

    assert_allclose(m.value, [0, 0])
    assert np.isnan(m.low).all()  # one row has no spread


@settings(max_examples=30)
@given(st.integers(2, 5), st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**32))
def test_both_are_what_the_paper_defines(runs: int, players: int, top: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    values, stderr = draw.normal(size=(runs, 3, players, 2)), draw.random((runs, 3, players, 2))

    m = stability([run(v, s) for v, s in zip(values, stderr, strict=True)], top=top)

    vsi, csi = np.zeros(2), np.zeros(2)
    pairs = list(combinations(range(runs), 2))
    for o in range(2):
        for row in range(3):
            for a, b in pairs:
                named = [{*np.argsort(-abs(values[r, row, :, o]))[:top].tolist()} for r in (a, b)]
                vsi[o] += 100 * len(named[0] & named[1]) / min(top, players) / len(pairs) / 3
                for j in range(players):
                    apart = abs(values[a, row, j, o] - values[b, row, j, o])
                    reach = 1.96 * (stderr[a, row, j, o] + stderr[b, row, j, o])
                    csi[o] += 100 * (apart <= reach) / players / len(pairs) / 3
    assert_allclose(m.value, [vsi[0], csi[0], vsi[1], csi[1]])
    assert m.group == ("output 0", "output 0", "output 1", "output 1")


def test_parts_that_a_row_does_not_have_are_not_counted() -> None:
    a, b = np.array([[[3.0], [2.0], [9.0]]]), np.array([[[1.0], [2.0], [9.0]]])
    mask = np.array([[True, True, False]])

    m = stability([run(a, a * 0, mask), run(b, b * 0, mask)], top=2)

    assert_allclose(m.value, [100, 50])


def test_what_is_exact_has_intervals_of_no_length() -> None:
    a = np.array([[[3.0], [2.0]]])

    assert_allclose(stability([run(a), run(a + np.array([[0.0], [1.0]]))]).value, [100, 50])


def test_runs_of_different_rows_are_refused() -> None:
    a = run(np.ones((2, 3, 1)))
    other = replace(a, provenance=replace(a.provenance, data_digest="abc"))

    with pytest.raises(InputError, match="At least two"):
        stability([a])
    with pytest.raises(InputError, match="different rows"):
        stability([a, run(np.ones((1, 3, 1)))])
    with pytest.raises(InputError, match="different rows"):
        stability([a, other])
    with pytest.raises(InputError, match="top is 0"):
        stability([a, a], top=0)


def test_outputs_go_by_their_names() -> None:
    e = replace(run(np.ones((2, 3, 2))), names=Names(outputs=("no", "yes")))

    assert stability([e, e]).group == ("no", "no", "yes", "yes")
