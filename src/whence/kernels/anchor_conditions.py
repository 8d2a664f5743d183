"""Conditions on the columns of a table, made of the rows of a background, as bits.

Of a column of numbers there is a condition ``x <= edge`` or ``x > edge`` for each of some quantiles
of the background, of a column of categories one for each category, and one for missing cells. The
background is cut at random into a half that is searched for rules, which the quantiles are of too,
and a half that judges the rule found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, TypeAlias

import numpy as np

from whence.core.errors import InputError
from whence.core.rules import Predicate
from whence.core.table import Table
from whence.core.types import Floats, Ints, Words
from whence.kernels.bitsets import packed

Kind: TypeAlias = Literal["above", "to", "level", "missing", "known"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition: of numbers ``x > edge`` or ``x <= edge``, or of which category a cell is.

    Attributes
    ----------
    column : int
    kind : {"above", "to", "level", "missing", "known"}
    edge : float
        The bound, or the code of the category.
    place : int
        Number of the edge among all edges of all columns.
    """

    column: int
    kind: Kind
    edge: float = 0.0
    place: int = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Half:
    """Some rows of a background, as bits.

    Attributes
    ----------
    rows : int array of shape (rows,)
        Their numbers in the background.
    numbers : array of shape (rows, columns)
    below : uint64 array of shape (edges, words)
        Rows up to each edge.
    known : uint64 array of shape (columns, words)
        Rows whose cell is not missing.
    everything : uint64 array of shape (words,)
    """

    rows: Ints
    numbers: Floats
    below: Words
    known: Words
    everything: Words

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def meets(self, conditions: Sequence[Condition]) -> Words:
        """Return which rows meet each condition, as bits (conditions, words)."""
        out = np.empty((len(conditions), len(self.everything)), dtype=np.uint64)
        for bits, condition in zip(out, conditions, strict=True):
            bits[:] = self._met(condition)
        return out

    def _met(self, condition: Condition) -> Words:
        j = condition.column
        if condition.kind == "to":
            return np.asarray(self.below[condition.place])
        if condition.kind == "above":
            return np.asarray(self.known[j] & ~self.below[condition.place])
        if condition.kind == "known":
            return np.asarray(self.known[j])
        if condition.kind == "missing":
            return np.asarray(self.everything & ~self.known[j])
        return packed(self.numbers[:, j] == condition.edge)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vocabulary:
    """All that can be said about the rows of a background.

    Attributes
    ----------
    names : tuple of str
    levels : tuple
        As in `Table`.
    edges : tuple of arrays
        For each column of numbers its edges, ascending; empty for categories.
    search, judge : Half
    """

    names: tuple[str, ...]
    levels: tuple[tuple[object, ...] | None, ...]
    edges: tuple[Floats, ...]
    search: Half
    judge: Half

    def of_row(self, x: Floats) -> list[Condition]:
        """Return the conditions that a row (columns,) meets and not all of the background does."""
        found: list[Condition] = []
        start = 0
        for j, edges in enumerate(self.edges):
            some = bool((self.search.known[j] != self.search.everything).any())
            if np.isnan(x[j]):
                found += [Condition(column=j, kind="missing")] if some else []
            elif self.levels[j] is not None:
                found += [Condition(column=j, kind="level", edge=float(x[j]))] if x[j] >= 0 else []
            else:
                found += [Condition(column=j, kind="known")] if some else []
                found += [
                    Condition(
                        column=j, kind="to" if x[j] <= edge else "above", edge=float(edge),
                        place=start + k,
                    )
                    for k, edge in enumerate(edges)
                ]  # fmt: skip
            start += len(edges)
        return found

    def coded(self, X: Table) -> Floats:
        """Return the numbers of rows with the background's codes; -1 is a category it lacks.

        Raises
        ------
        InputError
            If a column holds numbers in one of the two tables and categories in the other.
        """
        numbers = X.numbers.copy()
        for j, (levels, own) in enumerate(zip(self.levels, X.levels, strict=True)):
            known = not np.isnan(numbers[:, j]).all()
            if (levels is None) != (own is None) and known and not self._empty(j):
                raise InputError(
                    f"Column {X.names[j]!r} holds {_form(own)} in X and {_form(levels)} in the "
                    "background. Give both tables in the form of the training data."
                )
            if own is not None and own != levels:
                place = {level: float(i) for i, level in enumerate(levels or ())}
                codes = np.array([*(place.get(level, -1.0) for level in own), np.nan])
                at = np.where(np.isnan(numbers[:, j]), len(own), numbers[:, j]).astype(np.int64)
                numbers[:, j] = codes[at]
        return numbers

    def _empty(self, column: int) -> bool:
        return not (self.search.known[column].any() or self.judge.known[column].any())

    def said(self, conditions: Sequence[Condition], names: Sequence[str]) -> tuple[Predicate, ...]:
        """Return conditions that hold together as one predicate per column."""
        columns = dict.fromkeys(condition.column for condition in conditions)
        return tuple(
            self._predicate([c for c in conditions if c.column == j], names[j])
            for j in sorted(columns)
        )

    def _predicate(self, together: Sequence[Condition], name: str) -> Predicate:
        first = together[0]
        levels = self.levels[first.column]
        if first.kind == "missing":
            if levels is not None:
                return Predicate(feature=name, levels=(), missing=True)
            return Predicate(feature=name, low=inf, high=-inf, missing=True)
        if levels is not None:
            return Predicate(feature=name, levels=(levels[int(first.edge)],))  # type: ignore[arg-type]  # a level
        return Predicate(
            feature=name,
            low=max((c.edge for c in together if c.kind == "above"), default=-inf),
            high=min((c.edge for c in together if c.kind == "to"), default=inf),
        )


def vocabulary_of(Z: Table, *, quantiles: int, seed: int) -> Vocabulary:
    """Cut a background in halves and find the edges of its columns.

    Parameters
    ----------
    Z : Table
    quantiles : int
        Parts of about equal size that a column of numbers is cut into; values that are more
        frequent than that are parts of their own too, and so are the parts of the other values.
    seed : int
        Of the cut in halves.

    Examples
    --------
    >>> from whence.core.table import table_of
    >>> Z = table_of(np.arange(200.0)[:, None])
    >>> said = vocabulary_of(Z, quantiles=4, seed=0)
    >>> [c.kind for c in said.of_row(np.array([5.0]))], len(said.search), len(said.judge)
    (['to', 'to', 'to'], 100, 100)
    """
    order = np.random.default_rng(seed).permutation(len(Z))
    first, second = np.sort(order[: len(Z) // 2]), np.sort(order[len(Z) // 2 :])
    edges = tuple(
        np.zeros(0) if levels is not None else edges_of(Z.numbers[first, j], quantiles)
        for j, levels in enumerate(Z.levels)
    )
    return Vocabulary(
        names=Z.names,
        levels=Z.levels,
        edges=edges,
        search=_half(Z.numbers, first, edges),
        judge=_half(Z.numbers, second, edges),
    )


def edges_of(column: Floats, quantiles: int) -> Floats:
    """Return the edges of a column (rows,): values that occur, but for the greatest.

    Examples
    --------
    >>> edges_of(np.array([0.0] * 96 + [1.0, 2.0, 3.0, 4.0]), 4)
    array([0., 1., 2., 3.])
    """
    values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    if len(values) <= quantiles:
        return np.asarray(values[:-1])
    heavy = counts > counts.sum() / quantiles
    shares = np.arange(1, quantiles) / quantiles
    found = [values[heavy], values[np.maximum(np.flatnonzero(heavy) - 1, 0)]]
    for some in (np.ones(len(values), dtype=bool), ~heavy):
        if some.any():
            ranks = np.cumsum(counts[some]) / counts[some].sum()
            found.append(values[some][np.searchsorted(ranks, shares)])
    edges = np.unique(np.concatenate(found))
    return np.asarray(edges[edges < values[-1]])


def _half(numbers: Floats, rows: Ints, edges: tuple[Floats, ...]) -> Half:
    own = np.asfortranarray(numbers[rows])
    below = [packed(own[:, j] <= some[:, None]) for j, some in enumerate(edges)]
    return Half(
        rows=rows,
        numbers=own,
        below=np.concatenate(below),
        known=packed(~np.isnan(own.T)),
        everything=packed(np.ones(len(rows), dtype=bool)),
    )


def _form(levels: object) -> str:
    return "numbers" if levels is None else "categories"
