"""Rows explained against baselines by multipliers: the passes that DeepLIFT and DeepSHAP take.

Each chunk of rows is passed once, and each baseline costs one pass forward and one back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.inputs import Inputs
from whence.core.types import Floats
from whence.deep.baseline import Baseline, several
from whence.deep.engine.baselines import baselines_of, batch_of
from whence.deep.engine.batch import Batch
from whence.deep.engine.lift_rules import rule_of
from whence.deep.engine.multipliers import AtBaseline, AtRows, Tape
from whence.deep.engine.reading import read
from whence.deep.engine.result import attribution, numbers
from whence.deep.engine.run import Pass, Run
from whence.deep.engine.streams import Streams, begun, revealed

Tensors = tuple[Tensor, ...]

_WEIGHT = 2.5
"""Memory of a row and its baseline as a share of what a plain pass with gradients takes."""
_OFF = 1e-3
"""Of the rise of the output, what the values may miss of it unsaid."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Against:
    """A baseline of each row of a block.

    Attributes
    ----------
    batch : Batch or None
        What the network reads.
    values : tuple of tensors of shape (rows, ...) or None
        Or what stands where it is opened.
    """

    batch: Batch | None = None
    values: Tensors | None = None


@dataclass(slots=True, eq=False)
class _Mean:
    """Sums over the baselines of a chunk.

    Attributes
    ----------
    relevance : tuple of float64 tensors of shape (targets, rows, ...)
    base : float64 tensor of shape (rows, targets)
    mean, squares : arrays of shape (rows, *players, targets)
        Of the values of players so far, and of their squared deviations.
    count : int
    """

    relevance: Tensors
    base: Tensor
    mean: Floats
    squares: Floats
    count: int = 1

    def add(self, relevance: Tensors, base: Tensor, values: Floats) -> None:
        self.count += 1
        for total, part in zip(self.relevance, relevance, strict=True):
            total.add_(part)
        self.base += base
        off = values - self.mean
        self.mean += off / self.count
        self.squares += off * (values - self.mean)


def against_baselines(run: Run, setting: Baseline) -> tuple[Against, ...]:
    """Return the baselines that were asked for.

    Raises
    ------
    InputError
        If one does not fit the rows.
    """
    batches = [batch_of(run, one) for one in several(setting)]
    if all(batch is not None for batch in batches):
        return tuple(Against(batch=batch) for batch in batches)
    _, own = run.own()
    return tuple(Against(values=one.values) for one in baselines_of(run, setting, own))


def against_rows(run: Run, background: Inputs) -> tuple[Against, ...]:
    """Return each row of a background as the baseline of all rows of the block.

    Raises
    ------
    InputError
        If they are not of the form of the rows.
    """
    batch, _ = read(run.network, background)
    for theirs, own in zip(batch.sources, run.batch.sources, strict=True):
        if theirs.shape[1:] != own.shape[1:]:
            raise InputError(
                f"The background holds rows of shape {tuple(theirs.shape[1:])} and X of shape "
                f"{tuple(own.shape[1:])}, as the network reads them. Rows of the same shape are "
                "needed; of texts, as many tokens. For texts use DeepLift, whose baseline is a "
                "token."
            )
    return tuple(
        Against(
            batch=run.batch.put(
                tuple(
                    theirs[k : k + 1].expand_as(own)
                    for theirs, own in zip(batch.sources, run.batch.sources, strict=True)
                )
            )
        )
        for k in range(len(batch))
    )


def lifted(
    run: Run, against: Sequence[Against], method: str, *, sampled: bool, rule: str = "rescale"
) -> Attribution:
    """Return the mean of the explanations of a block against each baseline.

    Parameters
    ----------
    run : Run
    against : sequence of Against
    method : str
        What messages call it.
    sampled : bool
        Whether the baselines are a sample, which leaves a standard error.
    rule : {"rescale", "reveal_cancel", "genomics"}
        Of functions of one number.

    Raises
    ------
    UnsupportedModelError
        If there is no rule for an operation of the network.
    """
    scores, means = [], []
    weight = _WEIGHT if rule == "rescale" else 2 * _WEIGHT
    for chunk in run.chunks(len(run), weight=weight):
        tape = Tape(method)
        done, said = run.measured(chunk, None, own=True, mode=AtRows(tape, rule_of))
        means.append(_mean(run, chunk, against, (done, said, tape), rule))
        scores.append(said.detach())
    count = len(against)
    relevance = tuple(
        torch.cat(parts, dim=1) / count
        for parts in zip(*(mean.relevance for mean in means), strict=True)
    )
    base = torch.cat([mean.base for mean in means]) / count
    stderr = None
    if sampled and count > 1:
        squares = np.concatenate([mean.squares for mean in means])
        stderr = np.sqrt(squares / (count * (count - 1)))
    return attribution(
        run, relevance, scores=torch.cat(scores), base=base, stderr=stderr,
        warnings=_missed(torch.cat(scores), base, relevance, method),
    )  # fmt: skip


def _mean(
    run: Run,
    chunk: slice,
    against: Sequence[Against],
    passed: tuple[Pass, Tensor, Tape],
    rule: str,
) -> _Mean:
    """Explain a chunk of rows against each baseline."""
    done, scores, tape = passed
    mean: _Mean | None = None
    for number, one in enumerate(against):
        x0, base = _at_baseline(run, chunk, one, tape)
        if rule == "rescale":
            last = number == len(against) - 1
            multipliers = run.backward(scores, done.found, keep=not last)
            relevance = tuple(
                m.double() * (found.by_row.detach().double() - start.double())
                for m, found, start in zip(multipliers, done.found, x0, strict=True)
            )
        else:
            relevance = _by_streams(run, chunk, (done, x0), tape, rule)
        values = _of_players(run, chunk, relevance)
        if mean is None:
            mean = _Mean(relevance, base.double(), values, np.zeros_like(values))
        else:
            mean.add(relevance, base, values)
    if mean is None:
        raise RuntimeError("There is one baseline at least.")
    return mean


def _at_baseline(run: Run, chunk: slice, one: Against, tape: Tape) -> tuple[Tensors, Tensor]:
    """Pass a baseline; return its values where the network is opened, and its scores."""
    put = None
    if one.values is not None:
        put = tuple(part[chunk].detach().requires_grad_() for part in one.values)
    mode = AtBaseline(tape, rule_of)
    with torch.enable_grad():
        done = run.forward(chunk, put, batch=one.batch, mode=mode)
        with mode:
            base = run.scores(done.answer, chunk, chunk.stop - chunk.start, own=False)
    return tuple(found.by_row.detach() for found in done.found), base.detach()


def _by_streams(
    run: Run, chunk: slice, ends: tuple[Pass, Tensors], tape: Tape, rule: str
) -> Tensors:
    """Pass rows once more, with what raises and what lowers each number kept apart."""
    own = tuple(found.by_row.detach().clone() for found in ends[0].found)
    begin = tuple(begun(x - x0) for x, x0 in zip(own, ends[1], strict=True))
    leaves = tuple(x.requires_grad_() for x in own)
    mode = Streams(tape, leaves, begin, rule)
    with torch.enable_grad():
        done = run.forward(chunk, leaves, mode=mode)
        with mode:
            scores = run.scores(done.answer, chunk, chunk.stop - chunk.start, own=False)
        return revealed(mode, scores, begin)


def _of_players(run: Run, chunk: slice, relevance: Tensors) -> Floats:
    """Return values of the players of a chunk, (rows, *players, targets)."""
    if run.layer is not None:
        return np.ascontiguousarray(np.moveaxis(numbers(relevance[0]), 0, -1))
    layout = run.layout
    part = replace(
        layout,
        inputs=layout.inputs[chunk],
        players=None if layout.players is None else layout.players[chunk],
        segments=None if layout.segments is None else layout.segments[chunk],
    )
    return np.array(part.values(relevance, run.where, "sum"))


def _missed(scores: Tensor, base: Tensor, relevance: Tensors, method: str) -> tuple[str, ...]:
    """Warn of rows whose values miss more of the rise of the output than rounding does."""
    rise = scores.double() - base.double()
    total = sum(part.flatten(2).sum(2).T for part in relevance)
    size = torch.maximum(scores.double().abs(), base.double().abs())
    rounding = 64 * torch.finfo(scores.dtype).eps * size
    share = ((rise - total).abs() - rounding) / rise.abs().clamp(min=torch.finfo(rise.dtype).tiny)
    off = share.amax(dim=1)
    if not bool((off > _OFF).any()):
        return ()
    said = (
        f"The values of {int((off > _OFF).sum())} of {len(off)} rows do not add up to the rise of "
        f"the output; they miss up to {float(off.max()):.2g} of it. The network does something "
        f"that {method} does not see, such as work without gradients, or its numbers are coarse; "
        "float64 tells which."
    )
    return (said,)
