"""The user's own function, asked with the user's own object."""

from collections.abc import Callable
from dataclasses import dataclass

from whence.core.inputs import Inputs
from whence.models.predict import Predict
from whence.models.voices.form import own_form


def function(model: Callable[..., object]) -> Predict:
    """Return the view of a callable: rows -> (rows,) or (rows, outputs).

    One that has ``outputs``, a tuple of names, such as the view of a network, names its outputs.
    """
    called = getattr(model, "__name__", type(model).__name__)
    known = getattr(model, "outputs", ())
    names = known if isinstance(known, tuple) and all(isinstance(n, str) for n in known) else ()
    return Predict(say=_Function(call=model), name=f"The model ({called})", outputs=names)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Function:
    call: Callable[..., object]

    def __call__(self, inputs: Inputs) -> object:
        return self.call(own_form(inputs))
