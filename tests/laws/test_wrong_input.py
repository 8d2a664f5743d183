"""Wrong input raises `InputError` before any work, and the message names what is wrong."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import whence as wh
from laws.cases import MODELS, NAMES, ONE_PER_METHOD, ONE_PER_MODEL, Case

FRAME = [case for case in ONE_PER_MODEL if case.model_name != "extra_trees_array"]


def with_cell(X: pd.DataFrame, value: object) -> pd.DataFrame:
    out = X.astype(object)
    out.iloc[2, 1] = value
    return out


FRAMES: dict[str, tuple[Callable[[pd.DataFrame], Any], str]] = {
    "a missing column": (lambda X: X.drop(columns="b"), r"\bb\b"),
    "an extra column": (lambda X: X.assign(surplus=1.0), "'surplus'"),
    "a renamed column": (lambda X: X.rename(columns={"unused": "unusedd"}), "'unusedd'"),
    "another order": (lambda X: X[list(NAMES[::-1])], "order"),
    "a doubled column": (lambda X: X[[*NAMES, "a"]], "'a'"),
    "text among numbers": (lambda X: with_cell(X, "high"), r"\bb\b"),
    "a column of text": (lambda X: X.assign(b="high"), r"\bb\b"),
    "infinity": (lambda X: X.assign(c=np.inf), "'c'"),
    "minus infinity in one cell": (lambda X: with_cell(X, -np.inf), r"\bb\b"),
    "complex numbers": (lambda X: X.assign(a=1j), r"\ba\b|complex"),
    "no rows": (lambda X: X.iloc[:0], "rows"),
    "no columns": (lambda X: X[[]], "column"),
}


@pytest.mark.parametrize("what", FRAMES)
@pytest.mark.parametrize("case", FRAME, ids=str)
def test_a_wrong_frame_is_named(case: Case, what: str) -> None:
    spoil, telling = FRAMES[what]

    with pytest.raises(wh.InputError, match=telling):
        case.explain(spoil(case.fitted.X))


@pytest.mark.parametrize("what", FRAMES)
@pytest.mark.parametrize("method", [wh.TreeShap, wh.TreeBanzhaf, wh.TreeInteractions])
def test_a_wrong_background_is_named(method: Any, what: str) -> None:  # noqa: ANN401  any method
    spoil, telling = FRAMES[what]
    fitted = MODELS["lightgbm_regressor"]()

    with pytest.raises(wh.InputError, match=telling) as raised:
        wh.explain(fitted.model, fitted.X, method(background=spoil(fitted.background)))

    assert "background" in str(raised.value)


ARRAYS: dict[str, tuple[Any, str]] = {
    "one dimension": (np.zeros(5), r"1-D|1 dimension|\(5,\)"),
    "three dimensions": (np.zeros((2, 5, 1)), r"two dimensions.*|\(2, 5, 1\)"),
    "too narrow": (np.zeros((3, 4)), "4 columns"),
    "too wide": (np.zeros((3, 6)), "6 columns"),
    "no rows": (np.zeros((0, 5)), "rows"),
    "infinity": (np.full((3, 5), np.inf), "inf"),
    "text": (np.full((3, 5), "high"), "high|text|string|str"),
    "complex numbers": (np.zeros((3, 5), dtype=complex), "complex"),
    "a number": (3.0, "float|3.0"),
    "nothing": (None, "None"),
    "a word": ("table.csv", "str|table.csv"),
}


@pytest.mark.parametrize("what", ARRAYS)
@pytest.mark.parametrize("method", [case.method_name for case in ONE_PER_METHOD])
def test_a_wrong_array_is_described(method: str, what: str) -> None:
    X, telling = ARRAYS[what]
    fitted = MODELS["extra_trees_array"]()

    with pytest.raises(wh.InputError, match=telling):
        wh.explain(fitted.model, X, Case("extra_trees_array", method).method)


SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown output": ({"output": "logits"}, "logits"),
    "no threads": ({"n_jobs": 0}, "n_jobs is 0"),
    "half a thread": ({"n_jobs": 1.5}, "n_jobs is 1.5"),
    "a probability of a regressor": ({"output": "probability"}, "probability"),
    "a loss of a regressor": ({"output": "log_loss", "y": [0] * 8}, "log_loss"),
    "a seed that is text": ({"rng": "seed"}, "rng"),
    "a negative seed": ({"rng": -1}, "rng"),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_a_wrong_setting_of_the_call_is_named(what: str) -> None:
    wrong, telling = SETTINGS[what]

    with pytest.raises(wh.InputError, match=telling):
        Case("lightgbm_regressor", "TreeShap").explain(**wrong)


@pytest.mark.parametrize(
    ("make", "telling"),
    [
        (lambda: wh.TreeInteractions(order=1), "order is 1"),
        (lambda: wh.TreeInteractions(order=4), "order is 4"),
        (lambda: wh.TreeInteractions(index="STII"), "STII"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: wh.TreeShap, "TreeShap()"),
    ],
)
def test_a_wrong_setting_of_a_method_is_named(make: Callable[[], Any], telling: str) -> None:
    fitted = MODELS["lightgbm_regressor"]()

    with pytest.raises(wh.InputError) as raised:
        wh.explain(fitted.model, fitted.X, make())

    assert telling in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "telling"),
    [
        ({"output": "log_loss"}, "y"),
        ({"output": "log_loss", "y": [0, 1]}, "2 labels"),
        ({"output": "log_loss", "y": [7] * 8}, "7"),
        ({"output": "log_loss", "y": ["no"] * 8}, "no"),
    ],
)
def test_wrong_labels_are_named(settings: dict[str, Any], telling: str) -> None:
    with pytest.raises(wh.InputError, match=telling):
        Case("xgboost_binary", "TreeShap-background").explain(**settings)


@pytest.mark.parametrize("output", ["probability", "log_loss"])
@pytest.mark.parametrize("method", ["TreeShap", "TreeBanzhaf-background", "kSII-background"])
def test_what_a_method_cannot_explain_is_said(method: str, output: str) -> None:
    with pytest.raises(wh.InputError, match=r"TreeShap\(background="):
        Case("xgboost_binary", method).explain(output=output, y=[True] * 8)


@pytest.mark.parametrize("model", [object(), "model.json", None, lambda X: X.sum(axis=1)])
def test_a_model_without_trees_is_unsupported(model: object) -> None:
    with pytest.raises(wh.UnsupportedModelError):
        wh.explain(model, np.zeros((2, 2)), wh.TreeShap())


def test_a_linear_model_is_unsupported_and_named() -> None:
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(np.eye(2), [0.0, 1.0])

    with pytest.raises(wh.UnsupportedModelError, match="LinearRegression"):
        wh.explain(model, np.eye(2), wh.TreeShap())


def test_a_model_that_was_not_fitted_is_named() -> None:
    from sklearn.ensemble import RandomForestRegressor

    with pytest.raises(wh.WhenceError, match=r"RandomForestRegressor.*fit"):
        wh.explain(RandomForestRegressor(), np.eye(2), wh.TreeShap())


def test_a_model_that_is_trained_again_is_explained_anew() -> None:
    from sklearn.tree import DecisionTreeRegressor

    X = np.array([[0.0], [1.0]])
    model = DecisionTreeRegressor().fit(X, [10.0, 20.0])
    wh.explain(model, X)
    bound = wh.bind(model)

    model.fit(X, [30.0, 70.0])

    assert wh.explain(model, X).values[:, 0, 0].tolist() == [-20.0, 20.0]
    with pytest.raises(wh.VerificationError):
        bound.explain(X)


def test_a_background_that_is_changed_in_place_is_read_anew() -> None:
    from sklearn.tree import DecisionTreeRegressor

    X = np.array([[0.0, 1.0], [1.0, 0.0]])
    model = DecisionTreeRegressor().fit(X, [10.0, 20.0])
    Z = X[:1].copy()
    method = wh.TreeShap(background=Z)
    first = wh.explain(model, X, method).base_values[0, 0]

    Z[:] = X[1:]

    assert (first, wh.explain(model, X, method).base_values[0, 0]) == (10.0, 20.0)


def test_a_trained_frame_is_not_confused_by_whole_number_labels() -> None:
    from sklearn.tree import DecisionTreeClassifier

    X = pd.DataFrame({"a": [0.0, 1.0, 2.0]})
    model = DecisionTreeClassifier().fit(X, [3, 5, 9])

    e = wh.explain(model, X)

    assert e.names.outputs == ("3", "5", "9")
