"""What two columns do together, told apart from what each does alone.

A table ``F`` over the bins of two columns, of weights ``w``, is ``mean + a_r + b_c + rest`` in many
ways. The pure one is that whose rest has the weighted mean zero over each row and each column of
the table: ``sum_c w_rc rest_rc = 0`` and ``sum_r w_rc rest_rc = 0``. That is the least squares fit
of ``a_r + b_c``, one linear system of as many unknowns as the table has rows and columns.

References
----------
B. Lengerich et al., Purifying interaction effects with the functional ANOVA, 2020.
arXiv:1911.04974
"""

import numpy as np

from whence.core.types import Floats


def purify(F: Floats, w: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Split tables over two columns into a mean, two main effects and a pure interaction.

    Parameters
    ----------
    F : array of shape (rows, columns, outputs)
    w : array of shape (rows, columns)
        Non-negative weights. A row or column of the table that weighs nothing has the main effect
        zero: nothing tells it apart.

    Returns
    -------
    mean : array of shape (outputs,)
    a : array of shape (rows, outputs)
        Of weighted mean zero.
    b : array of shape (columns, outputs)
    rest : array like ``F``
        ``F = mean + a + b + rest``.

    Examples
    --------
    >>> F = np.array([[1.0, 2.0], [3.0, 4.0]])[:, :, None]
    >>> mean, a, b, rest = purify(F, np.ones((2, 2)))
    >>> mean.round(9), a[:, 0].round(9), b[:, 0].round(9), bool(abs(rest).max() < 1e-12)
    (array([2.5]), array([-1.,  1.]), array([-0.5,  0.5]), True)
    """
    rows, columns, k = F.shape
    whole = w.sum()
    if not whole > 0:
        return np.zeros(k), np.zeros((rows, k)), np.zeros((columns, k)), F.copy()
    w = w / whole
    mean = np.einsum("rc,rck->k", w, F)
    away = F - mean
    system = np.block([[np.diag(w.sum(axis=1)), w], [w.T, np.diag(w.sum(axis=0))]])
    sums = np.concatenate(
        [np.einsum("rc,rck->rk", w, away), np.einsum("rc,rck->ck", w, away)], axis=0
    )
    found = np.linalg.lstsq(system, sums, rcond=1e-13)[0]
    a, b = found[:rows], found[rows:]
    a = np.where(w.sum(axis=1)[:, None] > 0, a - w.sum(axis=1) @ a, 0.0)
    b = np.where(w.sum(axis=0)[:, None] > 0, b - w.sum(axis=0) @ b, 0.0)
    return mean, a, b, away - a[:, None] - b[None]
