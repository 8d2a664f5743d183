"""The picture that suits a result."""

from typing import TYPE_CHECKING

from whence.core.errors import InputError
from whence.core.explanation import Attribution, Explanation, Interaction
from whence.core.inputs import Images, Series, Texts
from whence.plots.bars import bar
from whence.plots.images import image
from whence.plots.pairs import interaction_matrix
from whence.plots.pick import IMPORTANCE, Name
from whence.plots.series import series
from whence.plots.steps import waterfall
from whence.plots.swarms import beeswarm
from whence.plots.texts import TextPicture, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot(e: Explanation, output: Name = 0, ax: "Axes | None" = None) -> "Axes | TextPicture":
    """Draw the picture that suits the result.

    One row gives a waterfall, the row "all" of an importance gives bars, many rows give a
    beeswarm, and interactions give a matrix. An image or series is drawn itself, under or over the
    colors of its contributions, and a text is written in color: of many the first, since each has
    parts of its own; ``e[i]`` takes another.

    Parameters
    ----------
    e : Attribution or Interaction
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
    if not isinstance(e, Attribution):
        raise InputError(
            f"There is no picture of a {type(e).__name__}. "
            "Pass an Attribution or an Interaction, as `whence.explain` returns them."
        )
    if e.names.rows == IMPORTANCE:
        return bar(e, output, ax=ax)
    return _of_rows(e, output, ax)


def _of_rows(e: Attribution, output: Name, ax: "Axes | None") -> "Axes | TextPicture":
    if isinstance(e.data, Images):
        return image(e, output, ax=ax)
    if isinstance(e.data, Series):
        return series(e, output, ax=ax)
    if isinstance(e.data, Texts) and ax is None:
        return text(e, output)
    if isinstance(e.data, Texts) or len(e) == 1:
        return waterfall(e, output=output, ax=ax)
    return beeswarm(e, output, ax=ax)
