"""How well a few prototypes stand for all rows."""

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.examples import Examples
from whence.core.inputs import inputs_of
from whence.core.measurement import Measurement
from whence.core.types import Bools, Floats, Ints
from whence.kernels.mmd_critic import Gram, discrepancy, width_of
from whence.maskers.likeness import Apart, Embed, Likeness
from whence.models.decided import decided
from whence.models.predict import read_predict

_MOST = 1_500
"""Rows of a group that a discrepancy is taken of; of more a random sample."""
_SURE = 1.96
"""Standard errors on both sides of a 95 % interval."""


def representation(
    e: Examples,
    model: object,
    X: object,
    *,
    embed: Embed | None = None,
    weights: Mapping[str, float] | None = None,
    rng: int = 0,
) -> Measurement:
    """Measure how well prototypes stand for the rows that they were picked of.

    Parameters
    ----------
    e : Examples
        What ``Prototypes`` made of ``X``.
    model : fitted model or callable
    X : table, images, texts or series
        The rows explained.
    embed, weights : callable, mapping or None
        Those of the prototypes.
    rng : int
        Seed of samples and of the bootstrap.

    Returns
    -------
    Measurement
        A line "MMD^2" for each group: the squared maximum mean discrepancy of the rows and of the
        prototypes with their shares, with a bootstrap interval; 0 is the best. Where there are
        classes, a line "nearest prototype": the share of rows whose nearest prototype is one of
        the class that the model decides for, with a 95 % interval.

    Raises
    ------
    InputError
        If these are no prototypes of these rows.

    Examples
    --------
    >>> import whence as wh
    >>> from whence.explainers.prototypes import Prototypes
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1]])
    >>> def model(X):
    ...     return np.column_stack([X[:, 0] < 3, X[:, 0] >= 3]).astype(float)
    >>> m = representation(wh.explain(model, X, Prototypes(count=2), rng=0), model, X)
    >>> m.name, m.group, m.value[2]
    (('MMD^2', 'MMD^2', 'nearest prototype'), ('y0', 'y1', 'all'), np.float64(1.0))
    """
    inputs = inputs_of(X)
    if e.kind != "prototype" or e.index is None or e.score is None:
        raise InputError(f"Examples of kind {e.kind!r} were given. Give what Prototypes made.")
    if e.provenance.data_digest != inputs.digest():
        raise InputError("X holds other rows than were explained. Give the rows explained.")
    view = read_predict(model)
    likeness = Likeness.of(inputs, embed=embed, weights=weights, names=view.features)
    apart = likeness.of_rows(inputs)[0]
    groups = e.names.rows or ()
    found = None if groups == ("all",) else decided(view, view.ask(inputs))
    label = np.zeros(len(inputs), dtype=np.int64)
    if found is not None:
        label = np.array([groups.index(found.names[c]) for c in found.label])
    generator = np.random.default_rng(rng)
    lines = [
        _discrepancy(name, apart, np.flatnonzero(label == g), e[g], generator)
        for g, name in enumerate(groups)
    ]
    total = lines[0]
    for line in lines[1:]:
        total = total + line
    return total if found is None else total + _nearest(apart, label, e.index, e.valid)


def _discrepancy(name: str, apart: Apart, rows: Ints, one: Examples, rng: Generator) -> Measurement:
    index, score = np.asarray(one.index)[one.valid], np.asarray(one.score)[one.valid]
    if len(rows) > _MOST:
        others = np.setdiff1d(rows, index)
        rows = np.concatenate([index, rng.choice(others, _MOST - len(index), replace=False)])
    place = {int(row): i for i, row in enumerate(rows)}

    def between(some: Ints, others: Ints) -> Floats:
        return apart(rows[some], rows[others])

    gram = Gram(size=len(rows), apart=between, width=width_of(len(rows), between, rng))
    chosen = np.array([place[int(row)] for row in index])
    value, low, high = discrepancy(gram, chosen, score, rng)
    return Measurement.of(
        "MMD^2", value, n=len(rows), low=low, high=high, group=name, better="lower",
        method="bootstrap of the rows",
    )  # fmt: skip


def _nearest(apart: Apart, label: Ints, index: Ints, valid: Bools) -> Measurement:
    own = np.nonzero(valid)[0]
    chosen, n = index[valid], len(label)
    right = sum(
        int((own[apart(s, chosen).argmin(axis=1)] == label[s]).sum()) for s in apart.blocks()
    )
    share, z2 = right / n, _SURE**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _SURE / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Measurement.of(
        "nearest prototype", share, n=n, low=max(middle - half, 0.0), high=min(middle + half, 1.0),
        unit="share of rows", better="higher", method="class of the nearest; Wilson's interval",
    )  # fmt: skip
