"""Cutting work into blocks changes nothing about the result."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whence.core import blocks
from whence.core.blocks import Gather, cut, in_order, threads
from whence.core.errors import InputError
from whence.core.explanation import Attribution


@given(st.integers(1, 50), st.integers(1, 20))
def test_blocks_put_together_are_the_whole(rows: int, size: int) -> None:
    values = np.random.default_rng(0).normal(size=(rows, 2, 1))
    gather = Gather(rows)
    for block in cut(rows, size):
        part = values[block]
        gather.add(Attribution(values=part, base_values=part[:, 0], outputs=part[:, 1]))

    result, _ = gather.result()

    assert isinstance(result, Attribution)
    assert np.array_equal(result.values, values)


@given(st.integers(1, 30_000), st.integers(1, 3))
def test_paced_blocks_cover_all_rows_in_order(rows: int, n_jobs: int) -> None:
    def work(block: slice) -> Attribution:
        part = np.arange(block.start, block.stop, dtype=float)[:, None, None]
        return Attribution(values=part, base_values=part[:, 0], outputs=part[:, 0])

    found = list(blocks.paced(work, rows, n_jobs))

    assert np.array_equal(np.concatenate([e.values for e in found])[:, 0, 0], np.arange(rows))
    assert max(map(len, found)) <= 8192


def test_slow_rows_come_in_small_blocks() -> None:
    def work(block: slice) -> Attribution:
        time.sleep((block.stop - block.start) * 0.001)
        part = np.zeros((block.stop - block.start, 1, 1))
        return Attribution(values=part, base_values=part[:, 0], outputs=part[:, 0])

    sizes = [len(e) for e in blocks.paced(work, 1200, 1)]

    assert sizes[0] == 1
    assert max(sizes) <= 250


def test_the_slowest_rows_do_not_keep_an_interrupt_waiting() -> None:
    def work(block: slice) -> Attribution:
        time.sleep((block.stop - block.start) * 0.01)
        part = np.zeros((block.stop - block.start, 1, 1))
        return Attribution(values=part, base_values=part[:, 0], outputs=part[:, 0])

    assert max(len(e) for e in blocks.paced(work, 100, 2)) <= 25


def test_what_costs_by_the_block_gets_large_blocks() -> None:
    def work(block: slice) -> Attribution:
        time.sleep(0.3)  # longer than a block should take, however many rows it has
        part = np.zeros((block.stop - block.start, 1, 1))
        return Attribution(values=part, base_values=part[:, 0], outputs=part[:, 0])

    sizes = [len(e) for e in blocks.paced(work, 80, 1)]

    assert sum(sizes) == 80
    assert len(sizes) <= 8


@given(st.lists(st.integers(), max_size=20), st.integers(1, 4))
def test_threads_keep_the_order(items: list[int], n_jobs: int) -> None:
    assert list(in_order(lambda x: x + 1, items, n_jobs)) == [x + 1 for x in items]


def test_an_error_stops_the_rest() -> None:
    done: list[int] = []
    gate = threading.Event()

    def work(i: int) -> int:
        if i == 0:
            raise ValueError("stop")
        gate.wait(5)
        done.append(i)
        return i

    def consume() -> Iterator[int]:
        yield from in_order(work, range(100), 2)

    first = consume()
    threading.Timer(0.2, gate.set).start()
    with pytest.raises(ValueError, match="stop"):
        next(first)
    assert len(done) < 99


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5, "two"])
def test_a_strange_number_of_jobs_is_refused(n_jobs: int) -> None:
    with pytest.raises(InputError, match="n_jobs is"):
        threads(n_jobs)


def test_a_result_that_does_not_fit_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "available_memory", lambda: 1000)
    part = np.zeros((2, 50, 1))

    with pytest.raises(InputError, match=r"needs 0\.1 GB"):
        Gather(200_000).add(Attribution(values=part, base_values=part[:, 0], outputs=part[:, 1]))


def test_missing_blocks_are_noticed() -> None:
    with pytest.raises(RuntimeError, match="No rows"):
        Gather(3).result()
