"""Shapley values as the solution of a weighted least squares problem, with standard errors."""

import numpy as np

from whence.core.types import Floats

_RANK = 1e-10
_ROUNDING = 1e-11
_SPARE = 1.5
"""Pairs per player from which a perfect fit is no accident."""
_LEVERAGE = 0.98


class LeastSquares:
    """Fits main effects to pairs of coalitions, the sum of the values given.

    Parameters
    ----------
    z : array of shape (pairs, players)
        One half of each pair, as -1 and 1.
    weight : array of shape (pairs,)
        Weight of each pair by the Shapley kernel, over its chance to be drawn.

    References
    ----------
    Charnes et al. (1988), doi:10.1007/978-94-009-3677-5_7. Covert and Lee (2021),
    arXiv:2012.01536. MacKinnon and White (1985), doi:10.1016/0304-4076(85)90158-7.
    """

    __slots__ = ("_centered", "_mean", "_solve", "_z", "determined")

    def __init__(self, z: Floats, weight: Floats) -> None:
        self._z, self._mean = z, z.mean(axis=1, keepdims=True)
        root = np.sqrt(weight / weight.mean())[:, None]
        self._centered = z - self._mean
        weighted = self._centered * root
        size, axes = np.linalg.eigh(weighted.T @ weighted)
        there = size > _RANK * size[-1]
        axes = axes[:, there]
        self._solve = (axes / size[there]) @ (axes.T @ (weighted * root).T)
        self.determined = bool(there.sum() == z.shape[1] - 1 and len(z) >= _SPARE * z.shape[1])

    def values(self, u: Floats, delta: Floats) -> Floats:
        """Return the values, (players, outputs).

        Parameters
        ----------
        u : array of shape (pairs, outputs)
            Half the difference of worth between a coalition and its complement.
        delta : array of shape (outputs,)
            What the values sum to.
        """
        free = 2 * self._solve @ (u - self._mean * delta / 2)
        return np.asarray(free - free.mean(axis=0) + delta / self._z.shape[1])

    def residuals(self, u: Floats, values: Floats) -> Floats:
        """Return what the values do not explain, (pairs, outputs)."""
        return np.asarray(u - self._z @ values / 2)

    def explains(self, u: Floats, values: Floats) -> bool:
        """Tell whether main effects are all there is, up to rounding."""
        left = np.abs(self.residuals(u, values)).max(axis=0)
        size = np.abs(u).max(axis=0) + np.abs(values).max(axis=0)
        return self.determined and bool((left <= _ROUNDING * size).all())

    def stderr(self, u: Floats, values: Floats, unseen: Floats) -> Floats:
        """Return standard errors, (players, outputs), by the sandwich formula.

        Parameters
        ----------
        unseen : array of shape (pairs,)
            Share of the pairs of the same size that was not drawn: what is all known does not err.
        """
        own = (self._centered * self._solve.T).sum(axis=1)
        left = self.residuals(u, values) / (1 - np.minimum(own, _LEVERAGE))[:, None]
        return np.asarray(2 * np.sqrt(self._solve**2 @ (left**2 * unseen[:, None])))
