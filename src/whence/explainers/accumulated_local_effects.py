"""How the prediction changes with a feature where the rows are, accumulated from step to step.

Partial dependence puts rows at values they would never have where features depend on each other.
Here each row is moved only to the two edges of the bin that it is in, and the mean differences are
summed up from bin to bin. The mean over the rows is zero. Along a pair the surface is what the two
do together beyond what each does alone.

The band is about the rows: how far the curve may be from that of all rows like these. The error of
a sum of steps grows with the steps; it is that of the whole sum, and of the centering.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.effect import Curve, Effect
from whence.core.errors import InputError
from whence.core.explanation import Names
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.table import Table
from whence.core.types import Floats, Ints
from whence.kernels.accumulate import (
    Fit,
    bins_of,
    fit_of,
    line_map,
    line_tilt,
    means_of,
    order_by_likeness,
    steps_map,
    surface_map,
    surface_tilt,
)
from whence.kernels.bands import Band, check_band, is_joint, simultaneous, student_quantile
from whence.maskers.grid import (
    Axis,
    Features,
    Grid,
    axis_of,
    check_grid,
    check_mapping,
    chosen,
    curve_along,
    density_of,
    names_of,
    table_given,
    with_levels,
)
from whence.maskers.sweep import Sweep
from whence.models.predict import Predict

_BINS = 20
_LEAST = 10
"""Rows in a bin on average, where the user gave no edges."""
_PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccumulatedLocalEffects:
    """Curves and surfaces of accumulated local effects, with bands.

    Attributes
    ----------
    features : str, sequence, or None
        A column, or a sequence of columns and pairs of columns of numbers; None means one curve
        for each column.
    bins : int or dict
        Bins of a column of numbers, at quantiles; fewer where they would hold less than ten rows.
        Or a dict from columns to their edges, and from columns of categories to their order, in
        the user's own terms. Categories that no order is given for are put in one in which those
        with like rows are neighbors.
    pair_bins : int
        Bins of each column of a pair.
    band : {"simultaneous", "pointwise"}
        Whether the whole curve is in the band with probability ``level``, or each point is in its
        interval.
    level : float

    References
    ----------
    Apley and Zhu 2020, doi:10.1111/rssb.12377

    Examples
    --------
    A slope, whatever the other columns do:

    >>> import whence as wh
    >>> X = np.column_stack([np.arange(100.0), np.arange(100.0)])
    >>> e = wh.explain(lambda X: 2 * X[:, 0] + X[:, 1], X, AccumulatedLocalEffects(bins=2), rng=0)
    >>> (np.diff(e.curve("x0").values[:, 0]) / np.diff(e.curve("x0").grid[0])).round(6)
    array([2., 2.])
    """

    features: Features = None
    bins: Grid = _BINS
    pair_bins: int = 10
    band: Band = "simultaneous"
    level: float = 0.95

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ("10.1111/rssb.12377",)
    whole: ClassVar[bool] = True

    def bind(self, view: Predict) -> Explain[Effect]:
        """Check the settings and return the function that explains all rows together.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        check_grid(self.bins, least=1, name="bins")
        check_grid(self.pair_bins, least=1, name="pair_bins")
        check_band(self.band, self.level)

        def explain(rows: Rows, *, rng: Generator) -> Effect:
            table = table_given(rows.given(), "AccumulatedLocalEffects")
            names = names_of(table, view)
            wanted = self._axes(table, names)
            table = with_levels(table, [axis for axes in wanted for axis in axes])
            run = _Run(
                sweep=Sweep(view=view, table=table, labels=rows.labels),
                said=rows.outputs, simultaneous=self.band == "simultaneous",
                level=self.level, rng=rng, notes=[],
            )  # fmt: skip
            curves = []
            for done, axes in enumerate(wanted):
                rows.progress(done / len(wanted))
                curves.append(run.curve(axes))
            return Effect(
                kind="ale",
                curves=tuple(curves),
                names=Names(features=names, outputs=view.names_of(rows.outputs.shape[1])),
                provenance=Provenance(evaluations=run.sweep.asked, warnings=tuple(run.notes)),
            )

        return explain

    def _axes(self, table: Table, names: tuple[str, ...]) -> tuple[tuple[Axis, ...], ...]:
        check_mapping(self.bins, table, names, "bins")
        wanted = []
        most = max(1, len(table) // _LEAST)
        for columns in chosen(self.features, table, names):
            bins = self.bins if isinstance(self.bins, int) else _BINS
            if len(columns) == _PAIR:
                bins = min(bins, self.pair_bins)
                _check_numbers(table, columns, names)
            wanted.append(
                tuple(
                    _ordered(
                        axis_of(
                            table, j, names[j], self.bins, most=min(bins, most) + 1,
                            order="given", trim=0.0, name_of="bins",
                        ),
                        table, self.bins,
                    )
                    for j in columns
                )
            )  # fmt: skip
        return tuple(wanted)


def _check_numbers(table: Table, columns: tuple[int, ...], names: tuple[str, ...]) -> None:
    for j in columns:
        if table.levels[j] is not None:
            raise InputError(
                f"features has a pair with {names[j]!r}, a column of categories. Surfaces of "
                "accumulated local effects are along two columns of numbers; for this pair use "
                "PartialDependence."
            )


def _ordered(axis: Axis, table: Table, bins: Grid) -> Axis:
    """Return the positions without missing; categories in an order of their own."""
    grid = axis.grid[~np.isnan(axis.grid)]
    given = isinstance(bins, Mapping) and bool({axis.name, table.names[axis.column]} & set(bins))
    if axis.levels is not None and not given and len(grid) > _PAIR:
        known = ~np.isnan(table.numbers[:, axis.column])
        codes = np.searchsorted(grid, table.numbers[known, axis.column])
        rest = [j for j in range(len(table.names)) if j != axis.column]
        category = [table.levels[j] is not None for j in rest]
        grid = grid[
            order_by_likeness(codes, table.numbers[np.flatnonzero(known)[:, None], rest], category)
        ]
    return Axis(column=axis.column, name=axis.name, grid=grid, levels=axis.levels)


@dataclass(slots=True, kw_only=True, eq=False)
class _Run:
    """One call: asks for the differences and makes curves of them."""

    sweep: Sweep
    said: Floats
    simultaneous: bool
    level: float
    rng: Generator
    notes: list[str]

    def curve(self, axes: tuple[Axis, ...]) -> Curve:
        """Return the curve of one column or the surface of two."""
        name = " x ".join(axis.name for axis in axes)
        numbers = self.sweep.table.numbers[:, [axis.column for axis in axes]]
        place = np.stack([_place(axis, x) for axis, x in zip(axes, numbers.T, strict=True)], -1)
        kept = np.flatnonzero((place >= 0).all(axis=1))
        if any(len(axis.grid) < _PAIR for axis in axes) or not len(kept):
            self.notes.append(f"{name} has a single value or edge, so no effect is seen.")
            return self._flat(axes)
        if len(kept) < len(numbers):
            left = len(numbers) - len(kept)
            self.notes.append(
                f"{left:,} of {len(numbers):,} rows are left out of the effect of {name}: their "
                "value is missing, or outside of the bins given."
            )
        if len(axes) == _PAIR:
            fit = self._surface(axes, kept, place[kept])
        elif axes[0].levels is None:
            fit = self._line(axes[0], kept, place[kept, 0], name)
        else:
            fit = self._steps(axes[0], kept, place[kept, 0])
        return self._banded(axes, fit)

    def _line(self, axis: Axis, kept: Ints, at: Ints, name: str) -> Fit:
        cells = np.concatenate([axis.grid[at + 1], axis.grid[at]])[:, None]
        said = self.sweep.at(np.tile(kept, 2), np.array([axis.column]), cells)
        gaps = said[: len(kept)] - said[len(kept) :]
        count, mean, variance = means_of(gaps, at, len(axis.grid) - 1)
        if (count == 0).any():
            self.notes.append(f"{int((count == 0).sum())} bins of {name} hold no row: flat there.")
        L = line_map(count)
        tilts = [line_tilt(values, count) for values in (L @ mean).T]
        return fit_of(L, mean, variance, count, tilts)

    def _surface(self, axes: tuple[Axis, ...], kept: Ints, at: Ints) -> Fit:
        first, second = (axis.grid for axis in axes)
        corners = [
            np.column_stack([first[at[:, 0] + a], second[at[:, 1] + b]])
            for a in (1, 0) for b in (1, 0)
        ]  # fmt: skip
        columns = np.array([axis.column for axis in axes])
        said = self.sweep.at(np.tile(kept, 4), columns, np.concatenate(corners))
        both, only, other, neither = said.reshape(4, len(kept), -1)
        shape = (len(first) - 1, len(second) - 1)
        cell = np.ravel_multi_index((at[:, 0], at[:, 1]), shape)
        count, mean, variance = means_of(both - only - other + neither, cell, int(np.prod(shape)))
        tilts = [surface_tilt(m, count.reshape(shape)) for m in mean.T]
        return fit_of(surface_map(count.reshape(shape)), mean, variance, count, tilts)

    def _steps(self, axis: Axis, kept: Ints, at: Ints) -> Fit:
        """Return the steps between neighbors, each over the rows of both."""
        last, column = len(axis.grid) - 1, np.array([axis.column])
        own = self.said[kept]
        up = self.sweep.at(kept, column, axis.grid[np.minimum(at + 1, last)][:, None])
        down = self.sweep.at(kept, column, axis.grid[np.maximum(at - 1, 0)][:, None])
        L = np.column_stack([steps_map(np.bincount(at, minlength=last + 1)), np.ones(last + 1)])
        n, mean, covariance = len(kept), np.empty((last, own.shape[1])), []
        for o in range(own.shape[1]):
            share = np.zeros((n, last + 1))
            for k in range(last):
                gap = np.where(at == k, up[:, o] - own[:, o], own[:, o] - down[:, o])
                some = (at == k) | (at == k + 1)
                rows = int(some.sum())
                mean[k, o] = gap[some].mean() if rows else 0.0
                share[some, k] = (gap[some] - mean[k, o]) / max(np.sqrt(rows * (rows - 1)), 1)
            share[:, last] = -(L[:, :last] @ mean[:, o])[at] / max(np.sqrt(n * (n - 1)), 1)
            covariance.append(L @ (share.T @ share) @ L.T)
        freedom = np.full((len(L), own.shape[1]), max(n - last - 1, 1))
        return Fit(values=L[:, :last] @ mean, covariance=covariance, freedom=freedom)

    def _banded(self, axes: tuple[Axis, ...], fit: Fit) -> Curve:
        values = fit.values
        half = np.empty_like(values)
        for o, of_curve in enumerate(fit.covariance):
            error = np.sqrt(np.maximum(np.diagonal(of_curve), 0.0))
            freedom = fit.freedom[:, o].astype(np.int64)
            if self.simultaneous and is_joint(len(values)):
                half[:, o] = error * simultaneous(
                    of_curve, self.level, int(freedom.min()), self.rng
                )
            else:
                tail = (1 - self.level) / 2 / (len(values) if self.simultaneous else 1)
                half[:, o] = error * [student_quantile(1 - tail, int(df)) for df in freedom]
        density = density_of(axes, self.sweep.table)
        return curve_along(axes, values, low=values - half, high=values + half, density=density)

    def _flat(self, axes: tuple[Axis, ...]) -> Curve:
        positions = int(np.prod([len(axis.grid) for axis in axes]))
        return curve_along(axes, np.zeros((positions, self.said.shape[1])))


def _place(axis: Axis, numbers: Floats) -> Ints:
    """Return the bin or the category of each row; -1 where there is none."""
    if axis.levels is None and len(axis.grid) >= _PAIR:
        return bins_of(numbers, axis.grid)
    return np.where(np.isnan(numbers), -1, axis.nearest(numbers))
