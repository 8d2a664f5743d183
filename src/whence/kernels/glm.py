"""Standard errors of the coefficients of linear and generalized linear models, also with a ridge.

A fit minimizes ``loss(b) + penalty / 2 |b|^2`` over coefficients ``b``, the intercept being free;
the loss is half the sum of squared errors, or minus the log-likelihood of a logistic, multinomial
or Poisson model. With the gradient ``g`` and Hessian ``H`` of the loss at the fit, ``g = -penalty
b``: the penalty can be read off, and whether the coefficients are such a fit can be seen. Their
covariance is the sandwich ``A^-1 H A^-1 s^2`` with ``A = H + penalty`` and the variance ``s^2`` of
the noise (1 unless the loss is squared error). Without a penalty this is the inverse of the Fisher
information; with one it is the variance about the *penalized* coefficients, not about true ones.
"""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from whence.core.types import Bools, Floats

Family: TypeAlias = Literal["gaussian", "logistic", "multinomial", "poisson"]

_NEAR = 0.1
"""Standard errors that a coefficient may be from where the loss is least: solvers stop early."""
_CUTOFF = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """How far coefficients may be off.

    Attributes
    ----------
    stderr : array of shape (columns, outputs)
    penalty : float
        The ridge that was read off; 0 where it moves no coefficient by more than a tenth of its
        standard error.
    fits : bool
        Whether the coefficients are where the penalized loss of these rows is least.
    """

    stderr: Floats
    penalty: float
    fits: bool


def spread(family: Family, X: Floats, Y: Floats, intercept: Floats, coefficients: Floats) -> Spread:
    """Return the standard errors of fitted coefficients.

    Parameters
    ----------
    family : {"gaussian", "logistic", "multinomial", "poisson"}
    X : array of shape (rows, columns)
    Y : array of shape (rows, outputs)
        True numbers; of classes, 1 for the class of the output.
    intercept : array of shape (outputs,)
    coefficients : array of shape (columns, outputs)

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> y = np.array([[0.0], [1.0], [1.0], [2.0]])
    >>> found = spread("gaussian", X, y, np.array([0.1]), np.array([[0.6]]))
    >>> found.fits, found.stderr.round(4), round(found.penalty, 6)
    (True, array([[0.1414]]), 0.0)
    """
    center = X.mean(axis=0)
    design = np.column_stack([np.ones(len(X)), X - center])
    eta = X @ coefficients + intercept
    if family == "multinomial":
        return _several(design, Y, eta, coefficients)
    parts = [
        _one(family, design, Y[:, k], eta[:, k], coefficients[:, k]) for k in range(Y.shape[1])
    ]
    return Spread(
        stderr=np.stack([part.stderr for part in parts], axis=1),
        penalty=max(part.penalty for part in parts),
        fits=all(part.fits for part in parts),
    )


def _one(family: Family, design: Floats, y: Floats, eta: Floats, b: Floats) -> Spread:
    if family == "logistic":
        mean = np.exp(-np.logaddexp(0.0, -eta))
        weight = mean * (1 - mean)
    elif family == "poisson":
        mean = weight = np.exp(eta)
    else:
        mean, weight = eta, np.ones(len(eta))
    hessian = (design * weight[:, None]).T @ design
    free = np.arange(len(hessian)) == 0
    squares = float(((y - mean) ** 2).sum()) if family == "gaussian" else None
    return _fit(design.T @ (mean - y), hessian, np.append(0.0, b), free, (squares, len(y)))


def _several(design: Floats, Y: Floats, eta: Floats, coefficients: Floats) -> Spread:
    """Return the standard errors of a softmax over classes, whose Hessian joins them all."""
    p = np.exp(eta - eta.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    k, q = Y.shape[1], design.shape[1]
    hessian = np.empty((k * q, k * q))
    for i in range(k):
        for j in range(i, k):
            weight = p[:, i] * ((i == j) - p[:, j])
            block = (design * weight[:, None]).T @ design
            hessian[i * q : (i + 1) * q, j * q : (j + 1) * q] = block
            hessian[j * q : (j + 1) * q, i * q : (i + 1) * q] = block
    b = np.vstack([np.zeros(k), coefficients]).T.ravel()
    free = np.tile(np.arange(q) == 0, k)
    flat = _fit((design.T @ (p - Y)).T.ravel(), hessian, b, free, (None, len(Y)))
    return replace(flat, stderr=flat.stderr.reshape(k, q - 1).T)


def _fit(g: Floats, H: Floats, b: Floats, free: Bools, squares: tuple[float | None, int]) -> Spread:
    """Return the standard errors of a fit; a ridge that moves nothing is none.

    Parameters
    ----------
    g, b : arrays of shape (coefficients,)
        Gradient of the loss, and the coefficients, 0 for the intercepts.
    H : array of shape (coefficients, coefficients)
        Hessian of the loss.
    free : bool array of shape (coefficients,)
        Which are intercepts.
    squares : (float or None, int)
        Sum of squared errors, if noise is to be estimated, and the number of rows.
    """
    size = float(b @ b)
    penalty = max(0.0, -float(g @ b) / size) if size > 0 else 0.0
    plain = _with_penalty(g, H, b, free, 0.0, squares)
    if penalty == 0 or (np.abs(_inverse(H) @ (penalty * b))[~free] <= _room(plain.stderr, b)).all():
        return plain
    return _with_penalty(g, H, b, free, penalty, squares)


def _with_penalty(
    g: Floats, H: Floats, b: Floats, free: Bools, penalty: float, squares: tuple[float | None, int]
) -> Spread:
    ridge = np.where(free, 0.0, penalty)
    inverse = _inverse(H + np.diag(ridge))
    noise, (error, rows) = 1.0, squares
    if error is not None:
        left = rows - float(np.einsum("ij,ji->", inverse, H))
        noise = error / left if left > _CUTOFF else np.nan
    variance = np.einsum("ij,jk,ik->i", inverse, H, inverse, optimize=True)[~free]
    stderr = np.sqrt(np.maximum(variance, 0.0) * noise)
    step = np.abs(inverse @ (g + ridge * b))[~free]
    return Spread(
        stderr=stderr,
        penalty=penalty,
        fits=bool(np.isfinite(stderr).all() and (step <= _room(stderr, b)).all()),
    )


def _inverse(A: Floats) -> Floats:
    """Return the inverse, whatever the units of columns; of a singular one that of least norm."""
    unit = np.sqrt(np.diag(A))
    unit = np.where(unit > 0, unit, 1.0)
    values, vectors = np.linalg.eigh(A / np.outer(unit, unit))
    there = values > _CUTOFF * values[-1]
    root = vectors[:, there] / np.sqrt(values[there]) / unit[:, None]
    if not there.all():
        nothing = np.linalg.qr(vectors[:, ~there] / unit[:, None])[0]
        root = root - nothing @ (nothing.T @ root)
    return np.asarray(root @ root.T)


def _room(stderr: Floats, b: Floats) -> Floats:
    """Return how far a coefficient may be off without being another one."""
    return np.asarray(_NEAR * stderr + 1e-9 * np.abs(b).max())
