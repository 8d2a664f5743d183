"""Integrated gradients: rows that are needed, and time beside bare passes and captum."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from captum.attr import IntegratedGradients as Captum
from measure import peak_megabytes
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that everybody knows

import whence as wh
from whence.deep.methods.integrated_gradients import IntegratedGradients

IMAGES, SIDE, CLASSES = 6, 32, 10
CHUNK = 64
"""Rows of a bare pass."""
TRIED = (*range(5, 20), *range(20, 40, 4), *range(44, 90, 8), *range(90, 151, 12))
"""Steps of captum among which the fewest of equal accuracy are looked for."""


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, read: int, width: int, stride: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(read, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip
        self.around = nn.Sequential(
            nn.Conv2d(read, width, 1, stride, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Pass on."""
        return F.relu(self.inner(x) + self.around(x))


def resnet(width: int = 16, stem: int = 1) -> nn.Module:
    """Return a ResNet of three stages."""
    return nn.Sequential(
        nn.Conv2d(3, width, 3, stem, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        Block(width, width, 1), Block(width, 2 * width, 2), Block(2 * width, 4 * width, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, CLASSES),
    )  # fmt: skip


class Transformer(nn.Module):
    """Patches of 4 x 4, three layers with GELU."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.places = nn.Parameter(torch.randn(1, (SIDE // 4) ** 2, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            width, 4, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        """Pass on."""
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.places
        return self.head(self.layers(tokens).mean(1))


def data() -> tuple[Tensor, Tensor]:
    """Return digits in random colors, with noise."""
    from sklearn.datasets import load_digits

    pixels, y = load_digits(return_X_y=True)
    draw = torch.Generator().manual_seed(0)
    X = torch.tensor(pixels / 16).float().view(-1, 1, 8, 8)
    X = F.interpolate(X, size=(SIDE, SIDE), mode="bilinear").repeat(1, 3, 1, 1)
    color = 0.4 + 0.6 * torch.rand(len(X), 3, 1, 1, generator=draw)
    return (X * color + 0.1 * torch.randn(X.shape, generator=draw) - 0.3) / 0.4, torch.tensor(y)


def trained(net: nn.Module, rate: float, epochs: int) -> nn.Module:
    """Train a network on the first 1500 digits."""
    X, y = data()
    draw = torch.Generator().manual_seed(0)
    steps = [(p, torch.zeros_like(p), torch.zeros_like(p)) for p in net.parameters()]
    done = 0
    for _ in range(epochs):
        for index in torch.randperm(1500, generator=draw).split(50):
            slopes = torch.autograd.grad(
                F.cross_entropy(net(X[index]), y[index]), [*net.parameters()]
            )
            done += 1
            with torch.no_grad():  # Adam, written out
                for (p, first, second), slope in zip(steps, slopes, strict=True):
                    first.lerp_(slope, 0.1)
                    second.lerp_(slope**2, 0.001)
                    scale = (second / (1 - 0.999**done)).sqrt() + 1e-8
                    p.sub_(rate * first / (1 - 0.9**done) / scale)
    return net.eval()


def off(values: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return the relative error of each row."""
    rows = len(exact)
    gap = np.linalg.norm((values - exact).reshape(rows, -1), axis=1)
    return np.asarray(gap / np.linalg.norm(exact.reshape(rows, -1), axis=1))


def by_captum(net: nn.Module, X: Tensor, target: Tensor, steps: int) -> np.ndarray:
    """Return what captum attributes to the pixels."""
    found = Captum(net).attribute(X, target=target, n_steps=steps, internal_batch_size=CHUNK)
    return np.asarray(found.sum(1).detach().numpy(), dtype=np.float64)


@dataclass(kw_only=True)
class Case:
    """A network, what is known exactly of it, and how far off captum is at each number of steps."""

    name: str
    net: nn.Module
    X: Tensor
    target: Tensor
    exact: np.ndarray
    curve: np.ndarray

    @classmethod
    def of(cls, name: str, net: nn.Module, X: Tensor) -> Self:
        """Measure captum, and integrate with 729 midpoints."""
        e = wh.explain(net, X.numpy(), IntegratedGradients(tolerance=1e-7, budget=800))
        target, exact = torch.as_tensor(e.target[:, 0], dtype=torch.int64), e.values[..., 0]
        curve = np.array([off(by_captum(net, X, target, steps), exact) for steps in TRIED])
        return cls(name=name, net=net, X=X, target=target, exact=exact, curve=curve)

    def measure(self, tolerance: float) -> None:
        """Print a line of the table."""
        method, rows = IntegratedGradients(tolerance=tolerance), self.X.numpy()
        e = wh.explain(self.net, rows, method)
        ours, took = off(e.values[..., 0], self.exact), e.provenance.evaluations - len(rows) - 1
        worse = (self.curve > ours[None])[::-1]
        last = len(TRIED) - 1 - worse.argmax(axis=0)  # the last number that is not enough
        steps = np.where(worse.any(axis=0), np.take([*TRIED[1:], TRIED[-1]], last), TRIED[0])
        complete = np.abs(e.residual / (e.outputs - e.base_values)).max()
        equal = round(took / len(rows))
        times = busy_seconds({
            "bare": bare(self.net, self.X, took),
            "whence": lambda: wh.explain(self.net, rows, method),
            "captum": lambda: by_captum(self.net, self.X, self.target, equal),
        })  # fmt: skip
        print(
            f"| {self.name}, tolerance {tolerance} | {took / len(rows):.1f} | {steps.mean():.1f} | "
            f"{ours.max():.1e} | {complete:.1e} | {times['whence'] / times['bare']:.2f} | "
            f"{times['captum'] / times['bare']:.2f} |",
            flush=True,
        )


def busy_seconds(runs: dict[str, Callable[[], object]], repeats: int = 5) -> dict[str, float]:
    """Return the median seconds that a processor was busy with each, in turns after a warm-up."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            started = time.process_time()
            run()
            if repeat:
                taken[name].append(time.process_time() - started)
    return {name: statistics.median(times) for name, times in taken.items()}


def bare(net: nn.Module, X: Tensor, rows: int) -> Callable[[], None]:
    """Return passes forward and backward of so many rows, and nothing else."""
    many = X.repeat(-(-rows // len(X)), 1, 1, 1)[:rows]

    def run() -> None:
        for part in many.split(CHUNK):
            leaf = part.detach().requires_grad_()
            torch.autograd.grad(net(leaf)[:, 0].sum(), leaf)

    return run


LARGE = """
import sys
sys.path.insert(0, "benchmarks")
import numpy as np
from integrated_gradients import resnet
from measure import resident_megabytes
import whence as wh
from whence.deep.methods.integrated_gradients import IntegratedGradients
net = resnet(16, stem=4).eval()
X = np.random.default_rng(0).random((1, 3, 512, 512), dtype=np.float32)
print(resident_megabytes())
wh.explain(net, X, IntegratedGradients(steps=200))
"""


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.manual_seed(0)
    X = data()[0][1500 : 1500 + IMAGES]
    print(f"Gradients per row; the steps that captum needs to be as near, of {TRIED[-1]} tried;")
    print("largest error of a row as a share of its values, and of the sum as a share of the rise;")
    print("seconds of the processor as a multiple of bare passes of as many rows.\n")
    print("| network | whence | captum | error | incomplete | whence, time | captum, time |")
    print("|---|---|---|---|---|---|---|")
    for name, net, rate in (
        ("transformer with GELU", Transformer(), 1e-3),
        ("ResNet with ReLU", resnet(), 2e-3),
    ):
        case = Case.of(name, trained(net, rate, 5), X)
        for tolerance in (0.05, 0.02):
            case.measure(tolerance)
    before, peak = peak_megabytes(LARGE)
    print(f"\n200 steps on 512 x 512: {peak:.0f} MB in all, {before:.0f} MB of them before.")


if __name__ == "__main__":
    main()
