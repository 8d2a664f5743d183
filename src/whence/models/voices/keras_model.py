"""Models of Keras 3, whichever backend they run on."""

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from whence.core.inputs import Inputs, Texts
from whence.models.predict import Predict
from whence.models.voices.form import array_form

_PACKAGES = ("keras", "tf_keras")


def is_keras(model: object) -> bool:
    """Tell whether a model is one of Keras."""
    return any(
        cls.__name__ == "Model" and cls.__module__.partition(".")[0] in _PACKAGES
        for cls in type(model).__mro__
    )


def keras_model(model: Any) -> Predict:  # noqa: ANN401  a keras.Model, without importing keras
    """Return the view of a Keras model: array -> array of shape (rows,) or (rows, outputs)."""
    name = f"The model ({type(model).__name__} {getattr(model, 'name', '')!r})"
    return Predict(say=_Keras(model=model, name=name), name=name, library="keras")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keras:
    """Asks in evaluation mode, silently, and one thread at a time: Keras promises no more."""

    model: Any
    name: str
    lock: Any = field(default_factory=threading.Lock)

    def __call__(self, inputs: Inputs) -> object:
        if isinstance(inputs, Texts):  # read by a model that begins with its own tokenizer
            rows = np.array(inputs.strings, dtype=object)
        else:
            rows = array_form(inputs, self.name)
        with self.lock:
            return self.model.predict_on_batch(rows)
