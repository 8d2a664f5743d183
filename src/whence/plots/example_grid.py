"""What a table of examples shows of one row: cells, changes, and what is known of each example."""

from dataclasses import dataclass

import numpy as np

from whence.core.errors import InputError
from whence.core.examples import Examples
from whence.core.show_rows import candidate_table
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints
from whence.core.words import answer, share
from whence.plots.pick import kind
from whence.plots.style import MINUS

TABLE = 3
"""Axes of the candidates of a table: rows, candidates, columns."""
SCORES = ("plausibility", "robustness")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """What is drawn of one row.

    Attributes
    ----------
    names : tuple of str
        Of the columns of the data that are shown.
    cells : tuple of tuples of str
        Per candidate its cells.
    own : tuple of str or None
        The cells of the row explained; None where the examples are of all rows.
    changed : bool array of shape (candidates, names)
    rise : int array of shape (candidates, names)
        Sign of the change of a number; 0 of a category.
    places : int array of shape (candidates,)
        Which of the candidates are shown.
    said : list of str
        Notes.
    """

    names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    own: tuple[str, ...] | None
    changed: Bools
    rise: Ints
    places: Ints
    said: list[str]


def examples_of(e: object) -> Examples:
    """Return ``e`` if it is examples that are rows of a table, of one row at least.

    Raises
    ------
    InputError
        If it is not.
    """
    if not isinstance(e, Examples):
        raise InputError(
            f"`examples` needs Examples and got {type(e).__name__}. Pass what `whence.explain` "
            "returned for counterfactuals or prototypes, or see whether `plot` suits it."
        )
    kind(e, Examples, "examples")
    if e.candidates.ndim == TABLE and not e.candidates.shape[-1]:
        raise InputError(
            "`examples` draws rows of tables, and these examples have no columns, such as texts. "
            "Look them up by their places among the rows: `index`."
        )
    if e.candidates.ndim != TABLE or (e.data is not None and not isinstance(e.data, Table)):
        held = "rows of another form" if e.data is None else type(e.data).__name__.lower()
        raise InputError(
            f"`examples` draws rows of tables, and these examples are {held}. Look at `candidates`."
        )
    return e


def grid_of(e: Examples, i: int, most: int, features: int, unchanged: bool) -> Grid:
    """Return the cells of the first examples of a row, and what they change."""
    table = candidate_table(e, i)
    found = np.flatnonzero(e.valid[i])
    places = found[:most]
    size = places.size
    data = e.data if isinstance(e.data, Table) else None
    changed = np.zeros((size, len(table.names)), dtype=bool)
    rise = np.zeros(changed.shape, dtype=np.int64)
    said = [f"shown: the first {size} of {found.size} examples" if found.size > size else ""]
    shown = np.arange(len(table.names))
    if data is not None and e.kind == "counterfactual":
        changed = np.asarray(e.changed[i, places])
        rise = np.sign(np.nan_to_num(e.candidates[i, places] - data.numbers[i])).astype(np.int64)
        rise[:, [levels is not None for levels in table.levels]] = 0
        if not unchanged:
            shown = np.flatnonzero(changed.any(axis=0))
            left = len(table.names) - shown.size
            said.append(
                f"unchanged in all of them: {left} other column{'s' * (left > 1)}" if left else ""
            )
    if shown.size > features:
        said.append(f"shown: the first {features} of {shown.size} columns")
        shown = shown[:features]
    at = shown.tolist()
    return Grid(
        names=tuple(table.names[j] for j in at),
        cells=tuple(tuple(table.text(c, j) for j in at) for c in range(size)),
        own=None if data is None else tuple(data.text(i, j) for j in at),
        changed=changed[:, at],
        rise=rise[:, at],
        places=places,
        said=said,
    )


def before_of(e: Examples, i: int) -> str:
    """Return what the model says about the row explained, as its candidates are told."""
    if e.before is None:
        return ""
    names = e.names.outputs if e.before.shape[1] > 1 else ()
    return answer(names, e.before[i], e.provenance.unit)


def measures_of(e: Examples, i: int, places: Ints) -> list[tuple[str, list[str], Floats | None]]:
    """Return name, texts and numbers for bars of what is known of the candidates."""
    answers = [answer((), e.outputs[i, c][[0]]) for c in places]
    unit = e.provenance.unit
    name = (e.names.outputs[0] if e.names.outputs else "") or "the model says"
    if e.outputs.shape[-1] > 1:
        answers = [answer(e.names.outputs, e.outputs[i, c], unit) for c in places]
        name = "the model says"
    elif unit == "probability" and e.names.outputs:
        name = f"P({name})"
    elif unit:
        name = f"{name} ({unit})"
    lines: list[tuple[str, list[str], Floats | None]] = [(name, answers, None)]
    if np.isfinite(e.distance[i, places]).any():
        lines.append(("distance", [f"{d:.3g}" for d in e.distance[i, places]], None))
    if e.score is not None and e.kind != "counterfactual":
        score = e.score[i, places]
        head = "influence" if e.kind == "influence" else "score"
        code = "+.3g" if e.kind == "influence" else ".3g"
        texts = [format(s, code).replace("-", MINUS) for s in score]
        if e.kind == "prototype":
            head, texts = "stands for", [share(float(s)) for s in score]
        lines.append((head, texts, score))
    for head in SCORES:
        part = getattr(e, head)
        if part is not None and np.isfinite(part[i, places]).any():
            low = "at least " if head == "robustness" else ""
            lines.append((head, [f"{low}{share(float(p))}" for p in part[i, places]], None))
    return lines
