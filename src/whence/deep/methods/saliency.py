"""The slope of the output by each input: what a small change there would do.

A gradient says how the output reacts to a small change of a pixel or word, not how much of the
output is due to it; values do not add up to the output. It costs one pass forward and one backward
per target, the least of all methods that read a network.
"""

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.deep.network import Network
from whence.deep.target import Target, check_target


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Saliency:
    """The gradient of the output by the input.

    Attributes
    ----------
    target : int, str, Contrast, tuple, callable or None
        Which output; see `whence.deep.target.Target`. None: the one output, or the predicted one
        of each row.
    layer : str or None
        Explain the activations of this layer instead of the inputs.
    absolute : bool
        Magnitudes, of pixels the largest over the channels and of tokens over the numbers of their
        vectors, as in the paper; False keeps the sign and takes sums.

    References
    ----------
    Simonyan, Vedaldi and Zisserman, doi:10.48550/arXiv.1312.6034.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> net = torch.nn.Linear(2, 1)
    >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -1.0]]))
    >>> wh.explain(net, np.ones((1, 2)), Saliency(absolute=False)).values[0, :, 0]
    array([ 3., -1.])
    """

    target: Target = None
    layer: str | None = None
    absolute: bool = True

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.48550/arXiv.1312.6034",)
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If the target is none, or the network has no such layer.
        """
        from whence.deep.engine.result import attribution, check_layer, running, summed_slopes

        check_target(self.target)
        check_layer(view, self.layer)
        if not isinstance(self.absolute, bool):
            raise InputError(f"absolute is {self.absolute!r}. Give True or False.")

        def explain(rows: Rows, *, rng: Generator) -> Attribution:  # noqa: ARG001  draws nothing
            with running(view, rows, self.target, self.layer) as run:
                scores, slopes = run.own_gradients()
                if self.absolute:
                    slopes = tuple(part.abs() for part in slopes)
                return attribution(
                    run, slopes, scores=scores, merge="largest" if self.absolute else "sum",
                    warnings=() if self.absolute else summed_slopes(run),
                )  # fmt: skip

        return explain
