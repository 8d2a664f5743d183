"""Unknown columns of a table take values that go with the known ones.

``v(S) = E[f(x_S, Z_rest) | Z_S = x_S]``. The model is only asked about rows that may well occur. A
column that the model does not use can then be worth something, for what it tells of others (Aas,
Jullum & Løland 2021, arXiv:1903.10464). Where values have to tell how the model works, see
`whence.maskers.tabular`.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.random import Generator

from whence.core.blend import Blend, cell_codes
from whence.core.blocks import cut
from whence.core.errors import InputError
from whence.core.inputs import Inputs
from whence.core.mix import stack
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints, Words
from whence.kernels.copula import copula_of
from whence.kernels.nearness import Nearness, nearness_of
from whence.maskers.columns import Groups, Players, players_of, table_only
from whence.maskers.drawn import check_samples, drawing, in_codes_of
from whence.maskers.scene import Masked, OpenScene, Scene
from whence.models.predict import Predict

_CELLS = 4_000_000
"""Cells of the distances that are measured at a time; one coalition may need more."""

Model = Literal["gaussian_copula", "empirical"]


@dataclass(frozen=True, slots=True, eq=False)
class Conditional:
    """Unknown columns take values that go with the known ones, as far as a background tells.

    With ``model="gaussian_copula"`` values are drawn by ranks: each column keeps its distribution,
    and the ranks depend on each other as those of Gaussian columns do. Only values occur that the
    background holds. Categories count in the order in which their column lists them, and missing
    values as lower than all others, so what goes with a category in the middle is told only as far
    as that order makes sense. What a category that the background lacks goes with is not known.

    With ``model="empirical"`` unknown columns come jointly from background rows that are near to
    what is known, weighted by how near. It suits few columns and any kind of dependence; where no
    row is near, a single one counts. Of the copies that a budget is counted in, one per background
    row, only those with a weight are asked about.

    Attributes
    ----------
    background : table of shape (background, columns)
        Rows that tell what goes with what, in the form of ``X``; some hundreds at least.
    model : {"gaussian_copula", "empirical"}
    samples : int
        Completions drawn for each coalition by a Gaussian copula. The same random numbers, spread
        evenly and in pairs of opposite signs, serve all coalitions and rows.
    sigma : float
        Distance, in standard deviations per known column, at which a row has lost 39 % of its
        weight in the empirical model.
    groups : dict or None
        Name -> columns that are one player; see `Marginal`.

    References
    ----------
    Aas, Jullum & Løland 2021, arXiv:1903.10464, doi:10.1016/j.artint.2021.103502.

    Examples
    --------
    >>> from whence.core.table import table_of
    >>> from whence.models.predict import read_predict
    >>> a = np.arange(100.0)
    >>> masker = Conditional(np.column_stack([a, -a]), samples=4)
    >>> open_scene = masker.bind(read_predict(len))
    >>> scene = open_scene(table_of(np.array([[90.0, 0.0]])), np.random.default_rng(0))
    >>> completed = scene.mask(np.array([0]), np.array([[True, False]])).inputs.native
    >>> bool((completed[:, 0] == 90).all() and (completed[:, 1] < -70).all())
    True
    """

    background: object
    model: Model = "gaussian_copula"
    samples: int = 100
    sigma: float = 0.1
    groups: Groups | None = None

    def bind(self, view: Predict) -> OpenScene:
        """Check the settings, learn from the background and return what opens scenes.

        Raises
        ------
        InputError
            If the background does not fit the model, or a setting cannot be used.
        """
        if self.model not in get_args(Model):
            raise InputError(
                f"model is {self.model!r}. It is the model of the columns, one of "
                f"{', '.join(map(repr, get_args(Model)))}."
            )
        check_samples(self.samples)
        if isinstance(self.sigma, bool) or not 0 < self.sigma < np.inf:
            raise InputError(
                f"sigma is {self.sigma!r}. A positive number is needed, the distance at which a "
                "background row has lost 39 % of its weight; 0.1 is usual."
            )
        Z = view.read(self.background, what="background")
        players = players_of(Z, self.groups)
        if self.model == "empirical":
            return _weighing(Z, players, self.sigma)
        copula = copula_of(Z.numbers)
        return drawing(Z, players, copula, copula.given, self.samples)


def _weighing(Z: Table, players: Players, sigma: float) -> OpenScene:
    near = nearness_of(Z.numbers, [len(levels or ()) for levels in Z.levels])

    def open_scene(inputs: Inputs, rng: Generator) -> Scene:  # noqa: ARG001  draws nothing
        X = table_only(inputs, Z)
        both = stack(X, Z)
        return _Weighed(
            data=X,
            both=both,
            players=players,
            codes=cell_codes(both),
            near=near,
            place=near.place(in_codes_of(X, Z)),
            sigma=sigma,
        )

    return open_scene


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Weighed:
    """Rows explained, above those of the background, and where they are in its distances."""

    data: Table
    both: Table
    players: Players
    codes: Words
    near: Nearness
    place: Floats
    sigma: float

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
        wide = max(len(self.near.owner), len(self.data.names))
        return max(1, _CELLS // (wide * max(self.copies, wide)))

    def mask(self, row: Ints, known: Bools, u: Floats | None = None) -> Masked:
        columns = self.players.columns(known)
        weights = None
        if u is None:
            weights = self._weights(row, columns)
            source = np.where(weights > 0, np.arange(self.copies), weights.argmax(axis=1)[:, None])
        else:  # there may be so many coalitions that their weights do not fit in memory
            parts = cut(len(row), self.batch)
            source = np.concatenate([self._drawn(row[s], columns[s], u[s]) for s in parts])
        blend = Blend(known=columns, row=row, other=len(self.data) + source)
        same = blend.same(self.codes)
        if same is None:
            return Masked(inputs=blend.of(self.both), weights=weights)
        kept, back = same
        of, other = kept // source.shape[1], blend.other.reshape(-1)[kept, None]
        distinct = Blend(known=columns[of], row=row[of], other=other)
        return Masked(inputs=distinct.of(self.both), back=back, weights=weights)

    def _weights(self, row: Ints, columns: Bools) -> Floats:
        """Return the weights of the background, (coalitions, background)."""
        asked = np.column_stack([row, columns])
        distinct, back = np.unique(asked, axis=0, return_inverse=True)
        known = distinct[:, 1:].astype(bool)
        return self.near.weights(known, self.place[distinct[:, 0]], self.sigma)[back]

    def _drawn(self, row: Ints, columns: Bools, u: Floats) -> Ints:
        """Return one row of the background for each coalition, (coalitions, 1)."""
        carried = np.cumsum(self._weights(row, columns), axis=1)
        return np.asarray((carried / carried[:, -1:] <= u[:, None]).sum(axis=1)[:, None])
