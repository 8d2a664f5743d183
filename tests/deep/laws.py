"""The table of cases for methods that open a network: networks of four kinds, and the methods.

A method is added by one line in `WAYS`.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that everybody knows

import whence as wh
from whence.deep.methods.expected_gradients import ExpectedGradients
from whence.deep.methods.guided_backprop import GuidedBackprop
from whence.deep.methods.input_x_gradient import InputXGradient
from whence.deep.methods.smooth_grad import SmoothGrad
from whence.deep.network import Network

ROWS, OUTPUTS = 4, 3
WORDS = ("<pad>", "a", "good", "bad", "film", "not", "and", "dull", "very", "fine", "plot")


class Convolutional(nn.Module):
    """In-place and functional ReLU, a layer used twice, a residual sum, dropout, pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.act = nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(4, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.first(x)))
        x = F.max_pool2d(x + F.relu(self.again(x)), 2)
        return self.head(self.drop(self.act(self.again(x)).mean((2, 3))))


class Recurrent(nn.Module):
    """An LSTM over ids; its last state at the last token of each text counts."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(len(WORDS), 5), nn.Linear(6, OUTPUTS)
        self.lstm = nn.LSTM(5, 6, batch_first=True)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        states, _ = self.lstm(self.embedding(input_ids))
        last = attention_mask.sum(1) - 1
        return self.head(states[torch.arange(len(states)), last])


class Transformer(nn.Module):
    """One encoder layer over a series, with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(2, 8)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)
        self.head = nn.Linear(8, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.embed(x)).mean(1))


def dense() -> nn.Module:
    """Return a network that reads a table."""
    return nn.Sequential(
        nn.Linear(5, 12), nn.ReLU(inplace=True), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, OUTPUTS)
    )


class Tokenizer:
    """Divides texts at blanks; its padding is on the right."""

    pad_token_id = 0

    def __call__(self, texts: list[str]) -> dict[str, Any]:
        """Return ids, where each stands, and which are padding."""
        width = max(len(text.split()) for text in texts)
        ids = np.zeros((len(texts), width), dtype=np.int64)
        offsets = np.zeros((len(texts), width, 2), dtype=np.int64)
        for i, text in enumerate(texts):
            end = 0
            for j, word in enumerate(text.split()):
                start = text.index(word, end)
                end = start + len(word)
                ids[i, j], offsets[i, j] = WORDS.index(word), (start, end)
        return {"input_ids": ids, "offset_mapping": offsets, "attention_mask": (ids > 0) * 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Rows of one kind and a network that reads them.

    Attributes
    ----------
    X : rows
    Z : rows
        Others, for methods that need a background.
    build : callable
        Returns the module.
    layer : str
        A layer that can be explained instead of the inputs.
    tokenizer : callable or None
    """

    X: Any
    Z: Any
    build: Callable[[], nn.Module]
    layer: str
    tokenizer: Tokenizer | None = None

    def module(self) -> nn.Module:
        """Return the network in training mode, in float64; always the same."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return self.build().double()

    def view(self, module: nn.Module | None = None, *, memory: float = 1e9) -> Network:
        """Return a view of it that measured nothing yet."""
        return wh.network(module or self.module(), tokenizer=self.tokenizer, memory=memory)


_RNG = np.random.default_rng(0)
KINDS = {
    "images": Kind(
        X=_RNG.random((ROWS, 3, 8, 8)),
        Z=_RNG.random((5, 3, 8, 8)),
        build=Convolutional,
        layer="norm",
    ),
    "texts": Kind(
        X=["a good film", "not bad", "a very dull plot and a very bad film", "fine and good"],
        Z=["a film", "good and bad and dull", "not a plot"],
        build=Recurrent,
        layer="lstm",
        tokenizer=Tokenizer(),
    ),
    "series": Kind(
        X=_RNG.normal(size=(ROWS, 7, 2)),
        Z=_RNG.normal(size=(5, 7, 2)),
        build=Transformer,
        layer="embed",
    ),
    "table": Kind(
        X=_RNG.normal(size=(ROWS, 5)), Z=_RNG.normal(size=(6, 5)), build=dense, layer="1"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A method and the laws that it obeys beside those that all obey.

    Attributes
    ----------
    make : callable
        Kind -> the method.
    complete : float or None
        How near the values come to the output less the base value, as a share of the size of
        both; None where they need not.
    kinds : tuple of str
        Kinds of rows that it explains.
    whole : bool
        Whether it passes rows through the whole network, and never from a layer on.
    """

    make: Callable[[Kind], Any]
    complete: float | None = None
    kinds: tuple[str, ...] = tuple(KINDS)
    whole: bool = True


def way(method: Any, complete: float | None = None, kinds: tuple[str, ...] = tuple(KINDS)) -> Way:  # noqa: ANN401  any method
    """Return the way of a method whose settings are the same for all kinds of rows."""
    return Way(make=lambda kind: method, complete=complete, kinds=kinds)  # noqa: ARG005  for all


WAYS: dict[str, Way] = {
    "Saliency": way(wh.Saliency()),
    "Saliency with sign": way(wh.Saliency(absolute=False)),
    "InputXGradient": way(InputXGradient()),
    "SmoothGrad": way(SmoothGrad(budget=20)),
    "SmoothGrad to a tolerance": way(SmoothGrad(budget=128, tolerance=0.05, times_input=True)),
    "SmoothGrad, squares": way(SmoothGrad(budget=8, moment="square")),
    "SmoothGrad, variance": way(SmoothGrad(budget=12, moment="variance")),
    "ExpectedGradients": Way(
        make=lambda kind: ExpectedGradients(background=kind.Z, budget=64), complete=1e-9
    ),
    "GuidedBackprop": way(GuidedBackprop(), kinds=("images", "series", "table")),
    "IntegratedGradients": way(wh.IntegratedGradients(), 0.02),
    "IntegratedGradients in steps": way(wh.IntegratedGradients(steps=6, baseline=(None, 1))),
    "IntegratedGradients, reweighted": way(wh.IntegratedGradients(path="idgi", steps=5), 1e-9),
    "IntegratedGradients, guided": way(wh.IntegratedGradients(path=wh.GuidedPath(), steps=4)),
    "DeepLift": way(wh.DeepLift(), complete=1e-9),
    "DeepShap": Way(
        make=lambda kind: wh.DeepShap(background=kind.Z),
        complete=1e-9,
        kinds=("images", "series", "table"),
    ),
    "DeepLift, reveal-cancel": way(
        wh.DeepLift(rule="reveal_cancel"), complete=1e-9, kinds=("table", "images")
    ),
    "AttentionRollout": way(wh.AttentionRollout(), kinds=("series",)),
    "AttentionFlow": way(wh.AttentionFlow(), kinds=("series",)),
    "AttentionRelevance": way(wh.AttentionRelevance(), kinds=("series",)),
    "Attention": way(wh.Attention(read="tokens"), kinds=("series",)),
    "Lrp": way(wh.Lrp()),
    "Lrp, flat": way(wh.Lrp(composite="epsilon_plus_flat"), kinds=("images", "table")),
    "GradCam": way(wh.GradCam(), kinds=("images",)),
    "GradCamPlusPlus": way(wh.GradCamPlusPlus(), kinds=("images",)),
    "XGradCam": way(wh.XGradCam(), kinds=("images",)),
    "LayerCam": way(wh.LayerCam(), kinds=("images",)),
    "HiResCam": way(wh.HiResCam(), kinds=("images",)),
    "EigenCam": way(wh.EigenCam(), kinds=("images",)),
    "ScoreCam": way(wh.ScoreCam(), kinds=("images",)),
    "AblationCam": Way(make=lambda kind: wh.AblationCam(), kinds=("images",), whole=False),  # noqa: ARG005  for all
    "TemporalSaliencyRescaling": way(
        wh.TemporalSaliencyRescaling(of=wh.Saliency()), kinds=("series",)
    ),
}


@dataclass(frozen=True, slots=True)
class DeepCase:
    """A kind of rows and a way to explain them."""

    of: str
    by: str

    def __str__(self) -> str:
        """Return the name of the case."""
        return f"{self.by} of {self.of}"

    @property
    def kind(self) -> Kind:
        """Rows and network."""
        return KINDS[self.of]

    @property
    def way(self) -> Way:
        """Method and laws."""
        return WAYS[self.by]

    def method(self, **settings: Any) -> Any:  # noqa: ANN401  settings of any method
        """Return the method, with other settings."""
        made = self.way.make(self.kind)
        return replace(made, **settings) if settings else made

    def has(self, setting: str) -> bool:
        """Tell whether the method has a setting."""
        return setting in {one.name for one in fields(self.way.make(self.kind))}

    def whole(self) -> Any:  # noqa: ANN401  any explanation
        """Return the explanation of all rows with seed 0, made once."""
        return _whole(self)

    def explain(self, X: Any = None, *, rng: int = 0, memory: float = 1e9, **settings: Any) -> Any:  # noqa: ANN401  rows and settings of any kind
        """Explain rows by a network that was never asked before."""
        rows = self.kind.X if X is None else X
        view = self.kind.view(memory=memory)
        return wh.explain(view, rows, self.method(**settings), rng=rng)


@cache
def _whole(case: DeepCase) -> Any:  # noqa: ANN401  any explanation
    return case.explain()


CASES = [DeepCase(of, by) for by, one in WAYS.items() for of in one.kinds]
COMPLETE = [case for case in CASES if case.way.complete is not None]
TARGETED = [case for case in CASES if case.has("target")]
LAYERED = [case for case in CASES if case.has("layer") and case.by != "Attention"]
"""Attention counts its layers, and opens the network at its inputs."""
