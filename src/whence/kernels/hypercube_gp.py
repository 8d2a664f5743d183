"""A Gaussian process over coalitions, whose Shapley values are known in closed form.

Write a coalition as ``z`` in {-1, 1}^n. The kernel ``prod_j (1 + r_j z_j z'_j)`` gives the effect
of a set ``T`` of players (its Walsh coefficient) the prior variance ``prod_{j in T} r_j``: players
of little relevance ``r_j`` take part in little. Only effects of an odd number of players enter a
Shapley value, ``phi_i = 2 sum_{T with i, |T| odd} beta_T / |T|``, so a coalition and its complement
are put into one number, ``u = (v(S) - v(complement)) / 2``, whose kernel is the odd part::

    k(z, z') = c sinh(sum_j artanh(r_j) z_j z'_j),   c = prod_j sqrt(1 - r_j^2)

To it is added an unstructured part of variance ``noise`` for each pair of coalitions on its own.
It is no noise of measurement: it counts in the Shapley values and vanishes where all is known.

Relevances and noise are found by maximum marginal likelihood, under a weak prior that keeps the
log odds of the relevances together; they are common to all outputs, each of which has its scale.
The search starts where main effects point to, takes a few steps, and goes on when there are more
pairs, until there are enough of them; later ones only enter the posterior. Likelihood alone is too
sure of what it found. So it is tested by pairs that it had not seen, and by leaving each pair out;
by how much these are predicted worse than the posterior says is added to the noise, for the
standard errors.
"""

from dataclasses import dataclass, replace

import numpy as np

from whence.core.types import Floats
from whence.kernels.cholesky import solve_positive
from whence.kernels.coalitions import member_weights, value_weights
from whence.kernels.descent import minimize
from whence.kernels.hypercube_kernel import odd, odd_even, prior_variance, structured

_TOP = 0.98
"""Relevances stay below this."""
_CENTER, _WITHIN, _BETWEEN = -2.0, 3.0, 1.0
"""Prior of the log odds: mean, variance of each around their mean, variance of their mean."""
_NOISE, _NOISE_VARIANCE = -4.0, 20.0
"""Prior mean and variance of the logarithm of the noise."""
_LEAST_NOISE = 1e-6
_FITTED = (96, 192)
"""Pairs with which relevances are found: two per player, within these bounds."""
_GAIN = 0.1
"""A step of the search that gains less log likelihood is the last."""
_STEPS, _PAIRS = (4, 10), 400
"""Evaluations of the likelihood, least and most, and pairs that go into all of them, about."""
_TOGETHER, _EVEN, _STRONGEST, _RIDGE = 2.5, 0.8, 0.5, 0.5
"""Relevances to start from: their sum, the share that all have alike, the largest; and a ridge."""
_PARTS, _FEWEST = 3, 8
"""One of so many first pairs tests what the others say; and pairs from which there is a test."""
_TINY = 1e-300
_WRONG = 3.0
"""A squared error this many times the expected one shows that the prior is wrong."""
_WIDER = 0.5
"""Squared standard errors grow by this much times players over pairs, as relevances are found."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prior:
    """What is believed of a game before it is asked.

    Attributes
    ----------
    odds : array of shape (players + 1,)
        Log odds of the relevances, and the logarithm of the likeliest noise.
    noise : float
        Variance of the unstructured part, as a share of the scale.
    doubt : float
        What pairs that were not seen would add to the noise; standard errors allow for it.
    scale : array of shape (outputs,)
        Variance of each output.
    """

    odds: Floats
    noise: float
    doubt: float
    scale: Floats

    @property
    def relevance(self) -> Floats:
        """Relevances, (players,), between 0 and 1."""
        return _relevance(self.odds)


def fitted(players: int) -> int:
    """Return with how many pairs relevances are found, at most."""
    least, most = _FITTED
    return min(most, max(least, 2 * players))


def learn(z: Floats, u: Floats, before: Prior | None, *, old: int) -> Prior:
    """Find the prior under which what was seen is likely, and check the one that was found before.

    Parameters
    ----------
    z : array of shape (pairs, players)
        Coalitions as -1 and 1.
    u : array of shape (pairs, outputs)
        Half the difference of worth between coalition and complement.
    before : Prior or None
        What was learned from the first ``old`` pairs; the others are a test of it.
    old : int
    """
    power = (u**2).mean(axis=0)
    seen = power > 0
    if not seen.any():
        blank = np.append(np.full(z.shape[1], _CENTER), _NOISE)
        return Prior(odds=blank, noise=_LEAST_NOISE, doubt=0.0, scale=power)
    share = np.sqrt(power[seen] / power[seen].sum())
    u, share = u[:, seen] / np.sqrt(power[seen]), share / share.sum()
    most, test = fitted(z.shape[1]), np.arange(len(z)) >= old
    if before is None:
        test = np.arange(len(z)) % _PARTS == 1
    every = _Likelihood(z=z[~test], u=u[~test], share=share, least=_LEAST_NOISE)
    past = every.at_most(most)
    prior = _search(past, every.start()) if before is None else past.scaled(before)
    likelihood = _Likelihood(z=z, u=u, share=share, least=_LEAST_NOISE).at_most(most)
    if len(z) < _FEWEST:
        found = _search(likelihood, prior.odds)
    else:
        found = _checked(likelihood, past, prior, z[test], u[test])
    scale = np.zeros(len(power))
    scale[seen] = found.scale * power[seen]
    return replace(found, scale=scale)


def _search(likelihood: "_Likelihood", start: Floats) -> Prior:
    least, most = _STEPS
    steps = min(most, max(least, _PAIRS // len(likelihood.z)))
    odds = minimize(likelihood, start, steps=steps, gain=_GAIN, longest=2.0)
    prior = Prior(odds=odds, noise=likelihood.noise(odds), doubt=0.0, scale=np.ones(1))
    return likelihood.scaled(prior)


def _checked(
    likelihood: "_Likelihood", past: "_Likelihood", prior: Prior, z: Floats, u: Floats
) -> Prior:
    """Learn on; doubt the prior as far as pairs do that it had not seen."""
    mean, variance = _predicted(prior, past, z)
    share = likelihood.share
    excess, ratio = _excess(u - mean, variance, prior.scale, share)
    found = _search(likelihood, prior.odds)
    again, wrong = _excess(*likelihood.left_out(found), found.scale, share)
    if max(ratio, wrong) < _WRONG:
        return replace(found, doubt=max(excess, again) / float(share @ found.scale))
    return _search(replace(likelihood, least=max(excess, again, _LEAST_NOISE)), found.odds)


def _excess(left: Floats, variance: Floats, scale: Floats, share: Floats) -> tuple[float, float]:
    """Return by how much squared errors are larger than expected, and how many times as large."""
    seen, expected = (left**2).mean(axis=0), variance.mean() * scale
    return max(0.0, float(share @ (seen - expected))), float(share @ (seen / expected))


def _predicted(prior: Prior, seen: "_Likelihood", z: Floats) -> tuple[Floats, Floats]:
    """Return mean (pairs, outputs) and variance (pairs,), for a scale of one, of unseen pairs."""
    cross = odd(z, seen.z, prior.relevance)
    solved = np.linalg.solve(_kernel(seen.z, prior.odds, prior.noise), np.hstack([cross.T, seen.u]))
    own = odd(z[:1], z[:1], prior.relevance)[0, 0] + prior.noise
    return cross @ solved[:, len(z) :], own - (cross.T * solved[:, : len(z)]).sum(axis=0)


def _kernel(z: Floats, odds: Floats, noise: float) -> Floats:
    K = odd(z, z, _relevance(odds))
    K[np.diag_indices(len(K))] += noise
    return K


def _relevance(odds: Floats) -> Floats:
    return np.asarray(_TOP / (1 + np.exp(-odds[:-1])))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Likelihood:
    """Minus the logarithm of the posterior of relevances and noise, scales maximized out."""

    z: Floats
    u: Floats
    share: Floats
    least: float

    def noise(self, odds: Floats) -> float:
        return float(self.least + np.exp(odds[-1]))

    def at_most(self, pairs: int) -> "_Likelihood":
        """Return the likelihood of so many pairs, evenly spread."""
        if len(self.z) <= pairs:
            return self
        some = np.linspace(0, len(self.z) - 1, pairs).astype(np.int64)
        return replace(self, z=self.z[some], u=self.u[some])

    def start(self) -> Floats:
        """Return odds to start from: a player matters as its main effect does."""
        m, n = self.z.shape
        main = np.linalg.solve(self.z.T @ self.z / m + _RIDGE * np.eye(n), self.z.T @ self.u / m)
        part = main**2 @ self.share
        share = (1 - _EVEN) * part / max(part.sum(), _TINY) + _EVEN / n
        r = np.minimum(_TOGETHER * share, _STRONGEST)
        return np.append(np.log(r / (_TOP - r)), _NOISE)

    def left_out(self, prior: Prior) -> tuple[Floats, Floats]:
        """Return how far each pair is from what the others say, and the variance of that."""
        inverse = np.linalg.inv(_kernel(self.z, prior.odds, prior.noise))
        variance = 1 / np.diag(inverse)
        return (inverse @ self.u) * variance[:, None], variance

    def scaled(self, prior: Prior) -> Prior:
        """Return the prior with the likeliest scales."""
        K = _kernel(self.z, prior.odds, prior.noise)
        scale = (self.u * np.linalg.solve(K, self.u)).sum(axis=0) / len(K)
        return replace(prior, scale=scale)

    def __call__(self, odds: Floats) -> tuple[float, Floats]:
        m, r, noise = len(self.z), _relevance(odds), self.noise(odds)
        K, D = odd_even(self.z, self.z, r)
        noisy = K.copy()
        noisy[np.diag_indices(m)] += noise
        try:
            logdet = 2 * np.log(np.diag(np.linalg.cholesky(noisy))).sum()
        except np.linalg.LinAlgError:
            return np.inf, np.zeros_like(odds)
        inverse = np.linalg.inv(noisy)
        a = inverse @ self.u
        square = (a * self.u).sum(axis=0)
        value = 0.5 * logdet + 0.5 * m * float(self.share @ np.log(square))
        M = (a * (self.share * m / square)) @ a.T - inverse
        # dk/dr_j = (z_j z'_j k_even - r_j k_odd) / (1 - r_j^2)
        by_r = -0.5 * (((M * D) @ self.z * self.z).sum(axis=0) - r * (M * K).sum()) / (1 - r**2)
        slope = np.append(by_r * r * (1 - r / _TOP), -0.5 * np.trace(M) * (noise - self.least))
        penalty, pull = _penalty(odds)
        return value + penalty, slope + pull


def _penalty(odds: Floats) -> tuple[float, Floats]:
    """Return minus the log density of the prior of the odds, and its gradient."""
    each, n = odds[:-1], len(odds) - 1
    mean = each.mean()
    tie = n / (_WITHIN + n * _BETWEEN)
    off = odds[-1] - _NOISE
    value = (
        ((each - mean) ** 2).sum() / _WITHIN
        + (mean - _CENTER) ** 2 * tie
        + off**2 / _NOISE_VARIANCE
    )
    pull = (each - mean) / _WITHIN + (mean - _CENTER) * tie / n
    return 0.5 * float(value), np.append(pull, off / _NOISE_VARIANCE)


def posterior(prior: Prior, z: Floats, u: Floats) -> tuple[Floats, Floats]:
    """Return Shapley values and their standard errors, each (players, outputs).

    Parameters
    ----------
    prior : Prior
    z : array of shape (pairs, players)
        Coalitions as -1 and 1; the pair of everybody and nobody may be among them.
    u : array of shape (pairs, outputs)
    """
    r, n = prior.relevance, z.shape[1]
    own = value_weights(z > 0)
    cross = structured(z, r) + prior.noise * own
    solved = _solved(prior, z, np.hstack([u, cross]))
    weights = solved[:, -n:]  # of what was seen, in the values
    # each pair weighs in a value by the definition (own); what was seen, by the estimate instead
    unstructured = 4 * member_weights(n).sum() / n - (own**2).sum(axis=0)
    doubted = unstructured + ((weights - own) ** 2).sum(axis=0)
    known = (cross * weights).sum(axis=0) - prior.noise * (own**2).sum(axis=0)
    variance = prior_variance(r) + prior.noise * unstructured - known + prior.doubt * doubted
    variance = np.maximum(variance, 0.0) * (1 + _WIDER * n / len(z))
    return cross.T @ solved[:, :-n], np.sqrt(variance[:, None] * prior.scale)


def _solved(prior: Prior, z: Floats, B: Floats) -> Floats:
    try:
        return solve_positive(_kernel(z, prior.odds, prior.noise), B)
    except np.linalg.LinAlgError:  # up to rounding it is no longer definite
        solved = np.linalg.solve(_kernel(z, prior.odds, prior.noise), B)
        return np.asarray(solved, dtype=np.float64)


def left_out(prior: Prior, z: Floats, u: Floats, *, most: int) -> tuple[Floats, Floats]:
    """Predict each pair from others, as a control variate does.

    Parameters
    ----------
    most : int
        Pairs that predict; if they are fewer than all, each of them is predicted from the others.

    Returns
    -------
    left : array of shape (pairs, outputs)
    values : array of shape (players, outputs)
        Shapley values of what predicts.
    """
    some = np.linspace(0, len(z) - 1, most).astype(np.int64)
    inverse = np.linalg.inv(_kernel(z[some], prior.odds, prior.noise))
    weight = inverse @ u[some]
    left = np.empty_like(u)
    for part in np.array_split(np.arange(len(z)), len(z) // most + 1):
        left[part] = u[part] - odd(z[part], z[some], prior.relevance) @ weight
    left[some] = weight / np.diag(inverse)[:, None]
    return left, structured(z[some], prior.relevance).T @ weight
