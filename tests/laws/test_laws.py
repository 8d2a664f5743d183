"""The laws that every method obeys on every model."""

import copy
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import whence as wh
from laws.cases import CASES, EXACT, NAMES, ONE_PER_METHOD, ONE_PER_MODEL, ROWS, Case

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_method = pytest.mark.parametrize("case", ONE_PER_METHOD, ids=str)
every_model = pytest.mark.parametrize("case", ONE_PER_MODEL, ids=str)


def take(X: Any, rows: Any) -> Any:  # noqa: ANN401  any table
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


def assert_same_bytes(a: Any, b: Any) -> None:  # noqa: ANN401  any explanation
    assert type(a) is type(b)
    for name in a.per_row:
        left, right = getattr(a, name), getattr(b, name)
        assert (left is None) == (right is None), name
        if left is not None:
            assert left.shape == right.shape, name
            assert_array_equal(left, right, err_msg=name)
            assert left.tobytes() == right.tobytes(), name
    if isinstance(a, wh.Interaction):
        assert_array_equal(a.sets, b.sets)


@every_case
def test_the_same_seed_gives_the_same_bytes(case: Case) -> None:
    assert_same_bytes(case.explain(rng=3), case.explain(rng=3))


@every_case
def test_a_batch_is_its_rows_one_by_one_in_any_order(case: Case) -> None:
    whole = case.explain(rng=0)
    order = np.random.default_rng(1).permutation(ROWS)

    assert_same_bytes(case.explain(take(case.fitted.X, order), rng=0), whole[order])
    for i in range(ROWS):
        assert_same_bytes(case.explain(take(case.fitted.X, [i]), rng=0), whole[i])


@every_method
def test_a_row_keeps_its_values_in_a_long_table(case: Case) -> None:
    many = pd.concat([case.fitted.X] * 150, ignore_index=True)

    assert_same_bytes(case.explain(many)[ROWS * 149 :], case.explain())


@every_case
def test_threads_agree_to_the_last_bit(case: Case) -> None:
    assert_same_bytes(case.explain(n_jobs=2, rng=0), case.explain(n_jobs=1, rng=0))


@every_method
def test_calls_from_two_threads_at_once_agree(case: Case) -> None:
    alone = case.explain(rng=0)

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda _: case.explain(rng=0), range(4)))

    for result in together:
        assert_same_bytes(result, alone)


@every_case
def test_a_bound_method_says_the_same(case: Case) -> None:
    bound = wh.bind(case.fitted.model, case.method)

    assert_same_bytes(bound.explain(case.fitted.X, rng=0), case.explain(rng=0))


@every_case
def test_inputs_stay_as_they_were(case: Case) -> None:
    fitted = case.fitted
    before = copy.deepcopy((fitted.X, fitted.background))

    case.explain()

    for now, then in zip((fitted.X, fitted.background), before, strict=True):
        if isinstance(now, pd.DataFrame):
            pd.testing.assert_frame_equal(now, then)
        else:
            assert_array_equal(now, then)


@pytest.mark.parametrize("method", [case.method_name for case in ONE_PER_METHOD])
def test_read_only_arrays_of_any_layout_do(method: str) -> None:
    case = Case("extra_trees_array", method)
    normal = case.explain()
    locked = [case.fitted.X.copy(), np.asfortranarray(case.fitted.X), case.fitted.X.astype(object)]

    for X in locked:
        X.flags.writeable = False
        assert_same_bytes(case.explain(X), normal)
    assert_same_bytes(case.explain(np.repeat(case.fitted.X, 2, axis=0)[::2]), normal)


@every_method
def test_the_result_does_not_change_with_the_users_table(case: Case) -> None:
    X = case.fitted.X.copy()
    e = case.explain(X)
    data = e.data.numbers.copy()  # type: ignore[union-attr]  # a table was explained

    X.loc[:, :] = -99.0

    assert_array_equal(e.data.numbers, data)  # type: ignore[union-attr]  # a table was explained


def test_the_result_does_not_change_with_the_users_array() -> None:
    case = Case("extra_trees_array", "TreeShap")
    X = case.fitted.X.copy()
    e = case.explain(X)
    data = e.data.numbers.copy()  # type: ignore[union-attr]  # a table was explained

    X[:] = -99.0

    assert_array_equal(e.data.numbers, data)  # type: ignore[union-attr]  # a table was explained


@pytest.mark.parametrize("kind", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "arrow"])
@every_model
def test_every_kind_of_frame_gives_the_same_numbers(case: Case, kind: Any) -> None:  # noqa: ANN401
    fitted = case.fitted
    if not isinstance(fitted.X, pd.DataFrame):
        pytest.skip("trained on an array")
    X, Z = kind(fitted.X), kind(fitted.background)

    e = wh.explain(fitted.model, X, wh.TreeShap(background=Z))

    assert_same_bytes(e, case.explain())
    assert e.names.features == NAMES


@every_model
def test_float32_and_whole_numbers_do(case: Case) -> None:
    fitted = case.fitted
    X = np.round(np.nan_to_num(np.asarray(fitted.X)))
    Z = np.round(np.nan_to_num(np.asarray(fitted.background)))
    if isinstance(fitted.X, pd.DataFrame):
        X, Z = (pd.DataFrame(t, columns=list(NAMES)) for t in (X, Z))
    normal = wh.explain(fitted.model, X, wh.TreeShap(background=Z))

    for kind in (np.float32, np.int64):
        e = wh.explain(fitted.model, X.astype(kind), wh.TreeShap(background=Z.astype(kind)))
        assert_same_bytes(e, normal)


@every_method
def test_global_generators_are_left_alone(case: Case) -> None:
    legacy, python = np.random.get_state(), random.getstate()  # noqa: NPY002  that is what is tested

    case.explain(rng=1)

    assert random.getstate() == python
    assert_array_equal(np.random.get_state()[1], legacy[1])  # noqa: NPY002  as above


@every_case
def test_shapes_names_and_numbers_are_whole(case: Case) -> None:
    fitted = case.fitted
    e, k = case.explain(), fitted.raw(fitted.X).shape[1]

    assert len(e) == ROWS
    assert e.base_values.shape == e.outputs.shape == (ROWS, k)
    assert len(e.names.outputs) == k
    assert len(set(e.names.outputs)) == k
    if isinstance(fitted.X, pd.DataFrame):
        assert e.names.features == NAMES
    assert np.isfinite(e.values).all()
    assert e.values.dtype == np.float64
    if isinstance(e, wh.Attribution):
        assert e.values.shape == (ROWS, len(NAMES), k)
        assert e.stderr is None
        assert e.importance().values.shape == (1, len(NAMES), k)
    else:
        assert e.values.shape == (ROWS, len(e.sets), k)
        assert_proper_sets(e.sets, case.method)


def assert_proper_sets(sets: Any, method: wh.TreeInteractions) -> None:  # noqa: ANN401  an array
    listed = [tuple(int(i) for i in row if i >= 0) for row in sets]
    assert sets.shape[1] == method.order
    assert len(set(listed)) == len(listed)
    for S, row in zip(listed, sets, strict=True):
        assert list(S) == sorted(set(S))
        assert list(row) == [*S, *[-1] * (method.order - len(S))]
        assert 1 <= len(S) <= method.order
        assert method.index == "k-SII" or len(S) == method.order


@every_case
def test_outputs_are_what_the_model_itself_says(case: Case) -> None:
    fitted = case.fitted

    assert_allclose(case.explain().outputs, fitted.raw(fitted.X), atol=1e-12)


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_exact_methods_leave_nothing_unexplained(case: Case) -> None:
    assert_allclose(case.explain().residual, 0, atol=case.fitted.tolerance)


@every_case
def test_a_feature_that_is_not_used_gets_exactly_zero(case: Case) -> None:
    e, unused = case.explain(), NAMES.index("unused")

    values = e.values[:, unused] if isinstance(e, wh.Attribution) else e.values[
        :, (e.sets == unused).any(axis=1)
    ]  # fmt: skip

    assert not values.any()
    assert e.values.any()


@every_case
def test_provenance_tells_how_to_do_it_again(case: Case) -> None:
    p = case.explain(rng=5).provenance

    assert p.method == type(case.method).__name__
    assert p.rng == 5
    assert p.evaluations == ROWS
    assert p.seconds > 0
    assert p.references == case.method.references
    assert {"whence", "python", "numpy"} < set(p.versions)
    assert p.model_digest.startswith("sha256:")
    assert p.data_digest.startswith("sha256:")
    assert bool(p.background_digest) == case.kind.interventional
    assert set(p.settings) == {field.name for field in fields(case.method)}
    assert p.unit


@every_model
def test_every_version_is_known(case: Case) -> None:
    assert "unknown" not in case.explain().provenance.versions.values()


@every_case
def test_saving_and_loading_gives_it_back(case: Case, tmp_path: Path) -> None:
    e = case.explain(rng=2)

    path = e.save(tmp_path / "explanation.whence")
    back = wh.load(path)

    assert_same_bytes(back, e)
    assert (back.names, back.provenance) == (e.names, e.provenance)
    assert_array_equal(back.data.numbers, e.data.numbers)  # type: ignore[union-attr]  # a table
    assert back.data.levels == e.data.levels  # type: ignore[union-attr]  # a table was explained
    if isinstance(e, wh.Interaction):
        assert back.index == e.index


@every_method
def test_methods_and_explanations_are_pickled(case: Case) -> None:
    e = case.explain(rng=2)

    method, back = pickle.loads(pickle.dumps((case.method, e)))  # noqa: S301  our own bytes

    assert_same_bytes(back, e)
    assert back.provenance == e.provenance
    assert_same_bytes(wh.explain(case.fitted.model, case.fitted.X, method, rng=2), e)


@every_method
def test_the_long_frame_holds_every_number(case: Case) -> None:
    e = case.explain()

    frame = e.to_frame()

    assert len(frame) == e.values.size
    assert_allclose(frame["value"].sum(), e.values.sum())


@every_method
def test_settings_are_frozen(case: Case) -> None:
    with pytest.raises(AttributeError):
        case.method.background = None


@pytest.mark.parametrize("method", [wh.TreeShap, wh.TreeBanzhaf, wh.TreeInteractions])
def test_settings_are_given_by_name(method: Any) -> None:  # noqa: ANN401  any method
    with pytest.raises(TypeError):
        method(np.zeros((1, 5)))
