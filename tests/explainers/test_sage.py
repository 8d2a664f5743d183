"""Global importance is Shapley's share of the loss that a model spares."""

import pickle
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import whence as wh
from reference.shapley import shapley
from whence.core.types import Floats, Ints
from whence.explainers.sage import Sage
from whence.maskers.tabular import Marginal

rng = np.random.default_rng(6)
Z = rng.normal(size=(9, 4))
X = rng.normal(size=(40, 4))


def exact(model: Callable[[Floats], Floats], loss: Callable[[Floats, int], float]) -> Floats:
    """Return the values of v(S) = minus the mean loss of mean predictions, by the definition."""
    v = np.zeros((16, 1))
    for mask in range(16):
        known = np.array([bool(mask >> j & 1) for j in range(4)])
        said = [model(np.where(known, x, Z)).reshape(len(Z), -1).mean(axis=0) for x in X]
        v[mask] = -np.mean([loss(p, i) for i, p in enumerate(said)])
    return shapley(v, 4)[:, 0]


def bent(rows: Floats) -> Floats:
    return rows[:, 0] * rows[:, 1] * np.exp(rows[:, 2] / 2) + rows[:, 1] + 0.3 * rows[:, 3]


TARGETS = bent(X) + 0.3 * rng.normal(size=40)


def test_the_values_are_those_of_the_definition() -> None:
    truth = exact(bent, lambda said, i: float((said[0] - TARGETS[i]) ** 2))

    e = wh.explain(bent, X, Sage(background=Z, tolerance=0.01), y=TARGETS, rng=0)

    assert e.values.shape == (1, 4, 1)
    assert e.converged.all()
    assert (np.abs(e.values[0, :, 0] - truth) <= 4 * e.stderr[0, :, 0]).all()
    assert e.stderr.max() <= 0.01 * (e.values.max() - min(e.values.min(), 0))
    assert_allclose(e.residual, 0, atol=1e-12)  # all rows were visited
    assert_allclose(e.outputs, truth.sum(), atol=1e-12)
    assert_array_equal(e.base_values, 0)


@pytest.mark.parametrize(("visits", "least"), [(20, 0.85), (60, 0.86), (400, 0.93)])
def test_intervals_cover_the_truth_as_often_as_they_should(visits: int, least: float) -> None:
    """Losses are skewed, so it takes many visits until the mean is near to normal."""
    budget = visits * 12 * len(Z)
    truth = exact(bent, lambda said, i: float((said[0] - TARGETS[i]) ** 2))
    bound = wh.bind(bent, Sage(background=Z, tolerance=None, budget=budget + 9))
    hits, found, said = [], [], []
    for seed in range(200):
        e = bound.explain(X, y=TARGETS, rng=seed)
        assert e.provenance.evaluations <= budget + 9 + len(X)
        hits.append(np.abs(e.values[0, :, 0] - truth) <= 2.0 * e.stderr[0, :, 0])
        found.append(e.values[0, :, 0])
        said.append(e.stderr[0, :, 0])

    assert least < np.mean(hits) < 0.98
    ratio = np.sqrt(np.mean(np.square(said), axis=0)) / np.std(found, axis=0)
    assert ((ratio > 0.8) & (ratio < 1.25)).all()
    off = np.abs(np.mean(found, axis=0) - truth) / (np.std(found, axis=0) / np.sqrt(200))
    assert (off < 4).all()


def test_a_linear_model_gets_what_its_columns_explain() -> None:
    """With columns as in the background, each gets about its weight squared times its variance."""
    weights, many = np.array([2.0, 1.0, 0.0, -0.5]), rng.normal(size=(400, 4))
    y = many @ weights

    e = wh.explain(
        lambda rows: rows @ weights, many, Sage(background=many[:50], tolerance=0.01), y=y, rng=0
    )

    assert_allclose(e.values[0, :, 0], weights**2, atol=0.35)
    assert abs(e.values[0, 2, 0]) < 1e-12
    assert np.argsort(-e.values[0, :, 0]).tolist() == [0, 1, 3, 2]


def test_a_classifier_is_judged_by_the_log_loss_of_its_probabilities() -> None:
    y = np.where(X[:, 0] + 0.5 * X[:, 1] > 0, "yes", "no")
    frame, back = (pd.DataFrame(part, columns=list("abcd")) for part in (X, Z))
    model = LogisticRegression().fit(frame, y)
    labels: Ints = np.searchsorted(model.classes_, y)

    def probabilities(rows: Floats) -> Floats:
        return model.predict_proba(pd.DataFrame(rows, columns=list("abcd")))

    log_loss = exact(probabilities, lambda said, i: float(-np.log(said[labels[i]])))
    brier = exact(probabilities, lambda said, i: float(((said - np.eye(2)[labels[i]]) ** 2).sum()))

    a = wh.explain(model, frame, Sage(background=back), y=y, rng=0)
    b = wh.explain(model, frame, Sage(background=back, loss="squared_error"), y=y, rng=0)

    assert a.names.features == tuple("abcd")
    assert a.names.rows == ("all",)
    assert a.names.outputs == ("loss reduction",)
    for e, truth in ((a, log_loss), (b, brier)):
        assert (np.abs(e.values[0, :, 0] - truth) <= 4.5 * e.stderr[0, :, 0] + 1e-9).all()


def test_one_column_of_probabilities_means_the_same_as_two() -> None:
    y = (X[:, 0] > 0.2).astype(int)

    def one(rows: Floats) -> Floats:
        return 1 / (1 + np.exp(-rows[:, 0] - rows[:, 1] * rows[:, 2]))

    def two(rows: Floats) -> Floats:
        return np.column_stack([1 - one(rows), one(rows)])

    a = wh.explain(one, X, Sage(background=Z, loss="log_loss"), y=y, rng=0)
    b = wh.explain(two, X, Sage(background=Z, loss="log_loss"), y=y, rng=0)

    assert_allclose(a.values, b.values, atol=1e-12)


def test_a_regression_and_a_certain_tree_can_be_judged() -> None:
    model = LinearRegression().fit(X, TARGETS)
    tree = DecisionTreeClassifier(random_state=0).fit(X, TARGETS > 0)

    a = wh.explain(model, X, Sage(background=Z), y=TARGETS, rng=0)
    b = wh.explain(tree, X, Sage(background=Z), y=TARGETS > 0, rng=0)

    assert np.isfinite(a.values).all()
    assert np.isfinite(b.values).all()
    assert_allclose(b.outputs, b.values.sum(), atol=1e-9)


def test_groups_of_columns_are_players_and_one_player_gets_all() -> None:
    pairs = Marginal(Z, groups={"ab": ["x0", "x1"], "cd": ["x2", "x3"]})
    a = wh.explain(bent, X, Sage(masker=pairs), y=TARGETS, rng=0)
    b = wh.explain(bent, X, Sage(masker=Marginal(Z, groups={"all": [0, 1, 2, 3]})), y=TARGETS)

    assert a.names.features == ("ab", "cd")
    assert_allclose(a.stderr, 0, atol=1e-12)  # of two players both orders are walked
    assert_allclose(b.values[0, 0, 0], b.outputs[0, 0])


def test_equal_seeds_give_equal_bytes() -> None:
    bound = wh.bind(bent, Sage(background=Z, budget=8_000, tolerance=1e-6))
    a, b, c = (bound.explain(X, y=TARGETS, rng=seed) for seed in (1, 1, 2))

    assert_array_equal(a.values, b.values)
    assert_array_equal(a.stderr, b.stderr)
    assert np.abs(a.values - c.values).max() > 0
    assert not a.converged.any()


def test_an_interrupt_keeps_what_was_found() -> None:
    calls = []

    def model(rows: Floats) -> Floats:
        calls.append(len(rows))
        if len(calls) > 4:
            raise KeyboardInterrupt
        return bent(rows)

    e = wh.explain(model, X, Sage(background=Z, tolerance=1e-6), y=TARGETS, rng=0)

    assert any("Interrupted" in warning for warning in e.provenance.warnings)
    assert np.isfinite(e.stderr).all()


@pytest.mark.parametrize(
    ("method", "y", "message"),
    [
        (Sage(background=Z), None, "y was not given"),
        (Sage(background=Z, loss="auc"), TARGETS, "loss is 'auc'"),  # type: ignore[arg-type]
        (Sage(background=Z, budget=224), TARGETS, "At least 225 evaluations.*108 for each"),
        (Sage(background=Z, tolerance=0), TARGETS, "tolerance is 0"),
        (Sage(background=Z, loss="log_loss"), TARGETS, "y holds .*positions of the classes"),
        (Sage(background=Z, loss="log_loss"), TARGETS > 0, "which are no probabilities"),
        (Sage(), TARGETS, "No background was given"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    method: Sage, y: Floats | None, message: str
) -> None:
    with pytest.raises(wh.InputError, match=message):
        wh.explain(bent, X, method, y=y)


def test_several_outputs_need_a_loss() -> None:
    with pytest.raises(wh.InputError, match="has 4 outputs and y one number per row"):
        wh.explain(lambda rows: rows, X, Sage(background=Z), y=TARGETS)


def test_the_loss_of_a_loss_is_refused() -> None:
    y = X[:, 0] > 0
    model = LogisticRegression().fit(X, y)

    with pytest.raises(wh.InputError, match="Leave output='raw'"):
        wh.explain(model, X, Sage(background=Z), output="log_loss", y=y)


def test_the_settings_travel() -> None:
    method = pickle.loads(pickle.dumps(Sage(background=Z)))  # noqa: S301  our own

    assert_array_equal(
        wh.explain(bent, X, method, y=TARGETS, rng=1).values,
        wh.explain(bent, X, Sage(background=Z), y=TARGETS, rng=1).values,
    )


def test_parts_of_texts_are_no_players_over_all_rows() -> None:
    with pytest.raises(wh.InputError, match="Sage got texts"):
        wh.explain(
            lambda texts: np.array([float(len(t)) for t in texts]), ["a b c", "d e"], Sage(),
            y=np.zeros(2), rng=0,
        )  # fmt: skip


def test_it_is_drawn_and_told_as_what_is_taken_off_the_loss() -> None:
    e = wh.explain(bent, X, Sage(background=Z), y=TARGETS, rng=0)

    ax = wh.plot(e)
    assert ax.get_title(loc="left") or ax.get_title()
    assert ax.get_xlabel() == "loss taken off (squared error)"
    assert sorted(p.get_width() for p in ax.patches) == sorted(e.values[0, :, 0])
    text = wh.narrate(e)
    assert "taken off by x1 (" in text
    assert "95% interval" in text
