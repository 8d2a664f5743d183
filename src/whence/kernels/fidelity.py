"""How far a surrogate says what a model says, with intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from whence.core.types import Bools, Floats

_TAIL = 0.025
_RESAMPLES = 500
_CELLS = 4_000_000
"""Numbers of one batch of resamples."""
_EVEN = 0.5


def share(some: ArrayLike, of: ArrayLike, *, tail: float = _TAIL) -> tuple[Floats, Floats, Floats]:
    """Return shares and the bounds of their Clopper-Pearson intervals; NaN and 0 to 1 of nothing.

    Parameters
    ----------
    some, of : arrays
        Counts.
    tail : float
        Chance that the truth is beyond each bound, at most.

    References
    ----------
    C. J. Clopper, E. S. Pearson, 1934. doi:10.1093/biomet/26.4.404

    Examples
    --------
    >>> [round(float(x), 3) for x in share(59, 59, tail=0.05)]
    [1.0, 0.95, 1.0]
    """
    some, of = np.broadcast_arrays(np.asarray(some, float), np.asarray(of, float))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = some / of
    low = np.where(some > 0, betaincinv(np.maximum(some, 1e-9), of - some + 1, tail), 0.0)
    rest = np.maximum(of - some, 1e-9)
    high = np.where(some < of, betaincinv(some + 1, rest, 1 - tail), 1.0)
    return value, low, high


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """When two outputs say the same.

    Attributes
    ----------
    decides : bool
        Whether the outputs are probabilities of classes: the same is then the same decision.
    within : float
        Otherwise: the largest difference that is none.
    """

    decides: bool
    within: float = 0.0

    def __call__(self, a: Floats, b: Floats) -> Bools:
        """Return for each row of two arrays (rows, outputs) whether they say the same."""
        if not self.decides:
            return np.asarray((np.abs(a - b) <= self.within).all(axis=-1))
        if a.shape[-1] == 1:
            return np.asarray((a[..., 0] > _EVEN) == (b[..., 0] > _EVEN))
        return np.asarray(a.argmax(axis=-1) == b.argmax(axis=-1))


def r_squared(Y: Floats, said: Floats, rng: Generator) -> Floats:
    """Return R squared of each output and its 95 % bootstrap interval, (outputs, 3).

    An output that is constant has R squared 1 if it is met, and 0 if it is not.

    Parameters
    ----------
    Y, said : arrays of shape (rows, outputs)
        What the model says, and what the surrogate.

    Examples
    --------
    >>> Y = np.arange(4.0)[:, None]
    >>> r_squared(Y, Y, np.random.default_rng(0))
    array([[1., 1., 1.]])
    """
    n = len(Y)
    center = Y.mean(axis=0)
    nothing = (1e-12 * np.abs(Y).max(axis=0)) ** 2
    moments = np.concatenate([(Y - said) ** 2, Y - center, (Y - center) ** 2], axis=1)
    value = _r_squared(moments.mean(axis=0, keepdims=True), nothing)[0]
    drawn, batch = [], max(1, _CELLS // n)
    for start in range(0, _RESAMPLES, batch):
        size = min(batch, _RESAMPLES - start)
        weights = rng.multinomial(n, np.full(n, 1 / n), size=size) / n
        drawn.append(_r_squared(weights @ moments, nothing))
    low, high = np.quantile(np.concatenate(drawn), [_TAIL, 1 - _TAIL], axis=0)
    return np.stack([value, low, high], axis=1)


def _r_squared(means: Floats, nothing: Floats) -> Floats:
    k = len(nothing)
    error, shift, square = means[:, :k], means[:, k : 2 * k], means[:, 2 * k :]
    spread = square - shift**2
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = 1 - error / spread
    return np.asarray(np.where(spread <= nothing, np.where(error <= nothing, 1.0, 0.0), plain))
