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
    from whence.core.codec import load as load
    from whence.core.errors import InputError as InputError
    from whence.core.errors import MissingDependencyError as MissingDependencyError
    from whence.core.errors import UnsupportedModelError as UnsupportedModelError
    from whence.core.errors import VerificationError as VerificationError
    from whence.core.errors import WhenceError as WhenceError
    from whence.core.explanation import Attribution as Attribution
    from whence.core.explanation import Effect as Effect
    from whence.core.explanation import Examples as Examples
    from whence.core.explanation import Interaction as Interaction
    from whence.core.explanation import Rules as Rules
    from whence.core.measurement import Measurement as Measurement
    from whence.methods.permutation_shap import PermutationShap as PermutationShap
    from whence.methods.tree_banzhaf import TreeBanzhaf as TreeBanzhaf
    from whence.methods.tree_interactions import TreeInteractions as TreeInteractions
    from whence.methods.tree_shap import TreeShap as TreeShap
    from whence.plots import plot as plot
    from whence.reports.narrate import narrate as narrate
    from whence.reports.report import report as report

_HOME = {
    "Attribution": "whence.core.explanation",
    "Effect": "whence.core.explanation",
    "Examples": "whence.core.explanation",
    "InputError": "whence.core.errors",
    "Interaction": "whence.core.explanation",
    "Measurement": "whence.core.measurement",
    "MissingDependencyError": "whence.core.errors",
    "PermutationShap": "whence.methods.permutation_shap",
    "Rules": "whence.core.explanation",
    "TreeBanzhaf": "whence.methods.tree_banzhaf",
    "TreeInteractions": "whence.methods.tree_interactions",
    "TreeShap": "whence.methods.tree_shap",
    "UnsupportedModelError": "whence.core.errors",
    "VerificationError": "whence.core.errors",
    "WhenceError": "whence.core.errors",
    "bind": "whence.api",
    "explain": "whence.api",
    "load": "whence.core.codec",
    "narrate": "whence.reports.narrate",
    "plot": "whence.plots",
    "plots": "whence",
    "report": "whence.reports.report",
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
