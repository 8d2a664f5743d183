"""Effects, rules and examples in a few lines: what is shown of each below its headline."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from whence.core.table import Table
from whence.core.types import Floats
from whence.core.words import answer, conditions, is_exact, rows_are_classes, share

if TYPE_CHECKING:
    from whence.core.effect import Curve, Effect
    from whence.core.examples import Examples
    from whence.core.explanation import Explanation
    from whence.core.rules import Rules

TOP = 8
_CONDITIONS = 6
_CHANGES = 6
_CELLS = 5
"""Cells of a prototype that are told."""
_NOUNS = {"tree": "leaf", "list": "rule"}
_SPARKS = "▁▂▃▄▅▆▇█"
_WIDTH = 16
_MONOTONE = 0.9
"""Share of all movement that goes one way, from which a curve is said to rise or fall."""
_ROUNDING = 1e-9
_WIDEST = 80
"""Letters of a cell beyond which the next one does not stand under the others."""


def effect_lines(e: "Effect") -> list[list[str]]:
    """Return a line per curve, those of the largest range first: name, range, shape, picture."""
    size = [_range(c.values) for c in e.curves]
    order = sorted(range(len(size)), key=lambda i: -size[i])
    shown = _shown(len(order), TOP)
    lines = [_curve(e.curves[i]) for i in order[:shown]]
    return lines + _left(len(order) - shown, "curve")


def _range(values: Floats) -> float:
    """Return how far the mean effect reaches, at most over the outputs."""
    if not values.size or np.isnan(values).all():
        return 0.0
    positions = tuple(range(values.ndim - 1))
    return float((np.nanmax(values, axis=positions) - np.nanmin(values, axis=positions)).max())


def _curve(c: "Curve") -> list[str]:
    name = " x ".join(c.features) + (f" where {c.where}" if c.where else "")
    if not c.values.size:
        return [name, "empty", "", ""]
    widest = int(np.argmax(np.ptp(c.values.reshape(-1, c.values.shape[-1]), axis=0)))
    values = c.values[..., widest]
    reach = f"{values.min():.4g} to {values.max():.4g}"
    if values.ndim > 1:
        return [name, reach, "", ""]
    if c.levels[0] is not None:
        low, high = (c.position(0, int(i)) for i in (values.argmin(), values.argmax()))
        told = f"lowest for {_cell(low)}, highest for {_cell(high)}" if np.ptp(values) else "flat"
        return [name, reach, told, ""]
    known = ~np.isnan(c.grid[0])
    return [name, reach, direction(values[known]), spark(values[known])]


def direction(values: Floats) -> str:
    """Say which way a curve goes.

    Examples
    --------
    >>> direction(np.array([0.0, 1.0, 3.0])), direction(np.array([0.0, 2.0, 0.0]))
    ('rises', 'goes up and down')
    """
    steps = np.diff(values)
    movement = float(np.abs(steps).sum())
    if movement <= _ROUNDING * float(np.abs(values).max(initial=0.0)):
        return "flat"
    net = float(steps.sum()) / movement
    if abs(net) < _MONOTONE:
        return "goes up and down"
    way = "rises" if net > 0 else "falls"
    return way if abs(net) > 1 - _ROUNDING else f"mostly {way}"


def spark(values: Floats, width: int = _WIDTH) -> str:
    """Draw a curve in letters.

    Examples
    --------
    >>> spark(np.array([0.0, 1.0, 2.0, 7.0]))
    '▁▂▃█'
    """
    if values.size > width:
        values = values[np.linspace(0, values.size - 1, width).round().astype(np.int64)]
    low, reach = values.min(initial=np.inf), np.ptp(values) if values.size else 0.0
    if not reach or not np.isfinite(reach):
        return ""
    place = ((values - low) / reach * (len(_SPARKS) - 1)).round().astype(np.int64)
    return "".join(_SPARKS[i] for i in place)


def rule_lines(e: "Rules") -> list[list[str]]:
    """Return a line per rule: its label, the rule, and how far it can be trusted."""
    shown = _shown(len(e), TOP)
    lines = [[_label(e, i), rule_text(e, i), rule_trust(e, i)] for i in range(shown)]
    return lines + _left(len(e) - shown, "rule")


def rule_text(e: "Rules", i: int, most: int = _CONDITIONS) -> str:
    """Return a rule in words, such as "IF age > 37 THEN P(>50K) = 0.9"."""
    told = conditions(e.predicates[i])
    left = len(told) - most
    if left > 1:
        told = [*told[:most], f"{left} more conditions"]
    said = answer(e.names.outputs, e.outputs[i], e.provenance.unit)
    if not told:
        return f"ALWAYS {said}" if e.kind != "list" or i == 0 else f"ELSE {said}"
    first = "ELSE IF" if e.kind == "list" and i else "IF"
    return f"{first} {' and '.join(told)} THEN {said}"


def rule_trust(e: "Rules", i: int) -> str:
    """Return precision with its lower bound, coverage and status of a rule."""
    parts = []
    if not np.isnan(e.precision[i]) and not is_exact(e):
        low = e.precision_low[i]
        bound = "" if np.isnan(low) else f" (≥ {low:.3g})"
        parts.append(f"precision {e.precision[i]:.3g}{bound}")
    if not np.isnan(e.coverage[i]):
        parts.append(f"covers {share(float(e.coverage[i]))}")
    return ", ".join([*parts, *(e.status[i : i + 1])])


def example_lines(e: "Examples") -> list[list[str]]:
    """Return a line per candidate of the first rows: the change, or the example, and its answer."""
    lines: list[list[str]] = []
    rows = 0
    for i in range(len(e)):
        if len(lines) >= TOP:
            break
        lines += _of_row(e, i, most=TOP if len(e) == 1 else 1)
        rows += 1
    return lines + _left(len(e) - rows, "class" if rows_are_classes(e) else "row")


def _of_row(e: "Examples", i: int, most: int) -> list[list[str]]:
    found = np.flatnonzero(e.valid[i])
    label = _label(e, i)
    if not found.size:
        note = e.notes[i] if e.notes and e.notes[i] else ""
        return [[label, f"none found: {note}" if note else "none found", ""]]
    changes = e.kind == "counterfactual" and isinstance(e.data, Table)
    lines = []
    for place, c in enumerate(found[:most]):
        told = change_text(e, i, int(c)) if changes else _cells(e, i, int(c))
        said = answer(e.names.outputs, e.outputs[i, c], e.provenance.unit)
        if e.before is not None and e.kind == "counterfactual":
            alone = e.names.outputs if e.before.shape[1] > 1 else ()
            said += f" (was {answer(alone, e.before[i])})"
        lines.append(
            [label if place == 0 else "", told, ", ".join([said, *_measures(e, i, int(c))])]
        )
    more = found.size - most
    if more > 0:
        lines[-1][-1] += f" (and {more} more)"
    return lines


def change_text(e: "Examples", row: int, candidate: int, most: int = _CHANGES) -> str:
    """Return what a candidate changes, such as "age 28 → 35, job clerk → manager"."""
    told = [f"{name} {old} → {new}" for name, old, new in changes_of(e, row, candidate)]
    most = _shown(len(told), most)
    left = len(told) - most
    return ", ".join(told[:most] + ([f"{left} more"] if left > 0 else [])) or "nothing"


def changes_of(e: "Examples", row: int, candidate: int) -> list[tuple[str, str, str]]:
    """Return name, cell of the row explained and new cell of all that a candidate changes."""
    if not isinstance(e.data, Table):
        return []
    at = np.flatnonzero(e.changed[row, candidate])
    new = candidate_table(e, row)
    place = int(np.count_nonzero(e.valid[row, :candidate]))
    return [(new.names[j], e.data.text(row, j), new.text(place, j)) for j in at.tolist()]


def candidate_table(e: "Examples", row: int) -> Table:
    """Return the candidates there are for a row as a table, also of a result without data."""
    if isinstance(e.data, Table):
        return e.table(row)
    numbers = e.candidates[row][e.valid[row]]
    p = numbers.shape[1]
    names = e.names.features if len(e.names.features) == p else tuple(f"x{j}" for j in range(p))
    return Table(names=names, numbers=numbers, levels=e.levels or (None,) * p)


def _cells(e: "Examples", row: int, candidate: int) -> str:
    if e.candidates.ndim != 3:  # noqa: PLR2004  rows, candidates and columns: cells of a table
        return f"{e.kind} {candidate + 1}"
    if not e.candidates.shape[-1]:  # texts, which are no numbers: their place says which
        return f"{e.kind} {candidate + 1}" + (
            "" if e.index is None else f", row {e.index[row, candidate]}"
        )
    table = candidate_table(e, row)
    place = int(np.count_nonzero(e.valid[row, :candidate]))
    p = len(table.names)
    shown = _shown(p, _CELLS)
    told = [f"{table.names[j]} {table.text(place, j)}" for j in range(shown)]
    return ", ".join(told + ([f"{p - shown} more"] if p > shown else []))


def _measures(e: "Examples", row: int, candidate: int) -> list[str]:
    parts = [("distance", e.distance), ("score", e.score), ("plausibility", e.plausibility)]
    if e.kind == "counterfactual":
        parts = [part for part in parts if part[0] != "score"]
    told = [
        f"{name} {part[row, candidate]:.3g}"
        for name, part in parts
        if part is not None and not np.isnan(part[row, candidate])
    ]
    return told + [s for s in e.status[row : row + 1] if s and candidate == 0]


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return "missing" if np.isnan(value) else f"{value:.6g}"


def _label(e: "Explanation", i: int) -> str:
    if e.names.rows is not None:
        label = e.names.rows[i] if e.names.rows != ("all",) else ""
        return f"class {label}" if rows_are_classes(e) else label
    return f"{_NOUNS.get(getattr(e, 'kind', ''), 'row')} {i}"


def _plural(noun: str) -> str:
    return "es" if noun.endswith("s") else "s"


def _shown(count: int, most: int) -> int:
    """Return how many are shown: the line that tells of one more has room for that one."""
    return count if count <= most + 1 else most


def _left(count: int, noun: str) -> list[list[str]]:
    return [[f"… {count:,} more {noun}{_plural(noun) * (count > 1)}"]] if count > 0 else []


def columns(lines: Sequence[Sequence[str]]) -> list[str]:
    """Set cells under each other; a line of a single cell stands by itself."""
    cells = [line for line in lines if len(line) > 1]
    if cells and not any(line[0] for line in cells):
        return columns([line[1:] if len(line) > 1 else line for line in lines])
    width = [
        max((len(cell) for cell in column if len(cell) <= _WIDEST), default=0)
        for column in zip(*cells, strict=True)
    ]
    return [
        "  ".join(cell.ljust(w) for cell, w in zip(line, width, strict=True)).rstrip()
        if len(line) > 1
        else line[0]
        for line in lines
    ]
