"""Response functions: what is made of a raw output.

Each maps raw outputs of shape (rows, raw outputs) to outputs of shape (rows, outputs):

======================  ==============================================  ===================
name                    formula                                         outputs
======================  ==============================================  ===================
identity                r                                               as raw
logistic                1 / (1 + exp(-r))                               as raw
softmax                 exp(r_c) / sum_j exp(r_j)                       as raw
exp                     exp(r)                                          as raw
log_loss_logistic       log(1 + exp(r)) - y r                           1
log_loss_softmax        log sum_j exp(r_j) - r_y                        1
log_loss_probability    -log r_y (of one column: -log r or -log(1-r))   1
======================  ==============================================  ===================
"""

from typing import Literal, TypeAlias, cast

import numpy as np

from whence.core.errors import InputError
from whence.core.types import Floats, Ints

Response: TypeAlias = Literal[
    "identity", "logistic", "softmax", "exp",
    "log_loss_logistic", "log_loss_softmax", "log_loss_probability",
]  # fmt: skip

_SMALLEST = 1e-15


def respond(name: Response, raw: Floats, labels: Ints | None) -> Floats:
    """Apply a response function.

    Parameters
    ----------
    name : str
        One of the names above.
    raw : array of shape (rows, raw outputs)
    labels : int array of shape (rows,) or None
        Position of the true class; needed by the losses.

    Examples
    --------
    >>> respond("logistic", np.zeros((1, 1)), None)
    array([[0.5]])
    >>> respond("log_loss_logistic", np.zeros((1, 1)), np.array([1])).round(3)
    array([[0.693]])
    """
    if name == "identity":
        return raw
    if name == "logistic":
        return np.asarray(np.exp(-np.logaddexp(0.0, -raw)))
    if name == "softmax":
        shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
    if name == "exp":
        return np.asarray(np.exp(raw))
    if labels is None:
        raise InputError("A log-loss was asked for without labels. Give y, one label per row.")
    return _loss(name, raw, labels)[:, None]


def _loss(name: str, raw: Floats, labels: Ints) -> Floats:
    n = np.arange(len(raw))
    if name == "log_loss_logistic":
        return cast("Floats", np.logaddexp(0.0, raw[:, 0]) - labels * raw[:, 0])
    if name == "log_loss_softmax":
        return cast("Floats", np.logaddexp.reduce(raw, axis=1) - raw[n, labels])
    p = np.column_stack([1 - raw, raw]) if raw.shape[1] == 1 else raw
    return cast("Floats", -np.log(np.maximum(p[n, labels], _SMALLEST)))
