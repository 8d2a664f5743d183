"""What a report shows: the pictures with their tables, and single rows with their stories."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from whence import plots
from whence.api import explain
from whence.core.explanation import Attribution, Interaction
from whence.core.table import table_of
from whence.core.types import Ints
from whence.explainers.tree_interactions import TreeInteractions
from whence.models.trees import Trees
from whence.plots.pick import Panel, read
from whence.plots.style import decimals, number
from whence.reports.facts import tendency
from whence.reports.figures import Figure, figure
from whence.reports.narrate import narrate

_Z95: Final = 1.959963984540054
_LISTED: Final = 20
_SHOWN: Final = 4
_POINTS: Final = 1_000
"""Rows in a picture of single rows; more hide each other and make a large page."""
_WORK: Final = 4e8
"""Rows x nodes x features up to which interactions count as cheap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One feature in a table: over all rows, or in one of them."""

    feature: str
    value: float
    text: str
    interval: str = ""
    share: str = ""
    tendency: str = ""
    cell: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drivers:
    """Pictures and table of what drives one output."""

    output: str
    figures: tuple[Figure, ...]
    table: tuple[Line, ...]
    rest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pictures and table of interactions."""

    rows: str
    index: str
    figure: Figure | None
    pairs: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row, told, drawn and listed."""

    name: str
    story: str
    truth: str
    base: Line
    end: Line
    cells: tuple[Line, ...]
    figure: Figure


def drivers(e: Attribution, out: int) -> Drivers:
    """Draw and list the features by their mean size."""
    panel = read(e, out, "report")
    name = panel.output or "the output"
    drawn = (
        figure(
            plots.bar(e, output=out),
            name=f"importance-{out}",
            alt=f"Bar chart of the mean absolute contribution of each feature to {name}.",
            caption="Mean absolute contribution per feature.",
        ),
        figure(
            plots.beeswarm(_few(e), output=out),
            name=f"swarm-{out}",
            alt=f"Beeswarm of the contributions to {name}, one point per row and feature.",
            caption="One point per row: how far the feature moved the output, and by color how "
            f"high its value was{_drawn(e)}.",
        ),
    )
    lines, rest = _importance(panel)
    return Drivers(output=panel.output, figures=drawn, table=lines, rest=rest)


def _importance(panel: Panel) -> tuple[tuple[Line, ...], str]:
    size = np.abs(panel.values)
    mean, n = size.mean(axis=0), len(size)
    half = _Z95 * size.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.full(mean.shape, np.nan)
    total = float(mean.sum()) or 1.0
    places = decimals(mean)
    order = np.argsort(-mean, kind="stable")
    lines = tuple(
        Line(
            feature=panel.features[j],
            value=float(mean[j]),
            text=number(float(mean[j]), places),
            interval=number(float(half[j]), places) if np.isfinite(half[j]) else "",
            share=f"{mean[j] / total:.0%}",
            tendency=tendency(panel.numbers(int(j)), panel.levels(int(j)), panel.values[:, j]),
        )
        for j in order[:_LISTED]
    )
    left = order[_LISTED:]
    rest = (
        f"The other {left.size:,} features make up {mean[left].sum() / total:.1%} of all movement."
        if left.size
        else ""
    )
    return lines, rest


def _few(e: Attribution) -> Attribution:
    return e if len(e) <= _POINTS else e[_sample(len(e), _POINTS)]


def _drawn(e: Attribution) -> str:
    return f"; {_POINTS:,} of {len(e):,} rows, drawn at random" if len(e) > _POINTS else ""


def _sample(rows: int, most: int) -> Ints:
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def dependence(e: Attribution, out: int) -> tuple[Figure, ...]:
    """Draw the contributions of the largest features over their values."""
    panel = read(e, out, "report")
    mean = np.abs(panel.values).mean(axis=0)
    order = [int(j) for j in np.argsort(-mean, kind="stable")[:_SHOWN] if mean[j] > 0]
    known = [j for j in order if panel.numbers(j) is not None]
    few = _few(e)
    return tuple(
        figure(
            plots.scatter(few, j, output=out),
            name=f"dependence-{rank}",
            alt=f"Contribution of {panel.features[j]} over its value, one point per row.",
            caption=f"{panel.features[j]}{_drawn(e)}",
            size=(6.2, 4.4),
        )
        for rank, j in enumerate(known)
    )


def cheap_interactions(
    model: object, X: object, view: Trees, e: Attribution, background: object
) -> Interaction | None:
    """Return the interactions at some rows where they cost little, else None."""
    features = len(view.features)
    few = min(len(e), 200)
    work = few * view.nodes.feature.size * features
    unlike = e.provenance.output != "raw" or bool(e.provenance.background_digest) != (
        background is not None
    )
    if not 2 <= features <= 64 or work > _WORK or unlike:  # noqa: PLR2004  pairs, and a page
        return None
    part = table_of(X)[_sample(len(e), few)]
    if background is not None:
        Z = table_of(background)
        background = Z[_sample(len(Z), few)].native
    return explain(model, part.native, TreeInteractions(background=background), progress=False)


def pairs(i: Interaction, e: Attribution) -> Pairs:
    """Draw and list the strongest pairs, by their mean over rows and outputs."""
    i = replace(
        i,
        names=replace(i.names, outputs=e.names.outputs),
        provenance=replace(i.provenance, unit=e.provenance.unit),
    )
    pair = (i.sets >= 0).sum(axis=1) == 2  # noqa: PLR2004  a pair has two features
    mean = np.abs(i.values).mean(axis=0).max(axis=1)
    mean = np.where(pair, mean, 0.0)
    order = [int(s) for s in np.argsort(-mean, kind="stable")[:8] if mean[s] > 0]
    places = decimals(mean)
    names = i.names.features
    lines = tuple(
        Line(
            feature=" and ".join(names[j] for j in i.sets[s][:2]),
            value=float(mean[s]),
            text=number(float(mean[s]), places),
        )
        for s in order
    )
    drawn = None
    if order:
        drawn = figure(
            plots.interaction_matrix(i),
            name="interactions",
            alt="Matrix of the mean absolute interactions of pairs of features.",
            caption="Mean absolute interaction per pair; a feature by itself on the diagonal.",
        )
    return Pairs(rows=f"{len(i):,}", index=i.index, figure=drawn, pairs=lines)


def row(e: Attribution, place: int, y: object, target: str) -> Row:
    """Tell, draw and list one row, for its largest output."""
    one = e[place]
    out = int(np.argmax(one.outputs[0]))
    panel = read(one, out, "report")
    label = one.names.rows[0] if one.names.rows else str(place)
    name = f"Row {label}" + (f", output “{panel.output}”" if e.outputs.shape[1] > 1 else "")
    values = panel.values[0]
    ends = np.array([panel.base[0], panel.outputs[0]])
    places = decimals(np.concatenate([values, ends]))
    order = np.argsort(-np.abs(values), kind="stable")
    cells = tuple(
        Line(
            feature=panel.features[j],
            cell=panel.cell(0, int(j)),
            value=float(values[j]),
            text=number(float(values[j]), places, sign=True),
        )
        for j in order
    )
    base, end = (Line(feature="", value=float(v), text=number(float(v), places)) for v in ends)
    drawn = figure(
        plots.waterfall(one, output=out),
        name=f"row-{place}",
        alt=f"Waterfall of {name}: from the base value {base.text} to the output {end.text}.",
        caption="From the base value to the output, largest contributions first.",
    )
    return Row(
        name=name,
        story=narrate(one, output=out),
        truth=_truth(y, place, target),
        base=base,
        end=end,
        cells=cells,
        figure=drawn,
    )


def _truth(y: object, place: int, target: str) -> str:
    if y is None:
        return ""
    value = np.asarray(y).reshape(-1)[place]
    if value is None or value != value:  # noqa: PLR0124  only NaN differs from itself
        return "The truth is not known."
    return f"The truth is {f'{target} = ' if target else ''}{value}."
