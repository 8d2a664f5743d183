"""How the output of a model changes along one or two features.

An `Effect` holds one `Curve` for each feature, pair of features, or subgroup of the rows that was
asked for, since features differ in their grids.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal, Self

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Explanation, RowIndex, positions
from whence.core.types import Floats, Ints, Level


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """The output along one feature, or the surface along two.

    Attributes
    ----------
    features : tuple of str
        One or two names.
    grid : tuple of arrays of shape (positions,)
        Positions of each feature, ascending; codes of categories in the order they are shown.
    levels : tuple
        Per feature the categories that the codes stand for, or None for a feature of numbers.
    values : array of shape (*positions, outputs)
        Mean effect at each position.
    individual : array of shape (rows, *positions, outputs) or None
        One curve per row.
    low, high : arrays like ``values`` or None
        Bounds of the confidence band.
    density : array of shape (*positions,) or None
        Share of the rows that are nearest to each position; sums to one.
    where : str
        The subgroup of rows that the curve is about, in words; empty for all of them.
    members : int array of shape (rows of the subgroup,) or None
        Positions of these rows among those explained, one per individual curve; None for all.
    heterogeneity : array of shape (outputs,) or None
        How far the curves of single rows are from their mean: the mean over the positions of the
        standard deviation over rows, each curve centred.
    """

    features: tuple[str, ...]
    grid: tuple[Floats, ...]
    levels: tuple[tuple[Level, ...] | None, ...]
    values: Floats
    individual: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None
    density: Floats | None = None
    where: str = ""
    members: Ints | None = None
    heterogeneity: Floats | None = None

    def position(self, feature: int, i: int) -> float | Level:
        """Return a position as the user wrote it: a number or a category."""
        at, levels = float(self.grid[feature][i]), self.levels[feature]
        return at if levels is None or at != at else levels[int(at)]  # noqa: PLR0124  NaN is missing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Effect(Explanation):
    """How the output changes along features, one curve or surface for each that was asked for.

    Attributes
    ----------
    curves : tuple of Curve
    kind : str
        "pdp", "ale", "term" (of a model that is a sum of such) or "surface" (what the model says,
        all other features fixed).

    Examples
    --------
    >>> import numpy as np
    >>> e = Effect(kind="ale", curves=(Curve(
    ...     features=("age",), grid=(np.array([20.0, 60.0]),), levels=(None,),
    ...     values=np.array([[-1.0], [1.0]])),))
    >>> e.curve("age").values[:, 0]
    array([-1.,  1.])
    """

    curves: tuple[Curve, ...]
    kind: Literal["pdp", "ale", "term", "surface"]

    def __len__(self) -> int:
        """Return the number of rows that have individual curves."""
        if self.data is not None:
            return len(self.data)
        sizes = [len(c.individual) for c in self.curves if c.individual is not None]
        return max(sizes, default=0)

    def nbytes(self) -> int:
        """Return the bytes that the individual curves take."""
        return sum(c.individual.nbytes for c in self.curves if c.individual is not None)

    def __getitem__(self, rows: RowIndex) -> Self:
        """Return the effect with the individual curves of some rows; means stay those of all."""
        if all(c.individual is None for c in self.curves):
            raise InputError(
                f"This {self.kind} effect holds no individual curves, so rows cannot be taken "
                "from it. Compute it with individual curves, or use the mean in `curves`."
            )
        index = positions(rows, len(self))
        labels = self.names.rows and tuple(self.names.rows[i] for i in index)
        return replace(
            self,
            curves=tuple(_taken(curve, index) for curve in self.curves),
            data=None if self.data is None else self.data[index],
            names=replace(self.names, rows=labels),
        )

    def curve(self, *features: str, where: str = "") -> Curve:
        """Return the curve of one feature or the surface of two.

        Parameters
        ----------
        *features : str
            One or two names, in any order.
        where : str
            Of which subgroup, as its ``where`` says; that of all rows by default.

        Raises
        ------
        InputError
            If there is none.
        """
        for curve in self.curves:
            if sorted(curve.features) == sorted(features) and curve.where == where:
                return curve
        known = [_call(c.features, c.where) for c in self.curves]
        asked = _call(features, where)
        close = get_close_matches(asked, known, n=3, cutoff=0.5) or known[:5]
        raise InputError(
            f"This effect holds no curve of {asked}. Of its {len(known)} curves give one of "
            f"{', '.join(f'curve({call})' for call in close)}."
        )


def _call(features: Sequence[object], where: str) -> str:
    """Return features and subgroup as they are given to a call."""
    return ", ".join(map(repr, features)) + (f", where={where!r}" if where else "")


def _taken(curve: Curve, index: Ints) -> Curve:
    if curve.individual is None:
        return curve
    if curve.members is None:
        return replace(curve, individual=curve.individual[index])
    place = {int(row): i for i, row in enumerate(curve.members)}
    kept = [(new, place[int(row)]) for new, row in enumerate(index) if int(row) in place]
    new, old = np.array(kept, dtype=np.int64).reshape(-1, 2).T
    return replace(curve, individual=curve.individual[old], members=new)
