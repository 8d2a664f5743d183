"""The slope of the output around a row instead of at it.

The gradient of a network of ReLU jumps from one pixel to the next. Its mean over small noise says
how the output reacts in the neighborhood, and is quieter; its mean square says how strongly, in
either direction; its variance where the network is not sure. All are means over draws and carry
standard errors.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from numpy.random import Generator

from whence.core.check import check_whole
from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.core.seeds import row_generators
from whence.deep.network import Network
from whence.deep.target import Target, check_target

_MOMENTS = ("mean", "square", "variance")
_LEAST = 4
"""Gradients from which a standard error can be had."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmoothGrad:
    """The mean gradient of the output over noise on the input.

    Attributes
    ----------
    target : int, str, Contrast, tuple, callable or None
        Which output; see `whence.deep.target.Target`. None: the one output, or the predicted one
        of each row.
    layer : str or None
        Put noise on the activations of this layer, and explain them, instead of the inputs.
    moment : {"mean", "square", "variance"}
        What is taken of the gradients: their mean, which is SmoothGrad; the mean of their squares,
        which tells strong pixels from weak ones whatever their sign; or their variance, which is
        VarGrad.
    noise : float
        Standard deviation of the noise, as a share of the range of the row's own numbers (of the
        vectors of its tokens), from the smallest to the largest.
    budget : int
        Gradients of a row at most.
    tolerance : float or None
        Stop when the standard errors are this share of the size of the values (the root of the sum
        of squares); None takes the whole budget.
    times_input : bool
        Multiply the mean with the input; of tokens, whose vectors have no numbers that mean
        something by themselves, this is what makes sense.

    Notes
    -----
    For means and squares noise is drawn in pairs of opposite sign. Columns of a table should be
    standardized, since all get the same noise.

    References
    ----------
    Smilkov et al., doi:10.48550/arXiv.1706.03825; Adebayo et al., doi:10.48550/arXiv.1810.03307,
    for the variance; Hooker et al., doi:10.48550/arXiv.1806.10758, for the square.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> class Square(torch.nn.Module):
    ...     def forward(self, x):
    ...         return (x**2).sum(1)
    >>> e = wh.explain(Square(), np.array([[1.0, 3.0]]), SmoothGrad(), rng=0)
    >>> e.values[0, :, 0].round(6)
    array([2., 6.])
    """

    target: Target = None
    layer: str | None = None
    moment: Literal["mean", "square", "variance"] = "mean"
    noise: float = 0.15
    budget: int = 50
    tolerance: float | None = None
    times_input: bool = False

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = (
        "10.48550/arXiv.1706.03825", "10.48550/arXiv.1810.03307", "10.48550/arXiv.1806.10758",
    )  # fmt: skip
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If a setting cannot be used, or the network has no such layer.
        """
        from whence.deep.engine.drawn import drawn
        from whence.deep.engine.noise import Noise
        from whence.deep.engine.result import attribution, check_layer, running, summed_slopes

        self._check()
        check_layer(view, self.layer)

        def explain(rows: Rows, *, rng: Generator) -> Attribution:
            with running(view, rows, self.target, self.layer) as run:
                scores, own = run.own()
                draws = Noise(
                    run, own, share=self.noise, moment=self.moment, times_input=self.times_input,
                    generators=tuple(row_generators(run.inputs, rng)),
                )  # fmt: skip
                found = drawn(run, draws, budget=self.budget, tolerance=self.tolerance)
                signed = self.moment == "mean" and not self.times_input
                result = attribution(
                    run, found.values, scores=scores, stderr=found.stderr,
                    warnings=summed_slopes(run) if signed else (),
                )  # fmt: skip
                return replace(result, converged=found.settled)

        return explain

    def _check(self) -> None:
        check_target(self.target)
        check_whole("budget", self.budget, least=_LEAST)
        _check_share("noise", self.noise)
        if self.tolerance is not None:
            _check_share("tolerance", self.tolerance)
        if self.moment not in _MOMENTS:
            raise InputError(f"moment is {self.moment!r:.60}. Give one of {', '.join(_MOMENTS)}.")
        if self.times_input and self.moment != "mean":
            raise InputError(
                f"times_input is True and moment is {self.moment!r}. Only the mean gradient can be "
                "multiplied with the input. Leave one of them out."
            )


def _check_share(name: str, value: object) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < float(value) < 1:  # type: ignore[arg-type]  # a number
        raise InputError(f"{name} is {value!r:.60}. A number between 0 and 1 is needed.")
