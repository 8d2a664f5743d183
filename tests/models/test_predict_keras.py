"""Keras models are asked silently, in evaluation mode, whichever backend they run on."""

import os
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("KERAS_BACKEND", "torch")  # read when keras is imported

import keras
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from whence.core.errors import InputError
from whence.core.inputs import Inputs, inputs_of, series_of
from whence.core.table import table_of
from whence.models.predict import read_predict

pytestmark = pytest.mark.filterwarnings(  # torch's tensors, when Keras makes arrays of them
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [layers.Input((3,)), layers.Dense(4, "relu"), layers.Dropout(0.5), layers.Dense(2)]
    )


def asked(model: object, rows: object) -> np.ndarray:
    inputs: Inputs = inputs_of(rows)
    return read_predict(model).ask(inputs)


def said(model: keras.Model, rows: np.ndarray) -> np.ndarray:
    return np.asarray(model(rows, training=False).detach())


@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, torch.tensor, np.float32])
def test_tables_are_asked_about_in_evaluation_mode(
    model: keras.Model, form: type, capfd: pytest.CaptureFixture[str]
) -> None:
    view, rows = read_predict(model), form(X)

    assert_allclose(view.ask(inputs_of(rows)), said(model, X), rtol=1e-6)
    assert (view.library, view.name) == ("keras", f"The model (Sequential {model.name!r})")
    assert capfd.readouterr() == ("", "")


def test_many_threads_may_ask(model: keras.Model) -> None:
    view, table = read_predict(model), table_of(X)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(view.ask, [table] * 40))
    for answer in answers:
        assert_allclose(answer, said(model, X), rtol=1e-6)


def test_images_and_series_are_asked_about_in_their_own_form() -> None:
    layers = keras.layers
    look = keras.Sequential([layers.Input((6, 6, 3)), layers.Conv2D(2, 3), layers.Flatten()])
    hear = keras.Sequential([layers.Input((9, 2)), layers.Conv1D(2, 3), layers.Flatten()])
    pixels = rng.integers(0, 255, size=(4, 6, 6, 3), dtype=np.uint8)
    values = rng.normal(size=(4, 9, 2))

    assert_allclose(asked(look, pixels), said(look, pixels), rtol=1e-5)
    assert_allclose(read_predict(hear).ask(series_of(values)), said(hear, values), rtol=1e-5)


def test_ids_reach_an_embedding() -> None:
    layers = keras.layers
    read = keras.Sequential([layers.Input((5,)), layers.Embedding(9, 2), layers.Flatten()])
    ids = rng.integers(0, 9, size=(4, 5))

    assert_array_equal(asked(read, ids), said(read, ids))


def test_what_a_model_cannot_read_is_refused(model: keras.Model) -> None:
    with pytest.raises(InputError, match=r"Column 'job' holds categories and The model \(Sequ"):
        asked(model, pd.DataFrame({"job": ["clerk", "smith"]}))
    with pytest.raises(InputError, match=r"Sequential .* raised \w+ when asked about 20 rows"):
        asked(model, X[:, :2])
