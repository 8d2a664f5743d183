"""What would have to be different for the model to decide otherwise, within what can be changed.

The nearest row that the model answers as wanted and that keeps every constraint. Whatever finds
it, each row that is handed back was first written in the user's own form, read back, checked
against all constraints and asked about once more: one that fails is not handed back.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.random import Generator

from whence.core.check import check_whole
from whence.core.constraints import Constraints
from whence.core.errors import InputError
from whence.core.examples import Examples
from whence.core.explanation import Names
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.read_limits import limits_of
from whence.core.seeds import row_generators
from whence.core.table import Table
from whence.core.types import Floats, Ints
from whence.maskers.additive import SumProver, sum_prover_of
from whence.maskers.cells import Reading, reading_of
from whence.maskers.changes import Ground
from whence.maskers.columns import table_only
from whence.maskers.couplings import couplings_of
from whence.maskers.descent import descend, slides
from whence.maskers.obstacles import obstacles
from whence.maskers.proofs import Prover, prover_of
from whence.maskers.proposals import menu_of
from whence.maskers.quest import Quest
from whence.maskers.search import begin, search
from whence.maskers.several import several
from whence.maskers.trust import plausibility, robustness
from whence.models.behind import linear_behind, trees_behind
from whence.models.goal import Target, goal_of
from whence.models.predict import Predict

Distance: TypeAlias = Literal["range", "mad"]
Engine: TypeAlias = Literal["auto", "exact", "gradient", "search"]

_BUDGET = 2_000
_LOOKED_AT = 100
"""Rows of the background on which it is seen whether trees say what the model says."""
_CLOSE = 1 + 1e-7
"""How much more than its bound the nearest row may cost, by rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counterfactuals:
    """The nearest rows that the model answers as wanted: what would have to be different.

    The distance is the sum over changed columns of ``cost * change + sparsity``, where the change
    of a number is its share of the column's range in the background and that of a category is 1.

    Attributes
    ----------
    background : table of shape (background, columns)
        Real rows, in the form of ``X``: they tell ranges and grids of numbers, which categories
        there are and which go together, and where rows are that are answered as wanted.
    target : class, pair or None
        The class wanted; of a model of numbers an interval (low, high), None for no bound. None:
        any other class than now.
    constraints : Constraints or None
        What may be changed, how, and at which price.
    count : int
        Rows to find: the nearest, and others that lie apart from it and from each other.
    distance : {"range", "mad"}
        What a change of a number is a share of: the range of the column, or its median absolute
        deviation.
    sparsity : float
        What each changed column costs beside its change.
    engine : {"auto", "exact", "gradient", "search"}
        "exact" proves that no nearer row exists, or how near one could be; it needs an ensemble of
        trees, or a linear model. "gradient" first slides down the gradient of a network of torch.
        "search" asks the model alone, whatever it is. "auto" searches, by the gradient where there
        is one, and proves where that is possible.
    seconds : float
        Time for the proof of one row; 0 for none, which is much faster.
    noise : float or None
        Standard deviation of what numbers may come out otherwise by, as a share of what a change is
        measured by, such as 0.01. 59 such rows are then tried for each one found, and
        ``robustness`` says how sure it is that these do it, too.
    budget : int or None
        Questions to the model for one row, after which the search ends; None allows 2,000. What is
        found is checked, and the reason of what is not is looked for, beyond that.

    References
    ----------
    Wachter, Mittelstadt and Russell 2017, arXiv:1711.00399; Brughmans, Leyman and Martens 2024,
    doi:10.1007/s10618-023-00930-y.

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> Z = np.array([[0.0, 0.0], [9.0, 5.0], [4.0, 8.0]])
    >>> method = Counterfactuals(background=Z, target=(6, None))
    >>> e = wh.explain(lambda X: X.sum(axis=1), Z[:1], method)
    >>> e.candidates[0], e.distance[0].round(3)
    (array([[6., 0.]]), array([0.717]))
    """

    background: object = None
    target: Target = None
    constraints: Constraints | None = None
    count: int = 1
    distance: Distance = "range"
    sparsity: float = 0.05
    engine: Engine = "auto"
    seconds: float = 1.0
    noise: float | None = None
    budget: int | None = None

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ("arXiv:1711.00399", "10.1007/s10618-023-00930-y")
    fewest: ClassVar[int] = 64

    def bind(self, view: Predict) -> Explain[Examples]:
        """Check the settings, ask about the background and return what explains rows.

        Raises
        ------
        InputError
            If background, target, constraints or another setting cannot be used.
        """
        self._check()
        Z = view.read(self.background, what="background")
        limits = limits_of(self.constraints, Z)
        answers = view.ask(Z)
        goal = goal_of(view, self.target, answers.shape[1])
        ground = Ground.of(Z, limits, mad=self.distance == "mad", sparsity=float(self.sparsity))
        reading, prover = self._exact(view, Z, ground)

        def explain(rows: Rows, *, rng: Generator) -> Examples:
            room = ground.room(table_only(rows.given(), Z))
            quest = Quest(
                couplings=couplings_of(room), view=view, goal=goal, raw=rows.raw,
                keeps=self.count > 1, reading=None if reading is None else reading.of(room),
            )  # fmt: skip
            draws = partial(_generators, rows, rng)
            bounds = self._sought(quest, answers, prover, draws)
            return replace(self._told(quest, answers, bounds, draws), before=rows.raw)

        return explain

    def _sought(
        self,
        quest: Quest,
        answers: Floats,
        prover: Prover | SumProver | None,
        draws: Callable[[], list[Generator]],
    ) -> Floats:
        """Find the nearest rows, and return bounds on how near any can be; NaN where unknown."""
        menu, budget = menu_of(quest.room), _BUDGET if self.budget is None else self.budget
        live = begin(quest, menu)
        if self.engine != "search" and slides(quest):
            descend(quest, menu, live)
        bounds = np.where(np.isin(np.arange(len(quest.cost)), live), np.nan, quest.cost)
        search(quest, menu, live, answers, draws, budget=budget)
        denied = quest.confirm()
        if len(denied):
            search(quest, menu, denied, answers, draws, budget=budget)
        if prover is not None:
            proved = prover.prove(quest, live, seconds=float(self.seconds))
            bounds[live] = proved[live]
        if self.count > 1:
            several(quest, menu, self.count)
        return bounds

    def _exact(
        self, view: Predict, Z: Table, ground: Ground
    ) -> tuple[Reading | None, Prover | SumProver | None]:
        """Return the trees of the model and what proves how near a row can be, if it is read."""
        if self.engine == "gradient" and (view.slope is None or any(Z.levels)):
            raise InputError(
                f"engine is 'gradient' and {view.name} gives no gradient by the columns of the "
                "background. A module of torch that reads numbers does. Leave engine='auto'."
            )
        if self.engine in ("search", "gradient"):
            return None, None
        some = Z[:_LOOKED_AT]
        trees, linear = trees_behind(view, some), linear_behind(view, some)
        reading = None if trees is None else reading_of(ground, trees)
        prover: Prover | SumProver | None = None
        if reading is not None:
            prover = prover_of(ground, reading)
        elif linear is not None:
            prover = sum_prover_of(ground, linear)
        if self.engine == "exact" and prover is None:
            raise InputError(
                f"engine is 'exact' and {view.name} is neither an ensemble of trees nor linear in "
                "the columns of the background, or some columns follow from causes. Leave "
                "engine='auto', which searches instead."
            )
        return reading, prover if self.seconds else None

    def _check(self) -> None:
        if self.background is None:
            raise InputError(
                "Counterfactuals needs a background, which says what values there are. Give "
                "Counterfactuals(background=X_train, ...)."
            )
        if self.distance not in get_args(Distance):
            raise InputError(f"distance is {self.distance!r}. Give one of {get_args(Distance)}.")
        if self.engine not in get_args(Engine):
            raise InputError(f"engine is {self.engine!r}. Give one of {get_args(Engine)}.")
        check_whole("count", self.count)
        check_whole("budget", self.budget, optional=True)
        sizes = {"sparsity": self.sparsity, "seconds": self.seconds, "noise": self.noise or 0}
        for name, size in sizes.items():
            number = isinstance(size, (int, float)) and not isinstance(size, bool)
            if not number or not 0 <= size < np.inf:
                raise InputError(f"{name} is {size!r}. A number of at least 0 is needed.")

    def _told(
        self,
        quest: Quest,
        answers: Floats,
        bounds: Floats,
        draws: Callable[[], list[Generator]],
    ) -> Examples:
        """Check what was found, and return it."""
        room, rows = quest.room, len(quest.cost)
        row = np.flatnonzero(quest.found)
        C = quest.best[row]
        if self.count > 1 and len(row):
            row, C = quest.pool[0]
        candidates = np.full((rows, self.count, C.shape[1]), np.nan)
        outputs = np.full((rows, self.count, answers.shape[1]), np.nan)
        distance, valid = np.full((rows, self.count), np.nan), np.zeros((rows, self.count), bool)
        usual, robust = distance.copy(), distance.copy()
        if len(C):
            written = room.written(C, row)
            again, raw = room.reread(written), quest.view.ask(written)
            quest.asked += np.bincount(row, minlength=rows)
            good = quest.goal.met(quest.goal.score(raw, quest.now[row]))
            good &= ~quest.couplings.broken(again, row).any(axis=1)
            at = row[good], _in_turn(row[good])
            candidates[at], outputs[at], valid[at] = again[good], raw[good], True
            distance[at] = room.cost(again[good], row[good])
            usual[at] = plausibility(quest, again[good], row[good], answers)
            if self.noise is not None and good.any():
                robust[at] = robustness(quest, again[good], row[good], self.noise, draws)
        lost = np.flatnonzero(~valid.any(axis=1))
        notes = dict(zip(lost.tolist(), obstacles(quest, lost, answers), strict=True))
        notes |= {i: f"proved: {notes[i]}" for i in notes if np.isposinf(bounds[i])}
        near = distance[:, 0] <= _CLOSE * bounds
        bounds = np.where(near, distance[:, 0], bounds)
        return Examples(
            candidates=candidates,
            outputs=outputs,
            distance=distance,
            valid=valid,
            kind="counterfactual",
            levels=room.table.levels,
            plausibility=usual,
            robustness=None if self.noise is None else robust,
            bound=bounds,
            status=tuple(_status(d, b) for d, b in zip(distance[:, 0], bounds, strict=True)),
            notes=tuple(notes.get(i, "") for i in range(rows)),
            names=Names(outputs=quest.view.names_of(answers.shape[1])),
            provenance=Provenance(evaluations=int(quest.asked.sum())),
        )


def _generators(rows: Rows, rng: Generator) -> list[Generator]:
    return list(row_generators(rows.given(), rng))


def _status(distance: float, bound: float) -> str:
    if np.isnan(distance):
        return "none found"
    return "optimal" if distance <= bound else "found"


def _in_turn(row: Ints) -> Ints:
    """Return the place of each among those of the same row, which stand together."""
    first = np.searchsorted(row, row)
    return np.arange(len(row)) - first
