"""The Trees view: what a tree ensemble looks like to a method, whatever library grew it.

Every split is brought to one form. A number goes left iff ``x <= threshold`` in float64: the
thresholds of libraries that compare in float32, or by ``<``, are moved to the float64 number that
decides the same for every float64 input. A category goes left iff its code is a member of the
node's bit set. A missing value (NaN) follows ``missing_left``.

The players of an explanation are the columns of the user's table. ``player`` maps each column that
the trees read to its player, so the parts of a one-hot encoded column are one player, jointly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from whence.core.provenance import digest
from whence.core.table import Table
from whence.core.types import Bools, Floats, Int32s, Ints, Words

Link: TypeAlias = Literal["identity", "logistic", "softmax", "exp"]
Output: TypeAlias = Literal["raw", "probability", "log_loss"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nodes:
    """The node arrays of an ensemble: ``raw output = base + sum over trees of the leaf reached``.

    Attributes
    ----------
    start : int64 array of shape (trees + 1,)
        Nodes ``start[t]:start[t + 1]`` belong to tree ``t``; the first of them is its root, and
        every child stands after its parent.
    feature : int32 array of shape (nodes,)
        Column that the node splits on, -1 at a leaf.
    threshold : array of shape (nodes,)
        A number goes left iff ``x <= threshold``. Not read at leaves and categorical splits.
    left, right : int32 arrays of shape (nodes,)
        Children, as positions in these arrays; -1 at a leaf.
    missing_left : bool array of shape (nodes,)
        Whether NaN goes left.
    zero_missing : bool array of shape (nodes,)
        Whether numbers of magnitude up to 1e-35 are treated as missing at this node.
    category_start : int64 array of shape (nodes + 1,)
        Words ``category_start[v]:category_start[v + 1]`` of ``category_words`` are the bit set
        of node ``v``; no words: a numeric split. Code ``c >= 0`` (truncated to an integer) goes
        left iff bit ``c % 64`` of word ``c // 64`` is set; any other number goes right.
    category_words : uint64 array of shape (words,)
    value : array of shape (nodes, width)
        What a leaf adds: ``width`` is 1, or the number of outputs. Not read at splits.
    cover : array of shape (nodes,)
        Training weight that reached the node; non-negative.
    target : int32 array of shape (trees,)
        The output a tree adds to; -1 when its leaves hold all outputs (``width == outputs``).
    base : array of shape (outputs,)
        Intercept.
    player : int32 array of shape (columns,)
        Player of each column that the trees read.
    players : int
        Number of players.
    """

    start: Ints
    feature: Int32s
    threshold: Floats
    left: Int32s
    right: Int32s
    missing_left: Bools
    zero_missing: Bools
    category_start: Ints
    category_words: Words
    value: Floats
    cover: Floats
    target: Int32s
    base: Floats
    player: Int32s
    players: int

    @property
    def trees(self) -> int:
        """Number of trees."""
        return len(self.start) - 1

    @property
    def columns(self) -> int:
        """Number of columns the trees read."""
        return len(self.player)

    @property
    def outputs(self) -> int:
        """Number of outputs of the model."""
        return len(self.base)

    def digest(self) -> str:
        """Return the SHA-256 of all arrays: equal for equal models, whatever object holds them."""
        return digest(
            np.asarray(getattr(self, name)) for name in self.__dataclass_fields__
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trees:
    """A fitted tree ensemble, read from the object the user trained.

    Attributes
    ----------
    nodes : Nodes
        The ensemble in one form for all libraries.
    features : tuple of str
        Names of the players: the columns of the user's table, in the model's order.
    outputs : tuple of str
        Names of the outputs. A binary classifier has one, its second class.
    link : str
        What turns the raw output into the response: "identity", "logistic", "softmax", "exp".
    unit : str
        Unit of the raw output, such as "log-odds", "probability" or "path length".
    library : str
        Import name of the package the model comes from.
    named : bool
        Whether ``features`` are names the model learned (then the user's table must bear them).
    encode : callable
        Table -> float64 array of shape (rows, columns), the numbers the trees read.
    predict : callable
        Table -> float64 array of shape (rows, outputs), the raw output of the user's own model.
    tolerance : float
        Largest relative rounding error of the user's own raw output (float32 libraries: 1e-5).
    """

    nodes: Nodes
    features: tuple[str, ...]
    outputs: tuple[str, ...]
    link: Link
    unit: str
    library: str
    named: bool
    encode: Callable[[Table], Floats]
    predict: Callable[[Table], Floats]
    tolerance: float
