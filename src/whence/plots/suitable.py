"""The picture that suits a result."""

from typing import TYPE_CHECKING

import numpy as np

from whence.core.effect import Effect
from whence.core.errors import InputError
from whence.core.examples import Examples
from whence.core.explanation import Attribution, Explanation, Interaction
from whence.core.inputs import Images, Series, Texts
from whence.core.meaning import meaning
from whence.core.rules import Rules
from whence.core.words import ALL, with_article
from whence.plots.attention import attention, holds_pairs
from whence.plots.bars import bar
from whence.plots.decisions import decision_surface
from whence.plots.example_table import examples
from whence.plots.images import image
from whence.plots.lines import effect
from whence.plots.multiples import effects
from whence.plots.pairs import interaction_matrix
from whence.plots.pick import Name
from whence.plots.rule_table import rules
from whence.plots.series import series
from whence.plots.steps import waterfall
from whence.plots.swarms import beeswarm
from whence.plots.texts import TextPicture, text
from whence.plots.tree_picture import tree

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot(e: Explanation, output: Name = 0, ax: "Axes | None" = None) -> "Axes | TextPicture":
    """Draw the picture that suits the result.

    One row gives a waterfall, the row "all" of an importance gives bars, many rows give a
    beeswarm, and interactions give a matrix. An image or series is drawn itself, under or over the
    colors of its contributions, and a text is written in color: of many the first, since each has
    parts of its own; ``e[i]`` takes another. Attention between pairs gives a matrix per head. An
    effect gives its curve or all of them side by side, or of surfaces the one that reaches
    furthest; rules give a table, leaves a tree; and examples give a table, of the first row.

    Parameters
    ----------
    e : Attribution, Interaction, Effect, Rules or Examples
        What ``whence.explain`` returned.
    output : int or str, default=0
        Which output of the model, by number or name.
    ax : Axes, optional
        Where to draw; a new figure if None. A text drawn there is a waterfall of its parts.

    Returns
    -------
    Axes, or TextPicture of a text
        A notebook shows it as the last line of a cell; ``ax.figure.savefig`` keeps it. A text is
        kept by its ``.html``.

    Raises
    ------
    InputError
        If there is no picture of such a result, or it has no such output.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> e = Attribution(
    ...     values=np.array([[[1.0], [2.0]]]), base_values=np.array([[0.5]]),
    ...     outputs=np.array([[3.5]]),
    ... )
    >>> plot(e).get_xlabel()
    'model output'
    """
    if isinstance(e, Interaction):
        return interaction_matrix(e, output, ax=ax)
    if isinstance(e, Effect):
        return _of_curves(e, output, ax)
    if isinstance(e, Rules):
        whole = e.kind == "tree" or (e.kind == "path" and len(e) == 1)
        return tree(e, ax=ax) if whole else rules(e, ax=ax)
    if isinstance(e, Examples):
        return examples(e, ax=ax)
    if not isinstance(e, Attribution):
        raise InputError(
            f"There is no picture of {with_article(type(e).__name__)}. "
            "Pass an explanation, as `whence.explain` returns it."
        )
    if e.names.rows == ALL:
        return bar(e, output, ax=ax)
    return attention(e, ax=ax) if holds_pairs(e) else _of_rows(e, output, ax)


def _of_curves(e: Effect, output: Name, ax: "Axes | None") -> "Axes":
    features = {tuple(sorted(c.features)) for c in e.curves}
    if e.kind == "surface" and len(features) == 1:
        return (
            decision_surface(e, ax=ax) if output == 0 else decision_surface(e, output=output, ax=ax)
        )
    if len(features) == 1:
        return effect(e, output=output, ax=ax)
    if all(len(c.features) > 1 for c in e.curves):
        widest = max(e.curves, key=lambda c: float(np.ptp(c.values)))
        return effect(e, *widest.features, output=output, where=widest.where, ax=ax)
    return effects(e, output, ax=ax)


def _of_rows(e: Attribution, output: Name, ax: "Axes | None") -> "Axes | TextPicture":
    if isinstance(e.data, Images):
        return image(e, output, ax=ax)
    if isinstance(e.data, Series):
        return series(e, output, ax=ax)
    if isinstance(e.data, Texts) and ax is None:
        return text(e, output)
    if len(e) == 1 and not meaning(e.provenance.method).in_unit:  # nothing to add up
        return bar(e, output, ax=ax)
    if isinstance(e.data, Texts) or len(e) == 1:
        return waterfall(e, output=output, ax=ax)
    return beeswarm(e, output, ax=ax)
