"""A rule in plain words: under which conditions an answer stays, and how sure that is."""

from typing import Final

import numpy as np

from whence.core.rules import Rules
from whence.core.words import condition, conditions, is_exact, of_parts, share
from whence.plots.style import plain
from whence.reports.narrate_words import Audience, joined, notes, said

_STATUS: Final = {
    "certified": "This was certified on rows that had no part in finding the rule.",
    "not certified": "This could not be certified: too few rows, or too mixed ones, are covered.",
    "budget": "The search for a better rule ended at its budget.",
}
_WHO: Final = {"tree": "the tree", "list": "the list of rules"}


def tell_rule(e: Rules, audience: Audience) -> str:
    """Tell the only rule there is."""
    parts = [plain(text) for text in conditions(e.predicates[0])]
    when = joined(parts) if parts else ""
    if parts and of_parts(e):
        when += f" {'is' if len(parts) == 1 else 'are'} there"
    tell = _anchor if e.kind == "anchor" else _leaf
    told = tell(e, when, audience)
    if audience == "analyst":
        told += notes(e)
    return " ".join(told)


def _anchor(e: Rules, when: str, audience: Audience) -> list[str]:
    answer = said(e.names.outputs, e.outputs[0], e.provenance.unit)
    precision, low = float(e.precision[0]), float(e.precision_low[0])
    status = e.status[0] if e.status else ""
    held = f"at least {share(low)}" if low > 0 else "some"
    sure = status in ("", "certified")
    side, rest = _side(e), "parts" if of_parts(e) else "details"
    if not when:
        whose = "whatever its details are" if sure else "and no rule was found under which it stays"
        told = [f"The model's answer is {answer}{side}, {whose}."]
    elif audience == "customer":
        told = [f"The model's answer is {answer}{side}.", _stays(when, held, rest, sure=sure)]
    else:
        checked = (
            f"Of {int(e.covered[0]):,} rows checked that this covers, {share(precision)} got the "
            "same answer."
        )
        told = [
            f"The model's answer is {answer}{side}.",
            _stays(when, held, rest, sure=sure),
            checked,
        ]
    if audience == "analyst":
        told += [_coverage(e)]
    if status and (status != "certified" or audience == "analyst"):
        told.append(_STATUS.get(status, f"Status: {status}."))
    return told


def _side(e: Rules) -> str:
    """Say what of a number counts as the answer: which side of the middle it is on, or so near."""
    tolerance = e.provenance.settings.get("tolerance")
    if isinstance(tolerance, (int, float)):
        return f", give or take {tolerance:.3g}"
    edge = {"probability": (0.5, "one half"), "log-odds": (0.0, "zero")}.get(e.provenance.unit)
    if edge is None or e.outputs.shape[1] > 1:
        return ""
    return f", which is {'above' if e.outputs[0, 0] > edge[0] else 'below'} {edge[1]}"


def _stays(when: str, held: str, rest: str, *, sure: bool) -> str:
    if sure:
        return (
            f"The answer stays as long as {when}: this holds for {held} of such cases, "
            f"whatever their other {rest} are."
        )
    return (
        f"The answer may stay as long as {when}, but this is known for {held} of such cases only."
    )


def _coverage(e: Rules) -> str:
    cover, low, high = (float(a[0]) for a in (e.coverage, e.coverage_low, e.coverage_high))
    if np.isnan(cover):
        return "How many rows this covers is not known."
    interval = "" if np.isnan(low + high) else f" (95% interval {share(low)} to {share(high)})"
    if low == high == cover and not e.predicates[0]:
        return "It covers all rows."
    if low == high == cover:  # the parts are drawn, so the share is known
        return f"It covers {share(cover)} of rows whose parts are kept or hidden at random."
    return f"It covers {share(cover)} of all rows{interval}."


def _leaf(e: Rules, when: str, audience: Audience) -> list[str]:
    """Tell a path, a leaf or a rule of a list."""
    answer = said(e.names.outputs, e.outputs[0], e.provenance.unit)
    count = len(e.predicates[0])
    if e.kind == "path":
        steps = ", then ".join(plain(condition(p)) for p in e.predicates[0])
        way = f", by {count} condition{'s' * (count > 1)}: {steps}" if count else ""
        told = [f"The model's answer is {answer}{way}."]
    else:
        where = f"Where {when}" if when else "Everywhere else" if (
            e.kind == "list"
        ) else "Everywhere"  # fmt: skip
        told = [f"{where}, {_WHO[e.kind]} says {answer}."]
    if audience == "customer":
        return told
    if np.isfinite(e.precision[0]) and not is_exact(e):
        low = float(e.precision_low[0])
        bound = "" if np.isnan(low) else f" (at least {share(low)})"
        told.append(
            f"For {share(float(e.precision[0]))} of the rows there{bound} the model says the same."
        )
    return [*told, _coverage(e)]
