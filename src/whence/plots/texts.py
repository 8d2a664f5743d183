"""A text colored by the contributions of its parts, for notebooks, pages and terminals."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from unicodedata import category

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.inputs import Texts
from whence.plots.parts import Row, read_parts, segments_of
from whence.plots.pick import Name
from whence.plots.style import NEGATIVE, POSITIVE, QUIET, Z95, decimals, number

Color = tuple[int, int, int]

TOLD = 0.1
"""Share of the largest contribution from which on a plain text names the number."""
DARK = 0.45
"""Luminance below which writing is white."""
STOPS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)
RESET = "\x1b[0m"
NO_CHARACTERS = "\ufffe\uffff"
"""Code points that XML refuses."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TextPicture:
    """A colored text; a notebook shows it in color, and a terminal that has colors too.

    Attributes
    ----------
    html : str
        One ``<div>`` that loads nothing and can stand in a page or be one.
    ansi : str
        For terminals, in 24-bit colors.
    ansi256 : str
        For terminals of 256 colors.
    plain : str
        Without colors: the strongest parts stand in brackets with their numbers.
    """

    html: str
    ansi: str
    ansi256: str
    plain: str

    def __str__(self) -> str:
        """Return what the terminal can show."""
        if not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
            return self.plain
        return self.ansi if os.environ.get("COLORTERM") in ("truecolor", "24bit") else self.ansi256

    def __repr__(self) -> str:
        """Return the same, since that is what a session of Python shows."""
        return str(self)

    def _repr_html_(self) -> str:
        return self.html


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of the text; ``told`` is the contribution in words, "" for what is no part."""

    text: str
    share: float = 0.0
    told: str = ""
    interval: str = ""


def text(e: Attribution, output: Name = 0, row: Name = 0) -> TextPicture:
    """Color the parts of a text: orange ones raise the output, blue ones lower it.

    Parameters
    ----------
    e : Attribution
        Of texts.
    output : int or str, default=0
        Which output of the model, by number or name.
    row : int or str, default=0
        Which text, by number or label.

    Returns
    -------
    TextPicture
        Shown by a notebook; ``print`` writes it to a terminal, and ``.html`` is a piece of a page.
        Pointing at a part tells its number.

    Raises
    ------
    InputError
        If ``e`` is not an attribution of texts, or has no such row or output.

    Examples
    --------
    >>> e = Attribution(
    ...     values=np.array([[[0.0], [2.0]]]), base_values=np.zeros((1, 1)),
    ...     outputs=np.full((1, 1), 2.0), data=Texts(
    ...         strings=("a gem",), segments=np.array([[[0, 1], [2, 5]]], np.int32)
    ...     ),
    ... )
    >>> print(text(e).plain)
    output: 2.00
    a [gem +2.00]
    """
    read = read_parts(e, Texts, row, output, "text")
    pieces = list(_pieces(read))
    places = decimals(read.values)
    in_unit = read.panel.said.in_unit
    base = f"base value {number(float(read.panel.base[0]), places)}" if in_unit else ""
    ends = [number(sign * read.top, places, sign=True) for sign in (-1, 1)]
    return TextPicture(
        html=_page(read, pieces, base, ends),
        ansi=_terminal(read, pieces, ends, wide=True),
        ansi256=_terminal(read, pieces, ends, wide=False),
        plain="\n".join(filter(None, [read.title, _plain(pieces), read.said])),
    )


def _pieces(read: Row[Texts]) -> Iterator[Piece]:
    """Yield the parts of the text and what stands between them, in order."""
    whole, places, done = read.data.strings[0], decimals(read.values), 0
    spans = [(int(a), int(b)) for a, b in segments_of(read, "text") if a >= 0]
    if len(spans) > read.values.size:
        raise InputError(
            f"`text` got {read.values.size} values and a text of {len(spans)} parts. Pass what "
            "`whence.explain` returned."
        )
    stderr = read.panel.stderr
    for part, (first, last) in enumerate(spans):
        value = float(read.values[part])
        spread = 0.0 if stderr is None else Z95 * float(stderr[0, part])
        yield Piece(text=_shown(whole[done:first]))
        yield Piece(
            text=_shown(whole[first:last]),
            share=value / read.top,
            told=number(value, places, sign=True),
            interval=f" ± {number(spread, places)} (95% interval)" if spread > 0 else "",
        )
        done = last
    yield Piece(text=_shown(whole[done:]))


def _shown(part: str) -> str:
    """Return text without characters that would steer a terminal or break a page."""
    lines = part.replace("\r\n", "\n").replace("\r", "\n")
    unseen = {c for c in lines if c != "\n" and (category(c) in {"Cc", "Cs"} or c in NO_CHARACTERS)}
    return lines.translate(
        {ord(c): " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in unseen}
    )


def _color(share: float) -> Color:
    """Return the color of a share of the largest contribution: white is none."""
    full = POSITIVE if share > 0 else NEGATIVE
    size = min(1.0, abs(share))
    red, green, blue = (round(255 + (int(full[i : i + 2], 16) - 255) * size) for i in (1, 3, 5))
    return red, green, blue


def _ink(color: Color) -> Color:
    light = np.array(color) / 255.0
    dark = float(light @ np.array([0.2126, 0.7152, 0.0722])) < DARK
    return (255, 255, 255) if dark else (0, 0, 0)


def _page(read: Row[Texts], pieces: Sequence[Piece], base: str, ends: Sequence[str]) -> str:
    parts = "".join(_marked(piece) for piece in pieces)
    stops = ",".join(_css(_color(share)) for share in STOPS)
    unit = f" {read.panel.unit}" if read.panel.unit and read.panel.said.in_unit else ""
    said = "".join(f"; {escape(part)}" for part in (base, read.said) if part)
    in_unit = read.panel.said.in_unit
    low, high = (
        ("lowers the output", " raises the output") if in_unit else (read.panel.said.noun, "")
    )
    return (
        '<div class="whence-text" style="font:15px/1.9 system-ui,sans-serif;color:#1f2328;'
        "background:#fff;max-width:900px;padding:8px 12px;print-color-adjust:exact;"
        '-webkit-print-color-adjust:exact">'
        f'<div style="font-weight:600">{escape(read.title)}</div>'
        f'<p style="margin:4px 0;white-space:pre-wrap;overflow-wrap:anywhere">{parts}</p>'
        f'<div style="font-size:12px;line-height:1.5;color:{QUIET}">{low} '
        f"{escape(ends[0])}{escape(unit)} "
        '<span style="display:inline-block;width:140px;height:10px;vertical-align:-1px;'
        f'border:1px solid #c9cdd3;background:linear-gradient(90deg,{stops})"></span> '
        f"{escape(ends[1])}{escape(unit)}{high}{said}. "
        "Point at a part for its number.</div></div>"
    )


def _marked(piece: Piece) -> str:
    if not piece.told:
        return escape(piece.text)
    color = _color(piece.share)
    label = f"{' '.join(piece.text.split())}: {piece.told}{piece.interval}"
    return (
        f'<span style="background:{_css(color)};color:{_css(_ink(color))};border-radius:3px;'
        f'padding:1px 2px" title="{escape(label)}">{escape(piece.text)}</span>'
    )


def _css(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _terminal(read: Row[Texts], pieces: Sequence[Piece], ends: Sequence[str], *, wide: bool) -> str:
    body = "".join(
        _painted(piece.text, piece.share, wide=wide) if piece.told else piece.text
        for piece in pieces
    )
    scale = "".join(_painted("  ", share, wide=wide) for share in STOPS)
    low, high = (
        ("lowers ", " raises") if read.panel.said.in_unit else (f"{read.panel.said.noun} ", "")
    )
    legend = f"{low}{ends[0]} {scale} {ends[1]}{high}"
    return "\n".join(filter(None, [read.title, body, legend, read.said]))


def _painted(part: str, share: float, *, wide: bool) -> str:
    """Paint each line of a part by itself, so that no color runs on to the edge."""
    color = _color(share)
    back, front = (_code(c, wide=wide) for c in (color, _ink(color)))
    return "\n".join(f"\x1b[48;{back}m\x1b[38;{front}m{line}{RESET}" for line in part.split("\n"))


def _code(color: Color, *, wide: bool) -> str:
    if wide:
        return "2;{};{};{}".format(*color)
    red, green, blue = (round(c / 255 * 5) for c in color)
    return f"5;{16 + 36 * red + 6 * green + blue}"


def _plain(pieces: Sequence[Piece]) -> str:
    return "".join(
        f"[{piece.text} {piece.told}]" if piece.told and abs(piece.share) >= TOLD else piece.text
        for piece in pieces
    )
