"""A series over the contributions of its segments: what moved the output, and when."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from whence.core.explanation import Attribution
from whence.core.inputs import Series
from whence.core.types import Floats, Ints
from whence.plots.parts import Row, read_parts, segments_of
from whence.plots.pick import Name, positive
from whence.plots.style import (
    MINUS,
    NEGATIVE,
    POSITIVE,
    QUIET,
    SIZES,
    SMALL,
    below_to_above,
    canvas,
    decimals,
    ink,
    literal,
    none_to_much,
    note,
    number,
    scale_beside,
    shorten,
    tidy,
    width_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOP, HEIGHT = 0.24, 0.56
"""Where the line of a channel begins in its lane, below its name, and the share that it takes."""
MOST_MARKS = 40
"""Points in time up to which each is marked."""
BARS, BELOW = 0.5, 0.08
"""Height of the bars above the lanes as a share of a lane, and the distance between them."""
GAP = 6.0
"""Points between two labels."""
SURE = 0.93
"""Share of the width of axes that is left to them when all is laid out."""


def series(
    e: Attribution,
    output: Name = 0,
    row: Name = 0,
    marks: int = 4,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw a series, each channel in a lane of its own, on the colors of its contributions.

    Orange stretches raise the output and blue ones lower it, the more the stronger. The strongest
    are named by lag and value; each lane says the sum of its channel, and bars above the lanes are
    the sums over the channels at each time. Where values have no sign, dark ones are large.

    Parameters
    ----------
    e : Attribution
        Of series: with a value per segment, or per point in time.
    output : int or str, default=0
        Which output of the model, by number or name.
    row : int or str, default=0
        Which series, by number or label.
    marks : int, default=4
        How many of the strongest stretches are named at most; 0 names none.
    ax : Axes, optional
        Where to draw; a new figure if None. Bars are drawn above it.

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
    most = 0 if marks == 0 else positive(marks, "marks")
    read = read_parts(e, Series, row, output, "series")
    drawn = _Drawn(read)
    given, ax = ax, canvas(ax, width=8.0, height=1.9 + 1.3 * min(drawn.channels, 12))
    room = width_of(ax)
    image = ax.imshow(
        drawn.values.T,
        aspect="auto",
        interpolation="nearest",
        cmap=below_to_above() if drawn.signed else none_to_much(),
        vmin=-read.top if drawn.signed else 0.0,
        vmax=read.top,
        extent=(-drawn.times - 0.5, -0.5, drawn.channels, 0),
    )
    for lane, name in enumerate(read.data.channels):
        _lane(ax, lane, f"{shorten(name, 50)}: {drawn.total(lane)}", read.data.values[0, :, lane])
    tidy(ax, title=literal(read.title), xlabel="lag (1 is the last point in time)")
    _ticks(ax, read.data.values[0], *_sums_above(ax, drawn))
    scale_beside(ax, image, literal(read.panel.label))
    for lane in range(drawn.channels):
        _marked(ax, drawn, lane, most, room if given is None else width_of(ax))
    sums = "sums over time beside the names"
    sums += ", over the channels in the bars" if drawn.channels > 1 else ""
    note(ax, [sums, read.said])
    return ax


class _Drawn:
    """What is drawn of a row.

    Attributes
    ----------
    part : int array of shape (times, channels)
        Which value of the row each point in time has.
    values : array of shape (times, channels)
    signed : bool
        Whether values may be negative by what they are.
    """

    def __init__(self, read: Row[Series]) -> None:
        self.read = read
        self.times, self.channels = read.data.values.shape[1:]
        if read.data.segments is None and read.values.size == self.times * self.channels:
            self.part: Ints = np.arange(read.values.size).reshape(self.times, self.channels)
        else:
            self.part = segments_of(read, "series").astype(np.int64)
        self.values: Floats = read.values[self.part]
        self.signed = read.panel.said.in_unit or bool((read.values < 0).any())
        self.digits = decimals(read.values)

    def text(self, value: float) -> str:
        """Return a value as it is written."""
        return number(value, self.digits, sign=self.signed)

    def total(self, lane: int) -> str:
        """Return the sum of a channel, each part once."""
        return self.text(float(self.read.values[np.unique(self.part[:, lane])].sum()))

    @property
    def sums(self) -> Floats:
        """The sum over the channels at each time, each part once."""
        each = (self.read.values[np.unique(parts)].sum() for parts in self.part)
        return np.fromiter(each, dtype=np.float64, count=self.times)

    def strongest(self, lane: int, most: int) -> list[tuple[Ints, float]]:
        """Return the times and the value of those of the strongest parts that are in a lane."""
        size = np.abs(self.read.values)
        chosen = np.argsort(-size, kind="stable")[:most]
        return [
            (np.flatnonzero(self.part[:, lane] == one), float(self.read.values[one]))
            for one in chosen
            if size[one] > 0 and (self.part[:, lane] == one).any()
        ]


def _sums_above(ax: "Axes", drawn: _Drawn) -> tuple[list[float], list[str]]:
    """Draw the sum over the channels at each time as bars above the lanes; return their tick."""
    if drawn.channels == 1:
        return [], []
    sums = drawn.sums
    low, high = min(0.0, float(sums.min())), max(0.0, float(sums.max()))
    scale = BARS / ((high - low) or 1.0)
    zero = -BELOW + low * scale
    colors = np.where(sums > 0, POSITIVE, NEGATIVE) if drawn.signed else SIZES
    lags = -np.arange(drawn.times, 0, -1)
    width = 0.8 if drawn.times <= MOST_MARKS else 1.0
    ax.bar(lags, -scale * sums, bottom=zero, width=width, color=colors)
    ax.axhline(zero, color=ink(ax), linewidth=0.6)
    ax.set_ylim(drawn.channels, -BELOW - BARS)
    end = float(sums[np.abs(sums).argmax()])
    return [zero - scale * end], [drawn.text(end)]


def _marked(ax: "Axes", drawn: _Drawn, lane: int, most: int, room: float) -> None:
    """Name the strongest parts of a lane below its line, as near to them as there is room."""
    from matplotlib.textpath import TextPath

    found = sorted(drawn.strongest(lane, most), key=lambda part: float(part[0].mean()))
    texts = [f"{_lags(drawn.times - times)}: {drawn.text(value)}" for times, value in found]
    point = drawn.times / (72 * SURE * room)
    wide = [point * (TextPath((0, 0), t, size=SMALL).get_extents().width + GAP) for t in texts]
    ends = (-drawn.times - 0.5, -0.5)
    places = apart([float(t.mean()) - drawn.times for t, _ in found], wide, ends)
    heights = _height(drawn.read.data.values[0, :, lane].astype(np.float64), lane)
    for (times, _), text, place in zip(found, texts, places, strict=True):
        x, y = float(times.mean()) - drawn.times, float(heights[times[len(times) // 2]])
        ax.plot([x, place], [y, lane + 0.87], color="black", linewidth=0.7, path_effects=_halo(1.8))
        if len(times) == 1:
            ax.plot(
                x, y, "o", markersize=6.5, markerfacecolor="none", markeredgecolor="black",
                path_effects=_halo(2.6),
            )  # fmt: skip
        ax.text(
            place, lane + 0.865, text, ha="center", va="top", fontsize=SMALL, color="black",
            path_effects=_halo(2.6),
        )  # fmt: skip


def apart(places: list[float], wide: list[float], ends: tuple[float, float]) -> list[float]:
    """Move labels next to each other where they would overlap, and within the ends.

    Parameters
    ----------
    places : list of float
        Where their middles should be, in ascending order.
    wide : list of float
        Their widths.

    Examples
    --------
    >>> apart([4.0, 4.0, 9.9], [2.0, 2.0, 2.0], (0.0, 10.0))
    [3.0, 5.0, 9.0]
    """
    offsets = [sum(wide[:i]) + width / 2 for i, width in enumerate(wide)]
    pools: list[tuple[float, int]] = []  # mean and size: what each would be without the others
    for place, offset in zip(places, offsets, strict=True):
        mean, size = place - offset, 1
        while pools and pools[-1][0] > mean:
            before, count = pools.pop()
            mean, size = (mean * size + before * count) / (size + count), size + count
        pools.append((mean, size))
    starts = [mean for mean, size in pools for _ in range(size)]
    last = ends[1] - sum(wide)
    return [max(ends[0], min(start, last)) + o for start, o in zip(starts, offsets, strict=True)]


def _lags(lags: Ints) -> str:
    return f"lag {lags[0]}" if len(lags) == 1 else f"lags {lags.min()}-{lags.max()}"


def _halo(width: float) -> list[Any]:
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground="white")]


def _lane(ax: "Axes", lane: int, name: str, values: NDArray[np.generic]) -> None:
    """Draw one channel between its lowest and highest value, and its name above."""
    lags, halo = -np.arange(len(values), 0, -1), _halo(3.6)
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
        literal(name),
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
    return np.asarray(lane + TOP + HEIGHT * (1 - share))


def _ticks(ax: "Axes", values: NDArray[np.generic], places: list[float], labels: list[str]) -> None:
    """Say the lowest and highest value of each channel, and count time in lags."""
    from matplotlib.ticker import MaxNLocator

    for lane, channel in enumerate(values.T.astype(np.float64)):
        low, high = float(channel.min()), float(channel.max())
        digits = decimals(np.array([high - low])) if high > low else decimals(channel)
        for value in (low, high) if high > low else (low,):
            places = [*places, float(_height(np.array([low, value, high]), lane)[1])]
            labels = [*labels, number(value, digits)]
    ax.set_yticks(places, labels, fontsize=SMALL, color=QUIET)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}".lstrip(f"-{MINUS}"))
