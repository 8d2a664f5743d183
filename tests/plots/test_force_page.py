"""The force page is one safe piece of HTML that says everything and loads nothing."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from numpy.testing import assert_allclose

from plots.examples import LONG, credit, numbers
from whence.core.errors import InputError
from whence.core.explanation import Attribution, Names
from whence.plots import force_html

SVG = "{http://www.w3.org/2000/svg}"


def bars(page: str) -> list[ET.Element]:
    return [g for g in ET.fromstring(page).iter(f"{SVG}g") if g.get("tabindex") == "0"]  # noqa: S314  our own text


def test_is_well_formed_and_loads_nothing() -> None:
    page = force_html(credit(), [0, 1, "applicant 2"])

    assert len(list(ET.fromstring(page).iter(f"{SVG}svg"))) == 4  # noqa: S314  our own text
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(src|href|import|url)\s*[=(]", page)


def test_hostile_names_stay_text() -> None:
    evil = "<script>alert(1)</script>\"' onload=x ]]>&\x00"
    e = Attribution(
        values=np.array([[[2.0], [1.0]]]),
        base_values=np.zeros((1, 1)),
        outputs=np.full((1, 1), 3.0),
        names=Names(features=(evil, "plain"), outputs=(evil,), rows=(evil,)),
    )

    page = force_html(e)

    assert page.count("<script>") == 1
    assert "<script>alert" not in page
    labels = [bar.get("aria-label", "") for bar in bars(page)]
    assert any(label.startswith("<script>alert(1)</script>\"' onload=x ]]>&") for label in labels)


def test_bars_keep_full_names_and_can_be_reached_by_key() -> None:
    e = numbers(p=300, name=LONG)

    labels = [bar.get("aria-label", "") for bar in bars(force_html(e, 0, max_features=10))]

    top = np.argsort(-np.abs(e.values[0, :, 0]))[:10]
    assert len(labels) == 11
    assert all(any(e.names.features[j] in label for label in labels) for j in top)
    assert any(label.startswith("290 other features") for label in labels)


def test_lengths_are_in_proportion_to_contributions() -> None:
    e = numbers(p=4)
    drawn, places = {}, []
    for bar in bars(force_html(e, 3)):
        path = bar.find(f"{SVG}path")
        assert path is not None
        x = [float(corner.split()[0]) for corner in re.split("[ML]", path.get("d", ""))[1:]]
        places += x
        drawn[bar.get("aria-label", "").split(" = ")[0]] = x[2] - x[0]

    lengths = np.array([drawn.get(name, 0.0) for name in e.names.features])
    values = e.values[3, :, 0]
    assert_allclose(lengths / np.abs(lengths).sum(), values / np.abs(values).sum(), atol=1e-3)
    assert 0 <= min(places) < max(places) <= 1000


def test_says_how_many_of_the_rows_it_shows() -> None:
    assert "Shown: 10 of 60 rows." in force_html(numbers())
    assert "± " in force_html(numbers(stderr=True), 0)


def test_is_the_same_at_each_call() -> None:
    assert force_html(credit()) == force_html(credit())


@pytest.mark.parametrize("rows", [[], range(201), ["nobody"], [60]])
def test_refuses_rows_that_are_not_there(rows: list[int | str]) -> None:
    with pytest.raises(InputError, match="row"):
        force_html(numbers(n=60), rows)
