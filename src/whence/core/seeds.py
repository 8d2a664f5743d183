"""Random numbers for each row, made of the seed and of what the row says.

A row then gets the same numbers in any block, any order and any partition of the data, and on any
number of threads.
"""

from collections.abc import Iterator
from hashlib import sha256

import numpy as np
from numpy.random import Generator

from whence.core.inputs import Inputs


def row_generators(inputs: Inputs, rng: Generator) -> Iterator[Generator]:
    """Yield a generator for each row; equal rows get equal ones.

    Parameters
    ----------
    inputs : Table, Images, Texts or Series
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
    for row in inputs.content():
        words = np.frombuffer(sha256(row).digest(), dtype="<u4")
        yield np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=words.tolist()))
