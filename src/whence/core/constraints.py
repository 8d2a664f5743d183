"""What may be changed in a row, in the columns and categories that the user knows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from whence.core.types import Level

Column: TypeAlias = str | int
"""A column by name or, where the table has no names, by number."""
Verb: TypeAlias = Literal["rises", "falls", "changes"]
Sum: TypeAlias = tuple[Mapping[Column, float], Literal["<=", ">="], float]
"""Factor of each column, which way, and how much: ``({"loan": 1.0, "debt": 2.0}, "<=", 9.0)``."""
Event: TypeAlias = tuple[Column, Verb] | tuple[Column, Verb, float]
Cause: TypeAlias = tuple[Sequence[Column], Callable[..., Any]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Constraints:
    """What a row may be changed to, and what a change costs.

    All of them hold for every row that is handed back. A column that is missing in a row stays
    missing, and one that no constraint names may take any value between the smallest and the
    largest of the background, on the grid on which the background's values lie (whole numbers stay
    whole, prices of two decimals keep two), or any category of the background.

    Attributes
    ----------
    immutable : tuple of columns
        Stay as they are.
    increase, decrease : tuple of columns
        Never fall, or never rise. A column of categories needs its ``order``.
    bounds : dict
        Column -> (low, high), None for no bound, that the new value lies between, both included;
        a row outside of them is moved inside.
    step : dict
        Column -> size: a change is a multiple of it. A fraction makes fractions of whole numbers.
    transitions : dict
        Column of categories -> the categories it may become, or a dict from each category to those
        that it may become; one that is no key of it stays. What is stays allowed.
    order : dict
        Column of categories -> its categories from low to high.
    linear : tuple
        Weighted sums of columns of numbers, such as
        ``({"loan": 1.0, "income": -4.0}, "<=", 0.0)``.
    implications : tuple
        Pairs of events, the second of which must come with the first, such as
        ``(("education", "rises"), ("age", "rises", 2))``: if education rises, age rises by at least
        2. An event is a column, "rises", "falls" or "changes", and, of numbers, by how much at
        least.
    together : tuple of tuples of columns
        Values that must occur together in a row of the background, such as ``("town", "zip")``, or
        are those of the row itself.
    causes : dict
        Column -> (its causes, function): the column is not changed by itself, but follows. The
        function takes an array for each cause and returns what they make of the column; a number
        moves by as much as that moves, so that what else there is to it is kept, and a category
        becomes that, if a cause changes. What follows costs nothing.
    cost : dict
        Column -> price of a change, as a multiple of the usual distance; 1 where it is not named.

    See Also
    --------
    whence.Counterfactuals : finds the nearest row that the model decides otherwise.

    Examples
    --------
    >>> limits = Constraints(immutable=("age",), bounds={"hours": (10, 60)})
    >>> limits.bounds
    {'hours': (10, 60)}
    """

    immutable: Sequence[Column] = ()
    increase: Sequence[Column] = ()
    decrease: Sequence[Column] = ()
    bounds: Mapping[Column, tuple[float | None, float | None]] = field(default_factory=dict)
    step: Mapping[Column, float] = field(default_factory=dict)
    transitions: Mapping[Column, Mapping[Level, Sequence[Level]] | Sequence[Level]] = field(
        default_factory=dict
    )
    order: Mapping[Column, Sequence[Level]] = field(default_factory=dict)
    linear: Sequence[Sum] = ()
    implications: Sequence[tuple[Event, Event]] = ()
    together: Sequence[Sequence[Column]] = ()
    causes: Mapping[Column, Cause] = field(default_factory=dict)
    cost: Mapping[Column, float] = field(default_factory=dict)
