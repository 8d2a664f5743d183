"""The picture that suits a result."""

from typing import TYPE_CHECKING

from whence.core.errors import InputError
from whence.core.explanation import Attribution, Explanation, Interaction
from whence.plots.bars import bar
from whence.plots.pairs import interaction_matrix
from whence.plots.pick import IMPORTANCE, Name
from whence.plots.steps import waterfall
from whence.plots.swarms import beeswarm

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot(e: Explanation, output: Name = 0, ax: "Axes | None" = None) -> "Axes":
    """Draw the picture that suits the result.

    One row gives a waterfall, the row "all" of an importance gives bars, many rows give a
    beeswarm, and interactions give a matrix.

    Parameters
    ----------
    e : Attribution or Interaction
        What ``whence.explain`` returned.
    output : int or str, default=0
        Which output of the model, by number or name.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        A notebook shows it as the last line of a cell; ``ax.figure.savefig`` keeps it.

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
    if not isinstance(e, Attribution):
        raise InputError(
            f"There is no picture of a {type(e).__name__}. "
            "Pass an Attribution or an Interaction, as `whence.explain` returns them."
        )
    if e.names.rows == IMPORTANCE:
        return bar(e, output, ax=ax)
    if len(e) == 1:
        return waterfall(e, output=output, ax=ax)
    return beeswarm(e, output, ax=ax)
