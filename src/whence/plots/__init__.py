"""Pictures of explanations: each takes `ax`, returns Axes, and never shows.

A picture made without `ax` has a figure of its own, which pyplot does not know of: a notebook
shows it as the last line of a cell, ``ax.figure.savefig(...)`` keeps it, and nothing has to be
closed. For a window of pyplot, pass its axes: ``beeswarm(e, ax=plt.gca()); plt.show()``.
"""

from whence.plots.attention import attention
from whence.plots.bars import bar
from whence.plots.decisions import decision_surface
from whence.plots.dependence import scatter
from whence.plots.example_table import examples
from whence.plots.force_page import force_html
from whence.plots.forces import force
from whence.plots.grids import heatmap
from whence.plots.images import image
from whence.plots.lines import effect
from whence.plots.multiples import effects
from whence.plots.pairs import interaction_matrix
from whence.plots.paths import decision
from whence.plots.rule_table import rules
from whence.plots.series import series
from whence.plots.steps import waterfall
from whence.plots.suitable import plot
from whence.plots.swarms import beeswarm
from whence.plots.texts import TextPicture, text
from whence.plots.tradeoff import tradeoff
from whence.plots.tree_picture import tree
from whence.plots.violins import violin

__all__ = [
    "TextPicture",
    "attention",
    "bar",
    "beeswarm",
    "decision",
    "decision_surface",
    "effect",
    "effects",
    "examples",
    "force",
    "force_html",
    "heatmap",
    "image",
    "interaction_matrix",
    "plot",
    "rules",
    "scatter",
    "series",
    "text",
    "tradeoff",
    "tree",
    "violin",
    "waterfall",
]
