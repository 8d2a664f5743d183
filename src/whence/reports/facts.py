"""What a report says of a model in figures: its size, and how well it does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from whence.core.decision import decisions, threshold_of
from whence.core.errors import InputError
from whence.core.table import table_of
from whence.core.types import Floats, Ints, Level
from whence.models.trees import Nodes, Trees

LIBRARIES: Final = {
    "sklearn": "scikit-learn",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "catboost": "CatBoost",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line of a table of facts.

    Attributes
    ----------
    name, text : str
        What, and its value in words.
    value : float or None
        The value with all digits, where it is a number.
    note : str
        What the reader must know of it.
    """

    name: str
    text: str
    value: float | None = None
    note: str = ""


def is_classifier(view: Trees) -> bool:
    """Tell whether the outputs of a model stand for classes."""
    return bool(view.classes) or view.link in ("logistic", "softmax")


def model_facts(model: object, view: Trees) -> list[Fact]:
    """Describe a tree ensemble by what can be read from it."""
    nodes = view.nodes
    deep = depths(nodes)
    leaves = int((nodes.feature < 0).sum())
    used = np.unique(nodes.player[nodes.feature[nodes.feature >= 0]])
    library = LIBRARIES.get(view.library, view.library or "none")
    kind = "classifier" if is_classifier(view) else "regressor"
    facts = [
        Fact(name="Type", text=f"{type(model).__name__}, a {kind} made of decision trees"),
        Fact(name="Library", text=library),
        Fact(name="Trees", text=f"{nodes.trees:,}", value=nodes.trees),
        Fact(
            name="Depth",
            text=f"up to {deep.max(initial=0)} splits in a row, {deep.mean():.1f} on average",
            value=float(deep.max(initial=0)),
        ),
        Fact(name="Leaves", text=f"{leaves:,}", value=leaves),
        Fact(
            name="Features",
            text=f"{len(view.features):,}, of which {used.size:,} occur in a split",
            value=len(view.features),
        ),
        Fact(name="Outputs", text=_outputs(view), value=len(view.outputs)),
    ]
    if view.library in ("sklearn", "lightgbm"):  # the others keep sums of second derivatives
        weight = float(nodes.cover[nodes.start[0]])
        facts.append(Fact(name="Rows behind the first tree", text=f"{weight:,.6g}", value=weight))
    return facts


def depths(nodes: Nodes) -> Ints:
    """Return the depth of every tree: splits on its longest path; shape (trees,)."""
    level = np.zeros(nodes.feature.size, dtype=np.int64)
    front = nodes.start[:-1].astype(np.int64)
    tree = np.arange(nodes.trees)
    deepest = np.zeros(nodes.trees, dtype=np.int64)
    step = 0
    while front.size:
        level[front] = step
        deepest[tree] = step
        inner = nodes.feature[front] >= 0
        front, tree = front[inner], tree[inner]
        front = np.concatenate([nodes.left[front], nodes.right[front]]).astype(np.int64)
        tree = np.concatenate([tree, tree])
        step += 1
    return deepest


def _outputs(view: Trees) -> str:
    names = ", ".join(f"“{name}”" for name in view.outputs[:6])
    more = ", …" if len(view.outputs) > 6 else ""  # noqa: PLR2004  a line
    unit = f", in the unit {view.unit}" if view.unit else ""
    return f"{len(view.outputs)}: {names}{more}{unit}"


def performance(view: Trees, response: Floats, y: object) -> list[Fact]:
    """Compare the model's outputs with the truth.

    Parameters
    ----------
    view : Trees
        The model, as it was explained.
    response : array of shape (rows, outputs)
        Raw outputs or probabilities of the rows; either will do for a classifier.
    y : sequence of length rows
        Labels of a classifier, in its own or in sorted order; numbers for a regressor.

    Raises
    ------
    InputError
        If ``y`` does not fit the model.
    """
    truth, known = _known(y)
    if len(truth) != len(response):
        raise InputError(f"y has {len(truth)} entries and there are {len(response)} rows.")
    truth, response = truth[known], response[known]
    if not truth.size:
        raise InputError(
            "Every cell of the target is missing. Check the name of the target column."
        )
    if is_classifier(view):
        place, names, note = _places(truth, view)
        return _classified(response, place, names, note, _cut(view))
    if len(view.outputs) > 1:
        return []
    numbers = table_of(truth.reshape(-1, 1))
    if numbers.levels[0] is not None:
        raise InputError(
            f"The target holds text such as {numbers.levels[0][0]!r} and the model is a regressor. "
            "Numbers are needed. Check the name of the target column."
        )
    predicted = np.exp(response[:, 0]) if view.link == "exp" else response[:, 0]
    return _regressed(predicted, numbers.numbers[:, 0])


def titles(view: Trees, y: object, target: str) -> tuple[str, ...]:
    """Name the outputs in the words of the data: "paid = yes" where the model says "1"."""
    prefix = f"{target} = " if target else ""
    if not is_classifier(view):
        plain = view.outputs == ("y",) or not view.outputs[0]
        return (target or "",) if plain and len(view.outputs) == 1 else view.outputs
    names = view.outputs
    if y is not None:
        truth, known = _known(y)
        found = _places(truth[known], view)[1]
        names = found[1:] if len(names) == 1 else found
    elif not target:
        names = tuple(f"class {name}" if name.isdecimal() else name for name in names)
    return tuple(prefix + name for name in names)


def _known(y: object) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Return the truth as an array, and where it is not missing."""
    truth = np.asarray(y).reshape(-1)
    known = [value is not None and value == value for value in truth.tolist()]  # noqa: PLR0124  NaN
    return truth, np.array(known, dtype=np.bool_)


def _cut(view: Trees) -> float:
    """Return the output above which a binary classifier says its second class."""
    return threshold_of(probable=view.unit == "probability")


def _places(truth: NDArray[np.generic], view: Trees) -> tuple[Ints, tuple[str, ...], str]:
    """Return the class of each label as a position, the classes' names, and how they were found."""
    levels: list[Level] = sorted(set(truth.tolist()), key=_order)
    count = max(2, len(view.outputs)) if len(view.outputs) > 1 else 2
    classes = tuple(view.classes) if len(view.classes) == count else tuple(range(count))
    known = {str(c): i for i, c in enumerate(classes)} | {
        str(float(c)): i for i, c in enumerate(classes) if isinstance(c, (int, float))
    }
    if all(str(level) in known for level in levels):
        return _coded(truth, known), tuple(map(str, classes)), ""
    if len(levels) != count:
        raise InputError(
            f"The target holds {len(levels)} values, such as {levels[:4]}, and the model tells "
            f"{count} classes apart, {list(classes[:6])}. Check the name of the target column."
        )
    names = tuple(map(str, levels))
    order = " < ".join(names) if count <= 6 else "sorted order"  # noqa: PLR2004  a line
    note = f"The file does not name the classes; labels were taken in the order {order}."
    return _coded(truth, {name: i for i, name in enumerate(names)}), names, note


def _coded(truth: NDArray[np.generic], place: dict[str, int]) -> Ints:
    return np.array([place[str(value)] for value in truth.tolist()], dtype=np.int64)


def _order(level: Level) -> tuple[bool, float, str]:
    number = isinstance(level, (int, float))
    return (not number, float(level) if number else 0.0, str(level))


def _classified(
    response: Floats, place: Ints, names: Sequence[str], note: str, cut: float
) -> list[Fact]:
    binary = response.shape[1] == 1
    said = decisions(response, cut)
    share = np.bincount(place, minlength=len(names)) / len(place)
    common = int(share.argmax())
    right = float((said == place).mean())
    facts = [Fact(name="Rows with a known label", text=f"{len(place):,}", value=len(place))]
    if binary and 0 < share[1] < 1:
        area = auc(response[:, 0], place == 1)
        explain = f"chance that a row of class {names[1]!r} is ranked above one of {names[0]!r}"
        facts.append(Fact(name="AUC", text=f"{area:.3f}", value=area, note=f"{explain}. {note}"))
        note = ""
    facts.append(Fact(name="Accuracy", text=f"{right:.1%}", value=right, note=note))
    facts.append(
        Fact(
            name="Most frequent class",
            text=f"{share[common]:.1%}",
            value=float(share[common]),
            note=f"accuracy of always saying {names[common]!r}",
        )
    )
    return facts


def auc(score: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve; ties count one half.

    Examples
    --------
    >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]
    ones = int(positive.sum())
    pairs = ones * (len(score) - ones)
    return float((rank[positive].sum() - ones * (ones + 1) / 2) / pairs)


def _regressed(predicted: Floats, truth: Floats) -> list[Fact]:
    error = predicted - truth
    spread = float(((truth - truth.mean()) ** 2).sum())
    facts = [Fact(name="Rows with a known target", text=f"{truth.size:,}", value=truth.size)]
    if spread > 0:
        r2 = 1 - float((error**2).sum()) / spread
        facts.append(
            Fact(name="R²", text=f"{r2:.3f}", value=r2, note="share of the variance explained")
        )
    mean = float(np.abs(error).mean())
    return [*facts, Fact(name="Mean absolute error", text=f"{mean:.4g}", value=mean)]


def tendency(numbers: Floats | None, levels: Sequence[Level] | None, phi: Floats) -> str:
    """Say in a few words how the contributions of a feature go with its values.

    Parameters
    ----------
    numbers : array of shape (rows,) or None
        The column, as codes where there are levels.
    levels : sequence or None
        Its categories.
    phi : array of shape (rows,)
        Its contributions.
    """
    if numbers is None or np.ptp(phi) == 0:
        return ""
    known = ~np.isnan(numbers)
    if levels is not None:
        return _extremes(numbers[known].astype(np.int64), levels, phi[known])
    if known.sum() < 3 or np.ptp(numbers[known]) == 0:  # noqa: PLR2004  two points are a line
        return ""
    a, b = (_ranks(values[known]) for values in (numbers, phi))
    rho = float(np.corrcoef(a, b)[0, 1]) if np.ptp(b) else 0.0
    if abs(rho) < 0.6:  # noqa: PLR2004  below, a direction would mislead
        return "goes up and down"
    return "rises with the value" if rho > 0 else "falls with the value"


def _extremes(codes: Ints, levels: Sequence[Level], phi: Floats) -> str:
    present = np.unique(codes)
    if present.size < 2:  # noqa: PLR2004  a comparison needs two
        return ""
    mean = [phi[codes == code].mean() for code in present]
    high, low = (levels[present[int(place)]] for place in (np.argmax(mean), np.argmin(mean)))
    return f"highest for “{high}”, lowest for “{low}”"


def _ranks(values: Floats) -> Floats:
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(size) - (size - 1) / 2)[group])
