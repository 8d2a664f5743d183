"""How much each player adds to the quality of a model's predictions, over all rows.

SAGE shares out by Shapley's rule what the model gains over knowing nothing: a coalition of columns
is worth minus the mean loss of the predictions made with these columns alone, the others averaged
over the background. Where `importance()` of an attribution says what the predictions depend on,
SAGE says what they are right by; a column may well do harm.

Rows are visited in random order, each with random orders of the players that are walked forward
and in reverse, until standard errors are small enough.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.random import Generator

from whence.core.blocks import cut
from whence.core.errors import InputError
from whence.core.explanation import Attribution, Names
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.response import respond
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints
from whence.kernels.orders import uniform_orders
from whence.kernels.row_means import RowMeans
from whence.kernels.walks import between, gains
from whence.maskers.choice import masker_of
from whence.maskers.play import check_limits
from whence.maskers.scene import Masker, Scene
from whence.models.predict import Predict

Loss: TypeAlias = Literal["auto", "log_loss", "squared_error"]

_EVALUATIONS = 2_000_000
"""Evaluations of the model at most, where the user gave no budget."""
_ORDERS = 2
"""Orders that are walked at each visit of a row; two tell how much they differ."""
_FIRST = 32
"""Visits of rows that are made at a time at first."""
_TRUSTED = 100
"""Visits from which on a small standard error is believed."""
_BATCH = 256
_CELLS = 4_000_000
"""Cells of the coalitions that are asked for at a time."""
_UNITS = {"log_loss": "nats", "squared_error": "squared error"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sage:
    """Shapley additive global importance: one value per player, for all rows together.

    Values add up to the loss of a model that knows nothing, minus that of the model itself; as
    long as not all rows have been visited, only nearly so. They need the truth:
    ``wh.explain(model, X, wh.Sage(background=X_train), y=y)``. The standard errors are about the
    rows given, not about others like them.

    Attributes
    ----------
    background : table of shape (background, columns) or None
        Rows that stand for unknown columns, in the form of ``X``, all of them, jointly; short for
        ``masker=Marginal(background)``.
    masker : Masker or None
        How players are hidden, where that is done otherwise.
    loss : {"auto", "log_loss", "squared_error"}
        "auto" is the log-loss (in nats) of a classifier with probabilities, and the squared error
        of a regression. The squared error of probabilities is Brier's score.
    budget : int or None
        Most evaluations of the model in all; None allows two million.
    tolerance : float or None
        Largest standard error, as a share of the spread of the values, at which it is done; None
        spends the budget.

    References
    ----------
    Covert, Lundberg and Lee 2020, arXiv:2004.00668.

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> e = wh.explain(lambda X: X[:, 0], X, Sage(background=X), y=X[:, 0], rng=0)
    >>> e.values[0, :, 0], e.outputs
    (array([0.25, 0.  ]), array([[0.25]]))
    """

    background: object = None
    masker: Masker | None = None
    loss: Loss = "auto"
    budget: int | None = None
    tolerance: float | None = 0.025

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ("arXiv:2004.00668",)
    whole: ClassVar[bool] = True

    def bind(self, view: Predict) -> Explain[Attribution]:
        """Check the settings and return the function that explains all rows together.

        Raises
        ------
        InputError
            If background, masker, loss, budget or tolerance cannot be used.
        """
        if self.loss not in get_args(Loss):
            raise InputError(f"loss is {self.loss!r}. Give one of {get_args(Loss)}.")
        if view.response != "identity":
            raise InputError(
                "Sage explains the loss itself, of what the model predicts. Leave output='raw' and "
                "choose by Sage(loss=...)."
            )
        check_limits(self.budget, self.tolerance)
        open_scene = masker_of(self.background, self.masker).bind(view)

        def explain(rows: Rows, *, rng: Generator) -> Attribution:
            truth = _truth(self.loss, view, rows)
            game = _Game(view=view, scene=open_scene(rows.given(), rng), truth=truth)
            return self._explained(game, rows, rng)

        return explain

    def _explained(self, game: "_Game", rows: Rows, rng: Generator) -> Attribution:
        n, players = len(rows.raw), int(np.prod(game.scene.shape))
        budget = self.budget or _EVALUATIONS
        visits = self._visits(game, n, players, budget)
        nobody, everybody = game.nobody(n), game.truth.loss(rows.raw, np.arange(n))
        means, settled, done = RowMeans(n, players), False, 0
        warnings: tuple[str, ...] = ()
        most = max(1, _CELLS // (2 * _ORDERS * players**2))
        try:
            for some in _batches(n, visits, most, rng):
                means.add(some, _draws(game, some, nobody[some], everybody[some], rng))
                done += len(some)
                if self.tolerance is not None and done >= min(_TRUSTED, visits):
                    settled = _settled(means, self.tolerance)
                if settled:
                    break
        except KeyboardInterrupt:
            if not means.visited:
                raise
            warnings = (f"Interrupted: {means.visited} of {n} rows were visited.",)
        return Attribution(
            values=means.mean()[None, :, None],
            base_values=np.zeros((1, 1)),
            outputs=np.array([[nobody.mean() - everybody.mean()]]),
            stderr=means.stderr()[None, :, None],
            converged=None if self.tolerance is None else np.array([settled]),
            names=Names(features=game.scene.names, outputs=("loss reduction",), rows=("all",)),
            provenance=Provenance(
                evaluations=game.asked, unit=_UNITS[game.truth.kind], warnings=warnings
            ),
        )

    def _visits(self, game: "_Game", rows: int, players: int, budget: int) -> int:
        """Return how many visits of rows the budget allows."""
        copies = game.scene.copies
        each = max(1, 2 * _ORDERS * (players - 1) * copies)
        ends = copies * (1 if game.scene.alike else rows)
        needed = ends + min(2, rows) * each
        if budget < needed:
            raise InputError(
                f"budget is {budget}. At least {needed} evaluations of the model are needed to "
                f"visit two rows: {each} for each, with {players} players and {copies} rows of "
                "background. Give more, fewer rows of background, or groups of columns."
            )
        return (budget - ends) // each


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Truth:
    """The true answers and how far predictions are off."""

    kind: str
    targets: Floats

    def loss(self, said: Floats, row: Ints) -> Floats:
        """Return the loss (predictions,) of predictions (predictions, outputs) about rows."""
        true = self.targets[row]
        if self.kind == "log_loss":
            return respond("log_loss_probability", said, true[:, 0].astype(np.int64))[:, 0]
        both = np.column_stack([1 - said, said]) if said.shape[1] < true.shape[1] else said
        return np.asarray(((both - true) ** 2).sum(axis=1))


def _truth(loss: Loss, view: Predict, rows: Rows) -> _Truth:
    """Return the loss that is meant, and what it compares with."""
    if not isinstance(rows.given(), Table):
        raise InputError(
            f"Sage got {type(rows.given()).__name__.lower()}, where a part of one has nothing to "
            "do with a part of another. Give a table, or explain row by row: PermutationShap."
        )
    k = rows.raw.shape[1]
    if rows.labels is None and rows.targets is None:
        raise InputError(
            "y was not given. Sage measures how right the predictions are. Give the true classes "
            "or numbers: wh.explain(model, X, wh.Sage(...), y=y)."
        )
    labels = rows.labels
    if labels is None and loss == "log_loss" and rows.targets is not None:
        labels = _as_labels(rows.targets, max(k, 2))
    if labels is None:
        if k > 1:
            raise InputError(
                f"{view.name} has {k} outputs and y one number per row. For probabilities of "
                "classes give Sage(loss='log_loss') and y as positions of the classes from 0; for "
                "several numbers explain one output at a time."
            )
        return _Truth(kind="squared_error", targets=np.asarray(rows.targets)[:, None])
    _check_probabilities(view, rows.raw)
    if loss == "squared_error":
        return _Truth(kind="squared_error", targets=np.eye(max(k, 2))[labels])
    return _Truth(kind="log_loss", targets=labels[:, None].astype(np.float64))


def _as_labels(targets: Floats, classes: int) -> Ints:
    labels = targets.astype(np.int64)
    wrong = (labels != targets) | (labels < 0) | (labels >= classes)
    if wrong.any():
        raise InputError(
            f"y holds {targets[wrong][0]:g} and loss is 'log_loss' of {classes} classes. Give the "
            "positions of the classes, from 0, or loss='squared_error'."
        )
    return labels


def _check_probabilities(view: Predict, raw: Floats) -> None:
    sums = raw.sum(axis=1) if raw.shape[1] > 1 else np.ones(len(raw))
    if (raw < 0).any() or (raw > 1).any() or (np.abs(sums - 1) > 1e-3).any():  # noqa: PLR2004  rounding of float16
        raise InputError(
            f"{view.name} answers with {raw[0].tolist()!r:.60}, which are no probabilities. Those "
            "of the classes are needed: give a classifier with predict_proba, or a function."
        )


@dataclass(slots=True, kw_only=True, eq=False)
class _Game:
    """Asks for the loss of predictions that are made with some of the columns."""

    view: Predict
    scene: Scene
    truth: _Truth
    asked: int = 0

    def nobody(self, rows: int) -> Floats:
        """Return the loss about each row where nothing is known."""
        known = np.zeros((rows, int(np.prod(self.scene.shape))), dtype=bool)
        if not self.scene.alike:
            return self.loss(np.arange(rows), known)
        said = self._said(np.zeros(1, dtype=np.int64), known[:1])
        return self.truth.loss(np.broadcast_to(said, (rows, said.shape[1])), np.arange(rows))

    def loss(self, row: Ints, known: Bools) -> Floats:
        """Return the loss of each coalition (coalitions, players) about its row."""
        return np.concatenate(
            [self.truth.loss(self._said(row[s], known[s]), row[s])
             for s in cut(len(row), self.scene.batch)]
        )  # fmt: skip

    def _said(self, row: Ints, known: Bools) -> Floats:
        """Return the mean prediction over the copies of each coalition."""
        masked = self.scene.mask(row, known)
        raw = self.view.ask(masked.inputs)
        self.asked += len(raw)
        raw = raw if masked.back is None else raw[masked.back]
        copies = raw.reshape(len(row), -1, raw.shape[1])
        if masked.weights is None:
            return np.asarray(copies.mean(axis=1))
        return np.asarray(np.einsum("cbk,cb->ck", copies, masked.weights))


def _batches(rows: int, visits: int, most: int, rng: Generator) -> Iterator[Ints]:
    """Yield the rows to visit next: again and again all of them, in random order."""
    done = 0
    while done < visits:
        order, start = rng.permutation(rows), 0
        while start < rows and done < visits:
            size = min(_BATCH, most, max(_FIRST, done // 2), rows - start, visits - done)
            yield order[start : start + size]
            start, done = start + size, done + size


def _draws(game: _Game, rows: Ints, nobody: Floats, everybody: Floats, rng: Generator) -> Floats:
    """Return what each player takes off the loss, (rows, orders, players)."""
    players = int(np.prod(game.scene.shape))
    orders = uniform_orders(len(rows) * _ORDERS, players, rng)
    known = between(orders, antithetic=True)
    row = np.repeat(rows, known[0, ..., 0].size * _ORDERS)
    worth = -game.loss(row, known.reshape(-1, players)) if players > 1 else np.empty(0)
    ends = [-np.repeat(end, _ORDERS)[:, None, None, None] for end in (nobody, everybody)]
    found = gains(orders, worth.reshape(*known.shape[:3], 1), *ends)
    return np.asarray(found.reshape(len(rows), _ORDERS, players))


def _settled(means: RowMeans, tolerance: float) -> bool:
    values = means.mean()
    spread = values.max(initial=0.0) - values.min(initial=0.0)
    return bool((means.stderr() <= tolerance * spread + 1e-12 * np.abs(values).max()).all())
