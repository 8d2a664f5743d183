"""Trees of scikit-learn: decision trees, forests, gradient boosting and isolation forests.

These trees round their input to float32 and compare it with a float64 threshold. A forest's raw
output is its mean, so each leaf is divided by the number of trees. Classifiers grown this way say
probabilities, not log-odds: a leaf holds one number per class, or that of the second class alone
where there are two.

An isolation forest is explained by the mean path length: the depth of the leaf plus
``c(n) = 2 (ln(n - 1) + gamma) - 2 (n - 1) / n``, the mean path length of a search tree of the ``n``
training rows in it. Its score is ``score_samples = -2 ** (-raw / c(max_samples_))``.

References
----------
F. T. Liu, K. M. Ting, Z.-H. Zhou, Isolation forest, 2008. doi:10.1109/ICDM.2008.17
J. H. Friedman, Greedy function approximation, 2001. doi:10.1214/aos/1013203451
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from whence.core.errors import InputError, UnsupportedModelError
from whence.core.types import Floats, Ints
from whence.models.parse.common import Tree, assemble, float32_le_threshold
from whence.models.parse.sklearn_columns import Estimator, Native, margin, prediction, view
from whence.models.parse.sklearn_hist import parse_hist
from whence.models.trees import Link, Trees

_BINARY = 2


def parse(model: Estimator) -> Trees:
    """Read a fitted tree model of scikit-learn, or a subclass of one.

    Parameters
    ----------
    model : estimator
        A decision tree, extra tree, forest, (histogram) gradient boosting or isolation forest.

    Raises
    ------
    InputError
        If the model is not fitted.
    UnsupportedModelError
        If the model is none of these, or uses what a sum of trees cannot express.
    """
    for cls in type(model).__mro__:
        read = PARSERS.get(cls.__name__)
        if read is not None and cls.__module__.startswith("sklearn."):
            if not any(name.endswith("_") for name in vars(model) if not name.startswith("__")):
                raise InputError(
                    f"The {type(model).__name__} is not fitted. Call its fit(X, y) first."
                )
            return read(model)
    raise UnsupportedModelError(f"{type(model).__name__} is not a tree model of scikit-learn.")


def float32_rule(threshold: ArrayLike) -> Floats:
    """Return T such that ``float32(x) <= threshold`` iff ``x <= T``, for a float64 threshold.

    Examples
    --------
    >>> bool(float32_rule(0.1) < 0.1)  # 0.1 rounds up, to a float32 above the threshold
    True
    """
    exact = np.asarray(threshold, dtype=np.float64)
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and stepped back from below
        near = exact.astype(np.float32)
    below = np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near)
    return float32_le_threshold(below)


def _tree(tree: Estimator, value: Floats, *, target: int = -1, columns: Ints | None = None) -> Tree:
    """Bring one ``tree_`` to our form; ``columns`` maps its features where it saw a subset."""
    leaf = tree.children_left < 0
    feature = tree.feature if columns is None else columns[np.where(leaf, 0, tree.feature)]
    return Tree(
        feature=np.where(leaf, -1, feature),
        threshold=float32_rule(np.where(leaf, 0.0, tree.threshold)),
        left=tree.children_left,
        right=tree.children_right,
        missing_left=np.asarray(tree.missing_go_to_left, dtype=np.bool_),
        value=value,
        cover=tree.weighted_n_node_samples,
        target=target,
    )


def _leaves(model: Estimator, tree: Estimator) -> Floats:
    """Return what the nodes of a tree say, of shape (nodes, outputs)."""
    value: Floats = np.asarray(tree.value, dtype=np.float64)
    if not hasattr(model, "classes_"):
        return value[:, :, 0]
    classes = len(model.classes_)
    return value[:, 0, 1:2] if classes == _BINARY else value[:, 0, :classes]


def _averaged(model: Estimator, trees: list[Estimator]) -> Trees:
    """Read trees whose mean is the prediction."""
    if hasattr(model, "classes_") and model.n_outputs_ > 1:
        raise UnsupportedModelError(
            f"The {type(model).__name__} predicts {model.n_outputs_} labels at once. "
            "Train one classifier per label, or explain a function that answers for one of them: "
            "KernelShap(background=X_train)."
        )
    leaves = [_leaves(model, tree) / len(trees) for tree in trees]
    outputs = leaves[0].shape[1]
    parts = [_tree(tree, value) for tree, value in zip(trees, leaves, strict=True)]
    nodes = assemble(parts, base=np.zeros(outputs), columns=model.n_features_in_)
    classes = getattr(model, "classes_", None)
    if classes is None:
        return view(model, nodes, unit="target", say=prediction)
    return view(model, nodes, unit="probability", say=_probability)


def _probability(model: Estimator, X: Native) -> Native:
    said = model.predict_proba(X)
    return said[:, 1] if said.shape[1] == _BINARY else said


def _twice_margin(model: Estimator, X: Native) -> Native:
    return 2.0 * model.decision_function(X)


def _path_length(model: Estimator, X: Native) -> Native:
    return -np.log2(-model.score_samples(X)) * mean_path(model.max_samples_)


def _decision_tree(model: Estimator) -> Trees:
    return _averaged(model, [model.tree_])


def _forest(model: Estimator) -> Trees:
    return _averaged(model, [part.tree_ for part in model.estimators_])


def _gradient_boosting(model: Estimator) -> Trees:
    """Read gradient boosting; it refuses missing values itself.

    The exponential loss estimates half the log-odds; the raw output is brought to log-odds.
    """
    scale = 2.0 if getattr(model, "loss", None) == "exponential" else 1.0
    base = scale * _prior(model)
    parts = []
    for stage in model.estimators_:
        for k, part in enumerate(stage):
            value = scale * model.learning_rate * part.tree_.value[:, 0, 0]
            parts.append(_tree(part.tree_, value, target=k))
    nodes = assemble(parts, base=base, columns=model.n_features_in_)
    if not hasattr(model, "classes_"):
        return view(model, nodes, unit="target", say=prediction)
    link: Link = "logistic" if len(base) == 1 else "softmax"
    say = margin if scale == 1.0 else _twice_margin
    return view(model, nodes, unit="log-odds", say=say, link=link)


def _prior(model: Estimator) -> Floats:
    """Return the constant that boosting starts from, of shape (outputs,)."""
    start = model.init_
    name = type(start).__name__
    if isinstance(start, str) and start == "zero":
        return np.zeros(model.estimators_.shape[1])
    if name not in {"DummyClassifier", "DummyRegressor"} or start.strategy in {
        "stratified",
        "uniform",
    }:
        raise UnsupportedModelError(
            f"The {type(model).__name__} starts from init={name}, which is not a constant, so the "
            "model is not a sum of its trees. Train with init=None or 'zero', or use a "
            "model-agnostic method such as KernelShap(background=X_train)."
        )
    row = np.zeros((1, model.n_features_in_), dtype=np.float32)
    prior: Floats = np.asarray(model._raw_predict_init(row)[0], dtype=np.float64)  # noqa: SLF001  clips as the release at hand does
    return prior


def mean_path(n: ArrayLike) -> Floats:
    """Return c(n), the mean length of an unsuccessful search in a tree of ``n`` rows.

    Examples
    --------
    >>> mean_path([1, 2, 256]).round(3).tolist()
    [0.0, 1.0, 10.245]
    """
    rows = np.asarray(n, dtype=np.float64)
    many = np.maximum(rows, 3.0)
    long = 2.0 * (np.log(many - 1.0) + np.euler_gamma) - 2.0 * (many - 1.0) / many
    return np.where(rows <= 1.0, 0.0, np.where(rows <= _BINARY, 1.0, long))


def _isolation_forest(model: Estimator) -> Trees:
    parts = []
    for part, columns in zip(model.estimators_, model.estimators_features_, strict=True):
        tree = part.tree_
        depth = tree.compute_node_depths() - 1.0 + mean_path(tree.n_node_samples)
        value = depth / len(model.estimators_)
        parts.append(_tree(tree, value, target=0, columns=np.asarray(columns)))
    nodes = assemble(parts, base=[0.0], columns=model.n_features_in_)
    found = view(model, nodes, unit="path length", say=_path_length)
    return replace(found, outputs=("path length",))


PARSERS: dict[str, Callable[[Estimator], Trees]] = {
    "DecisionTreeClassifier": _decision_tree,
    "DecisionTreeRegressor": _decision_tree,
    "RandomForestClassifier": _forest,
    "RandomForestRegressor": _forest,
    "ExtraTreesClassifier": _forest,
    "ExtraTreesRegressor": _forest,
    "GradientBoostingClassifier": _gradient_boosting,
    "GradientBoostingRegressor": _gradient_boosting,
    "HistGradientBoostingClassifier": parse_hist,
    "HistGradientBoostingRegressor": parse_hist,
    "IsolationForest": _isolation_forest,
}
"""How each class is read; ExtraTree{Classifier,Regressor} are subclasses of decision trees."""
