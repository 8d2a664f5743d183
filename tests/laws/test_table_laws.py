"""The laws that effects, importances, rules, examples and the terms of glass boxes obey."""

import copy
import json
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import whence as wh
from laws.table_cases import ROWS, WAYS, Counted, TableCase
from whence.core.explanation import Explanation

CASES = [TableCase(name) for name in WAYS]
every_case = pytest.mark.parametrize("case", CASES, ids=str)
by_row = pytest.mark.parametrize("case", [c for c in CASES if c.way.by_row], ids=str)
asked = pytest.mark.parametrize("case", [c for c in CASES if c.way.world == "asked"], ids=str)

_OF_THE_CALL = ("provenance",)


def assert_same(a: Any, b: Any, at: str = "") -> None:  # noqa: ANN401  any part of an explanation
    """Compare all but the record of the call, to the last bit."""
    assert type(a) is type(b), at
    if isinstance(a, np.ndarray):
        assert a.shape == b.shape, at
        if at.endswith(
            (".outputs", ".before")
        ):  # the user's own model may round by how many rows it is asked
            assert_allclose(a, b, rtol=1e-12, err_msg=at)
        else:
            assert_array_equal(a, b, err_msg=at)
    elif is_dataclass(a):
        for f in fields(a):
            if f.name not in (*_OF_THE_CALL, "native"):
                assert_same(getattr(a, f.name), getattr(b, f.name), f"{at}.{f.name}")
    elif isinstance(a, tuple):
        assert len(a) == len(b), at
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{at}[{i}]")
    else:
        assert a == b, at


def answers_anything(rows: Any) -> Any:  # noqa: ANN401  rows of any kind
    return np.arange(len(rows)) / len(rows)


@every_case
def test_the_same_seed_gives_the_same_bytes(case: TableCase) -> None:
    assert_same(case.explain(rng=3), case.explain(rng=3))


@by_row
def test_a_batch_is_its_rows_one_by_one_in_any_order(case: TableCase) -> None:
    X = case.world.X
    whole = case.explain(rng=0)
    order = np.random.default_rng(1).permutation(ROWS)

    assert_same(case.explain(X.iloc[order].reset_index(drop=True), rng=0), whole[order])
    for i in range(0, ROWS, 9):
        assert_same(case.explain(X.iloc[[i]].reset_index(drop=True), rng=0), whole[i])


@by_row
def test_threads_agree_to_the_last_bit(case: TableCase) -> None:
    assert_same(case.explain(n_jobs=2, rng=0), case.explain(n_jobs=1, rng=0))


@every_case
def test_calls_from_two_threads_at_once_agree(case: TableCase) -> None:
    alone = case.explain(rng=0)

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda _: case.explain(rng=0), range(2)))

    for result in together:
        assert_same(result, alone)


@every_case
def test_inputs_stay_as_they_were(case: TableCase) -> None:
    world = case.world
    before = copy.deepcopy((world.X, world.background))

    case.explain(rng=0)

    for now, then in zip((world.X, world.background), before, strict=True):
        pd.testing.assert_frame_equal(now, then)


@every_case
def test_global_generators_are_left_alone(case: TableCase) -> None:
    legacy, python = np.random.get_state(), random.getstate()  # noqa: NPY002  that is what is tested

    case.explain(rng=1)

    assert random.getstate() == python
    assert_array_equal(np.random.get_state()[1], legacy[1])  # noqa: NPY002  as above


@pytest.mark.parametrize("kind", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "arrow"])
@asked
def test_every_kind_of_frame_gives_the_same_numbers(case: TableCase, kind: Any) -> None:  # noqa: ANN401
    world = case.world
    X, Z = (t.assign(job=t["job"].astype(object)) for t in (world.X, world.background))
    y = world.y if case.way.truth else None
    plain, other = (replace(world, X=to(X), background=to(Z)) for to in (lambda t: t, kind))

    e = wh.explain(world.model(), other.X, case.way.make(other), y=y, rng=0)

    assert_same(e, wh.explain(world.model(), plain.X, case.way.make(plain), y=y, rng=0))


@asked
def test_the_evaluations_recorded_are_those_made(case: TableCase) -> None:
    model = case.world.model()
    assert isinstance(model, Counted)

    e = case.explain(model=model, rng=0)

    assert e.provenance.evaluations == model.asked


@every_case
def test_files_and_pickles_bring_it_back(case: TableCase, tmp_path: Path) -> None:
    e = case.explain(rng=0)

    for again in (wh.load(e.save(tmp_path / "e.whence")), pickle.loads(pickle.dumps(e))):  # noqa: S301  our own
        assert_same(again, e)
        assert again.provenance == e.provenance


@every_case
def test_a_method_travels_and_says_its_settings(case: TableCase) -> None:
    method = pickle.loads(pickle.dumps(case.method))  # noqa: S301  our own
    y = case.world.y if case.way.truth else None

    e = wh.explain(case.world.model(), case.world.X, method, y=y, rng=0)

    assert_same(e, case.explain(rng=0))
    assert set(e.provenance.settings) == {f.name for f in fields(method)}
    assert json.loads(json.dumps(e.provenance.settings)) is not None
    assert e.provenance.method == type(method).__name__
    assert e.provenance.references or type(method).references == ()


@every_case
def test_it_is_shown_framed_and_drawn(case: TableCase) -> None:
    e = case.explain(rng=0)

    assert isinstance(e, Explanation)
    assert type(e).__name__ in repr(e)
    assert "<div>" in e._repr_html_()
    assert len(e.to_frame()) > 0
    assert wh.plot(e[0] if case.way.by_row else e) is not None


@every_case
def test_a_table_of_other_columns_is_refused(case: TableCase) -> None:
    with pytest.raises(wh.WhenceError, match=r"column|lacks|features|raised KeyError"):
        case.explain(case.world.X.rename(columns={"a": "z", "age": "z"}).drop(columns="z"), rng=0)


@every_case
def test_texts_are_refused(case: TableCase) -> None:
    model = answers_anything if case.way.world == "asked" else None

    with pytest.raises(wh.WhenceError, match=r"table|texts"):
        case.explain(["one text"] * ROWS, model=model, rng=0)


@pytest.mark.parametrize("case", [c for c in CASES if c.way.truth], ids=str)
def test_the_truth_is_asked_for(case: TableCase) -> None:
    with pytest.raises(wh.InputError, match="y"):
        case.explain(y=None, rng=0)
    with pytest.raises(wh.InputError, match="y has"):
        case.explain(y=np.zeros(3), rng=0)
