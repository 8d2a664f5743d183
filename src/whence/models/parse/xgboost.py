"""Read the trees of XGBoost boosters and of their scikit-learn wrappers.

XGBoost sends a number left iff ``float32(x) < float32 threshold``, and a category left iff it is
*not* a member of the node's set. Here children of categorical splits change places, so that
members go left. The weights with which DART scales its trees are folded into the leaves. The
intercept is kept by XGBoost as a response (a probability, a mean) and is brought to the margin.

References
----------
.. [1] Chen and Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016,
   doi:10.1145/2939672.2939785.
"""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, cast

import numpy as np

from whence.core.errors import InputError, UnsupportedModelError
from whence.core.types import Bools, Floats, Ints, Level
from whence.models.parse import _ubjson
from whence.models.parse._xgboost_table import Booster, Encode, Predict, first_line
from whence.models.parse.common import (
    Tree,
    assemble,
    feature_names,
    float32_lt_threshold,
    output_names,
)
from whence.models.trees import Link, Trees

Fields = Mapping[str, Any]

_LINKS: dict[str, tuple[Link, str]] = {
    "binary:logistic": ("logistic", "log-odds"),
    "binary:logitraw": ("logistic", "log-odds"),
    "reg:logistic": ("logistic", "log-odds"),
    "multi:softprob": ("softmax", "log-odds"),
    "multi:softmax": ("softmax", "log-odds"),
    "count:poisson": ("exp", "log-mean"),
    "reg:gamma": ("exp", "log-mean"),
    "reg:tweedie": ("exp", "log-mean"),
    "survival:cox": ("exp", "log hazard ratio"),
    "survival:aft": ("exp", "log survival time"),
    "binary:hinge": ("identity", "score"),
    "rank:pairwise": ("identity", "rank score"),
    "rank:ndcg": ("identity", "rank score"),
    "rank:map": ("identity", "rank score"),
}
_MARGIN_INTERCEPT = "binary:logitraw"
_ROUNDING = 2.0**-24


def parse(model: object) -> Trees:
    """Read the trees of an XGBoost model as its own ``predict`` uses them.

    Parameters
    ----------
    model : xgboost.Booster or scikit-learn wrapper
        A wrapper that stopped early predicts with its best iteration; a Booster with all trees.

    Raises
    ------
    InputError
        If the model is not fitted, or damaged.
    UnsupportedModelError
        If it is no XGBoost model, or not made of trees.

    Examples
    --------
    >>> import xgboost
    >>> X = np.arange(20.0).reshape(10, 2)
    >>> model = xgboost.XGBRegressor(n_estimators=3, n_jobs=1).fit(X, X[:, 0])
    >>> trees = parse(model)
    >>> trees.nodes.trees, trees.features, trees.link
    (3, ('x0', 'x1'), 'identity')
    """
    booster, missing, best = _open(model)
    learner = _learner(booster)
    try:
        return _read(learner, booster, missing, best)
    except (InputError, UnsupportedModelError):
        raise
    except KeyError as error:
        raise InputError(
            f"The model holds no field {error}, which XGBoost 3.0 and later write. It is damaged, "
            "or of an older version: load it with a recent XGBoost."
        ) from error
    except (AttributeError, IndexError, OverflowError, TypeError, ValueError) as error:
        raise InputError(
            f"A field of the model is not what XGBoost writes: {error}. It is damaged. "
            "Save it again from the program that trained it."
        ) from error


def _read(learner: Fields, booster: Booster, missing: float, best: int) -> Trees:
    ensemble, drop = _ensemble(learner)
    rounds, last = _range(ensemble, best)
    base, link, unit = _intercept(learner, trees=last)
    listed = zip(ensemble["trees"][:last], ensemble["tree_info"], drop, strict=False)
    trees = [_tree(fields, target, weight, len(base)) for fields, target, weight in listed]
    columns = int(learner["learner_model_param"]["num_feature"])
    types = tuple(learner["feature_types"])
    encode = Encode(
        features=feature_names(learner["feature_names"] or None, columns),
        named=len(learner["feature_names"]) > 0,
        categorical=_categorical(learner, trees, columns),
        known=_known(ensemble, columns),
        types=types if len(types) == columns else (),
        missing=missing,
    )
    per_output = len(trees) / (1 if trees and trees[0].target < 0 else len(base))
    return Trees(
        nodes=assemble(trees, base=base, columns=columns),
        features=encode.features,
        outputs=_outputs(learner, len(base)),
        classes=_classes(learner, len(base)),
        link=link,
        unit=unit,
        library="xgboost",
        named=encode.named,
        encode=encode,
        predict=Predict(booster=booster, rounds=rounds, encode=encode),
        tolerance=max(1e-5, (per_output + 2) * _ROUNDING),
    )


def _open(model: object) -> tuple[Booster, float, int]:
    """Return the booster, the number that counts as missing, and how many rounds (0: all)."""
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(model).__mro__}
    if "xgboost.core.Booster" in kinds:
        return cast("Booster", model), np.nan, 0
    if "xgboost.sklearn.XGBModel" not in kinds:
        raise UnsupportedModelError(
            f"The model is of type {type(model).__module__}.{type(model).__name__}. An XGBoost "
            "Booster or one of its scikit-learn wrappers is needed."
        )
    wrapper = cast("Any", model)
    if not wrapper.__sklearn_is_fitted__():
        raise InputError(
            f"The {type(model).__name__} is not fitted, so it has no trees. Call fit first."
        )
    try:
        rounds = int(wrapper.best_iteration) + 1
    except AttributeError:  # it did not stop early
        rounds = 0
    missing = np.nan if wrapper.missing is None else float(wrapper.missing)
    return wrapper.get_booster(), missing, rounds


def _learner(booster: Booster) -> Fields:
    try:
        raw = bytes(booster.save_raw(raw_format="ubj"))
    except ValueError as error:
        raise InputError(
            f"XGBoost cannot write this Booster: {first_line(error)}. A trained model is needed. "
            "Train it with xgboost.train, or load it from a file."
        ) from error
    model = _ubjson.read(raw)
    learner = model.get("learner")
    if not isinstance(learner, dict) or "learner_model_param" not in learner:
        raise InputError(
            "The bytes of the model hold no learner, so they are not an XGBoost model. "
            "Save it again with xgboost 3.0 or later."
        )
    return learner


def _ensemble(learner: Fields) -> tuple[Fields, list[float]]:
    """Return the trees as XGBoost lists them and the weight of each."""
    gradient_booster = learner["gradient_booster"]
    name = gradient_booster["name"]
    if name == "gbtree":
        ensemble = gradient_booster["model"]
        return ensemble, [1.0] * len(ensemble["trees"])
    if name == "dart":
        ensemble = gradient_booster["gbtree"]["model"]
        return ensemble, [float(weight) for weight in gradient_booster["weight_drop"]]
    raise UnsupportedModelError(
        f"The Booster is a {name}, which is not made of trees. The boosters gbtree and dart are "
        "needed; explain other ones by their predictions or, if they are linear, by LinearShap."
    )


def _range(ensemble: Fields, rounds: int) -> tuple[tuple[int, int], int]:
    """Return the iteration range that ``predict`` uses and the number of trees in it."""
    layers = ensemble["iteration_indptr"]
    if rounds == 0 or rounds >= len(layers):
        return (0, 0), len(ensemble["trees"])
    return (0, rounds), int(layers[rounds])


def _intercept(learner: Fields, *, trees: int) -> tuple[Floats, Link, str]:
    """Return the intercept as a margin, of shape (outputs,), the link and the unit."""
    settings = learner["learner_model_param"]
    outputs = max(int(settings["num_class"]), int(settings.get("num_target", 1)), 1)
    stored = json.loads(settings["base_score"])
    score = np.broadcast_to(np.asarray(stored, dtype=np.float32).ravel(), outputs)
    objective = learner["objective"]["name"]
    link, unit = _LINKS.get(objective, ("identity", "value"))
    untouched = trees == 0 and settings.get("boost_from_average", "0") == "1"
    if objective == _MARGIN_INTERCEPT or untouched:
        return score.astype(np.float64), link, unit
    one = np.float32(1)
    if link == "logistic":  # in float32 and clipped, as XGBoost does it
        tiny = np.float32(1e-6)
        p = np.clip(score, tiny, one - tiny)
        score = -np.log(one / p - one)
    elif link == "exp":
        with np.errstate(divide="ignore", invalid="ignore"):  # refused below, with all else
            score = np.log(score)
    return score.astype(np.float64), link, unit


def _tree(fields: Fields, target: int, weight: float, outputs: int) -> Tree:
    """Bring one tree to the common form."""
    left, right = np.asarray(fields["left_children"]), np.asarray(fields["right_children"])
    kind = np.asarray(fields["split_type"])
    leaf = left < 0
    unknown = kind[~leaf & (kind > 1)]
    if len(unknown):
        raise UnsupportedModelError(
            f"The model has splits of type {unknown[0]}. Numeric (0) and categorical (1) splits "
            "can be read. Update whence, or retrain with an earlier version of XGBoost."
        )
    swap = ~leaf & (kind == 1)
    default_left = np.asarray(fields["default_left"]).astype(np.bool_)
    whole = int(fields["tree_param"]["size_leaf_vector"]) > 1
    return Tree(
        feature=np.where(leaf, -1, fields["split_indices"]),
        threshold=np.where(
            leaf | swap, 0.0, float32_lt_threshold(np.asarray(fields["split_conditions"]))
        ),
        left=np.where(swap, right, left),
        right=np.where(swap, left, right),
        missing_left=default_left ^ swap,
        value=weight * _leaves(fields, leaf, outputs, whole=whole),
        cover=fields["sum_hessian"],
        target=-1 if whole else int(target),
        categories=_sets(fields, swap),
    )


def _leaves(fields: Fields, leaf: Bools, outputs: int, *, whole: bool) -> Floats:
    """Return what each node adds, zero at splits: (nodes,), or (nodes, outputs) if ``whole``."""
    if not whole:
        return np.where(leaf, np.asarray(fields["split_conditions"], dtype=np.float64), 0.0)
    value = np.zeros((len(leaf), outputs))
    if "leaf_weights" in fields:
        vectors = np.asarray(fields["leaf_weights"], dtype=np.float64).reshape(-1, outputs)
        place = np.asarray(fields["right_children"])[leaf]  # a leaf keeps its place here
        if np.any((place < 0) | (place >= len(vectors))):
            raise InputError(
                f"The model names leaf {place.max()} of {len(vectors)}. It is damaged. "
                "Save it again from the program that trained it."
            )
        value[leaf] = vectors[place]
    else:
        value[leaf] = np.asarray(fields["base_weights"]).reshape(-1, outputs)[leaf]
    return value


def _sets(fields: Fields, split: Bools) -> dict[int, Ints]:
    """Return the members of the set of each categorical split."""
    members = np.asarray(fields["categories"], dtype=np.int64)
    sets = {int(v): members[:0] for v in np.flatnonzero(split)}
    for node, start, size in zip(
        fields["categories_nodes"],
        fields["categories_segments"],
        fields["categories_sizes"],
        strict=True,
    ):
        if int(node) in sets:
            sets[int(node)] = members[int(start) : int(start) + int(size)]
    return sets


def _categorical(learner: Fields, trees: list[Tree], columns: int) -> Bools:
    """Tell which columns hold category codes: by their type or, untyped, by their splits."""
    out = np.zeros(columns, dtype=np.bool_)
    for j, kind in enumerate(learner["feature_types"][:columns]):
        out[j] = kind == "c"
    for tree in trees:
        read = np.asarray(tree.feature)[list(tree.categories)]
        out[read[read < columns]] = True
    return out


def _known(ensemble: Fields, columns: int) -> tuple[tuple[Level, ...] | None, ...]:
    """Return per column the categories that XGBoost learned, in the order of their codes.

    Texts are given as their UTF-8 bytes, one character per byte.
    """
    encodings = ensemble.get("cats", {}).get("enc", [])
    return tuple(_categories(encodings[j]) if j < len(encodings) else None for j in range(columns))


def _categories(encoding: Fields) -> tuple[Level, ...] | None:
    values = np.asarray(encoding["values"])
    if "offsets" not in encoding:
        return tuple(int(value) for value in values)
    offsets = np.asarray(encoding["offsets"], dtype=np.int64)
    text = values.astype(np.uint8).tobytes().decode("latin-1")
    found = tuple(text[a:b] for a, b in pairwise(offsets))
    return found or None


def _outputs(learner: Fields, outputs: int) -> tuple[str, ...]:
    objective = learner["objective"]
    levels = objective.get("quantile_loss_param", {}).get("quantile_alpha")
    if levels is not None and outputs > 1:
        return tuple(f"quantile {alpha:g}" for alpha in json.loads(levels))
    return output_names(_classes(learner, outputs) or None, outputs)


def _classes(learner: Fields, outputs: int) -> tuple[int, ...]:
    """Return the classes, which XGBoost numbers from zero; none for other objectives."""
    kind = learner["objective"]["name"].partition(":")[0]
    if kind == "multi":
        return tuple(range(outputs))
    return (0, 1) if kind == "binary" and outputs == 1 else ()
