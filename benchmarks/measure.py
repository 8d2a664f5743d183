"""Timing side by side: every contender in one run, alternating, medians of seconds."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Run = Callable[[], object]

DATA = Path(os.environ.get("WHENCE_DATA", "data"))
"""Where the data sets lie, each in a folder of its name."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table of results.

    Attributes
    ----------
    work, against : str
        What was done, and what it is compared with.
    ours, theirs : float
        Seconds, or the unit given, of whence and of the other.
    asked : float
        The ratio theirs / ours to reach.
    """

    work: str
    against: str
    ours: float
    theirs: float
    asked: float
    note: str = ""
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """How many times better whence is."""
        return self.theirs / self.ours

    def text(self) -> str:
        """Return the line as Markdown."""
        verdict = "yes" if self.ratio >= self.asked else "**no**"
        return (
            f"| {self.work} | {self.against} | {self.ours:.4g} {self.unit} | "
            f"{self.theirs:.4g} {self.unit} | {self.ratio:.3g} | {self.asked:.3g} | {verdict} | "
            f"{self.note} |"
        )


@dataclass(kw_only=True)
class Report:
    """Lines as they are measured, printed at once."""

    lines: list[Line] = field(default_factory=list)

    def head(self) -> None:
        """Print the head of the table."""
        print("| work | against | whence | other | ratio | asked | reached | note |")
        print("|---|---|---|---|---|---|---|---|")

    def add(self, line: Line) -> None:
        """Print and keep a line."""
        self.lines.append(line)
        print(line.text(), flush=True)


def seconds(runs: dict[str, Run], repeats: int = 5) -> dict[str, float]:
    """Return the median seconds of each run, measured in turns after one warm-up each."""
    for run in runs.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in taken.items()}


def once(run: Run) -> float:
    """Return the seconds of a single run, for what takes too long to repeat."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def peak_megabytes(code: str) -> tuple[float, float]:
    """Run Python ``code`` in a process of its own.

    The code prints the megabytes it held before the work as its last line. Returns that number and
    the peak of the process, both in MB.
    """
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code + _PEAK], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    before, peak = done.stdout.split()[-2:]
    return float(before), float(peak)


def resident_megabytes() -> float:
    """Return the memory that this process has held at most so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


_PEAK = "\nfrom measure import resident_megabytes\nprint(resident_megabytes())\n"
