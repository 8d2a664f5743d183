"""Unknown columns of a table take their values from rows of a background, whatever is known.

``v(S) = mean over background rows z of f(x_S, z_rest)``. The unknown columns keep their dependence
on each other, since they come from one row, but not that on the known ones: the model may be asked
about rows that do not occur. What the values then tell is how the model works (Janzing et al. 2020,
arXiv:1910.13413). Where dependence has to be kept, see `whence.maskers.conditional`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from whence.core.blend import Blend, cell_codes
from whence.core.inputs import Inputs
from whence.core.mix import mix, stack
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints, Words
from whence.maskers.columns import Groups, Players, players_of, table_only
from whence.maskers.scene import Masked, OpenScene, Scene
from whence.models.predict import Predict

_CELLS = 4_000_000
"""Cells of the table that the model is asked with at a time; one coalition may need more."""


@dataclass(frozen=True, slots=True, eq=False)
class Marginal:
    """Unknown columns take their values from background rows, all of them, jointly.

    Rows that come out the same are asked about once.

    Attributes
    ----------
    background : table of shape (background, columns)
        Rows that stand for "unknown", in the form of ``X``.
    groups : dict or None
        Name -> columns that are one player; a column outside of all groups is a player by itself.
        A group stands where the first of its columns does. Columns of an array, which have no
        names, are named by their numbers.

    References
    ----------
    Janzing, Minorics & Blöbaum 2020, arXiv:1910.13413.

    Examples
    --------
    >>> import pandas as pd
    >>> from whence.core.table import table_of
    >>> from whence.models.predict import read_predict
    >>> Z = pd.DataFrame({"age": [30, 40], "job": ["clerk", "smith"], "town": ["Ulm", "Bonn"]})
    >>> masker = Marginal(Z, groups={"life": ["job", "town"]})
    >>> rows, rng = table_of(Z.assign(age=65)[:1]), np.random.default_rng(0)
    >>> scene = masker.bind(read_predict(len))(rows, rng)
    >>> scene.names
    ('age', 'life')
    >>> scene.mask(np.array([0]), np.array([[True, False]])).inputs.native
       age    job  town
    0   65  clerk   Ulm
    1   65  smith  Bonn
    """

    background: object
    groups: Groups | None = None

    def bind(self, view: Predict) -> OpenScene:
        """Check background and groups and return what opens scenes.

        Raises
        ------
        InputError
            If the background does not fit the model, or the groups do not fit the background.
        """
        Z = view.read(self.background, what="background")
        return _opening(Z, players_of(Z, self.groups))


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """Unknown columns take the values of one row.

    A background of several rows stands for its typical row: of each column of numbers the median
    (of an even number of values the lower one, so that it is a value that occurs), of each column
    of categories the most frequent one; missing cells have no say unless all are missing. For a
    mean, or zeros, hand in that row as a table of one row.

    Attributes
    ----------
    background : table of shape (background, columns)
        The row that stands for "unknown", or rows of which it is made, in the form of ``X``.
    groups : dict or None
        Name -> columns that are one player; see `Marginal`.

    Examples
    --------
    >>> from whence.core.table import table_of
    >>> from whence.models.predict import read_predict
    >>> Z = np.array([[1.0, 7.0], [2.0, 8.0], [60.0, 9.0]])
    >>> open_scene = Baseline(Z).bind(read_predict(len))
    >>> scene = open_scene(table_of(np.zeros((1, 2))), np.random.default_rng(0))
    >>> scene.mask(np.array([0]), np.array([[False, True]])).inputs.native
    array([[2., 0.]])
    """

    background: object
    groups: Groups | None = None

    def bind(self, view: Predict) -> OpenScene:
        """Check row and groups and return what opens scenes.

        Raises
        ------
        InputError
            If the background does not fit the model, or the groups do not fit the background.
        """
        Z = view.read(self.background, what="background")
        players = players_of(Z, self.groups)
        coded = [levels is not None for levels in Z.levels]
        typical = [_typical(c, coded=is_) for c, is_ in zip(Z.numbers.T, coded, strict=True)]
        return _opening(mix(Z, np.array([typical])), players)


def _typical(column: Floats, *, coded: bool) -> int:
    """Return the row in which a column holds its median, or its most frequent code."""
    present = np.flatnonzero(~np.isnan(column))
    if not len(present):
        return 0
    if coded:
        _, first, counts = np.unique(column[present], return_index=True, return_counts=True)
        return int(present[first[np.argmax(counts)]])
    ranked = present[np.argsort(column[present], kind="stable")]
    return int(ranked[(len(ranked) - 1) // 2])


def _opening(Z: Table, players: Players) -> OpenScene:
    def open_scene(inputs: Inputs, rng: Generator) -> Scene:  # noqa: ARG001  draws nothing
        X = table_only(inputs, Z)
        both = stack(X, Z)
        return _Marginal(data=X, both=both, players=players, codes=cell_codes(both))

    return open_scene


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Marginal:
    """Rows explained, above those of the background."""

    data: Table
    both: Table
    players: Players
    codes: Words

    alike = True

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.players.names),)

    @property
    def names(self) -> tuple[str, ...]:
        return self.players.names

    @property
    def counts(self) -> Ints:
        return np.full(len(self.data), len(self.players.names))

    @property
    def copies(self) -> int:
        return len(self.both) - len(self.data)

    @property
    def batch(self) -> int:
        return max(1, _CELLS // (self.copies * len(self.data.names)))

    def mask(self, row: Ints, known: Bools, u: Floats | None = None) -> Masked:
        other = np.arange(len(self.data), len(self.both))[None, :]
        if u is not None:
            other = len(self.data) + (u * self.copies).astype(np.int64)[:, None]
        blend = Blend(known=self.players.columns(known), row=row, other=other)
        same = blend.same(self.codes)
        if same is None:
            return Masked(inputs=blend.of(self.both))
        kept, back = same
        return Masked(inputs=blend.of(self.both, kept), back=back)
