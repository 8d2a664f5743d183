"""Series in the user's own form."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

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

_SERIES_AXES = 3


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
            rows=labels_of_rows(self.rows, rows),
            native=part_of(self.native, rows),
        )

    def like(self, values: NDArray[Any]) -> Self:
        """Return other values of shape (rows, times, channels) in the same form."""
        form = values[..., 0] if self.flat else values
        return replace(
            self, values=values, segments=None, rows=None, native=in_form_of(self.native, form)
        )

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
        return replace(self, values=owned(self.values), native=None)


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
    values = finite(X, "series")
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
    return Series(values=form, channels=tuple(names), flat=flat, native=kept(X))
