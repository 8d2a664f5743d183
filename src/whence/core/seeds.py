"""Random numbers for each row, made of the seed and of what the row says.

A row then gets the same numbers in any block, any order and any partition of the data, and on any
number of threads. Categories count by what they are, since their codes may depend on other rows.
"""

from collections.abc import Iterator
from hashlib import sha256

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from whence.core.table import Table
from whence.core.types import Level


def row_generators(table: Table, rng: Generator) -> Iterator[Generator]:
    """Yield a generator for each row of ``table``; equal rows get equal ones.

    Parameters
    ----------
    table : Table
    rng : Generator
        Only the seed it was made of is read, so that blocks may share it.

    Examples
    --------
    >>> from whence.core.table import table_of
    >>> rows, seeded = table_of(np.array([[1.0], [2.0], [1.0]])), np.random.default_rng(0)
    >>> draws = [own.integers(1000) for own in row_generators(rows, seeded)]
    >>> draws[0] == draws[2], draws[0] == draws[1]
    (np.True_, np.False_)
    """
    entropy = rng.bit_generator.seed_seq.entropy  # type: ignore[attr-defined]  # missing in stubs
    for row in _content(table):
        words = np.frombuffer(sha256(row.tobytes()).digest(), dtype="<u4")
        yield np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=words.tolist()))


def _content(table: Table) -> NDArray[np.uint64]:
    """Return 64 bits for each cell, of shape (rows, columns), which no other row has a say in."""
    cells = _bits(table.numbers)
    for j, levels in enumerate(table.levels):
        if levels is not None:
            codes = table.numbers[:, j]
            missing = _bits(np.array([np.nan]))
            known = np.concatenate([np.array([_of_level(v) for v in levels], "<u8"), missing])
            cells[:, j] = known[np.where(np.isnan(codes), -1, codes).astype(np.int64)]
    return cells


def _bits(numbers: NDArray[np.float64]) -> NDArray[np.uint64]:
    plain = np.where(np.isnan(numbers), np.nan, numbers + 0.0)  # one NaN and one zero
    return np.ascontiguousarray(plain, dtype="<f8").view("<u8")


def _of_level(level: Level) -> int:
    if isinstance(level, str):
        return int.from_bytes(sha256(level.encode()).digest()[:8], "little")
    return int(_bits(np.array([float(level)]))[0])
