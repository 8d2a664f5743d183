"""Shapley values, Banzhaf values and interactions of tree ensembles, path-dependent.

The value of a coalition is the mean of the leaves that a row may reach when it follows the splits
on known players and, at splits on the others, both children in proportion to their training weight.
The multilinear extension of that game along its diagonal is a polynomial of degree ``d``, the
largest number of players on a path, so ``ceil(d / 2)`` Gauss-Legendre points integrate its
derivative, the Shapley value, exactly; the Banzhaf value is the derivative at one half. On shallow
trees of few players the tables of ``background`` are faster: to a leaf, the training weight is a
background of independent players.

The loops are C++ (``native/path_*``) and release the interpreter lock. They run on one thread: call
them on blocks of rows from several. A row's result does not depend on the rows beside it.
"""

from typing import Any, Literal, Protocol, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from whence.core.types import Bools, Floats, Int32s, Ints, Words
from whence.kernels import _native

InteractionIndex: TypeAlias = Literal["SII", "BII"]
Scalar = TypeVar("Scalar", bound=np.generic)
Isa: TypeAlias = Literal["auto", "avx512", "avx2", "portable"]


class NodeArrays(Protocol):
    """The arrays that describe an ensemble; `Forest` says what each holds."""

    @property
    def start(self) -> Ints:
        """First node of each tree, and the number of nodes."""

    @property
    def feature(self) -> Int32s:
        """Column that each node splits on, -1 at a leaf."""

    @property
    def threshold(self) -> Floats:
        """Largest number that goes left."""

    @property
    def left(self) -> Int32s:
        """Left child of each node."""

    @property
    def right(self) -> Int32s:
        """Right child of each node."""

    @property
    def missing_left(self) -> Bools:
        """Whether NaN goes left."""

    @property
    def zero_missing(self) -> Bools:
        """Whether zero counts as NaN."""

    @property
    def category_start(self) -> Ints:
        """Where the bit set of each node starts."""

    @property
    def category_words(self) -> Words:
        """Bit sets of the categories that go left."""

    @property
    def value(self) -> Floats:
        """What each leaf adds."""

    @property
    def cover(self) -> Floats:
        """Training weight that reached each node."""

    @property
    def target(self) -> Int32s:
        """Output that each tree adds to, -1: all."""

    @property
    def base(self) -> Floats:
        """Intercept of each output."""

    @property
    def player(self) -> Int32s:
        """Player of each column."""

    @property
    def players(self) -> int:
        """Number of players."""


class Forest:
    """A tree ensemble, checked and compiled for the kernels.

    Parameters
    ----------
    start : int64 array of shape (trees + 1,)
        Nodes ``start[t]:start[t + 1]`` belong to tree ``t``, its root first, parents before
        children.
    feature : int32 array of shape (nodes,)
        Column that a node splits on, -1 at a leaf.
    threshold : array of shape (nodes,)
        A number goes left iff ``x <= threshold``.
    left, right : int32 arrays of shape (nodes,)
        Children; -1 at a leaf.
    missing_left, zero_missing : bool arrays of shape (nodes,)
        Where NaN goes, and whether numbers of magnitude up to 1e-35 count as NaN.
    category_start : int64 array of shape (nodes + 1,)
        Where the bit set of each categorical split starts in ``category_words``.
    category_words : uint64 array of shape (words,)
        A code goes left iff its bit is set.
    value : array of shape (nodes, width)
        What a leaf adds.
    cover : array of shape (nodes,)
        Training weight that reached each node.
    target : int32 array of shape (trees,)
        Output that a tree adds to, -1: all of them.
    base : array of shape (outputs,)
        Intercept.
    player : int32 array of shape (columns,)
        Player of each column.
    players : int
        Number of players.
    isa : {"auto", "avx512", "avx2", "portable"}
        Instruction set of the loops; "auto" takes the best that the processor has.
    table_bytes : float
        Most bytes of the pattern tables that serve in place of quadrature where trees are shallow
        and players few; 0: always quadrature. Both are exact.

    Raises
    ------
    ValueError
        The arrays do not describe an ensemble, or the processor lacks ``isa``.

    Examples
    --------
    One split on the first of two columns, at zero:

    >>> import numpy as np
    >>> forest = Forest(
    ...     start=np.array([0, 3]), feature=np.array([0, -1, -1], np.int32),
    ...     threshold=np.zeros(3), left=np.array([1, -1, -1], np.int32),
    ...     right=np.array([2, -1, -1], np.int32), missing_left=np.zeros(3, bool),
    ...     zero_missing=np.zeros(3, bool), category_start=np.zeros(4, np.int64),
    ...     category_words=np.empty(0, np.uint64), value=np.array([[0.0], [1.0], [5.0]]),
    ...     cover=np.array([4.0, 3.0, 1.0]), target=np.zeros(1, np.int32), base=np.zeros(1),
    ...     player=np.array([0, 1], np.int32), players=2)
    >>> forest.expectation()
    array([2.])
    >>> forest.shapley(np.array([[-1.0, 7.0], [1.0, 7.0]]))[:, :, 0]
    array([[-1.,  0.],
           [ 3.,  0.]])
    """

    __slots__ = ("native", "path")

    def __init__(
        self,
        *,
        start: Ints,
        feature: Int32s,
        threshold: Floats,
        left: Int32s,
        right: Int32s,
        missing_left: Bools,
        zero_missing: Bools,
        category_start: Ints,
        category_words: Words,
        value: Floats,
        cover: Floats,
        target: Int32s,
        base: Floats,
        player: Int32s,
        players: int,
        isa: Isa = "auto",
        table_bytes: float = 100e6,
    ) -> None:
        self.native = _native.Forest(
            start=_as(start, np.int64),
            feature=_as(feature, np.int32),
            threshold=_as(threshold, np.float64),
            left=_as(left, np.int32),
            right=_as(right, np.int32),
            missing_left=_as(missing_left, np.bool_),
            zero_missing=_as(zero_missing, np.bool_),
            category_start=_as(category_start, np.int64),
            category_words=_as(category_words, np.uint64),
            value=_as(value, np.float64),
            cover=_as(cover, np.float64),
            target=_as(target, np.int32),
            base=_as(base, np.float64),
            player=_as(player, np.int32),
            players=players,
        )
        self.path = _native.Path(self.native, isa, table_bytes)

    @classmethod
    def of(cls, nodes: NodeArrays, *, isa: Isa = "auto", table_bytes: float = 100e6) -> Self:
        """Compile the node arrays of a Trees view."""
        return cls(
            start=nodes.start,
            feature=nodes.feature,
            threshold=nodes.threshold,
            left=nodes.left,
            right=nodes.right,
            missing_left=nodes.missing_left,
            zero_missing=nodes.zero_missing,
            category_start=nodes.category_start,
            category_words=nodes.category_words,
            value=nodes.value,
            cover=nodes.cover,
            target=nodes.target,
            base=nodes.base,
            player=nodes.player,
            players=nodes.players,
            isa=isa,
            table_bytes=table_bytes,
        )

    @property
    def isa(self) -> str:
        """Instruction set the loops run on."""
        return self.path.isa

    @property
    def by_tables(self) -> bool:
        """Whether Shapley values come from tables, and not from quadrature."""
        return self.path.by_tables

    def predict(self, X: Floats) -> Floats:
        """Return the raw output of shape (rows, outputs)."""
        out = np.empty((len(X), self.native.outputs))
        self.path.predict(_as(X, np.float64), out)
        return out

    def expectation(self) -> Floats:
        """Return the mean output by training weight, of shape (outputs,): nobody's worth."""
        out = np.empty(self.native.outputs)
        self.path.expectation(out)
        return out

    def shapley(self, X: Floats) -> Floats:
        """Return the Shapley values of shape (rows, players, outputs).

        They sum to ``predict(X) - expectation()``. Trees with more than 16 players on a path start
        with eight points; rows where the sum is not met to 1e-12 of the leaves' spread get all.
        """
        return self._values(X, "shapley")

    def banzhaf(self, X: Floats) -> Floats:
        """Return the Banzhaf values of shape (rows, players, outputs)."""
        return self._values(X, "banzhaf")

    def _values(self, X: Floats, index: str) -> Floats:
        out = np.empty((len(X), self.native.players, self.native.outputs))
        self.path.values(_as(X, np.float64), index, out)
        return out

    def interaction_sets(self, order: int) -> Int32s:
        """Return the sets of 2 or 3 players that meet on a path: rows ascending, (m, order).

        All other sets have no interaction, on any row.
        """
        return self.path.interaction_sets(order)

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
        out = np.empty((len(X), len(self.interaction_sets(order)), self.native.outputs))
        name = {"SII": "shapley", "BII": "banzhaf"}[index]
        self.path.interactions(_as(X, np.float64), order, name, out)
        return out


def _as(array: NDArray[Any], kind: type[Scalar]) -> NDArray[Scalar]:
    return np.ascontiguousarray(array, dtype=kind)
