"""Images in the user's own form."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from whence.core.digest import digest
from whence.core.errors import InputError
from whence.core.forms import (
    finite,
    in_form_of,
    kept,
    labels_of_rows,
    owned,
    part_of,
)
from whence.core.types import Int32s

_IMAGE_AXES = 4
_GRAY_AXES = 3
_COLORS = (1, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Images:
    """Images to explain.

    Attributes
    ----------
    pixels : array of shape (rows, height, width, channels)
        In the numbers that the model reads; read-only.
    channels_first : bool
        Whether the model reads (rows, channels, height, width).
    flat : bool
        Whether the model reads (rows, height, width), without an axis of channels.
    segments : int32 array of shape (rows, height, width) or None
        Which player each pixel belongs to.
    native : object
        The user's own array or tensor; None after loading from a file.

    Examples
    --------
    >>> image = images_of(np.zeros((2, 3, 32, 32), dtype=np.float32))
    >>> image.pixels.shape, image.channels_first
    ((2, 32, 32, 3), True)
    """

    pixels: NDArray[Any]
    channels_first: bool = False
    flat: bool = False
    segments: Int32s | None = None
    rows: tuple[str, ...] | None = None
    native: object = field(default=None, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Return nothing: an image has no columns."""
        return ()

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.pixels)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Return some images."""
        return replace(
            self,
            pixels=self.pixels[rows],
            segments=None if self.segments is None else self.segments[rows],
            rows=labels_of_rows(self.rows, rows),
            native=part_of(self.native, rows),
        )

    def like(self, pixels: NDArray[Any]) -> Self:
        """Return other pixels of shape (rows, height, width, channels) in the same form."""
        form = pixels[..., 0] if self.flat else pixels
        form = np.moveaxis(form, -1, 1) if self.channels_first else form
        return replace(
            self, pixels=pixels, segments=None, rows=None, native=in_form_of(self.native, form)
        )

    def divided(self, segments: Int32s) -> Self:
        """Return the same with the parts that a masker divided it into."""
        return replace(self, segments=segments)

    def digest(self) -> str:
        """Return the SHA-256 of the pixels."""
        return digest(["images", np.asarray(self.pixels)])

    def content(self) -> Iterator[bytes]:
        """Yield the pixels of each image as bytes."""
        yield from (np.ascontiguousarray(image).tobytes() for image in self.pixels)

    def detached(self) -> Self:
        """Return the images without the user's own object."""
        return replace(self, pixels=owned(self.pixels), native=None)


def images_of(X: object, *, channels: Literal["first", "last", "none"] | None = None) -> Images:
    """Take an array or tensor as images.

    Parameters
    ----------
    X : array of shape (rows, height, width, channels), (rows, channels, height, width) or
        (rows, height, width)
        Bytes or finite numbers.
    channels : {"first", "last", "none"} or None
        Where the channels are; None tells by the shape, the last axis first.

    Raises
    ------
    InputError
        If the shape or the numbers are not those of images.
    """
    if isinstance(X, Images):
        return X
    pixels = finite(X, "images")
    where = channels or _guess(pixels.shape)
    needed = _GRAY_AXES if where == "none" else _IMAGE_AXES
    if pixels.ndim != needed:
        raise InputError(
            f"X is an array of shape {pixels.shape}. Images are of shape (rows, height, width, "
            "channels), (rows, channels, height, width), or (rows, height, width) with "
            "channels='none'. For one image write X[None]."
        )
    form = pixels[..., None] if where == "none" else pixels
    form = np.moveaxis(form, 1, -1) if where == "first" else form
    return Images(
        pixels=form, channels_first=where == "first", flat=where == "none", native=kept(X)
    )


def _guess(shape: tuple[int, ...]) -> Literal["first", "last", "none"]:
    if len(shape) == _GRAY_AXES:
        return "none"
    last = len(shape) == _IMAGE_AXES and shape[-1] not in _COLORS and shape[1] in _COLORS
    return "first" if last else "last"
