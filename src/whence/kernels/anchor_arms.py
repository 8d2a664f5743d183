"""Rules about the parts of one row that hold what the model says in place, by asking the model.

A rule is a set of parts that are known. What it is worth is tried out: its parts are known, each of
the others is known with probability 1/2 independently, and its *precision* is the share of such
samples about which the model says the same as about the row itself. A rule of m parts covers the
share ``2**-m`` of all samples, so the shortest rule that is precise enough is the widest.

Rules grow part by part. Which of the longer rules are the most precise is a problem of bandits with
many arms, solved by KL-LUCB: as long as it is not settled, the worst of the best rules and the best
of the others are sampled on. A sample of a shorter rule in which the further parts came to be known
by chance is one of the longer rule too, so each rule starts out with some.

All of that only finds the rule. What is reported about it comes of a fresh sample that is drawn
when the rule is settled, so that no choice has a say in its bound.

References
----------
Ribeiro et al. 2018, doi:10.1609/aaai.v32i1.11491. Kaufmann & Kalyanakrishnan 2013, Information
complexity in bandit subset selection (COLT).
"""

from collections.abc import Generator as Steps
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from whence.core.game import Estimate
from whence.core.types import Bools, Floats, Ints
from whence.kernels.agreement import Agreement
from whence.kernels.binomial import most_failures

_FIRST, _EIGHTH = 256, 8
"""Samples of the rule without parts, or this part of the budget."""
_BATCH = 64
"""Samples of a rule at a time."""
_ARM = 16
"""Samples of a rule at least, before it is compared."""
_MOST = 1_024
"""Samples of a rule that is as precise as the threshold, within what can be told."""
_WIDTH = 4
"""Rules of each length that are extended."""
_GAP = 0.1
"""Difference of precision that is not told apart between rules."""
_SURE = 0.95
"""Chance that a sample certifies a rule which is as precise as it seems."""
_LIKELY = 1.0
"""Level of the bounds by which rules are ranked."""
_PAIR = 2
_KEPT = 4
"""Samples that are kept for the judgement: so many times the fewest, or this part of the budget."""
_STEPS = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wish:
    """What is wanted of a rule.

    Attributes
    ----------
    threshold, delta : float
        The precision is to be at least ``threshold``, with confidence ``1 - delta``.
    most : int
        Parts of a rule at most.
    """

    threshold: float
    delta: float
    most: int

    @property
    def fewest(self) -> int:
        """Samples without which nothing can be certified: as many as certify with no failure."""
        return int(np.ceil(np.log(self.delta) / np.log(self.threshold)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What a fresh sample says about a rule.

    Attributes
    ----------
    parts : tuple of int
    right, trials : int
        Samples about which the model says the same, of all.
    status : {"certified", "not certified", "budget"}
        "budget" where the search was cut off and what it had found is not certified.
    """

    parts: tuple[int, ...]
    right: int
    trials: int
    status: str


class ArmSampler:
    """Searches the rule of one row: asks for samples, and is told what the model says about them.

    Parameters
    ----------
    players : int
        Parts of the row.
    said : array of shape (outputs,)
        What the model says about the row itself.
    agreement : Agreement
    wish : Wish
    rng : Generator
    """

    __slots__ = (
        "_agreement", "_floor", "_kept", "_left", "_pending", "_players", "_rng", "_said",
        "_samples", "_steps", "_wish", "verdict",
    )  # fmt: skip

    def __init__(
        self, *, players: int, said: Floats, agreement: Agreement, wish: Wish, rng: Generator
    ) -> None:
        self._players, self._said, self._agreement, self._wish = players, said, agreement, wish
        self._rng, self._samples = rng, Samples()
        self._left = self._kept = self._floor = 0
        self._steps: Steps[Bools, Bools, None] | None = None
        self._pending: Bools | None = None
        self.verdict: Verdict | None = None

    @property
    def fewest(self) -> int:
        """Samples without which nothing can be certified, and some to find what."""
        return self._wish.fewest + _ARM

    def ask(self, most: int) -> Bools:
        """Return the samples to evaluate next, (samples, parts)."""
        if self._steps is None:
            self._left, few = most, self._wish.fewest
            self._floor = self._kept = max(few, min(_KEPT * few, most // _KEPT))
            self._steps = self._search()
            self._pending = next(self._steps)
        if self._pending is None:
            return np.zeros((0, self._players), dtype=bool)
        return self._pending

    def tell(self, worth: Floats) -> None:
        """Take what the model says, (samples, outputs), about the samples last asked for."""
        if self._steps is None:
            raise RuntimeError("Nothing was asked for.")
        try:
            self._pending = self._steps.send(self._agreement.same(worth, self._said[None]))
        except StopIteration:
            self._pending = None

    def estimate(self) -> Estimate | None:
        """Return that it is settled, when it is; the rule itself is in ``verdict``."""
        if self.verdict is None:
            return None
        return Estimate(values=np.zeros((0, 1)), stderr=np.zeros((0, 1)), settled=True)

    def _search(self) -> Steps[Bools, Bools, None]:
        """Look for the rule, length by length, and judge it."""
        rules = np.zeros((1, self._players), dtype=bool)
        yield from self._sample(rules, min(_FIRST, self._left // _EIGHTH))
        best, status = None, "not certified"
        longest = min(self._wish.most, self._players)
        for length in range(longest + 1):
            self._floor = self._kept if length == longest else (self._left + self._kept) // 2
            arms = _Arms.of(_longer(rules) if length else rules, self._samples)
            yield from self._compare(arms)
            sure = yield from self._precise(arms)
            found = arms.rule(int(arms.best(1)[0]) if sure < 0 else sure)
            best = found if best is None or sure >= 0 or found.low > best.low else best
            if sure >= 0:
                break
            if self._left - self._kept < _WIDTH * _ARM:
                status = "budget"
                break
            rules = arms.rules[arms.best(_WIDTH)]
        if best is not None:
            yield from self._judge(best, status)

    @property
    def _free(self) -> int:
        """Samples that may be spent on rules of this length: half of what the search has left."""
        return self._left - self._floor

    def _sample(self, rules: Bools, each: int) -> Steps[Bools, Bools, Bools]:
        """Draw so many samples of each rule, as far as they may be spent: (rules, samples)."""
        each = max(0, min(each, self._free // len(rules)))
        if not each:
            return np.zeros((len(rules), 0), dtype=bool)
        origin = np.repeat(rules, each, axis=0)
        agree = yield from self._drawn(origin)
        return agree.reshape(len(rules), each)

    def _drawn(self, origin: Bools) -> Steps[Bools, Bools, Bools]:
        """Draw a sample of each of some rules (samples, parts) and tell which agree."""
        known = origin | (self._rng.random(origin.shape) < 1 / 2)
        self._left -= len(known)
        agree = yield known
        self._samples.add(origin, known, agree)
        return agree

    def _compare(self, arms: "_Arms") -> Steps[Bools, Bools, None]:
        """Sample until the best rules are told from the others."""
        few = np.flatnonzero(arms.n < _ARM)
        if len(few):
            yield from self._onward(arms, few, _ARM)
        width, turn = _WIDTH, 0
        while width < len(arms.n) and self._free >= _PAIR:
            turn += 1
            level = _exploration(turn, len(arms.n), self._wish.delta)
            low, high = kl_bounds(arms.right, arms.n, level)
            order = np.argsort(-arms.right / np.maximum(arms.n, 1), kind="stable")
            top, rest = order[:width], order[width:]
            worst, other = top[np.argmin(low[top])], rest[np.argmax(high[rest])]
            if high[other] - low[worst] < _GAP or arms.n[[worst, other]].min() >= _MOST:
                return
            yield from self._onward(arms, np.array([worst, other]), _BATCH)

    def _precise(self, arms: "_Arms") -> Steps[Bools, Bools, int]:
        """Return which of the best rules surely reaches the threshold; -1 if none does."""
        level, threshold = float(np.log(1 / self._wish.delta)), self._wish.threshold
        while True:
            some = arms.best(_WIDTH)
            low, high = kl_bounds(arms.right[some], arms.n[some], level)
            sure = some[low >= threshold]
            if len(sure):
                return int(sure[0])
            open_ = some[(high >= threshold) & (arms.n[some] < _MOST)]
            if not len(open_) or self._free < len(open_):
                return -1
            yield from self._onward(arms, open_, _BATCH)

    def _onward(self, arms: "_Arms", some: Ints, each: int) -> Steps[Bools, Bools, None]:
        """Sample some of the rules on."""
        agree = yield from self._sample(arms.rules[some], each)
        arms.n[some] += agree.shape[1]
        arms.right[some] += agree.sum(axis=1)

    def _judge(self, rule: "_Rule", status: str) -> Steps[Bools, Bools, None]:
        """Draw a fresh sample of a rule and say what came of it."""
        wish = self._wish
        allowed = most_failures(self._left, wish.threshold, wish.delta)
        size = _sure_size(allowed, rule.share, wish)
        agree = yield from self._drawn(np.repeat(rule.parts[None], size, axis=0))
        right = int(agree.sum())
        if size - right <= allowed[size]:
            status = "certified"
        self.verdict = Verdict(
            parts=tuple(np.flatnonzero(rule.parts).tolist()),
            right=right,
            trials=size,
            status=status,
        )


class Samples:
    """All samples of a row: the rule that each was drawn of, what is known in it, who agreed."""

    __slots__ = ("_agree", "_known", "_origin")

    def __init__(self) -> None:
        self._origin: list[Bools] = []
        self._known: list[Bools] = []
        self._agree: list[Bools] = []

    def add(self, origin: Bools, known: Bools, agree: Bools) -> None:
        """Take samples of shape (samples, parts), and which of them agree."""
        self._origin.append(origin)
        self._known.append(known)
        self._agree.append(agree)

    def of(self, rules: Bools) -> tuple[Ints, Ints]:
        """Return how many samples stand for each rule (rules, parts), and how many agree.

        A sample of a rule with fewer parts does, if it knows all parts of the longer one.
        """
        if not self._agree:
            return np.zeros(len(rules), dtype=np.int64), np.zeros(len(rules), dtype=np.int64)
        origin, known = np.concatenate(self._origin), np.concatenate(self._known)
        outside = origin.astype(np.float32) @ (~rules).T.astype(np.float32)
        lacking = (~known).astype(np.float32) @ rules.T.astype(np.float32)
        stands = (outside == 0) & (lacking == 0)
        right = stands & np.concatenate(self._agree)[:, None]
        return stands.sum(axis=0), right.sum(axis=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rule:
    """One rule: its parts, what it seems to be worth, and what it is worth at least."""

    parts: Bools
    share: float
    low: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Arms:
    """Rules of equal length, with the samples drawn and how many agree."""

    rules: Bools
    n: Ints
    right: Ints

    @classmethod
    def of(cls, rules: Bools, samples: Samples) -> "_Arms":
        n, right = samples.of(rules)
        return cls(rules=rules, n=n, right=right)

    def best(self, size: int) -> Ints:
        """Return the rules that are most surely precise, best first."""
        low, _ = kl_bounds(self.right, self.n, _LIKELY)
        return np.asarray(np.argsort(-low, kind="stable")[:size])

    def rule(self, i: int) -> _Rule:
        """Return one of the rules; its share is drawn a little toward one half."""
        return _Rule(
            parts=self.rules[i],
            share=float((self.right[i] + 1) / (self.n[i] + 2)),
            low=float(kl_bounds(self.right[[i]], self.n[[i]], _LIKELY)[0][0]),
        )


def _longer(rules: Bools) -> Bools:
    """Return all rules (rules, parts) with one part more, each once."""
    parts = rules.shape[1]
    grown = rules[:, None, :] | np.eye(parts, dtype=bool)
    fresh = grown[~rules]  # the part added is none that the rule has
    return np.asarray(np.unique(fresh.reshape(-1, parts), axis=0)[::-1])


def _exploration(turn: int, arms: int, delta: float) -> float:
    """Return KL-LUCB's exploration rate of a turn."""
    rate = np.log(405.5 * arms * turn**1.1 / delta)
    return float(rate + np.log(rate))


def _sure_size(allowed: Ints, share: float, wish: Wish) -> int:
    """Return how large a sample is likely to certify a rule of a given precision."""
    from scipy.special import bdtr

    most = len(allowed) - 1
    if share < wish.threshold:  # nothing will, but its precision is to be known
        return min(most, _KEPT * wish.fewest)
    n = np.arange(most + 1)
    chance = np.where(allowed >= 0, bdtr(np.maximum(allowed, 0), n, 1 - share), 0.0)
    sure = np.flatnonzero(chance >= _SURE)
    return int(sure[0]) if len(sure) else most


def kl_bounds(right: Ints, n: Ints, level: float) -> tuple[Floats, Floats]:
    """Return the shares that are as far from what was counted as ``level`` allows.

    Parameters
    ----------
    right, n : int arrays of the same shape
    level : float
        ``n`` times the Kullback-Leibler divergence of the share counted from the bound.

    Examples
    --------
    >>> [bound.round(3).tolist() for bound in kl_bounds(np.array([59]), np.array([59]), 3.0)]
    [[0.95], [1.0]]
    """
    share = right / np.maximum(n, 1)
    far = level / np.maximum(n, 1)
    bounds = []
    for end in (0.0, 1.0):
        near, beyond = share.astype(np.float64), np.full(share.shape, end)
        for _ in range(_STEPS):
            middle = (near + beyond) / 2
            inside = _divergence(share, middle) <= far
            near, beyond = np.where(inside, middle, near), np.where(inside, beyond, middle)
        bounds.append(np.where(n > 0, near, end))
    return bounds[0], bounds[1]


def _divergence(p: Floats, q: Floats) -> Floats:
    q = np.clip(q, 1e-15, 1 - 1e-15)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(p > 0, p * np.log(p / q), 0.0)
        second = np.where(p < 1, (1 - p) * np.log((1 - p) / (1 - q)), 0.0)
    return np.asarray(first + second)
