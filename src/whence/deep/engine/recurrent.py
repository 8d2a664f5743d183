"""LSTM, GRU and plain recurrent layers as a loop over time of the operations they are made of.

The fused kernels hide what happens inside, and cuDNN's have no backward pass in evaluation mode.
With the gates i, f, g, o of an LSTM and r, z, n of a GRU, in the order of torch's weights:

    LSTM   c = f c' + i g,  h = o tanh(c)
    GRU    n = tanh(W x + r (U h')),  h = (1 - z) n + z h'
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

Gated: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Gate, signal -> their product."""
State: TypeAlias = tuple[Tensor, ...]

RECURRENT: Final = frozenset({
    "lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell",
    "rnn_relu_cell",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Weights:
    """Of one layer in one direction."""

    of_input: Tensor
    of_state: Tensor
    input_bias: Tensor | None
    state_bias: Tensor | None
    projection: Tensor | None


def unrolled(name: str, args: tuple[Any, ...], gated: Gated) -> Any:  # noqa: ANN401  as torch gives it
    """Do what ``torch.lstm``, ``torch.gru`` or ``torch.rnn_tanh`` do, step by step.

    Parameters
    ----------
    name : str
        Also of a single step, such as "lstm_cell".
    args : tuple
        As the function of torch takes them: input, state, weights, has_biases, num_layers,
        dropout, train, bidirectional, batch_first; of a step input, state, weights and biases.
    gated : callable
        Multiplies a gate with what it lets pass.
    """
    if name.endswith("_cell"):
        return _cell(name.removesuffix("_cell"), args, gated)
    if isinstance(args[3], (list, tuple)):
        return _packed(name, args, gated)
    X, given, flat, biases, layers, _, _, both, first = args
    X = X.transpose(0, 1) if first else X
    steps, final = _layers(
        name, X.unbind(0), given, _weights(list(flat), biases=biases, projected=name == "lstm"),
        gated, layers=layers, both=both,
    )  # fmt: skip
    out = torch.stack(steps)
    return (out.transpose(0, 1) if first else out, *final)


def _packed(name: str, args: tuple[Any, ...], gated: Gated) -> Any:  # noqa: ANN401  as torch gives it
    """Do the same of a packed sequence, whose steps have fewer rows from one to the next."""
    X, sizes, given, flat, biases, layers, _, _, both = args
    steps, final = _layers(
        name, X.split(sizes.tolist()), given,
        _weights(list(flat), biases=biases, projected=name == "lstm"),
        gated, layers=layers, both=both,
    )  # fmt: skip
    return (torch.cat(steps), *final)


def _layers(
    name: str, steps: Sequence[Tensor], given: Tensor | State, weights: list[_Weights],
    gated: Gated, *, layers: int, both: bool,
) -> tuple[tuple[Tensor, ...], State]:  # fmt: skip
    """Run layers one upon the other; return the steps of the last, and the final states of all."""
    states = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    directions = 2 if both else 1
    last: list[State] = []
    for layer in range(layers):
        outs = []
        for direction in range(directions):
            place = layer * directions + direction
            state = tuple(part[place] for part in states)
            out, state = _direction(name, steps, state, weights[place], gated, back=direction == 1)
            outs.append(out)
            last.append(state)
        steps = [torch.cat(pair, dim=1) for pair in zip(*outs, strict=True)] if both else outs[0]
    return tuple(steps), tuple(torch.stack(parts) for parts in zip(*last, strict=True))


def _cell(name: str, args: tuple[Any, ...], gated: Gated) -> Any:  # noqa: ANN401  as torch gives it
    """Do a single step, of inputs (rows, features)."""
    X, given, of_input, of_state, *biases = args
    input_bias, state_bias = biases or (None, None)
    weights = _Weights(
        of_input=of_input, of_state=of_state, input_bias=input_bias, state_bias=state_bias,
        projection=None,
    )  # fmt: skip
    state = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    state = _step(name)(X, state, weights, gated)
    return state if name == "lstm" else state[0]


def _step(name: str) -> Callable[[Tensor, State, _Weights, Gated], State]:
    return {"lstm": _lstm, "gru": _gru}.get(name) or _plain(name)


def _weights(flat: list[Tensor], *, biases: bool, projected: bool) -> list[_Weights]:
    """Sort the flat weights of torch by layer and direction."""
    each = 4 if biases else 2
    gates = flat[0].shape[0]
    narrow = projected and len(flat) > each and flat[each].shape[0] * 4 != gates
    narrow = narrow and len(flat) % (each + 1) == 0 and flat[1].shape[1] * 4 != gates
    each += int(narrow)
    found = []
    for start in range(0, len(flat), each):
        part = flat[start : start + each]
        found.append(
            _Weights(
                of_input=part[0],
                of_state=part[1],
                input_bias=part[2] if biases else None,
                state_bias=part[3] if biases else None,
                projection=part[-1] if narrow else None,
            )
        )
    return found


def _direction(
    name: str, steps: Sequence[Tensor], start: State, weights: _Weights, gated: Gated, *, back: bool
) -> tuple[list[Tensor], State]:
    """Run one layer in one direction over steps of shape (rows, features).

    Rows of a packed sequence end one after the other, the last first, and begin so on the way back.
    """
    step, outs, ended = _step(name), list[Tensor](), list[State]()
    state = tuple(part[:0] for part in start) if back else start
    for x in reversed(steps) if back else steps:
        here, rows = len(state[0]), len(x)
        if here > rows:
            ended.append(tuple(part[rows:] for part in state))
            state = tuple(part[:rows] for part in state)
        elif rows > here:
            new = tuple(part[here:rows] for part in start)
            state = _joined([state, new]) if here else new
        state = step(x, state, weights, gated)
        outs.append(state[0])
    return outs[::-1] if back else outs, _joined([state, *ended[::-1]])


def _joined(states: list[State]) -> State:
    """Put rows of states one below the other."""
    if len(states) == 1:
        return states[0]
    return tuple(torch.cat(parts) for parts in zip(*states, strict=True))


def _lstm(x: Tensor, state: State, w: _Weights, gated: Gated) -> State:
    h, c = state
    both = functional.linear(x, w.of_input, w.input_bias) + functional.linear(
        h, w.of_state, w.state_bias
    )
    i, f, g, o = both.chunk(4, dim=1)
    c = gated(torch.sigmoid(f), c) + gated(torch.sigmoid(i), torch.tanh(g))
    h = gated(torch.sigmoid(o), torch.tanh(c))
    if w.projection is not None:
        h = functional.linear(h, w.projection)
    return h, c


def _gru(x: Tensor, state: State, w: _Weights, gated: Gated) -> State:
    (h,) = state
    rx, zx, nx = functional.linear(x, w.of_input, w.input_bias).chunk(3, dim=1)
    rh, zh, nh = functional.linear(h, w.of_state, w.state_bias).chunk(3, dim=1)
    reset, update = torch.sigmoid(rx + rh), torch.sigmoid(zx + zh)
    new = torch.tanh(nx + gated(reset, nh))
    return (gated(1 - update, new) + gated(update, h),)


def _plain(name: str) -> Callable[[Tensor, State, _Weights, Gated], State]:
    act = torch.tanh if name == "rnn_tanh" else torch.relu

    def step(x: Tensor, state: State, w: _Weights, gated: Gated) -> State:  # noqa: ARG001  no gates
        of_input = functional.linear(x, w.of_input, w.input_bias)
        return (act(of_input + functional.linear(state[0], w.of_state, w.state_bias)),)

    return step
