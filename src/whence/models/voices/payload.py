"""Questions and answers of model servers, as what JSON can say.

Two protocols: the Open Inference Protocol (version 2), with typed tensors, and the first protocol
of KServe and TensorFlow Serving, with one instance per row.

References
----------
https://github.com/kserve/open-inference-protocol.
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from whence.core.inputs import Inputs, Texts
from whence.core.table import Table
from whence.models.voices.form import array_form

Json: TypeAlias = Any
"""What `json` reads and writes."""

_FLOATING = ("FP16", "FP32", "FP64", "BF16")


class Settings(Protocol):
    """What a question depends on, beside the rows."""

    @property
    def input_name(self) -> str:
        """Name of the one input."""
        ...

    @property
    def datatype(self) -> str:
        """What a tensor of floating numbers says it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A protocol.

    Attributes
    ----------
    question : callable
        (inputs, settings) -> what is sent.
    answer : callable
        (what came back, name of the output or None) -> the model's answer, as an array.
    """

    question: Callable[[Inputs, Settings], Json]
    answer: Callable[[Json, str | None], NDArray[Any]]


def _mixed(inputs: Inputs) -> bool:
    return isinstance(inputs, Table) and any(levels is not None for levels in inputs.levels)


def _cells(table: Table, column: int) -> list[Json]:
    """Return a column as numbers or categories; None where a cell is missing."""
    return [table.value(row, column) for row in range(len(table))]


def _plain(array: NDArray[Any]) -> Json:
    """Return an array as nested lists; NaN, which JSON has not, becomes None."""
    if array.dtype.kind == "f" and np.isnan(array).any():
        out = array.astype(object)
        out[np.isnan(array)] = None
        return out.tolist()
    return array.tolist()


def _v2_question(inputs: Inputs, settings: Settings) -> Json:
    if isinstance(inputs, Texts):
        tensors = [_tensor(settings.input_name, [len(inputs)], "BYTES", [*inputs.strings])]
    elif isinstance(inputs, Table) and _mixed(inputs):
        tensors = [_column(inputs, j, settings) for j in range(len(inputs.names))]
    else:
        rows = array_form(inputs, "The endpoint")
        kind = _datatype(rows, settings)
        tensors = [_tensor(settings.input_name, list(rows.shape), kind, _plain(rows.reshape(-1)))]
    return {"inputs": tensors}


def _column(table: Table, column: int, settings: Settings) -> Json:
    words = any(isinstance(level, str) for level in table.levels[column] or ())
    say = str if words else float  # a column with words in it may hold numbers, too
    cells = [cell if cell is None else say(cell) for cell in _cells(table, column)]
    kind = "BYTES" if words else settings.datatype
    return _tensor(table.names[column], [len(table), 1], kind, cells)


def _tensor(name: str, shape: list[int], datatype: str, data: Json) -> Json:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def _datatype(rows: NDArray[Any], settings: Settings) -> str:
    kind, bits = rows.dtype.kind, 8 * rows.dtype.itemsize
    if kind == "b":
        return "BOOL"
    return settings.datatype if kind == "f" else f"{'U' if kind == 'u' else ''}INT{bits}"


def _v2_answer(said: Json, name: str | None) -> NDArray[Any]:
    tensors = said["outputs"]
    if name is None:
        numbers = [t for t in tensors if t["datatype"] in _FLOATING]
        tensor = (numbers or tensors)[0]
    else:
        tensor = next((t for t in tensors if t["name"] == name), None)
        if tensor is None:
            raise KeyError(f"no output {name!r} among {[t['name'] for t in tensors]}")
    return np.asarray(tensor["data"]).reshape(tensor["shape"])


def _v1_question(inputs: Inputs, settings: Settings) -> Json:  # noqa: ARG001  as all questions
    if isinstance(inputs, Texts):
        return {"instances": [*inputs.strings]}
    if isinstance(inputs, Table) and _mixed(inputs):
        columns = [_cells(inputs, j) for j in range(len(inputs.names))]
        cells = zip(*columns, strict=True)
        return {"instances": [dict(zip(inputs.names, row, strict=True)) for row in cells]}
    return {"instances": _plain(array_form(inputs, "The endpoint"))}


def _v1_answer(said: Json, name: str | None) -> NDArray[Any]:
    rows = said["predictions"]
    if name is not None:
        rows = [row[name] for row in rows]
    return np.asarray(rows)


v1 = Form(question=_v1_question, answer=_v1_answer)
v2 = Form(question=_v2_question, answer=_v2_answer)
