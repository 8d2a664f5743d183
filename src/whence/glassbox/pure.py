"""An additive model whose pairs hold what two columns do together, and nothing else."""

from dataclasses import dataclass, replace

import numpy as np

from whence.core.types import Floats, Ints
from whence.kernels.purify import purify
from whence.models.additive import Additive, Term
from whence.models.shapes import Axis, Shape, tables_of

_PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Main:
    """A part of what a column adds by itself.

    Attributes
    ----------
    axis : Axis
    table : array of shape (bins, outputs)
    weights : array of shape (bins,)
    bags : array of shape (bags, bins, outputs) or None
    bag_weights : array of shape (bags,) or None
    """

    axis: Axis
    table: Floats
    weights: Floats
    bags: Floats | None
    bag_weights: Floats | None


def purified(view: Additive) -> Additive:
    """Return the same model with main effects taken out of its pairs.

    The weights are the training rows in each bin. Bins of a column are finer in its own term than
    in pairs, so the own term is cut at the cuts of both. Standard deviations over the bags are
    those of the purified tables of the bags. A column without a term of its own gets one.
    """
    intercept = view.intercept.copy()
    mains: dict[int, list[_Main]] = {}
    pairs: list[Term] = []
    for term in view.terms:
        shape = term.shape
        if shape is not None and len(term.columns) == 1:
            mains.setdefault(term.columns[0], []).append(_of_own(shape))
    for term in view.terms:
        if term.shape is not None and len(term.columns) == _PAIR:
            mean, parts, pure = _split(term.shape)
            intercept += mean
            pairs.append(replace(term, shape=pure))
            for part in parts:
                mains.setdefault(part.axis.column, []).append(part)
    if not pairs:
        return view
    terms = (
        *(
            Term(columns=(column,), name=view.features[column], shape=_joined(parts))
            for column, parts in mains.items()
        ),
        *pairs,
    )
    sums, encode = tables_of(tuple(t.shape for t in terms if t.shape is not None))
    return replace(view, terms=terms, sums=sums, encode=encode, intercept=intercept)


def _of_own(shape: Shape) -> _Main:
    return _Main(
        axis=shape.axes[0], table=shape.scores, weights=shape.weights, bags=shape.bags,
        bag_weights=shape.bag_weights,
    )  # fmt: skip


def _split(shape: Shape) -> tuple[Floats, tuple[_Main, _Main], Shape]:
    """Return the mean of a pair, what each column adds by itself, and the pure rest."""
    mean, a, b, rest = purify(shape.scores, shape.weights)
    bags: tuple[Floats | None, Floats | None, Floats | None] = (None, None, None)
    stderr = None
    if shape.bags is not None:
        bags = _split_bags(shape.bags, shape.weights)
        stderr = _spread(bags[2], shape.bag_weights)
    parts = (
        _Main(
            axis=shape.axes[0], table=a, weights=shape.weights.sum(axis=1), bags=bags[0],
            bag_weights=shape.bag_weights,
        ),
        _Main(
            axis=shape.axes[1], table=b, weights=shape.weights.sum(axis=0), bags=bags[1],
            bag_weights=shape.bag_weights,
        ),
    )  # fmt: skip
    return mean, parts, replace(shape, scores=rest, stderr=stderr, bags=bags[2])


def _split_bags(bags: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Purify the tables of all bags at once, as outputs."""
    count, rows, columns, k = bags.shape
    stacked = np.moveaxis(bags, 0, 2).reshape(rows, columns, count * k)
    _, a, b, rest = purify(stacked, weights)
    return (
        np.moveaxis(a.reshape(rows, count, k), 1, 0),
        np.moveaxis(b.reshape(columns, count, k), 1, 0),
        np.moveaxis(rest.reshape(rows, columns, count, k), 2, 0),
    )


def _spread(bags: Floats | None, bag_weights: Floats | None) -> Floats | None:
    """Return the weighted standard deviation over bags."""
    if bags is None:
        return None
    away = bags - np.average(bags, axis=0, weights=bag_weights)
    return np.asarray(np.sqrt(np.average(away**2, axis=0, weights=bag_weights)))


def _joined(parts: list[_Main]) -> Shape:
    """Return the sum of all that a column adds by itself, on bins that tell the parts apart."""
    first = parts[0]
    axis = _union([part.axis for part in parts])
    places = [_places(axis, part.axis) for part in parts]
    refits = [p.bags[:, at] for p, at in zip(parts, places, strict=True) if p.bags is not None]
    bags = np.sum(refits, axis=0) if len(refits) == len(parts) else None
    times = np.bincount(places[0], minlength=len(first.weights))
    return Shape(
        axes=(axis,),
        scores=np.sum([p.table[at] for p, at in zip(parts, places, strict=True)], axis=0),
        weights=(first.weights / np.maximum(times, 1))[places[0]],
        stderr=_spread(bags, first.bag_weights),
        bags=bags,
        bag_weights=first.bag_weights,
    )


def _union(axes: list[Axis]) -> Axis:
    if axes[0].cuts is None:
        names = dict.fromkeys(name for axis in axes for name, _ in axis.categories)
        return replace(axes[0], categories=tuple((name, i + 1) for i, name in enumerate(names)))
    cuts = np.unique(np.concatenate([axis.cuts for axis in axes if axis.cuts is not None]))
    return replace(axes[0], cuts=cuts)


def _places(union: Axis, axis: Axis) -> Ints:
    """Return the bin on one axis of each bin on the union."""
    if axis.cuts is None or union.cuts is None:
        known = dict(axis.categories)
        inside = [known.get(name, axis.size - 1) for name, _ in union.categories]
    else:
        inside = [1, *(np.searchsorted(axis.cuts, union.cuts, side="right") + 1)]
    return np.array([0, *inside, axis.size - 1], dtype=np.int64)
