"""Conditions under which a model says what it says."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from whence.core.check import shorten
from whence.core.errors import InputError
from whence.core.explanation import Explanation
from whence.core.table import Table, table_of
from whence.core.types import Bools, Floats, Ints, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """One condition: a number in an interval, a category of some, or a part that is there.

    Attributes
    ----------
    feature : str
        Name of the column; of a text the part itself, such as a word; of an image the segment.
    low, high : float
        Of a column of numbers: it holds where ``low < x <= high``.
    levels : tuple or None
        Of a column of categories: it holds for these.
    missing : bool
        Whether it holds where the cell is missing.
    part : int or None
        Of a text, an image or a series: which part of the row must be as it is.

    Examples
    --------
    >>> print(Predicate(feature="age", low=28.0, high=37.0))
    28 < age ≤ 37
    >>> print(Predicate(feature="job", levels=("clerk", "smith")))
    job in {clerk, smith}
    """

    feature: str
    low: float = -math.inf
    high: float = math.inf
    levels: tuple[Level, ...] | None = None
    missing: bool = False
    part: int | None = None

    def __str__(self) -> str:
        """Return the condition in words."""
        said = self._said()
        if self.part is not None or not self.missing:
            return said
        return f"{said} or missing" if said else f"{self.feature} is missing"

    def _said(self) -> str:
        if self.part is not None:
            return self.feature
        if self.levels is not None:
            listed = ", ".join(str(level) or "''" for level in self.levels)
            one = f"{self.feature} = {listed}" if self.levels else ""
            return one if len(self.levels) <= 1 else f"{self.feature} in {{{listed}}}"
        if self.low > self.high:
            return ""
        below = f"{number(self.low)} < " if math.isfinite(self.low) else ""
        above = f" ≤ {number(self.high)}" if math.isfinite(self.high) else ""
        if below and not above:
            return f"{self.feature} > {number(self.low)}"
        return f"{below}{self.feature}{above}" if above else f"{self.feature} is known"

    def holds(self, table: Table) -> Bools:
        """Return for each row of a table whether the condition holds.

        Raises
        ------
        InputError
            If the table lacks the column, or the condition is about a part of a text or image.
        """
        if self.part is not None or self.feature not in table.names:
            raise InputError(
                f"The condition {str(self)!r} is not about a column of this table, whose columns "
                f"are {shorten(table.names)}. Give a table with the columns that were explained."
            )
        j = table.names.index(self.feature)
        x, levels = table.numbers[:, j], table.levels[j]
        absent = np.isnan(x)
        if self.levels is None:
            with np.errstate(invalid="ignore"):
                inside = (x > self.low) & (x <= self.high)
        else:
            fits = np.array([level in self.levels for level in levels or ()] + [False])
            codes = np.where(absent, len(fits) - 1, x).astype(np.int64)
            # Of a column of numbers, such as one that is missing throughout, words hold nowhere.
            numbers = [float(level) for level in self.levels if not isinstance(level, str)]
            inside = fits[codes] if levels is not None else np.isin(x, numbers)
        return np.asarray(np.where(absent, self.missing, inside))


def number(value: float) -> str:
    """Write a bound with as many digits as tell it, six at most."""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.6g}"  # noqa: PLR2004  beyond 1e15 digits are noise


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Rules(Explanation):
    """Conditions that hold together, and what the model says where they do.

    Of anchors and paths there is one rule for each row explained; of a surrogate tree or a rule
    list one for each of its leaves or rules, whose names are then in ``names.rows``.

    Attributes
    ----------
    predicates : tuple of tuples of Predicate
        For each rule the conditions that hold together; none of a rule that always holds.
    outputs : array of shape (rules, outputs)
        What the model says about the row explained, or the rule says where it holds.
    precision, precision_low : arrays of shape (rules,)
        Share of the rows covered for which the model says the same, and the lower confidence bound
        of that share.
    coverage, coverage_low, coverage_high : arrays of shape (rules,)
        Share of all rows that the rule covers, and its 95 % interval.
    covered : int array of shape (rules,)
        Number of rows covered, that ``precision`` was measured on.
    status : tuple of str
        "certified", "not certified" or "budget" for anchors; empty where nothing is to certify.
    kind : str
        "anchor" (each by itself), "path" or "tree" (of leaves, which exclude each other), or
        "list" (in order: the first that holds counts).
    fidelity : array of shape (outputs, 3) or None
        Of a surrogate: held-out R squared (or agreement, of classes) and its 95 % interval.
    """

    predicates: tuple[tuple[Predicate, ...], ...]
    outputs: Floats
    precision: Floats
    precision_low: Floats
    coverage: Floats
    coverage_low: Floats
    coverage_high: Floats
    covered: Ints
    status: tuple[str, ...] = ()
    kind: Literal["anchor", "path", "tree", "list"] = "anchor"
    fidelity: Floats | None = None

    per_row: ClassVar[tuple[str, ...]] = (
        "outputs", "precision", "precision_low", "coverage", "coverage_low", "coverage_high",
        "covered",
    )  # fmt: skip
    listed: ClassVar[tuple[str, ...]] = ("predicates", "status")

    def covers(self, X: object) -> Bools:
        """Return which rows of a table each rule covers, of shape (rules, rows).

        Raises
        ------
        InputError
            If ``X`` is no table with the columns that the rules are about.
        """
        table = table_of(X)
        seen: dict[Predicate, Bools] = {}
        out = np.ones((len(self), len(table)), dtype=bool)
        for i, rule in enumerate(self.predicates):
            for predicate in rule:
                if predicate not in seen:
                    seen[predicate] = predicate.holds(table)
                out[i] &= seen[predicate]
        return out
