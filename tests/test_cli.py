"""The command line explains every kind of model file, and fails cleanly or not at all."""

import gzip
import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from typer.testing import CliRunner, Result
from xgboost import XGBClassifier

import whence as wh
from whence import cli_run
from whence.cli import app

RNG = np.random.default_rng(0)
ROWS = 80
DATA = pd.DataFrame(
    {
        "age": RNG.integers(18, 80, ROWS).astype(float),
        "job": RNG.choice(["clerk", "cook", "pilot"], ROWS),
        "branch": RNG.choice([10, 20, 30], ROWS),
        "paid": "",
    }
)
DATA["paid"] = np.where((DATA["age"] > 45) ^ (DATA["job"] == "cook"), "yes", "no")
DATA.loc[4, "age"] = np.nan
X = DATA[["age", "job", "branch"]]
Y = (DATA["paid"] == "yes").astype(int)
WRITTEN = ["explanation.parquet", "explanation.whence", "force.html", "pictures", "report.html"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


def explain(folder: Path, model: str, *options: object, data: str = "loans.csv") -> Result:
    return run(
        "explain", "--model", folder / model, "--data", folder / data, "--out", folder / "out",
        "--rows", 1, "--n-jobs", 1, *options,
    )  # fmt: skip


def said(result: Result) -> str:
    return " ".join(result.output.replace("│", " ").split())


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name == "out" or p.name.startswith("."))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models that learned the categories "job" (text) and "branch" (numbers), in every format."""
    folder = tmp_path_factory.mktemp("models")
    coded = X.astype({"job": "category", "branch": "category"})
    boosted = XGBClassifier(n_estimators=3, max_depth=2, enable_categorical=True, n_jobs=1)
    boosted.fit(coded, Y)
    boosted.save_model(folder / "x.ubj")
    boosted.save_model(folder / "x.json")
    light = LGBMClassifier(
        n_estimators=4, min_child_samples=5, min_data_per_group=5, verbose=-1, n_jobs=1
    )
    light.fit(coded, Y).booster_.save_model(folder / "l.txt")
    cat = CatBoostClassifier(
        iterations=3, depth=2, logging_level="Silent", thread_count=1, allow_writing_files=False,
        one_hot_max_size=9, cat_features=["job", "branch"],
    ).fit(X, Y)  # fmt: skip
    cat.save_model(str(folder / "c.cbm"))
    cat.save_model(str(folder / "c.json"), format="json")
    hist = HistGradientBoostingClassifier(
        max_iter=4, min_samples_leaf=5, categorical_features="from_dtype"
    ).fit(coded, DATA["paid"])
    skops.io.dump(hist, folder / "h.skops")
    forest = RandomForestClassifier(4, max_depth=3, random_state=0)
    forest.fit(X[["age", "branch"]], DATA["paid"])
    skops.io.dump(forest, folder / "f.skops")
    (folder / "f.pkl").write_bytes(pickle.dumps(forest))
    return folder


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    for path in models.iterdir():
        (tmp_path / path.name).symlink_to(path)
    DATA.to_csv(tmp_path / "loans.csv", index=False)
    DATA.to_parquet(tmp_path / "loans.parquet")
    with gzip.open(tmp_path / "loans.csv.gz", "wt") as file:
        file.write(DATA.to_csv(index=False, sep=";"))
    return tmp_path


@pytest.mark.parametrize("data", ["loans.csv", "loans.csv.gz", "loans.parquet"])
@pytest.mark.parametrize("model", ["x.ubj", "x.json", "l.txt", "c.cbm", "c.json", "h.skops"])
def test_every_format_gives_the_model_s_own_outputs(
    folder: Path, model: str, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if data != "loans.csv":  # the reports are written once per model
        monkeypatch.setattr(cli_run, "_finish", _only_save)

    result = explain(folder, model, "--target", "paid", data=data)

    assert result.exit_code == 0, result.output
    e = wh.load(folder / "out" / "explanation.whence")
    assert np.abs(e.residual).max() < 1e-5
    assert e.names.features == ("age", "job", "branch")
    assert e.data.levels[1] == ("clerk", "cook", "pilot")
    assert ((e.outputs[:, 0] > 0) == Y).mean() > 0.6
    if data == "loans.csv":
        assert sorted(p.name for p in (folder / "out").iterdir()) == WRITTEN
        assert "largest residual" in result.output
        assert "AUC" in (folder / "out" / "report.html").read_text(encoding="utf-8")
    wide = pd.read_parquet(folder / "out" / "explanation.parquet")
    np.testing.assert_array_equal(wide[["age", "job", "branch"]], e.values[..., 0])


def _only_save(
    bound: cli_run.Bound,
    e: wh.Attribution,
    X: object,
    y: object,
    draft: Path,
    *_: object,
    **__: object,
) -> cli_run.Done:
    e.save(draft / "explanation.whence")
    return cli_run.Done(explanation=e, report=None, rows=len(e), notes=())  # type: ignore[arg-type]


def test_probabilities_are_explained_against_the_data(folder: Path) -> None:
    result = explain(
        folder, "f.skops", "--target", "paid", "--drop", "job", "--output", "probability",
        "--background", folder / "loans.parquet",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    e = wh.load(folder / "out" / "explanation.whence")
    assert e.provenance.unit == "probability"
    assert e.provenance.background_digest
    assert np.abs(e.residual).max() < 1e-9


def test_a_long_table_is_explained_in_batches_and_that_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_run, "LARGE", 50)
    monkeypatch.setattr(cli_run, "SAMPLE", 30)

    for data in ("loans.parquet", "loans.csv"):
        result = explain(folder, "l.txt", "--target", "paid", "--force", data=data)

        assert result.exit_code == 0, result.output
        e = wh.load(folder / "out" / "explanation.whence")
        wide = pd.read_parquet(folder / "out" / "explanation.parquet")
        assert len(e) == 30
        assert len(wide) == ROWS
        rows = [int(label) for label in e.names.rows]
        np.testing.assert_allclose(wide.iloc[rows][["age", "job", "branch"]], e.values[..., 0])
        assert "This report is about 30 of these rows" in said(result)
        assert sorted(p.name for p in (folder / "out").iterdir()) == WRITTEN


def test_a_pickle_needs_trust(folder: Path) -> None:
    options = ("--target", "paid", "--drop", "job")

    refused = explain(folder, "f.pkl", *options)

    assert refused.exit_code == 2
    assert "reading a pickle runs whatever code its author put there" in said(refused)
    assert left(folder) == []
    assert explain(folder, "f.pkl", *options, "--trust").exit_code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--target", "payed"), "no such column. Did you mean 'paid'?"),
        (("--target", "paid", "--drop", "jop"), "Did you mean 'job'?"),
        ((), "1 column that the model does not know: 'paid'"),
        ((), "--drop paid"),
        (("--target", "paid", "--drop", "age"), "lack 1 of the 3 columns"),
        (("--drop", "paid", "--background", "lost.csv"), "There is no background file lost.csv"),
        (("--target", "job", "--drop", "paid"), "lack 1 of the 3 columns"),
    ],
)
def test_wrong_columns_are_told_with_what_to_do(
    folder: Path, options: tuple[str, ...], words: str
) -> None:
    result = explain(folder, "l.txt", *options)

    assert result.exit_code == 2
    assert words in said(result)
    assert "Traceback" not in result.output
    assert left(folder) == []


def test_a_category_that_xgboost_never_saw_is_refused_with_its_name(folder: Path) -> None:
    DATA.replace({"job": {"cook": "chef"}}).to_csv(folder / "loans.csv", index=False)

    assert "Column 'job' holds 'chef', which the model never saw" in said(
        explain(folder, "x.ubj", "--target", "paid")
    )
    assert explain(folder, "l.txt", "--target", "paid").exit_code == 0


def test_text_where_the_model_reads_numbers_is_refused(folder: Path) -> None:
    DATA.assign(age="old").to_csv(folder / "loans.csv", index=False)

    result = explain(folder, "x.ubj", "--target", "paid")

    assert "Column 'age' holds text such as 'old'" in said(result)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("loans.csv", b"", "is empty"),
        ("loans.csv", b"\xff\xfe\x00bad", "not text in UTF-8"),
        ("loans.csv", b'a,b\n1,2\n1,2,3,4\n"', "cannot be read as a table"),
        ("loans.csv", b"age,job,branch\n", "holds no rows"),
        ("loans.csv", b"PAR1 and then nothing", "cannot be read as a table"),
        ("loans.csv.gz", b"\x1f\x8b not gzip", "cannot be read as a table"),
        ("l.txt", b"tree\nversion=v4\n", "cannot be read"),
        ("x.ubj", b"", "is empty"),
        ("x.ubj", b"not a model", "no model file known here"),
    ],
)
def test_broken_files_are_named_and_leave_nothing(
    folder: Path, name: str, content: bytes, words: str
) -> None:
    (folder / name).unlink()
    (folder / name).write_bytes(content)
    data = name if name.startswith("loans") else "loans.csv"

    result = explain(folder, name if data == "loans.csv" and data != name else "l.txt", data=data)

    assert result.exit_code == 2
    assert words in said(result)
    assert name in said(result)
    assert left(folder) == []


def test_a_cut_model_leaves_nothing(folder: Path) -> None:
    for name in ("x.ubj", "x.json", "l.txt", "c.cbm", "c.json", "h.skops"):
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / name).write_bytes(content[: len(content) // 2])

        result = explain(folder, name, "--target", "paid")

        assert result.exit_code == 2
        assert "cannot be read" in said(result)
        assert left(folder) == []


def test_earlier_results_stay_unless_replaced_by_force(folder: Path) -> None:
    out = folder / "out"
    out.mkdir()
    (out / "report.html").write_text("before")

    refused = explain(folder, "l.txt", "--target", "paid")
    assert refused.exit_code == 2
    assert "is not empty" in said(refused)
    assert (out / "report.html").read_text() == "before"

    assert explain(folder, "l.txt", "--target", "paid", "--force").exit_code == 0
    assert sorted(p.name for p in out.iterdir()) == WRITTEN
    assert left(folder) == ["out"]

    (out / "thesis.tex").write_text("years of work")
    refused = explain(folder, "l.txt", "--target", "paid", "--force")
    assert "files that whence did not write: thesis.tex" in said(refused)
    assert (out / "thesis.tex").exists()


def test_an_unexpected_error_leaves_nothing_and_is_not_hidden(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(cli_run, "report", fail)

    result = explain(folder, "l.txt", "--target", "paid")

    assert isinstance(result.exception, ZeroDivisionError)
    assert left(folder) == []


def test_demo_runs_and_show_prints_it(tmp_path: Path) -> None:
    result = run("demo", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    file = tmp_path / "out" / "explanation.whence"
    e = wh.load(file)

    shown = run("show", file)
    assert shown.exit_code == 0
    top = int(np.abs(e.values[..., 0]).mean(axis=0).argmax())
    assert e.names.features[top] in shown.output
    assert "TreeShap" in shown.output

    row = said(run("show", file, "--row", 7))
    assert " ".join(wh.narrate(e[7]).split()[:12]) in row

    assert "holds the rows 0 to 227" in said(run("show", file, "--row", 999))
    assert run("show", tmp_path / "lost.whence").exit_code == 2


def test_help_and_version_are_there() -> None:
    assert wh.__version__ in run("--version").output
    for command in ((), ("explain",), ("demo",), ("show",)):
        result = run(*command, "--help")
        assert result.exit_code == 0
        assert "Usage" in result.output
    assert "--background" in run("explain", "--help").output


def test_what_is_written_says_where_it_came_from(folder: Path) -> None:
    assert explain(folder, "l.txt", "--target", "paid").exit_code == 0

    e = wh.load(folder / "out" / "explanation.whence")
    import pyarrow.parquet as pq

    about = json.loads(pq.read_schema(folder / "out" / "explanation.parquet").metadata[b"whence"])
    assert about["provenance"]["model_digest"] == e.provenance.model_digest
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert e.provenance.model_digest in page
    assert e.provenance.data_digest in page


def test_columns_with_an_underscore_are_known_by_name_to_lightgbm_too(tmp_path: Path) -> None:
    frame = pd.DataFrame(RNG.normal(size=(60, 2)), columns=["old_debt", "age"])
    light = LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1).fit(frame, frame["age"] > 0)
    light.booster_.save_model(tmp_path / "l.txt")
    frame[["age", "old_debt"]].to_csv(tmp_path / "loans.csv", index=False)
    frame[["age"]].to_csv(tmp_path / "less.csv", index=False)

    assert "lack 1 of the 2 columns" in said(explain(tmp_path, "l.txt", data="less.csv"))
    assert explain(tmp_path, "l.txt").exit_code == 0


def test_a_text_for_missing_cells_can_be_named(folder: Path) -> None:
    DATA.replace({"job": {"cook": "?"}}).to_csv(folder / "loans.csv", index=False)

    assert "holds '?'" in said(explain(folder, "x.ubj", "--target", "paid"))
    done = explain(folder, "x.ubj", "--target", "paid", "--missing", "?")

    assert done.exit_code == 0, done.output
    e = wh.load(folder / "out" / "explanation.whence")
    job = e.names.features.index("job")
    assert [e.data.value(i, job) for i in range(len(e))] == [
        None if value == "cook" else value for value in DATA["job"]
    ]
