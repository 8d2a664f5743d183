"""An importance over all rows in plain words, and what is told apart from nothing."""

from typing import Final

import numpy as np

from whence.core.explanation import Attribution
from whence.core.types import Ints
from whence.core.words import Importance, importance
from whence.plots.pick import Panel, read
from whence.plots.style import decimals, number, plain
from whence.reports.narrate_words import MOST, Audience, joined, notes

_Z95: Final = 1.96
_ROUNDING: Final = 1e-9
_WHOLE, _LARGE = 100, 1e9
"""Between them half an interval is written as a whole number, as the value beside it is."""
_VERBS: Final = {
    "PermutationImportance": "Shuffling a feature",
    "LeaveOneCovariateOut": "Leaving a feature out",
}


def tell_all_rows(e: Attribution, audience: Audience, output: str | int | None) -> str:
    """Tell the values of a result about all rows together.

    Raises
    ------
    InputError
        If there is no such output.
    """
    panel = read(e, 0 if output is None else output, "bar")
    most, words = MOST[audience], importance(e, panel.output)
    if e.provenance.method == "Sage":
        told = _loss(panel, most)
    elif words.measure:
        told = _lost(panel, words, _VERBS[e.provenance.method], most)
    else:
        told = _moves(panel, words, most)
    return " ".join([told, *notes(e)])


def _sure(panel: Panel) -> tuple[Ints, Ints]:
    """Return the features by size: those that are told apart from nothing, and the others."""
    values = panel.values[0]
    stderr = np.zeros_like(values) if panel.stderr is None else panel.stderr[0]
    order = np.argsort(-np.abs(values), kind="stable")
    least = np.maximum(_Z95 * stderr, _ROUNDING * np.abs(values).max())
    sure = np.abs(values[order]) > least[order]
    return order[sure], order[~sure]


def _one(panel: Panel, j: int, places: int) -> str:
    """Return a feature with its size and interval."""
    stderr = 0.0 if panel.stderr is None else float(panel.stderr[0, j])
    half = float(f"{_Z95 * stderr:.2g}")
    text = f"{half:,.0f}" if _WHOLE <= half < _LARGE else f"{half:.2g}"
    error = f", 95% interval \N{PLUS-MINUS SIGN}{text}" if stderr else ""
    size = number(abs(float(panel.values[0, j])), places)
    return f"{plain(panel.features[j])} ({size}{error})"


def _lost(panel: Panel, words: Importance, verb: str, most: int) -> str:
    """Tell which features a model's quality depends on."""
    values = panel.values[0]
    places = decimals(values)
    sure, unsure = _sure(panel)
    worse = [_one(panel, int(j), places) for j in sure if values[j] > 0]
    better = [_one(panel, int(j), places) for j in sure if values[j] < 0]
    told = []
    if worse:
        told.append(f"{verb} {words.harm} {words.measure} most for {joined(worse[:most])}.")
        left = len(worse) - most
        told += (
            [f"For {left} other{'s' * (left > 1)} it {words.harm} it by less."] if left > 0 else []
        )
    else:
        told.append(f"{verb} {words.harm} {words.measure} for none of them by more than the error.")
    if better:
        told.append(
            f"It improves {words.measure} for {joined(better[:most])}: the model does better "
            "without what it learned there."
        )
        left = len(better) - most
        told += [f"So it does for {left} other{'s' * (left > 1)}."] if left > 0 else []
    told += _nothing(panel, unsure, most)
    return " ".join(told)


def _moves(panel: Panel, words: Importance, most: int) -> str:
    """Tell which way an output moves with each column, the furthest first."""
    values = panel.values[0]
    places = decimals(values)
    sure, unsure = _sure(panel)
    up, down = ([_one(panel, int(j), places) for j in sure if s * values[j] > 0] for s in (1, -1))
    per = words.quantity.removeprefix("change per ")
    unit = f" ({panel.unit})" if panel.unit else ""
    told = [f"Per {per}, the model's output{f' for {panel.output}' * bool(panel.output)}{unit}"]
    ways = [f"{verb} most with {joined(part[:most])}" for verb, part in
            (("rises", up), ("falls", down)) if part]  # fmt: skip
    told = [f"{told[0]} {' and '.join(ways) if ways else 'moves with none of them for sure'}."]
    if panel.stderr is None:
        told.append("No intervals are known.")
    return " ".join([*told, *_nothing(panel, unsure, most)])


def _nothing(panel: Panel, unsure: Ints, most: int) -> list[str]:
    """Tell which features cannot be told apart from those that do nothing."""
    if not len(unsure):
        return []
    names = [plain(panel.features[j]) for j in unsure[:most]]
    left = len(unsure) - len(names)
    names += [f"{left} others" if left > 1 else "1 other"] if left else []
    if panel.stderr is None:
        return [f"{joined(names)} {'have values' if len(unsure) > 1 else 'has a value'} of zero."]
    nothing = "one that does nothing" if len(unsure) == 1 else "features that do nothing"
    return [f"{joined(names)} cannot be told apart from {nothing}."]


def _loss(panel: Panel, most: int) -> str:
    """Tell which features take most off the loss, and which add to it."""
    values = panel.values[0]
    total = float(panel.outputs[0])
    places = decimals(np.append(values, total))
    unit = f" ({panel.unit})" if panel.unit else ""
    sure = _sure(panel)[0][:most]
    change = "less" if total >= 0 else "more"
    opening = (
        f"Over all rows the model's loss{unit} is {number(abs(total), places)} {change} than if "
        "nothing were known about them."
    )
    told = [opening]
    off, on = (
        [_one(panel, int(j), places) for j in sure if sign * values[j] > 0] for sign in (1, -1)
    )
    told += [f"Most is taken off by {joined(off)}."] if off else []
    told += [f"The loss is made larger by {joined(on)}."] if on else []
    if len(sure) < min(most, values.size):
        told.append("What other features do to it is nothing, or within the sampling error.")
    return " ".join(told)
