"""Digests: equal content, equal text."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def digest(parts: Iterable[NDArray[np.generic] | str]) -> str:
    """Return the SHA-256 of arrays and texts, in order, with their shapes and types.

    Examples
    --------
    >>> digest(["a", "b"]) == digest(["ab"])
    False
    """
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            raw = part.encode()
            sha.update(f"text {len(raw)} ".encode() + raw)
        else:
            sha.update(f"array {part.dtype.str} {part.shape} ".encode())
            sha.update(np.ascontiguousarray(part).data)
    return f"sha256:{sha.hexdigest()}"
