"""Candidates that are tried on the model, and the best found of each row so far."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from whence.core.types import Bools, Floats, Ints
from whence.maskers.couplings import Couplings
from whence.models.goal import Goal
from whence.models.predict import Predict

_CELLS = 2_000_000
"""Cells of the table that the model is asked with at a time."""
Answer: TypeAlias = Callable[[Floats, Ints], Floats]
"""Candidates, and the row of each -> what the model answers about them."""


class Quest:
    """Tries candidates for the rows of a room and keeps the cheapest that does what is wanted.

    Attributes
    ----------
    best : array of shape (rows, columns)
        The cheapest found; the row itself where none is.
    cost : array of shape (rows,)
        Its cost; infinite where none is found.
    top, top_score : arrays
        The allowed candidate that came nearest to the goal, reached or not.
    asked : int array of shape (rows,)
        How often the model itself was asked for each row.
    reading : callable or None
        Says what the model answers, in its place, as far as it can be read.
    pool : list
        Pairs (rows, candidates) of all that do what is wanted, where they are kept.
    """

    __slots__ = (
        "asked", "best", "cost", "couplings", "goal", "keeps", "now", "pool", "reading", "room",
        "top", "top_score", "view",
    )  # fmt: skip

    def __init__(
        self,
        *,
        couplings: Couplings,
        view: Predict,
        goal: Goal,
        raw: Floats,
        keeps: bool,
        reading: Answer | None = None,
    ) -> None:
        self.couplings, self.room = couplings, couplings.room
        self.view, self.goal, self.keeps = view, goal, keeps
        self.reading = reading
        self.now = goal.decided(raw)
        rows = len(self.room.X)
        self.asked = np.zeros(rows, dtype=np.int64)
        self.best, self.cost = self.room.X.copy(), np.full(rows, np.inf)
        self.top, self.top_score = self.room.X.copy(), np.full(rows, -np.inf)
        self.pool: list[tuple[Ints, Floats]] = []

    @property
    def found(self) -> Bools:
        """Which rows have a candidate that does what is wanted."""
        return np.asarray(np.isfinite(self.cost))

    def attempt(self, C: Floats, row: Ints) -> tuple[Floats, Floats]:
        """Try candidates and return their scores and costs; those that break a law score -inf.

        Parameters
        ----------
        C : array of shape (candidates, columns)
        row : int array of shape (candidates,)
        """
        score, cost = np.full(len(C), -np.inf), np.full(len(C), np.inf)
        size = max(1, _CELLS // C.shape[1])
        for first in range(0, len(C), size):
            part = slice(first, first + size)
            made = self.couplings.settled(C[part], row[part])
            cost[part] = self.room.cost(made, row[part])
            good = np.flatnonzero(~self.couplings.broken(made, row[part]).any(axis=1))
            if len(good):
                at = good + first
                score[at] = self.scored(made[good], row[at])
                self._learn(made[good], row[at], score[at], cost[at])
        return score, cost

    def scored(self, C: Floats, row: Ints) -> Floats:
        """Return how near candidates come to the goal, by what the model answers about them."""
        if self.reading is not None:
            return self.goal.score(self.reading(C, row), self.now[row])
        raw = self.view.ask(self.room.written(C, row))
        self.asked += np.bincount(row, minlength=len(self.asked))
        return self.goal.score(raw, self.now[row])

    def confirm(self) -> Ints:
        """Ask the model itself about the best found, and forget, and return, what it denies.

        From here on it is the model that is asked.
        """
        if self.reading is None:
            return np.empty(0, dtype=np.int64)
        self.reading = None
        at = np.flatnonzero(self.found)
        if not len(at):
            return at
        wrong = at[~self.goal.met(self.scored(self.best[at], at))]
        self.best[wrong], self.cost[wrong] = self.room.X[wrong], np.inf
        self.top[wrong], self.top_score[wrong] = self.room.X[wrong], -np.inf
        kept = [(~np.isin(rows, wrong), rows, C) for rows, C in self.pool]
        self.pool = [(rows[some], C[some]) for some, rows, C in kept]
        return wrong

    def _learn(self, C: Floats, row: Ints, score: Floats, cost: Floats) -> None:
        order = np.lexsort((-score, row))
        lead = order[np.unique(row[order], return_index=True)[1]]
        lead = lead[score[lead] > self.top_score[row[lead]]]
        self.top[row[lead]], self.top_score[row[lead]] = C[lead], score[lead]
        good = np.flatnonzero(self.goal.met(score))
        if not len(good):
            return
        if self.keeps:
            self.pool.append((row[good], C[good]))
        order = good[np.lexsort((cost[good], row[good]))]
        lead = order[np.unique(row[order], return_index=True)[1]]
        lead = lead[cost[lead] < self.cost[row[lead]] - 1e-12]
        self.best[row[lead]], self.cost[row[lead]] = C[lead], cost[lead]
