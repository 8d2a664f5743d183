"""Terms that are tables: how a column is cut into bins, and what each bin adds."""

from dataclasses import dataclass

import numpy as np

from whence.core.table import Table
from whence.core.types import Floats, Ints, Level


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axis:
    """How a column is cut into bins: bin 0 is missing, the last one is what was never seen.

    Attributes
    ----------
    column : int
        The column of the user's table.
    cuts : array or None
        A number is in bin ``1 + (number of cuts <= x)``; None of a column of categories.
    categories : tuple of (str, int)
        Category, as text, and its bin.
    low, high : float
        Bounds of the numbers of training; NaN where they are not known.
    """

    column: int
    cuts: Floats | None
    categories: tuple[tuple[str, int], ...] = ()
    low: float = np.nan
    high: float = np.nan

    @property
    def size(self) -> int:
        """Number of bins, with those of missing and of unseen values."""
        if self.cuts is not None:
            return len(self.cuts) + 3
        return max((b for _, b in self.categories), default=0) + 2

    def bins(self, numbers: Floats, levels: tuple[Level, ...] | None) -> Ints:
        """Return the bin of each cell of a column of a `Table`."""
        absent = np.isnan(numbers)
        if levels is None:
            found = self._of_numbers(numbers)
        else:
            place = np.array([*(self._of_level(level) for level in levels), 0], dtype=np.int64)
            found = place[np.where(absent, len(levels), numbers).astype(np.int64)]
        return np.where(absent, 0, found)

    def _of_numbers(self, numbers: Floats) -> Ints:
        if self.cuts is not None:
            return np.asarray(np.searchsorted(self.cuts, numbers, side="right") + 1)
        distinct, inverse = np.unique(numbers, return_inverse=True)
        found = np.array([self._of_level(float(x)) for x in distinct], dtype=np.int64)
        return np.asarray(found[inverse])

    def _of_level(self, level: Level) -> int:
        known = dict(self.categories)
        if self.cuts is None:
            return next((known[t] for t in _texts(level) if t in known), self.size - 1)
        try:
            return int(self._of_numbers(np.array([float(level)]))[0])
        except ValueError:
            return self.size - 1


def _texts(level: Level) -> list[str]:
    """Return how a category may be written."""
    if isinstance(level, str):
        return [level]
    texts = [str(level), str(float(level))]
    if float(level).is_integer():
        texts.append(str(int(level)))
    if float(level) in (0.0, 1.0):
        texts.append(str(bool(level)))
    return texts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """A term that is a table.

    Attributes
    ----------
    axes : tuple of Axis
        One or two.
    scores : array of shape (*bins, outputs)
    weights : array of shape (*bins,)
        Training weight.
    stderr : array like ``scores`` or None
        Standard deviation over refits of bags of the rows.
    bags : array of shape (bags, *bins, outputs) or None
        The tables of these refits.
    bag_weights : array of shape (bags,) or None
    """

    axes: tuple[Axis, ...]
    scores: Floats
    weights: Floats
    stderr: Floats | None = None
    bags: Floats | None = None
    bag_weights: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """Terms that are tables: each column of what is encoded is the bin on one axis."""

    shapes: tuple[Shape, ...]
    places: tuple[tuple[int, ...], ...]

    def values(self, X: Floats) -> Floats:
        """Return what each term adds."""
        return self._looked_up(X, [shape.scores for shape in self.shapes])

    def stderr(self, X: Floats) -> Floats | None:
        """Return the standard deviations over refits."""
        found = [shape.stderr for shape in self.shapes if shape.stderr is not None]
        return self._looked_up(X, found) if len(found) == len(self.shapes) and found else None

    def _looked_up(self, X: Floats, tables: list[Floats]) -> Floats:
        bins = X.astype(np.int64)
        out = np.zeros((len(X), len(tables), tables[0].shape[-1] if tables else 1))
        for t, (table, places) in enumerate(zip(tables, self.places, strict=True)):
            out[:, t] = table[tuple(bins[:, p] for p in places)]
        return out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Binned:
    """Table -> the bins of its cells, one column per axis."""

    axes: tuple[Axis, ...]

    def __call__(self, table: Table) -> Floats:
        """Return the bins, (rows, axes)."""
        found = [a.bins(table.numbers[:, a.column], table.levels[a.column]) for a in self.axes]
        return np.stack(found, axis=1).astype(np.float64) if found else np.empty((len(table), 0))


def tables_of(shapes: tuple[Shape, ...]) -> tuple[Tables, Binned]:
    """Return what looks up the terms, and what encodes rows for it; equal axes are encoded once."""
    axes: dict[int, Axis] = {}
    for shape in shapes:
        axes.update({id(axis): axis for axis in shape.axes})
    place = {key: i for i, key in enumerate(axes)}
    places = tuple(tuple(place[id(axis)] for axis in shape.axes) for shape in shapes)
    return Tables(shapes=shapes, places=places), Binned(axes=tuple(axes.values()))
