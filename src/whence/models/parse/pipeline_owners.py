"""Which column of the user's table each column made by a transformer comes from.

Transformers that work column by column are known by name. Any other one is followed only where all
its input was made from a single column of the user: then so is all its output.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from whence.core.errors import UnsupportedModelError
from whence.core.types import Ints
from whence.models.parse.sklearn_columns import Estimator

Step: TypeAlias = tuple[str, Estimator]


def acting(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield the steps that change rows to predict; samplers act in training alone."""
    for name, step in steps:
        if step is not None and not isinstance(step, str) and not hasattr(step, "fit_resample"):
            yield name, step


def owners(steps: Sequence[Step], owner: Ints, *, width: int | None) -> Ints:
    """Follow columns through steps, one after the other.

    Parameters
    ----------
    steps : sequence of (name, fitted transformer)
    owner : array of shape (columns,)
        Owner of each column that goes in.
    width : int or None
        Number of columns that come out, where known.

    Returns
    -------
    owner : array of shape (columns out,)

    Raises
    ------
    UnsupportedModelError
        If a step makes a column out of columns of several owners.
    """
    chain = list(acting(steps))
    for i, (name, step) in enumerate(chain):
        after = getattr(chain[i + 1][1], "n_features_in_", None) if i + 1 < len(chain) else width
        owner = _follow(name, step, owner, after)
    return owner


def _follow(name: str, step: Estimator, owner: Ints, width: int | None) -> Ints:
    lineage = _lineage(step)
    if "Pipeline" in lineage:
        return owners(step.steps, owner, width=width)
    known = [_KNOWN[kind] for kind in lineage if kind in _KNOWN]
    found = known[0](step, owner) if known else None
    if found is not None and width in (None, len(found)):
        return found
    if width is not None and len(owner) > 0 and np.all(owner == owner[0]):
        return np.full(width, owner[0])
    kind = type(step).__name__
    hint = ""
    if kind == "FunctionTransformer":
        hint = " If its function works column by column, say so: feature_names_out='one-to-one'."
    raise UnsupportedModelError(
        f"The step {name!r} ({kind}) mixes columns, or is not known to keep them apart, so what "
        f"the model reads cannot be traced back to single columns of the table.{hint} Explain the "
        "last step on the transformed table, pipeline[-1] on pipeline[:-1].transform(X), or use a "
        "model-agnostic method such as KernelShap(background=X_train)."
    )


def _lineage(step: Estimator) -> list[str]:
    """Return the classes of scikit-learn that decide how ``step`` transforms, nearest first."""
    names = []
    for cls in type(step).__mro__:
        package = cls.__module__.partition(".")[0]
        if package == "sklearn":
            names.append(cls.__name__)
        elif not names and package != "imblearn" and "transform" in vars(cls):
            return []  # a user's own transform: what its parent does says nothing about it
    return names


def _same(_step: Estimator, owner: Ints) -> Ints:
    return owner


def _one_hot(step: Estimator, owner: Ints) -> Ints:
    counts = np.array([len(categories) for categories in step.categories_])
    for i, rare in enumerate(getattr(step, "infrequent_categories_", ())):
        counts[i] -= 0 if rare is None else len(rare) - 1
    if step.drop_idx_ is not None:
        counts -= np.array([place is not None for place in step.drop_idx_])
    return np.repeat(owner, counts)


def _bins(step: Estimator, owner: Ints) -> Ints:
    return owner if step.encode == "ordinal" else np.repeat(owner, step.n_bins_)


def _target(step: Estimator, owner: Ints) -> Ints:
    return np.repeat(owner, len(step.classes_)) if step.target_type_ == "multiclass" else owner


def _splines(step: Estimator, owner: Ints) -> Ints:
    return np.repeat(owner, step.n_features_out_ // max(len(owner), 1))


def _imputed(step: Estimator, owner: Ints) -> Ints:
    empty = np.array([s is None or s != s for s in step.statistics_])  # noqa: PLR0124  NaN alone differs from itself
    kept = owner if step.keep_empty_features else owner[~empty]
    return kept if step.indicator_ is None else np.append(kept, owner[step.indicator_.features_])


def _gaps(step: Estimator, owner: Ints) -> Ints:
    return owner[np.asarray(step.features_, dtype=np.int64)]


def _selected(step: Estimator, owner: Ints) -> Ints:
    return owner[np.asarray(step.get_support(), dtype=np.bool_)]


def _function(step: Estimator, owner: Ints) -> Ints | None:
    elementwise = isinstance(step.func, np.ufunc) and step.func.nin == 1
    apart = step.func is None or elementwise or step.feature_names_out == "one-to-one"
    return owner if apart else None


def _union(step: Estimator, owner: Ints) -> Ints | None:
    if np.all(owner == owner[:1]):
        return None  # its width is known, those of its parts need not be
    parts = [
        owner if isinstance(part, str) else _follow(name, part, owner, None)
        for name, part in step.transformer_list
        if part is not None and not (isinstance(part, str) and part == "drop")
    ]
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _by_column(step: Estimator, owner: Ints) -> Ints:
    places = step._transformer_to_input_indices  # noqa: SLF001  resolves names, masks, slices, callables
    total = max((part.stop for part in step.output_indices_.values()), default=0)
    out = np.empty(total, dtype=np.int64)
    for name, part, _ in step.transformers_:
        made = step.output_indices_[name]
        if isinstance(part, str) and part == "drop":
            continue
        taken = owner[np.asarray(places[name], dtype=np.int64)]
        if len(taken) > 0:
            is_string = isinstance(part, str)  # "passthrough"
            out[made] = taken if is_string else _follow(name, part, taken, made.stop - made.start)
    return out


_KNOWN: dict[str, Callable[[Estimator, Ints], Ints | None]] = {
    **dict.fromkeys(
        (
            "Binarizer",
            "MaxAbsScaler",
            "MinMaxScaler",
            "OrdinalEncoder",
            "PowerTransformer",
            "QuantileTransformer",
            "RobustScaler",
            "StandardScaler",
        ),
        _same,
    ),
    "ColumnTransformer": _by_column,
    "FeatureUnion": _union,
    "FunctionTransformer": _function,
    "KBinsDiscretizer": _bins,
    "MissingIndicator": _gaps,
    "OneHotEncoder": _one_hot,
    "SelectorMixin": _selected,
    "SimpleImputer": _imputed,
    "SplineTransformer": _splines,
    "TargetEncoder": _target,
}
"""How columns come through each class, or None where they cannot be told apart."""
