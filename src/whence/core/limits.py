"""Constraints by the places of columns: what rows may be changed to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from whence.core.check import shorten
from whence.core.constraints import Verb
from whence.core.errors import InputError
from whence.core.types import Bools, Floats, Ints, Level


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighted:
    """A weighted sum of columns that is at most ``most``.

    Attributes
    ----------
    columns : int array
    factor : array
    most : float
    text : str
        As the user wrote it.
    """

    columns: Ints
    factor: Floats
    most: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A column that rises, falls or changes, by at least ``by``."""

    column: int
    verb: Verb
    by: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Implication:
    """One event that must come with another."""

    when: Happening
    then: Happening
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Consequence:
    """A column that follows from others."""

    column: int
    causes: Ints
    function: Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limits:
    """Constraints by the places of columns.

    Attributes
    ----------
    immutable, follows : bool arrays of shape (columns,)
        Which columns stay, and which follow from others.
    direction : int array of shape (columns,)
        1 where a column never falls, -1 where it never rises.
    low, high : arrays of shape (columns,)
        Bounds that the user gave; infinite where there are none.
    step : array of shape (columns,)
        What a change is a multiple of; 0 where there is no such number.
    price : array of shape (columns,)
    moves : dict
        Place of a column -> category -> categories that it may become; under None for all others.
    order : dict
        Place of a column -> its categories from low to high.
    sums, implications, consequences : tuples
        Consequences stand behind their causes.
    together : tuple of int arrays
    """

    immutable: Bools
    follows: Bools
    direction: Ints
    low: Floats
    high: Floats
    step: Floats
    price: Floats
    moves: dict[int, dict[Level | None, tuple[Level, ...]]]
    order: dict[int, tuple[Level, ...]]
    sums: tuple[Weighted, ...]
    implications: tuple[Implication, ...]
    together: tuple[Ints, ...]
    consequences: tuple[Consequence, ...]


def check_agree(limits: Limits, names: tuple[str, ...]) -> None:
    """Raise `InputError` where two constraints cannot both have been meant."""
    moving = {
        "increase": limits.direction == 1,
        "decrease": limits.direction == -1,
        "step": limits.step > 0,
        "transitions": np.isin(np.arange(len(names)), list(limits.moves)),
        "causes": limits.follows,
    }
    for setting, named in moving.items():
        both = np.flatnonzero(named & limits.immutable)
        if len(both):
            raise InputError(
                f"immutable and {setting} contradict each other: both name {names[both[0]]!r}, "
                "which either stays or may change. Name it in one of them."
            )
    grouped = np.concatenate([*limits.together, np.empty(0, dtype=np.int64)])
    both = grouped[limits.follows[grouped]]
    if len(both):
        raise InputError(
            f"causes and together contradict each other: both name {names[both[0]]!r}, which "
            "either follows from its causes or is taken from a row. Name it in one of them."
        )
    for part in limits.sums:
        ends = np.where(part.factor > 0, limits.low[part.columns], limits.high[part.columns])
        least = float(np.where(part.factor == 0, 0.0, part.factor * ends).sum())
        if least > part.most:
            raise InputError(
                f"linear and bounds contradict each other: {part.text} cannot hold while "
                f"{shorten([names[j] for j in part.columns])} are within their bounds."
            )
