"""The laws that every method obeys which opens a network."""

import copy
import pickle
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

import whence as wh
from deep.laws import CASES, COMPLETE, LAYERED, OUTPUTS, ROWS, TARGETED, DeepCase
from laws.test_laws import assert_same_bytes

NEAR = 1e-10
every_case = pytest.mark.parametrize("case", CASES, ids=str)


def take(X: Any, rows: Any) -> Any:  # noqa: ANN401  rows of any kind
    return [X[i] for i in rows] if isinstance(X, list) else X[rows]


def assert_near(a: Any, b: Any) -> None:  # noqa: ANN401  any explanation
    """Compare rows that may have been filled up to different widths, but for rounding."""
    for name in a.per_row:
        left, right = getattr(a, name), getattr(b, name)
        assert (left is None) == (right is None), name
        if left is None:
            continue
        if left.ndim > 1:
            width = min(left.shape[1], right.shape[1])
            assert not left[:, width:].any(), name
            assert not right[:, width:].any(), name
            left, right = left[:, :width], right[:, :width]
        scale = max(1.0, float(np.abs(left).max(initial=0)))
        assert_allclose(left, right, rtol=0, atol=NEAR * scale, err_msg=name)


def state_of(module: nn.Module) -> tuple[Any, ...]:
    """Return what a method might leave behind in a module or in torch."""
    return (
        [part.training for part in module.modules()],
        [p.requires_grad for p in module.parameters()],
        [p.grad for p in module.parameters()],
        [len(part._forward_hooks) + len(part._backward_hooks) for part in module.modules()],  # noqa: SLF001  that is what is left
        [len(part._forward_pre_hooks) + len(part._backward_pre_hooks) for part in module.modules()],  # noqa: SLF001  as above
        [sorted(vars(part)) for part in module.modules()],
        [tensor.tolist() for tensor in module.state_dict().values()],
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
        torch.backends.mha.get_fastpath_enabled(),
    )


@every_case
def test_the_same_seed_gives_the_same_bytes(case: DeepCase) -> None:
    assert_same_bytes(case.explain(), case.whole())


@every_case
def test_a_batch_is_its_rows_one_by_one_in_any_order(case: DeepCase) -> None:
    whole = case.whole()
    order = np.random.default_rng(1).permutation(ROWS)

    assert_near(case.explain(take(case.kind.X, order)), whole[order])
    for i in range(ROWS):
        assert_near(case.explain(take(case.kind.X, [i])), whole[i])


@every_case
def test_the_memory_allowed_changes_nothing(case: DeepCase) -> None:
    whole = case.whole()

    assert_near(case.explain(memory=1), whole)
    assert_near(case.explain(memory=30_000), whole)


@every_case
def test_blocks_on_threads_agree(case: DeepCase) -> None:
    many = np.arange(66) % ROWS

    e = wh.explain(case.kind.view(), take(case.kind.X, many), case.method(), rng=0, n_jobs=2)

    assert_near(e, case.whole()[many])


@every_case
def test_calls_from_two_threads_at_once_agree(case: DeepCase) -> None:
    module, alone = case.kind.module(), case.whole()
    before = state_of(module)

    def one(_: int) -> Any:  # noqa: ANN401  any explanation
        return wh.explain(case.kind.view(module), case.kind.X, case.method(), rng=0)

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(one, range(4)))

    for result in together:
        assert_same_bytes(result, alone)
    assert state_of(module) == before


@every_case
def test_a_bound_method_says_the_same_again_and_again(case: DeepCase) -> None:
    bound, whole = wh.bind(case.kind.view(), case.method()), case.whole()

    assert_near(bound.explain(case.kind.X, rng=0), whole)
    assert_near(bound.explain(case.kind.X, rng=0), whole)


@every_case
def test_inputs_stay_as_they_were_and_may_be_read_only(case: DeepCase) -> None:
    X = copy.deepcopy(case.kind.X)
    if isinstance(X, np.ndarray):
        X.flags.writeable = False

    e = case.explain(X)

    assert_same_bytes(e, case.whole())
    assert_array_equal(X, case.kind.X)


@every_case
def test_tensors_are_explained_like_arrays_and_left_alone(case: DeepCase) -> None:
    if isinstance(case.kind.X, list):
        pytest.skip("texts are no tensors")
    X = torch.from_numpy(case.kind.X.copy()).requires_grad_()

    e = case.explain(X)

    assert_near(e, case.whole())
    assert X.grad is None
    assert_array_equal(X.detach().numpy(), case.kind.X)


@every_case
def test_global_generators_are_left_alone(case: DeepCase) -> None:
    legacy, python = np.random.get_state(), random.getstate()  # noqa: NPY002  that is what is tested
    own = torch.get_rng_state()

    case.explain(rng=1)

    assert random.getstate() == python
    assert_array_equal(np.random.get_state()[1], legacy[1])  # noqa: NPY002  as above
    assert torch.equal(torch.get_rng_state(), own)


@every_case
def test_the_module_is_left_as_it_was(case: DeepCase) -> None:
    module = case.kind.module()
    part = next(module.children())
    part.eval()
    next(module.parameters()).requires_grad_(False)
    before = state_of(module)

    wh.explain(case.kind.view(module), case.kind.X, case.method(), rng=0)

    assert state_of(module) == before


@every_case
def test_the_module_is_left_as_it_was_after_an_error_half_way(case: DeepCase) -> None:
    class BrokenError(RuntimeError):
        pass

    def breaks(*_: object) -> None:
        raise BrokenError

    module = case.kind.module()
    last = list(module.children())[-1]
    handle = last.register_forward_pre_hook(breaks)
    before = state_of(module)

    with pytest.raises(wh.InputError, match="BrokenError"):
        wh.explain(case.kind.view(module), case.kind.X, case.method(), rng=0)

    assert state_of(module) == before
    handle.remove()


@every_case
def test_gradients_may_be_off_around_the_call(case: DeepCase) -> None:
    view = case.kind.view()

    with torch.no_grad():
        off = wh.explain(view, case.kind.X, case.method(), rng=0)
    with torch.inference_mode():
        inferring = wh.explain(view, case.kind.X, case.method(), rng=0)

    assert_near(off, case.whole())
    assert_near(inferring, off)


@every_case
def test_shapes_names_and_numbers_are_whole(case: DeepCase) -> None:
    e = case.whole()

    assert len(e) == ROWS
    assert e.base_values.shape == e.outputs.shape == (ROWS, 1)
    assert e.values.dtype == e.outputs.dtype == np.float64
    assert e.values.shape[0] == ROWS
    assert e.values.shape[-1] == len(e.names.outputs) == 1
    for part in (e.values, e.base_values, e.outputs):
        assert np.isfinite(part).all()
    if e.stderr is not None:
        assert e.stderr.shape == e.values.shape
        assert (e.stderr >= 0).all()
        assert np.isfinite(e.stderr).all()
    assert not e.names.features or len(e.names.features) == np.prod(e.values.shape[1:-1])
    assert e.mask is None or not e.values[~e.mask].any()
    assert e.values.any()
    assert e.data is not None
    assert len(e.importance().values) == 1
    assert len(repr(e).splitlines()) > 2
    assert len(e.to_frame()) > 0
    assert e.provenance.references


@pytest.mark.parametrize("case", COMPLETE, ids=str)
def test_values_add_up_to_the_output_less_the_base_value(case: DeepCase) -> None:
    e = case.whole()

    size = np.abs(e.outputs) + np.abs(e.base_values)
    assert (np.abs(e.residual) <= case.way.complete * size + NEAR).all()


@every_case
def test_the_evaluations_recorded_are_the_rows_passed(case: DeepCase) -> None:
    module, passed = case.kind.module(), []
    module.register_forward_pre_hook(
        lambda _, args, named: passed.append(len((*args, *named.values())[0])), with_kwargs=True
    )

    e = wh.explain(case.kind.view(module), case.kind.X, case.method(), rng=0)

    assert sum(passed) >= ROWS
    if case.way.whole:
        assert e.provenance.evaluations == sum(passed)
    else:
        assert e.provenance.evaluations > sum(passed)


def _answer(answer: torch.Tensor) -> torch.Tensor:
    return answer[:, 0] - answer[:, 1]


_FORMS: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "number": (lambda: 1, ("y1",)),
    "name": (lambda: "y2", ("y2",)),
    "predicted": (lambda: "predicted", ("predicted",)),
    "all": (lambda: "all", ("y0", "y1", "y2")),
    "contrast": (lambda: wh.Contrast(of=0, against=1), ("y0 - y1",)),
    "several": (
        lambda: (2, wh.Contrast(), "predicted"), ("y2", "predicted - runner-up", "predicted")
    ),
    "function": (lambda: _answer, ("score",)),
}  # fmt: skip


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize("case", TARGETED, ids=str)
def test_every_form_of_target_is_explained(case: DeepCase, form: str) -> None:
    make, names = _FORMS[form]

    e = case.explain(target=make())

    view, scores = case.kind.view(), np.empty((ROWS, OUTPUTS))
    said = wh.explain(view, case.kind.X, wh.Saliency(target="all"))
    scores = said.outputs
    ranked, row = np.argsort(-scores, axis=1), np.arange(ROWS)
    of = {f"y{i}": scores[:, i] for i in range(OUTPUTS)}
    of["predicted"] = scores[row, ranked[:, 0]]
    of["predicted - runner-up"] = of["predicted"] - scores[row, ranked[:, 1]]
    of["y0 - y1"] = of["score"] = scores[:, 0] - scores[:, 1]
    assert e.names.outputs == names
    assert_allclose(e.outputs, np.stack([of[name] for name in names], axis=1), atol=NEAR)
    assert e.values.shape[-1] == len(names)


@pytest.mark.parametrize("case", TARGETED, ids=str)
def test_a_contrast_is_what_a_function_says(case: DeepCase) -> None:
    e = case.explain(target=wh.Contrast(of=0, against=1))

    by_function = case.explain(target=_answer)

    assert_allclose(by_function.values, e.values, atol=NEAR * max(1, np.abs(e.values).max()))


@pytest.mark.parametrize("case", TARGETED, ids=str)
def test_a_target_out_of_range_is_refused(case: DeepCase) -> None:
    with pytest.raises(wh.InputError, match=r"target is 7 and the network has 3 outputs"):
        case.explain(target=7)


@pytest.mark.parametrize("case", LAYERED, ids=str)
def test_a_layer_is_explained_in_any_memory(case: DeepCase) -> None:
    e = case.explain(layer=case.kind.layer)

    assert e.values.shape[0] == ROWS
    assert np.isfinite(e.values).all()
    assert_near(case.explain(layer=case.kind.layer, memory=1), e)


@pytest.mark.parametrize("case", LAYERED, ids=str)
def test_a_layer_that_is_none_is_refused(case: DeepCase) -> None:
    with pytest.raises(wh.InputError, match=r"layer is 'heda'"):
        case.explain(layer="heda")


@every_case
def test_saved_and_loaded_it_is_the_same(case: DeepCase, tmp_path: Path) -> None:
    e = case.whole()

    back = wh.load(e.save(tmp_path / "e.whence"))

    assert_same_bytes(back, e)
    assert back.names == e.names
    assert back.provenance == e.provenance
    assert back.data is not None
    assert back.data.digest() == e.data.digest()


@every_case
def test_method_and_result_can_be_pickled(case: DeepCase) -> None:
    e, method = case.whole(), pickle.loads(pickle.dumps(case.method()))  # noqa: S301  our own bytes

    assert_same_bytes(pickle.loads(pickle.dumps(e)), e)  # noqa: S301  as above
    assert_same_bytes(wh.explain(case.kind.view(), case.kind.X, method, rng=0), e)
