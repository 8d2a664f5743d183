"""How well prototypes stand for rows is what its definition says."""

import numpy as np
import pytest

import whence as wh
from whence.core.errors import InputError
from whence.core.types import Floats
from whence.explainers.criticisms import Criticisms
from whence.explainers.prototypes import Prototypes
from whence.kernels.gower import distances, ranges
from whence.metrics.representation import representation

rng = np.random.default_rng(0)
X = np.concatenate([rng.normal(size=(50, 2)), rng.normal(size=(25, 2)) + 2])


def model(rows: Floats) -> Floats:
    p = 1 / (1 + np.exp(2 - rows.sum(axis=1)))
    return np.column_stack([1 - p, p])


def test_the_numbers_are_those_of_the_definition() -> None:
    e = wh.explain(model, X, Prototypes(count=5), rng=0)

    m = representation(e, model, X)

    apart = distances(X, X, ranges(X), np.zeros(2, dtype=bool))
    label = model(X).argmax(axis=1)
    for g in range(2):
        rows, score = np.flatnonzero(label == g), e.score[g][e.valid[g]]
        within = apart[np.ix_(rows, rows)]
        K = np.exp(-within / np.median(within[np.triu_indices(len(rows), 1)]))
        at = np.searchsorted(rows, e.index[g][e.valid[g]])
        truth = K.mean() - 2 * (K[:, at] @ score).mean() + score @ K[np.ix_(at, at)] @ score
        assert m.value[g] == pytest.approx(truth)
        assert m.low[g] < truth < m.high[g]
    index, own = e.index[e.valid], np.nonzero(e.valid)[0]
    right = (own[apart[:, index].argmin(axis=1)] == label).mean()
    assert m.value[2] == pytest.approx(right)
    assert m.low[2] < right < m.high[2]
    assert m.group == ("y0", "y1", "all")


def test_more_prototypes_are_nearer_to_the_rows() -> None:
    few, many = (
        wh.explain(model, X, Prototypes(count=count, per_class=False), rng=0) for count in (2, 12)
    )
    assert representation(many, model, X).value[0] < representation(few, model, X).value[0]


def test_other_rows_and_other_examples_are_refused() -> None:
    e = wh.explain(model, X, Prototypes(count=5), rng=0)
    with pytest.raises(InputError, match="Give the rows explained"):
        representation(e, model, X + 1)
    with pytest.raises(InputError, match="of kind 'criticism'"):
        representation(wh.explain(model, X, Criticisms(), rng=0), model, X)
