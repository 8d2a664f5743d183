"""A rule about one row of a table, found in one half of a background and judged by the other."""

from dataclasses import dataclass

import numpy as np

from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints
from whence.kernels.agreement import Agreement
from whence.kernels.anchor_conditions import Condition, Half, Vocabulary, vocabulary_of
from whence.kernels.anchor_search import widest_rule
from whence.kernels.binomial import most_failures
from whence.kernels.bitsets import count, packed

_STRICTER = (2e-4, 2e-3, 2e-2, 0.2, 1.0)
"""Shares of ``delta`` at which the search asks for purity, strictest first.

The widest of many rules owes some of its purity to luck. At the strictest of these nearly all rules
found are certified then by the other half, at ``delta`` itself one in six (measured on adult).
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """A rule and what the rows that judge it say.

    Attributes
    ----------
    conditions : tuple of Condition
    right, covered, rows : int
        Rows covered about which the model says the same, rows covered, and all rows.
    certified : bool
    """

    conditions: tuple[Condition, ...]
    right: int
    covered: int
    rows: int
    certified: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """The rows of a background, and what the model says about them.

    Attributes
    ----------
    vocabulary : Vocabulary
    said : array of shape (rows, outputs)
    agreement : Agreement
    allowed : int array of shape (levels, rows that are searched + 1)
        How many of the rows covered may be wrong in the search, strictest first.
    passing : int array of shape (rows that judge + 1,)
        The same in the judgement.
    most, beam : int
        See `widest_rule`.
    """

    vocabulary: Vocabulary
    said: Floats
    agreement: Agreement
    allowed: Ints
    passing: Ints
    most: int
    beam: int

    @classmethod
    def of(
        cls, Z: Table, said: Floats, agreement: Agreement, *, threshold: float, delta: float,
        quantiles: int, most: int, beam: int, seed: int,
    ) -> "Evidence":  # fmt: skip
        """Prepare a background that was predicted."""
        vocabulary = vocabulary_of(Z, quantiles=quantiles, seed=seed)
        rows = len(vocabulary.search)
        return cls(
            vocabulary=vocabulary,
            said=said,
            agreement=agreement,
            allowed=np.array([most_failures(rows, threshold, delta * s) for s in _STRICTER]),
            passing=most_failures(len(vocabulary.judge), threshold, delta),
            most=most,
            beam=beam,
        )

    def rule(self, x: Floats, said: Floats) -> Judged:
        """Return the rule about one row (columns,), of which the model says ``said``."""
        conditions = self.vocabulary.of_row(x)
        search, judge = self.vocabulary.search, self.vocabulary.judge
        chosen = widest_rule(
            search.meets(conditions),
            packed(self._wrong(search, said)),
            search.everything,
            self.allowed,
            most=self.most,
            beam=self.beam,
        )
        rule = tuple(conditions[i] for i in chosen)
        cover = np.bitwise_and.reduce(judge.meets(rule), axis=0) & judge.everything
        off = self._wrong(judge, said)
        covered, wrong = (int(count(part)) for part in (cover, cover & packed(off)))
        own = int((_same(judge.numbers, x) & ~off).any())  # of itself the row says nothing
        return Judged(
            conditions=rule,
            right=covered - own - wrong,
            covered=covered - own,
            rows=len(judge) - own,
            certified=wrong <= self.passing[covered - own],
        )

    def _wrong(self, half: Half, said: Floats) -> Bools:
        return ~self.agreement.same(self.said[half.rows], said[None])


def _same(rows: Floats, x: Floats) -> Bools:
    """Return which rows (rows, columns) hold just what one (columns,) does."""
    alike = np.ones(len(rows), dtype=bool)
    for column, cell in zip(rows.T, x, strict=True):
        alike &= np.isnan(column) if np.isnan(cell) else column == cell
    return alike
