"""One pass for several explanations: what was found in a pass is kept while one asks for it.

Nothing outlives the block, and what is kept is compared with the rows and the parameters
themselves before it is used again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_kept: ContextVar[list[Any] | None] = ContextVar("_kept", default=None)


@contextmanager
def one_sweep() -> Iterator[None]:
    """Let explanations by class activation maps of the same rows share their passes.

    Within it, the first map of some rows passes them through the network, and the others read what
    was found there; their ``provenance.evaluations`` count the rows that were passed for them, so
    that they are 0. The network must not be changed meanwhile. Threads (``n_jobs``) do not share.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> from whence.deep.methods.cams import GradCam, HiResCam
    >>> nn = torch.nn
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    >>> X = np.random.default_rng(0).random((1, 1, 4, 4), dtype=np.float32)
    >>> with one_sweep():
    ...     maps = [wh.explain(net, X, method) for method in (GradCam(), HiResCam())]
    >>> [e.provenance.evaluations for e in maps]
    [3, 0]
    """
    if _kept.get() is not None:  # within another one
        yield
        return
    token = _kept.set([])
    try:
        yield
    finally:
        _kept.reset(token)


def kept() -> list[Any] | None:
    """Return the sweeps that are kept; None outside of `one_sweep`."""
    return _kept.get()
