"""What a method makes of a run: an attribution with values of players, and what to warn of."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from whence.core.explanation import Attribution, Names
from whence.core.provenance import Provenance
from whence.core.types import Floats, Ints
from whence.deep.engine.layout import Merge
from whence.deep.engine.parts import layer_of
from whence.deep.engine.run import Run, running

if TYPE_CHECKING:
    from whence.deep.network import Network

__all__ = ["attribution", "check_layer", "numbers", "running", "summed_slopes", "values_of"]


def attribution(
    run: Run,
    relevance: tuple[Tensor, ...] | Floats,
    *,
    scores: Tensor,
    base: Tensor | None = None,
    stderr: Floats | None = None,
    merge: Merge = "sum",
    warnings: tuple[str, ...] = (),
) -> Attribution:
    """Return the attribution of a block.

    Parameters
    ----------
    run : Run
    relevance : tuple of tensors of shape (targets, rows, ...)
        One per place where the network was opened; or the values of players themselves, an array
        of shape (rows, *players, targets).
    scores : tensor of shape (rows, targets)
        What the module says about the rows.
    base : tensor of shape (rows, targets) or None
        What it says about the baseline; None for 0, where a method has none.
    stderr : array of shape (rows, *players, targets) or None
    merge : {"sum", "largest"}
        What is made of the channels of a pixel and the numbers of a vector.
    """
    outputs = numbers(scores)
    values = relevance if isinstance(relevance, np.ndarray) else values_of(run, relevance, merge)
    positions = run.scores.positions
    return Attribution(
        values=values,
        base_values=np.zeros_like(outputs) if base is None else numbers(base),
        outputs=outputs,
        stderr=stderr,
        mask=None if run.layer is not None else run.layout.mask,
        target=None if positions is None else positions.cpu().numpy().astype(np.int32),
        names=Names(
            features=() if run.layer is not None else run.layout.features,
            outputs=run.scores.names,
        ),
        data=run.layout.data,
        provenance=Provenance(
            evaluations=run.passed - len(run), warnings=(*run.warnings, *warnings)
        ),
    )


def numbers(tensor: Tensor) -> Floats:
    """Return a tensor as an array of float64."""
    return np.asarray(tensor.detach().to(device="cpu", dtype=torch.float64).numpy())


def check_layer(network: "Network", layer: str | None) -> None:
    """Refuse a layer that the module does not have, before any work.

    Raises
    ------
    InputError
        If it has none of this name.
    """
    if layer is not None:
        layer_of(network.module, layer)


def values_of(
    run: Run, relevance: tuple[Tensor, ...], merge: Merge = "sum", rows: Ints | None = None
) -> Floats:
    """Return values of players, (rows, *players, targets), of numbers where a run is opened.

    ``rows`` says which rows of the block they are about; None for all of them.
    """
    if run.layer is None:
        return run.layout.values(relevance, run.where, merge, rows)
    return np.ascontiguousarray(np.moveaxis(numbers(relevance[0]), 0, -1))


def summed_slopes(run: Run) -> tuple[str, ...]:
    """Warn of slopes by the numbers of a vector that are summed up with their signs."""
    if all(place.places is None for place in run.where):
        return ()
    said = (
        "The slopes by the numbers of each token's vector were summed up with their signs, which "
        "says how the output reacts when all of them grow alike: behind a LayerNorm that is the "
        "same for every token, or zero. Take magnitudes, as Saliency() does, or products with the "
        "vector: InputXGradient, SmoothGrad(times_input=True), IntegratedGradients."
    )
    return (said,)
