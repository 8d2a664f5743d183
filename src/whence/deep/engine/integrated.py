"""From baselines to an attribution: lines from each of them, their integrals, and the mean."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from whence.core.explanation import Attribution
from whence.deep.baseline import Baseline
from whence.deep.engine.baselines import Placed, baselines_of
from whence.deep.engine.lines import Integral, Lines, Tensors
from whence.deep.engine.result import attribution, values_of
from whence.deep.engine.run import Run

_HALF = (torch.float16, torch.bfloat16)
_ROUNDINGS = 8.0
"""Roundings of an output that are no error of an integral."""
_FLAT = 0.999
"""Probability above which one hardly moves any more."""

Integrate: TypeAlias = Callable[[Lines, int], Integral]
"""Lines, and how many gradients may be taken of each -> what they integrate to."""


def integrated(run: Run, baseline: Baseline, integrate: Integrate, budget: int) -> Attribution:
    """Return the mean over the baselines of what the lines from them integrate to.

    Parameters
    ----------
    run : Run
    baseline : see `whence.deep.baseline.Baseline`
    integrate : callable
    budget : int
        Rows that the network may be asked about per row explained.
    """
    scores, own = run.own()
    places = baselines_of(run, baseline, own)
    most = (budget - 1 - len(places)) // len(places)
    parts = [integrate(_lines(run, scores, own, place), most) for place in places]
    errors = [part.error for part in parts if part.error is not None]
    found = attribution(
        run,
        _mean([part.values for part in parts]),
        scores=scores,
        base=torch.stack([place.scores.double() for place in places]).mean(0),
        stderr=np.abs(values_of(run, _mean(errors))) if errors else None,
        warnings=_flat(run, scores),
    )
    if not errors:
        return found
    settled = torch.stack([part.settled for part in parts]).all(0)
    return replace(found, converged=settled.cpu().numpy())


def _flat(run: Run, scores: Tensor) -> tuple[str, ...]:
    """Warn of probabilities that are flat where the rows are."""
    if run.network.response == "identity":
        return ()
    flat = int((scores > _FLAT).any(1).sum())
    if not flat:
        return ()
    said = (
        f"The probability of {flat} of {len(scores)} rows is above {_FLAT}, where it hardly moves: "
        "of what speaks for it, only what comes first on the path is seen. Explain output='raw'."
    )
    return (said,)


def _lines(run: Run, scores: Tensor, own: Tensors, place: Placed) -> Lines:
    begin = tuple(_wide(part) for part in place.values)
    rounding = torch.finfo(scores.dtype).eps
    if any(part.dtype in _HALF for part in own):
        rounding = max(torch.finfo(part.dtype).eps for part in own)
    a, b = scores.double(), place.scores.double()
    return Lines(
        run=run,
        rows=torch.arange(len(scores), device=scores.device),
        begin=begin,
        way=tuple(_wide(part) - start for part, start in zip(own, begin, strict=True)),
        top=a,
        rise=a - b,
        noise=_ROUNDINGS * rounding * (a.abs() + b.abs()),
    )


def _wide(part: Tensor) -> Tensor:
    """Return numbers that points between two can be told apart in."""
    return part.float() if part.dtype in _HALF else part


def _mean(parts: list[Tensors]) -> Tensors:
    if len(parts) == 1:
        return parts[0]
    return tuple(torch.stack(same).mean(0) for same in zip(*parts, strict=True))
