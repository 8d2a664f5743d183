"""Memory and import time, each in a process of its own."""

import statistics
import subprocess
import sys
import time

from measure import Line, Report, peak_megabytes

_MODEL = """
import numpy as np, xgboost as xgb, whence as wh
from measure import resident_megabytes
rng = np.random.default_rng(0)
X = rng.normal(size=(20_000, 14))
model = xgb.XGBRegressor(n_estimators=200, max_depth=6, n_jobs=1).fit(X, X[:, 0] * X[:, 1])
model.predict(X)
"""
_EXPLAIN = (
    _MODEL
    + """
before = resident_megabytes()
e = wh.bind(model, wh.TreeShap({background})).explain(X)
print(before + (e.values.nbytes + e.data.numbers.nbytes) / 2**20)
"""
)
_STREAM = """
import tempfile, pathlib
import numpy as np, pyarrow as pa, pyarrow.parquet as pq, xgboost as xgb, whence as wh
from whence.scale.parquet import explain_parquet
rng = np.random.default_rng(0)
names = [f"f{j}" for j in range(100)]
def block(n):
    return pa.table({name: rng.normal(size=n) for name in names})
folder = pathlib.Path(tempfile.mkdtemp())
with pq.ParquetWriter(folder / "X.parquet", block(1).schema) as writer:
    for _ in range(50):
        writer.write_table(block(20_000))
train = block(5000).to_pandas()
model = xgb.XGBRegressor(n_estimators=20, max_depth=6, n_jobs=1).fit(train, train["f0"])
explain_parquet(model, folder / "X.parquet", folder / "out.parquet")
assert pq.read_metadata(folder / "out.parquet").num_rows == 1_000_000
import shutil; shutil.rmtree(folder)
print(0.0)
"""


def main(report: Report) -> None:
    """Measure memory and import time."""
    for name, background in (("path-dependent", ""), ("background of all rows", "background=X")):
        expected, peak = peak_megabytes(_EXPLAIN.replace("{background}", background))
        report.add(Line(
            work=f"memory beyond model and output, {name}", against="limit of 300 MB",
            ours=max(peak - expected, 1.0), theirs=300, asked=1, unit="MB",
        ))  # fmt: skip
    _, peak = peak_megabytes(_STREAM)
    report.add(Line(
        work="1,000,000 rows x 100 features to Parquet", against="limit of 2 GB", ours=peak,
        theirs=2048, asked=1, unit="MB",
    ))  # fmt: skip
    taken = [_import_seconds() for _ in range(7)]
    report.add(Line(
        work="import whence, beyond starting Python", against="limit of 0.3 s",
        ours=statistics.median(taken), theirs=0.3, asked=1,
    ))  # fmt: skip


def _import_seconds() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    between = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import whence; whence.__version__"], check=True)
    return (time.perf_counter() - between) - (between - started)
