"""What each feature takes off a model's loss over all rows, in plain words."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from whence.core.explanation import Attribution
from whence.plots.pick import Panel
from whence.plots.style import decimals, number, plain

_Z95: Final = 1.96
_ROUNDING: Final = 1e-9


def tell_loss(panel: Panel, most: int) -> str:
    """Tell which features take most off the loss, and which add to it.

    Parameters
    ----------
    panel : Panel
        Of values of Sage.
    most : int
        Features named at most.
    """
    values = panel.values[0]
    stderr = np.zeros_like(values) if panel.stderr is None else panel.stderr[0]
    total = float(panel.outputs[0])
    places = decimals(np.append(values, total))
    unit = f" ({panel.unit})" if panel.unit else ""
    order = np.argsort(-np.abs(values), kind="stable")
    least = np.maximum(_Z95 * stderr, _ROUNDING * np.abs(values).max())
    sure = [int(j) for j in order if abs(values[j]) > least[j]][:most]

    def one(j: int) -> str:
        error = f", 95% interval \N{PLUS-MINUS SIGN}{_Z95 * float(stderr[j]):.2g}"
        size = number(abs(float(values[j])), places)
        return f"{plain(panel.features[j])} ({size}{error if stderr[j] else ''})"

    change = "less" if total >= 0 else "more"
    opening = (
        f"Over all rows the model's loss{unit} is {number(abs(total), places)} {change} than if "
        "nothing were known about them."
    )
    told = [opening]
    off, on = ([one(j) for j in sure if sign * values[j] > 0] for sign in (1, -1))
    told += [f"Most is taken off by {joined(off)}."] if off else []
    told += [f"The loss is made larger by {joined(on)}."] if on else []
    if len(sure) < min(most, values.size):
        told.append("What other features do to it is nothing, or within the sampling error.")
    return " ".join(told)


def joined(parts: Sequence[str]) -> str:
    """Return a list in words."""
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def notes(e: Attribution) -> list[str]:
    """Return the warnings that concern this row, in words about one row."""
    told = [w for w in e.provenance.warnings if not w.startswith("Not converged")]
    if e.converged is not None and not e.converged.all():
        told.append("The values are not as exact as was asked for; give more budget.")
    return [f"Note: {note}" for note in told]


def level_of(difference: float, same: bool) -> str:
    """Return where an output is, seen from the base value."""
    if same:
        return "at"
    return "above" if difference > 0 else "below"
