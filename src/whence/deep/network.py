"""The Network view: a module of torch that can be opened, at its inputs or behind any layer.

A view is settings alone. What opens a module is in `whence.deep.engine`, which imports torch when
rows are explained.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self, cast
from weakref import WeakKeyDictionary

import numpy as np

from whence.core.check import check_table
from whence.core.digest import digest
from whence.core.errors import InputError, UnsupportedModelError, VerificationError, WhenceError
from whence.core.inputs import Inputs, Texts, inputs_of
from whence.core.method import Output, Rows
from whence.core.response import Response
from whence.core.table import Table
from whence.core.types import Floats, Ints, Level
from whence.models.voices.torch_module import is_module

if TYPE_CHECKING:
    from torch import nn

    from whence.deep.engine.batch import Batch

MEMORY = 1_000_000_000
"""Bytes that one pass with gradients may take, unless the user says otherwise."""

_digests: "WeakKeyDictionary[Any, tuple[tuple[object, ...], str]]" = WeakKeyDictionary()
"""SHA-256 of modules, and what their parameters were at that time."""
_maps: "WeakKeyDictionary[Any, tuple[tuple[object, ...], dict[tuple[object, ...], str]]]" = (
    WeakKeyDictionary()
)
"""Last layers whose output is a map, of modules and by what they were asked, and their parameters
then."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """A module of torch and how it is asked; made by `network`.

    Attributes
    ----------
    module : torch.nn.Module
    name : str
        What messages call it.
    outputs : tuple of str
        Names of its outputs; none where the user gave none.
    tokenizer : callable or None
        Texts -> ids and where they stand.
    arguments : callable or None
        Rows in the user's form -> arguments of the module.
    explained : tuple of int or str
        Which of these arguments are explained; none for all floating ones.
    answer : str, callable or None
        Which part of an answer holds the outputs.
    memory : int
        Bytes that one pass with gradients may take.
    response : str
        What is made of an output: "identity" or "softmax", of one output logistic.
    unit : str
    """

    module: "nn.Module"
    name: str
    outputs: tuple[str, ...] = ()
    tokenizer: Callable[..., Any] | None = None
    arguments: Callable[[Any], Any] | None = None
    explained: tuple[int | str, ...] = ()
    answer: Any = None
    memory: int = MEMORY
    response: Response = "identity"
    unit: str = ""
    _stamp: tuple[object, ...] = field(default=(), repr=False)
    _bytes: dict[tuple[object, ...], float] = field(default_factory=dict, init=False, repr=False)

    features = ()
    classes: tuple[Level, ...] = field(default=(), init=False)
    named = False
    library = "torch"

    @classmethod
    def of(cls, model: object) -> Self:
        """Return the view of a module.

        Raises
        ------
        UnsupportedModelError
            If it is none.
        InputError
            If it has layers of unknown size.
        """
        if not is_module(model):
            raise UnsupportedModelError(
                f"The model is of type {type(model).__name__} and the method reads the layers of "
                "a network. Give a torch.nn.Module, also one of transformers, or a Keras 3 model "
                "on the torch backend; for any other model use a method that asks for "
                "predictions, such as Occlusion or KernelShap."
            )
        module = cast("nn.Module", model)
        if any(type(p).__name__ == "UninitializedParameter" for p in module.parameters()):
            raise InputError(
                f"The network ({type(module).__name__}) has lazy layers that do not know their "
                "size yet. Ask it once about a row, module(row), before it is explained."
            )
        return cls(
            module=module,
            name=f"The network ({type(module).__name__})",
            _stamp=_stamp_of(module),
        )

    def digest(self) -> str:
        """Return the SHA-256 of the parameters and buffers, once for as long as they stay so."""
        known = _digests.get(self.module)
        if known is not None and known[0] == self._stamp:
            return known[1]
        found = digest(
            [
                type(self.module).__qualname__,
                *(
                    part
                    for key, value in self.module.state_dict().items()
                    if hasattr(value, "detach")
                    for part in (key, _bytes_of(value))
                ),
            ]
        )
        _digests[self.module] = (self._stamp, found)
        return found

    def explaining(self, output: Output) -> Self:
        """Return the view of the output itself, or of the probability made of it.

        Raises
        ------
        InputError
            If the network has no such output.
        """
        if output == "raw":
            return self
        if output == "probability":
            return replace(self, response="softmax", unit="probability")
        raise InputError(
            f"output={output!r} was asked of a network. 'raw' and 'probability' can be explained; "
            "for a loss give target=, a function of what the module answers."
        )

    def check(self, inputs: Inputs) -> None:
        """Refuse rows that the network cannot be given, before any work.

        Raises
        ------
        InputError
            If it reads no such rows.
        VerificationError
            If the network was trained since it was bound.
        """
        if self._stamp != _stamp_of(self.module):
            raise VerificationError(
                f"{self.name} was trained or moved since it was bound. Bind it again."
            )
        if isinstance(inputs, Texts) and self.tokenizer is None and self.arguments is None:
            raise InputError(
                f"X holds texts and {self.name[:1].lower()}{self.name[1:]} reads numbers. Give its "
                "tokenizer: wh.network(module, tokenizer=tokenizer)."
            )
        if isinstance(inputs, Table) and self.arguments is None:
            check_table(inputs, inputs.names, named=False)

    def rows(self, inputs: Inputs, labels: Ints | None) -> Rows:
        """Hand on the rows; a method asks the module about them itself."""
        nothing = np.empty((len(inputs), 0))
        return Rows(X=nothing, raw=nothing, outputs=nothing, labels=labels, inputs=inputs)

    def __call__(self, X: object) -> Floats:
        """Return the outputs of the network about rows, so that it can be asked like any model.

        Parameters
        ----------
        X : rows in the user's form

        Returns
        -------
        array of shape (rows, outputs)
        """
        from whence.deep.engine.result import numbers, running

        worded = isinstance(X, (list, tuple)) and all(isinstance(text, str) for text in X)
        inputs = Texts(strings=tuple(X), native=X) if worded else inputs_of(X)  # type: ignore[arg-type]  # worded; also texts of which all is hidden
        with running(self, self.rows(inputs, None), "all") as run:
            return numbers(run.said())

    def call(self, batch: "Batch") -> Any:  # noqa: ANN401  whatever a module answers
        """Ask the module.

        Raises
        ------
        InputError
            If it fails.
        """
        try:
            return self.module(*batch.args, **batch.kwargs)
        except WhenceError:
            raise
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            shapes = [tuple(part.shape) for part in (*batch.args, *batch.kwargs.values())]
            raise InputError(
                f"{self.name} raised {type(error).__name__} when given tensors of shape "
                f"{', '.join(map(str, shapes))}: {str(error).rstrip('. ')}. {self._advice(error)}"
            ) from error

    def _advice(self, error: Exception) -> str:
        """Say what may be the matter when the module fails."""
        if "indices" in str(error) and "Long" in str(error):
            return "It embeds ids: give them as whole numbers, such as X.astype(int)."
        if "index out of range" in str(error):
            return "An id in X is none of those that it has a vector for. Check the vocabulary."
        return (
            "Check that it reads X in this form, rows along the first axis; one row alone is "
            "X[None]. wh.network(module, arguments=...) makes of X what it reads."
        )

    def bytes_of(self, key: tuple[object, ...]) -> float | None:
        """Return the bytes that a row takes in a pass with gradients, if that was measured."""
        return self._bytes.get(key)

    def note_bytes(self, key: tuple[object, ...], each: float) -> None:
        """Note the bytes that a row takes in a pass with gradients."""
        self._bytes[key] = each

    def map_of(self, key: tuple[object, ...]) -> str | None:
        """Return the last layer whose output is a map, if it was found for such rows."""
        stamp, known = _maps.get(self.module, ((), {}))
        return known.get((self.answer, *key)) if stamp == self._stamp else None

    def note_map(self, key: tuple[object, ...], layer: str) -> None:
        """Note the last layer whose output is a map."""
        stamp, known = _maps.get(self.module, ((), {}))
        earlier = known if stamp == self._stamp else {}
        _maps[self.module] = (self._stamp, {**earlier, (self.answer, *key): layer})

    def stamp(self) -> tuple[object, ...]:
        """Return what tells that parameters were changed, without reading them."""
        return _stamp_of(self.module)


def network(
    module: "nn.Module",
    *,
    outputs: tuple[str, ...] = (),
    tokenizer: Callable[..., Any] | None = None,
    arguments: Callable[[Any], Any] | None = None,
    explained: tuple[int | str, ...] = (),
    answer: "str | Callable[[Any], Any] | None" = None,
    memory: float = MEMORY,
) -> Network:
    """Say how a module of torch is asked, where that is not plain from the rows.

    A module that reads one tensor and answers with one needs none of this: hand it to
    ``wh.explain`` as it is.

    Parameters
    ----------
    module : torch.nn.Module
        Also a model of transformers, or one of Keras 3 on the torch backend.
    outputs : tuple of str
        Names of its outputs, such as the classes.
    tokenizer : callable or None
        For texts: a fast tokenizer of Hugging Face, or a function from a list of texts to a dict
        with "input_ids" (texts, tokens), "offset_mapping" (texts, tokens, 2) and, where the module
        reads it, "attention_mask".
    arguments : callable or None
        Rows in the user's own form -> the arguments of the module: a tensor, a tuple of tensors,
        or a dict by name; each with one entry per row.
    explained : tuple of int or str
        Which of these arguments are explained, by position or name; none for all floating ones.
        Several together are players side by side.
    answer : str, callable or None
        Which part of an answer holds the outputs (rows, outputs): its name, or a function. None
        takes a tensor, ``logits``, or what stands first in a tuple.
    memory : float
        Bytes that one pass with gradients may take; rows are cut into chunks accordingly.

    Returns
    -------
    Network
        To be handed to ``wh.explain`` in place of the module.

    Raises
    ------
    UnsupportedModelError
        If it is no module.
    InputError
        If a setting cannot be used.

    Examples
    --------
    >>> import torch
    >>> net = network(torch.nn.Linear(3, 2), outputs=("ham", "spam"))
    >>> net.outputs
    ('ham', 'spam')
    """
    if not isinstance(memory, (int, float)) or isinstance(memory, bool) or not memory > 0:
        raise InputError(f"memory is {memory!r}. A positive number of bytes is needed.")
    if isinstance(outputs, str) or len(set(outputs)) != len(tuple(outputs)):
        raise InputError(f"outputs is {outputs!r:.60}. A tuple of different names is needed.")
    if explained and arguments is None:
        raise InputError(
            f"explained is {explained!r} and arguments is None. Give the function that makes the "
            "arguments of the rows."
        )
    return replace(
        Network.of(module),
        outputs=tuple(outputs),
        tokenizer=tokenizer,
        arguments=arguments,
        explained=tuple(explained),
        answer=answer,
        memory=int(memory),
    )


def _stamp_of(module: "nn.Module") -> tuple[object, ...]:
    """Return what tells that parameters were changed, without reading them."""
    return tuple(
        (id(p), -1 if p.is_inference() else p._version, str(p.device))  # noqa: SLF001  torch has no other name for it
        for p in (*module.parameters(), *module.buffers())
    )


def _bytes_of(tensor: Any) -> Any:  # noqa: ANN401  a tensor -> an array
    """Return the content of a tensor of any type as an array."""
    import torch

    plain = tensor.detach().cpu().contiguous().reshape(-1)
    return plain.view(torch.uint8).numpy()
