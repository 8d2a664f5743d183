"""The part of a table that the splits on a path leave, told in conditions on its columns."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from whence.core.rules import Predicate
from whence.core.types import Bools, Level
from whence.kernels.cart_tree import Side


def conditions(
    path: Iterable[tuple[Side, bool]],
    names: Sequence[str],
    levels: Sequence[tuple[Level, ...] | None],
    told: Bools,
) -> tuple[Predicate, ...]:
    """Merge the splits on a path to one condition per column, in the order of their first split.

    Parameters
    ----------
    path : iterable of (Side, bool)
        Splits, and whether the path goes left.
    names : sequence of str
        Names of the columns.
    levels : sequence
        Per column the values that ``Side.members`` are about; None for a column of numbers.
    told : bool array of shape (columns,)
        Of which columns it is said where missing values go. Of the others no condition holds for a
        missing value, and that a value is there is a condition only where a split asks just that.

    Examples
    --------
    >>> path = [(Side(column=0, threshold=t, members=None, missing_left=True), left)
    ...         for t, left in ((50.0, True), (18.0, False), (40.0, True))]
    >>> print(*conditions(path, ["age"], [None], np.array([True])))
    18 < age ≤ 40
    """
    regions: dict[int, _Region] = {}
    for side, left in path:
        regions.setdefault(side.column, _Region(levels[side.column])).cut(side, left)
    found = (regions[j].predicate(names[j], levels[j], told=bool(told[j])) for j in regions)
    return tuple(predicate for predicate in found if predicate is not None)


class _Region:
    """What is left of one column."""

    __slots__ = ("bounded", "high", "known", "low", "members", "missing")

    def __init__(self, levels: tuple[Level, ...] | None) -> None:
        self.low, self.high, self.missing, self.bounded = -math.inf, math.inf, True, False
        self.members = np.ones(len(levels or ()), dtype=bool)
        self.known = False  # whether a split parts all that is known from what is missing

    def cut(self, side: Side, left: bool) -> None:
        """Keep what goes to one side of a split."""
        self.missing &= side.missing_left == left
        self.known |= side.missing_left != left and _keeps_all(side, left=left)
        if side.members is not None:
            self.members &= side.members if left else ~side.members
        elif left:
            self.high, self.bounded = min(self.high, side.threshold), True
        else:
            self.low, self.bounded = max(self.low, side.threshold), True

    def predicate(
        self, name: str, levels: tuple[Level, ...] | None, *, told: bool
    ) -> Predicate | None:
        """Return the condition; None where it always holds."""
        missing = self.missing and told
        unknown = self.missing or not (told or self.known)  # no condition on being there
        if levels is not None and not self.members.all():
            kept = tuple(
                level
                for level, there in zip(levels, self.members, strict=True)
                if there and (not self.bounded or self.low < float(level) <= self.high)
            )
            return Predicate(feature=name, levels=kept, missing=missing)
        if self.low >= self.high:  # nothing but missing values
            return Predicate(feature=name, low=math.inf, high=-math.inf, missing=True)
        if math.isinf(self.low) and math.isinf(self.high) and unknown:
            return None
        if levels is not None and not self.bounded:
            return Predicate(feature=name, levels=tuple(levels), missing=missing)
        return Predicate(feature=name, low=self.low, high=self.high, missing=missing)


def _keeps_all(side: Side, *, left: bool) -> bool:
    """Tell whether all values that are known go to one side of a split."""
    if side.members is not None:
        return bool((side.members == left).all())
    return side.threshold == (math.inf if left else -math.inf)
