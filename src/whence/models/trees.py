"""The Trees view: what a tree ensemble looks like to a method, whatever library grew it.

Every split is brought to one form. A number goes left iff ``x <= threshold`` in float64: the
thresholds of libraries that compare in float32, or by ``<``, are moved to the float64 number that
decides the same for every float64 input. A category goes left iff its code is a member of the
node's bit set. A missing value (NaN) follows ``missing_left``.

The players of an explanation are the columns of the user's table. ``player`` maps each column that
the trees read to its player, so the parts of a one-hot encoded column are one player, jointly.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol, Self, TypeAlias

import numpy as np

from whence.core.check import check_table, table_alone
from whence.core.digest import digest
from whence.core.errors import InputError, VerificationError, WhenceError
from whence.core.inputs import Inputs
from whence.core.method import Output, Rows
from whence.core.response import Response, respond
from whence.core.table import Table, table_of
from whence.core.types import Bools, Floats, Int32s, Ints, Level, Words

Link: TypeAlias = Literal["identity", "logistic", "softmax", "exp"]


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

    def used_players(self) -> Ints:
        """Return the players that some split reads, ascending."""
        return np.unique(self.player[self.feature[self.feature >= 0]]).astype(np.int64)

    def scale(self) -> float:
        """Return the largest magnitude that the output can have: rounding errors relate to it."""
        leaf = np.where(self.feature < 0, np.abs(self.value).max(axis=1), 0.0)
        most = np.maximum.reduceat(leaf, self.start[:-1]).sum() + np.abs(self.base).max()
        return max(float(most), 1e-300)

    def digest(self) -> str:
        """Return the SHA-256 of all arrays: equal for equal models, whatever object holds them."""
        return digest(np.asarray(getattr(self, name)) for name in self.__dataclass_fields__)


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
    classes : tuple
        The classes of a classifier in the model's order; empty otherwise.
    response : str
        What is made of the raw output: "identity", or the name of a response function.
    levels : tuple
        Per column of the user's table the categories that the encoders of a pipeline have learned,
        or None; empty where there is no pipeline.
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
    classes: tuple[Level, ...] = ()
    response: Response = "identity"
    levels: tuple[tuple[Level, ...] | None, ...] = ()

    def digest(self) -> str:
        """Return the SHA-256 of the node arrays."""
        return self.nodes.digest()

    def check(self, inputs: Inputs) -> None:
        """Raise `InputError` unless these are tables with the model's columns."""
        check_table(table_alone(inputs, "an ensemble of trees"), self.features, named=self.named)

    def rows(self, table: Table, labels: Ints | None) -> Rows:
        """Encode rows and ask the user's own model about them."""
        X = self.encode(table)  # first, because it refuses what the model would choke on
        try:
            raw = self.predict(table)
        except WhenceError:
            raise
        except (TypeError, ValueError) as error:
            raise InputError(
                f"The model itself refuses these rows: {error} Hand in a table with the columns "
                "and the types that the model was trained on."
            ) from error
        return Rows(
            X=X,
            raw=raw,
            outputs=respond(self.response, raw, labels),
            labels=labels,
            inputs=table,
        )

    def explaining(self, output: Output) -> Self:
        """Return the view whose outputs are the raw output, its probability, or its log-loss.

        Raises
        ------
        InputError
            If the model has no such output.
        """
        if output == "raw" or (output == "probability" and self.unit == "probability"):
            return self
        if output == "probability" and self.link in ("logistic", "softmax"):
            return replace(self, response=self.link, unit="probability")
        if output == "log_loss" and self.classes:
            form = "probability" if self.unit == "probability" else self.link
            names: dict[str, Response] = {
                "probability": "log_loss_probability",
                "logistic": "log_loss_logistic",
                "softmax": "log_loss_softmax",
            }
            of_classes = form != "logistic" or len(self.nodes.base) == 1  # not one-vs-rest
            if form in names and of_classes:
                return replace(self, response=names[form], unit="nats", outputs=("log-loss",))
        raise InputError(
            f"output={output!r} was asked of a model whose raw output is a {self.unit}. "
            "Probabilities and log-losses exist for classifiers only; output='raw' always does."
        )

    def read(self, X: object, *, what: str) -> Floats:
        """Return other rows, such as a background, as the numbers that the trees read."""
        try:
            table = table_of(X)
            check_table(table, self.features, named=self.named, what=what)
            return self.encode(table)
        except InputError as error:
            raise InputError(f"The {what} does not fit the model. {error}") from error

    def must_be_raw(self, method: str) -> None:
        """Raise `InputError` if anything but the raw output is to be explained."""
        if self.response != "identity":
            raise InputError(
                f"{method} explains the raw output and was asked for the {self.unit}. "
                "Leave out output=, or use TreeShap(background=...)."
            )

    def mean_response(self, raw: Floats, labels: Ints | None) -> Floats:
        """Return the mean response over background rows: of shape (outputs,), or per label.

        Parameters
        ----------
        raw : array of shape (background, raw outputs)
        labels : int array of shape (rows,) or None
            Then the result is of shape (rows, outputs).
        """
        if labels is None:
            return np.asarray(respond(self.response, raw, None).mean(axis=0))
        per_class = [
            respond(self.response, raw, np.full(len(raw), c)).mean(axis=0)
            for c in range(len(self.classes))
        ]
        return np.array(per_class)[labels]

    def verifier(self) -> "Verify":
        """Return the check that our numbers give the raw output of the user's own model."""
        allowed = self.tolerance * self.nodes.scale()

        def verify(
            ours: Floats, theirs: Floats, reread: Callable[[], Floats] | None = None
        ) -> None:
            if bool((np.abs(ours - theirs) <= allowed).all()):
                return
            row, output = (int(i) for i in np.argwhere(~(np.abs(ours - theirs) <= allowed))[0])
            what = "our reading of its trees gives"
            if reread is not None and abs(reread()[row, output] - theirs[row, output]) <= allowed:
                what = "base value and values add up to"
            raise VerificationError(
                f"In one row (number {row} of its block), output number {output}, the model itself "
                f"says {theirs[row, output]:.9g} and {what} {ours[row, output]:.9g}; "
                f"{allowed:.1g} is allowed for rounding. No explanation is given, because it would "
                "be of another model. If the model was changed after it was bound, bind it again; "
                f"otherwise please report it with your version of {self.library}."
            )

        return verify


class Verify(Protocol):
    """Raises `VerificationError` unless two raw outputs agree but for rounding."""

    def __call__(
        self, ours: Floats, theirs: Floats, reread: Callable[[], Floats] | None = None
    ) -> None:
        """Compare arrays of shape (rows, outputs).

        ``reread`` gives the output of the trees as we read them, where ``ours`` is a sum of
        values: it tells a wrong reading from a wrong sum.
        """
        ...
