"""Baselines of rows, as values where a network is opened.

Opened behind a layer or at its embeddings, the network is asked what it makes of the baseline
there; that pass also tells what it says about the baseline.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from whence.core.errors import InputError
from whence.core.images import Images
from whence.core.series import Series
from whence.deep.baseline import BLUR, OF_IDS, Baseline, several
from whence.deep.engine.batch import Batch, Key
from whence.deep.engine.run import Run
from whence.maskers.fill import blurred

_SIGMA = 0.05
"""Of the Gaussian that blurs, as a share of the longer side of an image; as maskers have it."""

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """A baseline of each row, where the network is opened.

    Attributes
    ----------
    values : tuple of tensors of shape (rows, ...)
    scores : tensor of shape (rows, targets)
        What the network says about it.
    """

    values: tuple[Tensor, ...]
    scores: Tensor


def baselines_of(run: Run, setting: Baseline, own: tuple[Tensor, ...]) -> tuple[Placed, ...]:
    """Return each baseline that was asked for; it takes one pass forward per row and baseline.

    Parameters
    ----------
    run : Run
        Which was asked about its own rows already.
    setting : see `whence.deep.baseline.Baseline`
    own : tuple of tensors of shape (rows, ...)
        The rows' own values where the network is opened.

    Raises
    ------
    InputError
        If a baseline does not fit the rows.
    """
    return tuple(_placed(run, one, own) for one in several(setting))


def batch_of(run: Run, one: Any) -> Batch | None:  # noqa: ANN401  one of a `Baseline`
    """Return what the network reads as a baseline of each row; None of the zero vector of ids.

    Raises
    ------
    InputError
        If the baseline does not fit the rows.
    """
    read: dict[Key, Tensor] = {
        key: made
        for key, source in zip(run.batch.explained, run.batch.sources, strict=True)
        if (made := _read(run, key, source, _of(one, key, run))) is not None
    }
    if len(read) < len(run.batch.explained):
        return None
    return run.batch.put(tuple(read[key] for key in run.batch.explained))


def _placed(run: Run, one: Any, own: tuple[Tensor, ...]) -> Placed:  # noqa: ANN401  one of a `Baseline`
    batch = batch_of(run, one)
    if batch is not None:
        values, scores = _passed(run, batch)
        return Placed(values=values, scores=scores)
    values = tuple(_zeroed(run, number, part) for number, part in enumerate(own))
    scores = torch.cat([
        run.asked(_index(chunk, own), tuple(part[chunk] for part in values))
        for chunk in run.chunks(len(run), weight=0.25)
    ])  # fmt: skip
    return Placed(values=values, scores=scores)


def _of(one: Any, key: Key, run: Run) -> Any:  # noqa: ANN401  one of a `Baseline`
    """Return what is said of one argument."""
    if not isinstance(one, dict):
        return one
    names = tuple(map(str, run.batch.explained))
    if set(one) != set(names):
        raise InputError(
            f"baseline is about {', '.join(map(repr, one))} and the arguments explained are "
            f"{', '.join(map(repr, names))}. Give one baseline for each of them."
        )
    return one[str(key)]


def _read(run: Run, key: Key, source: Tensor, one: Any) -> Tensor | None:  # noqa: ANN401  one of a `Baseline`
    """Return what the network reads as a baseline of an argument; None if it is the zero vector."""
    named = one if isinstance(one, str) else ""
    if named in OF_IDS and source.is_floating_point():
        raise InputError(
            f"baseline is {one!r} and argument {key!r} holds numbers, no ids. Give a number, an "
            "array, or None for 0."
        )
    if not source.is_floating_point() and (one is None or named in OF_IDS):
        token = _token(run, named)
        return None if token is None else _fixed(run, source, torch.full_like(source, token))
    if named == BLUR:
        return _blurred(run, source)
    given = np.asarray(0.0 if one is None else one)
    if not source.is_floating_point() and not np.array_equal(given, given.astype(np.int64)):
        raise InputError(f"baseline is {one!r:.60} and argument {key!r} holds ids. Give ids.")
    array = torch.as_tensor(given.copy(), device=source.device).to(source.dtype)
    return _fixed(run, source, _shaped(run, array, source, key))


def _shaped(run: Run, array: Tensor, source: Tensor, key: Key) -> Tensor:
    """Return a number, an array like a row, or one with a number per channel, for each row."""
    row, inputs = tuple(source.shape[1:]), run.inputs
    if array.ndim == 0 or tuple(array.shape) == row:
        return array.expand_as(source)
    axis = 1 if isinstance(inputs, Images) and inputs.channels_first else source.ndim - 1
    colored = run.layout.own and isinstance(inputs, (Images, Series)) and not inputs.flat
    if not colored or tuple(array.shape) != (source.shape[axis],):
        raise InputError(
            f"baseline is of shape {tuple(array.shape)} and a row of argument {key!r} of shape "
            f"{row}. Give a number, an array of that shape, or one number per channel; several "
            "baselines in a tuple, such as (np.array(0.0), np.array(1.0))."
        )
    shape = [1] * source.ndim
    shape[axis] = -1
    return array.view(shape).expand_as(source)


def _fixed(run: Run, source: Tensor, new: Tensor) -> Tensor:
    """Return a baseline with special tokens and padding as they are in the row."""
    fixed = _no_players(run, source)
    return new if fixed is None else torch.where(fixed, source, new)


def _no_players(run: Run, source: Tensor) -> Tensor | None:
    if run.layout.players is None:
        return None
    return torch.from_numpy(run.layout.players < 0).to(source.device)


def _token(run: Run, named: str) -> int | None:
    """Return the id that stands for an unknown one; None is the zero vector."""
    tokenizer = run.network.tokenizer
    known = {name: getattr(tokenizer, f"{name}_token_id", None) for name in ("mask", "pad")}
    if not named:
        return next((int(token) for token in known.values() if token is not None), None)
    if named == "zero":
        return None
    token = known[named]
    if token is None:
        raise InputError(
            f"baseline is {named!r} and the tokenizer has no {named}_token_id. Give 'zero', the "
            "zero vector, or the number of an id."
        )
    return int(token)


def _zeroed(run: Run, number: int, own: Tensor) -> Tensor:
    """Return zeros in place of what belongs to players."""
    place = run.where[number]
    fixed = None if place.places is None else _no_players(run, own)
    if fixed is None or place.places is None:
        return torch.zeros_like(own)
    kept = fixed.flatten(1)[:, place.places]
    return torch.where(kept[(..., *[None] * (own.ndim - kept.ndim))], own, 0.0)


def _blurred(run: Run, source: Tensor) -> Tensor:
    images = run.inputs
    if not isinstance(images, Images) or not run.layout.own:
        raise InputError(
            f"baseline is {BLUR!r} and X holds {type(images).__name__.lower()}. Only images can "
            "be blurred. Give a number or an array."
        )
    soft = [blurred(image, _SIGMA * max(image.shape[:2])) for image in images.pixels]
    form: Any = images.like(np.stack(soft)).native
    return torch.as_tensor(form).to(device=source.device, dtype=source.dtype)


def _passed(run: Run, batch: Batch) -> tuple[Tensors, Tensor]:
    """Return what stands where the network is opened, and the scores, of other rows."""
    alike = all(part.stride(0) == 0 for part in (*batch.args, *batch.kwargs.values()))
    if alike and len(run) > 1 and (found := _once(run, batch)) is not None:
        return found
    values, scores = [], []
    with torch.no_grad():
        for chunk in run.chunks(len(run), weight=0.25):
            done = run.forward(chunk, batch=batch)
            scores.append(run.scores(done.answer, chunk, chunk.stop - chunk.start, own=False))
            values.append([one.by_row.detach() for one in done.found])
    return tuple(torch.cat(parts) for parts in zip(*values, strict=True)), torch.cat(scores)


def _once(run: Run, batch: Batch) -> tuple[Tensors, Tensor] | None:
    """Ask about the first row for all, which are alike; None where an answer is no tensor."""
    with torch.no_grad():
        done = run.forward(slice(0, 1), batch=batch)
    if not isinstance(done.answer, Tensor) or not done.answer.ndim:
        return None
    count = len(run)
    answer = done.answer.expand(count, *done.answer.shape[1:])
    values = tuple(one.by_row.detach().expand(count, *one.by_row.shape[1:]) for one in done.found)
    return values, run.scores(answer, slice(0, count), count, own=False)


def _index(chunk: slice, own: tuple[Tensor, ...]) -> Tensor:
    return torch.arange(chunk.start, chunk.stop, device=own[0].device)
