"""The page says what the explanation says, holds all it needs, and escapes what it is given."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from whence import TreeShap, explain
from whence.core.errors import InputError, UnsupportedModelError
from whence.core.explanation import Attribution
from whence.reports.report import Report, report

VOID = {"meta", "img", "br", "link", "input", "path", "use", "rect", "wbr"}


class Page(HTMLParser):
    """A page as tables of cells, tags and texts; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.cells: list[tuple[str, str, float]] = []
        self.section = self.head = ""
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag and, in a cell, its number."""
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("section", "article"):
            self.section = given.get("id") or given.get("aria-labelledby") or ""
        if tag == "tr":
            self.head = ""
        if "data-value" in given:
            self.cells.append((self.section, self.head, float(given["data-value"] or "nan")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that closes itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the tag that is open."""
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep text, and the head of a row."""
        self.text.append(data)
        if self.open and self.open[-1] == "th":
            self.head += data

    def numbers(self, section: str) -> dict[str, float]:
        """Return the numbers of a section by the head of their row."""
        return {head: value for where, head, value in self.cells if where == section}


def table(rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(rows, 4)), columns=["age", "income", "rooms", "noise"])
    X.loc[3, "age"] = np.nan
    return X


@pytest.fixture(scope="module")
def made() -> tuple[Report, Attribution]:
    X = table()
    y = np.where(X["income"] > 0, "yes", "no")
    model = RandomForestClassifier(8, max_depth=3, random_state=0).fit(X, y)
    e = explain(model, X, TreeShap(background=X[:20]))
    made = report(
        model, X, y, explanation=e, background=X[:20], rows=3, target="paid", title="T & T"
    )
    return made, e


def test_the_numbers_of_the_page_are_those_of_the_explanation(
    made: tuple[Report, Attribution],
) -> None:
    page, e = Page(made[0].page), made[1]

    sizes = page.numbers("drivers")
    for name, size in zip(e.names.features, np.abs(e.values[..., 0]).mean(axis=0), strict=True):
        assert sizes[name] == pytest.approx(size, abs=0)
    assert page.numbers("exactness")["Largest residual"] == np.abs(e.residual).max()
    assert page.numbers("exactness")["Predictions asked for"] == e.provenance.evaluations
    assert len(made[0].unusual) == 3
    for rank, row in enumerate(made[0].unusual, start=1):
        told = page.numbers(f"row-{rank}")
        assert told == dict(zip(e.names.features, e.values[row, :, 0].tolist(), strict=True))


def test_the_record_is_complete(made: tuple[Report, Attribution]) -> None:
    text, p = " ".join(Page(made[0].page).text), made[1].provenance

    for part in (p.model_digest, p.data_digest, p.background_digest, p.created, *p.references):
        assert part in text
    assert "paid = yes" in text
    assert "T & T" in text


def test_the_page_loads_nothing_and_runs_nothing(made: tuple[Report, Attribution]) -> None:
    page = Page(made[0].page)

    written = re.sub(r'="data:image/png;base64,[^"]*"', "", made[0].page)
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", written)
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed")
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;base64,"))


def test_the_page_is_accessible(made: tuple[Report, Attribution]) -> None:
    page = Page(made[0].page)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]

    assert dict(page.tags)["html"] == {"lang": "en"}
    assert len(ids) == len(set(ids))
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    for tag, attributes in page.tags:
        if tag == "th":
            assert attributes["scope"] in ("row", "col")
        if tag == "img":
            assert attributes["alt"]
        if tag == "svg":
            assert attributes["role"] == "img"
        for name in ("aria-labelledby", "href"):
            place = (attributes.get(name) or "").removeprefix("#")
            assert not place or place in ids


def test_the_same_explanation_gives_the_same_page() -> None:
    X = table(30)
    model = GradientBoostingRegressor(n_estimators=4, random_state=0).fit(X.fillna(0), X["income"])
    e = explain(model, X.fillna(0))

    pages = [report(model, X.fillna(0), explanation=e, rows=1).page for _ in range(2)]

    assert pages[0] == pages[1]


def test_hostile_names_and_cells_are_only_text() -> None:
    evil = [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "$\\frac{1}{$",
        "{{ 7 * 7 }}</style>",
    ]
    X = table(40).fillna(0).set_axis(evil, axis=1)
    y = np.where(X[evil[1]] > 0, "</td><script>", "--><b>")
    model = RandomForestClassifier(4, max_depth=2, random_state=0).fit(X, y)

    made = report(model, X, y, rows=2, title=evil[0], target=evil[1], notes=evil)

    page = Page(made.page)
    assert not {"script", "b"} & {tag for tag, _ in page.tags}
    assert sum(tag == "style" for tag, _ in page.tags) == 1
    assert all("onerror" not in attributes for _, attributes in page.tags)
    assert evil[3] in " ".join(page.text)
    assert "49</style>" not in made.page


def test_exactness_is_claimed_only_where_it_holds() -> None:
    X = table(30).fillna(0)
    model = GradientBoostingRegressor(n_estimators=2, random_state=0).fit(X, X["income"])
    e = explain(model, X)
    warned = replace(e, provenance=replace(e.provenance, warnings=("An approximation.",)))
    sampled = replace(e, stderr=np.full(e.values.shape, 0.1))
    short = replace(e, values=0.9 * e.values)

    said = [
        " ".join(Page(report(model, X, explanation=one, rows=0).page).text)
        for one in (e, warned, sampled, short)
    ]

    assert ["Exact." in text for text in said] == [True, False, False, False]
    assert "An approximation." in said[1]
    assert "Estimated." in said[2]
    assert "Approximate." in said[3]


def test_several_outputs_are_told_apart() -> None:
    X = table(60).fillna(0)
    y = np.digitize(X["age"], [-0.5, 0.5])
    model = RandomForestClassifier(5, max_depth=3, random_state=0).fit(X, y)

    made = report(model, X, y, rows=2, target="group")

    text = " ".join(Page(made.page).text)
    for name in ("group = 0", "group = 1", "group = 2"):
        assert f"Output “{name}”" in text


def test_one_row_and_no_unusual_rows_are_fine(tmp_path: Path) -> None:
    X = table(30).fillna(0)
    model = GradientBoostingRegressor(n_estimators=2, random_state=0).fit(X, X["income"])

    path = report(model, X[:1], rows=0).html(tmp_path / "deep" / "report.html")

    assert "Unusual rows" not in path.read_text(encoding="utf-8")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_rows_that_do_not_belong_to_the_explanation_are_refused() -> None:
    X = table(30).fillna(0)
    model = GradientBoostingRegressor(n_estimators=2).fit(X, X["income"])

    with pytest.raises(InputError, match="holds 5 rows and X has 30"):
        report(model, X, explanation=explain(model, X[:5]))
    with pytest.raises(InputError, match="needs an Attribution"):
        report(model, X, explanation=model)  # type: ignore[arg-type]


def test_other_models_are_told_what_serves_instead() -> None:
    X = np.random.default_rng(0).normal(size=(20, 3))
    model = LogisticRegression().fit(X, X[:, 0] > 0)

    with pytest.raises(UnsupportedModelError, match=r"ensembles of trees so far.*wh\.plot"):
        report(model, X, explanation=explain(model, X))
