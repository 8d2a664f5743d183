"""Decision trees as rules: the path of one row, and all leaves of a tree.

A decision tree is its own explanation, as long as its splits are told in the columns that the user
knows. The splits on a path are merged to one condition per column; a one-hot encoded column is told
by its categories, a scaled one by its own numbers (`whence.glassbox.splits`). Each explanation is
checked: the conditions must lead every row to the leaf that the model's own encoding leads it to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError, UnsupportedModelError, VerificationError
from whence.core.explanation import Names
from whence.core.method import Explain, Rows
from whence.core.response import respond
from whence.core.rules import Predicate, Rules
from whence.core.table import Table
from whence.core.types import Floats, Ints
from whence.glassbox.splits import Levels, Splits, is_coded, known_levels, leaves_of, read_splits
from whence.kernels.binomial import share
from whence.kernels.cart_tree import Side
from whence.kernels.path_conditions import conditions
from whence.models.trees import Trees

Path = list[tuple[Side, bool]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecisionPath:
    """The conditions under which a single tree says what it says about a row.

    For a decision tree of scikit-learn, alone or in a pipeline, and for a model of any supported
    library that has one tree. The conditions on the way to the leaf are merged to one per column,
    in the order in which the tree asks.

    Notes
    -----
    In the result ``coverage`` is the share of the training rows that reached the leaf, by weight
    (XGBoost counts the second derivatives of its loss), with its 95 % interval; ``covered`` that
    weight; ``precision`` is 1, because the tree says the same about all of them. Where a missing
    value would go is told where the row's own cell is missing.

    References
    ----------
    Breiman et al., doi:10.1201/9781315139470.

    Examples
    --------
    >>> import pandas as pd
    >>> import whence as wh
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X = pd.DataFrame({"age": [20, 30, 40, 50]})
    >>> model = DecisionTreeRegressor().fit(X, [0.0, 1.0, 1.0, 0.0])
    >>> e = wh.explain(model, X[1:2], DecisionPath())
    >>> print(*e.predicates[0], e.outputs[0], e.coverage[0])
    25 < age ≤ 45 [1.] 0.5
    """

    needs: ClassVar[type] = Trees
    references: ClassVar[tuple[str, ...]] = ("10.1201/9781315139470",)

    def bind(self, view: Trees) -> Explain[Rules]:
        """Check that there is one tree, and return the function that explains rows.

        Raises
        ------
        UnsupportedModelError
            If there are several trees.
        """
        read = _reader(view, type(self).__name__)

        def explain(rows: Rows, *, rng: Generator) -> Rules:
            del rng  # exact: nothing is sampled
            table, splits, leaf = _read(view, read, rows)
            paths = dict(splits.paths())

            @cache
            def rule(node: int, told: bytes) -> tuple[Predicate, ...]:
                known = np.frombuffer(told, dtype=bool)
                return conditions(paths[node], table.names, splits.levels, known)

            missing = np.isnan(table.numbers)
            told = [rule(int(v), m.tobytes()) for v, m in zip(leaf, missing, strict=True)]
            return _rules(view, tuple(told), leaf, rows.outputs)

        return explain


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecisionTreeRules:
    """All leaves of a single tree as rules, left to right.

    The rows that are given say which categories and missing values there are; the tree is checked
    on them. Numbers are those of `DecisionPath`, by training weight.

    References
    ----------
    Breiman et al., doi:10.1201/9781315139470.

    Examples
    --------
    >>> import pandas as pd
    >>> import whence as wh
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X = pd.DataFrame({"age": [20, 30, 40, 50]})
    >>> model = DecisionTreeRegressor().fit(X, [0.0, 1.0, 1.0, 0.0])
    >>> e = wh.explain(model, X, DecisionTreeRules())
    >>> [" and ".join(map(str, rule)) for rule in e.predicates]
    ['age ≤ 25', '25 < age ≤ 45', 'age > 45']
    """

    needs: ClassVar[type] = Trees
    references: ClassVar[tuple[str, ...]] = ("10.1201/9781315139470",)
    whole: ClassVar[bool] = True

    def bind(self, view: Trees) -> Explain[Rules]:
        """Check that there is one tree, and return the function that tells it.

        Raises
        ------
        UnsupportedModelError
            If there are several trees.
        InputError
            If a loss is asked for, which leaves have none of.
        """
        read = _reader(view, type(self).__name__)
        if view.response.startswith("log_loss"):
            raise InputError(
                "output='log_loss' was asked of the leaves of a tree, which have no true classes. "
                "Leave out output=, or explain rows: DecisionPath()."
            )

        def explain(rows: Rows, *, rng: Generator) -> Rules:
            del rng  # exact: nothing is sampled
            table, splits, _ = _read(view, read, rows)
            told = np.asarray(np.isnan(table.numbers).any(axis=0))
            paths = splits.paths()
            rules = tuple(conditions(p, table.names, splits.levels, told) for _, p in paths)
            leaf = np.array([node for node, _ in paths])
            outputs = respond(view.response, view.nodes.base + view.nodes.value[leaf], None)
            names = Names(
                features=table.names,
                outputs=view.outputs,
                rows=tuple(f"leaf {i + 1}" for i in range(len(paths))),
            )
            return _rules(view, rules, leaf, outputs, names)

        return explain


_Reader = Callable[[Levels, tuple[bool, ...]], Splits]


def _reader(view: Trees, method: str) -> _Reader:
    """Return the function that reads the tree in the user's columns, remembering what it read."""
    if view.nodes.trees != 1:
        raise UnsupportedModelError(
            f"The model has {view.nodes.trees} trees and {method} tells the path through one. Give "
            "a decision tree; or imitate the model by one: SurrogateTree(); or explain what each "
            "column adds: TreeShap()."
        )
    read = lru_cache(maxsize=4)(lambda levels, coded: read_splits(view, levels, coded))
    if view.levels:  # what the encoders have learned is all there is to know, but for rare rows
        read(view.levels, tuple(is_coded(levels) for levels in view.levels))
    return read


def _read(view: Trees, read: _Reader, rows: Rows) -> tuple[Table, Splits, Ints]:
    """Return the rows, the tree in their columns, and the leaf of each."""
    table = rows.given()
    if not isinstance(table, Table):
        raise TypeError(table)
    splits = read(*known_levels(view, table))
    leaf = leaves_of(view.nodes, rows.X)
    at = np.zeros(len(table), dtype=np.int64)
    X = _in_levels(table, splits)
    for v in sorted(splits.sides):
        here = np.flatnonzero(at == v)
        left = splits.sides[v].left(X[here])
        at[here] = np.where(left, view.nodes.left[v], view.nodes.right[v])
    wrong = np.flatnonzero(at != leaf)
    if len(wrong):
        raise VerificationError(
            f"Row {wrong[0]} of its block reaches leaf {leaf[wrong[0]]} of the tree, and the "
            f"splits as told in the columns of the table lead to {at[wrong[0]]}. A step of the "
            "pipeline may make of a column what depends on others, or a category may be none that "
            "was learned. Explain the last step on the transformed table."
        )
    return table, splits, leaf


def _in_levels(table: Table, splits: Splits) -> Floats:
    """Return the numbers of a table with codes into the levels that the splits are about."""
    X = table.numbers.copy()
    for j, (levels, own) in enumerate(zip(splits.levels, table.levels, strict=True)):
        if levels is None or levels == own:
            continue
        place = {level: float(i) for i, level in enumerate(levels)}
        beyond = float(len(levels))
        if own is None:
            known = [place.get(x, beyond) for x in X[:, j].tolist()]
        else:
            codes = np.where(np.isnan(X[:, j]), 0, X[:, j]).astype(np.int64)
            known = [place.get(own[c], beyond) for c in codes]
        X[:, j] = np.where(np.isnan(X[:, j]), np.nan, known)
    return X


def _rules(
    view: Trees,
    predicates: tuple[tuple[Predicate, ...], ...],
    leaf: Ints,
    outputs: Floats,
    names: Names | None = None,
) -> Rules:
    covered, whole = view.nodes.cover[leaf], float(view.nodes.cover[0])
    coverage, low, high = share(covered, whole)
    ones = np.ones(len(leaf))
    return Rules(
        predicates=predicates,
        outputs=outputs,
        precision=ones,
        precision_low=ones,
        coverage=coverage,
        coverage_low=low,
        coverage_high=high,
        covered=np.rint(covered).astype(np.int64),
        kind="path" if names is None else "tree",
        names=names or Names(),
    )
