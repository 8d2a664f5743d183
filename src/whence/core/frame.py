"""Explanations as data frames, one line per number."""

from typing import TYPE_CHECKING, Any

import numpy as np

from whence.core.errors import MissingDependencyError
from whence.core.players import cells_in_row, names_in_row, set_names
from whence.core.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from whence.core.explanation import (
        Attribution,
        Effect,
        Examples,
        Explanation,
        Interaction,
        Rules,
    )


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
    outputs = list(e.names.outputs)
    mesh = np.meshgrid(*e.grid, indexing="ij")
    columns: dict[str, Any] = {
        f"position {name}": np.repeat(axis.reshape(-1), len(outputs))
        for name, axis in zip(e.names.features, mesh, strict=True)
    }
    columns["output"] = np.tile(outputs, mesh[0].size)
    for name in ("values", "low", "high"):
        part = getattr(e, name)
        if part is not None:
            columns[name.removesuffix("s")] = part.reshape(-1)
    return columns


def _rules(e: "Rules") -> dict[str, Any]:
    return {
        "row": _rows(e),
        "rule": [" and ".join(conditions) for conditions in e.predicates],
        "precision": e.precision,
        "precision_low": e.precision_low,
        "coverage": e.coverage,
        "status": list(e.status),
    }


def _examples(e: "Examples") -> dict[str, Any]:
    n, c = e.distance.shape
    cells = e.candidates.reshape(n * c, -1)
    columns: dict[str, Any] = {
        "row": np.repeat(_rows(e), c),
        "candidate": np.tile(np.arange(c), n),
        "distance": e.distance.reshape(-1),
        "valid": e.valid.reshape(-1),
    }
    for k, name in enumerate(e.names.outputs):
        columns[f"output {name}"] = e.outputs[:, :, k].reshape(-1)
    return columns | {name: cells[:, j] for j, name in enumerate(e.names.features)}


_COLUMNS: dict[str, Any] = {
    "Attribution": _attribution,
    "Interaction": _interaction,
    "Effect": _effect,
    "Rules": _rules,
    "Examples": _examples,
}
