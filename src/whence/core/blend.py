"""Rows whose known cells come from one row and whose unknown cells come from another.

A blend is what `whence.core.mix` does for any cell alone, done for whole rows at once and therefore
several times as fast. Rows that come out the same are found by the sums of 64-bit codes of their
cells, without being made first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whence.core.mix import as_array, as_given, as_numbers, gathered
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints, Words

_WHOLE = 2.0**53
"""From here on a float64 may stand for several whole numbers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blend:
    """Rows of a table put together two by two: what is known of one, and the rest of another.

    Attributes
    ----------
    known : bool array of shape (coalitions, columns)
    row : int array of shape (coalitions,)
        The row of the table whose cells are known.
    other : int array of shape (coalitions, copies), or (1, copies) if they are the same for all
        The rows that the unknown cells come from.
    """

    known: Bools
    row: Ints
    other: Ints

    def of(self, table: Table, kept: Ints | None = None) -> Table:
        """Return the rows, the copies of each coalition together; or those numbered ``kept``.

        Examples
        --------
        >>> from whence.core.table import table_of
        >>> blend = Blend(known=np.array([[True, False]]), row=np.array([0]),
        ...               other=np.array([[1, 2]]))
        >>> blend.of(table_of(np.array([[1, 2], [3, 4], [5, 6]]))).native
        array([[1, 4],
               [1, 6]])
        """
        plain = as_array(table.native)
        if plain is None:
            numbers = self._cells(table.numbers, kept)
            native = table.native
            if native is not None:
                native = gathered(native, self._sources(kept), numbers)
            return _of(table, numbers, native)
        cells = self._cells(plain, kept)
        found = as_numbers(cells)
        numbers = self._cells(table.numbers, kept) if found is None else found
        return _of(table, numbers, as_given(cells, table.native))

    def same(self, codes: Words) -> tuple[Ints, Ints] | None:
        """Tell which rows are the same; None if all differ.

        Parameters
        ----------
        codes : array of shape (rows of the table, columns)
            The table's `cell_codes`.

        Returns
        -------
        kept : int array of shape (distinct,)
            Numbers of the first of all rows that are the same: in order, but for as many from the
            end as fill the places of those left out.
        back : int array of shape (coalitions * copies,)
            Which of ``kept`` is the same as each row.
        """
        if self.other.shape == (len(self.known), 1):
            apart = codes[self.row] - codes[self.other[:, 0]]
            kept = np.einsum("ij,ij->i", self.known, apart)
            return first_of_each(kept + codes.sum(axis=1)[self.other[:, 0]])
        known = np.einsum("cp,cp->c", self.known.astype(np.uint64), codes[self.row])
        if len(self.other) == 1:
            rest = _sums(~self.known, codes[self.other[0]])
        else:
            rest = np.einsum("cp,cbp->cb", (~self.known).astype(np.uint64), codes[self.other])
        return first_of_each((known[:, None] + rest).reshape(-1))

    def _cells(self, array: NDArray[Any], kept: Ints | None) -> NDArray[Any]:
        if self.other.shape == (len(self.known), 1):
            some = slice(None) if kept is None else kept
            other = self.other[some, 0]
            return np.where(self.known[some], array[self.row[some]], array[other])
        first, second = array[self.row][:, None, :], array[self.other]
        cells = np.where(self.known[:, None, :], first, second).reshape(-1, array.shape[1])
        if kept is None:
            return cells
        moved = np.flatnonzero(kept != np.arange(len(kept)))
        if 2 * len(moved) > len(kept) or (kept[moved] < len(kept)).any():
            return cells[kept]
        cells[moved] = cells[kept[moved]]
        return cells[: len(kept)]

    def _sources(self, kept: Ints | None) -> Iterable[Ints]:
        """Yield for each column the rows that its cells come from."""
        for known in np.ascontiguousarray(self.known.T):
            at = np.where(known[:, None], self.row[:, None], self.other).reshape(-1)
            yield at if kept is None else at[kept]


def cell_codes(table: Table) -> Words:
    """Return a number of 64 random bits for each cell, the same for cells that say the same.

    The sum of a row's codes, modulo 2**64, then stands for the row: among a million rows, two
    that differ have the same sum with a chance of less than one in ten million.
    """
    plain = np.where(np.isnan(table.numbers), np.nan, table.numbers + 0.0)  # one NaN and one zero
    codes = np.ascontiguousarray(plain).view(np.uint64)
    codes = _scrambled(codes + _scrambled(np.arange(codes.shape[1], dtype=np.uint64)))
    doubtful = np.abs(plain) >= _WHOLE
    if doubtful.any():
        codes += doubtful * _scrambled(np.arange(len(codes), dtype=np.uint64))[:, None]
    return codes


def _scrambled(words: Words) -> Words:
    """Spread each bit over all others (the finalizer of SplitMix64)."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _sums(unknown: Bools, codes: Words) -> Words:
    """Return ``unknown @ codes.T``, modulo 2**64, by two products of floats, each without error."""
    chosen, half = unknown.astype(np.float64), np.uint64(32)
    high, low = codes >> half, codes & np.uint64(2**32 - 1)
    total = (chosen @ high.T.astype(np.float64)).astype(np.uint64) << half
    return total + (chosen @ low.T.astype(np.float64)).astype(np.uint64)


def first_of_each(words: Words) -> tuple[Ints, Ints] | None:
    """Return the places of distinct numbers, and which of them each number is; None if all differ.

    The places are in order, but for as many from the end as fill the gaps of those left out: where
    little is left out, little then has to be moved.

    Examples
    --------
    >>> first_of_each(np.array([7, 5, 7, 4], dtype=np.uint64))
    (array([0, 1, 3]), array([0, 1, 0, 2]))
    """
    order = np.argsort(words)
    ranked = words[order]
    equal = ranked[1:] == ranked[:-1]
    if not equal.any():
        return None
    some = np.zeros(len(words), dtype=bool)  # those that are not alone
    some[1:] = equal
    some[:-1] |= equal
    among = order[some]
    starts = np.flatnonzero(np.append(True, ~equal)[some])
    first = np.minimum.reduceat(among, starts)
    first = np.repeat(first, np.diff(starts, append=len(among)))
    chosen = np.ones(len(words), dtype=bool)
    chosen[among[among != first]] = False
    count = int(chosen.sum())
    gaps, late = np.flatnonzero(~chosen[:count]), np.flatnonzero(chosen[count:]) + count
    kept, back = np.arange(count), np.arange(len(words))
    kept[gaps], back[late] = late, gaps
    back[among] = back[first]
    return kept, back


def _of(table: Table, numbers: Floats, native: object) -> Table:
    return Table(
        names=table.names, numbers=numbers, levels=table.levels, named=table.named, native=native
    )
