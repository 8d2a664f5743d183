"""Arrays and tensors as the user gave them, and back again."""

import sys
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from whence.core.errors import InputError


def finite(X: object, what: str) -> NDArray[Any]:
    """Return the numbers of ``what``, or raise `InputError` where some are none."""
    array = array_of(X)
    if array.dtype.kind not in "fiub" or array.size == 0:
        raise InputError(
            f"X is an array of dtype {array.dtype} and shape {array.shape}. Numbers are needed for "
            f"{what}, at least one in each axis."
        )
    wrong = ~np.isfinite(array)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"X holds {array[place]} at {place} ({int(wrong.sum())} such numbers in all). Finite "
            f"numbers are needed for {what}. Fill or drop what is missing."
        )
    return array


def array_of(X: object) -> NDArray[Any]:
    """Return an array that cannot be written to, copied from a tensor."""
    raw: Any = cast("Any", X).detach().cpu() if is_tensor(X) else X
    array = np.asarray(raw).view()
    array.flags.writeable = False
    return array


def is_tensor(X: object) -> bool:
    """Tell whether ``X`` is a tensor of torch, without importing it."""
    return type(X).__module__.partition(".")[0] == "torch" and hasattr(X, "detach")


def kept(X: object) -> object:
    """Return what the model is asked with: the object itself, if it is an array or tensor."""
    return X if is_tensor(X) or isinstance(X, np.ndarray) else np.asarray(X)


def in_form_of(native: object, array: NDArray[Any]) -> object:
    """Return an array in the form of the user's own object."""
    if not is_tensor(native):
        return np.ascontiguousarray(array)
    torch, like = sys.modules["torch"], cast("Any", native)
    return torch.from_numpy(np.ascontiguousarray(array)).to(device=like.device, dtype=like.dtype)


def part_of(native: object, rows: slice | NDArray[np.int64]) -> object:
    """Return some rows of the user's own object, if there is one."""
    return None if native is None else cast("Any", native)[rows]


def owned(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array that shares no memory with another."""
    return array if array.flags.owndata else array.copy()


def labels_of_rows(
    labels: tuple[str, ...] | None, rows: slice | NDArray[np.int64]
) -> tuple[str, ...] | None:
    """Return the labels of some rows, if there are any."""
    if labels is None:
        return None
    return tuple(labels[i] for i in np.arange(len(labels))[rows])
