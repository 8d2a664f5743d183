"""A Keras 3 model on the torch backend is a torch module, and gets every method."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # read when keras is imported

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import whence as wh
from reference.deep_methods import network_methods

keras = pytest.importorskip("keras", reason="keras is not installed")
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # Keras
if keras.backend.backend() != "torch":
    pytest.skip("keras runs on another backend", allow_module_level=True)

RNG = np.random.default_rng(0)
IMAGES = RNG.random((6, 8, 8, 3), dtype=np.float32)
IDS = RNG.integers(0, 20, (5, 7))
ALWAYS = ("Saliency", "IntegratedGradients", "GradCam", "DeepLift", "DeepShap", "Lrp")


def looking() -> keras.Model:
    """Return a network of images: functional, with parts that differ in training."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    start = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="maps")(start)
    x = layers.Dropout(0.5)(layers.BatchNormalization()(x))
    return keras.Model(start, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


class Reading(keras.Model):
    """A recurrent network of ids, written as a class."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = keras.layers.Embedding(20, 4)
        self.recall = keras.layers.LSTM(5)
        self.say = keras.layers.Dense(2)

    def call(self, ids: torch.Tensor) -> torch.Tensor:
        return self.say(self.recall(self.embed(ids)))


def stacked() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential([layers.Embedding(20, 4), layers.GRU(5), layers.Dense(2)])


@pytest.mark.parametrize("make", [looking, Reading], ids=["images", "ids"])
def test_every_method_explains_it_or_says_why_not_and_training_goes_on_as_before(
    make: type,
) -> None:
    model, X = make(), IMAGES if make is looking else IDS
    model(X[:1])
    model.compile(optimizer="adam", loss="mse")
    y = np.zeros((len(X), 3 if make is looking else 2))
    said = model.predict(X, verbose=0)
    learns = [p.requires_grad for p in model.parameters()]

    for name, method in network_methods(X).items():
        try:
            e = wh.explain(model, X[:3], method, rng=0)
        except wh.WhenceError as error:
            assert name not in ALWAYS, error  # noqa: PT017  either way is right
        else:
            assert len(e) == 3, name

    assert_array_equal(model.predict(X, verbose=0), said)
    assert [p.requires_grad for p in model.parameters()] == learns
    assert all(p.grad is None for p in model.parameters())
    model.fit(X, y, epochs=2, verbose=0)
    assert not np.array_equal(model.predict(X, verbose=0), said)


def test_slopes_are_those_of_autograd() -> None:
    model = looking()
    X = torch.from_numpy(IMAGES).requires_grad_()
    best = model(X).max(dim=1).values
    slopes = torch.autograd.grad(best.sum(), X)[0]

    e = wh.explain(model, IMAGES, wh.Saliency(absolute=False))

    assert_allclose(e.outputs[:, 0], best.detach(), rtol=1e-5)
    assert_allclose(e.values[..., 0], slopes.sum(3), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("make", [Reading, stacked], ids=["class", "sequential"])
def test_ids_are_embedded_and_values_add_up(make: type) -> None:
    model = make()
    zero = keras.ops.zeros
    model(IDS)
    embed, *rest = model.layers
    at_nothing = zero((1, 7, 4))
    for layer in rest:
        at_nothing = layer(at_nothing)

    e = wh.explain(model, IDS, wh.IntegratedGradients(target=0, baseline="zero", tolerance=1e-4))

    assert isinstance(embed, keras.layers.Embedding)
    assert_allclose(e.base_values[0, 0], at_nothing[0, 0].item(), rtol=1e-4, atol=1e-6)
    assert_allclose(e.residual, 0, atol=1e-4)
    assert (e.values[..., 0] != 0).all()


def test_layers_of_keras_have_their_names() -> None:
    model = looking()

    maps = wh.explain(model, IMAGES, wh.Saliency(layer="maps", absolute=False, target=1))

    assert maps.values.shape == (6, 6, 6, 4, 1)
    with pytest.raises(wh.InputError, match="Near to it are 'maps'"):
        wh.explain(model, IMAGES, wh.Saliency(layer="map"))


def test_ids_as_floats_are_refused_rather_than_explained_by_zeros() -> None:
    model = stacked()
    model(IDS)

    with pytest.raises(wh.InputError, match="Give ids as whole numbers"):
        wh.explain(model, IDS.astype(np.float32), wh.Saliency(target=0))
