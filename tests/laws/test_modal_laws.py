"""The laws that every method obeys which asks a model, on tables, images, texts and series."""

import copy
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import whence as wh
from laws.modal_cases import BUDGETED, EFFICIENT, FAIR, MODAL, ROWS, WAYS, ModalCase
from laws.test_laws import assert_same_bytes

every_case = pytest.mark.parametrize("case", MODAL, ids=str)


def take(X: Any, rows: Any) -> Any:  # noqa: ANN401  rows of any kind
    if isinstance(X, list):
        return [X[i] for i in rows]
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


def assert_same_rows(a: Any, b: Any) -> None:  # noqa: ANN401  any explanation
    """Compare rows that may have been filled up to different widths."""
    for name in a.per_row:
        left, right = getattr(a, name), getattr(b, name)
        assert (left is None) == (right is None), name
        if left is None:
            continue
        if left.ndim > 1:
            width = min(left.shape[1], right.shape[1])
            assert not left[:, width:].any()
            assert not right[:, width:].any()
            left, right = left[:, :width], right[:, :width]
        assert_array_equal(left, right, err_msg=name)


@every_case
def test_the_same_seed_gives_the_same_bytes(case: ModalCase) -> None:
    assert_same_bytes(case.explain(rng=3), case.explain(rng=3))


@every_case
def test_a_batch_is_its_rows_one_by_one_in_any_order(case: ModalCase) -> None:
    whole = case.explain(rng=0)
    order = np.random.default_rng(1).permutation(ROWS)

    assert_same_rows(case.explain(take(case.kind.X, order), rng=0), whole[order])
    for i in range(ROWS):
        assert_same_rows(case.explain(take(case.kind.X, [i]), rng=0), whole[i])


@every_case
def test_threads_agree_to_the_last_bit(case: ModalCase) -> None:
    assert_same_bytes(case.explain(n_jobs=2, rng=0), case.explain(n_jobs=1, rng=0))


@every_case
def test_calls_from_two_threads_at_once_agree(case: ModalCase) -> None:
    alone = case.explain(rng=0)

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda _: case.explain(rng=0), range(2)))

    for result in together:
        assert_same_bytes(result, alone)


@every_case
def test_a_bound_method_says_the_same(case: ModalCase) -> None:
    bound = wh.bind(case.kind.model(), case.method)

    assert_same_bytes(bound.explain(case.kind.X, rng=0), case.explain(rng=0))


@every_case
def test_inputs_stay_as_they_were_and_may_be_read_only(case: ModalCase) -> None:
    X = copy.deepcopy(case.kind.X)
    if isinstance(X, np.ndarray):
        X.flags.writeable = False

    e = case.explain(X, rng=0)

    assert_same_bytes(e, case.explain(rng=0))
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(X, case.kind.X)
    else:
        assert_array_equal(X, case.kind.X)


@every_case
def test_global_generators_are_left_alone(case: ModalCase) -> None:
    legacy, python = np.random.get_state(), random.getstate()  # noqa: NPY002  that is what is tested

    case.explain(rng=1)

    assert random.getstate() == python
    assert_array_equal(np.random.get_state()[1], legacy[1])  # noqa: NPY002  as above


@every_case
def test_shapes_names_and_numbers_are_whole(case: ModalCase) -> None:
    e = case.explain(rng=0)

    assert len(e) == ROWS
    assert e.base_values.shape == e.outputs.shape == (ROWS, 2)
    assert_array_equal(e.outputs, case.kind.answer(case.kind.X))
    assert np.isfinite(e.values).all()
    assert e.values.dtype == np.float64
    assert e.values.shape[-1] == len(set(e.names.outputs)) == 2
    if e.stderr is not None:
        assert e.stderr.shape == e.values.shape
        assert (e.stderr >= 0).all()
    if isinstance(e, wh.Attribution):
        assert e.values.shape[0] == ROWS
        assert not e.names.features or len(e.names.features) == np.prod(e.values.shape[1:-1])
        assert e.mask is None or not e.values[~e.mask].any()
        assert len(e.importance().values) == 1
    assert e.data is not None
    assert len(repr(e).splitlines()) > 2
    assert len(e.to_frame()) > 0


@pytest.mark.parametrize("case", EFFICIENT, ids=str)
def test_values_add_up_to_the_prediction(case: ModalCase) -> None:
    assert_allclose(case.explain(rng=0).residual, 0, atol=1e-9)


@pytest.mark.parametrize("case", FAIR, ids=str)
def test_dummies_get_nothing_and_twins_the_same(case: ModalCase) -> None:
    e = case.explain(rng=0)
    values = e.values.reshape(ROWS, -1, 2)

    for row, player in case.kind.dummies:
        assert_allclose(values[row, player], 0, atol=1e-9)
    for row, a, b in case.kind.twins:
        assert_allclose(values[row, a], values[row, b], atol=1e-9)


@every_case
def test_the_evaluations_recorded_are_those_made(case: ModalCase) -> None:
    model = case.kind.model()

    e = wh.explain(model, case.kind.X, case.method, rng=0)

    assert e.provenance.evaluations == model.asked


@pytest.mark.parametrize("case", BUDGETED, ids=str)
def test_the_budget_is_kept(case: ModalCase) -> None:
    budget = case.way.budget
    for i in range(ROWS):
        e = case.explain(take(case.kind.X, [i]), rng=0)
        beside = 2 + 6  # the row itself, again to see that the model answers alike, and nobody
        assert budget is not None
        assert e.provenance.evaluations <= budget + beside


@every_case
def test_saved_and_loaded_it_is_the_same(case: ModalCase, tmp_path: Path) -> None:
    e = case.explain(rng=0)

    back = wh.load(e.save(tmp_path / "e.whence"))

    assert_same_bytes(back, e)
    assert back.names == e.names
    assert back.provenance == e.provenance
    assert back.data is not None
    assert back.data.digest() == e.data.digest()
    assert_same_bytes(back[1], e[1])


@every_case
def test_pickled_it_is_the_same(case: ModalCase) -> None:
    e = case.explain(rng=0)

    assert_same_bytes(pickle.loads(pickle.dumps(e)), e)  # noqa: S301  our own bytes
    assert type(pickle.loads(pickle.dumps(case.method))) is type(case.method)  # noqa: S301  as above


@pytest.mark.parametrize("way", WAYS)
def test_what_the_masker_cannot_hide_is_refused(way: str) -> None:
    method = ModalCase("table", way).method

    with pytest.raises(wh.InputError, match=r"images|table"):
        wh.explain(lambda X: X.mean(axis=(1, 2, 3)), np.zeros((2, 4, 4, 3)), method)


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_answers_nan_half_way_is_refused(way: str) -> None:
    case = ModalCase("table", way)

    def model(X: pd.DataFrame) -> Any:  # noqa: ANN401  an array
        answer = case.kind.answer(X)
        return answer if len(X) < ROWS + 2 else np.full_like(answer, np.nan)

    with pytest.raises(wh.InputError, match="nan"):
        wh.explain(model, case.kind.X, case.method, rng=0)


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_changes_its_mind_is_refused(way: str) -> None:
    case, noise = ModalCase("table", way), np.random.default_rng(0)

    with pytest.raises(wh.VerificationError, match="asked twice"):
        wh.explain(
            lambda X: case.kind.answer(X) + noise.normal(size=(len(X), 2)), case.kind.X, case.method
        )


@pytest.mark.parametrize("way", [w for w in WAYS if WAYS[w].budget is not None])
def test_an_interrupt_gives_what_is_known_so_far(way: str) -> None:
    case, calls = ModalCase("table", way), []

    def model(X: pd.DataFrame) -> Any:  # noqa: ANN401  an array
        calls.append(len(X))
        if len(calls) > 6:
            raise KeyboardInterrupt
        return case.kind.answer(X)

    e = wh.explain(model, case.kind.X, case.method, rng=0)

    assert 1 <= len(e) <= ROWS
    if len(e) < ROWS:
        assert "Interrupted" in e.provenance.warnings[-1]
    assert np.isfinite(e.values).all()


@pytest.mark.parametrize("kind", ["table", "images", "texts", "series"])
def test_the_exact_value_is_met_in_the_limit(kind: str) -> None:
    case = ModalCase(kind, "ExactShap")
    exact, model, masker = case.explain().values, case.kind.answer, case.kind.masker

    all_asked = wh.explain(model, case.kind.X, wh.KernelShap(masker=masker, tolerance=None))
    assert_allclose(all_asked.values, exact, atol=1e-8)
    walks = wh.PermutationShap(masker=masker, budget=20_000, tolerance=None)
    walked = wh.explain(model, case.kind.X, walks, rng=0)
    assert walked.stderr is not None
    assert (np.abs(walked.values - exact) <= 5 * walked.stderr + 1e-9).all()


LINEAR = [
    wh.LinearShap(background=np.random.default_rng(3).normal(size=(30, 4))),
    wh.LinearShap(
        background=np.random.default_rng(3).normal(size=(30, 4)) @ np.tri(4),
        feature_dependence="correlated",
    ),
]


@pytest.mark.parametrize("method", LINEAR, ids=["independent", "correlated"])
def test_linear_models_obey_the_laws(method: wh.LinearShap) -> None:
    from sklearn.linear_model import Ridge

    X = np.random.default_rng(4).normal(size=(9, 4))
    model = Ridge().fit(X, X[:, 0] - 2 * X[:, 2])
    e, order = wh.explain(model, X, method, rng=0), np.random.default_rng(1).permutation(9)

    assert_same_bytes(wh.explain(model, X, method, rng=0), e)
    assert_same_bytes(wh.explain(model, X, method, rng=0, n_jobs=2), e)
    assert_allclose(wh.explain(model, X[order], method, rng=0).values, e.values[order], atol=1e-12)
    assert_allclose(e.residual, 0, atol=1e-12)
    assert e.values.shape == (9, 4, 1)


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_a_global_importance_obeys_the_laws(loss: str) -> None:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    X = np.random.default_rng(4).normal(size=(60, 3))
    signal = X[:, 0] - X[:, 1]
    y = signal > 0 if loss == "log_loss" else signal
    model = (LogisticRegression if loss == "log_loss" else LinearRegression)().fit(X, y)
    method = wh.Sage(background=X[:20])

    e = wh.explain(model, X, method, y=y, rng=0)

    assert_same_bytes(wh.explain(model, X, method, y=y, rng=0), e)
    assert (len(e), e.names.rows, e.values.shape) == (1, ("all",), (1, 3, 1))
    assert e.stderr is not None
    assert (np.abs(e.residual) < 5 * np.sqrt((e.stderr**2).sum()) + 1e-9).all()
    assert e.values[0, :2, 0].min() > 3 * abs(e.values[0, 2, 0])
    with pytest.raises(wh.InputError, match="y"):
        wh.explain(model, X, method)
