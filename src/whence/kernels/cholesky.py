"""Positive definite systems, solved block by block so that matrix products do nearly all the work.

With one right-hand side per player this takes less than half the time of a general solver.
"""

import numpy as np

from whence.core.blocks import cut
from whence.core.types import Floats

_BLOCK = 64


def solve_positive(A: Floats, B: Floats) -> Floats:
    """Return ``A^-1 B``.

    Parameters
    ----------
    A : array of shape (m, m)
        Symmetric and positive definite; its contents are lost.
    B : array of shape (m, k)

    Raises
    ------
    numpy.linalg.LinAlgError
        If ``A`` is not positive definite.

    References
    ----------
    Golub and Van Loan, Matrix Computations (4th ed.), section 4.2.9, block Cholesky.

    Examples
    --------
    >>> solve_positive(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([[2.0], [2.0]]))
    array([[1. ],
           [0.5]])
    """
    X, inverses, blocks = B.copy(), [], cut(len(A), _BLOCK)
    for s in blocks:  # A becomes its own factor, below the blocks on the diagonal
        rest, past = slice(s.stop, None), slice(0, s.start)
        A[s.start :, s] -= A[s.start :, past] @ A[s, past].T
        inverse = np.linalg.inv(np.linalg.cholesky(A[s, s]))
        A[rest, s] = A[rest, s] @ inverse.T
        X[s] = inverse @ (X[s] - A[s, past] @ X[past])
        inverses.append(inverse)
    for s, inverse in zip(reversed(blocks), reversed(inverses), strict=True):
        X[s] = inverse.T @ (X[s] - A[s.stop :, s].T @ X[s.stop :])
    return X
