"""Words and figures that all tellings share."""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import numpy as np

from whence.core.explanation import Explanation
from whence.core.types import Floats
from whence.core.words import answer, beside_half
from whence.plots.style import decimals, number, plain

Audience: TypeAlias = Literal["analyst", "customer"]

MINUS: Final = "\N{MINUS SIGN}"
MOST: Final = {"analyst": 5, "customer": 3}
"""How many features, curves or ways are told."""

_SUMMED_UP: Final = ("Not converged", "Not certified", "None found")
"""How warnings begin that count rows; of the one row that is told, it is told in other words."""


def joined(parts: Sequence[str]) -> str:
    """Return a list in words."""
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def notes(e: Explanation) -> list[str]:
    """Return the warnings that concern this row, in words about one row."""
    told = [w for w in e.provenance.warnings if not w.startswith(_SUMMED_UP)]
    converged = getattr(e, "converged", None)
    if converged is not None and not converged.all():
        told.append("The values are not as exact as was asked for; give more budget.")
    return [f"Note: {note}" for note in told]


def level_of(difference: float, same: bool) -> str:
    """Return where an output is, seen from the base value."""
    if same:
        return "at"
    return "above" if difference > 0 else "below"


def short(value: float) -> str:
    """Return a number of a table with up to four digits, or all of a whole number.

    Examples
    --------
    >>> short(15024.0), short(0.123456)
    ('15,024', '0.1235')
    """
    whole = value.is_integer() and abs(value) < 1e12  # noqa: PLR2004  longer numbers in powers of ten
    large = 1e4 <= abs(value) < 1e12  # noqa: PLR2004  digits
    return (f"{value:,.0f}" if whole or large else f"{value:.4g}").replace("-", MINUS)


def cell(value: object) -> str:
    """Return a cell as people write it: a category in quotes, "missing", or a short number.

    Examples
    --------
    >>> cell("clerk"), cell(35.0), cell(None)
    ('“clerk”', '35', 'missing')
    """
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    if isinstance(value, float):
        return short(value)
    return f"“{plain(str(value))}”"


def said(names: Sequence[str], outputs: Floats, unit: str) -> str:
    """Say an answer in prose: a probability as a percentage, of several classes the largest.

    Examples
    --------
    >>> said(("good",), np.array([0.62]), "probability")
    'a probability of 62.0% for good'
    >>> said(("cat", "dog"), np.array([0.2, 0.8]), "probability")
    '“dog” (probability 80.0%)'
    >>> said(("price",), np.array([1200.0]), "euro")
    '1,200 euro for price'
    """
    best = int(np.nanargmax(outputs))
    name = plain(names[best]) if names else ""
    value = float(outputs[best])
    several = outputs.size > 1
    if unit == "probability":
        if several and name:
            return f"“{name}” (probability {value:.1%})"
        told = f"{value:.1%}"
        if told == "50.0%" and value != 0.5:  # noqa: PLR2004  which side of one half decides
            told = beside_half(value)
        return f"a probability of {told}" + f" for {name}" * bool(name)
    figure = f"{number(value, decimals(outputs[best : best + 1]))} {plain(unit)}".strip()
    if several:
        return f"“{name}” ({figure})" if name else answer(names, outputs, unit)
    return figure + f" for {name}" * bool(name)
