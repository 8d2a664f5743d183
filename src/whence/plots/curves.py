"""What a picture reads out of an effect: one output of each curve, with its words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whence.core.effect import Curve, Effect
from whence.core.errors import InputError
from whence.core.types import Floats, Ints, Level
from whence.core.words import CENTERED, EFFECTS
from whence.plots.pick import Name, find, output_name
from whence.plots.style import plain

if TYPE_CHECKING:
    from matplotlib.axis import Axis

PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """One output of a curve along one feature.

    Attributes
    ----------
    feature : str
    where : str
        Subgroup in words; "" for all rows.
    levels : tuple or None
        Categories in the order of the positions; None for a feature of numbers.
    x : array of shape (positions,)
        Numbers, or places 0, 1, ... of categories; without the missing values.
    mean, low, high : arrays of shape (positions,)
        NaN where there is no band.
    lines : array of shape (rows, positions)
        Of the rows; none with zero rows.
    density : array of shape (positions,)
        Share of the rows at each position; NaN if unknown.
    missing : Line or None
        The one position of missing values, if any.
    """

    feature: str
    where: str
    levels: tuple[Level, ...] | None
    x: Floats
    mean: Floats
    low: Floats
    high: Floats
    lines: Floats
    density: Floats
    missing: "Line | None" = None

    @property
    def reach(self) -> float:
        """How far the mean goes up and down, missing values included."""
        points = self.mean if self.missing is None else np.append(self.mean, self.missing.mean)
        return float(np.ptp(points)) if points.size else 0.0

    @property
    def extent(self) -> tuple[float, float]:
        """The lowest and the highest number of the mean and its band."""
        parts = [self] if self.missing is None else [self, self.missing]
        points = np.concatenate([a for p in parts for a in (p.mean, p.low, p.high)])
        return float(np.nanmin(points)), float(np.nanmax(points))


def effect_of(e: object, picture: str) -> Effect:
    """Return ``e`` if it is an effect with any curve.

    Raises
    ------
    InputError
        If it is not.
    """
    if not isinstance(e, Effect):
        raise InputError(
            f"`{picture}` needs an Effect and got {type(e).__name__}. Pass what `whence.explain` "
            "returned for a method of effects, or see whether `plot` suits it."
        )
    if not e.curves:
        raise InputError(f"`{picture}` got an effect of 0 curves. Compute at least one.")
    return e


def chosen(e: Effect, features: Sequence[str], where: str | None, picture: str) -> list[Curve]:
    """Return the curves of some features: that of all rows first, then those of subgroups.

    Raises
    ------
    InputError
        If there is none, or no features were named and there are several to choose from.
    """
    sets = list(dict.fromkeys(tuple(sorted(c.features)) for c in e.curves))
    if not features and len(sets) > 1:
        known = ", ".join(" x ".join(map(repr, s)) for s in sets[:5])
        raise InputError(
            f"`{picture}` draws one curve, and the effect holds those of {len(sets):,} features: "
            f"{known}{', …' if len(sets) > 5 else ''}. Name one, or draw all with `effects`."  # noqa: PLR2004  a line
        )
    wanted = tuple(sorted(features)) if features else sets[0]
    found = [c for c in e.curves if tuple(sorted(c.features)) == wanted]
    if where is not None or not found:
        return [e.curve(*wanted, where=where or "")]
    return sorted(found, key=lambda c: c.where != "")


def output_of(e: Effect, output: Name) -> tuple[int, str]:
    """Return the place of an output and its name for a title.

    Raises
    ------
    InputError
        If there is no such output.
    """
    k = e.curves[0].values.shape[-1]
    out = find(output, e.names.outputs, k, "output")
    return out, output_name(e.names.outputs, k, out)


def quantity(e: Effect, *, whole: bool = False) -> str:
    """Name what the numbers are, with their unit."""
    unit = f" ({plain(e.provenance.unit)})" if e.provenance.unit else ""
    name = EFFECTS[e.kind]
    return f"{name if not whole else name[0].upper() + name[1:]}{unit}"


def is_centered(e: Effect) -> bool:
    """Tell whether the numbers are differences from a mean, so that zero says something."""
    return e.kind in CENTERED


def line_of(c: Curve, out: int, picture: str) -> Line:
    """Read one output of a curve along one feature.

    Raises
    ------
    InputError
        If the curve is along two features, or holds no finite number.
    """
    if len(c.features) != 1:
        raise InputError(
            f"`{picture}` got a surface of {' x '.join(map(repr, c.features))} where a curve of "
            "one feature is needed. Draw it with `effect` or `decision_surface`."
        )
    mean = c.values[:, out]
    if not mean.size or not np.isfinite(mean).all():
        raise InputError(
            f"The curve of {c.features[0]!r} holds {int((~np.isfinite(mean)).sum())} numbers that "
            f"are NaN or infinite, of {mean.size}. A picture needs finite ones."
        )
    gone = np.isnan(c.grid[0])
    known, missing = np.flatnonzero(~gone), np.flatnonzero(gone)
    last = None if not missing.size else _part(c, out, missing[:1])
    return _part(c, out, known, last)


def _part(c: Curve, out: int, at: Ints, missing: Line | None = None) -> Line:
    levels = c.levels[0]
    lines = np.zeros((0, at.size)) if c.individual is None else c.individual[:, at, out]
    blank = np.full(at.size, np.nan)
    return Line(
        feature=c.features[0],
        where=c.where,
        levels=None if levels is None else tuple(levels[int(i)] for i in c.grid[0][at] if i == i),  # noqa: PLR0124  NaN is missing
        x=c.grid[0][at] if levels is None else np.arange(at.size, dtype=np.float64),
        mean=c.values[at, out],
        low=blank if c.low is None else c.low[at, out],
        high=blank if c.high is None else c.high[at, out],
        lines=lines,
        density=blank if c.density is None else c.density[at],
        missing=missing,
    )


def edges(x: Floats) -> Floats:
    """Return where the cell of each position begins and ends, of shape (positions + 1,).

    Examples
    --------
    >>> edges(np.array([0.0, 1.0, 4.0]))
    array([-0.5,  0.5,  2.5,  5.5])
    """
    if x.size == 1:
        return np.array([x[0] - 0.5, x[0] + 0.5])
    middle = (x[1:] + x[:-1]) / 2
    return np.concatenate([[2 * x[0] - middle[0]], middle, [2 * x[-1] - middle[-1]]])


def is_whole(x: Floats) -> bool:
    """Tell whether all positions are whole numbers, as those of counts and codes are."""
    return bool(x.size and np.array_equal(x, np.round(x)))


def name_whole(axis: "Axis", x: Floats, most: int = 12) -> None:
    """Name just the positions of an axis where they are few whole numbers."""
    if is_whole(x) and x.size <= most:
        axis.set_ticks(x, [f"{value:.0f}" for value in x])
