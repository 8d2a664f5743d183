"""The object that a model is asked with."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from whence.core.errors import InputError
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


def is_tensor(X: object) -> bool:
    """Tell whether ``X`` is a tensor of torch."""
    return type(X).__module__.partition(".")[0] == "torch" and hasattr(X, "detach")


def numeric_form(inputs: Inputs, name: str) -> Any:  # noqa: ANN401  an array, or a tensor of torch
    """Return the rows as one array or tensor of numbers, for a model that reads nothing else.

    Parameters
    ----------
    inputs : Table, Images, Texts or Series
    name : str
        What messages call the model.

    Raises
    ------
    InputError
        If there are texts or categories among them.
    """
    if isinstance(inputs, Texts):
        raise InputError(
            f"X holds texts and {name} reads numbers. Explain a function of texts instead, which "
            "makes numbers of them, as its tokenizer does, and then asks the model."
        )
    if not isinstance(inputs, Table):
        return own_form(inputs)
    worded = [n for n, v in zip(inputs.names, inputs.levels, strict=True) if v is not None]
    if worded:
        raise InputError(
            f"Column {worded[0]!r} holds categories and {name} reads numbers. Encode it as in "
            "training, or explain a function of the table, which encodes it and asks the model."
        )
    native = inputs.native
    plain = isinstance(native, np.ndarray) and native.dtype.kind in "fiub"
    return native if plain else inputs.numbers


def array_form(inputs: Inputs, name: str) -> NDArray[Any]:
    """Return the rows as one array of numbers; see `numeric_form`."""
    rows = numeric_form(inputs, name)
    return np.asarray(cast("Any", rows).detach().cpu() if is_tensor(rows) else rows)
