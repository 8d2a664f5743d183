"""Sets of rows as bits, 64 to a word: a conjunction of conditions is an AND, its size a count."""

import numpy as np
from numpy.typing import NDArray

from whence.core.types import Bools, Ints, Words

_WORD = 64
_ONES = np.array([number.bit_count() for number in range(1 << 16)], dtype=np.uint8)
"""Bits of all numbers of 16 bits."""


def packed(members: Bools) -> Words:
    """Return sets of rows as words.

    Parameters
    ----------
    members : bool array of shape (..., rows)

    Returns
    -------
    uint64 array of shape (..., words)
        Bits beyond the last row are zero.

    Examples
    --------
    >>> count(packed(np.array([[True, False, True], [False, False, True]])))
    array([2, 1])
    """
    rows = members.shape[-1]
    room = np.zeros((*members.shape[:-1], -(-rows // _WORD) * _WORD), dtype=bool)
    room[..., :rows] = members
    return np.packbits(room, axis=-1, bitorder="little").view("<u8").astype(np.uint64, copy=False)


def count(words: Words) -> Ints:
    """Return the size of each set, of shape (...,) for words of shape (..., words)."""
    return np.asarray(_ones(words).sum(axis=-1, dtype=np.uint32).astype(np.int64))


def counted_by_table(words: Words) -> NDArray[np.uint8]:
    """Return the bits of each word by looking up its quarters, where numpy itself cannot count."""
    quarters = _ONES[np.ascontiguousarray(words)[..., None].view(np.uint16)]
    return np.asarray(quarters.sum(axis=-1, dtype=np.uint8))


_ones = getattr(np, "bitwise_count", counted_by_table)  # numpy counts bits from 2.0 on
