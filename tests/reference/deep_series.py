"""Temporal saliency rescaling as its paper writes it, one masked copy after the other."""

from collections.abc import Callable

import numpy as np

from whence.core.types import Floats

Explain = Callable[[Floats], Floats]
"""A series (times, channels) -> the values of a method, of any shape."""


def temporal_saliency_rescaling(
    explain: Explain, x: Floats, *, threshold: float, stands: Floats
) -> Floats:
    """Return the values of one series and target, (times, channels).

    Parameters
    ----------
    threshold : float
        Share of the times that are not looked at closer.
    stands : array of shape (times, channels)
        What stands where the series is hidden.
    """
    times, channels = x.shape
    own = explain(x)
    when = np.zeros(times)
    for t in range(times):
        masked = x.copy()
        masked[t] = stands[t]
        when[t] = np.abs(own - explain(masked)).sum()
    out = np.zeros((times, channels))
    for t in range(times):
        if when[t] < np.quantile(when, threshold):
            continue
        for c in range(channels):
            masked = x.copy()
            masked[t, c] = stands[t, c]
            out[t, c] = when[t] * np.abs(own - explain(masked)).sum()
    return out
