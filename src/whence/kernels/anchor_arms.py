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
from whence.kernels.anchor_samples import Arms, Rule, Samples, longer
from whence.kernels.binomial import most_failures
from whence.kernels.kl_bounds import exploration_rate, kl_bounds

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
_PAIR = 2
_KEPT = 4
"""Samples that are kept for the judgement: so many times the fewest, or this part of the budget."""


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
            arms = Arms.of(longer(rules) if length else rules, self._samples)
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

    def _compare(self, arms: Arms) -> Steps[Bools, Bools, None]:
        """Sample until the best rules are told from the others."""
        few = np.flatnonzero(arms.n < _ARM)
        if len(few):
            yield from self._onward(arms, few, _ARM)
        width, turn = _WIDTH, 0
        while width < len(arms.n) and self._free >= _PAIR:
            turn += 1
            level = exploration_rate(turn, len(arms.n), self._wish.delta)
            low, high = kl_bounds(arms.right, arms.n, level)
            order = np.argsort(-arms.right / np.maximum(arms.n, 1), kind="stable")
            top, rest = order[:width], order[width:]
            worst, other = top[np.argmin(low[top])], rest[np.argmax(high[rest])]
            if high[other] - low[worst] < _GAP or arms.n[[worst, other]].min() >= _MOST:
                return
            yield from self._onward(arms, np.array([worst, other]), _BATCH)

    def _precise(self, arms: Arms) -> Steps[Bools, Bools, int]:
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

    def _onward(self, arms: Arms, some: Ints, each: int) -> Steps[Bools, Bools, None]:
        """Sample some of the rules on."""
        agree = yield from self._sample(arms.rules[some], each)
        arms.n[some] += agree.shape[1]
        arms.right[some] += agree.sum(axis=1)

    def _judge(self, rule: Rule, status: str) -> Steps[Bools, Bools, None]:
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
