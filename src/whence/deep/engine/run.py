"""One block of rows and a module: passes through it, cut into chunks that fit the memory.

>>> from whence.deep.network import Network
>>> from whence.core.inputs import inputs_of
>>> import numpy as np
>>> network = Network.of(torch.nn.Linear(2, 1))
>>> rows = network.rows(inputs_of(np.ones((3, 2))), None)
>>> with running(network, rows, None) as run:
...     scores, (slopes,) = run.own_gradients()
>>> scores.shape, slopes.shape
(torch.Size([3, 1]), torch.Size([1, 3, 2]))
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from whence.core.errors import InputError
from whence.core.inputs import Inputs
from whence.core.method import Rows
from whence.deep.engine.batch import Batch
from whence.deep.engine.culprit import first_not_finite
from whence.deep.engine.held import drops, held
from whence.deep.engine.layout import Layout
from whence.deep.engine.memory import Kept
from whence.deep.engine.operations import Operations
from whence.deep.engine.reading import read
from whence.deep.engine.scores import Scores
from whence.deep.engine.taps import Embedded, Found, LayerTap, UnclearError, tapped
from whence.deep.target import Neuron, Target

if TYPE_CHECKING:
    from whence.deep.network import Network

_FIRST = 300
"""Times the bytes of its input that a row takes at a guess, before it was measured."""
_FIRST_FORWARD = 15
"""The same of a pass without gradients, which keeps nothing for the way back."""
_FORWARD = 0.25
"""Weight of a pass without gradients."""
_COPIES = 4
"""Times that what is put into a pass is there besides: drawn, put, cloned, and its gradient."""
_SPARE = 0.8
"""Share of the memory that chunks are sized for."""
_CPU_BYTES = 128_000_000
"""Bytes of a pass on a processor at most: larger ones get pages that are new each time."""
_MOST_ROWS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pass:
    """What one pass gave.

    Attributes
    ----------
    answer : object
        What the module answered.
    found : tuple of Found
        The place where the network was opened: one per explained input or table of embeddings,
        or the one layer. Their tensors are leaves of the graph where gradients are on.
    layers : dict of str to Found
        Layers that were to be watched.
    """

    answer: Any
    found: tuple[Found, ...]
    layers: dict[str, Found]


@dataclass(slots=True, kw_only=True, eq=False)
class Run:
    """Passes of one block through a module that is held; made by `running`.

    Attributes
    ----------
    network : Network
    inputs : Table, Images, Texts or Series
        The rows in the user's form.
    batch : Batch
        The rows as the module reads them.
    scores : Scores
    layout : Layout
        Which player each number belongs to.
    layer : str or None
        The layer behind which the network is opened; None opens it at its inputs.
    warnings : tuple of str
        What the reader must know of the module.
    passed : int
        Rows that were passed forward so far.
    where : tuple of Found
        The places where the network is opened, without tensors; empty before the first pass.
    watched : tuple of str
        Layers whose outputs are the places found, in a pass that watches no others; the graph
        begins at the first of them.
    """

    network: "Network"
    inputs: Inputs
    batch: Batch
    scores: Scores
    layout: Layout
    layer: str | None
    warnings: tuple[str, ...] = ()
    passed: int = 0
    where: tuple[Found, ...] = ()
    watched: tuple[str, ...] = ()
    _uses: int = field(default=1, init=False)
    _axes: dict[str, int] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.batch)

    def forward(
        self,
        rows: Tensor | slice,
        put: tuple[Tensor, ...] | None = None,
        *,
        batch: Batch | None = None,
        mode: TorchFunctionMode | None = None,
        watch: tuple[str, ...] = (),
    ) -> Pass:
        """Pass rows through the module, with gradients if those are on.

        Parameters
        ----------
        rows : int tensor or slice
            Rows of the block, also several times.
        put : tuple of tensors of shape (rows, ...) or None
            Values for the place where the network is opened; None takes the rows' own, as leaves.
        batch : Batch or None
            Other rows than those of the block, such as a baseline; then ``rows`` are of it.
        mode : TorchFunctionMode or None
            Sees each operation of the pass, above the tap.
        watch : tuple of str
            Layers whose output is wanted; the graph begins at the first of them where it has not
            begun before.
        """
        part = (self.batch if batch is None else batch).take(rows)
        if mode is not None and not self._opened_at(watch).keys() <= self._axes.keys():
            self._learn_axes(part, watch, 2)  # since a mode cannot see a pass twice
        try:
            return self._pass(part, put, mode, watch)
        except UnclearError:  # as many rows as times: one more row tells which axis is that of rows
            self._learn_axes(part, watch, len(part) + 1)
            return self._pass(part, put, mode, watch)

    def _learn_axes(self, part: Batch, watch: tuple[str, ...], rows: int) -> None:
        """Pass some rows to see which axis of each layer is that of rows."""
        with torch.no_grad():
            try:
                self._pass(part.take(torch.arange(rows) % len(part)), None, None, watch)
            except UnclearError:
                self._pass(part.take(torch.arange(rows + 1) % len(part)), None, None, watch)

    def _opened_at(self, watch: tuple[str, ...]) -> dict[str, None]:
        """Return the layers that are tapped, each once."""
        unit = self.scores.target
        inside = unit.layer if isinstance(unit, Neuron) else None
        return dict.fromkeys(n for n in (*watch, self.layer, inside) if n is not None)

    def _pass(
        self,
        part: Batch,
        put: tuple[Tensor, ...] | None,
        mode: TorchFunctionMode | None,
        watch: tuple[str, ...],
    ) -> Pass:
        count = len(part)
        self.passed += count
        places = () if watch else self.watched
        watch = watch or self.watched
        names = self._opened_at(watch)
        taps = {
            name: LayerTap(
                name=name, rows=count, uses=self._uses, axes=self._axes,
                put=put[0] if put is not None and name == self.layer else None,
            )
            for name in names
        }  # fmt: skip
        embedded: Embedded | None = None
        found: tuple[Found, ...] = ()
        if self.layer is None and not watch:
            if all(s.is_floating_point() for s in part.sources):
                part, found = _opened(part, put)
            else:
                embedded = Embedded(part, put)
        with ExitStack() as stack:
            stack.enter_context(tapped(self.network.module, taps.values()))
            stack.enter_context(embedded or nullcontext())
            stack.enter_context(mode or nullcontext())
            answer = self._answer(part, mode)
        if embedded is not None:
            found = tuple(embedded.found)
            self._check_embedded(found)
        layers = {name: _last(tap) for name, tap in taps.items()}
        if isinstance(self.scores.target, Neuron):
            answer = layers[self.scores.target.layer].by_row
        if self.layer is not None:
            found = (layers[self.layer],)
            self._uses = len(taps[self.layer].found)
        elif places:
            found = tuple(layers[name] for name in places)
        if put is None and not self.where:
            self.where = tuple(_light(one) for one in found)
        return Pass(answer=answer, found=found, layers=layers)

    def _answer(self, part: Batch, mode: TorchFunctionMode | None) -> Any:  # noqa: ANN401  whatever a module answers
        if not isinstance(mode, Operations):
            return self.network.call(part)
        try:
            return mode.current(self.network.call(part))
        except InputError as error:
            raise mode.refused or error from error

    def own(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the scores of the rows and their values where the network is opened.

        No gradients are kept; scores are of shape (rows, targets), values (rows, ...).
        """
        scores, values = [], []
        with torch.no_grad():
            for chunk in self.chunks(len(self), weight=_FORWARD):
                done = self.forward(chunk)
                count = chunk.stop - chunk.start
                scores.append(self.scores(done.answer, chunk, count, own=True))
                values.append([one.by_row.detach() for one in done.found])
        return torch.cat(scores), tuple(torch.cat(parts) for parts in zip(*values, strict=True))

    def said(self) -> Tensor:
        """Return the scores (rows, targets) of the rows alone."""
        scores = []
        with torch.no_grad():
            for chunk in self.chunks(len(self), weight=_FORWARD):
                done = self.forward(chunk)
                scores.append(self.scores(done.answer, chunk, chunk.stop - chunk.start, own=True))
        return torch.cat(scores)

    def values_of(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return the values of other rows, such as a baseline, where the network is opened."""
        with torch.no_grad():
            done = self.forward(slice(0, len(batch)), batch=batch)
        return tuple(one.by_row.detach() for one in done.found)

    def own_gradients(
        self, mode: TorchFunctionMode | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return scores (rows, targets) and gradients (targets, rows, ...) of the rows themselves.

        It takes one pass forward, and one backward per target.
        """
        _, scores, slopes = self.own_all(mode)
        return scores, slopes

    def own_all(
        self, mode: TorchFunctionMode | None = None
    ) -> tuple[tuple[Tensor, ...], Tensor, tuple[Tensor, ...]]:
        """Return the values where the network is opened too, before scores and gradients."""
        parts = []
        for chunk in self.chunks(len(self)):
            done, scores = self.measured(chunk, None, own=True, mode=mode)
            slopes = self.backward(scores, done.found)
            parts.append((scores.detach(), slopes, tuple(f.by_row.detach() for f in done.found)))
        scores = torch.cat([part[0] for part in parts])
        slopes = tuple(torch.cat(s, dim=1) for s in zip(*(part[1] for part in parts), strict=True))
        values = tuple(torch.cat(v) for v in zip(*(part[2] for part in parts), strict=True))
        return values, scores, slopes

    def gradients(
        self,
        rows: Tensor,
        put: tuple[Tensor, ...],
        mode: TorchFunctionMode | None = None,
        *,
        target: int | None = None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return scores and gradients with other values where the network is opened.

        Parameters
        ----------
        rows : int64 tensor of shape (m,)
            Which row of the block each of the values is for. There should be no more than a chunk.
        put : tuple of tensors of shape (m, ...)
        target : int or None
            Which of the targets alone; None takes all.

        Returns
        -------
        scores : tensor of shape (m, targets)
        gradients : tuple of tensors of shape (targets, m, ...)
        """
        leaves = tuple(part.detach().requires_grad_() for part in put)
        _, scores = self.measured(rows, leaves, own=False, mode=mode)
        if target is not None:
            scores = scores[:, target : target + 1]
        found = tuple(Found(tensor=one) for one in leaves)
        return scores.detach(), self.backward(scores, found)

    def asked(self, rows: Tensor, put: tuple[Tensor, ...]) -> Tensor:
        """Return the scores (m, targets) with other values where the network is opened."""
        with torch.no_grad():
            done = self.forward(rows, put)
            return self.scores(done.answer, rows, len(rows), own=False)

    def backward(
        self, scores: Tensor, found: tuple[Found, ...], *, keep: bool = False
    ) -> tuple[Tensor, ...]:
        """Return the gradients (targets, rows, ...) of each target by each place found.

        Raises
        ------
        InputError
            If there are none, or one of them is not finite.
        """
        places = [one.tensor for one in found]
        last = scores.shape[1] - 1
        slopes: list[list[Tensor]] = [[] for _ in found]
        if not scores.requires_grad:
            raise InputError(
                f"No gradient leads from the output of {self.network.name[:1].lower()}"
                f"{self.network.name[1:]} back to {self._place()}. A cast to whole numbers, "
                "rounding, argmax, detach or torch.no_grad on the way cuts it off. Give ids as "
                "whole numbers, open the network behind that with layer=, or take a method that "
                "asks for predictions, such as KernelShap."
            )
        for target in range(last + 1):
            got = self._slopes(scores[:, target], places, keep=keep or target < last)
            for kept, one, slope in zip(slopes, found, got, strict=True):
                whole = torch.zeros_like(one.tensor) if slope is None else slope
                kept.append(whole.movedim(one.axis, 0))
        stacked = tuple(torch.stack(kept) for kept in slopes)
        for part in stacked:
            if not bool(torch.isfinite(part).all()):
                raise self._not_finite(part)
        return stacked

    def _slopes(
        self, score: Tensor, places: list[Tensor], *, keep: bool
    ) -> tuple[Tensor | None, ...]:
        try:
            return torch.autograd.grad(score.sum(), places, retain_graph=keep, allow_unused=True)
        except RuntimeError as error:
            if "inplace operation" not in str(error):
                raise
            raise InputError(
                f"{self.network.name} changes in place what its own gradient needs: {error} Write "
                "that step out of place (h = h + g for h += g), as training would need too; "
                "DeepLift and Lrp do without."
            ) from error

    def chunks(self, total: int, weight: float = 1.0) -> Iterator[slice]:
        """Cut passes of ``total`` rows in all into chunks that fit the memory of the network.

        ``weight`` is the memory of a row as a share of what a pass with gradients takes. The first
        chunk is a guess; it is measured, and later ones follow from that.
        """
        done = 0
        while done < total:
            size = self.fitting(weight)
            even = -(-(total - done) // -(-(total - done) // size))
            yield slice(done, min(done + even, total))
            done = min(done + even, total)

    def fitting(self, weight: float = 1.0) -> int:
        """Return how many rows of a pass fit the memory, which one with gradients has weight 1."""
        known = self.network.bytes_of(self._key())
        guess = _FIRST_FORWARD if weight <= _FORWARD else _FIRST * weight
        each = guess * sum(s[:1].numel() * 4 for s in self.batch.sources)
        if known is not None:
            each = known * weight
        room = self.network.memory
        if self.batch.sources[0].device.type == "cpu":
            room = min(room, _CPU_BYTES)
        return max(1, min(_MOST_ROWS, int(_SPARE * room / max(each, 1))))

    def _key(self) -> tuple[object, ...]:
        return (
            self.layer,
            self.watched,
            *(tuple(source.shape[1:]) for source in self.batch.sources),
        )

    def measured(
        self,
        rows: Tensor | slice,
        put: tuple[Tensor, ...] | None,
        *,
        own: bool,
        mode: TorchFunctionMode | None = None,
    ) -> tuple[Pass, Tensor]:
        """Pass rows with gradients, and note what memory a row takes if that is not known.

        Rules for operations count for what is made of the answer too. Returns the pass, and the
        scores (rows, targets) with their graph.

        Raises
        ------
        InputError
            If a score is not finite.
        """
        count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        known = self.network.bytes_of(self._key()) is not None
        kept = Kept(self.network.module)
        with torch.enable_grad(), nullcontext() if known else kept.watching():
            done = self.forward(rows, put, mode=mode)
            with mode if isinstance(mode, Operations) else nullcontext():
                scores = self.scores(done.answer, rows, count, own=own)
        if not known:
            copies = sum(one.tensor.nbytes for one in done.found)
            self.network.note_bytes(self._key(), (kept.total + _COPIES * copies) / count)
        return done, self.finite(scores)

    def finite(self, scores: Tensor) -> Tensor:
        """Return scores (rows, targets), all of which have to be finite.

        Raises
        ------
        InputError
            If one of them is not.
        """
        wrong = ~torch.isfinite(scores).all(dim=1)
        if bool(wrong.any()):
            raise InputError(
                f"{self.network.name} answered with numbers that are not finite, about "
                f"{int(wrong.sum())} of {len(wrong)} rows. Check the rows and their scale, or use "
                "float32 instead of float16."
            )
        return scores

    def _check_embedded(self, found: tuple[Found, ...]) -> None:
        if not found:
            raise InputError(
                f"{self.network.name} reads whole numbers and looks up no embedding of them, so "
                "that there is no gradient by what it reads. Give X as floats, or open the network "
                "behind a layer: layer=."
            )

    def _place(self) -> str:
        layers = self.watched or (() if self.layer is None else (self.layer,))
        return f"layer {', '.join(map(repr, layers))}" if layers else "X"

    def _not_finite(self, slopes: Tensor) -> InputError:
        """Say of which rows a gradient is not finite, and which operation made it so."""
        wrong = ~torch.isfinite(slopes).reshape(*slopes.shape[:2], -1).all(dim=2)
        rows = wrong.any(dim=0).nonzero().flatten().tolist()
        culprit = self._culprit()
        return InputError(
            f"The gradient of {len(rows)} of {wrong.shape[1]} rows asked about is not finite"
            f"{f', from the operation {culprit} on' if culprit else ''}. A root, logarithm or "
            "division at zero has none: add a small number there, or use float32 instead of "
            "float16."
        )

    def _culprit(self) -> str:
        with torch.enable_grad():
            for chunk in self.chunks(len(self)):
                done = self.forward(chunk)
                count = chunk.stop - chunk.start
                scores = self.scores(done.answer, chunk, count, own=True)
                if name := first_not_finite(scores, tuple(one.tensor for one in done.found)):
                    return name
        return ""


@contextmanager
def running(
    network: "Network",
    rows: Rows,
    target: Target,
    layer: str | None = None,
) -> Iterator[Run]:
    """Hold the module of a network and make a `Run` of a block of rows."""
    warnings = _trained(network)
    with held(network.module):
        batch, layout = read(network, rows.given())
        scores = Scores(
            target=target,
            part=network.answer,
            made=network.response,
            known=network.outputs,
            name=network.name,
            rows=len(batch),
        )
        yield Run(
            network=network,
            inputs=rows.given(),
            batch=batch,
            layout=layout,
            scores=scores,
            layer=layer,
            warnings=warnings,
        )


def _trained(network: "Network") -> tuple[str, ...]:
    """Warn of a module that was handed over in training mode, where that matters."""
    parts = drops(network.module)
    if not parts:
        return ()
    more = f" and {len(parts) - 1} more" if len(parts) > 1 else ""
    said = (
        f"The network was in training mode, in which {parts[0]}{more} answers otherwise. It was "
        "explained in evaluation mode, and put back. Call module.eval() before."
    )
    return (said,)


def _opened(batch: Batch, put: tuple[Tensor, ...] | None) -> tuple[Batch, tuple[Found, ...]]:
    """Open a network at its inputs: put leaves or other values there."""
    if put is None:
        put = tuple(
            s.detach().clone().requires_grad_() if torch.is_grad_enabled() else s
            for s in batch.sources
        )
    found = tuple(Found(tensor=one, source=i) for i, one in enumerate(put))
    into = tuple(
        one.to(source.dtype).clone() for one, source in zip(put, batch.sources, strict=True)
    )
    return batch.put(into), found


def _last(tap: LayerTap) -> Found:
    if not tap.found:
        raise InputError(
            f"Layer {tap.name!r} is no part of what the network does with these rows. Give one "
            "that is used."
        )
    return tap.found[-1]


def _light(found: Found) -> Found:
    """Return where a place is, without what flowed through it."""
    empty = torch.empty(0)
    return Found(tensor=empty, axis=found.axis, places=found.places, source=found.source)
