"""Which feature works together with a given one."""

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Interaction
from whence.core.types import Floats, Ints
from whence.plots.pick import Panel, find
from whence.plots.style import plain

MOST_ROWS = 5000
ROWS_PER_BIN = 25
MOST_BINS = 20
PAIR = 2


def strongest_interaction(panel: Panel, player: int, interactions: Interaction) -> int | None:
    """Return the partner of the largest mean absolute interaction; None if there is none.

    Raises
    ------
    InputError
        If the interactions are of other features or outputs.
    """
    if interactions.names.features != panel.features:
        raise InputError(
            f"`interactions` is about {len(interactions.names.features)} features that are not "
            f"the {len(panel.features)} of the attribution. Explain the same model and columns."
        )
    names, count = interactions.names.outputs, interactions.values.shape[-1]
    labels = [plain(name) for name in names]
    out = find(panel.output, labels, count, "output") if panel.output in labels else 0
    sets = interactions.sets
    of = ((sets >= 0).sum(axis=1) == PAIR) & (sets == player).any(axis=1)
    if not of.any():
        return None
    size = np.abs(interactions.values[:, of, out]).mean(axis=0)
    pair = sets[of][int(size.argmax())]
    partner = int(pair[pair != player][0])
    return partner if panel.numbers(partner) is not None else None


def strongest_pattern(panel: Panel, player: int) -> int | None:
    """Estimate the partner: the feature that goes best with the contributions at equal values.

    Rows are put in bins of similar value of the feature. What is left of the contributions after
    a straight line in each bin cannot be due to the feature alone, and the sums of squares that
    another feature (or that it is missing) explains of this rest are added up over the bins.
    """
    x = panel.numbers(player)
    rows = np.arange(len(panel.values))
    if rows.size > MOST_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows.size, MOST_ROWS, replace=False))
    if x is None or rows.size < ROWS_PER_BIN // 2:
        return None
    score = np.zeros(len(panel.features))
    others = [j for j in range(score.size) if j != player and panel.column[j] >= 0]
    for members in _bins(x[rows]):
        at = rows[members]
        left = _without_line(panel.values[at, player], x[at])
        total = float(left @ left)
        if total <= 1e-18 * float(np.square(panel.values[at, player]).sum()):
            continue
        for j in others:
            score[j] += _explained(left, panel, j, at)
    best = int(score.argmax())
    return best if score[best] > 0 else None


def _bins(x: Floats) -> list[Ints]:
    """Split rows into bins of nearly equal size along ``x``; missing values are one more bin."""
    known = np.flatnonzero(np.isfinite(x))
    order = known[np.argsort(x[known], kind="stable")]
    count = int(np.clip(known.size // ROWS_PER_BIN, 1, MOST_BINS))
    bins = [*np.array_split(order, count), np.flatnonzero(~np.isfinite(x))]
    return [members for members in bins if members.size > PAIR + 1]


def _without_line(y: Floats, x: Floats) -> Floats:
    """Return ``y`` less its straight line in ``x``."""
    y = y - y.mean()
    x = np.nan_to_num(x - (x.mean() if np.isfinite(x).all() else 0.0))
    square = float(x @ x)
    return y - x * (float(x @ y) / square) if square > 0 else y


def _explained(left: Floats, panel: Panel, other: int, rows: Ints) -> float:
    """Return the sum of squares of ``left`` that another feature explains, less that of chance."""
    numbers = panel.numbers(other)
    if numbers is None:
        return 0.0
    numbers = numbers[rows]
    chance = float(left @ left) / left.size
    if panel.levels(other) is not None:
        codes = np.where(np.isfinite(numbers), numbers, -1).astype(np.int64) + 1
        count = np.bincount(codes)
        sums = np.bincount(codes, weights=left)[count > 0]
        groups = count[count > 0]
        return float((sums**2 / groups).sum()) - (groups.size - 1) * chance
    known = np.isfinite(numbers)
    if known.sum() <= PAIR:
        return 0.0
    tone = np.where(known, numbers - numbers[known].mean(), 0.0)
    square = float(tone @ tone)
    return float(tone @ left) ** 2 / square - chance if square > 0 else 0.0
