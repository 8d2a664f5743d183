"""Values by walks: players become known one by one, in random orders.

Each order may be walked forward and in reverse: the errors of the two walks cancel for every effect
of one or two players. A walk ends at the worth of everybody, so values add up exactly however few
the walks. Walks (or pairs) are independent, so the standard error is that of their mean. It is
widened for few walks, so that +-1.96 of it is a 95 % interval, and a player whose few draws agree
by chance borrows from how much the draws of the others vary: it is 0 only where all of them agree.

Of few players the worth of each coalition is remembered: none is asked about twice, and where more
than half of those that can come up are known, the others are asked for and the values are exact.
"""

import numpy as np

from whence.core.game import Estimate
from whence.core.types import Bools, Floats, Ints
from whence.kernels.coalition_values import members, numbers_of
from whence.kernels.orders import DrawOrders, step_values

REMEMBERED = 12
"""Players of which all coalitions are remembered, at most."""
_TRUSTED = 10
"""Walks from which on a small standard error is believed; fewer may agree by chance."""
_FEWEST = 2
_PRIOR = 2
"""Draws that the mean variance over players counts for, in the variance of each."""
_Z = 1.959964
_CELLS = 1_000_000
"""Cells of what is asked for at a time."""


class Moments:
    """Mean of independent draws and its standard error, draws coming in batches."""

    __slots__ = ("_square", "count", "mean")

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = 0
        self.mean, self._square = np.zeros(shape), np.zeros(shape)

    def add(self, draws: Floats) -> None:
        """Take draws of shape (draws, *shape)."""
        n, mean = len(draws), draws.mean(axis=0)
        total, shift = self.count + n, mean - self.mean
        self._square += ((draws - mean) ** 2).sum(axis=0) + shift**2 * (self.count * n / total)
        self.mean = self.mean + shift * (n / total)
        self.count = total

    def stderr(self) -> Floats:
        """Return the standard error of the mean, of two draws or more; players are the first axis.

        The variances are shrunk toward their mean over players (Smyth 2004,
        doi:10.2202/1544-6115.1027, with a fixed prior), and widened by Student's t.
        """
        degrees = self.count - 1 + _PRIOR
        variance = (self._square + _PRIOR * self._square.mean(axis=0) / (self.count - 1)) / degrees
        return np.asarray(_widened(degrees) * np.sqrt(variance / self.count))


def _widened(degrees: int) -> float:
    """Return how much longer a 95 % interval of Student's t is than a normal one.

    By the expansion of Cornish and Fisher, within 1 % from three degrees of freedom on.
    """
    z, more = _Z, 1 / degrees
    first, second = (z**2 + 1) / 4, (5 * z**4 + 16 * z**2 + 3) / 96
    third = (3 * z**6 + 19 * z**4 + 17 * z**2 - 15) / 384
    return 1 + more * (first + more * (second + more * third))


class Walks:
    """Asks for the coalitions that walks come by.

    Parameters
    ----------
    nobody, everybody : arrays of shape (outputs,)
        Worth of the two ends of each walk.
    players : int
    orders : callable
        Number of orders -> orders drawn, (orders, players).
    antithetic : bool
        Whether each order is walked in reverse too.
    steps : array of shape (2**players, players) or None
        Probabilities of all steps, of at most `REMEMBERED` players; None remembers nothing.
    judged : bool
        Whether somebody looks at the standard errors to stop.
    """

    __slots__ = (
        "_antithetic", "_draw", "_ends", "_judged", "_moments", "_needed", "_pending", "_players",
        "_seen", "_steps", "_worth", "fewest",
    )  # fmt: skip

    def __init__(
        self,
        *,
        nobody: Floats,
        everybody: Floats,
        players: int,
        orders: DrawOrders,
        antithetic: bool,
        steps: Floats | None,
        judged: bool,
    ) -> None:
        self._ends, self._players, self._draw = (nobody, everybody), players, orders
        self._antithetic, self._steps, self._judged = antithetic, steps, judged
        self._moments = Moments((players, len(nobody)))
        self._pending = (np.empty((0, players), np.int64), np.empty(0, np.int64))
        self.fewest = _FEWEST * self._price
        if steps is not None:
            self._needed = steps.any(axis=1)
            self._seen = np.zeros(len(steps), dtype=bool)
            self._seen[[0, -1]] = True
            self._worth = np.zeros((len(steps), len(nobody)))
            self._worth[0], self._worth[-1] = nobody, everybody
            self.fewest = min(self.fewest, len(self._rest()))

    def ask(self, most: int) -> Bools:
        """Return the coalitions of some more walks; none when the values are exact."""
        if self._steps is not None:
            return self._unseen(most, self._steps.shape[1])
        orders = self._draw(min(self._round(), most // self._price))
        self._pending = (orders, self._pending[1])
        return self._along(orders).reshape(-1, self._players)

    def tell(self, worth: Floats) -> None:
        """Take the worth of the coalitions last asked for."""
        orders, numbers = self._pending
        if self._steps is None:
            self._add(orders, worth.reshape(len(orders), -1, self._players - 1, worth.shape[1]))
        else:
            self._worth[numbers], self._seen[numbers] = worth, True
            self._add(orders, self._worth[numbers_of(self._along(orders))])

    def estimate(self) -> Estimate | None:
        """Return the means over the walks, or the exact values."""
        if self._steps is not None and not len(self._rest()):
            values = step_values(self._worth, self._steps)
            return Estimate(values=values, stderr=np.zeros_like(values))
        count = self._moments.count
        if count < _FEWEST:
            return None
        return Estimate(
            values=self._moments.mean.copy(),
            stderr=self._moments.stderr(),
            settled=False if self._judged and count < _TRUSTED else None,
        )

    @property
    def _price(self) -> int:
        return max(1, (1 + self._antithetic) * (self._players - 1))

    def _round(self) -> int:
        fitting = max(_FEWEST, _CELLS // (self._price * self._players))
        return min(fitting, max(_TRUSTED, self._moments.count // 2))

    def _unseen(self, most: int, players: int) -> Bools:
        """Draw walks until one comes by coalitions that nobody told of."""
        nothing = np.empty((0, players), dtype=np.int64)
        while True:
            rest = self._rest()
            if len(rest) <= min(most, int(self._seen.sum()) - _FEWEST):
                self._pending = (nothing, rest)
                return members(rest, players)
            orders = self._draw(min(self._round(), most // self._price))
            visited = np.unique(numbers_of(self._along(orders)))
            new = visited[~self._seen[visited]]
            if len(new) or not len(orders):
                self._pending = (orders, new)
                return members(new, players)
            self._add(orders, self._worth[numbers_of(self._along(orders))])

    def _rest(self) -> Ints:
        """Return the coalitions that can come up and of which nobody told yet."""
        return np.flatnonzero(self._needed & ~self._seen)

    def _along(self, orders: Ints) -> Bools:
        return between(orders, antithetic=self._antithetic)

    def _add(self, orders: Ints, worth: Floats) -> None:
        if len(orders):
            self._moments.add(gains(orders, worth, *self._ends))


def between(orders: Ints, *, antithetic: bool) -> Bools:
    """Return the coalitions that walks come by between their ends.

    Parameters
    ----------
    orders : int array of shape (orders, players)
    antithetic : bool
        Whether each order is walked in reverse too, as a second pass.

    Returns
    -------
    bool array of shape (orders, passes, players - 1, players)
    """
    n = orders.shape[1]
    place, until = np.argsort(orders, axis=1)[:, None, None, :], np.arange(1, n)[:, None]
    forward = place < until
    return np.concatenate([forward, n - 1 - place < until], axis=1) if antithetic else forward


def gains(orders: Ints, worth: Floats, nobody: Floats, everybody: Floats) -> Floats:
    """Return what each player added, the mean over the passes, (orders, players, outputs).

    Parameters
    ----------
    orders : int array of shape (orders, players)
    worth : array of shape (orders, passes, players - 1, outputs)
        Of the coalitions that `between` returns.
    nobody, everybody : arrays of shape (outputs,) or (orders, 1, 1, outputs)
    """
    shape = (*worth.shape[:2], 1, worth.shape[3])
    first, last = (np.broadcast_to(end, shape) for end in (nobody, everybody))
    added = np.diff(np.concatenate([first, worth, last], axis=2), axis=2)
    each, place = np.arange(len(orders))[:, None], np.argsort(orders, axis=1)
    if worth.shape[1] == 1:
        return np.asarray(added[each, 0, place])
    return np.asarray((added[each, 0, place] + added[each, 1, orders.shape[1] - 1 - place]) / 2)
