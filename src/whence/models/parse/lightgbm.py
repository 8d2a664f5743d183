"""LightGBM models, read from the text form that the library itself saves.

A number goes left iff ``x <= threshold`` in float64. Per node the library says what counts as
missing: nothing (NaN is read as zero), zero and NaN, or NaN alone. Before it reads a row it sets
numbers of magnitude up to ``float32(1e-35)`` to zero, and it turns arrays that are not of floats
into float32; `encode` does the same. A category is truncated to an integer and goes left iff it
is in the node's bit set; NaN and negative numbers go right.

The raw output is brought to the scale on which the link applies: it is multiplied by the
objective's ``sigmoid``, and divided by the number of iterations in a random forest, whose own raw
output is the sum and not the mean of its trees.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol, cast

import numpy as np
from numpy.typing import ArrayLike

from whence.core.errors import InputError, UnsupportedModelError
from whence.core.table import Table
from whence.core.types import Floats, Ints, Level
from whence.models.parse.common import (
    Tree,
    assemble,
    check_columns,
    class_levels,
    feature_names,
    output_names,
    recode,
)
from whence.models.trees import Link, Trees

_ZERO = float(np.float32(1e-35))
_MISSING_NONE, _MISSING_ZERO = 0, 1
_EXPONENTIAL = ("poisson", "gamma", "tweedie")
_TARGET = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
_RANKING = ("lambdarank", "rank_xendcg")


class _Booster(Protocol):
    def model_to_string(self) -> str: ...

    def predict(self, data: object, *, raw_score: bool) -> Floats: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Text:
    """The text form of a model, cut into its parts."""

    header: Mapping[str, str]
    trees: tuple[Mapping[str, str], ...]
    categories: tuple[tuple[Level, ...], ...]

    @property
    def outputs(self) -> int:
        return int(self.header["num_tree_per_iteration"])

    @property
    def columns(self) -> int:
        return int(self.header["max_feature_idx"]) + 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scale:
    """What the raw output means, and what the library's own is multiplied by to get there."""

    link: Link
    unit: str
    factor: float


def parse(model: object) -> Trees:
    """Read a LightGBM ``Booster`` or scikit-learn style estimator.

    The trees are those that the model's own ``predict`` uses: up to the best iteration where
    there is one. Covers are counts of training rows, as in the library's own contributions.

    Raises
    ------
    InputError
        If the model is not fitted, or its text form is cut off.
    UnsupportedModelError
        If leaves are linear models.

    Examples
    --------
    >>> import lightgbm, numpy as np
    >>> X = np.arange(40.0).reshape(-1, 1)
    >>> model = lightgbm.LGBMRegressor(n_estimators=1, min_child_samples=5, verbose=-1)
    >>> trees = parse(model.fit(X, X[:, 0] > 19))
    >>> trees.features, trees.outputs, trees.link
    (('x0',), ('y',), 'identity')
    """
    booster = _booster(model)
    text = _read(_written(booster))
    scale = _scale(text)
    trees = [
        _tree(block, target=t % text.outputs, factor=scale.factor)
        for t, block in enumerate(text.trees)
    ]
    names = text.header["feature_names"].split(" ")
    named = any(name not in (f"Column_{j}", str(j)) for j, name in enumerate(names))
    features = feature_names(names if named else None, text.columns)
    encode = _Encode(
        features=features, named=named, categories=text.categories, truncated=_truncated(text)
    )
    return Trees(
        nodes=assemble(trees, base=np.zeros(text.outputs), columns=text.columns),
        features=features,
        outputs=output_names(_classes(model, text), text.outputs),
        classes=class_levels(_classes(model, text)),
        link=scale.link,
        unit=scale.unit,
        library="lightgbm",
        named=named and not any("_" in name for name in names),  # it may have been a space
        encode=encode,
        predict=_Predict(booster=booster, encode=encode, outputs=text.outputs, factor=scale.factor),
        tolerance=1e-9,
    )


def _booster(model: object) -> _Booster:
    if any(cls.__name__ == "LGBMModel" for cls in type(model).__mro__):
        found = getattr(model, "booster_", None)  # its error for "not fitted" is an AttributeError
        if found is None:
            raise InputError(
                f"The {type(model).__name__} is not fitted. A fitted model is needed. "
                "Call its fit method first."
            )
        return cast("_Booster", found)
    return cast("_Booster", model)


def _written(booster: _Booster) -> str:
    try:
        return booster.model_to_string()
    except TypeError as error:
        raise InputError(
            f"LightGBM cannot write the model as text: {error}. Categories must be text, numbers "
            "or booleans. Turn the others into text before training, for example with "
            "X[column].astype(str).astype('category')."
        ) from error


def _classes(model: object, text: _Text) -> Sequence[object] | None:
    """Return the class labels where the model is a classifier, as far as it knows them."""
    labels: Sequence[object] | None = getattr(model, "classes_", None)
    if labels is not None:
        return labels
    objective = text.header.get("objective", "").split(" ")[0]
    if objective == "binary":
        return (0, 1)
    return range(text.outputs) if objective.startswith("multiclass") else None


def _read(text: str) -> _Text:
    """Cut the text form of a model into header, trees and the categories of pandas columns."""
    head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    header = _fields(head)
    needed = ("num_tree_per_iteration", "max_feature_idx", "feature_names", "tree_sizes")
    lacking = [name for name in needed if name not in header]
    if lacking or "\nend of trees" not in text or len(header["tree_sizes"].split()) != len(blocks):
        raise InputError(
            f"The text of the LightGBM model is cut off or damaged: it has {len(blocks)} trees"
            f"{' and lacks ' + ', '.join(lacking) if lacking else ' and no proper end'}. "
            "The whole text is needed: load the model anew, or train it again."
        )
    tail = text.rpartition("\npandas_categorical:")[2].strip()
    known = json.loads(tail) if "\npandas_categorical:" in text else None
    return _Text(
        header=header,
        trees=tuple(_fields(block) for block in blocks),
        categories=tuple(map(tuple, known or ())),
    )


def _fields(block: str) -> dict[str, str]:
    parts = (line.partition("=") for line in block.splitlines())
    return {name: value for name, _, value in parts if name}


def _scale(text: _Text) -> _Scale:
    objective, *settings = text.header.get("objective", "").split(" ")
    values = dict(setting.partition(":")[::2] for setting in settings)
    mean = 1.0
    if "average_output" in text.header and text.trees:
        mean = text.outputs / len(text.trees)
    if objective in ("binary", "multiclassova"):
        factor = mean * float(values.get("sigmoid", 1))
        return _Scale(link="logistic", unit="log-odds", factor=factor)
    if objective == "cross_entropy":
        return _Scale(link="logistic", unit="log-odds", factor=mean)
    if objective == "multiclass":
        return _Scale(link="softmax", unit="log-odds", factor=mean)
    if objective in _EXPONENTIAL:
        return _Scale(link="exp", unit="log of the target", factor=mean)
    unit = "raw score"
    if objective in _TARGET:
        unit = "signed square root of the target" if "sqrt" in values else "target"
    elif objective in _RANKING:
        unit = "ranking score"
    return _Scale(link="identity", unit=unit, factor=mean)


def _numbers(block: Mapping[str, str], name: str) -> Floats:
    if name not in block:
        raise InputError(
            f"A tree of the LightGBM model has no {name}, so it cannot be read. "
            "Save the model with a current version of LightGBM and load it anew."
        )
    return np.array(block[name].split(), dtype=np.float64)


def _tree(block: Mapping[str, str], *, target: int, factor: float) -> Tree:
    """Read one tree: its splits first, then its leaves."""
    if block.get("is_linear", "0") != "0":
        raise UnsupportedModelError(
            "The LightGBM model was trained with linear_tree=True: its leaves are linear models. "
            "Trees whose leaves are constants are needed. Train with linear_tree=False, or "
            "explain the model through its predictions: KernelShap(background=X_train)."
        )
    value = _numbers(block, "leaf_value") * factor
    leaves = len(value)
    if leaves == 1:
        return _stump(float(value[0]), target=target)
    splits = leaves - 1
    threshold = _numbers(block, "threshold")
    decision = _numbers(block, "decision_type").astype(np.int64)
    kind = (decision >> 2) & 3
    categorical = (decision & 1) == 1
    numeric = ~categorical
    default_left = (decision & 2) == 2  # noqa: PLR2004  the second bit
    none = kind == _MISSING_NONE
    missing_left = numeric & np.where(none, threshold >= 0, default_left)
    children = [_numbers(block, side).astype(np.int64) for side in ("left_child", "right_child")]
    left, right = (np.where(child < 0, splits + ~child, child) for child in children)
    blank = np.zeros(leaves)
    return Tree(
        feature=np.concatenate([_numbers(block, "split_feature"), blank - 1]).astype(np.int64),
        threshold=np.concatenate([threshold, blank]),
        left=np.concatenate([left, blank]),
        right=np.concatenate([right, blank]),
        missing_left=np.concatenate([missing_left, blank]),
        zero_missing=np.concatenate([numeric & (kind == _MISSING_ZERO), blank]),
        value=np.concatenate([np.zeros(splits), value]),
        cover=np.concatenate([_numbers(block, "internal_count"), _numbers(block, "leaf_count")]),
        target=target,
        categories=_categories(block, threshold, categorical.nonzero()[0].tolist()),
    )


def _stump(value: float, *, target: int) -> Tree:
    """Return a tree that is one leaf; the library may not count its rows, and none are needed."""
    return Tree(
        feature=[-1], threshold=[0], left=[-1], right=[-1], missing_left=[False], value=[value],
        cover=[1], target=target,
    )  # fmt: skip


def _categories(
    block: Mapping[str, str], threshold: Floats, nodes: Sequence[int]
) -> dict[int, ArrayLike]:
    """Return the categories that go left at each categorical split, from words of 32 bits."""
    if not nodes:
        return {}
    words = _numbers(block, "cat_threshold").astype("<u4")
    sets = [
        np.unpackbits(words[low:high].view(np.uint8), bitorder="little").nonzero()[0]
        for low, high in pairwise(_numbers(block, "cat_boundaries").astype(np.int64))
    ]
    return {v: sets[int(threshold[v])] for v in nodes}


def _truncated(text: _Text) -> Ints:
    """Return the columns that are split on as categories."""
    columns = [
        _numbers(block, "split_feature")[_numbers(block, "decision_type").astype(np.int64) % 2 == 1]
        for block in text.trees
        if int(block.get("num_cat", "0"))
    ]
    return np.unique(np.concatenate([np.empty(0), *columns])).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Encode:
    """Turns a table into the numbers that the trees read."""

    features: tuple[str, ...]
    named: bool
    categories: tuple[tuple[Level, ...], ...]
    truncated: Ints

    def __call__(self, table: Table) -> Floats:
        names = tuple(name.replace(" ", "_") for name in table.names)  # as the library does
        check_columns(replace(table, names=names), self.features, named=self.named)
        X = self._codes(table)
        if isinstance(table.native, np.ndarray) and table.native.dtype.char not in "fd":
            with np.errstate(over="ignore"):
                X = X.astype(np.float32).astype(np.float64)
        X[np.abs(X) <= _ZERO] = 0.0
        X[:, self.truncated] = np.trunc(X[:, self.truncated])
        return X

    def _codes(self, table: Table) -> Floats:
        """Return the numbers, with categories coded as in training; unseen ones are missing."""
        X = np.array(table.numbers)
        found = [j for j, levels in enumerate(table.levels) if levels is not None]
        if found and len(found) != len(self.categories):
            raise InputError(
                f"The table has {len(found)} columns of categories or text "
                f"({', '.join(table.names[j] for j in found[:20])}); the LightGBM model was "
                f"trained on {len(self.categories)}. Hand in the columns as in training, "
                "categories as the pandas dtype 'category' and all others as numbers."
            )
        for j, known in zip(found, self.categories, strict=False):
            levels = table.levels[j] or ()
            if levels != known:
                X[:, j] = recode(X[:, j], levels, known)
        return X


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Predict:
    """Asks the user's own model for its raw output, on the scale of the view."""

    booster: _Booster
    encode: _Encode
    outputs: int
    factor: float

    def __call__(self, table: Table) -> Floats:
        own = table.native is not None and (
            type(table.native).__module__.startswith("pandas") or not any(table.levels)
        )  # categories of any other frame make the library abort the process
        X = table.native if own else self.encode(table)
        raw = np.asarray(self.booster.predict(X, raw_score=True), dtype=np.float64)
        return raw.reshape(len(table), self.outputs) * self.factor
