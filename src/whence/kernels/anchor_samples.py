"""Samples of rules about the parts of a row, and what they say about each rule.

A sample of a rule in which further parts came to be known by chance is one of the longer rules,
too.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from whence.core.types import Bools, Ints
from whence.kernels.kl_bounds import kl_bounds

_LIKELY = 1.0
"""Level of the bounds by which rules are ranked."""


class Samples:
    """All samples of a row: the rule that each was drawn of, what is known in it, who agreed."""

    __slots__ = ("_agree", "_known", "_origin")

    def __init__(self) -> None:
        self._origin: list[Bools] = []
        self._known: list[Bools] = []
        self._agree: list[Bools] = []

    def add(self, origin: Bools, known: Bools, agree: Bools) -> None:
        """Take samples of shape (samples, parts), and which of them agree."""
        self._origin.append(origin)
        self._known.append(known)
        self._agree.append(agree)

    def of(self, rules: Bools) -> tuple[Ints, Ints]:
        """Return how many samples stand for each rule (rules, parts), and how many agree.

        A sample of a rule with fewer parts does, if it knows all parts of the longer one.
        """
        if not self._agree:
            return np.zeros(len(rules), dtype=np.int64), np.zeros(len(rules), dtype=np.int64)
        origin, known = np.concatenate(self._origin), np.concatenate(self._known)
        outside = origin.astype(np.float32) @ (~rules).T.astype(np.float32)
        lacking = (~known).astype(np.float32) @ rules.T.astype(np.float32)
        stands = (outside == 0) & (lacking == 0)
        right = stands & np.concatenate(self._agree)[:, None]
        return stands.sum(axis=0), right.sum(axis=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """One rule: its parts, what it seems to be worth, and what it is worth at least."""

    parts: Bools
    share: float
    low: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arms:
    """Rules of equal length, with the samples drawn and how many agree."""

    rules: Bools
    n: Ints
    right: Ints

    @classmethod
    def of(cls, rules: Bools, samples: Samples) -> Self:
        """Return rules (rules, parts) with what the samples of a row say about them."""
        n, right = samples.of(rules)
        return cls(rules=rules, n=n, right=right)

    def best(self, size: int) -> Ints:
        """Return the rules that are most surely precise, best first."""
        low, _ = kl_bounds(self.right, self.n, _LIKELY)
        return np.asarray(np.argsort(-low, kind="stable")[:size])

    def rule(self, i: int) -> Rule:
        """Return one of the rules; its share is drawn a little toward one half."""
        return Rule(
            parts=self.rules[i],
            share=float((self.right[i] + 1) / (self.n[i] + 2)),
            low=float(kl_bounds(self.right[[i]], self.n[[i]], _LIKELY)[0][0]),
        )


def longer(rules: Bools) -> Bools:
    """Return all rules (rules, parts) with one part more, each once."""
    parts = rules.shape[1]
    grown = rules[:, None, :] | np.eye(parts, dtype=bool)
    fresh = grown[~rules]  # the part added is none that the rule has
    return np.asarray(np.unique(fresh.reshape(-1, parts), axis=0)[::-1])
