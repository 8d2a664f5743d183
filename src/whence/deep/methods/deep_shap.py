"""DeepLIFT against each row of a background, and the mean of what it says.

Where there is no single row that stands for "nothing known", a sample does. The mean of DeepLIFT's
values over it approximates Shapley values: exactly so of a network that is linear or a product of
two, and of others as far as its operations can be explained one by one. What the sample leaves open
is told by standard errors.
"""

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from whence.core.explanation import Attribution
from whence.core.inputs import inputs_of
from whence.core.method import Explain, Rows
from whence.deep.network import Network
from whence.deep.target import Target, check_target


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeepShap:
    """The mean of DeepLIFT's contributions over the rows of a background.

    Each row of the background costs one pass forward of its own and, per target, one back; the rows
    explained are passed once for all of them. ``base_values`` are the mean output of the
    background, and ``stderr`` what would change with another background of as many rows.

    Attributes
    ----------
    background : table, images or series
        Rows that stand for "unknown", in the form of X; 10 to 100 of them do as a rule. Texts are
        not of one length; explain them by ``DeepLift``.
    target : int, str, Contrast, tuple, callable or None
        Which output; see `whence.deep.target.Target`. None: the one output, or the predicted one
        of each row.
    layer : str or None
        Explain the activations of this layer instead of the inputs.

    References
    ----------
    Lundberg and Lee, doi:10.48550/arXiv.1705.07874; Chen, Lundberg and Lee,
    doi:10.1038/s41467-022-31384-3; Shrikumar, Greenside and Kundaje, doi:10.48550/arXiv.1704.02685.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> class Product(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x[:, 0] * x[:, 1]
    >>> e = wh.explain(Product(), np.array([[3.0, 2.0]]), DeepShap(background=np.eye(2)))
    >>> e.values[0, :, 0], e.base_values[0]
    (array([3.25, 2.75]), array([0.]))
    """

    background: object
    target: Target = None
    layer: str | None = None

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = (
        "10.48550/arXiv.1705.07874", "10.1038/s41467-022-31384-3", "10.48550/arXiv.1704.02685",
    )  # fmt: skip
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If target or background cannot be used, or the network has no such layer.
        """
        from whence.deep.engine.lifted import against_rows, lifted
        from whence.deep.engine.result import check_layer, running

        check_target(self.target)
        check_layer(view, self.layer)
        background = inputs_of(self.background)
        view.check(background)

        def explain(rows: Rows, *, rng: Generator) -> Attribution:  # noqa: ARG001  draws nothing
            with running(view, rows, self.target, self.layer) as run:
                return lifted(run, against_rows(run, background), "DeepShap", sampled=True)

        return explain
