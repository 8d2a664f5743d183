"""The force picture as one self-contained piece of HTML: it loads nothing and works offline."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.plots.force_look import CSS, JS
from whence.plots.forces import Segment, segments
from whence.plots.pick import Name, Panel, kind, positive
from whence.plots.row import read_rows, row_steps
from whence.plots.style import NEGATIVE, POSITIVE, Z95, decimals, number, shorten

WIDTH, BAR, TOP = 1000.0, 34.0, 26.0
LETTER = 7.0
"""Width of a letter in the labels, in units of the picture."""
MOST_ROWS = 200
TICKS = 9


def force_html(
    e: Attribution,
    rows: Name | Sequence[Name] | None = None,
    output: Name = 0,
    max_features: int = 20,
) -> str:
    """Return force pictures of some rows, one below the other, as a piece of HTML.

    It holds its own drawing, style and script, loads nothing, and can stand in a page or be one.
    Pointing at a bar, or reaching it by the tab and arrow keys, shows the full name, the value of
    the feature and its contribution. All rows share one axis.

    Parameters
    ----------
    e : Attribution
        What ``whence.explain`` returned.
    rows : int, str, or sequence of them, optional
        Which rows, by number or label; None for the first 10.
    output : int or str, default=0
        Which output of the model, by number or name.
    max_features : int, default=20
        How many features are shown; the others are shown as their sum.

    Returns
    -------
    str
        One ``<div>``, well formed as XML too.

    Raises
    ------
    InputError
        If ``e`` is not an attribution, has no such row or output, or more than 200 rows are asked
        for.

    Examples
    --------
    >>> e = Attribution(
    ...     values=np.array([[[1.0], [-2.0]]]), base_values=np.array([[0.5]]),
    ...     outputs=np.array([[-0.5]]),
    ... )
    >>> "x0: +1.00" in force_html(e)
    True
    """
    most = positive(max_features, "max_features")
    count = len(kind(e, Attribution, "force_html"))
    panel, titles = read_rows(e, _wanted(rows, count), output, "force_html")
    laid = [segments(row_steps(panel, i, most), float(end)) for i, end in enumerate(panel.outputs)]
    points = [float(x) for x in (*panel.base, *panel.outputs)]
    points += [segment.start for row in laid for segment in row]
    low, high = min(points), max(points)
    pad = 0.03 * (high - low) or 0.05 * abs(high) or 1.0
    axis = (low - pad, high + pad)
    digits = decimals(np.array([*points, *(g.step.value for row in laid for g in row)]))
    body = "".join(
        _picture(panel, i, title, row, axis, digits)
        for i, (title, row) in enumerate(zip(titles, laid, strict=True))
    )
    return (
        f'<div class="whence-force"><style>{CSS}</style>{_key(panel, count)}{body}'
        f"{_ruler(axis)}"
        f'<div class="whence-tip" role="status"></div><script>//<![CDATA[{JS}//]]></script></div>'
    )


def _wanted(rows: Name | Sequence[Name] | None, count: int) -> list[Name]:
    if rows is None:
        return list(range(min(10, count)))
    wanted = [rows] if isinstance(rows, int | str | np.integer) else list(rows)
    if not 0 < len(wanted) <= MOST_ROWS:
        raise InputError(
            f"`rows` asks for {len(wanted)} rows. Pass 1 to {MOST_ROWS} of them; "
            "`heatmap` and `decision` draw more."
        )
    return wanted


def _key(panel: Panel, count: int) -> str:
    shown = len(panel.values)
    rows = f" Shown: {shown:,} of {count:,} rows." if shown < count else ""
    quantity = f" Values in {escape(panel.unit)}." if panel.unit else ""
    return (
        f'<p><span class="key" style="background:{POSITIVE}"></span>→ raises the output'
        f'<span class="key" style="background:{NEGATIVE}"></span>← lowers the output.'
        f"{quantity}{rows} Point at a bar or use the tab and arrow keys for its numbers.</p>"
    )


def _picture(
    panel: Panel,
    row: int,
    name: str,
    laid: Sequence[Segment],
    axis: tuple[float, float],
    places: int,
) -> str:
    base, end = float(panel.base[row]), float(panel.outputs[row])
    unit = f" {panel.unit}" if panel.unit else ""
    title = f"{name}: output {number(end, places)}{unit}"
    x_base, x_end = (_x(value, axis) for value in (base, end))
    bars = "".join(_bar(segment, axis, places, unit) for segment in laid)
    side = "end" if x_base > WIDTH / 2 else "start"
    height = TOP + BAR + 6
    return (
        f"<h3>{escape(title)}</h3>"
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height:.0f}" '
        f'role="group" aria-label="{escape(title)}">{bars}'
        f'<line x1="{x_base:.2f}" x2="{x_base:.2f}" y1="{TOP - 8}" y2="{TOP + BAR + 4}" '
        'stroke="#5f6672" stroke-dasharray="4 3"/>'
        f'<text x="{x_base:.2f}" y="{TOP - 12}" text-anchor="{side}">'
        f"base value {number(base, places)}</text>"
        f'<line x1="{x_end:.2f}" x2="{x_end:.2f}" y1="{TOP - 8}" y2="{TOP + BAR + 4}" '
        'stroke="#000" stroke-width="2"/></svg>'
    )


def _ruler(axis: tuple[float, float]) -> str:
    """Draw the axis that all rows share."""
    span = axis[1] - axis[0]
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(k for k in (1, 2, 5, 10) if span / (step * k) <= TICKS)
    places = max(0, -math.floor(math.log10(step)))
    ticks = np.arange(math.ceil(axis[0] / step), math.floor(axis[1] / step) + 1) * step
    marks = "".join(
        f'<path d="M{_x(t, axis):.2f} 0V6" class="axis"/>'
        f'<text x="{_x(t, axis):.2f}" y="20" text-anchor="middle">{number(float(t), places)}</text>'
        for t in ticks
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} 26" aria-hidden="true">'
        f'<path d="M0 0.5H{WIDTH:.0f}" class="axis"/>{marks}</svg>'
    )


def _x(value: float, axis: tuple[float, float]) -> float:
    return (value - axis[0]) / (axis[1] - axis[0]) * WIDTH


def _bar(segment: Segment, axis: tuple[float, float], places: int, unit: str) -> str:
    step = segment.step
    a, b = _x(segment.start, axis), _x(segment.end, axis)
    neck = b - np.sign(b - a) * min(6.0, abs(b - a))
    path = (
        f"M{a:.2f} {TOP}L{neck:.2f} {TOP}L{b:.2f} {TOP + BAR / 2}"
        f"L{neck:.2f} {TOP + BAR}L{a:.2f} {TOP + BAR}Z"
    )
    told = f"{step.name} = {step.cell}" if step.cell else step.name
    text = f"{told}: {number(step.value, places, sign=True)}{unit}"
    if np.isfinite(step.stderr):
        text += f" ± {number(Z95 * step.stderr, places)} (95% interval)"
    kind = "left" if step.role == "residual" else "up" if step.value > 0 else "down"
    return (
        f'<g class="{kind}" tabindex="0" role="img" aria-label="{escape(text)}">'
        f'<title>{escape(text)}</title><path d="{path}"/>{_inside(step.short, step.cell, a, b)}</g>'
    )


def _inside(name: str, cell: str, a: float, b: float) -> str:
    """Label a bar that is wide enough for it."""
    fits = int((abs(b - a) - 12) / LETTER)
    shown = f"{name} = {cell}" if cell else name
    text = (
        shown if len(shown) <= fits else shorten(name, fits) if fits >= min(10, len(name)) else ""
    )
    if not text:
        return ""
    return (
        f'<text class="in" x="{(a + b) / 2:.2f}" y="{TOP + BAR / 2 + 4}" '
        f'text-anchor="middle" aria-hidden="true">{escape(text)}</text>'
    )
