"""What background rows put in the place of unknown parts, as columns of a regression.

To a surrogate that knows only which parts are known, it is noise. Functions of it, whose means over
the background are zero, explain most of that noise away and leave the coefficients where they are.
"""

from dataclasses import dataclass

import numpy as np

from whence.core.blocks import cut
from whence.core.types import Bools, Floats, Ints
from whence.kernels.weighted_regression import Moments

_DEPENDENT = 1e-6
"""Size of what a function adds to others, as a share of its own, below which it adds nothing."""
_DOUBLINGS = 3
_COLUMNS = (160, 640)
"""Columns at most of a regression with several functions of what was filled in, and with one."""
_PER_COLUMN = 8
"""Samples for each column at least: half as many differences."""
_LEVERS = 256
"""Coalitions of which it is computed how much their differences owe to themselves."""
_ALONE = 0.9
"""Most that a difference is taken to owe to itself."""
_BLOCK = 256
"""Coalitions whose columns are made at a time, few enough for the cache of a processor."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filling:
    """Functions of what each copy fills in.

    Attributes
    ----------
    steps : array of shape (copies, functions, columns)
        Of mean zero over the copies; the functions that matter most come first.
    owner : int array of shape (columns,)
        Player that each column belongs to.
    """

    steps: Floats
    owner: Ints

    @classmethod
    def of(cls, values: Floats, owner: Ints, samples: int) -> "Filling":
        """Return as many functions of the values (copies, columns) as so many samples carry."""
        copies, columns = values.shape
        room = samples // _PER_COLUMN
        fits = [
            d for d in range(_DOUBLINGS + 1) if columns * (1 << d) <= min(room, _COLUMNS[d == 0])
        ]
        if not fits:
            return cls(steps=np.empty((copies, 0, columns)), owner=owner)
        return cls(steps=steps(values, max(fits)).transpose(0, 2, 1).copy(), owner=owner)

    @property
    def columns(self) -> int:
        """Columns of the regression, for all functions."""
        return int(np.prod(self.steps.shape[1:]))

    def carried(self, samples: int) -> int:
        """Return how many of these columns so many samples carry."""
        functions = int(self.steps.shape[1])
        while functions and functions * len(self.owner) > samples // _PER_COLUMN:
            functions //= 2
        return functions * len(self.owner)

    def differences(
        self, known: Bools, copies: Ints, worth: Floats, weights: Floats | None
    ) -> Moments:
        """Return what a regression needs of how twins differ.

        Parameters
        ----------
        known : array of shape (coalitions, players)
        copies : array of shape (coalitions, 2)
            Two copies that completed each of them.
        worth : array of shape (coalitions, outputs)
            Difference of the two answers.
        weights : array of shape (coalitions,) or None
        """
        gram = np.zeros((self.columns, self.columns))
        cross = np.zeros((self.columns, worth.shape[1]))
        for s in cut(len(known), _BLOCK):
            design = self._apart(known[s], copies[s])
            weighted = design if weights is None else design * weights[s, None]
            gram += weighted.T @ design
            cross += weighted.T @ worth[s]
        return Moments(gram=gram, cross=cross)

    def taken_out(
        self, twins: Moments, known: Bools, copies: Ints, worth: Floats, weights: Floats | None
    ) -> tuple[Floats, Floats]:
        """Take what the functions say out of the answers.

        Parameters
        ----------
        twins : Moments
            Of all `differences`.
        known, copies, weights
            As there.
        worth : array of shape (coalitions, 2, outputs)
            Answers about both copies.

        Returns
        -------
        rest : array of shape (coalitions, 2, outputs)
        grown : array of shape (outputs,)
            Mean squares of differences that the functions were not fitted to, as a multiple of
            those of the rest, which owe something to themselves.
        """
        moments = twins.some(slice(self.carried(2 * len(known))))
        inverse = moments.inverse(free=0)
        rest = worth - np.moveaxis(self.said(known, copies, inverse @ moments.cross), 0, 1)
        alone = 1 - self._leverage(known[:_LEVERS], copies[:_LEVERS], inverse, weights)
        squares = (rest[:_LEVERS, 0] - rest[:_LEVERS, 1]) ** 2
        least = np.maximum(squares.sum(axis=0), np.finfo(np.float64).tiny)
        return rest, (squares / alone[:, None] ** 2).sum(axis=0) / least

    def _leverage(
        self, known: Bools, copies: Ints, inverse: Floats, weights: Floats | None
    ) -> Floats:
        """Return how much of each difference the regression owes to itself, (coalitions,)."""
        design = self._apart(known, copies)[:, : len(inverse)]
        found = np.einsum("ij,ij->i", design @ inverse, design)
        found = found if weights is None else found * weights[: len(found)]
        return np.asarray(np.minimum(found, _ALONE))

    def _apart(self, known: Bools, copies: Ints) -> Floats:
        """Return the columns of one copy less those of the other, (coalitions, columns)."""
        design = self.steps[copies[:, 0]]
        design -= self.steps[copies[:, 1]]
        design *= (1.0 - known)[:, None, self.owner]
        return np.asarray(design.reshape(len(design), self.columns))

    def said(self, known: Bools, copies: Ints, coefficients: Floats) -> Floats:
        """Return what the functions say, (copies of each coalition, coalitions, outputs).

        Parameters
        ----------
        known : array of shape (coalitions, players)
        copies : array of shape (coalitions, copies of each)
        coefficients : array of shape (columns of the regression, outputs)
        """
        functions = len(coefficients) // len(self.owner)
        whose = self.owner[:, None] == np.arange(known.shape[1])
        unknown = (~known).astype(np.float64)
        each = coefficients.reshape(functions, len(self.owner), coefficients.shape[1])
        out = np.empty((copies.shape[1], len(known), coefficients.shape[1]))
        for o in range(coefficients.shape[1]):
            table = np.einsum("cfj,fj->cj", self.steps[:, :functions], each[:, :, o]) @ whose
            for twin, copy in enumerate(copies.T):
                np.einsum("ij,ij->i", unknown, table[copy], out=out[twin, :, o])
        return out


def steps(values: Floats, doublings: int) -> Floats:
    """Code each column by its value and by steps at its median, the medians of the halves, ...

    What a background row puts in the place of an unknown part is noise to a surrogate that knows
    only which parts are known. Functions of it, whose means over the background are zero, explain
    most of that noise away and leave the coefficients where they are.

    Parameters
    ----------
    values : array of shape (copies, columns)
        May hold NaN.
    doublings : int

    Returns
    -------
    array of shape (copies, columns, 2**doublings)
        Orthogonal, with mean square one; zero where a column has too few distinct values.

    Examples
    --------
    >>> steps(np.array([[1.0], [2.0], [3.0], [4.0]]), 0)[:, 0, 0].round(2)
    array([-1.34, -0.45,  0.45,  1.34])
    """
    bins = 2**doublings
    cuts = [np.arange(1, 2**depth, 2) / 2**depth for depth in range(1, doublings + 1)]
    rank = np.minimum(_ranks(values) * bins // len(values), bins - 1) / bins
    code = rank[:, :, None] >= np.concatenate([*cuts, np.empty(0)])
    code = np.concatenate([_scaled(values)[:, :, None], code], axis=2)
    return _orthogonal(code - code.mean(axis=0))


def _orthogonal(code: Floats) -> Floats:
    """Take out of each function of a column what those before it say."""
    out = np.zeros_like(code)
    for i in range(code.shape[2]):
        rest = code[:, :, i]
        for _ in range(2):  # once more, for what rounding left
            rest = rest - np.einsum(
                "cjf,jf->cj", out[:, :, :i], np.einsum("cjf,cj->jf", out[:, :, :i], rest) / len(out)
            )
        size = np.sqrt((rest**2).mean(axis=0))
        enough = size > _DEPENDENT * np.sqrt((code[:, :, i] ** 2).mean(axis=0))
        out[:, :, i] = np.where(enough, rest / np.where(enough, size, 1.0), 0.0)
    return out


def _scaled(values: Floats) -> Floats:
    """Return the columns with mean zero and length one, missing values at the mean."""
    missing = np.isnan(values)
    mean = np.where(missing, 0.0, values).sum(axis=0) / np.maximum((~missing).sum(axis=0), 1)
    apart = np.where(missing, 0.0, values - mean)
    largest = np.maximum(np.abs(apart).max(axis=0), np.finfo(np.float64).tiny)
    apart = apart / largest  # so that huge numbers have a length
    length = np.sqrt((apart**2).sum(axis=0))
    return np.asarray(apart / np.where(length > 0, length, 1.0))


def _ranks(values: Floats) -> Ints:
    """Return for each cell how many of its column are smaller; missing values are largest."""
    ordered = np.sort(values, axis=0)
    columns = [np.searchsorted(o, v, side="left") for o, v in zip(ordered.T, values.T, strict=True)]
    return np.column_stack(columns).astype(np.int64)
