"""One explained row in plain words, and only what the numbers support.

Movements of the model's output are told, never causes of the outcome. A feature whose value lies
within two standard errors of zero is not named, and ranks that sampling cannot tell apart are said
to be so. Figures are rounded together, so that they can be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.inputs import Images, Series
from whence.core.types import Floats
from whence.plots.pick import Panel, read
from whence.plots.style import decimals, number, plain
from whence.reports.narrate_words import MOST, Audience, joined, level_of, notes, short

_ENOUGH: Final = 0.8
"""Features are named, largest first, until they make up this share of all movement."""
_SURE: Final = 2.0
"""Standard errors beyond which a difference is told."""
_SAME: Final = 1e-9
_NAMELESS: Final = 500
"""Pixels or times beyond which words about single ones say nothing."""
_KINDS: Final = {Images: "picture", Series: "series"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What one feature did in one row.

    Attributes
    ----------
    feature, cell : str
        Name, and value in words; ``cell`` is "" if unknown.
    value : float
        How far the output moved, in its own unit.
    stderr : float
        Standard error of ``value``; 0 where nothing was sampled.
    share : float
        Part of the sum of absolute movements of the row.
    """

    feature: str
    cell: str
    value: float
    stderr: float
    share: float


def tell_row(e: Attribution, audience: Audience, output: str | int | None) -> str:
    """Tell how the features of the only row of an attribution moved an output.

    Raises
    ------
    InputError
        If it is one of pixels, or there is no such output.
    """
    check_parts(e)
    chosen = int(np.argmax(e.outputs[0])) if output is None else output
    panel = read(e, chosen, "narrate")
    words = _Words.of(panel, audience)
    listed, rest = movements(panel, MOST[audience])
    sentences = [
        words.opening(),
        *words.moved(listed),
        *words.remainder(rest),
        *_order(listed),
        *words.gap(),
    ]
    if audience == "analyst":
        sentences.extend(notes(e))
    if audience == "customer":
        sentences.append(
            "This describes how the model came to its output; it does not say what caused the "
            "outcome, or what would happen if a detail changed."
        )
    return " ".join(sentences)


def check_parts(e: Attribution) -> None:
    """Refuse pixels, and times beyond number, about which words say nothing.

    Raises
    ------
    InputError
        If the values are of such.
    """
    size = e.values[0, ..., 0].size
    pixels = isinstance(e.data, Images) and e.data.segments is None
    if pixels or (isinstance(e.data, Images | Series) and size > _NAMELESS):
        raise InputError(
            f"`narrate` got {size:,} parts of a {_KINDS[type(e.data)]}. A picture tells more: "
            "wh.plot(e)."
        )


def movements(panel: Panel, most: int) -> tuple[list[Movement], Floats]:
    """Return the features worth naming in the first row, largest first, and the other values."""
    values = panel.values[0]
    stderr = np.zeros_like(values) if panel.stderr is None else panel.stderr[0]
    total = float(np.abs(values).sum())
    order = np.argsort(-np.abs(values), kind="stable")
    sure = [j for j in order if abs(values[j]) > max(_SURE * stderr[j], 0.0)]
    told = np.cumsum([abs(values[j]) for j in sure])
    count = min(most, int(np.searchsorted(told, _ENOUGH * total * (1 - _SAME))) + 1, len(sure))
    if values.size - count == 1 and count == len(sure) - 1 and count < most:
        count += 1  # a single feature left over takes no more words than "the other one"
    listed = [
        Movement(
            feature=plain(panel.features[j]),
            cell=_cell(panel, int(j)),
            value=float(values[j]),
            stderr=float(stderr[j]),
            share=float(abs(values[j]) / total),
        )
        for j in sure[:count]
    ]
    return listed, np.delete(values, sure[:count])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """How figures of one row are put: in percentage points, in a unit, or as shares."""

    panel: Panel
    audience: Audience
    percent: bool
    places: int

    @classmethod
    def of(cls, panel: Panel, audience: Audience) -> "_Words":
        percent = panel.unit == "probability"
        seen = np.concatenate([panel.values[0], panel.outputs[:1], panel.base[:1]])
        return cls(
            panel=panel,
            audience=audience,
            percent=percent,
            places=min(decimals(seen * (100 if percent else 1)), 1 if percent else 12),
        )

    @property
    def shares(self) -> bool:
        """Whether sizes are told as shares, because the unit means nothing to the reader."""
        return self.audience == "customer" and self.panel.unit not in ("probability", "")

    @property
    def noun(self) -> str:
        return "score" if self.panel.unit == "log-odds" else "output"

    def figure(self, value: float, *, sign: bool = False) -> str:
        scaled = 100 * value if self.percent else value
        text = number(scaled, self.places, sign=sign)
        return f"{text}%" if self.percent and not sign else text

    def size(self, value: float) -> str:
        """Return an unsigned difference with its unit."""
        text = number(abs(value) * (100 if self.percent else 1), self.places)
        return f"{text} percentage points" if self.percent else text

    def opening(self) -> str:
        start, end = float(self.panel.base[0]), float(self.panel.outputs[0])
        name = f" for {self.panel.output}" if self.panel.output else ""
        unit = f" ({self.panel.unit})" if self.panel.unit and not self.percent else ""
        level = level_of(end - start, self.figure(start) == self.figure(end))
        if self.shares:
            return (
                f"The model's {self.noun}{name} is {level} the base value, which is what the "
                "model says when nothing is known about a case."
            )
        told = f"The model's {self.noun}{name} is {self.figure(end)}{unit}"
        if level == "at":
            return f"{told}, which is at the base value."
        gap = self.size(end - start)
        return f"{told}, which is {gap} {level} the base value of {self.figure(start)}."

    def moved(self, listed: Sequence[Movement]) -> list[str]:
        """Tell what raised and what lowered the output, the direction of the largest first."""
        if not listed:
            sampled = self.panel.stderr is not None and np.any(self.panel.values)
            why = " by more than its sampling error" if sampled else ""
            return [f"No feature moved the {self.noun}{why}."]
        groups = ([m for m in listed if m.value > 0], [m for m in listed if m.value < 0])
        if listed[0].value < 0:
            groups = groups[::-1]
        told, subject = [], f"The {self.noun}"
        for group in filter(None, groups):
            verb = "raised" if group[0].value > 0 else "lowered"
            most = " most" if len(group) > 1 else ""
            told.append(f"{subject} was {verb}{most} by {joined([self.one(m) for m in group])}.")
            subject = "It"
        return told

    def one(self, m: Movement) -> str:
        """Return a feature with its value and what it moved."""
        cell = f" = {m.cell}" if m.cell and m.cell != "missing" else ""
        gone = "missing, " if m.cell == "missing" else ""
        if self.shares:
            return f"{m.feature}{cell} ({gone}{max(1, round(100 * m.share))}% of all movement)"
        if self.percent:
            return f"{m.feature}{cell} ({gone}{self.figure(m.value, sign=True)} points)"
        return f"{m.feature}{cell} ({gone}{self.figure(m.value, sign=True)})"

    def remainder(self, rest: Floats) -> list[str]:
        """Tell what all other features did together."""
        if not rest.size or not np.any(rest):
            return []
        net = float(rest.sum())
        who = (
            "The other feature" if rest.size == 1 else f"The other {rest.size:,} features together"
        )
        if self.size(net) == self.size(0.0):
            return [f"{who} moved it by next to nothing."]
        verb = "raised" if net > 0 else "lowered"
        if self.shares:
            share = abs(net) / float(np.abs(self.panel.values[0]).sum())
            return [f"{who} {verb} it ({max(1, round(100 * share))}% of all movement, net)."]
        return [f"{who} {verb} it by {self.size(net)}."]

    def gap(self) -> list[str]:
        """Tell what the contributions leave unexplained, where it shows."""
        if not self.panel.incomplete[0]:
            return []
        if self.shares:
            return ["The contributions do not add up to the whole difference."]
        missed = self.size(float(self.panel.residual[0]))
        return [f"The contributions miss the {self.noun} by {missed}: they are an approximation."]


def _order(listed: Sequence[Movement]) -> list[str]:
    """Say which neighbors in the ranking are equal or cannot be told apart."""
    told = []
    for a, b in pairwise(listed):
        difference = abs(a.value) - abs(b.value)
        error = float(np.hypot(a.stderr, b.stderr))
        if difference <= _SAME * abs(a.value):
            told.append(f"{a.feature} and {b.feature} moved it equally far.")
        elif error and difference < _SURE * error:
            told.append(
                f"Which of {a.feature} and {b.feature} moved it further is within the sampling "
                "error."
            )
    return told


def _cell(panel: Panel, player: int) -> str:
    """Return a value as people write it: a category in quotes, "missing", or a short number."""
    numbers = panel.numbers(player)
    if numbers is None:
        return ""
    if np.isnan(numbers[0]):
        return "missing"
    if panel.levels(player) is not None:
        return f"“{panel.cell(0, player)}”"
    return short(float(numbers[0]))
