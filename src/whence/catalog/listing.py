"""An entry of the catalog: what a method answers, what it costs, and what it guarantees."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from whence.core.inputs import Images, Series, Texts
from whence.core.table import Table

Question: TypeAlias = Literal[
    "attribution", "interaction", "importance", "effect", "rule", "counterfactual", "example"
]  # fmt: skip
"""What moved a prediction; what moved it together; which features the model needs, over all rows
with their true ``y``; how the output changes along a feature; under which conditions the decision
stays; what would change it; which rows are typical, near, or taught the model."""

ANY = (Table, Images, Texts, Series)
TABLES = (Table,)
ROWS = 100
"""Rows of background that costs are told for."""
SEGMENTS = 50
MANY = 64
"""Players beyond which powers of two are told as such."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One method of the catalog.

    Attributes
    ----------
    method : type
    question : str
        What it answers; see `Question`.
    kinds : tuple of types
        What can be explained.
    cost : callable
        Players, background rows -> cost of one row in words.
    guarantee : str
    """

    method: Any
    question: Question
    kinds: tuple[type, ...]
    cost: Callable[[int, int], str]
    guarantee: str
