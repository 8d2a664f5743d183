"""A series over the contributions of its segments."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whence.core.explanation import Attribution
from whence.core.inputs import Series
from whence.core.types import Floats
from whence.plots.parts import Row, read_parts, segments_of
from whence.plots.pick import Name
from whence.plots.style import (
    MINUS,
    QUIET,
    SMALL,
    below_to_above,
    canvas,
    decimals,
    ink,
    literal,
    note,
    number,
    scale_beside,
    shorten,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 0.7
"""Share of a lane that the line of its channel takes, below its name."""
MOST_MARKS = 40
"""Points in time up to which each is marked."""


def series(e: Attribution, output: Name = 0, row: Name = 0, ax: "Axes | None" = None) -> "Axes":
    """Draw a series, each channel in a lane of its own, on the colors of its contributions.

    Orange stretches raise the output and blue ones lower it, the more the stronger.

    Parameters
    ----------
    e : Attribution
        Of series: with a value per segment, or per point in time.
    output : int or str, default=0
        Which output of the model, by number or name.
    row : int or str, default=0
        Which series, by number or label.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        Over the lags of time, of which 1 is the last; each lane runs from the lowest to the
        highest value of its channel.

    Raises
    ------
    InputError
        If ``e`` is not an attribution of series, or has no such row or output.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> e = Attribution(
    ...     values=np.array([[[[2.0]], [[-1.0]]]]), base_values=np.zeros((1, 1)),
    ...     outputs=np.ones((1, 1)), data=Series(
    ...         values=np.ones((1, 4, 1)), channels=("close",),
    ...         segments=np.array([[[0], [0], [1], [1]]], np.int32),
    ...     ),
    ... )
    >>> series(e).get_xlabel()
    'lag (1 is the last point in time)'
    """
    read = read_parts(e, Series, row, output, "series")
    times, channels = read.data.values.shape[1:]
    ax = canvas(ax, width=8.0, height=1.5 + 1.25 * min(channels, 12))
    image = ax.imshow(
        _values(read, times, channels).T,
        aspect="auto",
        interpolation="nearest",
        cmap=below_to_above(),
        vmin=-read.top,
        vmax=read.top,
        extent=(-times - 0.5, -0.5, channels, 0),
    )
    for lane, name in enumerate(read.data.channels):
        _lane(ax, lane, name, read.data.values[0, :, lane])
    tidy(ax, title=literal(read.title), xlabel="lag (1 is the last point in time)")
    _ticks(ax, read.data.values[0])
    scale_beside(ax, image, literal(f"contribution{read.panel.quantity}"))
    note(ax, [read.said])
    return ax


def _values(read: Row[Series], times: int, channels: int) -> Floats:
    """Return the contribution of each point in time, of shape (times, channels)."""
    if read.data.segments is None and read.values.size == times * channels:
        return read.values.reshape(times, channels)
    return np.asarray(read.values[segments_of(read, "series")])


def _lane(ax: "Axes", lane: int, name: str, values: NDArray[np.generic]) -> None:
    """Draw one channel between its lowest and highest value, and its name above."""
    from matplotlib.patheffects import withStroke

    lags = -np.arange(len(values), 0, -1)
    halo = [withStroke(linewidth=3.6, foreground="white")]
    ax.plot(
        lags,
        _height(values.astype(np.float64), lane),
        color="black",
        linewidth=1.3,
        marker="o" if len(values) <= MOST_MARKS else None,
        markersize=2.4,
        path_effects=halo,
    )
    ax.text(
        0.008,
        lane + 0.05,
        literal(shorten(name, 60)),
        transform=ax.get_yaxis_transform(),
        va="top",
        fontsize=SMALL + 0.5,
        fontweight="bold",
        color="black",
        path_effects=halo,
    )
    if lane:
        ax.axhline(lane, color=ink(ax), linewidth=0.8)


def _height(values: Floats, lane: int) -> Floats:
    """Return where values are in their lane; the axis points down."""
    low, high = values.min(), values.max()
    share = (values - low) / (high - low) if high > low else np.full(len(values), 0.5)
    return np.asarray(lane + 0.93 - HEIGHT * share)


def _ticks(ax: "Axes", values: NDArray[np.generic]) -> None:
    """Say the lowest and highest value of each channel, and count time in lags."""
    from matplotlib.ticker import MaxNLocator

    places, labels = [], []
    for lane, channel in enumerate(values.T.astype(np.float64)):
        low, high = float(channel.min()), float(channel.max())
        digits = decimals(np.array([high - low])) if high > low else decimals(channel)
        for value in (low, high) if high > low else (low,):
            places.append(float(_height(np.array([low, value, high]), lane)[1]))
            labels.append(number(value, digits))
    ax.set_yticks(places, labels, fontsize=SMALL, color=QUIET)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}".lstrip(f"-{MINUS}"))
