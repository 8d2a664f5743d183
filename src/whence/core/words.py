"""What results are called: one place for the words that pictures, prints and prose share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from whence.core.types import Floats

if TYPE_CHECKING:
    from whence.core.explanation import Explanation
    from whence.core.rules import Predicate, Rules

ALL: Final = ("all",)
"""Labels of the rows of a result about all rows together."""

EFFECTS: Final = {
    "pdp": "partial dependence",
    "ale": "accumulated local effect",
    "term": "term",
    "surface": "model output",
}
"""What the numbers of an `Effect` are, by its kind."""

CENTERED: Final = ("ale", "term")
"""Kinds of effects that are told as differences from their mean, so that zero says something."""

CATEGORIES: Final = 4
"""Categories that a condition lists at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """How the values of a result about all rows together are called.

    Attributes
    ----------
    title : str
        What a picture of them shows.
    quantity : str
        What a value is, without its unit.
    unit : str
        Of the values; "" where ``quantity`` says it.
    signed : bool
        Whether a value below zero means something.
    interval : str
        What an interval is about.
    measure : str
        What gets worse without a feature, in prose; "" where the values are no such thing.
    harm : str
        What then happens to it: "raises" or "lowers".
    adds_up : bool
        Whether the sum of some values means something.
    """

    title: str
    quantity: str
    unit: str
    signed: bool = True
    interval: str = "95% interval"
    measure: str = ""
    harm: str = "raises"
    adds_up: bool = True

    @property
    def label(self) -> str:
        """The quantity with its unit."""
        return f"{self.quantity} ({self.unit})" if self.unit else self.quantity


_WITHOUT: Final = {
    "PermutationImportance": "shuffled",
    "LeaveOneCovariateOut": "left out",
}
"""What is done to a feature by the methods that then look at the quality of the model."""

_LOSSES: Final = (
    "log_loss", "squared_error", "absolute_error", "zero_one", "nats", "squared error",
    "absolute error", "error rate", "root mean squared error", "",
)  # fmt: skip
"""Names and units of what is better the smaller it is; all else is a score."""


def importance(e: "Explanation", output: str = "") -> Importance:
    """Return what the values of a result about all rows together are called.

    Parameters
    ----------
    e : Explanation
    output : str
        Name of the output that is looked at, which is the quality of the model where a method tells
        how it changes; the first by default.

    Examples
    --------
    >>> from whence.core.explanation import Attribution, Names
    >>> from whence.core.provenance import Provenance
    >>> one = np.ones((1, 1))
    >>> e = Attribution(values=one[None], base_values=one, outputs=one,
    ...     names=Names(outputs=("roc_auc",), rows=ALL),
    ...     provenance=Provenance(method="PermutationImportance", unit="AUC"))
    >>> importance(e).label
    'fall of roc_auc when shuffled'
    """
    unit, method = e.provenance.unit, e.provenance.method
    if method == "Sage":
        title = "What each feature takes off the loss"
        return Importance(title=title, quantity="loss taken off", unit=unit, measure="the loss")
    if method == "LinearCoefficients":
        alike = e.provenance.settings.get("standardize", True)
        per = "standard deviation" if alike else "unit of the column"
        return Importance(
            title="Coefficients", quantity=f"change per {per}", unit=unit, adds_up=False
        )
    if method in _WITHOUT:
        names = e.names.outputs
        return _lost(_WITHOUT[method], output or (names[0] if names else ""), unit)
    return Importance(
        title="Mean absolute contribution",
        quantity="mean |contribution|",
        unit=unit,
        signed=False,
        interval="95% interval over the rows",
    )


def _lost(done: str, name: str, unit: str) -> Importance:
    """Return the words of what is lost without a feature: a loss grows, or a score falls."""
    title = f"What is lost when a feature is {done}"
    if unit in _LOSSES:
        measure = f"the loss ({unit})" if unit else "the loss"
        quantity = f"loss added when {done}"
        return Importance(title=title, quantity=quantity, unit=unit, measure=measure, adds_up=False)
    if unit == "scores" and name in _LOSSES:
        return Importance(
            title=title,
            quantity=f"{name} added when {done}",
            unit="",
            measure=name or "the loss",
            adds_up=False,
        )
    score = unit.removeprefix("fall of ") if unit.startswith("fall of ") else name or unit
    quantity = f"fall of {score} when {done}"
    return Importance(
        title=title, quantity=quantity, unit="", measure=score, harm="lowers", adds_up=False
    )


def interaction_size(e: "Explanation") -> str:
    """Return what the sizes of H-statistics are."""
    if e.provenance.settings.get("normalized", True):
        return "H²: share of the joint effect that is interaction"
    unit = f" ({e.provenance.unit})" if e.provenance.unit else ""
    return f"size of the part of the joint effect that is interaction{unit}"


def band(e: "Explanation", kind: str) -> str:
    """Return what the band of an effect is.

    Examples
    --------
    >>> from whence.core.explanation import Explanation
    >>> band(Explanation(), "pdp"), band(Explanation(), "term")
    ('95% interval of the mean', '1.96 standard deviations over refits')
    """
    if kind == "term":
        return "1.96 standard deviations over refits"
    settings = e.provenance.settings
    level = settings.get("level", 0.95)
    part = f"{level:.4g}" if not isinstance(level, float) else f"{100 * level:.4g}%"
    if settings.get("band") == "simultaneous":
        return f"{part} interval of the whole mean curve"
    return f"{part} interval of the mean"


def about_all(e: "Explanation") -> bool:
    """Tell whether a result is about all rows together, such as what ``importance()`` returns."""
    return e.names.rows == ALL and e.data is None


def with_article(name: str) -> str:
    """Return a name of a class with its indefinite article, as it is spoken.

    Examples
    --------
    >>> [with_article(name) for name in ("Interaction", "XGBRegressor", "Lasso", "LGBMClassifier")]
    ['an Interaction', 'an XGBRegressor', 'a Lasso', 'an LGBMClassifier']
    """
    spelled = name[:1] in "FHLMNRSX" and name[1:2].isupper()
    return f"{'an' if name[:1] in 'AEIO' or spelled else 'a'} {name}"


def rows_are_classes(e: "Explanation") -> bool:
    """Tell whether an entry is about a class that the model decides for, not about one row."""
    return getattr(e, "kind", "") in ("prototype", "criticism") and e.names.rows not in (None, ALL)


def beside_half(value: float) -> str:
    """Write a number near one half so that it can be told on which side it lies.

    Examples
    --------
    >>> beside_half(0.5), beside_half(0.49997), beside_half(0.50000000001)
    ('0.5', '0.49997', 'just above 0.5')
    """
    if value == 0.5:  # noqa: PLR2004  the half itself
        return "0.5"
    for digits in range(4, 8):
        text = f"{value:.{digits}g}"
        if float(text) != 0.5:  # noqa: PLR2004  the half itself
            return text
    return f"just {'above' if value > 0.5 else 'below'} 0.5"  # noqa: PLR2004  the half itself


def answer(names: Sequence[str], outputs: Floats, unit: str = "") -> str:
    """Say what a model answers: its only output, or the largest of several.

    Examples
    --------
    >>> answer((">50K",), np.array([0.9312]), "probability")
    'P(>50K) = 0.931'
    >>> answer(("cat", "dog"), np.array([0.2, 0.8]), "probability")
    'dog (0.8)'
    >>> answer((), np.array([1234.5]))
    '1234'
    """
    if not outputs.size or np.isnan(outputs).all():
        return "unknown"
    best = int(np.nanargmax(outputs))
    value = f"{outputs[best]:.3g}" if abs(outputs[best]) < 1000 else f"{outputs[best]:.0f}"  # noqa: PLR2004  digits before the point are kept
    if value == "0.5":
        value = beside_half(float(outputs[best]))
    if outputs.size > 1:
        return f"{names[best] if names else f'output {best}'} ({value})"
    name = names[0] if names else ""
    if unit == "probability" and name:
        name = f"P({name})"
    return f"{name} = {value}" if name else value


def condition(p: "Predicate", most: int | None = CATEGORIES) -> str:
    """Say a condition, of many categories the first ones only.

    Examples
    --------
    >>> from whence.core.rules import Predicate
    >>> condition(Predicate(feature="job", levels=("a", "b", "c", "d", "e")))
    'job in {a, b, c, … 2 more}'
    """
    if most is None or p.levels is None or len(p.levels) <= most:
        return str(p)
    left = len(p.levels) - most + 1
    return str(replace(p, levels=(*p.levels[: most - 1], f"… {left} more")))


def conditions(predicates: Sequence["Predicate"], most: int | None = CATEGORIES) -> list[str]:
    """Say the conditions of a rule so that they can be joined by "and".

    Examples
    --------
    >>> from whence.core.rules import Predicate
    >>> old = Predicate(feature="age", low=53.0, missing=True)
    >>> rich = Predicate(feature="fare", low=9.0)
    >>> conditions([old]), conditions([old, rich])
    (['age > 53 or missing'], ['(age > 53 or missing)', 'fare > 9'])
    """
    said = [condition(p, most) for p in predicates]
    alone = len(said) == 1
    return [
        f"({text})" if not alone and p.part is None and text.endswith(" or missing") else text
        for p, text in zip(predicates, said, strict=True)
    ]


def of_parts(e: "Rules") -> bool:
    """Tell whether rules are about parts of a row, such as words, and not about columns."""
    return any(p.part is not None for rule in e.predicates for p in rule)


def is_exact(e: "Rules") -> bool:
    """Tell whether rules hold without exception by construction, as those of a tree itself do."""
    return e.kind in ("tree", "path") and bool((e.precision_low == 1.0).all())


def share(part: float) -> str:
    """Write a share as a percentage that does not round to none or all.

    Examples
    --------
    >>> share(0.124), share(0.0004), share(0.9996), share(1.0)
    ('12%', '<0.1%', '>99.9%', '100%')
    """
    if np.isnan(part):
        return "unknown"
    least = 0.001
    if 0 < part < least or 1 - least < part < 1:
        return "<0.1%" if part < least else ">99.9%"
    narrow = 0.0995
    return f"{part:.1%}" if 0 < part < narrow or 1 - narrow < part < 1 else f"{part:.0%}"
