"""Asks the model for all methods that explain by coalitions.

The samplers of all rows of a block take turns: what each asks for next is put into one request to
the model, so that it is asked seldom and about many rows. A row's numbers do not depend on the
others', since each sampler has random numbers of its own. A row is done when its sampler has
nothing left to ask, when its standard errors are small enough, or when the budget is spent.

A method uses it thus::

    def bind(self, view):
        masker = masker_of(self.background, self.masker)
        return playing(view, masker, make, budget=self.budget, tolerance=self.tolerance)

where ``make(seat)`` returns the sampler of one row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from whence.core.blocks import cut
from whence.core.errors import InputError, Interrupted, VerificationError
from whence.core.explanation import Attribution, Names
from whence.core.game import Drawn, Estimate, Sampler
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.seeds import row_generators
from whence.core.types import Bools, Floats, Ints
from whence.maskers.scene import Masker, Scene
from whence.models.predict import Predict

_COALITIONS = 2_048
"""Coalitions of a row at most, where the user gave no budget."""
_PER_PLAYER = 32
"""The same, for each of many players."""
_SAME = 1e-4
"""Relative difference of two answers to the same question: more is no rounding."""
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seat:
    """What the sampler of one row is made of.

    Attributes
    ----------
    players : int
    nobody, everybody : arrays of shape (outputs,)
        Worth of the two coalitions that need not be asked for. ``nobody`` is NaN where copies are
        drawn.
    rng : Generator
        Of this row alone.
    scene : Scene
    row : int
        Number of the row in the scene.
    """

    players: int
    nobody: Floats
    everybody: Floats
    rng: Generator
    scene: Scene
    row: int


MakeSampler: TypeAlias = Callable[[Seat], Sampler]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Played:
    """What came of a block of rows.

    Attributes
    ----------
    scene : Scene
    estimates : tuple of Estimate
        One per row, fewer if the user interrupted before each row had one.
    nobody : array of shape (rows, outputs)
    converged : bool array of shape (rows,) or None
        None where nobody asked for a tolerance.
    asked : int
        Rows that the model was asked about.
    interrupted : bool
    """

    scene: Scene
    estimates: tuple[Estimate, ...]
    nobody: Floats
    converged: Bools | None
    asked: int
    interrupted: bool


def check_limits(budget: int | None, tolerance: float | None) -> None:
    """Raise `InputError` unless budget and tolerance can be used."""
    whole = isinstance(budget, (int, np.integer)) and not isinstance(budget, bool)
    if budget is not None and not (whole and budget > 0):
        raise InputError(
            f"budget is {budget!r}. A positive whole number is needed, the most evaluations of the "
            "model for one row, or None."
        )
    if tolerance is not None and not (isinstance(tolerance, (int, float)) and tolerance > 0):
        raise InputError(
            f"tolerance is {tolerance!r}. A positive number is needed, the largest standard error "
            "as a share of the spread of a row's values, or None to spend the whole budget."
        )


def playing(
    view: Predict,
    masker: Masker,
    make: MakeSampler,
    *,
    budget: int | None,
    tolerance: float | None,
    single: bool = False,
) -> Explain[Attribution]:
    """Return the function that explains rows by one value per player.

    Parameters
    ----------
    view : Predict
    masker : Masker
    make : callable
        `Seat` -> sampler of one row.
    budget : int or None
        Most evaluations of the model for one row, beside those of the row itself and of the row of
        which nothing is known.
    tolerance : float or None
        Largest standard error, as a share of the spread of a row's values, at which a row is done.
    single : bool
        Whether each coalition is completed by one random copy instead of by all.
    """
    check_limits(budget, tolerance)
    open_scene = masker.bind(view)

    def explain(rows: Rows, *, rng: Generator) -> Attribution:
        scene = open_scene(rows.given(), rng)
        played = play(
            view, scene, rows, make, budget=budget, tolerance=tolerance, rng=rng, single=single
        )
        result = _attribution(view, played, rows)
        if played.interrupted:
            raise Interrupted(result)
        return result

    return explain


def play(
    view: Predict,
    scene: Scene,
    rows: Rows,
    make: MakeSampler,
    *,
    budget: int | None,
    tolerance: float | None,
    rng: Generator,
    single: bool = False,
) -> Played:
    """Let the samplers of all rows ask and be told, until all are done; see `playing`."""
    asker = _Asker(view=view, scene=scene, rows=rows, single=single)
    most = [_most(budget, int(p), 1 if single else scene.copies) for p in scene.counts]
    nobody = asker.ends()
    games = [
        _Game(
            sampler=make(
                Seat(
                    players=int(scene.counts[i]),
                    nobody=nobody[i],
                    everybody=rows.outputs[i],
                    rng=own,
                    scene=scene,
                    row=i,
                )
            ),
            draws=own.spawn(1)[0] if single else None,
            left=most[i],
            tolerance=tolerance,
        )
        for i, own in enumerate(row_generators(rows.given(), rng))
    ]
    _check_budget(games, scene, budget)
    interrupted = _until_done(games, asker)
    estimates = [game.estimate for game in games]
    done = [e for e in estimates[: (*estimates, None).index(None)] if e is not None]
    if not done:
        raise KeyboardInterrupt
    judged = tolerance is not None or done[0].settled is not None
    return Played(
        scene=scene,
        estimates=tuple(done),
        nobody=nobody[: len(done)],
        converged=np.array([g.settled for g in games[: len(done)]]) if judged else None,
        asked=asker.asked,
        interrupted=interrupted,
    )


class _Game:
    """One row: its sampler, what it may still ask, and what is known so far."""

    __slots__ = ("draws", "estimate", "left", "sampler", "settled", "tolerance")

    def __init__(
        self, *, sampler: Sampler, draws: Generator | None, left: int, tolerance: float | None
    ) -> None:
        self.sampler, self.draws, self.left, self.tolerance = sampler, draws, left, tolerance
        self.estimate: Estimate | None = None
        self.settled = False

    def ask(self) -> Bools:
        known = self.sampler.ask(self.left)
        self.left -= len(known)
        if not len(known) and self.estimate is None:
            self.look()  # nothing had to be asked
        return known

    def tell(self, worth: Floats) -> None:
        self.sampler.tell(worth)
        self.look()

    def look(self) -> None:
        self.estimate = self.sampler.estimate()
        if self.estimate is None:
            return
        if self.estimate.settled is not None:
            self.settled = self.estimate.settled
        elif self.tolerance is not None:
            self.settled = _settled(self.estimate, self.tolerance)

    def uniform(self, size: int) -> Floats:
        """Return numbers that are spread evenly over [0, 1), in random order."""
        if self.draws is None:
            return np.zeros(size)
        u = np.asarray((self.draws.permutation(size) + self.draws.random(size)) / size)
        if isinstance(self.sampler, Drawn):
            self.sampler.drawn(u)
        return u


def _until_done(games: Sequence[_Game], asker: "_Asker") -> bool:
    """Play until no row asks for more; tell whether the user interrupted."""
    open_ = list(range(len(games)))
    while open_:
        asked = {i: games[i].ask() for i in open_}
        open_ = [i for i in open_ if len(asked[i])]
        if not open_:
            break
        try:
            worth = asker.worth(
                np.repeat(open_, [len(asked[i]) for i in open_]),
                [asked[i] for i in open_],
                np.concatenate([games[i].uniform(len(asked[i])) for i in open_]),
            )
        except KeyboardInterrupt:
            return True
        start = 0
        for i in open_:
            games[i].tell(worth[start : start + len(asked[i])])
            start += len(asked[i])
        open_ = [i for i in open_ if games[i].left > 0 and not games[i].settled]
    return False


def _settled(estimate: Estimate, tolerance: float) -> bool:
    values, stderr = estimate.values, estimate.stderr
    spread = values.max(axis=0, initial=0.0) - values.min(axis=0, initial=0.0)
    allowed = tolerance * spread + _ROUNDING * np.abs(values).max(initial=0.0)
    return bool((stderr.max(axis=0, initial=0.0) <= allowed).all())


def _most(budget: int | None, players: int, copies: int) -> int:
    return max(_COALITIONS, _PER_PLAYER * players) if budget is None else budget // copies


def _check_budget(games: Sequence[_Game], scene: Scene, budget: int | None) -> None:
    for game, players in zip(games, scene.counts, strict=True):
        if game.left < game.sampler.fewest:
            copies = 1 if game.draws is not None else scene.copies
            raise InputError(
                f"budget is {budget}. A row of {players} players needs at least "
                f"{game.sampler.fewest * copies} evaluations of the model, {copies} for each "
                f"coalition of which {game.sampler.fewest} are needed. Give more, fewer rows of "
                "background, or groups of players."
            )


class _Asker:
    """Asks the model what coalitions are worth, and counts."""

    __slots__ = ("asked", "rows", "scene", "single", "view")

    def __init__(self, *, view: Predict, scene: Scene, rows: Rows, single: bool) -> None:
        self.view, self.scene, self.rows, self.single = view, scene, rows, single
        self.asked = 0

    def ends(self) -> Floats:
        """Return the worth of nobody for each row, and check the worth of everybody for one."""
        n, width = len(self.rows.outputs), int(np.prod(self.scene.shape))
        full = (np.arange(width) < self.scene.counts[0])[None]
        first, nothing = np.zeros(1, dtype=np.int64), np.zeros((1, width), dtype=bool)
        if not self.single and self.scene.alike and self.rows.labels is None:
            again, one = self._worth(np.repeat(first, 2), np.concatenate([full, nothing]), None)
            self._check_same(again, self.rows.outputs[0])
            return np.repeat(one[None], n, axis=0)
        self._check_same(self._worth(first, full, None)[0], self.rows.outputs[0])
        if self.single:
            return np.full_like(self.rows.outputs, np.nan)
        return self._in_parts(np.arange(n), np.repeat(nothing, n, axis=0), None)

    def worth(self, row: Ints, known: Sequence[Bools], u: Floats) -> Floats:
        """Return the worth (coalitions, outputs) of coalitions of several rows."""
        width = int(np.prod(self.scene.shape))
        wide = np.zeros((len(row), width), dtype=bool)
        start = 0
        for part in known:
            wide[start : start + len(part), : part.shape[1]] = part
            start += len(part)
        return self._in_parts(row, wide, u if self.single else None)

    def _in_parts(self, row: Ints, known: Bools, u: Floats | None) -> Floats:
        size = self.scene.batch * (self.scene.copies if u is not None else 1)
        parts = [
            self._worth(row[s], known[s], None if u is None else u[s]) for s in cut(len(row), size)
        ]
        return np.concatenate(parts)

    def _worth(self, row: Ints, known: Bools, u: Floats | None) -> Floats:
        masked = self.scene.mask(row, known, u)
        raw = self.view.ask(masked.inputs)
        self.asked += len(masked.inputs)
        if self.rows.labels is None:
            answers = self.view.respond(raw, None)
            answers = answers if masked.back is None else answers[masked.back]
        else:
            raw = raw if masked.back is None else raw[masked.back]
            labels = np.repeat(self.rows.labels[row], len(raw) // len(row))
            answers = self.view.respond(raw, labels)
        copies = answers.reshape(len(row), -1, answers.shape[1])
        if masked.weights is None:
            return np.asarray(copies.mean(axis=1))
        return np.asarray(np.einsum("cbk,cb->ck", copies, masked.weights))

    def _check_same(self, again: Floats, before: Floats) -> None:
        wrong = np.abs(again - before) > _SAME * np.maximum(1.0, np.abs(before))
        if wrong.any():
            output = int(np.argmax(wrong))
            raise VerificationError(
                f"{self.view.name} was asked twice about the same row and answered "
                f"{before[output]:.9g} and then {again[output]:.9g} (output {output}). An "
                "explanation needs a model that answers alike. Switch off dropout and sampling "
                "(in torch model.eval()), or fix its seed at each call."
            )


def _attribution(view: Predict, played: Played, rows: Rows) -> Attribution:
    """Put the values of all rows into one array, narrower rows filled with zeros."""
    scene, n = played.scene, len(played.estimates)
    width, k = int(np.prod(scene.shape)), rows.outputs.shape[1]
    values, stderr = np.zeros((n, width, k)), np.zeros((n, width, k))
    base = played.nobody.copy()
    for i, estimate in enumerate(played.estimates):
        values[i, : len(estimate.values)] = estimate.values
        stderr[i, : len(estimate.stderr)] = estimate.stderr
        if estimate.base is not None:
            base[i] = estimate.base
    fits = [e.fidelity for e in played.estimates if e.fidelity is not None]
    present = np.arange(width) < scene.counts[:n, None]
    part = slice(0, n)
    return Attribution(
        values=values.reshape(n, *scene.shape, k),
        base_values=base,
        outputs=rows.outputs[part],
        stderr=stderr.reshape(n, *scene.shape, k),
        mask=None if scene.names else present.reshape(n, *scene.shape),
        converged=played.converged,
        fidelity=np.array(fits) if fits else None,
        names=Names(features=scene.names, outputs=view.names_of(k)),
        data=scene.data[part],
        provenance=Provenance(evaluations=played.asked),
    )
