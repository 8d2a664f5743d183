"""A small tree that says what a model says: the model as a whole, in a few rules.

The tree is grown on the *outputs* of the model, not on true labels. A part of the rows is held out:
the size is chosen by cross-validation on the others, and what is reported of fidelity and precision
was measured on rows that neither the tree nor its size has seen.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.check import check_whole
from whence.core.errors import InputError
from whence.core.method import Explain, Rows
from whence.core.rules import Rules
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints
from whence.kernels.agreement import Agreement
from whence.kernels.binomial import share
from whence.kernels.cart import Design, grow
from whence.kernels.cart_tree import Cart
from whence.kernels.fidelity import r_squared
from whence.kernels.path_conditions import conditions
from whence.maskers.held_out import (
    Stated,
    check_holdout,
    enough_rows,
    held_out,
    least_rows,
)
from whence.models.predict import Predict

_MOST_LEAVES = 16
"""Most leaves of a tree whose size is chosen: more are no explanation."""
_DEEPEST = 12
_FOLDS = 5
_BOOTSTRAPS = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurrogateTree:
    """A decision tree that imitates the model, with its fidelity on held-out rows.

    Give rows like those that the model meets, such as the training data: the tree imitates the
    model there. The result is one rule per leaf, left to right, of kind "tree".

    Attributes
    ----------
    max_depth : int or None
        Most conditions on the way to a leaf, up to 12.
    max_leaves : int or None
        Leaves, fewer where nothing is left to split. None, with a depth: as many as that allows.
        Without: chosen by cross-validation, the smallest tree whose error is within one standard
        error of the best, of up to 16 leaves.
    min_samples_leaf : int or None
        Fewest rows of a leaf; None: 0.5 % of the rows, 5 at least.
    holdout : float
        Share of the rows that the tree is not grown on, but measured.
    tolerance : float or None
        Of a model that is no classifier: how near is the same, for the precision of a leaf; in the
        unit of the outputs. None: half of their standard deviation.

    Notes
    -----
    In the result ``fidelity`` is the R squared of each output on held-out rows, with its 95 %
    bootstrap interval; ``precision`` the share of the held-out rows of a leaf for which the model
    decides as the leaf says, or says the same within ``tolerance``, and ``precision_low`` its lower
    95 % bound; ``covered`` the number of these rows; ``coverage`` the share of all rows. How often
    the tree decides as the model, and how often trees of resampled rows split on the same column
    first, is in ``provenance.warnings``.

    References
    ----------
    Craven and Shavlik, Extracting tree-structured representations of trained networks, 1996.
    Breiman et al., doi:10.1201/9781315139470 (trees, and the rule of one standard error).

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> X = np.random.default_rng(0).uniform(size=(200, 2))
    >>> def model(X):
    ...     return np.where(X[:, 0] <= 0.5, 1.0, 3.0)
    >>> e = wh.explain(model, X, SurrogateTree(), rng=0)
    >>> len(e), e.outputs[:, 0], e.fidelity[0, 0]
    (2, array([1., 3.]), np.float64(1.0))
    """

    max_depth: int | None = None
    max_leaves: int | None = None
    min_samples_leaf: int | None = None
    holdout: float = 0.25
    tolerance: float | None = None

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ("10.1201/9781315139470",)
    whole: ClassVar[bool] = True

    def bind(self, view: Predict) -> Explain[Rules]:
        """Check the settings and return the function that explains all rows together.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        _check(self)

        def explain(rows: Rows, *, rng: Generator) -> Rules:
            return _explained(self, view, rows, rng)

        return explain


def _check(method: SurrogateTree) -> None:
    check_whole("max_depth", method.max_depth, most=_DEEPEST, optional=True)
    check_whole("max_leaves", method.max_leaves, least=2, most=2**_DEEPEST, optional=True)
    check_whole("min_samples_leaf", method.min_samples_leaf, optional=True)
    check_holdout(method.holdout)
    if method.tolerance is not None and not method.tolerance >= 0:
        raise InputError(f"tolerance is {method.tolerance!r}. A number from 0 is needed, or None.")


def _explained(method: SurrogateTree, view: Predict, rows: Rows, rng: Generator) -> Rules:
    table, Y = enough_rows(rows, "SurrogateTree", "grow a tree"), rows.outputs
    test, train = held_out(len(table), method.holdout, rng)
    decides = view.unit == "probability" and view.response == "identity"
    scale = np.ones(Y.shape[1]) if decides else _scale(Y)
    design = Design.of(table.numbers, np.array([len(v or ()) for v in table.levels]))
    growing = _Growing(
        design=design,
        Y=Y / scale,
        depth=method.max_depth,
        least=least_rows(method.min_samples_leaf, len(table)),
    )
    tree = growing.grown(method.max_leaves, train, rows)
    tree = _in_unit(tree, scale)
    within = method.tolerance
    within = float(Y.std(axis=0).mean()) / 2 if within is None else within
    agreement = Agreement(tolerance=None if decides else np.array([within]))
    leaves = _leaves(tree, table)
    said = leaves.outputs[leaves.rule[test]]
    alike = agreement.same(said, Y[test])
    notes = (
        _agreement(tree, alike, agreement),
        _stability(growing, tree, train, table.names, rng),
    )
    fidelity = r_squared(Y[test], said, rng)
    return leaves.measured(test, alike, fidelity, table.names, view, notes)


def _scale(Y: Floats) -> Floats:
    spread = Y.std(axis=0)
    return np.where(spread > 0, spread, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Growing:
    """What trees are grown on, and how."""

    design: Design
    Y: Floats
    depth: int | None
    least: int

    def tree(self, rows: Ints, leaves: int, depth: int | None = None) -> Cart:
        """Return the tree of some rows."""
        return grow(
            self.design, self.Y, rows, leaves=leaves, depth=depth or self.depth, least=self.least
        )

    def grown(self, leaves: int | None, train: Ints, rows: Rows) -> Cart:
        """Return the tree of the training rows, of a size that is given or chosen."""
        if leaves is None and self.depth is not None:
            leaves = 2**self.depth
        if leaves is not None:
            return self.tree(train, leaves)
        errors = np.zeros((_MOST_LEAVES, len(train)))
        for fold in range(_FOLDS):
            out = np.arange(fold, len(train), _FOLDS)
            tree = self.tree(np.delete(train, out), _MOST_LEAVES)
            found = tree.errors(self.design.X[train[out]], self.Y[train[out]])
            last = np.minimum(np.arange(_MOST_LEAVES), len(found) - 1)  # no more to split
            errors[:, out] = found[last]
            rows.progress((fold + 1) / (_FOLDS + 2))
        return self.tree(train, _smallest(errors) + 1)


def _smallest(errors: Floats) -> int:
    """Return the first size whose mean error is within one standard error of the least."""
    mean = errors.mean(axis=1)
    best = int(mean.argmin())
    stderr = float(errors[best].std(ddof=1)) / np.sqrt(errors.shape[1])
    return int(np.argmax(mean <= mean[best] + stderr + 1e-12 * mean[0]))


def _in_unit(tree: Cart, scale: Floats) -> Cart:
    """Return the tree of the outputs themselves."""
    return Cart(
        parent=tree.parent, sides=tree.sides, gain=tree.gain, value=tree.value * scale,
        count=tree.count,
    )  # fmt: skip


def _agreement(tree: Cart, alike: Bools, agreement: Agreement) -> str:
    value, low, high = (100 * float(x) for x in share(alike.sum(), len(alike)))
    what = "decides as the model does"
    if agreement.tolerance is not None:
        what = f"is within {agreement.tolerance[0]:.3g} of the model"
    return (
        f"On {len(alike)} held-out rows the tree of {tree.leaves} leaves {what} for {value:.1f} % "
        f"({low:.1f} to {high:.1f} %)."
    )


def _stability(
    growing: _Growing, tree: Cart, train: Ints, names: tuple[str, ...], rng: Generator
) -> str:
    """Say how often trees of resampled rows split on the same column first."""
    if not tree.sides:
        return "The tree has one leaf: no column tells what the model says."
    firsts = [growing.tree(rng.choice(train, len(train)), 2, 1).sides for _ in range(_BOOTSTRAPS)]
    columns = [sides[0].column if sides else -1 for sides in firsts]
    alike = columns.count(tree.sides[0].column)
    others = sorted({names[j] for j in columns if j not in (-1, tree.sides[0].column)})
    doubt = f", the others on {', '.join(map(repr, others))}" if others else ""
    return (
        f"The first split is on {names[tree.sides[0].column]!r} in {alike} of {_BOOTSTRAPS} trees "
        f"of resampled rows{doubt}."
    )


def _leaves(tree: Cart, table: Table) -> Stated:
    """Return the leaves as rules, left to right."""
    told = np.asarray(np.isnan(table.numbers).any(axis=0))
    paths = tree.paths()
    nodes = [node for node, _ in paths]
    place = np.zeros(len(tree.count), dtype=np.int64)
    place[nodes] = np.arange(len(paths))
    return Stated(
        predicates=tuple(conditions(path, table.names, table.levels, told) for _, path in paths),
        names=tuple(f"leaf {i + 1}" for i in range(len(paths))),
        outputs=tree.value[nodes],
        rule=place[tree.apply(table.numbers)],
        kind="tree",
    )
