"""What is told agrees with the numbers in sign, order, size and doubt."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from whence import Occlusion, explain
from whence.core.errors import InputError
from whence.core.explanation import Attribution, Names
from whence.core.provenance import Provenance
from whence.core.table import Table
from whence.core.types import Floats
from whence.reports.narrate import Audience, narrate

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")
VALUES = arrays(
    np.float64, st.integers(1, 8), elements=st.floats(-50, 50, allow_nan=False, width=32)
)
MINUS = "\N{MINUS SIGN}"


def one_row(
    values: Floats,
    *,
    unit: str = "",
    base: float = 0.25,
    stderr: Floats | None = None,
    gap: float = 0.0,
    data: Table | None = None,
) -> Attribution:
    return Attribution(
        values=values[None, :, None],
        base_values=np.array([[base]]),
        outputs=np.array([[base + values.sum() + gap]]),
        stderr=None if stderr is None else stderr[None, :, None],
        data=data,
        names=Names(features=WORDS[: values.size], outputs=("price",)),
        provenance=Provenance(unit=unit),
    )


def cells(*numbers: float, levels: tuple[str, ...] | None = None) -> Table:
    return Table(
        names=WORDS[: len(numbers)],
        numbers=np.array([numbers]),
        levels=(levels, *(None for _ in numbers[1:])),
    )


def told(text: str) -> list[tuple[str, str]]:
    """Return the features named with a figure, in order, and whether they raised or lowered."""
    found = []
    for sentence in re.split(r"(?<=\.)\s", text):
        verb = re.search(r"was (raised|lowered)", sentence)
        if verb:
            found += [(name, verb[1]) for name in re.findall(r"(\w+)(?: = [^(]*)? \(", sentence)]
    return found


@given(
    VALUES,
    st.sampled_from(["", "log-odds", "probability"]),
    st.sampled_from(["analyst", "customer"]),
)
def test_signs_and_order_are_those_of_the_numbers(
    values: Floats, unit: str, audience: Audience
) -> None:
    named = told(narrate(one_row(values, unit=unit), audience))

    size = dict(zip(WORDS, values.tolist(), strict=False))
    for name, verb in named:
        assert (size[name] > 0) == (verb == "raised")
    for verb in ("raised", "lowered"):
        told_sizes = [abs(size[name]) for name, said in named if said == verb]
        assert told_sizes == sorted(told_sizes, reverse=True)
    left = [abs(value) for name, value in size.items() if name not in dict(named)]
    if named:
        assert min(abs(size[name]) for name, _ in named) >= max(left, default=0.0)
    else:
        assert not values.any()


@given(VALUES)
def test_the_rest_is_the_sum_of_what_is_not_named(values: Floats) -> None:
    text = narrate(one_row(values))

    named = dict(told(text))
    rest = sum(v for name, v in zip(WORDS, values.tolist(), strict=False) if name not in named)
    found = re.search(r"The other .*? (raised|lowered) it by ([\d,.]+)\.", text)
    if found:
        assert (found[1] == "raised") == (rest > 0)
        figure = found[2].replace(",", "")
        half = 0.5 * 10.0 ** -len(figure.partition(".")[2])
        assert float(figure) == pytest.approx(abs(rest), abs=half * 1.001)


@given(VALUES, st.floats(-5, 5))
def test_the_direction_from_the_base_value_is_right(values: Floats, base: float) -> None:
    e = one_row(values, base=base)
    text = narrate(e)
    difference = float(e.outputs[0, 0]) - base

    if "above the base value" in text:
        assert difference > 0
    elif "below the base value" in text:
        assert difference < 0
    else:
        assert "at the base value" in text


def test_a_probability_is_told_in_percentage_points() -> None:
    text = narrate(one_row(np.array([0.4, -0.1]), unit="probability", base=0.2))

    assert "is 50.0%, which is 30.0 percentage points above the base value of 20.0%" in text
    assert f"beta ({MINUS}10.0 points)" in text


def test_log_odds_are_a_score_and_a_customer_gets_shares_of_it() -> None:
    e = one_row(np.array([3.0, -1.0]), unit="log-odds")

    assert "The score was raised by alpha (+3.00)" in narrate(e)
    customer = narrate(e, "customer")
    assert "alpha (75% of all movement)" in customer
    assert "beta (25% of all movement)" in customer
    assert "3.0" not in customer


def test_ranks_within_the_sampling_error_are_said_to_be_so() -> None:
    values = np.array([3.0, 2.9, 1.0])

    sure = narrate(one_row(values, stderr=np.full(3, 0.01)))
    unsure = narrate(one_row(values, stderr=np.full(3, 0.2)))

    assert "sampling error" not in sure
    assert "Which of alpha and beta moved it further is within the sampling error." in unsure
    assert "beta and gamma" not in unsure.split("Which", 1)[1]


def test_a_value_within_two_standard_errors_of_zero_is_not_named() -> None:
    text = narrate(one_row(np.array([3.0, 0.3]), stderr=np.array([0.1, 0.2])))

    assert "beta" not in text
    assert "No feature moved the output by more than its sampling error." in narrate(
        one_row(np.array([0.1, 0.3]), stderr=np.full(2, 1.0))
    )


def test_equal_movements_are_said_to_be_equal() -> None:
    assert "alpha and beta moved it equally far." in narrate(one_row(np.array([1.0, -1.0])))


def test_categories_are_quoted_and_missing_values_are_called_missing() -> None:
    data = cells(1.0, np.nan, 15024.0, levels=("red", "blue (dark)"))

    text = narrate(one_row(np.array([3.0, 2.0, 1.5]), data=data))

    assert "alpha = “blue (dark)” (+3.00)" in text
    assert "beta (missing, +2.00)" in text
    assert "gamma = 15,024 (+1.50)" in text


def test_an_approximation_says_what_it_misses() -> None:
    text = narrate(one_row(np.array([3.0, 1.0]), gap=0.5))

    assert "The contributions miss the output by 0.50: they are an approximation." in text
    assert "miss" not in narrate(one_row(np.array([3.0, 1.0]), gap=1e-12))


def test_no_cause_is_claimed_and_a_customer_is_told_so() -> None:
    for audience in ("analyst", "customer"):
        text = narrate(one_row(np.array([3.0, -1.0])), audience)
        assert not re.search(r"\b(because|due to|leads? to|would have)\b", text)
    assert "does not say what caused the outcome" in narrate(one_row(np.array([1.0])), "customer")


def test_of_several_outputs_the_largest_is_told_unless_another_is_asked_for() -> None:
    e = Attribution(
        values=np.array([[[1.0, -2.0]]]),
        base_values=np.zeros((1, 2)),
        outputs=np.array([[1.0, -2.0]]),
        names=Names(features=("alpha",), outputs=("cat", "dog")),
    )

    assert "output for cat is 1.00" in narrate(e)
    assert f"output for dog is {MINUS}2.00" in narrate(e, output="dog")


def test_wrong_requests_say_what_is_needed() -> None:
    e = one_row(np.array([1.0]))
    two = Attribution(
        values=np.ones((2, 1, 1)), base_values=np.zeros((2, 1)), outputs=np.ones((2, 1))
    )

    with pytest.raises(InputError, match=r"holds 2\. Pass e\[0\]"):
        narrate(two)
    with pytest.raises(InputError, match="'analyst' or 'customer'"):
        narrate(e, "lawyer")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="There is no output 'cost'"):
        narrate(e, output="cost")


def test_an_analyst_is_told_every_warning() -> None:
    e = Attribution(
        values=np.ones((1, 1, 1)), base_values=np.zeros((1, 1)), outputs=np.ones((1, 1)),
        names=Names(features=("age",), outputs=("score",)),
        provenance=Provenance(warnings=("The values are approximate.",)),
    )  # fmt: skip

    assert "Note: The values are approximate." in narrate(e)
    with pytest.raises(InputError, match="a NoneType came"):
        narrate(None)  # type: ignore[arg-type]  # what is refused


def test_doubts_about_other_rows_are_not_told() -> None:
    e = one_row(np.array([1.0, 2.0]))
    shared = Provenance(warnings=("Not converged: the values of 1 of 2 rows are not as exact.",))

    for done in (True, False):
        text = narrate(replace(e, provenance=shared, converged=np.array([done])))
        assert ("not as exact" in text) != done
        assert "1 of 2" not in text


def test_pixels_are_better_drawn() -> None:
    picture = np.zeros((1, 24, 24, 3))
    e = explain(lambda p: p.mean(axis=(1, 2, 3)), picture, Occlusion(window=8), rng=0)

    with pytest.raises(InputError, match="576 parts of a picture"):
        narrate(e)
