"""Channels weighted by what the network says of the row seen through each of them.

No gradient is taken: as many predictions per row as the layer has channels.
"""

from dataclasses import dataclass
from typing import ClassVar

from whence.core.explanation import Attribution
from whence.core.method import Explain
from whence.deep.network import Network
from whence.deep.target import Target


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreCam:
    """The channels of a layer, each weighted by the score of the image masked with its map.

    Weights are shares of one: the softmax over channels of the scores. Of raw outputs, which differ
    by more than one, the largest takes nearly all; ``output="probability"`` weighs by probabilities
    instead, as the authors' own code does. What the network says of an empty image, which the paper
    subtracts, changes no share. Channels that are the same everywhere are left out.

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
    Wang et al., doi:10.1109/CVPRW50498.2020.00020.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> nn = torch.nn
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    >>> X = np.random.default_rng(0).random((5, 1, 4, 4), dtype=np.float32)
    >>> e = wh.explain(net, X, ScoreCam(), output="probability")
    >>> e.values.shape
    (5, 2, 2, 1)
    """

    target: Target = None
    layer: str | tuple[str, ...] | None = None
    relu: bool = False

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.1109/CVPRW50498.2020.00020",)
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If the target is none, or the network has no such layer.
        """
        from whence.deep.engine.channels import by_showing, weighted

        return weighted(view, self.target, self.layer, by_showing, relu=self.relu)
