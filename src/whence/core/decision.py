"""The class that an answer decides for.

It is the one that the model's own ``predict`` names: of several numbers that of the greatest, the
first of equals; of a single number the second of two classes, if it is above a threshold. That is
0.5 for a probability, and 0 for a score.
"""

import numpy as np

from whence.core.types import Floats, Ints

_EVEN = 0.5
_ROUNDING = 1e-3
"""How far probabilities may be from a sum of one: rounding of float16."""


def decisions(said: Floats, threshold: float = _EVEN) -> Ints:
    """Return the position of the class that each answer decides for, (rows,).

    Parameters
    ----------
    said : array of shape (rows, outputs)
    threshold : float
        Of a single output, above which the second class is decided for.

    Examples
    --------
    >>> decisions(np.array([[0.5], [0.6]])), decisions(np.array([[0.4, 0.4, 0.2]]))
    (array([0, 1]), array([0]))
    """
    if said.shape[1] == 1:
        return np.asarray(said[:, 0] > threshold, dtype=np.int64)
    return np.asarray(said.argmax(axis=1), dtype=np.int64)


def threshold_of(*, probable: bool) -> float:
    """Return above which answer, a probability or a score, the second class is decided for.

    Examples
    --------
    >>> threshold_of(probable=True), threshold_of(probable=False)
    (0.5, 0.0)
    """
    return _EVEN if probable else 0.0


def look_like_probabilities(said: Floats) -> bool:
    """Tell whether answers (rows, outputs) are between 0 and 1 and, if several, sum to one.

    Examples
    --------
    >>> look_like_probabilities(np.array([[0.2, 0.8]])), look_like_probabilities(np.array([[7.0]]))
    (True, False)
    """
    if not bool((said >= 0).all()):
        return False
    if said.shape[1] == 1:
        return bool((said <= 1).all())
    return bool((np.abs(said.sum(axis=1) - 1) < _ROUNDING).all())
