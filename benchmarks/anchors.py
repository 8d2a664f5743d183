"""Rules with certificates on adult and on sentences: how often, how wide, how true on new rows.

Run by itself: ``PYTHONPATH=src python benchmarks/anchors.py``. There is no peer in the run: the
records are those of the paper's own result files (Ribeiro et al. 2018, mean precision on test rows
and mean coverage at the same threshold of 95 %, other models of adult).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measure import DATA
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import whence as wh
from whence.core.rules import Rules
from whence.driver import Explainer
from whence.explainers.anchors import Anchors

ROWS = 100
HELD_OUT = 8_000
RECORDS = {"logistic": "95.8 / 10.6", "boosted": "96.2 / 9.8", "forest": "none (95 asked)"}


def line(*cells: object) -> None:
    """Print one line of the table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


class Timed:
    """A classifier that adds up the processor time that is spent in it."""

    def __init__(self, model: Pipeline) -> None:
        self.model, self.classes_, self.seconds = model, model.classes_, 0.0

    def predict_proba(self, X: object) -> np.ndarray:
        """Answer, and remember how long it took."""
        started = time.process_time()
        said = self.model.predict_proba(X)
        self.seconds += time.process_time() - started
        return said


def milliseconds(bound: Explainer[Rules], rows: object, model: Timed) -> tuple[Rules, float]:
    """Return rules about rows, and the median processor time of a row, without the model's."""
    times = []
    for _ in range(3):
        model.seconds, started = 0.0, time.process_time()
        e = bound.explain(rows, rng=0)
        times.append(1e3 * (time.process_time() - started - model.seconds) / len(e))
    return e, float(np.median(times))


def adult(data: Path) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    """Return training rows, their classes, and test rows."""
    train, test = (
        pd.read_csv(data / "adult" / f"adult_{part}.csv.gz") for part in ("train", "test")
    )
    y = train.pop("income").str.contains(">50K")
    return train, y, test.drop(columns="income")


def classifier(kind: str, train: pd.DataFrame) -> Pipeline:
    """Return an unfitted Pipeline that reads the columns as they are."""
    texts = [name for name in train if train[name].dtype.kind not in "if"]
    numbers = StandardScaler() if kind == "logistic" else "passthrough"
    model: Any = {
        "forest": RandomForestClassifier(100, random_state=0),
        "boosted": HistGradientBoostingClassifier(random_state=0),
        "logistic": LogisticRegression(max_iter=2_000),
    }[kind]
    coder = OneHotEncoder(handle_unknown="ignore", sparse_output=kind != "boosted")
    return make_pipeline(make_column_transformer((coder, texts), remainder=numbers), model)


def fresh_precision(e: Rules, said: np.ndarray, rows: pd.DataFrame, fresh: np.ndarray) -> Any:  # noqa: ANN401  an array
    """Return the share of new rows that each rule covers and the model tells the same."""
    covers = e.covers(rows)
    same = fresh == said[:, None]
    return (covers & same).sum(axis=1) / np.maximum(covers.sum(axis=1), 1)


def of_tables(kind: str, train: pd.DataFrame, y: pd.Series, test: pd.DataFrame) -> None:
    """Print what the rules of 100 test rows are worth, by two backgrounds."""
    model = classifier(kind, train).fit(train, y)
    rows = test[:ROWS]
    said, fresh = model.predict(rows), test[ROWS + HELD_OUT :]
    told = model.predict(fresh)
    for name, background in (("train", train), ("held out", test[ROWS : ROWS + HELD_OUT])):
        timed = Timed(model)
        e, each = milliseconds(wh.bind(timed, Anchors(background=background)), rows, timed)
        precision = fresh_precision(e, said, fresh, told)
        sure = np.array(e.status) == "certified"
        line(
            f"adult, {kind}, background {name} ({len(background):,} rows)",
            f"{100 * sure.mean():.0f} %",
            f"{100 * precision[sure].mean():.1f} / {100 * precision.mean():.1f}",
            f"{100 * precision[sure].min():.1f}",
            f"{100 * e.coverage[sure].mean():.1f} / {100 * e.coverage.mean():.1f}",
            f"{np.mean([len(rule) for rule in e.predicates]):.1f}",
            f"{each:.1f}",
            RECORDS[kind],
        )


def of_texts(data: Path) -> None:
    """Print what the rules of 100 sentences are worth."""
    train, dev = (pd.read_csv(data / "sst2" / f"{part}.csv.gz") for part in ("train", "dev"))
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2), LogisticRegression(C=10))
    model.fit(train["text"], train["label"])
    timed = Timed(model)
    e, each = milliseconds(wh.bind(timed, Anchors()), dev["text"].tolist()[:ROWS], timed)
    sure = np.array(e.status) == "certified"
    line(
        f"sst2, TF-IDF and logistic, {e.provenance.evaluations / ROWS:.0f} rows asked",
        f"{100 * sure.mean():.0f} %",
        f"{100 * e.precision[sure].mean():.1f} / {100 * e.precision.mean():.1f} (samples)",
        f"{100 * e.precision[sure].min():.1f}",
        f"{100 * e.coverage[sure].mean():.1f} / {100 * e.coverage.mean():.1f} (samples)",
        f"{np.mean([len(rule) for rule in e.predicates]):.1f}",
        f"{each:.0f}",
        "",
    )


def main() -> None:
    """Run all, and print one table."""
    warnings.simplefilter("ignore")
    line(
        "what", "certified", "precision on fresh rows, certified / all", "least of certified",
        "coverage, certified / all", "conditions", "ms a row beside the model",
        "record: precision / coverage",
    )  # fmt: skip
    line(*["---"] * 8)
    train, y, test = adult(DATA)
    for kind in ("forest", "boosted", "logistic"):
        of_tables(kind, train, y, test)
    of_texts(DATA)


if __name__ == "__main__":
    main()
