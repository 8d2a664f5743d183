"""Rows in blocks: cut, run on threads, put together again.

Blocks bound the memory that a method needs, carry the progress bar, and are what several threads
work on. Since a method explains each row by itself, the result does not depend on the cut.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Explanation

if TYPE_CHECKING:
    from numpy.typing import NDArray

Item = TypeVar("Item")
Result = TypeVar("Result")
E = TypeVar("E", bound=Explanation)

_FEWEST = 1
"""Rows of the very first block, and of a block at least where the method wants no more."""
_FASTEST = 16
"""Times a block may be larger than the one before."""
_CHEAPER = 0.7
"""Share of the cost of a row in smaller company, below which it pays to have more."""
_LARGEST = 8_192
"""Rows of a block at most."""
_PAUSE = 0.25
"""Seconds that a block may take, so that progress moves and an interrupt is heard."""
_PATIENCE = 2.0
"""Seconds that a block may take where larger ones pay."""
_BLOCK_BYTES = 32_000_000
"""Bytes that the explanation of a block may take."""
_SEGMENTS = "segments"
_SETS = "sets"
_SMALL = 50_000_000
"""Bytes that are taken without asking how many are free."""


def cut(rows: int, size: int) -> list[slice]:
    """Cut ``rows`` into slices of at most ``size``.

    Examples
    --------
    >>> cut(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(first, min(first + size, rows)) for first in range(0, rows, size)]


def threads(n_jobs: int) -> int:
    """Return how many threads ``n_jobs`` means; -1 is one per core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if n_jobs == -1:
        return cores or 1
    if not isinstance(n_jobs, int) or n_jobs < 1:
        raise InputError(f"n_jobs is {n_jobs!r}. A positive whole number is needed, or -1.")
    return n_jobs


def in_order(
    work: Callable[[Item], Result], items: Sequence[Item], n_jobs: int
) -> Iterator[Result]:
    """Yield ``work(item)`` for each item, in order, computed by ``n_jobs`` threads.

    An interrupt or error cancels what has not been started.
    """
    if n_jobs == 1 or len(items) == 1:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(n_jobs)
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)


def paced(work: Callable[[slice], E], rows: int, n_jobs: int, fewest: int = _FEWEST) -> Iterator[E]:
    """Yield what ``work`` makes of all rows, in order, in blocks of a sensible size.

    The first block has ``fewest`` rows, and none later has less. Blocks then grow, one for each
    thread at a time, until they take a quarter of a second, or 32 MB; beyond that for two seconds
    at most, as long as a row becomes much cheaper in company, as where a model answers a few rows
    no faster than many.
    """
    done, size, before = 0, fewest, np.inf
    while done < rows:
        jobs = n_jobs if done else 1
        round_ = [
            slice(s.start + done, s.stop + done) for s in cut(min(rows - done, size * jobs), size)
        ]
        started, most = time.perf_counter(), _LARGEST
        for block in in_order(work, round_, n_jobs):
            most = min(most, _BLOCK_BYTES * len(block) // max(block.nbytes(), 1))
            yield block
        done = round_[-1].stop
        seconds = max(time.perf_counter() - started, 1e-9)
        each = seconds * jobs / (done - round_[0].start)
        wanted = _next_size(size, seconds, cheaper=each < _CHEAPER * before)
        settled, size, before = wanted <= size, max(fewest, min(most, wanted)), each
        if settled and done < rows:
            count = n_jobs * -(-(rows - done) // (size * n_jobs))  # as many for each thread
            even = -(-(rows - done) // count)
            rest = [slice(s.start + done, s.stop + done) for s in cut(rows - done, even)]
            yield from in_order(work, rest, n_jobs)
            return


def _next_size(size: int, seconds: float, *, cheaper: bool) -> int:
    """Return how many rows the next block should have, after one of ``size`` rows."""
    sure = int(size * min(_FASTEST, _PAUSE / seconds))
    if not cheaper or seconds >= _PATIENCE:
        return sure
    return max(sure, size * (4 if seconds < _PATIENCE / 4 else 2))


class Gather:
    """Puts the explanations of blocks together into one of all rows.

    The arrays are allocated once, when the first block tells their shapes, so the peak of memory
    is the result and one block. Only where a later row has more parts than all before it, as texts
    have, they are widened.
    """

    __slots__ = ("_arrays", "_first", "_listed", "_rows", "done")

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.done = 0
        self._listed: dict[str, list[Any]] = {}
        self._first: Explanation | None = None
        self._arrays: dict[str, NDArray[Any]] = {}

    def add(self, block: Explanation) -> None:
        """Take the explanation of the next rows."""
        if self._first is None:
            self._first = block
            self._allocate(block)
        elif len(getattr(block, _SETS, ())) > len(getattr(self._first, _SETS, ())):
            self._first = replace(self._first, **{_SETS: getattr(block, _SETS)})
        end = self.done + len(block)
        if len(block) < self._rows:
            for name, part in _parts(block).items():
                whole = self._arrays[name]
                if any(a > b for a, b in zip(part.shape[1:], whole.shape[1:], strict=True)):
                    whole = self._arrays[name] = _widened(whole, part.shape[1:])
                whole[(slice(self.done, end), *map(slice, part.shape[1:]))] = part
        for name in block.listed:
            self._listed.setdefault(name, []).extend(getattr(block, name))
        self.done = end

    def result(self) -> "tuple[Explanation, NDArray[np.int32] | None]":
        """Return the explanation of the rows gathered, and the segments of what was explained."""
        if self._first is None:
            raise RuntimeError("No rows were gathered.")
        arrays: dict[str, Any] = {name: part[: self.done] for name, part in self._arrays.items()}
        segments = arrays.pop(_SEGMENTS, None)
        listed: dict[str, Any] = {name: tuple(parts) for name, parts in self._listed.items()}
        return replace(self._first, **arrays, **listed, data=None), segments

    def _allocate(self, block: Explanation) -> None:
        arrays = _parts(block)
        needed = sum(part.nbytes // len(block) for part in arrays.values()) * self._rows
        free = available_memory() if needed > _SMALL else None
        if free is not None and needed > free:
            raise InputError(
                f"The explanation of {self._rows:,} rows needs {needed / 1e9:.1f} GB and "
                f"{free / 1e9:.1f} GB of memory are free. Explain fewer rows at a time, or stream "
                "a Parquet file with whence.scale.parquet."
            )
        for name, part in arrays.items():
            if len(block) == self._rows:  # the block is the whole
                self._arrays[name] = part if part.flags.owndata else part.copy()
            else:
                self._arrays[name] = _room((self._rows, *part.shape[1:]), part.dtype)


def _parts(block: Explanation) -> "dict[str, NDArray[Any]]":
    """Return the arrays of a block that have one entry per row."""
    segments = getattr(block.data, _SEGMENTS, None)
    parts = {name: getattr(block, name) for name in block.per_row} | {_SEGMENTS: segments}
    return {name: part for name, part in parts.items() if part is not None}


def _room(shape: tuple[int, ...], dtype: "np.dtype[Any]") -> "NDArray[Any]":
    """Return what stands where a row has no such part: -1 for segments, else zero or False."""
    return np.full(shape, -1, dtype) if dtype == np.int32 else np.zeros(shape, dtype)


def _widened(whole: "NDArray[Any]", shape: tuple[int, ...]) -> "NDArray[Any]":
    """Return an array with room for more parts per row, along each axis."""
    sizes = (max(a, b) for a, b in zip(whole.shape[1:], shape, strict=True))
    room = _room((len(whole), *sizes), whole.dtype)
    room[tuple(map(slice, whole.shape))] = whole
    return room


def available_memory() -> int | None:
    """Return the bytes of memory that can be taken now; None where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123  read as a stream
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None
