"""What the players of an explanation are called, in general and in one row."""

from typing import TYPE_CHECKING

import numpy as np

from whence.core.inputs import Texts
from whence.core.table import Table

if TYPE_CHECKING:
    from whence.core.explanation import Attribution, Interaction


def player_names(e: "Attribution | Interaction") -> list[str]:
    """Return one name per player, flattened over the axes of the players.

    Examples
    --------
    >>> from whence.core.explanation import Attribution
    >>> player_names(Attribution(
    ...     values=np.zeros((1, 2, 1)), base_values=np.zeros((1, 1)), outputs=np.zeros((1, 1))
    ... ))
    ['part 0', 'part 1']
    """
    names = list(e.names.features)
    if isinstance(getattr(e, "sets", None), np.ndarray):
        players = max(len(names), int(e.sets.max(initial=-1)) + 1)  # type: ignore[union-attr]  # just seen
    else:
        players = int(np.prod(e.values.shape[1:-1]))
    return names if len(names) == players else [f"part {j}" for j in range(players)]


def set_names(e: "Interaction") -> list[str]:
    """Return one name per set of players; for one text, with its words."""
    names = names_in_row(e, 0) if len(e) == 1 else player_names(e)
    return [" x ".join(names[j] or f"part {j}" for j in members if j >= 0) for members in e.sets]


def names_in_row(e: "Attribution | Interaction", row: int) -> list[str]:
    """Return one name per player of a row: a text's words; empty where it has none."""
    names = player_names(e)
    if not isinstance(e.data, Texts):
        return names
    parts = list(e.data.parts(row))
    return [*parts, *[""] * (len(names) - len(parts))] if parts else names


def cells_in_row(e: "Attribution", row: int) -> list[str]:
    """Return what a row says about each player: the cell of a column, nothing of other parts."""
    names = player_names(e)
    if not isinstance(e.data, Table):
        return [""] * len(names)
    place = {name: j for j, name in enumerate(e.data.names)}
    if tuple(names) == e.data.names:  # names of arrays may differ from those of the model
        return [e.data.text(row, j) for j in range(len(names))]
    if len(names) == len(e.data.names) and not e.data.named:
        return [e.data.text(row, j) for j in range(len(names))]
    return [e.data.text(row, place[name]) if name in place else "" for name in names]
