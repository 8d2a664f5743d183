"""Sessions of ONNX Runtime.

A session with one input is asked with one tensor of the type that it declares; one with an input
per column is asked with the columns of the table, by name. Of its outputs it is asked for the
probabilities where it has any, of two classes those of the second; otherwise for its first tensor
of floating numbers.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from whence.core.check import shorten
from whence.core.errors import InputError
from whence.core.inputs import Inputs, Texts
from whence.core.table import Table
from whence.models.parse.common import feature_names
from whence.models.predict import ROWS, Predict
from whence.models.voices.form import array_form

Session: TypeAlias = Any
"""An onnxruntime.InferenceSession."""
Input: TypeAlias = Any
"""What a session declares of an input: its name, type and shape."""

_BINARY = 2
_TABLE_AXES = 2
_TYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
    "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(int16)": np.int16,
    "tensor(int8)": np.int8, "tensor(uint8)": np.uint8, "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32, "tensor(uint64)": np.uint64, "tensor(bool)": np.bool_,
}  # fmt: skip
_FLOATING = ("tensor(float)", "tensor(double)", "tensor(float16)")
_TEXT = "tensor(string)"


def is_session(model: object) -> bool:
    """Tell whether a model is a session of ONNX Runtime."""
    cls = type(model)
    return cls.__name__ == "InferenceSession" and cls.__module__.startswith("onnxruntime")


def onnx_session(model: Session) -> Predict:
    """Return the view of a session: tensors -> (rows,) or (rows, outputs)."""
    inputs = model.get_inputs()
    name = f"The model (ONNX session with inputs {shorten([i.name for i in inputs])})"
    output, likely = _output(model)
    features, shape = feature_names(None, 0), inputs[0].shape
    if len(inputs) > 1:
        features = feature_names([i.name for i in inputs], len(inputs))
    elif len(shape) == _TABLE_AXES and isinstance(shape[1], int):
        features = feature_names(None, shape[1])
    fixed = shape[0] if shape and isinstance(shape[0], int) else 0
    return Predict(
        say=_Onnx(session=model, name=name, output=output, probability=likely, fixed=fixed),
        name=name,
        unit="probability" if likely else "prediction",
        features=features,
        named=len(inputs) > 1,
        library="onnxruntime",
        batch=fixed or ROWS,
    )


def _output(session: Session) -> tuple[str, bool]:
    """Return the output to ask for, and whether it holds probabilities."""
    outputs = session.get_outputs()
    maps = [o for o in outputs if o.type.startswith("seq(map")]
    if maps:
        return maps[0].name, True
    floating = [o for o in outputs if o.type in _FLOATING]
    named = [o for o in floating if "prob" in o.name.lower()]
    if named:
        return named[0].name, True
    labels = [o for o in outputs if "label" in o.name.lower() and o not in floating]
    return (floating or outputs)[0].name, bool(labels and floating)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Onnx:
    session: Session
    name: str
    output: str
    probability: bool
    fixed: int

    def __call__(self, inputs: Inputs) -> object:
        missing = max(self.fixed - len(inputs), 0)  # a session may read so many rows and no fewer
        (said,) = self.session.run(
            [self.output], {k: _padded(rows, missing) for k, rows in self._feeds(inputs).items()}
        )
        if isinstance(said, list) and said and isinstance(said[0], dict):
            said = np.array([list(row.values()) for row in said])
        said = said[: len(inputs)] if missing else said
        two = self.probability and np.shape(said)[1:] == (_BINARY,)
        return said[:, 1] if two else said

    def _feeds(self, inputs: Inputs) -> dict[str, NDArray[Any]]:
        declared = self.session.get_inputs()
        if len(declared) == 1:
            return {declared[0].name: self._rows(inputs, declared[0])}
        columns = inputs.names if isinstance(inputs, Table) else ()
        names = tuple(i.name for i in declared)
        place = columns if isinstance(inputs, Table) and inputs.named else names
        if not isinstance(inputs, Table) or len(columns) != len(names) or {*place} != {*names}:
            raise InputError(
                f"X holds columns {shorten(columns)} and {self.name} reads {shorten(names)}. "
                "A table with one column per input is needed."
            )
        return {i.name: self._column(inputs, place.index(i.name), i) for i in declared}

    def _rows(self, inputs: Inputs, declared: Input) -> NDArray[Any]:
        if declared.type != _TEXT:
            return self._typed(array_form(inputs, self.name), declared)
        if isinstance(inputs, Texts):
            rows = np.array(inputs.strings, dtype=object)
            return rows[:, None] if len(declared.shape) == _TABLE_AXES else rows
        if not isinstance(inputs, Table):
            raise InputError(f"{self.name} reads texts and X holds none. Hand in texts.")
        return np.column_stack([self._words(inputs, j) for j in range(len(inputs.names))])

    def _column(self, table: Table, column: int, declared: Input) -> NDArray[Any]:
        if declared.type == _TEXT:
            cells = self._words(table, column)
        elif table.levels[column] is not None:
            raise self._wrong(table, column, "categories", "numbers")
        else:
            cells = self._typed(table.numbers[:, column], declared)
        return cells[:, None] if len(declared.shape) == _TABLE_AXES else cells

    def _words(self, table: Table, column: int) -> NDArray[Any]:
        levels, codes = table.levels[column], table.numbers[:, column]
        if levels is None:
            raise self._wrong(table, column, "numbers", "text")
        if np.isnan(codes).any():
            raise self._wrong(table, column, "missing cells", "text in each row")
        return np.array([str(level) for level in levels], dtype=object)[codes.astype(np.int64)]

    def _typed(self, rows: NDArray[Any], declared: Input) -> NDArray[Any]:
        dtype = _TYPES.get(declared.type)
        if dtype is None:
            raise InputError(
                f"{self.name} reads {declared.type}, which X cannot be made of. Explain a function "
                "instead, which makes it and asks the session."
            )
        if rows.dtype == dtype:
            return np.ascontiguousarray(rows)
        if rows.dtype.kind == "f" and np.dtype(dtype).kind in "iub":
            self._check_whole(rows, declared)
        return np.ascontiguousarray(rows, dtype=dtype)

    def _check_whole(self, rows: NDArray[Any], declared: Input) -> None:
        wrong = rows[~(rows == np.rint(rows))]
        if wrong.size:
            raise InputError(
                f"X holds {wrong.flat[0]:g} and {self.name} reads {declared.type}, whole numbers "
                "alone. Round X, fill what is missing, or explain a function that does so."
            )

    def _wrong(self, table: Table, column: int, came: str, needed: str) -> InputError:
        return InputError(
            f"Column {table.names[column]!r} holds {came} and {self.name} reads {needed} there. "
            "Give the column as in training."
        )


def _padded(rows: NDArray[Any], missing: int) -> NDArray[Any]:
    return np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) if missing else rows
