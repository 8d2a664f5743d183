"""Run all benchmarks in one process, one thread each, and print their tables."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import importlib
import platform
from datetime import UTC, datetime
from pathlib import Path

from measure import Report

LINES = ("tree_explanations", "resources")
"""Parts that add lines to one table."""
TABLES = (
    "time_in_model", "surrogates", "shapley_estimators", "importance", "effects", "anchors",
    "counterfactuals", "tree_counterfactuals", "examples", "glassbox", "cams",
    "integrated_gradients", "deep_lift", "lrp", "occlusion",
)  # fmt: skip
"""Parts that print a table of their own."""
PARTS = (*LINES, *TABLES)


def main() -> None:
    """Run the parts named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    chosen = parser.parse_args().parts or PARTS
    print(f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, Python {platform.python_version()}\n")
    report = Report()
    if set(chosen) & set(LINES):
        report.head()
    for part in chosen:
        module = importlib.import_module(part)
        if part in LINES:
            module.main(report)
        else:
            print(f"\n## {part}\n")
            module.main()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
