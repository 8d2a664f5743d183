"""Where the average hides subgroups: partial dependence in regions in which rows are alike.

The curves of single rows may differ in shape from their mean. A small tree of splits on the other
columns finds regions in which they differ less (Herbinger, Bischl and Casalicchio 2022,
proceedings.mlr.press/v151/herbinger22a; 2023, arXiv:2306.00541). The regions are chosen on one half
of the rows and their curves are of the other half, so what is reported is not what was searched
for. All of it comes from the curves of one partial dependence; the model is asked nothing more.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.check import check_whole
from whence.core.effect import Curve, Effect
from whence.core.errors import InputError
from whence.core.explanation import Names
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.rules import Predicate, number
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints
from whence.kernels.bands import Moments, is_joint, summary
from whence.kernels.effect_regions import Path, Split, grow, inside
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

_POSITIONS = 30
_FEWEST = 20
_SHARE = 0.05
"""Of the rows that the tree is grown on, what a region must hold."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionalEffects:
    """Partial dependence over all rows, and in regions where the curves of rows are alike.

    Each feature has the curve of all rows and, where splits are found, one curve for each region,
    whose ``where`` says which: "workingday = 0 and temp > 10". ``heterogeneity`` says how far the
    curves of single rows still are from their mean.

    Attributes
    ----------
    features : str, sequence, or None
        Columns; None means all.
    max_depth : int
        Splits that define a region at most.
    min_gain : float
        Share of the squared distances from the mean curve that a split must take off.
    grid : int or dict
        As in `PartialDependence`.
    rows : int
        Rows that are looked at at most, drawn at random.
    individual : bool
        Whether to keep the curve of each row.
    level : float
        Of the simultaneous bands.

    References
    ----------
    Herbinger, Bischl and Casalicchio 2022, arXiv:2202.07254; 2023, arXiv:2306.00541

    Examples
    --------
    >>> import whence as wh
    >>> rng = np.random.default_rng(0)
    >>> X = np.column_stack([rng.normal(size=400), rng.integers(0, 2, 400)])
    >>> e = wh.explain(lambda X: X[:, 0] * (2 * X[:, 1] - 1), X, RegionalEffects(features="x0"),
    ...                rng=0)
    >>> [(curve.where, float(curve.heterogeneity[0].round(2))) for curve in e.curves]
    [('', 0.91), ('x1 = 0', 0.0), ('x1 = 1', 0.0)]
    """

    features: Features = None
    max_depth: int = 2
    min_gain: float = 0.1
    grid: Grid = _POSITIONS
    rows: int = 10_000
    individual: bool = False
    level: float = 0.95

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ("arXiv:2202.07254", "arXiv:2306.00541")
    whole: ClassVar[bool] = True

    def bind(self, view: Predict) -> Explain[Effect]:
        """Check the settings and return the function that explains all rows together.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        check_grid(self.grid)
        check_whole("max_depth", self.max_depth)
        check_whole("rows", self.rows, least=_FEWEST)
        for name, share in (("min_gain", self.min_gain), ("level", self.level)):
            if not 0 < share < 1:
                raise InputError(f"{name} is {share!r}. Give a share between 0 and 1.")

        def explain(rows: Rows, *, rng: Generator) -> Effect:
            table = table_given(rows.given(), "RegionalEffects")
            names = names_of(table, view)
            axes = self._axes(table, names)
            drawn, table, sweep = self._opened(view, rows, with_levels(table, axes), rng)
            sweep.prove([(np.array([axis.column]), axis.grid[:, None]) for axis in axes])
            half = rng.permutation(len(table)) < len(table) // 2
            curves: list[Curve] = []
            notes: list[str] = []
            for done, axis in enumerate(axes):
                rows.progress(done / len(axes))
                found = self._regions(axis, table, sweep, half, drawn, names, rng)
                curves += found
                notes += self._none_found(axis) if len(found) == 1 else ()
            return Effect(
                kind="pdp",
                curves=tuple(curves),
                names=Names(features=names, outputs=view.names_of(rows.outputs.shape[1])),
                provenance=Provenance(evaluations=sweep.asked, warnings=(*sweep.warnings, *notes)),
            )

        return explain

    def _none_found(self, axis: Axis) -> tuple[str, ...]:
        return (
            (
                f"No split on another column makes the curves of {axis.name} alike by "
                f"{self.min_gain:.0%}, so there is only that of all rows."
            ),
        )

    def _opened(
        self, view: Predict, rows: Rows, table: Table, rng: Generator
    ) -> tuple[Ints | None, Table, Sweep]:
        if len(table) <= self.rows:
            return None, table, Sweep.over(view, table, rows.raw, rows.labels)
        drawn = np.sort(rng.choice(len(table), self.rows, replace=False))
        labels = None if rows.labels is None else rows.labels[drawn]
        return drawn, table[drawn], Sweep.over(view, table[drawn], rows.raw[drawn], labels)

    def _axes(self, table: Table, names: tuple[str, ...]) -> tuple[Axis, ...]:
        check_mapping(self.grid, table, names)
        wanted = chosen(self.features, table, names)
        if any(len(columns) > 1 for columns in wanted):
            raise InputError(
                f"features is {self.features!r:.60}. Regions are found for single columns; for a "
                "surface of two use PartialDependence."
            )
        most = self.grid if isinstance(self.grid, int) else _POSITIONS
        return tuple(
            axis_of(table, j, names[j], self.grid, most=most, order="frequency", trim=0.0)
            for (j,) in wanted
        )

    def _regions(
        self,
        axis: Axis,
        table: Table,
        sweep: Sweep,
        half: Bools,
        drawn: Ints | None,
        names: tuple[str, ...],
        rng: Generator,
    ) -> list[Curve]:
        """Return the curve of all rows, and those of the regions if there are any."""
        said = sweep.curves(np.array([axis.column]), axis.grid[:, None])
        every = np.ones(len(table), dtype=bool)
        curves = [self._curve(axis, table, said, every, drawn, "", rng)]
        if len(table) < _FEWEST:
            return curves
        centered = (said - said.mean(axis=1, keepdims=True)).reshape(len(said), -1)
        others = {j: table.levels[j] is not None for j in range(len(names)) if j != axis.column}
        paths = grow(
            centered[half], table.numbers[half], others,
            depth=self.max_depth, gain=self.min_gain, least=max(5, int(_SHARE * half.sum())),
        )  # fmt: skip
        for path in paths if len(paths) > 1 else []:
            within = inside(path, table.numbers)
            reported = within & ~half
            if reported.any():
                where = _words(path, table, within, names)
                curves.append(self._curve(axis, table, said, reported, drawn, where, rng))
        return curves

    def _curve(
        self,
        axis: Axis,
        table: Table,
        said: Floats,
        members: Bools,
        drawn: Ints | None,
        where: str,
        rng: Generator,
    ) -> Curve:
        part = said[members]
        moments = Moments(said.shape[1], said.shape[2], joint=is_joint(said.shape[1]))
        moments.add(part)
        found = summary(moments, self.level, rng)
        index = np.flatnonzero(members)
        everyone = not where and drawn is None
        density = density_of((axis,), table[index])
        curve = curve_along((axis,), found.mean, low=found.low, high=found.high, density=density)
        return replace(
            curve,
            individual=part if self.individual else None,
            where=where,
            members=None if everyone else (index if drawn is None else drawn[index]),
            heterogeneity=found.spread,
        )


def _words(path: Path, table: Table, within: Bools, names: tuple[str, ...]) -> str:
    """Return a region in words, all conditions on a column together."""
    columns = dict.fromkeys(split.column for split, _ in path)
    return " and ".join(
        _condition([(s, first) for s, first in path if s.column == j], j, table, within, names[j])
        for j in columns
    )


def _condition(
    splits: list[tuple[Split, bool]], column: int, table: Table, within: Bools, name: str
) -> str:
    x, levels = table.numbers[:, column], table.levels[column]
    inside_of = x[within]
    missing, known = bool(np.isnan(inside_of).any()), np.unique(inside_of[~np.isnan(inside_of)])
    if levels is not None:
        held = tuple(levels[int(code)] for code in known)
        return str(Predicate(feature=name, levels=held, missing=missing))
    if len(known) == 1 and not missing:
        return f"{name} = {number(float(known[0]))}"
    cuts = [(split.cut, first) for split, first in splits if not split.by_missing]
    low = max([cut for cut, first in cuts if not first], default=-np.inf)
    high = min([cut for cut, first in cuts if first], default=np.inf)
    if not len(known):
        low, high = 1.0, 0.0
    return str(Predicate(feature=name, low=low, high=high, missing=missing))
