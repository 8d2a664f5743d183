"""The driver on rows of any kind: what it refuses, what it returns and records."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import whence as wh

IMAGES = np.random.default_rng(0).random((3, 8, 8, 3))
TEXTS = ["a fine film", "a dull film , and long"]
GRID = wh.ImageMasker(segments=4, divide="grid", hide=0.0)


def bright(X: np.ndarray) -> np.ndarray:
    return X[:, :4, :4].mean(axis=(1, 2, 3)) * X[:, 4:, 4:].mean(axis=(1, 2, 3))


def kind_words(X: Any) -> np.ndarray:  # noqa: ANN401  texts in any form
    return np.array([text.split().count("fine") - text.split().count("dull") for text in X], float)


@pytest.mark.parametrize(
    ("X", "says"),
    [
        (IMAGES[0].astype(np.float32)[..., 0].astype(np.uint8)[None], "bytes"),
        (np.zeros((2, 4, 4, 3, 1)), "two dimensions"),
        ("a fine film", r"Write \[text\]"),
        (["a fine film", ""], "Text 1 of X is empty"),
        (["a fine film", "  "], "Text 1 of X is empty"),
        (["a fine film", None], "of type NoneType"),
        (np.full((1, 4, 4, 3), np.nan), "holds nan"),
        (np.full((1, 4, 4), "a"), "dtype"),
        (np.zeros((0, 4, 4, 3)), "shape"),
    ],
)
def test_rows_of_no_use_are_refused(X: object, says: str) -> None:
    with pytest.raises(wh.InputError, match=says):
        wh.explain(lambda X: np.zeros(len(X)), X, wh.KernelShap(masker=GRID))


def test_an_ensemble_of_trees_explains_no_images() -> None:
    from sklearn.tree import DecisionTreeRegressor

    model = DecisionTreeRegressor().fit([[0.0], [1.0]], [0.0, 1.0])

    with pytest.raises(wh.InputError, match=r"images.*reads tables"):
        wh.explain(model, IMAGES, wh.TreeShap())


def test_channels_come_first_where_the_model_wants_them() -> None:
    last = wh.explain(bright, IMAGES, wh.ExactShap(masker=GRID))
    first = wh.explain(
        lambda X: bright(np.moveaxis(X, 1, -1)),
        np.moveaxis(IMAGES, -1, 1),
        wh.ExactShap(masker=GRID),
    )

    assert_allclose(first.values, last.values, atol=1e-12)
    assert_array_equal(first.data.pixels, last.data.pixels)  # type: ignore[union-attr]  # images


def test_gray_images_without_an_axis_of_channels_do() -> None:
    gray = IMAGES[..., 0]
    e = wh.explain(
        lambda X: X[:, :4, :4].sum(axis=(1, 2)), wh.images_of(gray, channels="none"),
        wh.ExactShap(masker=GRID),
    )  # fmt: skip

    assert_allclose(
        e.values[:, :, 0], np.stack([gray[:, :4, :4].sum(axis=(1, 2)), *[[0] * 3] * 3], 1)
    )


def test_tensors_are_explained_by_tensors() -> None:
    asked: list[type] = []

    def model(X: torch.Tensor) -> torch.Tensor:
        asked.append(type(X))
        return X.mean(dim=(1, 2, 3))

    e = wh.explain(model, torch.tensor(IMAGES), wh.ExactShap(masker=GRID))

    assert set(asked) == {torch.Tensor}
    assert_allclose(e.residual, 0, atol=1e-12)


@pytest.mark.parametrize(
    "form", [list, tuple, np.array, lambda t: np.array(t, dtype=object), pd.Series, pl.Series]
)
def test_texts_in_any_form_are_asked_in_that_form(form: Callable[[list[str]], Any]) -> None:
    e = wh.explain(kind_words, form(TEXTS), wh.ExactShap())

    assert_allclose(e.values[0, :3, 0], [0, 1, 0])
    assert e.data.parts(0) == ("a", "fine", "film")  # type: ignore[union-attr]  # texts


def test_one_text_prints_with_its_words_and_leaves_out_the_others_parts() -> None:
    e = wh.explain(kind_words, TEXTS, wh.ExactShap())

    assert "fine" in repr(e[0])
    frame = e.to_frame()
    assert list(frame["feature"][frame["row"] == "0"]) == ["a", "fine", "film"]
    assert len(frame) == e.mask.sum()  # type: ignore[union-attr]  # texts are ragged


def test_a_model_that_hangs_is_given_up() -> None:
    started = time.perf_counter()

    with pytest.raises(wh.InputError, match=r"did not answer within 0\.2 s.*timeout="):
        wh.explain(lambda _: time.sleep(5), IMAGES, wh.KernelShap(), timeout=0.2)

    assert time.perf_counter() - started < 2


def test_a_timeout_is_for_models_that_are_asked() -> None:
    from sklearn.tree import DecisionTreeRegressor

    model = DecisionTreeRegressor().fit([[0.0], [1.0]], [0.0, 1.0])

    with pytest.raises(wh.InputError, match=r"timeout is 1\.0"):
        wh.explain(model, [[0.0]], wh.TreeShap(), timeout=1.0)


@pytest.mark.parametrize("stop_at", [2, 5, 7])
def test_an_interrupt_returns_the_rows_that_are_done(stop_at: int) -> None:
    X = np.random.default_rng(0).normal(size=(40, 3))
    calls = []

    def model(Z: np.ndarray) -> np.ndarray:
        calls.append(len(Z))
        time.sleep(0.01)
        if len(calls) > stop_at:
            raise KeyboardInterrupt
        return np.asarray(Z.prod(axis=1))

    if stop_at == 2:
        with pytest.raises(KeyboardInterrupt):
            wh.explain(model, X, wh.ExactShap(background=X[:4]))
        return
    e = wh.explain(model, X, wh.ExactShap(background=X[:4]))

    assert 0 < len(e) < 40
    assert len(e.data) == len(e)  # type: ignore[arg-type]  # a table
    assert e.provenance.warnings == (f"Interrupted: {len(e)} of 40 rows are explained.",)
    assert_array_equal(
        e.values,
        wh.explain(lambda Z: Z.prod(axis=1), X[: len(e)], wh.ExactShap(background=X[:4])).values,
    )


def test_what_did_not_converge_is_said() -> None:
    X = np.random.default_rng(0).normal(size=(7, 20))

    def wild(Z: np.ndarray) -> np.ndarray:
        return np.sin(40 * Z.sum(axis=1))

    e = wh.explain(wild, X[1:], wh.KernelShap(background=X[:1], budget=100), rng=0)

    assert e.converged is not None
    assert not e.converged.any()
    assert "6 of 6 rows" in e.provenance.warnings[0]
    assert "budget" in e.provenance.warnings[0]


@pytest.mark.parametrize("method", [wh.KernelShap, wh.PermutationShap, wh.Lime])
def test_a_budget_too_small_for_anything_is_refused_before_the_work(method: type) -> None:
    X, calls = np.random.default_rng(0).normal(size=(2, 30)), []

    def model(Z: np.ndarray) -> np.ndarray:
        calls.append(len(Z))
        return np.asarray(Z.sum(axis=1))

    with pytest.raises(wh.InputError, match=r"budget is 3.*30 players"):
        wh.explain(model, X, method(background=X, budget=3))
    assert sum(calls) < 10


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"budget": 0}, "budget is 0"),
        ({"budget": 2.5}, "budget is 2.5"),
        ({"tolerance": -1}, "tolerance is -1"),
        ({"masker": wh.Marginal}, "A masker such as"),
        ({"masker": "blur"}, "A masker such as"),
        ({"masker": GRID, "background": IMAGES}, "both given"),
        ({}, "No background was given"),
    ],
)
@pytest.mark.parametrize("method", [wh.KernelShap, wh.PermutationShap, wh.Lime])
def test_settings_of_no_use_are_refused(method: type, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(wh.InputError, match=says):
        wh.explain(lambda X: X[:, 0], np.eye(3), method(**settings))


def test_the_record_names_masker_and_background() -> None:
    X = np.random.default_rng(0).normal(size=(6, 3))
    p = wh.explain(lambda Z: Z[:, 0], X, wh.KernelShap(masker=wh.Marginal(X))).provenance

    assert p.settings["masker"]["type"] == "Marginal"  # type: ignore[call-overload, index]  # a record of settings
    assert p.settings["masker"]["background"] == p.background_digest == p.data_digest  # type: ignore[call-overload, index]


@pytest.mark.parametrize("form", [np.array, torch.tensor])
def test_a_model_that_writes_into_what_it_is_asked_changes_nothing(
    form: Callable[[list[list[float]]], Any],
) -> None:
    X = form([[5.0, 6.0, 7.0]] * 2)

    def writes(A: Any) -> Any:  # noqa: ANN401  an array or tensor
        A[:, 0] = 0
        return A.sum(1)

    e = wh.explain(writes, X, wh.ExactShap(background=np.ones((2, 3))))

    assert float(X[0, 0]) == 5.0
    assert_allclose(e.values[0, :, 0], [0, 5, 6], atol=1e-12)


def test_an_explanation_is_its_rows_one_after_the_other() -> None:
    e = wh.explain(kind_words, TEXTS, wh.ExactShap())

    assert [len(row) for row in e] == [1, 1]
    assert_array_equal([row.outputs[0, 0] for row in e], e.outputs[:, 0])


@pytest.mark.parametrize("timeout", [0, -1, "a", True])
def test_a_timeout_of_no_use_is_refused_by_its_name(timeout: Any) -> None:  # noqa: ANN401  anything
    with pytest.raises(wh.InputError, match=r"timeout is .*seconds"):
        wh.explain(kind_words, TEXTS, wh.ExactShap(), timeout=timeout)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(wh.InputError, match="is a folder"):
        wh.explain(kind_words, TEXTS, wh.ExactShap()).save(tmp_path)


def test_what_is_exact_is_stable() -> None:
    Z = np.random.default_rng(0).normal(size=(8, 5))
    runs = [
        wh.explain(lambda A: np.tanh(A[:, 0]) * A[:, 1] + A[:, 2], 2 * Z[:3],
                   wh.KernelShap(background=Z), rng=seed)
        for seed in range(3)
    ]  # fmt: skip

    assert_allclose(wh.stability(runs).value, 100)
