"""Rules as a table: when they hold, what the model then says, how sure that is, how often."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from whence.core.errors import InputError
from whence.core.rules import Rules
from whence.core.words import answer, conditions, is_exact, of_parts, share
from whence.plots.pick import kind, positive
from whence.plots.sheet import (
    GAP,
    LINE,
    ROW,
    Column,
    draw_columns,
    inches,
    rule,
    sheet,
    wrapped,
    write,
)
from whence.plots.style import QUIET, SMALL, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONDITIONS = 4.6
"""Inches that the conditions of a rule take at most."""
LABEL = 22
MARKS = {"certified": "✓ certified", "not certified": "○ not certified", "budget": "… budget"}
TITLES = {"anchor": "Anchors", "path": "Paths", "tree": "Leaves", "list": "Rules, in order"}


def rules(e: Rules, max_rules: int = 12, ax: "Axes | None" = None) -> "Axes":
    """Draw rules as a table, a line for each.

    A line says when the rule holds, what the model says there, for which share of the rows covered
    it does (and the lower confidence bound of that), and the share of all rows that are covered,
    as a bar with its 95% interval.

    Parameters
    ----------
    e : Rules
        What ``whence.explain`` returned for anchors, a rule list, a surrogate tree or paths.
    max_rules : int, default=12
        How many rules are drawn; the first ones.
    ax : Axes, optional
        Where to draw; a new figure if None, which is as large as the rules need.

    Returns
    -------
    Axes
        Without axes; one inch of a new figure is one unit.

    Raises
    ------
    InputError
        If ``e`` is not rules, or holds none.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from whence.core.rules import Predicate
    >>> one = np.ones(1)
    >>> e = Rules(
    ...     predicates=((Predicate(feature="age", low=37.0),),), outputs=one[:, None],
    ...     precision=one, precision_low=one - 0.05, coverage=one / 2, coverage_low=one / 3,
    ...     coverage_high=one, covered=np.array([59]))
    >>> [text.get_text() for text in rules(e).texts][-1]
    '50%'
    """
    most = positive(max_rules, "max_rules")
    e = rules_of(e, "rules")
    shown = range(min(most, len(e)))
    blocks = [wrapped(conditions(e.predicates[i]) or [_always(e, i)], CONDITIONS)
              for i in shown]  # fmt: skip
    labels = _labels(e, shown)
    heights = [ROW + LINE * (len(lines) - 1) + 0.04 for lines in blocks]
    edges = 0.3 + np.concatenate([[0.0], np.cumsum(heights)])
    y = ((edges[1:] + edges[:-1]) / 2).tolist()
    first = max(map(inches, labels), default=0.0)
    first += GAP if first else 0.0
    wide = max(inches(line) for lines in blocks for line in lines)
    columns = trust_columns(e, shown)
    width = first + wide + GAP + sum(c.width + GAP for c in columns)
    ax = sheet(ax, width=width, height=float(edges[-1]), title=TITLES[e.kind])
    for i, (lines, label) in enumerate(zip(blocks, labels, strict=True)):
        write(ax, 0, y[i], label, color=QUIET)
        write(ax, first, y[i], "\n".join(lines))
        rule(ax, float(edges[i]), 0, width, strong=i == 0)
    write(ax, first, 0.14, "if", color=QUIET, size=SMALL)
    draw_columns(ax, first + wide + GAP, 0.14, y, columns)
    left = len(e) - len(shown)
    foot(ax, [f"shown: the first {len(shown):,} of {len(e):,} rules" if left else "", *said_of(e)])
    return ax


def rules_of(e: object, picture: str) -> Rules:
    """Return ``e`` if it is rules, with one at least.

    Raises
    ------
    InputError
        If it is not.
    """
    if not isinstance(e, Rules):
        raise InputError(
            f"`{picture}` needs Rules and got {type(e).__name__}. Pass what `whence.explain` "
            "returned for anchors or trees, or see whether `plot` suits it."
        )
    return kind(e, Rules, picture)


def trust_columns(e: Rules, shown: Sequence[int]) -> list[Column]:
    """Return what is said of rules: the answer, precision, coverage, and status."""
    at = np.asarray(shown, dtype=np.int64)
    said = [answer(e.names.outputs, e.outputs[i], e.provenance.unit) for i in shown]
    who = "model" if e.kind in ("anchor", "path") else "tree" if e.kind == "tree" else "list"
    columns = [Column(head=f"the {who} says", cells=tuple(said), strong=True)]
    if np.isfinite(e.precision[at]).any() and not is_exact(e):
        sure = [_precision(float(e.precision[i]), float(e.precision_low[i])) for i in shown]
        columns.append(Column(head="precision (at least)", cells=tuple(sure)))
    if np.isfinite(e.coverage[at]).any():
        columns.append(
            Column(
                head=f"share of {'samples' if of_parts(e) else 'rows'}",
                cells=tuple(share(float(e.coverage[i])) for i in shown),
                bars=e.coverage[at],
                low=e.coverage_low[at],
                high=e.coverage_high[at],
            )
        )
    if e.status:
        marks = tuple(MARKS.get(e.status[i], e.status[i]) for i in shown)
        columns.append(Column(head="", cells=marks))
    return columns


def _precision(value: float, low: float) -> str:
    if np.isnan(value):
        return ""
    return share(value) + ("" if np.isnan(low) else f" ({share(low)})")


def _always(e: Rules, i: int) -> str:
    return "all others" if e.kind == "list" and i else "always"


def _labels(e: Rules, shown: Sequence[int]) -> list[str]:
    if e.kind == "list":
        return [("if" if i == 0 else "else if") if e.predicates[i] else "else" for i in shown]
    if e.names.rows is None:
        noun = "leaf" if e.kind == "tree" else "row"
        return [f"{noun} {i}" if len(e) > 1 else "" for i in shown]
    return short_names([e.names.rows[i] for i in shown], LABEL)


def said_of(e: Rules) -> list[str]:
    """Return what must be known of all rules: how far a surrogate follows its model."""
    if e.fidelity is None or not e.fidelity.size:
        return []
    value, low, high = e.fidelity[int(e.fidelity[:, 0].argmin())]
    return [f"held-out fidelity {value:.3g}, 95% interval {low:.3g} to {high:.3g}"]


def foot(ax: "Axes", lines: list[str]) -> None:
    """Write notes below a table."""
    said = [line for line in lines if line]
    if said:
        ax.annotate(
            "\n".join(said), xy=(0, 0), xycoords="axes fraction", xytext=(0, -5),
            textcoords="offset points", ha="left", va="top", fontsize=SMALL, color=QUIET,
            annotation_clip=False,
        )  # fmt: skip
