"""How far a surrogate says what a model says, with intervals."""

import numpy as np
from numpy.random import Generator

from whence.core.types import Floats

_TAIL = 0.025
_RESAMPLES = 500
_CELLS = 4_000_000
"""Numbers of one batch of resamples."""


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
