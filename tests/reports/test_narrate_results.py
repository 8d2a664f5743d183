"""What is told of rules, counterfactuals, effects and importances agrees with the numbers."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plots import results
from whence.core.effect import Curve
from whence.core.errors import InputError
from whence.core.provenance import Provenance
from whence.core.rules import Predicate
from whence.core.types import Floats
from whence.plots import plot
from whence.reports.narrate import Audience, narrate

MINUS = "\N{MINUS SIGN}"


def number(text: str) -> float:
    return float(text.replace(MINUS, "-").replace(",", ""))


def test_an_anchor_is_told_with_its_lower_bound() -> None:
    text = narrate(results.anchors()[0])

    assert "a probability of 90.0% for good, which is above one half." in text
    assert "as long as age > 37 and job in {clerk, manager, smith}" in text
    assert "for at least 96.0% of such cases" in text
    assert "Of 236 rows checked that this covers, 100% got the same answer." in text
    assert "It covers 7.5% of all rows (95% interval 5.0% to 10%)." in text
    assert "certified on rows that had no part" in text


def test_what_counts_as_the_same_answer_is_told() -> None:
    e = results.anchors()[3]
    near = replace(e, provenance=Provenance(unit="euro", settings={"tolerance": 0.25}))

    assert "for good, which is above one half" in narrate(e)
    assert "0.562 euro for good, give or take 0.25." in narrate(near)
    several = results.rules((results.OLD,), k=3)
    assert "one half" not in narrate(several)


def test_of_many_categories_the_first_are_told() -> None:
    many = Predicate(feature="job", levels=tuple("abcdefg"))

    assert "job in {a, b, c, … 4 more}" in narrate(results.rules((many,)))


@pytest.mark.parametrize("audience", ["analyst", "customer"])
@pytest.mark.parametrize(("row", "reason"), [(1, "could not be certified"), (2, "its budget")])
def test_an_anchor_without_certificate_promises_nothing(
    audience: Audience, row: int, reason: str
) -> None:
    text = narrate(results.anchors()[row], audience)

    assert reason in text
    assert "stays as long as" not in text


def test_paths_leaves_and_the_last_rule_of_a_list_are_told() -> None:
    assert "by 4 conditions: age > 37, then job in" in narrate(results.path())
    assert narrate(results.tree(2)[3], "customer").startswith(
        "Where age > 0 and job = teacher, the tree says a probability of 56.2% for good."
    )
    last = results.rules((results.OLD,), (), kind="list")[1]
    assert narrate(last).startswith("Everywhere else, the list of rules says")


def test_a_counterfactual_is_told_as_a_difference() -> None:
    e = results.counterfactuals()[0]

    text = narrate(e, "customer")

    assert (
        "would have been a probability of 62.0% for good if age had been 35 instead of 28 and job "
        "had been “manager” instead of “clerk”."
    ) in text
    assert "Only 2.0% of real rows are as unusual." in text
    assert "One other way was found." in text
    assert "does not say what caused the outcome" in text
    assert "debt had been 120 instead of being missing" in narrate(e)
    assert "No nearer row within the constraints does it, which is proved." in narrate(e)
    assert "distance" not in text
    assert "“good” (probability 62.0%) if age" in narrate(results.counterfactuals(3)[0])


def test_a_bound_below_the_distance_is_told_as_what_it_is() -> None:
    e = replace(results.counterfactuals()[0], status=("found",), bound=np.array([0.2]))

    assert "no row within the constraints is nearer than 0.2; the first way is at 0.31." in narrate(
        e
    )


def test_where_nothing_was_found_the_reason_is_told() -> None:
    text = narrate(results.counterfactuals()[1])

    assert text == f"No change was found that gives the answer asked for: {results.NOTE}."


def curve(mean: Floats, half: float | None) -> Curve:
    """Make a curve with a band of so much on both sides."""
    values = mean[:, None]
    low, high = (None, None) if half is None else (values - half, values + half)
    return Curve(
        features=("age",), grid=(np.arange(10.0, 10.0 + mean.size),), levels=(None,),
        values=values, low=low, high=high,
    )  # fmt: skip


@given(
    arrays(np.float64, st.integers(2, 12), elements=st.floats(-50, 50, width=16)),
    st.sampled_from([0.0, 1.0, 10.0]),
)
def test_a_direction_is_told_where_the_bands_of_two_places_are_apart(
    mean: Floats, half: float
) -> None:
    text = narrate(results.effect(curve(mean, half)))

    gap = mean[None, :] - mean[:, None]
    later = np.triu(np.ones(gap.shape, dtype=bool), 1)
    least = 2 * half + 1e-9 * np.abs(mean).max()
    rises, falls = (bool((way * gap[later] > least).any()) for way in (1, -1))
    assert ("goes up and down" in text) == (rises and falls)
    assert ("rises with" in text) == (rises and not falls)
    assert ("falls with" in text) == (falls and not rises)
    assert ("does not change" in text) == (not rises and not falls)
    found = re.search(r"from (\S+) at (\d+) to (\S+) at (\d+)\.", text)
    if found:
        start, end = (int(found[i]) - 10 for i in (2, 4))
        assert start < end
        for said, place in ((found[1], start), (found[3], end)):
            half_a_digit = 0.5 * 10.0 ** -len(said.partition(".")[2])
            assert number(said) == pytest.approx(mean[place], abs=1.001 * half_a_digit)


def test_a_curve_without_a_band_says_so() -> None:
    e = results.effect(curve(np.array([0.0, 1.0]), None))

    assert "No interval is known." in narrate(e)


def test_categories_are_told_apart_only_by_their_intervals() -> None:
    e = results.effect(results.jobs())
    wide = replace(e.curves[0], low=e.curves[0].values - 9, high=e.curves[0].values + 9)

    assert "highest where job is “teacher” (1.50)" in narrate(e)
    assert "by no more than the intervals" in narrate(results.effect(wide))


def test_probabilities_subgroups_and_what_is_left_out_are_told() -> None:
    e = results.effect(curve(np.array([0.25, 0.5]), 0.01), unit="probability")

    assert "probability for good rises with age, from 25.0% at 10 to 50.0% at 11." in narrate(e)
    assert "Where own home = no: on average" in narrate(results.regions())
    assert "16 others move it less." in narrate(results.many(20))
    assert "by 12 percentage points on average" in narrate(
        replace(e, curves=(replace(e.curves[0], heterogeneity=np.array([0.12])),))
    )


def test_differences_from_a_mean_bear_their_sign() -> None:
    text = narrate(results.effect(curve(np.array([-1.0, 1.5]), 0.1), kind="ale"))

    assert "accumulated local effect of age on the model's output for good (log-odds)" in text
    assert f"from {MINUS}1.00 at 10 to +1.50 at 11" in text


def test_a_shuffled_feature_is_told_apart_from_nothing_by_its_interval() -> None:
    text = narrate(results.shuffled())

    assert "raises the loss (nats) most for feature 0 (0.310, 95% interval ±0.039)" in text
    assert "It improves the loss (nats) for feature 2 (0.040" in text
    assert "feature 3, feature 5 and feature 4 cannot be told apart" in text
    fall = narrate(
        results.shuffled(method="LeaveOneCovariateOut", unit="AUC", output="roc_auc"), "customer"
    )
    assert fall.startswith("Leaving a feature out lowers roc_auc most for feature 0 (0.310")


def test_wrong_requests_say_what_is_needed() -> None:
    with pytest.raises(InputError, match=r"holds 4\. Pass e\[0\]"):
        narrate(results.anchors())
    with pytest.raises(InputError, match="examples of kind 'prototype'"):
        narrate(results.prototypes())
    with pytest.raises(InputError, match="holds surfaces of two only"):
        narrate(results.surface())
    with pytest.raises(InputError, match="There is no output 'god'"):
        narrate(results.regions(), output="god")


def test_warnings_are_told_to_an_analyst() -> None:
    p = Provenance(warnings=("The background has few rows.",))
    for e in (results.anchors()[0], results.counterfactuals()[0], results.regions()):
        warned = replace(e, provenance=p)
        assert "Note: The background has few rows." in narrate(warned)
        assert "Note" not in narrate(warned, "customer")


def test_coefficients_are_told_by_their_direction() -> None:
    e = results.shuffled(method="LinearCoefficients", unit="euro", output="price")

    text = narrate(e)

    assert "Per standard deviation, the model's output for price (euro) rises most with" in text
    assert "and falls most with feature 2 (0.040" in text
    assert "feature 3, feature 5 and feature 4 cannot be told apart" in text
    assert "No intervals are known." in narrate(replace(e, stderr=None))


def test_a_rule_of_parts_is_told_of_parts() -> None:
    there = (Predicate(feature="'good'", part=1), Predicate(feature="'film'", part=2))
    e = results.rules(there, status=("certified",))
    e = replace(e, coverage=np.array([0.25]), coverage_low=e.coverage, coverage_high=e.coverage)
    e = replace(e, coverage_low=np.array([0.25]), coverage_high=np.array([0.25]))

    text = narrate(e)

    assert "as long as 'good' and 'film' are there" in text
    assert "whatever their other parts are" in text
    assert "It covers 25% of rows whose parts are kept or hidden at random." in text


def test_examples_that_cannot_be_told_say_so_at_once() -> None:
    e = results.prototypes()
    two = replace(e, names=replace(e.names, rows=("0",)))

    for each in (e, two):
        with pytest.raises(InputError, match="tells counterfactuals"):
            narrate(each)
    with pytest.raises(InputError, match="tells one leaf, and the explanation holds 8"):
        narrate(results.tree(3))


def test_counts_of_all_rows_are_not_told_of_one() -> None:
    e = results.anchors()
    warned = replace(
        e, provenance=replace(e.provenance, warnings=("Not certified: 1 of 4.", "So."))
    )

    assert narrate(warned[0]).endswith("Note: So.")


def test_no_interval_is_no_doubt() -> None:
    text = narrate(replace(results.shuffled(), stderr=None))

    assert "cannot be told apart" not in text
    assert "feature 4 has a value of zero." in text


def test_an_answer_that_is_there_already_needs_no_change() -> None:
    e = results.counterfactuals()[0]
    assert e.data is not None
    same = np.repeat(e.data.numbers[:, None], e.candidates.shape[1], axis=1)

    text = narrate(replace(e, candidates=same))

    assert "which is the one asked for already." in text
    assert "distance" not in text
    assert "Nothing has to change." in [
        t.get_text() for t in plot(replace(e, candidates=same)).texts
    ]
