"""Layer-wise relevance propagation beside zennit and captum, and beside the bare passes.

EpsilonPlusFlat on a network of the VGG type and one of the ResNet type, four images of 96 x 96, all
in one run. The bare passes are one forward and one backward by the images, parameters frozen.
zennit is given the residual sums as its own module, since it sees modules alone, and a stand-in for
torchvision, of which it asks for four names. captum has neither the flat rule nor residual sums.
"""

import sys
import types
from collections.abc import Callable

import numpy as np
import torch
from measure import Line, Report, seconds
from torch import Tensor, nn

import whence as wh
from whence.deep.methods.lrp import Lrp

SIDE, ROWS, CLASSES = 96, 4, 10
METHOD = Lrp(composite="epsilon_plus_flat", epsilon=1e-6, target=0)


class Add(nn.Module):
    """A residual sum as a module, which zennit can replace by its own."""

    def forward(self, parts: Tensor) -> Tensor:
        """Add up along the last axis."""
        return parts.sum(-1)


class Block(nn.Module):
    """Two convolutions and what they read, added."""

    def __init__(self, channels: int, out: int, stride: int, add: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(),
            nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out),
        )  # fmt: skip
        same = channels == out and stride == 1
        self.short = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        )
        self.add, self.relu = add(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum behind a ReLU."""
        out: Tensor = self.relu(self.add(torch.stack([self.path(x), self.short(x)], -1)))
        return out


def vgg(*, bias: bool = True) -> nn.Module:
    """Return eight convolutions in four stages, and three linear layers."""
    parts: list[nn.Module] = []
    before = 3
    for width in (32, 64, 128, 256):
        for _ in range(2):
            parts += [nn.Conv2d(before, width, 3, padding=1, bias=bias), nn.ReLU()]
            before = width
        parts.append(nn.MaxPool2d(2))
    flat = before * (SIDE // 16) ** 2
    parts += [nn.Flatten(), nn.Linear(flat, 256, bias=bias), nn.ReLU()]
    return nn.Sequential(*parts, nn.Linear(256, CLASSES, bias=bias)).eval()


def resnet(add: Callable[[], nn.Module] = Add) -> nn.Module:
    """Return eight residual blocks in four stages, without a bias or shift."""
    parts: list[nn.Module] = [
        nn.Conv2d(3, 32, 7, 2, 3, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]  # fmt: skip
    before = 32
    for number, width in enumerate((32, 64, 128, 256)):
        for stride in (1 if number == 0 else 2, 1):
            parts.append(Block(before, width, stride, add))
            before = width
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, CLASSES, bias=False)]
    return nn.Sequential(*parts, *head).eval()


def passes(net: nn.Module, X: Tensor) -> Callable[[], object]:
    """Return one forward and one backward by the images, parameters frozen."""

    def run() -> Tensor:
        x = X.clone().requires_grad_()
        return torch.autograd.grad(net(x)[:, 0].sum(), x)[0]

    for parameter in net.parameters():
        parameter.requires_grad_(False)
    return run


def by_zennit(net: nn.Module, X: Tensor) -> Callable[[], Tensor]:
    """Return EpsilonPlusFlat of zennit, which begins with the score itself."""
    _stand_in()
    from zennit.attribution import Gradient
    from zennit.canonizers import SequentialMergeBatchNorm
    from zennit.composites import EpsilonPlusFlat

    def run() -> Tensor:
        composite = EpsilonPlusFlat(canonizers=[SequentialMergeBatchNorm()])
        x = X.clone().requires_grad_()
        start = torch.zeros(len(X), CLASSES, dtype=X.dtype)
        with Gradient(model=net, composite=composite) as attributor:
            said = net(x.detach())
            start[:, 0] = said[:, 0].detach()
            _, R = attributor(x, start)
        return R

    return run


def _stand_in() -> None:
    """Give zennit the names that it asks torchvision for."""
    for name in ("torchvision", "torchvision.models", "torchvision.models.vgg"):
        sys.modules.setdefault(name, types.ModuleType(name))
    home = sys.modules.setdefault("torchvision.models.resnet", types.ModuleType("resnet"))
    home.Bottleneck, home.BasicBlock = type("Bottleneck", (), {}), type("BasicBlock", (), {})


def by_captum(net: nn.Module, X: Tensor) -> Callable[[], Tensor]:
    """Return LRP of captum with the rules that it has: alpha1 beta0 and epsilon."""
    from captum.attr import LRP
    from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule

    def run() -> Tensor:
        for part in net.modules():
            if isinstance(part, nn.Conv2d):
                part.rule = Alpha1_Beta0_Rule()
            elif isinstance(part, (nn.Linear, nn.Flatten)):
                part.rule = EpsilonRule()
        return LRP(net).attribute(X.clone().requires_grad_(), target=0)

    return run


def main() -> None:
    """Print the table."""
    torch.manual_seed(0)
    images = np.random.default_rng(0).normal(size=(ROWS, 3, SIDE, SIDE)).astype(np.float32)
    X = torch.from_numpy(images)
    report = Report()
    report.head()
    _vgg(report, images, X)
    _resnet(report, images, X)
    _conservation(report, images)


def _vgg(report: Report, images: np.ndarray, X: Tensor) -> None:
    net = vgg()
    taken = seconds({
        "bare": passes(net, X),
        "whence": lambda: wh.explain(net, images, METHOD),
        "zennit": by_zennit(net, X),
        "captum": by_captum(vgg(), X),
    })  # fmt: skip
    _lines(report, "VGG type", taken)
    _near(report, "VGG type", net, images, by_zennit(net, X)())


def _resnet(report: Report, images: np.ndarray, X: Tensor) -> None:
    from zennit.layer import Sum

    net, other = resnet(), resnet(Sum)
    other.load_state_dict(net.state_dict())
    taken = seconds({
        "bare": passes(net, X),
        "whence": lambda: wh.explain(net, images, METHOD),
        "zennit": by_zennit(other, X),
    })  # fmt: skip
    _lines(report, "ResNet type", taken)
    _near(report, "ResNet type", net, images, by_zennit(other, X)())


def _lines(report: Report, kind: str, taken: dict[str, float]) -> None:
    work = f"EpsilonPlusFlat, {kind}, {ROWS} images of {SIDE} x {SIDE}"
    ours = taken["whence"]
    note = f"{ours / taken['bare']:.2f} x the bare passes"
    report.add(Line(
        work=work, against="forward and backward", ours=ours, theirs=taken["bare"], asked=1 / 4,
        note=note,
    ))  # fmt: skip
    for name in ("zennit", "captum"):
        if name in taken:
            note = "" if name == "zennit" else "alpha1 beta0 in the first layer"
            report.add(Line(
                work=work, against=name, ours=ours, theirs=taken[name], asked=1, note=note
            ))  # fmt: skip


def _near(report: Report, kind: str, net: nn.Module, images: np.ndarray, R: Tensor) -> None:
    """Say how far the values are from zennit's, of which both make one number per pixel."""
    values = wh.explain(net, images, METHOD).values[..., 0]
    theirs = R.sum(1).detach().numpy()
    far = float(np.abs(values - theirs).max() / np.abs(theirs).max())
    report.add(Line(
        work=f"farthest value, {kind}", against="zennit, of the largest value", ours=max(far, 1e-9),
        theirs=1e-3, asked=1, unit="",
    ))  # fmt: skip


def _conservation(report: Report, images: np.ndarray) -> None:
    """Measure what is lost in float64 where no bias is."""
    for kind, net in (("VGG type", vgg(bias=False)), ("ResNet type", resnet())):
        e = wh.explain(net.double(), images.astype(np.float64), Lrp(composite=METHOD.composite))
        lost = float(np.abs(e.residual / e.outputs).max())
        report.add(Line(
            work=f"relevance lost, {kind}, no bias, float64", against="share of the score",
            ours=max(lost, 1e-16), theirs=1e-5, asked=1, unit="",
        ))  # fmt: skip


if __name__ == "__main__":
    main()
