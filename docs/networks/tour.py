"""Ask small networks what they look at; pictures go to ``out/networks``.

The networks are trained when they are first asked for (``train.py``), each in two minutes at most.
The data are found through ``WHENCE_DATA``. Run all parts, or some by name::

    python docs/networks/tour.py [lungs] [patches] [reviews] [pretrained] [market]
"""

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import train
from scipy import ndimage
from torch import Tensor, nn

import whence as wh

OUT = Path("out/networks")
CLASSES = ("normal", "pneumonia")
SICK = wh.Contrast(of="pneumonia", against="normal")
GOOD = wh.Contrast(of="positive", against="negative")


STANDS_OUT = 0.25
"""How much brighter letters are than what is around them, of 1."""


def keep(picture: object, name: str) -> None:
    """Write a picture, or a page, and say where."""
    OUT.mkdir(parents=True, exist_ok=True)
    if hasattr(picture, "html"):
        path = OUT / f"{name}.html"
        path.write_text(picture.html, encoding="utf-8")
    else:
        path = OUT / f"{name}.png"
        picture.figure.savefig(path, dpi=110, bbox_inches="tight")
        plt.close(picture.figure)
    print("wrote", path)


def sheet(explanations: dict[str, wh.Attribution], name: str) -> None:
    """Draw one line of images per method."""
    count = len(next(iter(explanations.values())))
    size = (4.4 * count, 3.6 * len(explanations))
    figure, axes = plt.subplots(len(explanations), count, figsize=size, squeeze=False)
    for line, (title, e) in zip(axes, explanations.items(), strict=True):
        for row, ax in enumerate(line):
            wh.plots.image(e, row=row, ax=ax)
        line[0].set_ylabel(title)
    figure.tight_layout()
    keep(axes[0, 0], name)


def letters(image: np.ndarray) -> np.ndarray:
    """Return where letters were burned in: small bright things at the left or upper border."""
    stands_out = image - ndimage.grey_opening(image, size=(9, 9)) > STANDS_OUT
    things, _ = ndimage.label(stands_out, structure=np.ones((3, 3)))
    found = np.zeros(image.shape, bool)
    for i, (down, across) in enumerate(ndimage.find_objects(things), start=1):
        height, width = down.stop - down.start, across.stop - across.start
        left = across.start + across.stop < 32 and down.stop < 80  # noqa: PLR2004  of 112
        above = across.stop < 40 and down.stop < 12  # noqa: PLR2004  of 112
        if 3 <= height <= 14 and 2 <= width <= 12 and (left or above):  # noqa: PLR2004  letters
            found[down, across] |= things[down, across] == i
    return ndimage.binary_dilation(found, iterations=2)


def painted_over(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return the image with what is around a letter in its place."""
    around = ndimage.median_filter(ndimage.grey_opening(image, size=(15, 15)), 5)
    return np.where(where, around, image)


@torch.no_grad()
def evidence(net: nn.Module, X: Tensor) -> np.ndarray:
    """Return how much more a network speaks for pneumonia than for normal lungs."""
    scores = torch.cat([net(part) for part in X.split(64)])
    return (scores[:, 1] - scores[:, 0]).numpy()


def shares(e: wh.Attribution, regions: dict[str, np.ndarray]) -> str:
    """Say which share of what speaks for pneumonia lies in regions, and their share of the area."""
    maps = np.maximum(e.values[..., 0], 0)
    cell = 112 // maps.shape[1]
    maps = np.kron(maps, np.ones((1, cell, cell)))
    maps /= maps.sum((1, 2), keepdims=True)
    return ", ".join(
        f"{name} {(maps * where).sum((1, 2)).mean():.1%} (of the area {where.mean():.1%})"
        for name, where in regions.items()
    )


MAPS = {
    "GradCam": wh.GradCam(target=SICK),
    "HiResCam": wh.HiResCam(target=SICK),
    "Saliency": wh.Saliency(target=SICK),
    "IntegratedGradients": wh.IntegratedGradients(target=SICK, steps=24),
}


def lungs() -> None:
    """Ask a DenseNet whether it looks at the lungs, or at letters that were burned in."""
    net, (X, y) = train.densenet(), train.xrays("test")
    where = np.stack([letters(image) for image in X[:, 0].numpy()])
    has = where.any((1, 2))
    bare = np.stack(list(map(painted_over, X[:, 0].numpy(), where)))
    before, after = evidence(net, X), evidence(net, torch.from_numpy(bare[:, None]))
    print(f"Letters are found in {has.sum()} of {len(X)} images. Painted over, they move the "
          f"evidence by {np.abs(after - before)[has].mean():.2f}, of {before.std():.2f} that it "
          f"varies by, and turn {((before > 0) != (after > 0)).sum()} decisions.")  # fmt: skip

    inner = np.zeros((112, 112), bool)
    inner[16:96, 18:94] = True
    some = np.flatnonzero(has)[::10]
    view = wh.network(net, outputs=CLASSES)
    for name, method in MAPS.items():
        e = wh.explain(view, X[some], method)
        print(f"{name}: {shares(e, {'letters': where[some], 'chest': inner})}")
    sick = np.flatnonzero((y.numpy() == 1) & (before > 0) & has)[5:200:50]
    well = np.flatnonzero((y.numpy() == 0) & (before > 0) & has)[:60:15]
    for group, rows in {"sick": sick, "false_alarms": well}.items():
        drawn = {name: wh.explain(view, X[rows], method) for name, method in MAPS.items()}
        sheet(drawn, f"lungs_{group}")
    _cheat(X[y == 0])


def _cheat(X: Tensor) -> None:
    """Ask a network that is known to cheat, to see whether these methods tell."""
    net, marked = train.cheater(), train.lettered(X)
    print(f"The cheater takes {(evidence(net, X) > 0).mean():.0%} of the healthy for sick, and "
          f"{(evidence(net, marked) > 0).mean():.0%} with a letter.")  # fmt: skip
    sign, corner = np.zeros((1, 112, 112), bool), np.zeros((1, 112, 112), bool)
    sign[:, 4:18, 4:16] = corner[:, :40, :40] = True
    view = wh.network(net, outputs=CLASSES)
    drawn = {name: wh.explain(view, marked[:40], method) for name, method in MAPS.items()}
    for name, e in drawn.items():
        print(f"{name}: {shares(e, {'the letter': sign, 'its corner': corner})}")
    sheet({name: e[:4] for name, e in drawn.items()}, "lungs_cheater")


def patches() -> None:
    """Ask a vision transformer on small images."""
    net, (X, y) = train.vision(), train.small_xrays("test")
    view = wh.network(net, outputs=CLASSES)
    rows = np.flatnonzero(y.numpy() == 1)[:4].tolist() + np.flatnonzero(y.numpy() == 0)[:2].tolist()
    methods = {
        "Saliency": wh.Saliency(target=SICK),
        "IntegratedGradients": wh.IntegratedGradients(target=SICK, baseline=float(X.mean())),
        "GradCam": wh.GradCam(target=SICK),
        "AttentionRelevance": wh.AttentionRelevance(target=SICK),
    }
    drawn = {name: wh.explain(view, X[rows], method) for name, method in methods.items()}
    for e in drawn.values():
        print(e)
    sheet(drawn, "patches")


SENTENCES = [
    "the film is good .", "the film is not good .", "the film is bad .", "the film is not bad .",
    "there is no humor here .", "it never fails to entertain .",
]  # fmt: skip
NEGATIONS = ("not", "n't", "no", "never")


def negations(e: wh.Attribution) -> pd.DataFrame:
    """Return how often a negation was met, its mean value, and its share of all values."""
    found = [
        (word, e.values[row, part, 0], np.abs(e.values[row]).sum())
        for row, text in enumerate(e.data.strings)
        for part, (first, last) in enumerate(e.data.segments[row])
        if (word := text[first:last]) in NEGATIONS
    ]
    table = pd.DataFrame(found, columns=["word", "value", "whole"])
    table["share"] = table["value"].abs() / table["whole"]
    return table.groupby("word")[["value", "share"]].agg(
        {"value": ["count", "mean"], "share": "mean"}
    )


def _read(
    view: Callable[..., np.ndarray], target: wh.Contrast | None, name: str, budget: int, most: int
) -> None:
    """Explain sentences in several ways, and see what each says about negations."""
    texts, _ = train.sentences("dev")
    some = [text for text in texts if set(text.split()) & set(NEGATIONS)][:most]
    methods = {
        "IntegratedGradients": wh.IntegratedGradients(target=target),
        "DeepLift": wh.DeepLift(target=target),
        "Saliency": wh.Saliency(target=target),
        "KernelShap": wh.KernelShap(budget=budget),
    }

    def in_favor(texts: list[str]) -> np.ndarray:
        """Return one number per text, as a method that knows no targets needs it."""
        scores = view(texts)
        return scores[:, 1] - scores[:, 0] if target else scores[:, 0]

    for kind, method in methods.items():
        asked = in_favor if kind == "KernelShap" else view
        e = wh.explain(asked, SENTENCES + some, method, rng=0)
        print(f"{name}, {kind}: {e.provenance.evaluations / len(e):.0f} rows asked about per text")
        print(negations(e).round(2).to_string())
        keep(wh.plots.text(e, row=1), f"{name}_{kind}")
        print(wh.plots.text(e, row=1))
        print(wh.plots.text(e, row=3))


def reviews() -> None:
    """Ask a transformer and an LSTM, trained on reviews alone, about negations."""
    for name in ("transformer", "lstm"):
        net, words = train.MAKERS[name]()
        view = wh.network(net, tokenizer=words, outputs=("negative", "positive"))
        said = view(SENTENCES)
        for text, scores in zip(SENTENCES, said, strict=True):
            print(f"{scores[1] - scores[0]:+.2f} {text}")
        _read(view, GOOD, name, budget=400, most=40)


def pretrained() -> None:
    """Ask a pretrained transformer with a head of our own the same."""
    net, tokenizer = train.sentiment()
    view = wh.network(net, tokenizer=tokenizer, outputs=("positive",))
    for text, score in zip(SENTENCES, view(SENTENCES)[:, 0], strict=True):
        print(f"{score:+.2f} {text}")
    _read(view, None, "pretrained", budget=150, most=10)
    heads = wh.explain(view, SENTENCES[1:2], wh.Attention())
    print(*heads.provenance.warnings, sep="\n")
    keep(wh.plots.attention(heads), "pretrained_heads")


def market() -> None:
    """Ask an LSTM with attention what its forecast of tomorrow's range comes from."""
    net, (X, y, dates) = train.market(), train.windows("test")
    usual = X.median(0).values.numpy()
    rows = np.argsort(-y.numpy())[:200:50].copy()
    series = wh.series_of(X[rows].numpy(), channels=("change", "range"))
    view = wh.network(net, outputs=("range",))
    e = wh.explain(view, series, wh.IntegratedGradients(baseline=usual))
    print(e)
    by_channel = np.abs(e.values[..., 0]).sum(1)
    share = by_channel[:, 1] / by_channel.sum(1)
    print(f"The range of earlier days makes {share.mean():.0%} of the forecast, the last five days "
          f"{np.abs(e.values[:, -5:]).sum() / np.abs(e.values).sum():.0%}.")  # fmt: skip
    for number, row in enumerate(rows[:2]):
        day = dates.iloc[row].date()
        print(f"{day}: foreseen {e.outputs[number, 0]:.2f}, it was {y[row]:.2f}")
        keep(wh.plots.series(e, row=number), f"market_{day}")


PARTS = {part.__name__: part for part in (lungs, patches, reviews, pretrained, market)}

if __name__ == "__main__":
    torch.set_num_threads(1)
    for wanted in sys.argv[1:] or PARTS:
        print(f"\n== {wanted}: {PARTS[wanted].__doc__}")
        try:
            PARTS[wanted]()
        except (FileNotFoundError, ModuleNotFoundError) as missing:
            print(f"skipped, since something is missing: {missing}")
