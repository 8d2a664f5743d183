"""Exact bounds of a share that was counted: Clopper and Pearson's.

Of ``trials`` independent rows ``successes`` agree. The lower bound at level ``delta`` is the share
at which so many successes, or more, come up with probability ``delta``. To be sure of 95 % at
``delta`` = 0.05 it takes 59 rows without a failure, 93 with one, 124 with two.

References
----------
Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404.
"""

import numpy as np
from numpy.typing import ArrayLike

from whence.core.types import Floats, Ints

_HALF = 0.5


def lower_bound(successes: Ints, trials: Ints, delta: float) -> Floats:
    """Return what the true share is at least, with confidence ``1 - delta``.

    Parameters
    ----------
    successes, trials : int arrays of the same shape
    delta : float
        Probability of an error, over all samples.

    Returns
    -------
    array of that shape
        Zero where there are no successes.

    Examples
    --------
    >>> lower_bound(np.array([58, 59, 92]), np.array([58, 59, 93]), 0.05).round(4)
    array([0.9497, 0.9505, 0.95  ])
    """
    from scipy.special import betaincinv

    successes, trials = np.asarray(successes), np.asarray(trials)
    some = successes > 0
    low = betaincinv(np.where(some, successes, 1), trials - successes + 1, delta)
    return np.asarray(np.where(some, low, 0.0))


def interval(successes: Ints, trials: Ints, delta: float = 0.05) -> tuple[Floats, Floats]:
    """Return both bounds of the true share, each missed with probability ``delta / 2``.

    Examples
    --------
    >>> [bound.round(3).tolist() for bound in interval(np.array([5]), np.array([10]))]
    [[0.187], [0.813]]
    """
    failures = np.asarray(trials) - np.asarray(successes)
    return lower_bound(successes, trials, delta / 2), 1 - lower_bound(failures, trials, delta / 2)


def share(
    successes: ArrayLike, trials: ArrayLike, *, tail: float = 0.025
) -> tuple[Floats, Floats, Floats]:
    """Return shares and both bounds, each missed with probability ``tail``.

    Of no trials the share is NaN, between 0 and 1.

    Examples
    --------
    >>> [round(float(x), 3) for x in share(59, 59, tail=0.05)]
    [1.0, 0.95, 1.0]
    """
    some, of = np.broadcast_arrays(np.asarray(successes), np.asarray(trials))
    value = np.divide(some, of, out=np.full(some.shape, np.nan), where=of > 0)
    return value, *interval(some, of, 2 * tail)


def most_failures(trials: int, threshold: float, delta: float) -> Ints:
    """Return for 0, 1, ... ``trials`` rows how many may fail, if the bound is to reach a threshold.

    Returns
    -------
    int array of shape (trials + 1,)
        -1 where not even rows without a failure are enough.

    Examples
    --------
    >>> most_failures(153, 0.95, 0.05)[[58, 59, 92, 93, 123, 124, 152, 153]]
    array([-1,  0,  0,  1,  1,  2,  2,  3])
    """
    from scipy.special import bdtr

    # The median of the failures is their mean, rounded: no level below one half allows for more.
    most = trials if delta >= _HALF else int(np.ceil(trials * (1 - threshold)))
    failures = np.arange(most + 1)
    too_few, enough = failures, np.full(most + 1, trials + 1)
    while (enough - too_few > 1).any():
        middle = (too_few + enough) // 2
        passes = bdtr(failures, middle, 1 - threshold) <= delta
        too_few, enough = np.where(passes, too_few, middle), np.where(passes, middle, enough)
    return np.asarray(np.searchsorted(enough, np.arange(trials + 1), side="right") - 1)
