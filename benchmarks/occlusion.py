"""Occlusion of images by a network, beside the bare forward passes and captum.

Seconds of processor time, so that other work on the machine counts little. Run with one thread
each: OMP_NUM_THREADS=1.
"""

import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from torch import nn

import whence as wh

WINDOW, STRIDE = 16, 8
REPEATS = 3
CALLS = (4, 16, 32)
"""Rows of one call among which the bare passes take the fastest."""
ON_CAPTUM = (1, 8)


class Block(nn.Module):
    """Two convolutions and what goes around them."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(out), nn.BatchNorm2d(out)])
        self.short = (
            nn.Conv2d(channels, out, 1, stride, bias=False) if stride > 1 else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum of both ways."""
        made = torch.relu(self.norms[0](self.first(x)))
        return torch.relu(self.norms[1](self.second(made)) + self.short(x))


def network() -> nn.Module:
    """Return a small residual network with weights drawn at random."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        Block(16, 16), Block(16, 32, 2), Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    ).eval()  # fmt: skip


def bare(module: nn.Module, image: torch.Tensor, rows: int, call: int) -> None:
    """Pass so many rows through a module, and do nothing else."""
    batch = image.expand(call, -1, -1, -1).contiguous()
    with torch.inference_mode():
        for done in range(0, rows, call):
            module(batch[: min(call, rows - done)])


def seconds(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median processor time of each run, measured in turns after one warm-up each."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(REPEATS + 1):
        for name, run in runs.items():
            started = time.process_time()
            run()
            if repeat:
                taken[name].append(time.process_time() - started)
    return {name: statistics.median(times) for name, times in taken.items()}


def against(images: int, size: int) -> dict[str, float]:
    """Return the seconds of bare passes, of whence and of captum, where it is installed."""
    module = network()
    X = np.random.default_rng(0).random((images, 3, size, size)).astype(np.float32)
    tensor = torch.from_numpy(X)
    rows = images * (1 + (size - WINDOW) // STRIDE) ** 2
    method = wh.Occlusion(window=WINDOW, stride=STRIDE, masker=wh.ImageMasker(hide=0.0))
    runs: dict[str, Callable[[], object]] = {
        f"passes of {call}": lambda call=call: bare(module, tensor[:1], rows, call)
        for call in CALLS
    }
    runs["whence"] = lambda: wh.explain(module, X, method, rng=0)
    if find_spec("captum"):
        from captum.attr import Occlusion

        target = module(tensor).argmax(dim=1)
        for at_once in ON_CAPTUM:
            runs[f"captum, {at_once} at once"] = lambda at_once=at_once: Occlusion(
                module
            ).attribute(
                tensor, (3, WINDOW, WINDOW), strides=(3, STRIDE, STRIDE), target=target,
                perturbations_per_eval=at_once,
            )  # fmt: skip
    return seconds(runs)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"| images | by | seconds | times the fastest bare passes (REPEATS={REPEATS}) |")
    print("|---|---|---|---|")
    for images, size in ((8, 64), (32, 64), (2, 224)):
        taken = against(images, size)
        best = min(t for name, t in taken.items() if name.startswith("passes"))
        for name, t in taken.items():
            print(
                f"| {images} of {size} x {size} | {name} | {t:.3g} | {t / best:.2f} |", flush=True
            )


if __name__ == "__main__":
    main()
