"""The cheapest change of numbers that gets a wanted answer from a linear model.

A change of a column costs so much per unit, up or down, and may cost a fixed amount besides. With
one condition, no fixed costs and no couplings, the best is to spend on the columns in the order of
what they give for their cost, each to its bound, the last as far as needed. Otherwise the changes
up and down are variables of a mixed-integer program, with a 0/1 variable for each fixed cost [1]_.

References
----------
.. [1] Ustun, Spangher and Liu, "Actionable recourse in linear classification", FAT* (2019),
   doi:10.1145/3287560.3287566.
"""

from dataclasses import dataclass

import numpy as np

from whence.core.errors import InputError
from whence.core.types import Floats
from whence.kernels.choices import Couplings
from whence.kernels.milp import Program, solve

TOLERANCE = 1e-6
"""What a change found by the solver reaches beyond each condition, relative to the condition's
largest term: conditions are met by HiGHS to about this."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Columns of numbers and what their change costs and does.

    Attributes
    ----------
    slope : array of shape (columns, outputs)
        What a unit adds to each output.
    low, high : arrays of shape (columns,)
        Bounds of the change, ``low <= 0 <= high``; infinite only where ``fixed`` is 0.
    up, down : arrays of shape (columns,)
        Cost of a unit up, and of a unit down; non-negative.
    fixed : array of shape (columns,)
        Cost of any change at all; non-negative.
    """

    slope: Floats
    low: Floats
    high: Floats
    up: Floats
    down: Floats
    fixed: Floats

    def cost(self, change: Floats) -> float:
        """Return the cost of a change of shape (columns,)."""
        moved = np.where(change > 0, self.up, self.down) * np.abs(change)
        return float(np.where(change != 0, moved + self.fixed, 0.0).sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change:
    """The cheapest change that was found.

    Attributes
    ----------
    change : array of shape (columns,) or None
        What to add to each column; None: nothing that fits was found.
    cost : float
        Its cost; infinite where there is none.
    bound : float
        Nothing that fits, and reaches `TOLERANCE` beyond where a solver was needed, is cheaper.
    proved : bool
        Whether ``change`` is the cheapest such change, or none exists.
    """

    change: Floats | None
    cost: float
    bound: float
    proved: bool


def cheapest_linear(
    columns: Columns,
    offset: Floats,
    G: Floats,
    h: Floats,
    *,
    couplings: Couplings | None = None,
    seconds: float = 1.0,
) -> Change:
    """Return the change of least cost with ``G @ (offset + change @ slope) >= h``.

    Parameters
    ----------
    columns : Columns
    offset : array of shape (outputs,)
        What the model says as things are.
    G : array of shape (conditions, outputs)
    h : array of shape (conditions,)
    couplings : Couplings or None
        Linear conditions on the change, ``low <= A @ change <= high``, met to `TOLERANCE`.
    seconds : float
        Time limit of the solver.

    Raises
    ------
    InputError
        The arrays do not agree, or bounds or costs make no sense.
    MissingDependencyError
        A solver is needed and scipy is not installed.

    Examples
    --------
    Wanted is 3 more. The first column gives 2 a unit, up to one unit; the second gives 1 a unit:

    >>> import numpy as np
    >>> columns = Columns(
    ...     slope=np.array([[2.0], [1.0]]), low=np.zeros(2), high=np.array([1.0, np.inf]),
    ...     up=np.ones(2), down=np.ones(2), fixed=np.zeros(2))
    >>> found = cheapest_linear(columns, np.zeros(1), np.ones((1, 1)), np.array([3.0]))
    >>> found.change, found.cost, found.proved
    (array([1., 1.]), 2.0, True)
    """
    _check(columns, offset, G, h)
    gain, needed = G @ columns.slope.T, h - G @ offset
    if len(h) == 1 and couplings is None and not columns.fixed.any():
        change = _by_yield(columns, gain[0], float(needed[0]))
        if change is None:
            return Change(change=None, cost=np.inf, bound=np.inf, proved=True)
        cost = columns.cost(change)
        return Change(change=change, cost=cost, bound=cost, proved=True)
    return _by_solver(columns, gain, needed, couplings, seconds)


def _by_yield(columns: Columns, gain: Floats, needed: float) -> Floats | None:
    """Spend on the columns in the order of gain per cost; None: all of them are not enough."""
    change = np.zeros(len(gain))
    if needed <= 0:
        return change
    unit = np.where(gain > 0, columns.up, columns.down)
    most = np.where(gain > 0, columns.high, -columns.low)
    useful = (gain != 0) & (most > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(useful, unit / np.abs(gain), np.inf)
    for j in np.argsort(rate, kind="stable"):
        if not useful[j]:
            break
        missing = needed - float(gain @ change)
        change[j] = np.sign(gain[j]) * min(float(most[j]), missing / abs(float(gain[j])))
        if _reach(change, j, gain, needed, float(most[j])):
            return change
    return None


def _reach(change: Floats, j: int, gain: Floats, needed: float, most: float) -> bool:
    """Round the change of column ``j`` outwards until the sum is what is needed; False: too far."""
    step = np.spacing(abs(change[j]))
    while gain @ change < needed:
        if abs(change[j]) >= most:
            return False
        change[j] = np.sign(gain[j]) * min(most, abs(change[j]) + step)
        step *= 2
    return True


def _by_solver(
    columns: Columns, gain: Floats, needed: Floats, couplings: Couplings | None, seconds: float
) -> Change:
    """Ask for a little more than is needed, and check."""
    p = len(columns.up)
    answer = solve(_program(columns, gain, needed, couplings), seconds)
    if answer.x is None:
        bound = np.inf if answer.done else answer.bound
        return Change(change=None, cost=np.inf, bound=bound, proved=answer.done)
    up, down, any_at_all = answer.x[:p], answer.x[p : 2 * p], answer.x[2 * p :] > 0.5  # noqa: PLR2004 - 0 or 1
    change = np.clip(up - down, columns.low, columns.high)
    change[(columns.fixed > 0) & ~any_at_all] = 0
    cost = columns.cost(change)
    if not bool((gain @ change >= needed).all()):
        return Change(change=None, cost=np.inf, bound=answer.bound, proved=False)
    bound = cost if answer.done else min(cost, answer.bound)
    return Change(change=change, cost=cost, bound=bound, proved=answer.done)


def _program(
    columns: Columns, gain: Floats, needed: Floats, couplings: Couplings | None
) -> Program:
    """Variables: the change up and down of each column, and whether there is one."""
    p = len(columns.up)
    size = np.maximum(np.abs(gain).max(axis=1, initial=0), 1e-300)[:, None]
    A, low = (np.zeros((0, p)), np.zeros(0)) if couplings is None else couplings.one_sided(p)
    terms = np.concatenate([gain / size, A])
    fixed = columns.fixed > 0
    rows = [np.concatenate([terms, -terms, np.zeros_like(terms)], axis=1)]
    for side, most in ((0, columns.high), (1, -columns.low)):  # most * any_at_all - part >= 0
        only = np.zeros((p, 3 * p))
        only[np.arange(p), side * p + np.arange(p)] = -1
        only[np.arange(p), 2 * p + np.arange(p)] = np.where(fixed, most, 0)
        rows.append(only[fixed])
    stacked = np.concatenate(rows)
    lows = np.concatenate([needed / size[:, 0] + TOLERANCE, low, np.zeros(2 * int(fixed.sum()))])
    return Program(
        cost=np.concatenate([columns.up, columns.down, columns.fixed]),
        A=stacked,
        low=lows,
        high=np.full(len(lows), np.inf),
        most=np.concatenate([columns.high, -columns.low, np.ones(p)]),
        whole=np.repeat([False, False, True], p),
    )


def _check(columns: Columns, offset: Floats, G: Floats, h: Floats) -> None:
    outputs, p = len(offset), len(columns.slope)
    shapes: dict[str, tuple[Floats, tuple[int, ...]]] = {
        "columns.slope": (columns.slope, (p, outputs)),
        "G": (G, (len(h), outputs)),
    }
    names = ("low", "high", "up", "down", "fixed")
    bounds = (columns.low, columns.high, columns.up, columns.down, columns.fixed)
    shapes |= {f"columns.{name}": (array, (p,)) for name, array in zip(names, bounds, strict=True)}
    for name, (array, shape) in shapes.items():
        if array.shape != shape:
            raise InputError(f"{name} has the shape {array.shape}, {shape} is needed.")
    numbers = {"slope": columns.slope, "offset": offset, "G": G, "h": h}
    numbers |= {"up": columns.up, "down": columns.down, "fixed": columns.fixed}
    for name, array in numbers.items():
        if not np.isfinite(array).all():
            raise InputError(f"{name} holds a number that is not finite. Give finite numbers.")
    if any(bool((cost < 0).any()) for cost in (columns.up, columns.down, columns.fixed)):
        raise InputError("A cost is negative. Give costs of zero or more.")
    if not bool(((columns.low <= 0) & (columns.high >= 0)).all()):
        raise InputError("A column's bounds leave out 0, no change. Give low <= 0 <= high.")
    if bool((~np.isfinite(columns.high - columns.low) & (columns.fixed > 0)).any()):
        raise InputError(
            "A column with a fixed cost has an infinite bound. Give finite bounds, such as the "
            "range of the data."
        )
