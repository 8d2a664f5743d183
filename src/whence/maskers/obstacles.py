"""What stands in the way where no change of a row does what is wanted."""

import numpy as np

from whence.core.types import Floats, Ints
from whence.maskers.quest import Quest
from whence.maskers.search import brought

_LOOKED_AT = 16
"""Rows of the background that are tried, for each constraint, without it."""


def obstacles(quest: Quest, rows: Ints, answers: Floats) -> list[str]:
    """Say for each of some rows which constraint is in the way.

    The nearest rows of the background that are answered as wanted are tried once more, each time
    with one constraint left out. The one without which most of them do is named; where it takes
    several, those that they break most often are.

    Parameters
    ----------
    quest : Quest
    rows : int array
        Rows for which nothing was found.
    answers : array of shape (background, outputs)
    """
    return [_obstacle(quest, int(i), answers) for i in rows]


def _obstacle(quest: Quest, i: int, answers: Floats) -> str:
    room = quest.room
    stuck = np.flatnonzero(room.impossible()[i])
    if len(stuck):
        j = int(stuck[0])
        return (
            f"{quest.couplings.laws[j]}: {room.table.names[j]!r} is {room.table.text(i, j)}, and "
            "no other value is allowed either"
        )
    own = np.full(len(answers), quest.now[i])
    unlike = np.flatnonzero(quest.goal.met(quest.goal.score(answers, own)))
    if not len(unlike):
        return "the model answers no row of the background so, and no other row that was tried"
    apart = room.cost(room.Z[unlike], np.full(len(unlike), i))
    near = unlike[np.argsort(apart, kind="stable")[:_LOOKED_AT]]
    return _without(quest, i, room.Z[near])


def _without(quest: Quest, i: int, Z: Floats) -> str:
    """Name the constraint without which most rows of the background do what is wanted."""
    couplings = quest.couplings
    within = brought(quest, Z, np.full(len(Z), i))
    columns, tried = Z.shape[1], []
    for k in range(len(couplings.laws)):
        C = within.copy()
        if k < columns:
            C[:, k] = Z[:, k]
        differs = (within != C) & ~(np.isnan(C) & np.isnan(within))
        if k >= columns or differs.any():
            tried.append((k, C))
    C = np.concatenate([part for _, part in tried]) if tried else within
    law = np.repeat([each for each, _ in tried], len(Z)) if tried else np.zeros(len(C), dtype=int)
    row = np.full(len(C), i)
    broken = couplings.broken(C, row)
    broken[np.arange(len(C)), law] = False
    alone = np.flatnonzero(~broken.any(axis=1))
    if len(alone):
        does = quest.goal.met(quest.scored(C[alone], row[alone]))
        counts = np.bincount(law[alone][does], minlength=len(couplings.laws))
        if counts.any():
            return f"{couplings.laws[int(np.argmax(counts))]}; without that there is such a row"
    often = couplings.broken(Z, np.full(len(Z), i)).mean(axis=0)
    order = np.argsort(-often, kind="stable")
    names = [couplings.laws[k] for k in order if often[k] > 0]
    if not names:
        return "no constraint: the rows of the background that are answered so are too far away"
    return f"several constraints together: {', '.join(names[:3])}{' and more' * (len(names) > 3)}"  # noqa: PLR2004  as many as are listed
