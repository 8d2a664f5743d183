"""One page that says what a model is, what drives it, how exact that is, and what is unusual.

The page holds its own style and pictures, loads nothing, and prints on A4. It holds aggregates and
the few rows it tells, never the whole table.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from whence.api import explain
from whence.core.errors import InputError, MissingDependencyError, UnsupportedModelError
from whence.core.explanation import Attribution, Interaction
from whence.core.words import with_article
from whence.explainers.tree_shap import TreeShap
from whence.models.trees import Trees
from whence.models.views import view_of
from whence.reports import pictures, sections
from whence.reports.facts import titles
from whence.reports.figures import Figure
from whence.reports.unusual import RULE, unusual_rows

if TYPE_CHECKING:
    from whence.core.method import Output

_OUTPUTS: Final = 3
"""Outputs that get pictures of their own; further ones are only in the tables."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """A finished report.

    Attributes
    ----------
    title : str
    page : str
        The whole page as HTML.
    figures : tuple of Figure
        Its pictures, to be saved beside it.
    unusual : tuple of int
        Positions of the rows told one by one.
    """

    title: str
    page: str
    figures: tuple[Figure, ...]
    unusual: tuple[int, ...]

    def html(self, path: str | Path) -> Path:
        """Write the page to ``path``, whole or not at all."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self.page)
            Path(draft).chmod(0o644)
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)
        return path


def report(
    model: object,
    X: object,
    y: object = None,
    *,
    explanation: Attribution | None = None,
    interactions: Interaction | None = None,
    background: object = None,
    rows: int = 5,
    title: str = "",
    target: str = "",
    notes: Sequence[str] = (),
) -> Report:
    """Write a report on a tree ensemble and its explanation.

    Parameters
    ----------
    model : fitted model
        See `whence.explain`.
    X : table of shape (rows, features)
        The rows that were explained.
    y : array of shape (rows,) or None
        Truth, for the performance of the model; may hold missing values.
    explanation : Attribution or None
        What ``whence.explain(model, X, ...)`` gave; computed if None.
    interactions : Interaction or None
        Interactions of pairs at some rows; computed if None and cheap.
    background : table or None
        The background of the explanation, for what is computed here.
    rows : int
        How many unusual rows are told one by one.
    title : str
        Heading; the kind of model by default.
    target : str
        Name of the truth, for the words about single rows.
    notes : sequence of str
        What the reader must know first, such as that rows were sampled.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        If explanation and rows do not belong together, or ``y`` does not fit the model.
    UnsupportedModelError
        If the model is no ensemble of trees.
    MissingDependencyError
        If jinja2 or matplotlib is not installed.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = RandomForestClassifier(5, random_state=0).fit(X, y)
    >>> report(model, X[:40], y[:40], rows=1).unusual
    (38,)
    """
    trees = _trees(model)
    method = TreeShap(background=background)
    e = explain(model, X, method) if explanation is None else explanation
    _check(e, X)
    view = trees.explaining(cast("Output", e.provenance.output))
    facts = sections.sections(model, view, e, y)
    e = _in_words(e, view, y, target)
    shown = np.argsort(-np.abs(e.values).mean(axis=(0, 1)), kind="stable")[:_OUTPUTS]
    outputs = tuple(sorted(int(out) for out in shown))
    chosen = tuple(int(i) for i in unusual_rows(e, rows))
    if interactions is None:
        interactions = pictures.cheap_interactions(model, X, view, e, background)
    drivers = [pictures.drivers(e, out) for out in outputs]
    dependence = pictures.dependence(e, int(shown[0]))
    pairs = None if interactions is None else pictures.pairs(interactions, e)
    told = [pictures.row(e, i, y, target) for i in chosen]
    title = title or f"{type(model).__name__} on {len(e):,} rows"
    content: dict[str, Any] = {
        "title": title,
        "rows_total": f"{len(e):,}",
        "notes": tuple(notes),
        "drivers": drivers,
        "dependence": dependence,
        "interactions": pairs,
        "rows": told,
        "rule": RULE,
        "summary": sections.summary(view, e, facts["performance"], drivers),
        **facts,
    }
    figures = [f for group in drivers for f in group.figures] + list(dependence)
    figures += [] if pairs is None or pairs.figure is None else [pairs.figure]
    figures += [row.figure for row in told]
    return Report(title=title, page=_page(content), figures=tuple(figures), unusual=chosen)


def _trees(model: object) -> Trees:
    try:
        return cast("Trees", view_of(model, Trees))
    except UnsupportedModelError as error:
        raise UnsupportedModelError(
            f"`report` describes ensembles of trees so far, and "
            f"{with_article(type(model).__name__)} is none that can be read. Explanations "
            "of any model are kept by e.save(path), drawn by "
            "wh.plot(e) and told by wh.narrate(e[0])."
        ) from error


def _in_words(e: Attribution, view: Trees, y: object, target: str) -> Attribution:
    """Name the outputs in the words of the data, and leave out a unit that says nothing."""
    p = e.provenance
    unit = "" if p.unit in ("target", "value") else p.unit
    names = e.names.outputs if p.output == "log_loss" else titles(view, y, target)
    return replace(e, names=replace(e.names, outputs=names), provenance=replace(p, unit=unit))


def _check(e: object, X: object) -> None:
    if not isinstance(e, Attribution):
        raise InputError(
            f"`explanation` is of type {type(e).__name__}, and a report needs an Attribution. "
            "Pass what `whence.explain(model, X)` returned."
        )
    rows = len(X) if hasattr(X, "__len__") else len(e)
    if rows != len(e):
        raise InputError(
            f"The explanation holds {len(e)} rows and X has {rows}. Pass the rows it was made of."
        )


def _page(content: dict[str, Any]) -> str:
    try:
        import jinja2
    except ImportError as error:
        raise MissingDependencyError.of("report", "jinja2", "cli") from error
    loader = jinja2.PackageLoader("whence.reports", "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined
    )
    style = (Path(__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    contents = [
        ("model", "The model"),
        ("drivers", "What drives it"),
        ("exactness", "How exact"),
        *([("rows", "Unusual rows")] if content["rows"] else []),
        ("provenance", "Provenance"),
        ("glossary", "Glossary"),
    ]
    template = environment.get_template("report.html.j2")
    # The style is ours, whole: no word of the user's gets into it.
    markup = template.render(**content, style="", contents=contents)
    return markup.replace("<style></style>", f"<style>{style}</style>", 1) + "\n"
