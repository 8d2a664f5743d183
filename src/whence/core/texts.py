"""Texts in the user's own form."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from whence.core.digest import digest
from whence.core.errors import InputError
from whence.core.forms import (
    labels_of_rows,
)
from whence.core.types import Int32s


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
            rows=labels_of_rows(self.rows, rows),
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
