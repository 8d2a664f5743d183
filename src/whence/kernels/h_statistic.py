"""Friedman's H statistics from partial dependence at the rows, and their jackknife errors.

Of a matrix ``M[i, k]``, what the model says about row ``k`` with some columns as in row ``i``, the
row means are the partial dependence on these columns at the rows, the column means that on all
others. With all of them centered,

    H^2 of a pair   = sum_i (F_jk - F_j - F_k)^2 / sum_i F_jk^2,
    H^2 of a column = sum_i (F - F_j - F_others)^2 / sum_i F^2

(Friedman and Popescu 2008, doi:10.1214/07-AOAS148). A jackknife leaves out each row in turn, as one
that is averaged over and as one that is looked at, which stored matrices allow without asking
again.
"""

from dataclasses import dataclass

import numpy as np

from whence.core.types import Floats

_NOTHING = 1e-10
"""Share of the joint effect below which the part that is interaction is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Means:
    """Partial dependence at the rows, over all of them and with each left out.

    Attributes
    ----------
    all : array of shape (rows, outputs)
    without : array of shape (rows, rows, outputs)
        Entry (k, i): at row ``i``, of the mean over all rows but ``k``.
    """

    all: Floats
    without: Floats


def means_at_rows(said: Floats) -> Means:
    """Return the partial dependence on columns that move.

    Parameters
    ----------
    said : array of shape (rows, positions, outputs)
        What is said about each row at each position, which are those of the rows in order.
    """
    n = len(said)
    total = said.sum(axis=0)
    return Means(all=total / n, without=(total[None] - said) / max(n - 1, 1))


def means_of_others(said: Floats) -> Means:
    """Return the partial dependence on all other columns, from the same answers."""
    return means_at_rows(said.swapaxes(0, 1))


def strength(joint: Means, parts: list[Means]) -> tuple[Floats, Floats, Floats, Floats]:
    """Return how much of a joint effect is none of its parts.

    Parameters
    ----------
    joint : Means
    parts : list of Means

    Returns
    -------
    share, share_error, size, size_error : arrays of shape (outputs,)
        H squared, the root of its numerator's mean over rows, and their standard errors.
    """
    n = len(joint.all)
    share, size = _of(_apart(joint.all, [part.all for part in parts]), n)
    out = _of(_apart_without(joint.without, [part.without for part in parts]), max(n - 1, 1))
    errors = [np.sqrt((n - 1) / n * ((e - e.mean(axis=0)) ** 2).sum(axis=0)) for e in out]
    return share, errors[0], size, errors[1]


def _apart(joint: Floats, parts: list[Floats]) -> tuple[Floats, Floats]:
    """Return the sums over rows of the joint effect and of what is left of it, squared."""
    whole = joint - joint.mean(axis=0)
    left = whole - sum(part - part.mean(axis=0) for part in parts)
    return (whole**2).sum(axis=0), (left**2).sum(axis=0)


def _apart_without(joint: Floats, parts: list[Floats]) -> tuple[Floats, Floats]:
    """Return the same with each row left out, (rows, outputs)."""
    whole = _centered_without(joint)
    left = whole - sum(_centered_without(part) for part in parts)
    return (whole**2).sum(axis=1), (left**2).sum(axis=1)


def _centered_without(values: Floats) -> Floats:
    n = len(values)
    own = np.einsum("kko->ko", values)
    mean = (values.sum(axis=1) - own) / max(n - 1, 1)
    out = values - mean[:, None]
    out[np.arange(n), np.arange(n)] = 0.0
    return np.asarray(out)


def _of(sums: tuple[Floats, Floats], rows: int) -> tuple[Floats, Floats]:
    below, above = sums
    above = np.where(above <= _NOTHING * below, 0.0, above)
    share = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return share, np.sqrt(above / rows)
