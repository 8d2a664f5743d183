"""Checks of the user's table against what a model needs, before any work starts."""

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from whence.core.errors import InputError
from whence.core.inputs import Inputs
from whence.core.table import Table
from whence.core.types import Floats, Ints, Level

_SHOWN = 5


def table_alone(inputs: Inputs, model: str) -> Table:
    """Return the rows of a model that reads tables alone.

    Raises
    ------
    InputError
        If they are images, texts or series.
    """
    if isinstance(inputs, Table):
        return inputs
    shape = getattr(inputs.native, "shape", None)
    form = "" if shape is None else f" is of shape {tuple(shape)} and"
    raise InputError(
        f"X{form} holds {type(inputs).__name__.lower()}, and the model is {model}, which reads "
        "tables: two dimensions, (rows, columns). Give the table that it was trained on."
    )


def check_table(table: Table, features: tuple[str, ...], *, named: bool, what: str = "X") -> None:
    """Raise `InputError` unless ``table`` has just the columns that the model reads.

    Parameters
    ----------
    table : Table
        The user's rows.
    features : tuple of str
        The columns of the model, in its order.
    named : bool
        Whether the model knows its columns by name; otherwise only their number counts.
    what : str
        Name of the argument in messages.
    """
    if named and table.named:
        _check_names(table.names, features, what)
    elif len(table.names) != len(features):
        raise InputError(
            f"{what} has {len(table.names)} columns and the model reads {len(features)}"
            f"{': ' + shorten(features) if named else ''}. "
            "Give the columns the model was trained on, in the same order."
        )
    infinite = np.isinf(table.numbers)
    if infinite.any():
        row, column = (int(i) for i in np.argwhere(infinite)[0])
        raise InputError(
            f"{what} holds {table.numbers[row, column]} in column {table.names[column]!r}, row "
            f"{row} ({int(infinite.sum())} infinite cells in all). Finite numbers or missing "
            "values are needed. Replace infinities, for example by NaN or by a bound."
        )


def _check_names(names: tuple[str, ...], features: tuple[str, ...], what: str) -> None:
    if names == features:
        return
    missing = [name for name in features if name not in set(names)]
    extra = [name for name in names if name not in set(features)]
    if missing or extra:
        parts = []
        if missing:
            parts.append(f"lacks {shorten(missing)}{_guess(missing[0], extra)}")
        if extra:
            parts.append(f"has {shorten(extra)}, which the model does not know")
        raise InputError(
            f"{what} {' and '.join(parts)}. The model reads {len(features)} columns: "
            f"{shorten(features)}. Give just these, in this order."
        )
    place = next(i for i, (a, b) in enumerate(zip(names, features, strict=True)) if a != b)
    raise InputError(
        f"{what} has the model's columns in another order: column {place} is {names[place]!r} and "
        f"the model reads {features[place]!r} there. Reorder it, in pandas by "
        f"{what}[list(names of the model)]."
    )


def labels_of(y: object, classes: tuple[Level, ...], rows: int) -> Ints:
    """Return the position of each label of ``y`` among ``classes``.

    Raises
    ------
    InputError
        If the length differs from ``rows``, or a label is not one of the classes.
    """
    values = np.asarray(y).reshape(-1).tolist()
    if len(values) != rows:
        raise InputError(f"y has {len(values)} labels and X has {rows} rows. Give one per row.")
    if not classes:
        raise InputError(
            f"y was given, of {rows} labels, and the model says of no classes that it knows. Leave "
            "y out; of a network, name the output to explain by target=."
        )
    place = {level: i for i, level in enumerate(classes)}
    unknown = sorted({value for value in values if value not in place}, key=repr)
    if unknown:
        raise InputError(
            f"y holds {shorten(unknown)}, which the model does not know. Its classes are "
            f"{shorten(classes)}. Give the labels it was trained on, of the same type."
        )
    return np.array([place[value] for value in values], dtype=np.int64)


def targets_of(y: object, rows: int) -> Floats:
    """Return the true numbers of a regression.

    Raises
    ------
    InputError
        If the length differs from ``rows``, or one is no finite number.
    """
    values = np.asarray(y).reshape(-1)
    if len(values) != rows:
        raise InputError(f"y has {len(values)} numbers and X has {rows} rows. Give one per row.")
    if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        raise InputError(
            f"y is of dtype {values.dtype} and holds {shorten(values.tolist())}. Finite numbers "
            "are needed, the true ones that the model predicts."
        )
    return values.astype(np.float64)


def check_whole(
    name: str, value: object, *, least: int = 1, most: int | None = None, optional: bool = False
) -> None:
    """Raise `InputError` unless a setting is a whole number within bounds or, if it may be, None.

    Examples
    --------
    >>> check_whole("budget", None, optional=True)
    >>> check_whole("depth", 3, most=12)
    """
    if optional and value is None:
        return
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if whole and least <= int(value) and (most is None or int(value) <= most):  # type: ignore[call-overload]  # whole
        return
    needed = "positive whole number" if least == 1 else f"whole number of at least {least}"
    if most is not None:
        needed = f"whole number from {least} to {most}"
    or_none = ", or None" if optional else ""
    raise InputError(f"{name} is {value!r:.60}. A {needed} is needed{or_none}.")


def shorten(names: Sequence[object]) -> str:
    """List a few names as Python writes them, and how many more there are."""
    shown = len(names) if len(names) == _SHOWN + 1 else _SHOWN  # "1 more" takes as much room
    listed = ", ".join(repr(name) for name in names[:shown])
    more = len(names) - shown
    return f"{listed} and {more} more" if more > 0 else listed


def _guess(name: str, among: list[str]) -> str:
    close = get_close_matches(name, among, n=1)
    return f" (is it {close[0]!r}?)" if close else ""
