"""Intervals of scores that were measured by cross-validation.

The training sets of the folds overlap, so their scores are not independent, and the plain standard
error of their mean is too small. The corrected one of Nadeau and Bengio adds the share of the test
rows: ``(1 / J + n_test / n_train) s^2`` for ``J`` scores of variance ``s^2``.

References
----------
C. Nadeau, Y. Bengio, Inference for the generalization error, 2003. doi:10.1023/A:1024068626366
"""

import numpy as np

from whence.core.types import Floats

_FEWEST = 2


def corrected_interval(
    scores: Floats, ratio: float, level: float = 0.95
) -> tuple[float, float, float]:
    """Return the mean of scores of folds and its interval; no bounds (NaN) of fewer than two.

    Parameters
    ----------
    scores : array of shape (folds,)
    ratio : float
        Rows tested on by rows trained on, 1 / (folds - 1) in cross-validation.

    Examples
    --------
    >>> [round(x, 3) for x in corrected_interval(np.array([0.8, 0.82, 0.78, 0.81, 0.79]), 0.25)]
    [0.8, 0.771, 0.829]
    """
    from scipy.special import stdtrit

    n = len(scores)
    mean = float(scores.mean())
    if n < _FEWEST:
        return mean, np.nan, np.nan
    stderr = float(scores.std(ddof=1)) * np.sqrt(1 / n + ratio)
    reach = float(stdtrit(n - 1, (1 + level) / 2) * stderr)
    return mean, mean - reach, mean + reach
