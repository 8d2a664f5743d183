"""CatBoost models, read from the JSON form that the library itself saves.

A number goes right iff ``float32(x) > border``; a missing value goes where the model says, or left
where none was seen. A one-hot split asks whether a category is one value, known by its hash; the
column that the trees read holds the position of that value in the model's list, or one past its
end for any other category. At a symmetric tree the last split is the root, as in the library's own
attributions, so covers agree with them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeAlias, cast

import numpy as np

from whence.core.errors import InputError, UnsupportedModelError
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints
from whence.models.parse._catboost_table import Encode, categories
from whence.models.parse.common import (
    Tree,
    assemble,
    class_levels,
    feature_names,
    float32_le_threshold,
    output_names,
)
from whence.models.trees import Link, Trees

Json: TypeAlias = Mapping[str, Any]

_FRAMES = ("numpy", "pandas", "scipy")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What the raw output means."""

    link: Link
    unit: str
    names: tuple[str, ...] | None = None


_LOG_ODDS = _Said(link="logistic", unit="log-odds")
_LOGARITHM = _Said(link="identity", unit="log of the target")
_EXPONENTIAL = _Said(link="exp", unit="log of the target")
_RANKING = _Said(link="identity", unit="ranking score")
_MEANING = {
    "Logloss": _LOG_ODDS,
    "CrossEntropy": _LOG_ODDS,
    "Focal": _LOG_ODDS,
    "MultiLogloss": _LOG_ODDS,
    "MultiCrossEntropy": _LOG_ODDS,
    "MultiClassOneVsAll": _LOG_ODDS,
    "MultiClass": _Said(link="softmax", unit="log-odds"),
    "Poisson": _EXPONENTIAL,
    "Tweedie": _EXPONENTIAL,
    "LogLinQuantile": _LOGARITHM,
    "SurvivalAft": _LOGARITHM,
    "RMSEWithUncertainty": _Said(
        link="identity", unit="target", names=("mean", "log of the standard deviation")
    ),
    "YetiRank": _RANKING,
    "Query": _RANKING,
    "Pair": _RANKING,
    "StochasticRank": _RANKING,
    "StochasticFilter": _RANKING,
    "LambdaMart": _RANKING,
}
"""What the raw output means, by how the name of the loss begins."""

_TARGET = (
    "RMSE", "MAE", "Quantile", "MAPE", "Lq", "Huber", "Expectile", "LogCosh", "RMSPE", "MultiRMSE",
    "MultiRMSEWithMissingValues", "MultiQuantile",
)  # fmt: skip


class _Model(Protocol):
    """What is asked of the user's model."""

    feature_names_: Sequence[str]
    classes_: Sequence[object]

    def is_fitted(self) -> bool: ...

    def save_model(self, fname: str, format: str) -> None: ...  # noqa: A002  the library's name

    def get_text_feature_indices(self) -> list[int]: ...

    def get_embedding_feature_indices(self) -> list[int]: ...


def parse(model: object) -> Trees:
    """Read a ``CatBoost``, ``CatBoostClassifier``, ``CatBoostRegressor`` or ``CatBoostRanker``.

    Covers are the library's leaf weights, summed up the tree; leaves that no training row reached
    have none.

    Raises
    ------
    InputError
        If the model is not fitted.
    UnsupportedModelError
        If trees split on target statistics of categories, on text or on embeddings.

    Examples
    --------
    >>> import catboost, numpy as np
    >>> X = np.arange(40.0).reshape(-1, 1)
    >>> model = catboost.CatBoostRegressor(iterations=1, verbose=0, allow_writing_files=False)
    >>> trees = parse(model.fit(X, X[:, 0] > 19))
    >>> trees.features, trees.outputs, trees.link
    (('x0',), ('y',), 'identity')
    """
    fitted = cast("_Model", model)
    if not fitted.is_fitted():
        raise InputError(
            f"The {type(model).__name__} is not fitted. A fitted model is needed. "
            "Call its fit method first."
        )
    names = [str(name) for name in fitted.feature_names_]
    named = any(name != str(j) for j, name in enumerate(names))
    features = feature_names(names if named else None, len(names))
    _refuse(fitted.get_text_feature_indices(), "text", features)
    _refuse(fitted.get_embedding_feature_indices(), "embedding", features)
    document = _document(fitted)
    base = np.atleast_1d(np.asarray(document["scale_and_bias"][1], dtype=np.float64))
    reader = _reader(document, features, len(base))
    trees = [reader.tree(tree) for tree in _trees(document)]
    encode = Encode(
        features=features,
        named=named,
        categories=categories(
            model, document["features_info"].get("categorical_features") or (), features
        ),
    )
    said = _said(document)
    return Trees(
        nodes=assemble(trees, base=base, columns=len(features)),
        features=features,
        outputs=said.names or output_names(_classes(fitted), len(base)),
        classes=class_levels(_classes(fitted)),
        link=said.link,
        unit=said.unit,
        library="catboost",
        named=named,
        encode=encode,
        predict=_Predict(model=model, encode=encode),
        tolerance=1e-9,
    )


def _refuse(columns: Sequence[int], kind: str, features: tuple[str, ...]) -> None:
    if columns:
        raise UnsupportedModelError(
            f"The CatBoost model reads {kind} features: "
            f"{', '.join(features[j] for j in columns[:20])}. Its trees split on numbers computed "
            "from them by the library alone. Explain the model through its predictions with a "
            "model-agnostic method such as KernelShap(background=X_train)."
        )


def _document(model: _Model) -> Json:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.json"
        model.save_model(str(file), format="json")
        document: Json = json.loads(file.read_text(encoding="utf-8"))
    return document


def _trees(document: Json) -> Sequence[Json]:
    found: Sequence[Json] | None = document.get("oblivious_trees", document.get("trees"))
    return found or ()


def _reader(document: Json, features: tuple[str, ...], outputs: int) -> "_Reader":
    parts = document["features_info"]
    floats, categorical = (
        {part["feature_index"]: part for part in parts.get(kind) or ()}
        for kind in ("float_features", "categorical_features")
    )
    used = {
        categorical[element["cat_feature_index"]]["flat_feature_index"]
        for ctr in parts.get("ctrs") or ()
        for element in ctr["elements"]
        if "cat_feature_index" in element
    }
    return _Reader(
        floats=floats,
        categorical=categorical,
        statistics=tuple(features[j] for j in sorted(used)),
        scale=float(document["scale_and_bias"][0]),
        outputs=outputs,
    )


def _classes(model: _Model) -> Sequence[object] | None:
    labels = model.classes_
    return labels if len(labels) else None


def _said(document: Json) -> _Said:
    params = document.get("model_info", {}).get("params", {})
    loss = str(params.get("loss_function", {}).get("type", ""))
    for family, said in _MEANING.items():
        if loss.startswith(family):
            return said
    return _Said(link="identity", unit="target" if loss in _TARGET else "raw score")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Reader:
    """Reads trees of one model, of either shape."""

    floats: Mapping[int, Json]
    categorical: Mapping[int, Json]
    statistics: tuple[str, ...]
    scale: float
    outputs: int

    def tree(self, tree: Json) -> Tree:
        """Read one tree; a one-hot split holds to the right in the library, here to the left."""
        if "leaf_values" in tree:
            splits, at, left, right, value, cover = _symmetric(tree, self.outputs)
        else:
            splits, at, left, right, value, cover = _free(tree, self.outputs)
        column, border, missing_left, category = self._read(splits)
        feature = np.append(column, -1)[at]
        chosen = np.append(category, -1)[at]
        one_hot = chosen >= 0
        return Tree(
            feature=feature,
            threshold=np.append(float32_le_threshold(border), 0.0)[at],
            left=np.where(one_hot, right, left),
            right=np.where(one_hot, left, right),
            missing_left=np.append(missing_left, False)[at],
            value=self.scale * (value[:, 0] if self.outputs == 1 else value),
            cover=cover,
            target=0 if self.outputs == 1 else -1,
            categories={v: [int(chosen[v])] for v in one_hot.nonzero()[0].tolist()},
        )

    def _read(self, splits: Sequence[Json]) -> tuple[Ints, Floats, Bools, Ints]:
        """Return column, border, side of missing values and category (-1: numeric) of splits."""
        column = np.zeros(len(splits), dtype=np.int64)
        border = np.zeros(len(splits))
        missing_left = np.zeros(len(splits), dtype=np.bool_)
        category = np.full(len(splits), -1)
        for i, split in enumerate(splits):
            if split["split_type"] == "FloatFeature":
                feature = self.floats[split["float_feature_index"]]
                border[i] = split["border"]
                missing_left[i] = feature["nan_value_treatment"] != "AsTrue"
            elif split["split_type"] == "OneHotFeature":
                feature = self.categorical[split["cat_feature_index"]]
                category[i] = feature["values"].index(split["value"])
            else:
                raise self._unreadable(split["split_type"])
            column[i] = feature["flat_feature_index"]
        return column, border, missing_left, category

    def _unreadable(self, kind: str) -> UnsupportedModelError:
        if kind != "OnlineCtr":
            return UnsupportedModelError(
                f"The CatBoost model has splits of type {kind!r}. Splits on numbers and one-hot "
                "splits can be read. Explain the model through its predictions with a "
                "model-agnostic method such as KernelShap(background=X_train)."
            )
        return UnsupportedModelError(
            "The CatBoost model splits on target statistics (CTR) of the categorical features "
            f"{', '.join(self.statistics)}, which its trees cannot be explained by. Explain the "
            "model through its predictions with a model-agnostic method such as "
            "KernelShap(background=X_train), or train with one_hot_max_size no smaller than "
            "the number of categories."
        )


_Layout: TypeAlias = tuple[Sequence[Json], Ints, Ints, Ints, Floats, Floats]
"""Splits; per node which of them it asks (-1: a leaf); left; right; value; cover."""


def _symmetric(tree: Json, outputs: int) -> _Layout:
    """Lay out a tree whose levels ask one split each; the last split is the root."""
    splits = tree.get("splits") or ()
    depth = len(splits)
    node = np.arange(2 ** (depth + 1) - 1)
    inner = 2**depth - 1
    level = np.log2(node + 1).astype(np.int64)
    value = np.zeros((len(node), outputs))
    value[inner:] = np.reshape(tree["leaf_values"], (-1, outputs))
    cover = np.zeros(len(node))
    cover[inner:] = tree["leaf_weights"]
    for v in range(depth):
        above = slice(2 ** (depth - 1 - v) - 1, 2 ** (depth - v) - 1)
        below = cover[2 ** (depth - v) - 1 : 2 ** (depth - v + 1) - 1]
        cover[above] = below[::2] + below[1::2]
    return splits, np.maximum(depth - 1 - level, -1), 2 * node + 1, 2 * node + 2, value, cover


def _free(tree: Json, outputs: int) -> _Layout:
    """Lay out a tree of any shape, parents before children."""
    nodes, left, right = [tree], [-1], [-1]
    for v, node in enumerate(nodes):  # the list grows while it is walked
        if "split" in node:
            for side, child in ((left, node["left"]), (right, node["right"])):
                side[v] = len(nodes)
                nodes.append(child)
                left.append(-1)
                right.append(-1)
    split = np.array(["split" in node for node in nodes])
    value = np.zeros((len(nodes), outputs))
    cover = np.zeros(len(nodes))
    for v in range(len(nodes) - 1, -1, -1):
        if split[v]:
            cover[v] = cover[left[v]] + cover[right[v]]
        else:
            value[v], cover[v] = nodes[v]["value"], nodes[v]["weight"]
    at = np.where(split, np.cumsum(split) - 1, -1)
    splits = [node["split"] for node in nodes if "split" in node]
    return splits, at, np.array(left), np.array(right), value, cover


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Predict:
    """Asks the user's own model for its raw output."""

    model: Any
    encode: Encode

    def __call__(self, table: Table) -> Floats:
        frame = type(table.native).__module__.partition(".")[0]
        own = frame in _FRAMES or (frame == "polars" and not any(table.levels))
        rows = table.native if own else self.encode.rows(table)  # categories of polars crash it
        base = next(cls for cls in type(self.model).__mro__ if cls.__name__ == "CatBoost")
        raw = cast("Any", base).predict(self.model, rows, prediction_type="RawFormulaVal")
        return np.asarray(raw, dtype=np.float64).reshape(len(table), -1)
