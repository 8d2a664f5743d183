"""What a model says over two features, all others as in one row.

A section through the model, as decision boundaries are shown: no mean, and no data but the row that
says where the section is.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.edit import edited
from whence.core.effect import Effect
from whence.core.errors import InputError
from whence.core.explanation import Names
from whence.core.method import Explain, Rows
from whence.core.mix import stack
from whence.core.provenance import Provenance
from whence.core.table import Table
from whence.maskers.grid import (
    Axis,
    Features,
    Grid,
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

_POSITIONS = 100
_PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecisionSurface:
    """The output of a model over two columns, all other columns fixed.

    Attributes
    ----------
    features : pair of str
        Two columns: ``("age", "income")``.
    grid : int or dict
        Positions of a column of numbers, evenly from its smallest to its largest value in the rows
        given (whole numbers where all of them are); or a dict from columns to their positions, in
        the user's own terms. A column of categories has all that occur.
    at : table of shape (1, columns) or None
        The row that the other columns are taken from; None takes a typical one: the median of
        numbers (a value that occurs) and the most frequent category.

    Examples
    --------
    >>> import whence as wh
    >>> X = np.array([[0.0, 0.0, 5.0], [2.0, 1.0, 5.0], [4.0, 2.0, 7.0]])
    >>> e = wh.explain(lambda X: X[:, 0] * X[:, 1] + X[:, 2], X,
    ...                DecisionSurface(features=("x0", "x1"), grid=3), rng=0)
    >>> e.curve("x0", "x1").values[:, :, 0]
    array([[ 5.,  5.,  5.],
           [ 5.,  7.,  9.],
           [ 5.,  9., 13.]])
    """

    features: Features = None
    grid: Grid = _POSITIONS
    at: object = None

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ()
    whole: ClassVar[bool] = True

    def bind(self, view: Predict) -> Explain[Effect]:
        """Check the settings and return the function that explains.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        check_grid(self.grid)
        at = None if self.at is None else view.read(self.at, what="row `at`")
        if at is not None and len(at) != 1:
            raise InputError(
                f"at has {len(at)} rows. Give one, such as X.iloc[[0]] or X[:1]; or leave it out "
                "for a typical one."
            )
        if view.response != "identity":
            raise InputError(
                "DecisionSurface shows what the model says, and a loss was asked for, which needs "
                "the truth of each row. Leave out output=."
            )

        def explain(rows: Rows, *, rng: Generator) -> Effect:  # noqa: ARG001  nothing is drawn
            table = table_given(rows.given(), "DecisionSurface")
            names = names_of(table, view)
            axes = self._axes(table, names)
            row = _typical(table) if at is None else stack(table, at)[-1:]
            row = with_levels(row, axes)
            sweep = Sweep(view=view, table=row)
            cells = cells_of(axes)
            said = sweep.curves(np.array([axis.column for axis in axes]), cells)[0]
            curve = curve_along(axes, said, density=density_of(axes, table))
            return Effect(
                kind="surface",
                curves=(curve,),
                names=Names(features=names, outputs=view.names_of(said.shape[1])),
                provenance=Provenance(evaluations=sweep.asked),
            )

        return explain

    def _axes(self, table: Table, names: tuple[str, ...]) -> tuple[Axis, ...]:
        check_mapping(self.grid, table, names)
        features = () if self.features is None else self.features
        if isinstance(features, (str, int)) or len(features) != _PAIR:
            raise InputError(
                f"features is {self.features!r:.60}. A surface is over two columns: "
                "DecisionSurface(features=('age', 'income'))."
            )
        (columns,) = chosen((tuple(features),), table, names)  # type: ignore[arg-type]  # checked there
        most = self.grid if isinstance(self.grid, int) else _POSITIONS
        return tuple(
            _even(
                axis_of(table, j, names[j], self.grid, most=most, order="frequency", trim=0.0),
                table, self.grid, most,
            )
            for j in columns
        )  # fmt: skip


def _even(axis: Axis, table: Table, grid: Grid, most: int) -> Axis:
    """Return evenly spaced positions in place of ranks, for a column of numbers."""
    given = not isinstance(grid, int) and any(
        key in grid for key in (axis.name, table.names[axis.column])
    )
    known = axis.grid[~np.isnan(axis.grid)]
    if given or axis.levels is not None or len(known) < _PAIR:
        return axis
    values = table.numbers[:, axis.column]
    even = np.linspace(known[0], known[-1], most)
    whole = np.nan_to_num(values) % 1 == 0
    even = np.unique(even.round()) if whole.all() else even
    return Axis(
        column=axis.column, name=axis.name, grid=np.append(even, axis.grid[len(known) :]),
        levels=None,
    )  # fmt: skip


def _typical(table: Table) -> Table:
    """Return a row of medians and most frequent categories."""
    cells = np.full((1, len(table.names)), np.nan)
    for j, levels in enumerate(table.levels):
        known = table.numbers[~np.isnan(table.numbers[:, j]), j]
        if levels is not None and len(known):
            values, counts = np.unique(known, return_counts=True)
            cells[0, j] = values[counts.argmax()]
        elif len(known):
            cells[0, j] = np.quantile(known, 0.5, method="closest_observation")
    return edited(table, np.zeros(1, dtype=np.int64), cells)
