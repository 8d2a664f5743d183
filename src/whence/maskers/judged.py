"""How right predictions are, by one or several scores at once, and how sure that is.

A method that measures importance by a loss or score asks for predictions once and hands them to
judges. Those of ours know what each row adds to the score (`whence.kernels.scores`); a scorer of
scikit-learn or of the user's is answered from the same predictions, and its errors come from
leaving out groups of rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from whence.core.decision import decisions, threshold_of
from whence.core.errors import InputError
from whence.core.explanation import Attribution, Names
from whence.core.provenance import Provenance
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints, Level
from whence.kernels.scores import Score, Truth, both
from whence.kernels.shuffled_loss import (
    Shuffles,
    jackknifed,
    jackknifed_shuffles,
    left_out,
    paired_stderr,
    random_groups,
)
from whence.models.scoring import Scorer, classifier, regressor, scored

One: TypeAlias = str | Callable[..., Any]
Scoring: TypeAlias = One | tuple[One, ...] | list[One]
"""A name, a scorer (estimator, X, y) -> float, or several of these."""

_KEPT = 10
"""Shuffles whose predictions are kept for the error of a scorer that only resamples can tell."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judge:
    """A loss or score, about rows whose truth is known.

    Attributes
    ----------
    name : str
        As the user wrote it.
    unit : str
    better : bool
        Whether more of it is better.
    """

    name: str
    unit: str
    better: bool
    known: "Known"
    score: Score | None = None
    scorer: Scorer | None = None

    def about(self, said: Floats, rng: Generator) -> "Verdict":
        """Return what it says about the predictions of the rows as they are.

        Raises
        ------
        InputError
            If there is no finite number to say.
        """
        if self.score is not None:
            value, influence = self.score.of(self.known.truth, self.read(said))
        else:
            value, influence = self.scored(said), None
        if not np.isfinite(value):
            raise InputError(
                f"The score {self.name!r} of the model is {value}. A finite number is needed. "
                "Check that y holds what the score needs, such as every class."
            )
        return Verdict(
            judge=self, value=value, said=said, influence=influence,
            groups=random_groups(len(said), rng),
        )  # fmt: skip

    def read(self, said: Floats) -> Floats:
        """Return the answers in the form that a score of ours reads."""
        if self.score is None or self.score.reads != "classes":
            return said
        return self.known.best(said)[:, None].astype(np.float64)

    def scored(self, said: Floats, rows: Ints | None = None) -> float:
        """Return what a scorer says about predictions of all rows, or of the numbered ones."""
        scorer, known = self.scorer, self.known
        if scorer is None:
            raise RuntimeError("A score of ours has no scorer.")
        X = known.given(rows, plainly=scorer.weighable)
        y, weights = known.y, known.truth.weights
        if rows is not None:
            y, weights = y[rows], None if weights is None else weights[rows]
        return scored(scorer, known.stand_in(said), X, y, weights)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What a judge says about the predictions of the rows as they are."""

    judge: Judge
    value: float
    said: Floats
    influence: Floats | None
    groups: Ints
    resampled: list[Floats] = field(default_factory=list)

    def account(self) -> "Account":
        """Return an empty account of predictions made with something shuffled."""
        return Account(verdict=self, sums=Shuffles(rows=len(self.said)))

    def worse(self, said: Floats) -> tuple[float, float]:
        """Return how much worse other predictions of the same rows are, and its standard error."""
        judge = self.judge
        if judge.score is not None and self.influence is not None:
            value, influence = judge.score.of(judge.known.truth, judge.read(said))
            return self.signed(value), paired_stderr(self.influence, influence)

        def apart(kept: Bools) -> float:
            rows = np.flatnonzero(kept)
            return judge.scored(self.said[rows], rows) - judge.scored(said[rows], rows)

        return self.signed(judge.scored(said)), _or_unknown(
            lambda: float(np.sqrt(jackknifed(self.groups, apart)))
        )

    def signed(self, value: float) -> float:
        """Return how much worse than without a shuffle a loss or score is."""
        return self.value - value if self.judge.better else value - self.value


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """The predictions made with one player shuffled, summed up for one judge."""

    verdict: Verdict
    sums: Shuffles
    _kept: list[Floats] = field(default_factory=list)
    _donors: list[Ints] = field(default_factory=list)

    def add(self, said: Floats, donors: Ints) -> None:
        """Add the predictions (rows, outputs) of a shuffle."""
        judge = self.verdict.judge
        before = self.verdict.influence
        if judge.score is not None and before is not None:
            value, influence = judge.score.of(judge.known.truth, judge.read(said))
            self.sums.add(value, influence - before, donors)
            return
        self.sums.add(judge.scored(said), np.zeros(len(said)), donors)
        if len(self._kept) < _KEPT:
            self._kept.append(said)
            self._donors.append(donors)

    def result(self) -> tuple[float, float]:
        """Return how much worse the shuffles made the score, and the standard error of that."""
        worse = self.verdict.signed(self.sums.mean())
        if self.verdict.influence is not None:
            return worse, self.sums.stderr()
        return worse, _or_unknown(self._resampled)

    def _resampled(self) -> float:
        judge, donors = self.verdict.judge, np.stack(self._donors)
        both, one = left_out(self.verdict.groups, donors)
        before = self.verdict.resampled
        if not before:  # the pairs are the same for all players
            for pairs in (both, one):
                rows = [np.nonzero(kept)[1] for kept in pairs]
                before.append(np.array([judge.scored(self.verdict.said[at], at) for at in rows]))
        after = np.stack(self._kept)
        worse = [
            own - np.array([judge.scored(after[kept], np.nonzero(kept)[1]) for kept in pairs])
            for own, pairs in zip(before, (both, one), strict=True)
        ]
        return jackknifed_shuffles(worse[0], worse[1], donors)


def _or_unknown(stderr: Callable[[], float]) -> float:
    """Return NaN where some resample has no score, such as one without a rare class."""
    try:
        found = stderr()
    except InputError:
        return np.nan
    return found if np.isfinite(found) else np.nan


def importance(
    players: tuple[str, ...],
    verdicts: list[Verdict],
    values: Floats,
    stderr: Floats,
    provenance: Provenance,
) -> Attribution:
    """Return importances as the one row "all".

    Parameters
    ----------
    players : tuple of str
    verdicts : list of Verdict
        One per output.
    values, stderr : arrays of shape (players, outputs)
        How much worse the predictions are without each player; NaN where that is not known.
    provenance : Provenance
        With the evaluations, and warnings if there are any.
    """
    judges, own = [verdict.judge for verdict in verdicts], np.array([[v.value for v in verdicts]])
    unknown = [j.name for k, j in enumerate(judges) if np.isnan(stderr[:, k]).any()]
    warnings = tuple(
        f"The standard error of {name!r} is not known: some parts of the rows have no such score. "
        "Give more rows of each class."
        for name in unknown
    )
    return Attribution(
        values=values[None],
        stderr=stderr[None],
        base_values=own,
        outputs=own.copy(),
        names=Names(features=players, outputs=tuple(j.name for j in judges), rows=("all",)),
        provenance=replace(
            provenance,
            unit=judges[0].unit if len(judges) == 1 else "scores",
            warnings=(*provenance.warnings, *warnings),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """What is known of rows and model, as judges need it."""

    table: Table
    truth: Truth
    y: NDArray[Any]
    classes: tuple[Level, ...]
    proba: bool

    def best(self, said: Floats) -> Floats | Ints:
        """Return the class that is predicted, by position, or the number itself."""
        if not self.classes:
            return said[:, 0]
        return decisions(said, threshold_of(probable=self.proba))

    def stand_in(self, said: Floats) -> object:
        """Return an estimator that has predicted ``said``."""
        if not self.classes:
            return regressor(said[:, 0])
        best = np.asarray(self.best(said), dtype=np.int64)
        form = both(said) if self.proba else said
        return classifier(form, best, self.classes, proba=self.proba)

    def given(self, rows: Ints | None, *, plainly: bool) -> object:
        """Return the rows for a scorer; for one that never looks at them a table of none."""
        if plainly:
            return np.empty((len(self.y) if rows is None else len(rows), 0))
        return self.table.native if rows is None else self.table[rows].native
