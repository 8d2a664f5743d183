"""How usual a row is among others.

References
----------
Vovk, Gammerman and Shafer 2005 (conformal p-values), doi:10.1007/b106715.
"""

import numpy as np

from whence.core.types import Bools, Floats
from whence.kernels.gower import distances


def conformal(
    real: Floats, new: Floats, scale: Floats, category: Bools, *, neighbors: int
) -> Floats:
    """Return the conformal p-value of new rows among real ones, (new rows,).

    A row is as unusual as its mean distance from its nearest real rows is large, of which a real
    one is none itself. The p-value is the share of rows, the new one counted in, that are at least
    as unusual: if the new row were drawn as the real ones were, it would be below 0.05 once in
    twenty times.

    Parameters
    ----------
    real, new : arrays of shape (rows, columns)
    scale : array of shape (columns,)
    category : bool array of shape (columns,)
    neighbors : int

    Examples
    --------
    >>> real = np.arange(99.0)[:, None]
    >>> new = np.array([[50.0], [500.0]])
    >>> conformal(real, new, np.ones(1), np.array([False]), neighbors=2).round(2)
    array([1.  , 0.01])
    """
    own = distances(real, real, scale, category)
    np.fill_diagonal(own, np.inf)
    k = max(1, min(neighbors, len(real) - 1))
    usual = np.sort(own, axis=1)[:, :k].mean(axis=1)
    apart = distances(new, real, scale, category)
    strange = np.sort(apart, axis=1)[:, : min(k, len(real))].mean(axis=1)
    return np.asarray((1 + (usual >= strange[:, None] - 1e-12).sum(axis=1)) / (len(real) + 1))
