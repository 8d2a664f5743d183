"""What a value of an attribution is: a contribution, a slope, evidence on a map, or attention."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What one value says.

    Attributes
    ----------
    noun : str
        What it is called in pictures.
    in_unit : bool
        Whether it is in the unit of the output.
    verb : str
        What the output does to the parts of the largest values, in prose; "" of contributions,
        which are told as movements of the output.
    caveat : str
        What it does not say.
    """

    noun: str
    in_unit: bool = False
    verb: str = ""
    caveat: str = ""


CONTRIBUTION: Final = Meaning(noun="contribution", in_unit=True)
_SLOPE: Final = Meaning(
    noun="slope",
    verb="reacts most to",
    caveat=(
        "A slope says how the output would begin to change with a part, not how much of it is due "
        "to that part."
    ),
)
_MAP: Final = Meaning(
    noun="evidence",
    verb="rests most on",
    caveat="Evidence is weighed at one layer, and is no share of the output.",
)
_ATTENTION: Final = Meaning(
    noun="attention",
    verb="is made with most attention to",
    caveat="Attention says where the network looked, not what moved its output.",
)
_TIMES: Final = Meaning(
    noun="importance in time",
    verb="hangs most on",
    caveat="Sizes rank times and channels; they are no shares of the output.",
)
_RELEVANCE: Final = Meaning(
    noun="relevance",
    verb="is made with most attention, as far as it raises the output, to",
    caveat="Relevance of attention is no share of the output.",
)

_MEANINGS: Final = {
    **dict.fromkeys(("Saliency", "SmoothGrad", "GuidedBackprop"), _SLOPE),
    **dict.fromkeys(
        (
            "GradCam", "GradCamPlusPlus", "LayerCam", "HiResCam", "XGradCam", "EigenCam",
            "ScoreCam", "AblationCam",
        ),
        _MAP,
    ),
    **dict.fromkeys(("Attention", "AttentionRollout", "AttentionFlow"), _ATTENTION),
    "AttentionRelevance": _RELEVANCE,
    "TemporalSaliencyRescaling": _TIMES,
}  # fmt: skip

NO_SUM: Final = (*_MEANINGS, "SII", "BII", "FBII", "H", "TreeBanzhaf", "Occlusion")
"""Indices and methods whose values do not add up to the output, and need not."""


def meaning(method: str) -> Meaning:
    """Return what a value is that a method gave.

    Examples
    --------
    >>> meaning("Saliency").noun, meaning("KernelShap").noun
    ('slope', 'contribution')
    """
    return _MEANINGS.get(method, CONTRIBUTION)
