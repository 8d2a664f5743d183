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

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray

from whence.core.errors import InputError
from whence.core.forms import array_of, is_tensor
from whence.core.images import Images, images_of
from whence.core.series import Series, series_of
from whence.core.table import Table, table_of
from whence.core.texts import Texts, texts_of
from whence.core.types import Int32s

__all__ = [
    "Images", "Inputs", "Series", "Texts", "images_of", "inputs_of", "series_of", "texts_of",
    "unshared",
]  # fmt: skip

_IMAGE_AXES = 4
_SERIES_AXES = 3


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


def unshared(inputs: Inputs) -> Inputs:
    """Return rows whose array or tensor a model may write into without changing the user's."""
    native = inputs.native
    if isinstance(native, np.ndarray) and native.dtype.kind in "fiub":
        return cast("Inputs", replace(cast("Any", inputs), native=native.copy()))
    if is_tensor(native):
        copy = cast("Any", native).clone()
        return cast("Inputs", replace(cast("Any", inputs), native=copy))
    return inputs


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
    axes = np.ndim(cast("Any", X)) if is_tensor(X) or isinstance(X, np.ndarray) else 0
    if axes == _IMAGE_AXES:
        return images_of(X)
    if axes == _SERIES_AXES:
        if np.asarray(array_of(X)).dtype == np.uint8:
            raise InputError(
                f"X is an array of bytes of shape {np.shape(cast('Any', X))}, which may be one "
                "image or many without colors. Write X[None] for one image, or wh.images_of(X)."
            )
        return series_of(X)
    return table_of(array_of(X) if is_tensor(X) else X)


def _holds_strings(X: object) -> bool:
    """Tell whether ``X`` is a list, column or array of one axis that begins with a string."""
    if isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.ndim == 1):
        return len(X) > 0 and isinstance(X[0], str)
    is_column = type(X).__name__ in ("Series", "ChunkedArray", "StringArray")
    return is_column and isinstance(next(iter(cast("Any", X)), None), str)
