"""What it means that a model says the same about two rows.

Of classes: it decides for the same one; see `whence.core.decision`. Of numbers: no output differs
by more than a tolerance.
"""

from dataclasses import dataclass, field

import numpy as np

from whence.core.decision import decisions
from whence.core.types import Bools, Floats

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """Tells whether a model says the same.

    Attributes
    ----------
    threshold : float
        Of classes, if there is a single output: the second is decided for above it.
    tolerance : array of shape (outputs,) or (1,), or None
        Of numbers: how far they may differ; None means classes.

    Examples
    --------
    >>> said = np.array([[0.2], [0.9], [0.4]])
    >>> Agreement(threshold=0.5).same(said, said[:1])
    array([ True, False,  True])
    >>> Agreement(tolerance=np.array([0.2])).same(said, said[:1])
    array([ True, False,  True])
    """

    threshold: float = 0.5
    tolerance: Floats | None = field(default=None)

    def same(self, a: Floats, b: Floats) -> Bools:
        """Return which rows of two arrays (rows, outputs), or of one and a single row, agree."""
        if self.tolerance is None:
            return np.asarray(decisions(a, self.threshold) == decisions(b, self.threshold))
        slack = _ROUNDING * np.maximum(1.0, np.abs(b))
        return np.asarray((np.abs(a - b) <= self.tolerance + slack).all(axis=1))
