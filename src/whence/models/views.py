"""Which view a method needs, built from the user's model."""

from whence.core.errors import UnsupportedModelError
from whence.core.method import View
from whence.models.trees import Trees


def view_of(model: object, needs: type) -> View:
    """Return the view ``needs`` of ``model``.

    Raises
    ------
    UnsupportedModelError
        If the model does not offer it.
    """
    if needs is Trees:
        from whence.models.parse import read_trees

        return model if isinstance(model, Trees) else read_trees(model)
    raise UnsupportedModelError(f"No view of type {needs.__name__} can be built of any model.")
