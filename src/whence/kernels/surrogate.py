"""Samples coalitions of one row and fits a linear surrogate to what they are worth.

The surrogate knows which parts of the row are known; what stands in for the others is noise to it.
Each coalition is therefore asked about twice, with other copies. How the two answers differ tells
what functions of the copies, of mean zero over the background, say about the answers. That is taken
out of all answers, which leaves the coefficients where they are, and the surrogate is fitted to the
means of the twins. What still lies between twins is noise, and no misfit of the surrogate.
"""

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from whence.core.game import Estimate
from whence.core.types import Bools, Floats, Ints
from whence.kernels.filling import Filling
from whence.kernels.lime_design import Law, all_coalitions
from whence.kernels.weighted_regression import Fit, Moments, Samples, explained, fit, strongest

Number = TypeVar("Number", np.float64, np.int64)

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
_TINY = float(np.finfo(np.float64).tiny)
_GROWTH = 4
"""A look is at most so many times as many samples as the one before, and at least 5 / 4 times."""
_RESERVE = 1.1
"""Samples that are asked for, beside those that are likely to settle the row."""
_FAR = 1e3
"""Times that an error may exceed what is asked for, in a forecast."""


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
    tie : float
        Difference of two parts below which their ranks do not matter, as a share of the spread.
    fine : float
        The same, as long as there is something left to ask.
    """

    law: Law
    tolerance: float | None
    top: int
    features: int | None
    tie: float = 0.0
    fine: float = 0.0


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
        "copy", "exact", "filling", "known", "last", "looks", "needed", "recipe", "repeats", "rng",
        "twins", "worth",
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
        self.exact, self.last, self.looks, self.needed = False, False, 0, 0
        self.known = np.empty((0, recipe.law.players), dtype=bool)
        self.worth = np.empty((0, outputs))
        self.copy: Ints = np.empty((0, self.repeats), dtype=np.int64)
        self.twins: Moments | None = None

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
        """Return the coalitions to evaluate next: as many as are likely to settle the row."""
        if not len(self.known):
            self.exact = self._countable() and 2**self.recipe.law.players <= most
        if self.exact:
            return self._all()
        asked = len(self.worth)
        least = max(_FIRST, 4 * self.recipe.law.players, self.fewest, asked // _GROWTH)
        wanted = max(least, min(self.needed, _GROWTH * asked) - asked)
        if self.recipe.tolerance is None or most < 3 * wanted // 2:  # no small rest at the end
            wanted = most
        both = 2 * self.group  # as many groups in one half of the samples as in the other
        groups = min(wanted, most) // both
        self.last = most - groups * both < both
        pairs = self.recipe.law.pairs(self.rng, 2 * groups)
        self.known = np.concatenate([self.known, pairs.reshape(-1, self.recipe.law.players)])
        return np.tile(pairs, (1, self.repeats, 1)).reshape(-1, self.recipe.law.players)

    def _all(self) -> Bools:
        if len(self.known):
            return self.known[:0]
        self.known = all_coalitions(self.recipe.law.players)
        return self.known

    def drawn(self, u: Floats) -> None:
        """Take the numbers that draw the rows of the background."""
        if self.filling is not None:
            fresh = (u * len(self.filling.steps)).astype(np.int64)
            self.copy = np.concatenate([self.copy, self._twinned(fresh)])

    def tell(self, worth: Floats) -> None:
        """Take the worth of what was last asked for."""
        self.worth = np.concatenate([self.worth, worth])
        if self.filling is None or self.exact:
            return
        one, other = np.moveaxis(self._twinned(worth), 1, 0)
        first = len(self.known) - len(one)
        known = self.known[first:]
        weights = self.recipe.law.weights_of(known)
        fresh = self.filling.differences(known, self.copy[first:], one - other, weights)
        self.twins = fresh if self.twins is None else self.twins + fresh

    def estimate(self) -> Estimate | None:
        """Fit the surrogate to what was told so far."""
        size = self.recipe.features
        if self.exact:
            return self._counted(size)
        if not len(self.worth):
            return None
        self.looks += 1
        samples, noise = self._samples()
        return (
            self._fitted(samples, noise) if size is None else self._selected(samples, noise, size)
        )

    def _countable(self) -> bool:
        return self.repeats == 1 and self.recipe.law.players <= _EXACT

    def _twinned(self, numbers: NDArray[Number]) -> NDArray[Number]:
        """Return what belongs to the same coalition together, (coalitions, repeats, ...)."""
        rest = numbers.shape[1:]
        groups = numbers.reshape(-1, self.repeats, 2, *rest)
        return groups.swapaxes(1, 2).reshape(-1, self.repeats, *rest)

    def _samples(self) -> tuple[Samples, Floats]:
        """Return the means of twins, and the squares of the noise that is left in them."""
        known, worth = self.known, self._twinned(self.worth)
        noise, grown = np.zeros((len(known), worth.shape[2])), np.ones(worth.shape[2])
        if self.filling is not None and self.twins is not None:
            w = self.recipe.law.weights_of(known)
            worth, grown = self.filling.taken_out(self.twins, known, self.copy, worth, w)
        if self.repeats > 1:
            noise = ((worth[:, 0] - worth[:, 1]) / 2) ** 2 * grown
        design = np.empty((len(known), 1 + self.recipe.law.players))
        design[:, 0], design[:, 1:] = 1.0, known
        samples = Samples(
            design=design,
            worth=worth.mean(axis=1),
            weights=self.recipe.law.weights_of(known),
            group=2,
        )
        return samples, noise

    def _fitted(self, samples: Samples, noise: Floats) -> Estimate:
        found = fit(samples)
        ranked = [self._ranked(found, o) for o in range(self.worth.shape[1])]
        return self._estimate(
            found.coefficients[1:],
            found.stderr()[1:],
            found.coefficients[0],
            found.fidelity(noise),
            max(ranked),
        )

    def _selected(self, samples: Samples, noise: Floats, size: int) -> Estimate:
        """Select on one half of the samples and estimate on the other, each output on its own."""
        parts, outputs = 1 + np.arange(self.recipe.law.players), self.worth.shape[1]
        first, other = Moments.of(samples.half(0)), samples.half(1)
        noise = replace(samples, worth=noise).half(1).worth
        values, stderr = (np.zeros((len(parts), outputs)) for _ in range(2))
        base, fidelity, ranked = np.zeros(outputs), np.zeros((outputs, 3)), 0.0
        for o in range(outputs):
            used = np.append(0, np.sort(strongest(first, o, parts, size)))
            found = fit(
                replace(other, design=other.design[:, used], worth=other.worth[:, o : o + 1])
            )
            values[used[1:] - 1, o] = found.coefficients[1:, 0]
            stderr[used[1:] - 1, o] = found.stderr()[1:, 0]
            base[o] = found.coefficients[0, 0]
            fidelity[o] = found.fidelity(noise[:, o : o + 1])[0]
            ranked = max(ranked, self._ranked(found, 0))
        return self._estimate(values, stderr, base, fidelity, ranked)

    def _estimate(
        self, values: Floats, stderr: Floats, base: Floats, fidelity: Floats, ranked: float
    ) -> Estimate:
        tolerance, settled = self.recipe.tolerance, None
        if tolerance is not None:
            spread = values.max(axis=0, initial=0.0) - values.min(axis=0, initial=0.0)
            allowed = tolerance * spread + _ROUNDING * np.abs(self.worth).max(axis=0) + _TINY
            share = max(ranked, float((stderr.max(axis=0, initial=0.0) / allowed).max()))
            settled = share <= 1 and self._weighty()
            self.needed = int(min(share, _FAR) ** 2 * _RESERVE * len(self.worth))
        return Estimate(values=values, stderr=stderr, base=base, fidelity=fidelity, settled=settled)

    def _weighty(self) -> bool:
        """Tell whether enough samples have a weight that counts."""
        w = self.recipe.law.weights_of(self.known)
        return w is None or w.sum() ** 2 > 2 * (1 + self.recipe.law.players) * (w**2).sum()

    def _ranked(self, found: Fit, output: int) -> float:
        """Return how many times the error of a step between ranks is what would settle it.

        A step is settled if its confidence interval is above zero, or within the width of a tie.
        """
        values = found.coefficients[1:, output]
        top, tie = self.recipe.top, self.recipe.tie if self.last else self.recipe.fine
        if self.recipe.tolerance is None or top >= len(values):
            return 0.0
        order = np.argsort(-np.abs(values), kind="stable")[top - 1 : top + 1]
        step = -np.diff(np.abs(values[order]))
        far = NormalDist().inv_cdf(1 - _LEVEL / (self.looks * (self.looks + 1)))
        error = found.steps(1 + order, output)
        allowed = np.maximum(step, tie * np.ptp(values) - step) / far
        noise = _ROUNDING * np.abs(self.worth[:, output]).max()
        return float((error / (np.maximum(allowed, noise) + _TINY)).max())

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
