"""Model files, told apart by their content and read without running code from them.

XGBoost (UBJSON, JSON), LightGBM (text), CatBoost (cbm, JSON) and skops files hold data only. A
pickle, joblib included, is a program that runs when it is read, so it is refused unless trusted.
The libraries' own readers crash on some broken files, or read a part without a word; what they
miss is checked here first.
"""

import json
import re
import zipfile
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias

import numpy as np

from whence.core.errors import InputError, MissingDependencyError, UnsupportedModelError
from whence.models.parse import _ubjson

_KINDS: Final = (
    "an XGBoost model (.ubj, .json), a LightGBM model (.txt), a CatBoost model (.cbm, .json), "
    "or a scikit-learn model saved by skops (.skops)"
)
_COMPRESSED: Final = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x1f\x8b", b"BZh",
                      b"\xfd7zXZ", b"\x5d\x00\x00", b"\x04\x22\x4d\x18")  # fmt: skip
_PICKLES: Final = (".pkl", ".pickle", ".joblib", ".jl")
# What skops does not trust by default, though every tree ensemble of scikit-learn holds it: the
# two node tables, whose content is checked below, and the input check of the category encoder.
_TREE_TYPES: Final = frozenset(
    {
        "sklearn.tree._tree.Tree",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    }
)
_ENCODER_TYPES: Final = frozenset({"functools.partial", "sklearn.utils.validation.check_array"})

_Reader: TypeAlias = Callable[[Path], object]


def load_model(path: str | Path, *, trust: bool = False) -> object:
    """Read a model file of any supported library.

    Parameters
    ----------
    path : str or Path
        The file. What it is is told by its content, not by its name.
    trust : bool
        Whether to read a pickle, or a skops file with types that are not known to be harmless.
        Both run code from the file.

    Raises
    ------
    InputError
        If the file is missing, empty, broken, of no known kind, or would run code.
    UnsupportedModelError
        If the file is a model of a kind that cannot be read back.
    MissingDependencyError
        If the library that reads the file is not installed.
    """
    path = Path(path)
    head = _head(path)
    if head.startswith(b"PK"):
        return _skops(path, trust=trust)
    if _is_pickle(path, head):
        return _pickle(path, trust=trust)
    reader = _reader(path, head)
    if reader is None:
        raise InputError(
            f"{path} starts with {head[:12]!r}, which is no model file known here. Needed: "
            f"{_KINDS}. Save the model with its library's own save_model, or with skops.io.dump."
        )
    try:
        return reader(path)
    except (InputError, MissingDependencyError, UnsupportedModelError):
        raise
    except Exception as error:  # each library raises its own kinds for a broken file
        raise _broken(path, "the whole file", _first_line(error)) from error


def _head(path: Path) -> bytes:
    if not path.exists():
        beside = sorted(p.name for p in path.parent.glob(f"{path.stem}.*")) if path.stem else []
        hint = f" Beside it there is {', '.join(beside[:3])}." if beside else ""
        raise InputError(f"There is no model file {path}.{hint} Check the path.")
    if not path.is_file():
        raise InputError(f"{path} is not a file. Give the model file itself: {_KINDS}.")
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise InputError(f"{path} is empty. Needed: {_KINDS}. Save the model again.")
    return head


def _is_pickle(path: Path, head: bytes) -> bool:
    protocol = head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    return protocol or path.suffix.lower() in _PICKLES or head.startswith(_COMPRESSED)


def _reader(path: Path, head: bytes) -> _Reader | None:
    if head.startswith(b"CBM1"):
        return _catboost
    if re.match(rb"tree\r?\n", head):
        return _lightgbm
    if not head.lstrip().startswith(b"{"):
        return None
    if re.match(rb"\{[iIlLU]", head):  # UBJSON gives the length of a key before the key
        return _ubjson_reader(path)
    return _json_reader(path)


def _ubjson_reader(path: Path) -> _Reader:
    try:  # XGBoost's own reader takes all the memory where a size is wrong
        whole = "learner" in _ubjson.read(path.read_bytes())
    except InputError as error:
        raise _broken(path, "a whole XGBoost model in UBJSON", _first_line(error)) from error
    if not whole:
        raise _broken(path, "an XGBoost model in UBJSON", "no 'learner' in it")
    return _xgboost


def _json_reader(path: Path) -> _Reader:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise _broken(path, "a whole JSON model", _first_line(error)) from error
    if "learner" in content:
        return _xgboost
    if "oblivious_trees" in content or "trees" in content:
        return _catboost_json
    if "tree_info" in content:
        raise UnsupportedModelError(
            f"{path} is LightGBM's dump_model, which LightGBM itself cannot read back. "
            "Save the model with booster.save_model('model.txt')."
        )
    raise InputError(
        f"{path} is JSON with the keys {sorted(content)[:6]}, and no model known here. "
        f"Needed: {_KINDS}."
    )


def _xgboost(path: Path) -> object:
    xgboost = _library("xgboost", "An XGBoost model file")
    booster = xgboost.Booster()
    # The reader picks the format by the name of the file; the content decides when given as bytes.
    booster.load_model(bytearray(path.read_bytes()))
    return booster


def _lightgbm(path: Path) -> object:
    text = path.read_text(encoding="utf-8", errors="strict")
    _check_lightgbm(path, text)
    lightgbm = _library("lightgbm", "A LightGBM model file")
    return lightgbm.Booster(model_str=text)


def _check_lightgbm(path: Path, text: str) -> None:
    """Check what the file states of itself; LightGBM crashes where it is wrong or cut off."""
    sizes = re.search(r"^tree_sizes=([\d ]*)$", text, re.MULTILINE)
    starts = [m.start() for m in re.finditer(r"^Tree=", text, re.MULTILINE)]
    end = text.find("end of trees")
    stated = [int(size) for size in sizes[1].split()] if sizes else []
    found = [len(text[a:b].encode()) for a, b in pairwise([*starts, end])] if starts else []
    if end < 0 or not sizes or stated != found:
        count = len(found) if end >= 0 else len(starts)
        got = f"the starts of {count} trees, of {len(stated)} that it states"
        raise _broken(path, "a whole LightGBM text model, up to its line 'end of trees'", got)
    tail = text[end:].rstrip("\n").rpartition("\n")[2]
    whole = "\nend of parameters" in text[end:] and text.endswith("\n")
    if not whole or not tail.startswith(("pandas_categorical:", "end of parameters")):
        needed = "a whole LightGBM text model, up to its parameters and categories"
        raise _broken(path, needed, f"{tail[:40]!r} as its last line")


def _catboost(path: Path, kind: str = "cbm") -> object:
    catboost = _library("catboost", "A CatBoost model file")
    model = catboost.CatBoost()
    model.load_model(str(path), format=kind)
    loss = str(model.get_all_params().get("loss_function", ""))
    named = {"RMSE": "CatBoostRegressor", "Logloss": "CatBoostClassifier"} | dict.fromkeys(
        ("CrossEntropy", "MultiClass", "MultiClassOneVsAll"), "CatBoostClassifier"
    )
    if loss in named:  # the plain class knows neither classes nor probabilities
        model = getattr(catboost, named[loss])()
        model.load_model(str(path), format=kind)
    return model


def _catboost_json(path: Path) -> object:
    return _catboost(path, "json")


def _skops(path: Path, *, trust: bool) -> object:
    if not zipfile.is_zipfile(path):
        raise _broken(path, "a whole zip archive, as skops writes it", "its end is missing")
    with zipfile.ZipFile(path) as archive:
        if "schema.json" not in archive.namelist():
            raise InputError(
                f"{path} is a zip archive without schema.json, so skops did not write it. "
                f"Needed: {_KINDS}."
            )
    io = _library("skops.io", "A skops model file", "cli")
    try:
        types = set(io.get_untrusted_types(file=path))
        unknown = sorted(types - _TREE_TYPES - (_ENCODER_TYPES if types & _TREE_TYPES else set()))
        if not unknown or trust:
            model = io.load(path, trusted=sorted(types))
            _check_nodes(model, path)
            return model
    except InputError:
        raise
    except Exception as error:  # skops fails in many ways on a broken or hostile archive
        raise _broken(path, "a model written by skops.io.dump", _first_line(error)) from error
    raise InputError(
        f"{path} holds types that are not known to be harmless: {', '.join(unknown)}. "
        "Reading them can run code. If you know who made the file, pass --trust (trust=True)."
    )


def _check_nodes(model: object, path: Path) -> None:
    """Check every child of every tree: scikit-learn follows a wrong one out of its memory."""
    for tree in _trees_in(model):
        if type(tree).__name__ == "TreePredictor":
            nodes = tree.nodes
            left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
            inner = nodes["is_leaf"] == 0
        else:
            left, right = (np.asarray(a, dtype=np.int64) for a in
                           (tree.children_left, tree.children_right))  # fmt: skip
            inner = left != -1
        place = np.flatnonzero(inner)
        children = np.stack([left[inner], right[inner]])
        if len(left) == 0 or (children <= place).any() or (children >= len(left)).any():
            raise _broken(path, "trees whose children exist and follow their parent", "not so")


def _trees_in(model: object) -> list[Any]:
    found, seen, todo = [], set(), [model]
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        kind = type(item)
        if f"{kind.__module__}.{kind.__name__}" in _TREE_TYPES:
            found.append(item)
        elif isinstance(item, (list, tuple)):
            todo += item
        elif isinstance(item, np.ndarray):
            todo += item.tolist() if item.dtype == object else []
        elif isinstance(item, dict):
            todo += item.values()
        elif kind.__module__.startswith("sklearn.") and hasattr(item, "__dict__"):
            todo += vars(item).values()
            todo += [item.tree_] if hasattr(item, "tree_") else []
    return found


def _pickle(path: Path, *, trust: bool) -> object:
    if not trust:
        raise InputError(
            f"{path} is a pickle, and reading a pickle runs whatever code its author put there. "
            "If you made it yourself, pass --trust (trust=True); better, save scikit-learn models "
            "with skops.io.dump and boosters with save_model."
        )
    joblib = _library("joblib", "A pickled model", "sklearn")
    try:
        return joblib.load(path)
    except Exception as error:  # unpickling can raise anything
        raise _broken(path, "a whole pickle or joblib file", _first_line(error)) from error


def _library(name: str, user: str, extra: str | None = None) -> ModuleType | Any:  # noqa: ANN401  libraries without types
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise MissingDependencyError.of(user, package, extra or package) from error


def _broken(path: Path, needed: str, got: str) -> InputError:
    size = path.stat().st_size
    return InputError(
        f"{path} ({size:,} bytes) cannot be read. Needed: {needed}. Found: {got}. The file may be "
        "truncated; save the model again, or copy it again in binary mode."
    )


def _first_line(error: BaseException) -> str:
    """Return the first line of an error that says anything, without a stack trace in it."""
    stamp = re.compile(r"^\[[\d:]+\]\s*\S+:\d+:\s*")
    lines = [stamp.sub("", line).strip() for line in str(error).splitlines()]
    return next((line[:200] for line in lines if line), type(error).__name__)
