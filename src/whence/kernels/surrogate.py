"""Samples coalitions of one row and fits a linear surrogate to what they are worth.

The surrogate knows which parts of the row are known; what stands in for the others is noise to it.
The same regression therefore holds functions of what was filled in, of mean zero over the
background: they take over most of that noise and leave the coefficients where they are. Each
coalition is asked about twice, with other copies, so that the products of the two residuals measure
the misfit of the surrogate without the noise.
"""

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from whence.core.game import Estimate
from whence.core.types import Bools, Floats, Ints
from whence.kernels.filling import Filling
from whence.kernels.lime_design import Law, all_coalitions
from whence.kernels.weighted_regression import Fit, Moments, Samples, explained, fit, strongest

_EXACT = 12
"""Players of which all coalitions are asked about, where each has a single copy."""
_FIRST = 200
"""Samples of the first look at least, and at least four for each player."""
_FEWEST = 20
_UNKNOWN = 4
"""Samples in which each part is unknown, at least."""
_LEVEL = 0.05
"""Probability that a rank that was said to be settled is not."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recipe:
    """What the surrogate is, and when it is done.

    Attributes
    ----------
    law : Law
    tolerance : float or None
        Largest standard error, as a share of the spread of the coefficients.
    top : int
        So many of the strongest parts are told apart from the next one.
    features : int or None
        Parts that are selected; None keeps all.
    """

    law: Law
    tolerance: float | None
    top: int
    features: int | None


class Surrogate:
    """The sampler of one row; see `whence.core.game.Sampler`.

    Parameters
    ----------
    recipe : Recipe
    rng : Generator
    outputs : int
    copies : int
        Rows that may complete a coalition.
    filling : Filling or None
        What each of them puts in the place of each player, where that is known.
    """

    __slots__ = (
        "copy", "exact", "filling", "known", "looks", "parts", "recipe", "repeats", "rng",
        "samples", "worth",
    )  # fmt: skip

    def __init__(
        self,
        recipe: Recipe,
        rng: Generator,
        *,
        outputs: int,
        copies: int,
        filling: Filling | None = None,
    ) -> None:
        self.recipe, self.rng, self.filling = recipe, rng, filling
        self.repeats = 1 if copies == 1 else 2
        self.exact, self.looks = False, 0
        self.known = np.empty((0, recipe.law.players), dtype=bool)
        self.worth = np.empty((0, outputs))
        self.copy: Ints = np.empty(0, dtype=np.int64)
        self.samples: Samples | None = None
        self.parts: list[Moments] = []

    @property
    def group(self) -> int:
        """Samples that depend on each other: two antithetic coalitions, each repeated."""
        return 2 * self.repeats

    @property
    def fewest(self) -> int:
        """Coalitions without which there is no estimate."""
        players, both = self.recipe.law.players, 2 * self.group
        sampled = max(_FEWEST, 2 * (players + 2), int(np.ceil(_UNKNOWN / (1 - self.recipe.law.p))))
        sampled = -(-sampled // both) * both
        return min(2**players, sampled) if self._countable() else sampled

    def ask(self, most: int) -> Bools:
        """Return the coalitions to evaluate next: as many as before, or all if none can stop it."""
        if not len(self.known):
            self.exact = self._countable() and 2**self.recipe.law.players <= most
        if self.exact:
            return self._all()
        wanted = max(len(self.known), _FIRST, 4 * self.recipe.law.players, self.fewest)
        if self.recipe.tolerance is None or most < 3 * wanted // 2:  # no small rest at the end
            wanted = most
        both = 2 * self.group  # as many groups in one half of the samples as in the other
        pairs = self.recipe.law.pairs(self.rng, min(wanted, most) // both * 2)
        fresh = np.tile(pairs, (1, self.repeats, 1)).reshape(-1, self.recipe.law.players)
        self.known = np.concatenate([self.known, fresh])
        return fresh

    def _all(self) -> Bools:
        if len(self.known):
            return self.known[:0]
        self.known = all_coalitions(self.recipe.law.players)
        return self.known

    def drawn(self, u: Floats) -> None:
        """Take the numbers that draw the rows of the background."""
        if self.filling is not None:
            fresh = (u * len(self.filling.steps)).astype(np.int64)
            self.copy = np.concatenate([self.copy, fresh])

    def tell(self, worth: Floats) -> None:
        """Take the worth of what was last asked for."""
        first = len(self.worth)
        self.worth = np.concatenate([self.worth, worth])
        if self.exact:
            return
        self.samples = self._samples()
        fresh = self.samples.after(first)
        split = [fresh] if self.recipe.features is None else [fresh.half(0), fresh.half(1)]
        parts = [Moments.of(part) for part in split]
        before = zip(self.parts, parts, strict=True) if self.parts else ()
        self.parts = [a + b for a, b in before] or parts

    def estimate(self) -> Estimate | None:
        """Fit the surrogate to what was told so far."""
        size = self.recipe.features
        if self.exact:
            return self._counted(size)
        if self.samples is None:
            return None
        self.looks += 1
        found = self._fitted(self.samples) if size is None else self._selected(self.samples, size)
        self.samples = None  # many rows wait for each other
        return found

    def _countable(self) -> bool:
        return self.repeats == 1 and self.recipe.law.players <= _EXACT

    def _samples(self) -> Samples:
        """Return the design: an intercept, what is known, and functions of what was filled in."""
        known, terms = self.known, 1 + self.recipe.law.players
        noise = 0 if self.filling is None else self.filling.columns
        design = np.empty((len(known), terms + noise))
        design[:, 0], design[:, 1:terms] = 1.0, known
        if self.filling is not None:
            self.filling.write(design[:, terms:], design[:, 1:terms], self.copy)
        return Samples(
            design=design,
            worth=self.worth,
            weights=self.recipe.law.weights_of(known),
            group=self.group,
        )

    def _columns(self, samples: int) -> int:
        """Return how many columns so many samples carry: finer functions want more."""
        players = self.recipe.law.players
        noise = 0 if self.filling is None else self.filling.carried(players, samples)
        return 1 + players + noise

    def _fitted(self, samples: Samples) -> Estimate:
        columns = slice(self._columns(len(self.known)))
        moments = self.parts[0].some(columns)
        found = fit(samples.some(columns), moments, 1 + self.recipe.law.players)
        values, stderr = found.coefficients[1 : 1 + self.recipe.law.players], found.stderr()[1:]
        ranked = self._ranked(found, values)
        return self._estimate(values, stderr, found.coefficients[0], self._fidelity(found), ranked)

    def _selected(self, samples: Samples, size: int) -> Estimate:
        """Select on one half of the samples and estimate on the other, each output on its own."""
        parts, outputs = 1 + np.arange(self.recipe.law.players), self.worth.shape[1]
        columns = self._columns(len(self.known) // 2)
        other = samples.half(1)
        noise = np.arange(1 + self.recipe.law.players, columns)
        values, stderr = (np.zeros((len(parts), outputs)) for _ in range(2))
        base, fidelity, ranked = np.zeros(outputs), np.zeros((outputs, 3)), True
        for o in range(outputs):
            chosen = np.sort(strongest(self.parts[0].some(slice(columns)), o, parts, size))
            used, terms = np.concatenate([[0], chosen, noise]), 1 + len(chosen)
            part = replace(other.some(used), worth=other.worth[:, o : o + 1])
            found = fit(part, Moments.of(part), terms)
            values[chosen - 1, o] = found.coefficients[1:terms, 0]
            stderr[chosen - 1, o] = found.stderr()[1:, 0]
            base[o], fidelity[o] = found.coefficients[0, 0], self._fidelity(found)[0]
            ranked = ranked and self._ranked(found, found.coefficients[1:terms])
        return self._estimate(values, stderr, base, fidelity, ranked)

    def _fidelity(self, found: Fit) -> Floats:
        return found.fidelity(found.pull.shape[2], twins=self.repeats > 1)

    def _estimate(
        self, values: Floats, stderr: Floats, base: Floats, fidelity: Floats, ranked: bool
    ) -> Estimate:
        tolerance, settled = self.recipe.tolerance, None
        if tolerance is not None:
            spread = values.max(axis=0, initial=0.0) - values.min(axis=0, initial=0.0)
            allowed = tolerance * spread + _ROUNDING * np.abs(self.worth).max(axis=0)
            settled = ranked and bool((stderr <= allowed).all()) and self._weighty()
        return Estimate(values=values, stderr=stderr, base=base, fidelity=fidelity, settled=settled)

    def _weighty(self) -> bool:
        """Tell whether enough samples have a weight that counts."""
        w = self.recipe.law.weights_of(self.known)
        return w is None or w.sum() ** 2 > 2 * (1 + self.recipe.law.players) * (w**2).sum()

    def _ranked(self, found: Fit, values: Floats) -> bool:
        """Tell whether the strongest parts are told apart from the next one, in each output."""
        top = self.recipe.top
        if top >= len(values):
            return True
        far = NormalDist().inv_cdf(1 - _LEVEL / (self.looks * (self.looks + 1)))
        noise = _ROUNDING * np.abs(self.worth).max()
        for o, column in enumerate(values.T):
            order = np.argsort(-np.abs(column), kind="stable")
            a, b = order[top - 1], order[top]
            sign = float(np.sign(column[a]) * np.sign(column[b]))
            error = found.contrast(1 + a, 1 + b, sign, o)
            if error > noise and abs(column[a]) - abs(column[b]) <= far * error:
                return False
        return True

    def _counted(self, size: int | None) -> Estimate:
        """Fit to all coalitions with their probabilities: nothing is left to chance."""
        weights = self.recipe.law.exact_weights(self.known)
        samples = Samples(
            design=np.column_stack([np.ones(len(self.known)), self.known]),
            worth=self.worth,
            weights=weights,
            group=1,
        )
        moments, outputs = Moments.of(samples), self.worth.shape[1]
        found = moments.coefficients()
        if size is not None:
            parts, full = 1 + np.arange(self.recipe.law.players), found.copy()
            found = np.zeros_like(full)
            for o in range(outputs):
                used = np.append(0, np.sort(strongest(moments, o, parts, size)))
                found[used, o] = moments.some(used).coefficients()[:, o]
        share = explained(self.worth, samples.design @ found, weights)
        return Estimate(
            values=found[1:],
            stderr=np.zeros_like(found[1:]),
            base=found[0],
            fidelity=np.repeat(share[:, None], 3, axis=1),
            settled=True,
        )
