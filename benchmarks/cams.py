"""Class activation maps beside captum and pytorch-grad-cam: seconds, and passes they are worth.

Run by itself, with the peers installed: ``PYTHONPATH=src python benchmarks/cams.py``. A bare pass
forward and backward, as training does it without the gradients of weights, is the unit. Every
contender is given the same network, images and class, in turns in one process; all are in seconds
for 8 images, medians.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
import types
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from measure import once, seconds
from torch import Tensor, nn

import whence as wh
from whence.deep.methods.ablation_cam import AblationCam
from whence.deep.methods.cams import GradCam, GradCamPlusPlus, HiResCam, LayerCam, XGradCam
from whence.deep.methods.eigen_cam import EigenCam
from whence.deep.methods.score_cam import ScoreCam
from whence.deep.sharing import one_sweep

SIX = (GradCam, GradCamPlusPlus, XGradCam, LayerCam, HiResCam, EigenCam)
CLASS = 3
EACH, TOGETHER = 1.2, 2.0


class Block(nn.Module):
    """Two convolutions and what goes around them, as in ResNet-18."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))
        self.around: nn.Module = nn.Identity()
        if stride != 1 or before != channels:
            self.around = nn.Conv2d(before, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps of the block."""
        out = torch.relu(self.norms[0](self.first(x)))
        return torch.relu(self.norms[1](self.second(out)) + self.around(x))


def resnet(width: int = 64) -> nn.Sequential:
    """Make a residual network of ResNet-18's form, with weights drawn."""
    torch.manual_seed(0)
    stem = nn.Sequential(
        nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    )  # fmt: skip
    stages = nn.Sequential(
        *(
            nn.Sequential(
                Block(width * max(1, 2**i // 2), width * 2**i, 1 + (i > 0)),
                Block(width * 2**i, width * 2**i, 1),
            )
            for i in range(4)
        )
    )
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width * 8, 10))
    return nn.Sequential(stem, stages, head).eval()


def peers() -> tuple[Any, Any]:
    """Return captum's attr and pytorch_grad_cam, which imports torchvision and needs none of it."""
    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
        stub = types.ModuleType(name)
        stub.__path__ = []
        for part in ("Compose", "Normalize", "ToTensor", "resize"):
            setattr(stub, part, object)
        sys.modules.setdefault(name, stub)
    import captum.attr
    import pytorch_grad_cam

    return captum.attr, pytorch_grad_cam


@dataclass(frozen=True, kw_only=True)
class Work:
    """What all contenders are given."""

    model: nn.Sequential
    x: Tensor

    @property
    def layer(self) -> nn.Module:
        """The last layer of maps."""
        last: nn.Module = self.model[1]
        return last

    def bare(self) -> None:
        """Pass forward and backward, to the pixels."""
        x = self.x.clone().requires_grad_()
        torch.autograd.grad(self.model(x)[:, CLASS].sum(), x)

    def forward(self) -> None:
        """Predict."""
        with torch.no_grad():
            self.model(self.x)

    def ours(self, method: Any) -> Callable[[], Any]:  # noqa: ANN401  any of the methods
        """Return what explains by one method, at the layer that whence finds."""
        X, setting = self.x.numpy(), method(target=CLASS)
        return lambda: wh.explain(self.model, X, setting, rng=0)

    def together(self) -> None:
        """Make six maps of one sweep."""
        with one_sweep():
            for method in SIX:
                self.ours(method)()

    def captum(self, attr: Any) -> Callable[[], Any]:  # noqa: ANN401  a module without types
        """Return captum's Grad-CAM."""
        cam = attr.LayerGradCam(self.model, self.layer)
        return lambda: cam.attribute(self.x, target=CLASS)

    def pgc(self, pgc: Any, name: str) -> Callable[[], Any]:  # noqa: ANN401  a module without types
        """Return a map of pytorch-grad-cam, of a copy: its hooks stay on a network."""
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        model = deepcopy(self.model)
        cam = getattr(pgc, name)(model=model, target_layers=[model[1]])
        targets = [ClassifierOutputTarget(CLASS)] * len(self.x)
        return lambda: cam(input_tensor=self.x, targets=targets)


THEIRS = {
    GradCam: "GradCAM", GradCamPlusPlus: "GradCAMPlusPlus", XGradCam: "XGradCAM",
    LayerCam: "LayerCAM", HiResCam: "HiResCAM", EigenCam: "EigenCAM", ScoreCam: "ScoreCAM",
    AblationCam: "AblationCAM",
}  # fmt: skip


def timed(images: int, side: int, repeats: int) -> None:
    """Print the table of seconds."""
    attr, pgc = peers()
    x = torch.from_numpy(np.random.default_rng(0).random((images, 3, side, side), dtype=np.float32))
    work = Work(model=resnet(), x=x)
    runs: dict[str, Callable[[], object]] = {"bare": work.bare, "forward": work.forward}
    for method in SIX:
        runs[method.__name__] = work.ours(method)
        runs[f"pgc {method.__name__}"] = work.pgc(pgc, THEIRS[method])
    runs["together"] = work.together
    runs["captum"] = work.captum(attr)
    taken = seconds(runs, repeats)
    bare = taken["bare"]
    print(
        f"One pass forward and backward: {bare:.3f} s; forward alone: {taken['forward']:.3f} s.\n"
    )
    print("| map | whence | x bare | asked | reached | pytorch-grad-cam x bare | captum x bare |")
    print("|---|---|---|---|---|---|---|")
    for method in SIX:
        name = method.__name__
        line(name, taken[name], bare, EACH, taken[f"pgc {name}"],
             taken["captum"] if method is GradCam else None)  # fmt: skip
    line(
        "all six",
        taken["together"],
        bare,
        TOGETHER,
        sum(taken[f"pgc {m.__name__}"] for m in SIX),
        None,
    )


def first_calls(images: int, side: int, repeats: int) -> None:
    """Print what the very first map of a network costs: its layer found, its weights digested."""
    x = torch.from_numpy(np.random.default_rng(0).random((images, 3, side, side), dtype=np.float32))
    ratios = []
    for _ in range(repeats):
        work = Work(model=resnet(), x=x)
        bare = once(work.bare)
        ratios.append(once(work.ours(GradCam)) / bare)
    print(f"\nThe first GradCam of a network: {median(ratios):.2f} x bare.")


def line(
    name: str, ours: float, bare: float, asked: float, pgc: float, captum: float | None
) -> None:
    """Print a line of the table."""
    reached = "yes" if ours / bare <= asked else "**no**"
    other = "" if captum is None else f"{captum / bare:.2f}"
    print(
        f"| {name} | {ours:.3f} s | {ours / bare:.2f} | {asked:g} | {reached} | "
        f"{pgc / bare:.2f} | {other} |"
    )


def by_predictions(images: int, side: int) -> None:
    """Print seconds of the maps that ask once per channel, of a narrow network."""
    _, pgc = peers()
    x = torch.from_numpy(np.random.default_rng(0).random((images, 3, side, side), dtype=np.float32))
    work = Work(model=resnet(8), x=x)
    print("\n| map, 64 channels | whence | pytorch-grad-cam | ratio |")
    print("|---|---|---|---|")
    for method in (ScoreCam, AblationCam):
        runs = {"ours": work.ours(method), "theirs": work.pgc(pgc, THEIRS[method])}
        taken = seconds(runs, 3)
        print(
            f"| {method.__name__} | {taken['ours']:.3f} s | {taken['theirs']:.3f} s | "
            f"{taken['theirs'] / taken['ours']:.1f} |"
        )


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    timed(args.images, args.side, args.repeats)
    first_calls(args.images, args.side, 3)
    by_predictions(args.images, args.side)


if __name__ == "__main__":
    main()
