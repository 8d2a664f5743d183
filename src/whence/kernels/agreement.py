"""What it means that a model says the same about two rows.

Of classes: it predicts the same one, as the model's own ``predict`` does. One probability stands
for the second of two classes, which is predicted from more than a half on; several outputs stand
for a class each, of which the greatest wins, the first of equals. Of numbers: no output differs by
more than a tolerance.
"""

from dataclasses import dataclass, field

import numpy as np

from whence.core.types import Bools, Floats, Ints

_SUM = 1e-3
"""How far probabilities may be from a sum of one: rounding of float16."""
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """Tells whether a model says the same.

    Attributes
    ----------
    edge : float
        Of classes, if there is a single output: the second is predicted above it.
    tolerance : array of shape (outputs,) or (1,), or None
        Of numbers: how far they may differ; None means classes.

    Examples
    --------
    >>> said = np.array([[0.2], [0.9], [0.4]])
    >>> Agreement(edge=0.5).same(said, said[:1])
    array([ True, False,  True])
    >>> Agreement(tolerance=np.array([0.2])).same(said, said[:1])
    array([ True, False,  True])
    """

    edge: float = 0.5
    tolerance: Floats | None = field(default=None)

    def classes(self, outputs: Floats) -> Ints:
        """Return the position of the class predicted, (rows,), of outputs (rows, outputs)."""
        if outputs.shape[1] == 1:
            return np.asarray(outputs[:, 0] > self.edge, dtype=np.int64)
        return np.asarray(outputs.argmax(axis=1), dtype=np.int64)

    def same(self, a: Floats, b: Floats) -> Bools:
        """Return which rows of two arrays (rows, outputs), or of one and a single row, agree."""
        if self.tolerance is None:
            return np.asarray(self.classes(a) == self.classes(b))
        slack = _ROUNDING * np.maximum(1.0, np.abs(b))
        return np.asarray((np.abs(a - b) <= self.tolerance + slack).all(axis=1))


def look_like_probabilities(outputs: Floats) -> bool:
    """Tell whether outputs (rows, outputs) are between 0 and 1 and, if several, sum to one."""
    if ((outputs < 0) | (outputs > 1)).any():
        return False
    return outputs.shape[1] == 1 or bool((np.abs(outputs.sum(axis=1) - 1) <= _SUM).all())
