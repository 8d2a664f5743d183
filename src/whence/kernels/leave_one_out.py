"""What a fitted linear model would say without one of its training rows.

A model whose scores are ``eta = phi @ beta``, ``beta`` at the minimum of
``sum_i loss(eta_i, y_i) + sum_j penalty_j beta_j^2 / 2``, moves by one step of Newton's method
when row ``i`` is left out:

``beta_without_i - beta = H^-1 phi_i (1 - m_i phi_i^T H^-1 phi_i)^-1 r_i``

with the residual ``r`` (first derivative of the loss by the scores), the curvature ``m`` (second
derivative) and ``H = sum_i m_i phi_i phi_i^T + diag(penalty)``. The middle factor takes the row out
of ``H``, too (Sherman, Morrison and Woodbury), which influence functions do without. For the
squared error the step is exact. With ``q`` scores per row, ``r_i`` is of length ``q`` and ``m_i``
of shape (q, q); the squared error treats each score by itself.

References
----------
Koh & Liang 2017, arXiv:1703.04730. Pregibon 1981, doi:10.1214/aos/1176345513. Cook 1977,
doi:10.2307/1268249.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from whence.core.types import Floats, Ints

_PIVOT = 1e-9
"""Share of a diagonal entry below which nothing is left of it but rounding."""
_ALONE = 1e-9
"""What a row leaves of itself where it alone decides about a coefficient."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeaveOneOut:
    """What is needed to leave out any training row.

    Attributes
    ----------
    root : array of shape (columns, m) or (scores, columns, m)
        ``root @ root.T`` is the inverse of ``H``.
    moved : array of shape (rows, m) or None
        How each row, left out, moves the coefficients, in the coordinates of ``root``.
    places, pull : arrays of shape (rows, m) and (rows, scores), or None
        The same for the squared error, where it is the product of the two.
    alone : int array
        Rows that alone decide about a coefficient: without them it is not determined, and they are
        taken to move nothing.
    """

    root: Floats
    moved: Floats | None
    places: Floats | None
    pull: Floats | None
    alone: Ints

    @classmethod
    def of(
        cls, features: Floats, residual: Floats, curvature: Floats | None, penalty: Floats
    ) -> Self:
        """Prepare to leave out each row.

        Parameters
        ----------
        features : array of shape (rows, columns)
            With a column of ones, if there is an intercept.
        residual : array of shape (rows, scores)
        curvature : array of shape (rows, scores, scores) or None
            None is the squared error, whose curvature is one.
        penalty : array of shape (columns,)

        Examples
        --------
        >>> ones, y = np.ones((3, 1)), np.array([[0.0], [0.0], [3.0]])
        >>> left = LeaveOneOut.of(ones, ones - y, None, np.zeros(1))  # the mean is 1
        >>> left.moves(np.ones(1)).ravel()
        array([ 0.5,  0.5, -1. ])
        """
        q = residual.shape[1]
        if curvature is None:
            root = _inverse_root(features.T @ features + np.diag(penalty))
            places = features @ root
            left = 1 - (places**2).sum(axis=1)
            alone = left <= _ALONE
            pull = residual / np.where(alone, 1.0, left)[:, None]
            return cls(root=root, moved=None, places=places, pull=pull, alone=np.flatnonzero(alone))
        root = _inverse_root(_hessian(features, curvature, penalty))
        blocks = root.reshape(q, features.shape[1], -1)
        at = np.stack([features @ block for block in blocks], axis=1)  # (rows, scores, m)
        rest = np.asarray(np.eye(q) - curvature @ (at @ at.transpose(0, 2, 1)))
        alone = np.abs(np.linalg.det(rest)) <= _ALONE
        rest[alone] = np.eye(q)
        each = np.linalg.solve(rest, residual[..., None])[..., 0]
        moved = np.einsum("nqm,nq->nm", at, each)
        return cls(root=blocks, moved=moved, places=None, pull=None, alone=np.flatnonzero(alone))

    def moves(self, features: Floats) -> Floats:
        """Return how the scores of a row move when each training row is left out.

        Parameters
        ----------
        features : array of shape (columns,)

        Returns
        -------
        array of shape (training rows, scores)
        """
        if self.places is not None and self.pull is not None:
            return np.asarray((self.places @ (features @ self.root))[:, None] * self.pull)
        return np.stack([self.moved @ (features @ block) for block in self.root], axis=1)

    def step(self, features: Floats, gradient: Floats) -> Floats:
        """Return how the scores of rows move by one step of Newton's method from a gradient.

        Parameters
        ----------
        features : array of shape (rows, columns)
        gradient : array of shape (columns, scores)

        Returns
        -------
        array of shape (rows, scores)
        """
        if self.places is not None:
            return np.asarray(-features @ (self.root @ (self.root.T @ gradient)))
        flat = self.root.reshape(-1, self.root.shape[2])
        change = (flat @ (flat.T @ gradient.T.reshape(-1))).reshape(len(self.root), -1)
        return np.asarray(-features @ change.T)


def _hessian(features: Floats, curvature: Floats, penalty: Floats) -> Floats:
    """Return second derivatives, coefficients sorted by score and then by column."""
    q, d = curvature.shape[1], features.shape[1]
    out = np.empty((q, d, q, d))
    for a in range(q):
        for b in range(a, q):
            block = features.T @ (features * curvature[:, a, b, None])
            out[a, :, b], out[b, :, a] = block, block.T
        out[a, :, a] += np.diag(penalty)
    return out.reshape(q * d, q * d)


def _inverse_root(H: Floats) -> Floats:
    """Return R with R R^T = H^-1, or a generalized inverse where H is singular."""
    from scipy.linalg import LinAlgError, cholesky, solve_triangular

    size = np.sqrt(np.diag(H))
    size = np.where(size > 0, size, 1.0)
    scaled = H / size / size[:, None]
    try:
        L = cholesky(scaled, lower=True)
        sound = bool((np.diag(L) ** 2 > _PIVOT).all())
    except LinAlgError:
        sound = False
    if sound:
        inverse = solve_triangular(L, np.eye(len(L)), lower=True)
        return np.asarray(inverse.T / size[:, None])
    values, axes = np.linalg.eigh(scaled)
    there = values > _PIVOT * values[-1]
    return np.asarray(axes[:, there] / np.sqrt(values[there]) / size[:, None])
