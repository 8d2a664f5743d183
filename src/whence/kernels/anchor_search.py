"""The widest rule that is pure enough: a beam search over conjunctions of conditions.

Of the rules made of conditions that a row meets, those are wanted that cover as many rows as
possible while few of these rows are *wrong*, that is, the model says something else about them.
How many may be wrong depends on how many are covered: ``allowed``, a table for each of some levels
of strictness. Adding a condition can only lose rows, so a rule that covers no more than the widest
pure one found need not be looked at, nor what comes of it.

Level by level each rule kept is extended by each condition. To be kept are rules that cover much,
and rules of which few rows are wrong; a weight says what a wrong row too many costs in rows
covered, and for each of six weights, from 1 to 32, the best rules are kept. As long as no more
rules are open than ``beam``, nothing is dropped and the rule found is the widest there is.
"""

from dataclasses import dataclass

import numpy as np

from whence.core.blocks import cut
from whence.core.types import Ints, Words
from whence.kernels.bitsets import count

_WEIGHTS = 2.0 ** np.arange(6)
_WORDS = 4_000_000
"""Words of the rules that are counted at a time."""
_Z = 1.6449
"""Of the bound by which rules are ranked that are all not pure enough."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Best:
    """The widest pure rule of each level, and the most promising of all rules.

    Attributes
    ----------
    width : int array of shape (levels,)
        Rows covered by the widest rule; -1 where none is pure enough.
    rules : list of tuples of conditions
    bound, hope : float, tuple
        Highest lower bound of the share that is right, and the rule that has it.
    """

    width: Ints
    rules: list[tuple[int, ...]]
    bound: float = -1.0
    hope: tuple[int, ...] = ()

    def see(
        self, rules: list[tuple[int, ...]], parent: Ints, condition: Ints, n: Ints, wrong: Ints,
        allowed: Ints,
    ) -> None:  # fmt: skip
        """Look at children of rules: rows covered and rows wrong, one of each per child."""

        def named(i: int) -> tuple[int, ...]:
            return (*rules[parent[i]], int(condition[i])) if condition[i] >= 0 else ()

        for level, most in enumerate(allowed):
            width = np.where(wrong <= most[n], n, -1)
            i = int(np.argmax(width))
            if width[i] > self.width[level]:
                self.width[level], self.rules[level] = width[i], named(i)
        bound = _score_bound(n, wrong)
        i = int(np.argmax(bound))
        if bound[i] > self.bound:
            self.bound, self.hope = float(bound[i]), named(i)

    def rule(self) -> tuple[int, ...]:
        """Return the rule of the strictest level that has one, or else the most promising."""
        found = np.flatnonzero(self.width >= 0)
        return self.rules[int(found[0])] if len(found) else self.hope


def widest_rule(
    conditions: Words, wrong: Words, everything: Words, allowed: Ints, *, most: int, beam: int
) -> tuple[int, ...]:
    """Return the conditions of the widest rule that is pure enough.

    Parameters
    ----------
    conditions : uint64 array of shape (conditions, words)
        Rows that meet each condition, as bits.
    wrong : uint64 array of shape (words,)
        Rows about which the model says something else.
    everything : uint64 array of shape (words,)
        All rows.
    allowed : int array of shape (levels, rows + 1)
        How many rows may be wrong of 0, 1, ... covered, strictest level first; -1 is never. The
        widest rule of the strictest level that has any is taken; if none has, the one with the
        highest lower bound of the share of right rows.
    most : int
        Conditions of a rule at most.
    beam : int
        Rules that are kept of each number of conditions.

    Returns
    -------
    tuple of int
        Ascending; none for the rule that always holds.

    Examples
    --------
    >>> from whence.kernels.bitsets import packed
    >>> met = packed(np.array([[True, True, True, False], [True, True, False, False]]))
    >>> wrong, everything = packed(np.array([False, False, True, True])), packed(np.ones(4, bool))
    >>> widest_rule(met, wrong, everything, np.zeros((1, 5), dtype=int), most=2, beam=8)
    (1,)
    """
    rules: list[tuple[int, ...]] = [()]
    covers = everything[None]
    levels = len(allowed)
    best = _Best(width=np.full(levels, -1), rules=[()] * levels)
    none = np.array([-1])
    best.see(rules, none, none, count(covers), count(covers & wrong), allowed)
    for _ in range(most):
        parent, condition, n, bad = _children(covers, conditions, wrong, max(best.width[0], 0))
        if not len(parent):
            break
        best.see(rules, parent, condition, n, bad, allowed)
        kept = _kept(n, bad, allowed[0], int(best.width[0]), beam)
        parent, condition = parent[kept], condition[kept]
        covers, some = _distinct(covers[parent] & conditions[condition])
        rules = [(*rules[parent[i]], int(condition[i])) for i in some]
        if not rules:
            break
    return _needed(best.rule(), conditions, everything)


def _children(
    covers: Words, conditions: Words, wrong: Words, width: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """Extend each rule by each condition that excludes some rows and leaves more than ``width``.

    Returns
    -------
    parent, condition : int arrays of shape (children,)
    n, wrong : int arrays of shape (children,)
        Rows covered, and those of them that are wrong.
    """
    found = []
    for some in cut(len(covers), max(1, _WORDS // max(1, conditions.size))):
        both = covers[some, None] & conditions
        n = count(both)
        parent, condition = np.nonzero((n < count(covers[some])[:, None]) & (n > width))
        bad = count(both[parent, condition] & wrong)
        found.append((parent + some.start, condition, n[parent, condition], bad))
    parent, condition, n, bad = (np.concatenate(part) for part in zip(*found, strict=True))
    return parent, condition, n, bad


def _kept(n: Ints, wrong: Ints, most: Ints, width: int, beam: int) -> Ints:
    """Return which rules to extend: of those not yet pure, the best by each weight."""
    open_ = np.flatnonzero((wrong > most[n]) & (n > width))
    if len(open_) <= beam:
        return open_
    # Rules of equal numbers mostly cover the same rows: one of them will do.
    open_ = open_[np.unique(n[open_] * len(most) + wrong[open_], return_index=True)[1]]
    n, wrong = n[open_], wrong[open_]
    excess = wrong - np.maximum(most[n], 0)
    chosen = np.zeros(len(open_), dtype=bool)
    for weight in _WEIGHTS:
        order = np.argsort(weight * excess - n, kind="stable")
        chosen[order[: max(1, beam // len(_WEIGHTS))]] = True
    return np.sort(open_[chosen])


def _distinct(covers: Words) -> tuple[Words, Ints]:
    """Return covers without those that are the same as another, and the places of the others."""
    words = np.arange(1, 2 * covers.shape[1], 2, dtype=np.uint64)
    odd = words * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)
    mixed = (covers ^ (covers >> np.uint64(29))) * odd
    keys = (mixed ^ (mixed >> np.uint64(32))).sum(axis=1, dtype=np.uint64)
    some = np.sort(np.unique(keys, return_index=True)[1])
    return covers[some], some


def _needed(rule: tuple[int, ...], conditions: Words, everything: Words) -> tuple[int, ...]:
    """Return the conditions of a rule but for those that exclude no row."""
    needed = sorted(rule)
    for condition in sorted(rule):
        rest = [other for other in needed if other != condition]
        without = np.bitwise_and.reduce(conditions[rest], axis=0) & everything
        if not (without & ~conditions[condition]).any():
            needed = rest
    return tuple(needed)


def _score_bound(n: Ints, wrong: Ints) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Return Wilson's lower bound of the share that is right; of no rows, zero."""
    trials = np.maximum(n, 1)
    share, z2 = (n - wrong) / trials, _Z**2 / trials
    low = share + z2 / 2 - np.sqrt(z2 * (share * (1 - share) + z2 / 4))
    return np.asarray(np.where(n > 0, low / (1 + z2), 0.0))
