"""Which class a model decides for, told from what it answers."""

from dataclasses import dataclass

import numpy as np

from whence.core.types import Floats, Ints
from whence.models.predict import Predict

_BINARY = 2
_EVEN = 0.5
_ROUNDING = 1e-3
"""Rounding of probabilities in float16."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decided:
    """The class that a model decides for in each row.

    Attributes
    ----------
    label : int array of shape (rows,)
        Position of the class.
    names : tuple of str
        Names of the classes.
    sure : bool
        Whether the model is known to be a classifier; otherwise it has several outputs, which may
        be scores of classes or not.
    """

    label: Ints
    names: tuple[str, ...]
    sure: bool


def decided(view: Predict, raw: Floats) -> Decided | None:
    """Return the class that each row gets; None if the model answers with a single number.

    Parameters
    ----------
    view : Predict
    raw : array of shape (rows, raw outputs)
        What the model answers.

    Examples
    --------
    >>> view = Predict(say=len, name="The model", classes=("bad", "good"), unit="probability")
    >>> found = decided(view, np.array([[0.2], [0.9]]))
    >>> found.names, found.label
    (('bad', 'good'), array([0, 1]))
    """
    k = raw.shape[1]
    if k == 1:
        if len(view.classes) != _BINARY:
            return None
        line = _EVEN if view.unit == "probability" else 0.0
        label = (raw[:, 0] > line).astype(np.int64)
        return Decided(label=label, names=tuple(map(str, view.classes)), sure=True)
    shares = bool((raw >= 0).all() and (np.abs(raw.sum(axis=1) - 1) < _ROUNDING).all())
    listed = len(view.classes) == k
    names = tuple(map(str, view.classes)) if listed else view.names_of(k)
    return Decided(label=raw.argmax(axis=1), names=names, sure=listed or shares)
