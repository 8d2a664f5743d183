"""Additive models told by their own terms: what each adds to one row, and its curve.

An explainable boosting machine or a linear model is a sum of terms, so there is nothing to
estimate: a term is looked up. What is checked is that the terms add up to what the model itself
says about every row.

The errors that an explainable boosting machine comes with are standard deviations over refits on
bags of the training rows. They tell how far the terms move from fit to fit, and are no calibrated
standard errors.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.edit import edited
from whence.core.effect import Curve, Effect
from whence.core.explanation import Attribution, Names
from whence.core.method import Explain, Rows
from whence.core.table import Table
from whence.core.types import Floats, Ints, Level
from whence.glassbox.pure import purified
from whence.models.additive import Additive, Term
from whence.models.shapes import Axis, Shape

_BAND = 1.96
_POSITIONS = 100
"""Positions of a curve of a model that has no bins of its own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terms:
    """What each term of an additive model adds to each row: exact, by looking it up.

    For explainable boosting machines of interpret, whose terms are of one column ("age") or two
    ("age x hours"), and for linear models, with one term per column of the table.

    Attributes
    ----------
    background : table or None
        Rows over which each term has the mean zero; what it is moved by goes to the base value.
        None: as the model holds its terms. Those of a boosting machine have about the mean zero
        over its training rows; of a linear model they are coefficient times number.
    purify : bool
        Whether what two columns do together is told apart from what each does alone: the mean of a
        pair over each bin of the one column, weighted by the training rows, goes to the other. The
        sum of the terms stays what it is.

    Notes
    -----
    ``stderr`` is the standard deviation of the term over refits on bags of the training rows,
    where the model holds these: a spread of refits, and no calibrated standard error.

    References
    ----------
    Lou et al., doi:10.1145/2487575.2487579. Lengerich et al., arXiv:1911.04974 (purification).

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> from sklearn.linear_model import LinearRegression
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
    >>> model = LinearRegression().fit(X, X @ [2.0, -1.0] + 5)
    >>> e = wh.explain(model, X[2:], Terms())
    >>> e.values[0, :, 0].round(6), e.base_values.round(6)
    (array([ 4., -2.]), array([[5.]]))
    """

    background: object = None
    purify: bool = False

    needs: ClassVar[type] = Additive
    references: ClassVar[tuple[str, ...]] = ("10.1145/2487575.2487579", "arXiv:1911.04974")

    def bind(self, view: Additive) -> Explain[Attribution]:
        """Purify and center the terms, and return the function that looks them up.

        Raises
        ------
        InputError
            If the background does not fit the model.
        """
        told = purified(view) if self.purify else view
        center = np.zeros((len(told.terms), len(told.intercept)))
        if self.background is not None:
            rows = view.read(self.background, what="background")
            center = told.sums.values(told.encode(rows)).mean(axis=0)
        base = told.intercept + center.sum(axis=0)
        names = Names(features=tuple(term.name for term in told.terms))

        def explain(rows: Rows, *, rng: Generator) -> Attribution:
            del rng  # exact: nothing is sampled
            X = told.encode(_given(rows)) if self.purify else rows.X
            return Attribution(
                values=told.sums.values(X) - center,
                base_values=np.repeat(base[None], len(X), axis=0),
                outputs=rows.outputs,
                stderr=told.sums.stderr(X),
                names=names,
            )

        return explain


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TermEffects:
    """The curve or surface of each term of an additive model.

    The effect of kind "term" has one curve per term. Of a boosting machine it is a step function:
    each step is given at both of its ends, so that a line through the positions is the model.
    Of a linear model the positions are up to 100 of the numbers that occur in the rows given.

    Attributes
    ----------
    purify : bool
        As in `Terms`.

    Notes
    -----
    ``low`` and ``high`` are 1.96 standard deviations over refits on bags from the curve, a spread
    of refits and no calibrated band. ``density`` is by the training rows of each bin, for a linear
    model by the rows given. A position NaN is what a missing value adds, where there was any in
    training.

    References
    ----------
    Lou et al., doi:10.1145/2487575.2487579. Lengerich et al., arXiv:1911.04974 (purification).

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> from sklearn.linear_model import LinearRegression
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
    >>> model = LinearRegression().fit(X, X @ [2.0, -1.0] + 5)
    >>> curve = wh.explain(model, X, TermEffects()).curve("x0")
    >>> curve.grid[0], curve.values[:, 0].round(6) + 0.0
    (array([0., 1., 2.]), array([0., 2., 4.]))
    """

    purify: bool = False

    needs: ClassVar[type] = Additive
    references: ClassVar[tuple[str, ...]] = ("10.1145/2487575.2487579", "arXiv:1911.04974")
    whole: ClassVar[bool] = True

    def bind(self, view: Additive) -> Explain[Effect]:
        """Purify the terms, and return the function that gives their curves."""
        told = purified(view) if self.purify else view

        def explain(rows: Rows, *, rng: Generator) -> Effect:
            del rng  # exact: nothing is sampled
            table = _given(rows)
            curves = tuple(
                _line(told, t, table) if term.shape is None else _steps(term, term.shape, table)
                for t, term in enumerate(told.terms)
            )
            return Effect(kind="term", curves=curves)

        return explain


def _given(rows: Rows) -> Table:
    table = rows.given()
    if not isinstance(table, Table):
        raise TypeError(table)
    return table


def _line(view: Additive, t: int, table: Table) -> Curve:
    """Return what a term that is no table adds at numbers or categories that occur."""
    (j,) = view.terms[t].columns
    x, levels = table.numbers[:, j], table.levels[j]
    grid = np.unique(x[~np.isnan(x)])
    if len(grid) > _POSITIONS:
        grid = np.unique(np.quantile(grid, np.linspace(0, 1, _POSITIONS), method="nearest"))
    base = np.zeros(len(grid), dtype=np.int64)
    numbers = np.repeat(table.numbers[:1], len(grid), axis=0)
    numbers[:, j] = grid
    values = view.sums.values(view.encode(edited(table, base, numbers)))[:, t]
    middle = (grid[1:] + grid[:-1]) / 2
    nearest = np.bincount(np.searchsorted(middle, x[~np.isnan(x)]), minlength=len(grid))
    return Curve(
        features=(table.names[j],),
        grid=(grid,),
        levels=(levels,),
        values=values,
        density=nearest / max(nearest.sum(), 1),
    )


def _steps(term: Term, shape: Shape, table: Table) -> Curve:
    """Return a table as a curve or surface whose every step is given at both ends."""
    sides = [
        _positions(axis, _over_others(shape.weights, d), table.levels[axis.column])
        for d, axis in enumerate(shape.axes)
    ]
    bins = np.ix_(*(side.bins for side in sides))
    values = shape.scores[bins]
    away = None if shape.stderr is None else _BAND * shape.stderr[bins]
    share = shape.weights[bins]
    for d, side in enumerate(sides):
        _, inverse, times = np.unique(side.bins, return_inverse=True, return_counts=True)
        share = share / np.expand_dims(
            times[inverse], tuple(i for i in range(share.ndim) if i != d)
        )
    return Curve(
        features=tuple(table.names[j] for j in term.columns),
        grid=tuple(side.grid for side in sides),
        levels=tuple(side.levels for side in sides),
        values=values,
        low=None if away is None else values - away,
        high=None if away is None else values + away,
        density=share / max(float(share.sum()), 1e-300),
    )


def _over_others(weights: Floats, axis: int) -> Floats:
    return np.asarray(weights.sum(axis=tuple(i for i in range(weights.ndim) if i != axis)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Positions:
    """Where a column is looked at, and the bin of each position."""

    grid: Floats
    bins: Ints
    levels: tuple[Level, ...] | None


def _positions(axis: Axis, weights: Floats, own: tuple[Level, ...] | None) -> _Positions:
    missing = bool(weights[0] > 0)
    if axis.cuts is None:
        return _of_categories(axis, own, missing)
    cuts = axis.cuts
    low, high = _ends(axis)
    edges = [low, *cuts, high]
    pairs = [(a, max(a, np.nextafter(b, -np.inf))) for a, b in pairwise(edges)]
    pairs[-1] = (edges[-2], high)
    grid = np.array(pairs).ravel()
    bins = np.repeat(np.arange(1, len(cuts) + 2), 2)
    if missing:
        grid, bins = np.append(grid, np.nan), np.append(bins, 0)
    return _Positions(grid=grid, bins=bins, levels=None)


def _ends(axis: Axis) -> tuple[float, float]:
    """Return where the first and the last step end: at the bounds of the training numbers."""
    cuts = axis.cuts if axis.cuts is not None and len(axis.cuts) else np.zeros(1)
    room = max(float(cuts[-1] - cuts[0]) * 0.05, 1e-6 * max(abs(float(cuts[0])), 1.0))
    low = axis.low if axis.low < cuts[0] else float(cuts[0]) - room
    high = axis.high if axis.high > cuts[-1] else float(cuts[-1]) + room
    return low, high


def _of_categories(axis: Axis, own: tuple[Level, ...] | None, missing: bool) -> _Positions:
    """Return the categories as the user's table lists them, then others that were learned."""
    learned = [name for name, _ in axis.categories]
    if own is None:
        levels: tuple[Level, ...] = tuple(learned)
    else:
        levels = (*own, *(name for name in learned if name not in map(str, own)))
    codes = np.arange(len(levels), dtype=np.float64)
    bins = axis.bins(codes, levels)
    known = bins < axis.size - 1
    grid, bins = codes[known], bins[known]
    if missing:
        grid, bins = np.append(grid, np.nan), np.append(bins, 0)
    return _Positions(grid=grid, bins=bins, levels=levels)
