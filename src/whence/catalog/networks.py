"""The methods that read a network of torch: gradients, activations, operations and attention."""

from whence.catalog.listing import ANY, Listing
from whence.core.inputs import Images, Series
from whence.deep.methods.cams import GradCam, GradCamPlusPlus, HiResCam, LayerCam, XGradCam
from whence.deep.methods.eigen_cam import EigenCam
from whence.deep.methods.integrated_gradients import IntegratedGradients
from whence.deep.methods.saliency import Saliency

_MAPS = (Images, Series)


def _pass(players: int, rows: int) -> str:  # noqa: ARG001  however many
    return "one pass forward and back"


def _path(players: int, rows: int) -> str:  # noqa: ARG001  however many
    return "7 to 60 passes forward and back; stops when exact enough"


NETWORKS = (
    Listing(
        method=IntegratedGradients,
        question="attribution",
        kinds=ANY,
        cost=_path,
        guarantee="to a tolerance, with an error on every value; adds up to output less baseline",
    ),
    Listing(
        method=Saliency,
        question="attribution",
        kinds=ANY,
        cost=_pass,
        guarantee="the slope of the output, exact; does not add up",
    ),
    *(
        Listing(
            method=method,
            question="attribution",
            kinds=_MAPS,
            cost=_pass,
            guarantee=guarantee,
        )
        for method, guarantee in (
            (GradCam, "evidence at the last map, each channel by its mean slope; does not add up"),
            (GradCamPlusPlus, "the same, each channel by its positive slopes; does not add up"),
            (XGradCam, "the same, each channel by its slope where it is active; does not add up"),
            (LayerCam, "the same, each cell by its own positive slope; does not add up"),
            (HiResCam, "each cell by its own slope: the layer's part of a linear head"),
            (EigenCam, "what the channels of the last map have in common; no target"),
        )
    ),
)
