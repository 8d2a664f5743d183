"""The rows picked cover as much as greedy choice promises, and are the same each time."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from whence.core.errors import InputError
from whence.core.explanation import Attribution, Names
from whence.core.inputs import texts_of
from whence.core.types import Floats, Ints
from whence.metrics.pick import submodular_pick


def explained(values: Floats) -> Attribution:
    zeros = np.zeros((len(values), values.shape[-1]))
    names = Names(features=tuple(f"f{j}" for j in range(values.shape[1])))
    return Attribution(values=values, base_values=zeros, outputs=zeros, names=names)


def coverage(values: Floats, rows: tuple[int, ...] | Ints, top: int) -> float:
    """Return the importance of all features that the strongest of some rows cover."""
    size = np.abs(values).sum(axis=2)
    seen = {
        int(j) for i in rows for j in np.argsort(-size[i], kind="stable")[:top] if size[i, j] > 0
    }
    return float(sum(np.sqrt(size[:, j].sum()) for j in seen))


@settings(max_examples=60)
@given(st.integers(1, 8), st.integers(1, 6), st.integers(1, 3), st.integers(0, 2**32))
def test_the_coverage_is_near_the_best(rows: int, features: int, top: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(rows, features, 2)) * (draw.random((rows, features, 1)) < 0.6)
    n = int(draw.integers(1, rows + 1))

    picked = submodular_pick(explained(values), n, top=top)

    best = max(coverage(values, chosen, top) for chosen in combinations(range(rows), n))
    assert len(set(picked.tolist())) == n
    assert coverage(values, picked, top) >= (1 - 1 / np.e) * best - 1e-12


@settings(max_examples=60)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 2**32))
def test_each_row_picked_is_the_first_that_adds_most(rows: int, features: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 3, size=(rows, features, 1)).astype(float)

    picked = submodular_pick(explained(values), rows, top=2)

    for i in range(rows):
        before = picked[:i]
        free = [r for r in range(rows) if r not in before]
        gains = [coverage(values, np.append(before, r), 2) for r in free]
        at = free.index(int(picked[i]))
        assert gains[at] >= max(gains) - 1e-12
        assert all(g < gains[at] - 1e-12 for g in gains[:at])


def test_words_are_the_same_feature_wherever_they_occur() -> None:
    texts = texts_of(["good film", "film good", "dull film"])
    spans = np.array([[[0, 4], [5, 9]], [[0, 4], [5, 9]], [[0, 4], [5, 9]]], dtype=np.int32)
    values = np.array([[[3.0], [0.0]], [[0.0], [2.0]], [[1.0], [0.0]]])
    zeros = np.zeros((3, 1))
    e = Attribution(values=values, base_values=zeros, outputs=zeros, data=texts.divided(spans))

    assert_array_equal(submodular_pick(e, 2), [0, 2])  # the second says "good" again


def test_wrong_settings_are_refused() -> None:
    e = explained(np.ones((3, 2, 1)))

    with pytest.raises(InputError, match=r"n is 4\. A whole number from 1 to 3"):
        submodular_pick(e, 4)
    with pytest.raises(InputError, match="top is 0"):
        submodular_pick(e, 2, top=0)
    nameless = Attribution(values=e.values, base_values=e.base_values, outputs=e.outputs)
    with pytest.raises(InputError, match="no names in common"):
        submodular_pick(nameless, 1)
