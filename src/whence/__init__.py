"""Answer one question: where did this prediction come from.

Explain any model, measure the explanation, and keep the record.

    >>> import whence as wh                                          # doctest: +SKIP
    >>> e = wh.explain(model, X, wh.TreeShap(background=X_train))    # doctest: +SKIP
    >>> wh.plot(e)                                                   # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

from whence.core.version import __version__ as __version__

if TYPE_CHECKING:
    from whence import plots as plots
    from whence.api import bind as bind
    from whence.api import explain as explain
    from whence.catalog import methods as methods
    from whence.core.codec import load as load
    from whence.core.constraints import Constraints as Constraints
    from whence.core.effect import Curve as Curve
    from whence.core.effect import Effect as Effect
    from whence.core.errors import InputError as InputError
    from whence.core.errors import MissingDependencyError as MissingDependencyError
    from whence.core.errors import UnsupportedModelError as UnsupportedModelError
    from whence.core.errors import VerificationError as VerificationError
    from whence.core.errors import WhenceError as WhenceError
    from whence.core.examples import Examples as Examples
    from whence.core.explanation import Attribution as Attribution
    from whence.core.explanation import Interaction as Interaction
    from whence.core.inputs import images_of as images_of
    from whence.core.inputs import series_of as series_of
    from whence.core.inputs import texts_of as texts_of
    from whence.core.measurement import Measurement as Measurement
    from whence.core.rules import Predicate as Predicate
    from whence.core.rules import Rules as Rules
    from whence.deep.methods.ablation_cam import AblationCam as AblationCam
    from whence.deep.methods.attention import Attention as Attention
    from whence.deep.methods.attention_relevance import AttentionRelevance as AttentionRelevance
    from whence.deep.methods.attention_rollout import AttentionFlow as AttentionFlow
    from whence.deep.methods.attention_rollout import AttentionRollout as AttentionRollout
    from whence.deep.methods.cams import GradCam as GradCam
    from whence.deep.methods.cams import GradCamPlusPlus as GradCamPlusPlus
    from whence.deep.methods.cams import HiResCam as HiResCam
    from whence.deep.methods.cams import LayerCam as LayerCam
    from whence.deep.methods.cams import XGradCam as XGradCam
    from whence.deep.methods.deep_lift import DeepLift as DeepLift
    from whence.deep.methods.deep_shap import DeepShap as DeepShap
    from whence.deep.methods.eigen_cam import EigenCam as EigenCam
    from whence.deep.methods.expected_gradients import ExpectedGradients as ExpectedGradients
    from whence.deep.methods.guided_backprop import GuidedBackprop as GuidedBackprop
    from whence.deep.methods.input_x_gradient import InputXGradient as InputXGradient
    from whence.deep.methods.integrated_gradients import GuidedPath as GuidedPath
    from whence.deep.methods.integrated_gradients import IntegratedGradients as IntegratedGradients
    from whence.deep.methods.lrp import Composite as Composite
    from whence.deep.methods.lrp import Lrp as Lrp
    from whence.deep.methods.lrp import conservation as conservation
    from whence.deep.methods.saliency import Saliency as Saliency
    from whence.deep.methods.score_cam import ScoreCam as ScoreCam
    from whence.deep.methods.smooth_grad import SmoothGrad as SmoothGrad
    from whence.deep.methods.temporal_saliency_rescaling import (
        TemporalSaliencyRescaling as TemporalSaliencyRescaling,
    )
    from whence.deep.network import network as network
    from whence.deep.sharing import one_sweep as one_sweep
    from whence.deep.target import Contrast as Contrast
    from whence.deep.target import Neuron as Neuron
    from whence.explainers.accumulated_local_effects import (
        AccumulatedLocalEffects as AccumulatedLocalEffects,
    )
    from whence.explainers.anchors import Anchors as Anchors
    from whence.explainers.counterfactuals import Counterfactuals as Counterfactuals
    from whence.explainers.criticisms import Criticisms as Criticisms
    from whence.explainers.decision_surface import DecisionSurface as DecisionSurface
    from whence.explainers.exact_shap import ExactShap as ExactShap
    from whence.explainers.h_statistic import HStatistic as HStatistic
    from whence.explainers.influence import Influence as Influence
    from whence.explainers.kernel_shap import KernelShap as KernelShap
    from whence.explainers.leave_one_covariate_out import (
        LeaveOneCovariateOut as LeaveOneCovariateOut,
    )
    from whence.explainers.lime import Lime as Lime
    from whence.explainers.linear_shap import LinearShap as LinearShap
    from whence.explainers.nearest_examples import NearestExamples as NearestExamples
    from whence.explainers.occlusion import Occlusion as Occlusion
    from whence.explainers.partial_dependence import PartialDependence as PartialDependence
    from whence.explainers.partition_shap import PartitionShap as PartitionShap
    from whence.explainers.permutation_importance import (
        PermutationImportance as PermutationImportance,
    )
    from whence.explainers.permutation_shap import PermutationShap as PermutationShap
    from whence.explainers.prototypes import Prototypes as Prototypes
    from whence.explainers.regional_effects import RegionalEffects as RegionalEffects
    from whence.explainers.rule_list import RuleList as RuleList
    from whence.explainers.sage import Sage as Sage
    from whence.explainers.shapley_interactions import ShapleyInteractions as ShapleyInteractions
    from whence.explainers.surrogate_tree import SurrogateTree as SurrogateTree
    from whence.explainers.tree_banzhaf import TreeBanzhaf as TreeBanzhaf
    from whence.explainers.tree_interactions import TreeInteractions as TreeInteractions
    from whence.explainers.tree_shap import TreeShap as TreeShap
    from whence.glassbox.ebm import TermEffects as TermEffects
    from whence.glassbox.ebm import Terms as Terms
    from whence.glassbox.linear import LinearCoefficients as LinearCoefficients
    from whence.glassbox.tradeoff import tradeoff as tradeoff
    from whence.glassbox.tree import DecisionPath as DecisionPath
    from whence.glassbox.tree import DecisionTreeRules as DecisionTreeRules
    from whence.maskers.causal import Causal as Causal
    from whence.maskers.conditional import Conditional as Conditional
    from whence.maskers.image import ImageMasker as ImageMasker
    from whence.maskers.series import SeriesMasker as SeriesMasker
    from whence.maskers.tabular import Baseline as Baseline
    from whence.maskers.tabular import Marginal as Marginal
    from whence.maskers.text import TextMasker as TextMasker
    from whence.metrics.pick import submodular_pick as submodular_pick
    from whence.metrics.representation import representation as representation
    from whence.metrics.stability import stability as stability
    from whence.models.endpoint import Endpoint as Endpoint
    from whence.plots import plot as plot
    from whence.reports.narrate import narrate as narrate
    from whence.reports.report import report as report

_HOME = {
    "AblationCam": "whence.deep.methods.ablation_cam",
    "AccumulatedLocalEffects": "whence.explainers.accumulated_local_effects",
    "Anchors": "whence.explainers.anchors",
    "Attention": "whence.deep.methods.attention",
    "AttentionFlow": "whence.deep.methods.attention_rollout",
    "AttentionRelevance": "whence.deep.methods.attention_relevance",
    "AttentionRollout": "whence.deep.methods.attention_rollout",
    "Attribution": "whence.core.explanation",
    "Baseline": "whence.maskers.tabular",
    "Causal": "whence.maskers.causal",
    "Composite": "whence.deep.methods.lrp",
    "Conditional": "whence.maskers.conditional",
    "Constraints": "whence.core.constraints",
    "Contrast": "whence.deep.target",
    "Counterfactuals": "whence.explainers.counterfactuals",
    "Criticisms": "whence.explainers.criticisms",
    "Curve": "whence.core.effect",
    "DecisionPath": "whence.glassbox.tree",
    "DecisionSurface": "whence.explainers.decision_surface",
    "DecisionTreeRules": "whence.glassbox.tree",
    "DeepLift": "whence.deep.methods.deep_lift",
    "DeepShap": "whence.deep.methods.deep_shap",
    "Effect": "whence.core.effect",
    "EigenCam": "whence.deep.methods.eigen_cam",
    "Endpoint": "whence.models.endpoint",
    "ExactShap": "whence.explainers.exact_shap",
    "Examples": "whence.core.examples",
    "ExpectedGradients": "whence.deep.methods.expected_gradients",
    "GradCam": "whence.deep.methods.cams",
    "GradCamPlusPlus": "whence.deep.methods.cams",
    "GuidedBackprop": "whence.deep.methods.guided_backprop",
    "GuidedPath": "whence.deep.methods.integrated_gradients",
    "HStatistic": "whence.explainers.h_statistic",
    "HiResCam": "whence.deep.methods.cams",
    "ImageMasker": "whence.maskers.image",
    "Influence": "whence.explainers.influence",
    "InputError": "whence.core.errors",
    "InputXGradient": "whence.deep.methods.input_x_gradient",
    "IntegratedGradients": "whence.deep.methods.integrated_gradients",
    "Interaction": "whence.core.explanation",
    "KernelShap": "whence.explainers.kernel_shap",
    "LayerCam": "whence.deep.methods.cams",
    "LeaveOneCovariateOut": "whence.explainers.leave_one_covariate_out",
    "Lime": "whence.explainers.lime",
    "LinearCoefficients": "whence.glassbox.linear",
    "LinearShap": "whence.explainers.linear_shap",
    "Lrp": "whence.deep.methods.lrp",
    "Marginal": "whence.maskers.tabular",
    "Measurement": "whence.core.measurement",
    "MissingDependencyError": "whence.core.errors",
    "NearestExamples": "whence.explainers.nearest_examples",
    "Neuron": "whence.deep.target",
    "Occlusion": "whence.explainers.occlusion",
    "PartialDependence": "whence.explainers.partial_dependence",
    "PartitionShap": "whence.explainers.partition_shap",
    "PermutationImportance": "whence.explainers.permutation_importance",
    "PermutationShap": "whence.explainers.permutation_shap",
    "Predicate": "whence.core.rules",
    "Prototypes": "whence.explainers.prototypes",
    "RegionalEffects": "whence.explainers.regional_effects",
    "RuleList": "whence.explainers.rule_list",
    "Rules": "whence.core.rules",
    "Sage": "whence.explainers.sage",
    "Saliency": "whence.deep.methods.saliency",
    "ScoreCam": "whence.deep.methods.score_cam",
    "SeriesMasker": "whence.maskers.series",
    "ShapleyInteractions": "whence.explainers.shapley_interactions",
    "SmoothGrad": "whence.deep.methods.smooth_grad",
    "SurrogateTree": "whence.explainers.surrogate_tree",
    "TemporalSaliencyRescaling": "whence.deep.methods.temporal_saliency_rescaling",
    "TermEffects": "whence.glassbox.ebm",
    "Terms": "whence.glassbox.ebm",
    "TextMasker": "whence.maskers.text",
    "TreeBanzhaf": "whence.explainers.tree_banzhaf",
    "TreeInteractions": "whence.explainers.tree_interactions",
    "TreeShap": "whence.explainers.tree_shap",
    "UnsupportedModelError": "whence.core.errors",
    "VerificationError": "whence.core.errors",
    "WhenceError": "whence.core.errors",
    "XGradCam": "whence.deep.methods.cams",
    "bind": "whence.api",
    "conservation": "whence.deep.methods.lrp",
    "explain": "whence.api",
    "images_of": "whence.core.inputs",
    "load": "whence.core.codec",
    "methods": "whence.catalog",
    "narrate": "whence.reports.narrate",
    "network": "whence.deep.network",
    "one_sweep": "whence.deep.sharing",
    "plot": "whence.plots",
    "plots": "whence",
    "report": "whence.reports.report",
    "representation": "whence.metrics.representation",
    "series_of": "whence.core.inputs",
    "stability": "whence.metrics.stability",
    "submodular_pick": "whence.metrics.pick",
    "texts_of": "whence.core.inputs",
    "tradeoff": "whence.glassbox.tradeoff",
}


def __getattr__(name: str) -> object:
    """Import a public name the first time it is asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'whence' has no attribute {name!r}")
    if _HOME[name] == "whence":
        return import_module(f"whence.{name}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return list(_HOME)
