"""Unknown parts of an image: blurred, painted over from what is known, or in one color."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from whence.core.errors import InputError
from whence.core.inputs import Images, Inputs
from whence.core.types import Bools, Floats, Int32s, Ints
from whence.maskers.fill import blurred, cast, inpainted
from whence.maskers.scene import Masked, OpenScene, Scene
from whence.maskers.superpixels import grid, numbered, superpixels
from whence.models.predict import Predict

Divide: TypeAlias = "Literal['slic', 'grid', 'own'] | NDArray[np.integer[Any]]"
Hide: TypeAlias = (
    "Literal['blur', 'inpaint', 'mean'] | float | tuple[float, ...] | NDArray[np.floating[Any]]"
)

_BYTES = 64_000_000
"""Bytes of the images that the model is asked about at a time; one image may be larger."""
_DIVIDE = ("slic", "grid", "own")
_HIDE = ("blur", "inpaint", "mean")
_MAP_AXES = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageMasker:
    """Divides images into superpixels, and hides those that are not known.

    Attributes
    ----------
    segments : int
        About how many parts an image is divided into by "slic" or "grid"; how many there are,
        from about 70 % of these on, depends on the image.
    divide : {"slic", "grid", "own"} or int array of shape (height, width)
        "slic": superpixels that follow the edges of each image, which needs scikit-image.
        "grid": cells of equal size. "own": the maps that the images carry, one for each, given
        by ``wh.images_of(X).divided(maps)``. An array: one map for all images, a number per part.
    hide : {"blur", "inpaint", "mean"}, float, tuple or array
        What stands where nothing is known. "blur": the image itself, so blurred that no detail is
        left. "inpaint": interpolated from the known pixels; of what is around a part the model
        then still sees the color. "mean": the mean color of the image. A number, a color (one
        number per channel), or an image of shape (height, width, channels), in the numbers that
        the model reads; whole ones for images of whole numbers.
    compactness : float
        For "slic": weight of distance against color; the larger, the squarer are the superpixels.
    sigma : float
        For "blur": standard deviation of the Gaussian, as a share of the longer side.

    Notes
    -----
    Known pixels are those of the image bit by bit. No random numbers are used, and an image is
    divided and hidden by itself, whatever other images there are.

    References
    ----------
    Achanta et al., doi:10.1109/TPAMI.2012.120 (superpixels). Gortler et al.,
    doi:10.1145/237170.237200 (inpainting by push-pull).

    Examples
    --------
    >>> from whence.core.inputs import images_of
    >>> open_scene = ImageMasker(segments=4, divide="grid", hide=0.0).bind(None)
    >>> scene = open_scene(images_of(np.ones((1, 4, 4, 1))), np.random.default_rng(0))
    >>> known = np.array([[True, False, False, True]])
    >>> scene.mask(np.array([0]), known).inputs.pixels[0, :, :, 0]
    array([[1., 1., 0., 0.],
           [1., 1., 0., 0.],
           [0., 0., 1., 1.],
           [0., 0., 1., 1.]])
    """

    segments: int = 50
    divide: Divide = "slic"
    hide: Hide = "blur"
    compactness: float = 10.0
    sigma: float = 0.05

    def bind(self, view: Predict | None) -> OpenScene:  # noqa: ARG002  any model will do
        """Check the settings and return what opens scenes.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        self._check()

        def open_scene(inputs: Inputs, rng: Generator) -> Scene:  # noqa: ARG001  draws nothing
            if not isinstance(inputs, Images):
                raise InputError(
                    f"X holds {type(inputs).__name__.lower()} and ImageMasker hides parts of "
                    "images. Give images, or a masker of the kind of X."
                )
            segments, names = self._divided(inputs)
            return _Parts(
                data=inputs.divided(segments),
                counts=segments.max(axis=(1, 2)).astype(np.int64) + 1,
                names=names,
                alike=not isinstance(self.hide, str),
                hidden=tuple(self._hidden(inputs, i) for i in range(len(inputs))),
            )

        return open_scene

    def _check(self) -> None:
        whole = isinstance(self.segments, (int, np.integer)) and not isinstance(self.segments, bool)
        if not whole or self.segments < 1:
            raise InputError(
                f"segments is {self.segments!r}. A whole number of at least 1 is needed."
            )
        for name, value in (("compactness", self.compactness), ("sigma", self.sigma)):
            if not isinstance(value, (int, float)) or not 0 < value < np.inf:
                raise InputError(f"{name} is {value!r}. A positive number is needed.")
        _check_choice("divide", self.divide, _DIVIDE, "a map of shape (height, width)")
        _check_choice("hide", self.hide, _HIDE, "a number, a color or an image")
        if not isinstance(self.hide, str):
            color = np.asarray(self.hide)
            if color.dtype.kind not in "fiub" or not np.isfinite(color).all():
                raise InputError(f"hide is {self.hide!r:.60}. Finite numbers are needed.")

    def _divided(self, images: Images) -> tuple[Int32s, tuple[str, ...]]:
        n, height, width, _ = images.pixels.shape
        if isinstance(self.divide, str) and self.divide == "slic":
            parts = [superpixels(im, self.segments, self.compactness) for im in images.pixels]
            return np.stack(parts), ()
        if isinstance(self.divide, str) and self.divide == "own":
            return _own(images), ()
        if isinstance(self.divide, str):
            one, names = grid(height, width, self.segments)
        else:
            given = np.asarray(self.divide)
            _check_map(given, (height, width))
            one, ids = numbered(given)
            names = tuple(f"segment {i}" for i in ids)
        return np.repeat(one[None], n, axis=0), names

    def _hidden(self, images: Images, row: int) -> NDArray[Any] | None:
        """Return what stands for the unknown pixels of an image; None if that depends on them."""
        image = images.pixels[row]
        if isinstance(self.hide, str):
            if self.hide == "inpaint":
                return None
            if self.hide == "blur":
                return cast(blurred(image, self.sigma * max(image.shape[:2])), image.dtype)
            mean = image.mean(axis=(0, 1), dtype=np.float64)
            return np.broadcast_to(cast(mean, image.dtype), image.shape)
        color = _color(np.asarray(self.hide, dtype=np.float64), images)
        _check_range(color, image)
        return np.broadcast_to(cast(color, image.dtype), image.shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Parts:
    """Images, divided.

    Attributes
    ----------
    hidden : tuple of arrays of shape (height, width, channels), or of None
        What stands for the unknown pixels of each image; None: inpainted from the known ones.
    """

    data: Images
    counts: Ints
    names: tuple[str, ...]
    alike: bool
    hidden: tuple[NDArray[Any] | None, ...]

    copies = 1

    @property
    def shape(self) -> tuple[int, ...]:
        return (int(self.counts.max()),)

    @property
    def batch(self) -> int:
        return max(1, _BYTES // int(self.data.pixels[0].nbytes))

    def mask(self, row: Ints, known: Bools, u: Floats | None = None) -> Masked:  # noqa: ARG002  a single copy
        first = self.data.channels_first
        shape = np.moveaxis(self.data.pixels[:1], -1, 1).shape if first else self.data.pixels.shape
        out = np.empty((len(row), *shape[1:]), dtype=self.data.pixels.dtype)
        for i in np.unique(row):
            self._fill(int(i), out, np.flatnonzero(row == i), known)
        pixels = np.moveaxis(out, 1, -1) if first else out
        return Masked(inputs=self.data.like(pixels))

    def _fill(self, row: int, out: NDArray[Any], places: Ints, known: Bools) -> None:
        """Write the coalitions of one image to their places, in the order of the model's axes."""
        first = self.data.channels_first
        image, segments = _ordered(self.data.pixels[row], first=first), self._segments(row)
        paint = self._painter(row)
        for place, box in zip(places, _boxes(segments, known[places]), strict=True):
            unknown = ~known[place][segments[box]]
            inside = (slice(None), *box) if first else box
            out[place] = image
            np.copyto(
                out[place][inside],
                paint(known[place])[inside],
                where=unknown if first else unknown[..., None],
            )

    def _painter(self, row: int) -> Callable[[Bools], NDArray[Any]]:
        """Return what makes, of the parts known of an image, what stands for the others."""
        hidden, first = self.hidden[row], self.data.channels_first
        if hidden is not None:
            always = _ordered(hidden, first=first)
            return lambda _: always
        pixels, segments = self.data.pixels[row], self._segments(row)
        planes = _ordered(pixels, first=True).astype(np.float32)

        def paint(known: Bools) -> NDArray[Any]:
            made = inpainted(planes, known[segments])
            return cast(made if first else np.moveaxis(made, 0, -1), pixels.dtype)

        return paint

    def _segments(self, row: int) -> Int32s:
        if self.data.segments is None:
            raise RuntimeError("The images of a scene are divided.")
        return np.asarray(self.data.segments[row])


def _boxes(segments: Int32s, known: Bools) -> list[tuple[slice, slice]]:
    """Return the smallest box around the unknown parts of each coalition, upright and across."""
    sides: list[tuple[Ints, Ints]] = []
    parts = int(segments.max()) + 1
    unknown = ~known[:, :parts]
    for axis, size in enumerate(segments.shape):
        first, last = np.full(parts, size), np.zeros(parts, dtype=np.int64)
        place = np.broadcast_to(np.expand_dims(np.arange(size), 1 - axis), segments.shape)
        np.minimum.at(first, segments.ravel(), place.ravel())
        np.maximum.at(last, segments.ravel(), place.ravel() + 1)
        start = np.where(unknown, first, size).min(axis=1)
        sides.append((start, np.maximum(start, np.where(unknown, last, 0).max(axis=1))))
    (top, bottom), (left, right) = sides
    corners = zip(top, bottom, left, right, strict=True)
    return [(slice(t, b), slice(start, end)) for t, b, start, end in corners]


def _ordered(image: NDArray[Any], *, first: bool) -> NDArray[Any]:
    """Return an image (height, width, channels) with its channels first, or as it is."""
    return np.ascontiguousarray(np.moveaxis(image, -1, 0) if first else image)


def _color(color: Floats, images: Images) -> Floats:
    """Return what ``hide`` means, in the order of axes (height, width, channels)."""
    height, width, channels = images.pixels.shape[1:]
    if color.shape == (height, width):
        color = color[..., None]
    elif images.channels_first and color.shape == (channels, height, width):
        color = np.moveaxis(color, 0, -1)
    if color.shape not in ((), (channels,), (height, width, 1), (height, width, channels)):
        raise InputError(
            f"hide is an array of shape {color.shape}, and the images have {channels} channels of "
            f"{height} x {width} pixels. Give a number, one number per channel, or an image."
        )
    return color


def _check_range(color: Floats, image: NDArray[Any]) -> None:
    """Refuse a color that no such image can hold."""
    if image.dtype.kind in "iub" and (color != np.rint(color)).any():
        wrong = color[color != np.rint(color)].flat[0]
        raise InputError(
            f"hide holds {wrong:g} and the images of X hold whole numbers ({image.dtype}), from "
            f"{image.min()} to {image.max()}. Give whole numbers, scaled as X is, such as 128 "
            "rather than 0.5; or give X as floats, if the model reads those."
        )
    low, high = float(image.min()), float(image.max())
    if image.dtype.kind in "iu":
        low, high = float(np.iinfo(image.dtype).min), float(np.iinfo(image.dtype).max)
    elif image.dtype.kind == "b":
        low, high = 0.0, 1.0
    else:  # a darker or brighter color than any in this image may well be meant
        reach = max(high - low, abs(low), abs(high), 1.0)
        low, high = low - reach, high + reach
    if color.min() < low or color.max() > high:
        raise InputError(
            f"hide reaches from {color.min():g} to {color.max():g} and an image of X from "
            f"{image.min():g} to {image.max():g} ({image.dtype}). Give a color in the numbers that "
            "the model reads, scaled as X is."
        )


def _check_choice(name: str, value: object, choices: tuple[str, ...], other: str) -> None:
    known = isinstance(value, str) and value in choices
    if not known and (isinstance(value, str) or value is None):
        raise InputError(
            f"{name} is {value!r}. Give one of {', '.join(map(repr, choices))}, or {other}."
        )


def _check_map(given: NDArray[Any], shape: tuple[int, ...]) -> None:
    if given.dtype.kind not in "iub" or given.shape != shape:
        more = given.ndim > _MAP_AXES
        hint = " For a map per image give divide='own' and wh.images_of(X).divided(maps)."
        raise InputError(
            f"divide is an array of dtype {given.dtype} and shape {given.shape}. Whole numbers of "
            f"shape {shape}, one per pixel, are needed.{hint if more else ''}"
        )


def _own(images: Images) -> Int32s:
    """Return the maps that the images carry, each numbered from 0."""
    if images.segments is None:
        raise InputError(
            "divide is 'own' and the images carry no maps of parts. Give them by "
            "wh.images_of(X).divided(maps), one map of shape (height, width) for each."
        )
    maps = np.asarray(images.segments)
    if maps.shape != images.pixels.shape[:3]:
        raise InputError(
            f"The maps of parts are of shape {maps.shape} and the images of shape "
            f"{images.pixels.shape}. One number per pixel is needed: {images.pixels.shape[:3]}."
        )
    return np.stack([numbered(one)[0] for one in maps])
