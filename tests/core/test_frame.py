"""Every number of a result has a line of its own, beside what it is of."""

import numpy as np
from numpy.testing import assert_allclose

from plots import results


def test_an_effect_has_a_line_per_position_and_output() -> None:
    e = results.effect(results.age(missing=True, k=2), results.jobs(k=2), results.pair(k=2))

    frame = e.to_frame()

    assert len(frame) == 2 * (17 + 5 + 21 * 11)
    one = frame[(frame["feature"] == "job") & (frame["output"] == "fair")]
    assert one["position"].tolist()[:4] == list(results.JOBS)
    assert np.isnan(one["position"].tolist()[4])
    assert_allclose(one["value"], e.curves[1].values[:, 1])
    assert_allclose(one["low"], e.curves[1].low[:, 1])  # type: ignore[index]
    pair = frame[(frame["feature 2"] == "hours") & (frame["output"] == "good")]
    assert_allclose(pair["value"], e.curves[2].values[..., 0].ravel())
    assert_allclose(pair["density"], e.curves[2].density.ravel())  # type: ignore[union-attr]
    assert pair["position 2"].nunique() == 11


def test_subgroups_are_named() -> None:
    frame = results.regions().to_frame()

    assert set(frame["where"]) == {c.where for c in results.regions().curves}
    assert "feature 2" not in frame


def test_a_rule_has_a_line() -> None:
    e = results.anchors()

    frame = e.to_frame()

    assert frame["rule"].tolist()[:2] == ["age > 37 and job in {clerk, manager, smith}", "always"]
    assert frame["row"].tolist() == list(e.names.rows or ())
    assert_allclose(frame["precision_low"], e.precision_low)
    assert_allclose(frame["output good"], e.outputs[:, 0])
    assert frame["status"].tolist() == list(e.status)
    assert "status" not in results.tree(2).to_frame()


def test_a_candidate_has_a_line_with_its_cells() -> None:
    e = results.counterfactuals()

    frame = e.to_frame()

    assert frame["row"].tolist() == ["Ann"] * 3  # nothing was found for the other
    assert frame["age"].tolist() == [35, 28, 22]
    assert frame["job"].tolist() == ["manager", "clerk", "clerk"]
    assert np.isnan(frame["debt"].astype(float).tolist()[0])
    assert_allclose(frame["output good"], e.outputs[0, :, 0])
    assert_allclose(frame["robustness"], e.robustness[0])  # type: ignore[index]


def test_no_results_give_no_lines() -> None:
    assert len(results.anchors()[:0].to_frame()) == 0
    assert len(results.counterfactuals()[1].to_frame()) == 0
