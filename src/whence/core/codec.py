"""Explanations in files: a zip archive of one JSON header and plain ``.npy`` arrays.

Nothing in the file is executed when it is read, and every size is checked before memory is taken.
The file is written beside its final place and then moved there, so it is whole or absent. Equal
explanations give equal bytes.
"""

import io
import json
import os
import tempfile
import zipfile
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from whence.core.errors import InputError

if TYPE_CHECKING:
    from whence.core.explanation import Explanation

VERSION = 1
_HEADER = "explanation.json"
_KINDS = "fiubU"
_SKIPPED = {"native"}


def save(explanation: "Explanation", path: str | Path) -> Path:
    """Write ``explanation`` to ``path``; see `load`."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder. Give the name of a file in it.")
    arrays: list[NDArray[np.generic]] = []
    header = {
        "format": "whence",
        "version": VERSION,
        "explanation": _encode(explanation, arrays),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            _write(archive, _HEADER, json.dumps(header, indent=1, allow_nan=False).encode())
            for i, array in enumerate(arrays):
                buffer = io.BytesIO()
                npy.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
                _write(archive, f"arrays/{i}.npy", buffer.getvalue())
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
    return path


def load(path: str | Path) -> "Explanation":
    """Read an explanation that `Explanation.save` wrote.

    Raises
    ------
    InputError
        If the file is missing, damaged, from a newer version, or not one of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {str(path)!r}. Check the path.")
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive)
    except (
        zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError, EOFError, OSError,
        RecursionError, NotImplementedError,
    ) as error:  # fmt: skip
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{str(path)!r} is not a whole explanation file ({error}). "
            "Files written by `e.save(path)` can be loaded. Write it again, or fetch it again."
        ) from error


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content)


def _read(archive: zipfile.ZipFile) -> "Explanation":
    from whence.core.explanation import Explanation

    if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
        raise InputError("The file holds compressed entries, which whence never writes.")
    header = json.loads(archive.read(_HEADER))
    if header["format"] != "whence" or header["version"] > VERSION:
        raise InputError(
            f"The file is of format {header['format']!r} version {header['version']}; this whence "
            f"reads format 'whence' up to version {VERSION}. Upgrade whence."
        )
    result = _decode(header["explanation"], archive)
    if not isinstance(result, Explanation):
        raise InputError(f"The file holds a {type(result).__name__}, not an explanation.")
    return result


def _encode(value: Any, arrays: list[NDArray[np.generic]]) -> Any:  # noqa: ANN401  JSON is any
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _KINDS:
            raise InputError(f"An array of dtype {value.dtype} cannot be saved; numbers can.")
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if is_dataclass(value):
        named = {
            f.name: _encode(getattr(value, f.name), arrays)
            for f in fields(value)
            if f.name not in _SKIPPED
        }
        return {"type": type(value).__name__, "fields": named}
    if isinstance(value, tuple):
        return {"tuple": [_encode(part, arrays) for part in value]}
    if isinstance(value, dict):
        return {"dict": {key: _encode(part, arrays) for key, part in value.items()}}
    if isinstance(value, float) and not np.isfinite(value):
        return {"float": repr(value)}
    return value


def _decode(value: Any, archive: zipfile.ZipFile) -> Any:  # noqa: ANN401  JSON is any
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return _array(archive.read(f"arrays/{int(value['array'])}.npy"))
    if "tuple" in value:
        return tuple(_decode(part, archive) for part in value["tuple"])
    if "dict" in value:
        return {key: _decode(part, archive) for key, part in value["dict"].items()}
    if "float" in value:
        return float(value["float"])
    kind = _types()[value["type"]]
    return kind(**{name: _decode(part, archive) for name, part in value["fields"].items()})


def _types() -> dict[str, type]:
    from whence.core import explanation as ex
    from whence.core.effect import Curve, Effect
    from whence.core.examples import Examples
    from whence.core.inputs import Images, Series, Texts
    from whence.core.provenance import Provenance
    from whence.core.rules import Predicate, Rules
    from whence.core.table import Table

    known = (ex.Attribution, ex.Interaction, Effect, Rules, Examples, Curve, Predicate, ex.Names)
    return {kind.__name__: kind for kind in (*known, Provenance, Table, Images, Texts, Series)}


def _array(content: bytes) -> NDArray[np.generic]:
    stream = io.BytesIO(content)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    shape, _, dtype = read[npy.read_magic(stream)](stream)
    size = int(np.prod([int(n) for n in shape], dtype=object)) if shape else 1
    if dtype.kind not in _KINDS or size * dtype.itemsize != len(content) - stream.tell():
        raise InputError(f"An array of shape {shape} and dtype {dtype} does not fit its entry.")
    stream.seek(0)
    array: NDArray[np.generic] = npy.read_array(stream, allow_pickle=False)
    return array
