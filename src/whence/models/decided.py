"""Which class a model decides for, told from what it answers."""

from dataclasses import dataclass

from whence.core.decision import decisions, look_like_probabilities, threshold_of
from whence.core.types import Floats, Ints
from whence.models.predict import Predict

_BINARY = 2


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
    >>> import numpy as np
    >>> view = Predict(say=len, name="The model", classes=("bad", "good"), unit="probability")
    >>> found = decided(view, np.array([[0.2], [0.9]]))
    >>> found.names, found.label
    (('bad', 'good'), array([0, 1]))
    """
    k = raw.shape[1]
    if k == 1:
        if len(view.classes) != _BINARY:
            return None
        label = decisions(raw, threshold_of(probable=view.unit == "probability"))
        return Decided(label=label, names=tuple(map(str, view.classes)), sure=True)
    listed = len(view.classes) == k
    names = tuple(map(str, view.classes)) if listed else view.names_of(k)
    return Decided(label=decisions(raw), names=names, sure=listed or look_like_probabilities(raw))
