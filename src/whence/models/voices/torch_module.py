"""Modules of torch, asked in evaluation mode, without gradients, and left as they were.

A module is asked with one tensor, on the device and in the type of its first floating parameter.
Whole numbers stay whole numbers (int64) if the module begins with an Embedding, which reads them as
ids; for any other module they become numbers of its type, bytes of images included. The tensor is a
copy, since a module may write into what it is asked with. Texts are handed over as a list.

Many rows are handed over a few at a time. What a layer makes of them then stays in the cache of the
processor until the next layer reads it: up to twice as fast as all at once, in little memory. How
many rows those are follows from what is made of the first few.

The answer is a tensor, or an object with ``logits``, as models of Hugging Face give.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from whence.core.errors import InputError
from whence.core.inputs import Inputs, Texts
from whence.core.table import Table
from whence.core.types import Floats
from whence.models.predict import Predict
from whence.models.voices.form import is_tensor, numeric_form

Module: TypeAlias = Any
"""A torch.nn.Module."""

_EMBEDDINGS = ("Embedding", "EmbeddingBag")
_COMPILED = "OptimizedModule"
"""What torch.compile makes, which compiles again for each new number of rows."""
_CACHE = 4_000_000
"""Bytes that a layer may make of the rows of one part, for each thread of the processor."""
_ON_DEVICE = 500_000_000
"""The same on a graphics card, whose many threads want many rows."""
_WIDER = 8
"""Times the bytes of a row that a layer makes of it, at a guess."""
_FEW = 256
"""Rows that are few in any case."""

_training = threading.RLock()
"""Held while the mode of a module in training is another than the user's."""


def is_module(model: object) -> bool:
    """Tell whether a model is a module of torch."""
    return any(
        cls.__name__ == "Module" and cls.__module__ == "torch.nn.modules.module"
        for cls in type(model).__mro__
    )


def torch_module(model: Module) -> Predict:
    """Return the view of a module: tensor -> tensor of shape (rows,) or (rows, outputs)."""
    name = f"The model ({type(model).__name__})"
    voice = _Torch(module=model, name=name)
    return Predict(say=voice, name=name, library="torch", slope=voice.slope)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Torch:
    module: Module
    name: str

    def __call__(self, inputs: Inputs) -> object:
        texts = list(inputs.strings) if isinstance(inputs, Texts) else None
        rows = None if texts is not None else numeric_form(inputs, self.name)
        try:
            with sys.modules["torch"].no_grad(), _evaluating(self.module):
                return self._in_parts(rows) if texts is None else self._said(texts)
        except (TypeError, AttributeError) as error:
            if isinstance(inputs, Texts):  # most modules know tensors alone
                raise InputError(
                    f"{self.name} was asked with a list of texts and raised {error}. Explain a "
                    "function of texts instead, which makes numbers of them, as its tokenizer "
                    "does, and then asks the model."
                ) from error
            raise

    def _in_parts(self, rows: Any) -> object:  # noqa: ANN401  an array or a tensor
        """Ask about a few rows at a time, the first of them as many as are few in any case."""
        few = min(_FEW, max(1, int(_CACHE / (_WIDER * max(1, rows[:1].nbytes)))))
        if len(rows) <= 2 * few or type(self.module).__name__ == _COMPILED:
            return self._said(self._tensor(rows))
        from whence.models.voices.torch_sizes import Largest

        with Largest(few) as seen:
            parts = [self._said(self._tensor(rows[:few]))]
        if not is_tensor(parts[0]) or parts[0].ndim == 0:  # of which there is no whole to make
            return self._said(self._tensor(rows))
        most = max(few, int(self._cache(parts[0]) * few / max(1, seen.bytes)))
        left = len(rows) - few
        size = -(-left // -(-left // most))  # as many in each
        parts += [self._said(self._tensor(rows[i : i + size])) for i in range(few, len(rows), size)]
        return sys.modules["torch"].cat(parts)

    def _said(self, rows: Any) -> Any:  # noqa: ANN401  whatever a module answers
        said = self.module(rows)
        return getattr(said, "logits", said)

    def _cache(self, answer: Any) -> int:  # noqa: ANN401  a tensor
        """Return the bytes that may be made of the rows of one part."""
        if answer.device.type != "cpu":
            return _ON_DEVICE
        return _CACHE * int(sys.modules["torch"].get_num_threads())

    def slope(self, table: Table, weights: Floats) -> tuple[Floats, Floats]:
        """Return what the module answers, and the gradient of its weighted sum by the numbers.

        Gradients that the parameters hold are left as they are.
        """
        torch = sys.modules["torch"]
        rows = self._tensor(numeric_form(table, self.name))
        if not rows.is_floating_point():
            raise InputError(f"{self.name} reads ids, by which there is no gradient.")
        with torch.enable_grad(), _evaluating(self.module):
            rows.requires_grad_(True)
            said = self.module(rows)
            said = getattr(said, "logits", said).reshape(len(rows), -1)
            pulled = said * torch.as_tensor(weights, dtype=said.dtype, device=said.device)
            (found,) = torch.autograd.grad(pulled.sum(), rows)
        answers, slopes = (part.detach().cpu().double().numpy() for part in (said, found))
        return answers, slopes

    def _tensor(self, rows: Any) -> Any:  # noqa: ANN401  tensors are not known here
        torch = sys.modules["torch"]
        tensor = rows if is_tensor(rows) else torch.from_numpy(_writable(rows))
        like = next((p for p in _weights(self.module) if p.is_floating_point()), None)
        device, dtype = tensor.device, tensor.dtype
        if like is not None:
            device, dtype = like.device, like.dtype
        elif not tensor.is_floating_point():
            dtype = torch.get_default_dtype()
        if not tensor.is_floating_point() and _reads_ids(self.module):
            dtype = torch.int64
        return tensor.detach().to(device=device, dtype=dtype, copy=True)


def _writable(rows: Any) -> Any:  # noqa: ANN401  torch warns of arrays that cannot be written to
    plain = np.ascontiguousarray(rows)
    return plain if plain.flags.writeable else plain.copy()


def _weights(module: Module) -> Iterator[Any]:
    yield from module.parameters()
    yield from module.buffers()


def _reads_ids(module: Module) -> bool:
    """Tell whether the first part of a module that has parameters is an Embedding."""
    for part in module.modules():
        if next(iter(part.parameters(recurse=False)), None) is not None:
            return getattr(part, "original_name", type(part).__name__) in _EMBEDDINGS
    return False


@contextmanager
def _evaluating(module: Module) -> Iterator[None]:
    """Put a module into evaluation mode; afterwards each of its parts is in the mode it was in.

    A module that is in evaluation mode already is asked by many threads at once. One in training
    is asked by one at a time, else one thread would restore what another still needs.
    """
    with _training:
        modes = [(part, part.training) for part in module.modules()]
        if any(training for _, training in modes):
            try:
                with suppress(NotImplementedError):  # what was exported has one mode alone
                    module.eval()
                yield
            finally:
                with suppress(NotImplementedError):
                    if modes[0][1]:
                        module.train()  # which undoes what an `eval` of the user's own did
                for part, training in modes:
                    part.training = training
            return
    yield
