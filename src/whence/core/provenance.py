"""Where an explanation came from: all that is needed to compute it again."""

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeAlias, cast

import numpy as np

from whence.core.digest import digest
from whence.core.inputs import inputs_of
from whence.core.table import Table

_TABLE_AXES = 2
_LISTED = 100
"""Entries of a list up to which it is kept; a longer one is data, and given by its digest."""

Setting: TypeAlias = bool | int | float | str | tuple["Setting", ...] | dict[str, "Setting"] | None


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
        Rows that the user's model predicted, those included that binding the method took.
    seconds : float
        Wall-clock time of the call.
    created : str
        UTC time of the call in ISO 8601.
    references : tuple of str
        DOIs of the papers the method comes from.
    warnings : tuple of str
        What the reader must know before trusting the numbers.
    reasons, alternatives : tuple of str
        Why this method was chosen, where it was chosen for the user, and what else would answer
        the same question.
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
    alternatives: tuple[str, ...] = ()


def settings_of(method: Any) -> dict[str, Setting]:  # noqa: ANN401  a method is any frozen dataclass
    """Return the settings of a method by name, tables and arrays as digests.

    Examples
    --------
    >>> from whence.explainers.tree_shap import TreeShap
    >>> settings_of(TreeShap())["background"] is None
    True
    """
    return {f.name: _setting(getattr(method, f.name)) for f in fields(method)}


def background_digest(method: Any) -> str:  # noqa: ANN401  a method is any frozen dataclass
    """Return the digest of the method's background; empty where it has none."""
    background = getattr(method, "background", None)
    if background is None:
        background = getattr(getattr(method, "masker", None), "background", None)
    return "" if background is None else inputs_of(background).digest()


def _setting(value: Any) -> Setting:  # noqa: ANN401  a setting is any value
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return cast("Setting", value)
    if isinstance(value, (tuple, list)) and len(value) <= _LISTED:
        return tuple(_setting(part) for part in value)
    if isinstance(value, dict):
        return {str(key): _setting(part) for key, part in value.items()}
    if is_dataclass(value) and not isinstance(value, (type, Table)):
        return {"type": type(value).__name__, **settings_of(value)}
    return _digested(value)


def _digested(value: Any) -> Setting:  # noqa: ANN401  data or a function
    if isinstance(value, np.ndarray) and value.ndim != _TABLE_AXES and value.dtype.kind in "fiub":
        return digest([value])
    if _is_column(value):
        column = np.asarray(value)
        return digest([column if column.dtype.kind in "fiub" else repr(column.tolist())])
    if callable(value):
        named = value if hasattr(value, "__qualname__") else type(value)
        home = getattr(named, "__module__", None) or "builtins"
        return f"{home}.{named.__qualname__}"
    return inputs_of(value).digest()


def _is_column(value: object) -> bool:
    """Tell whether this is a list, or one column of a data frame, such as the truth about rows."""
    kind = type(value).__name__
    return isinstance(value, (tuple, list)) or kind in ("Series", "ChunkedArray", "Index")
