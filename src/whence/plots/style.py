"""What all pictures share: colors, words, numbers, and the canvas.

Colors keep their meaning in gray and for color-blind readers: what raises the output is a light
orange and what lowers it a dark blue, so that the pair differs in lightness as well as in hue, and
every scale of values runs from dark to light. Nothing is read from or written to the global state
of matplotlib: no ``pyplot``, no ``rcParams``.
"""

import math
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from whence.core.errors import InputError, MissingDependencyError
from whence.core.types import Floats, Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap

POSITIVE = "#dd7a0c"
NEGATIVE = "#1b4b8f"
NEUTRAL = "#8a8f98"
FAINT = "#c9cdd3"
SIZES = "#5d7388"
"""Color of sizes without a sign."""
QUIET = "#5f6672"
"""Color of notes; legible on white."""
GROUPS = ("#1b4b8f", "#dd7a0c", "#2a9d8f", "#cc79a7", "#56b4e9", "#7a5c00", "#000000")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
LOW_TO_HIGH = ("#163f78", "#644c8c", "#ab5f7a", "#e08a4a", "#f7c25a")
BELOW_TO_ABOVE = ("#0f3266", "#1b4b8f", "#7f9cc9", "#f6f6f6", "#f5c98c", "#e8973a", "#dd7a0c")

NONE_TO_MUCH = ("#f4f6f8", "#b9c6d2", "#7d94a9", "#44607a", "#1b3149")

SIZE = 9.0
SMALL = 8.0
Z95 = 1.959963984540054
"""Half width of a 95% interval in standard errors."""
MINUS = "\N{MINUS SIGN}"
NAME_LENGTH, VALUE_LENGTH = 30, 16


def canvas(ax: "Axes | None", *, width: float, height: float) -> "Axes":
    """Return ``ax``, or the axes of a new figure of that size in inches.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    InputError
        If ``ax`` is not matplotlib axes.
    """
    try:
        import matplotlib.axes
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingDependencyError.of("plots", "matplotlib", "plots") from error
    if ax is None:
        from whence.plots.canvas import Picture

        return Figure(figsize=(width, height), layout="constrained").add_subplot(axes_class=Picture)
    if not isinstance(ax, matplotlib.axes.Axes):
        raise InputError(
            f"`ax` is a {type(ax).__name__}, and matplotlib Axes are needed. "
            "Pass one of the axes that `plt.subplots()` returns, or leave `ax` out."
        )
    return ax


def tidy(ax: "Axes", *, title: str, xlabel: str = "", grid: bool = False) -> None:
    """Take away what carries no information, and name the rest."""
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="both", labelsize=SIZE)
    ax.tick_params(axis="y", length=0)
    ax.set_title(title, loc="left", fontsize=SIZE + 2, fontweight="bold")
    ax.set_xlabel(xlabel, fontsize=SIZE)
    if grid:
        ax.grid(visible=True, axis="x", color=FAINT, linewidth=0.5)
        ax.set_axisbelow(True)


def rows_of_text(ax: "Axes", labels: Sequence[str], *, side: float = 0.6) -> None:
    """Name the rows of a picture from the top down, row ``i`` at height ``i``."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 1 + side, -side)


def ink(ax: "Axes") -> str:
    """Return the color of writing: that of the label of the x axis, dark or light."""
    color = ax.xaxis.label.get_color()
    return color if isinstance(color, str) else "black"


def width_of(ax: "Axes") -> float:
    """Return the width of axes in inches."""
    figure = ax.get_figure(root=True)
    return ax.get_window_extent().width / (figure.dpi if figure is not None else 72.0)


def scale_beside(ax: "Axes", image: "ScalarMappable", label: str, extend: str = "neither") -> None:
    """Add the scale of colors at the right."""
    figure = ax.get_figure()
    if figure is not None:
        bar = figure.colorbar(image, ax=ax, aspect=30, pad=0.02, extend=extend)
        bar.set_label(label, fontsize=SMALL + 0.5)
        bar.ax.tick_params(labelsize=SMALL)
        bar.outline.set_visible(False)


def note(ax: "Axes", lines: Sequence[str]) -> None:
    """Write what the reader must know, small, below the label of the x axis."""
    said = [line for line in lines if line]
    if said:
        ax.annotate(
            "\n".join(said),
            xy=(0.5, 0.0),
            xycoords=ax.xaxis.label,
            xytext=(0, -3),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=SMALL,
            color=QUIET,
            annotation_clip=False,
        )


def whiskers(ax: "Axes", x: Floats, y: Floats, reach: Floats) -> None:
    """Draw level intervals ``x ± reach``, legible on dark and light bars; NaN draws none."""
    known = np.isfinite(reach)
    for color, width, cap, above in (("white", 2.6, 3.5, 4.0), ("black", 1.0, 2.7, 4.1)):
        ax.errorbar(
            x[known],
            y[known],
            xerr=reach[known],
            fmt="none",
            ecolor=color,
            elinewidth=width,
            capsize=cap,
            capthick=width,
            zorder=above,
        )


def low_to_high() -> "LinearSegmentedColormap":
    """Return the scale of feature values: dark is low, light is high."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("whence_low_to_high", LOW_TO_HIGH)


def below_to_above() -> "LinearSegmentedColormap":
    """Return the scale of contributions: dark blue below zero, orange above, white at zero."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("whence_below_to_above", BELOW_TO_ABOVE)


def none_to_much() -> "LinearSegmentedColormap":
    """Return the scale of sizes without a sign: white is nothing."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("whence_none_to_much", NONE_TO_MUCH)


def plain(text: str) -> str:
    """Return a name as one line without control characters."""
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Cs"} else c for c in text)
    return " ".join(kept.split())


def literal(text: str) -> str:
    """Return text that matplotlib writes as it stands, dollars included."""
    return plain(text).replace("$", r"\$")


def shorten(text: str, length: int) -> str:
    """Cut the middle out of a text of more than ``length`` characters.

    Examples
    --------
    >>> shorten("average_balance_last_twelve_months", 20)
    'average_bala…_months'
    """
    if len(text) <= length:
        return text
    tail = (length - 1) * 2 // 5
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def short_names(names: Sequence[str], length: int = NAME_LENGTH) -> list[str]:
    """Shorten names, less where two different ones would look the same.

    Examples
    --------
    >>> short_names(["balance_of_month_01_mean", "balance_of_month_02_mean"], 14)
    ['balance_of_month_01_mean', 'balance_of_month_02_mean']
    """
    full = [plain(name) for name in names]
    short = [shorten(name, length) for name in full]
    seen: dict[str, set[str]] = {}
    for text, name in zip(short, full, strict=True):
        seen.setdefault(text, set()).add(name)
    return [name if len(seen[text]) > 1 else text for text, name in zip(short, full, strict=True)]


def decimals(values: Floats) -> int:
    """Return how many decimals show the largest of ``values`` with three digits."""
    size = float(np.abs(values).max(initial=0.0))
    return 2 if size == 0.0 else max(0, 2 - math.floor(math.log10(size)))


def number(value: float, places: int, *, sign: bool = False) -> str:
    """Write a number with so many decimals, or in powers of ten where that would be too long.

    Examples
    --------
    >>> number(0.1234, 2, sign=True), number(12345.6, 0), number(1.5e9, 0)
    ('+0.12', '12,346', '1.5e+09')
    """
    most, largest = 6, 1e9
    code = f",.{places}f" if places <= most and abs(value) < largest else ".3g"
    text = format(value, ("+z" if sign else "z") + code)  # z: no negative zero
    if sign and not text.strip("+-0,."):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def short_number(value: float) -> str:
    """Write a cell of a table: "missing", or at most four digits."""
    if math.isnan(value):
        return "missing"
    text = f"{value:,.0f}" if abs(value) >= 1000 and abs(value) < 1e9 else f"{value:.4g}"  # noqa: PLR2004  digits
    return text.replace("-", MINUS)


def sample(rows: int, most: int) -> tuple[Ints, str]:
    """Choose at most ``most`` rows, the same at each call, and say so."""
    if rows <= most:
        return np.arange(rows), ""
    chosen = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    return chosen, f"shown: {most:,} of {rows:,} rows, drawn at random"
