"""The list of methods: what each answers, what it costs, and what it guarantees."""

from whence.catalog.listing import ANY, MANY, TABLES, Listing
from whence.catalog.networks import NETWORKS
from whence.explainers.accumulated_local_effects import AccumulatedLocalEffects
from whence.explainers.anchors import Anchors
from whence.explainers.counterfactuals import Counterfactuals
from whence.explainers.criticisms import Criticisms
from whence.explainers.decision_surface import DecisionSurface
from whence.explainers.exact_shap import ExactShap
from whence.explainers.h_statistic import HStatistic
from whence.explainers.influence import Influence
from whence.explainers.kernel_shap import KernelShap
from whence.explainers.leave_one_covariate_out import LeaveOneCovariateOut
from whence.explainers.lime import Lime
from whence.explainers.linear_shap import LinearShap
from whence.explainers.nearest_examples import NearestExamples
from whence.explainers.occlusion import Occlusion
from whence.explainers.partial_dependence import PartialDependence
from whence.explainers.partition_shap import PartitionShap
from whence.explainers.permutation_importance import PermutationImportance
from whence.explainers.permutation_shap import PermutationShap
from whence.explainers.prototypes import Prototypes
from whence.explainers.regional_effects import RegionalEffects
from whence.explainers.rule_list import RuleList
from whence.explainers.sage import Sage
from whence.explainers.shapley_interactions import ShapleyInteractions
from whence.explainers.surrogate_tree import SurrogateTree
from whence.explainers.tree_banzhaf import TreeBanzhaf
from whence.explainers.tree_interactions import TreeInteractions
from whence.explainers.tree_shap import TreeShap
from whence.glassbox.ebm import TermEffects, Terms
from whence.glassbox.linear import LinearCoefficients
from whence.glassbox.tree import DecisionPath, DecisionTreeRules

_EXACT = "exact; adds up to the prediction"
_SAMPLED = "standard error on every value; adds up to the prediction"


def _free(players: int, rows: int) -> str:  # noqa: ARG001  costs nothing, however many
    return "one prediction"


def _enumerated(players: int, rows: int) -> str:
    if players > MANY:
        return f"2^{players} x {rows} predictions"
    return f"{2**players * rows:,} predictions"


def _sampled(players: int, rows: int) -> str:
    most = max(2_048, 32 * players)
    return f"at most {most:,} x {rows} predictions; stops when settled"


CATALOG = (
    Listing(method=TreeShap, question="attribution", kinds=TABLES, cost=_free, guarantee=_EXACT),
    Listing(method=LinearShap, question="attribution", kinds=TABLES, cost=_free, guarantee=_EXACT),
    Listing(
        method=ExactShap, question="attribution", kinds=ANY, cost=_enumerated, guarantee=_EXACT
    ),
    Listing(
        method=KernelShap, question="attribution", kinds=ANY, cost=_sampled, guarantee=_SAMPLED
    ),
    Listing(
        method=PermutationShap,
        question="attribution",
        kinds=ANY,
        cost=_sampled,
        guarantee=_SAMPLED,
    ),
    Listing(
        method=PartitionShap, question="attribution", kinds=ANY, cost=_sampled, guarantee=_SAMPLED
    ),
    Listing(
        method=Lime,
        question="attribution",
        kinds=ANY,
        cost=lambda players, rows: "at most 5,000 predictions; stops when settled",  # noqa: ARG005  whatever their number
        guarantee="standard error on every coefficient; held-out fidelity",
    ),
    Listing(
        method=Occlusion,
        question="attribution",
        kinds=ANY,
        cost=lambda players, rows: f"{players * rows:,} predictions",
        guarantee="exact effect of leaving out one part; does not add up",
    ),
    Listing(
        method=TreeBanzhaf,
        question="attribution",
        kinds=TABLES,
        cost=_free,
        guarantee="exact; does not add up",
    ),
    Listing(
        method=TreeInteractions, question="interaction", kinds=TABLES, cost=_free, guarantee=_EXACT
    ),
    Listing(
        method=ShapleyInteractions,
        question="interaction",
        kinds=ANY,
        cost=_sampled,
        guarantee="exact for few players, else a standard error on every value",
    ),
    Listing(
        method=HStatistic,
        question="interaction",
        kinds=TABLES,
        cost=lambda players, rows: "200 rows against each other for each pair; nothing of trees",  # noqa: ARG005  whatever their number
        guarantee="over all rows: share of a joint effect that is interaction, with standard error",
    ),
    Listing(
        method=Sage,
        question="importance",
        kinds=TABLES,
        cost=lambda players, rows: (
            f"about {players * rows:,} predictions for each order of the features"
        ),
        guarantee="standard error on every value; adds up to the loss that the model saves",
    ),
    Listing(
        method=PermutationImportance,
        question="importance",
        kinds=TABLES,
        cost=lambda players, rows: f"at most {10 * players} predictions",  # noqa: ARG005  no background
        guarantee="standard error for other rows and other shuffles, of any score",
    ),
    Listing(
        method=LeaveOneCovariateOut,
        question="importance",
        kinds=TABLES,
        cost=lambda players, rows: f"{players} models trained anew",  # noqa: ARG005  no background
        guarantee="standard error of what a model loses that never saw the feature",
    ),
    Listing(
        method=LinearCoefficients,
        question="importance",
        kinds=TABLES,
        cost=_free,
        guarantee="coefficient for one standard deviation, with standard error",
    ),
    Listing(
        method=PartialDependence,
        question="effect",
        kinds=TABLES,
        cost=lambda players, rows: f"at most {50 * players} predictions; one walk along trees",  # noqa: ARG005  no background
        guarantee="mean and single curves, exact, with a band for other rows",
    ),
    Listing(
        method=AccumulatedLocalEffects,
        question="effect",
        kinds=TABLES,
        cost=lambda players, rows: f"{2 * players} predictions",  # noqa: ARG005  no background
        guarantee="asks about rows that can be alone; a band whose errors add up along the curve",
    ),
    Listing(
        method=RegionalEffects,
        question="effect",
        kinds=TABLES,
        cost=lambda players, rows: f"at most {50 * players} predictions; one walk along trees",  # noqa: ARG005  no background
        guarantee="subgroups that the mean curve hides, reported on rows that did not choose them",
    ),
    Listing(
        method=DecisionSurface,
        question="effect",
        kinds=TABLES,
        cost=lambda players, rows: "a prediction for each cell of a grid",  # noqa: ARG005  whatever their number
        guarantee="what the model says over two features, the others fixed, exact",
    ),
    Listing(
        method=TermEffects,
        question="effect",
        kinds=TABLES,
        cost=_free,
        guarantee="the terms that the model is the sum of, exact",
    ),
    Listing(
        method=Terms,
        question="attribution",
        kinds=TABLES,
        cost=_free,
        guarantee="the terms that the model is the sum of, exact; adds up to the prediction",
    ),
    Listing(
        method=DecisionPath,
        question="rule",
        kinds=TABLES,
        cost=_free,
        guarantee="the conditions that a single tree asked, exact",
    ),
    Listing(
        method=DecisionTreeRules,
        question="rule",
        kinds=TABLES,
        cost=_free,
        guarantee="all leaves of a single tree, exact",
    ),
    Listing(
        method=Anchors,
        question="rule",
        kinds=ANY,
        cost=lambda players, rows: "a table: none after those of the background; else by bandits",  # noqa: ARG005  whatever their number
        guarantee="conditions that keep the decision; precision certified on rows held out",
    ),
    Listing(
        method=SurrogateTree,
        question="rule",
        kinds=TABLES,
        cost=_free,
        guarantee="a small tree that imitates the model; fidelity on rows held out",
    ),
    Listing(
        method=RuleList,
        question="rule",
        kinds=TABLES,
        cost=_free,
        guarantee="a few rules in order that decide as the model; agreement on rows held out",
    ),
    Listing(
        method=Counterfactuals,
        question="counterfactual",
        kinds=TABLES,
        cost=lambda players, rows: "at most 2,000 predictions",  # noqa: ARG005  whatever their number
        guarantee="every row handed back is checked by the model; the nearest, proved, of trees",
    ),
    Listing(
        method=NearestExamples,
        question="example",
        kinds=ANY,
        cost=_free,
        guarantee="the nearest rows of the background, exact",
    ),
    Listing(
        method=Prototypes,
        question="example",
        kinds=ANY,
        cost=_free,
        guarantee="rows that stand for the others, and the share that each stands for",
    ),
    Listing(
        method=Criticisms,
        question="example",
        kinds=ANY,
        cost=_free,
        guarantee="rows that no prototype stands for",
    ),
    Listing(
        method=Influence,
        question="example",
        kinds=TABLES,
        cost=_free,
        guarantee="what a prediction were without each training row; exact for least squares",
    ),
    *NETWORKS,
)
