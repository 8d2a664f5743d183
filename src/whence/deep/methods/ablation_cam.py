"""Channels weighted by how far the score falls when each of them is taken away.

No gradient is taken. What comes before the layer is computed once per row where the network allows
it, and only the rest once per channel.
"""

from dataclasses import dataclass
from typing import ClassVar

from whence.core.explanation import Attribution
from whence.core.method import Explain
from whence.deep.network import Network
from whence.deep.target import Target


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AblationCam:
    """The channels of a layer, each weighted by the share of the score that is lost without it.

    A share of the size of the score: below zero where the score rises without the channel, also if
    the score itself is below zero, which the paper does not foresee. Where the score is 0, the fall
    itself. Channels of zeros make no difference, and cost nothing.

    Attributes
    ----------
    target : int, str, Contrast, tuple, callable or None
        Which output; see `whence.deep.target.Target`. None: the one output, or the predicted one
        of each row.
    layer : str, tuple of str or None
        The layer whose channels they are, by name; None takes the last whose places reach the
        score, and ``provenance.settings`` says which. The maps of several are averaged.
    relu : bool
        Keep only what is above zero, as the paper does.

    References
    ----------
    Desai and Ramaswamy, doi:10.1109/WACV45572.2020.9093360.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> nn = torch.nn
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    >>> X = np.random.default_rng(0).random((5, 1, 4, 4), dtype=np.float32)
    >>> e = wh.explain(net, X, AblationCam())
    >>> e.values.shape
    (5, 2, 2, 1)
    """

    target: Target = None
    layer: str | tuple[str, ...] | None = None
    relu: bool = False

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.1109/WACV45572.2020.9093360",)
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If the target is none, or the network has no such layer.
        """
        from whence.deep.engine.channels import by_taking_away, weighted

        return weighted(view, self.target, self.layer, by_taking_away, relu=self.relu)
