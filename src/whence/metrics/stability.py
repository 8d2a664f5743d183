"""Whether explaining a row again tells the same story: the stability indices of Visani et al."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.measurement import Measurement
from whence.core.types import Bools, Floats

_ROUNDING = 1e-9
"""Share of the largest value below which two values are the same."""
_SURE = 1.96
"""Standard errors on both sides of a 95 % interval."""
_FEWEST = 2


def stability(explanations: Sequence[Attribution], top: int = 5) -> Measurement:
    """Measure how far repeated explanations of the same rows agree.

    VSI, the variables stability index, is the mean over all pairs of runs of the share of the
    ``top`` strongest players that both name. CSI, the coefficients stability index, is the mean
    over the players of the share of pairs of runs whose 95 % intervals overlap. Both are in
    percent, and 100 is the best.

    Parameters
    ----------
    explanations : sequence of Attribution
        At least two, of the same rows, made with different seeds.
    top : int
        So many of the strongest players, by absolute value, are compared.

    Returns
    -------
    Measurement
        A line "VSI" and a line "CSI" for each output, which is the group. The value is the mean
        over the rows, the interval the 95 % interval of that mean.

    Raises
    ------
    InputError
        If there are fewer than two explanations, or they are not of the same rows and players.

    References
    ----------
    Visani et al. 2022, doi:10.1080/01605682.2020.1865846.

    Examples
    --------
    >>> import whence as wh
    >>> Z = np.random.default_rng(0).normal(size=(50, 8))
    >>> lime = wh.Lime(background=Z, budget=400)
    >>> def model(X):
    ...     return X @ np.arange(8.0)
    >>> m = stability([wh.explain(model, Z[:3], lime, rng=seed) for seed in range(3)])
    >>> m.name, m.value
    (('VSI', 'CSI'), array([100., 100.]))
    """
    _check(explanations, top)
    first = explanations[0]
    n, k = len(first), first.outputs.shape[1]
    values = np.array([e.values.reshape(n, -1, k) for e in explanations])
    stderr = np.array([_stderr(e).reshape(n, -1, k) for e in explanations])
    present = np.ones((n, values.shape[2]), bool) if first.mask is None else first.mask
    present = present.reshape(n, -1)
    lines = [
        line
        for o, group in enumerate(_groups(first, k))
        for line in (
            _line("VSI", _vsi(values[..., o], present, top), group, f"{top} strongest"),
            _line("CSI", _csi(values[..., o], stderr[..., o], present), group, "95 % intervals"),
        )
    ]
    total = lines[0]
    for line in lines[1:]:
        total = total + line
    return total


def _check(explanations: Sequence[Attribution], top: int) -> None:
    if isinstance(top, bool) or not isinstance(top, (int, np.integer)) or top < 1:
        raise InputError(f"top is {top!r}. A positive whole number is needed.")
    strange = [type(e).__name__ for e in explanations if not isinstance(e, Attribution)]
    if strange:
        raise InputError(f"{strange[0]} was given. Attributions are needed, one for each run.")
    if len(explanations) < _FEWEST:
        raise InputError(
            f"{len(explanations)} explanations were given. At least two of the same rows are "
            "needed, made with different seeds: [wh.explain(..., rng=i) for i in range(20)]."
        )
    shapes = sorted({e.values.shape for e in explanations})
    digests = {e.provenance.data_digest for e in explanations}
    if len(shapes) > 1 or len(digests) > 1:
        raise InputError(
            f"The explanations are of different rows or players (shapes {shapes}). Explain the "
            "same rows by the same method, with other seeds."
        )


def _stderr(e: Attribution) -> Floats:
    return np.zeros_like(e.values) if e.stderr is None else e.stderr


def _groups(e: Attribution, k: int) -> tuple[str, ...]:
    if k == 1:
        return ("all",)
    return e.names.outputs or tuple(f"output {o}" for o in range(k))


def _vsi(values: Floats, present: Bools, top: int) -> Floats:
    """Return the index of each row, of values of shape (runs, rows, players)."""
    size = np.where(present, np.abs(values), -1.0)
    least = _ROUNDING * size.max(initial=0.0)  # ties must not be broken by rounding
    size = np.where(present & (least > 0), np.round(size / (least or 1.0)) * least, size)
    order = np.argsort(-size, axis=2, kind="stable")
    named = np.zeros(size.shape, dtype=bool)
    np.put_along_axis(named, order[:, :, :top], values=True, axis=2)
    named &= present
    wanted = np.minimum(top, present.sum(axis=1))
    both = [(named[a] & named[b]).sum(axis=1) / wanted for a, b in _pairs(len(values))]
    return np.asarray(100 * np.mean(both, axis=0))


def _csi(values: Floats, stderr: Floats, present: Bools) -> Floats:
    """Return the index of each row."""
    least = _ROUNDING * np.abs(values).max(axis=(0, 2), initial=0.0)[:, None]
    low, high = values - _SURE * stderr - least, values + _SURE * stderr + least
    overlap = [(low[a] <= high[b]) & (low[b] <= high[a]) for a, b in _pairs(len(values))]
    share = np.mean(overlap, axis=0)
    return np.asarray(100 * (share * present).sum(axis=1) / present.sum(axis=1))


def _pairs(runs: int) -> list[tuple[int, int]]:
    return list(combinations(range(runs), 2))


def _line(name: str, each: Floats, group: str, method: str) -> Measurement:
    n, mean = len(each), float(each.mean())
    error = _SURE * float(each.std(ddof=1)) / np.sqrt(n) if n > 1 else np.nan
    return Measurement.of(
        name,
        mean,
        n=n,
        low=max(mean - error, 0.0) if n > 1 else np.nan,
        high=min(mean + error, 100.0) if n > 1 else np.nan,
        group=group,
        unit="%",
        better="higher",
        method=method,
    )
