"""A method bound to a model: rows in, an explanation with its record out.

Blocks are cut, run on threads and put together; an interrupt keeps what is done; progress, counts,
warnings and the record are the same for every method.
"""

import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

import numpy as np

from whence.core.blocks import Gather, paced, threads
from whence.core.check import labels_of, targets_of
from whence.core.errors import InputError, Interrupted
from whence.core.examples import Examples
from whence.core.explanation import Explanation, Names
from whence.core.inputs import Inputs, inputs_of
from whence.core.method import Explain, Method, View
from whence.core.provenance import Provenance
from whence.core.rules import Rules
from whence.core.table import Table
from whence.core.types import Floats, Int32s, Ints

E = TypeVar("E", bound=Explanation)

_FAITHFUL = 0.5
"""Held-out R squared below which a surrogate is warned of."""
_SLOW = 2.0
"""Seconds before a progress bar appears."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explainer(Generic[E]):
    """A method bound to a model: prepared once, for many calls.

    Attributes
    ----------
    view : View
        What was read from the model.
    method : Method
        The settings.
    provenance : Provenance
        What is known before any row is explained.
    """

    view: View
    method: Method[Any, E]
    provenance: Provenance
    _explain: Explain[E]

    def explain(
        self,
        X: object,
        *,
        y: object = None,
        rng: int | np.random.Generator | None = None,
        n_jobs: int = 1,
        progress: bool | None = None,
    ) -> E:
        """Explain rows; see `explain`."""
        started = time.perf_counter()
        inputs = inputs_of(X)
        self.view.check(inputs)
        seed, jobs = _seed(rng), threads(n_jobs)
        labels, targets = self._truth(y, len(inputs))
        if self.whole:
            result, asked = self._at_once(inputs, labels, targets, seed, progress)
            of_rows = result.names.rows is None
            names = self._names(result.names, inputs) if of_rows else result.names
            data = inputs.detached() if of_rows else None
        else:
            result, asked, segments = self._row_by_row(inputs, labels, seed, jobs, progress)
            inputs = inputs if len(result) == len(inputs) else inputs[: len(result)]
            names = self._names(result.names, inputs)
            data = inputs.detached()
            data = data if segments is None else data.divided(segments)
        return replace(
            result,
            names=names,
            data=data,
            provenance=replace(
                self.provenance,
                settings={**self.provenance.settings, **result.provenance.settings},
                unit=result.provenance.unit or self.provenance.unit,
                rng=seed,
                data_digest=inputs.digest(),
                evaluations=self.provenance.evaluations + asked,
                seconds=time.perf_counter() - started,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                warnings=(
                    *self.provenance.warnings, *result.provenance.warnings, *_doubts(result),
                ),
            ),
        )  # fmt: skip

    @property
    def whole(self) -> bool:
        """Tell whether the method explains all rows together."""
        return bool(getattr(type(self.method), "whole", False))

    def _truth(self, y: object, rows: int) -> tuple[Ints | None, Floats | None]:
        """Return the true classes of the rows, or the true numbers."""
        if y is None:
            return None, None
        if self.whole and not self.view.classes:
            return None, targets_of(y, rows)
        return labels_of(y, self.view.classes, rows), None

    def _at_once(
        self,
        inputs: Inputs,
        labels: Ints | None,
        targets: Floats | None,
        seed: int,
        progress: bool | None,
    ) -> tuple[E, int]:
        with _bar(100, progress, "%") as bar:

            def show(share: float) -> None:
                if bar is not None:
                    bar.update(round(100 * share) - bar.n)

            rows = replace(self.view.rows(inputs, labels), targets=targets, progress=show)
            result = self._explain(rows, rng=np.random.default_rng(seed))
        return result, len(inputs) + result.provenance.evaluations

    def _row_by_row(
        self, inputs: Inputs, labels: Ints | None, seed: int, jobs: int, progress: bool | None
    ) -> tuple[E, int, Int32s | None]:
        asked, gather = 0, Gather(len(inputs))
        stopped = ""
        with _bar(len(inputs), progress) as bar:
            try:
                for block in self._blocks(inputs, labels, seed, jobs):
                    gather.add(block)
                    asked += len(block) + block.provenance.evaluations
                    if bar is not None:
                        bar.update(len(block))
            except Interrupted as interrupt:
                block = cast("E", interrupt.partial)
                gather.add(block)
                asked += len(block) + block.provenance.evaluations
                stopped = _stopped(gather.done, len(inputs))
            except KeyboardInterrupt:
                if not gather.done:
                    raise
                stopped = _stopped(gather.done, len(inputs))
        result, segments = gather.result()
        if stopped:
            warnings = (*result.provenance.warnings, stopped)
            result = replace(result, provenance=replace(result.provenance, warnings=warnings))
        return cast("E", result), asked, segments

    def _blocks(self, inputs: Inputs, labels: Ints | None, seed: int, jobs: int) -> Iterator[E]:
        def work(block: slice) -> E:
            part = inputs if block.stop - block.start == len(inputs) else inputs[block]
            rows = self.view.rows(part, None if labels is None else labels[block])
            return self._explain(rows, rng=np.random.default_rng(seed))

        return paced(work, len(inputs), jobs, getattr(type(self.method), "fewest", 1))

    def _names(self, names: Names, inputs: Inputs) -> Names:
        learned = isinstance(inputs, Table) and not inputs.named and bool(self.view.features)
        return Names(
            features=names.features or (self.view.features if learned else inputs.names),
            outputs=names.outputs or self.view.outputs,
            rows=inputs.rows,
        )


def _seed(rng: object) -> int:
    """Return the seed that ``rng`` means; None means a fresh one, which the record then holds."""
    if rng is None:
        return secrets.randbits(63)
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**63))
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return int(rng)
    raise InputError(f"rng is {rng!r}. A whole number from 0, a numpy Generator or None is needed.")


def _stopped(done: int, rows: int) -> str:
    return f"Interrupted: {done} of {rows} rows are explained."


def _doubts(result: Explanation) -> tuple[str, ...]:
    """Return warnings where the result is less than was asked for."""
    return (*_unsettled(result), *_unfaithful(result), *_uncertain(result), *_none_found(result))


def _uncertain(result: Explanation) -> tuple[str, ...]:
    if not isinstance(result, Rules) or "not certified" not in result.status:
        return ()
    doubtful = sum(status == "not certified" for status in result.status)
    return (
        (
            f"Not certified: {doubtful} of {len(result)} rules; `status` says which, "
            "`precision_low` how far each can be relied on. More rows of background certify more."
        ),
    )


def _none_found(result: Explanation) -> tuple[str, ...]:
    if not isinstance(result, Examples) or "none found" not in result.status:
        return ()
    missing = sum(status == "none found" for status in result.status)
    return (
        f"None found: for {missing} of {len(result)} rows; `notes` says what stands in the way.",
    )


def _unfaithful(result: Explanation) -> tuple[str, ...]:
    fidelity = getattr(result, "fidelity", None)
    if fidelity is None:
        return ()
    if fidelity.ndim == 2:  # noqa: PLR2004  of all rows together: (outputs, 3)
        return _unfaithful_as_a_whole(fidelity)
    poor = (fidelity[..., 0] < _FAITHFUL).any(axis=1)
    if not poor.any():
        return ()
    return (
        (
            f"Low fidelity: in {int(poor.sum())} of {len(poor)} rows the surrogate explains less "
            "than half of what the model does nearby (`fidelity`). Look at interactions, or "
            "use KernelShap."
        ),
    )


def _unfaithful_as_a_whole(fidelity: Floats) -> tuple[str, ...]:
    worst = float(fidelity[:, 0].min())
    if not worst < _FAITHFUL:
        return ()
    return (
        (
            f"Low fidelity: on rows that it was not fitted to, {worst:.2f} of 1 (`fidelity`). Do "
            "not read the rules as what the model does. Allow more of them, or explain row by row."
        ),
    )


def _unsettled(result: Explanation) -> tuple[str, ...]:
    converged = getattr(result, "converged", None)
    if converged is None or converged.all():
        return ()
    return (
        (
            f"Not converged: the values of {int((~converged).sum())} of {len(converged)} rows are "
            "not as exact as asked for; `converged` says which, `stderr` how far. Give more budget."
        ),
    )


def _bar(rows: int, progress: bool | None, unit: str = "row") -> AbstractContextManager[Any]:
    if progress is False or (progress is None and not sys.stderr.isatty()):
        return nullcontext()
    from tqdm.auto import tqdm

    return tqdm(total=rows, unit=unit, delay=0 if progress else _SLOW, leave=False)
