"""A decision tree, drawn from its leaves, or the path of one row down a tree."""

from typing import TYPE_CHECKING

import numpy as np

from whence.core.errors import InputError
from whence.core.rules import Rules
from whence.core.table import Table
from whence.core.types import Floats
from whence.core.words import answer, condition, share
from whence.plots.branches import Branch, pruned, tree_of
from whence.plots.pick import positive
from whence.plots.rule_table import foot, rules_of, said_of, trust_columns
from whence.plots.sheet import GAP, LINE, ROW, Column, draw_columns, fitting, inches, sheet, write
from whence.plots.style import FAINT, POSITIVE, QUIET, SMALL, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BOXES, WIDEST, NARROWEST = 11.5, 3.2, 1.9
"""Inches of all boxes side by side, as far as can be, and of one box at most."""
BETWEEN = 0.34
STEP = 0.36
"""Height of a leaf, in inches."""


def tree(
    e: Rules, path: Rules | None = None, max_leaves: int = 16, ax: "Axes | None" = None
) -> "Axes":
    """Draw a decision tree from its leaves, or how one row goes down a tree.

    A tree is read from left to right: each box says the condition under which one gets there from
    the box before, and each line ends in what the tree says there, for which share of the rows
    there the model says the same (and the lower bound of that), and the share of all rows. The path
    of one row is read from the top down, beside the row's own values.

    Parameters
    ----------
    e : Rules
        Of kind "tree", such as a surrogate tree, or "path" with one row, such as ``paths[0]``.
    path : Rules, optional
        Of one row of the same tree, of kind "path": it is drawn in color.
    max_leaves : int, default=16
        How many leaves are drawn; of a larger tree the nodes with the fewest rows are not opened,
        which the picture says.
    ax : Axes, optional
        Where to draw; a new figure if None, which is as large as the tree needs.

    Returns
    -------
    Axes
        Without axes; one inch of a new figure is one unit.

    Raises
    ------
    InputError
        If ``e`` is not rules, holds none, or they overlap and so are no leaves of a tree; or if
        several paths came.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from whence.core.rules import Predicate
    >>> two = np.ones(2)
    >>> e = Rules(
    ...     predicates=(
    ...         (Predicate(feature="age", high=37.0),), (Predicate(feature="age", low=37.0),)),
    ...     outputs=two[:, None], precision=two, precision_low=two - 0.05, coverage=two / 2,
    ...     coverage_low=two / 3, coverage_high=two, covered=np.array([5, 5]), kind="tree")
    >>> [text.get_text() for text in tree(e).texts][:3]
    ['age ≤ 37', 'age > 37', 'all rows']
    """
    most = positive(max_leaves, "max_leaves")
    e = rules_of(e, "tree")
    if e.kind not in ("tree", "path"):
        raise InputError(
            f"`tree` draws leaves or paths of a tree, and these rules are of kind {e.kind!r}. "
            "Draw them with `rules`."
        )
    if e.kind == "path":
        return _path(_alone(e, "e"), ax)
    whole = tree_of(e.predicates)
    taken = frozenset[int]() if path is None else _taken(e, path)
    drawn = pruned(whole, most, np.nan_to_num(e.coverage))
    title = "Tree that imitates the model" if e.fidelity is not None else "Decision tree"
    if path is not None:
        title += f" · {_row_name(path)}"
    return _tree(e, drawn, taken, title, ax)


def _alone(e: Rules, what: str) -> Rules:
    if len(e) != 1 or e.kind != "path":
        raise InputError(
            f"`tree` draws the path of one row, and `{what}` holds {len(e)} rules of kind "
            f"{e.kind!r}. Pass one path, such as paths[0], or draw many with `rules`."
        )
    return e


def _taken(e: Rules, path: Rules) -> frozenset[int]:
    """Return the leaf that a path leads to."""
    wanted = _alone(rules_of(path, "tree"), "path").predicates[0]
    same = [i for i, rule in enumerate(e.predicates) if set(rule) == set(wanted)]
    if not same:
        raise InputError(
            "`path` ends in none of the leaves of this tree. Take both from the same tree."
        )
    return frozenset(same)


def _tree(e: Rules, drawn: Branch, taken: frozenset[int], title: str, ax: "Axes | None") -> "Axes":
    ends = drawn.ends()
    widths, texts = _boxes(drawn)
    step = STEP + (LINE if any("\n" in text for text in texts.values()) else 0.0)
    x = np.concatenate([[0.0], np.cumsum([w + BETWEEN for w in widths])])
    columns = _columns(e, ends)
    width = float(x[-1]) + sum(c.width + GAP for c in columns)
    height = 0.3 + step * len(ends)
    ax = sheet(ax, width=width, height=height, title=title)
    y = {id(end): 0.3 + step * (i + 0.5) for i, end in enumerate(ends)}
    for end in ends:
        on = bool(taken & set(end.leaves))
        level = _level(drawn, end)
        ax.plot(
            [x[level] + widths[level], x[-1] - 0.1], [y[id(end)]] * 2, linewidth=1.6 if on else 0.7,
            color=POSITIVE if on else FAINT, zorder=0.6 if on else 0.5,
        )  # fmt: skip
    _node(ax, drawn, 0, x, widths, texts, y, taken)
    draw_columns(ax, float(x[-1]), 0.14, [y[id(end)] for end in ends], columns)
    joined = sum(len(end.leaves) for end in ends if len(end.leaves) > 1)
    cut = f"{joined:,} of {len(e):,} leaves are not drawn one by one, but joined where few rows are"
    foot(ax, [cut if joined else "", *said_of(e)])
    return ax


def _row_name(e: Rules) -> str:
    label = e.names.rows[0] if e.names.rows else "one row"
    return f"row {label}" if label.isdigit() else label


def _boxes(tree: Branch) -> tuple[list[float], dict[int, str]]:
    """Return the width of the boxes at each depth, and what is in the box of each node."""
    level, widths, texts = [tree], [], {}
    most = max(NARROWEST, min(WIDEST, BOXES / (tree.depth + 1)))
    while level:
        for node in level:
            texts[id(node)] = "\n".join(_two_lines(node.said or "all rows", most - 0.16))
        lines = [line for node in level for line in texts[id(node)].split("\n")]
        widths.append(max(inches(line, SMALL + 0.5) for line in lines) + 0.16)
        level = [part for node in level for part in node.parts]
    return widths, texts


def _two_lines(text: str, width: float) -> list[str]:
    """Break a text between words, and cut what would be a third line out of its middle."""
    words = plain(text).split()
    count = len(words)
    while count > 1 and inches(" ".join(words[:count]), SMALL + 0.5) > width:
        count -= 1
    lines = [" ".join(words[:count]), " ".join(words[count:])]
    return [fitting(line, width, SMALL + 0.5) for line in lines if line]


def _level(tree: Branch, end: Branch, depth: int = 0) -> int:
    if tree is end:
        return depth
    part = next(part for part in tree.parts if set(end.leaves) <= set(part.leaves))
    return _level(part, end, depth + 1)


def _node(
    ax: "Axes",
    node: Branch,
    depth: int,
    x: Floats,
    widths: list[float],
    texts: dict[int, str],
    y: dict[int, float],
    taken: frozenset[int],
) -> float:
    """Draw a node and all below it; return its height."""
    left, right = float(x[depth]), float(x[depth]) + widths[depth]
    heights = [_node(ax, part, depth + 1, x, widths, texts, y, taken) for part in node.parts]
    here = y[id(node)] if not node.parts else (heights[0] + heights[-1]) / 2
    for part, height in zip(node.parts, heights, strict=True):
        on = bool(taken & set(part.leaves))
        bend = right + BETWEEN * 0.45
        ax.plot(
            [right, bend, bend, float(x[depth + 1])], [here, here, height, height],
            color=POSITIVE if on else QUIET, linewidth=1.8 if on else 0.9,
            zorder=0.8 if on else 0.7, solid_joinstyle="round",
        )  # fmt: skip
    _box(ax, texts[id(node)], left, right, here, on=bool(taken & set(node.leaves)))
    return here


def _box(ax: "Axes", text: str, left: float, right: float, y: float, *, on: bool) -> None:
    from matplotlib.patches import FancyBboxPatch

    half = 0.1 + 0.5 * LINE * text.count("\n")
    ax.add_patch(
        FancyBboxPatch(
            (left + 0.02, y - half), right - left - 0.04, 2 * half, boxstyle="round,pad=0.02",
            facecolor="#fdeedd" if on else "#f4f6f8", edgecolor=POSITIVE if on else QUIET,
            linewidth=1.4 if on else 0.7, zorder=1,
        )
    )  # fmt: skip
    write(ax, (left + right) / 2, y, text, size=SMALL + 0.5, align="center", color="black")


def _columns(e: Rules, ends: list[Branch]) -> list[Column]:
    """Return what is said at the ends: of a leaf what it says, of leaves joined their mean."""
    if all(len(end.leaves) == 1 for end in ends):
        return trust_columns(e, [end.leaves[0] for end in ends])
    weight = np.nan_to_num(e.coverage)
    cover = np.array([weight[list(end.leaves)].sum() for end in ends])
    said = []
    for end in ends:
        at = list(end.leaves)
        part = weight[at] if weight[at].sum() > 0 else np.ones(len(at))
        mean = np.average(e.outputs[at], axis=0, weights=part)
        words = answer(e.names.outputs, mean, e.provenance.unit)
        said.append(f"{words}{f', mean of {len(at)} leaves' if len(at) > 1 else ''}")
    return [
        Column(head="the tree says", cells=tuple(said), strong=True),
        Column(head="share of rows", cells=tuple(share(float(c)) for c in cover), bars=cover),
    ]


def _path(e: Rules, ax: "Axes | None") -> "Axes":
    """Draw the conditions of one row from the top down, beside its own values."""
    said = [plain(condition(p)) for p in e.predicates[0]] or ["always"]
    cells = [_cell(e, p.feature) for p in e.predicates[0]] or [""]
    box = min(4.0, max(inches(text, SMALL + 0.5) for text in said) + 0.2)
    values = max((inches(cell) for cell in cells), default=0.0)
    columns = trust_columns(e, [0])
    width = max(box + GAP + values, sum(c.width + GAP for c in columns)) + GAP
    y = [0.35 + 0.36 * i for i in range(len(said))]
    end = y[-1] + 0.62
    ax = sheet(ax, width=width, height=end + ROW, title=f"Path of {_row_name(e)}")
    if any(cells):
        write(ax, box + GAP, 0.1, "the row", color=QUIET, size=SMALL)
    ax.plot([box / 2, box / 2], [y[0], end - 0.32], color=POSITIVE, linewidth=1.8, zorder=0.8)
    for place, text, cell in zip(y, said, cells, strict=True):
        _box(ax, fitting(text, box - 0.1, SMALL + 0.5), 0.0, box, place, on=True)
        write(ax, box + GAP, place, cell)
    draw_columns(ax, 0.0, end - 0.18, [end + 0.05], columns)
    foot(ax, said_of(e))
    return ax


def _cell(e: Rules, feature: str) -> str:
    if not isinstance(e.data, Table) or feature not in e.data.names:
        return ""
    text = e.data.text(0, e.data.names.index(feature))
    return fitting(f"{feature} = {text}" if text != "missing" else f"{feature} is missing", 3.0)
