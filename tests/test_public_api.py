"""The front door is light, complete and honest."""

import statistics
import subprocess
import sys
import time
from dataclasses import fields, is_dataclass
from importlib import import_module
from inspect import Parameter, isfunction, signature

import pytest

import whence

HEAVY = (
    "catboost", "dash", "jinja2", "lightgbm", "matplotlib", "pandas", "polars", "pyarrow", "scipy",
    "sklearn", "skops", "torch", "typer", "xgboost",
)  # fmt: skip
NAMES = sorted(dir(whence))


def python(code: str) -> str:
    """Run code in a new interpreter that finds the library as this one does."""
    path = f"import sys; sys.path[:0] = {sys.path!r}; "
    done = subprocess.run(
        [sys.executable, "-c", path + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_opens_and_says_what_it_is(name: str) -> None:
    assert getattr(whence, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="expalin"):
        whence.expalin  # noqa: B018  the access is what is tested


def test_the_names_that_type_checkers_see_are_the_names_that_open() -> None:
    source = import_module("pathlib").Path(whence.__file__).read_text(encoding="utf-8")

    for name in NAMES:
        assert f" {name} as {name}" in source


@pytest.mark.parametrize("code", ["import whence", "import whence; dir(whence)"])
def test_importing_the_library_imports_nothing_heavy(code: str) -> None:
    found = python(f"{code}; print(sorted(set({HEAVY!r}) & set(sys.modules)))")

    assert found == "[]"


def test_opening_the_verbs_and_methods_imports_nothing_heavy() -> None:
    opened = "whence.explain, whence.bind, whence.TreeShap, whence.TreeInteractions, whence.load"

    found = python(f"import whence; {opened}; print(sorted(set({HEAVY!r}) & set(sys.modules)))")

    assert found == "[]"


def test_importing_the_library_takes_less_than_three_tenths_of_a_second() -> None:
    def seconds(code: str) -> float:
        started = time.perf_counter()
        python(code)
        return time.perf_counter() - started

    with_whence = statistics.median(seconds("import whence") for _ in range(5))
    bare = statistics.median(seconds("pass") for _ in range(5))

    assert with_whence - bare < 0.3


@pytest.mark.parametrize("name", NAMES)
def test_public_functions_take_no_open_ended_arguments(name: str) -> None:
    thing = getattr(whence, name)
    if not isfunction(thing):
        pytest.skip("not a function")

    for parameter in signature(thing).parameters.values():
        assert parameter.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)


@pytest.mark.parametrize("name", ["TreeShap", "TreeBanzhaf", "TreeInteractions"])
def test_a_method_is_frozen_settings_with_references(name: str) -> None:
    method = getattr(whence, name)

    assert is_dataclass(method)
    assert method.__dataclass_params__.frozen
    assert all(field.kw_only for field in fields(method))
    assert method.references
    assert all(hasattr(method(), field.name) for field in fields(method))
