"""Integrated gradients from many baselines at once: the rows of a background.

A single baseline hides what is like it: black pixels count for nothing beside a black image.
Expected gradients take the mean over a background, one random point on each line instead of a whole
integral. The sum of the values is known, the output less the mean output of the background, so what
the draws miss of it is told by the sum and taken back (`whence.deep.engine.moments`): values add up
and have smaller errors than their plain means.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from numpy.random import Generator

from whence.core.check import check_whole
from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.inputs import inputs_of
from whence.core.method import Explain, Rows
from whence.core.seeds import row_generators
from whence.deep.network import Network
from whence.deep.target import Target, check_target

_LEAST = 16
"""Gradients from which slopes on the sum, and errors around them, can be had."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpectedGradients:
    """The mean of integrated gradients over the rows of a background.

    Attributes
    ----------
    background : table, images, texts or series
        Rows that stand for "unknown", in the form of X; their mean output is the base value. Words
        of a background text stand in the place of the row's words, one by one, and the mask token
        (or padding) where it has ended.
    target : int, str, Contrast, tuple, callable or None
        Which output; see `whence.deep.target.Target`. None: the one output, or the predicted one
        of each row.
    layer : str or None
        Explain the activations of this layer instead of the inputs.
    budget : int
        Gradients of a row at most. Beside them the network is asked about the background, once
        where it is the same for all rows, of texts once per row.
    tolerance : float or None
        Stop when the standard errors are this share of the size of the values (the root of the sum
        of squares); None takes the whole budget.

    Notes
    -----
    ``stderr`` is of the random points, and of a background of more than a sixteenth of the budget
    also of what was taken of it, as if that were drawn anew each time: after such a background was
    gone through, errors are told too large.

    References
    ----------
    Erion, Janizek, Sturmfels, Lundberg and Lee, doi:10.1038/s42256-021-00343-w.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> class Product(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x[:, 0] * x[:, 1]
    >>> method = ExpectedGradients(background=np.eye(2))
    >>> e = wh.explain(Product(), np.array([[3.0, 2.0]]), method, rng=0)
    >>> e.values[0, :, 0].round(6), e.base_values[0]
    (array([3.25, 2.75]), array([0.]))
    """

    background: object
    target: Target = None
    layer: str | None = None
    budget: int = 200
    tolerance: float | None = 0.1

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.1038/s42256-021-00343-w",)
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If a setting cannot be used, or the network has no such layer.
        """
        from whence.deep.engine.backgrounds import Backgrounds
        from whence.deep.engine.drawn import drawn
        from whence.deep.engine.expected import Paths
        from whence.deep.engine.result import attribution, check_layer, numbers, running

        self._check()
        check_layer(view, self.layer)
        background = inputs_of(self.background)
        view.check(background)

        def explain(rows: Rows, *, rng: Generator) -> Attribution:
            with running(view, rows, self.target, self.layer) as run:
                scores, own = run.own()
                backgrounds = Backgrounds(run, background)
                base = backgrounds.scores.double().mean(1)
                found = drawn(
                    run,
                    Paths(own, backgrounds, tuple(row_generators(run.inputs, rng)), self.budget),
                    budget=self.budget,
                    tolerance=self.tolerance,
                    known=numbers(scores) - numbers(base),
                )
                result = attribution(
                    run, found.values, scores=scores, base=base, stderr=found.stderr
                )
                return replace(result, converged=found.settled)

        return explain

    def _check(self) -> None:
        check_target(self.target)
        check_whole("budget", self.budget, least=_LEAST)
        if self.tolerance is None:
            return
        number = isinstance(self.tolerance, (int, float)) and not isinstance(self.tolerance, bool)
        if not number or not 0 < self.tolerance < 1:
            raise InputError(
                f"tolerance is {self.tolerance!r:.60}. A number between 0 and 1 is needed: the "
                "standard error of the values as a share of their size. None takes the budget."
            )
