"""How the models of each library are asked.

A voice is a callable from a `Table`, `Images`, `Texts` or `Series` to what the model answers. No
library is imported here: its objects are known by the names of their classes.
"""

from whence.models.predict import Predict
from whence.models.voices.estimator import estimator, method_of
from whence.models.voices.function import function
from whence.models.voices.keras_model import is_keras, keras_model
from whence.models.voices.onnx_session import is_session, onnx_session
from whence.models.voices.torch_module import is_module, torch_module


def voice_of(model: object) -> Predict | None:
    """Return the view of a model; None if it is nothing that can be asked."""
    if isinstance(model, type):
        return None
    if is_keras(model):  # before torch, since on its backend a Keras model is a module, too
        return keras_model(model)
    if is_module(model):
        return torch_module(model)
    if is_session(model):
        return onnx_session(model)
    if (method := method_of(model)) is not None:
        return estimator(model, method)
    return function(model) if callable(model) else None
