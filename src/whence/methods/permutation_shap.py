"""Shapley values of any model, by sampling permutations.

A Shapley value is the mean, over all orders of the features, of what a feature adds when it becomes
known after those before it. Each order drawn is walked forward and in reverse: the errors of the
two walks cancel for every effect of one or two features, so that for a model without interactions
of three or more features the values are exact from the first pair of walks. A walk ends where the
model's own prediction is, so the values add up to it exactly, however few the walks. The standard
error is that of the mean over the pairs of walks, which are independent of each other.

An unknown feature takes its values from the rows of the background, all of them, jointly with the
other unknown features.
"""

from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
from numpy.random import Generator

from whence.core.blocks import cut
from whence.core.check import check_table
from whence.core.errors import InputError
from whence.core.explanation import Attribution, Names
from whence.core.method import Explain, Rows
from whence.core.mix import mix, stack
from whence.core.provenance import Provenance
from whence.core.seeds import row_generators
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints
from whence.models.predict import Predict

_CELLS = 4_000_000
"""Cells of the table that the model is asked with at a time; one coalition may need more."""
_FEWEST = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PermutationShap:
    """Shapley values of any model, with standard errors, in the user's columns.

    Each row costs at most ``permutations * 2 * (features - 1) * background rows`` predictions.
    A row's numbers depend on the seed and on what the row says, not on the rows beside it, as far
    as the model itself answers alike for a row in any batch.

    Attributes
    ----------
    background : table of shape (background, features)
        Rows that stand for "feature unknown", in the form of ``X``; all are used.
    permutations : int
        Orders of the features that are drawn for each row, at least 2; each is walked forward and
        in reverse. Four times as many halve the standard error.

    References
    ----------
    Castro et al., doi:10.1016/j.cor.2008.04.004. Mitchell et al., arXiv:2104.12199 (antithetic
    permutations).

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> Z = np.zeros((1, 3))
    >>> e = wh.explain(lambda X: X[:, 0] * X[:, 1], Z + 2, wh.PermutationShap(background=Z), rng=0)
    >>> e.values[0, :, 0], e.stderr[0, :, 0]
    (array([2., 2., 0.]), array([0., 0., 0.]))
    """

    background: object
    permutations: int = 10

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ("10.1016/j.cor.2008.04.004", "arXiv:2104.12199")

    def bind(self, view: Predict) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If the background does not fit the model, or there are fewer than two permutations.
        """
        if not isinstance(self.permutations, int) or self.permutations < _FEWEST:
            raise InputError(
                f"permutations is {self.permutations!r}. A whole number of at least {_FEWEST} is "
                "needed: a single one gives no standard error."
            )
        Z = view.read(self.background, what="background")

        def explain(rows: Rows, *, rng: Generator) -> Attribution:
            return _explain(view, rows, Z, self.permutations, rng)

        return explain


def _explain(view: Predict, rows: Rows, Z: Table, permutations: int, rng: Generator) -> Attribution:
    X = cast("Table", rows.given())
    check_table(Z, X.names, named=X.named, what="background")
    both = stack(X, Z)
    unknown = view.ask(both[len(X) :])
    values = np.empty((len(X), len(X.names), rows.outputs.shape[1]))
    stderr, base, asked = np.empty_like(values), np.empty_like(rows.outputs), len(Z)
    for i, own in enumerate(row_generators(X, rng)):
        label = None if rows.labels is None else rows.labels[i : i + 1]
        game = _Game(view=view, table=both, row=i, first=len(X), label=label)
        base[i] = game.mean(unknown[None])[0]
        orders = own.permuted(np.tile(np.arange(len(X.names)), (permutations, 1)), axis=1)
        pairs, coalitions = _walks(game, orders, base[i], rows.outputs[i])
        values[i] = pairs.mean(axis=0)
        stderr[i] = pairs.std(axis=0, ddof=1) / np.sqrt(permutations)
        asked += coalitions * len(Z)
    return Attribution(
        values=values,
        base_values=base,
        outputs=rows.outputs,
        stderr=stderr,
        names=Names(outputs=view.names_of(values.shape[2])),
        provenance=Provenance(evaluations=asked),
    )


def _walks(game: "_Game", orders: Ints, nobody: Floats, everybody: Floats) -> tuple[Floats, int]:
    """Walk each order forward and in reverse.

    Parameters
    ----------
    orders : int array of shape (permutations, players)
    nobody, everybody : arrays of shape (outputs,)
        Worth of the two coalitions that end every walk.

    Returns
    -------
    gains : array of shape (permutations, players, outputs)
        What each player added, the mean of the two walks.
    coalitions : int
        Number of coalitions whose worth was asked for.
    """
    n, p = orders.shape
    place = np.argsort(orders, axis=1)
    forward = place[:, None, :] < np.arange(p + 1)[:, None]
    known = np.stack([forward, ~forward[:, ::-1]], axis=1)
    distinct, back = np.unique(known.reshape(-1, p), axis=0, return_inverse=True)
    inner = distinct.any(axis=1) & ~distinct.all(axis=1)
    worth = np.where(distinct[:, :1], everybody, nobody)  # right for the two ends
    worth[inner] = game.worth(distinct[inner])
    gains = np.diff(worth[back.reshape(n, 2, p + 1)], axis=2)
    each = np.arange(n)[:, None]
    return (gains[each, 0, place] + gains[each, 1, p - 1 - place]) / 2, int(inner.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Game:
    """What coalitions of known features are worth at one row: the mean over the background.

    Attributes
    ----------
    view : Predict
    table : Table
        Rows explained, then the rows of the background.
    row : int
        The row explained.
    first : int
        The first row of the background.
    label : int array of shape (1,) or None
        The true class of the row, for a loss.
    """

    view: Predict
    table: Table
    row: int
    first: int
    label: Ints | None

    def worth(self, known: Bools) -> Floats:
        """Return the worth of coalitions, (coalitions, outputs), of bools (coalitions, players)."""
        size = max(1, _CELLS // ((len(self.table) - self.first) * known.shape[1]))
        parts = [self._worth(known[s]) for s in cut(len(known), size)]
        return np.concatenate(parts) if parts else np.empty((0, 1))

    def mean(self, raw: Floats) -> Floats:
        """Return the mean response, (coalitions, outputs), of (coalitions, background, raw)."""
        n, m, k = raw.shape
        labels = None if self.label is None else np.repeat(self.label, n * m)
        return np.asarray(
            self.view.respond(raw.reshape(n * m, k), labels).reshape(n, m, -1).mean(axis=1)
        )

    def _worth(self, known: Bools) -> Floats:
        background = np.arange(self.first, len(self.table))[:, None]
        index = np.where(known[:, None, :], self.row, background)
        shape = index.shape
        raw = self.view.ask(mix(self.table, index.reshape(-1, shape[2])))
        return self.mean(raw.reshape(*shape[:2], -1))
