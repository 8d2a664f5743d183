"""What results print of themselves is true, short, and safe in a notebook."""

from dataclasses import replace

import numpy as np
import pytest

from plots import results
from whence.core.explanation import Explanation, Interaction, Names
from whence.core.provenance import Provenance
from whence.core.rules import Predicate
from whence.core.show_rows import direction, spark

EVERY = {
    "effect": results.effect(results.age(), results.jobs(), results.pair()),
    "many": results.many(),
    "surface": results.surface(3),
    "anchors": results.anchors(),
    "tree": results.tree(5),
    "path": results.path(),
    "counterfactuals": results.counterfactuals(),
    "prototypes": results.prototypes(20, 12),
    "influence": results.influence(),
    "shuffled": results.shuffled(),
}


@pytest.mark.parametrize("e", EVERY.values(), ids=EVERY)
def test_every_result_is_shown_in_a_few_lines(e: Explanation) -> None:
    lines = repr(e).splitlines()

    assert lines[0].startswith(type(e).__name__)
    assert 2 <= len(lines) <= 12
    assert e._repr_html_().count("<tr>") >= 1


@pytest.mark.parametrize(
    "e", [results.anchors()[:0], results.counterfactuals()[:0], replace(results.many(), curves=())]
)
def test_nothing_may_be_shown(e: Explanation) -> None:
    assert "0 " in repr(e)
    assert e._repr_html_()


def test_a_curve_is_shown_with_range_and_direction() -> None:
    text = repr(EVERY["effect"])

    c = results.age().values
    assert "3 partial dependence curves with 300 individual curves x 1 output in log-odds" in text
    assert f"{c.min():.4g} to {c.max():.4g}" in text
    assert "rises" in text
    assert "lowest for missing, highest for teacher" in text
    assert text.index("  job") < text.index("age x hours") < text.index("  age  ")
    assert "… 13 more curves" in repr(EVERY["many"])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0, 1, 2], "rises"),
        ([0, -1, -2], "falls"),
        ([0, 5, 4.9, 9], "mostly rises"),
        ([0, 5, 0], "goes up and down"),
        ([3, 3, 3], "flat"),
        ([1], "flat"),
    ],
)
def test_directions(values: list[float], said: str) -> None:
    assert direction(np.array(values, dtype=float)) == said


def test_a_sparkline_spans_its_letters() -> None:
    drawn = spark(np.linspace(-3, 9, 100))

    assert len(drawn) == 16
    assert (drawn[0], drawn[-1]) == ("▁", "█")
    assert list(drawn) == sorted(drawn)
    assert spark(np.zeros(5)) == spark(np.zeros(0)) == ""


def test_a_rule_reads_as_a_sentence() -> None:
    text = repr(results.anchors())

    assert "IF age > 37 and job in {clerk, manager, smith} THEN P(good) = 0.9" in text
    assert "precision 1 (≥ 0.96), covers 7.5%, certified" in text
    assert "ALWAYS P(good)" in text
    listed = repr(results.rules((results.OLD,), (results.LIST,), (), kind="list", k=3))
    assert "rule 0  IF age > 37 THEN good (0.9)" in listed
    assert "ELSE IF job in" in listed
    assert "ELSE good" in listed
    fidelity = replace(results.tree(2), fidelity=np.array([[0.9, 0.85, 0.93]]))
    assert "held-out fidelity 0.9, 95% interval 0.85 to 0.93" in repr(fidelity)


def test_a_counterfactual_reads_as_a_difference() -> None:
    e = results.counterfactuals()

    assert "Ann  age 28 → 35, job clerk → manager" in repr(e)
    assert "(and 2 more)" in repr(e)
    assert f"Bob  none found: {results.NOTE}" in repr(e)
    assert "debt missing → 120" in repr(e[0])
    assert "income 21000 → 34000" in repr(e[0])


def test_a_prototype_is_shown_by_its_first_cells() -> None:
    assert "job clerk" in repr(results.prototypes())
    assert "4 prototypes of all rows" in repr(results.prototypes())
    assert "7 more" in repr(EVERY["prototypes"])


def test_signed_importances_keep_their_sign_and_are_called_what_they_are() -> None:
    text = repr(results.shuffled(unit="fall of roc_auc"))

    assert "feature 2       -0.04" in text
    assert "sizes are: fall of roc_auc when shuffled" in text
    assert "residual" not in text
    assert "mean absolute" not in text
    assert "Attribution of all rows" in text


def test_h_statistics_have_no_sum() -> None:
    h = Interaction(
        sets=np.array([[0, 1]], dtype=np.int32), values=np.array([[[0.25]]]),
        base_values=np.zeros((1, 1)), outputs=np.zeros((1, 1)),
        index="H",  # type: ignore[arg-type]  # until it is one of the indices
        names=Names(features=("a", "b"), outputs=("y",), rows=("all",)),
    )  # fmt: skip

    assert "a x b        0.25" in repr(h)
    assert "H²: share of the joint effect" in repr(h)
    size = replace(h, provenance=Provenance(unit="euro", settings={"normalized": False}))
    assert "size of the part of the joint effect that is interaction (euro)" in repr(size)
    assert "residual" not in repr(h)


def test_names_cannot_break_the_page() -> None:
    hostile = Predicate(feature="<script>alert(1)</script>", low=1.0)
    for e in (
        replace(results.anchors(), predicates=((hostile,),) * 4),
        replace(results.regions(), curves=(replace(results.age(), where="<b>"),)),
        replace(results.counterfactuals()[1], notes=("<i>no</i>",)),
    ):
        page = e._repr_html_()
        assert not any(tag in page for tag in ("<script>", "<b>", "<i>"))
        assert "&lt;" in page


def test_an_entry_of_prototypes_may_be_a_class() -> None:
    e = results.prototypes(2, 6)
    of_class = replace(e, names=replace(e.names, rows=("0",)))

    assert repr(of_class).splitlines()[0].startswith("Examples of 1 class x 2 prototypes")
    assert repr(of_class).splitlines()[1].startswith("  class 0  age")
    assert "1 more" not in repr(of_class)
    assert "feature 3" in repr(of_class)


def test_what_may_be_missing_stands_in_brackets_beside_others() -> None:
    e = results.rules((results.YOUNG, results.LIST), (results.YOUNG,), kind="tree")

    assert "IF (age ≤ 37 or missing) and job in" in repr(e)
    assert "IF age ≤ 37 or missing THEN" in repr(e)
    assert e.to_frame()["rule"][0].startswith("(age ≤ 37 or missing) and job in")


def test_texts_are_told_by_their_places() -> None:
    e = results.prototypes(2)
    bare = replace(e, candidates=e.candidates[..., :0], levels=())

    assert "prototype 2, row 7" in repr(bare)
