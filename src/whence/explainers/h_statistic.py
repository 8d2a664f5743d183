"""How much of an effect is interaction, over all rows.

H squared of a pair is the share of what the two do, each and together, that neither does by itself;
that of a single column is the share of the whole prediction that it makes together with any others.
Zero means that the effects add up, one that there are none but joint ones. A share of next to
nothing is nothing either: ``normalized=False`` gives the size of the joint part in the unit of the
output.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.check import check_whole
from whence.core.errors import InputError
from whence.core.explanation import Interaction, Names
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.table import Table
from whence.core.types import Floats, Ints
from whence.kernels.h_statistic import Means, means_at_rows, means_of_others, strength
from whence.maskers.grid import Features, chosen, names_of, table_given
from whence.maskers.sweep import Sweep
from whence.models.predict import Predict

_PAIR = 2
_ONE_ROW = (
    "One row has no variance to take shares of: zero then says nothing about interactions. Give "
    "more rows."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HStatistic:
    """Friedman's H squared of columns and of pairs, with jackknife errors over rows.

    With n rows, each column and each pair takes n squared evaluations; none of them where the
    model is an ensemble of trees, which are followed instead, and pairs that meet on no path of a
    tree are zero without any work.

    Attributes
    ----------
    features : sequence of str or None
        Columns of interest; None means all.
    pairs : sequence of pairs of str or None
        None means all pairs of the ``most`` columns that interact most.
    most : int
        Columns whose pairs are looked at, where no pairs are given.
    rows : int
        Rows that are looked at and averaged over at most, drawn at random.
    normalized : bool
        Whether values are shares (H squared), or the root mean square of the joint part, in the
        unit of the output.

    References
    ----------
    Friedman and Popescu 2008, doi:10.1214/07-AOAS148

    Examples
    --------
    >>> import whence as wh
    >>> X = np.array([[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)])
    >>> e = wh.explain(lambda X: X[:, 0] * X[:, 1] + X[:, 2], X, HStatistic(), rng=0)
    >>> for members, value in zip(e.sets.tolist(), e.values[0, :, 0].round(3)):
    ...     print(members, value)
    [0, -1] 0.5
    [1, -1] 0.5
    [2, -1] 0.0
    [0, 1] 1.0
    """

    features: Features = None
    pairs: Sequence[Sequence[str | int]] | None = None
    most: int = 8
    rows: int = 200
    normalized: bool = True

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ("10.1214/07-AOAS148",)
    whole: ClassVar[bool] = True

    def bind(self, view: Predict) -> Explain[Interaction]:
        """Check the settings and return the function that explains all rows together.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        check_whole("most", self.most, least=_PAIR)
        check_whole("rows", self.rows, least=3)

        def explain(rows: Rows, *, rng: Generator) -> Interaction:
            table = table_given(rows.given(), "HStatistic")
            names = names_of(table, view)
            columns, pairs = self._wanted(table, names)
            n = len(table)
            notes = (_ONE_ROW,) if n == 1 else ()
            if n > self.rows:
                drawn = np.sort(rng.choice(n, self.rows, replace=False))
                table = table[drawn]
                rows = _taken(rows, drawn)
            sweep = Sweep.over(view, table, rows.raw, rows.labels)
            sweep.prove([(at, cells) for at, cells, _ in (_job(table, (j,)) for j in columns)])
            game = _Game(sweep=sweep, said=rows.outputs, normalized=self.normalized)
            return game.played(columns, pairs, self.most, rows, names, notes)

        return explain

    def _wanted(
        self, table: Table, names: tuple[str, ...]
    ) -> tuple[list[int], list[tuple[int, ...]] | None]:
        singles = chosen(self.features, table, names)
        if any(len(columns) > 1 for columns in singles):
            raise InputError(
                f"features is {self.features!r:.60}. Name single columns there, and pairs in "
                "HStatistic(pairs=[('age', 'income')])."
            )
        columns = [columns[0] for columns in singles]
        if self.pairs is None:
            return columns, None
        if not len(self.pairs):
            return columns, []
        pairs = chosen([tuple(pair) for pair in self.pairs], table, names)
        if any(len(pair) != _PAIR for pair in pairs):
            raise InputError(f"pairs is {self.pairs!r:.60}. Give pairs of columns.")
        return columns, [tuple(sorted(pair)) for pair in pairs]


def _taken(rows: Rows, index: Ints) -> Rows:
    """Return some rows in any order."""
    inputs = rows.given()[index]
    labels = None if rows.labels is None else rows.labels[index]
    return Rows(
        X=rows.X[index],
        raw=rows.raw[index],
        outputs=rows.outputs[index],
        labels=labels,
        inputs=inputs,
        progress=rows.progress,
    )


def _job(table: Table, columns: tuple[int, ...]) -> tuple[Ints, Floats, Ints]:
    """Return columns, their distinct cells in the rows, and which each row has."""
    cells, back = np.unique(table.numbers[:, list(columns)], axis=0, return_inverse=True)
    return np.array(columns), cells, back.reshape(-1)


@dataclass(slots=True, kw_only=True, eq=False)
class _Game:
    """Asks for partial dependence at the rows and compares it with its parts."""

    sweep: Sweep
    said: Floats
    normalized: bool

    def played(
        self,
        columns: list[int],
        pairs: list[tuple[int, ...]] | None,
        most: int,
        rows: Rows,
        names: tuple[str, ...],
        notes: tuple[str, ...],
    ) -> Interaction:
        needed = sorted({*columns, *(j for pair in pairs or () for j in pair)})
        alone: dict[int, Means] = {}
        found: dict[tuple[int, ...], tuple[Floats, Floats]] = {}
        for done, j in enumerate(needed):
            rows.progress(done / len(needed) / _PAIR)
            said = self._said((j,))
            alone[j] = means_at_rows(said)
            if j in columns:
                found[j, -1] = self._single(alone[j], means_of_others(said))
        if pairs is None:
            pairs, left_out = _promising(found, most, names)
            notes = (*notes, *left_out)
        for done, pair in enumerate(pairs):
            rows.progress(0.5 + done / len(pairs) / _PAIR)
            found[pair] = self._pair(pair, alone)
        k = self.said.shape[1]
        mean = self.said.mean(axis=0, keepdims=True)
        return Interaction(
            sets=np.array([*found], dtype=np.int32),
            values=np.array([value for value, _ in found.values()]).reshape(1, -1, k),
            stderr=np.array([error for _, error in found.values()]).reshape(1, -1, k),
            base_values=mean,
            outputs=mean,
            index="H",
            names=Names(features=names, outputs=self.sweep.view.names_of(k), rows=("all",)),
            provenance=Provenance(
                evaluations=self.sweep.asked,
                warnings=(*self.sweep.warnings, *notes),
                unit="share of variance" if self.normalized else "",
            ),
        )

    def _said(self, columns: tuple[int, ...]) -> Floats:
        """Return what is said about each row with the columns of each, (rows, rows, outputs)."""
        at, cells, back = _job(self.sweep.table, columns)
        return self.sweep.curves(at, cells)[:, back]

    def _single(self, alone: Means, others: Means) -> tuple[Floats, Floats]:
        n = len(self.said)
        itself = Means(all=self.said, without=np.broadcast_to(self.said, (n, *self.said.shape)))
        return self._chosen(strength(itself, [alone, others]))

    def _pair(self, pair: tuple[int, ...], alone: dict[int, Means]) -> tuple[Floats, Floats]:
        if not self.sweep.may_interact(pair):
            return np.zeros(self.said.shape[1]), np.zeros(self.said.shape[1])
        joint = means_at_rows(self._said(pair))
        return self._chosen(strength(joint, [alone[j] for j in pair]))

    def _chosen(self, four: tuple[Floats, Floats, Floats, Floats]) -> tuple[Floats, Floats]:
        share, share_error, size, size_error = four
        return (share, share_error) if self.normalized else (size, size_error)


def _promising(
    found: dict[tuple[int, ...], tuple[Floats, Floats]], most: int, names: tuple[str, ...]
) -> tuple[list[tuple[int, ...]], tuple[str, ...]]:
    """Return the pairs of the columns that interact most, and what the reader must know."""
    strong = {single[0]: float(value.max()) for single, (value, _) in found.items()}
    able = [j for j in strong if strong[j] > 0]
    kept = sorted(able, key=lambda j: -strong[j])[:most]
    pairs = list(combinations(sorted(kept), _PAIR))
    if len(kept) == len(able):
        return pairs, ()
    first = max(set(able) - set(kept), key=strong.__getitem__)
    note = (
        f"Pairs are those of the {most} columns that interact most, of {len(able)} that do; the "
        f"first left out is {names[first]!r} ({strong[first]:.2g}). Name pairs=, or give a larger "
        "most=."
    )
    return pairs, (note,)
