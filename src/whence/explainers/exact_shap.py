"""Shapley values of any model, exactly, by asking for the worth of every coalition.

A Shapley value is the mean, over all orders of the players, of what a player adds when it becomes
known after those before it. It is a weighted sum of the worth of all ``2**n`` coalitions, and with
few players all of them can be asked for.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from numpy.random import Generator

from whence.core.errors import InputError, Interrupted
from whence.core.explanation import Attribution
from whence.core.game import Sampler
from whence.core.method import Explain, Rows
from whence.kernels.coalition_values import all_coalitions, shapley_values
from whence.maskers.choice import masker_of
from whence.maskers.play import Seat, playing
from whence.maskers.scene import Masker
from whence.models.predict import Predict

_NO_LIMIT = 2**62
_CEILING = 24
"""Players of which all coalitions still fit in memory."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExactShap:
    """Exact Shapley values of any model with few players.

    Each row costs ``(2**players - 2)`` coalitions, and each of those as many predictions as there
    are rows of background: 16,382 coalitions for 14 players.

    Attributes
    ----------
    background : table of shape (background, columns) or None
        Rows that stand for unknown columns, in the form of ``X``; short for
        ``masker=Marginal(background)``.
    masker : Masker or None
        How players are hidden; None takes the background, or what is usual for images, texts and
        series.
    most_players : int
        A row of more players is refused. Each player more doubles the work.

    References
    ----------
    Shapley, doi:10.1515/9781400881970-018. Lundberg and Lee, arXiv:1705.07874.

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> Z = np.zeros((1, 3))
    >>> method = ExactShap(background=Z)
    >>> e = wh.explain(lambda X: X[:, 0] * X[:, 1] * X[:, 2], Z + 3, method)
    >>> e.values[0, :, 0].round(12), e.stderr is None
    (array([9., 9., 9.]), True)
    """

    background: object = None
    masker: Masker | None = None
    most_players: int = 14

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ("10.1515/9781400881970-018", "arXiv:1705.07874")

    def bind(self, view: Predict) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If the background or the masker cannot be used, or ``most_players`` is no number that
            memory allows.
        """
        if not isinstance(self.most_players, int) or not 1 <= self.most_players <= _CEILING:
            raise InputError(
                f"most_players is {self.most_players!r}. A whole number from 1 to {_CEILING} is "
                "needed. For more players sample, by KernelShap or PermutationShap."
            )
        masker = masker_of(self.background, self.masker)
        play = playing(view, masker, self._sampler, budget=_NO_LIMIT, tolerance=None)

        def explain(rows: Rows, *, rng: Generator) -> Attribution:
            try:
                return replace(play(rows, rng=rng), stderr=None)
            except Interrupted as interrupt:
                partial: Attribution = interrupt.partial  # type: ignore[assignment]  # of `play`
                raise Interrupted(replace(partial, stderr=None)) from None

        return explain

    def _sampler(self, seat: Seat) -> Sampler:
        n = seat.players
        if n > self.most_players:
            cost = (2**n - 2) * seat.scene.copies
            raise InputError(
                f"Row {seat.row} has {n} players and most_players is {self.most_players}: all "
                f"coalitions would take {cost:.3g} evaluations of the model. Use KernelShap or "
                "PermutationShap, which sample, group the players, or raise most_players."
            )
        return all_coalitions(n, seat.nobody, seat.everybody, shapley_values)
