"""Reads constraints in the names of a table, after a check that they make sense together."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from typing import get_args

import numpy as np

from whence.core.check import shorten
from whence.core.constraints import Column, Constraints, Verb
from whence.core.errors import InputError
from whence.core.limits import Consequence, Happening, Implication, Limits, Weighted, check_agree
from whence.core.table import Table
from whence.core.types import Ints, Level

_PAIR, _TRIPLE = 2, 3
_LISTS = ("immutable", "increase", "decrease", "linear", "implications", "together")


def limits_of(constraints: Constraints | None, table: Table) -> Limits:
    """Bring constraints to the columns of a table.

    Parameters
    ----------
    constraints : Constraints or None
    table : Table
        The background, whose columns and categories they name.

    Raises
    ------
    InputError
        If they name columns or categories that the table lacks, or contradict each other.

    Examples
    --------
    >>> from whence.core.table import table_of
    >>> limits_of(Constraints(increase=("x1",)), table_of(np.zeros((1, 2)))).direction
    array([0, 1])
    """
    given = Constraints() if constraints is None else constraints
    if not isinstance(given, Constraints):
        raise InputError(f"constraints is {given!r:.60}. Give wh.Constraints(...), or None.")
    reader = _Reader(table=table)
    for f in fields(given):
        reader.check_form(f.name, getattr(given, f.name))
    p = len(table.names)
    immutable, follows = np.zeros(p, dtype=bool), np.zeros(p, dtype=bool)
    immutable[reader.places("immutable", given.immutable)] = True
    consequences = reader.consequences(given)
    follows[[e.column for e in consequences]] = True
    bounds = dict(reader.bounds(given))
    low, high = np.full(p, -np.inf), np.full(p, np.inf)
    for j, (least, most) in bounds.items():
        low[j], high[j] = least, most
    step, price = np.zeros(p), np.ones(p)
    for j, size in reader.sizes("step", given.step, positive=True):
        step[j] = size
    for j, size in reader.sizes("cost", given.cost, positive=False):
        price[j] = size
    order = dict(reader.orders(given))
    limits = Limits(
        immutable=immutable, follows=follows, direction=reader.directions(given, order),
        low=low, high=high, step=step, price=price, moves=dict(reader.moves(given)), order=order,
        sums=tuple(reader.sums(given)), implications=tuple(reader.implications(given, order)),
        together=tuple(reader.together(given)), consequences=consequences,
    )  # fmt: skip
    check_agree(limits, table.names)
    return limits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Reader:
    """Reads constraints in the names of a table."""

    table: Table

    def check_form(self, name: str, value: object) -> None:
        """Raise `InputError` unless a setting is a list, or a dict, as it has to be."""
        wanted = (list, tuple) if name in _LISTS else Mapping
        if not isinstance(value, wanted):
            form = "tuple" if name in _LISTS else "dict"
            if isinstance(value, str) and name in _LISTS:
                form = f"tuple: {name}=({value!r:.60},)"
            raise InputError(f"{name} of the constraints is {value!r:.60}. Give a {form}.")

    def place(self, setting: str, column: object) -> int:
        names = self.table.names
        if isinstance(column, str) and column in names:
            return names.index(column)
        numbered = not self.table.named and not isinstance(column, bool)
        if numbered and isinstance(column, (int, np.integer)) and 0 <= column < len(names):
            return int(column)
        close = get_close_matches(str(column), names, n=1)
        guess = f" (is it {close[0]!r}?)" if close else ""
        raise InputError(
            f"{setting} of the constraints names column {column!r}, which the background lacks"
            f"{guess}. Its columns are {shorten(names)}. Name some of these."
        )

    def places(self, setting: str, columns: Sequence[Column]) -> list[int]:
        return [self.place(setting, column) for column in columns]

    def numeric(self, setting: str, column: object) -> int:
        j = self.place(setting, column)
        if self.table.levels[j] is not None:
            raise InputError(
                f"{setting} of the constraints names column {column!r}, which holds categories. "
                "It is for numbers. Give transitions= for categories, or order= and increase=."
            )
        return j

    def levels(self, setting: str, j: int, levels: object) -> tuple[Level, ...]:
        """Return categories of a column, after a check that it has them."""
        name, known = self.table.names[j], self.table.levels[j]
        if known is None:
            raise InputError(
                f"{setting} of the constraints names column {name!r}, which holds numbers. It is "
                "for categories. Give bounds= for numbers."
            )
        if isinstance(levels, str) or not isinstance(levels, Sequence):
            raise InputError(
                f"{setting} of the constraints gives {levels!r:.60} for column {name!r}. A tuple "
                "of categories is needed."
            )
        for level in levels:
            if level not in known:
                close = get_close_matches(str(level), [str(v) for v in known], n=1)
                guess = f" (is it {close[0]!r}?)" if close else ""
                raise InputError(
                    f"{setting} of the constraints names the category {level!r} of column "
                    f"{name!r}, which never occurs in the background{guess}. Its categories are "
                    f"{shorten(known)}. Name some of these."
                )
        return tuple(levels)

    def bounds(self, given: Constraints) -> Iterator[tuple[int, tuple[float, float]]]:
        for column, pair in given.bounds.items():
            j = self.numeric("bounds", column)
            if not isinstance(pair, (tuple, list)) or len(pair) != _PAIR:
                raise InputError(
                    f"bounds of the constraints gives {pair!r:.60} for column {column!r}. A pair "
                    "(low, high) is needed, None for no bound."
                )
            low = -math.inf if pair[0] is None else _number("bounds", column, pair[0])
            high = math.inf if pair[1] is None else _number("bounds", column, pair[1])
            if low > high:
                raise InputError(
                    f"bounds of column {column!r} contradict each other: {low:g} is above "
                    f"{high:g}. Give (low, high)."
                )
            yield j, (low, high)

    def sizes(
        self, setting: str, given: Mapping[Column, float], *, positive: bool
    ) -> Iterator[tuple[int, float]]:
        for column, size in given.items():
            j = (self.numeric if positive else self.place)(setting, column)
            number = _number(setting, column, size)
            if number < 0 or (positive and number == 0) or not math.isfinite(number):
                raise InputError(
                    f"{setting} of column {column!r} is {size!r}. A "
                    f"{'positive number' if positive else 'number of at least 0'} is needed."
                )
            yield j, number

    def orders(self, given: Constraints) -> Iterator[tuple[int, tuple[Level, ...]]]:
        for column, levels in given.order.items():
            j = self.place("order", column)
            ranked = self.levels("order", j, levels)
            if len(set(ranked)) < len(ranked):
                raise InputError(f"order of column {column!r} names a category twice: {ranked!r}.")
            yield j, ranked

    def directions(self, given: Constraints, order: dict[int, tuple[Level, ...]]) -> Ints:
        direction = np.zeros(len(self.table.names), dtype=np.int64)
        for setting, columns, sign in (
            ("increase", given.increase, 1),
            ("decrease", given.decrease, -1),
        ):
            for column in columns:
                j = self._ranked(setting, column, order)
                if direction[j] == -sign:
                    raise InputError(
                        f"increase and decrease contradict each other: both name {column!r}. Name "
                        "it in one of them, or in immutable if it must not change at all."
                    )
                direction[j] = sign
        return direction

    def _ranked(self, setting: str, column: object, order: dict[int, tuple[Level, ...]]) -> int:
        j = self.place(setting, column)
        if self.table.levels[j] is not None and j not in order:
            raise InputError(
                f"{setting} of the constraints names column {column!r}, whose categories have no "
                f"order. Give order={{{column!r}: (...)}} with its categories from low to high."
            )
        return j

    def moves(
        self, given: Constraints
    ) -> Iterator[tuple[int, dict[Level | None, tuple[Level, ...]]]]:
        for column, allowed in given.transitions.items():
            j = self.place("transitions", column)
            if not isinstance(allowed, Mapping):
                yield j, {None: self.levels("transitions", j, allowed)}
                continue
            self.levels("transitions", j, tuple(allowed))
            yield j, {old: self.levels("transitions", j, new) for old, new in allowed.items()}

    def sums(self, given: Constraints) -> Iterator[Weighted]:
        for part in given.linear:
            good = isinstance(part, (tuple, list)) and len(part) == _TRIPLE
            if not good or not isinstance(part[0], Mapping) or part[1] not in ("<=", ">="):
                raise InputError(
                    f"linear of the constraints holds {part!r:.80}. Give the factor of each "
                    "column, which way, and how much: ({'loan': 1.0, 'income': -4.0}, '<=', 0.0)."
                )
            sign = 1.0 if part[1] == "<=" else -1.0
            factors = [sign * _number("linear", c, a) for c, a in part[0].items()]
            yield Weighted(
                columns=np.array([self.numeric("linear", c) for c in part[0]], dtype=np.int64),
                factor=np.array(factors, dtype=np.float64),
                most=sign * _number("linear", "the sum", part[2]),
                text=f"{_written(part[0])} {part[1]} {part[2]:g}",
            )

    def implications(
        self, given: Constraints, order: dict[int, tuple[Level, ...]]
    ) -> Iterator[Implication]:
        for pair in given.implications:
            if not isinstance(pair, (tuple, list)) or len(pair) != _PAIR:
                raise _no_implication(pair)
            when, then = (self._event(event, order) for event in pair)
            text = f"if {_told(pair[0])}, {_told(pair[1])}"
            yield Implication(when=when, then=then, text=text)

    def _event(self, event: object, order: dict[int, tuple[Level, ...]]) -> Happening:
        parts = tuple(event) if isinstance(event, (tuple, list)) else ()
        if len(parts) not in (_PAIR, _TRIPLE) or parts[1] not in get_args(Verb):
            raise _no_implication(event)
        column, verb, by = (*parts, 0.0)[:_TRIPLE]
        if verb == "changes" and by == 0.0:
            return Happening(column=self.place("implications", column), verb=verb)
        j = self._ranked("implications", column, order)
        return Happening(column=j, verb=verb, by=_number("implications", column, by))

    def together(self, given: Constraints) -> Iterator[Ints]:
        seen: set[int] = set()
        for columns in given.together:
            if isinstance(columns, str) or not isinstance(columns, Sequence) or not columns:
                raise InputError(
                    f"together of the constraints holds {columns!r:.60}. Give tuples of columns, "
                    "such as (('town', 'zip'),)."
                )
            places = self.places("together", columns)
            twice = [j for j in places if j in seen or places.count(j) > 1]
            if twice:
                raise InputError(
                    f"together names column {self.table.names[twice[0]]!r} twice. A column belongs "
                    "to one group. Put what belongs together into one tuple."
                )
            seen.update(places)
            yield np.array(places, dtype=np.int64)

    def consequences(self, given: Constraints) -> tuple[Consequence, ...]:
        found: dict[int, Consequence] = {}
        for column, cause in given.causes.items():
            j = self.place("causes", column)
            good = isinstance(cause, (tuple, list)) and len(cause) == _PAIR
            if not good or isinstance(cause[0], str) or not callable(cause[1]):
                raise InputError(
                    f"causes of column {column!r} is {cause!r:.60}. Give its causes and a function "
                    "of an array for each of them: (('age', 'job'), function)."
                )
            causes = np.array(self.places("causes", cause[0]), dtype=np.int64)
            found[j] = Consequence(column=j, causes=causes, function=cause[1])
        graph = {j: consequence.causes.tolist() for j, consequence in found.items()}
        try:
            ordered = list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            cycle = " -> ".join(repr(self.table.names[j]) for j in error.args[1])
            raise InputError(
                f"causes has a cycle, {cycle}. Nothing is its own cause. Take out one of these."
            ) from error
        return tuple(found[j] for j in ordered if j in found)


def _number(setting: str, column: object, value: object) -> float:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or math.isnan(value):  # type: ignore[arg-type]  # a number
        raise InputError(
            f"{setting} of the constraints gives {value!r:.60} for {column!r}. A number is needed."
        )
    return float(value)  # type: ignore[arg-type]  # as above


def _written(factors: Mapping[Column, float]) -> str:
    return " + ".join(f"{a:g} {c}" for c, a in factors.items()).replace("+ -", "- ")


def _told(event: Sequence[object]) -> str:
    by = f" by at least {event[2]}" if len(event) == _TRIPLE else ""
    return f"{event[0]} {event[1]}{by}"


def _no_implication(what: object) -> InputError:
    return InputError(
        f"implications of the constraints holds {what!r:.80}. Give pairs of events, each a column "
        "and 'rises', 'falls' or 'changes', such as "
        "(('education', 'rises'), ('age', 'rises', 2))."
    )
