"""How much each input contributed to the difference between the output and that of a baseline.

A network is passed twice, at the row and at a baseline. Each operation then tells how its own rise
is due to the rises of what it read, by a rule that explains it in full; on the way back these
multipliers are chained as gradients are. Where a gradient is zero because a unit is saturated, the
multiplier is not. Values add up to the rise of the output, to rounding.

Rules are put in the place of operations as they happen, whatever module, function or operator wrote
them. An operation without a rule is refused by name.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.deep.baseline import Baseline, check_baseline
from whence.deep.network import Network
from whence.deep.target import Target, check_target

Rule: TypeAlias = Literal["rescale", "reveal_cancel", "genomics"]

_RULES: tuple[Rule, ...] = get_args(Rule)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeepLift:
    """Contributions to the difference from a baseline, operation by operation.

    Linear operations keep their weights; a function of one number has the slope of its chord
    ("rescale"); of a product each side has the mean of the other; the larger of some numbers is
    explained by those chosen at the row and the baseline; softmax, normalization and other smooth
    operations have their own slope, integrated from baseline to row. It costs two passes forward
    and, per target, one back.

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
        Explain the activations of this layer instead of the inputs.
    rule : {"rescale", "reveal_cancel", "genomics"}
        Of functions of one number: "rescale" takes the slope of the chord. "reveal_cancel" keeps
        apart what raises a unit and what lowers it, so that two inputs that cancel are both seen;
        it costs a third pass, with two streams. "genomics" reveals after dense layers and rescales
        after convolutions, as the authors do with sequences.

    References
    ----------
    Shrikumar, Greenside and Kundaje, doi:10.48550/arXiv.1704.02685.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> class Saturated(torch.nn.Module):
    ...     def forward(self, x):
    ...         return 1 - torch.relu(1 - x.sum(dim=1))
    >>> wh.explain(Saturated(), np.array([[1.0, 3.0]]), DeepLift()).values[0, :, 0]
    array([0.25, 0.75])
    """

    baseline: Baseline = None
    target: Target = None
    layer: str | None = None
    rule: Rule = "rescale"

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.48550/arXiv.1704.02685",)
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If a setting cannot be used, or the network has no such layer.
        """
        from whence.deep.engine.lifted import against_baselines, lifted
        from whence.deep.engine.result import check_layer, running

        check_target(self.target)
        check_baseline(self.baseline)
        check_layer(view, self.layer)
        if self.rule not in _RULES:
            raise InputError(f"rule is {self.rule!r}. Give one of {', '.join(map(repr, _RULES))}.")

        def explain(rows: Rows, *, rng: Generator) -> Attribution:  # noqa: ARG001  draws nothing
            with running(view, rows, self.target, self.layer) as run:
                against = against_baselines(run, self.baseline)
                return lifted(run, against, "DeepLift", sampled=False, rule=self.rule)

        return explain
