"""Rows of a table in which some columns hold values of other rows, and what a model says of them.

The model is asked in few calls about rows of all columns and shuffles together, and only about rows
that it cannot know already: not where the other row holds the same value, not twice about the
same, and, of an ensemble of trees, not where no threshold lies between the two values. Columns that
are constant, that no tree reads or that have no weight in a linear model cost nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from whence.core.blend import cell_codes
from whence.core.blocks import cut
from whence.core.errors import InputError
from whence.core.mix import as_array, as_given, as_numbers, mix
from whence.core.table import Table
from whence.core.types import Floats, Ints, Words
from whence.kernels.split_codes import split_codes
from whence.maskers.columns import Players
from whence.models.behind import LinearBehind, TreesBehind, linear_behind, trees_behind
from whence.models.predict import ROWS, Predict

_BYTES = 64_000_000
"""Bytes of a table that is made at a time."""
_CELLS = 4_000_000
"""Cells that are planned at a time: rows times players times shuffles."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHORT = 2**16
"""Shuffles that fit in short numbers."""
_WORTH = 0.01
"""Share of questions from which on it pays to look for equal ones."""
_LOOK = 2
"""Rows about which a model is compared with what is read of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wave:
    """What the model says after some shuffles, as many as were done.

    Attributes
    ----------
    first : int
        Number of the first shuffle.
    done : int
        How many there are.
    said : array of shape (asked, outputs)
        Answers for the rows that were asked about, then for the rows as they are.
    place : list of int arrays of shape (shuffles, rows), one per live player
        Which answer is that of each row.
    """

    first: int
    done: int
    said: Floats
    place: list[Ints]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Plan:
    """Rows to ask about: a player's columns come from other rows."""

    player: int
    row: Ints
    shuffle: Ints
    source: list[Ints]


@dataclass(slots=True, kw_only=True, eq=False)
class Shuffled:
    """A table, its players, and what tells two of its cells apart.

    Attributes
    ----------
    view : Predict
    table : Table
    own : array of shape (rows, outputs)
        What the model says about the rows as they are.
    columns : list of int arrays
        The columns of each player.
    codes : array of shape (rows, columns)
        Equal where the model cannot tell two cells of a column apart.
    asked : int
        Rows that the model was asked about so far.
    """

    view: Predict
    table: Table
    own: Floats
    columns: list[Ints]
    codes: Words
    asked: int

    def live(self) -> list[int]:
        """Return the players that the model may depend on, as far as can be seen for nothing."""
        differ = (self.codes != self.codes[0]).any(axis=0)
        return [p for p, columns in enumerate(self.columns) if differ[columns].any()]

    def waves(self, players: list[int], sources: list[list[Ints]]) -> Iterator[Wave]:
        """Ask about all shuffles, some at a time; an interrupt ends it after whole shuffles.

        Parameters
        ----------
        players : list of int
        sources : list of lists of int arrays of shape (shuffles, rows)
            For each of the players and each of its columns the rows that the values come from.
        """
        shuffles, n = sources[0][0].shape
        for part in cut(shuffles, max(1, _CELLS // (n * len(players)))):
            some = [[source[part] for source in each] for each in sources]
            plans, place = [], []
            for p, source in zip(players, some, strict=True):
                plan, back = self._planned(p, source)
                plans.append(plan)
                place.append(back)
            done, said, where = self._asked(plans)
            count = part.stop - part.start
            for q, at in enumerate(place):
                asked = at >= 0
                at[asked] = where[q][at[asked]]
                rows = np.broadcast_to(np.arange(n) + len(said) - n, at.shape)
                at[~asked] = rows[~asked]
            yield Wave(first=part.start, done=min(done, count), said=said, place=place)
            if done < count:
                return

    def _planned(self, player: int, source: list[Ints]) -> tuple[_Plan, Ints]:
        """Return what to ask about a player, and which question stands for each cell, or -1."""
        columns, n = self.columns[player], len(self.table)
        own = self.codes[:, columns].sum(axis=1)
        there = np.zeros(source[0].shape, dtype=np.uint64)
        for j, at in zip(columns, source, strict=True):
            there += self.codes[at, j]
        changed = there != own
        place = np.full(there.shape, -1, dtype=np.int64)
        shuffle, row = np.nonzero(changed)
        kept = np.arange(len(row))
        place[changed] = kept
        if len(source) > 1 or _repeated(own, len(there)):  # the same value may come from two rows
            apart = cell_codes(_bare(np.arange(n, dtype=np.float64)[:, None]))[:, 0]
            asked = there[changed] * _ODD + apart[row]  # else row 2, code 5 were row 5, code 2
            _, kept, back = np.unique(asked, return_index=True, return_inverse=True)
            place[changed] = back
        plan = _Plan(
            player=player,
            row=row[kept],
            shuffle=shuffle[kept],
            source=[at[changed][kept] for at in source],
        )
        return plan, place

    def _asked(self, plans: Sequence[_Plan]) -> tuple[int, Floats, list[Ints]]:
        """Ask, shuffle by shuffle.

        Returns
        -------
        done : int
            Shuffles of which everything is known.
        said : array of shape (asked + rows, outputs)
        where : list of int arrays
            The line of ``said`` for each question of each plan.
        """
        sizes = [len(plan.row) for plan in plans]
        shuffle = np.concatenate([plan.shuffle for plan in plans])
        small = shuffle.astype(np.uint16) if shuffle.max(initial=0) < _SHORT else shuffle
        order = np.argsort(small, kind="stable")  # short numbers are sorted several times as fast
        questions = _Questions(
            plans=plans,
            which=np.repeat(np.arange(len(plans)), sizes)[order],
            number=np.concatenate([np.arange(size) for size in sizes])[order],
            row=np.concatenate([plan.row for plan in plans])[order],
            first=np.concatenate([plan.source[0] for plan in plans])[order],
        )
        size = min(ROWS, max(1, _BYTES // (8 * len(self.table.names))))
        said = np.empty((len(order) + len(self.own), self.own.shape[1]))
        said[len(order) :] = self.own
        done = int(np.iinfo(np.int64).max)
        for s in cut(len(order), size):
            try:
                said[s] = self.view.ask(self._made(questions, s))
            except KeyboardInterrupt:
                done = int(shuffle[order[s.start]])
                said[s.start : len(order)] = 0.0
                break
            self.asked += s.stop - s.start
        line = np.empty(len(order), dtype=np.int64)
        line[order] = np.arange(len(order))
        return done, said, np.split(line, np.cumsum(sizes)[:-1])

    def _made(self, questions: "_Questions", part: slice) -> Table:
        """Return the rows of some questions."""
        table, row = self.table, questions.row[part]
        plain = as_array(table.native)
        if plain is None or as_numbers(plain) is None:
            index = np.repeat(row[:, None], len(table.names), axis=1)
            for at, column, source in questions.cells(part, self.columns):
                index[at, column] = source
            return mix(table, index)
        cells = plain[row]  # whole rows, of which a cell each is replaced, are made faster
        for at, column, source in questions.cells(part, self.columns):
            cells[at, column] = plain[source, column]
        numbers = cells.astype(np.float64, copy=False)
        return Table(
            names=table.names, numbers=numbers, levels=table.levels, named=table.named,
            native=as_given(cells, table.native),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Questions:
    """All questions of some plans, in the order in which they are asked.

    Attributes
    ----------
    plans : sequence of _Plan
    which, number : int arrays of shape (questions,)
        The plan of each question, and its place there.
    row, first : int arrays of shape (questions,)
        The row asked about, and the row that the first column of the player comes from.
    """

    plans: Sequence[_Plan]
    which: Ints
    number: Ints
    row: Ints
    first: Ints

    def cells(self, part: slice, columns: list[Ints]) -> Iterator[tuple[Ints, Ints, Ints]]:
        """Yield the lines, columns and sources of the cells that come from other rows."""
        which, number = self.which[part], self.number[part]
        heads = np.array([columns[plan.player][0] for plan in self.plans])
        yield np.arange(len(which)), heads[which], self.first[part]
        for q, plan in enumerate(self.plans):
            rest = columns[plan.player][1:]
            mine = np.flatnonzero(which == q) if len(rest) else rest
            for j, source in zip(rest, plan.source[1:], strict=True):
                yield mine, np.full(len(mine), j), source[number[mine]]


def shuffled(view: Predict, table: Table, own: Floats, players: Players) -> Shuffled:
    """Return what shuffles of a table need, and look for what need not be asked.

    Parameters
    ----------
    view : Predict
    table : Table
    own : array of shape (rows, outputs)
        What the model says about the rows as they are.
    players : Players
    """
    few = table[:_LOOK]
    trees = trees_behind(view, few)
    linear = None if trees is not None else linear_behind(view, few)
    codes = cell_codes(table)
    if trees is not None:
        codes = _told_by(trees, table, codes)
    elif linear is not None:
        codes = codes * _weighed(linear, len(table.names))
    columns = [np.flatnonzero(players.owner == p) for p in range(len(players.names))]
    asked = 0 if trees is None and linear is None else 2 * len(few)  # the reading and the answer
    return Shuffled(view=view, table=table, own=own, columns=columns, codes=codes, asked=asked)


def _told_by(behind: TreesBehind, table: Table, codes: Words) -> Words:
    """Return codes of cells that are the same where no split tells the cells apart."""
    trees, nodes = behind.trees, behind.trees.nodes
    try:
        X = trees.encode(table)
    except InputError:  # the model has answered about these rows, but our reading refuses them
        return codes
    words = np.diff(nodes.category_start) > 0
    plain = ~(words | nodes.zero_missing)
    told = split_codes(X, nodes.feature, nodes.threshold, plain)
    apart = cell_codes(_bare(told)) * (told != told[0]).any(axis=0)
    found = np.zeros_like(codes)
    for c, player in enumerate(nodes.player):
        found[:, player] += apart[:, c]
    return found


def _weighed(behind: LinearBehind, columns: int) -> Words:
    """Return 1 for each column that has a weight, and 0 for the others."""
    linear = behind.linear
    weighs = np.zeros(columns, dtype=np.uint64)
    weighs[linear.player[(linear.coefficients != 0).any(axis=1)]] = 1
    return weighs


def _repeated(codes: Words, shuffles: int) -> bool:
    """Tell whether it pays to look for rows that borrow an equal value twice."""
    _, counts = np.unique(codes, return_counts=True)
    share = float(((counts / len(codes)) ** 2).sum())
    return (shuffles - 1) / 2 * (share - 1 / len(codes)) > _WORTH


def _bare(numbers: Floats) -> Table:
    names = tuple(f"x{j}" for j in range(numbers.shape[1]))
    return Table(names=names, numbers=numbers, levels=(None,) * len(names), named=False)
