"""Explanations of images, texts and series to draw, made from arithmetic alone."""

import numpy as np

from whence.core.explanation import Attribution, Names
from whence.core.inputs import Images, Series, Texts
from whence.core.provenance import Provenance
from whence.maskers.spans import words
from whence.maskers.superpixels import grid


def photo(
    n: int = 1, *, channels: int = 3, dtype: str = "uint8", pixelwise: bool = False, k: int = 2
) -> Attribution:
    """Explain images of 24 x 32 pixels by 12 cells, or pixel by pixel."""
    rng = np.random.default_rng(4)
    pixels = rng.random((n, 24, 32, channels))
    cells = grid(24, 32, 12)[0]
    values = rng.normal(size=(n, 24, 32, k) if pixelwise else (n, 12, k))
    whole = pixels if dtype.startswith("float") else 255 * pixels
    return Attribution(
        values=values,
        base_values=np.full((n, k), 0.25),
        outputs=0.25 + values.reshape(n, -1, k).sum(axis=1),
        names=Names(outputs=("cat", "dog")[:k]),
        data=Images(
            pixels=whole.astype(dtype),
            segments=None if pixelwise else np.repeat(cells[None], n, axis=0),
        ),
        provenance=Provenance(unit="log-odds"),
    )


def reviews(*strings: str, stderr: bool = False) -> Attribution:
    """Explain texts by their words: 1, -2, 3, ... tenths."""
    strings = strings or ("It's great, really!", "dull")
    spans = [words(text) for text in strings]
    width = max(map(len, spans))
    segments = np.full((len(strings), width, 2), -1, dtype=np.int32)
    values = np.zeros((len(strings), width, 1))
    for own, line, value in zip(spans, segments, values, strict=True):
        line[: len(own)] = own
        place = np.arange(len(own))
        value[: len(own), 0] = 0.1 * (place + 1) * (-1.0) ** place
    return Attribution(
        values=values,
        base_values=np.full((len(strings), 1), 0.25),
        outputs=0.25 + values.sum(axis=1),
        stderr=0.05 + 0 * values if stderr else None,
        mask=segments[..., 0] >= 0,
        names=Names(outputs=("positive",)),
        data=Texts(strings=strings, segments=segments),
        provenance=Provenance(unit="probability"),
    )


def prices(
    n: int = 1, times: int = 30, channels: tuple[str, ...] = ("close", "volume"), *, by: int = 5
) -> Attribution:
    """Explain series by segments of so many points in time; none with ``by=0``."""
    rng = np.random.default_rng(6)
    size = 10.0 ** np.arange(2, 2 + len(channels))
    own = rng.normal(size=(n, times, len(channels))).cumsum(axis=1) * size
    segment = np.arange(times) // max(by, 1)
    players = segment[:, None] * len(channels) + np.arange(len(channels))
    values = rng.normal(size=(n, segment[-1] + 1, len(channels), 1))
    return Attribution(
        values=values,
        base_values=np.zeros((n, 1)),
        outputs=values.sum(axis=(1, 2)),
        data=Series(
            values=own,
            channels=channels,
            segments=np.repeat(players[None].astype(np.int32), n, axis=0) if by else None,
        ),
        provenance=Provenance(unit="%"),
    )
