"""Weighted least squares of many outputs, with what leaving out each group of samples would change.

The normal equations are sums over samples: more samples are added, and nothing is fitted twice.
Samples come in groups that are not independent inside, such as antithetic pairs. One small system
per group gives its residuals under the fit to all other groups (the closed form of leaving it out):
they are held-out errors, and their effect on the coefficients is the jackknife's standard error,
which needs no assumption about the errors (HC3, clustered).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from whence.core.types import Floats, Ints

_RIDGE = 1e-11
"""Penalty of each column, as a share of its own sum of squares: against singular designs alone."""
_NOISE = 1e-20
"""Squares of rounding errors, as a share of the squares."""
_OUTPUTS = 16
"""Outputs whose standard errors are computed at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """What a surrogate is fitted to.

    Attributes
    ----------
    design : array of shape (samples, columns)
        The first column is one.
    worth : array of shape (samples, outputs)
    weights : array of shape (samples,) or None
        None if they are equal.
    group : int
        So many samples after each other are a group.
    """

    design: Floats
    worth: Floats
    weights: Floats | None
    group: int

    def weighted(self, numbers: Floats) -> Floats:
        """Return the rows of ``numbers`` times their weights."""
        return numbers if self.weights is None else numbers * self.weights[:, None]

    def some(self, columns: Ints | slice) -> "Samples":
        """Return a smaller design."""
        return replace(self, design=self.design[:, columns])

    def after(self, first: int) -> "Samples":
        """Return the samples from number ``first`` on."""
        return self._rows(lambda array: array[first:])

    def half(self, which: Literal[0, 1]) -> "Samples":
        """Return every other group."""

        def other(array: Floats) -> Floats:
            shape = array.shape[1:]
            return array.reshape(-1, self.group, *shape)[which::2].reshape(-1, *shape)

        return self._rows(other)

    def _rows(self, part: Callable[[Floats], Floats]) -> "Samples":
        return replace(
            self,
            design=part(self.design),
            worth=part(self.worth),
            weights=None if self.weights is None else part(self.weights),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Sums over samples: all that a fit needs.

    Attributes
    ----------
    gram : array of shape (columns, columns)
    cross : array of shape (columns, outputs)
    """

    gram: Floats
    cross: Floats

    @classmethod
    def of(cls, samples: Samples) -> "Moments":
        """Return the sums over some samples."""
        weighted = samples.weighted(samples.design)
        return cls(gram=weighted.T @ samples.design, cross=weighted.T @ samples.worth)

    def __add__(self, other: "Moments") -> "Moments":
        """Return the sums over the samples of both."""
        return Moments(gram=self.gram + other.gram, cross=self.cross + other.cross)

    def some(self, columns: Ints | slice) -> "Moments":
        """Return the sums of a smaller design."""
        return Moments(gram=self.gram[columns][:, columns], cross=self.cross[columns])

    def inverse(self) -> Floats:
        """Return the inverse of the penalized Gram matrix."""
        penalty = np.diag(self.gram) * _RIDGE
        penalty[0] = 0.0  # none on the intercept
        penalty[np.diag(self.gram) == 0] = 1.0  # a column of zeros has the coefficient zero
        factor = np.linalg.cholesky(self.gram + np.diag(penalty))
        half = np.linalg.inv(factor)
        return np.asarray(half.T @ half)

    def coefficients(self) -> Floats:
        """Return the coefficients, (columns, outputs)."""
        return np.asarray(self.inverse() @ self.cross)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A fit, and what each group of samples contributed to it.

    Attributes
    ----------
    coefficients : array of shape (columns, outputs)
    left_out : array of shape (samples, outputs)
        Residuals of each group under the fit to all other groups.
    pull : array of shape (groups, group, columns of interest)
        Change of the coefficients per unit of such a residual.
    samples : Samples
    """

    coefficients: Floats
    left_out: Floats
    pull: Floats
    samples: Samples

    def stderr(self) -> Floats:
        """Return the jackknife standard errors, (columns of interest, outputs)."""
        return np.sqrt(self._variance(self.pull))

    def contrast(self, a: int, b: int, sign: float, output: int) -> float:
        """Return the standard error of coefficient ``a`` minus ``sign`` times ``b``."""
        pull = self.pull[:, :, a] - sign * self.pull[:, :, b]
        change = (pull * self._grouped(self.left_out)[:, :, output]).sum(axis=1)
        return float(np.sqrt(_jackknife(len(pull)) * (change**2).sum()))

    def fidelity(self, terms: int, *, twins: bool) -> Floats:
        """Return the held-out R squared of the first ``terms`` columns, and its 95 % interval.

        Parameters
        ----------
        terms : int
            Columns of the surrogate; the others stand for noise that is no fault of it.
        twins : bool
            Whether the second half of each group repeats the coalitions of the first with other
            noise. Products of the two then measure the misfit without the noise.

        Returns
        -------
        array of shape (outputs, 3)
        """
        samples = self.samples
        said = samples.worth - samples.design[:, terms:] @ self.coefficients[terms:]
        weights = np.ones(len(said)) if samples.weights is None else samples.weights
        total = said - np.average(said, axis=0, weights=weights)
        misfit, spread = (
            self._squares(part, weights, twins=twins) for part in (self.left_out, total)
        )
        noise = _NOISE * (weights[:, None] * samples.worth**2).sum(axis=0)
        return np.array([_ratio(*each) for each in zip(misfit.T, spread.T, noise, strict=True)])

    def _squares(self, numbers: Floats, weights: Floats, *, twins: bool) -> Floats:
        """Return the weighted squares, or products of twins, summed in each group."""
        groups, group = self.pull.shape[:2]
        halves = (groups, 2, group // 2, -1) if twins else (groups, 1, group, -1)
        parts, w = numbers.reshape(halves), weights.reshape(halves)
        return np.asarray((w[:, 0] * parts[:, 0] * parts[:, -1]).sum(axis=1))

    def _grouped(self, numbers: Floats) -> Floats:
        return numbers.reshape(*self.pull.shape[:2], -1)

    def _variance(self, pull: Floats) -> Floats:
        residuals = self._grouped(self.left_out)
        lever = np.ascontiguousarray(pull.transpose(0, 2, 1))
        parts = [
            ((lever @ residuals[:, :, s : s + _OUTPUTS]) ** 2).sum(axis=0)
            for s in range(0, residuals.shape[2], _OUTPUTS)
        ]
        return np.asarray(_jackknife(len(pull)) * np.concatenate(parts, axis=1))


def fit(samples: Samples, moments: Moments, terms: int) -> Fit:
    """Fit, and leave out each group once.

    Parameters
    ----------
    samples : Samples
    moments : Moments
        Their sums.
    terms : int
        The first columns, which are of interest.
    """
    inverse, group = moments.inverse(), samples.group
    coefficients = inverse @ moments.cross
    residuals = (samples.worth - samples.design @ coefficients).reshape(
        -1, group, samples.worth.shape[1]
    )
    pull = samples.design @ inverse
    grouped, weighted = (
        m.reshape(len(residuals), group, -1) for m in (pull, samples.weighted(samples.design))
    )
    system = np.eye(group) - grouped @ weighted.transpose(0, 2, 1)
    system += np.eye(group) * _RIDGE  # a sample that alone fixes a coefficient has leverage one
    left_out = np.linalg.solve(system, residuals)
    return Fit(
        coefficients=coefficients,
        left_out=np.asarray(left_out).reshape(len(samples.worth), -1),
        pull=samples.weighted(pull[:, :terms]).reshape(len(residuals), group, terms),
        samples=samples,
    )


def strongest(moments: Moments, output: int, candidates: Ints, size: int) -> Ints:
    """Select columns one after another, each time the one that explains most of what is left.

    All other columns are in the model from the start. Each step updates the remaining ones as a
    Cholesky factorization does, so that ``size`` columns cost no more than one fit.

    Returns
    -------
    int array of shape (at most size,)
        In the order of their selection.
    """
    fixed = np.setdiff1d(np.arange(len(moments.gram)), candidates)
    gram, cross = moments.gram, moments.cross[:, output]
    solved = moments.some(fixed).inverse() @ gram[np.ix_(fixed, candidates)]
    left = gram[np.ix_(candidates, candidates)] - gram[np.ix_(candidates, fixed)] @ solved
    right = cross[candidates] - solved.T @ cross[fixed]
    scale = np.diag(gram)[candidates] * _RIDGE
    chosen: list[int] = []
    for _ in range(min(size, len(candidates))):
        free = np.diag(left) > scale
        free[chosen] = False
        if not free.any():
            break
        gain = np.where(free, right**2 / np.where(free, np.diag(left), 1.0), -1.0)
        best = int(np.argmax(gain))
        chosen.append(best)
        column = left[:, best] / left[best, best]
        right = right - column * right[best]
        left = left - np.outer(column, left[best])
    return np.asarray(candidates[chosen], dtype=np.int64)


def explained(worth: Floats, said: Floats, weights: Floats) -> Floats:
    """Return the weighted R squared of each output; that of a constant is one."""
    spread = weights @ (worth - np.average(worth, axis=0, weights=weights)) ** 2
    misfit = weights @ (worth - said) ** 2
    constant = spread <= _NOISE * (weights @ worth**2)
    return np.where(constant, 1.0, 1 - misfit / np.where(constant, 1.0, spread))


def _jackknife(groups: int) -> float:
    return (groups - 1) / groups


def _ratio(misfit: Floats, spread: Floats, noise: float) -> tuple[float, float, float]:
    """Return one minus the ratio of two sums over groups, and its 95 % interval."""
    above, below = float(misfit.sum()), float(spread.sum())
    if np.abs(spread).sum() <= noise:
        return 1.0, 1.0, 1.0  # a constant is explained in full
    if below <= 0:
        return 0.0, 0.0, 1.0  # no more than noise: nothing can be said
    ratio = above / below
    error = 1.96 * float(np.sqrt(((misfit - ratio * spread) ** 2).sum())) / below
    value = 1 - ratio
    return min(value, 1.0), min(value - error, 1.0), min(value + error, 1.0)
