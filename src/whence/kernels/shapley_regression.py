"""Shapley values of a game of many players from the worth of a few coalitions.

By default a Gaussian process over coalitions learns which players act together, and its posterior
gives values and standard errors (`whence.kernels.hypercube_gp`). With many coalitions it is a
control variate: weighted least squares correct its values by what it predicts wrongly of pairs that
it has not seen. The classic scheme is least squares alone.
"""

from typing import Literal, TypeAlias

import numpy as np
from numpy.random import Generator

from whence.core.game import Estimate
from whence.core.types import Bools, Floats
from whence.kernels.coalitions import Classic, Leverage, value_weights
from whence.kernels.hypercube_gp import Prior, fitted, learn, left_out, posterior
from whence.kernels.least_squares import LeastSquares

Sampling: TypeAlias = Literal["leverage", "classic"]

_FIRST = 8
"""Coalitions per player in the first batch."""
_GROWTH = (0.5, 2.0)
"""Each later batch, as a share of what is known, at least and at most."""
_ENOUGH = 8
"""Pairs per player before small standard errors are believed."""
_AGREE = 3.0
"""Standard errors within which two looks in a row must agree to be believed."""
_CELLS = 2_000_000
"""Cells of one batch at most."""
_SURE = 4
"""Pairs per player, all of them explained by main effects, from which values count as exact."""
_TINY = 1e-300
_MODELED = 1_200
"""With more pairs the Gaussian process is a control variate."""


class ShapleyRegression:
    """Asks for pairs of coalitions and makes Shapley values of their worth.

    Values sum to the worth of everybody less that of nobody, exactly. Effects of one or two players
    are recovered exactly as soon as the pairs determine them; with all coalitions, so is the rest.
    The standard errors are zero in the latter case, and where four pairs per player show nothing
    but such effects: an interaction that none of them shows moves the values by little. Errors
    within the tolerance settle a row when two looks in a row agree, the second after more pairs.

    Parameters
    ----------
    players : int
    nobody, everybody : arrays of shape (outputs,)
        Worth of the two coalitions that need not be asked for.
    rng : Generator
    sampling : {"leverage", "classic"}
        Pairs without replacement, sizes uniform, or with replacement, sizes as the Shapley kernel
        weighs them.
    tolerance : float or None
        Standard error, as a share of the spread of the values, at which no more is going to be
        asked. It decides how much is asked for at a time: without it, all after a first batch.

    References
    ----------
    Lundberg and Lee (2017), arXiv:1705.07874. Musco and Witter (2025), arXiv:2410.01917.
    Covert and Lee (2021), arXiv:2012.01536. Rasmussen and Ghahramani (2003), Bayesian Monte Carlo.

    Examples
    --------
    >>> import numpy as np
    >>> sampler = ShapleyRegression(3, np.zeros(1), np.ones(1), np.random.default_rng(0))
    >>> known = sampler.ask(100)
    >>> sampler.tell(np.prod(known[:, :2], axis=1, keepdims=True, dtype=float))
    >>> sampler.estimate().values[:, 0].round(12)
    array([0.5, 0.5, 0. ])
    """

    __slots__ = (
        "_before", "_delta", "_draws", "_known", "_learned", "_pending", "_prior", "_tolerance",
        "_u", "_wanted", "players",
    )  # fmt: skip

    def __init__(
        self,
        players: int,
        nobody: Floats,
        everybody: Floats,
        rng: Generator,
        *,
        sampling: Sampling = "leverage",
        tolerance: float | None = None,
    ) -> None:
        self.players, self._tolerance = players, tolerance
        self._wanted = float(_FIRST * players // 2)
        self._delta = np.asarray(everybody - nobody, dtype=np.float64)
        scheme = Leverage if sampling == "leverage" else Classic
        self._draws = scheme(players, rng)
        self._known = np.empty((0, players), dtype=bool)
        self._u = np.empty((0, len(self._delta)))
        self._pending = self._known
        self._prior: Prior | None = None
        self._learned = 0
        self._before: tuple[Floats, Floats] | None = None

    @property
    def fewest(self) -> int:
        """Coalitions without which there is no estimate: two per player, or all."""
        return int(min(2 * self._draws.total, 2 * self.players))

    def ask(self, most: int) -> Bools:
        """Return pairs of coalitions, (coalitions, players): first halves, then complements."""
        known = len(self._known)
        pairs = int(min(self._wanted, max(self.players, _CELLS // self.players)))
        if known + 1.5 * pairs >= self._draws.total:
            pairs = int(self._draws.total) - known
        self._pending = self._draws.draw(min(pairs, most // 2))
        return np.concatenate([self._pending, ~self._pending])

    def tell(self, worth: Floats) -> None:
        """Take the worth (coalitions, outputs) of what was last asked for."""
        half = len(self._pending)
        self._u = np.concatenate([self._u, (worth[:half] - worth[half:]) / 2])
        self._known = np.concatenate([self._known, self._pending])
        self._pending = self._known[:0]

    def estimate(self) -> Estimate | None:
        """Return values and standard errors, (players, outputs); None before ``fewest``."""
        if 2 * len(self._known) < self.fewest:
            return None
        values, stderr = self._solve()
        values += (self._delta - values.sum(axis=0)) / self.players
        self._wanted = self._lacking(values, stderr)
        return Estimate(values=values, stderr=stderr, settled=self._settled(values, stderr))

    def _settled(self, values: Floats, stderr: Floats) -> bool | None:
        """Tell whether the errors are small, and were at the look before, which says the same.

        A few pairs may all have an explanation that the next ones do not share: small errors are
        believed when pairs that came after them did not change the values.
        """
        if self._tolerance is None:
            return None
        if not stderr.any():
            return True
        allowed = self._tolerance * np.ptp(values, axis=0)
        before, self._before = self._before, None
        if len(self._known) < _ENOUGH * self.players or (stderr.max(axis=0) > allowed).any():
            return False
        self._before = values, np.maximum(stderr, allowed / _AGREE)
        if before is None:
            return False
        return bool((np.abs(values - before[0]) <= _AGREE * before[1]).all())

    def _lacking(self, values: Floats, stderr: Floats) -> float:
        """Return how many more pairs there should be: errors fall about as pairs grow."""
        if self._tolerance is None:
            return np.inf
        allowed = self._tolerance * np.ptp(values, axis=0)
        times = float((stderr.max(axis=0) / np.maximum(allowed, _TINY)).max())
        least, most = _GROWTH
        return len(self._known) * min(max(times - 1, least), most)

    def _solve(self) -> tuple[Floats, Floats]:
        if len(self._known) == self._draws.total:
            values = value_weights(self._known).T @ self._u + self._delta / self.players
            return values, np.zeros_like(values)
        z = np.where(self._known, 1.0, -1.0)
        weight, unseen = self._weights()
        least = LeastSquares(z, weight)
        values = least.values(self._u, self._delta)
        linear = least.explains(self._u, values)
        if linear and len(z) >= _SURE * self.players:
            return values, np.zeros_like(values)
        if isinstance(self._draws, Classic):
            return values, least.stderr(self._u, values, unseen)
        z = np.concatenate([np.ones((1, self.players)), z])  # everybody is known too
        u = np.concatenate([self._delta[None] / 2, self._u])
        prior = self._learn(z, u)
        if linear:
            return values, posterior(prior, z, u)[1]
        if len(z) <= _MODELED:
            return posterior(prior, z, u)
        left, modeled = left_out(prior, z, u, most=_MODELED)
        values = least.values(left[1:], self._delta - modeled.sum(axis=0))
        return values + modeled, least.stderr(left[1:], values, unseen)

    def _learn(self, z: Floats, u: Floats) -> Prior:
        if self._prior is None or self._learned < fitted(self.players):
            self._prior = learn(z, u, self._prior, old=self._learned)
            self._learned = len(z)
        return self._prior

    def _weights(self) -> tuple[Floats, Floats]:
        """Return the weight of each pair, and the share of its size that was not drawn."""
        if isinstance(self._draws, Classic):
            return self._draws.counts, np.ones(len(self._known))
        s, n = self._known.sum(axis=1), self.players
        drawn, number = self._draws.drawn[s - 1], self._draws.number[s - 1]
        return np.where(2 * s == n, 0.5, 1.0) / (s * (n - s) * drawn), 1 - drawn / number
