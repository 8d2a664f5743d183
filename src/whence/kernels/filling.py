"""What background rows put in the place of unknown parts, as columns of a regression.

To a surrogate that knows only which parts are known, it is noise. Functions of it, whose means over
the background are zero, explain most of that noise away and leave the coefficients where they are.
"""

from dataclasses import dataclass

import numpy as np

from whence.core.types import Floats, Ints

_DEPENDENT = 1e-6
"""Size of what a function adds to others, as a share of its own, below which it adds nothing."""
_DOUBLINGS = 3
_COLUMNS = (160, 640)
"""Columns at most of a regression with several functions of what was filled in, and with one."""
_PER_COLUMN = 5
"""Samples for each column of a regression that could do without it."""


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
        players = int(owner.max()) + 1
        room = samples // _PER_COLUMN

        fits = [
            d
            for d in range(_DOUBLINGS + 1)
            if 1 + players + columns * (1 << d) <= min(room, _COLUMNS[d == 0])
        ]
        if not fits:
            return cls(steps=np.empty((copies, 0, columns)), owner=owner)
        return cls(steps=steps(values, max(fits)).transpose(0, 2, 1).copy(), owner=owner)

    @property
    def columns(self) -> int:
        """Columns of the regression, for all functions."""
        return int(np.prod(self.steps.shape[1:]))

    def carried(self, players: int, samples: int) -> int:
        """Return how many of these columns so many samples carry."""
        functions = int(self.steps.shape[1])
        while functions and 1 + players + functions * len(self.owner) > samples // _PER_COLUMN:
            functions //= 2
        return functions * len(self.owner)

    def write(self, out: Floats, known: Floats, copy: Ints) -> None:
        """Write the columns into ``out``, for what is known (samples, players) and the copies."""
        unknown = (1.0 - known)[:, self.owner]
        for f in range(self.steps.shape[1]):
            part = out[:, f * len(self.owner) : (f + 1) * len(self.owner)]
            np.multiply(unknown, self.steps[:, f][copy], out=part)


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
