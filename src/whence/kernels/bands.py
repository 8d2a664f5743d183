"""Means of curves with bands, from rows that come in blocks.

Of each curve ``c_i`` over positions, one per row, the mean and the covariance over rows are kept;
the curves themselves are not. A pointwise interval holds the true mean at a position with
probability ``level``. A simultaneous band holds it at all positions at once: its width in standard
errors is the quantile of ``max_g |Z_g|`` with ``Z`` normal and correlated over positions as the
curves are. This is the Gaussian multiplier bootstrap of Chernozhukov, Chetverikov and Kato (2013,
doi:10.1214/13-AOS1161) with the multipliers summed out, and divided by an independent chi variable
for few rows, as Student's t is.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.types import Floats

Band: TypeAlias = Literal["simultaneous", "pointwise"]

_DRAWS = 4_000
_MOST_JOINT = 512
"""Positions from which on a simultaneous band is Bonferroni's, which is wider."""


def check_band(band: Band, level: float) -> None:
    """Raise `InputError` unless there is such a band at that level."""
    if band not in get_args(Band):
        raise InputError(f"band is {band!r}. Give one of {get_args(Band)}.")
    if not 0 < level < 1:
        raise InputError(f"level is {level!r}. Give a probability such as 0.95.")


class Moments:
    """Mean and covariance of curves over rows.

    Parameters
    ----------
    positions, outputs : int
    joint : bool
        Whether to keep covariances between positions, or their variances alone.

    Examples
    --------
    >>> moments = Moments(2, 1)
    >>> moments.add(np.array([[[0.0], [1.0]], [[2.0], [3.0]]]))
    >>> moments.mean()[:, 0], moments.covariance(0)
    (array([1., 2.]), array([[2., 2.],
           [2., 2.]]))
    """

    __slots__ = ("_mean", "_scatter", "joint", "rows")

    def __init__(self, positions: int, outputs: int, *, joint: bool = True) -> None:
        self.rows, self.joint = 0, joint
        self._mean = np.zeros((outputs, positions))
        shape = (outputs, positions, positions) if joint else (outputs, positions)
        self._scatter = np.zeros(shape)

    def add(self, curves: Floats) -> None:
        """Take more rows, (rows, positions, outputs)."""
        m = len(curves)
        total = self.rows + m
        for o in range(curves.shape[2]):
            part = curves[:, :, o]
            mean = part.mean(axis=0)
            apart = part - mean
            gap = mean - self._mean[o]
            weight = self.rows * m / total
            if self.joint:
                self._scatter[o] += apart.T @ apart + weight * np.outer(gap, gap)
            else:
                self._scatter[o] += (apart**2).sum(axis=0) + weight * gap**2
            self._mean[o] += gap * (m / total)
        self.rows = total

    def mean(self) -> Floats:
        """Return the mean curve, (positions, outputs)."""
        return np.ascontiguousarray(self._mean.T)

    def variance(self, output: int) -> Floats:
        """Return the variance over rows at each position."""
        scatter = self._scatter[output]
        return np.asarray((np.diagonal(scatter) if self.joint else scatter) / max(self.rows - 1, 1))

    def covariance(self, output: int) -> Floats:
        """Return the covariance over rows, (positions, positions)."""
        return np.asarray(self._scatter[output] / max(self.rows - 1, 1))


def spread_of(covariance: Floats) -> float:
    """Return the mean over positions of the standard deviation of centered curves.

    Parameters
    ----------
    covariance : array of shape (positions, positions)
        Of the curves over rows, not centered.

    Examples
    --------
    Curves that are parallel do not differ:

    >>> spread_of(np.ones((2, 2)))
    0.0
    """
    ahead = covariance.mean(axis=0)
    centered = np.diagonal(covariance) - 2 * ahead + ahead.mean()
    return float(np.sqrt(np.maximum(centered, 0)).mean())


def from_first(covariance: Floats) -> Floats:
    """Return the covariance of the curves less what each of them is at the first position."""
    first = covariance[0]
    return np.asarray(covariance - first[:, None] - first[None, :] + first[0])


def student_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def simultaneous(covariance: Floats, level: float, freedom: int, rng: Generator) -> float:
    """Return how many standard errors wide a band is that holds a whole curve.

    Parameters
    ----------
    covariance : array of shape (positions, positions)
        Of the estimates, up to a factor.
    level : float
        Probability with which the band holds the true curve at all positions.
    freedom : int
        Degrees of freedom of the variances.
    rng : Generator

    Examples
    --------
    >>> one = simultaneous(np.ones((3, 3)), 0.95, 10**6, np.random.default_rng(0))
    >>> abs(one - 1.96) < 0.1
    True
    """
    size = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    live = size > 1e-12 * max(float(size.max(initial=0.0)), 1e-300)
    if not live.any():
        return 0.0
    correlation = covariance[np.ix_(live, live)] / np.outer(size[live], size[live])
    values, vectors = np.linalg.eigh(correlation)
    keep = values > 1e-10 * values[-1]
    root = vectors[:, keep] * np.sqrt(values[keep])
    drawn = np.abs(rng.standard_normal((_DRAWS, int(keep.sum()))) @ root.T).max(axis=1)
    scale = np.sqrt(rng.chisquare(freedom, _DRAWS) / freedom)
    least = student_quantile((1 + level) / 2, freedom)
    return max(float(np.quantile(drawn / scale, level)), least)


def width(
    covariance: Floats | None, positions: int, level: float, freedom: int, rng: Generator | None
) -> float:
    """Return half the width of a band in standard errors.

    Parameters
    ----------
    covariance : array of shape (positions, positions) or None
        None: of any kind, which Bonferroni's inequality allows for.
    positions, freedom : int
    level : float
    rng : Generator or None
        None: the interval at each position by itself.
    """
    if rng is None:
        return student_quantile((1 + level) / 2, freedom)
    if covariance is None:
        return student_quantile(1 - (1 - level) / (2 * positions), freedom)
    return simultaneous(covariance, level, freedom, rng)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summary:
    """What there is to say about many curves.

    Attributes
    ----------
    mean : array of shape (positions, outputs)
    low, high : arrays like ``mean`` or None
        The band; None of a single row.
    spread : array of shape (outputs,) or None
        How far single curves are from the mean, see `spread_of`; None where positions are too many.
    """

    mean: Floats
    low: Floats | None
    high: Floats | None
    spread: Floats | None


def summary(
    moments: Moments, level: float, rng: Generator | None, *, centered: bool = False
) -> Summary:
    """Return mean, band and spread of curves.

    Parameters
    ----------
    moments : Moments
        Of curves not centered, where covariances are kept.
    level : float
    rng : Generator or None
        None: an interval at each position by itself, else a simultaneous band.
    centered : bool
        Whether each curve is taken less what it is at the first position.
    """
    mean, n = moments.mean(), moments.rows
    if centered and moments.joint:
        mean = mean - mean[:1]
    half, spread = np.zeros_like(mean), np.empty(mean.shape[1])
    for o in range(mean.shape[1]):
        covariance = moments.covariance(o) if moments.joint else None
        variance = moments.variance(o)
        if covariance is not None:
            spread[o] = spread_of(covariance * ((n - 1) / n))
            covariance = from_first(covariance) if centered else covariance
            variance = np.diagonal(covariance)
        if n > 1:
            wide = width(covariance, len(mean), level, n - 1, rng)
            half[:, o] = wide * np.sqrt(np.maximum(variance, 0.0) / n)
    return Summary(
        mean=mean,
        low=mean - half if n > 1 else None,
        high=mean + half if n > 1 else None,
        spread=spread if moments.joint else None,
    )


def is_joint(positions: int) -> bool:
    """Tell whether covariances between so many positions are kept."""
    return positions <= _MOST_JOINT
