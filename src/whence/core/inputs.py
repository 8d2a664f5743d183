"""What a model is asked about: a table, images, texts or series, each in the user's own form.

All four offer the same: a length, rows by index, a digest, the content of each row as bytes (which
seeds its random numbers), and ``native``, the object that the model itself is asked with. Beside
`whence.core.table.Table`:

=========  =======================================  ============================================
kind       holds                                    parts that may be unknown
=========  =======================================  ============================================
`Images`   pixels (rows, height, width, channels)   ``segments`` (rows, height, width)
`Texts`    strings                                  ``segments`` (rows, parts, 2), in characters
`Series`   values (rows, times, channels)           ``segments`` (rows, times, channels)
=========  =======================================  ============================================

``segments`` is None until a masker has divided the rows. It then says for each pixel
or point in time to which player it belongs, and for each part of a text where it stands.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray

from whence.core.digest import digest
from whence.core.errors import InputError
from whence.core.table import Table, table_of
from whence.core.types import Int32s

_IMAGE_AXES = 4
_SERIES_AXES = 3
_COLORS = (1, 3, 4)


class Inputs(Protocol):
    """Rows of any kind that a model can be asked about."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns or channels; none for texts."""
        ...

    @property
    def rows(self) -> tuple[str, ...] | None:
        """Labels of the rows, where the user gave any."""
        ...

    @property
    def native(self) -> object:
        """The rows in the user's own form, which the model is asked with."""
        ...

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Return some rows."""
        ...

    def divided(self, segments: Int32s) -> Self:
        """Return the rows with the parts that a masker divided them into."""
        ...

    def digest(self) -> str:
        """Return the SHA-256 of the content."""
        ...

    def content(self) -> Iterator[bytes]:
        """Yield the content of each row, in which no other row has a say."""
        ...

    def detached(self) -> Self:
        """Return the rows without the user's own object."""
        ...


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
            rows=_labels(self.rows, rows),
            native=_part(self.native, rows),
        )

    def like(self, pixels: NDArray[Any]) -> Self:
        """Return other pixels of shape (rows, height, width, channels) in the same form."""
        form = pixels[..., 0] if self.flat else pixels
        form = np.moveaxis(form, -1, 1) if self.channels_first else form
        return replace(self, pixels=pixels, segments=None, rows=None, native=_as(self.native, form))

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
        return replace(self, pixels=_own(self.pixels), native=None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Texts:
    """Texts to explain.

    Attributes
    ----------
    strings : tuple of str
    segments : int32 array of shape (rows, parts, 2) or None
        First character of each part and the one after its last; -1 where a text has no such part.
    native : object
        The user's own list, array or column; None after loading from a file.

    Examples
    --------
    >>> texts_of(["a fine film", "dull"]).like(["a film"]).native
    ['a film']
    """

    strings: tuple[str, ...]
    segments: Int32s | None = None
    rows: tuple[str, ...] | None = None
    native: object = field(default=None, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Return nothing: a text has no columns."""
        return ()

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.strings)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Return some texts."""
        index = np.arange(len(self))[rows]
        return replace(
            self.like([self.strings[i] for i in index]),
            segments=None if self.segments is None else self.segments[rows],
            rows=_labels(self.rows, rows),
        )

    def like(self, strings: list[str]) -> Self:
        """Return other texts in the same form."""
        native: object = strings
        if isinstance(self.native, np.ndarray):
            native = np.array(strings, dtype=object)
        elif self.native is not None and not isinstance(self.native, (list, tuple)):
            native = cast("Any", type(self.native))(strings)
        return replace(self, strings=tuple(strings), segments=None, rows=None, native=native)

    def parts(self, row: int) -> tuple[str, ...]:
        """Return the parts of one text; none before a masker has divided it."""
        spans = () if self.segments is None else self.segments[row]
        return tuple(self.strings[row][a:b] for a, b in spans if a >= 0)

    def divided(self, segments: Int32s) -> Self:
        """Return the same with the parts that a masker divided it into."""
        return replace(self, segments=segments)

    def digest(self) -> str:
        """Return the SHA-256 of the strings."""
        return digest(["texts", *self.strings])

    def content(self) -> Iterator[bytes]:
        """Yield each text as bytes."""
        yield from (text.encode("utf-8", "surrogatepass") for text in self.strings)

    def detached(self) -> Self:
        """Return the texts without the user's own object."""
        return replace(self, native=None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Series to explain.

    Attributes
    ----------
    values : array of shape (rows, times, channels)
        In the numbers that the model reads; read-only.
    channels : tuple of str
        Names of the channels.
    flat : bool
        Whether the model reads (rows, times), without an axis of channels.
    segments : int32 array of shape (rows, times, channels) or None
        Which player each value belongs to.
    native : object
        The user's own array or tensor; None after loading from a file.

    Examples
    --------
    >>> series_of(np.zeros((5, 30)), channels=("close",)).values.shape
    (5, 30, 1)
    """

    values: NDArray[Any]
    channels: tuple[str, ...]
    flat: bool = False
    segments: Int32s | None = None
    rows: tuple[str, ...] | None = None
    native: object = field(default=None, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the channels."""
        return self.channels

    def __len__(self) -> int:
        """Return the number of series."""
        return len(self.values)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Return some series."""
        return replace(
            self,
            values=self.values[rows],
            segments=None if self.segments is None else self.segments[rows],
            rows=_labels(self.rows, rows),
            native=_part(self.native, rows),
        )

    def like(self, values: NDArray[Any]) -> Self:
        """Return other values of shape (rows, times, channels) in the same form."""
        form = values[..., 0] if self.flat else values
        return replace(self, values=values, segments=None, rows=None, native=_as(self.native, form))

    def divided(self, segments: Int32s) -> Self:
        """Return the same with the parts that a masker divided it into."""
        return replace(self, segments=segments)

    def digest(self) -> str:
        """Return the SHA-256 of names and values."""
        return digest(["series", *self.channels, np.asarray(self.values)])

    def content(self) -> Iterator[bytes]:
        """Yield the values of each series as bytes."""
        yield from (np.ascontiguousarray(series).tobytes() for series in self.values)

    def detached(self) -> Self:
        """Return the series without the user's own object."""
        return replace(self, values=_own(self.values), native=None)


def inputs_of(X: object) -> Table | Images | Texts | Series:
    """Bring what the user wants explained to one of four forms.

    Parameters
    ----------
    X : object
        What `table_of` reads; a list or column of strings, which are texts; an array or tensor of
        four axes, which holds images, or of three, which holds series. Where that guess is wrong,
        say so by `images_of`, `texts_of` or `series_of`.

    Raises
    ------
    InputError
        If it is none of these, or cannot be used as such.
    """
    if isinstance(X, (Table, Images, Texts, Series)):
        return X
    if isinstance(X, str) or _holds_strings(X):
        return texts_of(X)
    axes = np.ndim(cast("Any", X)) if _is_tensor(X) or isinstance(X, np.ndarray) else 0
    if axes == _IMAGE_AXES:
        return images_of(X)
    if axes == _SERIES_AXES:
        if np.asarray(_array(X)).dtype == np.uint8:
            raise InputError(
                f"X is an array of bytes of shape {np.shape(cast('Any', X))}, which may be one "
                "image or many without colors. Write X[None] for one image, or wh.images(X)."
            )
        return series_of(X)
    return table_of(_array(X) if _is_tensor(X) else X)


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
    pixels = _finite(X, "images")
    where = channels or _guess(pixels.shape)
    needed = _SERIES_AXES if where == "none" else _IMAGE_AXES
    if pixels.ndim != needed:
        raise InputError(
            f"X is an array of shape {pixels.shape}. Images are of shape (rows, height, width, "
            "channels), (rows, channels, height, width), or (rows, height, width) with "
            "channels='none'. For one image write X[None]."
        )
    form = pixels[..., None] if where == "none" else pixels
    form = np.moveaxis(form, 1, -1) if where == "first" else form
    return Images(
        pixels=form, channels_first=where == "first", flat=where == "none", native=_kept(X)
    )


def texts_of(X: object) -> Texts:
    """Take a list, array or column of strings as texts.

    Raises
    ------
    InputError
        If there is none, one is no string, or one is empty.
    """
    if isinstance(X, Texts):
        return X
    if isinstance(X, str):
        raise InputError(f"X is the one text {X[:40]!r}. A list is needed. Write [text].")
    strings = list(cast("Any", X))
    if not strings:
        raise InputError("X holds no texts. At least one is needed.")
    for i, text in enumerate(strings):
        if not isinstance(text, str):
            raise InputError(
                f"Text {i} of X is {text!r:.40}, of type {type(text).__name__}. Strings are "
                "needed. Drop missing texts first."
            )
        if not text.strip():
            raise InputError(
                f"Text {i} of X is empty ({text!r:.40}). There is nothing in it to explain. "
                "Drop empty texts first."
            )
    return Texts(strings=tuple(str(text) for text in strings), native=X)


def series_of(X: object, *, channels: tuple[str, ...] | None = None) -> Series:
    """Take an array or tensor as series.

    Parameters
    ----------
    X : array of shape (rows, times, channels) or (rows, times)
        Finite numbers, in order of time.
    channels : tuple of str or None
        Names of the channels.

    Raises
    ------
    InputError
        If the shape, the numbers or the names are not those of series.
    """
    if isinstance(X, Series):
        return X
    values = _finite(X, "series")
    flat = values.ndim == _SERIES_AXES - 1
    if values.ndim not in (_SERIES_AXES - 1, _SERIES_AXES):
        raise InputError(
            f"X is an array of shape {values.shape}. Series are of shape (rows, times, channels) "
            "or (rows, times). For one series write X[None]."
        )
    form = values[..., None] if flat else values
    names = channels or tuple(f"channel {c}" for c in range(form.shape[-1]))
    if len(set(names)) != form.shape[-1]:
        raise InputError(
            f"channels names {len(set(names))} different channels and X has {form.shape[-1]}. "
            "Give one name per channel."
        )
    return Series(values=form, channels=tuple(names), flat=flat, native=_kept(X))


def _guess(shape: tuple[int, ...]) -> Literal["first", "last", "none"]:
    if len(shape) == _SERIES_AXES:
        return "none"
    last = len(shape) == _IMAGE_AXES and shape[-1] not in _COLORS and shape[1] in _COLORS
    return "first" if last else "last"


def _finite(X: object, what: str) -> NDArray[Any]:
    array = _array(X)
    if array.dtype.kind not in "fiub" or array.size == 0:
        raise InputError(
            f"X is an array of dtype {array.dtype} and shape {array.shape}. Numbers are needed for "
            f"{what}, at least one in each axis."
        )
    wrong = ~np.isfinite(array)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"X holds {array[place]} at {place} ({int(wrong.sum())} such numbers in all). Finite "
            f"numbers are needed for {what}. Fill or drop what is missing."
        )
    return array


def _array(X: object) -> NDArray[Any]:
    """Return an array that cannot be written to, copied from a tensor."""
    raw: Any = cast("Any", X).detach().cpu() if _is_tensor(X) else X
    array = np.asarray(raw).view()
    array.flags.writeable = False
    return array


def _is_tensor(X: object) -> bool:
    return type(X).__module__.partition(".")[0] == "torch" and hasattr(X, "detach")


def _kept(X: object) -> object:
    return X if _is_tensor(X) or isinstance(X, np.ndarray) else np.asarray(X)


def _as(native: object, array: NDArray[Any]) -> object:
    """Return an array in the form of the user's own object."""
    if not _is_tensor(native):
        return np.ascontiguousarray(array)
    torch, like = sys.modules["torch"], cast("Any", native)
    return torch.from_numpy(np.ascontiguousarray(array)).to(device=like.device, dtype=like.dtype)


def _part(native: object, rows: slice | NDArray[np.int64]) -> object:
    return None if native is None else cast("Any", native)[rows]


def _own(array: NDArray[Any]) -> NDArray[Any]:
    return array if array.flags.owndata else array.copy()


def _labels(
    labels: tuple[str, ...] | None, rows: slice | NDArray[np.int64]
) -> tuple[str, ...] | None:
    if labels is None:
        return None
    return tuple(labels[i] for i in np.arange(len(labels))[rows])


def _holds_strings(X: object) -> bool:
    """Tell whether ``X`` is a list, column or array of one axis that begins with a string."""
    if isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.ndim == 1):
        return len(X) > 0 and isinstance(X[0], str)
    is_column = type(X).__name__ in ("Series", "ChunkedArray", "StringArray")
    return is_column and isinstance(next(iter(cast("Any", X)), None), str)
