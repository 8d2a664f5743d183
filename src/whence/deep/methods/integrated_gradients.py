"""The gradient of the output, gathered on the way from a baseline to the row.

A gradient at the row says little where the output is flat there. Integrated gradients take its mean
along the straight line from a baseline, times how far each input is from it; by the fundamental
theorem the values add up to the output less that of the baseline. How many points on the line that
takes depends on the network: a smooth one needs 7 to 15, one of ReLU some 50. They are added until
the values are as exact as was asked for, for each row by itself.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from numpy.random import Generator

from whence.core.check import check_whole
from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.deep.baseline import Baseline, check_baseline, several
from whence.deep.network import Network
from whence.deep.target import Target, check_target

if TYPE_CHECKING:
    from whence.deep.engine.lines import Integral, Lines

_PROBE = 7
"""Gradients that are taken of each row and baseline at least."""
_STEPS = 50
"""Of paths whose steps are not chosen by their error."""
_PATHS = ("straight", "idgi", "sequential")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidedPath:
    """A path that first goes where the output changes least, so that noise on the way counts less.

    Attributes
    ----------
    fraction : float
        Share of the numbers, those with the smallest gradients, that move at a time.
    distance : float
        How far each may be from the straight line, as a share of its way.
    anchors : int
        Points on the straight line, at equal distances, that the path goes through.

    References
    ----------
    Kapishnikov et al., doi:10.48550/arXiv.2106.09788.

    Examples
    --------
    >>> GuidedPath(anchors=4)
    GuidedPath(fraction=0.25, distance=0.02, anchors=4)
    """

    fraction: float = 0.25
    distance: float = 0.02
    anchors: int = 0

    def check(self) -> None:
        """Refuse settings that cannot be used.

        Raises
        ------
        InputError
            If one is out of its range.
        """
        for name, value in (("fraction", self.fraction), ("distance", self.distance)):
            if not isinstance(value, (int, float)) or not 0 < value <= 1:
                raise InputError(
                    f"{name} is {value!r:.60}. A number above 0, at most 1, is needed."
                )
        check_whole("anchors", self.anchors, least=0)


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
        sum is held to a fifth of it: by default 1 % of the rise of the output, or of that size
        where the output rises less.
    budget : int
        Rows at most that the network is asked about per row explained, over all baselines; it
        settles nothing where steps are given.
    steps : int or None
        A given number of Gauss-Legendre nodes instead, whatever comes of it; ``stderr`` is None.
        Also the steps of the paths "idgi" and guided, 50 by default.
    path : {"straight", "idgi", "sequential"} or GuidedPath
        "idgi": the straight line in steps, the rise in each shared by the squares of the gradient,
        by which the values add up exactly. "sequential", for texts: to each token by itself, the
        others in place; that is what the output falls by when it alone is replaced, which needs no
        gradient and does not add up. A `GuidedPath` goes where the output changes least first.

    Notes
    -----
    ``stderr`` is an estimate of what is left of the error of the integral, from what the last
    refinement changed; nothing is drawn at random. ``residual`` is what the sum lacks. A small one
    alone proves nothing: errors of single values cancel in a sum.

    References
    ----------
    Sundararajan, Taly and Yan, doi:10.48550/arXiv.1703.01365. Patterson,
    doi:10.1090/S0025-5718-68-99866-9 (nodes). Yang, Wang and Bilgic,
    doi:10.48550/arXiv.2303.14242 (idgi). Enguehard, doi:10.48550/arXiv.2305.15853
    (sequential).

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
    path: Literal["straight", "idgi", "sequential"] | GuidedPath = "straight"

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
        from whence.deep.engine.result import check_layer, running

        self._check()
        check_layer(view, self.layer)

        def explain(rows: Rows, *, rng: Generator) -> Attribution:  # noqa: ARG001  draws nothing
            with running(view, rows, self.target, self.layer) as run:
                return integrated(run, self.baseline, self._along, self.budget)

        return explain

    def _along(self, lines: "Lines", most: int) -> "Integral":
        """Integrate along lines, with at most so many gradients of each where errors decide."""
        from whence.deep.engine import other_paths, paths
        from whence.deep.engine.quadrature import gauss_legendre

        path, steps = self.path, self.steps or _STEPS
        if isinstance(path, GuidedPath):
            return other_paths.guided(
                lines, steps, fraction=path.fraction, distance=path.distance, anchors=path.anchors
            )
        if path == "idgi":
            return other_paths.idgi(lines, steps)
        if path == "sequential":
            return other_paths.sequential(lines)
        if self.steps is not None:
            return paths.fixed(lines, *gauss_legendre(self.steps))
        return paths.integral(lines, self.tolerance, most)

    def _check(self) -> None:
        check_target(self.target)
        check_baseline(self.baseline)
        check_whole("steps", self.steps, optional=True)
        check_whole("budget", self.budget)
        if isinstance(self.path, GuidedPath):
            self.path.check()
        elif self.path not in _PATHS:
            raise InputError(
                f"path is {self.path!r:.60}. One of {', '.join(map(repr, _PATHS))}, or a "
                "wh.GuidedPath, is needed."
            )
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
