"""Histogram gradient boosting of scikit-learn: float64 thresholds, missing values, categories.

The model puts its categorical columns first and replaces each category by its place among those of
training. A category it never saw becomes a missing value there, and so it does here.
"""

from dataclasses import dataclass, replace

import numpy as np

from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints, Level
from whence.models.parse.common import Tree, assemble, recode
from whence.models.parse.sklearn_columns import (
    Columns,
    Estimator,
    Native,
    columns_of,
    margin,
    prediction,
    view,
)
from whence.models.trees import Link, Trees

_LINKS: dict[str, tuple[Link, str]] = {
    "IdentityLink": ("identity", "target"),
    "LogLink": ("exp", "log of the target"),
    "LogitLink": ("logistic", "log-odds"),
    "MultinomialLogit": ("softmax", "log-odds"),
}


def parse_hist(model: Estimator) -> Trees:
    """Read a fitted HistGradientBoostingClassifier or HistGradientBoostingRegressor."""
    columns = columns_of(model)
    categories = _categories(model)
    known = np.array([c is not None for c in categories])
    order = np.concatenate([np.flatnonzero(known), np.flatnonzero(~known)])
    parts = [
        _tree(predictor, target=k)
        for stage in model._predictors  # noqa: SLF001  the only place that holds the trees
        for k, predictor in enumerate(stage)
    ]
    base = np.asarray(model._baseline_prediction, dtype=np.float64).ravel()  # noqa: SLF001
    nodes = assemble(parts, base=base, player=order, columns=len(order))
    link, unit = _LINKS[type(model._loss.link).__name__]  # noqa: SLF001  the loss it was fitted with
    say = {"identity": prediction, "exp": _log_prediction}.get(link, margin)
    found = view(model, nodes, unit=unit, say=say, link=link)
    if not known.any():
        return found
    return replace(found, encode=_Encode(columns=columns, categories=categories, order=order))


def _log_prediction(model: Estimator, X: Native) -> Native:
    return np.log(model.predict(X))


def _categories(model: Estimator) -> tuple[tuple[Level, ...] | None, ...]:
    """Return per column the categories of training by code, None for a column of numbers."""
    is_categorical: Bools | None = model.is_categorical_
    if is_categorical is None:
        return (None,) * int(model.n_features_in_)
    encoder = model._preprocessor.named_transformers_["encoder"]  # noqa: SLF001
    lists = iter(encoder.categories_)
    return tuple(tuple(next(lists).tolist()) if known else None for known in is_categorical)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Encode:
    """Table -> the columns as the trees read them: categories by place, and first."""

    columns: Columns
    categories: tuple[tuple[Level, ...] | None, ...]
    order: Ints

    def __call__(self, table: Table) -> Floats:
        """Encode a table."""
        self.columns.check(table)
        plain = replace(
            table,
            levels=tuple(
                levels if known is None else None
                for levels, known in zip(table.levels, self.categories, strict=True)
            ),
        )
        out = np.array(self.columns.numbers(plain))
        for j, known in enumerate(self.categories):
            if known is not None:
                out[:, j] = _places(table, j, known)
        return out[:, self.order]


def _places(table: Table, column: int, known: tuple[Level, ...]) -> Floats:
    """Return the place of each cell of a column among the categories of training."""
    cells, levels = table.numbers[:, column], table.levels[column]
    if levels is None:
        present = ~np.isnan(cells)
        numbers, place = np.unique(cells[present], return_inverse=True)
        cells = np.full(len(cells), np.nan)
        cells[present] = place
        levels = tuple(numbers.tolist())
    return recode(cells, levels, known)


def _tree(predictor: Estimator, *, target: int) -> Tree:
    """Bring one predictor to our form."""
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(np.bool_)
    by_category = np.flatnonzero(~leaf & nodes["is_categorical"].astype(np.bool_))
    words = np.ascontiguousarray(predictor.raw_left_cat_bitsets).astype("<u4")
    members = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
    return Tree(
        feature=np.where(leaf, -1, nodes["feature_idx"]),
        threshold=nodes["num_threshold"],
        left=nodes["left"],
        right=nodes["right"],
        missing_left=nodes["missing_go_to_left"].astype(np.bool_),
        value=nodes["value"],
        cover=nodes["count"],
        target=target,
        categories={int(v): np.flatnonzero(members[nodes["bitset_idx"][v]]) for v in by_category},
    )
