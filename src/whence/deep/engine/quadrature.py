"""Nodes and weights on [0, 1] whose sets are nested, so that no gradient is taken twice.

Along a straight path the gradient of a smooth network (GELU, tanh) is smooth, and few nodes of
Patterson integrate it to many digits. Each of his rules, of 1, 3, 7, 15 and 31 nodes, holds those
of the one before. The gradient of a network of ReLU jumps; no rule then does better than 1 / n, and
midpoints are the best of these. Each midpoint stays one when its interval is cut in three.

References
----------
Patterson, doi:10.1090/S0025-5718-68-99866-9.
"""

from functools import cache

import numpy as np
from numpy.polynomial import legendre

from whence.core.types import Floats

PROBE, LONG_PROBE, SMOOTH = 7, 15, 31
"""Nodes that rows are probed with, and that smooth ones may have; each holds those before."""
FIRST = 27
"""Midpoints that a row begins with that the probe has not settled."""
_SIZES = (3, PROBE, LONG_PROBE, SMOOTH)


def gauss_legendre(count: int) -> tuple[Floats, Floats]:
    """Return the nodes of Gauss and Legendre and their weights.

    Examples
    --------
    >>> nodes, weights = gauss_legendre(2)
    >>> round(float(weights @ nodes**3), 12)
    0.25
    """
    nodes, weights = legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


@cache
def patterson() -> tuple[Floats, Floats]:
    """Return the 31 nodes of Patterson, and the weights of his rules.

    Returns
    -------
    nodes : array of shape (31,)
        The one of the smallest rule first, then those that each larger one adds.
    weights : array of shape (5, 31)
        Of the rules of 1, 3, 7, 15 and 31 nodes; 0 where a rule lacks a node.

    Examples
    --------
    >>> nodes, weights = patterson()
    >>> [round(float(rule @ nodes**5), 12) for rule in weights[:4]]
    [0.03125, 0.166666666667, 0.166666666667, 0.166666666667]
    """
    nodes = np.zeros(1)
    rules = [np.array([2.0])]
    for size in _SIZES:
        nodes = np.append(nodes, _added(nodes))
        rules.append(_interpolating(nodes))
        if len(nodes) != size:
            raise RuntimeError(f"A rule of {len(nodes)} nodes was found, not one of {size}.")
    weights = np.zeros((len(rules), len(nodes)))
    for row, rule in zip(weights, rules, strict=True):
        row[: len(rule)] = rule / 2
    return (nodes + 1) / 2, weights


def midpoints(count: int) -> Floats:
    """Return the midpoints of equal intervals.

    Examples
    --------
    >>> midpoints(2)
    array([0.25, 0.75])
    """
    return (np.arange(count) + 0.5) / count


def thirds(count: int) -> Floats:
    """Return the midpoints that are new when ``count`` intervals are cut in three each.

    Examples
    --------
    >>> sorted([*midpoints(1), *thirds(1)]) == midpoints(3).tolist()
    True
    """
    return np.asarray(midpoints(3 * count)[np.arange(3 * count) % 3 != 1])


def _added(nodes: Floats) -> Floats:
    """Return the n + 1 nodes that give a rule of n nodes the highest degree.

    They are the zeros of E in the orthogonality of E times the product of (x - node) to all
    polynomials of degree n at most, a linear system in the Legendre coefficients of E.
    """
    n = len(nodes)
    at, weight = legendre.leggauss(2 * n + 2)
    basis = legendre.legvander(at, n + 1)
    product = np.prod(at[:, None] - nodes, axis=1)
    moments = basis[:, : n + 1].T @ (basis * (weight * product)[:, None])
    _, _, right = np.linalg.svd(moments)  # n + 1 equations for n + 2 coefficients
    return np.asarray(np.sort(np.real(legendre.legroots(right[-1]))))


def _interpolating(nodes: Floats) -> Floats:
    """Return the weights that integrate over [-1, 1] all polynomials of degree below n."""
    moments = np.zeros(len(nodes))
    moments[0] = 2.0
    return np.asarray(np.linalg.solve(legendre.legvander(nodes, len(nodes) - 1).T, moments))
