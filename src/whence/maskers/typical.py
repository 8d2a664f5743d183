"""Rows picked out of a data set, or out of the rows of each class that a model decides for.

What prototypes and criticisms share: how rows are grouped and compared, how many picks each group
has, and what the result looks like.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.examples import Examples
from whence.core.explanation import Names
from whence.core.inputs import Inputs
from whence.core.method import Rows
from whence.core.provenance import Provenance
from whence.core.table import Table
from whence.core.types import Floats, Ints
from whence.kernels.mmd_critic import Gram, width_of
from whence.maskers.likeness import Apart, Embed, Likeness, numbers_of
from whence.models.decided import Decided, decided
from whence.models.predict import Predict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparing:
    """How rows are grouped and compared; the settings that `Prototypes` describes."""

    per_class: bool | None
    embed: Embed | None
    weights: Mapping[str, float] | None

    def check(self) -> None:
        """Raise `InputError` if a setting cannot be used."""
        if self.per_class not in (None, True, False):
            raise InputError(f"per_class is {self.per_class!r}. Give True, False or None.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picks:
    """Rows picked out of a group.

    Attributes
    ----------
    index : int array of shape (picks,)
        Positions in the group.
    score, distance : arrays of shape (picks,)
    """

    index: Ints
    score: Floats
    distance: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """The rows of one class, or all rows.

    Attributes
    ----------
    rows : int array of shape (rows,)
    share : callable
        How many picks are of the whole -> how many of them are of this group.
    gram : Gram
        The kernel matrix of the group, and the distances behind it.
    """

    rows: Ints
    share: Callable[[int], int]
    gram: Gram

    def apart(self, rows: Ints, others: Ints) -> Floats:
        """Return the distances of rows from others, by their positions in the group."""
        return self.gram.apart(rows, others)


def picked(
    kind: Literal["prototype", "criticism"],
    pick: Callable[[Group], Picks],
    comparing: Comparing,
    wanted: Mapping[str, int],
    view: Predict,
    rows: Rows,
    rng: Generator,
) -> Examples:
    """Return what is picked out of each group.

    Parameters
    ----------
    kind : {"prototype", "criticism"}
    pick : callable
        Group -> rows picked out of it.
    comparing : Comparing
    wanted : mapping
        Setting -> how many picks of the whole it asks for.
    view : Predict
    rows : Rows
    rng : Generator
        For the sample that the median distance is taken of.

    Raises
    ------
    InputError
        If there are fewer rows, or more classes, than picks are asked for.
    """
    X, found = rows.given(), _classes(view, rows.raw, comparing.per_class)
    sizes = np.bincount(found.label, minlength=len(found.names))
    there = np.flatnonzero(sizes)
    for name, count in wanted.items():
        _check_wanted(name, count, len(there), len(X))
    likeness = Likeness.of(X, embed=comparing.embed, weights=comparing.weights, names=view.features)
    groups = list(_groups(found.label, there, likeness.of_rows(X)[0], rows.progress, rng))
    unseen = [name for name, size in zip(found.names, sizes, strict=True) if not size]
    warnings: tuple[str, ...] = ()
    if unseen:
        warnings = (f"The model decides for {', '.join(unseen)} in no row.",)
    names = Names(
        features=_features(view, X),
        outputs=view.names_of(rows.outputs.shape[1]),
        rows=tuple(found.names[c] for c in there),
    )
    picks = [pick(group) for group in groups]
    warnings += _too_few(kind, sum(len(p.index) for p in picks), wanted["count"])
    made = [(group.rows[p.index], p) for group, p in zip(groups, picks, strict=True)]
    return _filled(kind, X, rows.outputs, made, names, Provenance(warnings=warnings))


def shared_out(count: int, sizes: Ints) -> Ints:
    """Return how many picks each group has: by its size, but one at least.

    Examples
    --------
    >>> shared_out(5, np.array([70, 25, 5]))
    array([3, 1, 1])
    """
    quota = count * sizes / sizes.sum()
    given: Ints = np.maximum(np.floor(quota).astype(np.int64), 1)
    while given.sum() > count:  # small groups have one more than is theirs
        given[np.argmax(np.where(given > 1, given - quota, -np.inf))] -= 1
    while given.sum() < count:
        given[np.argmax(quota - given)] += 1
    return given


def _classes(view: Predict, raw: Floats, per_class: bool | None) -> Decided:
    found = None if per_class is False else decided(view, raw)
    if found is None and per_class:
        raise InputError(
            f"per_class is True and {view.name} answers with one number and has no classes. Give "
            "per_class=False, or a function that answers with a score for each class."
        )
    if found is None or not (found.sure or per_class):
        return Decided(label=np.zeros(len(raw), dtype=np.int64), names=("all",), sure=True)
    return found


def _check_wanted(name: str, count: int, classes: int, rows: int) -> None:
    if count > rows:
        raise InputError(
            f"{name} is {count} and X has {rows} rows. Rows are picked out of X. Give fewer, or "
            "more rows."
        )
    if count < classes:
        raise InputError(
            f"{name} is {count} and the model decides for {classes} classes, each of which has one "
            f"at least. Give {name}={classes} or more, or per_class=False."
        )


def _too_few(kind: str, found: int, count: int) -> tuple[str, ...]:
    if found == count:
        return ()
    taken = "one of them or a prototype" if kind == "criticism" else "one of them"
    return (f"{found} of {count} were found: every other row equals {taken}.",)


def _groups(
    label: Ints, there: Ints, apart: Apart, progress: Callable[[float], None], rng: Generator
) -> Iterator[Group]:
    sizes = np.bincount(label)[there]
    work = np.cumsum([0, *sizes**2]) / (sizes**2).sum()
    for place, c in enumerate(there):
        rows = np.flatnonzero(label == c)

        def between(some: Ints, others: Ints, rows: Ints = rows) -> Floats:
            return apart(rows[some], rows[others])

        def share(count: int, place: int = place) -> int:
            return int(shared_out(count, sizes)[place])

        def show(done: float, start: float = work[place], end: float = work[place + 1]) -> None:
            progress(start + done * (end - start))

        width = width_of(len(rows), between, rng)
        gram = Gram(size=len(rows), apart=between, width=width, progress=show)
        yield Group(rows=rows, share=share, gram=gram)


def _features(view: Predict, X: Inputs) -> tuple[str, ...]:
    learned = isinstance(X, Table) and not X.named and bool(view.features)
    return view.features if learned else X.names


def _filled(
    kind: Literal["prototype", "criticism"],
    X: Inputs,
    outputs: Floats,
    made: list[tuple[Ints, Picks]],
    names: Names,
    provenance: Provenance,
) -> Examples:
    numbers = numbers_of(X)
    n, most = len(made), max(1, *(len(index) for index, _ in made))
    candidates = np.full((n, most, *numbers.shape[1:]), np.nan)
    said = np.full((n, most, outputs.shape[1]), np.nan)
    distance, score = (np.full((n, most), np.nan) for _ in range(2))
    index, valid = np.full((n, most), -1, dtype=np.int64), np.zeros((n, most), dtype=bool)
    for g, (chosen, picks) in enumerate(made):
        here = (g, slice(0, len(chosen)))
        candidates[here], said[here], index[here] = numbers[chosen], outputs[chosen], chosen
        distance[here], score[here], valid[here] = picks.distance, picks.score, True
    return Examples(
        candidates=candidates,
        outputs=said,
        distance=distance,
        valid=valid,
        kind=kind,
        levels=X.levels if isinstance(X, Table) else (),
        index=index,
        score=score,
        names=names,
        provenance=provenance,
    )
