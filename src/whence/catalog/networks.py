"""The methods that read a network of torch: gradients, activations, operations and attention."""

from collections.abc import Callable

from whence.catalog.listing import ANY, Listing
from whence.core.inputs import Images, Series
from whence.core.table import Table
from whence.deep.methods.ablation_cam import AblationCam
from whence.deep.methods.attention import Attention
from whence.deep.methods.attention_relevance import AttentionRelevance
from whence.deep.methods.attention_rollout import AttentionFlow, AttentionRollout
from whence.deep.methods.cams import GradCam, GradCamPlusPlus, HiResCam, LayerCam, XGradCam
from whence.deep.methods.deep_lift import DeepLift
from whence.deep.methods.deep_shap import DeepShap
from whence.deep.methods.eigen_cam import EigenCam
from whence.deep.methods.expected_gradients import ExpectedGradients
from whence.deep.methods.guided_backprop import GuidedBackprop
from whence.deep.methods.input_x_gradient import InputXGradient
from whence.deep.methods.integrated_gradients import IntegratedGradients
from whence.deep.methods.lrp import Lrp
from whence.deep.methods.saliency import Saliency
from whence.deep.methods.score_cam import ScoreCam
from whence.deep.methods.smooth_grad import SmoothGrad
from whence.deep.methods.temporal_saliency_rescaling import TemporalSaliencyRescaling

_MAPS = (Images, Series)
_NUMBERS = (Table, Images, Series)


def _said(text: str) -> Callable[[int, int], str]:
    """Return a cost that is the same for any number of players and rows."""
    return lambda players, rows: text  # noqa: ARG005  whatever their number


def _attribution(method: type, cost: str, guarantee: str, kinds: tuple[type, ...] = ANY) -> Listing:
    return Listing(
        method=method, question="attribution", kinds=kinds, cost=_said(cost), guarantee=guarantee
    )


_SWEEP = "one pass forward and back"
_CHANNELS = "a prediction per channel of the layer"

NETWORKS = (
    _attribution(
        IntegratedGradients,
        "7 to 300 passes forward and back; stops when exact enough",
        "to a tolerance, with an error on every value; adds up to output less baseline",
    ),
    _attribution(
        ExpectedGradients,
        "at most 200 passes forward and back; stops when settled",
        "mean over a background, with standard error; adds up to output less mean output",
    ),
    _attribution(
        DeepLift,
        "two passes forward, one back",
        "each operation's share, by its chord; adds up to output less baseline",
    ),
    _attribution(
        DeepShap,
        "a pass back, and of the background one forward, per row of it",
        "mean over a background, with standard error; adds up to output less mean output",
        _NUMBERS,
    ),
    _attribution(
        InputXGradient, _SWEEP, "slope times input, exact; adds up for ReLU without biases"
    ),
    _attribution(
        SmoothGrad,
        "50 passes forward and back, as set",
        "mean slope under noise, or its square or variance, with standard errors; does not add up",
        _NUMBERS,
    ),
    _attribution(GuidedBackprop, _SWEEP, "edges that excite the first layers; fails sanity checks"),
    _attribution(Saliency, _SWEEP, "the slope of the output, exact; does not add up"),
    _attribution(
        GradCam, _SWEEP, "the last map, each channel by its mean slope; does not add up", _MAPS
    ),
    _attribution(
        GradCamPlusPlus, _SWEEP, "the last map, each channel by its positive slopes", _MAPS
    ),
    _attribution(
        XGradCam, _SWEEP, "the last map, each channel by its slope where it is active", _MAPS
    ),
    _attribution(LayerCam, _SWEEP, "the last map, each cell by its own positive slope", _MAPS),
    _attribution(
        HiResCam, _SWEEP, "the last map, each cell by its slope: exact for a linear head", _MAPS
    ),
    _attribution(
        EigenCam, "one prediction", "what the channels of the last map have in common", _MAPS
    ),
    _attribution(
        ScoreCam, _CHANNELS, "the last map, each channel by what it alone lets through", _MAPS
    ),
    _attribution(
        AblationCam, _CHANNELS, "the last map, each channel by what is lost without it", _MAPS
    ),
    _attribution(
        TemporalSaliencyRescaling,
        "an explanation by another method per point in time, and per channel of the strong ones",
        "which times, and which channels then; does not add up",
        (Series,),
    ),
    _attribution(
        AttentionRelevance,
        _SWEEP,
        "attention weighed by what raises the output, through all layers; does not add up",
    ),
    _attribution(
        AttentionRollout, "one prediction", "attention through all layers; no explanation by itself"
    ),
    _attribution(
        AttentionFlow,
        "one prediction, and a maximum flow per position",
        "the most attention that can come from each position; no explanation by itself",
    ),
    _attribution(
        Attention, "one prediction", "weights of every layer and head; no explanation by itself"
    ),
    _attribution(
        Lrp, _SWEEP, "handed back by rules; what biases kept is the residual; patents are claimed"
    ),
)
