"""Shapley values of any model, from the worth of a few coalitions of players.

A coalition is asked about together with its complement: in half the difference of the two, every
effect of an even number of players cancels. What pairs say is put together by a Gaussian process
over coalitions that learns from them which players matter and act together. Its posterior gives the
values and, from what it cannot know of the pairs not asked about, their standard errors. The values
add up to the model's own prediction exactly. They are exact where all coalitions were asked about,
and for models without interactions of three or more players; standard errors of zero say so in the
first case and, in the second, once four pairs per player have shown no such interaction.

The classic scheme draws coalitions as Lundberg and Lee do and fits main effects by least squares.
"""

from dataclasses import dataclass
from typing import ClassVar

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.game import Sampler
from whence.core.method import Explain
from whence.kernels.shapley_regression import Sampling, ShapleyRegression
from whence.maskers.choice import masker_of
from whence.maskers.play import Seat, playing
from whence.maskers.scene import Masker
from whence.models.predict import Predict

_SAMPLING = ("leverage", "classic")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KernelShap:
    """Shapley values of any model, with standard errors, by few evaluations of the model.

    A row's numbers depend on the seed and on what the row says, not on the rows beside it, as far
    as the model itself answers alike for a row in any batch. Nothing is asked about twice.

    Attributes
    ----------
    background : table of shape (background, columns) or None
        Rows that stand for unknown columns, in the form of ``X``, all of them, jointly; short for
        ``masker=Marginal(background)``.
    masker : Masker or None
        How players are hidden; None takes the background, or what is usual for images, texts and
        series.
    budget : int or None
        Most evaluations of the model for one row. At least two coalitions per player are needed,
        and each coalition takes as many evaluations as there are rows of background. None allows
        2,048 coalitions, or 32 per player.
    tolerance : float or None
        Largest standard error, as a share of the spread of a row's values, at which a row is done;
        None spends the budget.
    sampling : {"leverage", "classic"}
        Pairs without replacement, sizes uniform, and a Gaussian process over coalitions; or pairs
        with replacement, sizes as the Shapley kernel weighs them, and least squares.

    References
    ----------
    Lundberg and Lee, arXiv:1705.07874. Covert and Lee, arXiv:2012.01536 (pairs, standard errors).
    Musco and Witter, arXiv:2410.01917 (leverage sampling). OddSHAP, arXiv:2602.01399 (only effects
    of an odd number of players matter).

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> Z = np.zeros((1, 3))
    >>> e = wh.explain(lambda X: X[:, 0] * X[:, 1], Z + 2, wh.KernelShap(background=Z), rng=0)
    >>> e.values[0, :, 0].round(12), e.stderr[0, :, 0]
    (array([2., 2., 0.]), array([0., 0., 0.]))
    """

    background: object = None
    masker: Masker | None = None
    budget: int | None = None
    tolerance: float | None = 0.01
    sampling: Sampling = "leverage"

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = (
        "arXiv:1705.07874", "arXiv:2012.01536", "arXiv:2410.01917", "arXiv:2602.01399",
    )  # fmt: skip

    def bind(self, view: Predict) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If background, masker, budget, tolerance or sampling cannot be used.
        """
        if self.sampling not in _SAMPLING:
            raise InputError(
                f"sampling is {self.sampling!r}. Give 'leverage' or, for the scheme of Lundberg "
                "and Lee, 'classic'."
            )
        masker = masker_of(self.background, self.masker)
        return playing(view, masker, self._sampler, budget=self.budget, tolerance=self.tolerance)

    def _sampler(self, seat: Seat) -> Sampler:
        return ShapleyRegression(
            seat.players,
            seat.nobody,
            seat.everybody,
            seat.rng,
            sampling=self.sampling,
            tolerance=self.tolerance,
        )
