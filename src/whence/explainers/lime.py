"""Which parts of a row a model reads there, by a linear surrogate of it: LIME.

Parts of the row are hidden at random, the model is asked about what is left, and a linear model is
fitted to its answers: a coefficient says what knowing that part adds near the row, and the base
value what the surrogate says where nothing is known.

By default each part is known with the probability 1 / (1 + exp(-1 / width^2)) and all samples count
alike (GLIME). The limit is that of LIME's exponential kernel, which gives the same weight to each
coalition as this law its probability, but no evaluation is wasted on samples of no weight.

What is hidden is filled in from one random row of the background, so a sample costs one evaluation.
Each coalition is asked about twice with other rows. How the two answers differ tells what step
functions of what was filled in, of mean zero, say about the answer; taken out of all answers, they
make a sample worth ten with a random forest. What is then left between the two is noise, and no
misfit of the surrogate.

Sampling ends when the largest standard error is small and the strongest parts are settled: the last
of them is told apart from the next one, or the two are tied, with confidence intervals that allow
for looking more than once. A tie is a difference below an indifference zone, as in ranking and
selection, of four times the tolerance, since parts that are nearly equal could never be told apart.
In tables, whose rows are cheap to ask about, sampling goes on for what is left of the budget while
the difference may be more than an eighth of that, so that runs with other seeds select the same.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.inputs import Texts
from whence.core.method import Explain
from whence.core.table import Table
from whence.kernels.filling import Filling
from whence.kernels.lime_design import Law, kernel_weights
from whence.kernels.surrogate import Recipe, Surrogate
from whence.maskers.choice import masker_of
from whence.maskers.columns import players_of
from whence.maskers.play import Seat, check_limits, playing
from whence.maskers.scene import Masker
from whence.maskers.tabular import Marginal
from whence.models.predict import Predict

Sampling = Literal["glime", "classic"]

_SAMPLES = 2_048
"""Samples at least, where the user gave no budget."""
_TIE = 4.0
"""Width of a tie in tolerances: standard errors of the size tolerated tell no less apart."""
_FINE = 0.5
"""The same in tables, whose rows are cheap to ask about, while the budget lasts."""
_NARROWEST = 0.4
"""Width of the kernel at which a part is unknown in one of 500 samples."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lime:
    """Coefficients of a local linear surrogate, with standard errors and held-out fidelity.

    ``fidelity`` of the result is the share of the surrogate's target that it explains on samples it
    was not fitted to; ``residual`` is how far it is from the model at the row itself.

    Attributes
    ----------
    background : table or None
        Rows that stand for unknown columns; in short for ``masker=Marginal(background)``.
    masker : Masker or None
        What "unknown" means; None is the usual one of images, texts and series.
    budget : int or None
        Most evaluations of the model for one row.
    tolerance : float or None
        A row is done when its largest standard error is this share of the spread of its
        coefficients, and the strongest parts are settled. None spends the whole budget.
    top : int
        So many of the strongest parts are told apart from the next one, unless the two are tied:
        surely no further apart than four times the tolerance, as a share of the spread.
    sampling : {"glime", "classic"}
        "glime" draws each part on its own; "classic" draws as lime does, evenly over coalitions
        (over the number of removed words in texts), and weighs by an exponential kernel: of the
        cosine distance in images, texts and series, of the Euclidean one in tables.
    kernel_width : float or None
        Smaller stays nearer to the row. None is 1 for "glime", where a part is then known in 73 %
        of the samples, and lime's own 0.25, or 0.75 times the root of the number of columns.
    features : int or None
        Selects so many parts by forward selection, on one half of the samples, and fits them on
        the other half, so that the standard errors stay true; None keeps all.

    References
    ----------
    Ribeiro et al. 2016, doi:10.1145/2939672.2939778. Tan et al. 2023, arXiv:2311.15722 (GLIME).
    Zhou et al. 2021, doi:10.1145/3447548.3467274 (S-LIME, when to stop). Kim & Nelson 2001,
    doi:10.1145/502109.502111 (indifference zone).

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> Z = np.zeros((1, 3))
    >>> e = wh.explain(lambda X: 3 * X[:, 0] - X[:, 1], Z + 2, wh.Lime(background=Z), rng=0)
    >>> e.values[0, :, 0].round(6) + 0.0, e.fidelity[0, 0].round(3)
    (array([ 6., -2.,  0.]), array([1., 1., 1.]))
    """

    background: object = None
    masker: Masker | None = None
    budget: int | None = 5000
    tolerance: float | None = 0.05
    top: int = 5
    sampling: Sampling = "glime"
    kernel_width: float | None = None
    features: int | None = None

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = (
        "10.1145/2939672.2939778", "arXiv:2311.15722", "10.1145/3447548.3467274",
        "10.1145/502109.502111",
    )  # fmt: skip

    def bind(self, view: Predict) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If a setting cannot be used, or the background does not fit the model.
        """
        masker = masker_of(self.background, self.masker)
        check_limits(self.budget, self.tolerance)
        self._check()

        filling = _filling(view, masker, self.budget) if isinstance(masker, Marginal) else None

        tolerance = self.tolerance or 0.0

        def sampler(seat: Seat) -> Surrogate:
            recipe = Recipe(
                law=self._law(seat),
                tolerance=self.tolerance,
                top=self.top,
                features=self.features,
                tie=_TIE * tolerance,
                fine=(_FINE if isinstance(seat.scene.data, Table) else _TIE) * tolerance,
            )
            return Surrogate(
                recipe,
                seat.rng,
                outputs=len(seat.everybody),
                copies=seat.scene.copies,
                filling=filling,
            )

        return playing(
            view, masker, sampler, budget=self.budget, tolerance=self.tolerance, single=True
        )

    def _law(self, seat: Seat) -> Law:
        players, width = seat.players, self.kernel_width
        if self.sampling == "glime":
            return Law(players=players, p=1 / (1 + float(np.exp(-1 / (width or 1.0) ** 2))))
        if isinstance(seat.scene.data, Table):
            weights = kernel_weights(players, width or 0.75 * players**0.5, "euclidean")
        else:
            weights = kernel_weights(players, width or 0.25, "cosine")
        return Law(players=players, by_size=isinstance(seat.scene.data, Texts), weights=weights)

    def _check(self) -> None:
        if self.sampling not in get_args(Sampling):
            raise InputError(f"sampling is {self.sampling!r}. Give one of {get_args(Sampling)}.")
        for name, number in (
            ("top", self.top),
            ("features", 1 if self.features is None else self.features),
        ):
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise InputError(f"{name} is {number!r}. A positive whole number is needed.")
        width, least = self.kernel_width, _NARROWEST if self.sampling == "glime" else 0.0
        if width is not None and not (least < width < np.inf):
            raise InputError(
                f"kernel_width is {width!r}. A number above {least:g} is needed for "
                f"sampling={self.sampling!r}. (With 'glime' a part is known with the probability "
                "1 / (1 + exp(-1 / width**2)), so that in a narrower kernel it always is.)"
            )


def _filling(view: Predict, masker: Marginal, budget: int | None) -> Filling | None:
    """Return what the rows of the background put in the place of each player."""
    Z = view.read(masker.background, what="background")
    if len(Z) == 1:
        return None
    owner = players_of(Z, masker.groups).owner
    return Filling.of(Z.numbers, owner, _SAMPLES if budget is None else budget)
