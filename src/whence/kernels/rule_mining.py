"""The best conjunction of a few conditions, by counting all pairs at once.

Conditions are rows of a matrix of zeros and ones over the rows of data. The product of that matrix
with its own transpose counts, for all pairs of conditions at once, the rows for which both hold;
its diagonal counts those of single conditions. Three conditions are found by extending the best
pairs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whence.core.types import Bools, Floats

_BEAM = 40
"""Pairs that are extended by a third condition."""
_SHORTER = 0.5
"""Rows that a further condition must win, so that of equal rules the shorter is taken."""
Cells = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A rule.

    Attributes
    ----------
    conditions : tuple of int
    gain : float
        Rows won less rows lost.
    """

    conditions: tuple[int, ...]
    gain: float


def best_rule(
    holds: Bools, won: Bools, lost: Bools, *, precision: float, least: int, most: int
) -> Found | None:
    """Return the rule that wins most rows more than it loses, among those precise enough.

    Parameters
    ----------
    holds : bool array of shape (conditions, rows)
    won, lost : bool arrays of shape (rows,)
        Rows that count for a rule that covers them, and against it; others count neither way, but
        for its precision.
    precision : float
        Share of the rows covered that must be won.
    least : int
        Fewest rows covered.
    most : int
        Most conditions, 1 to 3.

    Examples
    --------
    >>> holds = np.array([[1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 0]], dtype=bool)
    >>> won = np.array([False, True, True, False])
    >>> best_rule(holds, won, ~won, precision=0.9, least=1, most=2).conditions
    (0, 1)
    """
    cells = holds.astype(np.float32)
    covered, right, wrong = _pairs(cells), _pairs(cells[:, won]), _pairs(cells[:, lost])
    if most == 1:
        covered = np.where(np.eye(len(cells), dtype=bool), covered, 0)
    score = _score(covered, right, wrong, precision, least)
    score -= _SHORTER * (1 - np.eye(len(cells), dtype=np.float32))
    best = _best(score)
    if most <= 2 or len(cells) < 3:  # noqa: PLR2004  pairs were counted
        return best
    pairs = np.triu(right - wrong, 1)
    top = np.argsort(pairs, axis=None, kind="stable")[::-1][:_BEAM]
    for i, j in zip(*np.unravel_index(top, pairs.shape), strict=True):
        if i == j:
            continue
        both = cells[i] * cells[j]
        three = _score(
            cells @ both, cells @ (both * won), cells @ (both * lost), precision, least
        ) - np.float32(2 * _SHORTER)
        k = int(np.argmax(three))
        if three[k] > (best.gain if best else 0) and k not in (i, j):
            best = Found(conditions=tuple(sorted((int(i), int(j), k))), gain=float(three[k]))
    return best


def _pairs(cells: Cells) -> Cells:
    return np.asarray(cells @ cells.T)


def _score(covered: Cells, won: Cells, lost: Cells, precision: float, least: int) -> Cells:
    fits = (covered >= max(least, 1)) & (won >= precision * covered - 1e-6 * covered)
    return np.where(fits, won - lost, -np.inf).astype(np.float32)


def _best(score: Cells) -> Found | None:
    i, j = np.unravel_index(int(np.argmax(score)), score.shape)
    if not score[i, j] > 0:
        return None
    return Found(conditions=tuple(sorted({int(i), int(j)})), gain=float(score[i, j]))


def best_bound(x: Floats, worth: Floats, *, upper: bool) -> float | None:
    """Return where to cut a column so that what is kept is worth most.

    Parameters
    ----------
    x : array of shape (rows,)
        Numbers, none missing.
    worth : array of shape (rows,)
        What each row is worth where it is kept.
    upper : bool
        Whether numbers up to the bound are kept, or those above it.

    Returns
    -------
    float or None
        Between two numbers; None where all are best kept.

    Examples
    --------
    >>> best_bound(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, -1.0]), upper=True)
    2.5
    """
    order = np.argsort(x, kind="stable")
    x, worth = x[order], worth[order]
    if not upper:
        worth = -worth  # to keep what is above is to lose what is not
    kept = np.cumsum(worth)
    cuts = np.flatnonzero(x[1:] > x[:-1])
    if len(cuts) == 0:
        return None
    best = cuts[int(np.argmax(kept[cuts]))]
    if upper and kept[-1] >= kept[best]:
        return None
    if not upper and kept[best] <= 0:
        return None
    return float(x[best] / 2 + x[best + 1] / 2)
