"""What is explained, as numbers that have gradients: of each row, one score per target."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from whence.core.errors import InputError
from whence.deep.engine.answers import Part, outputs_in, response, told
from whence.deep.target import ALL, RANKED, Contrast, Neuron, Target, name_of, position_of
from whence.models.parse.common import output_names

_LINE = 2
_NONE = -1


@dataclass(slots=True, kw_only=True, eq=False)
class Scores:
    """Turns answers about some rows of a block into scores of shape (rows, targets).

    Which output is the predicted one of a row is settled when the row itself is asked about
    (``own=True``), and stays so when the row is changed.

    Attributes
    ----------
    target : Target
    part : str, callable or None
        Which part of an answer holds the outputs.
    made : str
        What is made of them: "identity" or "softmax", of one output logistic.
    known : tuple of str
        Names of the outputs, where the user gave any.
    name : str
        What messages call the network.
    rows : int
        Rows of the block.
    outputs : tuple of str
        Names of the outputs of the network; empty before the first answer.
    names : tuple of str
        Names of the targets; empty before the first answer.
    """

    target: Target
    part: Part
    made: str
    known: tuple[str, ...]
    name: str
    rows: int
    outputs: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    _plus: Tensor | None = field(default=None, init=False)
    _minus: Tensor | None = field(default=None, init=False)
    _ends: tuple[tuple[int, int], ...] = field(default=(), init=False)

    def __call__(self, answer: Any, rows: Tensor | slice, count: int, *, own: bool) -> Tensor:  # noqa: ANN401  whatever a module answers
        """Return the scores of ``count`` rows, which are these of the block."""
        if callable(self.target):
            return self._by_function(self.target(answer), answer, count)
        if isinstance(self.target, Neuron):
            return self._of_unit(answer, self.target)
        outputs = outputs_in(answer, self.part, count, self.name)
        if not self.outputs:
            self._name(outputs.shape[1])
        outputs = response(outputs, self.made)
        if own:
            self._settle(outputs.detach(), rows)
        if self._plus is None or self._minus is None:
            raise RuntimeError("The rows themselves are asked about first.")
        plus, minus = self._plus[rows], self._minus[rows]
        scores = outputs.gather(1, plus)
        if bool((minus != _NONE).any()):
            against = outputs.gather(1, minus.clamp(min=0))
            scores = scores - torch.where(minus == _NONE, 0.0, against)
        return scores

    @property
    def positions(self) -> Tensor | None:
        """Which output of the network each target is, (rows, targets); None of a function."""
        return self._plus

    def fixed(self, row: int) -> Target:
        """Return the targets of a row by number, so that other rows can be asked for the same."""
        if self._plus is None or self._minus is None:
            return self.target
        return tuple(
            of if against == _NONE else Contrast(of=of, against=against)
            for of, against in zip(self._plus[row].tolist(), self._minus[row].tolist(), strict=True)
        )

    def _name(self, count: int) -> None:
        """Learn how many outputs there are, and what the targets are called."""
        if self.known and len(self.known) != count:
            raise InputError(
                f"outputs names {len(self.known)} outputs and {self.name[:1].lower()}"
                f"{self.name[1:]} has {count}. Give one name per output."
            )
        self.outputs = self.known or output_names(None, count)
        wanted: object = self.target
        if wanted is None:
            wanted = 0 if count == 1 else RANKED[0]
        if wanted == ALL:
            wanted = tuple(range(count))
        listed = wanted if isinstance(wanted, tuple) else (wanted,)
        self._ends = tuple(
            (position_of(one.of, self.outputs), position_of(one.against, self.outputs))
            if isinstance(one, Contrast)
            else (position_of(one, self.outputs), -99)
            for one in listed
        )
        self.names = tuple(name_of(one, self.outputs) for one in listed)

    def _settle(self, outputs: Tensor, rows: Tensor | slice) -> None:
        """Note which output each target is, of these rows."""
        if self._plus is None or self._minus is None:
            shape = (self.rows, len(self._ends))
            self._plus = torch.full(shape, 0, dtype=torch.int64, device=outputs.device)
            self._minus = torch.full(shape, _NONE, dtype=torch.int64, device=outputs.device)
        ranked = outputs.topk(min(len(RANKED), outputs.shape[1]), dim=1).indices
        for column, (of, against) in enumerate(self._ends):
            self._plus[rows, column] = ranked[:, -1 - of] if of < 0 else of
            if against != -99:  # noqa: PLR2004  no difference
                self._minus[rows, column] = ranked[:, -1 - against] if against < 0 else against

    def _of_unit(self, activations: Tensor, unit: Neuron) -> Tensor:
        """Return one unit of what a layer gives, (rows, 1)."""
        sizes = activations.shape[1:]
        fits = len(unit.places) <= len(sizes) and all(
            -size <= i < size for i, size in zip(unit.places, sizes, strict=False)
        )
        if not fits:
            raise InputError(
                f"unit is {unit.unit!r} and layer {unit.layer!r} gives numbers of shape "
                f"{tuple(sizes)} for each row. Give an index within each of these axes, the first "
                "ones at least."
            )
        self.names = (unit.name,)
        own = activations.movedim(0, -1)[unit.places].movedim(-1, 0)
        return own.reshape(len(own), -1).mean(1, keepdim=True)

    def _by_function(self, scores: object, answer: object, count: int) -> Tensor:
        tensor = scores if isinstance(scores, Tensor) and scores.is_floating_point() else None
        if tensor is None or tensor.ndim not in (1, _LINE) or len(tensor) != count:
            raise InputError(
                f"target, a function, made {told(scores)} of the answer about {count} rows, "
                f"{told(answer)}. Numbers of shape (rows,) or (rows, scores) are needed."
            )
        found = tensor.reshape(count, -1)
        width = found.shape[1]
        names = ("score",) if width == 1 else tuple(f"score {i}" for i in range(width))
        if self.names and self.names != names:
            raise InputError(
                f"target, a function, gave {len(self.names)} scores per row and then {width}. "
                "Give as many for every row."
            )
        self.names = names
        return found
