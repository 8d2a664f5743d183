"""Class activation maps: where the last map of a network shows what the score comes from.

With A_k the map of channel k at a layer and G_k the slope of the score by it:

====================  ==========================================================================
`GradCam`             sum_k mean(G_k) A_k
`GradCamPlusPlus`     sum_k w_k A_k,  w_k = sum of alpha relu(G_k),  alpha = 1 / (2 + G_k sum A_k)
`XGradCam`            sum_k w_k A_k,  w_k = sum(G_k A_k) / sum(A_k)
`LayerCam`            sum_k relu(G_k) A_k
`HiResCam`            sum_k G_k A_k
====================  ==========================================================================

Rows are passed once, and the way back is that from the score to the layer: a map costs hardly more
than a prediction; within ``wh.one_sweep()`` all maps of the same rows share one.

Of images, values are of shape (rows, height, width, targets), at the resolution of the layer, that
of tokens being told by the image; of series (rows, cells, targets), each cell a stretch of time; of
texts (rows, tokens, targets). The signed map is returned as the formula gives it; papers keep what
is above zero, which ``relu=True`` does, and stretch it from 0 to 1, which is left to pictures: it
would take away size and sign, by which maps are compared.
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
class GradCam:
    """Channels of a layer, each weighted by its mean slope.

    Weights forget where a slope is steep: behind a layer that reads places apart, `HiResCam` is
    faithful where this is not. Where all channels are pooled before one linear layer, both are
    that layer's own class activation map, divided by the number of cells.

    Attributes
    ----------
    target : int, str, Contrast, tuple, callable or None
        Which output; see `whence.deep.target.Target`. None: the one output, or the predicted one
        of each row.
    layer : str, tuple of str or None
        The layer whose map it is, by name; None takes the last whose places reach the score, and
        ``provenance.settings`` says which. Several are brought to the cells of the finest by
        interpolation, and averaged as they are: the one with the largest values counts most.
    relu : bool
        Keep only what is above zero, as the paper does.

    References
    ----------
    Selvaraju et al., doi:10.1109/ICCV.2017.74.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> nn = torch.nn
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    >>> X = np.random.default_rng(0).random((5, 1, 4, 4), dtype=np.float32)
    >>> wh.explain(net, X, GradCam()).values.shape
    (5, 2, 2, 1)
    """

    target: Target = None
    layer: str | tuple[str, ...] | None = None
    relu: bool = False

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.1109/ICCV.2017.74",)
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If the target is none, or the network has no such layer.
        """
        from whence.deep.engine.maps import mapped

        return mapped(view, self.target, self.layer, _grad_cam, relu=self.relu)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GradCamPlusPlus:
    """Channels weighted by their positive slopes, so that several objects count alike.

    For the exponential of the score, as in the paper, which leaves a positive factor that is the
    same for all channels; it is left out.

    Attributes
    ----------
    target, layer, relu : see `GradCam`

    References
    ----------
    Chattopadhay et al., doi:10.1109/WACV.2018.00097.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> nn = torch.nn
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    >>> X = np.random.default_rng(0).random((5, 1, 4, 4), dtype=np.float32)
    >>> wh.explain(net, X, GradCamPlusPlus()).values.shape
    (5, 2, 2, 1)
    """

    target: Target = None
    layer: str | tuple[str, ...] | None = None
    relu: bool = False

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.1109/WACV.2018.00097",)
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If the target is none, or the network has no such layer.
        """
        from whence.deep.engine.maps import mapped

        return mapped(view, self.target, self.layer, _grad_cam_plus_plus, relu=self.relu)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class XGradCam:
    """Channels weighted by their slopes where they are active.

    The weights that come nearest to a map which adds up to the score and follows what happens when
    a channel is taken away. A channel that adds up to 0 has no weight.

    Attributes
    ----------
    target, layer, relu : see `GradCam`

    References
    ----------
    Fu et al., doi:10.48550/arXiv.2008.02312.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> nn = torch.nn
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    >>> X = np.random.default_rng(0).random((5, 1, 4, 4), dtype=np.float32)
    >>> wh.explain(net, X, XGradCam()).values.shape
    (5, 2, 2, 1)
    """

    target: Target = None
    layer: str | tuple[str, ...] | None = None
    relu: bool = False

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.48550/arXiv.2008.02312",)
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If the target is none, or the network has no such layer.
        """
        from whence.deep.engine.maps import mapped

        return mapped(view, self.target, self.layer, _x_grad_cam, relu=self.relu)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerCam:
    """Activations weighted place by place by their positive slopes.

    Good at early layers too, where a mean over all places says little.

    Attributes
    ----------
    target, layer, relu : see `GradCam`

    References
    ----------
    Jiang et al., doi:10.1109/TIP.2021.3089943.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> nn = torch.nn
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    >>> X = np.random.default_rng(0).random((5, 1, 4, 4), dtype=np.float32)
    >>> wh.explain(net, X, LayerCam()).values.shape
    (5, 2, 2, 1)
    """

    target: Target = None
    layer: str | tuple[str, ...] | None = None
    relu: bool = False

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.1109/TIP.2021.3089943",)
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If the target is none, or the network has no such layer.
        """
        from whence.deep.engine.maps import mapped

        return mapped(view, self.target, self.layer, _layer_cam, relu=self.relu)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HiResCam:
    """Activations times slopes, place by place: what each place of the layer adds to the score.

    Where only linear layers follow, values add up to the score, but for their biases.

    Attributes
    ----------
    target, layer, relu : see `GradCam`

    References
    ----------
    Draelos and Carin, doi:10.48550/arXiv.2011.08891.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> nn = torch.nn
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    >>> X = np.random.default_rng(0).random((5, 1, 4, 4), dtype=np.float32)
    >>> wh.explain(net, X, HiResCam()).values.shape
    (5, 2, 2, 1)
    """

    target: Target = None
    layer: str | tuple[str, ...] | None = None
    relu: bool = False

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.48550/arXiv.2011.08891",)
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If the target is none, or the network has no such layer.
        """
        from whence.deep.engine.maps import mapped

        return mapped(view, self.target, self.layer, _hi_res_cam, relu=self.relu)


def _grad_cam(A: "Tensor", G: "Tensor") -> "Tensor":
    return (G.mean(dim=-1, keepdim=True) * A).sum(dim=-2)


def _grad_cam_plus_plus(A: "Tensor", G: "Tensor") -> "Tensor":
    # Where a slope is below zero its weight is 0, so that only there the sum may come near to -2.
    below = 2 + G * A.sum(dim=-1, keepdim=True)
    slopes = G.clamp(min=0)
    weights = (slopes / below.where(below != 0, 1)).sum(dim=-1, keepdim=True)
    return (weights * A).sum(dim=-2)


def _x_grad_cam(A: "Tensor", G: "Tensor") -> "Tensor":
    total = A.sum(dim=-1, keepdim=True)
    weights = (G * A).sum(dim=-1, keepdim=True) / total.where(total != 0, 1)
    return (weights.where(total != 0, 0) * A).sum(dim=-2)


def _layer_cam(A: "Tensor", G: "Tensor") -> "Tensor":
    return (G.clamp(min=0) * A).sum(dim=-2)


def _hi_res_cam(A: "Tensor", G: "Tensor") -> "Tensor":
    return (G * A).sum(dim=-2)
