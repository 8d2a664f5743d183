"""Counterfactuals in plain words: what the answer would have been, had what been otherwise."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from whence.core.errors import InputError
from whence.core.examples import Examples
from whence.core.show_rows import candidate_table
from whence.core.table import Table
from whence.core.words import share
from whence.plots.style import plain
from whence.reports.narrate_words import Audience, cell, joined, notes, said

_WAYS: Final = {"analyst": 3, "customer": 2}
_UNUSUAL: Final = 0.05
"""Share of real rows that are as unusual, below which a candidate is called so."""


def check_told(e: Examples) -> None:
    """Check that examples can be told.

    Raises
    ------
    InputError
        If they are no counterfactuals of rows of a table.
    """
    if e.kind != "counterfactual" or not isinstance(e.data, Table):
        raise InputError(
            f"`narrate` tells counterfactuals of a row of a table, and these are examples of kind "
            f"{e.kind!r}. A picture tells more: wh.plot(e)."
        )


def tell_examples(e: Examples, audience: Audience) -> str:
    """Tell what would have changed the answer of the only row."""
    found = np.flatnonzero(e.valid[0])
    if not found.size:
        note = plain(e.notes[0]).rstrip(".") if e.notes else ""
        lead = ", which is " if note.startswith("proved: ") else ": "
        why = f"{lead}{note}." if note else "."
        none = f"No change was found that gives the answer asked for{why}"
        return " ".join([none, *(notes(e) if audience == "analyst" else [])])
    told = []
    for place, c in enumerate(found[: _WAYS[audience]].tolist()):
        told.append(_way(e, c, first=place == 0))
        if not _changes(e, c):
            continue
        told += _trust(e, c, audience)
        told += _bound(e, c) if place == 0 and audience == "analyst" else []
    left = found.size - _WAYS[audience]
    if left > 0:
        told.append("One other way was found." if left == 1 else f"{left} other ways were found.")
    if audience == "analyst":
        return " ".join([*told, *notes(e)])
    told.append(
        "This tells what the model would have answered; it does not say what caused the outcome."
    )
    return " ".join(told)


def _way(e: Examples, c: int, *, first: bool) -> str:
    changes = _changes(e, c)
    answer = said(e.names.outputs, e.outputs[0, c], e.provenance.unit)
    if not changes:
        return f"The model's answer is {answer}, which is the one asked for already."
    if first:
        was = ""
        if e.before is not None:
            names = e.names.outputs if e.before.shape[1] > 1 else ()
            was = f" instead of {said(names, e.before[0], e.provenance.unit)}"
        return f"The model's answer would have been {answer}{was} if {joined(changes)}."
    return f"It would also have been {answer} if {joined(changes)}."


def _changes(e: Examples, c: int) -> Sequence[str]:
    """Return what a candidate changes, such as "age had been 35 instead of 28"."""
    if not isinstance(e.data, Table):
        return []
    new = candidate_table(e, 0)
    place = int(np.count_nonzero(e.valid[0, :c]))
    told = []
    for j in np.flatnonzero(e.changed[0, c]).tolist():
        before, after = e.data.value(0, j), new.value(place, j)
        old = "being missing" if before is None else cell(before)
        told.append(f"{plain(new.names[j])} had been {cell(after)} instead of {old}")
    return told


def _trust(e: Examples, c: int, audience: Audience) -> list[str]:
    """Tell how near, usual and robust a candidate is; a customer only if it is unusual."""
    unusual = e.plausibility is not None and float(e.plausibility[0, c]) < _UNUSUAL
    told = []
    if audience == "analyst":
        if np.isfinite(e.distance[0, c]):
            told.append(f"its distance is {e.distance[0, c]:.3g}")
        if e.robustness is not None and np.isfinite(e.robustness[0, c]):
            told.append(
                "a row that differs slightly does it too with a probability of at least "
                f"{share(e.robustness[0, c])}"
            )
    if unusual and e.plausibility is not None:
        told.append(f"only {share(float(e.plausibility[0, c]))} of real rows are as unusual")
    return [f"{told[0][0].upper()}{joined(told)[1:]}."] if told else []


def _bound(e: Examples, c: int) -> list[str]:
    status = e.status[0] if e.status else ""
    if status == "optimal":
        return ["No nearer row within the constraints does it, which is proved."]
    if e.bound is not None and np.isfinite(e.bound[0]) and e.bound[0] > 0:
        gap, first = f"{e.bound[0]:.3g}", f"{e.distance[0, c]:.3g}"
        proved = f"It is proved that no row within the constraints is nearer than {gap}"
        return [f"{proved}; the first way is at {first}."]
    return []
