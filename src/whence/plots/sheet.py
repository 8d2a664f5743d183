"""Pictures that are tables: axes measured in inches, and columns of texts and bars on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from whence.core.types import Floats
from whence.plots.style import (
    FAINT,
    QUIET,
    SIZE,
    SIZES,
    SMALL,
    canvas,
    ink,
    literal,
    plain,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW = 0.27
"""Height of a row of one line, in inches."""
LINE = 0.165
"""Height of a further line of text in it."""
HINTED = 1.07
"""How much wider a screen may draw a text than its outlines are, at most."""
GAP = 0.22
"""Between columns."""
BAR = 0.75
"""Length of a bar that stands for the largest number of its column."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One column of a table.

    Attributes
    ----------
    head : str
    cells : tuple of str
        One per row.
    bars : array of shape (rows,) or None
        Numbers drawn as bars right of the cells; a negative one to the left of zero.
    low, high : arrays of shape (rows,) or None
        Intervals of the bars.
    strong : bool
        Whether the cells are bold.
    """

    head: str
    cells: tuple[str, ...]
    bars: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None
    strong: bool = False

    @property
    def text_width(self) -> float:
        """Inches that the texts take."""
        widest = max((inches(cell, strong=self.strong) for cell in self.cells), default=0.0)
        return widest if self.bars is not None else max(widest, inches(self.head, SMALL))

    @property
    def width(self) -> float:
        """Inches that the column takes."""
        if self.bars is None:
            return self.text_width
        return max(self.text_width + 0.08 + BAR, inches(self.head, SMALL))


@lru_cache(maxsize=4096)
def inches(text: str, size: float = SIZE, *, strong: bool = False) -> float:
    """Return how wide a line of text is drawn."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight="bold" if strong else "normal")
    lines = plain(text) if "\n" not in text else max(text.split("\n"), key=len)
    points = float(text_to_path.get_text_width_height_descent(lines, font, ismath=False)[0])
    return HINTED * points / 72


def fitting(text: str, width: float, size: float = SIZE) -> str:
    """Return a text with its middle cut out until it is not wider than so many inches."""
    text, length = plain(text), len(text)
    short = text
    while inches(short, size) > width and length > 3:  # noqa: PLR2004  two letters around the cut
        length -= 1
        short = shorten(text, length)
    return short


def wrapped(parts: Sequence[str], width: float, joint: str = " and ") -> list[str]:
    """Set parts in lines of so many inches, each broken before the joint only."""
    lines: list[str] = []
    for i, part in enumerate(parts):
        text = fitting(f"{joint.lstrip() if i else ''}{part}", width)
        if lines and inches(f"{lines[-1]} {text}") <= width:
            lines[-1] = f"{lines[-1]} {text}"
        else:
            lines.append(text)
    return lines


def sheet(ax: "Axes | None", *, width: float, height: float, title: str) -> "Axes":
    """Return axes in inches from the top left corner, without any axis."""
    ax = canvas(ax, width=width + 0.15, height=height + 0.45)
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.set(xticks=[], yticks=[])
    ax.set_axis_off()
    ax.set_title(
        literal(fitting(title, width * 0.95, SIZE + 3)), loc="left", fontsize=SIZE + 2,
        fontweight="bold",
    )  # fmt: skip
    return ax


def write(
    ax: "Axes", x: float, y: float, text: str, *, color: str = "", strong: bool = False,
    size: float = SIZE, align: str = "left",
) -> None:  # fmt: skip
    """Write a text at a place in inches."""
    ax.text(
        x, y, "\n".join(literal(line) for line in text.split("\n")), fontsize=size,
        va="center" if "\n" in text else "center_baseline",
        ha=align, color=color or ink(ax), fontweight="bold" if strong else "normal",
        linespacing=1.25,
    )  # fmt: skip


def rule(ax: "Axes", y: float, left: float, right: float, *, strong: bool = False) -> None:
    """Draw a level line."""
    ax.plot([left, right], [y, y], color=QUIET if strong else FAINT, linewidth=0.8, zorder=0.5)


def draw_columns(
    ax: "Axes", x: float, top: float, y: Sequence[float], columns: Sequence[Column]
) -> float:
    """Draw columns from the place ``x`` on with their heads at ``top``; return where they end."""
    for column in columns:
        if column.head:
            write(ax, x, top, column.head, color=QUIET, size=SMALL)
        for place, cell in zip(y, column.cells, strict=True):
            if cell:
                write(ax, x, place, cell, strong=column.strong)
        if column.bars is not None:
            _bars(ax, x + column.text_width + 0.08, y, column)
        x += column.width + GAP
    return x - GAP


def _bars(ax: "Axes", x: float, y: Sequence[float], column: Column) -> None:
    bars = np.nan_to_num(column.bars) if column.bars is not None else np.zeros(len(y))
    high = bars if column.high is None else np.fmax(bars, column.high)
    low, top = min(float(bars.min(initial=0.0)), 0.0), max(float(high.max(initial=0.0)), 0.0)
    scale = BAR / ((top - low) or 1.0)
    zero = x - low * scale
    ax.barh(list(y), bars * scale, left=zero, height=0.11, color=SIZES, linewidth=0)
    if low < 0:
        ax.plot([zero, zero], [min(y) - 0.1, max(y) + 0.1], color=QUIET, linewidth=0.7)
    if column.low is not None and column.high is not None:
        ax.hlines(list(y), zero + column.low * scale, zero + column.high * scale,
                  color=ink(ax), linewidth=0.9)  # fmt: skip
