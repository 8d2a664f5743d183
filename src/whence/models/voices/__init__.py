"""How the models of each library are asked.

A voice is a callable from a `Table`, `Images`, `Texts` or `Series` to what the model answers. No
library is imported here: its objects are known by the names of their classes.
"""

from whence.models.predict import Predict
from whence.models.voices.estimator import estimator, method_of
from whence.models.voices.function import function


def voice_of(model: object) -> Predict | None:
    """Return the view of a model; None if it is nothing that can be asked."""
    if isinstance(model, type):
        return None
    if (method := method_of(model)) is not None:
        return estimator(model, method)
    return function(model) if callable(model) else None
