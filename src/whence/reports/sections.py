"""The tables and sentences of a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from whence.core.explanation import Attribution
from whence.core.table import Table
from whence.models.trees import Trees
from whence.plots.style import decimals, number
from whence.reports.facts import LIBRARIES, Fact, model_facts, performance

if TYPE_CHECKING:
    from whence.reports.pictures import Drivers

_TRAINING: Final = "none: the training rows in each node of the trees"
_EXACT: Final = 1e-5
"""Relative residual up to which the sum is right but for rounding in single precision."""


def sections(model: object, view: Trees, e: Attribution, y: object) -> dict[str, Any]:
    """Return what the template needs besides pictures."""
    p = e.provenance
    return {
        "model": model_facts(model, view),
        "performance": [] if y is None else performance(view, e.outputs, y),
        "exactness": _exactness(e),
        "verdict": _verdict(e),
        "reasons": p.reasons,
        "warnings": p.warnings,
        "record": _record(e),
        "provenance": p,
        "versions": {"whence": p.versions.get("whence", "")},
        "created": p.created,
        "in_unit": _in_unit(p.unit),
    }


def _in_unit(unit: str) -> str:
    if unit in ("target", "value"):
        return ", in the unit of the target"
    return f", in the unit {unit}" if unit else ""


def summary(
    view: Trees, e: Attribution, scores: Sequence[Fact], drivers: Sequence["Drivers"]
) -> list[str]:
    """Return the report in a few sentences."""
    library = LIBRARIES.get(view.library, view.library)
    trees, features = f"{view.nodes.trees:,}", f"{len(view.features):,}"
    lines = [f"The model sums {trees} decision trees ({library}) and reads {features} features."]
    told = [f"{fact.name.replace('Acc', 'acc')} {fact.text}" for fact in scores[1:3]]
    if told:
        lines.append(f"On the {scores[0].text} rows whose truth is known: {', '.join(told)}.")
    for group in drivers:
        top = [f"{row.feature} ({row.share})" for row in group.table[:3] if row.value > 0]
        name = f" of “{group.output}”" if len(drivers) > 1 else ""
        lines.append(
            f"Largest shares of all movement{name}: {_join(top)}."
            if top
            else f"No feature moves the output{name}."
        )
    return lines + _spread(e)


def _spread(e: Attribution) -> list[str]:
    if e.outputs.shape[1] != 1:
        return []
    ends = np.array([e.base_values.mean(), e.outputs.min(), e.outputs.max()])
    base, low, high = (number(float(end), decimals(ends)) for end in ends)
    unit = f" ({e.provenance.unit})" if e.provenance.unit else ""
    return [f"Outputs{unit} run from {low} to {high} on these rows; the base value is {base}."]


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the numbers can be taken at their word: a label, a sentence, and how to show it."""

    label: str
    text: str
    good: bool


def _verdict(e: Attribution) -> Verdict:
    """Say whether base value and contributions add up to the model's own output."""
    worst = float(np.abs(e.residual).max())
    scale = float(max(np.abs(e.outputs - e.base_values).max(), np.abs(e.values).max(), 1e-300))
    adds_up = (
        "In every row, base value and contributions add up to what the model itself says; the "
        f"largest gap is {worst:.1e}."
    )
    if e.stderr is not None:
        text = "The values were sampled and carry standard errors. "
        text += adds_up if worst <= _EXACT * scale else f"The largest gap is {worst:.2g}."
        return Verdict(label="Estimated.", text=text, good=False)
    if worst > _EXACT * scale:
        text = f"Base value and contributions miss the model's own output by up to {worst:.2g}."
        return Verdict(label="Approximate.", text=text, good=False)
    if e.provenance.warnings:
        return Verdict(label="Adds up, with a warning.", text=adds_up, good=False)
    return Verdict(label="Exact.", text=adds_up, good=True)


def _exactness(e: Attribution) -> list[Fact]:
    p = e.provenance
    worst = float(np.abs(e.residual).max())
    given = "rows of their own, with the digest below" if p.background_digest else _TRAINING
    facts = [
        Fact(name="Method", text=p.method, note=_settings(p.settings)),
        Fact(name="Background", text=given),
        Fact(
            name="Largest residual",
            text=f"{worst:.2e}",
            value=worst,
            note=f"output less base value less contributions, over {e.residual.size:,} outputs",
        ),
        Fact(
            name="Verification",
            text="passed",
            note="the trees as they were read give the model's own prediction in every row",
        ),
        Fact(name="Predictions asked for", text=f"{p.evaluations:,}", value=p.evaluations),
        Fact(name="Time", text=f"{p.seconds:.3g} s", value=p.seconds),
    ]
    if isinstance(e.data, Table):
        gone = float(np.isnan(e.data.numbers).mean())
        facts.insert(2, Fact(name="Missing cells", text=f"{gone:.2%}", value=gone))
    if e.stderr is not None:
        most = float(e.stderr.max())
        facts.insert(3, Fact(name="Largest standard error", text=f"{most:.2g}", value=most))
    return facts


def _settings(settings: dict[str, Any]) -> str:
    told = [f"{name}={value}" for name, value in settings.items() if name != "background"]
    return ", ".join(told)


def _record(e: Attribution) -> list[Fact]:
    p = e.provenance
    versions = ", ".join(f"{name} {version}" for name, version in p.versions.items())
    settings = ", ".join(f"{name}={value}" for name, value in p.settings.items())
    lines = [
        ("Method", f"{p.method}({settings})"),
        ("Output explained", f"{p.output}" + (f", in the unit {p.unit}" if p.unit else "")),
        ("Seed", "none" if p.rng is None else str(p.rng)),
        ("Model digest", p.model_digest),
        ("Data digest", p.data_digest),
        ("Background digest", p.background_digest or "no background"),
        ("Versions", versions),
        ("Computed", p.created),
        ("References", ", ".join(p.references)),
    ]
    return [Fact(name=name, text=text) for name, text in lines if text]
