"""Explanations to draw, made from arithmetic alone."""

from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from whence.core.explanation import Attribution, Interaction, Names
from whence.core.provenance import Provenance
from whence.core.table import Table

LONG = "customer_account_rolling_average_balance_over_window_{:03d}_d"


def numbers(
    n: int = 60,
    p: int = 5,
    k: int = 1,
    *,
    name: str = "feature {}",
    stderr: bool = False,
    residual: float = 0.0,
) -> Attribution:
    """Explain a linear model of numbers, of which one in twenty is missing."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(n, p))
    X[rng.random((n, p)) < 0.05] = np.nan
    weights = rng.normal(size=(p, k)) * rng.exponential(size=(p, k))
    values = np.nan_to_num(X)[:, :, None] * weights
    base = np.full((n, k), 0.25)
    names = tuple(name.format(j) for j in range(p))
    return Attribution(
        values=values,
        base_values=base,
        outputs=base + values.sum(axis=1) + residual,
        stderr=0.1 * np.abs(values) + 0.01 if stderr else None,
        names=Names(features=names, outputs=("approve", "refer", "decline")[:k]),
        data=Table(names=names, numbers=X, levels=(None,) * p),
        provenance=Provenance(unit="log-odds"),
    )


def credit(n: int = 200, purposes: tuple[str, ...] = ("car", "education", "TV")) -> Attribution:
    """Explain applicants by two numbers and two columns of categories; age works with the home."""
    rng = np.random.default_rng(3)
    age = rng.integers(20, 70, n).astype(float)
    income = np.exp(rng.normal(10, 0.5, n))
    income[::17] = np.nan
    purpose = rng.integers(0, len(purposes), n).astype(float)
    purpose[::23] = np.nan
    home = rng.integers(0, 2, n).astype(float)
    worth = rng.normal(size=len(purposes) + 1)
    values = np.column_stack(
        [
            (age - 45) * np.where(home == 1, 0.05, 0.01),
            np.nan_to_num(np.log(income) - 10),
            worth[np.nan_to_num(purpose, nan=-1).astype(int)],
            0.3 * (2 * home - 1),
        ]
    )[:, :, None]
    names = ("age", "income", "purpose", "own home")
    return Attribution(
        values=values,
        base_values=np.full((n, 1), -0.4),
        outputs=-0.4 + values.sum(axis=1),
        names=Names(
            features=names, outputs=("good",), rows=tuple(f"applicant {i}" for i in range(n))
        ),
        data=Table(
            names=names,
            numbers=np.column_stack([age, income, purpose, home]),
            levels=(None, None, purposes, ("no", "yes")),
        ),
        provenance=Provenance(unit="log-odds"),
    )


def pairs(p: int = 5, n: int = 10, k: int = 1, *, name: str = "feature {}") -> Interaction:
    """Draw single effects and a thousand pairs at most."""
    rng = np.random.default_rng(5)
    sets = [(j, -1) for j in range(p)] + list(combinations(range(p), 2))[:1000]
    values = rng.normal(size=(n, len(sets), k))
    base = np.zeros((n, k))
    return Interaction(
        sets=np.array(sets, dtype=np.int32),
        values=values,
        base_values=base,
        outputs=base + values.sum(axis=1),
        index="k-SII",
        names=Names(
            features=tuple(name.format(j) for j in range(p)), outputs=("yes", "no", "maybe")[:k]
        ),
        provenance=Provenance(unit="log-odds"),
    )


def texts(ax: Axes) -> list[str]:
    """Return all that is written in the figure of ``ax``."""
    return [text.get_text() for text, _ in boxes(ax)]


def boxes(ax: Axes) -> list[tuple[Text, Bbox]]:
    """Draw the figure of ``ax`` and return the texts that are seen in it, with their places."""
    figure = root(ax)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    out_of_view = {id(text) for part in figure.findobj(Axes) for text in _unseen(part)}
    shown = []
    for text in figure.findobj(Text):
        box = text.get_window_extent(canvas.get_renderer())
        if text.get_visible() and text.get_text().strip() and id(text) not in out_of_view:
            shown.append((text, box))
    return shown


def root(ax: Axes) -> Figure:
    """Return the figure that ``ax`` is in."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def png(ax: Axes) -> bytes:
    """Return the pixels of the figure of ``ax``."""
    canvas = FigureCanvasAgg(root(ax))
    canvas.draw()
    return bytes(canvas.buffer_rgba())


def _unseen(ax: Axes) -> list[Text]:
    """Return the labels of ticks outside of the limits, which are kept and not drawn."""
    found = []
    for axis, limits in ((ax.xaxis, sorted(ax.get_xlim())), (ax.yaxis, sorted(ax.get_ylim()))):
        used = axis.get_major_ticks()
        for tick in axis.majorTicks:
            if tick not in used or not limits[0] <= tick.get_loc() <= limits[1]:
                found += [tick.label1, tick.label2]
    return found
