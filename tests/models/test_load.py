"""A model file is read for what it holds, and nothing in it runs or crashes."""

import json
import pickle
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from catboost import CatBoostClassifier, CatBoostRegressor
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from xgboost import XGBClassifier, XGBRegressor

from whence.core.errors import InputError, UnsupportedModelError
from whence.models.load import load_model

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Y = (X[:, 0] + X[:, 1] ** 2 > 1).astype(int)
NATIVE = ("x.ubj", "x.json", "l.txt", "c.cbm", "c.json", "r.cbm", "h.skops", "f.skops")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small model of every kind, saved as its library saves it."""
    path = tmp_path_factory.mktemp("models")
    boosted = XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1).fit(X, Y)
    boosted.save_model(path / "x.ubj")
    boosted.save_model(path / "x.json")
    LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(X, Y).booster_.save_model(
        path / "l.txt"
    )
    quiet = {"iterations": 3, "depth": 2, "logging_level": "Silent", "thread_count": 1,
             "allow_writing_files": False}  # fmt: skip
    cat = CatBoostClassifier(**quiet).fit(X, Y)
    cat.save_model(str(path / "c.cbm"))
    cat.save_model(str(path / "c.json"), format="json")
    CatBoostRegressor(**quiet).fit(X, X[:, 0]).save_model(str(path / "r.cbm"))
    forest = RandomForestClassifier(3, random_state=0).fit(X, Y)
    skops.io.dump(forest, path / "f.skops")
    skops.io.dump(HistGradientBoostingRegressor(max_iter=3).fit(X, X[:, 0]), path / "h.skops")
    joblib.dump(forest, path / "f.joblib")
    joblib.dump(forest, path / "small.bin", compress=3)
    (path / "f.pkl").write_bytes(pickle.dumps(forest))
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("x.ubj", "Booster"),
        ("x.json", "Booster"),
        ("l.txt", "Booster"),
        ("c.cbm", "CatBoostClassifier"),
        ("c.json", "CatBoostClassifier"),
        ("r.cbm", "CatBoostRegressor"),
        ("h.skops", "HistGradientBoostingRegressor"),
        ("f.skops", "RandomForestClassifier"),
    ],
)
def test_the_content_tells_what_a_file_is(
    folder: Path, name: str, kind: str, tmp_path: Path
) -> None:
    renamed = tmp_path / "model"
    renamed.write_bytes((folder / name).read_bytes())

    assert type(load_model(folder / name)).__name__ == kind
    assert type(load_model(renamed)).__name__ == kind


@pytest.mark.parametrize("name", ["f.joblib", "f.pkl", "small.bin"])
def test_a_pickle_is_read_only_when_trusted(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match="reading a pickle runs whatever code"):
        load_model(folder / name)

    model = load_model(folder / name, trust=True)

    assert isinstance(model, RandomForestClassifier)


@pytest.mark.parametrize("suffix", [".pkl", ".ubj", ".txt", ""])
def test_a_hostile_pickle_does_not_run_whatever_its_name(tmp_path: Path, suffix: str) -> None:
    ran = tmp_path / "ran"

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (ran,)

    path = tmp_path / f"model{suffix}"
    path.write_bytes(pickle.dumps(Bomb()))

    with pytest.raises(InputError, match="pickle"):
        load_model(path)
    assert not ran.exists()


def test_a_hostile_skops_file_is_refused_and_its_types_are_listed(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "evil.skops"
    with zipfile.ZipFile(folder / "f.skops") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "schema.json":
                schema = json.loads(content)
                schema["__module__"], schema["__class__"] = "os", "system"
                content = json.dumps(schema).encode()
            new.writestr(name, content)

    with pytest.raises(InputError, match=r"not known to be harmless: os\.system"):
        load_model(path)


def test_a_tree_that_points_out_of_its_memory_is_refused(folder: Path, tmp_path: Path) -> None:
    forest = RandomForestClassifier(2, random_state=0).fit(X, Y)
    tree = forest.estimators_[1].tree_
    state = tree.__getstate__()
    state["nodes"]["left_child"][0] = 10**6
    tree.__setstate__(state)
    skops.io.dump(forest, tmp_path / "evil.skops")

    with pytest.raises(InputError, match="children exist"):
        load_model(tmp_path / "evil.skops")


@pytest.mark.parametrize("name", NATIVE)
@given(share=st.floats(0, 0.999))
@settings(max_examples=8, deadline=None)
def test_a_cut_file_is_named_and_never_read_in_part(folder: Path, name: str, share: float) -> None:
    content = (folder / name).read_bytes()
    path = folder / f"cut_{name}"
    path.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(InputError, match=f"cut_{name}"):
        load_model(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"hello", "no model file known here"),
        (b"{}", "no model known here"),
        (b"[1]", "no model file known here"),
        (b'{"a": ' * 5000, "JSON"),
        (b"PK\x03\x04 but no archive", "whole zip archive"),
        (b"tree\nversion=v4\n", "whole LightGBM text model"),
        (b"CBM1\xff\xff\xff\x7f", "cannot be read"),
        (b"{L\xff\xff\xff\xff\xff\xff\xff\x7f", "cannot be read"),
    ],
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)

    with pytest.raises(InputError, match=said):
        load_model(path)


def test_a_dump_that_cannot_be_read_back_says_what_to_save(tmp_path: Path) -> None:
    path = tmp_path / "dump.json"
    path.write_text(json.dumps({"tree_info": []}))

    with pytest.raises(UnsupportedModelError, match="save_model"):
        load_model(path)


def test_a_missing_file_names_its_neighbors(folder: Path) -> None:
    with pytest.raises(InputError, match=r"Beside it there is x\.json, x\.ubj"):
        load_model(folder / "x.txt")
    with pytest.raises(InputError, match="is not a file"):
        load_model(folder)


def test_a_regressor_of_xgboost_predicts_as_before(tmp_path: Path) -> None:
    model = XGBRegressor(n_estimators=3, n_jobs=1).fit(X, X[:, 1])
    model.save_model(tmp_path / "m.ubj")

    booster = load_model(tmp_path / "m.ubj")

    np.testing.assert_array_equal(booster.inplace_predict(X), model.predict(X))
