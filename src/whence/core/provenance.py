"""Where an explanation came from: all that is needed to compute it again."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Setting: TypeAlias = (
    None | bool | int | float | str | tuple["Setting", ...] | dict[str, "Setting"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The record of one call.

    Attributes
    ----------
    method : str
        Published name of the method.
    settings : dict
        Every setting after defaults were resolved; an array is given by its digest.
    output : str
        What was explained: "raw", "probability" or "log_loss".
    unit : str
        Unit of the values, such as "log-odds".
    rng : int or None
        Seed of the random numbers; None where none were used.
    versions : dict
        Versions of whence, Python, numpy and the model's library.
    model_digest, data_digest, background_digest : str
        SHA-256 of what was read from the model, of the rows explained and of the background.
    evaluations : int
        Rows that the user's model predicted.
    seconds : float
        Wall-clock time of the call.
    created : str
        UTC time of the call in ISO 8601.
    references : tuple of str
        DOIs of the papers the method comes from.
    warnings : tuple of str
        What the reader must know before trusting the numbers.
    reasons : tuple of str
        Why this method was chosen, where it was chosen for the user.
    """

    method: str = ""
    settings: dict[str, Setting] = field(default_factory=dict)
    output: str = "raw"
    unit: str = ""
    rng: int | None = None
    versions: dict[str, str] = field(default_factory=dict)
    model_digest: str = ""
    data_digest: str = ""
    background_digest: str = ""
    evaluations: int = 0
    seconds: float = 0.0
    created: str = ""
    references: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


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
