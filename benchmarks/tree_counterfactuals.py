"""Share of rows whose cheapest counterfactual is proved within a second, and how long that takes.

Models of adult with 100 trees of depth 5; the wanted answer is the other class. A numeric column
costs its change over its range and has a value per cell between the thresholds of the trees; a
category costs 1.
"""

import time
from pathlib import Path

import numpy as np
import pandas as pd
from measure import DATA
from sklearn.ensemble import RandomForestClassifier
from xgboost import XGBClassifier

from whence.core.table import table_of
from whence.core.types import Floats, Ints
from whence.kernels.tree_counterfactuals import CounterfactualSearch
from whence.models.trees import Nodes, Trees
from whence.models.views import view_of

ROWS, SECONDS = 200, 1.0

NUMBERS = (
    "age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week",
)  # fmt: skip
FROZEN = {
    "none": (),
    "age, sex": ("age", "sex"),
    "age, sex, capital": ("age", "sex", "capital-gain", "capital-loss"),
}


def adult(data: Path) -> tuple[pd.DataFrame, pd.DataFrame, Ints]:
    """Return training rows, test rows and the class of the former; text as categories."""
    train, test = (
        pd.read_csv(data / "adult" / f"adult_{part}.csv.gz", skipinitialspace=True)
        for part in ("train", "test")
    )
    rich = train.pop("income").str.contains(">50K").to_numpy(np.int64)
    test = test.drop(columns="income")
    for name in train.columns:
        if pd.api.types.is_numeric_dtype(train[name]):
            train[name], test[name] = train[name].astype(float), test[name].astype(float)
        else:
            levels = sorted(train[name].unique())
            train[name] = pd.Categorical(train[name], levels)
            test[name] = pd.Categorical(test[name], levels)
    return train, test, rich


def codes(frame: pd.DataFrame) -> pd.DataFrame:
    """Return categories as their numbers."""
    return frame.apply(lambda c: c.cat.codes.astype(float) if c.dtype == "category" else c)


def values_of(
    nodes: Nodes, train: pd.DataFrame, column: int, now: float, category: bool
) -> tuple[Floats, Floats]:
    """Return the alternatives of one column, and what they cost."""
    if category:
        values = np.union1d(np.unique(train.iloc[:, column]), [now])
        return values, (values != now).astype(np.float64)
    low, high = float(train.iloc[:, column].min()), float(train.iloc[:, column].max())
    cuts = np.unique(nodes.threshold[nodes.feature == column])
    cuts = cuts[(cuts >= low) & (cuts < high)]
    values = np.clip(now, np.append(low, np.nextafter(cuts, np.inf)), np.append(cuts, high))
    return values, np.abs(values - now) / (high - low)


def alternatives(
    nodes: Nodes, train: pd.DataFrame, x: Floats, categories: set[str], frozen: tuple[str, ...]
) -> tuple[Ints, Floats, Floats]:
    """Return ``start``, ``cost`` and ``encoded`` of all columns."""
    start, cost, encoded = [0], [], []
    for column, name in enumerate(train.columns):
        values, costs = x[[column]], np.zeros(1)
        if name not in frozen:
            values, costs = values_of(nodes, train, column, float(x[column]), name in categories)
        rows = np.tile(x, (len(values), 1))
        rows[:, column] = values
        start.append(start[-1] + len(values))
        cost.append(costs)
        encoded.append(rows)
    return np.array(start), np.concatenate(cost), np.concatenate(encoded)


def measure(
    name: str,
    model: XGBClassifier | RandomForestClassifier,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    rows: int,
    seconds: float,
) -> None:
    """Print a line for each set of frozen columns."""
    train, test = frames
    view = view_of(model, Trees)
    categories = set(train.columns) - set(NUMBERS)
    coded = codes(train)
    search = CounterfactualSearch.of(view.nodes)
    middle = 0.5 if view.unit == "probability" else 0.0
    drawn = np.random.default_rng(0).choice(len(test), rows, replace=False)
    X = view.encode(table_of(test.iloc[drawn]))
    raw = search.forest.predict(X)[:, -1]
    for label, frozen in FROZEN.items():
        took, proved, least = [], [], []
        for x, said in zip(X, raw, strict=True):
            sign = 1.0 if said <= middle else -1.0
            G = np.zeros((1, view.nodes.outputs))
            G[0, -1] = sign
            arrays = alternatives(view.nodes, coded, x, categories, frozen)
            begun = time.perf_counter()
            found = search.cheapest(*arrays, G, np.array([sign * middle + 1e-6]), seconds=seconds)
            took.append(time.perf_counter() - begun)
            proved.append(found.proved)
            least.append(found.cost)
        print(
            f"{name:32s} frozen: {label:18s} proved {np.mean(proved):6.1%}  "
            f"median {1e3 * np.median(took):6.1f} ms  95 % {1e3 * np.quantile(took, 0.95):6.1f} ms"
            f"  median cost {np.median(least):.4f}"
        )


def main() -> None:
    """Measure boosted trees on codes and on categories, and a random forest."""
    train, test, rich = adult(DATA)
    coded = codes(train), codes(test)
    boosted = {"n_estimators": 100, "max_depth": 5, "random_state": 0, "n_jobs": 1}
    grown = {"n_estimators": 100, "max_depth": 5, "random_state": 0}
    for name, model, frames in (
        ("xgboost, codes", XGBClassifier(**boosted), coded),
        (
            "xgboost, categories",
            XGBClassifier(**boosted, enable_categorical=True),
            (train, test),
        ),
        ("random forest, codes", RandomForestClassifier(**grown), coded),
    ):
        measure(name, model.fit(frames[0], rich), frames, ROWS, SECONDS)


if __name__ == "__main__":
    main()
