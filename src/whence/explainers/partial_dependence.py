"""How the mean prediction changes with a feature, all else in the rows as it is.

The partial dependence at ``g`` is ``mean over rows i of f(g, x_i without the feature)``; the curve
of a single row, its individual conditional expectation (ICE), is one term of that mean. Features
that depend on each other are combined as they never occur; `AccumulatedLocalEffects` does not do
so.

The band is about the rows: how far the curve may be from that of all rows like these, of which they
are a sample. It says nothing about how good the model is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, get_args

import numpy as np
from numpy.random import Generator

from whence.core.blocks import available_memory
from whence.core.effect import Curve, Effect
from whence.core.errors import InputError
from whence.core.explanation import Names
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.table import Table
from whence.core.types import Floats, Ints
from whence.kernels.bands import Band, Moments, check_band, is_joint, summary
from whence.maskers.grid import (
    Axis,
    Features,
    Grid,
    Order,
    axis_of,
    cells_of,
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

_SHARE = 0.5
"""Of the memory that is free, what individual curves may take."""
_MOST_CURVES = 2_000_000_000
"""Bytes that individual curves may take, where it is not known how much memory is free."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PartialDependence:
    """Mean and individual curves of the prediction along features, and surfaces along pairs.

    The rows given are those that are averaged over. Trees are followed exactly and the model is
    asked only about a sample; any other model is asked about each row at each position, in few
    calls.

    Attributes
    ----------
    features : str, sequence, or None
        A column, or a sequence of columns and pairs: ``("temp", ("temp", "hum"))`` is a curve and
        a surface. None means one curve for each column.
    grid : int or dict
        Positions of a column of numbers, at equally spaced ranks among the values that occur, both
        ends included; or a dict from columns to their positions, in the user's own terms (None is
        missing). Columns that a dict leaves out get 50.
    pair_grid : int
        Positions of each column of numbers in a pair.
    categories : {"frequency", "given"}
        Order of categories: the most frequent first, or as the column lists them.
    trim : float
        Share of the rows whose values are left out at each end of a column of numbers.
    center : bool
        Whether each curve is shown less what it is at the first position.
    individual : bool
        Whether to keep the curve of each row. Where they would take more than half of the free
        memory, those of a random sample of rows are kept, with a warning.
    band : {"simultaneous", "pointwise"}
        Whether the whole curve is in the band with probability ``level``, or each point is in its
        interval.
    level : float

    References
    ----------
    Friedman 2001, doi:10.1214/aos/1013203451. Goldstein et al. 2015,
    doi:10.1080/10618600.2014.907095. Band: doi:10.1214/13-AOS1161

    Examples
    --------
    >>> import whence as wh
    >>> X = np.array([[0.0, 0.0], [1.0, 4.0], [2.0, 8.0]])
    >>> e = wh.explain(lambda X: X[:, 0] + X[:, 1] ** 2, X, PartialDependence(features="x0"))
    >>> (e.curve("x0").values[:, 0] - 80 / 3).round(6)
    array([0., 1., 2.])
    """

    features: Features = None
    grid: Grid = 50
    pair_grid: int = 20
    categories: Order = "frequency"
    trim: float = 0.0
    center: bool = False
    individual: bool = False
    band: Band = "simultaneous"
    level: float = 0.95

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = (
        "10.1214/aos/1013203451", "10.1080/10618600.2014.907095",
    )  # fmt: skip
    whole: ClassVar[bool] = True

    def bind(self, view: Predict) -> Explain[Effect]:
        """Check the settings and return the function that explains all rows together.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        self._check()

        def explain(rows: Rows, *, rng: Generator) -> Effect:
            table = table_given(rows.given(), "PartialDependence")
            names = names_of(table, view)
            wanted = self._axes(table, names)
            table = with_levels(table, [axis for axes in wanted for axis in axes])
            sweep = Sweep.over(view, table, rows.raw, rows.labels)
            sweep.prove([_job(axes) for axes in wanted])
            kept, notes = self._kept(wanted, rows, rng)
            curves = []
            for done, axes in enumerate(wanted):
                rows.progress(done / len(wanted))
                curves.append(self._curve(axes, sweep, kept, rng))
            return Effect(
                kind="pdp",
                curves=tuple(curves),
                names=Names(features=names, outputs=_outputs(view, curves[0])),
                provenance=Provenance(evaluations=sweep.asked, warnings=(*sweep.warnings, *notes)),
            )

        return explain

    def _check(self) -> None:
        check_grid(self.grid)
        check_grid(self.pair_grid)
        if self.categories not in get_args(Order):
            raise InputError(f"categories is {self.categories!r}. Give one of {get_args(Order)}.")
        check_band(self.band, self.level)
        if not 0 <= self.trim < 0.5:  # noqa: PLR2004  half of the rows at each end are all
            raise InputError(
                f"trim is {self.trim!r}. Give the share of rows to leave out at each end, from 0 "
                "to below 0.5."
            )

    def _axes(self, table: Table, names: tuple[str, ...]) -> tuple[tuple[Axis, ...], ...]:
        check_mapping(self.grid, table, names)
        wanted = []
        for columns in chosen(self.features, table, names):
            most = self.grid if isinstance(self.grid, int) else _POSITIONS
            most = most if len(columns) == 1 else min(most, self.pair_grid)
            wanted.append(
                tuple(
                    axis_of(
                        table, j, names[j], self.grid, most=most, order=self.categories,
                        trim=self.trim,
                    )
                    for j in columns
                )
            )  # fmt: skip
        return tuple(wanted)

    def _kept(
        self, wanted: Sequence[tuple[Axis, ...]], rows: Rows, rng: Generator
    ) -> tuple[Ints | None, tuple[str, ...]]:
        """Return the rows whose curves are kept, and what the reader must know of that."""
        n, outputs = rows.outputs.shape
        if not self.individual:
            return np.empty(0, dtype=np.int64), ()
        each = 8 * outputs * sum(len(cells_of(axes)) for axes in wanted)
        free = available_memory()
        room = int((_MOST_CURVES if free is None else free * _SHARE) // each)
        if n <= room:
            return None, ()
        if not room:
            raise InputError(
                f"The individual curves of one row take {each / 1e9:.1f} GB, more than half of the "
                "free memory. Ask for fewer features or positions, or leave out individual=True."
            )
        note = (
            f"The individual curves of {n:,} rows would take {each * n / 1e9:.1f} GB, so those of "
            f"{room:,} rows, drawn at random, are kept (`members`). Means are over all rows."
        )
        return np.sort(rng.choice(n, room, replace=False)), (note,)

    def _curve(
        self, axes: tuple[Axis, ...], sweep: Sweep, kept: Ints | None, rng: Generator
    ) -> Curve:
        columns, cells = _job(axes)
        moments, parts = None, []
        for part, said in sweep.blocks(columns, cells):
            if moments is None:
                joint = is_joint(len(cells))
                moments = Moments(len(cells), said.shape[2], joint=joint)
            shown = said - said[:, :1] if self.center else said
            moments.add(said if moments.joint else shown)
            some = slice(None) if kept is None else kept[_within(kept, part)] - part.start
            if kept is None or len(kept):
                parts.append(shown[some])
        if moments is None:
            raise RuntimeError("There are no rows.")
        source = rng if self.band == "simultaneous" else None
        found = summary(moments, self.level, source, centered=self.center)
        density = density_of(axes, sweep.table)
        curve = curve_along(axes, found.mean, low=found.low, high=found.high, density=density)
        curve = replace(curve, heterogeneity=found.spread)
        if not parts:
            return curve
        individual = np.concatenate(parts).reshape(-1, *curve.values.shape)
        return replace(curve, individual=individual, members=kept)


_POSITIONS = 50


def _job(axes: Sequence[Axis]) -> tuple[Ints, Floats]:
    return np.array([axis.column for axis in axes]), cells_of(axes)


def _within(kept: Ints, part: slice) -> slice:
    first, last = np.searchsorted(kept, [part.start, part.stop])
    return slice(int(first), int(last))


def _outputs(view: Predict, curve: Curve) -> tuple[str, ...]:
    return view.names_of(curve.values.shape[-1])
