"""Unknown parts of a series: its mean, a number, noise, or a line between what is known."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from whence.core.check import check_whole
from whence.core.errors import InputError
from whence.core.inputs import Inputs, Series, series_of
from whence.core.seeds import row_generators
from whence.core.types import Bools, Floats, Int32s, Ints
from whence.maskers.fill import cast
from whence.maskers.scene import Masked, OpenScene, Scene
from whence.models.predict import Predict

Hide: TypeAlias = "Literal['mean', 'noise', 'interpolate'] | float"

_BYTES = 64_000_000
"""Bytes of the series that the model is asked about at a time; one coalition may need more."""
_HIDE = ("mean", "noise", "interpolate")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeriesMasker:
    """Divides series into segments of time, for each channel, and hides those that are not known.

    The players are segments x channels. They are named by lags: lag 1 is the last point in time.

    Attributes
    ----------
    segments : int or int array of shape (times,)
        How many segments of equal length, at most one per point in time. An array: a number per
        point in time, equal ones for those that are known or unknown together.
    hide : {"mean", "noise", "interpolate"} or float
        What stands where nothing is known. "mean": the mean of the channel over the series itself,
        or at that time over the background. "noise": Gaussian numbers of the same mean and
        standard deviation, ``copies`` of them, over which the answers are averaged. "interpolate":
        a line between the known neighbors in the channel, level before the first and after the
        last; the mean where the whole channel is unknown. A number stands for itself; series of
        whole numbers need a whole one.
    background : array of shape (rows, times, channels) or (rows, times), or None
        Other series, in the form of ``X``, whose mean and standard deviation at each time are
        taken instead of those of the series itself.
    copies : int
        For "noise": how many times the model is asked about each coalition.

    Notes
    -----
    Known values are those of the series bit by bit. The noise depends on the seed and on the
    series, and is the same for all coalitions of a series.

    Examples
    --------
    >>> scene = SeriesMasker(segments=2).bind(None)(
    ...     series_of(np.array([[1.0, 2.0, 3.0, 6.0]])), np.random.default_rng(0)
    ... )
    >>> scene.names
    ('lags 3-4', 'lags 1-2')
    >>> scene.mask(np.array([0]), np.array([[False, True]])).inputs.values[0, :, 0]
    array([3., 3., 3., 6.])
    """

    segments: "int | NDArray[np.integer[Any]]" = 10
    hide: Hide = "mean"
    background: object = None
    copies: int = 10

    def bind(self, view: Predict | None) -> OpenScene:  # noqa: ARG002  any model will do
        """Check the settings and return what opens scenes.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        self._check()
        Z = None if self.background is None else series_of(self.background).values

        def open_scene(inputs: Inputs, rng: Generator) -> Scene:
            if not isinstance(inputs, Series):
                raise InputError(
                    f"X holds {type(inputs).__name__.lower()} and SeriesMasker hides parts of "
                    "series. Give series, or a masker of the kind of X."
                )
            if Z is not None and Z.shape[1:] != inputs.values.shape[1:]:
                raise InputError(
                    f"The background holds series of shape {Z.shape[1:]} and X of shape "
                    f"{inputs.values.shape[1:]}. Give series of as many times and channels."
                )
            return self._scene(inputs, Z, rng)

        return open_scene

    def _check(self) -> None:
        if np.ndim(self.segments) == 0:
            check_whole("segments", self.segments)
        check_whole("copies", self.copies)
        number = isinstance(self.hide, (int, float, np.number)) and np.isfinite(self.hide)
        if not number and self.hide not in _HIDE:
            raise InputError(
                f"hide is {self.hide!r:.60}. Give one of {', '.join(map(repr, _HIDE))}, or a "
                "finite number."
            )

    def _scene(self, series: Series, Z: NDArray[Any] | None, rng: Generator) -> "_Parts":
        n, times, channels = series.values.shape
        part = _parts_of(self.segments, times)
        players = part[:, None] * channels + np.arange(channels, dtype=np.int32)
        return _Parts(
            data=series.divided(np.repeat(players[None], n, axis=0)),
            part=players,
            names=lag_names(part, series),
            hidden=self._hidden(series, Z, rng),
            interpolate=self.hide == "interpolate",
            alike=not isinstance(self.hide, str) or (self.hide == "mean" and Z is not None),
        )

    def _hidden(self, series: Series, Z: NDArray[Any] | None, rng: Generator) -> NDArray[Any]:
        """Return what stands for the unknown values, of shape (rows, copies, times, channels)."""
        values = series.values
        if not isinstance(self.hide, str):
            stands: Floats = np.full(values.shape, float(self.hide))
            _check_held(float(self.hide), values)
            return cast(stands[:, None], values.dtype)
        over, axis = (values, 1) if Z is None else (Z, 0)
        mean = over.mean(axis=axis, keepdims=True, dtype=np.float64)
        mean = np.broadcast_to(mean, values.shape)[:, None]
        if self.hide != "noise":
            return cast(mean, values.dtype)
        spread = over.std(axis=axis, keepdims=True, dtype=np.float64)
        spread = np.broadcast_to(spread, values.shape)[:, None]
        # The sampler of a row draws from the generator itself and from its first child.
        own = (generator.spawn(2)[1] for generator in row_generators(series, rng))
        draws = np.stack([g.standard_normal((self.copies, *values.shape[1:])) for g in own])
        return cast(mean + spread * draws, values.dtype)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Parts:
    """Series, divided.

    Attributes
    ----------
    part : int32 array of shape (times, channels)
        Player that each value belongs to.
    hidden : array of shape (rows, copies, times, channels)
        What stands for unknown values.
    interpolate : bool
        Whether a line between known neighbors stands for them instead, where there are any.
    """

    data: Series
    part: Int32s
    names: tuple[str, ...]
    hidden: NDArray[Any]
    interpolate: bool
    alike: bool

    @property
    def shape(self) -> tuple[int, ...]:
        channels = self.part.shape[1]
        return int(self.part.max()) // channels + 1, channels

    @property
    def counts(self) -> Ints:
        return np.full(len(self.data), int(self.part.max()) + 1)

    @property
    def copies(self) -> int:
        return int(self.hidden.shape[1])

    @property
    def batch(self) -> int:
        return max(1, _BYTES // max(1, int(self.hidden[0].nbytes)))

    def mask(self, row: Ints, known: Bools, u: Floats | None = None) -> Masked:
        values, shown = self.data.values[row], known[:, self.part]
        hidden = self.hidden[row]
        if u is not None:
            copy = (u * self.copies).astype(np.int64)
            hidden = hidden[np.arange(len(row)), copy][:, None]
        if self.interpolate:
            hidden = _interpolated(values, shown, hidden[:, 0])[:, None]
        made = np.where(shown[:, None], values[:, None], hidden)
        return Masked(inputs=self.data.like(made.reshape(-1, *values.shape[1:])))


def _interpolated(values: NDArray[Any], shown: Bools, mean: NDArray[Any]) -> NDArray[Any]:
    """Draw lines between known values; all arrays are of shape (coalitions, times, channels)."""
    times = values.shape[1]
    place = np.arange(times)[:, None]
    before = np.maximum.accumulate(np.where(shown, place, -1), axis=1)
    after = np.minimum.accumulate(np.where(shown, place, times)[:, ::-1], axis=1)[:, ::-1]
    left, right = np.where(before < 0, after, before), np.where(after == times, before, after)
    nothing = before.max(axis=1, keepdims=True) < 0
    left, right = (np.where(nothing, 0, side) for side in (left, right))
    start, end = (
        np.take_along_axis(values, side, axis=1).astype(np.float64) for side in (left, right)
    )
    share = (place - left) / np.maximum(right - left, 1)
    return np.where(nothing, mean, cast(start + share * (end - start), values.dtype))


def _parts_of(segments: object, times: int) -> Int32s:
    """Return the segment of each point in time, numbered from 0."""
    if np.ndim(segments) == 0:  # type: ignore[arg-type]  # a count was checked to be one
        count = min(int(segments), times)  # type: ignore[call-overload]  # as above
        return np.asarray(np.arange(times) * count // times, dtype=np.int32)
    given = np.asarray(segments)
    if given.shape != (times,) or given.dtype.kind not in "iu":
        raise InputError(
            f"segments is an array of dtype {given.dtype} and shape {given.shape}. Give a whole "
            f"number for each of the {times} points in time, or how many segments there are."
        )
    return np.asarray(np.unique(given, return_inverse=True)[1].reshape(-1), dtype=np.int32)


def lag_names(part: Int32s, series: Series) -> tuple[str, ...]:
    """Name each segment of each channel by its lags; lag 1 is the last point in time."""
    plain = series.channels == ("channel 0",)
    spans = []
    for segment in range(int(part.max()) + 1):
        lags = len(part) - np.flatnonzero(part == segment)
        spans.append(f"lags {lags[-1]}-{lags[0]}" if len(lags) > 1 else f"lag {lags[0]}")
    return tuple(
        span if plain else f"{channel}, {span}" for span in spans for channel in series.channels
    )


def _check_held(number: float, values: NDArray[Any]) -> None:
    """Refuse a number that series of whole numbers cannot hold."""
    if values.dtype.kind in "iub" and cast(np.array(number), values.dtype) != number:
        raise InputError(
            f"hide is {number:g} and the series of X hold whole numbers ({values.dtype}). Give one "
            "that they can hold, scaled as X is; or give X as floats, if the model reads those."
        )
