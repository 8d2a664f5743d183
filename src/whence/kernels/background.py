"""Shapley values, Banzhaf values and interactions of tree ensembles against a background.

The value of a coalition is the mean raw output over the background rows with the coalition's
columns taken from the row. For one background row every leaf is the game "all of P and none of N
are known", whose indices have closed forms [1]_. Leaves whose paths have few players share tables
over the patterns of a row, filled from counts of the background's patterns [2]_, so that a row
costs the same however large the background is; the leaves of deeper trees are found by a joint
descent of the row and the background.

The loops are C++ (``native/background*``, ``native/sparse_join*``) and release the interpreter
lock. They run on one thread: call them on blocks of rows from several. A row's result does not
depend on the rows beside it.

References
----------
.. [1] Lundberg et al., "From local explanations to global understanding with explainable AI for
   trees", Nature Machine Intelligence 2 (2020), doi:10.1038/s42256-019-0138-9.
.. [2] Nadel and Wettenstein, "From Decision Trees to Boolean Logic: A Fast and Unified SHAP
   Algorithm" (2025), doi:10.48550/arXiv.2511.09376.
"""

import numpy as np

from whence.core.errors import InputError
from whence.core.response import Response
from whence.core.types import Floats, Int32s, Ints
from whence.kernels import _native
from whence.kernels.trees import Forest, InteractionIndex, Isa


class Background:
    """A tree ensemble and the rows that stand for "unknown", prepared for many small calls.

    Parameters
    ----------
    forest : Forest
        The ensemble.
    Z : array of shape (background rows, columns)
        Any number of rows, of equal weight; copied.
    table_bytes : float
        Most bytes that the pattern tables may take, per kind of value. Trees that do not fit are
        descended for every row together with the background, which takes time instead.
    isa : {"auto", "avx512", "avx2", "portable"}
        Instruction set of the loops; "auto" takes the best that the processor has.

    Raises
    ------
    InputError
        ``Z`` has no rows, or other columns than the trees read.

    Examples
    --------
    One split on the first of two columns, at zero; two of three background rows go left:

    >>> import numpy as np
    >>> forest = Forest(
    ...     start=np.array([0, 3]), feature=np.array([0, -1, -1], np.int32),
    ...     threshold=np.zeros(3), left=np.array([1, -1, -1], np.int32),
    ...     right=np.array([2, -1, -1], np.int32), missing_left=np.zeros(3, bool),
    ...     zero_missing=np.zeros(3, bool), category_start=np.zeros(4, np.int64),
    ...     category_words=np.empty(0, np.uint64), value=np.array([[0.0], [1.0], [4.0]]),
    ...     cover=np.ones(3), target=np.zeros(1, np.int32), base=np.zeros(1),
    ...     player=np.array([0, 1], np.int32), players=2)
    >>> background = Background(forest, np.array([[-1.0, 0], [-2.0, 0], [3.0, 0]]))
    >>> background.expectation()
    array([2.])
    >>> background.shapley(np.array([[1.0, 7.0]]))[:, :, 0]
    array([[2., 0.]])
    """

    __slots__ = ("_rows", "forest", "native")

    def __init__(
        self, forest: Forest, Z: Floats, *, table_bytes: float = 200e6, isa: Isa = "auto"
    ) -> None:
        self.forest = forest
        self._rows = np.array(_rows(forest, Z), order="C")
        if len(self._rows) == 0:
            raise InputError("The background has 0 rows, at least one is needed. Give some rows.")
        self.native = _native.Background(forest.native, self._rows, table_bytes, isa)

    def __len__(self) -> int:
        """Return the number of background rows."""
        return len(self._rows)

    def expectation(self) -> Floats:
        """Return the mean raw output over the background, of shape (outputs,): nobody's worth."""
        out = np.empty(self.forest.native.outputs)
        self.native.expectation(out)
        return out

    def shapley(self, X: Floats) -> Floats:
        """Return the Shapley values of shape (rows, players, outputs).

        They sum to the raw output less `expectation`.
        """
        return self._values("shapley", 1, X)

    def banzhaf(self, X: Floats) -> Floats:
        """Return the Banzhaf values of shape (rows, players, outputs)."""
        return self._values("banzhaf", 1, X)

    def interaction_sets(self, order: int) -> Int32s:
        """Return the sets of 2 or 3 players that meet on a path: rows ascending, (m, order).

        All other sets have no interaction, on any row.
        """
        if order not in {2, 3}:
            raise InputError(f"Interactions of {order} players were asked for. Ask for 2 or 3.")
        out = np.empty((self.native.set_count(order), order), dtype=np.int32)
        self.native.sets(order, out)
        return out

    def interactions(self, X: Floats, order: int, index: InteractionIndex = "SII") -> Floats:
        """Return the interactions of `interaction_sets`, of shape (rows, m, outputs).

        Parameters
        ----------
        X : array of shape (rows, columns)
            Rows to explain; NaN is missing.
        order : int
            Players per set, 2 or 3.
        index : {"SII", "BII"}
            Shapley or Banzhaf interaction index: the mean of the discrete derivative over
            coalitions, by size first or plainly.
        """
        if order not in {2, 3}:
            raise InputError(f"Interactions of {order} players were asked for. Ask for 2 or 3.")
        return self._values({"SII": "shapley", "BII": "banzhaf"}[index], order, X)

    def pair_rescaled(
        self,
        X: Floats,
        margins_x: Floats,
        margins_b: Floats,
        response: Response,
        labels: Ints | None = None,
    ) -> Floats:
        """Carry Shapley values of the raw output over to a response, pair by pair.

        For each background row, the values of the raw outputs are multiplied by the mean slope of
        the response between that row and the row explained, then averaged. They sum to the
        response less its mean over the background, but they are not the Shapley values of the
        response. Takes time in proportion to rows times background rows.

        Parameters
        ----------
        X : array of shape (rows, columns)
            Rows to explain.
        margins_x : array of shape (rows, outputs)
            Raw outputs of ``X``.
        margins_b : array of shape (background rows, outputs)
            Raw outputs of the background.
        response : str
            A response function: "identity" gives `shapley`, "logistic" and "exp" act on each
            output, "softmax" on all together; the losses have one output and need ``labels``.
        labels : int array of shape (rows,) or None
            Position of the true class.

        Returns
        -------
        array of shape (rows, players, responses)

        Raises
        ------
        InputError
            The shapes do not agree, or labels are needed and missing.
        """
        if response == "identity":
            return self.shapley(X)
        loss = response.startswith("log_loss")
        if loss and labels is None:
            raise InputError("A log-loss was asked for without labels. Give y, one label per row.")
        rows = _rows(self.forest, X)
        outputs = self.forest.native.outputs
        known = np.zeros(len(rows), dtype=np.int64) if labels is None or not loss else labels
        out = np.empty((len(rows), self.forest.native.players, 1 if loss else outputs))
        for name, margins, expected in (("X", margins_x, len(rows)), ("Z", margins_b, len(self))):
            if margins.shape != (expected, outputs):
                raise InputError(
                    f"The margins of {name} have the shape {margins.shape}, {(expected, outputs)} "
                    "is needed: the raw output of every row."
                )
        self.native.rescaled(
            response,
            rows,
            np.ascontiguousarray(margins_x, dtype=np.float64),
            np.ascontiguousarray(margins_b, dtype=np.float64),
            np.ascontiguousarray(known, dtype=np.int64),
            out,
        )
        return out

    def _values(self, index: str, order: int, X: Floats) -> Floats:
        rows = _rows(self.forest, X)
        out = np.empty((len(rows), self.native.set_count(order), self.forest.native.outputs))
        self.native.explain(index, order, rows, out)
        return out


def _rows(forest: Forest, X: Floats) -> Floats:
    rows = np.ascontiguousarray(X, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != forest.native.columns:  # noqa: PLR2004 - rows, columns
        raise InputError(
            f"The rows have the shape {rows.shape}, (rows, {forest.native.columns}) is needed: "
            "one number for each column that the trees read."
        )
    return rows
