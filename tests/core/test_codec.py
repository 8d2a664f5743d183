"""Explanations survive the way to a file and back, and hostile files do no harm."""

import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from whence.core.codec import load
from whence.core.effect import Curve, Effect
from whence.core.errors import InputError
from whence.core.examples import Examples
from whence.core.explanation import Attribution, Explanation, Interaction, Names
from whence.core.provenance import Provenance
from whence.core.rules import Predicate, Rules
from whence.core.table import table_of

rng = np.random.default_rng(0)
COMMON: dict[str, Any] = {
    "names": Names(features=("a", "b"), outputs=("y",), rows=("r0", "r1")),
    "data": table_of(np.array([["x", 1.0], [None, np.nan]], dtype=object)).detached(),
    "provenance": Provenance(
        method="TreeShap", settings={"background": None, "nested": (1, {"a": 2.5})},
        warnings=("mind",), seconds=float("inf"),
    ),
}  # fmt: skip
EVERY_KIND = [
    Attribution(
        values=rng.normal(size=(2, 2, 1)), base_values=np.zeros((2, 1)), outputs=np.ones((2, 1)),
        stderr=np.full((2, 2, 1), np.nan), **COMMON,
    ),
    Interaction(
        sets=np.array([[0, 1]], dtype=np.int32), values=rng.normal(size=(2, 1, 1)),
        base_values=np.zeros((2, 1)), outputs=np.ones((2, 1)), index="SII", **COMMON,
    ),
    Effect(
        curves=(
            Curve(
                features=("a", "b"), grid=(np.array([0.0, 1.0]), np.array([-1.0, 2.0])),
                levels=(("x", "y"), None), values=np.zeros((2, 2, 1)),
                individual=np.zeros((2, 2, 2, 1)),
            ),
            Curve(
                features=("b",), grid=(np.array([0.0, np.nan]),), levels=(None,),
                values=np.ones((2, 1)), low=np.zeros((2, 1)), where="a = x",
                members=np.array([1]), individual=np.ones((1, 2, 1)),
            ),
        ), kind="pdp", **COMMON,
    ),
    Rules(
        predicates=(
            (Predicate(feature="a", levels=("x", True)), Predicate(feature="b", low=1.0)), (),
        ),
        outputs=np.zeros((2, 1)), precision=np.ones(2), precision_low=np.zeros(2),
        coverage=np.ones(2), coverage_low=np.zeros(2), coverage_high=np.ones(2),
        covered=np.array([3, 4]), status=("certified", "budget"), **COMMON,
    ),
    Examples(
        candidates=np.zeros((2, 1, 2)), outputs=np.zeros((2, 1, 1)), distance=np.ones((2, 1)),
        valid=np.array([[True], [False]]), kind="counterfactual", levels=(("x", "z"), None),
        status=("found", "none found"), notes=("", "a is immutable"), **COMMON,
    ),
]  # fmt: skip


def assert_same(a: object, b: object) -> None:
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert_array_equal(a, b)  # type: ignore[arg-type]  # of one type
    elif is_dataclass(a):
        for f in fields(a):
            assert_same(getattr(a, f.name), getattr(b, f.name))
    elif isinstance(a, tuple):
        for x, y in zip(a, b, strict=True):  # type: ignore[call-overload]  # of one type
            assert_same(x, y)
    else:
        assert a == b


@pytest.mark.parametrize("e", EVERY_KIND, ids=lambda e: type(e).__name__)
def test_every_kind_comes_back_as_it_was(e: Explanation, tmp_path: Path) -> None:
    assert_same(load(e.save(tmp_path / "e.whence")), e)


@pytest.mark.parametrize("e", EVERY_KIND, ids=lambda e: type(e).__name__)
def test_every_kind_can_be_pickled_cut_framed_and_shown(e: Explanation) -> None:
    assert_same(pickle.loads(pickle.dumps(e)), e)  # noqa: S301  made here
    assert len(e[1:]) == 1
    assert e[0].names.rows == ("r0",)
    assert len(e.to_frame()) > 0
    assert type(e).__name__ in repr(e)
    assert "<div>" in e._repr_html_()


def test_equal_explanations_give_equal_files(tmp_path: Path) -> None:
    one, two = (EVERY_KIND[0].save(tmp_path / name).read_bytes() for name in "ab")

    assert one == two


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = EVERY_KIND[0].save(tmp_path / "e.whence")
    before = path.read_bytes()
    curve = Curve(
        features=("a",), grid=(np.array([object()]),), levels=(None,), values=np.zeros((1, 1))
    )
    bad = Effect(curves=(curve,), kind="pdp")

    with pytest.raises(InputError, match="dtype object"):
        bad.save(path)

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = EVERY_KIND[0].save(tmp_path / "e.whence").read_bytes()
    for size in range(0, len(whole), 97):
        (tmp_path / "cut").write_bytes(whole[:size])
        with pytest.raises(InputError, match="not a whole explanation file"):
            load(tmp_path / "cut")


Change = Callable[[Any, dict[str, bytes]], None]


def rewritten(tmp_path: Path, change: Change) -> Path:
    """Return a copy of a good file whose header or arrays ``change`` has altered."""
    good = EVERY_KIND[0].save(tmp_path / "good.whence")
    with zipfile.ZipFile(good) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(entries["explanation.json"])
    change(header, entries)
    entries["explanation.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(tmp_path / "bad.whence", "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return tmp_path / "bad.whence"


def damage(entries: dict[str, bytes], old: bytes, new: bytes) -> None:
    """Change the header of the array of values."""
    name = next(name for name, content in entries.items() if b"(2, 2, 1)" in content)
    assert old in entries[name]
    entries[name] = entries[name].replace(old, new)


@pytest.mark.parametrize(
    "change",
    [
        lambda header, _: header.update(version=99),
        lambda header, _: header.update(format="other"),
        lambda header, _: header["explanation"].update(type="object"),
        lambda header, _: header["explanation"].update(type="Names", fields={}),
        lambda header, _: header["explanation"]["fields"].update(values={"array": 77}),
        lambda header, _: header["explanation"]["fields"].update(unknown=1),
        lambda _, entries: entries.update({"arrays/0.npy": b"\x93NUMPY\x01\x00"}),
        lambda _, entries: damage(entries, b"(2, 2, 1)", b"(2, 2, 9)"),
        lambda _, entries: damage(entries, b"(2, 2, 1), ", b"(2**40, ), "),
        lambda _, entries: damage(entries, b"(2, 2, 1), }", b"(9999999,), }"),
        lambda _, entries: damage(entries, b"'<f8'", b"'|O8'"),
    ],
)
def test_a_damaged_or_hostile_file_is_refused(tmp_path: Path, change: Change) -> None:
    with pytest.raises(InputError):
        load(rewritten(tmp_path, change))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no file .*nothing\.whence"):
        load(tmp_path / "nothing.whence")
