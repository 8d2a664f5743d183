"""Operations are seen whatever wrote them, and recurrent layers are the sum of their steps."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.testing import assert_close

from whence.core.errors import UnsupportedModelError
from whence.deep.engine.operations import Call, Operations


class Watch(Operations):
    """Does every operation as it is, and notes its kind and name."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []

    def rule(self, call: Call) -> Any:  # noqa: ANN401  whatever the operation gives
        self.seen.append((call.kind, call.name))
        return call.plain()


def inputs(*shape: int) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(
    ("make", "args"),
    [
        (nn.LSTM, {}),
        (nn.LSTM, {"num_layers": 2, "bidirectional": True, "batch_first": True}),
        (nn.LSTM, {"proj_size": 2}),
        (nn.LSTM, {"proj_size": 2, "num_layers": 2, "bias": False, "bidirectional": True}),
        (nn.LSTM, {"bias": False}),
        (nn.GRU, {"num_layers": 2, "bidirectional": True}),
        (nn.GRU, {"batch_first": True, "bias": False}),
        (nn.RNN, {"nonlinearity": "relu", "num_layers": 2}),
        (nn.RNN, {"batch_first": True}),
    ],
)
def test_a_recurrent_layer_is_the_loop_over_its_steps(
    make: Callable[..., nn.Module], args: dict[str, Any]
) -> None:
    X = inputs(5, 3, 4)
    layer = make(4, 6, **args).double()
    for parameter in layer.parameters():
        parameter.requires_grad_(False)
    whole, state = layer(X)

    with (watch := Watch()):
        steps, last = layer(X)

    assert_close(steps, whole)
    assert_close(last, state)
    assert ("linear", "linear") in watch.seen
    (a,) = torch.autograd.grad(steps.sum(), X)
    (b,) = torch.autograd.grad(whole.sum(), X)
    assert_close(a, b)


@pytest.mark.parametrize("order", [[5, 3, 1], [2, 5, 2], [4, 4, 4]])
@pytest.mark.parametrize(
    ("make", "args"),
    [
        (nn.LSTM, {"num_layers": 2, "bidirectional": True, "proj_size": 2}),
        (nn.GRU, {"bidirectional": True}),
        (nn.RNN, {"num_layers": 2}),
    ],
)
def test_a_packed_sequence_is_one_too_and_rows_end_where_they_end(
    make: Callable[..., nn.Module], args: dict[str, Any], order: list[int]
) -> None:
    X, lengths = inputs(3, 5, 4), torch.tensor(order)
    layer = make(4, 6, batch_first=True, **args).double().requires_grad_(False)

    def run() -> tuple[Tensor, Any]:
        packed = nn.utils.rnn.pack_padded_sequence(
            X, lengths, batch_first=True, enforce_sorted=False
        )
        out, state = layer(packed)
        return nn.utils.rnn.pad_packed_sequence(out, batch_first=True)[0], state

    whole, state = run()
    with (watch := Watch()):
        steps, last = run()

    assert_close(steps, whole)
    assert_close(last, state)
    assert ("linear", "linear") in watch.seen
    (a,) = torch.autograd.grad(steps.square().sum(), X)
    (b,) = torch.autograd.grad(whole.square().sum(), X)
    assert_close(a, b)


@pytest.mark.parametrize(
    "relu",
    [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        functional.relu,
        torch.relu,
        Tensor.relu,
        Tensor.relu_,
        torch.relu_,
        lambda x: functional.relu(x, inplace=True),
    ],
)
def test_one_operation_is_one_however_it_is_written(relu: Callable[[Tensor], Tensor]) -> None:
    X = inputs(3, 4)

    with (watch := Watch()):
        out = relu(X * 1.0)

    assert ("unary", "relu") in watch.seen
    assert_close(out, X.relu())


def test_what_was_worked_on_in_place_is_what_came_out_from_then_on() -> None:
    X = inputs(3, 4)

    def network(X: Tensor) -> Tensor:
        h = X * 2.0
        h.sigmoid_()
        h = h * 1.0
        h += 1
        h[:, 0] = 5.0
        h[:, 1] += 1
        functional.hardtanh_(h, -2.0, 2.0)
        return h

    plain = network(X)
    with (watch := Watch()):
        seen = watch.current(network(X))

    assert_close(seen, plain)
    (a,) = torch.autograd.grad(seen.sum(), X)
    (b,) = torch.autograd.grad(plain.sum(), X)
    assert_close(a, b)


def test_work_in_place_on_a_part_is_refused_by_name() -> None:
    X = inputs(3, 4)

    with Watch(), pytest.raises(UnsupportedModelError, match="relu"):
        (X * 1.0)[:, 0].relu_()


def test_a_choice_by_what_depends_on_the_input_is_refused_by_name() -> None:
    X = inputs(3, 4)

    with Watch(), pytest.raises(UnsupportedModelError, match=r"where.*'gt'|where.*'__gt__'"):
        torch.where(~(X > 0), 0.0, X)


def test_what_does_not_depend_on_the_leaf_is_left_alone() -> None:
    X = inputs(3, 4)

    with (watch := Watch()):
        mask = torch.arange(4) > 1
        torch.where(mask, X, 0.0)

    assert watch.seen == [("move", "where")]
