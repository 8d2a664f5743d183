"""Values in Parquet are those in memory, in bounded memory, whole or not at all."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier

from whence import TreeInteractions, TreeShap, bind, explain
from whence.core.errors import InputError
from whence.scale.parquet import explain_parquet, write_attribution

X = pd.DataFrame(np.random.default_rng(0).normal(size=(57, 3)), columns=["a", "b", "output"])
MODEL = GradientBoostingRegressor(n_estimators=5, random_state=0).fit(X, X["a"] * X["b"])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    X.to_parquet(tmp_path / "rows.parquet", row_group_size=10)
    return tmp_path / "rows.parquet"


@pytest.mark.parametrize("batch_rows", [1, 7, 1000])
def test_batches_give_the_numbers_of_one_call(source: Path, batch_rows: int) -> None:
    method = TreeShap(background=X[:9])
    e = explain(MODEL, X, method)
    seen: list[int] = []

    done = explain_parquet(
        MODEL, source, source.with_name("v.parquet"), method,
        batch_rows=batch_rows, progress=seen.append,
    )  # fmt: skip

    frame = pd.read_parquet(done.path)
    assert done.columns == ("row", "a", "b", "output", "base_value", "output_")
    assert list(frame.columns) == list(done.columns)
    np.testing.assert_array_equal(frame["row"], np.arange(57))
    np.testing.assert_array_equal(frame[["a", "b", "output"]], e.values[..., 0])
    np.testing.assert_array_equal(
        frame[["base_value", "output_"]], np.hstack([e.base_values, e.outputs])
    )
    assert done.residual == np.abs(e.residual).max()
    assert seen[-1] == done.rows == 57
    assert pq.ParquetFile(done.path).metadata.num_row_groups == -(-57 // batch_rows)


def test_several_outputs_get_a_column_each_and_the_file_says_what_they_are(source: Path) -> None:
    model = RandomForestClassifier(3, max_depth=2, random_state=0).fit(
        X, np.digitize(X["a"], [-1, 1])
    )

    done = explain_parquet(bind(model), source, source.with_name("v.parquet"))

    assert done.columns[:4] == ("row", "a|0", "a|1", "a|2")
    assert done.columns[-3:] == ("output|0_", "output|1_", "output|2_")
    assert len(set(done.columns)) == len(done.columns) == 1 + 3 * 3 + 6
    about = json.loads(pq.read_schema(done.path).metadata[b"whence"])
    assert about["columns"]["b|1"] == ["value", "b", "1"]
    assert about["provenance"]["method"] == "TreeShap"


def test_an_explanation_in_memory_is_written_in_the_same_layout(source: Path) -> None:
    done = explain_parquet(MODEL, source, source.with_name("v.parquet"), batch_rows=10)

    path = write_attribution(explain(MODEL, X, TreeShap()), source.with_name("w.parquet"))

    pd.testing.assert_frame_equal(pd.read_parquet(path), pd.read_parquet(done.path))


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(2_000, 100))).add_prefix("f")
    model = GradientBoostingRegressor(n_estimators=2, max_depth=2).fit(wide, wide["f0"])
    with pq.ParquetWriter(tmp_path / "rows.parquet", pa.Schema.from_pandas(wide)) as writer:
        for _ in range(30):
            writer.write_table(pa.Table.from_pandas(wide))
    held: list[int] = []

    explain_parquet(
        model, tmp_path / "rows.parquet", tmp_path / "v.parquet",
        batch_rows=1_000, progress=lambda _: held.append(pa.total_allocated_bytes()),
    )  # fmt: skip

    assert max(held) < held[2] + 4e6  # the file is 48 MB


def test_columns_the_model_does_not_read_are_left_in_the_file(tmp_path: Path) -> None:
    X.assign(extra="text").to_parquet(tmp_path / "rows.parquet")

    done = explain_parquet(MODEL, tmp_path / "rows.parquet", tmp_path / "v.parquet")

    assert "extra" not in done.columns


def test_a_failure_half_way_leaves_nothing_and_keeps_what_was_there(source: Path) -> None:
    target = source.with_name("v.parquet")
    target.write_text("before")

    def fail(frame: pd.DataFrame) -> pd.DataFrame:
        if frame["a"].iloc[0] != X["a"].iloc[0]:
            raise InputError("half way")
        return frame

    with pytest.raises(InputError, match="half way"):
        explain_parquet(MODEL, source, target, batch_rows=20, prepare=fail)

    assert target.read_text() == "before"
    assert sorted(p.name for p in source.parent.iterdir()) == ["rows.parquet", "v.parquet"]


def test_wrong_files_and_settings_say_what_is_needed(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "v.parquet"
    (tmp_path / "bad.parquet").write_bytes(source.read_bytes()[:200])
    X[:0].to_parquet(tmp_path / "none.parquet")
    X[["a"]].to_parquet(tmp_path / "few.parquet")

    for name, said in [
        ("bad.parquet", "cannot be read as Parquet"),
        ("none.parquet", "holds no rows"),
        ("few.parquet", r"lacks the columns \['b', 'output'\]"),
        ("lost.parquet", "There is no file"),
    ]:
        with pytest.raises(InputError, match=said):
            explain_parquet(MODEL, tmp_path / name, target)
    with pytest.raises(InputError, match="at least 1"):
        explain_parquet(MODEL, source, target, batch_rows=0)
    with pytest.raises(InputError, match="gives an Interaction"):
        explain_parquet(MODEL, source, target, TreeInteractions())
    assert not target.exists()
