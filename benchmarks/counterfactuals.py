"""Counterfactuals of 500 rows of adult and German credit beside the engines of DiCE.

Age and sex are immutable. Validity is what the model says when it is asked anew about what was
handed back; the cost is the same for all: Gower's distance and 0.05 for each changed column. Time
is that of the processor. DiCE is run, for ten rows, by the Python that WHENCE_PEERS names, and
skipped where there is none.
"""

import gzip
import os
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measure import DATA
from sklearn.compose import make_column_transformer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

import whence as wh
from whence.core.constraints import Constraints
from whence.core.read_limits import limits_of
from whence.core.table import table_of
from whence.explainers.counterfactuals import Counterfactuals
from whence.maskers.changes import Ground

ROWS, FEW = 500, 10
ENGINES = ("random", "genetic", "kdtree")
SECONDS = 20
"""Seconds that DiCE has for a row; ten times as many for all."""
PEERS = os.environ.get("WHENCE_PEERS") or (sys.executable if find_spec("dice_ml") else "")
"""The Python that DiCE is installed for; empty: none."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model, what it was trained on, and rows of which counterfactuals are wanted."""

    name: str
    model: Any
    train: pd.DataFrame
    y: pd.Series
    rows: pd.DataFrame
    immutable: tuple[str, ...]


def cases() -> list[Case]:
    """Return two models of each data set."""
    with gzip.open(DATA / "adult" / "adult_train.csv.gz", "rt") as file:
        adult = pd.read_csv(file).drop(columns=["fnlwgt", "education-num"]).fillna("missing")
    german = pd.read_csv(DATA / "german_credit" / "german_credit.csv")
    out = []
    for name, d, outcome, immutable in (
        ("adult", adult, "income", ("age", "sex")),
        ("german credit", german, "credit_risk", ("age", "personal_status_sex")),
    ):
        y = (d.pop(outcome) == ("<=50K" if name == "adult" else "bad")).astype(int)
        held = min(len(d) // 2, ROWS)
        words = [c for c in d.columns if not pd.api.types.is_numeric_dtype(d[c])]
        for kind, last in (
            ("XGBoost", XGBClassifier(n_estimators=100, max_depth=5, n_jobs=1)),
            ("MLP", MLPClassifier((32,), max_iter=50, random_state=0, early_stopping=True)),
        ):
            encode = make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore"), words), remainder=StandardScaler()
            )
            train, rows = d[:-held], d[-held:].reset_index(drop=True)
            model = make_pipeline(encode, last).fit(train, y[:-held])
            out.append(Case(name=f"{name}, {kind}", model=model, train=train, y=y[:-held],
                            rows=rows, immutable=immutable))  # fmt: skip
    return out


def main() -> None:
    """Print a line per case and engine."""
    print("| case | engine | rows | valid | mean cost | columns changed | CPU s a row | slower |")
    print("|---|---|---|---|---|---|---|---|")
    for case in cases():
        ours = _whence(case, seconds=0.0)
        print(_line(case, "whence", *ours, base=ours[3]), flush=True)
        if case.name.endswith("XGBoost"):
            proved = _whence(case, seconds=1.0)
            print(_line(case, "whence, with proof", *proved, base=ours[3]), flush=True)
        if PEERS:
            few = _whence(case, FEW, seconds=0.0)
            print(_line(case, f"whence, first {FEW}", *few, base=ours[3]), flush=True)
            with tempfile.TemporaryDirectory() as folder:
                for engine in ENGINES:
                    theirs = _dice(case, engine, Path(folder))
                    print(_line(case, f"DiCE {engine}", *theirs, base=ours[3]), flush=True)


def _line(
    case: Case, engine: str, rows: int, valid: float, cost: tuple[float, float], seconds: float,
    *, base: float,
) -> str:  # fmt: skip
    return (
        f"| {case.name} | {engine} | {rows} | {valid:.1%} | {cost[0]:.3f} | {cost[1]:.2f} | "
        f"{seconds:.3f} | {seconds / base:.0f} |"
    )


def _whence(
    case: Case, rows: int = ROWS, *, seconds: float
) -> tuple[int, float, tuple[float, float], float]:
    X = case.rows[:rows]
    method = Counterfactuals(
        background=case.train,
        constraints=Constraints(immutable=case.immutable),
        seconds=seconds,
    )
    bound = wh.bind(case.model, method)
    bound.explain(X[:2], rng=0)
    started = time.process_time()
    e = bound.explain(X, rng=0)
    taken = time.process_time() - started
    told = e.to_frame()
    where = told["row"].astype(int).tolist()
    cells = pd.DataFrame({c: told[c].to_numpy() for c in X.columns}).astype(dict(X.dtypes))
    return _measured(case, X, where, cells, taken / len(X))


def _dice(case: Case, engine: str, folder: Path) -> tuple[int, float, tuple[float, float], float]:
    X = case.rows[:FEW]
    words = [c for c in X.columns if not pd.api.types.is_numeric_dtype(X[c])]
    path = folder / "case.pickle"
    free = [c for c in X.columns if c not in case.immutable]
    numbers = [c for c in X.columns if c not in words]
    train = case.train.assign(outcome=case.y)
    path.write_bytes(
        pickle.dumps(
            {"model": case.model, "train": train, "rows": X, "free": free, "numbers": numbers}
        )
    )
    script = str(Path(__file__).parent / "dice_rows.py")
    command = [PEERS, script, str(path), engine, str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    made = path.with_suffix(f".{engine}")
    if not made.exists():
        print(done.stderr[-300:], file=sys.stderr)
        return 0, np.nan, (np.nan, np.nan), np.nan
    found = pickle.loads(made.read_bytes())  # noqa: S301  made by the benchmark
    where = [i for i, (frame, _) in enumerate(found) if frame is not None and len(frame)]
    seconds = float(np.mean([s for _, s in found]))
    X = X[: len(found)]
    if not where:
        return len(X), 0.0, (np.nan, np.nan), seconds
    cells = pd.concat([found[i][0].iloc[[0]][list(X.columns)] for i in where])
    numeric = dict.fromkeys(numbers, float)
    return _measured(case, X, where, cells.astype(numeric), seconds)


def _measured(
    case: Case, X: pd.DataFrame, where: list[int], cells: pd.DataFrame, seconds: float
) -> tuple[int, float, tuple[float, float], float]:
    """Return rows, the share of valid ones, their mean cost and changed columns, and seconds."""
    before = X.iloc[where]
    turned = case.model.predict(cells) != case.model.predict(before)
    kept = np.all([cells[c].to_numpy() == before[c].to_numpy() for c in case.immutable], axis=0)
    good = np.flatnonzero(turned & kept)
    Z = table_of(case.train)
    ground = Ground.of(Z, limits_of(None, Z), mad=False, sparsity=0.05)
    room = ground.room(table_of(before.astype(dict(cells.dtypes))))
    parts = room.parts(room.reread(table_of(cells)), np.arange(len(where)))[good]
    changed = float((parts > 0).sum(axis=1).mean())
    return len(X), len(good) / len(X), (float(parts.sum(axis=1).mean()), changed), seconds


if __name__ == "__main__":
    main()
