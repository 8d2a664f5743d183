"""Exact interactions of two and three features in tree ensembles.

The Shapley interaction index (SII) of a set is the mean, with Shapley weights over coalitions of
the other features, of the part of the joint contribution that no smaller set explains. k-SII
aggregates the indices of all orders up to k such that they add up to the prediction; for k = 2 it
is the interaction matrix that tree explainers usually show. BII weighs all coalitions equally.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.explanation import Interaction
from whence.core.method import Explain, Rows
from whence.core.types import Floats, Int32s
from whence.kernels.background import Background
from whence.kernels.trees import Forest
from whence.models.trees import Trees

Index = Literal["k-SII", "SII", "BII"]
_ORDERS = (2, 3)
_BERNOULLI = (1.0, -1 / 2, 1 / 6)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TreeInteractions:
    """Exact interactions of features in a tree ensemble, in the user's columns.

    Attributes
    ----------
    background : table of shape (background, features) or None
        As in `TreeShap`.
    order : {2, 3}
        Largest size of the sets.
    index : {"k-SII", "SII", "BII"}
        "k-SII" gives all sets up to ``order``, which add up to the prediction; "SII" and "BII"
        give the sets of just that size.

    References
    ----------
    Grabisch and Roubens, doi:10.1007/s001820050125. Bordt and von Luxburg, arXiv:2209.04012
    (k-SII). Lundberg et al., doi:10.1038/s42256-019-0138-9.

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> model = DecisionTreeRegressor().fit(X, [0.0, 0.0, 0.0, 6.0])
    >>> i = wh.explain(model, X[3:], wh.TreeInteractions(background=X[:1]))
    >>> i.sets.tolist(), i.values[0, :, 0].tolist()
    ([[0, -1], [1, -1], [0, 1]], [0.0, 0.0, 6.0])
    """

    background: object = None
    order: int = 2
    index: Index = "k-SII"

    needs: ClassVar[type] = Trees
    references: ClassVar[tuple[str, ...]] = (
        "10.1007/s001820050125", "arXiv:2209.04012", "10.1038/s42256-019-0138-9",
    )  # fmt: skip

    def bind(self, view: Trees) -> Explain[Interaction]:
        """Prepare the kernel and return the function that explains rows."""
        self._check()
        view.must_be_raw("TreeInteractions")
        forest = Forest.of(view.nodes)
        game: Forest | Background = forest
        if self.background is not None:
            game = Background(forest, view.read(self.background, what="background"))
        base, verify = game.expectation(), view.verifier()

        def explain(rows: Rows, *, rng: Generator) -> Interaction:
            del rng  # exact: nothing is sampled
            verify(forest.predict(rows.X), rows.raw)
            sets, values = self._values(forest, game, rows.X)
            return Interaction(
                sets=sets,
                values=values,
                base_values=np.broadcast_to(base, rows.outputs.shape),
                outputs=rows.outputs,
                index=self.index,
            )

        return explain

    def _check(self) -> None:
        if self.order not in _ORDERS:
            raise InputError(f"order is {self.order!r}. Interactions of order 2 or 3 exist.")
        if self.index not in get_args(Index):
            raise InputError(f"index is {self.index!r}. Give one of {get_args(Index)}.")

    def _values(
        self, forest: Forest, game: Forest | Background, X: Floats
    ) -> tuple[Int32s, Floats]:
        if self.index != "k-SII":
            values = game.interactions(X, self.order, self.index)
            return forest.interaction_sets(self.order), values
        indices = [game.shapley(X)]
        sets = [np.arange(indices[0].shape[1], dtype=np.int32)[:, None]]
        for order in range(2, self.order + 1):
            indices.append(game.interactions(X, order, "SII"))
            sets.append(forest.interaction_sets(order))
        return _padded(sets), np.concatenate(_aggregate(sets, indices), axis=1)


def _padded(sets: list[Int32s]) -> Int32s:
    order = len(sets)
    return np.concatenate(
        [np.pad(s, ((0, 0), (0, order - s.shape[1])), constant_values=-1) for s in sets]
    )


def _aggregate(sets: list[Int32s], indices: list[Floats]) -> list[Floats]:
    """Return k-SII: each index plus Bernoulli-weighted indices of the sets that contain it."""
    out = [index.copy() for index in indices]
    for small in range(len(sets)):
        place = {tuple(members): i for i, members in enumerate(sets[small].tolist())}
        for large in range(small + 1, len(sets)):
            weight = _BERNOULLI[large - small]
            for columns in _subsets(sets[large].shape[1], small + 1):
                owner = [place[tuple(m)] for m in sets[large][:, columns].tolist()]
                _add_at(out[small], owner, weight * indices[large])
    return out


def _subsets(size: int, part: int) -> list[list[int]]:
    return [list(columns) for columns in combinations(range(size), part)]


def _add_at(target: Floats, owner: list[int], values: Floats) -> None:
    """Add ``values[:, s]`` to ``target[:, owner[s]]``, owners repeating."""
    for i in np.unique(owner):
        target[:, i] += values[:, np.asarray(owner) == i].sum(axis=1)
