"""Local surrogates against lime: time beside the model's own, and agreement over seeds.

Run by itself, with the peers installed: ``PYTHONPATH=src python benchmarks/surrogates.py``. Both
make their samples of the same rows and ask the same model about as many; what is measured is
everything but the model, as a factor of the time inside it.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lime.lime_image import LimeImageExplainer
from lime.lime_tabular import LimeTabularExplainer
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

import whence as wh
from whence.metrics.stability import stability

SAMPLES = 5_000
TOP = 5
CATEGORIES = (
    "workclass", "education", "marital-status", "occupation", "relationship", "race", "sex",
    "native-country",
)  # fmt: skip


class Timed:
    """A model that adds up the time that is spent in it, and the rows it was asked about."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self.answer, self.seconds, self.rows = answer, 0.0, 0

    def __call__(self, X: Any) -> Any:  # noqa: ANN401  rows of any kind
        """Answer, and remember how long it took."""
        start = time.perf_counter()
        said = self.answer(X)
        self.seconds += time.perf_counter() - start
        self.rows += len(X)
        return said


def factor(model: Timed, run: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """Return the median of total time / time in the model, of seconds, and of rows asked about."""
    each = []
    for _ in range(repeats):
        model.seconds, model.rows = 0.0, 0
        start = time.perf_counter()
        run()
        total = time.perf_counter() - start
        each.append((total / model.seconds, total, model.rows))
    ratio, seconds, rows = (statistics.median(column) for column in zip(*each, strict=True))
    return ratio, seconds, rows


def line(*cells: object) -> None:
    """Print one line of the table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def spoken(ratio: float, seconds: float, rows: float) -> str:
    """Return a factor, with what it was made of."""
    return f"{ratio:.2f} ({seconds:.2f} s, {rows:.0f} rows)"


def cancer() -> tuple[np.ndarray, np.ndarray, RandomForestClassifier]:
    """Return training rows, rows to explain, and a forest."""
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order], y[order]
    return X[:400], X[400:], RandomForestClassifier(100, random_state=0).fit(X[:400], y[:400])


def adult(data: Path) -> tuple[pd.DataFrame, pd.DataFrame, Pipeline]:
    """Return training rows, rows to explain, and boosted trees behind an encoder of categories."""
    train, test = (
        pd.read_csv(data / "adult" / f"adult_{part}.csv.gz") for part in ("train", "test")
    )
    y = train.pop("income").str.contains(">50K")
    test = test.drop(columns="income")
    model = make_pipeline(
        make_column_transformer(
            (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), CATEGORIES),
            remainder="passthrough",
        ),
        HistGradientBoostingClassifier(random_state=0),
    ).fit(train, y)
    return train, test, model


def lime_top(explainer: LimeTabularExplainer, row: np.ndarray, ask: Any) -> set[int]:  # noqa: ANN401
    """Return the strongest features by lime's own selection."""
    found = explainer.explain_instance(row, ask, num_features=TOP, num_samples=SAMPLES)
    return {feature for feature, _ in found.as_map()[1]}


def vsi(tops: list[list[set[int]]]) -> float:
    """Return the variables stability index of runs of rows of sets."""
    pairs = [(a, b) for i, a in enumerate(tops) for b in tops[:i]]
    shared = [len(x & y) / TOP for a, b in pairs for x, y in zip(a, b, strict=True)]
    return 100 * float(np.mean(shared))


def time_of_a_forest() -> None:
    """Compare the time of one row of a random forest, at equal samples."""
    train, test, forest = cancer()
    model = Timed(forest.predict_proba)
    method = wh.Lime(background=train[:100], budget=SAMPLES, tolerance=None)
    explainer = LimeTabularExplainer(train, random_state=0)
    ours = factor(model, lambda: wh.explain(model, test[:1], method, rng=0), 9)
    theirs = factor(
        model,
        lambda: explainer.explain_instance(test[0], model, num_features=30, num_samples=SAMPLES),
        5,
    )
    few = factor(
        model, lambda: wh.explain(model, test[:1], wh.Lime(background=train[:100]), rng=0), 9
    )
    what = "random forest, 1 row"
    line(f"{what}, 5,000 samples: total / model", spoken(*ours), "1.15", spoken(*theirs))
    line(f"{what}, default settings: total / model", spoken(*few), "", "")


def stability_of_a_forest(seeds: int, rows: int) -> None:
    """Compare the agreement of seeds for a random forest."""
    train, test, forest = cancer()
    ask = forest.predict_proba
    method = wh.Lime(background=train[:100])
    runs = [wh.explain(ask, test[:rows], method, rng=seed) for seed in range(seeds)]
    tops = []
    for seed in range(seeds):
        explainer = LimeTabularExplainer(train, random_state=seed)
        tops.append([lime_top(explainer, row, ask) for row in test[:rows]])
    report_stability(f"breast cancer, random forest, {rows} rows, {seeds} seeds", runs, tops)


def stability_of_adult(seeds: int, rows: int, data: Path) -> None:
    """Compare the agreement of seeds for boosted trees over text categories."""
    train, test, model = adult(data)
    method = wh.Lime(background=train[:100])
    runs = [wh.explain(model, test[:rows], method, rng=seed) for seed in range(seeds)]
    coder = OrdinalEncoder().fit(pd.concat([train, test])[[*CATEGORIES]])
    columns = [train.columns.get_loc(name) for name in CATEGORIES]

    def coded(frame: pd.DataFrame) -> np.ndarray:
        out = frame.copy()
        out[[*CATEGORIES]] = coder.transform(frame[[*CATEGORIES]])
        return out.to_numpy(dtype=float)

    def ask(numbers: np.ndarray) -> np.ndarray:  # lime knows categories as numbers alone
        frame = pd.DataFrame(numbers, columns=train.columns)
        frame[[*CATEGORIES]] = coder.inverse_transform(numbers[:, columns])
        return model.predict_proba(frame)

    names = {j: list(c) for j, c in zip(columns, coder.categories_, strict=True)}
    inner, wanted, tops = coded(train), coded(test[:rows]), []
    for seed in range(seeds):
        explainer = LimeTabularExplainer(
            inner, categorical_features=columns, categorical_names=names, random_state=seed
        )
        tops.append([lime_top(explainer, row, ask) for row in wanted])
    report_stability(f"adult, boosted trees, {rows} rows, {seeds} seeds", runs, tops)


def report_stability(work: str, runs: list[wh.Attribution], tops: list[list[set[int]]]) -> None:
    """Print the agreement of the last output, and what it cost."""
    found = stability(runs, top=TOP)
    named = dict(zip(zip(found.name, found.group, strict=True), found.value, strict=True))
    group = found.group[-1]
    asked = statistics.mean(e.provenance.evaluations / len(e) for e in runs)
    done = statistics.mean(float(e.converged.mean()) for e in runs if e.converged is not None)
    ours = (
        f"{named['VSI', group]:.1f} (CSI {named['CSI', group]:.1f}, {asked:.0f} rows asked, "
        f"{100 * done:.0f} % converged)"
    )
    line(f"{work}: VSI", ours, "95", f"{vsi(tops):.1f} ({SAMPLES} rows asked)")


def time_of_an_image() -> None:
    """Compare the time of one image, at equal samples."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, stride=2), torch.nn.ReLU(), torch.nn.Conv2d(16, 32, 3, stride=2),
        torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(),
        torch.nn.Linear(512, 10), torch.nn.Softmax(dim=1),
    ).eval()  # fmt: skip
    image = np.random.default_rng(0).random((224, 224, 3)).astype(np.float32)
    image += np.sin(np.arange(224) / 20)[:, None, None].astype(np.float32)

    def last(X: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            form = torch.from_numpy(np.ascontiguousarray(np.moveaxis(X, -1, 1), dtype=np.float32))
            return np.concatenate([network(part).numpy() for part in form.split(64)])

    model = Timed(last)
    method = wh.Lime(budget=1000, tolerance=None)
    ours = factor(model, lambda: wh.explain(model, image[None], method, rng=0), 3)
    try:
        import skimage  # noqa: F401  lime needs it to divide the image
    except ImportError:
        theirs = "not run: lime needs scikit-image"
    else:
        explainer = LimeImageExplainer(random_state=0)
        theirs = spoken(
            *factor(
                model,
                lambda: explainer.explain_instance(
                    image.astype(np.float64), model, num_samples=1000
                ),
                1,
            )
        )
    line("CNN, 224 x 224 image, 1,000 samples: total / model", spoken(*ours), "1.2", theirs)


def main() -> None:
    """Run all, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("WHENCE_DATA", "data")))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rows", type=int, default=10)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    line("what", "whence", "asked", "lime")
    line("---", "---", "---", "---")
    time_of_a_forest()
    time_of_an_image()
    stability_of_a_forest(given.seeds, given.rows)
    stability_of_adult(given.seeds, given.rows, given.data)


if __name__ == "__main__":
    main()
