"""The conditions of a leaf hold for just the rows that reach it."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from whence.core.table import table_of
from whence.kernels.cart import Design, grow
from whence.kernels.cart_tree import Side
from whence.kernels.path_conditions import conditions


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_leaves_are_told_exactly(seed: int, missing: bool) -> None:
    rng = np.random.default_rng(seed)
    n = 80
    frame = pd.DataFrame(
        {
            "a": rng.integers(0, 5, n).astype(float),
            "b": pd.Categorical(rng.choice(list("uvwxyz"), n), categories=list("uvwxyz")),
            "c": rng.normal(size=n),
        }
    )
    if missing:
        frame = frame.mask(rng.uniform(size=frame.shape) < 0.2)
    table = table_of(frame)
    X = table.numbers
    tree = grow(Design.of(X, np.array([0, 6, 0])), rng.normal(size=(n, 1)), leaves=9)
    told = np.isnan(X).any(axis=0)

    leaf = tree.apply(X)
    for node, path in tree.paths():
        rule = conditions(path, table.names, table.levels, told)
        holds = np.all([np.ones(n, bool), *(p.holds(table) for p in rule)], axis=0)
        assert_array_equal(holds, leaf == node)
        assert len({p.feature for p in rule}) == len(rule)


def test_words() -> None:
    known = (Side(column=0, threshold=np.inf, members=None, missing_left=False), True)
    told = np.array([True])
    assert str(conditions([known], ["a"], [None], told)[0]) == "a is known"
    lost = (known[0], False)
    assert str(conditions([lost], ["a"], [None], told)[0]) == "a is missing"
    assert conditions([], ["a"], [None], told) == ()
