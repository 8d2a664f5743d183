"""The slope of the output with every ReLU letting back what is positive alone.

It draws sharp edges, and mostly those of the image: the picture hardly changes when the network is
given random weights or asked about another class (Adebayo et al. 2018). It shows what excites the
first layers, and is no evidence for what moved the output; every explanation says so.
"""

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from whence.core.errors import UnsupportedModelError
from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.deep.network import Network
from whence.deep.target import Target, check_target

_WARNING = (
    "Guided backpropagation fails sanity checks: its pictures hardly change with the weights of "
    "the network or with the target (doi:10.48550/arXiv.1810.03292). Take them for what excites "
    "the first layers, and IntegratedGradients for what moved the output."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GuidedBackprop:
    """Gradients that are cut at zero on their way back through each ReLU.

    A ReLU lets a gradient back where its input was positive; here the gradient must be positive
    too. It is recognized however it is written: as a module or function, in place, as a clamp at
    zero, or bounded above as ReLU6. Other activations let gradients back as they are.

    Attributes
    ----------
    target : int, str, Contrast, tuple, callable or None
        Which output; see `whence.deep.target.Target`. None: the one output, or the predicted one
        of each row.
    layer : str or None
        Explain the activations of this layer instead of the inputs.

    References
    ----------
    Springenberg, Dosovitskiy, Brox and Riedmiller, doi:10.48550/arXiv.1412.6806; Adebayo et al.,
    doi:10.48550/arXiv.1810.03292, for what it does not show.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> class Difference(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x[:, 0].relu() - x[:, 1].relu()
    >>> e = wh.explain(Difference(), np.array([[1.0, 1.0]]), GuidedBackprop())
    >>> e.values[0, :, 0]
    array([1., 0.])
    """

    target: Target = None
    layer: str | None = None

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = (
        "10.48550/arXiv.1412.6806", "10.48550/arXiv.1810.03292",
    )  # fmt: skip
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If the target is none, or the network has no such layer.
        """
        from whence.deep.engine.guided import GuidedReLU
        from whence.deep.engine.result import attribution, check_layer, running, summed_slopes

        check_target(self.target)
        check_layer(view, self.layer)

        def explain(rows: Rows, *, rng: Generator) -> Attribution:  # noqa: ARG001  draws nothing
            guided = GuidedReLU()
            with running(view, rows, self.target, self.layer) as run:
                scores, slopes = run.own_gradients(guided)
                if not guided.seen:
                    raise _without_relu(view, self.layer)
                warnings = (_WARNING, *summed_slopes(run))
                return attribution(run, slopes, scores=scores, warnings=warnings)

        return explain


def _without_relu(view: Network, layer: str | None) -> UnsupportedModelError:
    place = "its inputs" if layer is None else f"layer {layer!r}"
    return UnsupportedModelError(
        f"{view.name} does no ReLU on the way from {place} to the output, and guided "
        "backpropagation is a rule for ReLU alone. Use IntegratedGradients or SmoothGrad."
    )
