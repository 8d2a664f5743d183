"""The players of a table: its columns, or groups of columns that are known together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn, TypeAlias

import numpy as np

from whence.core.check import check_table, shorten
from whence.core.errors import InputError
from whence.core.inputs import Inputs
from whence.core.table import Table
from whence.core.types import Bools, Ints

Groups: TypeAlias = Mapping[str, Sequence[str | int]]
"""Name of a player -> its columns, by name or, where the table has no names, by number."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Players:
    """Which player each column belongs to.

    Attributes
    ----------
    names : tuple of str
        A group stands where its first column does.
    owner : int array of shape (columns,)
    """

    names: tuple[str, ...]
    owner: Ints

    def columns(self, known: Bools) -> Bools:
        """Return which columns are known, (coalitions, columns), where these players are."""
        return known if len(self.names) == len(self.owner) else known[:, self.owner]


def players_of(table: Table, groups: Groups | None) -> Players:
    """Return the players of a table's columns.

    Parameters
    ----------
    table : Table
    groups : mapping or None
        Columns that are one player each; the others stay single players.

    Raises
    ------
    InputError
        If a group is empty or names a column that does not exist, that another group has too, or
        the group itself is called as another player.

    Examples
    --------
    >>> from whence.core.table import table_of
    >>> players_of(table_of(np.zeros((1, 4))), {"place": ["x1", "x3"]}).names
    ('x0', 'place', 'x2')
    """
    group_of: dict[int, str] = {}
    for group, columns in _checked(groups).items():
        for column in columns:
            j = place_of(table, column, f"The group {group!r}")
            if j in group_of:
                raise InputError(
                    f"groups has column {table.names[j]!r} twice, in {group_of[j]!r} and "
                    f"{group!r}. A column belongs to one group. Take it out of one of them."
                )
            group_of[j] = group
    every = [group_of.get(j, name) for j, name in enumerate(table.names)]
    for j, name in enumerate(table.names):
        if j not in group_of and name in group_of.values():
            raise InputError(
                f"groups has a group called {name!r}, as a column outside of it is called. "
                "Players need names of their own. Call the group by another name."
            )
    names = tuple(dict.fromkeys(every))
    place = {name: i for i, name in enumerate(names)}
    return Players(names=names, owner=np.array([place[name] for name in every], dtype=np.int64))


def place_of(table: Table, column: str | int, where: str) -> int:
    """Return the place of a column that a setting names.

    Parameters
    ----------
    table : Table
    column : str or int
        Its name or, where the table has no names, its number.
    where : str
        What names it, for messages.

    Raises
    ------
    InputError
        If there is no such column.
    """
    if str(column) in table.names:
        return table.names.index(str(column))
    unnamed = not table.named and isinstance(column, int) and not isinstance(column, bool)
    if unnamed and 0 <= int(column) < len(table.names):
        return int(column)
    close = get_close_matches(str(column), table.names, n=1)
    guess = f" (is it {close[0]!r}?)" if close else ""
    raise InputError(
        f"{where} names column {column!r}, which the background lacks{guess}. Its columns are "
        f"{shorten(table.names)}. Name some of these."
    )


def table_only(inputs: Inputs, background: Table) -> Table:
    """Return the rows explained, after checking that they are a table such as the background.

    Raises
    ------
    InputError
        If they are images, texts or series, or have other columns.
    """
    if not isinstance(inputs, Table):
        raise InputError(
            f"X holds {type(inputs).__name__.lower()} and the background is a table. Give a table, "
            "or a masker of the kind of X."
        )
    check_table(background, inputs.names, named=inputs.named, what="background")
    return inputs


def _checked(groups: Groups | None) -> Groups:
    if groups is None:
        return {}
    if not isinstance(groups, Mapping):
        _refuse(repr(groups))
    for name, columns in groups.items():
        listed = isinstance(columns, Sequence) and not isinstance(columns, str) and len(columns)
        if not isinstance(name, str) or not listed:
            _refuse(f"{{{name!r}: {columns!r}}}")
    return groups


def _refuse(what: str) -> NoReturn:
    raise InputError(
        f"groups is {what[:80]}. A dict is needed from the name of each group to a list of its "
        "columns, such as {'address': ['street', 'town']}."
    )
