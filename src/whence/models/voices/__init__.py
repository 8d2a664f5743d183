"""How the models of each library are asked.

A voice is a callable from a `Table`, `Images`, `Texts` or `Series` to what the model answers. No
library is imported here: its objects are known by the names of their classes.
"""

from collections.abc import Callable
from typing import Any

from whence.models.predict import Predict
from whence.models.voices.estimator import estimator, is_estimator
from whence.models.voices.function import function
from whence.models.voices.keras_model import is_keras, keras_model
from whence.models.voices.onnx_session import is_session, onnx_session
from whence.models.voices.served import is_endpoint, served
from whence.models.voices.torch_module import is_module, torch_module

_VOICES: tuple[tuple[Callable[[object], bool], Callable[[Any], Predict]], ...] = (
    (is_endpoint, served),
    (is_keras, keras_model),  # before torch: on its backend, a Keras model is a module, too
    (is_module, torch_module),
    (is_session, onnx_session),
    (is_estimator, estimator),
    (callable, function),
)


def voice_of(model: object) -> Predict | None:
    """Return the view of a model; None if it is nothing that can be asked."""
    if isinstance(model, type):
        return None
    return next((view(model) for is_one, view in _VOICES if is_one(model)), None)
