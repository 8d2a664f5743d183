"""Rows of a background, chosen for each row explained, as examples."""

from typing import Literal

import numpy as np

from whence.core.examples import Examples
from whence.core.inputs import Inputs
from whence.core.provenance import Provenance
from whence.core.table import Table
from whence.core.types import Floats, Ints
from whence.maskers.likeness import numbers_of


def chosen(
    kind: Literal["neighbor", "influence"],
    X: Inputs,
    Z: Inputs,
    both: Table | None,
    index: Ints,
    distance: Floats,
    outputs: Floats,
    before: Floats,
    *,
    score: Floats | None = None,
    warnings: tuple[str, ...] = (),
) -> Examples:
    """Return rows of a background as examples.

    Parameters
    ----------
    kind : {"neighbor", "influence"}
    X, Z : Table, Images, Texts or Series
        The rows explained, and the background.
    both : Table or None
        Both, in categories known to both, if they are tables.
    index : int array of shape (rows, candidates)
        Rows of the background; -1 where there is none.
    distance : array of shape (rows, candidates)
    outputs : array of shape (rows * candidates, outputs)
        What the model says about the candidates.
    before : array of shape (rows, outputs)
        What it says about the rows explained.
    score : array of shape (rows, candidates) or None
    warnings : tuple of str
    """
    valid = index >= 0
    numbers = numbers_of(Z) if both is None else both.numbers[len(X) :]
    candidates = numbers[index].astype(np.float64)
    candidates[~valid] = np.nan
    said = np.where(valid[..., None], outputs.reshape(*index.shape, -1), np.nan)
    return Examples(
        candidates=candidates,
        outputs=said,
        distance=np.where(valid, distance, np.nan),
        valid=valid,
        kind=kind,
        before=before,
        levels=() if both is None else both.levels,
        index=index,
        score=None if score is None else np.where(valid, score, np.nan),
        provenance=Provenance(warnings=warnings),
    )
