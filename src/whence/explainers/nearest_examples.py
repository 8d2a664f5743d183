"""The rows of a background that are most like a row, with what the model says about them.

Near rows that get the same answer support it; near rows of another class show where it would
change. A row that has no near ones is unlike all that the model was trained on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.check import check_whole
from whence.core.errors import InputError
from whence.core.examples import Examples
from whence.core.method import Explain, Rows
from whence.core.types import Bools, Floats, Ints
from whence.maskers.chosen import chosen
from whence.maskers.likeness import Apart, Embed, Likeness, background_of
from whence.models.decided import decided
from whence.models.predict import Predict

_TIE = 1e-12
"""Share of a distance that is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NearestExamples:
    """The rows of a background that are most like each row.

    ``index`` says which rows of the background they are, the nearest first; of rows that are
    equally near the first. A row that is itself in the background is its own nearest example, at
    the distance 0.

    Attributes
    ----------
    background : table, images, texts or series
        The rows to choose from, such as the training data, in the form of ``X``.
    count : int
        How many for each row.
    same_class : bool or None
        True: of those alone for which the model decides as for the row. False: of those for which
        it decides otherwise, so that they show what would have to be different. None: of all.
    embed : callable or None
        Rows in the user's form -> numbers of shape (rows, features), by which they are compared;
        needed for texts. None compares the columns of tables by Gower's distance (numbers by their
        ranges in the background, categories and missing cells by whether they are the same), and
        images and series by the root of their mean squared difference.
    weights : mapping from column to number, or None
        How much each column of a table counts in the distance, such as its importance; one that is
        not named does not count. None counts all alike.

    References
    ----------
    Gower 1971, doi:10.2307/2528823. Caruana et al. 1999, PMID 10566351 (cases as explanations).

    Examples
    --------
    >>> import whence as wh
    >>> Z = np.array([[0.0], [1.0], [4.0]])
    >>> near = NearestExamples(background=Z, count=2)
    >>> e = wh.explain(lambda X: X[:, 0] ** 2, np.array([[3.0]]), near)
    >>> e.index, e.distance, e.outputs[0, :, 0]
    (array([[2, 1]]), array([[0.25, 0.5 ]]), array([16.,  1.]))
    """

    background: object = None
    count: int = 5
    same_class: bool | None = None
    embed: Embed | None = None
    weights: Mapping[str, float] | None = None

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ("10.2307/2528823", "PMID 10566351")

    def bind(self, view: Predict) -> Explain[Examples]:
        """Ask the model about the background and return the function that explains rows.

        Raises
        ------
        InputError
            If the background does not fit the model, or a setting cannot be used.
        """
        self._check()
        background = background_of(view, self.background)
        if self.count > len(background):
            raise InputError(
                f"count is {self.count} and the background has {len(background)} rows. Give fewer, "
                "or more rows of background."
            )
        likeness = Likeness.of(
            background, embed=self.embed, weights=self.weights, names=view.features
        )
        said = view.ask(background)
        _refuse_numbers(view, said, self.same_class)

        def explain(rows: Rows, *, rng: Generator) -> Examples:
            del rng  # nothing is drawn
            X = rows.given()
            apart, both = likeness.of_rows(X)
            may = _permitted(view, rows.raw, said, self.same_class)
            index, distance = _nearest(apart, self.count, may)
            labels = None if rows.labels is None else np.repeat(rows.labels, self.count)
            outputs = view.respond(said[index.ravel()], labels)
            return chosen("neighbor", X, background, both, index, distance, outputs, rows.outputs)

        return explain

    def _check(self) -> None:
        check_whole("count", self.count)
        if self.same_class not in (None, True, False):
            raise InputError(f"same_class is {self.same_class!r}. Give True, False or None.")


def _refuse_numbers(view: Predict, said: Floats, same_class: bool | None) -> None:
    if same_class is not None and decided(view, said) is None:
        raise InputError(
            f"same_class is {same_class} and {view.name} answers with one number and has no "
            "classes. Leave it out, or give a function that answers with a score for each class."
        )


def _permitted(
    view: Predict, raw: Floats, said: Floats, same_class: bool | None
) -> Callable[[slice], Bools] | None:
    """Return which rows of the background some rows may have; None: all may have any."""
    mine, theirs = decided(view, raw), decided(view, said)
    if same_class is None or mine is None or theirs is None:
        return None
    return lambda s: np.asarray((mine.label[s, None] == theirs.label) == same_class)


def _nearest(apart: Apart, count: int, may: Callable[[slice], Bools] | None) -> tuple[Ints, Floats]:
    """Return the nearest rows, -1 where there is none, and their distances."""
    index = np.empty((len(apart.X), count), dtype=np.int64)
    distance = np.empty(index.shape)
    for s in apart.blocks():
        far = apart(s)
        if may is not None:
            far[~may(s)] = np.inf
        # Ranked by distance and then by place, also among those that tie with the last of them.
        last = np.partition(far, count - 1, axis=1)[:, count - 1]
        for i, (row, end) in enumerate(zip(far, last, strict=True)):
            some = np.flatnonzero(row <= end * (1 + _TIE))
            unit = _TIE * end if 0 < end < np.inf else _TIE
            order = np.argsort(np.round(row[some] / unit), kind="stable")
            index[s.start + i] = some[order[:count]]
        distance[s] = np.take_along_axis(far, index[s], axis=1)
    return np.where(np.isfinite(distance), index, -1), distance
