"""Rows of a background, weighted by how near they are to what is known of a row.

The empirical conditional distribution of Aas, Jullum & Løland (2021): with ``D_S`` the Mahalanobis
distance over the known columns, divided by the root of their number, a background row ``z`` has the
weight ``exp(-D_S(x, z)^2 / (2 sigma^2))``. Only the heaviest rows are kept that together carry 95 %
of the weight, with those that are as heavy as the last of them.

Categories, and missing cells of a column of numbers, count as one indicator each; a missing number
stands at the mean.

References
----------
Aas, Jullum & Løland 2021, arXiv:1903.10464, doi:10.1016/j.artint.2021.103502.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from whence.core.types import Bools, Floats, Ints

_CARRIED = 0.95
"""Share of the weight that the rows kept carry together."""
_ROUNDING = 1e-9
_RIDGE = 1e-6
"""Added to the variances, so that columns that are equal, or parts of a whole, do no harm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nearness:
    """A background in which distances are measured.

    Attributes
    ----------
    coordinates : array of shape (background, coordinates)
        Of mean 0 and variance 1.
    center, scale : arrays of shape (coordinates,)
    owner : int array of shape (coordinates,)
        The column that each coordinate is of.
    category : array of shape (coordinates,)
        The code that it indicates; NaN for a missing cell, infinity for the number itself.
    covariance : array of shape (coordinates, coordinates)
    """

    coordinates: Floats
    center: Floats
    scale: Floats
    owner: Ints
    category: Floats
    covariance: Floats

    def place(self, X: Floats) -> Floats:
        """Return the coordinates of rows of numbers and codes, (rows, columns)."""
        raw = _raw(X, self.owner, self.category, self.center)
        return np.asarray((raw - self.center) / self.scale)

    def weights(self, known: Bools, place: Floats, sigma: float) -> Floats:
        """Return the weights of the background, (coalitions, background), each line's sum 1.

        Parameters
        ----------
        known : bool array of shape (coalitions, columns)
        place : array of shape (coalitions, coordinates)
        sigma : float
            Distance at which a row has lost 39 % of its weight.
        """
        wide = known[:, self.owner]
        square = wide[:, :, None] * self.covariance * wide[:, None, :]
        inverse = np.linalg.inv(square + np.eye(wide.shape[1]) * ~wide[:, :, None])
        apart = (place[:, None] - self.coordinates) * wide[:, None]
        distance = ((apart @ inverse) * apart).sum(axis=2)
        distance /= np.maximum(known.sum(axis=1), 1)[:, None]
        distance -= distance.min(axis=1, keepdims=True)
        weights = np.exp(-distance / (2 * sigma**2))
        ranked = np.sort(weights, axis=1)[:, ::-1]
        carried = np.cumsum(ranked, axis=1) / ranked.sum(axis=1, keepdims=True)
        last = (carried < _CARRIED - _ROUNDING).sum(axis=1)[:, None]
        weights[weights < np.take_along_axis(ranked, last, axis=1) * (1 - _ROUNDING)] = 0.0
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def nearness_of(Z: Floats, levels: Sequence[int]) -> Nearness:
    """Return the distances in a background.

    Parameters
    ----------
    Z : array of shape (background, columns)
        Numbers and codes of categories; NaN is missing.
    levels : sequence of int
        Number of categories of each column, 0 for numbers.

    Examples
    --------
    >>> near = nearness_of(np.array([[0.0, 1.0], [1.0, 2.0], [9.0, 3.0]]), (0, 0))
    >>> near.weights(np.array([[True, False]]), near.place(np.array([[0.9, 0.0]])), 0.1).round(3)
    array([[0.078, 0.922, 0.   ]])
    """
    parts = [(j, code) for j, count in enumerate(levels) for code in _parts(Z[:, j], count)]
    owner = np.array([j for j, _ in parts], dtype=np.int64)
    category = np.array([code for _, code in parts])
    raw = _raw(Z, owner, category, np.full(len(parts), np.nan))
    center = np.nanmean(raw, axis=0)
    filled = np.where(np.isnan(raw), center, raw)
    spread = filled.std(axis=0)
    scale = np.where(spread > 0, spread, np.inf)
    coordinates = (filled - center) / scale
    covariance = coordinates.T @ coordinates / len(Z) + _RIDGE * np.eye(len(parts))
    return Nearness(
        coordinates=coordinates,
        center=center,
        scale=scale,
        owner=owner,
        category=category,
        covariance=covariance,
    )


def _parts(column: Floats, count: int) -> Iterator[float]:
    missing = np.isnan(column)
    if count:
        yield from map(float, range(count))
    elif not missing.all():
        yield np.inf
    if missing.any():
        yield np.nan


def _raw(X: Floats, owner: Ints, category: Floats, center: Floats) -> Floats:
    """Return numbers and indicators; the center where a number is missing."""
    cells = X[:, owner]
    number = np.isposinf(category)
    indicated = np.where(np.isnan(category), np.isnan(cells), cells == category)
    return np.where(number, np.where(np.isnan(cells), center, cells), indicated)
