"""Weighted least squares of many outputs, with what leaving out each group of samples would change.

The normal equations are sums over samples: more samples are added, and nothing is fitted twice.
Samples come in groups that are not independent inside, such as antithetic pairs. One small system
per group gives its residuals under the fit to all other groups (the closed form of leaving it out):
they are held-out errors, and their effect on the coefficients is the jackknife's standard error,
which needs no assumption about the errors (HC3, clustered).
"""

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

    def half(self, which: Literal[0, 1]) -> "Samples":
        """Return every other group."""

        def other(array: Floats) -> Floats:
            shape = array.shape[1:]
            return array.reshape(-1, self.group, *shape)[which::2].reshape(-1, *shape)

        return replace(
            self,
            design=other(self.design),
            worth=other(self.worth),
            weights=None if self.weights is None else other(self.weights),
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

    def inverse(self, free: int = 1) -> Floats:
        """Return the inverse of the Gram matrix, penalized but for the first ``free`` columns."""
        half = np.linalg.inv(np.linalg.cholesky(self._penalized(free)))
        return np.asarray(half.T @ half)

    def coefficients(self) -> Floats:
        """Return the coefficients, (columns, outputs)."""
        return np.asarray(np.linalg.solve(self._penalized(1), self.cross))

    def _penalized(self, free: int) -> Floats:
        squares = np.diag(self.gram)
        penalty = squares * _RIDGE
        penalty[:free] = 0.0
        penalty[squares == 0] = 1.0  # a column of zeros has the coefficient zero
        return self.gram + np.diag(penalty)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A fit, and what each group of samples contributed to it.

    Attributes
    ----------
    coefficients : array of shape (columns, outputs)
    left_out : array of shape (samples, outputs)
        Residuals of each group under the fit to all other groups.
    pull : array of shape (groups, group, columns)
        Change of the coefficients per unit of such a residual.
    samples : Samples
    """

    coefficients: Floats
    left_out: Floats
    pull: Floats
    samples: Samples

    def stderr(self) -> Floats:
        """Return the jackknife standard errors, (columns, outputs)."""
        residuals = self._residuals()
        lever = self.pull.transpose(0, 2, 1)
        parts = [
            ((lever @ residuals[:, :, s : s + _OUTPUTS]) ** 2).sum(axis=0)
            for s in range(0, residuals.shape[2], _OUTPUTS)
        ]
        return np.sqrt(_jackknife(len(lever)) * np.concatenate(parts, axis=1))

    def steps(self, columns: Ints, output: int) -> Floats:
        """Return the standard errors of the steps from the size of one coefficient to the next.

        Parameters
        ----------
        columns : int array of shape (some,)
            The coefficients, in the order of their sizes.
        output : int

        Returns
        -------
        array of shape (some - 1,)
        """
        change = (self.pull[:, :, columns] * self._residuals()[:, :, output, None]).sum(axis=1)
        sizes = change * np.sign(self.coefficients[columns, output])
        steps = sizes[:, :-1] - sizes[:, 1:]
        return np.asarray(np.sqrt(_jackknife(len(steps)) * (steps**2).sum(axis=0)))

    def fidelity(self, noise: Floats | float = 0.0) -> Floats:
        """Return the held-out R squared, and its 95 % interval.

        Parameters
        ----------
        noise : array of shape (samples, outputs), or 0
            Unbiased estimate of the square of each sample's noise, which is no fault of the fit.

        Returns
        -------
        array of shape (outputs, 3)
        """
        samples, groups = self.samples, len(self.pull)
        total = samples.worth - _means(samples.worth, samples.weights)
        misfit, spread = (
            samples.weighted(part**2 - noise).reshape(groups, -1, part.shape[1]).sum(axis=1)
            for part in (self.left_out, total)
        )
        rounding = _NOISE * samples.weighted(samples.worth**2).sum(axis=0)
        return np.array([_ratio(*each) for each in zip(misfit.T, spread.T, rounding, strict=True)])

    def _residuals(self) -> Floats:
        return self.left_out.reshape(*self.pull.shape[:2], -1)


def fit(samples: Samples) -> Fit:
    """Fit, and leave out each group once."""
    moments, group = Moments.of(samples), samples.group
    inverse = moments.inverse()
    coefficients = inverse @ moments.cross
    pull, weighted = samples.design @ inverse, samples.weighted(samples.design)
    residuals = (samples.worth - samples.design @ coefficients).reshape(
        -1, group, samples.worth.shape[1]
    )
    grouped = [m.reshape(len(residuals), group, -1) for m in (pull, weighted)]
    left_out = _without(grouped[0] @ grouped[1].transpose(0, 2, 1), residuals)
    return Fit(
        coefficients=coefficients,
        left_out=left_out.reshape(len(samples.worth), -1),
        pull=samples.weighted(pull).reshape(len(residuals), group, -1),
        samples=samples,
    )


def _without(leverage: Floats, residuals: Floats) -> Floats:
    """Return what the residuals of each group are under the fit to all other groups."""
    group = leverage.shape[1]
    system = np.eye(group) * (1 + _RIDGE) - leverage  # one sample may alone fix a coefficient
    if group != 2:  # noqa: PLR2004  pairs, of which there are many, have a closed form
        return np.asarray(np.linalg.solve(system, residuals))
    a, b, c, d = (system[:, i, j, None] for i in (0, 1) for j in (0, 1))
    first, second = residuals[:, 0], residuals[:, 1]
    both = np.stack([d * first - b * second, a * second - c * first], axis=1)
    return np.asarray(both / (a * d - b * c)[:, None])


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


def _means(numbers: Floats, weights: Floats | None) -> Floats:
    return np.asarray(np.average(numbers, axis=0, weights=weights))


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
