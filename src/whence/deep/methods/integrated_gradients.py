"""The gradient of the output, gathered on the way from a baseline to the row.

A gradient at the row says little where the output is flat there. Integrated gradients take its mean
along the straight line from a baseline, times how far each input is from it; by the fundamental
theorem the values add up to the output less that of the baseline. How many points on the line that
takes depends on the network: a smooth one needs 7 to 15, one of ReLU some 50. They are added until
the values are as exact as was asked for, for each row by itself.
"""

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from whence.core.check import check_whole
from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.deep.baseline import Baseline, check_baseline, several
from whence.deep.network import Network
from whence.deep.target import Target, check_target

_PROBE = 7
"""Gradients that are taken of each row and baseline at least."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntegratedGradients:
    """Gradients integrated along a path from a baseline to the row.

    Attributes
    ----------
    baseline : None, float, str, array, dict or tuple
        What the row is compared with, in the form of what the network reads: a number, an array
        like a row or with one number per channel, "mask", "pad" or "zero" for texts, "blur" for
        images, or several of these in a tuple, over which the mean is taken. None: 0, of texts the
        mask token (or padding, or the zero vector). See `whence.deep.baseline.Baseline`.
    target : int, str, Contrast, tuple, callable or None
        Which output; see `whence.deep.target.Target`. None: the one output, or the predicted one
        of each row.
    layer : str or None
        Explain the activations of this layer instead of the inputs; the path is then straight
        from what the layer makes of the baseline to what it makes of the row.
    tolerance : float
        How exact values are to be, as a share of their size (the root of the sum of squares). Their
        sum is held to a fifth of it, 1 % of the rise of the output by default.
    budget : int
        Rows at most that the network is asked about per row explained.
    steps : int or None
        A given number of Gauss-Legendre nodes instead, whatever comes of it; ``stderr`` is None.

    Notes
    -----
    ``stderr`` is an estimate of what is left of the error of the integral, from what the last
    refinement changed; nothing is drawn at random. ``residual`` is what the sum lacks.

    References
    ----------
    Sundararajan, Taly and Yan, doi:10.48550/arXiv.1703.01365.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> class Product(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x[:, 0] * x[:, 1]
    >>> e = wh.explain(Product(), np.array([[3.0, 2.0]]), IntegratedGradients())
    >>> e.values[0, :, 0].round(6), e.provenance.evaluations
    (array([3., 3.]), 9)
    """

    baseline: Baseline = None
    target: Target = None
    layer: str | None = None
    tolerance: float = 0.05
    budget: int = 300
    steps: int | None = None

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = (
        "10.48550/arXiv.1703.01365", "10.1090/S0025-5718-68-99866-9",
    )  # fmt: skip
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If a setting cannot be used, or the network has no such layer.
        """
        from whence.deep.engine.integrated import integrated
        from whence.deep.engine.paths import Integral, Lines, fixed, integral
        from whence.deep.engine.quadrature import gauss_legendre
        from whence.deep.engine.result import check_layer, running

        self._check()
        check_layer(view, self.layer)

        def along(lines: Lines, most: int) -> Integral:
            if self.steps is not None:
                return fixed(lines, *gauss_legendre(self.steps))
            return integral(lines, self.tolerance, most)

        def explain(rows: Rows, *, rng: Generator) -> Attribution:  # noqa: ARG001  draws nothing
            with running(view, rows, self.target, self.layer) as run:
                return integrated(run, self.baseline, along, self.budget)

        return explain

    def _check(self) -> None:
        check_target(self.target)
        check_baseline(self.baseline)
        check_whole("steps", self.steps, optional=True)
        check_whole("budget", self.budget)
        number = isinstance(self.tolerance, (int, float)) and not isinstance(self.tolerance, bool)
        if not number or not 0 < self.tolerance < 1:
            raise InputError(
                f"tolerance is {self.tolerance!r:.60}. A number between 0 and 1 is needed: the "
                "error of the values as a share of their size."
            )
        count = len(several(self.baseline))
        least = 1 + count * (1 + _PROBE)
        if self.steps is None and self.budget < least:
            raise InputError(
                f"budget is {self.budget}, and {count} baselines take {least} rows at least. Give "
                "more, or a number of steps."
            )
