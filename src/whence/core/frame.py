"""Explanations as data frames, one line per number."""

from typing import TYPE_CHECKING, Any

import numpy as np

from whence.core.errors import MissingDependencyError
from whence.core.players import cells_in_row, names_in_row, set_names
from whence.core.table import Table
from whence.core.words import conditions

if TYPE_CHECKING:
    import pandas as pd

    from whence.core.effect import Effect
    from whence.core.examples import Examples
    from whence.core.explanation import Attribution, Explanation, Interaction
    from whence.core.rules import Rules


def to_frame(e: "Explanation") -> "pd.DataFrame":
    """Return ``e`` as a pandas frame in long form; see `Explanation.to_frame`."""
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependencyError.of("to_frame", "pandas", "cli") from error
    return pd.DataFrame(_COLUMNS[type(e).__name__](e))


def _rows(e: "Explanation") -> list[str]:
    return list(e.names.rows) if e.names.rows is not None else [str(i) for i in range(len(e))]


def _attribution(e: "Attribution") -> dict[str, Any]:
    outputs, rows = list(e.names.outputs), _rows(e)
    n, k = len(rows), len(outputs)
    players = [name for i in range(n) for name in names_in_row(e, i)]
    p = len(players) // n
    columns: dict[str, Any] = {
        "row": np.repeat(rows, p * k),
        "feature": np.repeat(players, k),
        "output": np.tile(outputs, n * p),
        "value": e.values.reshape(-1),
    }
    if isinstance(e.data, Table):
        columns["data"] = np.repeat([cell for i in range(n) for cell in cells_in_row(e, i)], k)
    if e.stderr is not None:
        columns["stderr"] = e.stderr.reshape(-1)
    if e.mask is not None:  # a row without such a part has no line
        columns = {name: part[np.repeat(e.mask.reshape(-1), k)] for name, part in columns.items()}
    return columns


def _interaction(e: "Interaction") -> dict[str, Any]:
    sets = set_names(e)
    outputs, rows = list(e.names.outputs), _rows(e)
    return {
        "row": np.repeat(rows, len(sets) * len(outputs)),
        "set": np.tile(np.repeat(sets, len(outputs)), len(rows)),
        "output": np.tile(outputs, len(rows) * len(sets)),
        "value": e.values.reshape(-1),
    } | ({} if e.stderr is None else {"stderr": e.stderr.reshape(-1)})


def _effect(e: "Effect") -> dict[str, Any]:
    """Return a line per curve, position and output."""
    outputs = list(e.names.outputs)
    pairs = max(len(c.features) for c in e.curves) > 1
    columns: dict[str, list[Any]] = {}
    for c in e.curves:
        shape = c.values.shape[:-1]
        for at in np.ndindex(*shape):
            for k, output in enumerate(outputs or [""]):
                line: dict[str, Any] = {}
                for axis in range(2 if pairs else 1):
                    there = axis < len(c.features)
                    suffix = "" if axis == 0 else " 2"
                    line[f"feature{suffix}"] = c.features[axis] if there else ""
                    line[f"position{suffix}"] = c.position(axis, at[axis]) if there else None
                line |= {"where": c.where, "output": output, "value": c.values[(*at, k)]}
                line["low"] = np.nan if c.low is None else c.low[(*at, k)]
                line["high"] = np.nan if c.high is None else c.high[(*at, k)]
                line["density"] = np.nan if c.density is None else c.density[at]
                for name, cell in line.items():
                    columns.setdefault(name, []).append(cell)
    return columns


def _rules(e: "Rules") -> dict[str, Any]:
    columns: dict[str, Any] = {
        "row": _rows(e),
        "rule": [" and ".join(conditions(rule, None)) or "always" for rule in e.predicates],
    }
    for k, name in enumerate(e.names.outputs):
        columns[f"output {name}"] = e.outputs[:, k]
    for name in e.per_row[1:]:
        columns[name] = getattr(e, name)
    return columns | ({"status": list(e.status)} if e.status else {})


def _examples(e: "Examples") -> dict[str, Any]:
    """Return a line per candidate there is, its cells as the user wrote them."""
    at = np.argwhere(e.valid)
    rows = _rows(e)
    columns: dict[str, Any] = {
        "row": [rows[i] for i, _ in at],
        "candidate": at[:, 1],
        "distance": e.distance[e.valid],
    }
    for name in ("index", "score", "plausibility", "robustness"):
        part = getattr(e, name)
        if part is not None:
            columns[name] = part[e.valid]
    for k, name in enumerate(e.names.outputs):
        columns[f"output {name}"] = e.outputs[e.valid][:, k]
    cells = e.candidates[e.valid].reshape(len(at), int(np.prod(e.candidates.shape[2:])))
    names = e.names.features
    levels = e.levels or (e.data.levels if isinstance(e.data, Table) else ())
    if not levels:
        one_each = len(names) == cells.shape[1]
        return columns | ({n: cells[:, j] for j, n in enumerate(names)} if one_each else {})
    table = Table(names=names, numbers=cells, levels=levels)
    return columns | {
        name: [table.value(i, j) for i in range(len(at))] for j, name in enumerate(names)
    }


_COLUMNS: dict[str, Any] = {
    "Attribution": _attribution,
    "Interaction": _interaction,
    "Effect": _effect,
    "Rules": _rules,
    "Examples": _examples,
}
