"""The slope of the output by each input, times the input.

For a function that is linear around zero this is what each input contributes. Networks of ReLU
without biases are linear along the line from zero to the row, so that their values add up to the
output; with biases, or smooth activations, they do not, and ``residual`` says by how much. It costs
what a slope costs; integrated gradients mend the sum at some ten times the price.
"""

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.deep.network import Network
from whence.deep.target import Target, check_target


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InputXGradient:
    """The gradient of the output by the input, times the input.

    Of tokens it is the product of the gradient and the vector of the token.

    Attributes
    ----------
    target : int, str, Contrast, tuple, callable or None
        Which output; see `whence.deep.target.Target`. None: the one output, or the predicted one
        of each row.
    layer : str or None
        Explain the activations of this layer instead of the inputs.

    References
    ----------
    Shrikumar, Greenside, Shcherbina and Kundaje, doi:10.48550/arXiv.1605.01713.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> net = torch.nn.Linear(2, 1, bias=False)
    >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -1.0]]))
    >>> wh.explain(net, np.array([[2.0, 5.0]]), InputXGradient()).values[0, :, 0]
    array([ 6., -5.])
    """

    target: Target = None
    layer: str | None = None

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.48550/arXiv.1605.01713",)
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If the target is none, or the network has no such layer.
        """
        from whence.deep.engine.result import attribution, check_layer, running

        check_target(self.target)
        check_layer(view, self.layer)

        def explain(rows: Rows, *, rng: Generator) -> Attribution:  # noqa: ARG001  draws nothing
            with running(view, rows, self.target, self.layer) as run:
                own, scores, slopes = run.own_all()
                products = tuple(x * slope for x, slope in zip(own, slopes, strict=True))
                return attribution(run, products, scores=scores)

        return explain
