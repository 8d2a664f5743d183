"""Small networks of the usual kinds: convolutional, transformer, recurrent, pretrained."""

import re

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that everyone gives it


class DenseBlock(nn.Module):
    """Convolutions of which each reads what all before it gave."""

    def __init__(self, width: int, growth: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(width + i * growth),
                nn.ReLU(inplace=True),
                nn.Conv2d(width + i * growth, growth, 3, padding=1, bias=False),
            )
            for i in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return what came in and what was made of it, side by side."""
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class DenseNet(nn.Module):
    """A DenseNet for gray images: (rows, 1, 112, 112) -> (rows, 2), last maps of 14 x 14."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            DenseBlock(16, growth=12, depth=4),
            nn.Conv2d(64, 32, 1, bias=False),
            nn.AvgPool2d(2),
            DenseBlock(32, growth=12, depth=6),
            nn.BatchNorm2d(104),
        )
        self.head = nn.Linear(104, 2)

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores of "normal" and "pneumonia"."""
        maps = F.relu(self.features(2 * images - 1))
        return self.head(maps.mean((2, 3)))


class VisionTransformer(nn.Module):
    """A vision transformer: (rows, 1, 28, 28), patches of 4 x 4 -> (rows, 2)."""

    def __init__(self, width: int = 48, depth: int = 3) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, 4, stride=4)
        self.first = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(0.02 * torch.randn(1, 50, width))
        self.blocks = nn.Sequential(*(VisionBlock(width, heads=4) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 2)

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores of "normal" and "pneumonia"."""
        x = self.patches(2 * images - 1).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(x), -1, -1), x], dim=1) + self.places
        return self.head(self.norm(self.blocks(x))[:, 0])


class VisionBlock(nn.Module):
    """Attention between patches, and a layer on each of them."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the patches after they have seen each other."""
        n, tokens, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(*qkv).transpose(1, 2).reshape(n, tokens, width)
        x = x + self.out(seen)
        return x + self.mlp(self.norm2(x))


class Words:
    """A tokenizer: words between blanks, known ones by number, and where they stand."""

    PAD, UNKNOWN, FIRST = 0, 1, 2

    def __init__(self, texts: list[str], least: int = 2) -> None:
        counts: dict[str, int] = {}
        for text in texts:
            for word in text.split():
                counts[word] = counts.get(word, 0) + 1
        kept = sorted(word for word, count in counts.items() if count >= least)
        self.ids = {word: 3 + i for i, word in enumerate(kept)}

    def __len__(self) -> int:
        """Return how many ids there are."""
        return 3 + len(self.ids)

    def __call__(self, texts: list[str]) -> dict[str, Tensor]:
        """Return ids, which of them count, and the characters that each stands for."""
        found = [list(re.finditer(r"\S+", text)) for text in texts]
        shape = (len(texts), 1 + max(map(len, found)))
        ids = torch.full(shape, self.PAD)
        mask = torch.zeros(shape, dtype=torch.int64)
        places = torch.zeros((*shape, 2), dtype=torch.int64)
        for row, words in enumerate(found):
            ids[row, 0], mask[row, : 1 + len(words)] = self.FIRST, 1
            for i, word in enumerate(words, start=1):
                ids[row, i] = self.ids.get(word.group(), self.UNKNOWN)
                places[row, i] = torch.tensor(word.span())
        return {"input_ids": ids, "attention_mask": mask, "offset_mapping": places}


class Transformer(nn.Module):
    """A transformer that reads words: ids (rows, words) -> (rows, 2)."""

    def __init__(self, vocabulary: int, width: int = 64) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(64, width)
        self.drop = nn.Dropout(0.4)
        layer = nn.TransformerEncoderLayer(
            width, nhead=4, dim_feedforward=128, dropout=0.2, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the scores of "negative" and "positive"."""
        place = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.drop(self.words(input_ids) + self.places(place))
        x = self.encoder(x, src_key_padding_mask=attention_mask == 0)
        counts = attention_mask[..., None].to(x.dtype)
        return self.head((x * counts).sum(1) / counts.sum(1))


class Lstm(nn.Module):
    """An LSTM that reads words one after the other: ids (rows, words) -> (rows, 2)."""

    def __init__(self, vocabulary: int, width: int = 64) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.drop = nn.Dropout(0.4)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the scores of "negative" and "positive"."""
        lengths = attention_mask.sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            self.drop(self.words(input_ids)), lengths, batch_first=True, enforce_sorted=False
        )
        _, (last, _) = self.lstm(packed)
        return self.head(last[-1])


class AttentiveLstm(nn.Module):
    """An LSTM over days with attention between them: (rows, days, channels) -> (rows, 1)."""

    def __init__(self, channels: int = 2, width: int = 24) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, width, batch_first=True)
        self.weigh = nn.Linear(width, 1)
        self.head = nn.Linear(width, 1)

    def forward(self, days: Tensor) -> Tensor:
        """Return tomorrow's range."""
        states, _ = self.lstm(days)
        weights = torch.softmax(self.weigh(torch.tanh(states)), dim=1)
        return self.head((weights * states).sum(1))


class Sentiment(nn.Module):
    """A pretrained transformer, the mean of its vectors, and a layer on top."""

    def __init__(self, encoder: nn.Module, width: int = 384) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(width, 1)

    def pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return one vector per text."""
        vectors = self.encoder(input_ids=input_ids, attention_mask=attention_mask)[0]
        counts = attention_mask[..., None].to(vectors.dtype)
        return F.normalize((vectors * counts).sum(1) / counts.sum(1), dim=1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the log-odds of a positive text."""
        return self.head(self.pooled(input_ids, attention_mask))
