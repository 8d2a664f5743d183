"""A module held in evaluation mode with frozen parameters, and left as it was, come what may.

Several threads may hold one module at once. The first notes how it was, the last one puts it back:
modes, ``requires_grad``, the global generator of torch, and the fast path of attention, which hides
what it computes. Frozen parameters are not only safe from gradients: layers then save no inputs
for them, which halves the memory of a backward pass, and the graph begins where a leaf is put.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn


@dataclass(slots=True, eq=False)
class _State:
    """How a module was before it was held, and by how many it is held."""

    holders: int = 0
    modes: list[tuple[nn.Module, bool]] = field(default_factory=list)
    grads: list[tuple[Tensor, bool]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _World:
    """What is global in torch and touched while anything is held."""

    holders: int = 0
    generator: Tensor | None = None
    fast: bool = True


_lock = threading.RLock()
_states: "WeakKeyDictionary[nn.Module, _State]" = WeakKeyDictionary()
_world = _World()


@contextmanager
def held(module: nn.Module) -> Iterator[None]:
    """Hold a module in evaluation mode, its parameters without gradients.

    Examples
    --------
    >>> module = nn.Dropout()
    >>> with held(module):
    ...     module.training
    False
    >>> module.training
    True
    """
    with ExitStack() as stack:
        stack.callback(_leave, module)
        _enter(module)
        stack.enter_context(torch.inference_mode(mode=False))
        if _recurrent_on_gpu(module):  # cuDNN has no backward pass in evaluation mode
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        yield


def _enter(module: nn.Module) -> None:
    with _lock:
        if not _world.holders:
            _world.generator = torch.get_rng_state()
            _world.fast = torch.backends.mha.get_fastpath_enabled()
            torch.backends.mha.set_fastpath_enabled(value=False)
            torch.default_generator.manual_seed(0)  # what draws in evaluation mode draws the same
        _world.holders += 1
        state = _states.setdefault(module, _State())
        state.holders += 1
        if state.holders > 1:
            return
        state.modes = [(part, part.training) for part in module.modules()]
        state.grads = [(p, p.requires_grad) for p in module.parameters()]
        with suppress(NotImplementedError):  # what was exported has one mode alone
            if any(training for _, training in state.modes):
                module.eval()
        for parameter, wanted in state.grads:
            if wanted:
                parameter.requires_grad_(False)


def _leave(module: nn.Module) -> None:
    with _lock:
        state = _states[module]
        state.holders -= 1
        if not state.holders:
            for parameter, wanted in state.grads:
                if wanted:
                    parameter.requires_grad_(True)
            _restore_modes(module, state.modes)
            del _states[module]
        _world.holders -= 1
        if not _world.holders:
            if _world.generator is not None:
                torch.set_rng_state(_world.generator)
            torch.backends.mha.set_fastpath_enabled(value=_world.fast)


def _restore_modes(module: nn.Module, modes: list[tuple[nn.Module, bool]]) -> None:
    if not any(training for _, training in modes):
        return
    with suppress(NotImplementedError):
        if modes[0][1]:
            module.train()  # which undoes what an `eval` of the user's own did
    for part, training in modes:
        part.training = training


def _recurrent_on_gpu(module: nn.Module) -> bool:
    return any(
        isinstance(part, nn.RNNBase) and any(p.is_cuda for p in part.parameters())
        for part in module.modules()
    )


def drops(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the parts in training mode that answer otherwise in evaluation mode."""
    kinds = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001  the base classes have no other name
    return tuple(
        f"{name or 'the module itself'} ({type(part).__name__})"
        for name, part in module.named_modules()
        if part.training and isinstance(part, kinds)
    )
