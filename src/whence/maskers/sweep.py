"""What a model says about rows while one or two of their columns move along positions.

The model is asked about each row at each position, many rows in a call. The trees of an ensemble
are followed instead (`whence.kernels.curves`), where our reading of them says what the model says
about all rows as they are and about a sample of rows at the positions; if it does not, the model is
asked and the reader told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from whence.core.blocks import cut
from whence.core.edit import edited
from whence.core.errors import WhenceError
from whence.core.table import Table
from whence.core.types import Floats, Int32s, Ints
from whence.kernels.curves import Curves
from whence.kernels.paths import meet
from whence.kernels.trees import Forest
from whence.models.behind import TreesBehind, trees_behind
from whence.models.predict import Predict

_BYTES = 32_000_000
"""Bytes of the rows that the model is asked about, and of the curves, at a time."""
_TRIED = 64
"""Rows by which our reading of trees is tried, as they are and at positions."""
_SAME = 1e-5
"""Rounding of libraries that answer in float32."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fast:
    """The trees behind a model, and the rows as they read them."""

    behind: TreesBehind
    curves: Curves
    X: Floats
    raw: Floats
    slack: float

    def along(self, part: slice, moved: Int32s, cells: Floats) -> Floats:
        """Return what the model answers, (rows, positions, outputs)."""
        raw = self.curves.along(self.X[part], self.raw[part], moved, cells)
        said = self.behind.answer(raw.reshape(-1, raw.shape[2]))
        return said.reshape(*raw.shape[:2], -1)

    def at(self, rows: Ints) -> "_Fast":
        """Return the same for some of the rows."""
        return replace(self, X=self.X[rows], raw=self.raw[rows])

    def same(self, ours: Floats, theirs: Floats) -> bool:
        """Tell whether two answers agree but for rounding."""
        return ours.shape == theirs.shape and bool(
            np.allclose(ours, theirs, rtol=_SAME, atol=self.slack)
        )


@dataclass(slots=True, kw_only=True, eq=False)
class Sweep:
    """Follows a model over rows of a table.

    Attributes
    ----------
    view : Predict
    table : Table
    labels : int array of shape (rows,) or None
        True classes, where a loss is explained.
    asked : int
        Rows that the model was asked about.
    warnings : tuple of str
    """

    view: Predict
    table: Table
    labels: Ints | None = None
    asked: int = 0
    warnings: tuple[str, ...] = ()
    _fast: _Fast | None = field(default=None, repr=False)

    @classmethod
    def over(cls, view: Predict, table: Table, raw: Floats, labels: Ints | None = None) -> Self:
        """Return a sweep over rows of which the model has said ``raw``."""
        sweep = cls(view=view, table=table, labels=labels)
        tried = table[np.unique(np.linspace(0, len(table) - 1, _TRIED).astype(np.int64))]
        behind = None if view.model is None else trees_behind(view, tried)
        if behind is not None:
            sweep.asked += 2 * len(tried)
            sweep._fast = _fast(behind, table, raw)
            if sweep._fast is None:
                sweep._distrust("about the rows as they are")
        return sweep

    @property
    def follows_trees(self) -> bool:
        """Whether trees are followed, and the model is not asked."""
        return self._fast is not None

    def may_interact(self, columns: Sequence[int]) -> bool:
        """Tell whether columns may act together; they do not if no path of a tree reads all."""
        sums = self.view.response == "identity"
        if self._fast is None or self._fast.behind.response != "identity" or not sums:
            return True
        return meet(self._fast.behind.trees.nodes, columns)

    def prove(self, jobs: Sequence[tuple[Ints, Floats]]) -> None:
        """Ask the model about a sample of rows at positions, if trees are to be followed.

        Parameters
        ----------
        jobs : sequence of (columns, cells)
            As `blocks` takes them.
        """
        if self._fast is None or not jobs:
            return
        try:
            each = max(2, _TRIED // len(jobs))
            base, numbers, ours = zip(*(self._sample(*job, each) for job in jobs), strict=True)
        except (
            WhenceError,
            TypeError,
            ValueError,
        ):  # the model may say more clearly why it cannot read a position
            self._fast = None
            return
        rows = edited(self.table, np.concatenate(base), np.concatenate(numbers))
        theirs = self.view.ask(rows)
        self.asked += len(rows)
        if not self._fast.same(np.concatenate(ours), theirs):
            self._distrust("about some rows at positions of the grid")

    def blocks(self, columns: Ints, cells: Floats) -> Iterator[tuple[slice, Floats]]:
        """Yield the answers for all rows in blocks: which rows, and (rows, positions, outputs).

        Parameters
        ----------
        columns : int array of shape (moved,)
            The columns of the table that move.
        cells : array of shape (positions, moved)
            What they are at each position, as ``table.numbers`` has it.
        """
        positions, wide = len(cells), len(self.table.names)
        moved = None if self._fast is None else self._moved(columns, cells)
        size = max(1, _BYTES // (8 * positions * (wide if moved is None else 1)))
        for part in cut(len(self.table), size):
            if moved is not None and self._fast is not None:
                said = self._fast.along(part, *moved)
            else:
                said = self._ask(part, columns, cells)
            yield part, self._responded(part, said)

    def curves(self, columns: Ints, cells: Floats) -> Floats:
        """Return the answers for all rows at once, (rows, positions, outputs)."""
        return np.concatenate([said for _, said in self.blocks(columns, cells)])

    def at(self, base: Ints, columns: Ints, cells: Floats) -> Floats:
        """Return the answers for some rows with other cells, (rows, outputs); the model is asked.

        Parameters
        ----------
        base : int array of shape (rows,)
            The row of the table that each is made of.
        columns : int array of shape (moved,)
        cells : array of shape (rows, moved)
        """
        size = max(1, _BYTES // (8 * len(self.table.names)))
        out = []
        for part in cut(len(base), size):
            numbers = self.table.numbers[base[part]]
            numbers[:, columns] = cells[part]
            said = self.view.ask(edited(self.table, base[part], numbers))
            labels = None if self.labels is None else self.labels[base[part]]
            out.append(self.view.respond(said, labels))
        self.asked += len(base)
        return np.concatenate(out)

    def _ask(self, part: slice, columns: Ints, cells: Floats) -> Floats:
        base = np.repeat(np.arange(part.start, part.stop), len(cells))
        numbers = self.table.numbers[base]
        numbers[:, columns] = np.tile(cells, (part.stop - part.start, 1))
        said = self.view.ask(edited(self.table, base, numbers))
        self.asked += len(said)
        return said.reshape(part.stop - part.start, len(cells), -1)

    def _responded(self, part: slice, said: Floats) -> Floats:
        if self.view.response == "identity":
            return said
        labels = None if self.labels is None else np.repeat(self.labels[part], said.shape[1])
        out = self.view.respond(said.reshape(-1, said.shape[2]), labels)
        return out.reshape(*said.shape[:2], -1)

    def _moved(self, columns: Ints, cells: Floats) -> tuple[Int32s, Floats]:
        """Return the columns of the trees that move, and what they are at each position."""
        if self._fast is None:
            raise RuntimeError("There are no trees to follow.")
        numbers = np.repeat(self.table.numbers[:1], len(cells), axis=0)
        numbers[:, columns] = cells
        trees = self._fast.behind.trees
        X = trees.encode(edited(self.table, np.zeros(len(cells), dtype=np.int64), numbers))
        moved = np.flatnonzero(np.isin(trees.nodes.player, columns)).astype(np.int32)
        return moved, X[:, moved]

    def _sample(self, columns: Ints, cells: Floats, size: int) -> tuple[Ints, Floats, Floats]:
        """Return some rows at some positions: whence, their numbers, and what the trees say."""
        if self._fast is None:
            raise RuntimeError("There are no trees to follow.")
        base = np.linspace(0, len(self.table) - 1, size).astype(np.int64)
        at = np.linspace(0, len(cells) - 1, size).astype(np.int64)[::-1]
        numbers = self.table.numbers[base]
        numbers[:, columns] = cells[at]
        moved, encoded = self._moved(columns, cells)
        some = self._fast.at(base)
        said = some.along(slice(None), moved, encoded[at])
        return base, numbers, said[np.arange(size), np.arange(size)]

    def _distrust(self, where: str) -> None:
        self._fast = None
        note = (
            f"Our reading of the model's trees does not say what the model says {where}, so the "
            "model was asked about every row and position, which is slower and no less right. "
            f"Please report it with your version of {self.view.library or 'the library'}."
        )
        self.warnings = (*self.warnings, note)


def _fast(behind: TreesBehind, table: Table, raw: Floats) -> _Fast | None:
    """Return the trees to follow, if they say about all rows what the model said."""
    trees = behind.trees
    try:
        X = trees.encode(table)
    except (WhenceError, TypeError, ValueError):
        return None
    forest = Forest.of(trees.nodes, table_bytes=0)
    slack = trees.tolerance * trees.nodes.scale()
    slack += 0.0 if behind.response == "identity" else _SAME / 10
    own = forest.predict(X)
    fast = _Fast(behind=behind, curves=Curves(forest), X=X, raw=own, slack=slack)
    return fast if fast.same(behind.answer(own), raw) else None
