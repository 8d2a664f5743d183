"""What a model answers: waited for, and brought to numbers or refused with the reason."""

import queue
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, NoReturn, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from whence.core.errors import InputError
from whence.core.types import Floats

T = TypeVar("T")

_NEEDED = "Finite numbers of shape (rows,) or (rows, outputs) are needed."
_NUMBERS = "biuf"
_TEXT = "USTO"
"""Kinds of arrays that may hold text."""


class LateError(Exception):
    """There was no answer in time. It is no `TimeoutError`, which a model may raise itself."""


def within(seconds: float | None, work: Callable[[], T]) -> T:
    """Return ``work()``, unless it takes longer than ``seconds``.

    Where a time is given, the work is done by a thread of its own, which is left behind when it
    takes longer: it cannot be stopped from outside, and does not keep the program from ending.

    Raises
    ------
    LateError
        If it takes longer.

    Examples
    --------
    >>> within(5.0, lambda: 1)
    1
    """
    if seconds is None:
        return work()
    context = copy_context()
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((context.run(work), None))
        except BaseException as error:  # noqa: BLE001  raised below, in the thread that asked
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except queue.Empty:
        raise LateError(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return cast("T", result)


def numbers_of(said: object, rows: int, *, first: int, of: int, name: str) -> Floats:
    """Return an answer as numbers of shape (rows, outputs).

    Parameters
    ----------
    said : object
        What the model answered.
    rows : int
        Rows that it was asked about, from number ``first`` on of ``of`` in all.
    name : str
        What messages call the model.

    Raises
    ------
    InputError
        If it is anything but one finite number per row and output.

    Examples
    --------
    >>> numbers_of([1, 2], 2, first=0, of=2, name="The model")
    array([[1.],
           [2.]])
    """
    raw = _array(said, name)
    if raw.ndim not in (1, 2) or len(raw) != rows or raw.size == 0:
        raise InputError(
            f"{name} was asked about {rows} rows and answered with shape {raw.shape}. {_NEEDED} "
            "Wrap the model in a function that gives one answer per row."
        )
    raw = raw.reshape(rows, -1)
    wrong = ~np.isfinite(raw)
    if wrong.any():
        row, output = (int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"{name} answered {raw[row, output]} for row {first + row} of {of}, output {output} "
            f"({int(wrong.sum())} such answers in all). {_NEEDED} Rows may be mixtures of X and "
            "the background: impute in a pipeline what the model cannot read."
        )
    return raw


def _array(said: object, name: str) -> Floats:
    plain: Any = said
    if type(said).__module__.partition(".")[0] == "torch" and hasattr(said, "detach"):
        plain = cast("Any", said).detach().cpu()
        plain = plain.double() if plain.is_floating_point() else plain
    try:
        found = np.asarray(plain)
        if found.dtype.kind in _TEXT and (text := _first_text(found)) is not None:
            _refuse_text(text, name)
        if found.dtype.kind not in _NUMBERS + _TEXT:
            raise TypeError(f"its dtype is {found.dtype}")  # noqa: TRY301  told with the others
        return np.array(found, dtype=np.float64)  # a copy, since the model may reuse its own
    except InputError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{name} answered with a {type(said).__name__} that is not an array of numbers "
            f"({error}). {_NEEDED} Wrap the model in a function that gives them."
        ) from error


def _first_text(array: NDArray[Any]) -> str | None:
    return next((str(v) for v in array.reshape(-1) if isinstance(v, (str, bytes))), None)


def _refuse_text(text: str, name: str) -> NoReturn:
    raise InputError(
        f"{name} answered with text, such as {text!r:.40}. Numbers are needed, and it has no "
        "predict_proba or decision_function that would give them. Train it so that it has, or "
        f"wrap it in a function that gives one number per row, such as answer == {text!r:.40}."
    )
