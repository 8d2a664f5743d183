"""Explain models of four kinds of data, and write the pictures to ``out/any_model``.

The data are found through ``WHENCE_DATA``. Run all parts, or some by name::

    python docs/any_model.py [adult] [sentiment] [network] [xray] [photo] [index]
"""

import io
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import whence as wh

DATA = Path(os.environ.get("WHENCE_DATA", "data"))
OUT = Path("out/any_model")


def keep(picture: object, name: str) -> None:
    """Write a picture, or a page, and say where."""
    OUT.mkdir(parents=True, exist_ok=True)
    if hasattr(picture, "figure"):
        path = OUT / f"{name}.png"
        picture.figure.savefig(path, dpi=110, bbox_inches="tight")
    else:
        path = OUT / f"{name}.html"
        path.write_text(picture.html, encoding="utf-8")
        print(picture)
    print("wrote", path)


def adult() -> None:
    """Explain a neural network in a Pipeline over text categories, with missing cells."""
    train = pd.read_csv(DATA / "adult/adult_train.csv.gz").drop(columns=["fnlwgt", "education"])
    train = train.sample(4000, random_state=0)
    y = train.pop("income")
    words = train.select_dtypes(exclude="number").columns
    numbers = train.select_dtypes("number").columns
    model = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="most_frequent"),
                           OneHotEncoder(handle_unknown="ignore")), words),
            (StandardScaler(), numbers),
        ),
        MLPClassifier((24,), max_iter=60, random_state=0, early_stopping=True),
    ).fit(train, y)  # fmt: skip
    rows, background = train[:20], train[100:130]
    e = wh.explain(model, rows, wh.KernelShap(background=background), rng=0)
    print(e)
    print(wh.narrate(e[0]))
    keep(wh.plot(e[0]), "adult_row")
    keep(wh.plots.beeswarm(e), "adult_rows")
    lime = wh.explain(model, rows[:1], wh.Lime(background=train[100:]), rng=0)
    print(lime)
    keep(wh.plot(lime), "adult_lime")
    print(wh.methods(model, rows))


def _sentences(part: str, n: int) -> tuple[list[str], np.ndarray]:
    table = pd.read_csv(DATA / f"sst2/{part}.csv.gz", keep_default_na=False)[:n]
    return table["text"].tolist(), table["label"].to_numpy()


def sentiment() -> None:
    """Explain a bag-of-words model of film reviews, word by word."""
    texts, labels = _sentences("train", 6920)
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=5)).fit(
        texts, np.where(labels, "positive", "negative")
    )
    some, _ = _sentences("dev", 3)
    e = wh.explain(model, some, rng=0)
    print(e)
    keep(wh.plot(e[0]), "sentiment")
    keep(wh.plots.waterfall(e[0]), "sentiment_bars")
    lime = wh.explain(model, some, wh.Lime(), rng=0)
    keep(wh.plots.text(lime[1]), "sentiment_lime")


class Bag(torch.nn.Module):
    """A small network over hashed words."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.EmbeddingBag(20_011, 24, mode="mean")
        self.head = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(24, 1))

    def forward(self, texts: list[str]) -> torch.Tensor:
        """Return the log-odds of a positive review for each text."""
        ids = [[sum(map(ord, w)) * 7919 % 20_010 + 1 for w in t.split()] or [0] for t in texts]
        start = np.cumsum([0, *map(len, ids)])[:-1]
        flat = torch.tensor([i for line in ids for i in line])
        return self.head(self.words(flat, torch.tensor(start))).squeeze(1)


def network() -> None:
    """Explain a small network of film reviews."""
    torch.manual_seed(0)
    texts, labels = _sentences("train", 6920)
    net, target = Bag(), torch.tensor(labels, dtype=torch.float32)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(4):
        for rows in torch.randperm(len(texts)).split(256):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                net([texts[i] for i in rows]), target[rows]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    some, _ = _sentences("dev", 4)
    e = wh.explain(net, some, wh.PartitionShap(), rng=0)
    print(e)
    keep(wh.plots.text(e[3]), "network")


def _xrays(part: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    table = pd.read_csv(DATA / "chest_xray_224/manifest.csv").query("split == @part")
    table = table.sample(n, random_state=0)
    with zipfile.ZipFile(DATA / f"chest_xray_224/{part}.zip") as archive:
        pictures = [
            np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("L"))
            for name in table["file"]
        ]
    return np.stack(pictures)[:, None].astype(np.float32) / 255, table["label"].to_numpy()


def _network_of(channels: int) -> torch.nn.Module:
    def block(i: int, o: int) -> list[torch.nn.Module]:
        return [torch.nn.Conv2d(i, o, 3, stride=2, padding=1), torch.nn.BatchNorm2d(o),
                torch.nn.ReLU()]  # fmt: skip

    return torch.nn.Sequential(
        torch.nn.AvgPool2d(2), *block(channels, 12), *block(12, 24), *block(24, 48),
        torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48 * 16, 1),
    )  # fmt: skip


def _trained() -> torch.nn.Module:
    """Return a small network that tells pneumonia from normal lungs."""
    torch.manual_seed(0)
    X, y = _xrays("train", 800)
    net, X, y = _network_of(1), torch.tensor(X), torch.tensor(y, dtype=torch.float32)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(5):
        for rows in torch.randperm(len(X)).split(32):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                net(X[rows]).squeeze(1), y[rows]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net.eval()


def xray() -> None:
    """Explain a small network of chest X-rays, by superpixels and by a sliding window."""
    net = _trained()
    X, y = _xrays("test", 200)
    with torch.no_grad():
        said = net(torch.tensor(X)).squeeze(1).numpy() > 0
    print(f"accuracy on the test images: {(said == y).mean():.2f}")
    sick = X[(y == 1) & said][:1]
    for name, method in {
        "shap": wh.KernelShap(masker=wh.ImageMasker(segments=40), budget=1000),
        "lime": wh.Lime(masker=wh.ImageMasker(segments=40), budget=1000),
        "occlusion": wh.Occlusion(window=(32, 32), stride=(16, 16)),
    }.items():
        e = wh.explain(net, sick, method, rng=0)
        print(e)
        keep(wh.plots.image(e), f"xray_{name}")


def photo() -> None:
    """Ask the same network, in its confusion, about photographs in gray."""
    net = _trained()
    names = ["chelsea.jpg", "astronaut.jpg", "coffee.jpg"]
    pictures = [
        Image.open(DATA / "natural_photos" / name).convert("RGB").resize((224, 224))
        for name in names
    ]
    X = np.stack([np.asarray(p) for p in pictures]).astype(np.float32) / 255

    def gray(batch: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return net(torch.tensor(batch.mean(axis=3)[:, None])).numpy()

    for hide in ("blur", "inpaint", 0.5):
        e = wh.explain(gray, X, wh.KernelShap(masker=wh.ImageMasker(hide=hide), budget=400), rng=0)
        keep(wh.plots.image(e[0]), f"photo_{hide}")
    keep(wh.plots.image(e[1]), "photo_astronaut")


def index() -> None:
    """Explain a forecast of tomorrow's range of the S&P 500 from thirty days of two channels."""
    table = pd.read_csv(DATA / "stock_indices/sp500.csv.gz", parse_dates=["Date"])
    change = np.log(table["Close"]).diff()
    span = np.log(table["High"] / table["Low"])
    both = 100 * np.column_stack([change, span])[1:]
    windows = np.lib.stride_tricks.sliding_window_view(both, 30, axis=0).transpose(0, 2, 1)[:-1]
    y = both[30:, 1]
    model = RandomForestRegressor(60, min_samples_leaf=10, random_state=0, n_jobs=2)
    model.fit(windows[:3000].reshape(3000, -1), y[:3000])
    rows = wh.series_of(windows[4000:4003], channels=("change", "range"))
    masker = wh.SeriesMasker(segments=6)
    e = wh.explain(
        lambda X: model.predict(X.reshape(len(X), -1)), rows, wh.KernelShap(masker=masker), rng=0
    )
    print(e)
    keep(wh.plots.series(e[0]), "index")


PARTS = {part.__name__: part for part in (adult, sentiment, network, xray, photo, index)}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or PARTS:
        print(f"== {wanted}")
        PARTS[wanted]()
