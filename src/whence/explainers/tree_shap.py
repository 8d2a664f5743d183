"""Exact Shapley values of tree ensembles.

A feature that is not known is either drawn from the rows of a background, jointly with the other
unknown features (interventional), or averaged over both branches of each split in proportion to
the training rows that went there (path-dependent). Both games are solved exactly: the first by
tables of background patterns, the second by Gauss-Legendre quadrature of the multilinear extension
of each tree. A probability or a loss is no sum of trees: its values are exact by enumeration where
that is affordable, and otherwise the pairwise rescaling of the raw values, which says so.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.types import Floats
from whence.kernels.background import Background
from whence.kernels.enumerate import response_shapley
from whence.kernels.trees import Forest
from whence.models.trees import Trees

RESCALED = (
    "The values are the exact Shapley values of the raw output, rescaled for each pair of a row "
    "and a background row to the difference of the response. They add up, but they are an "
    "approximation of the Shapley values of the response itself. For exact ones give a smaller "
    "background or a larger budget."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TreeShap:
    """Exact Shapley values of a tree ensemble, in the user's columns.

    Attributes
    ----------
    background : table of shape (background, features) or None
        Rows that stand for "feature unknown"; there is no limit on their number, and all are used.
        None: absent features follow the training rows in each node (path-dependent), which needs
        no data and is not consistent for correlated features.
    budget : int
        For ``output="probability"`` or ``"log_loss"``: exact values are computed as long as this
        many evaluations per row suffice, 2**(features used) x background rows; beyond it the
        values are rescaled raw values, and ``provenance.warnings`` says so.

    References
    ----------
    Lundberg et al., doi:10.1038/s42256-019-0138-9. Nadel and Wettenstein, arXiv:2511.09376 (the
    pattern tables). Quadrature: arXiv:2602.11623 and arXiv:2605.04497.

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> model = DecisionTreeRegressor().fit(X, [0.0, 0.0, 0.0, 6.0])
    >>> wh.explain(model, X[3:], wh.TreeShap(background=X[:1])).values[0, :, 0]
    array([3., 3.])
    """

    background: object = None
    budget: int = 100_000

    needs: ClassVar[type] = Trees
    references: ClassVar[tuple[str, ...]] = (
        "10.1038/s42256-019-0138-9", "arXiv:2511.09376", "arXiv:2602.11623", "arXiv:2605.04497",
    )  # fmt: skip

    def bind(self, view: Trees) -> Explain[Attribution]:
        """Build tables or quadrature constants, and return the function that explains rows.

        Raises
        ------
        InputError
            If the background does not fit the model, or a response is asked for without one.
        """
        if not isinstance(self.budget, int) or self.budget < 0:
            raise InputError(f"budget is {self.budget!r}. A whole number from 0 is needed.")
        forest = Forest.of(view.nodes)
        if self.background is None:
            if view.response != "identity":
                raise InputError(
                    f"The {view.unit} was asked for without a background. Path-dependent values "
                    "exist for the raw output only. Give TreeShap(background=X_train)."
                )
            return _raw(view, forest, forest)
        Z = view.read(self.background, what="background")
        if view.response == "identity":
            return _raw(view, forest, Background(forest, Z))
        if 2 ** len(view.nodes.used_players()) * len(Z) <= self.budget:
            return _exact_response(view, forest, Z)
        return _rescaled_response(view, forest, Z)


def _raw(view: Trees, forest: Forest, game: Forest | Background) -> Explain[Attribution]:
    base, verify = game.expectation(), view.verifier()

    def explain(rows: Rows, *, rng: Generator) -> Attribution:
        del rng  # exact: nothing is sampled
        values = game.shapley(rows.X)
        verify(base + values.sum(axis=1), rows.raw, lambda: forest.predict(rows.X))
        return _attribution(values, base, rows)

    return explain


def _exact_response(view: Trees, forest: Forest, Z: Floats) -> Explain[Attribution]:
    players, verify = view.nodes.used_players(), view.verifier()
    player = view.nodes.player

    def explain(rows: Rows, *, rng: Generator) -> Attribution:
        del rng  # exact: nothing is sampled
        verify(forest.predict(rows.X), rows.raw)
        values, base = response_shapley(
            forest.predict, view.response, rows.X, Z, rows.labels, players, player,
            view.nodes.players,
        )  # fmt: skip
        return _attribution(values, base, rows)

    return explain


def _rescaled_response(view: Trees, forest: Forest, Z: Floats) -> Explain[Attribution]:
    game = Background(forest, Z)
    margins, verify = forest.predict(Z), view.verifier()

    def explain(rows: Rows, *, rng: Generator) -> Attribution:
        del rng  # nothing is sampled
        verify(forest.predict(rows.X), rows.raw)
        values = game.pair_rescaled(rows.X, rows.raw, margins, view.response, rows.labels)
        base = view.mean_response(margins, rows.labels)
        return _attribution(values, base, rows, RESCALED)

    return explain


def _attribution(values: Floats, base: Floats, rows: Rows, *warnings: str) -> Attribution:
    return Attribution(
        values=values,
        base_values=np.broadcast_to(base, rows.outputs.shape),
        outputs=rows.outputs,
        provenance=Provenance(warnings=warnings),
    )
