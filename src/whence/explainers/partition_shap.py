"""Owen values of any model: Shapley values where players stand in groups, and groups in groups.

Only those orders count in which the players of a group become known one right after another. The
values of a group's players then add up to what the group gets as a player among groups, columns
that say the same share their credit, and few coalitions can come up at all: with a balanced tree of
``n`` players some ``n ** 2``, so that many players are explained exactly. Where that is too many,
orders are drawn and walked forward and in reverse, with standard errors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from whence.core.check import shorten
from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.game import Sampler
from whence.core.inputs import Images, inputs_of
from whence.core.method import Explain
from whence.core.table import Table
from whence.core.types import Floats
from whence.kernels.hierarchy import (
    ExactIfCheap,
    Hierarchy,
    clustered,
    halved,
    merged,
    nested,
    owen_exactly,
    owen_steps,
)
from whence.kernels.players import player_of
from whence.kernels.walks import REMEMBERED, Walks
from whence.maskers.choice import masker_of
from whence.maskers.play import Seat, playing
from whence.maskers.scene import Masker
from whence.models.predict import Predict

_CELLS = 50_000_000
"""Cells of the coalitions of the exact way; more of them are sampled."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PartitionShap:
    """Owen values of any model, in the user's groups or in those that the data suggest.

    Without ``groups`` and ``hierarchy`` columns are grouped by how they move together (average
    linkage by one minus the size of Spearman's correlation in the background), the parts of a text
    in halves of halves, superpixels by cutting the image across its longer side again and again,
    and segments of a series by channel and then by time.

    Attributes
    ----------
    background : table of shape (background, columns) or None
        Rows that stand for unknown columns, in the form of ``X``, all of them, jointly; short for
        ``masker=Marginal(background)``.
    masker : Masker or None
        How players are hidden; None takes the background, or what is usual for images, texts and
        series.
    groups : dict or None
        Name -> players, by name or number; a player in none is a group by itself.
    hierarchy : nested tuples, or array of shape (players - 1, 2 or more), or None
        Players by name or number in tuples of tuples, such as ``(("age", "sex"), "income")``; or
        merges as scipy's ``linkage`` returns them.
    budget : int or None
        Most evaluations of the model for one row; the values are exact where they suffice for it.
    tolerance : float or None
        Where orders are sampled: largest standard error, as a share of the spread of a row's
        values, at which a row is done; None spends the budget.

    References
    ----------
    Owen 1977, doi:10.1007/978-3-642-45494-3_7. Winter 1989, doi:10.1007/BF01268150 (groups of
    groups).

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> Z, groups = np.zeros((1, 3)), {"left and right": ["x0", "x1"]}
    >>> method = PartitionShap(background=Z, groups=groups)
    >>> wh.explain(lambda X: X.prod(axis=1), Z + 2, method).values[0, :, 0]
    array([2., 2., 4.])
    """

    background: object = None
    masker: Masker | None = None
    groups: Mapping[str, Sequence[str | int]] | None = None
    hierarchy: Any = None
    budget: int | None = None
    tolerance: float | None = 0.01

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ("10.1007/978-3-642-45494-3_7", "10.1007/BF01268150")

    def bind(self, view: Predict) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If background, masker, groups, hierarchy, budget or tolerance cannot be used.
        """
        if self.groups is not None and self.hierarchy is not None:
            raise InputError("groups and hierarchy were both given. Give one of the two.")
        masker = masker_of(self.background, self.masker)
        by_data = self._by_data()

        def sampler(seat: Seat) -> Sampler:
            return self._sampler(seat, by_data)

        return playing(view, masker, sampler, budget=self.budget, tolerance=self.tolerance)

    def _by_data(self) -> Hierarchy | None:
        """Return the columns of the background in groups, if it is a table and they are wanted."""
        rows = self.background if self.masker is None else getattr(self.masker, "background", None)
        if rows is None or self.groups is not None or self.hierarchy is not None:
            return None
        table = inputs_of(rows)
        return clustered(table.numbers) if isinstance(table, Table) else None

    def _sampler(self, seat: Seat, by_data: Hierarchy | None) -> Sampler:
        hierarchy, n = self._hierarchy(seat, by_data), seat.players
        return ExactIfCheap(
            cost=hierarchy.coalitions,
            limit=_CELLS // n,
            exact=lambda: owen_exactly(hierarchy, seat.nobody, seat.everybody),
            sampled=Walks(
                nobody=seat.nobody,
                everybody=seat.everybody,
                players=n,
                orders=lambda count: hierarchy.orders(count, seat.rng),
                antithetic=True,
                steps=owen_steps(hierarchy) if n <= REMEMBERED else None,
                judged=self.tolerance is not None,
            ),
        )

    def _hierarchy(self, seat: Seat, by_data: Hierarchy | None) -> Hierarchy:
        names, n = seat.scene.names, seat.players
        if self.groups is not None:
            return _of_groups(self.groups, names, n)
        if isinstance(self.hierarchy, np.ndarray):
            return _of_linkage(self.hierarchy, n)
        if self.hierarchy is not None:
            return _of_tuples(self.hierarchy, names, n)
        return _usual(seat, by_data)


def _of_groups(
    groups: Mapping[str, Sequence[str | int]], names: tuple[str, ...], players: int
) -> Hierarchy:
    if not isinstance(groups, Mapping):
        raise InputError(
            f"groups is {groups!r:.60}. A dict from a name to players is needed, such as "
            "{'person': ['age', 'sex']}."
        )
    parts = [
        [player_of(who, names, players, setting=f"groups[{name!r}]") for who in who_in]
        for name, who_in in groups.items()
    ]
    empty = [name for name, part in zip(groups, parts, strict=True) if not part]
    if empty:
        raise InputError(f"groups holds {shorten(empty)} without players. Leave such groups out.")
    named = {i for part in parts for i in part}
    alone = [i for i in range(players) if i not in named]
    return _checked([*parts, *alone], players, names, setting="groups")


def _of_tuples(tree: object, names: tuple[str, ...], players: int) -> Hierarchy:
    if not isinstance(tree, (tuple, list)):
        raise InputError(
            f"hierarchy is {tree!r:.60}. Nested tuples of players are needed, such as "
            "(('age', 'sex'), 'income'), or merges as scipy's linkage returns them."
        )
    numbered = _numbered(tree, names, players)
    return _checked(numbered, players, names, setting="hierarchy")


def _numbered(tree: object, names: tuple[str, ...], players: int) -> object:
    if isinstance(tree, (tuple, list)):
        return [_numbered(part, names, players) for part in tree]
    return player_of(tree, names, players, setting="hierarchy")


def _checked(tree: object, players: int, names: tuple[str, ...], *, setting: str) -> Hierarchy:
    """Return the hierarchy of a tree of numbers in which each player must stand once."""
    found = np.bincount(_leaves(tree), minlength=players)
    for wrong, what in ((found > 1, "more than once"), (found == 0, "nowhere")):
        if wrong.any():
            who = [names[i] if names else int(i) for i in np.flatnonzero(wrong)]
            raise InputError(f"{setting} has {shorten(who)} {what}. Name each player once.")
    return Hierarchy(players=players, groups=tuple(nested(tree, int)))  # type: ignore[arg-type]


def _leaves(tree: object) -> list[int]:
    if not isinstance(tree, (tuple, list)):
        return [int(tree)]  # type: ignore[call-overload]  # the number of a player
    return [leaf for part in tree for leaf in _leaves(part)]


def _of_linkage(linkage: Any, players: int) -> Hierarchy:  # noqa: ANN401  an array of any type
    fits = linkage.ndim == 2 and len(linkage) == players - 1 and linkage.shape[1] > 1  # noqa: PLR2004
    merges = [(int(a), int(b)) for a, b in linkage[:, :2]] if fits else []
    below = all(max(pair) < players + step for step, pair in enumerate(merges))
    once = sorted(i for pair in merges for i in pair) == list(range(2 * players - 2))
    if not (fits and below and once):
        raise InputError(
            f"hierarchy is an array of shape {linkage.shape} that does not merge {players} "
            f"players. {players - 1} merges are needed, as scipy's linkage returns them: each "
            "player, and each cluster but the last, merged once."
        )
    return merged(merges)


def _usual(seat: Seat, by_data: Hierarchy | None) -> Hierarchy:
    data, n = seat.scene.data, seat.players
    if isinstance(data, Images) and data.segments is not None:
        return halved(_centers(data.segments[seat.row], n))
    if isinstance(data, Table):
        if by_data is not None and by_data.players == n:
            return by_data
        raise InputError(
            f"The {n} players of this masker are no columns of a background, so what belongs "
            "together cannot be told. Give groups or hierarchy."
        )
    shape = seat.scene.shape if int(np.prod(seat.scene.shape)) == n else (n,)
    time, channel = np.divmod(np.arange(n), shape[1] if len(shape) > 1 else 1)
    return halved(np.column_stack([channel * float(n), time]))  # channels are farther apart


def _centers(segments: Any, players: int) -> Floats:  # noqa: ANN401  an array of integers
    """Return the mean position of the pixels of each superpixel, (players, 2)."""
    rows, columns = np.indices(segments.shape)
    flat = segments.ravel()
    inside = flat >= 0
    count = np.maximum(np.bincount(flat[inside], minlength=players), 1)
    sums = [
        np.bincount(flat[inside], weights=axis.ravel()[inside], minlength=players)
        for axis in (rows, columns)
    ]
    return np.column_stack(sums)[:players] / count[:players, None]
