"""How much worse a model predicts once the values of a column are shuffled.

A column that a model needs cannot be shuffled without harm to its predictions; one that it ignores
can. Shuffles are cyclic shifts of one random order, the same for all columns, so that columns are
compared under equal conditions, and the standard errors are about other rows like those given as
well as about other shuffles (`whence.kernels.shuffled_loss`). What a shuffle tells is how *this*
model works: of two columns that say the same, a model may need either.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.table import Table
from whence.core.types import Floats, Ints
from whence.kernels.conditional_shuffle import dependence_of
from whence.kernels.shuffled_loss import shifted_donors
from whence.maskers.columns import Groups, Players, players_of
from whence.maskers.judged import Account, Scoring, Verdict, importance
from whence.maskers.judges import judges_of
from whence.maskers.shuffled import Shuffled, shuffled
from whence.models.predict import Predict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PermutationImportance:
    """Permutation importance: one value per player and score, for all rows together.

    A value is how much the loss rises, or the score falls, when the player's columns are shuffled;
    it is near zero, and by chance below, for a player that the model does not need. It needs the
    truth: ``wh.explain(model, X_test, wh.PermutationImportance(), y=y_test)``. Values do not add up
    to anything. ``base_values`` and ``outputs`` both hold the loss or score of the model itself.

    ``stderr`` covers the choice of the rows and of the shuffles, not that of the rows that the
    model was trained on: ``values`` -+ 1.96 ``stderr`` is a 95 % interval for the importance that
    infinitely many such rows would give. It is NaN where a score of few rows of a class cannot be
    resampled. Columns that the model provably does not depend on get exactly 0.

    Attributes
    ----------
    scoring : str, callable, or tuple or list of these
        "auto" is the log-loss (in nats) of a classifier with probabilities, the share of wrong
        classes of one without, and the squared error of a regression, as in `Sage`. Losses are
        "log_loss", "squared_error" (of probabilities Brier's score), "absolute_error" and
        "zero_one". Any score of scikit-learn by name, such as "roc_auc" or "r2", and any scorer
        (estimator, X, y) -> float: it is handed a stand-in that knows the predictions, and the
        rows as they are. Several give one output each, all of the same predictions. Of two classes
        with names the second is the one that "f1", "precision" and the like look for.
    repeats : int or "all"
        Shuffles, at most one less than there are rows. "all" is the exact mean over all pairs of
        rows.
    groups : dict or None
        Name -> columns that are one player and are shuffled together.
    conditional : bool
        Whether a column keeps what the others tell about it: only the part of its values that a
        ridge regression on the others leaves unexplained is shuffled. The model is then asked
        about plausible rows, and a column is worth what it alone knows. That the regression might
        have come out otherwise is not in ``stderr``.
    sample_weight : array of shape (rows,) or None
        What each row counts in the loss or score.

    References
    ----------
    Breiman 2001, doi:10.1023/A:1010933404324. Fisher, Rudin & Dominici 2019, arXiv:1801.01489.

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> e = wh.explain(
    ...     lambda X: X[:, 0], X, PermutationImportance(repeats="all"), y=X[:, 0], rng=0
    ... )
    >>> e.values[0, :, 0].round(9), e.names.outputs, e.outputs
    (array([0.66666667, 0.        ]), ('squared_error',), array([[0.]]))
    """

    scoring: Scoring = "auto"
    repeats: int | Literal["all"] = 10
    groups: Groups | None = None
    conditional: bool = False
    sample_weight: object = None

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = (
        "10.1023/A:1010933404324", "arXiv:1801.01489", "10.1093/pan/mpv018",
    )  # fmt: skip
    whole: ClassVar[bool] = True

    def bind(self, view: Predict) -> Explain[Attribution]:
        """Check the settings and return the function that explains all rows together.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        self._check()
        if view.response != "identity":
            raise InputError(
                "PermutationImportance explains losses and scores of what the model predicts. "
                "Leave output='raw' and choose by PermutationImportance(scoring=...)."
            )

        def explain(rows: Rows, *, rng: Generator) -> Attribution:
            judges = judges_of(self.scoring, view, rows, self.sample_weight, type(self).__name__)
            table = rows.given()
            if not isinstance(table, Table):
                raise TypeError("Judges judge tables.")
            repeats = self._repeats(len(table))
            players = players_of(table, self.groups)
            order, draws = rng.spawn(2)
            donors = shifted_donors(len(table), repeats, order)
            verdicts = [judge.about(rows.raw, draws) for judge in judges]
            game = shuffled(view, table, rows.raw, players)
            live = game.live()
            sources = self._sources(game, live, donors, draws)
            return _explained(rows, players, verdicts, game, live, sources, donors)

        return explain

    def _check(self) -> None:
        whole = isinstance(self.repeats, (int, np.integer)) and not isinstance(self.repeats, bool)
        if not (self.repeats == "all" or (whole and int(self.repeats) >= 1)):
            raise InputError(
                f"repeats is {self.repeats!r}. A whole number of shuffles from 1 is needed, or "
                "'all' for the exact mean over all of them."
            )
        if not isinstance(self.conditional, bool):
            raise InputError(f"conditional is {self.conditional!r}. Give True or False.")

    def _repeats(self, rows: int) -> int:
        if self.repeats == "all":
            return rows - 1
        if self.repeats > rows - 1:
            raise InputError(
                f"repeats is {self.repeats} and X has {rows} rows, of which there are {rows - 1} "
                "different shuffles; these are all pairs of rows, and exact. Give "
                "repeats='all', or more rows."
            )
        return int(self.repeats)

    def _sources(
        self, game: Shuffled, live: list[int], donors: Ints, rng: Generator
    ) -> list[list[Ints]]:
        """Return the rows that the values of each live player come from, for each column."""
        if not self.conditional:
            return [[donors] * len(game.columns[p]) for p in live]
        table = game.table
        dependence = dependence_of(table.numbers, [len(levels or ()) for levels in table.levels])
        uniforms = rng.random(donors.shape)
        return [dependence.sources(game.columns[p], donors, uniforms, table.names) for p in live]


def _explained(
    rows: Rows,
    players: Players,
    verdicts: list[Verdict],
    game: Shuffled,
    live: list[int],
    sources: list[list[Ints]],
    donors: Ints,
) -> Attribution:
    accounts = [[verdict.account() for verdict in verdicts] for _ in live]
    done = _told(rows, game, live, sources, donors, accounts)
    warnings: tuple[str, ...] = ()
    if live and done < len(donors):
        warnings = (f"Interrupted: {done} of {len(donors)} shuffles were made.",)
    values = np.zeros((len(players.names), len(verdicts)))
    stderr = np.zeros_like(values)
    for p, each in zip(live, accounts, strict=True):
        found = np.array([account.result() for account in each])
        values[p], stderr[p] = found.T
    provenance = Provenance(evaluations=game.asked, warnings=warnings)
    return importance(players.names, verdicts, values, stderr, provenance)


def _told(
    rows: Rows,
    game: Shuffled,
    live: list[int],
    sources: list[list[Ints]],
    donors: Ints,
    accounts: list[list[Account]],
) -> int:
    """Hand the predictions of all shuffles to the judges; return how many shuffles were made."""
    made = 0
    for wave in game.waves(live, sources) if live else ():
        for r in range(wave.done):
            for place, each in zip(wave.place, accounts, strict=True):
                said: Floats = wave.said[place[r]]
                for account in each:
                    account.add(said, donors[wave.first + r])
            made += 1
            rows.progress(made / len(donors))
    if live and not made:
        raise KeyboardInterrupt
    return made
