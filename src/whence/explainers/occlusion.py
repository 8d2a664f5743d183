"""What a part of a row is worth: how the output falls when that part alone is hidden.

Nothing is sampled. Occlusion asks one question per part and no more, so it is the cheapest of all
methods that only ask the model; what several parts do together it does not see, and its values do
not add up to the output.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, cast

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError, Interrupted
from whence.core.explanation import Attribution, Names
from whence.core.game import Estimate
from whence.core.inputs import Images, Inputs, Series
from whence.core.method import Explain, Rows
from whence.core.types import Bools, Floats, Int32s, Ints
from whence.maskers.choice import ByKind, masker_of
from whence.maskers.image import ImageMasker
from whence.maskers.play import Seat, playing
from whence.maskers.scene import Masker, OpenScene, Scene
from whence.maskers.series import SeriesMasker, lag_names
from whence.models.predict import Predict

_BOOLS = 16_000_000
"""Coalitions times players of one question."""
_PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Occlusion:
    """How much the output falls when a part of a row is hidden: ``f(x) - f(x without the part)``.

    Parts are columns, superpixels, words or segments, as the masker divides a row. Each costs one
    question to the model: as many evaluations per row as there are parts, times the rows of a
    background, and two more. With a window it is one for each place of the window, and the values
    are those of single pixels, or points in time: the mean over the windows that cover them. An
    image of 224 x 224 with ``window=32, stride=16`` costs 169 evaluations.

    Attributes
    ----------
    masker : masker or None
        What "hidden" means, such as ``wh.ImageMasker(hide=0.0)``. None: the usual one for images,
        texts and series.
    background : table or None
        Rows that stand for a hidden column, for tables; short for ``wh.Marginal(background)``.
    window : int, pair of int or None
        Height and width in pixels, or length in time for series, of a window that slides over the
        row instead of its parts; of series, over each channel by itself.
    stride : int, pair of int or None
        Steps between windows; None takes half the window. The last window ends at the edge.

    References
    ----------
    Zeiler and Fergus, doi:10.1007/978-3-319-10590-1_53.

    Examples
    --------
    >>> import whence as wh
    >>> Z = np.zeros((1, 2))
    >>> wh.explain(lambda X: 3 * X[:, 0] - X[:, 1], Z + 1, Occlusion(background=Z)).values[0, :, 0]
    array([ 3., -1.])
    """

    masker: Masker | None = None
    background: object = None
    window: int | tuple[int, int] | None = None
    stride: int | tuple[int, int] | None = None

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ("10.1007/978-3-319-10590-1_53",)
    fewest: ClassVar[int] = 4

    def bind(self, view: Predict) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If background, masker, window or stride cannot be used.
        """
        masker = masker_of(self.background, self.masker)
        if self.window is None:
            if self.stride is not None:
                raise InputError(
                    f"stride is {self.stride!r} and window is None. Give a window that moves by it."
                )
            return _exact(playing(view, masker, _parts, budget=None, tolerance=None))
        window = _pair("window", self.window)
        half = (max(1, window[0] // 2), max(1, window[1] // 2))
        stride = half if self.stride is None else _pair("stride", self.stride)
        if stride[0] > window[0] or stride[1] > window[1]:
            raise InputError(
                f"stride is {self.stride!r} and window is {self.window!r}. A stride of at most the "
                "window is needed, so that each pixel is hidden once at least."
            )
        sliding = _Sliding(masker=masker, window=window, stride=stride)
        return _exact(playing(view, sliding, sliding.sampler, budget=None, tolerance=None), sliding)


def _exact(played: Explain[Attribution], sliding: "_Sliding | None" = None) -> Explain[Attribution]:
    """Take the standard errors away, and say the values of windows pixel by pixel."""

    def finish(result: Attribution, rows: Rows) -> Attribution:
        result = replace(result, stderr=None)
        return result if sliding is None else sliding.spread(result, rows.given()[: len(result)])

    def explain(rows: Rows, *, rng: Generator) -> Attribution:
        try:
            return finish(played(rows, rng=rng), rows)
        except Interrupted as interrupt:
            raise Interrupted(finish(cast("Attribution", interrupt.partial), rows)) from None

    return explain


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Axis:
    """The places of a window along one axis, cut into cells at the edges of all windows.

    Attributes
    ----------
    cell : int32 array of shape (length,)
        Cell of each pixel.
    first, last : int arrays of shape (windows,)
        First cell of each window, and the one after its last.
    """

    cell: Int32s
    first: Ints
    last: Ints

    @property
    def cells(self) -> int:
        return int(self.cell[-1]) + 1

    def covered(self, windows: Ints) -> Bools:
        """Return which cells some windows cover, (windows, cells)."""
        place = np.arange(self.cells)
        first, last = self.first[windows, None], self.last[windows, None]
        return np.asarray((first <= place) & (place < last))

    def mean(self, values: Floats) -> Floats:
        """Return of each cell the mean of the windows that cover it, along the first axis."""
        total = np.zeros((self.cells, *values.shape[1:]))
        count = np.zeros((self.cells, *(1,) * (values.ndim - 1)))
        for value, first, last in zip(values, self.first, self.last, strict=True):
            total[first:last] += value
            count[first:last] += 1
        return np.asarray(total / count)


def _axis(length: int, window: int, stride: int) -> _Axis:
    starts = np.arange(0, max(1, length - window + 1), stride)
    if starts[-1] + window < length:
        starts = np.append(starts, length - window)
    ends = np.minimum(starts + window, length)
    edges = np.unique([0, length, *starts, *ends])
    return _Axis(
        cell=np.repeat(np.arange(len(edges) - 1, dtype=np.int32), np.diff(edges)),
        first=np.searchsorted(edges, starts),
        last=np.searchsorted(edges, ends),
    )


def _parts(seat: Seat) -> "_Windows":
    """Return the sampler that hides each part of a row in turn."""
    return _Windows(axes=(_axis(seat.players, 1, 1), _axis(1, 1, 1)), everybody=seat.everybody)


class _Windows:
    """Hides one window after the other; a cell is worth the mean of the windows that cover it."""

    __slots__ = ("_asked", "_axes", "_everybody", "_falls")

    def __init__(self, *, axes: tuple[_Axis, _Axis], everybody: Floats) -> None:
        self._axes, self._everybody = axes, everybody
        self._asked = 0
        self._falls: list[Floats] = []

    @property
    def fewest(self) -> int:
        return len(self._axes[0].first) * len(self._axes[1].first)

    def ask(self, most: int) -> Bools:
        upright, across = self._axes
        cells = upright.cells * across.cells
        size = min(most, self.fewest - self._asked, max(1, _BOOLS // cells))
        i, j = np.divmod(np.arange(self._asked, self._asked + size), len(across.first))
        self._asked += size
        hidden = upright.covered(i)[:, :, None] & across.covered(j)[:, None, :]
        return np.asarray(~hidden.reshape(size, cells))

    def tell(self, worth: Floats) -> None:
        self._falls.append(self._everybody - worth)

    def estimate(self) -> Estimate | None:
        if sum(map(len, self._falls)) < self.fewest:
            return None
        falls = np.concatenate(self._falls)
        upright, across = self._axes
        falls = falls.reshape(len(upright.first), len(across.first), -1)
        values = across.mean(upright.mean(falls).swapaxes(0, 1)).swapaxes(0, 1)
        values = values.reshape(-1, falls.shape[2])
        return Estimate(values=values, stderr=np.zeros_like(values))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sliding:
    """Divides images or series into the cells that the edges of all windows cut out.

    Of series, the second axis is that of the channels, each of which is hidden by itself.
    """

    masker: Masker
    window: tuple[int, int]
    stride: tuple[int, int]

    def bind(self, view: Predict) -> OpenScene:
        """Return what opens scenes whose players are the cells."""

        def open_scene(inputs: Inputs, rng: Generator) -> Scene:
            upright, across = self.axes(inputs)
            own: Masker
            if isinstance(inputs, Images):
                usual = ImageMasker() if isinstance(self.masker, ByKind) else self.masker
                cells = upright.cell[:, None] * across.cells + across.cell
                own = replace(usual, divide=cells) if isinstance(usual, ImageMasker) else usual
            else:
                usual = SeriesMasker() if isinstance(self.masker, ByKind) else self.masker
                cells = upright.cell
                own = replace(usual, segments=cells) if isinstance(usual, SeriesMasker) else usual
            if own is usual:
                raise InputError(
                    f"masker is {type(usual).__name__} and a window was asked for over "
                    f"{type(inputs).__name__.lower()}. Give wh.ImageMasker(...) for images, "
                    "wh.SeriesMasker(...) for series, or no window."
                )
            return own.bind(view)(inputs, rng)

        return open_scene

    def axes(self, inputs: Inputs) -> tuple[_Axis, _Axis]:
        """Return the windows over such rows, along both axes."""
        if isinstance(inputs, Images):
            height, width = inputs.pixels.shape[1:3]
            sizes = (int(height), int(width))
            return (
                _axis(sizes[0], self.window[0], self.stride[0]),
                _axis(sizes[1], self.window[1], self.stride[1]),
            )
        if isinstance(inputs, Series):
            times, channels = inputs.values.shape[1:]
            return _axis(int(times), self.window[0], self.stride[0]), _axis(int(channels), 1, 1)
        raise InputError(
            f"window is {self.window} and X holds {type(inputs).__name__.lower()}. A window slides "
            "over images and series. Leave it out."
        )

    def sampler(self, seat: Seat) -> _Windows:
        """Return the sampler of a row."""
        return _Windows(axes=self.axes(seat.scene.data), everybody=seat.everybody)

    def spread(self, result: Attribution, inputs: Inputs) -> Attribution:
        """Return the values of cells as those of pixels, or of points in time."""
        upright, across = self.axes(inputs)
        n, k = result.outputs.shape
        cells = result.values.reshape(n, upright.cells, across.cells, k)
        features: tuple[str, ...] = ()
        if isinstance(inputs, Series):
            features = lag_names(np.arange(len(upright.cell), dtype=np.int32), inputs)
        return replace(
            result,
            values=cells[:, upright.cell[:, None], across.cell],
            mask=None,
            names=Names(features=features, outputs=result.names.outputs),
            data=inputs,
        )


def _pair(name: str, value: object) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != _PAIR or not all(
        isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n > 0 for n in pair
    ):
        raise InputError(
            f"{name} is {value!r:.60}. Give a positive whole number, or two: of pixels upright and "
            "across."
        )
    return int(pair[0]), int(pair[1])
