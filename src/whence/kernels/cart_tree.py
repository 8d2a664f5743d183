"""A regression tree as a list of splits, those worth most first.

Its first ``m - 1`` splits make the tree of ``m`` leaves, so that one tree holds all smaller ones.
`whence.kernels.cart` grows it.
"""

from dataclasses import dataclass

import numpy as np

from whence.core.types import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """What goes left at a split.

    Attributes
    ----------
    column : int
    threshold : float
        A number goes left iff ``x <= threshold``.
    members : bool array of shape (categories,) or None
        Which categories go left; None for a column of numbers.
    missing_left : bool
    """

    column: int
    threshold: float
    members: Bools | None
    missing_left: bool

    def left(self, X: Floats) -> Bools:
        """Return which rows go left; a code without a category goes right."""
        x = X[:, self.column]
        absent = np.isnan(x)
        if self.members is None:
            inside = x <= self.threshold  # NaN compares false
        else:
            fits = np.append(self.members, False)
            inside = fits[np.where(absent | (x >= len(self.members)), -1, x).astype(np.int64)]
        return np.where(absent, self.missing_left, inside)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cart:
    """A regression tree: split number ``s`` makes the nodes ``2 s + 1`` and ``2 s + 2``.

    Attributes
    ----------
    parent : int array of shape (splits,)
        The node that each split divides; the root is node 0.
    sides : tuple of Side
        What goes left at each split.
    gain : array of shape (splits,)
        How far each split lowers the sum of squared errors.
    value : array of shape (nodes, outputs)
        Mean of the outputs.
    count : int array of shape (nodes,)
        Training rows.
    """

    parent: Ints
    sides: tuple[Side, ...]
    gain: Floats
    value: Floats
    count: Ints

    @property
    def leaves(self) -> int:
        """Number of leaves."""
        return len(self.parent) + 1

    def pruned(self, leaves: int) -> "Cart":
        """Return the tree of the splits that are worth most, with ``leaves`` leaves at most."""
        s = max(0, min(leaves, self.leaves) - 1)
        return Cart(
            parent=self.parent[:s], sides=self.sides[:s], gain=self.gain[:s],
            value=self.value[: 2 * s + 1], count=self.count[: 2 * s + 1],
        )  # fmt: skip

    def apply(self, X: Floats) -> Ints:
        """Return the leaf, as a node, that each row reaches."""
        node = np.zeros(len(X), dtype=np.int64)
        for s, (parent, side) in enumerate(zip(self.parent, self.sides, strict=True)):
            here = np.flatnonzero(node == parent)
            node[here] = np.where(side.left(X[here]), 2 * s + 1, 2 * s + 2)
        return node

    def predict(self, X: Floats) -> Floats:
        """Return the outputs, (rows, outputs)."""
        return np.asarray(self.value[self.apply(X)])

    def errors(self, X: Floats, Y: Floats) -> Floats:
        """Return the squared error of each row for each size, (leaves, rows), 1 leaf first."""
        out = np.empty((self.leaves, len(X)))
        node = np.zeros(len(X), dtype=np.int64)
        error = ((Y - self.value[0]) ** 2).sum(axis=1)
        out[0] = error
        for s, (parent, side) in enumerate(zip(self.parent, self.sides, strict=True)):
            here = np.flatnonzero(node == parent)
            node[here] = np.where(side.left(X[here]), 2 * s + 1, 2 * s + 2)
            error[here] = ((Y[here] - self.value[node[here]]) ** 2).sum(axis=1)
            out[s + 1] = error
        return out

    def depths(self) -> Ints:
        """Return the depth of each node."""
        depth = np.zeros(len(self.count), dtype=np.int64)
        for s, parent in enumerate(self.parent):
            depth[2 * s + 1 : 2 * s + 3] = depth[parent] + 1
        return depth

    def paths(self) -> list[tuple[int, list[tuple[Side, bool]]]]:
        """Return each leaf, left to right, with the splits on the way and whether it is left."""
        split = {int(parent): s for s, parent in enumerate(self.parent)}
        found, stack = [], [(0, list[tuple[Side, bool]]())]
        while stack:
            node, path = stack.pop()
            s = split.get(node)
            if s is None:
                found.append((node, path))
                continue
            side = self.sides[s]
            stack += [(2 * s + 2, [*path, (side, False)]), (2 * s + 1, [*path, (side, True)])]
        return found
