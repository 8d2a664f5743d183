"""Players as a user writes them: by name, or by number from 0."""

from whence.core.check import shorten
from whence.core.errors import InputError


def player_of(who: object, names: tuple[str, ...], players: int, *, setting: str) -> int:
    """Return the number of a player.

    Parameters
    ----------
    who : str or int
    names : tuple of str
        Names of the players; empty where they have none.
    players : int
    setting : str
        What messages call the setting that names the player.

    Raises
    ------
    InputError
        If there is no such player.

    Examples
    --------
    >>> player_of("job", ("age", "job"), 2, setting="graph")
    1
    """
    if isinstance(who, str) and who in names:
        return names.index(who)
    if isinstance(who, int) and not isinstance(who, bool) and 0 <= who < players:
        return who
    known = f"The players are {shorten(names)}" if names else "The players have no names"
    raise InputError(
        f"{setting} names {who!r}. {known}; there are {players} of them. Give names, or numbers "
        "from 0."
    )
