"""What a model is wanted to answer: a class, any other class, or a number in an interval.

The decision of a classifier is that of its library: the class of the largest output, and with one
output the second class where a probability is above 0.5 or a score above 0. An answer on the very
line between two classes is neither.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from whence.core.check import shorten
from whence.core.decision import decisions, threshold_of
from whence.core.errors import InputError
from whence.core.types import Bools, Floats, Ints, Level
from whence.models.predict import PAIR_SCORE, Predict

Target: TypeAlias = Level | tuple[float | None, float | None] | None

_PAIR = 2
_LEAST = 1e-12
"""Probabilities are told apart down to this, and to as much below 1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Goal:
    """What is wanted of the model's answer.

    Attributes
    ----------
    form : str
        "class", "other" for any other class than now, or "interval".
    wanted : int
        Position of the class, for "class".
    low, high : float
        Bounds of the interval, both included.
    probable : bool
        Whether answers are probabilities, which are compared by their logarithms.
    """

    form: Literal["class", "other", "interval"]
    wanted: int = 0
    low: float = -math.inf
    high: float = math.inf
    probable: bool = False

    def score(self, raw: Floats, now: Ints) -> Floats:
        """Return how far answers are from what is wanted, (rows,): higher is better.

        Parameters
        ----------
        raw : array of shape (rows, outputs)
            Answers of the model.
        now : int array of shape (rows,)
            The class that each is to be another than, from `decided`.
        """
        if self.form == "interval":
            return np.asarray(np.minimum(raw[:, 0] - self.low, self.high - raw[:, 0]))
        sums = self._sums(raw)
        at, best = np.arange(len(raw)), sums.copy()
        which = np.full(len(raw), self.wanted) if self.form == "class" else now
        best[at, which] = -np.inf
        ahead = sums[at, which] - best.max(axis=1)
        return np.asarray(ahead if self.form == "class" else -ahead)

    def pull(self, raw: Floats, now: Ints) -> Floats:
        """Return how the score rises with each output, (rows, outputs), outputs taken as they are.

        Of a probability this is the direction alone.
        """
        out, at = np.zeros(raw.shape), np.arange(len(raw))
        if self.form == "interval":
            out[:, 0] = np.where(raw[:, 0] - self.low <= self.high - raw[:, 0], 1.0, -1.0)
            return out
        which = np.full(len(raw), self.wanted) if self.form == "class" else now
        sign = 1.0 if self.form == "class" else -1.0
        if raw.shape[1] == 1:
            out[:, 0] = np.where(which == 1, sign, -sign)
            return out
        others = raw.copy()
        others[at, which] = -np.inf
        out[at, which], out[at, others.argmax(axis=1)] = sign, -sign
        return out

    def met(self, score: Floats) -> Bools:
        """Tell which scores mean that the goal is reached."""
        return np.asarray(score >= 0 if self.form == "interval" else score > 0)

    def decided(self, raw: Floats) -> Ints:
        """Return the class that each answer means, (rows,); zeros for an interval."""
        if self.form == "interval":
            return np.zeros(len(raw), dtype=np.int64)
        return decisions(raw, threshold_of(probable=self.probable))

    def _sums(self, raw: Floats) -> Floats:
        """Return one number per class, whose differences tell how far apart classes are."""
        if self.probable:
            p = np.column_stack([1 - raw, raw]) if raw.shape[1] == 1 else raw
            return np.asarray(np.log(np.clip(p, _LEAST, 1.0)))
        return np.column_stack([-raw, raw]) / 2 if raw.shape[1] == 1 else raw


def goal_of(view: Predict, target: object, outputs: int) -> Goal:
    """Return what is wanted, after a check that the model can answer so.

    Parameters
    ----------
    view : Predict
    target : Level, pair or None
        A class; of a model of one number an interval (low, high), None for no bound; of a model of
        several outputs that is no classifier the position of the one to become the largest. None
        is any other class than now.
    outputs : int
        Numbers that the model answers with.

    Raises
    ------
    InputError
        If there is no such class, or the model has none and no interval is given.

    Examples
    --------
    >>> from whence.models.predict import read_predict
    >>> goal = goal_of(read_predict(len), (None, 3.0), 1)
    >>> goal.met(goal.score(np.array([[2.0], [4.0]]), np.zeros(2, dtype=int)))
    array([ True, False])
    """
    if view.response != "identity":
        raise InputError(
            "Counterfactuals change what the model answers. Leave out output=, and say by target= "
            "what the answer has to be."
        )
    if view.unit == PAIR_SCORE:
        raise InputError(
            f"{view.name} answers with a score for each pair of classes, of which none is the "
            "class that it decides for. Set decision_function_shape='ovr' on it."
        )
    if isinstance(target, (tuple, list)):
        return _interval(view, target, outputs)
    choices = view.classes or tuple(range(outputs if outputs > 1 else 0))
    if not choices:
        raise InputError(
            f"target is {target!r} and {view.name} answers with one number, which has no classes. "
            "Give an interval, such as target=(200.0, None) for at least 200, or (0.5, None) for a "
            "probability."
        )
    probable = view.unit == "probability"
    if target is None:
        return Goal(form="other", probable=probable)
    if target not in choices:
        what = "classes" if view.classes else "outputs, by position,"
        raise InputError(
            f"target is {target!r}. {view.name} knows no such class. Its {what} are "
            f"{shorten(choices)}. Give one of them, or None for any other than now."
        )
    return Goal(form="class", wanted=choices.index(target), probable=probable)


def _interval(view: Predict, target: tuple[object, ...] | list[object], outputs: int) -> Goal:
    ends = [-math.inf, math.inf]
    for i, end in enumerate(target[:_PAIR]):
        if end is None:
            continue
        if isinstance(end, bool) or not isinstance(end, (int, float, np.number)) or end != end:  # noqa: PLR0124  NaN
            raise InputError(f"target is {target!r}. Its ends are numbers, or None for no bound.")
        ends[i] = float(end)
    if len(target) != _PAIR or ends[0] > ends[1]:
        raise InputError(f"target is {target!r}. Give (low, high) with low not above high.")
    if outputs > 1:
        raise InputError(
            f"target is the interval {target!r} and {view.name} answers with {outputs} numbers. "
            f"Give a class: {shorten(view.classes or tuple(range(outputs)))}."
        )
    return Goal(form="interval", low=ends[0], high=ends[1])
