"""What a counterfactual has to keep, and the nearest one there is, by trying all.

Rows are plain dicts from column to cell, as the user would read them.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any

import numpy as np

from whence.core.constraints import Constraints

Row = Mapping[str, Any]


def _same(a: object, b: object) -> bool:
    return a == b or (a != a and b != b)  # noqa: PLR0124  missing


def _position(limits: Constraints, column: str, cell: Any) -> float:  # noqa: ANN401  a cell
    return float(limits.order[column].index(cell) if column in limits.order else cell)


def _happens(limits: Constraints, event: tuple[Any, ...], before: Row, after: Row) -> bool:
    column, verb, by = (*event, 0.0)[:3]
    if verb == "changes" and by == 0.0:
        return not _same(before[column], after[column])
    rise = _position(limits, column, after[column]) - _position(limits, column, before[column])
    rise = {"rises": rise, "falls": -rise, "changes": abs(rise)}[verb]
    return rise > 0 and rise >= by - 1e-6


def broken(limits: Constraints, before: Row, after: Row, background: list[Row]) -> list[str]:
    """Return the names of the constraints that a change breaks."""
    out = [what for column in after for what in _of_column(limits, before, after, column)]
    for factors, way, most in limits.linear:
        total = sum(a * after[c] for c, a in factors.items())
        if (total > most + 1e-6) if way == "<=" else (total < most - 1e-6):
            out.append("linear")
    for when, then in limits.implications:
        if _happens(limits, when, before, after) and not _happens(limits, then, before, after):
            out.append("implication")
    for group in limits.together:
        rows = [before, *background]
        if not any(all(_same(row[c], after[c]) for c in group) for row in rows):
            out.append("together")
    return out


def _becomes(limits: Constraints, column: str, now: object) -> Any:  # noqa: ANN401  cells
    allowed = limits.transitions[column]
    return allowed.get(now, ()) if isinstance(allowed, Mapping) else allowed  # type: ignore[call-overload]  # any cell


def _of_column(limits: Constraints, before: Row, after: Row, column: str) -> list[str]:
    out, cell = [], after[column]
    stays = _same(before[column], cell)
    if column in limits.immutable and not stays:
        out.append(f"immutable {column}")
    if column in limits.transitions and not stays:
        out += [] if cell in _becomes(limits, column, before[column]) else [f"transitions {column}"]
    if cell != cell or before[column] != before[column]:  # noqa: PLR0124  missing
        return out if stays else [*out, f"missing {column}"]
    if column in (*limits.increase, *limits.decrease):
        rise = _position(limits, column, cell) - _position(limits, column, before[column])
        if (rise < 0) if column in limits.increase else (rise > 0):
            out.append(f"direction {column}")
    low, high = limits.bounds.get(column, (None, None))
    if (low is not None and cell < low - 1e-6) or (high is not None and cell > high + 1e-6):
        out.append(f"bounds {column}")
    if column in limits.step:
        steps = (cell - before[column]) / limits.step[column]
        if abs(steps - round(steps)) > 1e-4:
            out.append(f"step {column}")
    return out


def cost(
    before: Row, after: Row, scale: Mapping[str, float], sparsity: float, limits: Constraints
) -> float:
    """Return what a change costs; a column without a scale holds categories."""
    out = 0.0
    for column, cell in after.items():
        if _same(before[column], cell) or column in limits.causes:
            continue
        change = abs(cell - before[column]) / scale[column] if column in scale else 1.0
        out += limits.cost.get(column, 1.0) * change + sparsity
    return out


def nearest(
    does: Callable[[Row], bool],
    before: Row,
    values: Mapping[str, Iterable[Any]],
    price: Callable[[Row], float],
    keeps: Callable[[Row], bool],
) -> float:
    """Return the cost of the cheapest row of a grid that does what is wanted; infinite if none."""
    best = np.inf
    for cells in product(*values.values()):
        after = dict(zip(values, cells, strict=True))
        if price(after) < best and keeps(after) and does(after):
            best = price(after)
    return float(best)
