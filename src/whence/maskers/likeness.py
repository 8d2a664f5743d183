"""How alike two rows are: the distances by which examples are found.

Tables are compared column by column by Gower's distance, in the ranges of a background; images and
series number by number, by the root of the mean squared difference. Rows of any kind, texts too,
are compared by what an embedding makes of them, if one is given: the numbers of a network's last
but one layer are nearer to what the model sees than pixels are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from whence.core.blocks import cut
from whence.core.check import shorten
from whence.core.errors import InputError
from whence.core.inputs import Images, Inputs, Series, Texts, inputs_of
from whence.core.mix import stack
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints
from whence.kernels.gower import distances, ranges
from whence.models.predict import Predict, read_predict

Embed: TypeAlias = Callable[[Any], object]
"""Rows in the user's form -> numbers of shape (rows, features)."""

_CELLS = 4_000_000
"""Numbers of one block of distances, or of the rows compared in it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Apart:
    """Distances between rows and others.

    Attributes
    ----------
    X, Z : arrays of shape (rows, *shape) and (others, *shape)
    scale : array of shape (columns,) or None
        For Gower's distance; None is the root of the mean squared difference.
    coded : bool array of shape (columns,)
        Which columns hold codes of categories.
    weight : array of shape (columns,) or None
    """

    X: NDArray[Any]
    Z: NDArray[Any]
    scale: Floats | None
    coded: Bools
    weight: Floats | None

    def __call__(self, rows: slice | Ints, others: slice | Ints = slice(None)) -> Floats:
        """Return distances of shape (rows, others), each of its two rows alone."""
        from scipy.spatial.distance import cdist

        X, Z = self.X[rows], self.Z[others]
        if self.scale is not None:
            return distances(X, Z, self.scale, self.coded, self.weight)
        columns = int(np.prod(X.shape[1:]))
        x = X.reshape(len(X), columns).astype(np.float64)
        parts = [
            cdist(x, Z[s].reshape(-1, columns)) for s in cut(len(Z), max(1, _CELLS // columns))
        ]
        return np.asarray(np.concatenate(parts, axis=1) / columns**0.5)

    def blocks(self) -> list[slice]:
        """Return the rows in blocks whose distances fit in memory."""
        return cut(len(self.X), max(1, _CELLS // len(self.Z)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Likeness:
    """A background with which rows can be compared.

    Attributes
    ----------
    background : Table, Images, Texts or Series
    scale : array of shape (columns,) or None
        Ranges of the columns of a table.
    weight : array of shape (columns,) or None
    embed : Predict or None
        Makes numbers of rows.
    places : array of shape (background, features) or None
        What ``embed`` makes of the background.
    """

    background: Inputs
    scale: Floats | None
    weight: Floats | None
    embed: Predict | None
    places: Floats | None

    @classmethod
    def of(
        cls,
        background: Inputs,
        *,
        embed: Embed | None = None,
        weights: Mapping[str, float] | None = None,
        names: tuple[str, ...] = (),
    ) -> Self:
        """Return the likeness in a background; ``names`` are those the model knows its columns by.

        Raises
        ------
        InputError
            If texts have no embedding, or weights are not those of columns.
        """
        if embed is not None:
            if weights is not None:
                raise InputError(
                    "Both weights and embed were given. Weights are of the columns of a table, and "
                    "an embedding compares rows by other numbers. Give one of them."
                )
            asked = read_predict(embed)
            places = asked.ask(background)
            return cls(background=background, scale=None, weight=None, embed=asked, places=places)
        if isinstance(background, Texts):
            raise InputError(
                "The rows are texts, and two texts have no distance of their own. Give "
                "embed=function, which makes numbers of a list of texts, (rows, features), such as "
                "the encode of a sentence model or a TF-IDF."
            )
        table = isinstance(background, Table)
        weight = None
        if weights is not None:
            weight = _weights(weights, names or background.names, table=table)
        scale = ranges(background.numbers) if isinstance(background, Table) else None
        return cls(background=background, scale=scale, weight=weight, embed=None, places=None)

    def of_rows(self, X: Inputs) -> tuple[Apart, Table | None]:
        """Return the distances of rows from the background, and both in one coding if tables.

        Raises
        ------
        InputError
            If the rows are of another kind than the background.
        """
        Z, both = self.background, None
        if type(X) is not type(Z):
            raise InputError(
                f"X holds {_kind(X)} and the background {_kind(Z)}. Rows are compared with others "
                "of their kind. Give a background of the same kind as X."
            )
        if isinstance(X, Table) and isinstance(Z, Table):
            _check_columns(X, Z)
            both = _stacked(X, Z)
        if self.embed is not None and self.places is not None:
            own = self.places if X is Z else self.embed.ask(X)
            return _euclidean(own, self.places), both
        if both is None:
            return _euclidean(numbers_of(X), numbers_of(Z)), None
        coded = np.array([levels is not None for levels in both.levels])
        x, z = both.numbers[: len(X)], both.numbers[len(X) :]
        return Apart(X=x, Z=z, scale=self.scale, coded=coded, weight=self.weight), both


def background_of(view: Predict, background: object, *, what: str = "background") -> Inputs:
    """Return rows that others are compared with, which the model can be asked about.

    Raises
    ------
    InputError
        If there are none, or the model cannot read them.
    """
    if background is None:
        raise InputError(
            f"The {what} is None. Rows are needed that others are compared with. Give "
            f"{what}=X_train."
        )
    inputs = inputs_of(background)
    if isinstance(inputs, Table):
        return view.read(inputs, what=what)
    view.check(inputs)
    return inputs


def numbers_of(X: Inputs) -> NDArray[Any]:
    """Return the numbers of rows, of shape (rows, *shape); texts have none."""
    if isinstance(X, Table):
        return X.numbers
    if isinstance(X, Images):
        return X.pixels
    return X.values if isinstance(X, Series) else np.empty((len(X), 0))


def _euclidean(X: NDArray[Any], Z: NDArray[Any]) -> Apart:
    if X.shape[1:] != Z.shape[1:]:
        raise InputError(
            f"Rows of X are of shape {X.shape[1:]} and those of the background {Z.shape[1:]}. They "
            "are compared number by number. Give both in one shape, or embed=function."
        )
    return Apart(X=X, Z=Z, scale=None, coded=np.zeros(0, dtype=bool), weight=None)


def _check_columns(X: Table, Z: Table) -> None:
    if len(X.names) != len(Z.names) or (X.named and Z.named and X.names != Z.names):
        raise InputError(
            f"X has {len(X.names)} columns ({shorten(X.names)}) and the background "
            f"{len(Z.names)} ({shorten(Z.names)}). They are compared column by column. Give both "
            "with the same columns, in the same order."
        )


def _stacked(X: Table, Z: Table) -> Table:
    """Return the numbers of both, in categories known to both."""
    return stack(replace(X, native=None), replace(Z, native=None))


def _weights(weights: Mapping[str, float], names: tuple[str, ...], *, table: bool) -> Floats:
    if not table:
        raise InputError("weights were given and the rows are no table. Leave them out.")
    unknown = [name for name in weights if name not in names]
    if unknown:
        raise InputError(
            f"weights names {shorten(unknown)}, which the table does not have. Its columns are "
            f"{shorten(names)}. A column that is not named has the weight 0."
        )
    found = np.array([float(weights.get(name, 0.0)) for name in names])
    if not np.isfinite(found).all() or (found < 0).any() or not found.any():
        raise InputError(
            f"weights are {shorten(list(weights.values()))}. Numbers from 0 are needed, not all 0: "
            "how much each column counts."
        )
    return found


def _kind(X: Inputs) -> str:
    return "a table" if isinstance(X, Table) else type(X).__name__.lower()
