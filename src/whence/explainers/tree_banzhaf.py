"""Exact Banzhaf values of tree ensembles.

The Banzhaf value of a feature is its mean contribution over all coalitions of the others, each
counted once. It is steadier than the Shapley value against noise in the model's output, and does
not add up to the prediction: the residual is part of the answer.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.kernels.background import Background
from whence.kernels.trees import Forest
from whence.models.trees import Trees


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TreeBanzhaf:
    """Exact Banzhaf values of a tree ensemble, in the user's columns.

    Attributes
    ----------
    background : table of shape (background, features) or None
        As in `TreeShap`.

    References
    ----------
    Wang and Jia, "Data Banzhaf", arXiv:2205.15466.

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> model = DecisionTreeRegressor().fit(X, [0.0, 0.0, 0.0, 6.0])
    >>> wh.explain(model, X[3:], wh.TreeBanzhaf(background=X[:1])).values[0, :, 0]
    array([3., 3.])
    """

    background: object = None

    needs: ClassVar[type] = Trees
    references: ClassVar[tuple[str, ...]] = ("arXiv:2205.15466",)

    def bind(self, view: Trees) -> Explain[Attribution]:
        """Prepare the kernel and return the function that explains rows."""
        view.must_be_raw("TreeBanzhaf")
        forest = Forest.of(view.nodes)
        game: Forest | Background = forest
        if self.background is not None:
            game = Background(forest, view.read(self.background, what="background"))
        base, verify = game.expectation(), view.verifier()

        def explain(rows: Rows, *, rng: Generator) -> Attribution:
            del rng  # exact: nothing is sampled
            verify(forest.predict(rows.X), rows.raw)
            return Attribution(
                values=game.banzhaf(rows.X),
                base_values=np.broadcast_to(base, rows.outputs.shape),
                outputs=rows.outputs,
            )

        return explain
