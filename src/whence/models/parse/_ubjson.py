"""Read Universal Binary JSON, the form in which XGBoost writes its models.

Every value is a marker and its bytes, big-endian; an array of one kind of number is a marker, a
count and the bare numbers, so a model is read at the speed of memory and to the last bit.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from whence.core.errors import InputError

Value: TypeAlias = (
    dict[str, "Value"] | list["Value"] | NDArray[np.generic] | str | int | float | bool | None
)

_NUMBERS = {
    b"i": ">i1",
    b"U": ">u1",
    b"I": ">i2",
    b"l": ">i4",
    b"L": ">i8",
    b"d": ">f4",
    b"D": ">f8",
}
_WHOLE = (b"i", b"U", b"I", b"l", b"L")
_CONSTANTS: dict[bytes, bool | None] = {b"T": True, b"F": False, b"Z": None}
_DEEPEST = 64


def read(raw: bytes) -> dict[str, Value]:
    r"""Read an object; arrays of numbers come back as numpy arrays.

    Raises
    ------
    InputError
        If the bytes are cut short or are not Universal Binary JSON.

    Examples
    --------
    >>> read(b"{i\x01aSi\x02hi}")
    {'a': 'hi'}
    """
    try:
        value, end = _value(raw, 0, 0)
    except (IndexError, KeyError, ValueError) as error:
        raise InputError(
            f"The model of {len(raw)} bytes cannot be read: {error}. It is damaged or cut short. "
            "Save it again from the program that trained it."
        ) from error
    if not isinstance(value, dict) or end != len(raw):
        raise InputError(
            f"The model of {len(raw)} bytes ends at byte {end}. It is damaged. "
            "Save it again from the program that trained it."
        )
    return value


def _value(raw: bytes, at: int, depth: int) -> tuple[Value, int]:
    """Return the value at byte ``at``, and where the next one starts."""
    if depth > _DEEPEST:
        raise ValueError(f"nested more than {_DEEPEST} deep at byte {at}")
    marker = raw[at : at + 1]
    if marker == b"{":
        return _object(raw, at + 1, depth)
    if marker == b"[":
        return _array(raw, at + 1, depth)
    if marker == b"S":
        return _text(raw, at + 1)
    if marker in _CONSTANTS:
        return _CONSTANTS[marker], at + 1
    if marker not in _NUMBERS:
        raise ValueError(f"unknown marker {marker!r} at byte {at}")
    numbers, end = _numbers(raw, at + 1, marker, 1)
    return numbers[0].item(), end


def _numbers(raw: bytes, at: int, marker: bytes, count: int) -> tuple[NDArray[np.generic], int]:
    kind = np.dtype(_NUMBERS[marker])
    end = at + count * kind.itemsize
    if end > len(raw):
        raise ValueError(f"{count} numbers at byte {at} of {len(raw)}")
    return np.frombuffer(raw, kind, count, at).astype(kind.newbyteorder("=")), end


def _size(raw: bytes, at: int) -> tuple[int, int]:
    marker = raw[at : at + 1]
    if marker not in _WHOLE:
        raise ValueError(f"no length at byte {at}")
    number, end = _numbers(raw, at + 1, marker, 1)
    size = int(number[0].item())
    if not 0 <= size <= len(raw):
        raise ValueError(f"length {size} at byte {at}")
    return size, end


def _text(raw: bytes, at: int) -> tuple[str, int]:
    size, start = _size(raw, at)
    if start + size > len(raw):
        raise ValueError(f"a text of {size} bytes at byte {at} of {len(raw)}")
    return raw[start : start + size].decode(), start + size


def _object(raw: bytes, at: int, depth: int) -> tuple[dict[str, Value], int]:
    out: dict[str, Value] = {}
    while raw[at : at + 1] != b"}":
        key, at = _text(raw, at)
        out[key], at = _value(raw, at, depth + 1)
    return out, at + 1


def _array(raw: bytes, at: int, depth: int) -> tuple[Value, int]:
    if raw[at : at + 1] == b"$":
        count, start = _size(raw, at + 3)
        return _numbers(raw, start, raw[at + 1 : at + 2], count)
    out: list[Value] = []
    if raw[at : at + 1] == b"#":
        count, at = _size(raw, at + 1)
        for _ in range(count):
            item, at = _value(raw, at, depth + 1)
            out.append(item)
        return out, at
    while raw[at : at + 1] != b"]":
        item, at = _value(raw, at, depth + 1)
        out.append(item)
    return out, at + 1
