"""DeepLIFT and DeepSHAP on a small ResNet, beside captum, shap and the bare passes."""

import warnings
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from measure import Line, Report, seconds
from torch import Tensor, nn

import whence as wh
from whence.deep.methods.deep_lift import DeepLift
from whence.deep.methods.deep_shap import DeepShap

ROWS, BACKGROUNDS, ASKED = 8, 4, 3.0


class Block(nn.Module):
    """Two convolutions and a way around them; each activation is a module of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width))
        self.two = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width))
        self.inner, self.outer = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Pass feature maps."""
        return self.outer(self.two(self.inner(self.one(x))) + x)


def resnet() -> nn.Module:
    """Return a ResNet that captum and shap can read too."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 7, stride=2, padding=3), nn.BatchNorm2d(16), nn.ReLU(), nn.AvgPool2d(2),
        Block(16), Block(16), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
        Block(32), Block(32), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    ).eval()  # fmt: skip


def main() -> None:
    """Print the table."""
    warnings.filterwarnings("ignore", category=UserWarning)
    torch.set_num_threads(1)
    module, rng = resnet(), np.random.default_rng(0)
    X = rng.random((ROWS, 3, 64, 64), dtype=np.float32)
    Z = rng.random((BACKGROUNDS, 3, 64, 64), dtype=np.float32)
    x = torch.from_numpy(X)
    zeros = torch.zeros_like(x)
    target = module(x).argmax(1)

    def bare() -> None:
        leaf = x.clone().requires_grad_()
        module(leaf).gather(1, target[:, None]).sum().backward()

    lift, shap_ = wh.bind(module, DeepLift()), wh.bind(module, DeepShap(background=Z))
    runs: dict[str, Callable[[], object]] = {
        "bare": bare,
        "DeepLift": lambda: lift.explain(X),
        "DeepShap": lambda: shap_.explain(X),
        **_peers(deepcopy(module), x, zeros, torch.from_numpy(Z), target),
    }
    taken = seconds(runs, repeats=7)
    report = Report()
    report.head()
    for name, count in (("DeepLift", 1), ("DeepShap", BACKGROUNDS)):
        each = taken["bare"] * count
        ratios = ", ".join(
            f"{other} {taken[run] / each:.1f} x"
            for other, run in (
                ("whence", name), ("captum", f"{name} captum"), ("shap", f"{name} shap"),
            )
            if run in taken
        )  # fmt: skip
        report.add(
            Line(
                work=f"{name}, {ROWS} images, baselines: {count}",
                against=f"{ASKED:.0f} x forward and backward per baseline",
                ours=taken[name], theirs=ASKED * each, asked=1.0,
                note=f"{ratios}; values as captum's to {_agreement(runs, name):.1g}",
            )
        )  # fmt: skip


def _peers(
    module: nn.Module, x: Tensor, zeros: Tensor, Z: Tensor, target: Tensor
) -> dict[str, Callable[[], object]]:
    """Return what the others do, of those that are installed."""
    from captum.attr import DeepLift as CaptumLift
    from captum.attr import DeepLiftShap

    lift, deep = CaptumLift(module), DeepLiftShap(module)
    found: dict[str, Callable[[], object]] = {
        "DeepLift captum": lambda: lift.attribute(x, zeros, target=target),
        "DeepShap captum": lambda: deep.attribute(x, Z, target=target),
    }
    try:
        import shap
    except ImportError:
        return found
    explainer = shap.DeepExplainer(module, Z)
    found["DeepShap shap"] = lambda: explainer.shap_values(
        x, ranked_outputs=1, check_additivity=False
    )
    return found


def _agreement(runs: dict[str, Callable[[], object]], name: str) -> float:
    """Return by how much values differ from captum's at most, as a share of the largest."""
    ours = runs[name]().values[..., 0]
    theirs = runs[f"{name} captum"]().detach().numpy().sum(1)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


if __name__ == "__main__":
    main()
