"""An effect in plain words: which way a curve goes, as far as its band supports it."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from whence.core.effect import Curve, Effect
from whence.core.errors import InputError
from whence.core.types import Floats, Ints
from whence.core.words import band
from whence.plots.curves import is_centered, output_of
from whence.plots.style import decimals, number, plain
from whence.reports.narrate_words import MOST, Audience, cell, notes

_OPENINGS: Final = {
    "pdp": "On average over the rows, the model's {what}",
    "ale": "The accumulated local effect of {feature} on the model's {what}",
    "term": "The term of {feature} in the model's {what}",
    "surface": "With all else fixed, the model's {what}",
}
_LEAST: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Told:
    """One output of a curve, with places in words.

    Attributes
    ----------
    feature, where : str
    what : str
        The output in words.
    at : tuple of str
        Positions.
    mean, low, high : arrays of shape (positions,)
        The band is the mean itself where there is none.
    ordered : bool
        Whether the positions are numbers.
    band : bool
    sure : str
        What the band is.
    percent : bool
    signed : bool
        Whether the numbers are differences from a mean.
    """

    feature: str
    where: str
    what: str
    at: tuple[str, ...]
    mean: Floats
    low: Floats
    high: Floats
    ordered: bool
    band: bool
    sure: str
    percent: bool
    signed: bool

    def figure(self, i: int) -> str:
        scaled = 100 * self.mean if self.percent else self.mean
        places = min(decimals(scaled), 1 if self.percent else 12)
        text = number(float(scaled[i]), places, sign=self.signed)
        return text + ("%" if self.percent else "")


def tell_effect(e: Effect, audience: Audience, output: str | int | None) -> str:
    """Tell the curves of one feature, those that move the output furthest first.

    Raises
    ------
    InputError
        If there are none, or no such output.
    """
    curves = [c for c in e.curves if len(c.features) == 1]
    if not curves:
        raise InputError(
            "`narrate` tells effects of one feature, and this effect holds surfaces of two only. "
            "A picture tells more: wh.plot(e)."
        )
    out, name = output_of(e, 0 if output is None else output)
    curves.sort(key=lambda c: -float(np.ptp(c.values[:, out])))
    shown = curves[: MOST[audience]]
    told = [_curve(e, c, out, name, audience) for c in shown]
    left = len(curves) - len(shown)
    if left:
        told.append(
            "One other curve moves it less." if left == 1 else f"{left:,} others move it less."
        )
    return " ".join([*told, *(notes(e) if audience == "analyst" else [])])


def _curve(e: Effect, c: Curve, out: int, name: str, audience: Audience) -> str:
    told = _read(e, c, out, name)
    opening = _OPENINGS[e.kind].format(what=told.what, feature=told.feature)
    where = f"Where {told.where}: " if told.where else ""
    if where:
        opening = opening[0].lower() + opening[1:]
    sentence = f"{where}{opening} {_course(told) if told.ordered else _extremes(told)}."
    if audience == "analyst" and not told.band:
        sentence += " No interval is known."
    return sentence + _differ(c, told, out, audience)


def _read(e: Effect, c: Curve, out: int, name: str) -> _Told:
    unit = plain(e.provenance.unit)
    percent = unit == "probability" and e.kind == "pdp"
    noun = "probability" if percent else "output"
    what = f"{noun}{f' for {name}' if name else ''}" + (
        f" ({unit})" if unit and not percent else ""
    )
    mean = c.values[:, out]
    known = c.low is not None and c.high is not None
    return _Told(
        feature=plain(c.features[0]),
        where=plain(c.where),
        what=what,
        at=tuple(cell(c.position(0, i)) for i in range(mean.size)),
        mean=mean,
        low=mean if c.low is None else c.low[:, out],
        high=mean if c.high is None else c.high[:, out],
        ordered=c.levels[0] is None,
        band=known,
        sure=f"the {band(e, e.kind)}",
        percent=percent,
        signed=is_centered(e),
    )


def _course(t: _Told) -> str:
    """Say which way a curve goes along numbers, where its band lets no doubt."""
    known = np.array([at != "missing" for at in t.at])
    at = np.flatnonzero(known)
    if at.size < 2:  # noqa: PLR2004  a way needs two ends
        return f"is {t.figure(0)} at the only position that is known"
    rise, fall = _surest(t, at, 1), _surest(t, at, -1)
    if rise is None and fall is None:
        why = f", within {t.sure}" if t.band else ""
        return f"does not change with {t.feature}{why}"
    if rise is not None and fall is not None:
        top, foot = (int(at[place]) for place in (t.mean[at].argmax(), t.mean[at].argmin()))
        return (
            f"goes up and down with {t.feature}: it is highest, {t.figure(top)}, at {t.at[top]} "
            f"and lowest, {t.figure(foot)}, at {t.at[foot]}"
        )
    start, end = rise or fall or (0, 0)
    return (
        f"{'rises' if rise else 'falls'} with {t.feature}, from {t.figure(start)} at "
        f"{t.at[start]} to {t.figure(end)} at {t.at[end]}"
    )


def _surest(t: _Told, at: Ints, way: int) -> tuple[int, int] | None:
    """Return the largest change one way that the band leaves no doubt of; None if there is none."""
    low, high = (t.low[at], t.high[at]) if way > 0 else (-t.high[at], -t.low[at])
    least = _LEAST * float(np.abs(t.mean).max(initial=0.0))
    sure = np.triu(low[None, :] > high[:, None] + least, 1)
    if not sure.any():
        return None
    size = np.where(sure, way * (t.mean[at][None, :] - t.mean[at][:, None]), -np.inf)
    start, end = np.unravel_index(int(size.argmax()), size.shape)
    return int(at[start]), int(at[end])


def _extremes(t: _Told) -> str:
    """Say for which categories an effect is highest and lowest, where the band tells them apart."""
    top, foot = int(t.mean.argmax()), int(t.mean.argmin())
    if top == foot or t.low[top] <= t.high[foot]:
        return f"differs between the categories of {t.feature} by no more than the intervals"
    return (
        f"is highest where {t.feature} is {t.at[top]} ({t.figure(top)}) and lowest where it is "
        f"{t.at[foot]} ({t.figure(foot)})"
    )


def _differ(c: Curve, t: _Told, out: int, audience: Audience) -> str:
    """Say how far single rows are from the mean, for an analyst."""
    if audience == "customer" or c.heterogeneity is None:
        return ""
    size = float(c.heterogeneity[out]) * (100 if t.percent else 1)
    unit = " percentage points" if t.percent else ""
    return f" The curves of single rows differ from this one by {size:.2g}{unit} on average."
