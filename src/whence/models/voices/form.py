"""The object that a model is asked with."""

from whence.core.inputs import Images, Inputs, Series, Texts
from whence.core.table import Table
from whence.models.parse.sklearn_columns import rebuilt


def own_form(inputs: Inputs) -> object:
    """Return the rows as the user gave them, or as an array, list or frame that says the same.

    Raises
    ------
    MissingDependencyError
        If a data frame has to be made and pandas is not installed.

    Examples
    --------
    >>> own_form(Texts(strings=("a", "b")))
    ['a', 'b']
    """
    if inputs.native is not None:
        return inputs.native
    if isinstance(inputs, Texts):
        return list(inputs.strings)
    if isinstance(inputs, Images):
        return inputs.like(inputs.pixels).native
    if isinstance(inputs, Series):
        return inputs.like(inputs.values).native
    if isinstance(inputs, Table):
        return rebuilt(inputs)
    raise TypeError(f"Rows of type {type(inputs).__name__} have no form of the user's own.")
