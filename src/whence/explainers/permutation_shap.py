"""Shapley values of any model, by sampling permutations.

A Shapley value is the mean, over all orders of the players, of what a player adds when it becomes
known after those before it. Each order drawn is walked forward and in reverse: the errors of the
two walks cancel for every effect of one or two players, so that for a model without interactions
of three or more the values are exact from the first pair of walks. A walk ends where the model's
own prediction is, so the values add up to it exactly, however few the walks. The standard error is
that of the mean over the pairs of walks, which are independent of each other.

If it is known what causes what, only orders in which causes come before their effects are walked.
These asymmetric Shapley values give a cause all of what it does by way of its effects.
"""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from whence.core.check import shorten
from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.game import Sampler
from whence.core.method import Explain
from whence.core.types import Bools
from whence.kernels.orders import (
    causal_orders,
    causal_steps,
    find_cycle,
    uniform_orders,
    uniform_steps,
)
from whence.kernels.players import player_of
from whence.kernels.walks import REMEMBERED, Walks
from whence.maskers.choice import masker_of
from whence.maskers.play import Seat, playing
from whence.maskers.scene import Masker
from whence.models.predict import Predict

Edge: TypeAlias = tuple[str | int, str | int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PermutationShap:
    """Shapley values of any model, with standard errors.

    A row's numbers depend on the seed and on what the row says, not on the rows beside it, as far
    as the model itself answers alike for a row in any batch. With up to twelve players nothing is
    asked about twice, and the values are exact where the budget allows all coalitions.

    Attributes
    ----------
    background : table of shape (background, columns) or None
        Rows that stand for unknown columns, in the form of ``X``, all of them, jointly; short for
        ``masker=Marginal(background)``.
    masker : Masker or None
        How players are hidden; None takes the background, or what is usual for images, texts and
        series.
    budget : int or None
        Most evaluations of the model for one row. At least two pairs of walks are needed, of
        ``2 * (players - 1)`` coalitions each, and each coalition takes as many evaluations as there
        are rows of background. None allows 2,048 coalitions, or 32 per player.
    tolerance : float or None
        Largest standard error, as a share of the spread of a row's values, at which a row is done;
        None spends the budget.
    graph : tuple of (cause, effect) or None
        Names or numbers of players, such as ``(("age", "income"),)``. If given, asymmetric Shapley
        values: an order is drawn player by player, each time any of those whose causes are all
        known already, all of them alike. That is the even choice among all orders that the graph
        allows if it puts the players in tiers, each caused by all of the tier before; in general
        it is not.

    References
    ----------
    Castro et al., doi:10.1016/j.cor.2008.04.004. Mitchell et al., arXiv:2104.12199 (antithetic
    permutations). Frye et al., arXiv:1910.06358 (asymmetric Shapley values).

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> Z = np.zeros((1, 3))
    >>> e = wh.explain(lambda X: X[:, 0] * X[:, 1], Z + 2, wh.PermutationShap(background=Z), rng=0)
    >>> e.values[0, :, 0], e.stderr[0, :, 0]
    (array([2., 2., 0.]), array([0., 0., 0.]))
    >>> asymmetric = wh.PermutationShap(background=Z, graph=(("x0", "x1"),))
    >>> wh.explain(lambda X: X[:, 0] * X[:, 1], Z + 2, asymmetric, rng=0).values[0, :, 0]
    array([0., 4., 0.])
    """

    background: object = None
    masker: Masker | None = None
    budget: int | None = None
    tolerance: float | None = 0.01
    graph: tuple[Edge, ...] | None = None

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = (
        "10.1016/j.cor.2008.04.004", "arXiv:2104.12199", "arXiv:1910.06358",
    )  # fmt: skip

    def bind(self, view: Predict) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If background, masker, budget, tolerance or graph cannot be used.
        """
        self._check()
        masker = masker_of(self.background, self.masker)
        return playing(view, masker, self._sampler, budget=self.budget, tolerance=self.tolerance)

    def _check(self) -> None:
        graph = self.graph
        if graph is None:
            return
        pairs = isinstance(graph, (tuple, list)) and all(
            isinstance(edge, (tuple, list)) and len(edge) == 2  # noqa: PLR2004  cause and effect
            for edge in graph
        )
        if not pairs:
            raise InputError(
                f"graph is {graph!r:.80}. Pairs of a cause and an effect are needed, such as "
                "(('age', 'income'),)."
            )

    def _sampler(self, seat: Seat) -> Sampler:
        n, rng = seat.players, seat.rng
        few, causes = n <= REMEMBERED, None
        if self.graph is not None:
            causes = _causes(self.graph, seat.scene.names, n)
            steps = causal_steps(causes) if few else None
        else:
            steps = uniform_steps(n) if few else None
        return Walks(
            nobody=seat.nobody,
            everybody=seat.everybody,
            players=n,
            orders=lambda count: (
                uniform_orders(count, n, rng)
                if causes is None
                else causal_orders(count, causes, rng)
            ),
            antithetic=causes is None,
            steps=steps,
            judged=self.tolerance is not None,
        )


def _causes(graph: tuple[Edge, ...], names: tuple[str, ...], players: int) -> Bools:
    """Return whether the second player is a cause of the first, (players, players)."""
    causes = np.zeros((players, players), dtype=bool)
    for cause, effect in graph:
        before, after = (player_of(w, names, players, setting="graph") for w in (cause, effect))
        causes[after, before] = True
    stuck = find_cycle(causes)
    if len(stuck):
        named = [names[i] if names else int(i) for i in stuck]
        raise InputError(
            f"graph has a cycle among {shorten(named)}. Causes must come before their effects: "
            "take an edge of the cycle out."
        )
    return causes
