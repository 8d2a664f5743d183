"""Explanations in a terminal and in a notebook."""

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from whence.core.meaning import NO_SUM, meaning
from whence.core.players import cells_in_row, names_in_row, player_names, set_names
from whence.core.show_rows import columns, effect_lines, example_lines, rule_lines
from whence.core.types import Floats
from whence.core.words import (
    EFFECTS,
    about_all,
    importance,
    interaction_size,
    rows_are_classes,
)

if TYPE_CHECKING:
    from whence.core.effect import Effect
    from whence.core.examples import Examples
    from whence.core.explanation import Attribution, Explanation
    from whence.core.rules import Rules

_ROUNDING = 1e-12
_TOP = 8
_BAR = 16


def text(e: "Explanation") -> str:
    """Return a few lines: what was explained, by what, and what matters most."""
    lines = columns(_LINES[type(e).__name__](e))
    return "\n".join([headline(e), *(f"  {line}" for line in [*lines, *footnotes(e)])])


def html(e: "Explanation") -> str:
    """Return the same as a small HTML table, safe for any name."""
    lines = _LINES[type(e).__name__](e)
    rows = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{escape(c)}</td>" for c in line) + "</tr>"
        for line in lines
    )
    notes = "<br>".join(escape(line) for line in footnotes(e))
    return (
        f"<div><strong>{escape(headline(e))}</strong>"
        f"<table><tbody>{rows}</tbody></table><small>{notes}</small></div>"
    )


def headline(e: "Explanation") -> str:
    """Return one line: kind, sizes, unit and method."""
    sizes = [*_SIZES[type(e).__name__](e), _count(len(e.names.outputs), "output")]
    unit = f" in {e.provenance.unit}" if e.provenance.unit else ""
    by = f" by {e.provenance.method}" if e.provenance.method else ""
    return f"{type(e).__name__} of {' x '.join(sizes)}{unit}{by}"


def _value_sizes(e: "Explanation") -> list[str]:
    rows = "all rows" if len(e) and about_all(e) else _count(len(e), "row")
    return [rows, _count(_parts(e), "feature")]


def _effect_sizes(e: "Effect") -> list[str]:
    curves = _count(len(e.curves), f"{EFFECTS[e.kind]} curve")
    if all(c.individual is None for c in e.curves):
        return [curves]
    return [f"{curves} with {_count(len(e), 'individual curve')}"]


def _rule_sizes(e: "Rules") -> list[str]:
    noun = {"tree": "leaf", "list": "rule of a list", "path": "path"}.get(e.kind, e.kind)
    plural = {"leaf": "leaves", "rule of a list": "rules of a list"}.get(noun, f"{noun}s")
    return [f"{len(e):,} {noun if len(e) == 1 else plural}"]


def _example_sizes(e: "Examples") -> list[str]:
    most = e.valid.shape[1] if e.valid.ndim > 1 else 0
    plural = {"criticism": "criticisms", "influence": "influential rows"}.get(e.kind, f"{e.kind}s")
    noun = {"influence": "influential row"}.get(e.kind, e.kind) if most == 1 else plural
    if about_all(e):
        return [f"{most:,} {noun} of all rows"]
    entries = _count(len(e), "row")
    if rows_are_classes(e):
        entries = f"{len(e):,} class{'es' * (len(e) != 1)}"
    return [entries, f"{most:,} {noun}"]


def _value_lines(e: "Explanation") -> list[list[str]]:
    table = _strongest(e)
    scale = max((abs(size) for _, size, _ in table), default=0.0) or 1.0
    bars = ["█" * max(1, round(_BAR * abs(size) / scale)) if size else "" for _, size, _ in table]
    numbers = [_number(e, size) for _, size, _ in table]
    width = max(10, *map(len, numbers)) if numbers else 0
    return [
        [name, number.rjust(width), bar]
        for (name, _, _), number, bar in zip(table, numbers, bars, strict=True)
    ]


def footnotes(e: "Explanation") -> list[str]:
    """Return what the sizes are, base value and output for one row, residual and warnings."""
    warnings = [f"warning: {warning}" for warning in e.provenance.warnings]
    fidelity = getattr(e, "fidelity", None)
    if hasattr(e, "predicates") and fidelity is not None and fidelity.size:
        value, low, high = fidelity[fidelity[:, 0].argmin()]
        told = f"held-out fidelity {value:.3g}, 95% interval {low:.3g} to {high:.3g}"
        return [told, *warnings]
    if not hasattr(e, "values"):
        return warnings
    notes = []
    if about_all(e):  # means of magnitudes do not add up to the output, and need not
        return [_of_all(e), *_precision(e), *warnings]
    if not _signed(e):
        over = "rows" if len(e.names.outputs) == 1 else "rows and outputs"
        notes.append(f"sizes are mean absolute values over the {over}")
    base, outputs = getattr(e, "base_values", None), getattr(e, "outputs", None)
    if base is not None and outputs is not None and len(e) == 1:
        for name, start, end in zip(e.names.outputs, base[0], outputs[0], strict=False):
            from_base = f"base value {start:.6g}, " if meaning(e.provenance.method).in_unit else ""
            notes.append(f"{name}: {from_base}output {end:.6g}")
    residual = getattr(e, "residual", None)
    adds_up = e.provenance.method not in NO_SUM and getattr(e, "index", "") not in NO_SUM
    if residual is not None and residual.size and adds_up:
        notes.append(f"largest residual {np.abs(residual).max():.1e}")
    return notes + _precision(e) + warnings


def _of_all(e: "Explanation") -> str:
    """Say what the sizes of a result about all rows are."""
    if getattr(e, "index", "") == "H":
        return f"sizes are {interaction_size(e)}"
    words = importance(e)
    several = len(e.names.outputs) > 1
    if words.signed and not hasattr(e, "sets"):
        return "sizes are mean absolute values over the outputs" if several else (
            f"sizes are: {words.label}"
        )  # fmt: skip
    return f"sizes are mean absolute values over the rows{' and outputs' * several}"


def _parts(e: "Explanation") -> int:
    if type(e).__name__ == "Attribution":
        return int(np.prod(e.values.shape[1:-1]))  # type: ignore[attr-defined]  # an Attribution has
    return len(player_names(e)) if hasattr(e, "sets") else len(e.names.features)  # type: ignore[arg-type]  # an Interaction


def _precision(e: "Explanation") -> list[str]:
    """Return how exact sampled values are, and how far a surrogate follows the model."""
    notes = []
    stderr = getattr(e, "stderr", None)
    if stderr is not None and stderr.size:
        notes.append(f"largest standard error {stderr.max():.1e}")
    fidelity = getattr(e, "fidelity", None)
    if fidelity is not None and fidelity.size:
        worst = fidelity[..., 0].min()
        share = int(100 * max(worst, 0))
        notes.append(f"the surrogate explains at least {share}% of what the model does nearby")
    return notes


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _strongest(e: "Explanation") -> list[tuple[str, float, int]]:
    names, sizes = _sizes(e)
    order = [i for i in np.argsort(-np.abs(sizes), kind="stable") if names[i]][:_TOP]
    least = _ROUNDING * np.abs(sizes).max(initial=0.0)
    return [(names[i], float(sizes[i]) if abs(sizes[i]) > least else 0.0, int(i)) for i in order]


def _sizes(e: "Explanation") -> tuple[list[str], Floats]:
    """Name and size per player or set: signed for one row of one output, else mean magnitude."""
    kind = type(e).__name__
    if len(e) and kind == "Attribution" and (e.names.features or not _of_points(e)):
        return _players(e), _reduced(e, e.values.reshape(len(e), -1, e.values.shape[-1]))  # type: ignore[attr-defined]  # kind tells the type
    if len(e) and kind == "Interaction":
        return set_names(e), _reduced(e, e.values)  # type: ignore[arg-type, attr-defined]  # kind tells the type
    return [], np.zeros(0)


def _of_points(e: "Explanation") -> bool:
    """Tell whether there is a value for each pixel or point in time, too many to list."""
    return getattr(e.data, "segments", True) is None


def _reduced(e: "Explanation", values: Floats) -> Floats:
    return np.asarray(values[0, :, 0] if _signed(e) else np.abs(values).mean(axis=(0, 2)))


def _signed(e: "Explanation") -> bool:
    """Tell whether the sizes shown are the values of one row and one output, with their signs."""
    alone = len(e) == 1 and e.values.shape[-1] == 1  # type: ignore[attr-defined]  # only called with values
    return alone and (not about_all(e) or (importance(e).signed and not hasattr(e, "sets")))


def _number(e: "Explanation", size: float) -> str:
    return f"{size:+.4g}" if _signed(e) else f"{size:.4g}"


def _players(e: "Attribution | Explanation") -> list[str]:
    if len(e) != 1:
        return player_names(e)  # type: ignore[arg-type]  # only called with values
    cells = cells_in_row(e, 0)  # type: ignore[arg-type]  # as above
    names = names_in_row(e, 0)  # type: ignore[arg-type]  # as above
    return [f"{name} = {cell}" if cell else name for name, cell in zip(names, cells, strict=True)]


_LINES: dict[str, Any] = {
    "Attribution": _value_lines,
    "Interaction": _value_lines,
    "Effect": effect_lines,
    "Rules": rule_lines,
    "Examples": example_lines,
}
_SIZES: dict[str, Any] = {
    "Attribution": _value_sizes,
    "Interaction": _value_sizes,
    "Effect": _effect_sizes,
    "Rules": _rule_sizes,
    "Examples": _example_sizes,
}
