"""What an ensemble of trees says about rows while some of their columns move along positions.

This is individual conditional expectation, the part of a partial dependence that costs. A model
that is asked has to be asked about each row at each position. A tree tells the positions apart only
at its own splits on the columns that move, so each row walks down each tree once, for 64 positions
at a time, and comes to few leaves. The numbers are those of asking, but for rounding.

The loops are C++ (``native/curves*``) and release the interpreter lock. A row's result does not
depend on the rows beside it.
"""

import numpy as np

from whence.core.types import Floats, Int32s
from whence.kernels import _native
from whence.kernels.trees import Forest, Isa


class Curves:
    """An ensemble of trees, prepared to follow columns that move.

    Parameters
    ----------
    forest : Forest
    isa : {"auto", "avx512", "avx2", "portable"}
        Instruction set of the loops; "auto" takes the best that the processor has.

    Examples
    --------
    One split on the first of two columns, at zero:

    >>> forest = Forest(
    ...     start=np.array([0, 3]), feature=np.array([0, -1, -1], np.int32),
    ...     threshold=np.zeros(3), left=np.array([1, -1, -1], np.int32),
    ...     right=np.array([2, -1, -1], np.int32), missing_left=np.zeros(3, bool),
    ...     zero_missing=np.zeros(3, bool), category_start=np.zeros(4, np.int64),
    ...     category_words=np.empty(0, np.uint64), value=np.array([[0.0], [1.0], [5.0]]),
    ...     cover=np.array([4.0, 3.0, 1.0]), target=np.zeros(1, np.int32), base=np.zeros(1),
    ...     player=np.array([0, 1], np.int32), players=2)
    >>> X = np.array([[9.0, 7.0]])
    >>> columns, cells = np.array([0], np.int32), np.array([[-1.0], [0.0], [1.0]])
    >>> Curves(forest).along(X, forest.predict(X), columns, cells)[0, :, 0]
    array([1., 1., 5.])
    """

    __slots__ = ("_native",)

    def __init__(self, forest: Forest, *, isa: Isa = "auto") -> None:
        self._native = _native.Curves(forest.native, isa)

    def along(self, X: Floats, raw: Floats, columns: Int32s, cells: Floats) -> Floats:
        """Return the raw output of each row at each position, (rows, positions, outputs).

        Parameters
        ----------
        X : array of shape (rows, columns of the trees)
        raw : array of shape (rows, outputs)
            The raw output of the trees about these rows as they are.
        columns : int32 array of shape (moved,)
            The columns that move.
        cells : array of shape (positions, moved)
            What they are at each position; NaN is missing.
        """
        out = np.empty((len(X), len(cells), raw.shape[1]))
        self._native.along(
            np.ascontiguousarray(X, dtype=np.float64),
            np.ascontiguousarray(raw, dtype=np.float64),
            np.ascontiguousarray(columns, dtype=np.int32),
            np.ascontiguousarray(cells, dtype=np.float64),
            out,
        )
        return out
