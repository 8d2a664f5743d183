"""Interactions of players in any model: exact where the budget allows, sampled elsewhere.

The Shapley interaction index (SII) of a set is the mean, with Shapley weights over coalitions of
the other players, of the part of the joint contribution that no smaller set explains. k-SII
aggregates the indices of all orders up to k such that they add up to the prediction. FSII, the
faithful index, is the polynomial of degree k that is nearest to the game under the weights of
KernelSHAP and adds up too.
"""

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import ClassVar, get_args

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError, Interrupted
from whence.core.explanation import Interaction, Names
from whence.core.game import Sampler
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.kernels.interaction_indices import Index
from whence.kernels.sampled_interactions import InteractionSampler
from whence.maskers.choice import masker_of
from whence.maskers.play import Played, Seat, check_limits, play
from whence.maskers.scene import Masker, Scene
from whence.models.predict import Predict

_ORDERS = (2, 3)
_COALITIONS = 2_048
_PER_SET = 4
"""Coalitions of a row at most, where the user gave no budget: these, or so many per set."""
_SETS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShapleyInteractions:
    """Interactions of players in any model, with standard errors.

    Up to eleven players all coalitions are asked for without a budget, and the values are exact.
    Beyond, time grows with the number of sets: pairs of 200 players are 20,100 sets. More than
    50,000 sets are refused.

    Attributes
    ----------
    background : table of shape (background, columns) or None
        Rows that stand for unknown columns, in the form of ``X``, all of them, jointly; short for
        ``masker=Marginal(background)``.
    masker : Masker or None
        How players are hidden; None takes the background, or what is usual for images, texts and
        series.
    order : {2, 3}
        Largest size of the sets.
    index : {"k-SII", "SII", "FSII"}
        "k-SII" and "FSII" give all sets up to ``order``, which add up to the prediction; "SII"
        gives the sets of just that size.
    budget : int or None
        Most evaluations of the model for one row; None allows 2,048 coalitions, or four per set.
    tolerance : float or None
        Largest standard error, as a share of the spread of a row's values, at which a row is done;
        None spends the budget.

    References
    ----------
    Grabisch and Roubens, doi:10.1007/s001820050125. Bordt and von Luxburg, arXiv:2209.04012
    (k-SII). Tsai et al., arXiv:2203.00870 (FSII). Fumagalli et al., arXiv:2303.01179 (sampling).

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> Z = np.zeros((1, 2))
    >>> method = ShapleyInteractions(background=Z)
    >>> i = wh.explain(lambda X: X[:, 0] + X[:, 0] * X[:, 1], Z + 2, method)
    >>> i.sets.tolist(), i.values[0, :, 0].tolist()
    ([[0, -1], [1, -1], [0, 1]], [2.0, 0.0, 4.0])
    """

    background: object = None
    masker: Masker | None = None
    order: int = 2
    index: Index = "k-SII"
    budget: int | None = None
    tolerance: float | None = 0.02

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = (
        "10.1007/s001820050125", "arXiv:2209.04012", "arXiv:2203.00870", "arXiv:2303.01179",
    )  # fmt: skip

    def bind(self, view: Predict) -> Explain[Interaction]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If background, masker, order, index, budget or tolerance cannot be used.
        """
        self._check()
        open_scene = masker_of(self.background, self.masker).bind(view)

        def explain(rows: Rows, *, rng: Generator) -> Interaction:
            scene = open_scene(rows.given(), rng)
            enough = self._enough(scene)
            budget = self.budget or enough
            played = play(
                view, scene, rows, self._sampler, budget=budget, tolerance=self.tolerance, rng=rng
            )
            result = self._result(view, played, rows)
            if played.interrupted:
                raise Interrupted(result)
            return result

        return explain

    def _check(self) -> None:
        if self.order not in _ORDERS:
            raise InputError(f"order is {self.order!r}. Interactions of order 2 or 3 are offered.")
        if self.index not in get_args(Index):
            raise InputError(f"index is {self.index!r}. Give one of {get_args(Index)}.")
        check_limits(self.budget, self.tolerance)

    def _enough(self, scene: Scene) -> int:
        """Return enough evaluations of the model, after a look at how many sets there are."""
        n = int(scene.counts.max())
        sets = sum(comb(n, size) for size in range(1, self.order + 1))
        if sets > _SETS:
            raise InputError(
                f"{n} players have {sets:,} sets of up to {self.order}. At most {_SETS:,} are "
                f"explained. Group the players, or ask for a lower order."
            )
        return max(_COALITIONS, _PER_SET * sets) * scene.copies

    def _sampler(self, seat: Seat) -> Sampler:
        return InteractionSampler(
            players=seat.players,
            order=self.order,
            index=self.index,
            nobody=seat.nobody,
            everybody=seat.everybody,
            rng=seat.rng,
        )

    def _result(self, view: Predict, played: Played, rows: Rows) -> Interaction:
        scene, n = played.scene, len(played.estimates)
        sets = _sets(int(np.prod(scene.shape)), self.order, self.index, ragged=not scene.names)
        place = {members: i for i, members in enumerate(sets)}
        values, stderr = np.zeros((2, n, len(sets), rows.outputs.shape[1]))
        for i, estimate in enumerate(played.estimates):
            own = _sets(int(scene.counts[i]), self.order, self.index, ragged=False)
            at = [place[members] for members in own]
            values[i, at], stderr[i, at] = estimate.values, estimate.stderr
        padded = [(*members, *(-1,) * (self.order - len(members))) for members in sets]
        return Interaction(
            sets=np.array(padded, dtype=np.int32).reshape(-1, self.order),
            values=values,
            base_values=played.nobody,
            outputs=rows.outputs[:n],
            index=self.index,
            stderr=stderr,
            converged=played.converged,
            names=Names(features=scene.names, outputs=view.names_of(values.shape[2])),
            data=scene.data[slice(0, n)],
            provenance=Provenance(evaluations=played.asked),
        )


def _sets(players: int, order: int, index: Index, *, ragged: bool) -> list[tuple[int, ...]]:
    """Return the sets whose index is given, by size.

    Where rows have unlike numbers of players, the sets of few players come before all others, so
    that a row of more players only adds to the list.
    """
    smallest = order if index == "SII" else 1
    sizes = range(smallest, min(order, players) + 1)
    sets = [members for size in sizes for members in combinations(range(players), size)]
    return sorted(sets, key=lambda members: members[-1]) if ragged else sets
