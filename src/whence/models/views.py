"""Which view a method needs, built from the user's model."""

from typing import Protocol, Self, cast

from whence.core.errors import UnsupportedModelError
from whence.core.method import View
from whence.models.additive import Additive, additive_of
from whence.models.linear import Linear
from whence.models.predict import Predict, read_predict
from whence.models.trees import Trees


class Readable(View, Protocol):
    """A view that is built of a model by itself."""

    @classmethod
    def of(cls, model: object) -> Self:
        """Return the view of a model, or raise `UnsupportedModelError`."""
        ...


def view_of(model: object, needs: type) -> View:
    """Return the view ``needs`` of ``model``, which may be that view already.

    Raises
    ------
    UnsupportedModelError
        If the model does not offer it.
    """
    if isinstance(model, needs):
        return cast("View", model)
    if needs is Trees:
        from whence.models.parse import read_trees

        return read_trees(model)
    if needs is Linear:
        from whence.models.parse.linear import read_linear

        return read_linear(model)
    if needs is Predict:
        return read_predict(model)
    if needs is Additive:
        return _additive(model)
    return cast("type[Readable]", needs).of(model)  # a view of a higher layer reads models itself


def _additive(model: object) -> Additive:
    from whence.models.parse import ebm
    from whence.models.parse.linear import read_linear

    if ebm.is_ebm(model):
        return ebm.read_ebm(model)
    try:
        return additive_of(read_linear(model))
    except UnsupportedModelError as error:
        raise UnsupportedModelError(
            f"{type(model).__name__} is not known as a sum of terms. Supported are "
            f"{ebm.SUPPORTED}, and linear models. {error}"
        ) from error
