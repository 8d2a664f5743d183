"""Scenes whose unknown columns are drawn cell by cell from what was observed in a background."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.random import Generator, SeedSequence

from whence.core.blend import cell_codes, first_of_each
from whence.core.errors import InputError
from whence.core.inputs import Inputs
from whence.core.mix import mix, stack
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints, Level, Words
from whence.kernels.copula import Copula, spread_normals
from whence.maskers.columns import Players, table_only
from whence.maskers.scene import Masked, OpenScene, Scene

_CELLS = 4_000_000
"""Cells of the table that the model is asked with at a time; one coalition may need more."""
_FEWEST = 2
_DRAWS = 0x64726177
"""Keeps the draws of scenes apart from those of rows."""

Complete: TypeAlias = Callable[[Bools, Floats, Floats], Floats]
"""Known columns, scores of the rows and standard normal draws -> scores of the copies."""


def check_samples(samples: int) -> None:
    """Raise `InputError` unless so many completions of a coalition can be drawn."""
    whole = isinstance(samples, (int, np.integer)) and not isinstance(samples, bool)
    if not whole or samples < _FEWEST:
        raise InputError(
            f"samples is {samples!r}. A whole number of at least {_FEWEST} is needed, the "
            "completions that are drawn for each coalition."
        )


def drawing(
    Z: Table, players: Players, copula: Copula, complete: Complete, samples: int
) -> OpenScene:
    """Return what opens scenes in which ``complete`` draws the unknown columns."""

    def open_scene(inputs: Inputs, rng: Generator) -> Scene:
        X = table_only(inputs, Z)
        entropy = rng.bit_generator.seed_seq.entropy  # type: ignore[attr-defined]  # missing in stubs
        own = np.random.default_rng(SeedSequence(entropy, spawn_key=(_DRAWS,)))
        both = stack(X, Z)
        return _Drawn(
            data=X,
            both=both,
            players=players,
            codes=cell_codes(both),
            copula=copula,
            complete=complete,
            scores=copula.scores(in_codes_of(X, Z)),
            draws=spread_normals(samples, len(Z.names), own),
        )

    return open_scene


def in_codes_of(X: Table, Z: Table) -> Floats:
    """Return the numbers of ``X`` with categories coded as in ``Z``; infinity where it has none."""
    numbers = X.numbers.copy()
    for j, (own, levels) in enumerate(zip(X.levels, Z.levels, strict=True)):
        if own is not None and own != levels:
            numbers[:, j] = _recoded(numbers[:, j], own, levels or ())
    return numbers


def _recoded(codes: Floats, own: tuple[Level, ...], levels: tuple[Level, ...]) -> Floats:
    code = {level: float(i) for i, level in enumerate(levels)}
    place = np.array([*(code.get(level, np.inf) for level in own), np.nan])
    return place[np.where(np.isnan(codes), len(own), codes).astype(np.int64)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """Rows explained, above those of the background.

    The same draws serve all rows and coalitions, so that differences between coalitions have less
    noise and a row does not depend on its company.
    """

    data: Table
    both: Table
    players: Players
    codes: Words
    copula: Copula
    complete: Complete
    scores: Floats
    draws: Floats

    alike = True

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.players.names),)

    @property
    def names(self) -> tuple[str, ...]:
        return self.players.names

    @property
    def counts(self) -> Ints:
        return np.full(len(self.data), len(self.players.names))

    @property
    def copies(self) -> int:
        return len(self.draws)

    @property
    def batch(self) -> int:
        columns = len(self.data.names)
        return max(1, _CELLS // (columns * max(self.copies, columns)))

    def mask(self, row: Ints, known: Bools, u: Floats | None = None) -> Masked:
        columns = self.players.columns(known)
        draws = self.draws[None]
        if u is not None:
            draws = self.draws[(u * self.copies).astype(np.int64)][:, None]
        drawn = self.complete(columns, self.scores[row], draws)
        index = len(self.data) + self.copula.rows(drawn, columns)
        index = np.where(columns[:, None], row[:, None, None], index).reshape(-1, columns.shape[1])
        words = np.take_along_axis(self.codes, index, axis=0).sum(axis=1, dtype=np.uint64)
        same = first_of_each(words)
        if same is None:
            return Masked(inputs=mix(self.both, index))
        kept, back = same
        return Masked(inputs=mix(self.both, index[kept]), back=back)
