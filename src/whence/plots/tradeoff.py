"""Accuracy against complexity: what more of a model buys."""

from typing import TYPE_CHECKING

import numpy as np

from whence.core.errors import InputError
from whence.core.measurement import Measurement
from whence.plots.style import FAINT, NEGATIVE, SIZE, canvas, ink, literal, note, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _HEIGHT = 6.4, 4.0


def tradeoff(m: Measurement, ax: "Axes | None" = None) -> "Axes":
    """Draw the accuracy of each model with its interval against how many numbers it consists of.

    Parameters
    ----------
    m : Measurement
        What ``whence.tradeoff`` returned.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If the measurement has no lines of accuracy and complexity.

    Examples
    --------
    >>> m = Measurement.of("linear", 0.8, low=0.7, high=0.9, n=5, group="accuracy", unit="AUC")
    >>> m += Measurement.of("linear", 12, n=5, group="complexity", unit="numbers")
    >>> tradeoff(m).get_xscale()
    'log'
    """
    accuracy, complexity = _lines(m, "accuracy"), _lines(m, "complexity")
    if not accuracy or sorted(accuracy) != sorted(complexity):
        raise InputError(
            f"The measurement has lines of {sorted(set(m.group))!r:.80}. Lines of accuracy and of "
            "complexity of the same models are needed, as whence.tradeoff() returns them."
        )
    ax = canvas(ax, width=_WIDTH, height=_HEIGHT)
    first = next(iter(accuracy.values()))
    fullest = max(accuracy.values(), key=lambda i: m.n[i])
    x = np.array([m.value[complexity[name]] for name in accuracy])
    at = list(accuracy.values())
    y, reach = m.value[at], [m.value[at] - m.low[at], m.high[at] - m.value[at]]
    ax.errorbar(
        x, y, yerr=np.nan_to_num(np.array(reach)), fmt="o", color=NEGATIVE, ecolor=NEGATIVE,
        elinewidth=1.2, capsize=3, markersize=5,
    )  # fmt: skip
    most = int(m.n[at].max())
    names = [
        name if m.n[i] == most else f"{name} ({m.n[i]} fit{'s' * int(m.n[i] > 1)} only)"
        for name, i in accuracy.items()
    ]
    for rank, i in enumerate(np.argsort(x, kind="stable")):  # in turns above and below: apart
        side = -1 if rank % 2 else 1
        end = np.nan_to_num(reach[(side + 1) // 2][i])
        ax.annotate(
            literal(names[i]), (x[i], y[i] + side * end), xytext=(0, 6 * side),
            textcoords="offset points", fontsize=SIZE, color=ink(ax), ha="center",
            va="bottom" if side > 0 else "top",
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_xlim(float(x.min()) / 6, float(x.max()) * 6)  # room for the names
    ax.margins(y=0.15)
    better = f" ({m.better[first]} is better)" if m.better[first] in ("higher", "lower") else ""
    ax.set_ylabel(f"{m.unit[first]}{better}", fontsize=SIZE)
    tidy(ax, title="What complexity buys", xlabel="Numbers that the model consists of")
    ax.grid(visible=True, color=FAINT, linewidth=0.5)
    ax.set_axisbelow(True)
    note(ax, [f"95 % intervals; {m.method[fullest]}"] if m.method[fullest] else [])
    return ax


def _lines(m: Measurement, group: str) -> dict[str, int]:
    """Return the line of each model in a group."""
    return {name: i for i, (name, g) in enumerate(zip(m.name, m.group, strict=True)) if g == group}
