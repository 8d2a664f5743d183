"""Explanations as data frames, one line per number."""

from typing import TYPE_CHECKING, Any

import numpy as np

from whence.core.errors import MissingDependencyError
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


def _players(e: "Attribution") -> list[str]:
    shape = e.values.shape[1:-1]
    names = e.names.features
    if len(names) == np.prod(shape):
        return list(names)
    return [",".join(map(str, index)) for index in np.ndindex(*shape)]


def _attribution(e: "Attribution") -> dict[str, Any]:
    players, outputs, rows = _players(e), list(e.names.outputs), _rows(e)
    n, p, k = len(rows), len(players), len(outputs)
    columns: dict[str, Any] = {
        "row": np.repeat(rows, p * k),
        "feature": np.tile(np.repeat(players, k), n),
        "output": np.tile(outputs, n * p),
        "value": e.values.reshape(-1),
    }
    if isinstance(e.data, Table):
        cells = [e.data.text(i, j) for i in range(n) for j in range(p)]
        columns["data"] = np.repeat(cells, k)
    if e.stderr is not None:
        columns["stderr"] = e.stderr.reshape(-1)
    return columns


def _interaction(e: "Interaction") -> dict[str, Any]:
    names = e.names.features
    sets = [" x ".join(names[j] for j in members if j >= 0) for members in e.sets]
    outputs, rows = list(e.names.outputs), _rows(e)
    return {
        "row": np.repeat(rows, len(sets) * len(outputs)),
        "set": np.tile(np.repeat(sets, len(outputs)), len(rows)),
        "output": np.tile(outputs, len(rows) * len(sets)),
        "value": e.values.reshape(-1),
    }


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
