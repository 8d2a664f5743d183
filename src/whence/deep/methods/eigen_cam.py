"""What stands out most in the last map of a network, whatever its score.

The first principal component of the channels at a layer, all rows decomposed at once. No gradient
is taken, so that a map costs a prediction.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from whence.core.explanation import Attribution
from whence.core.method import Explain
from whence.deep.network import Network
from whence.deep.target import Target

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EigenCam:
    """What stands out most in a layer, whatever the score: its first principal component.

    No explanation of a prediction: it is the same for every target, and tells what a layer sees.
    Its sign is such that the largest magnitude is above zero.

    Attributes
    ----------
    target : int, str, Contrast, tuple, callable or None
        Which outputs are told beside the map, which is the same for all.
    layer : str, tuple of str or None
        The layer whose map it is, by name; None takes the last whose places reach the score.
    relu : bool
        Keep only what is above zero.

    References
    ----------
    Muhammad and Yeasin, doi:10.1109/IJCNN48605.2020.9206626.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> nn = torch.nn
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    >>> X = np.random.default_rng(0).random((5, 1, 4, 4), dtype=np.float32)
    >>> wh.explain(net, X, EigenCam()).values.shape
    (5, 2, 2, 1)
    """

    target: Target = None
    layer: str | tuple[str, ...] | None = None
    relu: bool = False

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.1109/IJCNN48605.2020.9206626",)
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If the target is none, or the network has no such layer.
        """
        from whence.deep.engine.eigen import first_component
        from whence.deep.engine.maps import mapped

        def formula(A: "Tensor", G: "Tensor") -> "Tensor":
            found = first_component(A)
            return found.expand(len(G), *found.shape)

        return mapped(view, self.target, self.layer, formula, relu=self.relu, slopes=False)
